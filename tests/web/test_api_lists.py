"""A day's papers, what is trending, and the sources, over HTTP."""

from datetime import timedelta
from typing import Any

import pytest

from paperlark.store.database import Store
from tests.web.archive import DAY, Client, announcement, record


async def said(client: Client, path: str, **parameters: Any) -> dict[str, Any]:
    async with client.get(f"/api/v1{path}", params=parameters) as answer:
        assert answer.status == 200, await answer.text()
        found: dict[str, Any] = await answer.json()
        return found


async def test_a_day_is_read_most_upvoted_first_and_page_by_page(client_of_both: Client, store: Store) -> None:
    upvotes = [3, 9, 3, 0, 9]
    ids = await record(store, *[announcement(f"Lark {n}", signals={"upvotes": n} if n else None) for n in upvotes])
    await record(store, announcement("The lark of yesterday", at=DAY - timedelta(days=1)))
    day = DAY.date().isoformat()
    found, cursor = [], ""
    while True:
        page = await said(client_of_both, f"/days/{day}", limit=2, cursor=cursor)
        found += [paper["id"] for paper in page["data"]]
        assert (page["day"], page["earlier"], page["later"]) == (day, "2026-03-03", None)
        if page["next"] is None:
            break
        cursor = page["next"]
    assert found == [ids[4], ids[1], ids[2], ids[0], ids[3]]


async def test_a_day_without_papers_names_its_neighbours(client: Client, sqlite_store: Store) -> None:
    await record(sqlite_store, announcement("A lark"))
    assert await said(client, "/days/2026-03-09") == {
        "data": [], "next": None, "day": "2026-03-09", "earlier": "2026-03-04", "later": None}  # fmt: skip


@pytest.mark.parametrize("day", ["yesterday", "2026-02-30", "20260301", "0001-01-01", "9999-12-31", "2026-W10-1", "٢"])
async def test_what_is_no_day_is_a_problem(client: Client, day: str) -> None:
    async with client.get(f"/api/v1/days/{day}") as answer:
        assert (answer.status, answer.content_type) == (404, "application/problem+json")
        assert (await answer.json())["type"] == "urn:paperlark:problem:no-such-day"


async def test_trending_says_why_and_is_read_on_in_the_order_it_had(client_of_both: Client, store: Store) -> None:
    now = await store.now()
    await record(
        store, *[announcement(f"Lark {n}", at=now - timedelta(hours=9), signals={"upvotes": n}) for n in (5, 50, 500)]
    )
    first = await said(client_of_both, "/trending", limit=2)
    assert [each["paper"]["title"] for each in first["data"]] == ["Lark 500", "Lark 50"]
    assert first["data"][0]["score"] > first["data"][1]["score"] > 0
    assert "500 upvotes" in first["data"][0]["said"]
    rest = await said(client_of_both, "/trending", limit=2, cursor=first["next"])
    assert [each["paper"]["title"] for each in rest["data"]] == ["Lark 5"]
    assert rest["next"] is None
    chosen = await said(client_of_both, "/trending", q='"lark 50"')
    assert [each["paper"]["title"] for each in chosen["data"]] == ["Lark 50"]


@pytest.mark.parametrize(
    "query", ["days=0", "days=32", "days=x", "q=%22", "cursor=AAAA", "limit=", "limit=1&limit=2", "x=1"]
)
async def test_a_parameter_of_trending_that_cannot_be_read_is_named(client: Client, query: str) -> None:
    async with client.get(f"/api/v1/trending?{query}") as answer:
        assert answer.status == 400
        (fault,) = (await answer.json())["errors"]
    assert fault["pointer"] == "#/" + query.partition("=")[0]


async def test_the_sources_are_listed_with_their_health(client: Client, sqlite_store: Store) -> None:
    assert await said(client, "/sources") == {"data": [], "next": None}
