"""The index is put in order and kept while it is matched and changed, and nobody can tell it from one made anew."""

import asyncio
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, update
from structlog.testing import capture_logs

from paperlark.matching.document import Analysed, Document, analyse
from paperlark.matching.query import parse
from paperlark.matching.reference import meets
from paperlark.model.problems import SegmentError, StoreError
from paperlark.model.readers import Profile
from paperlark.pipeline import coldstart, compaction, indexed
from paperlark.pipeline.indexed import NAME, STALE, Indexed, Looked
from paperlark.pipeline.percolate import Percolator
from paperlark.store import accounts, belongings, profiles
from paperlark.store.belongings import LAST_WORDS
from paperlark.store.database import Store
from paperlark.store.tables import PROFILE, PROFILE_CHANGE
from paperlark.testing.clock import FakeClock
from tests.builders import LEASE, MONDAY, matches, numbered, reader, record

PAPERS = [
    analyse(Document("Larks and owls", MONDAY, signals={"upvotes": 7})),
    analyse(Document("Owls", MONDAY)),
    analyse(Document("Of larks", MONDAY, signals={"upvotes": 1})),
]
QUERIES = ("larks", "larks -owls", "owls OR larks", "upvotes:>=5", "finches")


def looked(number: int, text: str | None, version: int = 1) -> Looked:
    profile = None if text is None else Profile(1, number, version, text, text, MONDAY)
    return Looked(1, number, profile)


def as_it_is(paper: Analysed) -> Analysed:
    return paper


