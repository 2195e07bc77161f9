"""What is owed is planned, claimed, sealed and sent, or ends visibly: every answer of a platform, and every crash."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import time, timedelta
from random import Random
from typing import ClassVar

import pytest
from sqlalchemy import text, update

from paperlark.model.messages import Digest, Limits, Payload, Receipt
from paperlark.model.problems import DeliveryError, ReaderError, StoreError
from paperlark.model.readers import Cadence, QuietHours
from paperlark.pipeline import ledger
from paperlark.pipeline.deliver import ALIKE, Deliverer
from paperlark.pipeline.planning import lapse, plan
from paperlark.pipeline.settle import CHANNEL_REST, UNCONFIRMED_TWICE
from paperlark.schedule import ATTEMPTS
from paperlark.store import outbox, profiles, sealing
from paperlark.store.database import Store, Transaction, open_store
from paperlark.store.sealing import Content
from paperlark.store.tables import DELIVERY, DESTINATION
from paperlark.testing.channels import Failure, FakeChannel, Options
from paperlark.testing.clock import FakeClock
from tests.builders import (
    LEASE,
    MONDAY,
    Killed,
    Reader,
    count,
    deliver,
    deliverer,
    deliveries,
    dies_at,
    numbered,
    owed,
    percolate,
    reader,
    record,
    told,
)

LOST = DeliveryError("fake: the answer was lost", ambiguous=True)
DOWN = DeliveryError("fake: 502")
SECOND = timedelta(seconds=1)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MONDAY)


@pytest.fixture
def channel() -> FakeChannel:
    return FakeChannel()


async def owe(store: Store, clock: FakeClock, number: int = 1, *, start: int = 0) -> tuple[int, ...]:
    """New papers about larks, recorded and percolated; returns their ids."""
    clock.advance(minutes=5)
    recorded = await record(store, *numbered(number, start=start))
    await percolate(store)
    return recorded.papers


async def one(store: Store) -> dict[str, object]:
    (delivery,) = await deliveries(store)
    return delivery


async def pause(store: Store, ann: Reader, clock: FakeClock) -> None:
    async with store.transaction() as tx:
        await profiles.pause_destination(tx, ann.account_id, ann.destination.id, "away", clock())


# ── the straight way ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_is_owed_is_planned_claimed_sealed_and_sent(
    store: Store, clock: FakeClock, channel: FakeChannel
) -> None:
    ann = await reader(store)
    papers = await owe(store, clock, 3)
    assert await plan(store) == 1 and await plan(store) == 0
    assert (await one(store))["state"] == "pending"
    outcome = await deliver(store, channel)
    delivery = await one(store)
    assert (outcome.sent, delivery["state"], delivery["papers"], delivery["attempts"]) == (1, "sent", 3, 1)
    assert sorted(channel.papers_at(ann.address)) == sorted(papers)
    assert {row["delivery_id"] for row in await owed(store)} == {delivery["id"]}
    await deliver(store, channel)
    assert len(channel.attempts) == 1


async def test_papers_behind_and_more_count_as_told(store: Store, clock: FakeClock, channel: FakeChannel) -> None:
    ann = await reader(store, cap=3)
    await owe(store, clock, 8)
    await deliver(store, channel)
    assert len(channel.papers_at(ann.address)) == 3
    assert channel.sent[-1].payload.content["more"] == 5
    clock.advance(minutes=10)
    await deliver(store, channel)
    assert len(channel.attempts) == 1 and (await one(store))["papers"] == 8


async def test_a_long_digest_is_sent_in_parts_each_once(light: Store, clock: FakeClock) -> None:
    channel = FakeChannel(Options(papers_a_part=2))
    ann = await reader(light)
    papers = await owe(light, clock, 5)
    await deliver(light, channel)
    assert sorted(channel.papers_at(ann.address)) == sorted(papers)
    assert [message.key.rsplit("-")[-1] for message in channel.sent] == ["0", "1", "2"]
    delivery = await one(light)
    assert (delivery["parts_sent"], delivery["state"]) == (3, "sent")


async def test_papers_that_come_after_the_seal_join_the_next_slot(
    store: Store, clock: FakeClock, channel: FakeChannel
) -> None:
    ann = await reader(store)
    first = await owe(store, clock, 2)
    channel.fail(ann.address, DOWN)
    await deliver(store, channel)
    second = await owe(store, clock, 2, start=50)
    await deliver(store, channel)
    clock.advance(hours=1)
    await deliver(store, channel)
    shown = [[paper["id"] for paper in sent.payload.content["papers"]] for sent in channel.sent]
    assert [sorted(ids) for ids in shown] == [sorted(first), sorted(second)]


async def test_every_retry_sends_exactly_what_was_sealed(store: Store, clock: FakeClock, channel: FakeChannel) -> None:
    ann = await reader(store)
    await owe(store, clock, 2)
    channel.fail(ann.address, DOWN, DOWN)
    await deliver(store, channel)
    await record(store, *(told(f"Renamed {n} larks", arxiv=f"2603.{n:05d}") for n in range(2)))
    async with store.transaction() as tx:
        await profiles.edit(tx, ann.account_id, ann.profile.id, name="y", query="owls", now=clock())
    for _ in range(2):
        clock.advance(minutes=5)
        await deliver(store, channel)
    assert len(channel.attempts) == 3 and len(channel.sent) == 1
    first, *retries = channel.attempts
    assert retries == [first, first]


# ── what a platform answers ────────────────────────────────────────────────────────────────────────────────────────


async def test_an_address_that_will_never_take_it_is_paused_and_the_delivery_dies(
    store: Store, clock: FakeClock, channel: FakeChannel
) -> None:
    ann = await reader(store)
    await owe(store, clock)
    channel.fail(ann.address, DeliveryError("fake: blocked by the reader", permanent=True))
    outcome = await deliver(store, channel)
    delivery = await one(store)
    assert (outcome.dead, delivery["state"], delivery["reason"]) == (1, "dead", "fake: blocked by the reader")
    async with store.reading() as tx:
        place = await profiles.destination(tx, ann.account_id, ann.destination.id)
    assert place.paused_reason == "fake: blocked by the reader"
    await owe(store, clock, start=50)
    await deliver(store, channel)
    assert len(channel.attempts) == 1


async def test_a_refused_message_dies_and_its_address_goes_on(
    store: Store, clock: FakeClock, channel: FakeChannel
) -> None:
    ann = await reader(store)
    await owe(store, clock)
    channel.fail(ann.address, DeliveryError("fake: bad mark-up", refused=True))
    await deliver(store, channel)
    assert ((await one(store))["state"], (await one(store))["reason"]) == ("dead", "fake: bad mark-up")
    papers = await owe(store, clock, start=50)
    await deliver(store, channel)
    assert channel.papers_at(ann.address) == list(papers)


@dataclass(slots=True)
class Slow(FakeChannel):
    """A channel whose platform answers when it is told to."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    answer: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, address: str, payload: Payload, key: str) -> Receipt:
        self.asked.set()
        await self.answer.wait()
        return await FakeChannel.send(self, address, payload, key)


