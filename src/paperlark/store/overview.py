"""How everything stands at one moment, for whoever watches from outside: what waits, what died, who is silent, which
sources are well. Numbers only; no reader, address or chat is in it.

It is read from the database, so that any process can be asked: the one that is met may be none that sends. Each
statement goes by an index of what is open or silent, and all of them together end after `SECONDS`.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Select, and_, case, func, select, text

from paperlark.model.problems import StoreError
from paperlark.store import outbox, sources, tally
from paperlark.store.database import Store, Transaction
from paperlark.store.outbox import IS_OPEN
from paperlark.store.sources import Polled
from paperlark.store.tables import ANNOUNCEMENT, DELIVERY, DESTINATION, LANE, PERCOLATION_BATCH, SOURCE
from paperlark.store.tally import Counted

SECONDS = 4.0
RETURNED = "mail came back"
"""How the reasons begin for which `readers.mailbox` sends nothing more to a mailbox."""


class Waiting(NamedTuple):
    """A channel's deliveries that are open: how many; how many of them are due, also those that their destinations hold
    back; and for how long the one that is claimed next waits, zero where none could be claimed."""

    open: int
    due: int
    oldest: timedelta


class LaneState(NamedTuple):
    """A channel's lane: held by somebody; out of order; told to wait."""

    held: bool
    broken: bool
    rests: bool


@dataclass(frozen=True, slots=True)
class Overview:
    """How everything stands at `now`. By channel: outbox, dead, lanes.

    silent: how many destinations are told nothing, by channel and why: "refused" (by the platform), "returned" (mail
    came back), "unconfirmed", "wish" (the reader's own). leases: how many are held, by what is leased. unpercolated:
    announcements that met no profile yet, and for how long the oldest waits. tallies: as `tally.known`.
    """

    now: datetime
    outbox: Mapping[str, Waiting]
    dead: Mapping[str, int]
    silent: Mapping[tuple[str, str], int]
    lanes: Mapping[str, LaneState]
    leases: Mapping[str, int]
    unpercolated: tuple[int, timedelta]
    sources: tuple[Polled, ...]
    tallies: Mapping[Counted, int]


async def overview(store: Store) -> Overview:
    """Everything, as the database holds it. Raises StoreError, also where it takes longer than `SECONDS`."""
    try:
        async with asyncio.timeout(SECONDS), store.reading() as tx:
            if tx.postgres:
                # A statement that nobody waits for any more ends there too. Compiling one takes longer than it does,
                # and what waits first is found by an index: it need not be sorted out of all that waits.
                await tx.execute(text(f"SET LOCAL statement_timeout = {int(SECONDS * 1000)}"))
                await tx.execute(text("SET LOCAL jit = off"))
                await tx.execute(outbox.BY_DUE)
            return await _overview(tx)
    except TimeoutError:
        raise StoreError(f"the database told nothing within {SECONDS:g} s") from None


async def _overview(tx: Transaction) -> Overview:
    now = await tx.now()
    return Overview(
        now=now,
        outbox=await _outbox(tx, now),
        dead=await _dead(tx),
        silent=await _silent(tx),
        lanes=await _lanes(tx, now),
        leases=await _leases(tx, now),
        unpercolated=await _unpercolated(tx, now),
        sources=tuple(await sources.polled(tx, now)),
        tallies=await tally.known(tx),
    )


async def _outbox(tx: Transaction, now: datetime) -> dict[str, Waiting]:
    found: dict[str, Waiting] = {}
    last = ""
    # A channel at a time, by the index of what is open: all of them at once would be read and sorted.
    while (channel := (await tx.execute(_next_channel(last))).scalar()) is not None:
        mine = select(func.count()).select_from(DELIVERY).where(IS_OPEN, DELIVERY.c.channel == channel)
        number = (await tx.execute(mine)).scalar_one()
        due = (await tx.execute(mine.where(DELIVERY.c.due_at <= now))).scalar_one()
        since = await outbox.waits_since(tx, channel, now) if due else None
        found[channel] = Waiting(number, due, now - since if since is not None else timedelta(0))
        last = channel
    return found


def _next_channel(after: str) -> Select[tuple[str | None]]:
    return select(func.min(DELIVERY.c.channel)).where(IS_OPEN, DELIVERY.c.channel > after)


async def _dead(tx: Transaction) -> dict[str, int]:
    wanted = select(DELIVERY.c.channel, func.count().label("number")).where(DELIVERY.c.state == "dead")
    return {row.channel: row.number for row in await tx.execute(wanted.group_by(DELIVERY.c.channel))}


async def _silent(tx: Transaction) -> dict[tuple[str, str], int]:
    why = case(
        (DESTINATION.c.paused_at.is_(None), "unconfirmed"),
        (DESTINATION.c.paused_reason.startswith(RETURNED), "returned"),
        # As the errors of all adapters begin.
        (DESTINATION.c.paused_reason.startswith(DESTINATION.c.channel + ": "), "refused"),
        else_="wish",
    )
    rows = await tx.execute(
        select(DESTINATION.c.channel, why.label("why"), func.count().label("number"))
        .where(text("(paused_at IS NOT NULL OR confirm_by IS NOT NULL)"))
        .group_by(DESTINATION.c.channel, why)
    )
    return {(row.channel, row.why): row.number for row in rows}


async def _lanes(tx: Transaction, now: datetime) -> dict[str, LaneState]:
    rows = await tx.execute(select(LANE.c.channel, LANE.c.lease_token, LANE.c.lease_until, LANE.c.broken_at,
                                   LANE.c.rests_until))  # fmt: skip
    return {
        row.channel: LaneState(
            held=bool(row.lease_token) and row.lease_until >= now,
            broken=row.broken_at is not None,
            rests=row.rests_until is not None and row.rests_until > now,
        )
        for row in rows
    }


async def _leases(tx: Transaction, now: datetime) -> dict[str, int]:
    open_batch = and_(PERCOLATION_BATCH.c.done_at.is_(None), PERCOLATION_BATCH.c.lease_until >= now)
    wanted = {
        "delivery": select(func.count()).where(DELIVERY.c.state == "claimed", DELIVERY.c.lease_until >= now),
        "source": select(func.count()).where(SOURCE.c.lease_token.is_not(None), SOURCE.c.lease_until >= now),
        "batch": select(func.count()).select_from(PERCOLATION_BATCH).where(open_batch),
    }
    return {what: (await tx.execute(number)).scalar_one() for what, number in wanted.items()}


async def _unpercolated(tx: Transaction, now: datetime) -> tuple[int, timedelta]:
    open_rows = ANNOUNCEMENT.c.percolated_at.is_(None)
    number = (await tx.execute(select(func.count()).select_from(ANNOUNCEMENT).where(open_rows))).scalar_one()
    first = select(ANNOUNCEMENT.c.first_seen).where(open_rows).order_by(ANNOUNCEMENT.c.id).limit(1)
    since: datetime | None = (await tx.execute(first)).scalar()
    return number, now - since if since is not None else timedelta(0)
