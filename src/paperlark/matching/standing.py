"""Standing queries, each distinct one once, and which of them a paper meets: numbers of queries in, numbers out.

A query becomes clauses (`clauses`), their leaves terms of the core's table: by rows of symbols (`symbols`), or found
outside (`outside`). What the core says is exact, but for queries whose clauses are wider than they are: those are
candidates, and the whole check decides.
"""

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from copy import copy
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paperlark.matching.checks import Check, checker
from paperlark.matching.clauses import Clause, Clauses, clauses
from paperlark.matching.core import FASTEST, Core, segment
from paperlark.matching.core.compact import GONE, arrays, compacted
from paperlark.matching.core.layout import COLUMNS, QUERY
from paperlark.matching.document import Analysed
from paperlark.matching.near import aimed
from paperlark.matching.outside import OutsideTerms
from paperlark.matching.people import read
from paperlark.matching.query import Query, parse
from paperlark.matching.symbols import Row, is_short, learn, paper, rows
from paperlark.matching.tree import And as AllOf
from paperlark.matching.tree import Author, Code, Leaf, Near, Node, Not, Number, Since, Term, leaves
from paperlark.matching.tree import Or as AnyOf
from paperlark.model.problems import FullError, QueryError, SegmentError

ALONE = 1_000
"""How many different checks of counts and days may be lines of their own: each paper is held against all of them."""
GUESS = 0.5  # of all papers have a word of one letter; of two letters half as many, and so on
NEXT_WORD = 0.1  # of the papers that have a word, those in which a certain other follows
NUMBER_GUESS = 0.5  # of the papers pass a check of a count or a day

TOO_MANY_ALONE = (
    f"there are {ALONE:,} different lines of numbers alone already, and each paper is held against all of them; add a "
    "word to the line, or use a number that others use"
)

Numbers = NDArray[np.uint32]


@dataclass(slots=True)
class _Alone:
    """Terms of a query that are lines of their own, and how often it is held."""

    terms: frozenset[int]
    held: int = 0


