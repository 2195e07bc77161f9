"""The configured sources: their bookmarks, their leases, and how they are.

Polling is a query (`next_poll_at <= now`), so a restart re-polls nothing and any number of processes share the work.
"""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Row, or_, select, update

from paperlark import health
from paperlark.health import Standing
from paperlark.model.papers import Cursor
from paperlark.model.problems import ReaderError
from paperlark.model.sources import Evidence
from paperlark.store.database import Transaction
from paperlark.store.tables import SOURCE

_EVIDENCE = TypeAdapter(Evidence)


@dataclass(frozen=True, slots=True)
class Configured:
    """A configured source: what it is, where it stands, and how it is."""

    name: str
    kind: str
    options: Mapping[str, Any]
    cursor: Cursor
    baseline_at: datetime | None
    next_poll_at: datetime | None
    paused_reason: str | None
    polled_at: datetime | None
    good_at: datetime | None
    failures: int
    last_error: str | None
    seen: int
    new: int
    rejected: int
    evidence: Evidence = field(default_factory=Evidence)
    lease_token: str | None = None
    taken_over: bool = False  # from somebody whose lease ran out

    @property
    def standing(self) -> Standing:
        """What its health is judged by."""
        return Standing(
            name=self.name,
            evidence=self.evidence,
            polled_at=self.polled_at,
            good_at=self.good_at,
            next_poll_at=self.next_poll_at,
            failures=self.failures,
            last_error=self.last_error,
            paused_reason=self.paused_reason,
        )


async def add(tx: Transaction, name: str, kind: str, options: Mapping[str, Any], now: datetime) -> Configured:
    """Configure a source; its first poll is due at once. One that was removed comes back where it stood."""
    row = {"name": name, "kind": kind, "options": dict(options), "cursor": {}, "evidence": {},
           "added_at": now, "next_poll_at": now, "failures": 0, "seen": 0, "new": 0, "rejected": 0}  # fmt: skip
    insert = tx.insert(SOURCE)
    await tx.execute(
        insert.on_conflict_do_update(
            index_elements=["name"],
            set_={
                "kind": kind,
                "options": dict(options),
                "removed_at": None,
                "paused_reason": None,
                "next_poll_at": now,
            },
        ),
        [row],
    )
    return await get(tx, name)


async def note_import(tx: Transaction, name: str, kind: str, now: datetime) -> None:
    """Make a source known that papers were imported from; it is never polled."""
    await tx.insert_new(
        SOURCE,
        [{"name": name, "kind": kind, "options": {}, "cursor": {}, "evidence": {},
          "added_at": now, "next_poll_at": None, "failures": 0, "seen": 0, "new": 0, "rejected": 0}],
    )  # fmt: skip


async def get(tx: Transaction, name: str) -> Configured:
    """One source. Raises ReaderError when there is none of this name."""
    row = (await tx.execute(select(SOURCE).where(SOURCE.c.name == name, SOURCE.c.removed_at.is_(None)))).one_or_none()
    if row is None:
        raise ReaderError(f"there is no source {name}; `paperlark sources` lists them")
    return _configured(row)


async def was_ever(tx: Transaction, name: str) -> bool:
    """Was a source of this name ever configured, removed or not? One that was only imported from was not."""
    polled = or_(SOURCE.c.next_poll_at.is_not(None), SOURCE.c.removed_at.is_not(None))
    return (await tx.execute(select(SOURCE.c.name).where(SOURCE.c.name == name, polled))).first() is not None


async def listed(tx: Transaction) -> list[Configured]:
    """Every source, by name."""
    rows = await tx.execute(select(SOURCE).where(SOURCE.c.removed_at.is_(None)).order_by(SOURCE.c.name))
    return [_configured(row) for row in rows]


