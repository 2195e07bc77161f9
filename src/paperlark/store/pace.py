"""Pace over processes: who may ask a host, and who may send on a channel, now.

Both are rows: no connection-bound lock, which breaks behind a pooler and outlives a dead process on a half-open line.
What a lane's holder leaves to the next one names addresses: they are sealed where there are keys (`sealed`).
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, literal, select, update

from paperlark.model.problems import StoreError
from paperlark.store.database import Store, Transaction
from paperlark.store.sealed import OPENING, UNKNOWN_KEY, Seals
from paperlark.store.tables import LANE, PACE

PLACE = "lane.recent"
LOOK_AGAIN = 0.5  # seconds: a turn that is taken may end sooner than it has to


class StorePace:
    """`model.messages.Pace` kept in the store: the processes that share it take turns."""

    def __init__(self, store: Store, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._store = store
        self._sleep = sleep

    @asynccontextmanager
    async def turn(self, what: str, *, seconds_apart: float, at_most: float) -> AsyncIterator[None]:
        """A turn with `what`, alone among all processes; see `Pace`. Nobody is first in line: who looks, takes."""
        apart = timedelta(seconds=seconds_apart)
        lease = max(timedelta(seconds=at_most), apart)
        while True:
            async with self._store.transaction() as tx:
                began = await tx.now()
                free_at = await _take_turn(tx, what, began, began + lease)
            if free_at is None:
                break
            await self._sleep(min((free_at - began).total_seconds(), LOOK_AGAIN))
        try:
            yield
        finally:
            async with self._store.transaction() as tx:
                await _end_turn(tx, what, held_until=began + lease, free_at=max(began + apart, await tx.now()))


async def _take_turn(tx: Transaction, what: str, now: datetime, until: datetime) -> datetime | None:
    """Take the turn if it is free, up to `until`; else the moment at which it is free at the latest."""
    insert = tx.insert(PACE)
    taken = await tx.execute(
        insert.on_conflict_do_update(
            index_elements=["what"], set_={"free_at": insert.excluded.free_at}, where=PACE.c.free_at <= now
        ).returning(PACE.c.what),
        {"what": what, "free_at": until},
    )
    if taken.first() is not None:
        return None
    free_at: datetime = (await tx.execute(select(PACE.c.free_at).where(PACE.c.what == what))).scalar_one()
    return free_at


async def _end_turn(tx: Transaction, what: str, *, held_until: datetime, free_at: datetime) -> None:
    """Let the others in at `free_at`, unless the turn took so long that it is somebody else's by now."""
    mine = (PACE.c.what == what) & (PACE.c.free_at == held_until)
    await tx.execute(update(PACE).where(mine).values(free_at=free_at))


@dataclass(frozen=True, slots=True)
class LaneTaken:
    """A channel's lane is ours: under this token, since when, and what was before.

    mine: it was ours already. until: up to when somebody before us may have sent. recent: what they remembered when
    they gave the lane back; None where they never did, or no key of ours opens it. ran_out: they fell silent. broken:
    as far as they knew, the channel is out of order.
    """

    token: str
    now: datetime
    mine: bool
    until: datetime
    recent: Mapping[str, Any] | None
    ran_out: bool = False
    broken: bool = False


async def take_lane(
    tx: Transaction, channel: str, token: str | None, now: datetime, lease: timedelta
) -> LaneTaken | None:
    """Take a channel's lane, or keep it (`token` is the one held). None: somebody else has it."""
    held = select(LANE).where(LANE.c.channel == channel).with_for_update()
    row = (await tx.execute(held)).one_or_none()
    if row is None:
        await tx.insert_new(LANE, [{"channel": channel, "lease_token": "", "lease_until": now, "recent": {}}])
        row = (await tx.execute(held)).one()
    mine = token is not None and row.lease_token == token
    if not mine and row.lease_token and row.lease_until >= now:
        return None
    token = token if mine and token else secrets.token_hex(8)
    taken: dict[str, Any] = {"lease_token": token, "lease_until": now + lease}
    if not mine:
        taken["recent"] = {}  # of no use any more: where we die without giving it back, nobody looks at it
    await tx.execute(update(LANE).where(LANE.c.channel == channel).values(taken))
    return LaneTaken(
        token,
        now,
        mine,
        min(row.lease_until, now),
        opened(row.recent, await tx.seals()) if not row.lease_token else None,
        ran_out=not mine and bool(row.lease_token),
        broken=row.broken_at is not None,
    )


async def leave_lane(tx: Transaction, channel: str, token: str, recent: Mapping[str, Any], now: datetime) -> None:
    """Give a lane back, with what the next holder must know of what was sent lately: `sent` and `rests` by address."""
    kept = kept_as(recent, await tx.seals())
    await tx.execute(
        update(LANE)
        .where(LANE.c.channel == channel, LANE.c.lease_token == token)
        .values(lease_token="", lease_until=now, recent=kept)
    )


def kept_as(recent: Mapping[str, Any], seals: Seals | None) -> dict[str, Any]:
    """A holder's memory with the addresses in it as they are kept. Its shape stays: who knows of no seals reads it."""
    return _renamed(recent, lambda name: seals.seal(name, PLACE)) if seals is not None else dict(recent)


def opened(recent: Mapping[str, Any] | None, seals: Seals | None) -> Mapping[str, Any] | None:
    """The memory that was kept; None where it holds an address that we cannot open: then nothing is known."""

    def open_one(name: str) -> str:
        if not name.startswith(OPENING):
            return name
        if seals is None:
            raise StoreError(UNKNOWN_KEY.format(PLACE))
        return seals.open(name, PLACE)

    try:
        return None if recent is None else _renamed(recent, open_one)
    except StoreError:
        return None


def _renamed(recent: Mapping[str, Any], rename: Callable[[str], str]) -> dict[str, Any]:
    # "" is no address: it stands for all of them together.
    by_address = {
        part: {rename(name) if name else name: told for name, told in recent[part].items()}
        for part in ("sent", "rests")
        if part in recent
    }
    return {**recent, **by_address}


async def note_rest(tx: Transaction, channel: str, now: datetime, until: datetime, *, broken: bool) -> None:
    """Let everybody know that a channel rests until then. broken: because it is out of order, since now if it was well
    before."""
    values: dict[str, Any] = {"rests_until": until}
    if broken:
        values["broken_at"] = func.coalesce(LANE.c.broken_at, literal(now, LANE.c.broken_at.type))
    await tx.execute(update(LANE).where(LANE.c.channel == channel).values(**values))


async def note_well(tx: Transaction, channel: str) -> None:
    """Let everybody know that a channel is in order again."""
    await tx.execute(update(LANE).where(LANE.c.channel == channel).values(broken_at=None, rests_until=None))
