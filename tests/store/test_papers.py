"""Recording pages: in any order, however often, from wherever, the same papers stand there."""

import asyncio
import itertools
import multiprocessing
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from paperlark.model.papers import Alias, Announcement, Page, StoredPaper
from paperlark.pipeline import ingest
from paperlark.sources import capture
from paperlark.sources.base import Saved
from paperlark.store import papers
from paperlark.store.database import Store, open_store
from paperlark.store.tables import ALIAS, ANNOUNCEMENT, MERGE_LOG, PAPER, SIGNAL, SOURCE_RECORD
from paperlark.testing.clock import FakeClock
from tests.builders import LONG_ABSTRACT, MONDAY, announcements, count, dump, numbered, record, rows, stored, told
from tests.databases import Fresh

DISTINCT = 338  # papers among the 394 records of the four captures


async def test_recording_a_page_twice_changes_nothing(store: Store) -> None:
    page = [*numbered(5), told(signals={"upvotes": 3}, said={"id": "x"})]
    first = await record(store, *page)
    before = await dump(store)
    again = await record(store, *page)
    assert (len(first.new_papers), first.new_announcements) == (6, 6)
    assert (len(again.new_papers), again.new_announcements, again.new_signals) == (0, 0, 0)
    assert again.papers == first.papers
    assert await dump(store) == before


async def test_a_paper_told_twice_in_one_page_is_one(store: Store) -> None:
    recorded = await record(store, told(arxiv="2603.00001"), told(arxiv="2603.00001v2", signals={"upvotes": 2}))
    assert len(set(recorded.papers)) == 1 and recorded.new_announcements == 1
    assert (await stored(store))[0].signals == {"upvotes": 2}


async def test_one_announcement_for_a_source_a_paper_and_an_occasion(store: Store) -> None:
    one = told(arxiv="2603.00001")
    await record(store, one)
    await record(store, told(arxiv="2603.00001", occasion="replaced:v2", type="replace"))
    await record(store, one, source="hf_daily", authority=60)
    await record(store, told(arxiv="2603.00001", at=MONDAY + timedelta(days=3)))
    told_of = [(row["source"], row["occasion"]) for row in await announcements(store)]
    assert told_of == [("arxiv", "first"), ("arxiv", "replaced:v2"), ("hf_daily", "first")]


async def test_a_lower_authority_never_overwrites_a_higher_one(store: Store) -> None:
    await record(store, told("Larks, by arXiv", arxiv="2603.00001", authors=("Ann",)), source="arxiv", authority=90)
    await record(store, told("LARKS!!", "Short.", arxiv="2603.00001", authors=("A.",)), source="feed", authority=40)
    await record(store, told("Larks?", "Shorter.", arxiv="2603.00001"), source="capture", authority=10)
    (paper,) = await stored(store)
    assert (paper.title, paper.abstract, paper.authors) == ("Larks, by arXiv", LONG_ABSTRACT, ("Ann",))
    assert paper.sources == ("arxiv", "feed", "capture")


async def test_a_higher_authority_takes_over_what_it_has_and_others_fill_the_rest(store: Store) -> None:
    await record(
        store,
        told("larks", "Retold.", arxiv="2603.00001", organisation="Valley School", code_url="https://code.example"),
        source="hf_daily",
        authority=60,
    )
    await record(store, told("Larks", "", arxiv="2603.00001", authors=("Ann", "Bo")), source="arxiv", authority=90)
    (paper,) = await stored(store)
    assert (paper.title, paper.abstract, paper.authors) == ("Larks", "Retold.", ("Ann", "Bo"))
    assert (paper.organisation, paper.code_url) == ("Valley School", "https://code.example")


