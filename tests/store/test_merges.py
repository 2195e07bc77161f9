"""Two papers become one, with everything they had, and can be parted again; nobody is told twice."""

import pytest
from sqlalchemy import insert, update

from paperlark.model.problems import StoreError
from paperlark.store import merges
from paperlark.store.database import Store
from paperlark.store.tables import DELIVERY, MARK, OWED
from paperlark.testing.channels import FakeChannel
from tests.builders import (
    MONDAY,
    announcements,
    deliver,
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
