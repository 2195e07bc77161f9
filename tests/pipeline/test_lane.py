"""One process has a channel's lane, and in it everybody gets a turn: answers first, within the limits, no address in
the way of another."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from paperlark.model.messages import Limits
from paperlark.pipeline.lane import Lane
from paperlark.store import pace
from paperlark.store.database import Store
from paperlark.testing.channels import FakeChannel

LEASE = timedelta(seconds=30)
SHORT = timedelta(seconds=0.3)


class Narrow(FakeChannel):
    """A channel with limits a test can wait for."""

    limits = Limits(overall=10, per_address=2)


class Topics(Narrow):
    """A channel whose addresses share their place's limits."""

    def limited_as(self, address: str) -> str:
        """What stands before the stroke."""
        return address.partition("/")[0]


@pytest.fixture
async def lane(sqlite_store: Store) -> AsyncIterator[Lane]:
    """A narrow channel's lane, held."""
    made = Lane(sqlite_store, Narrow(), lease=LEASE)
    assert await made.hold()
    yield made
    await made.leave()


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_no_second_holds_more_turns_than_the_limits_say(lane: Lane) -> None:
    given: list[float] = []

    async def tell(address: str) -> None:
        await lane.turn(address, lands=True)
        given.append(now())
        lane.landed(address)

    await asyncio.gather(*(tell(f"reader-{number}") for number in range(25)))
    assert all(later - earlier >= 1 for earlier, later in zip(given, given[10:], strict=False))
    assert given[-1] - given[0] < 4


async def test_answers_come_before_deliveries_in_the_same_windows(lane: Lane) -> None:
    order: list[str] = []

    async def tell(name: str, *, answer: bool = False) -> None:
        await lane.turn(name, answer=answer)
        order.append(name)

    for number in range(10):
        await lane.turn(f"first-{number}")
    waiting = [asyncio.create_task(tell(f"delivery-{number}")) for number in range(4)]
    await asyncio.sleep(0.05)
    waiting.append(asyncio.create_task(tell("answer", answer=True)))
    await asyncio.gather(*waiting)
    assert order[0] == "answer"


async def test_an_address_that_must_wait_keeps_no_other_waiting(lane: Lane) -> None:
    lane.rest(timedelta(seconds=60), "ann")
    slow = asyncio.create_task(lane.turn("ann"))
    began = now()
    assert await lane.turn("bob")
    assert now() - began < 0.5 and not slow.done()
    slow.cancel()


async def test_a_turn_that_is_too_far_away_is_refused_at_once(lane: Lane) -> None:
    lane.rest(timedelta(seconds=60), "ann")
    began = now()
    assert not await lane.turn("ann", within=timedelta(seconds=10))
    assert now() - began < 0.5
    assert lane.free_in("ann") > timedelta(seconds=59) and lane.free_in("bob") == timedelta(0)


async def test_a_rest_of_the_channel_holds_everybody_and_is_known(lane: Lane) -> None:
    lane.rest(timedelta(seconds=0.4))
    assert lane.rests_for() > timedelta(0)
    began = now()
    assert await lane.turn("ann", answer=True)
    assert now() - began >= 0.3 and lane.rests_for() == timedelta(0)


async def test_deliveries_are_sent_away_when_we_stop_and_answers_go_on(lane: Lane) -> None:
    lane.rest(timedelta(seconds=0.3))
    delivery = asyncio.create_task(lane.turn("ann"))
    answer = asyncio.create_task(lane.turn("bob", answer=True))
    await asyncio.sleep(0)
    lane.send_away()
    assert await delivery is False
    assert await answer is True


async def test_topics_of_one_group_share_its_windows(sqlite_store: Store) -> None:
    lane = Lane(sqlite_store, Topics(), lease=LEASE)
    await lane.hold()
    for topic in ("#larks/1", "#larks/2"):
        assert await lane.turn(topic, lands=True)
        lane.landed(topic)
    assert lane.free_in("#larks/3") > timedelta(seconds=0.5) and lane.free_in("#owls") == timedelta(0)
    await lane.leave()