async def test_what_each_source_said_is_kept_as_it_said_it(store: Store) -> None:
    await record(store, told("Larks", arxiv="2603.00001", said={"raw": "L A R K S"}))
    await record(store, told("Finches", arxiv="2603.00001", said={"n": 7}), source="feed", authority=40)
    kept = await rows(store, select(SOURCE_RECORD).order_by(SOURCE_RECORD.c.source))
    assert [(row["source"], row["fields"]["title"], row["said"]) for row in kept] == [
        ("arxiv", "Larks", {"raw": "L A R K S"}),
        ("feed", "Finches", {"n": 7}),
    ]


async def test_a_source_that_corrects_itself_changes_the_paper_and_its_search_words(store: Store) -> None:
    await record(store, told("Larks over the misspelt vally", arxiv="2603.00001"))
    await record(store, told("Larks over the right valley", arxiv="2603.00001"))
    (paper,) = await stored(store)
    assert paper.title == "Larks over the right valley"
    assert not any("vally" in row for row in (await dump(store))["index"])


async def test_a_new_name_of_a_known_paper_can_be_searched_for(store: Store) -> None:
    await record(store, told(arxiv="2603.00001"))
    await record(store, told(arxiv="2603.00001", doi="10.1000/larks"))
    assert Alias("doi", "10.1000/larks") in (await stored(store))[0].aliases
    assert any("101000larks" in row for row in (await dump(store))["index"])


async def test_counts_are_kept_only_when_they_changed(store_url: str) -> None:
    clock = FakeClock(MONDAY)
    store = await open_store(store_url, clock=clock)
    for upvotes in (3, 3, 5, 5, 3):
        await record(store, told(arxiv="2603.00001", signals={"upvotes": upvotes}))
        clock.advance(minutes=5)
    kept = await rows(store, select(SIGNAL).order_by(SIGNAL.c.at))
    assert [row["counts"]["upvotes"] for row in kept] == [3, 5, 3]
    assert (await stored(store))[0].signals == {"upvotes": 3}
    await store.close()


async def test_the_latest_count_of_each_kind_counts_over_all_sources(store_url: str) -> None:
    clock = FakeClock(MONDAY)
    store = await open_store(store_url, clock=clock)
    await record(store, told(arxiv="2603.00001", signals={"upvotes": 9, "stars": 1}))
    clock.advance(minutes=5)
    await record(store, told(arxiv="2603.00001", signals={"upvotes": 4}), source="feed", authority=40)
    assert (await stored(store))[0].signals == {"upvotes": 4, "stars": 1}
    await store.close()


async def test_two_papers_that_a_third_telling_joins_become_one_and_it_is_logged(store: Store) -> None:
    first = await record(store, told("Larks above", "One.", arxiv="2603.00001"))
    second = await record(store, told("Larks in print", "Two.", doi="10.1000/larks"), source="feed", authority=40)
    third = await record(store, told("Larks", "", arxiv="2603.00001", doi="10.1000/larks"), source="other")
    assert third.papers == first.papers
    (log,) = await rows(store, select(MERGE_LOG))
    assert (log["kept_id"], log["gone_id"]) == (first.papers[0], second.papers[0])
    (paper,) = await stored(store)
    assert {str(alias) for alias in paper.aliases} == {"arxiv:2603.00001", "doi:10.1000/larks"}
    assert paper.sources == ("arxiv", "feed", "other")


async def test_a_paper_new_and_absorbed_within_one_page_was_never_there(store: Store) -> None:
    known = await record(store, told("Larks above the old town", "One.", arxiv="2603.00001"))
    recorded = await record(
        store,
        told("Larks in print", "Two.", doi="10.1000/larks"),
        told("Larks", "", arxiv="2603.00001", doi="10.1000/larks"),
    )
    assert recorded.papers == known.papers * 2 and not recorded.new_papers
    assert await count(store, PAPER) == 1 and await count(store, MERGE_LOG) == 0
    assert await count(store, ANNOUNCEMENT) == 1


