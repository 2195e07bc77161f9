"""Every recorded announcement is percolated, whatever dies; who is owed what follows from when each thing began."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

import pytest
from sqlalchemy import update

from paperlark.model.messages import Digest, Payload
from paperlark.model.problems import StoreError
from paperlark.model.readers import WISHES, Cadence, EmptyPolicy, Rhythm
from paperlark.pipeline.percolate import Hit, Percolator
from paperlark.store import percolation, profiles, recording
from paperlark.store.database import Store, Transaction, open_store
from paperlark.store.percolation import Batch, FreshSignal, Told
from paperlark.store.tables import PERCOLATION_BATCH, PROFILE
from paperlark.testing.channels import FakeChannel
from paperlark.testing.clock import FakeClock
from tests.builders import (
    LEASE,
    MONDAY,
    Killed,
    Reader,
    announcements,
    count,
    deliver,
    dies_at,
    matches,
    numbered,
    owed,
    percolate,
    reader,
    record,
    stored,
    told,
)
from tests.databases import Fresh

DAY = timedelta(days=1)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MONDAY)


@pytest.fixture
async def percolator(store: Store) -> AsyncIterator[Percolator]:
    made = Percolator(store, lease=LEASE)
    yield made
    await made.close()


async def is_open(store: Store) -> int:
    async with store.reading() as tx:
        return await percolation.waiting(tx)


# ── every announcement ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_every_announcement_is_percolated_and_what_meets_is_owed(store: Store, clock: FakeClock) -> None:
    ann, bob = await reader(store, "larks"), await reader(store, "owls", "bob")
    clock.advance(minutes=1)
    larks = await record(store, *numbered(300))
    owls = await record(store, *numbered(7, "owls", start=500))
    assert await percolate(store) == 307
    assert await is_open(store) == 0
    by_account = {account: {m["paper_id"] for m in await matches(store) if m["account_id"] == account}
                  for account in (ann.account_id, bob.account_id)}  # fmt: skip
    assert by_account == {ann.account_id: set(larks.papers), bob.account_id: set(owls.papers)}
    assert {(o["account_id"], o["paper_id"]) for o in await owed(store)} == {
        *((ann.account_id, paper) for paper in larks.papers),
        *((bob.account_id, paper) for paper in owls.papers),
    }
    assert await percolate(store) == 0


@pytest.mark.parametrize(
    "label",
    ["percolate: batch claimed", "percolate: batch matched", "percolate: matches written",
     "percolate: before a chunk commits", "percolate: batch written", "percolate: before a batch commits"],
)  # fmt: skip
async def test_a_batch_whose_worker_died_comes_back_after_its_lease(store: Store, clock: FakeClock, label: str) -> None:
    await reader(store)
    clock.advance(minutes=1)
    await record(store, *numbered(3))
    dying = Percolator(store, lease=LEASE, at=dies_at(label))
    with pytest.raises(Killed):
        await dying.run()
    await dying.close()
    clock.advance(LEASE - timedelta(seconds=1))
    assert await percolate(store) == 0, "somebody may still be at it"
    clock.advance(seconds=2)
    assert await percolate(store) == 3
    assert await is_open(store) == 0
    assert len(await owed(store)) == len(await matches(store)) == 3


async def test_a_cancelled_batch_is_given_back_at_once(store: Store, clock: FakeClock) -> None:
    await reader(store)
    clock.advance(minutes=1)
    await record(store, *numbered(3))
    started = asyncio.Event()

    def at(label: str) -> None:
        if label == "percolate: batch claimed":
            started.set()

    stopped = Percolator(store, lease=LEASE, at=at)
    running = asyncio.create_task(stopped.run())
    await started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await stopped.close()
    assert await percolate(store) == 3


async def test_a_batch_that_the_database_broke_off_is_taken_up_as_soon_as_it_answers(
    store: Store, clock: FakeClock
) -> None:
    await reader(store)
    clock.advance(minutes=1)
    await record(store, *numbered(3))

    def at(label: str) -> None:
        if label == "percolate: batch matched":
            raise StoreError("the database cannot be used")

    broken = Percolator(store, lease=LEASE, at=at)
    with pytest.raises(StoreError):
        await broken.run()
    await broken.close()
    assert await percolate(store) == 3
    assert len(await matches(store)) == 3


class Refused(Percolator):
    """A percolator whose database answers, and refuses whatever has to do with some announcements (by id)."""

    def __init__(self, store: Store, *bad: int) -> None:
        super().__init__(store, lease=LEASE, jitter=Random(0))
        self.bad = set(bad)
        self.times = 0

    async def _percolate(self, batch: Batch) -> None:
        self._refuse(batch.announcements)
        await super()._percolate(batch)

    async def _write_signals(self, fresh: Sequence[FreshSignal], hits: Sequence[tuple[Hit, datetime]]) -> None:
        self._refuse([signal.told for signal in fresh])
        await super()._write_signals(fresh, hits)

    def _refuse(self, announcements: Sequence[Told]) -> None:
        if self.bad & {told.id for told in announcements}:
            self.times += 1
            raise StoreError("cannot reach the database: canceling statement due to statement timeout")

    async def rounds(self, number: int, clock: FakeClock, step: Callable[[], Awaitable[object]]) -> None:
        """So many rounds of a loop, two seconds from one to the next."""
        for _ in range(number):
            with suppress(StoreError):
                await step()
            clock.advance(seconds=2)


@pytest.mark.parametrize("place", [0, 300])
async def test_an_announcement_that_the_database_refuses_holds_up_no_other(
    store: Store, clock: FakeClock, place: int
) -> None:
    await reader(store)
    clock.advance(minutes=1)
    recorded = await record(store, *numbered(520))
    bad = (await announcements(store))[place]
    percolator = Refused(store, bad["id"])
    await percolator.rounds(60, clock, percolator.run)
    assert [row["id"] for row in await announcements(store) if row["percolated_at"] is None] == [bad["id"]]
    assert {row["paper_id"] for row in await owed(store)} == {*recorded.papers} - {bad["paper_id"]}
    assert percolator.times < 20, "the longer it lasts, the less often it is tried"

    percolator.bad.clear()
    clock.advance(minutes=5)
    assert await percolator.run() == 1
    assert {row["paper_id"] for row in await owed(store)} == set(recorded.papers)
    await percolator.close()


async def test_what_is_refused_waits_for_every_worker(store: Store, clock: FakeClock) -> None:
    await record(store, *numbered(1))
    (only,) = await announcements(store)
    percolator = Refused(store, only["id"])
    await percolator.rounds(12, clock, percolator.run)
    with suppress(StoreError):
        await percolator.run()
    assert await percolate(store) == 0
    clock.advance(minutes=5)
    assert await percolate(store) == 1
    await percolator.close()


async def test_counts_that_the_database_refuses_hold_up_no_others(store: Store, clock: FakeClock) -> None:
    await reader(store, "upvotes:>=20")
    for upvotes in (3, 50):
        clock.advance(minutes=1)
        rising = [replace(each, signals={"upvotes": upvotes}) for each in numbered(30)]
        recorded = await record(store, *rising)
        if upvotes == 3:
            await percolate(store)
    bad = (await announcements(store))[0]
    percolator = Refused(store, bad["id"])
    await percolator.rounds(30, clock, percolator.run_signals)
    assert {row["paper_id"] for row in await owed(store)} == {*recorded.papers} - {bad["paper_id"]}
    assert percolator.times < 12

    percolator.bad.clear()
    clock.advance(minutes=5)
    assert await percolator.run_signals() == 1
    assert {row["paper_id"] for row in await owed(store)} == set(recorded.papers)
    await percolator.close()


async def test_a_batch_that_retention_forgot_is_percolated_all_the_same(store: Store, clock: FakeClock) -> None:
    await record(store, *numbered(2))
    dying = Percolator(store, lease=LEASE, at=dies_at("percolate: batch claimed"))
    with pytest.raises(Killed):
        await dying.run()
    await dying.close()
    async with store.transaction() as tx:
        await tx.execute(PERCOLATION_BATCH.delete())
    assert await percolate(store) == 2


async def test_two_workers_share_the_batches_and_write_everything_once(store: Store, clock: FakeClock) -> None:
    await reader(store)
    clock.advance(minutes=1)
    await record(store, *numbered(600))
    workers = [Percolator(store, lease=LEASE) for _ in range(2)]
    done = await asyncio.gather(*(worker.run() for worker in workers))
    for worker in workers:
        await worker.close()
    assert sum(done) == 600
    assert len(await owed(store)) == 600


async def test_an_unreadable_profile_does_not_stop_the_others(store: Store, clock: FakeClock) -> None:
    ann, _ = await reader(store), await reader(store, "owls", "bob")
    async with store.transaction() as tx:
        await tx.execute(update(PROFILE).where(PROFILE.c.text == "owls").values(text='"unclosed ('))
    clock.advance(minutes=1)
    await record(store, *numbered(2))
    assert await percolate(store) == 2
    assert {row["account_id"] for row in await owed(store)} == {ann.account_id}


# ── who is owed ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_baseline_fills_the_archive_and_owes_nobody(store: Store, clock: FakeClock) -> None:
    await reader(store)
    clock.advance(minutes=1)
    await record(store, *numbered(3), owes=False)
    assert await percolate(store) == 3
    assert len(await matches(store)) == 3 and await owed(store) == []


async def test_what_a_poll_finds_late_waits_for_the_next_digest(store: Store, clock: FakeClock) -> None:
    await reader(store, cadence=Cadence.INSTANT)
    clock.advance(minutes=1)
    late, timely = numbered(1), numbered(1, start=5)
    timely = [replace(told, announced_at=clock()) for told in timely]
    prepared = recording.prepare("arxiv", [*late, *timely])
    clock.advance(hours=50)
    async with store.transaction() as tx:
        now = await tx.now()
        before = MONDAY + timedelta(seconds=1)
        await recording.record(tx, "arxiv", 90, prepared, owes=True, now=now, late_before=before)
    await percolate(store)
    assert sorted(row["cadence"] for row in await owed(store)) == ["daily", "instant"]


async def test_only_subscriptions_older_than_the_announcement_are_owed(store: Store, clock: FakeClock) -> None:
    early = await reader(store)
    clock.advance(minutes=1)
    await record(store, *numbered(1))
    clock.advance(minutes=1)
    await reader(store, address="late")
    await percolate(store)
    assert [row["account_id"] for row in await owed(store)] == [early.account_id]


async def test_who_came_on_tuesday_hears_on_wednesday_and_who_was_told_on_monday_does_not(
    store: Store, clock: FakeClock
) -> None:
    channel = FakeChannel()
    ann = await reader(store)
    clock.advance(minutes=10)
    await record(store, told(arxiv="2603.00001"))
    await percolate(store)
    await deliver(store, channel)
    clock.advance(DAY)
    bob = await reader(store, address="bob")
    clock.advance(DAY)
    (paper,) = (await record(store, told(arxiv="2603.00001"), source="hf_daily", authority=60)).papers
    await percolate(store)
    await deliver(store, channel)
    assert channel.papers_at(ann.address) == [paper]
    assert channel.papers_at(bob.address) == [paper]


async def test_only_the_occasions_wanted_are_owed(store: Store, clock: FakeClock) -> None:
    ann = await reader(store)
    bob = await reader(store, address="bob", occasions=("new", "replace"))
    cy = await reader(store, address="cy", occasions=("withdrawn",))
    for occasion, type_ in (("first", "new"), ("replaced:v2", "replace"), ("withdrawn", "withdrawn")):
        clock.advance(minutes=1)
        await record(store, told(arxiv="2603.00001", occasion=occasion, type=type_))
    await percolate(store)
    assert {(row["account_id"], row["occasion"]) for row in await owed(store)} == {
        (ann.account_id, "first"),
        (bob.account_id, "first"),
        (bob.account_id, "replaced:v2"),
        (cy.account_id, "withdrawn"),
    }


async def test_replace_stands_for_replaced_cross_lists_too(store: Store, clock: FakeClock) -> None:
    bob = await reader(store, address="bob", occasions=("replace",))
    clock.advance(minutes=1)
    await record(store, told(arxiv="2603.00001", type="cross"))
    await record(store, told(arxiv="2603.00001", occasion="replaced:v3", type="replace-cross"))
    await percolate(store)
    assert [(row["account_id"], row["occasion"]) for row in await owed(store)] == [(bob.account_id, "replaced:v3")]


@pytest.mark.parametrize("second", ["arxiv:cs.LG", "arxiv:cs.CL"])
async def test_who_wants_only_what_is_new_is_told_once_when_it_is_new(
    store: Store, clock: FakeClock, second: str
) -> None:
    """Met first as a cross-list in one source, then as new in another, or in the same one."""
    ann, bob = await reader(store), await reader(store, address="bob", occasions=("new",))
    channel = FakeChannel()
    for source, type_, told_now in (("arxiv:cs.CL", "cross", {"ann"}), (second, "new", {"ann", "bob"})):
        clock.advance(hours=1)
        await record(store, told(arxiv="2603.00001", type=type_), source=source)
        await record(store, told(arxiv="2603.00001", type=type_), source=source)
        await percolate(store)
        await deliver(store, channel)
        assert {message.address for message in channel.sent} == told_now
    assert len(channel.papers_at(ann.address)) == len(channel.papers_at(bob.address)) == 1


async def test_a_cross_list_that_comes_later_meets_those_who_ask_for_its_category(
    store: Store, clock: FakeClock
) -> None:
    ann = await reader(store, "cat:cs.CL")
    for categories, type_ in ((("cs.LG",), "new"), (("cs.LG", "cs.CL"), "cross")):
        clock.advance(hours=1)
        await record(store, told(arxiv="2603.00001", type=type_, categories=categories))
        await percolate(store)
    assert [(row["account_id"], row["occasion"]) for row in await owed(store)] == [(ann.account_id, "first")]


async def test_several_occasions_of_a_paper_in_one_digest_are_one_paper_with_the_last_word(
    store: Store, clock: FakeClock
) -> None:
    ann = await reader(store, occasions=WISHES)
    digests: list[Digest] = []

    class Seen(FakeChannel):
        """Keeps the digests that it renders."""

        def render(self, digest: Digest) -> list[Payload]:
            digests.append(digest)
            return super().render(digest)

    clock.advance(minutes=1)
    later = told("Larks at noon", "They sing.", arxiv="2603.00002", occasion="replaced:v2", type="replace")
    await record(store, later, *numbered(1), told(arxiv="2603.00009"))
    for occasion, type_ in (("replaced:v10", "replace"), ("replaced:v9", "replace"), ("withdrawn", "withdrawn")):
        await record(store, told(arxiv="2603.00009", occasion=occasion, type=type_))
    await record(
        store, told("Larks at noon", "They sing.", arxiv="2603.00002", occasion="replaced:v10", type="replace")
    )
    await percolate(store)
    clock.advance(hours=1)
    channel = Seen()
    await deliver(store, channel)
    (digest,) = digests
    assert sorted(paper.occasion for paper in digest.papers) == ["first", "replaced:v10", "withdrawn"]
    assert len(channel.papers_at(ann.address)) == 3 and all(row["delivery_id"] for row in await owed(store))


async def test_two_profiles_on_one_destination_owe_once_in_the_most_urgent_cadence(
    store: Store, clock: FakeClock
) -> None:
    channel = FakeChannel()
    for query, cadence in (("larks", Cadence.WEEKLY), ("valley", Cadence.INSTANT), ("letters", Cadence.DAILY)):
        ann = await reader(store, query, cadence=cadence)
    clock.advance(minutes=1)
    await record(store, told(arxiv="2603.00001"))
    await percolate(store)
    (row,) = await owed(store)
    assert row["cadence"] == "instant"
    await deliver(store, channel)
    (message,) = channel.messages_at(ann.address)
    assert sorted(message.payload.content["papers"][0]["why"]) == ["larks", "letters", "valley"]


async def test_a_profile_is_matched_at_its_present_version(store: Store, clock: FakeClock) -> None:
    ann = await reader(store)
    async with store.transaction() as tx:
        await profiles.edit(tx, ann.account_id, ann.profile.id, name="x", query="owls", now=clock())
    clock.advance(minutes=1)
    await record(store, *numbered(1), *numbered(1, "owls", start=9))
    await percolate(store)
    (match,) = await matches(store)
    assert match["version"] == 2


# ── profiles that change meanwhile ─────────────────────────────────────────────────────────────────────────────────


async def test_the_index_follows_new_edited_and_removed_profiles(
    store: Store, clock: FakeClock, percolator: Percolator
) -> None:
    ann = await reader(store)
    await record(store, *numbered(1))
    await percolator.run()
    bob = await reader(store, "owls", "bob")
    async with store.transaction() as tx:
        await profiles.edit(tx, ann.account_id, ann.profile.id, name="x", query="finches", now=clock())
    await record(store, *numbered(1, "owls", start=10), *numbered(1, "finches", start=20))
    await percolator.run()
    async with store.transaction() as tx:
        await profiles.remove(tx, bob.account_id, bob.profile.id, clock())
    await record(store, *numbered(1, "owls", start=30))
    await percolator.run()
    assert [(m["account_id"], m["version"]) for m in await matches(store)] == [
        (ann.account_id, 1),
        (ann.account_id, 2),
        (bob.account_id, 1),
    ]


async def test_a_profile_that_commits_late_is_checked_against_what_was_percolated_without_it(
    postgres: Fresh, clock: FakeClock
) -> None:
    """Two real connections: while the reader's transaction is open, papers come and are percolated."""
    store = await open_store(postgres(), clock=clock)
    percolator = Percolator(store, lease=LEASE)
    await reader(store, "owls", "bob")
    async with store.transaction() as tx:
        now = await tx.now()
        await comes(tx, "larks", now)
        clock.advance(seconds=30)
        recorded = await record(store, *numbered(3))
        assert await percolator.run() == 3
        assert await matches(store) == []
    await percolator.run()
    assert {row["paper_id"] for row in await matches(store)} == set(recorded.papers)
    assert {row["paper_id"] for row in await owed(store)} == set(recorded.papers)
    await percolator.close()
    await store.close()


