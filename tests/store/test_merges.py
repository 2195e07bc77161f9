"""Two papers become one, with everything they had, and can be parted again; nobody is told twice."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import delete, insert, update

from paperlark.model.messages import Digest, Payload, Receipt
from paperlark.model.papers import Alias
from paperlark.model.problems import StoreError
from paperlark.model.readers import WISHES
from paperlark.pipeline.percolate import Percolator
from paperlark.pipeline.planning import plan
from paperlark.store import merges
from paperlark.store.database import Store, open_store
from paperlark.store.tables import ANNOUNCEMENT, DELIVERY, MARK, OWED
from paperlark.testing.channels import FakeChannel
from paperlark.testing.clock import FakeClock
from tests.builders import (
    LEASE,
    MONDAY,
    announcements,
    deliver,
    deliverer,
    deliveries,
    dump,
    matches,
    owed,
    percolate,
    reader,
    record,
    stored,
    told,
)
from tests.databases import Fresh


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MONDAY)


@pytest.fixture
async def timed(store_url: str, clock: FakeClock) -> AsyncIterator[Store]:
    """A fresh store on both databases, whose time stands still."""
    opened = await open_store(store_url, clock=clock)
    yield opened
    await opened.close()


ONE = told("Larks above the town", "One tells of larks.", arxiv="2603.00001", signals={"upvotes": 1})
OTHER = told("Larks in print", "The other tells of larks too.", doi="10.1000/larks", signals={"upvotes": 2})


async def two_papers(store: Store) -> tuple[int, int]:
    (kept,) = (await record(store, ONE)).papers
    (gone,) = (await record(store, OTHER, source="feed", authority=40)).papers
    return kept, gone


async def merge(store: Store, kept: int, gone: int) -> int:
    async with store.transaction() as tx:
        return await merges.merge(tx, kept, gone, reason="told so", now=await tx.now())


async def part(store: Store, merge_id: int) -> None:
    async with store.transaction() as tx:
        await merges.part(tx, merge_id, now=await tx.now())


async def state_of(store: Store, paper_id: int, state: str | None) -> None:
    """Give what is owed of a paper this progress: unsealed (None), or sealed into a delivery in a state."""
    (row,) = [row for row in await owed(store) if row["paper_id"] == paper_id]
    number = None if state is None else paper_id + 1
    async with store.transaction() as tx:
        await tx.execute(update(OWED).where(OWED.c.paper_id == paper_id).values(delivery_id=number))
        if state is not None:
            values = {"account_id": row["account_id"], "id": number, "destination_id": row["destination_id"]}
            await tx.execute(
                insert(DELIVERY).values(
                    **values, channel="fake", cadence="instant", slot=str(number), state=state, first_due=MONDAY,
                    due_at=MONDAY, attempts=0, unconfirmed=0, in_flight=False, parts_sent=0, papers=1,
                )
            )  # fmt: skip


async def test_everything_of_the_one_moves_to_the_other(store: Store) -> None:
    ann = await reader(store)
    kept, gone = await two_papers(store)
    await percolate(store)
    async with store.transaction() as tx:
        mark = {"account_id": ann.account_id, "paper_id": gone, "kind": "saved", "at": MONDAY}
        await tx.execute(insert(MARK).values(**mark))
    await merge(store, kept, gone)
    (paper,) = await stored(store)
    assert (paper.id, paper.title) == (kept, "Larks above the town")
    assert {str(alias) for alias in paper.aliases} == {"arxiv:2603.00001", "doi:10.1000/larks"}
    assert paper.sources == ("arxiv", "feed") and paper.signals == {"upvotes": 2}
    for rows in (await announcements(store), await matches(store), await owed(store)):
        assert rows and {row["paper_id"] for row in rows} == {kept}
    assert not any(str(gone) in row for row in (await dump(store))["mark"])


async def test_parting_restores_both_papers_whole(store: Store) -> None:
    await reader(store)
    bob = await reader(store, address="bob", account="ann")
    kept, gone = await two_papers(store)
    # both have an announcement of the same source: one of them must give way, and come back
    await record(store, told("Larks in print", "The other again.", doi="10.1000/larks"))
    await percolate(store)
    await deliver(store, FakeChannel())
    async with store.transaction() as tx:
        for paper_id in (kept, gone):
            mark = {"account_id": bob.account_id, "paper_id": paper_id, "kind": "saved", "at": MONDAY}
            await tx.execute(insert(MARK).values(**mark))
    before = await dump(store, without=["merge_log"])
    number = await merge(store, kept, gone)
    assert await dump(store, without=["merge_log"]) != before
    await part(store, number)
    assert await dump(store, without=["merge_log"]) == before


async def test_a_merge_that_another_was_built_upon_is_undone_after_that_one(store: Store) -> None:
    kept, gone = await two_papers(store)
    (third,) = (await record(store, told("Larks at sea", "A third tells of larks.", hf="sea"), source="other")).papers
    before = await dump(store, without=["merge_log"])
    first = await merge(store, kept, gone)
    second = await merge(store, third, kept)
    with pytest.raises(StoreError, match=f"undo merge {second} first"):
        await part(store, first)
    for number in (second, first):
        await part(store, number)
    assert await dump(store, without=["merge_log"]) == before


async def test_what_was_told_of_the_merged_paper_is_not_told_again_after_an_undo(store: Store) -> None:
    ann, channel = await reader(store), FakeChannel()
    kept, gone = await two_papers(store)
    async with store.transaction() as tx:
        await tx.execute(delete(ANNOUNCEMENT).where(ANNOUNCEMENT.c.paper_id == kept))
    await percolate(store)
    number = await merge(store, kept, gone)
    await deliver(store, channel)
    assert channel.papers_at(ann.address) == [kept]
    await part(store, number)
    await deliver(store, channel)
    assert [(row["paper_id"], row["delivery_id"] is None) for row in await owed(store)] == [(gone, False)]
    assert len(channel.papers_at(ann.address)) == 1


async def test_papers_that_were_parted_are_not_joined_again_by_what_sources_say(store: Store) -> None:
    kept, gone = await two_papers(store)
    await part(store, await merge(store, kept, gone))
    both = told("Larks above the town", "One tells of larks.", arxiv="2603.00001", doi="10.1000/larks")
    found = await record(store, both, source="other")
    assert found.papers == (kept,)
    assert [paper.id for paper in await stored(store)] == [kept, gone]


async def test_parted_papers_stay_apart_also_under_the_ids_of_those_that_they_became(store: Store) -> None:
    kept, gone = await two_papers(store)
    (third,) = (await record(store, told("Larks at sea", "A third tells of larks.", hf="sea"), source="other")).papers
    await part(store, await merge(store, kept, gone))
    await merge(store, third, gone)
    both = told("Larks", "", arxiv="2603.00001", hf="sea")
    assert (await record(store, both, source="another")).papers == (kept,)
    async with store.reading() as tx:
        assert await merges.parted(tx, [kept]) == [(kept, third)]
        assert await merges.heirs(tx, [kept, gone, third, 12345]) == {gone: third}


async def test_a_merge_is_undone_once(store: Store) -> None:
    number = await merge(store, *await two_papers(store))
    await part(store, number)
    for wrong in (number, 12345):
        with pytest.raises(StoreError, match="no merge"):
            await part(store, wrong)


@pytest.mark.parametrize(
    ("kept_state", "gone_state", "survivor"),
    [
        (None, "sent", "sent"),
        ("pending", "sent", "sent"),
        ("sent", None, "sent"),
        ("dead", "claimed", "claimed"),
        (None, "dead", "dead"),
        ("dropped", None, None),
        (None, "dropped", None),
        (None, None, None),
    ],
)
async def test_what_got_furthest_stays(
    sqlite_store: Store, kept_state: str | None, gone_state: str | None, survivor: str | None
) -> None:
    await reader(sqlite_store)
    kept, gone = await two_papers(sqlite_store)
    await percolate(sqlite_store)
    await state_of(sqlite_store, kept, kept_state)
    await state_of(sqlite_store, gone, gone_state)
    await merge(sqlite_store, kept, gone)
    (row,) = await owed(sqlite_store)
    states = {delivery["id"]: delivery["state"] for delivery in await deliveries(sqlite_store)}
    assert (row["paper_id"], states.get(row["delivery_id"])) == (kept, survivor)


async def test_who_was_told_of_one_is_not_told_again_when_the_two_become_one(store: Store) -> None:
    ann, channel = await reader(store), FakeChannel()
    await record(store, ONE)
    await percolate(store)
    await deliver(store, channel)
    await record(store, OTHER, source="feed", authority=40)
    await percolate(store)
    await record(store, told("Larks", "", arxiv="2603.00001", doi="10.1000/larks"), source="other")
    await percolate(store)
    await deliver(store, channel)
    assert channel.papers_at(ann.address) == [(await stored(store))[0].id]


async def test_an_announcement_that_is_still_open_is_percolated_after_a_merge(store: Store) -> None:
    ann = await reader(store, "town org:finches")
    (kept,) = (await record(store, ONE)).papers
    finches = told("Birds in print", "", doi="10.1000/larks", organisation="Finches")
    (gone,) = (await record(store, finches, source="feed", authority=40)).papers
    await percolate(store)
    # The source that told of the one now tells of the other; they become one before that is percolated.
    await record(store, told("Birds in print", "", doi="10.1000/larks"))
    await merge(store, kept, gone)
    assert [row["source"] for row in await announcements(store) if row["percolated_at"] is None] == ["arxiv"]
    await percolate(store)
    assert all(row["percolated_at"] for row in await announcements(store))
    assert [row["account_id"] for row in await matches(store)] == [ann.account_id]


async def test_who_was_told_of_each_occasion_is_not_told_of_it_again(timed: Store, clock: FakeClock) -> None:
    """A preprint and its article were both told of; the preprint's server then says that they are one."""
    store = timed
    ann, channel = await reader(store, occasions=WISHES), FakeChannel()
    title, abstract = "Larks above the town", "One tells of larks."
    names = (Alias("doi", "10.1101/town"), Alias("doi", "10.1000/larks"))
    await record(store, told(title, abstract, doi="10.1101/town"), source="biorxiv")
    await record(store, OTHER, source="feed", authority=40)
    await percolate(store)
    await deliver(store, channel)
    published = told(title, abstract, aliases=names, occasion="published:10.1000/larks", type="published")
    for source in ("biorxiv", "medrxiv"):
        clock.advance(hours=1)
        await record(store, published, told(title, abstract, aliases=names), source=source)
        await percolate(store)
        await deliver(store, channel)
    (paper,) = await stored(store)
    assert {(row["paper_id"], row["occasion"]) for row in await owed(store)} == {
        (paper.id, "first"),
        (paper.id, "published:10.1000/larks"),
    }
    assert len(channel.papers_at(ann.address)) == 3, "the preprint, the article, and that they are one"