async def test_absorbed_twice_within_one_page_everything_ends_at_the_last(store: Store) -> None:
    a = await record(store, told("Larks, part A", "One.", hf="lark-a"))
    await record(store, told("Larks, part B", "Two.", doi="10.1000/larks"))
    c = await record(store, told("Larks, part C", "Three.", arxiv="2603.00001"))
    await record(
        store,
        told("Larks, A and B", "", hf="lark-a", doi="10.1000/larks"),
        told("Larks, A and C", "", hf="lark-a", arxiv="2603.00001"),
    )
    (paper,) = await stored(store)
    assert paper.id in (*a.papers, *c.papers) and len(paper.aliases) == 3
    assert await count(store, MERGE_LOG) == 2


async def test_papers_are_loaded_in_the_order_asked_for(store: Store) -> None:
    ids = (await record(store, *numbered(500))).papers
    async with store.reading() as tx:
        found = await papers.load(tx, [*reversed(ids), 12345])
    assert list(found) == list(reversed(ids))


@pytest.mark.parametrize("odd", ["\x00", "\ud800"])
async def test_text_that_no_database_can_hold_does_not_stop_a_page(store: Store, odd: str) -> None:
    said = {"note": f"a{odd}b", "list": [{odd: 1}]}
    await record(store, told(f"Larks{odd} at noon", f"They{odd} sing.", hf=f"lark{odd}", authors=(odd,), said=said))
    (paper,) = await stored(store)
    assert (paper.title, paper.abstract) == ("Larks\ufffd at noon", "They\ufffd sing.")
    (kept,) = await rows(store, select(SOURCE_RECORD.c.said))
    assert kept["said"] == {"note": "a\ufffdb", "list": [{"\ufffd": 1}]}


async def test_a_paper_is_found_by_a_very_long_name(store: Store) -> None:
    address = "https://journal.example/?q=" + "x" * 5000
    first = await record(store, told("Larks", "", address=address))
    assert (await record(store, told("Finches", "", address=address))).papers == first.papers


TIDES = "A ledger of harbour tides, read again with care after forty years."
TELLINGS: list[tuple[str, int, Announcement]] = [
    ("arxiv", 90, told("Larks in flight over the valley", arxiv="2603.00001", authors=("Ann",))),
    ("hf_daily", 60, told("Larks in Flight over the Valley", arxiv="2603.00001", organisation="School")),
    ("capture", 10, told("Larks in flight over the  valley.")),
    ("arxiv", 90, told("Larks at sea", TIDES, arxiv="2603.00002")),
    ("feed", 40, told("Larks at sea", "A survey of silt.", doi="10.1000/silt")),
    ("capture", 10, told("Larks at Sea", TIDES)),
    ("arxiv", 90, told("Technical report", TIDES, arxiv="2603.00003")),
    ("feed", 40, told("Technical report", TIDES, address="https://journal.example/tides")),
    ("biorxiv", 80, told("Owls at noon", "", doi="10.1101/owls")),
    ("feed", 40, told("Owls at noon, in print", "", doi="10.1000/owls")),
    ("biorxiv", 80, told("Owls at noon", "", aliases=(Alias("doi", "10.1101/owls"), Alias("doi", "10.1000/owls")),
                         occasion="published:10.1000/owls", type="published")),
]  # fmt: skip


def said_of(found: list[StoredPaper]) -> set[tuple[object, ...]]:
    return {
        (p.title, p.abstract, p.authors, p.organisation, frozenset(p.aliases), frozenset(p.sources))
        for p in found
    }  # fmt: skip


