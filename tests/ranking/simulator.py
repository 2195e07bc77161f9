"""Simulated days of papers and what is counted of them: heavy-tailed totals, each coming in at its own pace.

A simulation shows what the rule does with such histories. It is no claim on how real votes come.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from paperlark.model.signals import History, Reading, Series

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
READ_EVERY = 6 * HOUR


@dataclass(frozen=True, slots=True)
class Simulated:
    """A paper of a day: how many votes it gets in the end, how long half of them take, and how long it sleeps first."""

    id: int
    day: int
    votes: int
    pace: timedelta = 8 * HOUR
    sleeps: timedelta = timedelta(0)

    @property
    def announced_at(self) -> datetime:
        """When its source told of it."""
        return MIDNIGHT + timedelta(days=self.day)

    def readings(self, now: datetime) -> tuple[Reading, ...]:
        """Its count whenever a poll found it changed, until `now`."""
        found: list[Reading] = []
        at = self.announced_at
        while at <= now:
            awake = max(at - self.announced_at - self.sleeps, timedelta(0))
            count = round(self.votes * (1 - 0.5 ** (awake / self.pace)))
            if not found or found[-1].count != count:
                found.append(Reading(at, count))
            at += READ_EVERY
        return tuple(found)


def day_of(random: Random, day: int, papers: int, *, generosity: int) -> list[Simulated]:
    """A day on which the usual paper gets about `generosity` votes, and few get many times that."""
    return [
        Simulated(
            id=day * 1000 + number,
            day=day,
            votes=round(generosity * random.paretovariate(1.2)),
            pace=HOUR * random.uniform(4, 16),
        )
        for number in range(papers)
    ]


def histories(papers: Sequence[Simulated], now: datetime, *, times: Mapping[int, int] | None = None) -> list[History]:
    """What was read of the papers until `now`; all counts of a day in `times` are so many times as large."""
    told = [paper for paper in papers if paper.announced_at <= now]
    counts = {
        paper.id: tuple(Reading(each.at, each.count * (times or {}).get(paper.day, 1)) for each in paper.readings(now))
        for paper in told
    }
    latest: dict[int, list[int]] = {}
    for paper in told:
        latest.setdefault(paper.day, []).append(counts[paper.id][-1].count)
    return [
        History(
            paper.id,
            paper.announced_at,
            {"sim": paper.announced_at},
            (
                Series(
                    "sim",
                    "upvotes",
                    paper.announced_at,
                    counts[paper.id],
                    tuple(sorted(count for count in latest[paper.day] if count)),
                ),
            ),
        )
        for paper in told
    ]
