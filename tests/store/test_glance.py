"""One statement that only reads: the same rows on both databases, and whether anything was written since."""

import asyncio
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from paperlark.model.problems import StoreError
from paperlark.readers.days import of_day
from paperlark.store import days, printed
from paperlark.store.database import Store, open_store
from paperlark.store.glance import Together
from paperlark.store.prints import Printed, Prints
from paperlark.store.tables import PAPER
from tests.builders import MONDAY, record, stored, told
from tests.databases import Fresh

DAY = MONDAY.date()


async def test_the_state_changes_with_whatever_is_committed_and_only_then(store: Store, store_url: str) -> None:
    before = await store.state()
    async with store.reading() as tx:
        await tx.execute(select(PAPER.c.id))
    assert await store.state() == before
    await record(store, told())
    mine = await store.state()
    assert mine != before
    other = await open_store(store_url)
    await record(other, told("Of another process", arxiv="2603.00009"))
    await other.close()
    assert await store.state() != mine


async def test_a_day_is_listed_in_order_with_its_total_and_what_was_told(store: Store) -> None:
    quiet = [told(f"Quiet {n}", arxiv=f"2603.0000{n}") for n in range(3)]
    loud = told("Loud", "It sings. " * 200, arxiv="2603.00008", signals={"upvotes": 5}, authors=("Ada Finch",))
    await record(store, *quiet, told("Of Tuesday", arxiv="2603.00007", at=MONDAY + timedelta(days=1)))
    await record(store, loud, source="hf_daily")
    await record(store, told("Loud", "It sings. " * 200, arxiv="2603.00008", at=MONDAY + timedelta(days=1)))
    assert [each.votes for each in (await days.liked(store, DAY, DAY + timedelta(days=1))).papers] == [5, 0, 0, 0]
    day = await of_day(store, DAY, limit=2)
    assert day is not None and (day.total, day.newest, day.earlier) == (4, DAY + timedelta(days=1), None)
    assert [row.stored().title for row in day.papers] == ["Loud", "Quiet 2"]
    paper = day.papers[0].stored()
    assert (paper.signals, paper.sources, paper.authors) == ({"upvotes": 5}, ("hf_daily", "arxiv"), ("Ada Finch",))
    assert paper.announced_at.date() == DAY
    assert [str(alias) for alias in paper.aliases] == ["arxiv:2603.00008"]
    rest = await of_day(store, DAY, limit=2, after=2)
    assert rest is not None and [row.stored().title for row in rest.papers] == ["Quiet 1", "Quiet 0"]
    after = await of_day(store, DAY, limit=2, after=4)
    assert after is not None and (after.papers, after.total) == ((), 4)
    assert await days.per_day(store, DAY, DAY + timedelta(days=9)) == {DAY: 4, DAY + timedelta(days=1): 2}
    assert await days.newest(store) == DAY + timedelta(days=1)
    assert await days.around(store, DAY, DAY + timedelta(days=1)) == (None, DAY + timedelta(days=1))


async def test_a_paper_is_told_as_it_is_now_whatever_is_remembered_of_it(store: Store, store_url: str) -> None:
    recorded = await record(store, told("Before", "A first abstract.", arxiv="2603.00001"))
    (number,) = recorded.papers
    first = (await printed.papers(store, [number]))[number]
    assert (await printed.papers(store, [number]))[number] is first  # at hand
    other = await open_store(store_url)
    await record(other, told("After", "Another.", arxiv="2603.00001"), source="journal", authority=95)
    await other.close()
    now = (await printed.papers(store, [number]))[number]
    assert now.stored() == (await stored(store, number))[0]
    assert now.stored().title == "After" and now.version != first.version


@pytest.mark.parametrize(
    ("source", "more"),
    [
        ("arxiv", {"signals": {"upvotes": 7}}),
        ("arxiv", {"occasion": "replaced:v2", "at": MONDAY + timedelta(days=3)}),
        ("hf_daily", {}),
        ("arxiv", {"doi": "10.1000/larks"}),
    ],
    ids=["counted anew", "announced again", "announced elsewhere", "named anew"],
)
async def test_what_is_told_of_a_paper_is_told_at_once_whoever_heard_it(
    store: Store, store_url: str, source: str, more: dict[str, Any]
) -> None:
    said: dict[str, Any] = {"title": "Larks", "arxiv": "2603.00001", "signals": {"upvotes": 5}}
    (number,) = (await record(store, told(**said))).papers
    first = (await printed.papers(store, [number]))[number]
    # Named anew by a page that names it twice, whose last word is what the source said before.
    page = [told(**{**said, **more}), *([told(**said)] if "doi" in more else [])]
    other = await open_store(store_url)
    await record(other, *page, source=source)
    await other.close()
    now = (await printed.papers(store, [number]))[number]
    assert now.version != first.version
    assert now.stored() == (await stored(store, number))[0]
    await record(store, *page, source=source)
    assert (await printed.papers(store, [number]))[number].version == now.version  # no news


def test_of_rows_at_hand_those_asked_for_last_are_kept_and_none_of_another_version() -> None:
    prints = Prints(most=2)
    prints.keep([row("1"), row("2")])
    assert prints.of([("2", "9 0"), ("1", "0 0")]) == ({"1": row("1")}, ["2"])
    prints.keep([row("3")])
    assert len(prints) == 2
    assert prints.of([(each, "0 0") for each in "123"]) == ({"1": row("1"), "3": row("3")}, ["2"])


def row(number: str) -> Printed:
    return Printed(number, "0 0", '"title": "Larks"', "", "", "", "2026-03-04 06:00:00.000000", "", "")


async def test_statements_are_read_also_where_a_pooler_forgets_what_was_prepared(postgres: Fresh) -> None:
    store = await open_store(postgres())
    await record(store, told())
    before = await days.newest(store)
    (connection,) = store._glance._free  # type: ignore[attr-defined]
    await connection.execute("DEALLOCATE ALL")  # as if the next statement went to another connection
    assert before is not None and await days.newest(store) == before
    assert await days.newest(store) == before
    await store.close()


async def test_who_asks_while_it_is_asked_shares_the_next_answer_and_never_an_old_one() -> None:
    written, asked = 0, 0
    going = asyncio.Event()

    async def ask() -> str:
        nonlocal asked
        asked += 1
        found = str(written)
        await going.wait()
        return found

    together = Together(ask)
    first = asyncio.create_task(together.answer())
    await asyncio.sleep(0)
    written = 1
    others = [asyncio.create_task(together.answer()) for _ in range(50)]
    await asyncio.sleep(0)
    going.set()
    assert (await first, {await each for each in others}, asked) == ("0", {"1"}, 2)


async def test_a_question_that_fails_fails_for_who_asked_it_alone() -> None:
    answers = iter([OSError("gone"), "here"])

    async def ask() -> str:
        await asyncio.sleep(0)
        found = next(answers)
        if isinstance(found, OSError):
            raise found
        return str(found)

    together = Together(ask)
    first, second = await asyncio.gather(together.answer(), together.answer(), return_exceptions=True)
    assert isinstance(first, OSError) and second == "here"


async def test_a_database_that_went_away_is_told_of_in_one_line(sqlite: Fresh) -> None:
    store = await open_store(sqlite())
    with pytest.raises(StoreError, match="cannot be used"):
        await store.glance(select(func.no_such_function()))
    assert await days.newest(store) is None
    assert await days.per_day(store, date(2026, 1, 1), date(2026, 2, 1)) == {}
    await store.close()