async def test_a_refusal_takes_nothing_with_it_that_came_after_the_seal(store: Store, clock: FakeClock) -> None:
    channel = Slow()
    ann = await reader(store)
    await owe(store, clock)
    channel.fail(ann.address, DeliveryError("fake: bad mark-up", refused=True))
    await plan(store)
    sending = asyncio.create_task(deliverer(store, channel).run())
    await channel.asked.wait()
    papers = await owe(store, clock, start=50)
    channel.answer.set()
    await sending
    clock.advance(LEASE + SECOND)
    await deliver(store, channel)
    assert channel.papers_at(ann.address) == list(papers)


async def test_a_named_wait_is_no_attempt_and_rests_the_channel(
    store: Store, clock: FakeClock, channel: FakeChannel
) -> None:
    ann = await reader(store)
    await owe(store, clock)
    channel.fail(ann.address, DeliveryError("fake: slow down", retry_after=timedelta(minutes=30)))
    lane = deliverer(store, channel)
    await plan(store)
    await lane.run()
    delivery = await one(store)
    assert (delivery["attempts"], delivery["due_at"]) == (0, clock() + timedelta(minutes=30))
    clock.advance(minutes=1)
    bob = await reader(store, address="bob")
    await owe(store, clock, start=50)
    await plan(store)
    clock.advance(minutes=20)
    await lane.run()
    assert channel.messages_at(bob.address) == [], "the channel rests, for whomever"
    clock.advance(minutes=5)
    await lane.run()
    assert len(channel.papers_at(bob.address)) == 1 and len(channel.papers_at(ann.address)) == 2


