"""Deliveries among others: what one address, one reader or one answer does to the rest."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

import pytest

from paperlark.model.messages import Limits
from paperlark.model.problems import DeliveryError
from paperlark.model.readers import Cadence
from paperlark.pipeline.deliver import Deliverer
from paperlark.pipeline.planning import LATELY, Planner, plan
from paperlark.pipeline.settle import ADDRESS_REST, CHANNEL_REST, FAILURES, UNREACHABLE_REST
from paperlark.store import moving, outbox, profiles
from paperlark.store.database import Store
from paperlark.store.tables import DESTINATION, OWED, SUBSCRIPTION
from paperlark.testing.channels import Failure, FakeChannel, KnowingChannel, Options
from paperlark.testing.clock import FakeClock
from tests.builders import (
    LEASE,
    MONDAY,
    Reader,
    count,
    deliver,
    deliverer,
    deliveries,
    lane,
    numbered,
    owed,
    percolate,
    reader,
    record,
    rows,
)

LOST = DeliveryError("fake: the answer was lost", ambiguous=True)
DOWN = DeliveryError("fake: 502")
DOUBT = DeliveryError("fake: cannot send to this person", doubtful=True)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MONDAY)


async def owe(
    store: Store, clock: FakeClock, number: int = 1, *, start: int = 0, minutes: float = 5
) -> tuple[int, ...]:
    """New papers about larks, recorded and percolated some time later; returns their ids."""
    clock.advance(minutes=minutes)
    recorded = await record(store, *numbered(number, start=start))
    await percolate(store)
    return recorded.papers


async def place(store: Store, ann: Reader) -> dict[str, object]:
    (row,) = await rows(store, DESTINATION.select().where(DESTINATION.c.id == ann.destination.id))
    return row


# ── readers in turn ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_one_readers_flood_delays_nobody_else(store: Store, clock: FakeClock) -> None:
    channel = FakeChannel(Options(seconds=0.002))
    for number in range(150):
        await reader(store, address=f"flood-{number}", account="flood")
    papers = await owe(store, clock)
    await plan(store)
    clock.advance(minutes=1)
    await reader(store, address="ann", query="=Study")
    await reader(store, address="bob", query="=Study")
    await owe(store, clock, start=50)
    await plan(store)
    await deliverer(store, channel).run()
    order = [message.address for message in channel.sent]
    assert max(order.index("ann"), order.index("bob")) < 40, "behind a handful of the flood, not behind all of it"
    assert len(set(order)) == 152 and papers


async def test_claims_take_the_first_of_every_reader_before_the_second_of_any(store: Store, clock: FakeClock) -> None:
    for number in range(5):
        await reader(store, address=f"ann-{number}", account="ann")
    bob = await reader(store, address="bob")
    await owe(store, clock)
    await plan(store)
    async with store.transaction() as tx:
        first = await outbox.claim(tx, "fake", now=clock(), lease=LEASE, limit=3, share=2)
        assert len(first) == 3 and bob.account_id in {each.account_id for each in first}
        held = [each.id for each in first]
        none = await outbox.claim(tx, "fake", now=clock(), lease=LEASE, limit=9, busy={first[0].account_id,
                                  bob.account_id} | {each.account_id for each in first}, in_hand=held)  # fmt: skip
    assert none == []


# ── platforms that know keys ───────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class Case:
    """A channel that knows keys, with a message whose answer was lost."""

    channel: KnowingChannel
    ann: Reader


async def lost(store: Store, clock: FakeClock, *, arrived: bool) -> Case:
    channel = KnowingChannel(clock=clock)
    ann = await reader(store)
    await owe(store, clock)
    channel.fail(ann.address, Failure(LOST, arrived=arrived))
    await deliver(store, channel)
    return Case(channel, ann)


async def test_within_a_minute_the_same_key_goes_again_unmarked_and_makes_no_copy(
    store: Store, clock: FakeClock
) -> None:
    case = await lost(store, clock, arrived=True)
    clock.advance(seconds=30)
    await deliver(store, case.channel)
    assert len(case.channel.sent) == 1 and case.channel.looks == []
    (delivery,) = await deliveries(store)
    assert delivery["state"] == "sent"


@pytest.mark.parametrize("arrived", [True, False])
async def test_later_the_history_says_whether_it_stands_there(store: Store, clock: FakeClock, arrived: bool) -> None:
    case = await lost(store, clock, arrived=arrived)
    clock.advance(hours=1)
    await deliver(store, case.channel)
    assert len(case.channel.looks) == 1 and len(case.channel.sent) == 1
    (message,) = case.channel.sent
    assert message.payload != case.channel.again(message.payload), "what surely is the only one bears no mark"
    (delivery,) = await deliveries(store)
    assert (delivery["state"], delivery["unconfirmed"]) == ("sent", 0)


async def test_where_the_history_cannot_be_read_it_goes_once_more_and_marked(light: Store, clock: FakeClock) -> None:
    case = await lost(light, clock, arrived=True)
    case.channel.unreadable = True
    clock.advance(hours=1)
    await deliver(light, case.channel)
    first, second = case.channel.sent
    assert second.payload == case.channel.again(first.payload)


@dataclass(slots=True)
class Unreachable(KnowingChannel):
    """It cannot be asked."""

    async def look(self, address: str, key: str, payload: object) -> bool | None:
        self.looks.append(key)
        raise DeliveryError("fake: no answer", ambiguous=True)


async def test_a_look_that_is_not_answered_is_tried_again_and_sends_nothing(light: Store, clock: FakeClock) -> None:
    channel = Unreachable(clock=clock)
    ann = await reader(light)
    await owe(light, clock)
    channel.fail(ann.address, Failure(LOST, arrived=True))
    for _ in range(4):
        await deliver(light, channel)
        clock.advance(hours=1)
    (delivery,) = await deliveries(light)
    assert len(channel.sent) == 1 and len(channel.looks) == 3
    assert (delivery["state"], delivery["unconfirmed"]) == ("pending", 1)


# ── addresses that fail ────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_doubtful_refusal_pauses_an_address_when_it_is_repeated_an_hour_later(
    store: Store, clock: FakeClock
) -> None:
    channel, ann = FakeChannel(), await reader(store)
    await owe(store, clock)
    channel.fail(ann.address, DOUBT, DOUBT)
    await deliver(store, channel)
    assert (await place(store, ann))["paused_reason"] is None
    clock.advance(hours=1)
    await deliver(store, channel)
    assert (await place(store, ann))["paused_reason"] == str(DOUBT)


async def test_a_doubt_is_over_as_soon_as_something_arrives(store: Store, clock: FakeClock) -> None:
    channel, ann = FakeChannel(), await reader(store)
    await owe(store, clock)
    channel.fail(ann.address, DOUBT)
    await deliver(store, channel)
    clock.advance(hours=1)
    await deliver(store, channel)
    assert (await place(store, ann))["doubted_at"] is None and len(channel.sent) == 1


async def test_an_address_that_keeps_failing_is_probed_at_times_until_something_arrives(
    light: Store, clock: FakeClock
) -> None:
    channel, ann = FakeChannel(), await reader(light)
    await owe(light, clock)
    channel.fail(ann.address, *[DOWN] * (FAILURES + 1))
    for _ in range(FAILURES):
        clock.advance(hours=6)
        await deliver(light, channel)
    (delivery,) = await deliveries(light)
    assert delivery["due_at"] - clock() >= ADDRESS_REST
    assert (await place(light, ann))["failures"] == FAILURES
    for _ in range(2):
        clock.advance(hours=6)
        await deliver(light, channel)
    assert (await place(light, ann))["failures"] == 0 and len(channel.sent) == 1


async def test_a_named_wait_of_one_address_holds_up_no_other(light: Store, clock: FakeClock) -> None:
    channel, ann = FakeChannel(), await reader(light)
    await reader(light, address="bob")
    await owe(light, clock)
    channel.fail(ann.address, DeliveryError("fake: 429", retry_after=30 * MINUTE, of_address=True))
    one = deliverer(light, channel)
    await plan(light)
    await one.run()
    assert [message.address for message in channel.sent] == ["bob"]
    clock.advance(minutes=6)
    await owe(light, clock, start=50)
    await plan(light)
    await one.run()
    assert [message.address for message in channel.sent] == ["bob", "bob"]
    clock.advance(minutes=30)
    await one.run()
    assert len(channel.papers_at("ann")) == 2
    await one.leave()


async def test_after_a_channels_failure_one_delivery_tries_whether_it_is_well(light: Store, clock: FakeClock) -> None:
    channel = FakeChannel()
    for number in range(12):
        await reader(light, address=f"reader-{number}")
        channel.fail(f"reader-{number}", *[DeliveryError("fake: 401", channel=True)] * 2)
    await owe(light, clock)
    await plan(light)
    one = deliverer(light, channel)
    await one.run()
    before = len(channel.attempts)
    clock.advance(CHANNEL_REST + MINUTE)
    await one.run()
    assert len(channel.attempts) == before + 1, "one, and not all that wait"
    channel._failures.clear()
    clock.advance(CHANNEL_REST + MINUTE)
    await one.run()
    assert len(channel.sent) == 12
    await one.leave()


async def test_an_outage_of_the_platform_delays_nobody_beyond_its_end(light: Store, clock: FakeClock) -> None:
    channel = FakeChannel()
    for number in range(12):
        await reader(light, address=f"reader-{number}")
        channel.fail(f"reader-{number}", *[DeliveryError("fake: no connection", unreachable=True)] * 99)
    await owe(light, clock)
    await plan(light)
    one = deliverer(light, channel)
    for _ in range(20):  # of counted attempts there would be eight, each further from the next
        await one.run()
        clock.advance(UNREACHABLE_REST * 1.2)
    assert {delivery["attempts"] for delivery in await deliveries(light)} == {0}
    channel._failures.clear()
    await one.run()
    assert len(channel.sent) == 12
    await one.leave()


async def test_named_waits_without_end_come_to_an_end(light: Store, clock: FakeClock) -> None:
    channel, ann = FakeChannel(), await reader(light, cadence=Cadence.DAILY)
    await owe(light, clock)
    await plan(light)
    channel.fail(ann.address, *[DeliveryError("fake: 429", retry_after=timedelta(hours=6))] * 50)
    for _ in range(30):
        clock.advance(hours=6)
        await deliver(light, channel)
    (delivery,) = [each for each in await deliveries(light) if each["parts"]]
    assert delivery["state"] == "dead" and "given up after 72 hours" in delivery["reason"]


# ── addresses that go, and move ────────────────────────────────────────────────────────────────────────────────────


class Elsewhere(FakeChannel):
    """Another channel."""

    kind = "elsewhere"


async def test_a_reader_whose_address_is_gone_is_told_so_wherever_else_they_are(store: Store, clock: FakeClock) -> None:
    channel, other = FakeChannel(), Elsewhere()
    ann = await reader(store)
    await reader(store, "owls", "ann-elsewhere", account="ann", channel="elsewhere")
    await owe(store, clock)
    await plan(store)
    channel.fail(ann.address, DeliveryError("fake: blocked by the reader", permanent=True))
    one = Deliverer(
        store, channel, lease=LEASE, jitter=Random(0), lane=lane(store, channel),
        others={"fake": channel, "elsewhere": other},
    )  # fmt: skip
    await one.run()
    await deliver(store, other)
    (note,) = other.sent
    assert note.address == "ann-elsewhere"
    assert "fake: blocked by the reader" in note.payload.content["note"]
    assert "seven days" in note.payload.content["note"]


@pytest.mark.parametrize("sealed", [True, False])
async def test_a_chat_that_becomes_another_one_of_the_same_reader_ends_well(
    store: Store, clock: FakeClock, sealed: bool
) -> None:
    channel = FakeChannel()
    old = await reader(store, address="old", account="ann")
    await reader(store, "study", address="old", account="ann")
    new = await reader(store, address="new", account="ann")
    async with store.transaction() as tx:
        await profiles.subscribe(
            tx, old.account_id, old.profile.id, new.destination.id, cadence=Cadence.DAILY, occasions=["new"],
            now=clock(),
        )  # fmt: skip
    papers = await owe(store, clock, 2)
    await plan(store)
    if sealed:
        channel.fail("old", DeliveryError("fake: moved", new_address="new"))
        await deliver(store, channel)
    else:
        async with store.transaction() as tx:
            await moving.move(tx, old.account_id, old.destination.id, "new")
    clock.advance(minutes=10)
    await deliver(store, channel)
    clock.advance(minutes=10)
    await deliver(store, channel)
    assert await count(store, DESTINATION) == 1
    subscriptions = await rows(store, SUBSCRIPTION.select())
    assert {row["destination_id"] for row in subscriptions} == {new.destination.id} and len(subscriptions) == 3
    assert set(channel.papers_at("new")) == set(papers) and channel.papers_at("old") == []
    assert not [row for row in await owed(store) if row["delivery_id"] is None]
    assert {each["state"] for each in await deliveries(store)} <= {"sent", "dropped"}
    assert max(len(channel.papers_at("new")) - len(papers), 0) <= (len(papers) if sealed else 0)


# ── stopping, planning ─────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class Slow(FakeChannel):
    """One message a second to an address."""

    limits = Limits(per_address=1)
    first: asyncio.Event = field(default_factory=asyncio.Event)


async def test_stopping_waits_for_no_turn(sqlite_store: Store) -> None:
    channel = Slow(Options(papers_a_part=1))
    await reader(sqlite_store)
    await record(sqlite_store, *numbered(9))
    await percolate(sqlite_store)
    await plan(sqlite_store)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    one = deliverer(sqlite_store, channel)
    loop.call_later(0.3, stop.set)
    began = loop.time()
    await one.run(stop)
    await one.leave()
    assert loop.time() - began < 2.5
    (delivery,) = await deliveries(sqlite_store)
    assert (delivery["state"], delivery["attempts"], delivery["in_flight"]) == ("pending", 0, False)
    assert delivery["parts_sent"] == len(channel.sent) <= 2


async def test_a_round_of_planning_looks_at_what_was_owed_lately_and_a_sweep_at_all(
    store: Store, clock: FakeClock
) -> None:
    planner = Planner(store, clock=lambda: clock().timestamp())
    await reader(store)
    assert await planner.run() == 0, "the sweep"
    await owe(store, clock, minutes=1)
    async with store.transaction() as tx:
        await tx.execute(OWED.update().values(owed_at=clock() - 2 * LATELY))  # as if it had been forgotten then
    clock.advance(seconds=2)
    assert await planner.run() == 0
    await owe(store, clock, start=50, minutes=1)
    assert await planner.run() == 1, "with the new ones the old come too: one delivery takes all that is owed"
    clock.advance(minutes=10)
    assert await planner.run() == 0


async def test_what_was_owed_just_before_the_clock_was_set_forward_is_planned_at_once(
    light: Store, clock: FakeClock
) -> None:
    planner = Planner(light, clock=lambda: 0.0)
    await reader(light)
    await planner.run()
    await owe(light, clock)
    clock.advance(hours=1)
    assert await planner.run() == 1


async def test_what_was_forgotten_is_planned_by_the_next_sweep(light: Store, clock: FakeClock) -> None:
    planner = Planner(light, clock=lambda: clock().timestamp())
    await planner.run()
    await reader(light)
    await owe(light, clock)
    async with light.transaction() as tx:
        await tx.execute(OWED.update().values(owed_at=clock() - 2 * LATELY))
    assert await planner.run() == 1
    async with light.reading() as tx:
        assert len(await profiles.destinations(tx, (await owed(light))[0]["account_id"])) == 1


async def test_after_a_round_of_planning_that_took_long_there_is_none_for_longer(light: Store) -> None:
    beats = iter([0.0, 2.0, 19.9, 20.1, 20.1])
    planner = Planner(light, clock=lambda: next(beats))
    ann = await reader(light)
    await planner.run()  # takes two seconds
    await record(light, *numbered(1))
    await percolate(light)
    assert await planner.run() == 0, "it rests"
    assert await planner.run() == 1, f"and then {ann.address} is planned"
