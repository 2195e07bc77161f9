"""What a scrape costs with a million deliveries in the outbox, beside a bare count of them on the same database.

The store is asked anew, as it is once in five seconds however many scrape. 600,000 deliveries are open, 200,000 of them
due, of 200,000 destinations of which one in ten is paused: what is due first belongs to those.
"""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

from prometheus_client import CollectorRegistry
from sqlalchemy import func, select, text

from paperlark.interpreter import tune_python
from paperlark.log import set_up
from paperlark.metrics.scrape import KEPT_SECONDS, Watched
from paperlark.store.database import Store, open_store
from paperlark.store.tables import DELIVERY
from tests.databases import Fresh, postgres_databases, run_sql, sqlite_databases

DELIVERIES = 1_000_000
DESTINATIONS = DELIVERIES // 5
BITE = DELIVERIES // 20
TIMES = 9

NUMBERS = "WITH RECURSIVE n(i) AS (SELECT CAST(:first AS bigint) UNION ALL SELECT i + 1 FROM n WHERE i < :last)"
DESTINATION_ROWS = f"""
INSERT INTO destination (account_id, id, channel, address, zone, digest_at, weekday, cap, empty, created_at, paused_at,
                         paused_reason)
{NUMBERS}
SELECT i, i, 'telegram', 'a' || CAST(i AS text), 'UTC', '08:00', 0, 20, 'silent', :at,
       CASE WHEN i % 10 = 0 THEN :at END, CASE WHEN i % 10 = 0 THEN 'at your wish' END
FROM n
"""
DELIVERY_ROWS = f"""
INSERT INTO delivery (account_id, id, destination_id, channel, cadence, slot, state, first_due, due_at, attempts,
                      unconfirmed, in_flight, parts_sent, papers)
{NUMBERS}
SELECT i % {DESTINATIONS} + 1, i, i % {DESTINATIONS} + 1, 'telegram', 'daily', CAST(i AS text), :state, :due, :due, 0,
       0, :no, 0, 3
FROM n
"""


def measure(_data: Path, tell: Callable[[str], None]) -> list[dict[str, Any]]:
    """Both databases."""
    set_up(level="error")
    tune_python()
    with (
        tempfile.TemporaryDirectory() as folder,
        sqlite_databases(Path(folder)) as sqlite,
        postgres_databases() as postgres,
    ):
        return [asyncio.run(_scraped(name, fresh, tell)) for name, fresh in
                {"sqlite": sqlite, "postgres": postgres}.items()]  # fmt: skip


async def _scraped(name: str, fresh: Fresh, tell: Callable[[str], None]) -> dict[str, Any]:
    store = await open_store(fresh())
    try:
        began = time.perf_counter()
        await fill(store)
        tell(f"{name}: filled in {time.perf_counter() - began:.0f} s")
        now = 0.0
        watched = Watched(store, ["telegram"], CollectorRegistry(), ticks=lambda: now)

        async def anew() -> None:
            nonlocal now
            now += KEPT_SECONDS
            body, _ = await watched.told()
            assert b'paperlark_outbox_due_deliveries{channel="telegram"} 200000.0' in body

        ours = await _milliseconds(anew)
        again = await _milliseconds(watched.told)
        bare = await _milliseconds(lambda: _count(store))
    finally:
        await store.close()
    tell(f"{name}: {again:.2f} ms within five seconds of another")
    return {"name": f"scrape {name}", "ours": round(ours, 1), "unit": "ms", "beside": round(bare, 1),
            "what_beside": "a bare count", "ratio": round(ours / bare, 2)}  # fmt: skip


async def fill(store: Store) -> None:
    """A million deliveries: three in five are open, one in five is due."""
    at = await store.now()
    async with store.transaction() as tx:

        def told(moment: Any) -> Any:
            return moment if tx.postgres else moment.strftime("%Y-%m-%d %H:%M:%S.%f")

        await tx.execute(text(DESTINATION_ROWS), {"first": 1, "last": DESTINATIONS, "at": told(at)})
        for number in range(DELIVERIES // BITE):
            kind = number % 5
            state = "pending" if kind < 3 else "sent" if number < DELIVERIES // BITE - 1 else "dead"
            due = at + timedelta(hours=1) if kind in (0, 1) else at - timedelta(hours=1)
            await tx.execute(
                text(DELIVERY_ROWS),
                {"first": number * BITE + 1, "last": (number + 1) * BITE, "state": state,
                 "due": told(due + timedelta(seconds=number)), "no": False},
            )  # fmt: skip
    if store.postgres:  # as the server does by itself, a minute later
        await asyncio.to_thread(run_sql, store.url.replace("+psycopg", ""), "VACUUM ANALYZE delivery, destination")


async def _count(store: Store) -> None:
    async with store.reading() as tx:
        await tx.execute(select(func.count()).select_from(DELIVERY))


async def _milliseconds(step: Callable[[], Awaitable[object]]) -> float:
    taken = []
    for _ in range(TIMES):
        began = time.perf_counter()
        await step()
        taken.append(time.perf_counter() - began)
    return median(taken) * 1000
