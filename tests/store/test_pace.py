"""Pace over processes: one host is asked in turns, and one process at a time sends on a channel."""

import asyncio
from datetime import datetime, timedelta

from paperlark.store import pace
from paperlark.store.database import Store, open_store
from paperlark.store.pace import StorePace
from paperlark.testing.clock import FakeClock
from tests.builders import LEASE, MONDAY


async def test_two_processes_share_one_host(store_url: str) -> None:
    clock = FakeClock(MONDAY)
    stores = [await open_store(store_url, clock=clock) for _ in range(2)]
    turns: list[datetime] = []

    async def sleep(seconds: float) -> None:
        turns.append(clock() + timedelta(seconds=seconds))

    paces = [StorePace(store, sleep) for store in stores]
    await asyncio.gather(*(each.wait("export.example", seconds_apart=3) for each in paces * 3))
    # the first of the six went at once, and so did not sleep
    assert sorted(turns) == [MONDAY + timedelta(seconds=3 * number) for number in range(1, 6)]
    clock.advance(minutes=5)
    turns.clear()
    await paces[0].wait("export.example", seconds_apart=3)
    await paces[1].wait("other.example", seconds_apart=3)
    assert turns == [], "who comes late, and who asks another host, waits for nobody"
    for store in stores:
        await store.close()


async def test_a_lane_is_one_holders_until_its_lease_ends_or_it_is_given_back(store: Store) -> None:
    async def take(token: str | None, now: datetime, channel: str = "fake") -> str | None:
        async with store.transaction() as tx:
            return await pace.take_lane(tx, channel, token, now, LEASE)

    mine = await take(None, MONDAY)
    assert mine is not None
    assert await take(None, MONDAY + LEASE) is None
    assert await take(mine, MONDAY + LEASE) == mine, "kept, for another lease"
    assert await take(None, MONDAY + LEASE * 2) is None
    assert await take(None, MONDAY, channel="other") is not None
    theirs = await take(None, MONDAY + LEASE * 2 + timedelta(seconds=1))
    assert theirs not in (None, mine)
    assert await take(mine, MONDAY + LEASE * 2 + timedelta(seconds=2)) is None
    async with store.transaction() as tx:
        await pace.leave_lane(tx, "fake", mine)  # no longer mine to give
    assert await take(None, MONDAY + LEASE * 2) is None
    async with store.transaction() as tx:
        await pace.leave_lane(tx, "fake", str(theirs))
    assert await take(None, MONDAY + LEASE * 2) is not None


async def test_of_many_who_want_a_lane_one_gets_it(store: Store) -> None:
    async def take() -> str | None:
        async with store.transaction() as tx:
            return await pace.take_lane(tx, "fake", None, MONDAY, LEASE)

    taken = await asyncio.gather(*(take() for _ in range(6)))
    assert len([token for token in taken if token is not None]) == 1
