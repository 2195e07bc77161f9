"""Pace over processes: who may ask a host, and who may send on a channel, now.

Both are rows: no connection-bound lock, which breaks behind a pooler and outlives a dead process on a half-open line.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update

from paperlark.store.database import Store, Transaction
from paperlark.store.tables import LANE, PACE


class StorePace:
    """`model.messages.Pace` kept in the store: the processes that share it take turns."""

    def __init__(self, store: Store, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._store = store
        self._sleep = sleep

    async def wait(self, what: str, *, seconds_apart: float) -> None:
        """Take the next free moment for `what`, and return when it has come."""
        async with self._store.transaction() as tx:
            now = await tx.now()
            mine = await _next_free(tx, what, now, timedelta(seconds=seconds_apart))
        if mine > now:
            await self._sleep((mine - now).total_seconds())


async def _next_free(tx: Transaction, what: str, now: datetime, apart: timedelta) -> datetime:
    """Move the free moment on by one turn; returns the one that is ours."""
    await tx.insert_new(PACE, [{"what": what, "free_at": now}])
    row = (await tx.execute(select(PACE.c.free_at).where(PACE.c.what == what).with_for_update())).one()
    mine: datetime = max(row.free_at, now)
    await tx.execute(update(PACE).where(PACE.c.what == what).values(free_at=mine + apart))
    return mine


async def take_lane(tx: Transaction, channel: str, token: str | None, now: datetime, lease: timedelta) -> str | None:
    """Take a channel's lane, or keep it (`token` is the one held). Returns the token, or None: somebody else has it."""
    token = token or secrets.token_hex(8)
    insert = tx.insert(LANE)
    await tx.execute(
        insert.on_conflict_do_update(
            index_elements=["channel"],
            set_={"lease_token": insert.excluded.lease_token, "lease_until": insert.excluded.lease_until},
            where=(LANE.c.lease_token == insert.excluded.lease_token) | (LANE.c.lease_until < now),
        ),
        [{"channel": channel, "lease_token": token, "lease_until": now + lease}],
    )
    holder = (await tx.execute(select(LANE.c.lease_token).where(LANE.c.channel == channel))).scalar_one()
    return token if holder == token else None


async def leave_lane(tx: Transaction, channel: str, token: str) -> None:
    """Give a lane back."""
    await tx.execute(delete(LANE).where(LANE.c.channel == channel, LANE.c.lease_token == token))
