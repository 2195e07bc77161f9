"""Percolation's side of the store: batches of announcements taken by lease, and what their percolation leaves.

Every recorded announcement is percolated: `percolated_at` is set last, a batch whose worker died comes back after its
lease, and everything written on the way is idempotent.
"""

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, delete, func, insert, literal, not_, or_, select, tuple_, update

from paperlark.model.ids import new_id
from paperlark.store.database import Transaction
from paperlark.store.matches import oldest_under_way
from paperlark.store.profiles import FORGOTTEN
from paperlark.store.rows import chunks, scalars
from paperlark.store.tables import (
    ANNOUNCEMENT,
    MATCH,
    OWED,
    PERCOLATION_BATCH,
    PROFILE_CHANGE,
    PROGRESS,
    SIGNAL,
    SOURCE_RECORD,
)

CATCH_UP = "catch-up"
BARRIER = "barrier"


@dataclass(frozen=True, slots=True)
class Told:
    """An announcement as percolation sees it."""

    id: int
    paper_id: int
    source: str
    occasion: str
    type: str
    announced_at: datetime
    first_seen: datetime
    owes: bool
    late: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """Some announcements, ours until the lease ends."""

    id: int
    lease_token: str
    announcements: tuple[Told, ...]

    @property
    def ids(self) -> list[int]:
        """Those of its announcements, oldest first."""
        return [told.id for told in self.announcements]


SignalKey = tuple[int, datetime]  # (announcement, when)


@dataclass(frozen=True, slots=True)
class FreshSignal:
    """New counts of a known announcement."""

    told: Told
    at: datetime
    counts: Mapping[str, int]

    @property
    def key(self) -> SignalKey:
        """What it is known by."""
        return self.told.id, self.at


_TOLD = (
    ANNOUNCEMENT.c.id,
    ANNOUNCEMENT.c.paper_id,
    ANNOUNCEMENT.c.source,
    ANNOUNCEMENT.c.occasion,
    ANNOUNCEMENT.c.type,
    ANNOUNCEMENT.c.announced_at,
    ANNOUNCEMENT.c.first_seen,
    ANNOUNCEMENT.c.owes,
    ANNOUNCEMENT.c.late,
)


def _untaken(now: datetime, limit: int) -> Select[Any]:
    """The oldest announcements (by id) that nobody has percolated or is at."""
    return (
        select(ANNOUNCEMENT.c.id)
        .outerjoin(PERCOLATION_BATCH, PERCOLATION_BATCH.c.id == ANNOUNCEMENT.c.batch_id)
        .where(
            ANNOUNCEMENT.c.percolated_at.is_(None),
            or_(PERCOLATION_BATCH.c.id.is_(None), PERCOLATION_BATCH.c.lease_until < now),
        )
        .order_by(ANNOUNCEMENT.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=ANNOUNCEMENT)
    )


async def next_up(tx: Transaction, now: datetime) -> int | None:
    """The announcement that the next batch begins with; nobody else takes it until this transaction ends."""
    found: int | None = (await tx.execute(_untaken(now, 1))).scalar()
    return found


async def claim(tx: Transaction, *, mark: int, now: datetime, lease: timedelta, limit: int) -> Batch | None:
    """Take the oldest announcements that nobody has percolated. None when there are none.

    mark: the boundary of the profile change log up to which the index has seen every change.
    """
    batch_id, token = new_id(), secrets.token_hex(8)
    open_rows = _untaken(now, limit)
    taken = update(ANNOUNCEMENT).where(ANNOUNCEMENT.c.id.in_(open_rows)).values(batch_id=batch_id).returning(*_TOLD)
    announcements = sorted((_told(row) for row in await tx.execute(taken)), key=lambda told: told.id)
    if not announcements:
        return None
    row = {"id": batch_id, "mark": mark, "lease_token": token, "lease_until": now + lease}
    await tx.insert_new(PERCOLATION_BATCH, [row])
    return Batch(batch_id, token, tuple(announcements))


async def as_recorded(tx: Transaction, announcements: Iterable[Told]) -> set[int]:
    """Those announcements (by id) whose papers are still what they alone told: nobody has said more since."""
    told = {announcement.paper_id: announcement for announcement in announcements}
    same: set[int] = set()
    for chunk in chunks(sorted(told)):
        wanted = (
            select(SOURCE_RECORD.c.paper_id, func.max(SOURCE_RECORD.c.seen_at).label("seen_at"))
            .where(SOURCE_RECORD.c.paper_id.in_(chunk))
            .group_by(SOURCE_RECORD.c.paper_id)
            .having(func.count() == 1)
        )
        found = {row.paper_id: row.seen_at for row in await tx.execute(wanted)}
        same |= {told[number].id for number, seen_at in found.items() if seen_at == told[number].first_seen}
    return same


