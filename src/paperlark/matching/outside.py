"""Checks that no row of symbols can say: authors by name, counts, days. Found once per paper, for all queries.

Counts and days are thresholds in order, so a paper's count parts those that hold from those that do not; names are
found by their signs (`people`).
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator
from datetime import UTC

import numpy as np
from numpy.typing import NDArray

from paperlark.matching.document import Document
from paperlark.matching.people import People, read
from paperlark.matching.tree import NUMBERS, Author, Comparison, Near, Number, Since

Outside = Author | Near | Number | Since


class OutsideTerms:
    """The terms of such checks, by their numbers in a table."""

    def __init__(self) -> None:
        self._terms: dict[Near | Number | Since, int] = {}
        self._counts = {count: _Thresholds() for count in NUMBERS}
        self._days = _Thresholds()
        self.people = People()
        self._near: list[int] = []

    def term(self, check: Outside, make: Callable[[], int]) -> int:
        """The check's term; `make` gives the number of a new one."""
        term = self.people.term(check.name) if isinstance(check, Author) else self._terms.get(check)
        if term is None:
            term = make()
            self.put(check, term)
        return term

    def put(self, check: Outside, term: int) -> None:
        """Look for the check from now on."""
        if isinstance(check, Author):
            self.people.put(check.name, term)
            return
        self._terms[check] = term
        match check:
            case Number(count, comparison, value):
                self._counts[count].put(comparison, value, term)
            case Near():
                self._near.append(term)
            case Since(day):
                self._days.put(">=", day.toordinal(), term)

    def renumbered(self, places: NDArray[np.int64]) -> "OutsideTerms":
        """The same with new numbers; without those whose new number is below 0."""
        found = OutsideTerms()
        for check, term in self._terms.items():
            if places[term] >= 0:
                found.put(check, int(places[term]))
        for name, term in self.people:
            if places[term] >= 0:
                found.people.put(read(name), int(places[term]))
        return found

    def __iter__(self) -> Iterator[tuple[Near | Number | Since, int]]:
        """Each check but those of names, and its term."""
        return iter(self._terms.items())

    def present(self, document: Document) -> tuple[int, ...]:
        """The terms that a paper has, and those of every sentence and paper that one may read like: how near it is, the
        whole check says."""
        found = self.numbers(document) + self._near
        if self.people:
            found += self.people.present(document.authors)
        return tuple(found)

    def numbers(self, document: Document) -> list[int]:
        """Those of counts and days."""
        found: list[int] = []
        for name, thresholds in self._counts.items():
            if thresholds and (count := document.count(name)) is not None:
                found += thresholds.held(count)
        if self._days:
            found += self._days.held(document.announced_at.astimezone(UTC).date().toordinal())
        return found


class _Thresholds:
    """Checks of one number, each kind in order of the value that it compares with."""

    def __init__(self) -> None:
        self._checks: dict[Comparison, list[tuple[int, int]]] = {}

    def __bool__(self) -> bool:
        return bool(self._checks)

    def put(self, comparison: Comparison, value: int, term: int) -> None:
        insort(self._checks.setdefault(comparison, []), (value, term))

    def held(self, number: int) -> list[int]:
        """The terms that hold of a number."""
        found: list[int] = []
        for comparison, checks in self._checks.items():
            below, up_to = bisect_left(checks, (number,)), bisect_right(checks, (number + 1,))
            match comparison:
                case ">=":
                    held = checks[:up_to]
                case ">":
                    held = checks[:below]
                case "<=":
                    held = checks[below:]
                case "<":
                    held = checks[up_to:]
                case "=":
                    held = checks[below:up_to]
            found += [term for _, term in held]
        return found