async def test_a_channel_out_of_order_rests_and_no_reader_is_at_fault(
    store: Store, clock: FakeClock, channel: FakeChannel
) -> None:
    ann = await reader(store)
    await owe(store, clock)
    channel.fail(ann.address, DeliveryError("fake: 401 bad token", channel=True))
    lane = deliverer(store, channel)
    await plan(store)
    await lane.run()
    delivery = await one(store)
    assert (delivery["state"], delivery["attempts"], delivery["reason"]) == ("pending", 0, "fake: 401 bad token")
    clock.advance(CHANNEL_REST - SECOND)
    await lane.run()
    assert len(channel.attempts) == 1
    clock.advance(seconds=2)
    await lane.run()
    assert (await one(store))["state"] == "sent"


async def test_what_arrived_while_the_database_was_away_is_not_sent_again(
    store: Store, clock: FakeClock, channel: FakeChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "AGAIN", 0.01)
    ann = await reader(store)
    await owe(store, clock)
    away = 3

    def at(label: str) -> None:
        nonlocal away
        if label == "deliver: before a receipt commits" and away:
            away -= 1
            raise StoreError("the database is away")

    await plan(store)
    await deliverer(store, channel, at=at).run()
    assert (await one(store))["state"] == "sent"
    clock.advance(hours=1)
    await deliver(store, channel)
    assert len(channel.messages_at(ann.address)) == 1 and not away


READ_ONLY_ONCE = """
CREATE SEQUENCE receipts;
CREATE FUNCTION read_only_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF nextval('receipts') = 1 THEN
        RAISE EXCEPTION 'cannot execute UPDATE in a read-only transaction' USING ERRCODE = '25006';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER read_only_once BEFORE UPDATE ON delivery FOR EACH ROW WHEN (NEW.state = 'sent')
    EXECUTE FUNCTION read_only_once()"""


@pytest.mark.parametrize("fresh", ["postgres"], indirect=True)
async def test_what_arrived_while_the_database_was_read_only_is_not_sent_again(
    store: Store, clock: FakeClock, channel: FakeChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "AGAIN", 0.01)
    ann = await reader(store)
    await owe(store, clock)
    await plan(store)
    async with store.transaction() as tx:
        for statement in READ_ONLY_ONCE.split(";\nCREATE"):
            await tx.execute(text(statement if "CREATE" in statement[:8] else f"CREATE{statement}"))
    try:
        await deliverer(store, channel).run()
        assert (await one(store))["state"] == "sent"
        clock.advance(hours=1)
        await deliver(store, channel)
        assert len(channel.messages_at(ann.address)) == 1
    finally:
        async with store.transaction() as tx:
            await tx.execute(text("DROP FUNCTION read_only_once CASCADE"))
            await tx.execute(text("DROP SEQUENCE receipts"))


async def test_what_is_on_its_way_when_the_database_goes_away_arrives_and_is_not_sent_again(
    store: Store, clock: FakeClock
) -> None:
    channel, ann = FakeChannel(Options(seconds=0.1)), await reader(store)
    await owe(store, clock)
    claims = 0

    def at(label: str) -> None:
        nonlocal claims
        claims += label == "deliver: before a claim"
        if claims == 2:
            claims += 1
            raise StoreError("the database is away")

    await plan(store)
    with pytest.raises(StoreError, match="away"):
        await deliverer(store, channel, at=at).run()
    assert (await one(store))["state"] == "sent" and len(channel.messages_at(ann.address)) == 1


@dataclass(slots=True)
class Patient(FakeChannel):
    """A channel that says how long it takes, and may be silent for longer."""

    limits: ClassVar[Limits] = Limits(seconds=0.2)


async def test_a_send_is_cut_off_when_it_takes_longer_than_its_channel_says(light: Store, clock: FakeClock) -> None:
    channel = Patient(Options(seconds=3600))
    await reader(light)
    await owe(light, clock)
    async with asyncio.timeout(20):
        await deliver(light, channel)
    delivery = await one(light)
    assert (delivery["unconfirmed"], delivery["reason"]) == (1, "fake: no answer after 0.2 seconds")


@pytest.mark.parametrize(("lease", "longest"), [(120.0, 105.0), (60.0, 50.0), (30.0, 30.0), (2.0, 30.0)])
def test_a_send_ends_before_the_lease_of_its_delivery_unless_that_is_very_short(
    light: Store, lease: float, longest: float
) -> None:
    class Thorough(FakeChannel):
        limits = Limits(seconds=105)

    made = Deliverer(light, Thorough(), lease=timedelta(seconds=lease), jitter=Random(0))
    assert made.longest_send == longest


