"""A page and the cursor after it commit together; whatever goes wrong, the next poll goes on where this one stopped."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

from paperlark.model.papers import Completeness, Page, Reject
from paperlark.model.problems import OutageError, ReaderError, SourceError, StoreError
from paperlark.model.sources import Manners
from paperlark.pipeline import At, ingest, nobody
from paperlark.pipeline.giving_back import KEPT, LONGEST_WAIT, Patience, given_back
from paperlark.pipeline.ingest import Taken
from paperlark.store import recording, sources
from paperlark.store.database import Store, Transaction, open_store
from paperlark.store.sources import Configured
from paperlark.store.tables import PAPER
from paperlark.testing.clock import FakeClock
from paperlark.testing.sources import FakeSource
from tests.builders import (
    LEASE,
    MONDAY,
    Killed,
    announcements,
    count,
    dies_at,
    numbered,
    page,
    paper,
    record,
    stored,
    told,
)

NAME = "fake"
PAGES = [page(*numbered(2, start=10 * number)) for number in range(3)]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MONDAY)


@pytest.fixture
async def store(store_url: str, clock: FakeClock) -> AsyncIterator[Store]:
    """A fresh store on both databases with one configured source."""
    opened = await open_store(store_url, clock=clock)
    async with opened.transaction() as tx:
        await sources.add(tx, NAME, "fake", {}, clock())
    yield opened
    await opened.close()


async def look(store: Store) -> Configured:
    async with store.reading() as tx:
        return await sources.get(tx, NAME)


async def poll(store: Store, source: FakeSource, *, at: At = nobody) -> Taken:
    """Poll the source now, due or not."""
    (claimed,) = await ingest.due_sources(store, lease=LEASE, limit=1, only=NAME)
    return await ingest.poll(store, claimed, source, lease=LEASE, jitter=Random(0), at=at)


def refuses(label: str) -> None:
    """Listens to the pipeline's labels: the database answers, and refuses each page."""
    if label == "record: page written":
        raise StoreError("cannot reach the database: canceling statement due to statement timeout")


async def test_a_poll_records_every_page_and_moves_the_cursor(store: Store) -> None:
    taken = await poll(store, FakeSource(script=[*PAGES, page(rejects=(Reject("entry 7", "no title"),))]))
    assert (taken.records, taken.new, len(taken.papers), len(taken.rejects)) == (6, 6, 6, 1)
    after = await look(store)
    assert (after.cursor, after.seen, after.new, after.rejected) == ({"pages": 4}, 6, 6, 1)
    assert (after.failures, after.last_error, after.lease_token) == (0, None, None)


async def test_words_are_found_only_of_papers_that_nobody_knows(store: Store) -> None:
    unnamed = told("A paper without any id of its own at all")
    other = replace(unnamed, paper=paper("Quite another", ""))
    await record(store, *numbered(3), unnamed)
    prepared = recording.prepare(NAME, [*numbered(5), unnamed, other])
    async with store.reading() as tx:
        strangers = await recording.strangers(tx, prepared)
    recording.read_words(strangers)
    new = ["Study 3 of larks at large", "Study 4 of larks at large", "Quite another"]
    assert [entry.announcement.paper.title for entry in strangers] == new
    assert all("search_words" in vars(entry.analysed.texts) for entry in strangers)
    await poll(store, FakeSource(script=[page(*numbered(5), unnamed, other)]))
    assert [found.title for found in await stored(store)][-3:] == new


@pytest.mark.parametrize(
    "label", ["record: page parsed", "record: page written", "record: before a page commits", "record: page committed"]
)
async def test_crash_between_pages_resumes_at_the_failed_page(store: Store, clock: FakeClock, label: str) -> None:
    source = FakeSource(script=PAGES)
    with pytest.raises(Killed):
        await poll(store, source, at=dies_at(label, nth=2))
    committed = 2 if label == "record: page committed" else 1
    assert await count(store, PAPER) == 2 * committed
    assert (await look(store)).cursor == {"pages": committed}, "the cursor and its page commit together"
    assert await ingest.due_sources(store, lease=LEASE, limit=9) == [], "the dead worker's lease still holds"
    clock.advance(LEASE + timedelta(seconds=1))
    taken = await poll(store, source)
    assert source.polls == [{}, {"pages": committed}]
    assert taken.records == 6 - 2 * committed
    assert await count(store, PAPER) == 6