async def keep(tx: Transaction, batch: Batch, lease_until: datetime) -> bool:
    """Hold on to a batch that takes long. False when it was lost to somebody else."""
    kept = await tx.execute(
        update(PERCOLATION_BATCH)
        .where(PERCOLATION_BATCH.c.id == batch.id, PERCOLATION_BATCH.c.done_at.is_(None))
        .values(lease_until=lease_until)
    )
    return kept.rowcount == 1


async def finish(tx: Transaction, batch: Batch, now: datetime) -> None:
    """The batch's announcements are percolated, and everything they owe is written."""
    await tx.execute(
        update(ANNOUNCEMENT)
        .where(ANNOUNCEMENT.c.batch_id == batch.id, ANNOUNCEMENT.c.percolated_at.is_(None))
        .values(percolated_at=now)
    )
    await tx.execute(update(PERCOLATION_BATCH).where(PERCOLATION_BATCH.c.id == batch.id).values(done_at=now))


async def release(tx: Transaction, batch: Batch, until: datetime) -> None:
    """Give a batch back: from this moment on anybody may take its announcements up."""
    await tx.execute(
        update(PERCOLATION_BATCH)
        .where(PERCOLATION_BATCH.c.id == batch.id, PERCOLATION_BATCH.c.done_at.is_(None))
        .values(lease_until=until - timedelta(milliseconds=1))
    )


