"""The operator is told once when a source has been ill for a day, and once when it is well again, whatever dies."""

from collections.abc import AsyncIterator
from datetime import timedelta
from random import Random

import pytest

from paperlark.model.problems import SourceError
from paperlark.pipeline import ingest
from paperlark.pipeline.deliver import Deliverer
from paperlark.pipeline.watch import Operator, watch
from paperlark.store import sources
from paperlark.store.database import Store, open_store
from paperlark.testing.channels import FakeChannel
from paperlark.testing.clock import FakeClock
from paperlark.testing.sources import FakeSource
from tests.builders import LEASE, MONDAY, numbered, page

NAME = "journal"
DOWN = SourceError("fake: journal.example: 503 Service Unavailable")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MONDAY)


@pytest.fixture
async def store(store_url: str, clock: FakeClock) -> AsyncIterator[Store]:
    opened = await open_store(store_url, clock=clock)
    async with opened.transaction() as tx:
        await sources.add(tx, NAME, "fake", {}, clock())
    yield opened
    await opened.close()


async def poll(store: Store, source: FakeSource) -> None:
    (claimed,) = await ingest.due_sources(store, lease=LEASE, limit=1, only=NAME)
    await ingest.poll(store, claimed, source, lease=LEASE, jitter=Random(0))


async def test_the_operator_is_told_once_of_an_illness_and_once_of_its_end(store: Store, clock: FakeClock) -> None:
    channel = FakeChannel()
    operator = Operator(channel, "watchman")
    deliverer = Deliverer(store, channel, lease=LEASE, jitter=Random(0))
    source = FakeSource(script=[page(*numbered(2))])
    await poll(store, source)
    told = []
    for hours in range(60):
        if hours < 40:
            source.add(DOWN)
        else:
            source.add(page(*numbered(1, start=hours)))
        await poll(store, source)
        await watch(store, operator)
        await watch(store, operator)  # another process looks too
        await deliverer.run()
        told.append(len(channel.sent))
        clock.advance(hours=1)
    first, last = channel.sent
    assert (first.address, last.address) == ("watchman", "watchman")
    assert "journal is broken since" in str(first.payload.content) and "503" in str(first.payload.content)
    assert "journal is fresh again" in str(last.payload.content)
    assert 24 <= told.index(1) <= 32, "after a day, however soon it was called broken"
    assert told.index(2) == 40


async def test_without_an_operator_the_log_is_told_and_nothing_is_owed(store: Store, clock: FakeClock) -> None:
    source = FakeSource(script=[DOWN] * 3)
    made = 0
    for _ in range(3):
        await poll(store, source)
        made += await watch(store, None)
        clock.advance(timedelta(hours=13))
    assert made == 1


async def test_a_source_under_poll_is_left_to_the_poll(store: Store, clock: FakeClock) -> None:
    await poll(store, FakeSource(script=[DOWN]))
    await ingest.due_sources(store, lease=LEASE, limit=1, only=NAME)
    assert await watch(store, None) == 0
    async with store.reading() as tx:
        assert (await sources.get(tx, NAME)).evidence.ill_since is None
