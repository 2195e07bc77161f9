"""What matched: each paper once, nothing muted, nothing skipped."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

import pytest

from paperlark.matching.document import analyse
from paperlark.matching.mutes import muted
from paperlark.model.problems import ReaderError
from paperlark.model.readers import MarkKind, MuteKind
from paperlark.readers import follow, mark, matches, mute
from paperlark.readers.matches import COUNTED, Complete, Listed, Position, State
from paperlark.store import merges, mutes, papers, percolation
from paperlark.store.database import Store, open_store
from paperlark.store.matches import LOOKED_AT
from paperlark.testing.clock import FakeClock
from tests.builders import MONDAY, Reader, numbered, percolate, reader, record, stored, told
from tests.databases import Fresh


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MONDAY)


async def tell(store: Store, clock: FakeClock, *announcements: object, source: str = "arxiv") -> list[int]:
    """A minute later a source announces papers; they are percolated. Their ids."""
    clock.advance(minutes=1)
    recorded = await record(store, *announcements, source=source)  # type: ignore[arg-type]
    await percolate(store)
    return list(recorded.papers)


async def ids(store: Store, ann: Reader, **asked: object) -> list[int]:
    """The papers of a list."""
    return of(await matches.listed(store, ann.account_id, limit=100, **asked))  # type: ignore[arg-type]


def of(found: Listed) -> list[int]:
    return [row.met.paper_id for row in found.rows]


async def marked(store: Store, ann: Reader, paper_id: int, kind: MarkKind) -> None:
    await mark.mark(store, ann.account_id, str(paper_id), kind)


# ── the list ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_list_that_is_read_on_while_papers_arrive_tells_each_once(store: Store, clock: FakeClock) -> None:
    ann = await reader(store, "larks OR owls")
    there = await tell(store, clock, *numbered(3)) + await tell(store, clock, *numbered(4, "owls", start=10))
    seen: list[int] = []
    after: Position | None = None
    for n in range(20):
        found = await matches.listed(store, ann.account_id, limit=2, before=after)
        seen += of(found)
        after = found.after
        if after is None:
            break
        await tell(store, clock, *numbered(1, start=50 + n))
    assert sorted(seen) == sorted(there)
    assert set(seen[:4]) == set(there[3:])  # newest first


async def test_a_paper_that_met_several_profiles_stands_once_at_its_first_match(store: Store, clock: FakeClock) -> None:
    ann = await reader(store, "larks")
    (first,) = await tell(store, clock, told("Larks", "", arxiv="2603.00001"))
    met_at = clock()
    (second,) = await tell(store, clock, told("Larks again", "", arxiv="2603.00002"))
    other = await follow.follow(store, ann.account_id, "Larks OR larks", name="Another")
    async with store.transaction() as tx:
        row = {"account_id": ann.account_id, "profile_id": other.id, "paper_id": first, "version": 1}
        await percolation.write_matches(tx, [row | {"matched_at": clock() + timedelta(hours=1)}])
    found = await matches.listed(store, ann.account_id, limit=10)
    assert of(found) == [second, first]
    assert found.rows[1].met.profiles.count('"matched_at"') == 2
    assert matches.position(found.rows[1]).at == met_at
    assert found.unread == 2
    # The other profile's own list has it where that profile met it.
    own = await matches.listed(store, ann.account_id, limit=10, profile=str(other.id))
    assert matches.position(own.rows[0]) == Position(clock() + timedelta(hours=1), first)


async def test_papers_that_became_one_stand_once(store: Store, clock: FakeClock) -> None:
    ann = await reader(store, "larks")
    kept, gone = await tell(store, clock, *numbered(2))
    async with store.transaction() as tx:
        await merges.merge(tx, kept, gone, reason="they are one", now=clock())
    found = await matches.listed(store, ann.account_id, limit=10)
    assert (of(found), found.unread) == ([kept], 1)


async def test_what_a_removed_profile_met_is_in_no_list(store: Store, clock: FakeClock) -> None:
    ann = await reader(store, "larks")
    (larks,) = await tell(store, clock, told("Larks", "", arxiv="2603.00001"))
    owls = await follow.follow(store, ann.account_id, "owls")
    clock.advance(minutes=1)
    await tell(store, clock, told("Owls", "", arxiv="2603.00002"))
    await follow.unfollow(store, ann.account_id, str(owls.id))
    assert await ids(store, ann) == [larks]
    assert await matches.unread(store, ann.account_id) == 1
    for unknown in (str(owls.id), "123", "x", "9" * 30, "٣"):
        with pytest.raises(ReaderError):
            await matches.listed(store, ann.account_id, limit=10, profile=unknown)


async def test_a_list_holds_what_was_done_with_its_papers(store: Store, clock: FakeClock) -> None:
    ann = await reader(store, "larks")
    read, saved, dismissed, nothing = await tell(store, clock, *numbered(4))
    await marked(store, ann, read, MarkKind.READ)
    await marked(store, ann, saved, MarkKind.SAVED)
    await marked(store, ann, saved, MarkKind.READ)
    await marked(store, ann, dismissed, MarkKind.DISMISSED)
    assert await ids(store, ann) == [nothing]
    assert set(await ids(store, ann, state=State.READ)) == {read, saved}
    assert await ids(store, ann, state=State.SAVED) == [saved]
    assert await ids(store, ann, state=State.DISMISSED) == [dismissed]
    assert len(await ids(store, ann, state=State.ANY)) == 4
    await mark.unmark(store, ann.account_id, str(read))
    assert set(await ids(store, ann)) == {nothing, read}


async def test_everybody_has_a_list_of_their_own(store: Store, clock: FakeClock) -> None:
    ann, bob = await reader(store, "larks", "ann"), await reader(store, "owls", "bob")
    (larks,) = await tell(store, clock, told("Larks", "", arxiv="2603.00001"))
    (owls,) = await tell(store, clock, told("Owls", "", arxiv="2603.00002"))
    await marked(store, bob, larks, MarkKind.READ)
    assert (await ids(store, ann), await ids(store, bob)) == ([larks], [owls])


@pytest.mark.parametrize("each", [1, 2])
async def test_unread_papers_are_counted_up_to_a_thousand(store: Store, clock: FakeClock, each: int) -> None:
    """Also where every paper met so many profiles that the newest matches are far fewer papers."""
    ann = await reader(store, "larks")
    others = [ann.profile.id] + [(await follow.follow(store, ann.account_id, f"owls{n}")).id for n in range(3)]

    async def count(papers: int) -> int:
        rows = [
            {"account_id": ann.account_id, "profile_id": others[n % 2 if each == 1 else k], "paper_id": n + 1,
             "version": 1, "matched_at": clock() + timedelta(seconds=n)}
            for n in range(papers) for k in range(1 if each == 1 else 4)
        ]  # fmt: skip
        async with store.transaction() as tx:
            await percolation.write_matches(tx, rows)
        return await matches.unread(store, ann.account_id)

    assert await count(LOOKED_AT // 4 + 50) == LOOKED_AT // 4 + 50
    assert await count(COUNTED - 1) == COUNTED - 1
    assert await count(COUNTED + 600) == COUNTED


# ── muted ──────────────────────────────────────────────────────────────────────────────────────────────────────────

MUTED = (
    (MuteKind.WORD, "owl*"),
    (MuteKind.WORD, '"small birds"'),
    (MuteKind.AUTHOR, "Finch, Ada"),
    (MuteKind.SOURCE, "hf_daily"),
)
TOLD = (
    ("Larks", "nothing else", ("Ada Wren",), "arxiv"),
    ("Larks and owls", "", (), "arxiv"),
    ("Larks", "of small birds", (), "arxiv"),
    ("Larks", "birds that are small", ("A. Finch",), "arxiv"),
    ("Larks", "by a finch", ("Ada Finch",), "arxiv"),
    ("Larks for everyone", "", (), "hf_daily"),
)


@pytest.mark.parametrize("those", [MUTED, MUTED[:1], MUTED[1:2], MUTED[2:3], MUTED[3:]])
async def test_lists_and_counts_leave_out_what_is_muted_and_nothing_else(
    store: Store, clock: FakeClock, those: Sequence[tuple[MuteKind, str]]
) -> None:
    ann = await reader(store, "larks")
    for n, (title, abstract, authors, source) in enumerate(TOLD):
        announced = told(f"{title} {n}", abstract, arxiv=f"2603.{n:05}", authors=authors)
        await tell(store, clock, announced, source=source)
    complete = Complete(store, lambda: 0.0)
    begun = Position(MONDAY)
    async with store.transaction() as tx:
        for kind, value in those:
            await mutes.add(tx, ann.account_id, kind, value, clock())
    mine = await mute.muted(store, ann.account_id)
    wanted = [p.id for p in reversed(await stored(store)) if muted(mine, analyse(papers.document(p))) is None]
    assert 0 < len(wanted) < len(TOLD)
    found = await matches.listed(store, ann.account_id, limit=10)
    assert (of(found), found.unread, found.after) == (wanted, len(wanted), None)
    assert await matches.unread(store, ann.account_id) == len(wanted)
    clock.advance(minutes=1)
    new = await matches.new_since(store, ann.account_id, begun, await complete.before(), limit=10)
    assert (of(new), new.unread) == (wanted[::-1], len(wanted))
    # Read on, one at a time.
    seen: list[int] = []
    after: Position | None = None
    while True:
        one = await matches.listed(store, ann.account_id, limit=1, before=after)
        seen += of(one)
        after = one.after
        if after is None:
            break
    assert seen == wanted


# ── since a mark ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_since_a_mark_tells_what_is_new_oldest_first_a_stretch_at_a_time(store: Store, clock: FakeClock) -> None:
    ann = await reader(store, "larks")
    await tell(store, clock, *numbered(2))
    clock.advance(minutes=1)
    complete = Complete(store, lambda: 0.0)
    mark = Position(await complete.before(old=-1))
    assert of(await matches.new_since(store, ann.account_id, mark, mark.at, limit=10)) == []
    new = await tell(store, clock, *numbered(2, start=10)) + await tell(store, clock, *numbered(1, start=20))
    clock.advance(minutes=1)
    seen: list[int] = []
    for _ in range(4):
        found = await matches.new_since(store, ann.account_id, mark, await complete.before(old=-1), limit=2)
        seen += of(found)
        assert found.after is not None
        mark = found.after
    assert sorted(seen) == sorted(new) and seen[2] == new[2]


@pytest.fixture
async def real_store(store_url: str) -> AsyncIterator[Store]:
    """On the database's own clock."""
    opened = await open_store(store_url)
    yield opened
    await opened.close()