class Standing:
    """Not thread-safe: one thread changes it and matches with it."""

    def __init__(self, core: Core = FASTEST) -> None:
        self._core = core
        self.table = core.table()
        self._matcher = core.matcher(self.table, learn)
        self._outside = OutsideTerms()
        self._checks: dict[int, tuple[Query, Check]] = {}
        self._counted = bytearray()
        self._alone: dict[int, _Alone] = {}
        self._lines: Counter[int] = Counter()

    def __len__(self) -> int:
        """How many distinct queries are held."""
        return len(self.table)

    @property
    def papers(self) -> int:
        """How many papers it has learned from how rare terms are."""
        return int(self.table.papers)

    @property
    def memory(self) -> int:
        """Bytes that the table takes."""
        return int(self.table.memory)

    @property
    def postings(self) -> int:
        """How many clauses are looked up for them."""
        return int(self.table.postings)

    def hold(self, query: Query) -> int:
        """The query's number, the same for all queries that ask for the same. To be released as often as held.

        Raises FullError for a line of numbers alone where there are too many different ones.
        """
        key = _key(query)
        number: int = self.table.find(key)
        if number < 0:
            number = self._new(query, key)
        elif number in self._alone:
            self._make_room(self._alone[number].terms)
        self.table.hold(number)
        if number in self._alone:
            self._count_alone(self._alone[number], 1)
        return number

    def release(self, number: int) -> None:
        """One holder less."""
        self.table.release(number)
        if number in self._alone:
            self._count_alone(self._alone[number], -1)

    @property
    def alone(self) -> int:
        """How many different checks of counts, days and closeness are lines of their own; at most `ALONE`."""
        return len(self._lines)

    def _make_room(self, lines: Set[int]) -> None:
        new = lines - self._lines.keys()
        if new and len(self._lines) + len(new) > ALONE:
            raise FullError(TOO_MANY_ALONE)

    def _count_alone(self, query: _Alone, change: int) -> None:
        query.held += change
        for term in query.terms:
            self._lines[term] += change
            if not self._lines[term]:
                del self._lines[term]

    def _new(self, query: Query, key: bytes) -> int:
        found = clauses(query.tree, _known)
        alone = _lines_of(found)
        exact = found.exact and all(map(_is_exact, leaves(query.tree)))
        asked = chain.from_iterable(chain(clause.required, clause.forbidden) for clause in found.alternatives)
        terms = {leaf: self.term(leaf) for leaf in dict.fromkeys(asked)}
        compiled = [
            ([terms[leaf] for leaf in clause.required], [terms[leaf] for leaf in clause.forbidden])
            for clause in found.alternatives
        ]
        lines = {self.term(check) for check in alone}
        self._make_room(lines)
        number: int = self.table.query(key, compiled)
        if lines:
            self._alone[number] = _Alone(frozenset(lines))
        self._counted += bytes(number + 1 - len(self._counted))
        self._counted[number] = query.has_numbers
        if not exact:
            self._check_too(number, query)
        return number

    def term(self, leaf: Leaf) -> int:
        """The leaf's number in the table."""
        if isinstance(leaf, Term | Code):
            scope, asked = rows(leaf)
            return int(self.table.term(scope, asked, _guess(asked[0])))
        return self._outside.term(leaf, lambda: int(self.table.outside(_OUTSIDE_GUESS[type(leaf)])))

    def match(self, papers: Sequence[Analysed]) -> list[Numbers]:
        """The numbers of the queries that each paper meets, each once, in no order."""
        prepared = [paper(each, self.outside(each)) for each in papers]
        found = [np.frombuffer(numbers, np.uint32) for numbers in self._matcher.match(prepared)]
        return (
            [self._checked(numbers, each) for numbers, each in zip(found, papers, strict=True)]
            if self._checks
            else found
        )

    def reader(self) -> "Standing":
        """The same queries for one thread more, to match with while nothing is changed; it teaches nothing. To be made
        while this one does not match."""
        found = copy(self)
        found._matcher = self._core.matcher(self.table, learn, teaches=False, knows=self._matcher)
        return found

    def outside(self, paper: Analysed) -> tuple[int, ...]:
        """The terms of a paper that the core does not look for: authors by name, counts, days."""
        return self._outside.present(paper.document)

    def _checked(self, numbers: Numbers, paper: Analysed) -> Numbers:
        good = [number not in self._checks or self._checks[number][1](paper) for number in numbers.tolist()]
        return numbers[good]

    def counted(self, numbers: Numbers) -> Numbers:
        """Those of them whose answer later counts can change."""
        return numbers[np.frombuffer(self._counted, np.bool_)[numbers]]

    def compact(self) -> NDArray[np.int64]:
        """Put everything in order: what is dead goes, what is common stands together. Queries get new numbers: the new
        one of each old one, `GONE` where nobody held it."""
        found = compacted(arrays(self.table.columns()), self.table.papers)
        self.table = self._core.table.restored(found.columns, self.table.papers)
        self._matcher = self._core.matcher(self.table, learn)
        self._outside = self._outside.renumbered(found.terms)
        self._alone = {
            int(found.queries[old]): _Alone(frozenset(int(found.terms[term]) for term in lines.terms), lines.held)
            for old, lines in self._alone.items()
            if found.queries[old] != GONE
        }
        self._lines = Counter({int(found.terms[term]): times for term, times in self._lines.items()})
        self._checks = {
            int(found.queries[old]): check for old, check in self._checks.items() if found.queries[old] != GONE
        }
        counted = np.zeros(len(found.columns["queries"]), np.uint8)
        kept = np.flatnonzero(found.queries != GONE)
        counted[found.queries[kept]] = np.frombuffer(self._counted, np.uint8)[kept]
        self._counted = bytearray(counted.tobytes())
        return found.queries

    def packed(self) -> tuple[dict[str, bytes], dict[str, Any]]:
        """All of it, to be kept: arrays, and facts that JSON can say."""
        facts = {
            "papers": self.papers,
            "outside": [[str(check), term] for check, term in self._outside],
            "people": list(self._outside.people),
            "checks": [[number, query.canonical(), _aims(query)] for number, (query, _) in self._checks.items()],
            "counted": np.flatnonzero(np.frombuffer(self._counted, np.bool_)).tolist(),
            "alone": [[number, each.held, sorted(each.terms)] for number, each in self._alone.items()],
        }
        return dict(self.table.columns()), facts

    @classmethod
    def unpacked(cls, columns: Mapping[str, Any], facts: Mapping[str, Any], core: Core = FASTEST) -> "Standing":
        """What was packed. Raises SegmentError where it does not fit together."""
        found = cls(core)
        try:
            found.table = core.table.restored({name: columns[name] for name in COLUMNS}, facts["papers"])
            found._counted = bytearray(len(columns["queries"]) // QUERY.itemsize)
            for number in facts["counted"]:
                found._counted[number] = True
            for number, held, terms in facts["alone"]:
                found._alone[number] = _Alone(frozenset(terms))
                if held:
                    found._count_alone(found._alone[number], held)
            for number, text, targets in facts["checks"]:
                found._check_too(number, aimed(parse(text), _targets(targets)))
            for text, term in facts["outside"]:
                check = parse(text).tree
                if not isinstance(check, Near | Number | Since):
                    raise ValueError(text)
                found._outside.put(check, _in_range(term, found.table.terms))
            for name, term in facts["people"]:
                found._outside.people.put(read(name), _in_range(term, found.table.terms))
        except (KeyError, ValueError, TypeError, IndexError, QueryError):
            raise SegmentError("the parts of a saved index do not fit together") from None
        found._matcher = core.matcher(found.table, learn)
        return found

    def save(self, folder: Path, facts: Mapping[str, Any] = MappingProxyType({})) -> None:
        """Keep it in a folder, with facts of the caller's that JSON can say. Blocks. Raises OSError."""
        columns, own = self.packed()
        segment.save(folder, columns, {"standing": own, "facts": dict(facts)})

    @classmethod
    def load(cls, folder: Path, core: Core = FASTEST) -> tuple["Standing", dict[str, Any]]:
        """What was kept in a folder, and the caller's facts. Blocks. Raises SegmentError where it cannot be used."""
        columns, kept = segment.load(folder)
        return cls.unpacked(columns, kept.get("standing", {}), core), dict(kept.get("facts", {}))

    def _check_too(self, number: int, query: Query) -> None:
        """The core knows candidates of the query only: check each."""
        self._checks[number] = (query, checker(query))

    def looked_at(self, papers: Sequence[Analysed]) -> int:
        """How many clauses are looked at for these papers: the fewer, the better posted."""
        before: int = self._matcher.examined
        self.match(papers)
        return int(self._matcher.examined) - before


def _in_range(term: int, terms: int) -> int:
    if not 0 <= term < terms:
        raise ValueError(term)
    return term


def _known(leaf: Leaf, denied: bool) -> bool:
    """Whether the core's answer on a leaf may be denied: of a long phrase it only knows that one has its beginning, of
    what a paper is about nothing."""
    return not denied or _is_exact(leaf)


def _is_exact(leaf: Leaf) -> bool:
    return not isinstance(leaf, Near) and (not isinstance(leaf, Term) or is_short(leaf))


def lines_alone(query: Query) -> frozenset[Leaf]:
    """The checks of counts, days and closeness that are lines of their own: each paper is held against all of them."""
    return _lines_of(clauses(query.tree, _known))


def _lines_of(found: Clauses) -> frozenset[Leaf]:
    return frozenset(leaf for clause in found.alternatives for leaf in _alone(clause))


def _alone(clause: Clause) -> Sequence[Leaf]:
    """The check that a clause without words is looked up by."""
    if any(not isinstance(leaf, Near | Number | Since) for leaf in clause.required):
        return ()
    return sorted(clause.required, key=str)[:1]


_OUTSIDE_GUESS: dict[type, float] = {Author: 0.0001, Near: 1.0, Number: NUMBER_GUESS, Since: NUMBER_GUESS}


def _aims(query: Query) -> dict[str, str]:
    """The directions of the papers that a query names, as JSON can say them."""
    return {leaf.said: leaf.target.hex() for leaf in query.terms if isinstance(leaf, Near) and leaf.target is not None}


def _targets(aims: Mapping[str, str]) -> dict[str, bytes]:
    return {said: bytes.fromhex(aim) for said, aim in aims.items()}


def _guess(row: Row) -> float:
    """The share of papers that have these words, before any was seen."""
    return GUESS / max(1, len(row[0][1])) * NEXT_WORD ** (len(row) - 1)


def _key(query: Query) -> bytes:
    """Equal for queries that differ in the order of their parts only; of 128 bits, which no two others share."""
    return blake2b(_ordered(query.tree).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _ordered(node: Node) -> str:
    match node:
        case AllOf(parts):
            return f"({' '.join(sorted(map(_ordered, parts)))})"
        case AnyOf(parts):
            return f"({' | '.join(sorted(map(_ordered, parts)))})"
        case Not(part):
            return f"-{_ordered(part)}"
        case Near(target=bytes(target)):
            return f"{node} {target.hex()}"
        case _:
            return str(node)