async def test_what_was_recorded_before_a_profile_began_is_not_checked_for_it(
    store: Store, clock: FakeClock, percolator: Percolator
) -> None:
    await record(store, *numbered(3))
    await percolator.run()
    clock.advance(minutes=1)
    await reader(store)
    await percolator.run()
    assert await matches(store) == []


async def test_no_batch_is_claimed_by_an_index_that_has_seen_less_than_another(
    store: Store, clock: FakeClock, percolator: Percolator
) -> None:
    """Two workers: the second catches up with a new profile between the first's look and its claim."""
    other = Percolator(store, lease=LEASE)
    await percolator.run()
    await record(store, *numbered(2))
    first_look = await percolator.catch_up()
    ann = await reader(store)
    assert await other.catch_up() > first_look

    async with store.transaction() as tx:
        assert await percolation.barrier(tx) > first_look, "the first worker must look again before it claims"
    clock.advance(minutes=1)
    recorded = await record(store, *numbered(2, start=50))
    await percolator.run()
    assert {m["paper_id"] for m in await matches(store)} >= set(recorded.papers)
    assert {m["account_id"] for m in await matches(store)} == {ann.account_id}
    await other.close()


async def test_a_barrier_never_falls_and_a_restored_database_begins_again(store: Store) -> None:
    async def marks() -> tuple[int, int]:
        async with store.transaction() as tx:
            return await percolation.barrier(tx), await percolation.caught_up_to(tx)

    async with store.transaction() as tx:
        await percolation.raise_barrier(tx, 50)
        await percolation.raise_barrier(tx, 40)
    assert (await marks())[0] == 50
    # Marks from another life of the database: far above what its own counter has come to.
    async with store.transaction() as tx:
        await percolation.raise_barrier(tx, 10**15)
        await percolation.set_caught_up(tx, 10**15)
    await record(store, *numbered(2))
    assert await asyncio.wait_for(percolate(store), 10) == 2
    assert max(await marks()) < 10**15