def a_match(account_id: int, profile_id: int, paper_id: int, at: datetime) -> dict[str, object]:
    return {"account_id": account_id, "profile_id": profile_id, "paper_id": paper_id, "version": 1, "matched_at": at}


async def test_a_match_whose_transaction_began_early_and_commits_late_is_told(real_store: Store) -> None:
    store = real_store
    ann = await reader(store, "larks")
    there = [each.id for each in (await stored(store, *(await record(store, *numbered(2))).papers))]
    complete = Complete(store, lambda: 0.0)
    mark = Position(await complete.before(old=-1))
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def late() -> None:
        async with store.transaction() as tx:
            now = await tx.now()
            begun.set()
            await may_end.wait()
            await percolation.write_matches(tx, [a_match(ann.account_id, ann.profile.id, there[0], now)])

    async def poll() -> list[int]:
        nonlocal mark
        before = await complete.before(old=-1)
        found = await matches.new_since(store, ann.account_id, mark, before, limit=10)
        assert found.after is not None
        mark = found.after
        return of(found)

    writing = asyncio.create_task(late())
    await begun.wait()
    if store.postgres:  # SQLite has one writer
        async with store.transaction() as tx:
            await percolation.write_matches(tx, [a_match(ann.account_id, ann.profile.id, there[1], await tx.now())])
    early = await poll()
    may_end.set()
    await writing
    await asyncio.sleep(0.005)  # the boundary is a millisecond's
    assert [*early, *await poll()] == ([there[0], there[1]] if store.postgres else [there[0]])


async def test_a_mark_never_goes_back(real_store: Store) -> None:
    store = real_store
    ann = await reader(store, "larks")
    ahead = Position(await store.now() + timedelta(hours=1))
    found = await matches.new_since(store, ann.account_id, ahead, await Complete(store, lambda: 0.0).before(), limit=5)
    assert found.after == ahead


async def test_who_asks_together_asks_the_database_once(sqlite: Fresh) -> None:
    store = await open_store(sqlite())
    ticks = 0.0
    complete = Complete(store, lambda: ticks)
    try:
        first = await asyncio.gather(*(complete.before() for _ in range(5)))
        assert len(set(first)) == 1
        await asyncio.sleep(0.005)
        assert await complete.before() == first[0]
        ticks = 2.0
        assert await complete.before() > first[0]
    finally:
        await store.close()
