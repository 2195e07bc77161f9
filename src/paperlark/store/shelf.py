"""The newest papers in lean form, kept in memory by each process, so that a search need not read them again."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from paperlark.matching.lean import Lean

CAPACITY = 20_000  # papers: some 3 kB each
SLACK = 1_000  # papers more, before the oldest are cleared away
OVERLAP = 600_000 << 22  # ten minutes of ids: what was written by a slow transaction, or by a clock that is late


class Kept(NamedTuple):
    """A paper, and what its `revised` was when it was read."""

    revised: int | None
    paper: Lean


@dataclass(slots=True)
class Counts:
    """What ranking asks of the archive, counted when its newest paper and its last revision were these (`state`)."""

    state: tuple[int | None, int]
    papers: int = 0
    length: float = 0.0
    frequencies: dict[str, int] = field(default_factory=dict)


class Shelf:
    """Papers by their ids, as they were read. `revised` is the last revision that was heard of."""

    def __init__(self, capacity: int = CAPACITY, slack: int = SLACK) -> None:
        self._capacity = capacity
        self._slack = slack
        self._papers: dict[int, Kept] = {}
        self.revised = 0
        self.counts = Counts((None, 0))

    def __len__(self) -> int:
        return len(self._papers)

    @property
    def since(self) -> int:
        """From which `revised` on the store must be asked for what has changed."""
        return self.revised - OVERLAP

    def forget_changed(self, revised: Iterable[tuple[int, int]]) -> None:
        """Let go of papers, given as (id, revised), that are not what was read of them."""
        for number, at in revised:
            self.revised = max(self.revised, at)
            kept = self._papers.get(number)
            if kept is not None and kept.revised != at:
                del self._papers[number]

    def found(self, numbers: Sequence[int]) -> tuple[dict[int, Lean], list[int]]:
        """The papers of some ids that are here, and the other ids."""
        here = self._papers
        found = {number: here[number].paper for number in numbers if number in here}
        return found, [number for number in numbers if number not in found]

    def put(self, papers: Mapping[int, Kept]) -> None:
        """Keep papers; the oldest go where there are too many: what is asked for is mostly what is new."""
        self._papers.update(papers)
        if len(self._papers) > self._capacity + self._slack:
            for number in sorted(self._papers)[: -self._capacity]:
                del self._papers[number]
