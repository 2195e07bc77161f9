"""The outbox in its reader's hands: looked at, sent again, dropped. On both databases."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import update

from paperlark.model.problems import DeliveryError, ReaderError
from paperlark.model.readers import Cadence
from paperlark.pipeline.planning import plan
from paperlark.readers import deliveries
from paperlark.store import profiles
from paperlark.store.database import Store, open_store
from paperlark.store.deliveries import Message
from paperlark.store.tables import DELIVERY
from paperlark.testing.channels import Failure, FakeChannel
from paperlark.testing.clock import FakeClock
from tests.builders import MONDAY, Reader, deliver, owed, percolate, reader, record, told

REFUSED = DeliveryError("fake: too long", refused=True)


class World:
    """A store whose clock stands still, and a channel."""

    def __init__(self, store: Store, clock: FakeClock) -> None:
        self.store, self.clock, self.channel = store, clock, FakeChannel()
        self._papers = 0

    async def tell(self) -> None:
        """A paper on larks is announced, ten minutes after the last one, and planned for."""
        self._papers += 1
        self.clock.advance(minutes=10)
        at = self.clock()
        await record(self.store, told(f"Larks, part {self._papers}", arxiv=f"2603.{self._papers:05d}", at=at))
        await percolate(self.store)
        while await plan(self.store):
            pass

    async def deliver(self) -> None:
        await deliver(self.store, self.channel)

    async def newest(self, ann: Reader) -> Message:
        """The delivery that was made last."""
        return (await deliveries.listed(self.store, ann.account_id)).found[0]


@pytest.fixture
async def world(store_url: str) -> AsyncIterator[World]:
    clock = FakeClock(MONDAY)
    opened = await open_store(store_url, clock=clock)
    yield World(opened, clock)
    await opened.close()


async def test_deliveries_are_listed_newest_first_and_each_once_however_they_are_paged(world: World) -> None:
    ann = await reader(world.store)
    await reader(world.store, address="bob")
    for _ in range(5):
        await world.tell()
        await world.deliver()
    whole = await deliveries.listed(world.store, ann.account_id)
    assert [message.state for message in whole.found] == ["sent"] * 5 and whole.before is None
    assert {(message.account_id, message.address) for message in whole.found} == {(ann.account_id, "ann")}
    assert [message.id for message in whole.found] == sorted((message.id for message in whole.found), reverse=True)
    paged: list[int] = []
    before = None
    while True:
        page = await deliveries.listed(world.store, ann.account_id, limit=2, before=before)
        paged += [message.id for message in page.found]
        before = page.before
        if before is None:
            break
        await world.tell()  # what comes meanwhile moves nothing
    assert paged == [message.id for message in whole.found]
    assert len((await deliveries.listed(world.store, None, limit=100)).found) == 12


async def test_the_list_is_narrowed_by_state_and_channel(world: World) -> None:
    ann = await reader(world.store)
    world.channel.fail("ann", REFUSED)
    await world.tell()
    await world.deliver()
    await world.tell()
    for states, found in ((["dead"], 1), (["pending"], 1), (["dead", "pending"], 2), (["sent"], 0), ([], 2)):
        listing = await deliveries.listed(world.store, ann.account_id, states=states)
        assert len(listing.found) == found, states
    assert (await deliveries.listed(world.store, ann.account_id, channel="email")).found == ()
    with pytest.raises(ReaderError, match='"gone" is no state'):
        await deliveries.listed(world.store, ann.account_id, states=["gone"])


async def test_a_delivery_shows_its_papers_and_why_it_died(world: World) -> None:
    ann = await reader(world.store)
    world.channel.fail("ann", REFUSED)
    await world.tell()
    await world.deliver()
    message, contents = await deliveries.one(world.store, ann.account_id, (await world.newest(ann)).id)
    assert (message.state, message.reason, message.attempts, message.parts) == ("dead", "fake: too long", 1, 1)
    assert [(content.title, content.fate) for content in contents] == [("Larks, part 1", "shown")]


async def test_a_dead_delivery_is_sent_again_as_it_was_sealed(world: World) -> None:
    ann = await reader(world.store)
    world.channel.fail("ann", REFUSED)
    await world.tell()
    await world.deliver()
    world.clock.advance(timedelta(days=10))
    again = await deliveries.retry(world.store, ann.account_id, (await world.newest(ann)).id)
    assert (again.state, again.attempts, again.reason, again.due_at) == ("pending", 0, None, world.clock())
    await world.deliver()
    assert (await world.newest(ann)).state == "sent"
    first, second = world.channel.attempts
    assert (first.payload, first.key) == (second.payload, second.key)


async def test_one_that_may_have_arrived_is_sent_again_as_a_second_copy(world: World) -> None:
    ann = await reader(world.store)
    lost = DeliveryError("fake: no answer", ambiguous=True)
    world.channel.fail("ann", Failure(lost, arrived=True), Failure(lost))
    await world.tell()
    for _ in range(3):
        await world.deliver()
        world.clock.advance(timedelta(hours=7))
    dead = await world.newest(ann)
    assert dead.state == "dead"
    await deliveries.retry(world.store, ann.account_id, dead.id)
    await world.deliver()
    assert [sent.payload.content["repeat"] for sent in world.channel.sent] == [False, True]


async def test_a_delivery_that_waits_is_due_now(world: World) -> None:
    ann = await reader(world.store, cadence=Cadence.DAILY)
    await world.tell()
    waiting = await world.newest(ann)
    assert waiting.state == "pending" and waiting.due_at > world.clock()
    assert (await deliveries.retry(world.store, ann.account_id, waiting.id)).due_at == world.clock()
    await world.deliver()
    assert len(world.channel.sent) == 1


async def test_what_is_dropped_is_told_no_more(world: World) -> None:
    ann = await reader(world.store, cadence=Cadence.DAILY)
    await world.tell()
    waiting = await world.newest(ann)
    dropped = await deliveries.drop(world.store, ann.account_id, waiting.id, reason="  too\nlate ")
    assert (dropped.state, dropped.reason, dropped.ended_at) == ("dropped", "too late", world.clock())
    assert [row["delivery_id"] for row in await owed(world.store)] == [waiting.id]
    world.clock.advance(timedelta(days=3))
    await world.deliver()
    assert world.channel.sent == []
    await world.tell()
    world.clock.advance(timedelta(days=1))
    await world.deliver()
    assert [len(sent.payload.content["papers"]) for sent in world.channel.sent] == [1]


async def test_a_dead_delivery_that_was_never_sealed_owes_again_what_it_was_to_tell(world: World) -> None:
    ann = await reader(world.store)
    await world.tell()
    waiting = await world.newest(ann)
    await deliveries.drop(world.store, ann.account_id, waiting.id)
    async with world.store.transaction() as tx:  # as a worker leaves one that it gave up before it was sealed
        await tx.execute(update(DELIVERY).values(state="dead", reason="given up after 8 attempts"))
    assert (await deliveries.one(world.store, ann.account_id, waiting.id))[0].parts is None
    await deliveries.retry(world.store, ann.account_id, waiting.id)
    await world.deliver()
    assert [sent.payload.content["papers"][0]["title"] for sent in world.channel.sent] == ["Larks, part 1"]


async def test_what_is_settled_stays_and_the_reader_is_told_why(world: World) -> None:
    ann = await reader(world.store)
    await world.tell()
    await world.deliver()
    sent = await world.newest(ann)
    for verb in (deliveries.retry, deliveries.drop):
        with pytest.raises(ReaderError, match=r"^it has been sent: only what waits or is dead can be changed$"):
            await verb(world.store, ann.account_id, sent.id)
    await world.tell()
    waiting = await world.newest(ann)
    await deliveries.drop(world.store, ann.account_id, waiting.id)
    with pytest.raises(ReaderError, match=r"^it was dropped: "):
        await deliveries.retry(world.store, ann.account_id, waiting.id)
    assert len(world.channel.sent) == 1


async def test_nothing_is_sent_again_to_an_address_that_is_paused(world: World) -> None:
    ann = await reader(world.store)
    world.channel.fail("ann", DeliveryError("fake: blocked by the user", permanent=True))
    await world.tell()
    await world.deliver()
    dead = await world.newest(ann)
    with pytest.raises(ReaderError, match=r"nothing is sent to its address \(fake: blocked by the user\)"):
        await deliveries.retry(world.store, ann.account_id, dead.id)
    async with world.store.transaction() as tx:
        await profiles.resume_destination(tx, ann.account_id, ann.destination.id)
    await deliveries.retry(world.store, ann.account_id, dead.id)
    await world.deliver()
    assert len(world.channel.sent) == 1


async def test_the_operator_reaches_everybodys_and_a_reader_only_their_own(world: World) -> None:
    ann, bob = await reader(world.store), await reader(world.store, address="bob")
    world.channel.fail("ann", REFUSED)
    await world.tell()
    await world.deliver()
    dead = await world.newest(ann)
    for verb in (deliveries.one, deliveries.retry, deliveries.drop):
        with pytest.raises(ReaderError, match="there is no such delivery"):
            await verb(world.store, bob.account_id, dead.id)
    assert (await deliveries.retry(world.store, None, dead.id)).state == "pending"


@pytest.mark.parametrize("number", [0, -1, 1, 2**63, 10**30])
async def test_what_is_no_id_is_no_delivery(world: World, number: int) -> None:
    ann = await reader(world.store)
    with pytest.raises(ReaderError, match="there is no such delivery"):
        await deliveries.one(world.store, ann.account_id, number)
