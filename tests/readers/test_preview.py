"""What a query would have brought: by day, by term, for narrower readings; and floods, told before they come."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from paperlark.matching.document import Document
from paperlark.matching.lean import lean
from paperlark.matching.query import Query, parse
from paperlark.matching.reference import meets
from paperlark.model.papers import Announcement
from paperlark.model.problems import QueryError, ReaderError
from paperlark.model.readers import MarkKind
from paperlark.readers.narrower import competing, narrowed, without
from paperlark.readers.preview import DAYS_LIMIT, Preview, preview
from paperlark.readers.sparkline import BARS, NO_BAR, sparkline
from paperlark.store import marks
from paperlark.store.database import Store, open_store
from tests.amounts import examples
from tests.builders import MONDAY, reader, record, stored, told
from tests.matching.papers import documents, query_texts

TODAY = MONDAY.date()
UNHURRIED = settings(
    max_examples=examples(15), suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
TOPICS = ("owls at night", "owls and larks", "larks in spring", "wrens by the river", "owls of the river")


def of(text: str, name: int, *, ago: int = 0, abstract: str = "Some were seen.", **fields: object) -> Announcement:
    """An announcement some days before Monday."""
    return told(text, abstract, arxiv=f"2603.{name:05d}", at=MONDAY - timedelta(days=ago), **fields)  # type: ignore[arg-type]


async def looked_back(store: Store, text: str, *, days: int = 10, **more: object) -> Preview:
    return await preview(store, text, days=days, now=MONDAY, **more)  # type: ignore[arg-type]


def days_of(found: Preview) -> dict[int, int]:
    """How many days ago, how many papers."""
    return {(TODAY - day).days: papers for day, papers in found.per_day if papers}


# ── by day ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_papers_are_counted_on_the_day_of_their_announcement_and_within_the_days_asked_for(store: Store) -> None:
    await record(store, *(of("On owls", n, ago=n) for n in range(6)), of("On larks", 9))
    found = await looked_back(store, "owls", days=4)
    assert days_of(found) == {0: 1, 1: 1, 2: 1, 3: 1}
    assert [day for day, _ in found.per_day] == [TODAY - timedelta(days=n) for n in (3, 2, 1, 0)]
    assert (found.days, found.total, found.volume.most) == (4, 4, 1)


async def test_a_paper_told_before_these_days_is_not_told_again(store: Store) -> None:
    await record(store, of("On owls", 1, ago=8))
    await record(store, of("On owls", 1, ago=2), source="hf_daily", authority=50)
    assert days_of(await looked_back(store, "owls", days=5)) == {}
    assert days_of(await looked_back(store, "owls", days=9)) == {8: 1}


async def test_a_query_that_only_a_later_announcement_meets_counts_on_its_day(store: Store) -> None:
    await record(store, of("On owls", 1, ago=8), of("On owls, too", 2, ago=3))
    await record(store, of("On owls", 1, ago=2), source="hf_daily", authority=50)
    assert days_of(await looked_back(store, "owls source:hf_daily")) == {2: 1}
    assert days_of(await looked_back(store, "owls -source:hf_daily")) == {8: 1, 3: 1}


async def test_counts_that_rise_bring_a_paper_once_they_are_high_enough(store: Store) -> None:
    await record(store, of("On owls", 1, ago=3, signals={"upvotes": 1}), of("On owls, too", 2, ago=3))
    await record(store, of("On owls", 1, ago=3, signals={"upvotes": 12}))
    assert days_of(await looked_back(store, "owls upvotes:>=10")) == {3: 1}
    assert days_of(await looked_back(store, "owls upvotes:<10")) == {3: 1}
    assert days_of(await looked_back(store, "owls upvotes:>=13")) == {}


async def test_replacements_are_told_to_who_wants_them_and_to_nobody_else(store: Store) -> None:
    await record(store, of("On owls", 1, ago=8))
    await record(store, of("On owls", 1, ago=2, type="replace-cross", occasion="replaced:v2"))
    assert days_of(await looked_back(store, "owls")) == {8: 1}
    assert days_of(await looked_back(store, "owls", occasions=("new", "replace"))) == {8: 1, 2: 1}


async def test_counts_that_rise_are_no_news_to_who_does_not_ask_for_counts(store: Store) -> None:
    again = of("On owls", 1, ago=6, type="replace", occasion="replaced:v2")
    await record(store, of("On owls", 1, ago=8), again)
    await record(store, of("On owls", 1, ago=2), source="hf_daily", authority=50)
    await record(store, replace(again, signals={"upvotes": 3}))
    found = await looked_back(store, "owls source:hf_daily", occasions=("new", "replace"))
    assert days_of(found) == {2: 1}


async def test_in_which_order_an_archive_was_filled_makes_no_difference(store: Store) -> None:
    for ago in (0, 4, 2):
        await record(store, of("On owls", 1, ago=ago), source=f"source {ago}")
    assert days_of(await looked_back(store, "owls")) == {4: 1}


async def test_the_rate_is_that_of_the_days_which_the_archive_covers(store: Store) -> None:
    await record(store, *(of("On owls", n, ago=n % 3) for n in range(9)))
    found = await looked_back(store, "owls", days=30)
    assert (found.volume.days, found.volume.a_day) == (3, 3.0)
    assert found.sentence == "about 3 papers a day"


@pytest.mark.parametrize("days", [0, -1, DAYS_LIMIT + 1])
async def test_days_that_cannot_be_are_refused(sqlite_store: Store, days: int) -> None:
    with pytest.raises(ReaderError, match=f"not {days}"):
        await looked_back(sqlite_store, "owls", days=days)


async def test_a_query_that_cannot_be_read_is_refused(sqlite_store: Store) -> None:
    with pytest.raises(QueryError):
        await looked_back(sqlite_store, '"owls')


async def test_of_an_empty_archive_there_is_nothing_to_say(store: Store) -> None:
    found = await looked_back(store, "owls")
    assert (found.sentence, found.warning) == ("no paper of the last 10 days meets this", "")
    assert (found.examples, found.noisiest, found.narrower) == ((), None, ())


async def test_examples_are_the_newest_and_show_the_words_that_met(store: Store) -> None:
    await record(store, *(of(f"Study {n} of owls", n, ago=n) for n in range(8)))
    found = await looked_back(store, "owl")
    assert [example.paper.title for example in found.examples] == [f"Study {n} of owls" for n in range(5)]
    for example in found.examples:
        assert [span.text for span in example.matched] == ["owls"]
        assert all(example.paper.title[span.start : span.end] == span.text for span in example.matched)


# ── by term ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_each_term_has_its_share_and_what_would_not_be_there_without_it(store: Store) -> None:
    await record(store, *(of(topic, n, ago=n) for n, topic in enumerate(TOPICS)))
    found = await looked_back(store, "owls (night OR river), larks -winter")
    assert {each.text: (each.papers, each.alone) for each in found.terms} == {
        "owls": (3, 2), "night": (1, 1), "river": (1, 1), "larks": (2, 2),
    }  # fmt: skip
    assert found.total == 4


async def test_the_noisiest_part_is_the_alternative_that_brings_most_alone(store: Store) -> None:
    await record(store, *(of("On owls", n, ago=n % 2) for n in range(4)), of("On owls and larks", 7), of("On larks", 8))
    found = await looked_back(store, "larks, owls")
    assert found.noisiest is not None
    assert (found.noisiest.text, found.noisiest.papers, found.noisiest.alone) == ("owls", 5, 4)
    assert found.sentence == "about 3 papers a day; 'owls' alone brings 2"


async def test_few_papers_are_counted_and_not_said_by_the_day(store: Store) -> None:
    await record(store, of("On owls", 1, ago=9), of("On owls again", 2), of("On larks", 3))
    said = (await looked_back(store, "larks, owls")).sentence
    assert said == "about one paper every 3 days; 'owls' alone brings 2 of 3"


async def test_without_a_choice_no_term_is_the_noisiest(store: Store) -> None:
    await record(store, of("On owls and larks", 1))
    found = await looked_back(store, "owls larks")
    assert (found.noisiest, found.sentence) == (None, "about one paper a day")


# ── narrower readings ──────────────────────────────────────────────────────────────────────────────────────────────


async def filled(store: Store) -> None:
    """Owls, a third of them snowy, some in the abstract only; other birds; some counted."""

    def one(n: int) -> Announcement:
        kind = ("Snowy owls", "Barn owls", "Forest owls")[n % 3]
        title = kind if n % 4 else f"Birds like {kind[:5]}"
        signals = {"upvotes": n} if n % 2 else {}
        return of(f"{title}, study {n}", n, ago=n % 9, abstract=f"We watched {kind} there.", signals=signals)

    await record(store, *(one(n) for n in range(60)))
    await record(store, *(of(f"Wrens and finches {n}", 100 + n, ago=n % 9) for n in range(60)))


async def test_what_a_narrower_reading_leaves_is_what_it_brings_when_it_is_asked(store: Store) -> None:
    await filled(store)
    found = await looked_back(store, "owls, upvotes:>=50")
    assert {each.kind for each in found.narrower} == {"added", "excluded", "title", "without", "threshold"}
    for each in found.narrower:
        asked = await looked_back(store, each.text)
        assert (each.text, asked.volume) == (each.text, each.volume)
        assert asked.total < found.total


async def test_a_word_to_add_is_one_that_the_papers_have_oftener_than_others(store: Store) -> None:
    await filled(store)
    found = await looked_back(store, "owls")
    added = {each.text for each in found.narrower if each.kind == "added"}
    assert added == {"owls snowy", "owls barn", "owls forest"}
    [excluded] = [each.text for each in found.narrower if each.kind == "excluded"]
    assert excluded in {"owls -snowy", "owls -barn", "owls -forest"}


async def test_a_word_that_others_have_as_often_is_not_proposed(store: Store) -> None:
    topics = ("owls", "wrens")
    titles = [f"{('The ways', 'Songs')[n % 4 // 2]} of {topics[n % 2]} {n}" for n in range(80)]
    await record(store, *(of(title, n, ago=n % 9) for n, title in enumerate(titles)))
    assert {each.kind for each in (await looked_back(store, "owls")).narrower} == set()


async def test_what_was_read_before_makes_no_difference(store: Store, store_url: str) -> None:
    kinds = ("Snowy owls", "Barn owls", "Forest owls", "Wrens", "Finches")
    await record(store, *(of(f"{kinds[n % 5]}, study {n}", n, ago=n * 10 // 600) for n in range(600)))
    await looked_back(store, "barn", days=10)
    again = await open_store(store_url)
    try:
        assert await looked_back(again, "owls") == await looked_back(store, "owls")
    finally:
        await again.close()


async def test_where_nobody_counts_no_threshold_is_proposed(store: Store) -> None:
    await record(store, *(of(f"Owls {n}", n, ago=n % 9) for n in range(30)))
    assert "threshold" not in {each.kind for each in (await looked_back(store, "owls")).narrower}


@UNHURRIED
@given(query_texts, st.lists(documents(), min_size=3, max_size=5), st.floats(0.05, 0.5))
def test_narrower_readings_can_be_read_and_meet_only_what_the_query_meets(
    text: str, papers: Sequence[Document], aim: float
) -> None:
    query = readable(text)
    met = [paper for paper in papers if meets(query, paper)]
    assume(met)
    parts = [*competing(query.tree), None]
    leaned = [lean(paper) for paper in papers]
    sample = [lean(paper) for paper in met]
    for _, narrower, further in narrowed(query, sample, leaned, aim=aim, noisiest=parts[0]):
        again = parse(str(narrower))
        for each in papers:
            assert meets(again, each) == meets(narrower, each)
            assert meets(narrower, each) == (meets(query, each) and meets(further, each))


@UNHURRIED
@given(query_texts, documents())
def test_what_is_left_without_a_part_needs_none_of_it(text: str, document: Document) -> None:
    query = readable(text)
    for part in competing(query.tree):
        left = without(query.tree, part)
        if left is not None and meets(Query(left), document):
            assert meets(query, document)
        elif meets(query, document):
            assert meets(Query(part), document)


def readable(text: str) -> Query:
    try:
        return parse(text)
    except QueryError:
        assume(False)
        raise


# ── saved papers ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_saved_papers_that_a_reading_would_miss_are_counted(store: Store) -> None:
    await filled(store)
    ann, bob = await reader(store, "larks", "ann"), await reader(store, "larks", "bob")
    everything = await stored(store)
    snowy = [each.id for each in everything if "Snowy owls" in each.title][:3]
    wren = [each.id for each in everything if "Wrens" in each.title][:1]
    async with store.transaction() as tx:
        for paper_id in snowy + wren:
            await marks.put(tx, ann.account_id, paper_id, MarkKind.SAVED, MONDAY)
        await marks.put(tx, ann.account_id, wren[0], MarkKind.READ, MONDAY)
    found = await looked_back(store, "owls", account_id=ann.account_id)
    assert (found.saved, found.missed) == (4, 1)
    missed = {each.text: each.missed for each in found.narrower}
    assert (missed["owls snowy"], missed["owls barn"]) == (1, 4)
    assert list(missed.values()) == sorted(missed.values())
    assert (await looked_back(store, "owls", account_id=bob.account_id)).saved == 0
    assert (await looked_back(store, "owls")).saved == 0


# ── floods ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_flood_says_so_and_names_a_reading_that_is_none(store: Store) -> None:
    kinds = ("Snowy", "Barn", "Forest", "Marsh", "Hawk", "Ural", "Eagle", "Fish")
    await record(store, *(of(f"{kinds[n % 8]} owls, study {n}", n, ago=n % 10) for n in range(240)))
    await record(store, *(of(f"Finches {n}", 900 + n, ago=n % 10) for n in range(80)))
    found = await looked_back(store, "owls")
    assert found.volume.floods and not found.narrower[0].volume.floods
    assert found.warning == f"this would flood you: about 24 papers a day; {found.narrower[0]}"
    assert found.narrower[0].text.startswith("owls ")


async def test_one_day_alone_can_be_a_flood(store: Store) -> None:
    await record(store, of("Wrens", 999, ago=9), *(of(f"Owls, study {n}", n, ago=1) for n in range(61)))
    found = await looked_back(store, "owls")
    assert found.warning.startswith(f"this would flood you: about 6 papers a day, 61 on {date(2026, 3, 1)}")
    assert (await looked_back(store, '"study 7"')).warning == ""


# ── drawn ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(st.lists(st.integers(0, 500), max_size=400), st.integers(1, 80))
def test_a_sparkline_fits_hides_no_day_and_shows_the_most_at_full_height(counts: list[int], width: int) -> None:
    line, each = sparkline(counts, width)
    assert len(line) <= width
    sums = [sum(counts[start : start + each]) for start in range(0, len(counts), each)]
    assert [bar == NO_BAR for bar in line] == [not total for total in sums]
    heights = [BARS.find(bar) for bar in line]
    assert sorted(heights) == [height for _, height in sorted(zip(sums, heights, strict=True))]
    assert not any(counts) or max(heights) == len(BARS) - 1