def inside(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


async def met(index: Indexed) -> list[set[tuple[int, int]]]:
    found = await index.match(PAPERS, as_it_is)
    return [{(held.profile_id, held.version) for held in those} for those in found]


def by_the_reference(kept: dict[int, Looked]) -> list[set[tuple[int, int]]]:
    live = [each.profile for each in kept.values() if each.profile is not None]
    return [{(p.id, p.version) for p in live if meets(parse(p.text), paper.document)} for paper in PAPERS]


@pytest.fixture
def all_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """However few profiles there are, a child puts them in order."""
    monkeypatch.setattr(indexed, "SMALL", 0)


# ── put in order while others go on ────────────────────────────────────────────────────────────────────────────────

changes = st.lists(
    st.builds(looked, st.integers(1, 6), st.sampled_from((*QUERIES, None)), st.integers(1, 9)), max_size=8
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(changes, changes, changes, changes, st.booleans())
@pytest.mark.usefixtures("all_are_many")
def test_whatever_changes_while_a_child_puts_it_in_order_it_answers_as_one_made_anew(
    monkeypatch: pytest.MonkeyPatch,
    before: list[Looked],
    early: list[Looked],
    late: list[Looked],
    after: list[Looked],
    fails: bool,
) -> None:
    async def story() -> None:
        index, kept = Indexed(), dict[int, Looked]()

        async def change(some: list[Looked]) -> None:
            await index.look_at(some, {})
            kept.update((each.profile_id, each) for each in some)
            assert await met(index) == by_the_reference(kept)

        async def in_a_thread(old: Path, new: Path) -> None:
            await change(early)
            await asyncio.to_thread(compaction.put_in_order, old, new)
            await change(late)
            if fails:
                raise SegmentError("the child died")

        monkeypatch.setattr(indexed, "compacted", in_a_thread)
        for some in (before, after):
            await change(some)
            empty = len(index) == 0
            assert await index.put_in_order(None, {}) is (empty or not fails)
        await change([])
        await index.close()

    asyncio.run(story())


@pytest.mark.usefixtures("all_are_many")
async def test_a_real_child_puts_it_in_order_and_leaves_nothing_behind(tmp_path: Path) -> None:
    index = Indexed()
    kept = {number: looked(number, QUERIES[number % len(QUERIES)]) for number in range(1, 40)}
    await index.look_at(list(kept.values()), {})
    ordering = asyncio.create_task(index.put_in_order(tmp_path, {"mark": 3}))
    kept[7] = looked(7, "owls", 2)
    await index.look_at([kept[7]], {})
    while not ordering.done():
        assert await met(index) == by_the_reference(kept)
        await asyncio.sleep(0.01)
    assert await ordering
    assert await met(index) == by_the_reference(kept)
    assert inside(tmp_path) == [NAME]
    again = Indexed()
    assert await again.load(tmp_path) == {"mark": 3}
    await index.close()
    await again.close()


@pytest.mark.usefixtures("all_are_many")
async def test_a_child_is_ended_with_its_task(tmp_path: Path) -> None:
    index = Indexed()
    await index.look_at([looked(1, "larks")], {})
    ordering = asyncio.create_task(index.put_in_order(tmp_path, {}))
    await asyncio.sleep(0.1)
    ordering.cancel()
    await asyncio.gather(ordering, return_exceptions=True)
    assert inside(tmp_path) == []
    assert await met(index) == [{(1, 1)}, set(), {(1, 1)}]
    await index.close()


@pytest.mark.usefixtures("all_are_many")
async def test_where_nothing_can_be_written_it_works_as_it_is(tmp_path: Path) -> None:
    taken = tmp_path / "a file"
    taken.write_text("")
    index = Indexed()
    await index.look_at([looked(1, "larks")], {})
    assert not await index.put_in_order(taken, {})
    assert await met(index) == [{(1, 1)}, set(), {(1, 1)}]
    assert await index.load(taken) is None
    await index.close()


async def test_what_is_kept_does_not_say_for_long_who_has_left(
    tmp_path: Path, all_are_many: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexed, "compacted", without_a_child)
    now = 0.0
    index, folder = Indexed(ticks=lambda: now), tmp_path / "kept"
    await index.look_at([looked(1, "larks"), looked(2, "owls")], {})
    assert await index.put_in_order(folder, {})
    now += 2 * STALE
    assert not index.is_due, "nothing has changed"
    await index.look_at([looked(2, None)], {})
    assert index.is_due
    assert await index.put_in_order(folder, {}) and not index.is_due
    again = Indexed()
    await again.load(folder)
    assert len(again) == 1
    monkeypatch.setattr(indexed, "SMALL", 1_000)
    assert await index.put_in_order(folder, {})
    assert inside(folder) == [], "so few are not kept"
    await index.close()
    await again.close()


async def test_between_two_bites_a_profile_comes_and_goes() -> None:
    each_takes_a_millisecond = count()
    index = Indexed(ticks=lambda: next(each_takes_a_millisecond) / 1000)
    await index.look_at([looked(1, "larks")], {})
    matching = asyncio.create_task(index.match(PAPERS[:1] * 40, as_it_is))
    await asyncio.sleep(0)
    await index.look_at([looked(2, "owls")], {})
    await index.look_at([looked(1, None)], {})
    found = [{held.profile_id for held in those} for those in await matching]
    assert found[0] == {1}, "the first bite had begun"
    assert found[-1] == {2}, "the last one waited for its turn"
    assert found.index({2}) <= 2 * 5, "5 milliseconds are enough of a bite"
    await index.close()


# ── begun from what was kept ───────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MONDAY)


async def without_a_child(before: Path, after: Path) -> None:
    """What the child does, where it does not matter who."""
    await asyncio.to_thread(compaction.put_in_order, before, after)


@pytest.fixture
async def kept(
    store: Store, clock: FakeClock, tmp_path: Path, all_are_many: None, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder with the index of a store in which ann follows larks and bob owls, and the last who came finches."""
    monkeypatch.setattr(indexed, "compacted", without_a_child)
    await reader(store, "larks")
    await reader(store, "owls", "bob")
    await reader(store, "finches", "cid")
    first = Percolator(store, lease=LEASE, folder=tmp_path / "kept")
    await first.catch_up()
    assert await first._put_in_order()
    await first.close()
    return tmp_path / "kept"


async def told_of(store: Store, clock: FakeClock, folder: Path) -> tuple[set[str], bool]:
    """The profiles that two new papers meet in a process that begins now; and whether it began with what was kept."""
    clock.advance(minutes=1)
    before = {(match["profile_id"], match["paper_id"]) for match in await matches(store)}
    await record(store, *numbered(1, start=len(before)), *numbered(1, "owls", start=500 + len(before)))
    percolator = Percolator(store, lease=LEASE, folder=folder)
    with capture_logs() as logs:
        assert await percolator.run() == 2
    await percolator.close()
    async with store.reading() as tx:
        everyone = {each.id: each.text for each in await profiles.everyone(tx, (0, 0), 100)}
    now = {(match["profile_id"], match["paper_id"]) for match in await matches(store)}
    was_kept = any(line["event"] == "the index was kept" for line in logs)
    return {everyone.get(profile, "gone") for profile, _ in now - before}, was_kept


async def test_a_process_begins_with_what_was_kept_and_what_changed_since(
    store: Store, clock: FakeClock, kept: Path
) -> None:
    assert await told_of(store, clock, kept) == ({"larks", "owls"}, True)
    dan = await reader(store, "larks OR owls", "dan")
    await reader(store, "wrens", "eve")
    assert await told_of(store, clock, kept) == ({"larks", "owls", "larks OR owls"}, True)
    async with store.transaction() as tx:
        await profiles.edit(tx, dan.account_id, dan.profile.id, name="x", query="finches OR larks", now=await tx.now())
    assert await told_of(store, clock, kept) == ({"larks", "owls", "finches OR larks"}, True)
    async with store.transaction() as tx:
        await profiles.remove(tx, dan.account_id, dan.profile.id, await tx.now())
    assert await told_of(store, clock, kept) == ({"larks", "owls"}, True)


@pytest.mark.parametrize("how", ["cut off", "one bit wrong", "another version", "gone"])
async def test_what_is_broken_is_never_trusted(store: Store, clock: FakeClock, kept: Path, how: str) -> None:
    file = kept / NAME / ("manifest.json" if how == "another version" else "terms")
    whole = file.read_bytes()
    match how:
        case "cut off":
            file.write_bytes(whole[:-1])
        case "one bit wrong":
            file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        case "another version":
            file.write_bytes(whole.replace(b'"rules": "', b'"rules": "0'))
        case "gone":
            file.unlink()
    assert await told_of(store, clock, kept) == ({"larks", "owls"}, False)


async def test_what_another_database_left_is_never_trusted(store: Store, clock: FakeClock, kept: Path) -> None:
    """Another's, or this one's before it was restored: its changes are others below the same mark."""
    async with store.transaction() as tx:
        last = (await profiles.changes(tx, 0, await profiles.boundary(tx)))[-1]
        await tx.execute(
            update(PROFILE_CHANGE).where(PROFILE_CHANGE.c.mark == last.mark).values(at=last.at + timedelta(seconds=1))
        )
        await tx.execute(update(PROFILE).where(PROFILE.c.text == "owls").values(text="larks, finches"))
    assert await told_of(store, clock, kept) == ({"larks", "larks, finches"}, False)


async def test_what_was_kept_ahead_of_a_restored_database_is_never_trusted(
    store: Store, clock: FakeClock, kept: Path
) -> None:
    async with store.transaction() as tx:
        await tx.execute(delete(PROFILE_CHANGE))
        await tx.execute(update(PROFILE).where(PROFILE.c.text == "owls").values(text="larks, finches"))
    assert (await told_of(store, clock, kept))[0] == {"larks", "larks, finches"}


async def test_an_account_that_was_forgotten_since_is_not_met(store: Store, clock: FakeClock, kept: Path) -> None:
    async with store.transaction() as tx:
        bob = await accounts.account_of(tx, "test", "bob", name="bob", now=await tx.now())
        assert await belongings.sign_off(tx, bob, await tx.now())
    assert await told_of(store, clock, kept) == ({"larks"}, True)
    clock.advance(LAST_WORDS + timedelta(minutes=1))
    while True:
        async with store.transaction() as tx:
            if not await belongings.forget_leaving(tx, await tx.now(), 100):
                break
    assert await told_of(store, clock, kept) == ({"larks"}, False)


async def test_a_database_that_is_away_when_the_index_is_put_in_order_holds_up_one_round(
    store: Store, clock: FakeClock, tmp_path: Path, all_are_many: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> dict[str, object]:
        raise StoreError("the database is away")

    await reader(store, "larks")
    percolator = Percolator(store, lease=LEASE, folder=tmp_path / "kept")
    with monkeypatch.context() as patched:
        patched.setattr(coldstart, "facts", away)
        patched.setattr(Indexed, "is_due", True)
        await percolator.catch_up()
        assert percolator._ordering is not None
        await asyncio.wait([percolator._ordering])
    clock.advance(minutes=1)
    await record(store, *numbered(1))
    with pytest.raises(StoreError, match="is away"):
        await percolator.run()
    assert await percolator.run() == 1
    await percolator.close()