async def test_a_failure_keeps_the_pages_before_it_and_says_so(store: Store, clock: FakeClock) -> None:
    source = FakeSource(script=[PAGES[0], SourceError("fake: 503 Service Unavailable"), PAGES[1]])
    taken = await poll(store, source)
    after = await look(store)
    assert (taken.records, taken.error) == (2, "fake: 503 Service Unavailable")
    assert (after.cursor, after.failures, after.last_error) == ({"pages": 1}, 1, "fake: 503 Service Unavailable")
    assert (after.polled_at, after.good_at, after.lease_token) == (clock(), None, None)
    clock.advance(hours=3)
    await poll(store, source)
    well = await look(store)
    assert (well.cursor, well.failures, well.last_error, well.good_at) == ({"pages": 2}, 0, None, clock())


async def test_failures_in_a_row_back_off_and_a_good_poll_ends_it(store: Store, clock: FakeClock) -> None:
    source = FakeSource(script=[SourceError("fake: down")] * 4)
    waits = []
    for _ in range(4):
        await poll(store, source)
        waits.append(((await look(store)).next_poll_at or clock()) - clock())
        clock.advance(waits[-1])
    assert waits == sorted(waits) and waits[-1] > 6 * waits[0]
    await poll(store, source)
    healthy = (await look(store)).next_poll_at
    assert healthy is not None and healthy - clock() < waits[0]


async def test_where_nobody_answered_it_is_asked_again_within_minutes(store: Store, clock: FakeClock) -> None:
    await poll(store, FakeSource(script=[SourceError("fake: its name is not known", unreached=True)]))
    due = (await look(store)).next_poll_at
    assert due is not None and due - clock() < timedelta(minutes=6)


async def test_what_the_far_side_asked_us_to_wait_is_not_undercut(store: Store, clock: FakeClock) -> None:
    await poll(store, FakeSource(script=[SourceError("fake: 429", retry_after=timedelta(hours=9))]))
    due = (await look(store)).next_poll_at
    assert due is not None and timedelta(hours=9) <= due - clock() < timedelta(hours=10)


async def test_a_source_that_is_gone_for_good_is_paused(store: Store, clock: FakeClock) -> None:
    await poll(store, FakeSource(script=[SourceError("fake: 410 Gone", gone=True)]))
    assert (await look(store)).paused_reason == "fake: 410 Gone"
    clock.advance(days=30)
    assert await ingest.due_sources(store, lease=LEASE, limit=9) == []
    async with store.transaction() as tx:
        await sources.add(tx, NAME, "fake", {}, clock())
    assert len(await ingest.due_sources(store, lease=LEASE, limit=9)) == 1


async def test_a_lost_lease_keeps_nothing_of_the_page(store: Store, clock: FakeClock) -> None:
    """A worker slept too long in the middle of a poll; another took over meanwhile."""
    (slow,) = await ingest.due_sources(store, lease=LEASE, limit=1)
    clock.advance(LEASE + timedelta(seconds=1))
    (quick,) = await ingest.due_sources(store, lease=LEASE, limit=1)
    taken = await ingest.poll(store, slow, FakeSource(script=PAGES), lease=LEASE, jitter=Random(0))
    assert taken.error is not None and "another process" in taken.error
    assert await count(store, PAPER) == 0
    after = await look(store)
    assert (after.cursor, after.failures, after.lease_token) == ({}, 0, quick.lease_token)


async def test_a_poll_that_the_database_broke_off_goes_on_as_soon_as_it_answers(store: Store) -> None:
    def at(label: str) -> None:
        if label == "record: before a page commits":
            raise StoreError("the database cannot be used")

    source = FakeSource(script=PAGES)
    with pytest.raises(StoreError):
        await poll(store, source, at=at)
    assert (await look(store)).lease_token is None
    assert (await poll(store, source)).records == 6


