"""The newest papers in lean form, kept in memory by each process, so that a search need not read them again."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from paperlark.matching.explained import Explained, Explanation
from paperlark.matching.lean import Lean
from paperlark.matching.postings import GONE, Places, Postings, Row, row
from paperlark.matching.terms import Usual

CAPACITY = 20_000  # papers: some 3 kB each
SLACK = 100  # papers more, before the oldest are cleared away
EMPTY = (
    8  # postings of which only one paper in so many is left are given up: what is left moves, half a thousand at most
)
OVERLAP = 600_000 << 22  # ten minutes of ids: what was written by a slow transaction, or by a clock that is late


class Kept(NamedTuple):
    """A paper to be posted, what its `revised` was when it was read, and what its abstract explains."""

    revised: int | None
    row: Row
    explained: tuple[Explanation, ...] = ()


@dataclass(slots=True)
class Counts:
    """What ranking asks of the archive, counted when its newest paper and its last revision were these (`state`)."""

    state: tuple[int, int]
    papers: int = 0
    length: float = 0.0
    frequencies: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Remembered:
    """Papers like one, as they were found when the archive was so: its newest paper, its last revision, and up to where
    what papers are about was read (`readers.similar`)."""

    state: tuple[int, int, int]
    found: dict[tuple[int, int], Sequence[Any]] = field(default_factory=dict)


class Place(NamedTuple):
    """Where a paper stands."""

    revised: int | None
    posted: Postings
    at: int
    explained: tuple[Explanation, ...]

    @property
    def paper(self) -> Lean:
        found = self.posted.papers[self.at]
        assert found is not None
        return found


class Shelf:
    """Papers by their ids, as they were read, and their postings. `revised` is the last revision that was heard of."""

    def __init__(self, capacity: int = CAPACITY, slack: int = SLACK) -> None:
        self._capacity = capacity
        self._slack = slack
        self._places: dict[int, Place] = {}
        self._posted = [Postings()]
        self._explained = Explained()
        self.revised = 0
        self.newest = 0  # the id of the archive's newest paper, as of the last look
        self.counts = Counts((-1, 0))
        self.usual: tuple[frozenset[int], Usual] | None = None  # and which papers were counted (`store.usual`)
        self.alike = Remembered((0, 0, 0))

    def __len__(self) -> int:
        return len(self._places)

    @property
    def since(self) -> int:
        """From which `revised` on the store must be asked for what has changed."""
        return self.revised - OVERLAP

    def forget_changed(self, revised: Iterable[tuple[int, int]]) -> None:
        """Let go of papers, given as (id, revised), that are not what was read of them."""
        for number, at in revised:
            self.revised = max(self.revised, at)
            place = self._places.get(number)
            if place is not None and place.revised != at:
                self._drop(number)

    def found(self, numbers: Sequence[int]) -> tuple[dict[int, Lean], list[int]]:
        """The papers of some ids that are here, and the other ids."""
        here = self._places
        found = {number: here[number].paper for number in numbers if number in here}
        return found, [number for number in numbers if number not in found]

    def standing(self, numbers: Places) -> tuple[list[tuple[Postings, Places]], Places]:
        """Where the papers of some ids stand that are here, and the other ids."""
        wanted, found = np.sort(numbers), []
        missing = np.ones(len(wanted), dtype=np.bool_)
        for posted in self._posted if len(wanted) else ():
            here = posted.numbers
            nearest = np.minimum(np.searchsorted(wanted, here), len(wanted) - 1)
            at = np.flatnonzero(wanted[nearest] == here)
            if len(at):
                missing[nearest[at]] = False
                found.append((posted, at))
        return found, wanted[missing]

    def holding(self, stems: Iterable[str]) -> tuple[int, dict[str, int]]:
        """How many papers are here, and about how many of them say each stem."""
        held = {each: sum(posted.saying(each) for posted in self._posted) for each in stems}
        return sum(len(posted.papers) for posted in self._posted), held

    def length(self) -> float:
        """How long a paper is on average, in words between white space."""
        return sum(posted.length for posted in self._posted) / max(1, sum(len(each.papers) for each in self._posted))

    def names(self, rows: Iterable[Sequence[str]]) -> tuple[str, ...]:
        """What else is said for some rows of stems, as the papers here explain it."""
        return self._explained.names(rows, lambda stemmed: self.holding([stemmed])[1][stemmed])

    def put(self, papers: Mapping[int, Kept]) -> None:
        """Keep papers; the oldest go where there are too many: what is asked for is mostly what is new."""
        for number, kept in papers.items():
            if number in self._places:
                self._drop(number)
            self._explained.add(kept.explained)
            self._post(number, kept)
        if len(self._places) > self._capacity + self._slack:
            for number in sorted(self._places)[: -self._capacity]:
                self._drop(number)

    def _post(self, number: int, kept: Kept) -> None:
        if self._posted[-1].is_full:
            self._posted.append(Postings())
        posted = self._posted[-1]
        self._places[number] = Place(kept.revised, posted, posted.add(number, kept.row), kept.explained)

    def _drop(self, number: int) -> None:
        _, posted, at, explained = self._places.pop(number)
        self._explained.drop(explained)
        posted.drop(at)
        if posted.is_full and posted.held * EMPTY < len(posted.papers):
            self._move(posted)

    def _move(self, posted: Postings) -> None:
        """Let the last papers of mostly empty postings stand elsewhere, so that these can go."""
        self._posted.remove(posted)
        for number in posted.numbers.tolist():
            if number != GONE:
                place = self._places[number]
                self._post(number, Kept(place.revised, row(place.paper), place.explained))