async def test_a_lost_answer_is_tried_once_more_and_marked(
    store: Store, clock: FakeClock, channel: FakeChannel
) -> None:
    ann = await reader(store)
    await owe(store, clock)
    channel.fail(ann.address, Failure(LOST, arrived=True))
    await deliver(store, channel)
    assert (await one(store))["state"] == "pending"
    clock.advance(hours=1)
    await deliver(store, channel)
    first, second = channel.messages_at(ann.address)
    assert first.key == second.key
    assert second.payload == channel.again(first.payload) != first.payload
    assert (await one(store))["state"] == "sent"


async def test_an_answer_lost_twice_is_dead(store: Store, clock: FakeClock, channel: FakeChannel) -> None:
    ann = await reader(store)
    await owe(store, clock)
    channel.fail(ann.address, LOST, LOST)
    for _ in range(4):
        await deliver(store, channel)
        clock.advance(hours=1)
    delivery = await one(store)
    assert (len(channel.attempts), delivery["state"], delivery["reason"]) == (2, "dead", UNCONFIRMED_TWICE)


async def test_a_platform_that_is_down_is_asked_ever_more_rarely_and_given_up(
    store: Store, clock: FakeClock, channel: FakeChannel
) -> None:
    ann = await reader(store)
    await owe(store, clock)
    channel.fail(ann.address, *[DOWN] * 50)
    began = clock()
    for _ in range(200):
        await deliver(store, channel)
        if (await one(store))["state"] == "dead":
            break
        clock.advance(hours=1)
    delivery = await one(store)
    assert (len(channel.attempts), delivery["attempts"]) == (ATTEMPTS, ATTEMPTS)
    assert "given up after 8 attempts: fake: 502" in str(delivery["reason"])
    assert clock() - began <= timedelta(hours=72)


async def test_after_three_days_it_is_given_up_whatever_the_attempts(
    light: Store, clock: FakeClock, channel: FakeChannel
) -> None:
    ann = await reader(light, cadence=Cadence.DAILY)
    await owe(light, clock)
    await plan(light)
    clock.advance(days=1)
    channel.fail(ann.address, DOWN, DOWN)
    await deliver(light, channel)
    clock.advance(hours=73)
    await deliver(light, channel)
    delivery = await one(light)
    assert (delivery["state"], delivery["attempts"]) == ("dead", 2)


async def test_a_chat_that_moved_is_told_at_its_new_address(
    light: Store, clock: FakeClock, channel: FakeChannel
) -> None:
    ann = await reader(light, address="old")
    papers = await owe(light, clock)
    channel.fail("old", DeliveryError("fake: moved", new_address="new"))
    await deliver(light, channel)
    assert channel.papers_at("new") == list(papers) and ann.address == "old"


# ── parts, crashes, leases ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "label",
    ["deliver: before a claim", "deliver: before a claim commits", "deliver: claimed", "deliver: rendered",
     "deliver: before a seal commits", "deliver: sealed", "deliver: before a send", "deliver: sent",
     "deliver: before a receipt commits", "deliver: receipt committed"],
)  # fmt: skip
@pytest.mark.parametrize("nth", [1, 2])
async def test_a_crash_anywhere_loses_nothing_and_repeats_at_most_the_part_in_flight(
    light: Store, clock: FakeClock, label: str, nth: int
) -> None:
    channel = FakeChannel(Options(papers_a_part=2))
    ann = await reader(light)
    papers = await owe(light, clock, 5)
    await plan(light)
    dying = deliverer(light, channel, at=dies_at(label, nth))
    reached = True
    try:
        await dying.run()
        reached = False
    except Killed:
        clock.advance(LEASE + SECOND)
    before = list(channel.papers_at(ann.address))
    await deliver(light, channel)
    shown = channel.papers_at(ann.address)
    assert set(shown) == set(papers)
    repeated = len(shown) - len(set(shown))
    in_flight = label in ("deliver: sent", "deliver: before a receipt commits") and reached
    assert repeated == (2 if in_flight else 0), (before, shown)
    assert (await one(light))["state"] == "sent"


