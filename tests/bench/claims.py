"""A claim of a hundred deliveries, of 200,000 that are due at the same moment: what eight o'clock asks of the outbox.

Ours looks whose turn it is, who is paused, and whether something of the same destination comes first. Beside it, in
turns on the same rows: the bare claim of a queue that knows no readers (the first hundred due that nobody holds), and
on PostgreSQL ours as its planner would have it, which finds all that is due and sorts it (`outbox.BY_DUE`).
"""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import select, text, tuple_, update

from paperlark.log import set_up
from paperlark.matching.query import Query, parse
from paperlark.store import outbox
from paperlark.store.database import Store, Transaction, open_store
from paperlark.store.tables import DELIVERY
from tests.bench.api import Bulk
from tests.bench.readers import fill, who
from tests.databases import Fresh, postgres_databases, sqlite_databases

DUE, AT_ONCE, ROUNDS = 200_000, 100, 11
EIGHT = datetime(2026, 1, 6, 8, tzinfo=UTC)
LEASE = timedelta(minutes=2)
SORTED = text("SET LOCAL enable_sort = on")

Claim = Callable[[Transaction, datetime], Awaitable[list[int]]]


def measure(_data: Path, tell: Callable[[str], None]) -> list[dict[str, Any]]:
    """A row for each database and what is beside it."""
    set_up(level="error")
    with (
        tempfile.TemporaryDirectory() as folder,
        sqlite_databases(Path(folder)) as sqlite,
        postgres_databases() as postgres,
    ):
        rows = []
        for name, fresh in {"sqlite": sqlite, "postgres": postgres}.items():
            taken = asyncio.run(compared(fresh, DUE, ROUNDS))
            tell(f"{name}: {DUE:,} due, {AT_ONCE} claimed, ms: {taken}")
            rows += [
                {"name": f"claims {name}", "ours": taken["ours"], "unit": "ms", "beside": taken[beside],
                 "what_beside": beside, "ratio": round(taken["ours"] / taken[beside], 3)}
                for beside in taken
                if beside != "ours"
            ]  # fmt: skip
        return rows


async def compared(fresh: Fresh, due: int, rounds: int) -> dict[str, float]:
    """Milliseconds of each claim, in the middle of so many."""
    store = await open_store(fresh())
    try:
        await asyncio.to_thread(_furnish, store, parse("larks"), due)
        claims: dict[str, Claim] = {"ours": _ours, "a bare queue": _bare}
        if store.postgres:
            claims["ours, sorted"] = _sorted
        taken: dict[str, list[float]] = {name: [] for name in claims}
        for number in range(rounds + 1):
            for name, claim in claims.items():
                seconds = await _timed(store, claim)
                if number:  # the first is not counted
                    taken[name].append(seconds)
        return {name: round(median(seconds) * 1000, 1) for name, seconds in taken.items()}
    finally:
        await store.close()


def _furnish(store: Store, query: Query, due: int) -> None:
    fill(store, [query] * due)
    bulk = Bulk(store)
    bulk.write(DELIVERY, (
        {"account_id": each.account, "id": each.subscription + 1, "destination_id": each.destination,
         "channel": "telegram", "cadence": "daily", "slot": "2026-01-06", "state": "pending", "first_due": EIGHT,
         "due_at": EIGHT, "attempts": 0, "unconfirmed": 0, "in_flight": False, "parts_sent": 0, "papers": 1}
        for each in map(who, range(due))
    ))  # fmt: skip
    bulk.end()


async def _timed(store: Store, claim: Claim) -> float:
    began = time.perf_counter()
    async with store.transaction() as tx:
        claimed = await claim(tx, await tx.now())
    seconds = time.perf_counter() - began
    assert len(set(claimed)) == AT_ONCE, f"{len(set(claimed))} claimed"
    async with store.transaction() as tx:  # as sending them would
        await tx.execute(update(DELIVERY).where(DELIVERY.c.id.in_(claimed)).values(state="sent"))
    return seconds


async def _ours(tx: Transaction, now: datetime) -> list[int]:
    return [each.id for each in await outbox.claim(tx, "telegram", now=now, lease=LEASE, limit=AT_ONCE, share=16)]


async def _sorted(tx: Transaction, now: datetime) -> list[int]:
    by_due, outbox.BY_DUE = outbox.BY_DUE, SORTED
    try:
        return await _ours(tx, now)
    finally:
        outbox.BY_DUE = by_due


async def _bare(tx: Transaction, now: datetime) -> list[int]:
    key = tuple_(DELIVERY.c.account_id, DELIVERY.c.id)
    first = (
        select(DELIVERY.c.account_id, DELIVERY.c.id)
        .where(DELIVERY.c.channel == "telegram", outbox.IS_OPEN, DELIVERY.c.due_at <= now, outbox.idle(now))
        .order_by(DELIVERY.c.due_at)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    taken = (
        update(DELIVERY)
        .where(key.in_(first))
        .values(state="claimed", lease_until=now + LEASE, attempts=DELIVERY.c.attempts + 1)
        .returning(DELIVERY.c.id)
    )
    return list((await tx.execute(taken)).scalars())
