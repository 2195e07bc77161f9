"""What a platform told us: kept before it is acknowledged, and each update but once, however often it is told.

An update is open until it is `done`; who holds the platform's lane takes the open ones in the order in which they came.
Of one that is done only the number is kept, to know a repeat by; what its sender wrote is not.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from paperlark.store.columns import storable
from paperlark.store.database import Transaction
from paperlark.store.tables import INBOUND_UPDATE

FRESH_FOR = timedelta(days=1)  # as long as Telegram itself keeps an update; who asked does not wait any more
KNOWN_FOR = timedelta(days=2)
_DIGITS = 20  # the numbers are kept as text that sorts as they do


@dataclass(frozen=True, slots=True)
class Inbound:
    """An update as it came."""

    platform: str
    number: int
    body: Mapping[str, Any]


async def keep(tx: Transaction, platform: str, updates: Sequence[tuple[int, Mapping[str, Any]]], now: datetime) -> None:
    """Keep updates, by their numbers; those that are known already stay as they are, done or not.

    Raises ValueError for a number that is none.
    """
    rows = [
        {"platform": platform, "update_id": _written(number), "body": storable(dict(body)), "received_at": now}
        for number, body in updates
    ]
    await tx.insert_new(INBOUND_UPDATE, rows)


async def waiting(
    tx: Transaction, platform: str, now: datetime, *, limit: int, besides: Collection[int] = ()
) -> list[Inbound]:
    """The open updates of the last day, in the order in which they came, without those in hand already."""
    found = (
        select(INBOUND_UPDATE.c.update_id, INBOUND_UPDATE.c.body)
        .where(
            INBOUND_UPDATE.c.platform == platform,
            INBOUND_UPDATE.c.done_at.is_(None),
            INBOUND_UPDATE.c.received_at > now - FRESH_FOR,
        )
        .order_by(INBOUND_UPDATE.c.received_at, INBOUND_UPDATE.c.update_id)
        .limit(limit + len(besides))
    )
    rows = [Inbound(platform, int(row.update_id), row.body) for row in await tx.execute(found)]
    return [row for row in rows if row.number not in besides][:limit]


async def done(tx: Transaction, platform: str, number: int, now: datetime) -> None:
    """An update has been answered, or never will be."""
    mine = (INBOUND_UPDATE.c.platform == platform) & (INBOUND_UPDATE.c.update_id == _written(number))
    await tx.execute(update(INBOUND_UPDATE).where(mine).values(done_at=now, body={}))


async def forget(tx: Transaction, now: datetime, limit: int) -> int:
    """Forget at most so many of those that are old, done or not. Returns how many there were."""
    return await tx.delete_some(INBOUND_UPDATE, INBOUND_UPDATE.c.received_at < now - KNOWN_FOR, limit=limit)


def _written(number: int) -> str:
    if not 0 <= number < 10**_DIGITS:
        raise ValueError(f"not the number of an update: {number}")
    return f"{number:0{_DIGITS}}"