async def test_a_digest_of_several_parts_resumes_at_the_part_in_flight(store: Store, clock: FakeClock) -> None:
    channel = FakeChannel(Options(papers_a_part=2))
    ann = await reader(store)
    await owe(store, clock, 6)
    await plan(store)
    with pytest.raises(Killed):
        await deliverer(store, channel, at=dies_at("deliver: sent", nth=2)).run()
    delivery = await one(store)
    assert (delivery["state"], delivery["parts_sent"], delivery["in_flight"]) == ("claimed", 1, True)
    clock.advance(LEASE + SECOND)
    await deliver(store, channel)
    sent = channel.messages_at(ann.address)
    assert [message.key.rsplit("-")[-1] for message in sent] == ["0", "1", "1", "2"]
    again = channel.again(list(sent)[1].payload)
    assert list(sent)[2].payload == again, "perhaps a second copy, and marked so"
    assert list(sent)[3].payload != channel.again(list(sent)[3].payload), "the next part was never in flight"


async def test_a_worker_that_dies_twice_with_the_message_in_flight_leaves_it_dead(
    store: Store, clock: FakeClock, channel: FakeChannel
) -> None:
    await reader(store)
    await owe(store, clock)
    await plan(store)
    for _ in range(2):
        with pytest.raises(Killed):
            await deliverer(store, channel, at=dies_at("deliver: before a send")).run()
        clock.advance(LEASE + SECOND)
    await deliver(store, channel)
    delivery = await one(store)
    assert (delivery["state"], delivery["reason"], len(channel.attempts)) == ("dead", UNCONFIRMED_TWICE, 0)


async def test_who_lost_the_lease_changes_nothing_more(store: Store, clock: FakeClock, channel: FakeChannel) -> None:
    await reader(store)
    await owe(store, clock)
    await plan(store)
    async with store.transaction() as tx:
        (slow,) = await outbox.claim(tx, "fake", now=clock(), lease=LEASE, limit=9)
    clock.advance(LEASE + SECOND)
    async with store.transaction() as tx:
        (quick,) = await outbox.claim(tx, "fake", now=clock(), lease=LEASE, limit=9)
    async with store.transaction() as tx:
        assert not await outbox.flying(tx, [slow], clock(), LEASE)
        assert not await sealing.seal(tx, [Content(slow, ({"x": 1},), (), 1)])
        assert not await outbox.part_sent(tx, [slow], clock(), LEASE)
        assert not await outbox.sent(tx, [slow], clock())
        assert not await sealing.die(tx, slow, "no", clock())
        assert not await sealing.drop(tx, slow, [], "no", clock())
        assert not await outbox.postpone(tx, slow, clock(), "no", counted=True)
    assert (await one(store))["lease_token"] == quick.lease_token


async def test_one_delivery_of_a_destination_is_in_flight_and_in_order(
    store: Store, clock: FakeClock, channel: FakeChannel
) -> None:
    ann = await reader(store)
    await reader(store, address="bob")
    await owe(store, clock)
    channel.fail(ann.address, DOWN)
    await deliver(store, channel)
    await owe(store, clock, start=50)
    await plan(store)
    async with store.transaction() as tx:
        claimed = await outbox.claim(tx, "fake", now=clock(), lease=LEASE, limit=9)
    assert sorted(delivery.destination_id for delivery in claimed) == sorted({d.destination_id for d in claimed})
    async with store.transaction() as tx:
        assert await outbox.claim(tx, "fake", now=clock(), lease=LEASE, limit=9) == []
    first = min(d["id"] for d in await deliveries(store) if d["account_id"] == ann.account_id)
    assert first in {delivery.id for delivery in claimed}


async def test_a_second_process_gets_nothing_while_the_lane_is_held(
    store: Store, clock: FakeClock, channel: FakeChannel
) -> None:
    holder, other = deliverer(store, channel), deliverer(store, channel)
    for number in range(4):
        await reader(store, address=f"reader-{number}")
    await owe(store, clock)
    await plan(store)
    async with store.transaction() as tx:
        assert await outbox.claim(tx, "fake", now=clock(), lease=LEASE, limit=3), "three are somebody else's"
    assert (await holder.run()).sent == 1
    clock.advance(LEASE - SECOND)
    assert (await other.run()).sent == 0
    clock.advance(seconds=2)  # the lane's lease ran out, and those of the three deliveries
    assert (await other.run()).sent == 3
    assert (await holder.run()).sent == 0
    await owe(store, clock, start=50)
    await plan(store)
    await other.run()
    await owe(store, clock, start=90)
    await plan(store)
    await other.leave()
    assert (await holder.run()).sent == 4, "a lane that was given back is free at once"


