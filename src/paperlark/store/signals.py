"""What was counted over time, as `ranking.trending` wants it: all of it as it stood at a moment.

Nothing that was read or first seen after that moment is looked at: who reads on tomorrow, as of today, finds today's
order, whatever has come meanwhile.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import exists, select

from paperlark.model.papers import at_midnight
from paperlark.model.signals import History, Reading, Series
from paperlark.store.database import Transaction
from paperlark.store.rows import chunks, scalars
from paperlark.store.tables import ANNOUNCEMENT, SIGNAL

LATE_RISE = timedelta(days=31)
"""How long after its announcement a paper whose counts rise is still looked at: as long as counts are kept whole."""

Told = tuple[int, str, date]  # paper, source, UTC day of the announcement
Day = tuple[str, date]


async def moving(tx: Transaction, *, since: datetime, now: datetime) -> list[int]:
    """The papers that may be trending: their counts were read at or after `since`, or a source told of them then that
    was not the only one."""
    counted = (
        select(ANNOUNCEMENT.c.paper_id)
        .join(SIGNAL, SIGNAL.c.announcement_id == ANNOUNCEMENT.c.id)
        .where(ANNOUNCEMENT.c.announced_at >= since - LATE_RISE, SIGNAL.c.at >= since, SIGNAL.c.at <= now)
    )
    elsewhere = ANNOUNCEMENT.alias("elsewhere")
    seen_again = select(ANNOUNCEMENT.c.paper_id).where(
        ANNOUNCEMENT.c.announced_at >= since,
        ANNOUNCEMENT.c.first_seen <= now,
        exists().where(
            elsewhere.c.paper_id == ANNOUNCEMENT.c.paper_id,
            elsewhere.c.source != ANNOUNCEMENT.c.source,
            elsewhere.c.first_seen <= now,
        ),
    )
    return sorted(await scalars(tx, counted.union(seen_again)))


async def histories(tx: Transaction, paper_ids: Iterable[int], *, now: datetime) -> dict[int, History]:
    """All that was counted about some papers until `now`, by paper; ids that the archive did not hold then are left
    out."""
    ids = sorted(set(paper_ids))
    seen = await _seen(tx, ids, now)
    readings = await _readings(tx, ids, now)
    days = await _days(tx, {(source, day) for (_, source, day), _ in readings}, now)
    series: dict[int, list[Series]] = defaultdict(list)
    for (told, kind), (announced_at, found) in sorted(readings.items()):
        paper_id, source, day = told
        series[paper_id].append(Series(source, kind, announced_at, tuple(found), days[(source, day), kind]))
    return {
        paper_id: History(paper_id, min(sources.values()), sources, tuple(series[paper_id]))
        for paper_id, sources in seen.items()
    }


async def _seen(tx: Transaction, ids: list[int], now: datetime) -> dict[int, dict[str, datetime]]:
    """Since when each source has told of each paper."""
    seen: dict[int, dict[str, datetime]] = defaultdict(dict)
    for chunk in chunks(ids):
        wanted = select(ANNOUNCEMENT.c.paper_id, ANNOUNCEMENT.c.source, ANNOUNCEMENT.c.announced_at).where(
            ANNOUNCEMENT.c.paper_id.in_(chunk), ANNOUNCEMENT.c.first_seen <= now
        )
        for row in await tx.execute(wanted):
            sources = seen[row.paper_id]
            sources[row.source] = min(row.announced_at, sources.get(row.source, row.announced_at))
    return seen


async def _readings(
    tx: Transaction, ids: list[int], now: datetime
) -> dict[tuple[Told, str], tuple[datetime, list[Reading]]]:
    """Each kind of count of each paper by source and day, oldest first, with when it was announced there."""
    found: dict[tuple[Told, str], tuple[datetime, list[Reading]]] = {}
    for chunk in chunks(ids):
        wanted = (
            select(
                ANNOUNCEMENT.c.paper_id,
                ANNOUNCEMENT.c.source,
                ANNOUNCEMENT.c.announced_at,
                SIGNAL.c.at,
                SIGNAL.c.counts,
            )
            .join(SIGNAL, SIGNAL.c.announcement_id == ANNOUNCEMENT.c.id)
            .where(ANNOUNCEMENT.c.paper_id.in_(chunk), SIGNAL.c.at <= now)
            .order_by(SIGNAL.c.at, SIGNAL.c.announcement_id)
        )
        for row in await tx.execute(wanted):
            told = (row.paper_id, row.source, _day(row.announced_at))
            for kind, count in row.counts.items():
                _, readings = found.setdefault((told, kind), (row.announced_at, []))
                readings.append(Reading(row.at, count))
    return found


async def _days(tx: Transaction, days: Iterable[Day], now: datetime) -> Mapping[tuple[Day, str], tuple[int, ...]]:
    """What each source counted on each day: the latest positive counts of its papers, by kind, ascending."""
    by_day: dict[date, set[str]] = defaultdict(set)
    for source, day in days:
        by_day[day].add(source)
    latest: dict[tuple[Day, str], dict[int, int]] = defaultdict(dict)
    for day, sources in sorted(by_day.items()):
        start = at_midnight(day)
        wanted = (
            select(ANNOUNCEMENT.c.paper_id, ANNOUNCEMENT.c.source, SIGNAL.c.counts)
            .join(SIGNAL, SIGNAL.c.announcement_id == ANNOUNCEMENT.c.id)
            .where(
                ANNOUNCEMENT.c.announced_at >= start,
                ANNOUNCEMENT.c.announced_at < start + timedelta(days=1),
                ANNOUNCEMENT.c.source.in_(sorted(sources)),
                SIGNAL.c.at <= now,
            )
            .order_by(SIGNAL.c.at, SIGNAL.c.announcement_id)
        )
        for row in await tx.execute(wanted):
            for kind, count in row.counts.items():
                latest[(row.source, day), kind][row.paper_id] = count
    return {key: tuple(sorted(count for count in counts.values() if count > 0)) for key, counts in latest.items()}


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()
