"""Checks that no row of symbols can say: authors by name, counts, days. Found once per paper, for all queries.

Counts and days are thresholds in order, so a paper's count parts those that hold from those that do not. Names stand
under what `names.same_person` must find in both: the family name's last word, and how the given names begin.
"""

import re
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator
from datetime import UTC

import numpy as np
from numpy.typing import NDArray

from paperlark.matching.document import Document
from paperlark.matching.names import Name, read_name, same_person
from paperlark.matching.text import plain_ascii
from paperlark.matching.tree import NUMBERS, Author, Comparison, Near, Number, Since

NAMES = 50_000  # spellings of authors whose answers are remembered
_WORD = re.compile(r"[a-z0-9]+")

Outside = Author | Near | Number | Since


class OutsideTerms:
    """The terms of such checks, by their numbers in a table."""

    def __init__(self) -> None:
        self._terms: dict[Outside, int] = {}
        self._counts = {count: _Thresholds() for count in NUMBERS}
        self._days = _Thresholds()
        self._people = _People()
        self._near: list[int] = []

    def term(self, check: Outside, make: Callable[[], int]) -> int:
        """The check's term; `make` gives the number of a new one."""
        term = self._terms.get(check)
        if term is None:
            term = make()
            self.put(check, term)
        return term

    def put(self, check: Outside, term: int) -> None:
        """Look for the check from now on."""
        self._terms[check] = term
        match check:
            case Author(name):
                self._people.put(name, term)
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
        return found

    def __iter__(self) -> Iterator[tuple[Outside, int]]:
        return iter(self._terms.items())

    def present(self, document: Document) -> tuple[int, ...]:
        """The terms that a paper has, and those of every sentence and paper that one may read like: how near it is, the
        whole check says."""
        found = self.numbers(document) + self._near
        if self._people.families:
            found += self._people.present(document.authors)
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


class _People:
    """Names that are asked for."""

    def __init__(self) -> None:
        self.families: set[str] = set()
        self._asked: dict[tuple[str, str], list[tuple[Name, int]]] = {}
        self._answers: dict[str, tuple[int, ...]] = {}

    def put(self, name: Name, term: int) -> None:
        family = name.family[-1]
        self.families.add(family)
        for sign in _kept_under(name.given):
            self._asked.setdefault((family, sign), []).append((name, term))
        self._answers.clear()

    def present(self, authors: tuple[str, ...]) -> list[int]:
        together = ";".join(authors)
        if self.families.isdisjoint(_WORD.findall(together.lower())) and plain_ascii(together):
            return []
        if len(self._answers) > NAMES:
            self._answers.clear()
        found: list[int] = []
        for author in authors:
            answer = self._answers.get(author)
            if answer is None:
                answer = self._answers[author] = tuple(self._who(author))
            found += answer
        return found

    def _who(self, author: str) -> Iterator[int]:
        found = read_name(author)
        if found is None or found.family[-1] not in self.families:
            return
        near = {
            name: term
            for sign in _read_under(found.given + found.family)
            for name, term in self._asked.get((found.family[-1], sign), ())
        }
        yield from (term for name, term in near.items() if same_person(name, found))


# Given names agree where their letters are the same, or the first ones are: equal, or one the other's initial.


def _kept_under(given: tuple[str, ...]) -> set[str]:
    """The signs of a name that is asked for. `s.` marks one that begins so, `=s` one that is an initial itself."""
    if not given:
        return {""}
    initial = {f"={given[0]}"} if len(given[0]) == 1 else set()
    return {"".join(given), given[0], f"{given[0][0]}."} | initial


def _read_under(whole: tuple[str, ...]) -> set[str]:
    """The signs under which all stand that a name in an author list may be. Nobody knows where its family begins."""
    signs = {"".join(whole[:until]) for until in range(len(whole))} | {whole[0], f"={whole[0][0]}"}
    return signs | {f"{whole[0]}."} if len(whole[0]) == 1 else signs