async def test_profiles_made_while_two_workers_run_are_never_missed(store: Store) -> None:
    """Real time in the store: each paper that comes after a reader is found for them, whoever percolates it."""
    live = await open_store(store._database.url.render_as_string(hide_password=False))
    workers = [Percolator(live, lease=LEASE) for _ in range(2)]
    expected: set[tuple[int, int]] = set()
    readers: list[int] = []
    done = asyncio.Event()

    async def work(worker: Percolator) -> None:
        while not done.is_set():
            await worker.run()
            await asyncio.sleep(0.005)

    working = [asyncio.create_task(work(worker)) for worker in workers]
    for number in range(8):
        readers.append((await reader(live, address=f"reader-{number}")).account_id)
        await asyncio.sleep(0.003)
        recorded = await record(live, *numbered(4, start=10 * number))
        expected |= {(account, paper) for account in readers for paper in recorded.papers}
    done.set()
    await asyncio.gather(*working)
    await workers[0].run()
    assert {(row["account_id"], row["paper_id"]) for row in await owed(live)} >= expected
    for worker in workers:
        await worker.close()
    await live.close()


# ── signals ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def soon(step: Callable[[], Awaitable[int]]) -> int:
    """What a step did, once it did anything: the server's own tidying may hold the index's boundary for a moment."""
    for _ in range(200):
        if done := await step():
            return done
        await asyncio.sleep(0.05)
    raise AssertionError("nothing was done")


