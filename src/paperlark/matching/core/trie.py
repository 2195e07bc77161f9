"""The rows of symbols that terms are made of, of the core in Python: a trie, which a paper's words lead through. What
ends on the way are the terms that the paper has.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paperlark.matching.core.layout import ENDING, MANY, NODE, SYMBOL
from paperlark.matching.symbols import Kind, Row, Symbol

SIEVE = 512 - 1
"""Which symbols may go on is a number of so many bits, and one: most words that do not are told by one look at it."""


class Trie:
    """Nodes are numbers, the root is 0. A row begins at a root node, which the row's first symbol leads to."""

    def __init__(self) -> None:
        self.generation = 0
        """Another one whenever a word may say more than before."""
        self.symbols: dict[Symbol, int] = {}
        self.longest = [0] * len(Kind)
        """Bytes of the longest symbol of each kind."""
        self.edges: dict[int, int] = {}
        """By `node << 32 | symbol`, where the symbol leads from there."""
        self.goes_on: dict[int, int] = {}
        """Of nodes that go on: the bits of the symbols by which they do (`bit`)."""
        self.later: set[int] = set()
        """The symbols that stand behind another one in some row."""
        self.scopes: dict[int, int] = {}
        """Of root nodes: the scopes of the terms of their rows, as bits."""
        self._endings: dict[int, list[tuple[int, int]]] = {}
        self._nodes: list[tuple[int, int]] = [(0, 0)]
        self._roots = [0]

    def node(self, row: Row) -> int:
        """The node of a row; made where nobody has asked for it."""
        node = 0
        for kind, word in row:
            symbol = self.symbols.get((kind, word))
            if symbol is None:
                symbol = self.symbols[kind, word] = len(self.symbols) + 1
                self.longest[kind] = max(self.longest[kind], len(word))
            node = self.edges.get(node << 32 | symbol) or self._new_node(node, symbol)
        return node

    def _new_node(self, node: int, symbol: int) -> int:
        child = self.edges[node << 32 | symbol] = len(self._nodes)
        self._nodes.append((node, symbol))
        self._roots.append(self._roots[node] or child)
        if node:
            self.goes_on[node] = self.goes_on.get(node, 0) | bit(symbol)
            self.later.add(symbol)
        return child

    def end(self, node: int, term: int, scope: int) -> None:
        """Let a term end at a node."""
        self._endings.setdefault(node, []).append((term, scope))
        root = self._roots[node]
        self.scopes[root] = self.scopes.get(root, 0) | 1 << scope
        self.generation += 1

    def ended(self, node: int, scopes: int) -> Iterator[int]:
        """The terms that end at a node and look into one of some scopes, given as bits."""
        return (term for term, scope in self._endings.get(node, ()) if scopes >> scope & 1)

    def said(self, word: bytes, stem: bytes, exact: bytes) -> list[int]:
        """The symbols of a word of a text, of those that somebody asks for."""
        found: list[Symbol] = [(Kind.STEM, stem), (Kind.WORD, word), (Kind.EXACT, exact)]
        found += self._begins(Kind.BEGINS, word) + self._begins(Kind.EXACT_BEGINS, exact)
        return self._known(found)

    def said_by_code(self, code: bytes) -> list[int]:
        """Those of a code."""
        return self._known([(Kind.CODE, code), *self._begins(Kind.CODE_BEGINS, code)])

    def _begins(self, kind: int, word: bytes) -> list[Symbol]:
        return [(kind, word[:length]) for length in range(1, min(len(word), self.longest[kind]) + 1)]

    def _known(self, asked: Sequence[Symbol]) -> list[int]:
        symbols = self.symbols
        return [symbols[each] for each in asked if each in symbols]

    # ── as arrays ──────────────────────────────────────────────────────────────────────────────────────────────────

    def columns(self) -> dict[str, bytes]:
        """Its arrays, as `layout` describes them."""
        symbols, letters = np.zeros(len(self.symbols) + 1, SYMBOL), bytearray()
        for (kind, word), symbol in self.symbols.items():
            symbols[symbol] = (len(letters), len(word), kind, symbol in self.later, 0, self.edges.get(symbol, 0))
            letters += word
        symbols["kind"][0] = len(Kind)
        nodes, endings = np.zeros(len(self._nodes), NODE), [(0, 0)]
        for place, (parent, symbol) in enumerate(self._nodes):
            ended, ends = self._endings.get(place, ()), 0
            for term, _ in ended:
                if len(ended) > 1:
                    endings.append((term, ends & ~MANY))
                ends = term if len(ended) == 1 else MANY | len(endings) - 1
            nodes[place] = (parent, symbol, ends, 0)
            if parent:
                nodes["children"][parent] |= np.uint32(1 << (symbol & 31))
        return {
            "letters": bytes(letters),
            "symbols": symbols.tobytes(),
            "nodes": nodes.tobytes(),
            "endings": np.array(endings, ENDING).tobytes(),
        }

    @classmethod
    def restored(cls, read: dict[str, NDArray[Any]]) -> "Trie":
        """The trie of such arrays. IndexError where they do not fit together."""
        trie = cls()
        letters = read["letters"].tobytes()
        for place, (at, length, kind, *_) in enumerate(read["symbols"].tolist()):
            if place:
                trie.symbols[kind, letters[at : at + length]] = place
                trie.longest[kind] = max(trie.longest[kind], length)
        endings, scopes = read["endings"].tolist(), read["terms"]["scope"].tolist()
        for place, (parent, symbol, ends, _) in enumerate(read["nodes"].tolist()):
            if place:
                trie._new_node(parent, symbol)
            more = ends & ~MANY if ends & MANY else 0
            if ends and not more:
                trie.end(place, ends, scopes[ends])
            while more:
                term, more = endings[more]
                trie.end(place, term, scopes[term])
        return trie


def bit(symbol: int) -> int:
    """A symbol's bit among those of others."""
    return 1 << (symbol & SIEVE)
