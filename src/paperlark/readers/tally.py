"""What a query brings, counted while the papers come: by day, by term, and for narrower readings. Pure."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from paperlark.matching.judge import Leaves
from paperlark.matching.lean import Lean
from paperlark.matching.query import Query
from paperlark.matching.tree import And, Leaf, Node, Not, Or
from paperlark.readers.lookback import Asked, Past, Telling, asks_what_was_told, moments
from paperlark.readers.narrower import HALF, Kind, Narrowed, competing, narrowed, without

EXAMPLES = 5
SAMPLE = 200  # papers that the query brings, the newest: narrower readings are found on them, and counted on all

FLOOD_A_DAY = 20  # papers on average: as many as a digest shows, unless told otherwise
FLOOD_ON_A_DAY = 60  # papers on one day
COMFORT = 8  # papers a day that a reader may well read: what narrower readings aim at


@dataclass(frozen=True, slots=True)
class Window:
    """The days looked at, first and last among them; the archive covers the last `covered` of them."""

    first: date
    last: date
    covered: int

    def __iter__(self) -> Iterator[date]:
        return (self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1))

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class Volume:
    """How much a query brings: papers in all, over so many days, and the most on one day."""

    total: int
    days: int
    most: int

    @property
    def a_day(self) -> float:
        """Papers a day on average, weekends among the days."""
        return self.total / self.days

    @property
    def floods(self) -> bool:
        """Whether that is more than anybody reads."""
        return self.a_day > FLOOD_A_DAY or self.most > FLOOD_ON_A_DAY

    def __str__(self) -> str:
        if not self.total:
            return "no paper"
        if self.a_day >= 1.5:
            return f"about {self.a_day:.0f} papers a day"
        return "about one paper a day" if self.a_day >= 0.7 else f"about one paper every {1 / self.a_day:.0f} days"


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a query: how many of the papers it is in, and how many would not be there without it."""

    text: str
    papers: int
    alone: int


class Tally:
    """The count of one query. Give it the candidates, the newest first, then say that this was the end.

    Narrower readings are found once there is a sample, and held against everything that the query itself brings.
    """

    def __init__(
        self,
        asked: Asked,
        window: Window,
        *,
        occasions: Collection[str],
        candidates: int,
        background: Sequence[Lean],
    ) -> None:
        self.asked = asked
        self.window = window
        self.per_day: Counter[date] = Counter()
        self.newest: list[Telling] = []
        self.shares = Shares(asked.query, asked.leaves)
        self.readings: list[tuple[Kind, Asked, Counter[date]]] = []
        self._compared = False
        self._occasions = occasions
        self._facts = asks_what_was_told(asked.query)
        self._candidates = candidates
        self._background = background
        self._judged = 0
        self._sample: list[Lean] = []
        self._waiting: list[
            Sequence[Telling]
        ] = []  # what meets the query and was not yet held against narrower readings

    def volume(self, per_day: Counter[date]) -> Volume:
        """How much it is that was counted."""
        return Volume(per_day.total(), self.window.covered, max(per_day.values(), default=0))

    def take(self, pasts: Sequence[Past]) -> None:
        """Count some candidates."""
        self._judged += len(pasts)
        for past in pasts:
            met = self.asked.met(moments(past, self._occasions, facts=self._facts))
            told = [telling for telling in self.asked.told(met) if telling.day in self.window]
            if told:
                self._waiting.append(met)
                self._count(told)
        if len(self._waiting) >= SAMPLE or self._compared:
            self._compare()

    def end(self) -> None:
        """There are no more."""
        if self._waiting:
            self._compare()

    def _count(self, told: Sequence[Telling]) -> None:
        self.per_day.update(telling.day for telling in told)
        if len(self.newest) < EXAMPLES or _age(told[-1]) > _age(self.newest[-1]):
            self.newest = sorted([*self.newest, *told], key=_age, reverse=True)[:EXAMPLES]
        for telling in told:
            self.shares.count(telling.paper)
        if len(self._sample) < SAMPLE:
            self._sample.append(told[0].paper)

    def _compare(self) -> None:
        """Hold what waits against the narrower readings."""
        if not self._compared:
            self._compared = True
            leaves = self.asked.leaves
            self.readings = [(kind, Asked(query, more, leaves), Counter()) for kind, query, more in self._narrowed()]
        for wider in self._waiting:
            for _, reading, per_day in self.readings:
                if met := reading.met(wider):
                    for telling in reading.told(met):
                        if telling.day in self.window:
                            per_day[telling.day] += 1
        self._waiting.clear()

    def _narrowed(self) -> Sequence[Narrowed]:
        noisiest = self.shares.noisiest()
        expected = self.per_day.total() / self._judged * self._candidates / self.window.covered
        return narrowed(
            self.asked.query,
            self._sample,
            self._background,
            aim=min(HALF, COMFORT / expected),
            noisiest=noisiest[0] if noisiest else None,
        )


def _age(telling: Telling) -> tuple[date, int]:
    return telling.day, telling.heard.id


class Shares:
    """Which part of a query brings how much."""

    def __init__(self, query: Query, leaves: Leaves) -> None:
        self._terms = [_Part(query.tree, leaf, leaves) for leaf in dict.fromkeys(_asked_for(query.tree))]
        self._competing = [_Part(query.tree, node, leaves) for node in competing(query.tree)]

    def count(self, paper: Lean) -> None:
        """Count a paper that meets the query."""
        for part in self._terms:
            part.count(paper)
        for part in self._competing:
            part.count(paper)

    def of_terms(self) -> tuple[Share, ...]:
        """Of every term that is asked for, in the order of writing."""
        return tuple(part.share for part in self._terms)

    def noisiest(self) -> tuple[Node, Share] | None:
        """Of the parts between which the query leaves a choice, the one that brings most alone; None where there is
        no choice, or no part brings anything alone."""
        noisy = max(self._competing, key=lambda part: (part.alone, part.papers), default=None)
        return (noisy.node, noisy.share) if noisy is not None and noisy.alone else None


class _Part:
    """A part of a query, and what it brings."""

    def __init__(self, tree: Node, node: Node, leaves: Leaves) -> None:
        left = without(tree, node)
        self.node = node
        self.papers = self.alone = 0
        self._meets = leaves.checker(Query(node))
        self._meets_without = leaves.checker(Query(left)) if left is not None else lambda paper: False

    @property
    def share(self) -> Share:
        return Share(str(self.node), self.papers, self.alone)

    def count(self, paper: Lean) -> None:
        if self._meets(paper):
            self.papers += 1
            self.alone += not self._meets_without(paper)


def _asked_for(node: Node) -> Iterator[Leaf]:
    """The leaves that are not excluded."""
    if isinstance(node, And | Or):
        for part in node.parts:
            yield from _asked_for(part)
    elif not isinstance(node, Not):
        yield node
