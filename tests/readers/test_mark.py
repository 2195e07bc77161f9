"""What readers did with papers: read, saved, dismissed."""

from collections.abc import AsyncIterator

import pytest

from paperlark.model.problems import ReaderError
from paperlark.model.readers import MarkKind
from paperlark.readers.mark import Kept, mark, marked, saved, unmark
from paperlark.store import marks, merges
from paperlark.store.database import Store, open_store
from paperlark.testing.clock import FakeClock
from tests.builders import MONDAY, numbered, record, stored

READ, SAVED, DISMISSED = MarkKind
ANN, BOB = 1, 2


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MONDAY)


@pytest.fixture
async def store(store_url: str, clock: FakeClock) -> AsyncIterator[Store]:
    opened = await open_store(store_url, clock=clock)
    await record(opened, *numbered(6))
    yield opened
    await opened.close()


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ([READ], {READ}),
        ([READ, SAVED], {READ, SAVED}),
        ([SAVED, DISMISSED], {DISMISSED}),
        ([DISMISSED, READ, SAVED], {READ, SAVED}),
        ([SAVED, SAVED], {SAVED}),
    ],
)
async def test_saved_and_dismissed_exclude_each_other_and_read_goes_with_either(
    store: Store, given: list[MarkKind], left: set[MarkKind]
) -> None:
    for kind in given:
        await mark(store, ANN, "2603.00001", kind)
    assert set((await marked(store, ANN, "arxiv:2603.00001")).marks) == left
    assert (await marked(store, BOB, "2603.00001")).marks == {}


async def test_one_mark_or_all_come_off_and_what_is_not_there_is_no_fault(store: Store) -> None:
    for kind in (READ, SAVED):
        await mark(store, ANN, "2603.00001", kind)
    assert set((await unmark(store, ANN, "2603.00001", READ)).marks) == {SAVED}
    assert set((await unmark(store, ANN, "2603.00001", READ)).marks) == {SAVED}
    assert (await unmark(store, ANN, "2603.00001")).marks == {}


async def test_a_paper_keeps_the_moment_at_which_it_was_saved_first(store: Store, clock: FakeClock) -> None:
    await mark(store, ANN, "2603.00001", SAVED)
    clock.advance(hours=1)
    assert (await mark(store, ANN, "2603.00001", SAVED)).marks == {SAVED: MONDAY}


async def test_a_paper_that_the_archive_does_not_hold_is_refused(store: Store) -> None:
    with pytest.raises(ReaderError, match="the archive holds no paper"):
        await mark(store, ANN, "2603.99999", SAVED)


async def test_saved_papers_are_read_on_newest_first_while_others_are_saved(store: Store, clock: FakeClock) -> None:
    for number in range(4):
        await mark(store, ANN, f"2603.{number:05d}", SAVED)
        clock.advance(seconds=number % 2)  # two at the same moment
    await mark(store, BOB, "2603.00005", SAVED)
    kept: list[Kept] = []
    after = None
    while not kept or after is not None:
        shelf = await saved(store, ANN, limit=1, after=after)
        kept, after = [*kept, *shelf.kept], shelf.after
        if len(kept) == 1:
            await mark(store, ANN, "2603.00004", SAVED)
            await mark(store, ANN, "2603.00000", READ)
    names = [each.paper.aliases[0].value for each in kept]
    assert names == [f"2603.{number:05d}" for number in (3, 2, 1, 0)]
    assert [each.at for each in kept] == sorted((each.at for each in kept), reverse=True)
    assert (await saved(store, ANN)).kept[0].paper.aliases[0].value == "2603.00004"


async def test_where_papers_become_one_the_saved_one_counts(store: Store) -> None:
    await mark(store, ANN, "2603.00001", SAVED)
    await mark(store, ANN, "2603.00002", DISMISSED)
    kept, gone = (await stored(store))[1:3]
    async with store.transaction() as tx:
        await merges.merge(tx, kept.id, gone.id, reason="test", now=MONDAY)
    async with store.reading() as tx:
        assert await marks.dismissed(tx, ANN, [kept.id, gone.id]) == frozenset()
    assert set((await marked(store, ANN, "2603.00001")).marks) == {SAVED}