async def upvoted(store: Store, clock: FakeClock, *counts: int) -> None:
    """The same announcement again and again, with these counts."""
    for upvotes in counts:
        clock.advance(minutes=10)
        await record(store, told(arxiv="2603.00001", signals={"upvotes": upvotes}))
        await percolate(store)


async def test_a_number_check_is_told_once_when_it_becomes_true(store: Store, clock: FakeClock) -> None:
    channel = FakeChannel()
    ann = await reader(store, "larks upvotes:>=20")
    await upvoted(store, clock, 3, 19)
    assert await owed(store) == []
    await upvoted(store, clock, 20)
    assert len(await owed(store)) == 1
    await deliver(store, channel)
    await upvoted(store, clock, 40, 5, 30)
    await deliver(store, channel)
    assert len(channel.papers_at(ann.address)) == 1, "falling and rising again tells nobody twice"


async def test_profiles_without_number_checks_are_left_alone_by_counts(store: Store, clock: FakeClock) -> None:
    await upvoted(store, clock, 3)
    clock.advance(minutes=1)
    await reader(store, "larks")
    await upvoted(store, clock, 50)
    assert await matches(store) == []


async def test_a_profile_made_today_is_not_owed_what_rose_before(store: Store, clock: FakeClock) -> None:
    await upvoted(store, clock, 3, 50)
    await reader(store, "upvotes:>=20")
    clock.advance(minutes=1)
    await upvoted(store, clock, 60)
    assert await owed(store) == []


