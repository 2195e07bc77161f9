"""What came when: a day's papers, and a week or a month with what was most noticed in it.

The order of a stretch is the measure of `ranking.trending` without the ageing of votes: a count in the usual count of
its own day and source, so that a quiet day's best stands beside a loud day's.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from paperlark.model.papers import at_midnight
from paperlark.model.signals import History, Reading, Series
from paperlark.ranking.trending import ranked
from paperlark.store import days, printed
from paperlark.store.database import Store
from paperlark.store.days import Counted
from paperlark.store.prints import Printed, Voted

NEVER = timedelta(days=100_000)  # after which a vote counts half: votes do not age here


@dataclass(frozen=True, slots=True)
class Day:
    """Some of a day's papers, most upvoted first. total: how many it has. earlier, later: the nearest days with papers;
    newest: the newest of all."""

    day: date
    papers: tuple[Printed, ...]
    total: int
    newest: date
    earlier: date | None
    later: date | None


@dataclass(frozen=True, slots=True)
class Place:
    """Right behind this paper of a day, which had so many upvotes."""

    upvotes: int
    paper_id: int


@dataclass(frozen=True, slots=True)
class Whole:
    """Some of a day's papers with all that is known of them, most upvoted first. after: where the next begin, None at
    the end."""

    papers: tuple[Printed, ...]
    after: Place | None
    earlier: date | None
    later: date | None


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some days in a row, `until` is the first after them. per_day: how many papers, days without any left out. best:
    the papers that were noticed most, the first first. earlier, later: the nearest days with papers around it."""

    since: date
    until: date
    per_day: Mapping[date, int]
    best: tuple[Printed, ...]
    earlier: date | None
    later: date | None


async def newest(store: Store) -> date | None:
    """The newest day (UTC) on which anything was announced."""
    return await days.newest(store)


async def of_day(store: Store, wanted: date | None, *, limit: int, after: int = 0) -> Day | None:
    """A day's papers (UTC), the newest day's where none is named; None where the archive is empty."""
    day = wanted or await newest(store)
    if day is None:
        return None
    liked = await days.liked(store, day, day + timedelta(days=1))
    if liked.newest is None:
        return None
    shown = await _papers(store, liked.papers[after : after + limit])
    return Day(day, shown, len(liked.papers), liked.newest, liked.earlier, liked.later)


async def whole(store: Store, day: date, *, limit: int, after: Place | None = None) -> Whole:
    """The next of a day's papers. A paper whose upvotes change meanwhile may be met again, or not at all."""
    liked = await days.liked(store, day, day + timedelta(days=1))
    left = liked.papers
    if after is not None:
        left = [each for each in left if (each.votes, each.paper_id) < (after.upvotes, after.paper_id)]
    shown = left[:limit]
    last = Place(shown[-1].votes, shown[-1].paper_id) if len(left) > limit else None
    return Whole(await _papers(store, shown), last, liked.earlier, liked.later)


async def _papers(store: Store, voted: Sequence[Voted]) -> tuple[Printed, ...]:
    """Those that are still there."""
    found = await printed.in_version(store, [(str(each.paper_id), each.version) for each in voted])
    return tuple(found[number] for number in (str(each.paper_id) for each in voted) if number in found)


async def stretch(store: Store, since: date, until: date, *, limit: int) -> Stretch:
    """The days from `since` until before `until`, with at most `limit` papers of them."""
    per_day, counted, (earlier, later) = await asyncio.gather(
        days.per_day(store, since, until), days.counted(store, since, until), days.around(store, since, until)
    )
    best = await asyncio.to_thread(_noticed, counted, at_midnight(until), limit)
    noticed = await printed.papers(store, best)
    return Stretch(since, until, per_day, tuple(noticed.values()), earlier, later)


def _noticed(counted: Sequence[Counted], now: datetime, limit: int) -> list[int]:
    """The papers that were noticed most: by their upvotes, where anybody counts those."""
    kinds = {kind for each in counted for kind in json.loads(each.counts)}
    weighed = kinds & {"upvotes"} or kinds
    by_day: dict[tuple[str, date, str], list[int]] = defaultdict(list)
    readings: dict[int, list[tuple[Counted, str, int]]] = defaultdict(list)
    for each in counted:
        for kind, number in json.loads(each.counts).items():
            if kind in weighed and number > 0:
                by_day[each.source, each.announced_at.date(), kind].append(number)
                readings[each.paper_id].append((each, kind, number))
    for numbers in by_day.values():
        numbers.sort()
    histories = [
        History(
            paper_id,
            min(each.announced_at for each, _, _ in found),
            {each.source: each.announced_at for each, _, _ in found},
            tuple(
                Series(
                    each.source,
                    kind,
                    each.announced_at,
                    (Reading(each.announced_at, number),),
                    tuple(by_day[each.source, each.announced_at.date(), kind]),
                )
                for each, kind, number in found
            ),
        )
        for paper_id, found in readings.items()
    ]
    return [score.paper_id for score in ranked(histories, now, half_life=NEVER)[:limit]]
