"""Papers at hand are the papers of the store, whatever happened to them since they were read."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paperlark.matching.document import Analysed, Document, analyse
from paperlark.matching.lean import lean
from paperlark.matching.postings import SEGMENT, row
from paperlark.matching.query import parse
from paperlark.matching.rank import query_words
from paperlark.store import analysed, merges, papers, search
from paperlark.store.database import Store, open_store
from paperlark.store.shelf import OVERLAP, Kept, Shelf
from tests.builders import MONDAY, record, stored, told
from tests.matching.papers import documents


async def at_hand(store: Store, *ids: int) -> dict[int, Analysed]:
    async with store.reading() as tx:
        return await analysed.load(tx, ids)


async def assert_same(store: Store) -> None:
    """What is at hand is what is stored."""
    everything = {paper.id: paper for paper in await stored(store)}
    found = await at_hand(store, *everything)
    assert set(found) == set(everything)
    for number, paper in everything.items():
        document = papers.document(paper)
        assert found[number].document == document
        assert found[number].texts.search_words == analyse(document).texts.search_words
        assert found[number].texts.anywhere.exacts == analyse(document).texts.anywhere.exacts


async def test_papers_at_hand_are_those_of_the_store_in_the_order_asked_for(store: Store) -> None:
    first = await record(
        store, told("Test-time larks", arxiv="2603.00001", authors=("Ada Finch",), signals={"stars": 2})
    )
    second = await record(store, told(r"Of $\beta$-finches", arxiv="2603.00002", organisation="Hedge Lab"))
    await assert_same(store)
    ids = (*second.papers, 7, *first.papers)
    assert list(await at_hand(store, *ids)) == [ids[0], ids[2]]


async def test_a_paper_that_was_read_and_changed_is_read_again(store: Store) -> None:
    await record(store, told("Larks of the town", arxiv="2603.00001"))
    await assert_same(store)
    await record(store, told("Larks of the valley", arxiv="2603.00001"))
    await assert_same(store)
    await record(store, told("Larks of the valley", arxiv="2603.00001", doi="10.1000/larks"), source="feed")
    await assert_same(store)


async def test_a_change_by_another_process_is_noticed(store_url: str) -> None:
    ours, theirs = await open_store(store_url), await open_store(store_url)
    try:
        await record(ours, told("Larks of the town", arxiv="2603.00001"))
        await assert_same(ours)
        await record(theirs, told("Larks of the valley", arxiv="2603.00001"))
        await assert_same(ours)
    finally:
        await ours.close()
        await theirs.close()


async def test_papers_that_become_one_and_are_parted_are_what_they_are_each_time(store: Store) -> None:
    one = await record(store, told("Larks of the town", "They sing.", arxiv="2603.00001"))
    other = await record(store, told("Finches of the hedge", "They do not.", doi="10.1000/f"), source="feed")
    await assert_same(store)
    async with store.transaction() as tx:
        number = await merges.merge(tx, one.papers[0], other.papers[0], reason="test", now=MONDAY)
    await assert_same(store)
    assert list(await at_hand(store, *other.papers)) == []
    async with store.transaction() as tx:
        await merges.part(tx, number, now=MONDAY)
    await assert_same(store)


async def test_later_counts_and_sources_are_seen(store: Store) -> None:
    await record(store, told("Larks", arxiv="2603.00001", signals={"upvotes": 1}))
    await assert_same(store)
    await record(store, told("Larks", arxiv="2603.00001", signals={"upvotes": 9}))
    await record(store, told("Larks", arxiv="2603.00001"), source="feed")
    await assert_same(store)


async def test_what_ranking_counts_follows_the_archive(store: Store) -> None:
    async def held(word: str) -> tuple[int, int]:
        async with store.reading() as tx:
            await analysed.refresh(tx)
            counts = await search.statistics(tx, query_words(parse(word)))
            return counts.papers, counts.frequencies[word]

    assert await held("lark") == (0, 0)
    await record(store, told("Larks", "They sing.", arxiv="2603.00001"))
    assert await held("lark") == (1, 1)
    await record(store, told("Finches", "They do not.", arxiv="2603.00002"))
    assert await held("lark") == (2, 1)


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(1, 60), unique=True, max_size=60), st.integers(1, 20), documents())
def test_the_shelf_keeps_the_newest(numbers: list[int], capacity: int, document: Document) -> None:
    shelf, paper = Shelf(capacity, slack=0), row(lean(document))
    for number in numbers:
        shelf.put({number: Kept(None, paper)})
    kept = set(shelf.found(numbers)[0])
    assert kept == set(sorted(numbers)[-capacity:])


def test_the_shelf_says_where_its_papers_stand_and_lets_empty_postings_go() -> None:
    shelf, paper = Shelf(capacity=SEGMENT, slack=0), row(lean(Document("Larks", MONDAY)))
    last = 4 * SEGMENT
    for number in range(1, last + 1):
        shelf.put({number: Kept(None, paper)})
    here, missing = shelf.standing(np.arange(1, last + 3))
    found = sorted(number for posted, at in here for number in posted.numbers[at].tolist())
    assert found == list(range(last - SEGMENT + 1, last + 1))
    assert missing.tolist() == [*range(1, last - SEGMENT + 1), last + 1, last + 2]
    assert sum(len(posted.papers) for posted, _ in here) <= 3 * SEGMENT


def test_a_revision_that_came_late_is_still_asked_for() -> None:
    shelf = Shelf()
    shelf.forget_changed([(1, OVERLAP * 3)])
    assert shelf.since == OVERLAP * 2