async def test_two_processes_never_send_one_delivery_twice(store: Store, clock: FakeClock) -> None:
    channel = FakeChannel(Options(seconds=0.002))
    for number in range(12):
        await reader(store, address=f"reader-{number}")
    await owe(store, clock, 3)
    await plan(store)
    lanes = [deliverer(store, channel) for _ in range(3)]
    outcomes = await asyncio.gather(*(lane.run() for lane in lanes))
    assert sum(outcome.sent for outcome in outcomes) == 12
    assert len(channel.attempts) == 12


@dataclass(slots=True)
class Choosy(FakeChannel):
    """A channel whose rendering cannot bear one of the papers."""

    poison: set[int] = field(default_factory=set)

    def render(self, digest: Digest) -> list[Payload]:
        if any(paper.id in self.poison for paper in digest.papers):
            raise ZeroDivisionError("a paper that cannot be rendered")
        return FakeChannel.render(self, digest)


async def test_a_delivery_that_cannot_be_rendered_stops_no_other_and_ends_dead(light: Store, clock: FakeClock) -> None:
    channel = Choosy()
    ann, bob = await reader(light, "poison"), await reader(light, address="bob")
    clock.advance(minutes=1)
    poisoned, larks = (await record(light, told("A poison", "Beware.", arxiv="2603.00010"), *numbered(1))).papers
    channel.poison.add(poisoned)
    await percolate(light)
    faults = 0
    for _ in range(30):
        try:
            await deliver(light, channel)
        except ZeroDivisionError:
            faults += 1
        clock.advance(LEASE + SECOND)
    assert channel.papers_at(bob.address) == [larks]
    (dead,) = (delivery for delivery in await deliveries(light) if delivery["state"] == "dead")
    assert faults == ATTEMPTS and "given up" in dead["reason"]
    assert {row["delivery_id"] for row in await owed(light) if row["account_id"] == ann.account_id} == {dead["id"]}
    (antidote,) = (await record(light, told("Antidote to every poison", "Well.", arxiv="2603.00011"))).papers
    await percolate(light)
    await deliver(light, channel)
    assert channel.papers_at(ann.address) == [antidote], "the next one goes out"


async def test_a_database_that_fails_before_anything_is_sent_costs_no_delivery_an_attempt(
    store: Store, clock: FakeClock, channel: FakeChannel
) -> None:
    addresses = [(await reader(store, address=f"reader-{number}")).address for number in range(5)]
    await owe(store, clock)
    away = True

    def at(label: str) -> None:
        if label == "deliver: before a seal commits" and away:
            raise StoreError("the database cannot be used")

    await plan(store)
    lane = deliverer(store, channel, at=at)
    for _ in range(ATTEMPTS + 1):
        with pytest.raises(StoreError):
            await lane.run()
        assert {(row["state"], row["attempts"]) for row in await deliveries(store)} == {("pending", 0)}
        clock.advance(LEASE + SECOND)
    away = False
    await lane.run()
    assert {row["state"] for row in await deliveries(store)} == {"sent"}
    assert [len(channel.messages_at(address)) for address in addresses] == [1] * 5


async def test_an_address_sealed_by_an_unknown_key_ends_dead_with_the_reason_and_stops_no_other(
    store: Store, store_url: str, clock: FakeClock, channel: FakeChannel
) -> None:
    readers = [await reader(store, address=f"reader-{number}") for number in range(4)]
    others = await open_store(store_url, clock=clock, keys=["a key of thirty-two characters, or more"])
    sealed = await reader(others, address="sealed")
    await others.close()
    (paper,) = await owe(store, clock)
    await plan(store)
    lane = deliverer(store, channel)
    for attempt in range(ATTEMPTS):
        with pytest.raises(StoreError, match="by a key that is not among"):
            await lane.run()
        assert [channel.papers_at(each.address) for each in readers] == [[paper]] * 4, f"attempt {attempt}"
        clock.advance(LEASE + SECOND)
    await lane.run()
    (dead,) = (row for row in await deliveries(store) if row["state"] != "sent")
    assert (dead["account_id"], dead["state"], dead["attempts"]) == (sealed.account_id, "dead", ATTEMPTS)
    assert "given up after 8 attempts" in dead["reason"] and "by a key that is not among" in dead["reason"]


