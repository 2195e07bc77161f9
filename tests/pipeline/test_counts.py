"""Counts: nothing is counted twice, and what could not be written is written later."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from paperlark.model.problems import StoreError
from paperlark.pipeline.counts import DELIVERIES, DUE_TO_SENT, Counts
from paperlark.store import tally
from paperlark.store.database import Store, open_store
from paperlark.store.tally import SUM, Counted
from tests.databases import Fresh


async def known(store: Store) -> dict[Counted, int]:
    async with store.reading() as tx:
        return await tally.known(tx)


async def test_what_several_processes_count_is_added_up(store: Store) -> None:
    for _ in range(3):
        counts = Counts()
        counts.add(DELIVERIES, "fake", "sent", number=2)
        counts.took(DUE_TO_SENT, "fake", "instant", time=timedelta(seconds=90))
        await counts.keep(store)
        await counts.keep(store)
    assert await known(store) == {
        Counted(DELIVERIES, "fake sent"): 6,
        Counted(DUE_TO_SENT, "fake instant", "120"): 3,
        Counted(DUE_TO_SENT, "fake instant", SUM): 270_000,
    }


async def test_what_cannot_be_written_now_is_written_next_time(sqlite_store: Store, sqlite: Fresh) -> None:
    counts = Counts()
    counts.add(DELIVERIES, "fake", "sent")
    broken = await open_store(sqlite())
    async with broken.transaction() as tx:
        await tx.execute(text("DROP TABLE tally"))
    with pytest.raises(StoreError):
        await counts.keep(broken)
    await broken.close()
    counts.add(DELIVERIES, "fake", "sent")
    await counts.keep(sqlite_store)
    assert await known(sqlite_store) == {Counted(DELIVERIES, "fake sent"): 2}


async def test_a_time_beyond_every_bound_and_one_below_nothing_are_counted(sqlite_store: Store) -> None:
    counts = Counts()
    counts.took(DUE_TO_SENT, "fake", "daily", time=timedelta(days=9))
    counts.took(DUE_TO_SENT, "fake", "daily", time=timedelta(seconds=-3))
    await counts.keep(sqlite_store)
    found = await known(sqlite_store)
    assert found[Counted(DUE_TO_SENT, "fake daily", tally.BEYOND)] == 1
    assert found[Counted(DUE_TO_SENT, "fake daily", "1")] == 1
