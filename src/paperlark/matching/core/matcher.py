"""Which queries of a table a paper meets: its words' way through the trie, and what is posted under the terms that it
has, all at once.

Python takes about as long for a step as numpy for a call, so what is done for every word of a text is one look into a
table, and only where a row may go on is it followed.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from itertools import chain, compress, count
from operator import and_, or_
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from paperlark.matching.core.layout import ALWAYS
from paperlark.matching.core.table import Table
from paperlark.matching.core.trie import Trie, bit
from paperlark.matching.symbols import Paper, Scope
from paperlark.matching.text import CLOSED_PARTS

VOCABULARY = 200_000  # words and compounds of texts that are remembered

Learn = Callable[[Sequence[bytes]], list[tuple[bytes, bytes, bytes]]]


class Said(NamedTuple):
    """What a word says where it is looked for.

    terms        those that it is alone
    inner        the nodes of rows that begin with it and go on
    ahead        the bits of the symbols by which these do; `trie.bit`
    symbols      those by which any row goes on that has begun before
    bits         theirs
    """

    terms: tuple[int, ...]
    inner: tuple[int, ...]
    ahead: int
    symbols: tuple[int, ...]
    bits: int


_NOTHING = Said((), (), 0, (), 0)


class _Vocabulary(dict[bytes, Said]):
    """What words and compounds say in texts that some scopes look into; found out when they are first met."""

    def __init__(self, trie: Trie, scopes: int, learn: Learn) -> None:
        self._trie, self._scopes, self._learn = trie, scopes, learn

    def __missing__(self, word: bytes) -> Said:
        [learned] = self._learn((word,))
        found = self[word] = self._said(self._trie.said(*learned))
        return found

    def _said(self, symbols: Sequence[int]) -> Said:
        trie, scopes = self._trie, self._scopes
        if not symbols:
            return _NOTHING
        roots = [trie.edges[symbol] for symbol in symbols if symbol in trie.edges]
        terms = tuple(chain.from_iterable([trie.ended(root, scopes) for root in roots]))
        inner = tuple([root for root in roots if root in trie.goes_on and trie.scopes.get(root, 0) & scopes])
        later = tuple([symbol for symbol in symbols if symbol in trie.later])
        ahead = reduce(or_, map(trie.goes_on.__getitem__, inner), 0)
        return Said(terms, inner, ahead, later, reduce(or_, map(bit, later), 0))


class Matcher:
    """Holds papers against a table; with what one thread needs to do so."""

    def __init__(self, table: Table, learn: Learn, *, teaches: bool = True, knows: "Matcher | None" = None) -> None:
        """learn: what words of a text say. teaches: whether the table learns from the papers how rare terms are.
        knows: an idle matcher with the same table, whose words this one begins with."""
        self.examined = 0
        """How many clauses were looked at so far; queries that are one term need no look."""
        self._table = table
        self._learn = learn
        self._teaches = teaches
        self._vocabularies: dict[int, _Vocabulary] = {}
        self._codes: dict[bytes, tuple[int, ...]] = {}
        self._generation = -1
        if knows is not None:
            for scopes, vocabulary in knows._vocabularies.items():
                self._vocabularies[scopes] = _Vocabulary(table.trie, scopes, learn)
                self._vocabularies[scopes].update(vocabulary)
            self._codes.update(knows._codes)
            self._generation = knows._generation

    def match(self, papers: Sequence[Paper]) -> list[bytes]:
        """The queries that each paper meets, each once, in no order: places as little-endian 32-bit numbers."""
        return [self._match(paper) for paper in papers]

    def _match(self, paper: Paper) -> bytes:
        terms = self.present(paper)
        if self._teaches:
            self._table.learn(terms)
        return self.met(terms).tobytes()

    # ── the terms of a paper ───────────────────────────────────────────────────────────────────────────────────────

    def present(self, paper: Paper) -> set[int]:
        """The terms that a paper has."""
        remembered = len(self._codes) + sum(map(len, self._vocabularies.values()))
        if self._generation != self._table.trie.generation or remembered > VOCABULARY:
            self._vocabularies.clear()
            self._codes.clear()
            self._generation = self._table.trie.generation
        found = set(paper.outside)
        for scopes, text in paper.texts:
            found.update(self._said_in(text, scopes))
        for code in paper.codes:
            if code not in self._codes:
                self._codes[code] = self._said_by_code(code)
            found.update(self._codes[code])
        return found

    def _said_by_code(self, code: bytes) -> tuple[int, ...]:
        trie = self._table.trie
        roots = [trie.edges.get(symbol, 0) for symbol in trie.said_by_code(code)]
        return tuple(chain.from_iterable([trie.ended(root, 1 << Scope.CODE) for root in roots]))

    def _said_in(self, text: str | bytes, scopes: int) -> set[int]:
        """All rows that begin at each word, followed as far as the text goes."""
        if scopes not in self._vocabularies:
            self._vocabularies[scopes] = _Vocabulary(self._table.trie, scopes, self._learn)
        says = self._vocabularies[scopes]
        words, compounds = _cut(text)
        spoken = list(map(says.__getitem__, words))
        found = set(chain.from_iterable([said.terms for said in spoken]))
        bits = [said.bits for said in spoken]
        closed: dict[int, list[tuple[Said, int]]] = {}
        waiting: list[tuple[int, int]] = []
        for at, compound, until in compounds:
            said = says[compound]
            found.update(said.terms)
            waiting += [(node, until) for node in said.inner if until < len(words)]
            closed.setdefault(at, []).append((said, until))
            bits[at] |= said.bits
        goes_on = compress(count(1), map(and_, [said.ahead for said in spoken], bits[1:]))
        waiting += [(node, at) for at in goes_on for node in spoken[at - 1].inner]
        trie = self._table.trie
        edges, ahead = trie.edges, trie.goes_on
        for node, at in waiting:  # which grows meanwhile
            if not ahead[node] & bits[at]:
                continue
            for said, until in ((spoken[at], at + 1), *closed.get(at, ())):
                for symbol in said.symbols:
                    child = edges.get(node << 32 | symbol)
                    if child is not None:
                        found.update(trie.ended(child, scopes))
                        if child in ahead and until < len(words):
                            waiting.append((child, until))
        return found

    # ── the queries that it meets ──────────────────────────────────────────────────────────────────────────────────

    def met(self, terms: set[int]) -> NDArray[np.uint32]:
        """The queries that a paper with these terms meets."""
        table, terms = self._table, terms | {ALWAYS}
        queries = set(chain.from_iterable([table.alone[term] for term in terms if term in table.alone]))
        places = list(chain.from_iterable([table.posted[term] for term in terms if term in table.posted]))
        if places:
            self.examined += len(places)
            queries.update(self._met_by(np.array(places), terms))
        queries -= table.dead
        return np.fromiter(queries, np.uint32, len(queries))

    def _met_by(self, places: NDArray[np.int64], terms: set[int]) -> list[int]:
        """The queries of those clauses that hold."""
        clauses = self._table.clauses
        has = np.zeros(self._table.terms, np.bool_)
        has[list(terms)] = True
        needed, barred = has[clauses["required"][places]], has[clauses["forbidden"][places]]
        places = places[needed[:, 0] & needed[:, 1] & ~(barred[:, 0] | barred[:, 1])]
        tails = clauses["tail"][places]
        if tails.any():
            places = places[[tail == 0 or self._tail_holds(tail, terms) for tail in tails.tolist()]]
        met: list[int] = clauses["query"][places].tolist()
        return met

    def _tail_holds(self, tail: int, terms: set[int]) -> bool:
        tails = self._table.tails
        required, forbidden = tails[tail : tail + 2]
        start = tail + 2
        needed, barred = tails[start : start + required], tails[start + required : start + required + forbidden]
        return terms.issuperset(needed) and terms.isdisjoint(barred)


# ── a text's words ─────────────────────────────────────────────────────────────────────────────────────────────────

_KEPT = frozenset(b"-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_APART = bytes(sign if sign in _KEPT else ord(" ") for sign in range(256))
_HYPHENS = re.compile(rb"--+")


def _cut(text: str | bytes) -> tuple[list[bytes], list[tuple[int, bytes, int]]]:
    """The words of a text as `Paper` has it; and its compounds, their words with hyphens between: at which word each
    begins, and before which it ends."""
    plain = text.encode().translate(_APART) if isinstance(text, str) else text
    stretches = list(filter(None, plain.split(b" ")))
    if b"-" not in plain:
        return stretches, []
    words: list[bytes] = []
    compounds: list[tuple[int, bytes, int]] = []
    for stretch in stretches:
        if b"-" not in stretch:
            words.append(stretch)
            continue
        for tied in filter(None, _HYPHENS.split(stretch.strip(b"-"))):
            parts, at = tied.split(b"-"), len(words)
            compounds += [(at + first, b"-".join(parts[first:end]), at + end) for first, end in _spans(len(parts))]
            words += parts
    return words, compounds


def _spans(parts: int) -> Iterator[tuple[int, int]]:
    """From where to where the compounds of so many words go."""
    for first in range(parts):
        for end in range(first + 2, min(first + CLOSED_PARTS, parts) + 1):
            yield first, end