async def test_given_back_when_the_store_answers_again(store: Store) -> None:
    asked = 0

    async def release(_tx: Transaction, wait: timedelta) -> None:
        nonlocal asked
        asked += 1
        if asked < 3:
            raise StoreError("the database cannot be used")
        assert not wait, "the work was not to blame"

    patience = Patience("work", Random(0))
    patience.refused(["work", "work"])
    await given_back(store, release, within=timedelta(minutes=1), works=["work"], patience=patience)
    assert asked == 3 and patience.times("work") == 2
    asked = -1_000
    await given_back(store, release, within=timedelta(seconds=0.6), works=["work"], patience=patience)
    assert asked < -990, "after as long as the lease nobody tries any more"


async def test_a_fault_of_the_database_alone_is_nobodys_and_nothing_waits_for_it(store: Store) -> None:
    waits, patience = list[timedelta](), Patience("work", Random(0))

    async def release(tx: Transaction, wait: timedelta) -> None:
        waits.append(wait)

    for fault in (OutageError("the disk is full"), StoreError("it takes too long"), StoreError("it takes too long")):
        await given_back(store, release, within=LEASE, works=["work"], patience=patience, fault=fault)
    assert waits[:2] == [timedelta()] * 2 and waits[2] > timedelta()


async def test_whose_pages_the_database_refuses_is_asked_less_and_less_until_it_takes_them(
    store: Store, clock: FakeClock
) -> None:
    source, patience = FakeSource(script=PAGES), Patience("work", Random(0))
    asked: list[int] = []
    for _ in range(3600):
        for due in await ingest.due_sources(store, lease=LEASE, limit=9):
            with pytest.raises(StoreError):
                await ingest.poll(store, due, source, lease=LEASE, jitter=Random(0), patience=patience, at=refuses)
        clock.advance(seconds=1)
        asked.append(len(source.polls))
    assert asked[1] == 2, "the first time may have been a moment's"
    assert asked[5] <= 4 and asked[60] <= 8 and asked[-1] <= 40
    assert asked[-1] > asked[-1 - int(LONGEST_WAIT.total_seconds())], "nobody is given up"
    assert (await look(store)).failures == 0, "its health is not to blame"

    clock.advance(LONGEST_WAIT)
    (due,) = await ingest.due_sources(store, lease=LEASE, limit=9)
    taken = await ingest.poll(store, due, source, lease=LEASE, jitter=Random(0), patience=patience)
    assert taken.records == 6 and not patience


def test_what_is_refused_waits_twice_as_long_each_time_up_to_five_minutes() -> None:
    patience, waits = Patience("work", Random(0)), []
    for _ in range(40):
        waits.append(patience.wait("work").total_seconds())
        patience.refused(["work"])
    assert waits[0] == 0
    assert all(2**n / 2 < wait <= 2**n for n, wait in enumerate(waits[1:8], start=1))
    assert all(150 <= wait <= 300 for wait in waits[9:])
    assert patience.wait("other work") == timedelta()
    patience.done(["work"])
    assert not patience and patience.wait("work") == timedelta()
    patience.refused(range(2 * KEPT))
    assert patience.times(0) == 0 and patience.times(2 * KEPT - 1) == 1, "no process remembers without end"


async def test_a_due_source_is_taken_by_one_worker(store: Store) -> None:
    assert len(await ingest.due_sources(store, lease=LEASE, limit=9)) == 1
    assert await ingest.due_sources(store, lease=LEASE, limit=9) == []


async def test_the_first_complete_poll_is_the_baseline_also_across_a_crash(store: Store, clock: FakeClock) -> None:
    source = FakeSource(script=PAGES[:2])
    with pytest.raises(Killed):
        await poll(store, source, at=dies_at("record: page committed"))
    clock.advance(LEASE + timedelta(seconds=1))
    await poll(store, source)
    assert [row["owes"] for row in await announcements(store)] == [False] * 4
    baseline = (await look(store)).baseline_at
    assert baseline == clock()
    clock.advance(hours=2)
    source.add(PAGES[2])
    await poll(store, source)
    assert [row["owes"] for row in await announcements(store)] == [False] * 4 + [True] * 2
    assert (await look(store)).baseline_at == baseline


async def test_a_failed_first_poll_is_no_baseline(store: Store, clock: FakeClock) -> None:
    source = FakeSource(script=[PAGES[0], SourceError("fake: down"), PAGES[1]])
    await poll(store, source)
    assert (await look(store)).baseline_at is None
    clock.advance(hours=3)
    await poll(store, source)
    assert not any(row["owes"] for row in await announcements(store))


