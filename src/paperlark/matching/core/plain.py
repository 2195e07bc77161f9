"""The core in Python and numpy: where no compiler was, and what the compiled one is held to.

Rows of symbols are a trie; a paper's words lead through it, and what ends on the way are the terms that the paper has.
Each clause is posted under one term that it requires, the rarest; those posted under the paper's terms are looked at,
all at once.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, compress
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from paperlark.matching.core.layout import (
    ADDED,
    ALWAYS,
    CLAUSE,
    COLUMNS,
    ENDING,
    GUESS_WEIGHT,
    MANY,
    NEVER,
    NODE,
    NUMBER,
    QUERY,
    SYMBOL,
    TERM,
    Columns,
)
from paperlark.matching.symbols import Kind, Paper, Row, Scope, Symbol
from paperlark.matching.text import CLOSED_PARTS

Learn = Callable[[Sequence[bytes]], list[tuple[bytes, bytes, bytes]]]


class Said(NamedTuple):
    """What a word says.

    ends, inner  the nodes of rows that begin with it: those where a term ends, those that go on
    symbols      those by which any row goes on; mask: a bit for each, by `symbol % 64`
    """

    ends: tuple[int, ...]
    inner: tuple[int, ...]
    symbols: tuple[int, ...]
    mask: int


VOCABULARY = 200_000  # words and compounds of texts that are remembered
_PLAIN_WORD = re.compile(r"([A-Za-z0-9]+)")
_FOUND_WORD = re.compile(rb"([^ -]+)")


class Table:
    """Queries, compiled. Changed by one thread, while no other matches."""

    def __init__(self) -> None:
        self.papers = 0
        self.postings = 0
        self.generation = 0
        self.symbols: dict[Symbol, int] = {}
        self.edges: dict[int, int] = {}
        self.masks: dict[int, int] = {}  # of nodes that go on: a bit for each symbol that does, by `symbol % 64`
        self.later: set[int] = set()  # symbols that stand behind another one in some row
        self.endings: dict[int, list[int]] = {}
        self.scopes = [Scope.OUTSIDE, Scope.OUTSIDE]
        self.posted: dict[int, list[int]] = {}
        self.longest = [0] * len(Kind)
        self.held: list[int] = []
        self.clauses = np.zeros(64, CLAUSE)
        self.tails: list[int] = [0]
        self._places: dict[bytes, int] = {}
        self._keys: list[bytes] = []
        self._sizes: list[int] = []
        self._clauses = 0
        self._nodes: list[tuple[int, int]] = [(0, 0)]
        self._rows = [0, 0]
        self._guessed = [0.0, 0.0]
        self._seen = Counter[int]()
        self._born = [0, 0]

    def __len__(self) -> int:
        """How many distinct queries somebody holds."""
        return sum(map(bool, self.held))

    @property
    def terms(self) -> int:
        """How many terms there are, ALWAYS and NEVER among them."""
        return len(self.scopes)

    @property
    def memory(self) -> int:
        """Bytes that its arrays would take; the same in Python takes several times as much."""
        return sum(map(len, self.columns().values()))

    def term(self, scope: int, rows: Sequence[Row], guess: float) -> int:
        """The term of these rows; a new one where nobody has asked for it. guess: the share of papers that have it."""
        ends = [self._node(row) for row in rows]
        for term in self.endings.get(ends[0], ()):
            same = self.scopes[term] == scope and self._rows[term] == len(ends)
            if same and all(term in self.endings.get(end, ()) for end in ends):
                return term
        term = self._new_term(scope, len(ends), guess)
        for end in ends:
            self.endings.setdefault(end, []).append(term)
        self.generation += 1
        return term

    def outside(self, guess: float) -> int:
        """A new term that a paper has when it is said so."""
        return self._new_term(Scope.OUTSIDE, 0, guess)

    def _new_term(self, scope: int, rows: int, guess: float) -> int:
        self.scopes.append(Scope(scope))
        self._rows.append(rows)
        self._guessed.append(guess * GUESS_WEIGHT)
        self._born.append(self.papers - GUESS_WEIGHT)
        return len(self.scopes) - 1

    def _node(self, row: Row) -> int:
        node = 0
        for kind, word in row:
            symbol = self.symbols.get((kind, word))
            if symbol is None:
                symbol = self.symbols[kind, word] = len(self.symbols) + 1
                self.longest[kind] = max(self.longest[kind], len(word))
            edge = node << 32 | symbol
            child = self.edges.get(edge)
            if child is None:
                child = self.edges[edge] = len(self._nodes)
                self._nodes.append((node, symbol))
                self.masks[node] = self.masks.get(node, 0) | 1 << (symbol & 63)
                if node:
                    self.later.add(symbol)
            node = child
        return node

    def find(self, key: bytes) -> int:
        """The query of this key, or -1."""
        return self._places.get(key, -1)

    def hold(self, query: int) -> None:
        """One profile more holds the query."""
        self.held[query] += 1
        if self.held[query] == 1:
            self.postings += self._sizes[query]

    def release(self, query: int) -> None:
        """One profile less holds it; held by none, it is dead until it is held again."""
        self.held[query] -= 1
        if not self.held[query]:
            self.postings -= self._sizes[query]

    def query(self, key: bytes, clauses: Iterable[tuple[Sequence[int], Sequence[int]]]) -> int:
        """A new query, held by nobody: what is required and what is forbidden, clause by clause."""
        query = self._places[key] = len(self.held)
        self._keys.append(key)
        self.held.append(0)
        self._sizes.append(0)
        for required, forbidden in clauses:
            self._post(query, list(required), list(forbidden))
        return query

    def _post(self, query: int, required: list[int], forbidden: list[int]) -> None:
        pivot = min(required, key=self._share, default=ALWAYS)
        required = [term for term in required if term != pivot]
        place = self._clauses
        if place == len(self.clauses):
            self.clauses = np.concatenate((self.clauses, np.zeros(place + 64, CLAUSE)))
        tail = 0
        if len(required) > 2 or len(forbidden) > 2:
            tail = len(self.tails)
            more, never = required[2:], forbidden[2:]
            self.tails += [len(more), len(never), *more, *never]
        padded = (*required, ALWAYS, ALWAYS)[:2], (*forbidden, NEVER, NEVER)[:2]
        self.clauses[place] = (query, *padded, tail)
        self.posted.setdefault(pivot, []).append(place)
        self._clauses += 1
        self._sizes[query] += 1

    def _share(self, term: int) -> float:
        return self.seen(term) / max(1, self.papers - self._born[term]) if term else 1.0

    def learn(self, terms: Iterable[int]) -> None:
        """A paper has these."""
        self.papers += 1
        self._seen.update(terms)

    def seen(self, term: int) -> float:
        """In how many papers a term was, the guess among them."""
        return self._guessed[term] + self._seen[term]

    def columns(self) -> dict[str, bytes]:
        """Its arrays, as `layout` describes them."""
        symbols, letters = np.zeros(len(self.symbols) + 1, SYMBOL), bytearray()
        for (kind, word), symbol in self.symbols.items():
            symbols[symbol] = (len(letters), len(word), kind, symbol in self.later, 0, self.edges.get(symbol, 0))
            letters += word
        symbols["kind"][0] = len(Kind)
        nodes, endings = np.zeros(len(self._nodes), NODE), [(0, 0)]
        for place, (parent, symbol) in enumerate(self._nodes):
            ended, ends = self.endings.get(place, ()), 0
            for term in ended:
                if len(ended) > 1:
                    endings.append((term, ends & ~MANY))
                ends = term if len(ended) == 1 else MANY | len(endings) - 1
            nodes[place] = (parent, symbol, ends, 0)
            if parent:
                nodes["children"][parent] |= np.uint32(1 << (symbol & 31))
        terms, added = np.zeros(self.terms, TERM), [(0, 0)]
        for term in range(self.terms):
            newest = 0
            for place in self.posted.get(term, ()):
                added.append((place, newest))
                newest = len(added) - 1
            seen, born = self.seen(term), self._born[term]
            terms[term] = (0, 0, newest, seen, born, self.scopes[term], self._rows[term], 0)
        queries = np.zeros(len(self.held), QUERY)
        queries["key"] = np.frombuffer(b"".join(self._keys), "<u8").reshape(-1, 2)
        queries["held"], queries["clauses"] = self.held, self._sizes
        return {
            "letters": bytes(letters),
            "symbols": symbols.tobytes(),
            "nodes": nodes.tobytes(),
            "endings": np.array(endings, ENDING).tobytes(),
            "terms": terms.tobytes(),
            "singles": b"",
            "clauses": self.clauses[: self._clauses].tobytes(),
            "tails": np.array(self.tails, NUMBER).tobytes(),
            "added": np.array(added, ADDED).tobytes(),
            "queries": queries.tobytes(),
        }

    @classmethod
    def restored(cls, columns: Columns, papers: int) -> "Table":
        """A table of such arrays. ValueError where they do not fit together."""
        read = {name: np.frombuffer(columns[name], dtype) for name, dtype in COLUMNS.items()}
        table = cls()
        try:
            table._restore(read, papers)
        except IndexError:
            raise ValueError("the columns do not fit together") from None
        return table

    def _restore(self, read: dict[str, NDArray[Any]], papers: int) -> None:
        self.papers = papers
        letters = read["letters"].tobytes()
        for place, (at, length, kind, _, _, root) in enumerate(read["symbols"].tolist()):
            if place:
                self.symbols[kind, letters[at : at + length]] = place
                self.longest[kind] = max(self.longest[kind], length)
            if root:
                self.edges[place] = root
        self._nodes = []
        endings = read["endings"].tolist()
        for place, (parent, symbol, ends, _) in enumerate(read["nodes"].tolist()):
            self._nodes.append((parent, symbol))
            self.edges[parent << 32 | symbol] = place
            self.masks[parent] = self.masks.get(parent, 0) | 1 << (symbol & 63)
            if parent:
                self.later.add(symbol)
            more = ends & ~MANY if ends & MANY else 0
            if ends and not more:
                self.endings[place] = [ends]
            while more:
                term, more = endings[more]
                self.endings.setdefault(place, []).append(term)
        del self.edges[0]
        self._restore_postings(read)

    def _restore_postings(self, read: dict[str, NDArray[Any]]) -> None:
        self.clauses, self._clauses = read["clauses"].copy(), len(read["clauses"])
        self.tails = read["tails"].tolist()
        added, singles = read["added"].tolist(), read["singles"].tolist()
        self.scopes, self._rows, self._guessed, self._born = [], [], [], []
        alone: list[tuple[Any, ...]] = []
        records = read["terms"].tolist()
        ends = [*records[1:], (len(singles), self._clauses + 1 - len(added))]
        for term, (record, (single_end, clause_end, *_)) in enumerate(zip(records, ends, strict=True)):
            single, clause, newest, seen, born, scope, rows, _ = record
            self.scopes.append(Scope(scope))
            self._rows.append(rows)
            self._guessed.append(seen)
            self._born.append(born)
            posted = list(range(clause, clause_end))
            while newest:
                place, newest = added[newest]
                posted.append(place)
            posted += range(self._clauses + len(alone), self._clauses + len(alone) + single_end - single)
            alone += [(query, (ALWAYS,) * 2, (NEVER,) * 2, 0) for query in singles[single:single_end]]
            if posted:
                self.posted[term] = posted
        self.clauses = np.concatenate((self.clauses, np.array(alone, CLAUSE), np.zeros(64, CLAUSE)))
        self._clauses += len(alone)
        self.held, self._sizes = read["queries"]["held"].tolist(), read["queries"]["clauses"].tolist()
        self._keys = [key.tobytes() for key in read["queries"]["key"]]
        self._places = {key: place for place, key in enumerate(self._keys)}
        self.postings = sum(size for size, held in zip(self._sizes, self.held, strict=True) if held)


class _ByScopes(dict[int, "_Ended"]):
    """By the scopes that look into a text, the terms that end at nodes."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def __missing__(self, scopes: int) -> "_Ended":
        found = self[scopes] = _Ended(self._table, scopes)
        return found