# ── several processes ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_one_process_has_the_lane_and_another_gets_it_when_it_is_given_back(store: Store) -> None:
    one, other = Lane(store, Narrow(), lease=LEASE), Lane(store, Narrow(), lease=LEASE)
    assert await one.hold() and not await other.hold()
    assert not await other.turn("ann", within=SHORT), "nobody sends on a lane that another process has"
    await one.leave()
    assert await other.hold() and not await one.hold()
    await other.leave()


async def test_the_next_holder_keeps_to_what_the_last_one_sent(sqlite_store: Store) -> None:
    one, other = Lane(sqlite_store, Narrow(), lease=LEASE), Lane(sqlite_store, Narrow(), lease=LEASE)
    await one.hold()
    for _ in range(2):
        await one.turn("ann", lands=True)
        one.landed("ann")
    one.rest(timedelta(seconds=60), "bob")
    await one.leave()
    await other.hold()
    assert timedelta(seconds=0.5) < other.free_in("ann") <= timedelta(seconds=1.1)
    assert other.free_in("bob") > timedelta(seconds=59)
    await other.leave()


async def test_after_a_holder_that_died_a_whole_window_goes_by_first(sqlite_store: Store) -> None:
    async with sqlite_store.transaction() as tx:
        await pace.take_lane(tx, "fake", None, await tx.now(), timedelta(milliseconds=50))
    await asyncio.sleep(0.1)
    lane = Lane(sqlite_store, Narrow(), lease=LEASE)
    assert await lane.hold()
    assert timedelta(seconds=0.7) < lane.free_in("ann") <= timedelta(seconds=1.1)
    await lane.leave()


async def test_a_lane_is_kept_alive_while_it_is_held(sqlite_store: Store) -> None:
    one = Lane(sqlite_store, Narrow(), lease=timedelta(seconds=0.6))
    other = Lane(sqlite_store, Narrow(), lease=timedelta(seconds=0.6))
    await one.hold()
    await asyncio.sleep(1.5)
    assert not await other.hold(), "two and a half leases later"
    await one.leave()
    assert await other.hold()
    await other.leave()


async def test_bot_and_deliverer_that_take_the_lane_at_the_same_moment_both_have_it(store: Store) -> None:
    lane = Lane(store, Narrow(), lease=LEASE)
    assert all(await asyncio.gather(lane.hold(), lane.hold(), lane.hold()))
    assert await lane.turn("ann", within=timedelta(seconds=5))
    await lane.leave()
    other = Lane(store, Narrow(), lease=LEASE)
    assert await other.hold(), "given back whole"
    await other.leave()


async def test_a_lane_that_is_left_while_it_is_being_taken_is_kept_alive_by_nobody(store: Store) -> None:
    lane, other = Lane(store, Narrow(), lease=LEASE), Lane(store, Narrow(), lease=LEASE)
    taking, go_on = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with lane.holding():
            taking.set()
            await go_on.wait()

    holding = asyncio.create_task(hold())
    await taking.wait()
    leaving = asyncio.create_task(lane.leave())
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(holding, leaving)
    await asyncio.sleep(0)
    assert [task for task in asyncio.all_tasks() if task.get_name() == "lane of fake"] == []
    assert await other.hold()
    await other.leave()


async def test_a_lane_that_was_taken_in_a_transaction_that_failed_is_not_held(store: Store) -> None:
    lane, other = Lane(store, Narrow(), lease=LEASE), Lane(store, Narrow(), lease=LEASE)
    with pytest.raises(RuntimeError, match="in vain"):
        async with lane.holding() as tx:
            assert tx is not None
            raise RuntimeError("in vain")
    assert await other.hold()
    assert not await lane.turn("ann", within=SHORT)
    await other.leave()


async def test_a_lane_is_held_where_the_answer_to_its_commit_was_lost(store: Store) -> None:
    lane = Lane(store, Narrow(), lease=LEASE)
    with pytest.raises(ConnectionError):
        async with lane.holding() as tx:
            assert tx is not None
            await (await tx.connection()).commit()
            raise ConnectionError
    assert not await lane.turn("ann", within=SHORT), "as far as is known"
    assert await lane.hold()
    await lane.leave()
