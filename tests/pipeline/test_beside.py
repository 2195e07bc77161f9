"""A long import is percolated by two processes, and nobody can tell it from one."""

import asyncio
import os
import signal
from datetime import timedelta

import pytest
from sqlalchemy import select

from paperlark.pipeline import beside
from paperlark.pipeline.beside import Beside
from paperlark.pipeline.percolate import Percolator
from paperlark.pipeline.recent import Recent
from paperlark.store import percolation
from paperlark.store.database import Store, open_store
from paperlark.store.tables import DELIVERY
from tests.builders import matches, numbered, owed, reader, record, rows

pytestmark = pytest.mark.skipif(beside.cores() < 2, reason="a second process is started only where there are two cores")


async def waiting(store: Store) -> int:
    async with store.reading() as tx:
        return await percolation.waiting(tx)


async def test_a_long_import_is_percolated_by_a_child_once_and_whole(store: Store) -> None:
    ann = await reader(store, "larks")
    percolator = Percolator(store, lease=timedelta(minutes=2))
    both = Beside(store, percolator, Recent(), lease=timedelta(minutes=2))
    found = set()
    for start in range(0, 2_400, 400):
        recorded = await record(store, *numbered(400, start=start))
        found |= set(recorded.papers)
        await both.keep_up(400)
    assert both.running
    await both.end()
    assert not both.running
    assert await waiting(store) == 0, "this process has percolated nothing: the child has"
    assert sorted(m["paper_id"] for m in await matches(store)) == sorted(found)
    assert sorted(o["paper_id"] for o in await owed(store)) == sorted(found)
    assert {m["account_id"] for m in await matches(store)} == {ann.account_id}
    await percolator.close()


async def test_a_short_import_starts_no_child(store: Store) -> None:
    percolator = Percolator(store, lease=timedelta(minutes=2))
    alone = Beside(store, percolator, Recent(), lease=timedelta(minutes=2))
    await record(store, *numbered(20))
    await alone.keep_up(20)
    assert not alone.running
    await percolator.close()


async def test_what_a_killed_child_held_comes_back_with_its_lease(store: Store) -> None:
    await reader(store, "larks")
    lease = timedelta(seconds=1)
    percolator = Percolator(store, lease=lease)
    both = Beside(store, percolator, Recent(), lease=lease)
    await both.keep_up(beside.LONG)
    await record(store, *numbered(1_500))
    assert both.child_pid is not None
    os.kill(both.child_pid, signal.SIGKILL)
    await both.end()
    async with asyncio.timeout(20):
        while await waiting(store):
            await percolator.run()
            await asyncio.sleep(0.1)
    assert len(await matches(store)) == 1_500
    await percolator.close()


async def test_the_child_opens_what_is_sealed(store_url: str) -> None:
    """What owes thousands is planned by whoever owes it, and to plan is to read where its reader is told."""
    store = await open_store(store_url, keys=["k" * 32])
    for topic in ("larks", "study", "tells"):
        await reader(store, topic, topic)
    percolator = Percolator(store, lease=timedelta(minutes=2))
    both = Beside(store, percolator, Recent(), lease=timedelta(minutes=2))
    await record(store, *numbered(1_200))
    await both.keep_up(beside.LONG)
    await both.end()
    assert await waiting(store) == 0, "this process has percolated nothing: the child has"
    assert len(await matches(store)) == 3 * 1_200
    assert {row["state"] for row in await rows(store, select(DELIVERY))} == {"pending"}, "planned, too"
    await percolator.close()
    await store.close()