@given(
    order=st.permutations(range(len(TELLINGS))), cuts=st.sets(st.integers(1, len(TELLINGS) - 1)), again=st.booleans()
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_in_any_order_and_any_pages_the_same_papers_stand(
    sqlite: Fresh, order: list[int], cuts: set[int], again: bool
) -> None:
    store = await open_store(sqlite())
    tellings = [TELLINGS[number] for number in order]
    bounds = [0, *sorted(cuts), len(tellings)]
    for start, end in itertools.pairwise(bounds):
        # A page is one source's: consecutive tellings of one source make a page.
        for (source, authority), group in itertools.groupby(tellings[start:end], key=lambda one: one[:2]):
            page = [announcement for _, _, announcement in group]
            for _ in range(1 + again):
                await record(store, *page, source=source, authority=authority)
    found = await stored(store)
    await store.close()
    assert len(found) == 6
    assert said_of(found) == {
        ("Larks in flight over the valley", LONG_ABSTRACT, ("Ann",), "School",
         frozenset({Alias("arxiv", "2603.00001")}), frozenset({"arxiv", "hf_daily", "capture"})),
        ("Larks at sea", TIDES, (), None,
         frozenset({Alias("arxiv", "2603.00002")}), frozenset({"arxiv", "capture"})),
        ("Larks at sea", "A survey of silt.", (), None,
         frozenset({Alias("doi", "10.1000/silt")}), frozenset({"feed"})),
        ("Technical report", TIDES, (), None, frozenset({Alias("arxiv", "2603.00003")}), frozenset({"arxiv"})),
        ("Technical report", TIDES, (), None,
         frozenset({Alias("url", "https://journal.example/tides")}), frozenset({"feed"})),
        ("Owls at noon", "", (), None,
         frozenset({Alias("doi", "10.1101/owls"), Alias("doi", "10.1000/owls")}), frozenset({"biorxiv", "feed"})),
    }  # fmt: skip


# ── the four captures ──────────────────────────────────────────────────────────────────────────────────────────────


def captured(folder: Path) -> list[Page]:
    """The four captures, parsed; fewer than half a megabyte."""
    return [
        capture.parse_saved(Saved(file.name, file.read_bytes(), date(2026, 1, 5)))
        for file in sorted(folder.glob("captures/*.txt"))
    ]


async def take(store: Store, *pages: Page) -> None:
    """Import pages under one name, as the command line does."""

    async def each() -> object:
        for page in pages:
            yield page

    await ingest.take(store, "capture", 10, each(), owes=False)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def captures(shared_data: Path) -> list[Page]:
    """The four captures' pages."""
    return captured(shared_data)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
async def test_the_captures_in_any_order_and_twice_hold_338_papers(
    sqlite_store: Store, captures: list[Page], order: tuple[int, ...]
) -> None:
    assert sum(len(page.announcements) for page in captures) == 394
    await take(sqlite_store, *(captures[number] for number in order))
    assert await count(sqlite_store, PAPER) == DISTINCT
    await take(sqlite_store, *captures)
    assert await count(sqlite_store, PAPER) == DISTINCT


async def test_the_captures_side_by_side_from_several_tasks_hold_338_papers(store: Store, captures: list[Page]) -> None:
    await asyncio.gather(*(take(store, page) for page in captures), take(store, *captures))
    assert await count(store, PAPER) == DISTINCT
    assert await count(store, ANNOUNCEMENT) == DISTINCT
    titles = await rows(store, select(ALIAS.c.value).where(ALIAS.c.scheme == "title"))
    assert len(titles) == DISTINCT


def take_in_a_process(url: str, folder: str, number: int) -> None:
    """What one of several processes does: its own capture, then all of them."""

    async def main() -> None:
        pages = captured(Path(folder))
        store = await open_store(url)
        await take(store, pages[number], *pages)
        await store.close()

    asyncio.run(main())


async def test_the_captures_side_by_side_from_several_processes_hold_338_papers(
    store_url: str, store: Store, shared_data: Path
) -> None:
    spawn = multiprocessing.get_context("spawn")
    children = [
        spawn.Process(target=take_in_a_process, args=(store_url, str(shared_data), number)) for number in range(2)
    ]
    for child in children:
        child.start()
    for child in children:
        await asyncio.to_thread(child.join, 60)
    assert [child.exitcode for child in children] == [0, 0]
    assert await count(store, PAPER) == DISTINCT