class _Ended(dict[int, tuple[int, ...]]):
    """By node, found once each."""

    def __init__(self, table: Table, scopes: int) -> None:
        self._table, self._scopes = table, scopes

    def __missing__(self, node: int) -> tuple[int, ...]:
        table, scopes = self._table, self._scopes
        found = self[node] = tuple(term for term in table.endings.get(node, ()) if scopes >> table.scopes[term] & 1)
        return found


class Matcher:
    """Holds papers against a table; with what one thread needs to do so."""

    def __init__(self, table: Table, learn: Learn, *, teaches: bool = True, knows: "Matcher | None" = None) -> None:
        """learn: what words of a text say. teaches: whether the table learns from the papers how rare terms are.
        knows: an idle matcher with the same table, whose words this one begins with."""
        self.examined = 0
        """How many clauses were looked at so far."""
        self._table = table
        self._learn = learn
        self._teaches = teaches
        self._says: dict[bytes, Said] = {} if knows is None else dict(knows._says)
        self._ended = _ByScopes(table)
        self._generation: int = -1 if knows is None else knows._generation

    def match(self, papers: Sequence[Paper]) -> list[bytes]:
        """The queries that each paper meets, each once, in no order: places as little-endian 32-bit numbers."""
        return [self._match(paper) for paper in papers]

    def _match(self, paper: Paper) -> bytes:
        terms = self.present(paper)
        if self._teaches:
            self._table.learn(terms)
        return self.met(terms).tobytes()

    def met(self, terms: set[int]) -> NDArray[np.uint32]:
        """The queries that a paper with these terms meets."""
        table = self._table
        terms = terms | {ALWAYS}
        every = list(terms)
        places = list(chain.from_iterable([table.posted[term] for term in every if term in table.posted]))
        self.examined += len(places)
        has = np.zeros(table.terms, np.bool_)
        has[every] = True
        clauses = table.clauses[places]
        needed, barred = has[clauses["required"]], has[clauses["forbidden"]]
        good = needed[:, 0] & needed[:, 1] & ~(barred[:, 0] | barred[:, 1])
        for at in np.flatnonzero(good & (clauses["tail"] > 0)):
            good[at] = self._tail_holds(int(clauses["tail"][at]), terms)
        held = table.held
        queries = [query for query in set(clauses["query"][good].tolist()) if held[query] > 0]
        return np.array(queries, np.uint32)

    def _tail_holds(self, tail: int, terms: set[int]) -> bool:
        tails = self._table.tails
        required, forbidden = tails[tail : tail + 2]
        start = tail + 2
        needed, barred = tails[start : start + required], tails[start + required : start + required + forbidden]
        return terms.issuperset(needed) and terms.isdisjoint(barred)

    def present(self, paper: Paper) -> set[int]:
        """The terms that a paper has."""
        table = self._table
        if self._generation != table.generation or len(self._says) > VOCABULARY:
            self._says.clear()
            self._ended.clear()
            self._generation = table.generation
        found = set(paper.outside)
        for scopes, text in paper.texts:
            self._walk(scopes, *_cut(text), found)
        for code in paper.codes:
            begins = (code[:length] for length in range(1, min(len(code), table.longest[Kind.CODE_BEGINS]) + 1))
            said = [(int(Kind.CODE), code), *((int(Kind.CODE_BEGINS), begin) for begin in begins)]
            for symbol in filter(None, map(table.symbols.get, said)):
                ended = table.endings.get(table.edges.get(symbol, 0), ())
                found.update(term for term in ended if table.scopes[term] == Scope.CODE)
        return found

    def _walk(self, scopes: int, words: list[bytes], ties: list[bool], found: set[int]) -> None:
        """All rows that begin at each word, followed as far as the text goes."""
        table, says = self._table, self._says
        edges, masks = table.edges, table.masks
        closed = _closed(words, ties)
        self._hear([*words, *(key for keys in closed.values() for key, _ in keys)])
        spoken = [says[word] for word in words]
        ended: list[int] = []
        waiting: list[tuple[int, int]] = []
        for until, said in enumerate(spoken, 1):
            ended += said.ends
            if said.inner:
                waiting += [(node, until) for node in said.inner]
        for key, until in chain.from_iterable(closed.values()):
            ended += says[key].ends
            waiting += [(node, until) for node in says[key].inner]

        def follow(node: int, said: Said, until: int) -> None:
            for symbol in said.symbols:
                child = edges.get(node << 32 | symbol)
                if child is not None:
                    ended.append(child)
                    if child in masks and until < len(words):
                        waiting.append((child, until))

        waiting = [(node, at) for node, at in waiting if at < len(words)]
        for node, at in waiting:  # which grows meanwhile
            if masks[node] & spoken[at].mask:
                follow(node, spoken[at], at + 1)
            if at in closed:
                for key, until in closed[at]:
                    follow(node, says[key], until)
        found.update(chain.from_iterable(map(self._ended[scopes].__getitem__, ended)))

    def _hear(self, keys: list[bytes]) -> None:
        """Find out what each of these words says."""
        says = self._says
        unknown = list(dict.fromkeys([key for key in keys if key not in says]))
        for key, learned in zip(unknown, self._learn(unknown), strict=True):
            says[key] = self._said(*learned)

    def _said(self, word: bytes, stem: bytes, exact: bytes) -> Said:
        """What a word says, of what somebody asks for."""
        table = self._table
        whole: list[Symbol] = [(Kind.STEM, stem), (Kind.WORD, word), (Kind.EXACT, exact)]
        for kind, written in ((Kind.BEGINS, word), (Kind.EXACT_BEGINS, exact)):
            whole += [(kind, written[:length]) for length in range(1, min(len(written), table.longest[kind]) + 1)]
        symbols = [table.symbols[symbol] for symbol in whole if symbol in table.symbols]
        roots = [table.edges[symbol] for symbol in symbols if symbol in table.edges]
        later = [symbol for symbol in symbols if symbol in table.later]
        mask = 0
        for symbol in later:
            mask |= 1 << (symbol & 63)
        ends, inner = (tuple([root for root in roots if root in kept]) for kept in (table.endings, table.masks))
        return Said(ends, inner, tuple(later), mask)


def _closed(words: list[bytes], ties: list[bool]) -> dict[int, list[tuple[bytes, int]]]:
    """The compounds of a text, by where they begin: their words with hyphens between, and where they end."""
    found: dict[int, list[tuple[bytes, int]]] = {}
    for at in compress(range(len(ties)), ties):
        last = at
        while last - at < CLOSED_PARTS - 1 and ties[last]:
            last += 1
            found.setdefault(at, []).append((b"-".join(words[at : last + 1]), last + 1))
    return found


def _cut(text: str | bytes) -> tuple[list[bytes], list[bool]]:
    """The words of a text as `Paper` has it, and which of them hyphens tie to the next."""
    parts: list[Any] = _PLAIN_WORD.split(text) if isinstance(text, str) else _FOUND_WORD.split(text)
    words = [word.encode() for word in parts[1::2]] if isinstance(text, str) else parts[1::2]
    ties = [gap in ("-", b"-") for gap in parts[2::2]]
    if ties:
        ties[-1] = False
    return words, ties