async def test_a_pause_by_the_operator_outlasts_the_poll_under_way(store: Store) -> None:
    (claimed,) = await ingest.due_sources(store, lease=LEASE, limit=1)
    async with store.transaction() as tx:
        await sources.pause(tx, NAME, "too noisy")
    failing = FakeSource(script=[SourceError("fake: down")])
    await ingest.poll(store, claimed, failing, lease=LEASE, jitter=Random(0))
    assert (await look(store)).paused_reason == "too noisy"


async def test_a_removed_source_comes_back_where_it_stood(store: Store, clock: FakeClock) -> None:
    await poll(store, FakeSource(script=PAGES[:2]))
    async with store.transaction() as tx:
        await sources.remove(tx, NAME, clock())
    with pytest.raises(ReaderError):
        await look(store)
    async with store.transaction() as tx:
        back = await sources.add(tx, NAME, "fake", {"topic": "larks"}, clock())
    assert (back.cursor, back.options) == ({"pages": 2}, {"topic": "larks"})
    assert back.baseline_at is not None


async def test_an_import_archives_and_with_announce_it_owes(store: Store) -> None:
    async def pages() -> AsyncIterator[Page]:
        yield page(*numbered(600), rejects=(Reject("entry 1", "no title"),))

    async def more() -> AsyncIterator[Page]:
        yield page(*numbered(2, start=700))

    taken = await ingest.take(store, "saved", 10, pages(), owes=False)
    assert (taken.records, taken.new, len(taken.papers), len(taken.rejects)) == (600, 600, 600, 1)
    await ingest.take(store, "saved", 10, more(), owes=True)
    assert [row["owes"] for row in await announcements(store)] == [False] * 600 + [True] * 2
    async with store.reading() as tx:
        saved = await sources.get(tx, "saved")
    assert (saved.seen, saved.rejected, saved.next_poll_at) == (602, 1, None)
    assert await ingest.due_sources(store, lease=LEASE, limit=9, only="saved") == []


# ── health ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_empty_answer_is_a_failure_and_is_asked_for_again_from_where_the_poll_began(store: Store) -> None:
    source = FakeSource(script=[PAGES[0]])
    await poll(store, source)
    source.add(page())
    taken = await poll(store, source)
    after = await look(store)
    assert taken.error is not None and "without a single entry" in taken.error
    assert after.failures == 1
    assert after.cursor == {"pages": 1}, "an answer that is no answer is not taken for known"


async def test_an_answer_that_says_that_nothing_is_due_or_has_changed_is_none(store: Store) -> None:
    source = FakeSource(script=[page(stated=Completeness(quiet=True))])
    await poll(store, source)
    assert (await look(store)).failures == 0
    source.add(page(unchanged=True))
    await poll(store, source)
    assert (await look(store)).failures == 0


async def test_the_evidence_of_a_poll_is_kept_with_its_pages(store: Store, clock: FakeClock) -> None:
    told = Completeness(day=MONDAY.date(), expected=4)
    await poll(store, FakeSource(script=[page(*numbered(3), stated=told, rejects=(Reject("4", "no title"),))]))
    heard = (await look(store)).evidence
    assert (heard.seen, heard.new, heard.rejected, heard.day, heard.told, heard.expected) == (
        3, 3, 1, MONDAY.date(), 4, 4,
    )  # fmt: skip
    assert heard.new_at == clock()


async def test_a_source_that_moved_for_good_is_followed_once_it_said_so_three_times(store: Store) -> None:
    async with store.transaction() as tx:
        await sources.add(tx, NAME, "fake", {"url": "https://old.example/feed"}, await tx.now())
    moving, staying = page(unchanged=True, manners=Manners(moved_to="https://new.example/feed")), page(unchanged=True)
    source = FakeSource()
    found = []
    for answer in (moving, moving, staying, moving, moving, moving):
        source.add(answer)
        await poll(store, source)
        found.append((await look(store)).options["url"])
    assert found == ["https://old.example/feed"] * 5 + ["https://new.example/feed"]