async def test_a_zone_that_nobody_knows_stops_no_other(light: Store, clock: FakeClock, channel: FakeChannel) -> None:
    ann = await reader(light, quiet=QuietHours(time(22), time(7)))
    bob, eve = await reader(light, address="bob"), await reader(light, address="eve")
    (paper,) = await owe(light, clock)
    await plan(light)
    async with light.transaction() as tx:
        await tx.execute(update(DESTINATION).where(DESTINATION.c.id == ann.destination.id).values(zone="Moon/Far_Side"))
    with pytest.raises(ReaderError, match="Moon"):
        await deliverer(light, channel).run()
    assert channel.papers_at(bob.address) == channel.papers_at(eve.address) == [paper]
    (waits,) = (row for row in await deliveries(light) if row["state"] != "sent")
    assert (waits["state"], waits["attempts"]) == ("pending", 1) and "Moon" in waits["reason"]


async def test_a_failure_of_the_database_that_meets_one_delivery_alone_is_an_attempt_of_that_one(
    light: Store, clock: FakeClock, channel: FakeChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob = await reader(light), await reader(light, address="bob")
    await owe(light, clock)
    await plan(light)
    sealed = sealing.seal

    async def seal(tx: Transaction, contents: Sequence[Content]) -> set[int]:
        if any(content.delivery.account_id == ann.account_id for content in contents):
            raise StoreError("the database cannot be used: the row is too long")
        return await sealed(tx, contents)

    monkeypatch.setattr(sealing, "seal", seal)
    with pytest.raises(StoreError):
        await deliverer(light, channel).run()
    told = {row["account_id"]: (row["state"], row["attempts"]) for row in await deliveries(light)}
    assert told == {ann.account_id: ("pending", 1), bob.account_id: ("sent", 1)}


async def test_what_the_database_always_refuses_starves_no_other_and_ends_dead(
    light: Store, clock: FakeClock, channel: FakeChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = {(await reader(light, address=f"refused-{number}")).account_id for number in range(ALIKE)}
    good = await reader(light, address="good")
    (paper,) = await owe(light, clock)
    await plan(light)
    sealed = sealing.seal

    async def seal(tx: Transaction, contents: Sequence[Content]) -> set[int]:
        if any(content.delivery.account_id in refused for content in contents):
            raise StoreError("the database cannot be used: the statement takes too long")
        return await sealed(tx, contents)

    monkeypatch.setattr(sealing, "seal", seal)
    lane = deliverer(light, channel)
    for _ in range(4 * ATTEMPTS):
        with suppress(StoreError):
            await lane.run()
        clock.advance(seconds=400)
    assert channel.papers_at(good.address) == [paper]
    told = {row["account_id"]: (row["state"], row["attempts"]) for row in await deliveries(light)}
    assert told == {**dict.fromkeys(refused, ("dead", ATTEMPTS)), good.account_id: ("sent", 1)}


async def test_who_is_cancelled_while_the_database_is_away_ends_as_cancelled(
    light: Store, clock: FakeClock, channel: FakeChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    await reader(light)
    await owe(light, clock)
    await plan(light)

    async def away(*_: object) -> None:
        raise StoreError("the database is away")

    def at(label: str) -> None:
        if label == "deliver: rendered":
            monkeypatch.setattr(outbox, "give_back", away)
            running.cancel()

    running = asyncio.create_task(deliverer(light, channel, at=at).run())
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_who_is_cancelled_while_preparing_gives_the_deliveries_back(
    store: Store, clock: FakeClock, channel: FakeChannel
) -> None:
    await reader(store)
    await owe(store, clock)
    await plan(store)

    def at(label: str) -> None:
        if label == "deliver: rendered":
            running.cancel()

    running = asyncio.create_task(deliverer(store, channel, at=at).run())
    with pytest.raises(asyncio.CancelledError):
        await running
    delivery = await one(store)
    assert (delivery["state"], delivery["attempts"]) == ("pending", 0)


async def test_stopping_lets_go_of_what_was_not_sent(light: Store, clock: FakeClock) -> None:
    stop = asyncio.Event()
    channel = FakeChannel(Options(papers_a_part=1))
    await reader(light)
    await owe(light, clock, 4)
    await plan(light)

    def at(label: str) -> None:
        if label == "deliver: sent":
            stop.set()

    await deliverer(light, channel, at=at).run(stop)
    delivery = await one(light)
    assert (delivery["state"], delivery["parts_sent"], delivery["attempts"]) == ("pending", 1, 0)
    clock.advance(LEASE + SECOND)
    await deliver(light, channel)
    assert len(channel.attempts) == 4


# ── the reader's own will ──────────────────────────────────────────────────────────────────────────────────────────


async def test_what_nobody_asks_for_any_more_is_dropped(store: Store, clock: FakeClock, channel: FakeChannel) -> None:
    ann = await reader(store)
    await owe(store, clock)
    async with store.transaction() as tx:
        await profiles.unsubscribe(tx, ann.account_id, ann.subscription.id)
    outcome = await deliver(store, channel)
    delivery = await one(store)
    assert (outcome.dropped, delivery["state"], channel.attempts) == (1, "dropped", [])
    assert delivery["reason"]
    await deliver(store, channel)
    assert await count(store, DELIVERY) == 1, "closed with it"


async def test_a_removed_profile_is_no_reason_and_the_other_one_is(
    store: Store, clock: FakeClock, channel: FakeChannel
) -> None:
    ann = await reader(store)
    await reader(store, "study")
    await owe(store, clock)
    async with store.transaction() as tx:
        await profiles.remove(tx, ann.account_id, ann.profile.id, clock())
    await deliver(store, channel)
    (message,) = channel.messages_at(ann.address)
    assert message.payload.content["papers"][0]["why"] == ["study"]


async def test_what_waits_for_a_paused_destination_is_sent_when_it_wakes(
    store: Store, clock: FakeClock, channel: FakeChannel
) -> None:
    ann = await reader(store)
    await pause(store, ann, clock)
    papers = await owe(store, clock, 2)
    await deliver(store, channel)
    clock.advance(hours=47)
    await lapse(store)
    await deliver(store, channel)
    assert channel.attempts == []
    await reader(store)  # subscribing again wakes the address
    await deliver(store, channel)
    assert sorted(channel.papers_at(ann.address)) == sorted(papers)


async def test_an_alert_that_waited_for_two_days_comes_with_the_next_digest(
    store: Store, clock: FakeClock, channel: FakeChannel
) -> None:
    ann = await reader(store)
    await pause(store, ann, clock)
    papers = await owe(store, clock, 2)
    await plan(store)
    clock.advance(hours=49)
    await reader(store)
    await deliver(store, channel)
    assert channel.attempts == [], "no alert of what was new two days ago"
    late = await one(store)
    assert (late["state"], late["reason"]) == ("dropped", sealing.JOINED)
    await plan(store)
    clock.advance(days=1)
    await deliver(store, channel)
    (message,) = channel.messages_at(ann.address)
    assert message.payload.content["title"] == "Your papers today"
    assert sorted(channel.papers_at(ann.address)) == sorted(papers)


async def test_what_waited_for_seven_days_is_dropped_and_younger_papers_still_wait(
    store: Store, clock: FakeClock, channel: FakeChannel
) -> None:
    ann = await reader(store)
    await pause(store, ann, clock)
    old = await owe(store, clock, 2)
    await plan(store)
    clock.advance(days=5)
    young = await owe(store, clock, 1, start=50)
    await plan(store)
    clock.advance(days=3)
    assert await lapse(store) == 1
    await plan(store)
    clock.advance(hours=1)
    assert await lapse(store) == 0, "what is younger waits its own seven days"
    dropped = next(d for d in await deliveries(store) if d["state"] == "dropped")
    assert "paused for more than seven days" in str(dropped["reason"])
    assert {row["paper_id"] for row in await owed(store) if row["delivery_id"] == dropped["id"]} == set(old)
    await reader(store)
    await deliver(store, channel)
    assert channel.papers_at(ann.address) == list(young)


async def test_a_dead_workers_delivery_to_a_paused_destination_lapses_too(
    light: Store, clock: FakeClock, channel: FakeChannel
) -> None:
    ann = await reader(light)
    await owe(light, clock)
    await plan(light)
    with pytest.raises(Killed):
        await deliverer(light, channel, at=dies_at("deliver: before a send")).run()
    await pause(light, ann, clock)
    clock.advance(days=8)
    assert await lapse(light) == 1
    assert (await one(light))["state"] == "dropped"