@pytest.mark.parametrize("told_before", [True, False])
async def test_a_merge_between_composing_and_sealing_tells_nobody_twice(
    timed: Store, clock: FakeClock, told_before: bool
) -> None:
    store = timed
    ann, channel = await reader(store), FakeChannel()
    if told_before:
        await record(store, ONE)
    await percolate(store)
    await deliver(store, channel)
    (gone,) = (await record(store, OTHER, source="feed", authority=40)).papers
    (kept,) = (await record(store, ONE, owes=False)).papers  # told of before, or never owed
    await percolate(store)
    clock.advance(hours=1)
    await plan(store)

    class Slow(FakeChannel):
        """Renders a digest while somebody else makes one paper of two."""

        merged = False

        def render(self, digest: Digest) -> list[Payload]:
            if not self.merged:
                self.merged = True
                asyncio.run_coroutine_threadsafe(merge(store, kept, gone), loop).result(10)
            return channel.render(digest)

        async def send(self, address: str, payload: Payload, key: str) -> Receipt:
            return await channel.send(address, payload, key)

    loop = asyncio.get_running_loop()
    lane = deliverer(store, Slow())
    await lane.run()
    await lane.leave()
    clock.advance(hours=1)
    await deliver(store, channel)
    assert channel.papers_at(ann.address) == [kept]
    assert all(row["delivery_id"] for row in await owed(store))


