"""Search: what the reference finds, best first; narrowed, read on, and shown."""

import asyncio
import itertools
from contextlib import aclosing
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paperlark.matching import rank
from paperlark.matching.document import Document, analyse
from paperlark.matching.query import Query, parse
from paperlark.matching.reference import meets
from paperlark.model.messages import Span
from paperlark.model.papers import Announcement, Paper
from paperlark.model.problems import QueryError, ReaderError
from paperlark.readers.narrowing import NOTHING, Narrowing, narrowed
from paperlark.readers.search import Found, Stretch, search, stretch
from paperlark.readers.snippet import snippet
from paperlark.store import papers
from paperlark.store import search as full_text
from paperlark.store.analysed import refresh
from paperlark.store.database import Store, open_store
from tests.builders import MONDAY, record, stored, told
from tests.databases import Fresh
from tests.matching.papers import documents
from tests.matching.test_agreement import queries

_numbers = itertools.count(1)


def announced(document: Document) -> Announcement:
    """A generated paper as a source tells of it."""
    number = next(_numbers)
    paper = Paper(
        document.title,
        document.abstract,
        document.authors,
        organisation=document.organisation,
        categories=document.categories,
        aliases=told(arxiv=f"{2600 + number // 90_000}.{number % 90_000:05}").paper.aliases,
    )
    return Announcement(paper, document.announced_at, signals=document.signals)


async def by_reference(store: Store, query: Query, text: Query | None = None) -> list[tuple[float, int]]:
    """(score, id) of every paper that meets a query, by the plain evaluator over the whole archive, best first."""
    text = text or query
    async with store.reading() as tx:
        await refresh(tx)
        statistics = await full_text.statistics(tx, rank.query_words(text))
    analysed = {paper.id: analyse(papers.document(paper)) for paper in await stored(store)}
    met = [(rank.score(text, paper, statistics), number) for number, paper in analysed.items() if meets(query, paper)]
    return sorted(met, reverse=True)


async def everything(store: Store, text: str | None, narrowing: Narrowing = NOTHING) -> list[Found]:
    async with aclosing(search(store, text, narrowing=narrowing)) as found:
        return [each async for each in found]


def places(found: list[Found] | tuple[Found, ...]) -> list[tuple[float, int]]:
    return [(each.score, each.paper.id) for each in found]


async def read_on(store: Store, text: str | None, limit: int, narrowing: Narrowing = NOTHING) -> list[Stretch]:
    stretches: list[Stretch] = []
    after = None
    while not stretches or after is not None:
        stretches.append(await stretch(store, text, limit=limit, narrowing=narrowing, after=after))
        after = stretches[-1].after
    return stretches


# ── what is found, in which order ──────────────────────────────────────────────────────────────────────────────────


slowly = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.function_scoped_fixture],
)


@slowly
@given(st.lists(documents(), min_size=1, max_size=8), st.lists(queries, min_size=1, max_size=6), st.integers(1, 4))
def test_a_search_finds_what_the_reference_finds_in_its_order_at_once_and_in_stretches(
    fresh: Fresh, archive: list[Document], asked: list[Query], limit: int
) -> None:
    asyncio.run(_compare(fresh(), archive, asked, limit))


async def _compare(address: str, archive: list[Document], asked: list[Query], limit: int) -> None:
    store = await open_store(address)
    try:
        for number, document in enumerate(archive):
            await record(store, announced(document), source=("arxiv:cs.CL", "hf_daily")[number % 2])
        for query in asked:
            expected = await by_reference(store, query)
            assert places(await everything(store, str(query))) == expected
            read = await read_on(store, str(query), limit)
            assert [place for each in read for place in places(each.found)] == expected
            assert {each.total for each in read} == {len(expected)}
    finally:
        await store.close()


@slowly
@given(
    st.lists(st.lists(documents(), max_size=4), min_size=2, max_size=4),
    queries | st.none(),
    st.integers(1, 3),
)
def test_who_reads_on_while_papers_arrive_meets_each_that_was_there_exactly_once(
    fresh: Fresh, arrivals: list[list[Document]], query: Query | None, limit: int
) -> None:
    asyncio.run(_read_while_papers_arrive(fresh(), arrivals, query, limit))