async def test_counts_that_rose_before_an_edit_are_not_owed_to_the_new_version(store: Store, clock: FakeClock) -> None:
    ann = await reader(store, "upvotes:>=1000")
    clock.advance(minutes=1)
    await upvoted(store, clock, 3)
    clock.advance(minutes=10)
    await record(store, told(arxiv="2603.00001", signals={"upvotes": 50}))
    clock.advance(minutes=1)
    async with store.transaction() as tx:
        await profiles.edit(tx, ann.account_id, ann.profile.id, name="x", query="upvotes:>=20", now=clock())
    await percolate(store)
    assert await owed(store) == []


async def test_a_count_rising_over_two_sources_is_told_once(store: Store, clock: FakeClock) -> None:
    await reader(store, "upvotes:>=20")
    await upvoted(store, clock, 3)
    for source in ("hf_daily", "feed"):
        clock.advance(minutes=5)
        await record(store, told(arxiv="2603.00001", signals={"upvotes": 2}), source=source, authority=40)
        await percolate(store)
        clock.advance(minutes=5)
        await record(store, told(arxiv="2603.00001", signals={"upvotes": 25}), source=source, authority=40)
        await percolate(store)
    assert len(await owed(store)) == 1


async def test_counts_that_rise_between_two_looks_are_held_against_a_profile_made_there_too(
    store: Store, clock: FakeClock
) -> None:
    """The index has caught up; before it looks for counts, a reader comes and counts rise for that reader."""

    class Late(Percolator):
        async def catch_up(self) -> int:
            mark = await super().catch_up()
            if not late:
                late.append(await reader(store, "upvotes:>=50"))
                clock.advance(seconds=1)
                await record(store, told(arxiv="2603.00001", signals={"upvotes": 51}))
            return mark

    late: list[Reader] = []
    await upvoted(store, clock, 49)
    percolator = Late(store, lease=LEASE)
    assert await percolator.run_signals() == 0, "not yet"
    assert await soon(percolator.run_signals) == 1
    assert [row["account_id"] for row in await owed(store)] == [late[0].account_id]
    await percolator.close()