async def test_a_merge_while_a_delivery_is_sealed_waits_and_sees_it(postgres: Fresh) -> None:
    """Two real connections: the move must not carry on what it read before the seal committed."""
    store = await open_store(postgres())
    ann = await reader(store)
    kept, gone = await two_papers(store)
    await percolate(store)
    async with store.transaction() as tx:
        await tx.execute(delete(OWED).where(OWED.c.paper_id == kept))
    async with store.transaction() as sealing:
        sealed = update(OWED).where(OWED.c.account_id == ann.account_id).values(delivery_id=5)
        await sealing.execute(sealed)
        merging = asyncio.create_task(merge(store, kept, gone))
        await asyncio.sleep(0.3)
        assert not merging.done()
    await merging
    assert [(row["paper_id"], row["delivery_id"]) for row in await owed(store)] == [(kept, 5)]
    await store.close()


def merge_elsewhere(url: str, kept: int, gone: int) -> None:
    """What another process does meanwhile."""

    async def main() -> None:
        store = await open_store(url)
        await merge(store, kept, gone)
        await store.close()

    asyncio.run(main())


async def test_what_is_owed_of_a_paper_that_became_another_meanwhile_is_owed_of_that_one(
    store: Store, store_url: str
) -> None:
    """The merge comes between a batch's reading of its papers and its writing of what they owe."""
    ann = await reader(store)
    kept, gone = await two_papers(store)

    def at(label: str) -> None:
        if label == "percolate: batch matched":
            other = threading.Thread(target=merge_elsewhere, args=(store_url, kept, gone))
            other.start()
            other.join(20)

    percolator = Percolator(store, lease=LEASE, at=at)
    await percolator.run()
    await percolator.close()
    assert {row["paper_id"] for row in await owed(store)} == {kept}
    assert {(row["account_id"], row["paper_id"]) for row in await matches(store)} == {(ann.account_id, kept)}