async def _read_while_papers_arrive(
    address: str, arrivals: list[list[Document]], query: Query | None, limit: int
) -> None:
    store = await open_store(address)
    text = str(query) if query is not None else None
    try:
        await record(store, *map(announced, arrivals[0]))
        there = places(await everything(store, text))
        read: list[tuple[float, int]] = []
        later, after = iter(arrivals[1:]), None
        while not read or after is not None:
            page = await stretch(store, text, limit=limit, after=after)
            read += places(page.found)
            after = page.after
            await record(store, *map(announced, next(later, [])))
            if not page.found:
                break
        assert [place for place in read if place in there] == there
        assert len({number for _, number in read}) == len(read)
    finally:
        await store.close()


async def test_a_paper_that_changed_is_found_by_what_it_says_now(store: Store) -> None:
    await record(store, told("Larks of the town", arxiv="2603.00001"))
    assert [found.paper.title for found in await everything(store, "town")] == ["Larks of the town"]
    await record(store, told("Larks of the valley", arxiv="2603.00001"))
    assert await everything(store, "town") == []
    assert [found.paper.title for found in await everything(store, "title:valley")] == ["Larks of the valley"]


async def test_a_count_that_rose_is_seen_at_once(store: Store) -> None:
    await record(store, told("Larks", arxiv="2603.00001", signals={"upvotes": 1}))
    assert await everything(store, "larks upvotes:>=5") == []
    await record(store, told("Larks", arxiv="2603.00001", signals={"upvotes": 7}))
    assert len(await everything(store, "larks upvotes:>=5")) == len(await everything(store, "upvotes:>=5")) == 1


async def test_without_a_query_the_newest_comes_first(store: Store) -> None:
    first = await record(store, told("One", arxiv="2603.00001"))
    second = await record(store, told("Two", arxiv="2603.00002"))
    found = await everything(store, None)
    assert places(found) == [(0.0, second.papers[0]), (0.0, first.papers[0])]
    assert str(found[0].score) == "0.0"


# ── narrowed ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def larks(store: Store) -> None:
    """Four papers about larks, of different people, places and days."""
    four: list[dict[str, Any]] = [
        {"authors": ("Ada Finch", "Bo Wren"), "organisation": "Hedge Lab", "categories": ("cs.CL",)},
        {"authors": ("A. Finch",), "organisation": "Google DeepMind", "categories": ("cs.CV", "cs.CL")},
        {"authors": ("Cy Robin",), "categories": ("stat.ML",)},
        {"organisation": "DeepMind"},
    ]
    for number, fields in enumerate(four):
        at = MONDAY.replace(day=2 + number)
        paper = told(f"Larks {number}", "They sing.", arxiv=f"2603.0000{number}", at=at, **fields)
        await record(store, paper, source="hf_daily" if number == 2 else "arxiv:cs.CL")


@pytest.mark.parametrize(
    ("narrowing", "expected"),
    [
        (Narrowing(), {0, 1, 2, 3}),
        (Narrowing(org="deepmind"), {1, 3}),
        (Narrowing(org="Google DeepMind"), {1}),
        (Narrowing(author="Finch, Ada"), {0, 1}),
        (Narrowing(author="robin"), {2}),
        (Narrowing(cat="cs"), {0, 1}),
        (Narrowing(cat="CS.CV"), {1}),
        (Narrowing(source="hf_daily"), {2}),
        (Narrowing(source="arxiv"), {0, 1, 3}),
        (Narrowing(since=date(2026, 3, 4)), {2, 3}),
        (Narrowing(until=date(2026, 3, 3)), {0, 1}),
        (Narrowing(since=date(2026, 3, 3), until=date(2026, 3, 3)), {1}),
        (Narrowing(until=date.max), {0, 1, 2, 3}),
        (Narrowing(author="finch", cat="cs.CL", until=date(2026, 3, 2)), {0}),
    ],
)
async def test_a_search_is_narrowed(store: Store, narrowing: Narrowing, expected: set[int]) -> None:
    await larks(store)
    for text in ("larks", None):
        found = await everything(store, text, narrowing)
        assert {int(each.paper.title[-1]) for each in found} == expected
        read = await read_on(store, text, 1, narrowing)
        assert [place for each in read for place in places(each.found)] == places(found)
        if text is None:
            assert [each.paper.id for each in found] == sorted((each.paper.id for each in found), reverse=True)