async def comes(tx: Transaction, query: str, now: datetime) -> None:
    """A reader follows a query, in a transaction that is already open."""
    profile = await profiles.add(tx, 7, "late", query, now)
    place = await profiles.put_destination(
        tx, 7, "fake", "ann", rhythm=Rhythm(), cap=9, empty=EmptyPolicy.SILENT, now=now
    )
    await profiles.subscribe(tx, 7, profile.id, place.id, cadence=Cadence.INSTANT, occasions=["new"], now=now)


@pytest.fixture
async def live(postgres: Fresh) -> AsyncIterator[Store]:
    """A store of several connections, in the database's own time; it knows a paper with 49 upvotes and no reader."""
    opened = await open_store(postgres())
    await record(opened, told(arxiv="2603.00001", signals={"upvotes": 49}))
    await percolate(opened)
    yield opened
    await opened.close()


async def rises(store: Store, upvotes: int) -> None:
    await record(store, told(arxiv="2603.00001", signals={"upvotes": upvotes}))


@pytest.fixture
async def at_work(live: Store) -> AsyncIterator[Percolator]:
    """A worker whose index has seen every profile so far."""
    made = Percolator(live, lease=LEASE)
    await made.catch_up()
    yield made
    await made.close()


async def test_counts_wait_for_a_profile_above_the_index_s_boundary_and_earlier_ones_do_not(
    live: Store, at_work: Percolator
) -> None:
    """While another's transaction is open, the boundary stays below it: no index applies a profile that comes then."""
    bob = await reader(live, "upvotes:>=20 upvotes:<=50", "bob")
    await record(live, told("Owls at night", arxiv="2603.00002", signals={"upvotes": 3}))
    await at_work.run()
    await record(live, told("Owls at night", arxiv="2603.00002", signals={"upvotes": 30}))
    async with live.transaction() as other:
        await profiles.new_mark(other)
        ann = await reader(live, "upvotes:>=50", "ann")
        await rises(live, 51)
        assert await soon(at_work.run_signals) == 1
        assert [row["account_id"] for row in await owed(live)] == [bob.account_id], "what rose before is not held up"
        assert await at_work.run_signals() == 0
    assert await soon(at_work.run_signals) == 1
    assert ann.account_id in {row["account_id"] for row in await owed(live)}