async def write_matches(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep matches; what is there stays."""
    await tx.insert_new(MATCH, [dict(row) for row in rows])


async def write_owed(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep what is owed: once ever for a destination, a paper and an occasion."""
    await tx.insert_new(OWED, [dict(row) for row in rows])


async def anything_open(tx: Transaction) -> bool:
    """Is any announcement not percolated yet?"""
    return (
        await tx.execute(select(ANNOUNCEMENT.c.id).where(ANNOUNCEMENT.c.percolated_at.is_(None)).limit(1))
    ).first() is not None


async def waiting(tx: Transaction) -> int:
    """How many announcements are not percolated yet."""
    found: int = (
        await tx.execute(select(func.count()).select_from(ANNOUNCEMENT).where(ANNOUNCEMENT.c.percolated_at.is_(None)))
    ).scalar_one()
    return found


# ── profiles that were applied late ────────────────────────────────────────────────────────────────────────────────


async def caught_up_to(tx: Transaction) -> int:
    """The mark of the change log below which every change was checked against what had been percolated without it."""
    return (await tx.execute(select(PROGRESS.c.mark).where(PROGRESS.c.what == CATCH_UP))).scalar() or 0


async def barrier(tx: Transaction) -> int:
    """The mark that an index must have seen before it may claim a batch; held in place until this transaction ends."""
    wanted = select(PROGRESS.c.mark).where(PROGRESS.c.what == BARRIER).with_for_update(read=True)
    mark: int = (await tx.execute(wanted)).scalar_one()
    return mark


async def raise_barrier(tx: Transaction, mark: int) -> None:
    """Let no index claim a batch that has not seen every change below `mark`. A barrier that is higher stays: somebody
    else relies on it."""
    await tx.execute(update(PROGRESS).where(PROGRESS.c.what == BARRIER, PROGRESS.c.mark < mark).values(mark=mark))


async def begin_again(tx: Transaction) -> None:
    """Forget how far everything has come: the database was restored, and its marks begin anew."""
    await tx.execute(update(PROGRESS).where(PROGRESS.c.what.in_((BARRIER, CATCH_UP))).values(mark=0))


async def begin_elsewhere(tx: Transaction, mark: int) -> None:
    """The rows were carried here from another database, whose marks say nothing here. What is not checked yet gets this
    mark, one line a profile, and is checked against every batch since; later changes come above it. The other lines go:
    what they told is in any index that is compiled from the profiles as they are. mark: above zero."""
    log, checked = PROFILE_CHANGE, await caught_up_to(tx)
    await tx.execute(delete(log).where(log.c.mark < checked))
    await tx.execute(update(log).values(mark=-log.c.mark))  # out of the way: the new mark may be among the old ones
    lines = select(
        log.c.account_id, literal(mark, log.c.mark.type), log.c.profile_id, func.max(log.c.version), func.min(log.c.at)
    ).group_by(log.c.account_id, log.c.profile_id)
    names = ["account_id", "mark", "profile_id", "version", "at"]
    await tx.execute(insert(log).from_select(names, lines))
    await tx.execute(delete(log).where(log.c.mark <= 0))
    await tx.execute(update(PERCOLATION_BATCH).values(mark=0))
    await tx.execute(delete(PROGRESS).where(PROGRESS.c.what == FORGOTTEN))
    await begin_again(tx)
    await set_caught_up(tx, mark)


async def oldest_mark(tx: Transaction) -> int | None:
    """The least mark that any batch's index had seen; None without batches."""
    return (await tx.execute(select(func.min(PERCOLATION_BATCH.c.mark)))).scalar()


async def set_caught_up(tx: Transaction, mark: int) -> None:
    """Everything below `mark` was checked."""
    insert = tx.insert(PROGRESS)
    await tx.execute(
        insert.on_conflict_do_update(index_elements=["what"], set_={"mark": mark}), [{"what": CATCH_UP, "mark": mark}]
    )


async def overlooked(tx: Transaction, *, since: datetime, mark: int, after: int, limit: int) -> list[Told]:
    """Announcements first seen at or after `since` whose batch had not seen the change at `mark`; ids above `after`."""
    wanted = (
        select(*_TOLD)
        .join(PERCOLATION_BATCH, PERCOLATION_BATCH.c.id == ANNOUNCEMENT.c.batch_id)
        .where(
            ANNOUNCEMENT.c.first_seen >= since,
            ANNOUNCEMENT.c.id > after,
            PERCOLATION_BATCH.c.mark <= mark,
        )
        .order_by(ANNOUNCEMENT.c.id)
        .limit(limit)
    )
    return [_told(row) for row in await tx.execute(wanted)]


# ── signals that changed ───────────────────────────────────────────────────────────────────────────────────────────


async def fresh_signals(
    tx: Transaction, limit: int, *, mark: int, but: Collection[SignalKey] = ()
) -> list[FreshSignal]:
    """The oldest counts that were refreshed and not percolated yet, of announcements that were; some left out.

    mark: the boundary of the change log up to which the index has seen every change. Counts that a profile concerns
    which is not below it, or not committed yet, are told of later: nobody checks them for it afterwards, as batches
    are checked.
    """
    wanted = (
        select(*_TOLD, SIGNAL.c.at, SIGNAL.c.counts)
        .join(SIGNAL, SIGNAL.c.announcement_id == ANNOUNCEMENT.c.id)
        .where(SIGNAL.c.percolated_at.is_(None), ANNOUNCEMENT.c.percolated_at.is_not(None))
        .order_by(SIGNAL.c.at, SIGNAL.c.announcement_id)
        .limit(limit)
    )
    if but:
        wanted = wanted.where(not_(tuple_(SIGNAL.c.announcement_id, SIGNAL.c.at).in_(list(but))))
    fresh = [FreshSignal(_told(row), row.at, row.counts) for row in await tx.execute(wanted)]
    until = await _unseen_since(tx, mark) if fresh else None
    return fresh if until is None else [signal for signal in fresh if signal.at < until]


async def _unseen_since(tx: Transaction, mark: int) -> datetime | None:
    """The moment since which profiles may count that an index with this mark has not seen; None where there are none.
    To be asked once that was read which is compared with it.

    A profile counts since a moment within its transaction. That may still be under way, or its change is there and not
    below the mark, which any open transaction of PostgreSQL holds down. Asked in this order: what ends in between is
    found. On SQLite whoever writes is alone.
    """
    under_way = await oldest_under_way(tx)
    unseen = await tx.execute(select(func.min(PROFILE_CHANGE.c.at)).where(PROFILE_CHANGE.c.mark >= mark))
    return min((moment for moment in (under_way, unseen.scalar()) if moment is not None), default=None)


async def counts_before(tx: Transaction, paper_id: int, moment: datetime) -> dict[str, int]:
    """A paper's counts, over all its sources, as they stood just before a moment."""
    wanted = (
        select(SIGNAL.c.counts)
        .join(ANNOUNCEMENT, ANNOUNCEMENT.c.id == SIGNAL.c.announcement_id)
        .where(ANNOUNCEMENT.c.paper_id == paper_id, SIGNAL.c.at < moment)
        .order_by(SIGNAL.c.at)
    )
    counts: dict[str, int] = {}
    for earlier in await scalars(tx, wanted):
        counts.update(earlier)
    return counts


async def finish_signals(tx: Transaction, signals: Iterable[FreshSignal], now: datetime) -> None:
    """These counts are percolated."""
    keys = [signal.key for signal in signals]
    for chunk in chunks(keys):
        await tx.execute(
            update(SIGNAL).where(tuple_(SIGNAL.c.announcement_id, SIGNAL.c.at).in_(chunk)).values(percolated_at=now)
        )


def _told(row: Row[Any]) -> Told:
    return Told(
        row.id, row.paper_id, row.source, row.occasion, row.type, row.announced_at, row.first_seen, row.owes, row.late
    )