async def test_a_narrowing_says_who_is_in_not_who_is_first(store: Store) -> None:
    await larks(store)
    scores = {each.paper.id: each.score for each in await everything(store, "larks")}
    narrowing = Narrowing(org="deepmind")
    assert all(each.score == scores[each.paper.id] for each in await everything(store, "larks", narrowing))
    assert {span.field for each in await everything(store, "larks", narrowing) for span in each.matched} == {
        "title",
        "org",
    }


def test_a_narrowing_is_text_of_the_language() -> None:
    narrowing = Narrowing("deepmind", "Yang Song", "cs.CL", "arxiv", date(2026, 3, 1), date(2026, 3, 4))
    text = 'org:"deepmind" author:"song, yang" cat:cs.cl source:arxiv since:2026-03-01 -since:2026-03-05'
    assert str(narrowing) == text
    query = narrowed(None, narrowing)
    assert query is not None and parse(text).tree == query.tree
    assert str(NOTHING) == "" and narrowed(None, NOTHING) is None


@pytest.mark.parametrize("value", ['"', "", "x" * 300, "?", "*"])
@pytest.mark.parametrize("name", ["org", "author", "cat", "source"])
def test_a_value_that_names_nothing_is_refused_in_plain_words(name: str, value: str) -> None:
    with pytest.raises(ReaderError, match=name):
        str(replace(NOTHING, **{name: value}))  # type: ignore[arg-type]


@given(st.sampled_from(["org", "author", "cat", "source"]), st.text(max_size=30))
def test_no_value_is_an_operator(name: str, value: str) -> None:
    narrowing = replace(NOTHING, **{name: value})  # type: ignore[arg-type]
    try:
        tree = narrowing.tree()
    except ReaderError:
        return
    assert tree is not None
    assert {getattr(leaf, "field", "author") for leaf in Query(tree).terms} == {name}
    assert parse(str(narrowing)).tree == tree


def test_days_that_end_before_they_begin_are_refused() -> None:
    with pytest.raises(ReaderError, match="2026-03-02 until 2026-03-01"):
        Narrowing(since=date(2026, 3, 2), until=date(2026, 3, 1)).tree()


async def test_a_query_that_cannot_be_read_is_refused_before_the_first_paper(sqlite_store: Store) -> None:
    with pytest.raises(QueryError):
        await everything(sqlite_store, "title:(")
    with pytest.raises(QueryError):
        await stretch(sqlite_store, "title:(", limit=5)


# ── shown ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_result_shows_the_words_that_met_it_and_the_abstract_around_them(store: Store) -> None:
    abstract = f"{'Birds of many kinds live here. ' * 20}Only the lark sings at dawn. {'The rest is silence. ' * 20}"
    await record(store, told("Of birds", abstract, arxiv="2603.00001"))
    (found,) = await everything(store, "larks")
    (span,) = found.matched
    assert (span.field, span.text) == ("abstract", "lark")
    shown = found.snippet
    assert abstract[shown.start : shown.start + len(shown.text)] == shown.text
    assert [shown.text[each.start : each.end] for each in shown.spans] == ["lark"]
    assert len(shown.text) <= 280 and "Only the lark sings at dawn." in shown.text


words = st.lists(st.text("ab é", min_size=1, max_size=9), max_size=60).map(" ".join)


@given(words, st.lists(st.tuples(st.integers(0, 300), st.integers(1, 9)), max_size=4), st.integers(20, 80))
def test_a_snippet_is_a_part_of_the_abstract_with_its_own_spans(
    abstract: str, matched: list[tuple[int, int]], length: int
) -> None:
    spans = sorted(Span("abstract", a, a + n, abstract[a : a + n]) for a, n in matched if a + n <= len(abstract))
    shown = snippet(abstract, spans, length=length)
    assert abstract[shown.start : shown.start + len(shown.text)] == shown.text
    assert len(shown.text) <= length
    for span in shown.spans:
        assert shown.text[span.start : span.end] == span.text
    if len(abstract) <= length:
        assert shown.text == abstract.rstrip()
    elif spans and spans[0].text.strip() == spans[0].text:
        assert replace(spans[0], start=spans[0].start - shown.start, end=spans[0].end - shown.start) in shown.spans