async def some(tx: Transaction, *, after: str, limit: int) -> list[Configured]:
    """The sources whose names come after one, by name: so many at most."""
    wanted = select(SOURCE).where(SOURCE.c.removed_at.is_(None), SOURCE.c.name > after)
    rows = await tx.execute(wanted.order_by(SOURCE.c.name).limit(limit))
    return [_configured(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Polled:
    """How a source that is polled is, for whoever watches. good_at: its last good poll; overdue: as `health` says."""

    kind: str
    state: str
    good_at: datetime | None
    overdue: bool


async def polled(tx: Transaction, now: datetime) -> list[Polled]:
    """Every source that is polled, judged at `now`: those that were not polled yet are "new", others may be "paused".

    There may be thousands: they are judged in a thread.
    """
    wanted = select(SOURCE).where(SOURCE.c.removed_at.is_(None), SOURCE.c.next_poll_at.is_not(None))
    rows = (await tx.execute(wanted)).all()
    return await asyncio.to_thread(lambda: [_polled(_configured(row), now) for row in rows])


def _polled(source: Configured, now: datetime) -> Polled:
    standing = source.standing
    found = health.judge(standing, now)
    state = str(found.state) if found is not None else "new" if source.paused_reason is None else "paused"
    return Polled(source.kind, state, source.good_at, health.overdue(standing, now))


async def claim_due(
    tx: Transaction, now: datetime, lease: timedelta, *, limit: int, only: str | None = None
) -> list[Configured]:
    """Take the sources whose poll is due (or `only` one, due or not) by lease."""
    due = (SOURCE.c.name == only) if only else (SOURCE.c.next_poll_at <= now)
    mine = (
        select(SOURCE.c.name, SOURCE.c.lease_token)
        .where(
            due,
            SOURCE.c.paused_reason.is_(None),
            SOURCE.c.removed_at.is_(None),
            SOURCE.c.next_poll_at.is_not(None),
            or_(SOURCE.c.lease_until.is_(None), SOURCE.c.lease_until < now),
        )
        .order_by(SOURCE.c.next_poll_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    before = {row.name: row.lease_token for row in await tx.execute(mine)}
    if not before:
        return []
    taken = (
        update(SOURCE)
        .where(SOURCE.c.name.in_(list(before)))
        .values(lease_token=secrets.token_hex(8), lease_until=now + lease)
        .returning(SOURCE)
    )
    claimed = [_configured(row) for row in await tx.execute(taken)]
    return [replace(source, taken_over=before[source.name] is not None) for source in claimed]


async def save_page(
    tx: Transaction,
    source: Configured,
    cursor: Cursor,
    evidence: Evidence,
    *,
    seen: int,
    new: int,
    rejected: int,
    lease_until: datetime,
) -> bool:
    """Move the bookmark past a page and keep the lease. False when the lease was lost: the page must not be kept."""
    return await _mine(
        tx,
        source,
        cursor=dict(cursor),
        evidence=_dumped(evidence),
        seen=SOURCE.c.seen + seen,
        new=SOURCE.c.new + new,
        rejected=SOURCE.c.rejected + rejected,
        lease_until=lease_until,
    )


async def count(tx: Transaction, name: str, *, seen: int, new: int, rejected: int) -> None:
    """Add to a source's counts, lease or not: papers were imported under its name."""
    await tx.execute(
        update(SOURCE)
        .where(SOURCE.c.name == name)
        .values(seen=SOURCE.c.seen + seen, new=SOURCE.c.new + new, rejected=SOURCE.c.rejected + rejected)
    )


async def finish_poll(
    tx: Transaction,
    source: Configured,
    evidence: Evidence,
    *,
    options: Mapping[str, Any],
    now: datetime,
    next_poll_at: datetime,
) -> bool:
    """A poll came to its end. The first such poll ends its baseline. options: as they are from now on."""
    return await _mine(
        tx,
        source,
        evidence=_dumped(evidence),
        options=dict(options),
        baseline_at=source.baseline_at or now,
        polled_at=now,
        good_at=now,
        failures=0,
        last_error=None,
        next_poll_at=next_poll_at,
        lease_token=None,
        lease_until=None,
    )


async def fail_poll(
    tx: Transaction,
    source: Configured,
    *,
    now: datetime,
    next_poll_at: datetime,
    error: str,
    gone: bool,
    begin_again: bool = False,
) -> bool:
    """A poll failed: say why, and when to ask again; a source that is gone for good is paused.

    begin_again: its bookmark goes back to where this poll began: what was answered is not to be taken for known.
    """
    return await _mine(
        tx,
        source,
        **({"cursor": dict(source.cursor)} if begin_again else {}),
        polled_at=now,
        failures=SOURCE.c.failures + 1,
        last_error=error[:500],
        next_poll_at=next_poll_at,
        paused_reason=error[:500] if gone else SOURCE.c.paused_reason,  # the operator may have paused it meanwhile
        lease_token=None,
        lease_until=None,
    )


async def release(tx: Transaction, source: Configured, *, not_before: datetime | None = None) -> None:
    """Give a lease back without a word on the source's health: it is not to blame. not_before: when it may be polled
    again, if that is later than when it was due."""
    later = {} if not_before is None else {"next_poll_at": max(source.next_poll_at or not_before, not_before)}
    await _mine(tx, source, lease_token=None, lease_until=None, **later)


async def pause(tx: Transaction, name: str, reason: str) -> None:
    """Stop polling a source until it is added again."""
    await get(tx, name)
    await tx.execute(update(SOURCE).where(SOURCE.c.name == name).values(paused_reason=reason))


async def remove(tx: Transaction, name: str, now: datetime) -> None:
    """Forget a source's configuration; its papers stay, and so does its bookmark."""
    await get(tx, name)
    await tx.execute(update(SOURCE).where(SOURCE.c.name == name).values(removed_at=now, next_poll_at=None))


async def note_health(tx: Transaction, source: Configured, evidence: Evidence) -> bool:
    """Remember of an illness what no poll says; False where a poll has begun or ended meanwhile: look again later."""
    changed = await tx.execute(
        update(SOURCE)
        .where(
            SOURCE.c.name == source.name,
            SOURCE.c.polled_at == source.polled_at,
            or_(SOURCE.c.lease_token.is_(None), SOURCE.c.lease_until < await tx.now()),
        )
        .values(evidence=_dumped(evidence))
    )
    return changed.rowcount == 1


def _dumped(evidence: Evidence) -> dict[str, Any]:
    dumped: dict[str, Any] = _EVIDENCE.dump_python(evidence, mode="json", exclude_defaults=True)
    return dumped


async def _mine(tx: Transaction, source: Configured, **values: Any) -> bool:
    changed = await tx.execute(
        update(SOURCE).where(SOURCE.c.name == source.name, SOURCE.c.lease_token == source.lease_token).values(**values)
    )
    return changed.rowcount == 1


def _configured(row: Row[Any]) -> Configured:
    return Configured(
        name=row.name,
        kind=row.kind,
        options=row.options,
        cursor=row.cursor,
        baseline_at=row.baseline_at,
        next_poll_at=row.next_poll_at,
        paused_reason=row.paused_reason,
        polled_at=row.polled_at,
        good_at=row.good_at,
        failures=row.failures,
        last_error=row.last_error,
        seen=row.seen,
        new=row.new,
        rejected=row.rejected,
        evidence=_EVIDENCE.validate_python(row.evidence),
        lease_token=row.lease_token,
    )
