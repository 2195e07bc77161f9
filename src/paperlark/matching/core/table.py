"""Queries, compiled: the core in Python and numpy, where no compiler was, and what the compiled one is held to.

Each clause is posted under one term that it requires, the rarest; so a paper is held against those alone that are
posted under terms that it has (`matcher`). Which terms it has, its words say (`trie`).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paperlark.matching.core.layout import (
    ADDED,
    ALWAYS,
    CLAUSE,
    COLUMNS,
    GUESS_WEIGHT,
    NEVER,
    NUMBER,
    QUERY,
    TERM,
    Columns,
)
from paperlark.matching.core.trie import Trie
from paperlark.matching.symbols import Row, Scope

ROOM = 64  # clauses, at first


class Table:
    """Changed by one thread, while no other matches."""

    def __init__(self) -> None:
        self.papers = 0
        self.postings = 0
        self.trie = Trie()
        self.alone: dict[int, list[int]] = {}
        """By term, the queries that need nothing else."""
        self.posted: dict[int, list[int]] = {}
        """By term, the places of the clauses that need more."""
        self.clauses = np.zeros(ROOM, CLAUSE)
        self.tails: list[int] = [0]
        self.held: list[int] = []
        """By how many profiles each query is held."""
        self.dead: set[int] = set()
        """The queries that nobody holds."""
        self._clauses = 0
        self._places: dict[bytes, int] = {}
        self._keys: list[bytes] = []
        self._sizes: list[int] = []
        self._scopes = [int(Scope.OUTSIDE)] * 2
        self._rows = [0, 0]
        self._guessed = [0.0, 0.0]
        self._seen = Counter[int]()
        self._born = [0, 0]

    def __len__(self) -> int:
        """How many distinct queries somebody holds."""
        return len(self.held) - len(self.dead)

    @property
    def terms(self) -> int:
        """How many terms there are, ALWAYS and NEVER among them."""
        return len(self._scopes)

    @property
    def memory(self) -> int:
        """Bytes that its arrays would take; the same in Python takes several times as much."""
        return sum(map(len, self.columns().values()))

    # ── terms ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def term(self, scope: int, rows: Sequence[Row], guess: float) -> int:
        """The term of these rows; a new one where nobody has asked for it. guess: the share of papers that have it."""
        nodes = list(map(self.trie.node, rows))
        first, *others = [list(self.trie.ended(node, 1 << scope)) for node in nodes]
        for term in first:
            if self._rows[term] == len(nodes) and all(term in ended for ended in others):
                return term
        term = self._new_term(scope, len(nodes), guess)
        for node in nodes:
            self.trie.end(node, term, scope)
        return term

    def outside(self, guess: float) -> int:
        """A new term that a paper has when it is said so."""
        return self._new_term(Scope.OUTSIDE, 0, guess)

    def _new_term(self, scope: int, rows: int, guess: float) -> int:
        self._scopes.append(int(scope))
        self._rows.append(rows)
        self._guessed.append(guess * GUESS_WEIGHT)
        self._born.append(self.papers - GUESS_WEIGHT)
        return len(self._scopes) - 1

    def learn(self, terms: Iterable[int]) -> None:
        """A paper has these."""
        self.papers += 1
        self._seen.update(terms)

    def _seen_in(self, term: int) -> float:
        """In how many papers a term was, the guess among them."""
        return self._guessed[term] + self._seen[term]

    def _share(self, term: int) -> float:
        return self._seen_in(term) / max(1, self.papers - self._born[term]) if term != ALWAYS else 1.0

    # ── queries ────────────────────────────────────────────────────────────────────────────────────────────────────

    def find(self, key: bytes) -> int:
        """The query of this key, or -1."""
        return self._places.get(key, -1)

    def query(self, key: bytes, clauses: Iterable[tuple[Sequence[int], Sequence[int]]]) -> int:
        """A new query, held by nobody: what is required and what is forbidden, clause by clause."""
        query = self._places[key] = len(self.held)
        self._keys.append(key)
        self.held.append(0)
        self.dead.add(query)
        self._sizes.append(0)
        for required, forbidden in clauses:
            self._post(query, required, forbidden)
            self._sizes[query] += 1
        return query

    def hold(self, query: int) -> None:
        """One profile more holds the query."""
        self.held[query] += 1
        if self.held[query] == 1:
            self.dead.discard(query)
            self.postings += self._sizes[query]

    def release(self, query: int) -> None:
        """One profile less holds it; held by none, it is dead until it is held again."""
        self.held[query] -= 1
        if not self.held[query]:
            self.dead.add(query)
            self.postings -= self._sizes[query]

    def _post(self, query: int, required: Sequence[int], forbidden: Sequence[int]) -> None:
        pivot = min(required, key=self._share, default=ALWAYS)
        needed = [term for term in required if term not in (pivot, ALWAYS)]
        barred = [term for term in forbidden if term != NEVER]
        if not needed and not barred:
            self.alone.setdefault(pivot, []).append(query)
            return
        tail = 0
        if len(needed) > 2 or len(barred) > 2:
            tail = len(self.tails)
            self.tails += [len(needed[2:]), len(barred[2:]), *needed[2:], *barred[2:]]
        if self._clauses == len(self.clauses):
            self.clauses = np.concatenate((self.clauses, np.zeros_like(self.clauses)))
        padded = (*needed, ALWAYS, ALWAYS)[:2], (*barred, NEVER, NEVER)[:2]
        self.clauses[self._clauses] = (query, *padded, tail)
        self.posted.setdefault(pivot, []).append(self._clauses)
        self._clauses += 1

    # ── as arrays ──────────────────────────────────────────────────────────────────────────────────────────────────

    def columns(self) -> dict[str, bytes]:
        """Its arrays, as `layout` describes them."""
        terms, singles, added = np.zeros(self.terms, TERM), list[int](), [(0, 0)]
        for term in range(self.terms):
            newest = 0
            for place in self.posted.get(term, ()):
                added.append((place, newest))
                newest = len(added) - 1
            seen, born = self._seen_in(term), self._born[term]
            terms[term] = (len(singles), 0, newest, seen, born, self._scopes[term], self._rows[term], 0)
            singles += self.alone.get(term, ())
        queries = np.zeros(len(self.held), QUERY)
        queries["key"] = np.frombuffer(b"".join(self._keys), "<u8").reshape(-1, 2)
        queries["held"], queries["clauses"] = self.held, self._sizes
        return {
            **self.trie.columns(),
            "terms": terms.tobytes(),
            "singles": np.array(singles, NUMBER).tobytes(),
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
        table.papers = papers
        try:
            table.trie = Trie.restored(read)
            table._restore_terms(read)
        except IndexError:
            raise ValueError("the columns do not fit together") from None
        table.held, table._sizes = read["queries"]["held"].tolist(), read["queries"]["clauses"].tolist()
        table.dead = {query for query, held in enumerate(table.held) if not held}
        table.postings = sum(size for size, held in zip(table._sizes, table.held, strict=True) if held)
        table._keys = [key.tobytes() for key in read["queries"]["key"]]
        table._places = {key: place for place, key in enumerate(table._keys)}
        return table

    def _restore_terms(self, read: dict[str, NDArray[Any]]) -> None:
        self.tails = read["tails"].tolist()
        self._clauses = len(read["clauses"])
        self.clauses = np.concatenate((read["clauses"], np.zeros(ROOM, CLAUSE)))
        records, singles, added = (read[name].tolist() for name in ("terms", "singles", "added"))
        _, _, _, self._guessed, self._born, self._scopes, self._rows, _ = map(list, zip(*records, strict=True))
        ends = [*records[1:], (len(singles), self._clauses + 1 - len(added))]
        for term, (record, (single_end, clause_end, *_)) in enumerate(zip(records, ends, strict=True)):
            single, clause, newest, *_ = record
            posted = list(range(clause, clause_end))
            while newest:
                place, newest = added[newest]
                posted.append(place)
            if posted:
                self.posted[term] = posted
            if single < single_end:
                self.alone[term] = singles[single:single_end]