async def test_counts_wait_for_a_profile_that_is_being_saved(live: Store, at_work: Percolator) -> None:
    async with live.transaction() as tx:
        await comes(tx, "upvotes:>=50", await tx.now())
        await rises(live, 51)
        assert await at_work.run_signals() == 0
    assert await soon(at_work.run_signals) == 1
    assert [row["account_id"] for row in await owed(live)] == [7]


async def test_counts_wait_for_a_profile_that_began_before_whoever_holds_the_boundary(
    live: Store, at_work: Percolator
) -> None:
    """The reader's transaction began, then counts rose, then another's began, and the reader's mark is above that."""
    async with AsyncExitStack() as others:
        async with live.transaction() as tx:
            began = await tx.now()
            await rises(live, 51)
            await profiles.new_mark(await others.enter_async_context(live.transaction()))
            await comes(tx, "upvotes:>=50", began)
        assert await at_work.run_signals() == 0
    assert await soon(at_work.run_signals) == 1
    assert [row["account_id"] for row in await owed(live)] == [7]


async def test_no_announcement_is_percolated_before_it_is_recorded_whole(store: Store) -> None:
    recorded = await record(store, *numbered(2))
    assert await is_open(store) == len(recorded.papers)
    await percolate(store)
    assert all(row["percolated_at"] is not None for row in await announcements(store))
    assert len(await stored(store)) == 2 and await count(store, PERCOLATION_BATCH) == 1
