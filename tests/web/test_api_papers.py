"""The papers over HTTP, on both databases where the database has a say."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from yarl import URL

from paperlark.model.papers import Alias
from paperlark.store.database import Store
from tests.web.archive import DAY, Client, announcement, record


async def listed(client: Client, **parameters: Any) -> dict[str, Any]:
    async with client.get("/api/v1/papers", params=parameters) as answer:
        assert answer.status == 200, await answer.text()
        said: dict[str, Any] = await answer.json()
        return said


async def test_a_paper_says_all_that_is_known_of_it(client_of_both: Client, store: Store) -> None:
    (number,) = await record(
        store,
        announcement(
            r"Larks over $\beta$-fields",
            "They sing at dawn.",
            authors=("Ada Finch", "Bo Wren"),
            author_count=5,
            organisation="Hedge Lab",
            categories=("cs.CL",),
            aliases=[Alias("arxiv", "2603.99999"), Alias("doi", "10.1000/lark")],
            url="https://example.org/lark",
            code_url="javascript:alert(1)",
            published_at=datetime(2026, 3, 1, tzinfo=UTC),
            signals={"upvotes": 12, "comments": 3},
        ),
    )
    said = await listed(client_of_both)
    (paper,) = said["data"]
    first_seen = paper.pop("first_seen")
    assert datetime.fromisoformat(first_seen).tzinfo is not None
    assert said["next"] is None
    assert paper == {
        "id": number,
        "title": r"Larks over $\beta$-fields",
        "abstract": "They sing at dawn.",
        "authors": ["Ada Finch", "Bo Wren"],
        "author_count": 5,
        "organisation": "Hedge Lab",
        "categories": ["cs.CL"],
        "keywords": [],
        "aliases": ["arxiv:2603.99999", "doi:10.1000/lark"],
        "url": "https://example.org/lark",
        "code_url": None,
        "published_at": "2026-03-01T00:00:00Z",
        "announced_at": "2026-03-04T06:00:00Z",
        "sources": ["hf_daily"],
        "signals": {"upvotes": 12, "comments": 3},
    }


async def test_without_a_query_the_newest_comes_first(client_of_both: Client, store: Store) -> None:
    old = await record(store, announcement("The first lark"))
    new = await record(store, announcement("The second lark"))
    assert [paper["id"] for paper in (await listed(client_of_both))["data"]] == new + old


async def test_with_a_query_the_best_comes_first_and_says_why(client_of_both: Client, store: Store) -> None:
    await record(
        store,
        announcement("Of finches", "A lark is mentioned once, among many other birds of the field and the hedge."),
        announcement("Lark song", "The lark, and only the lark."),
        announcement("Of wrens", "Nothing to see."),
    )
    best, other = (await listed(client_of_both, q="larks"))["data"]
    assert (best["title"], other["title"]) == ("Lark song", "Of finches")
    assert best["score"] > other["score"] > 0
    assert best["matched"][0] == {"field": "title", "text": "Lark", "start": 0, "end": 4}
    for span in best["matched"] + other["matched"]:
        paper = best if span in best["matched"] else other
        assert paper[span["field"]][span["start"] : span["end"]] == span["text"]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.sampled_from(["", "lark", "lark OR dawn"]), limit=st.integers(2, 7), arriving=st.integers(0, 3))
async def test_reading_on_meets_every_paper_once_whatever_arrives_meanwhile(
    client: Client, sqlite_store: Store, query: str, limit: int, arriving: int
) -> None:
    # The archive grows from one example to the next, which is all the same to the promise.
    told = [announcement(f"Lark {n}", "dawn " * (n % 4) + "lark " * (n % 3)) for n in range(9)]
    await record(sqlite_store, *told)
    there = [paper["id"] for paper in (await listed(client, q=query, limit=100))["data"]]
    assert 9 <= len(there) < 100
    read: list[str] = []
    page = await listed(client, q=query, limit=limit)
    while True:
        assert len(page["data"]) <= limit
        read += [paper["id"] for paper in page["data"]]
        if page["next"] is None:
            break
        late = [announcement(f"A lark that came late at dawn {arriving}", "lark " * 9) for _ in range(min(arriving, 1))]
        arriving -= len(late)
        await record(sqlite_store, *late)
        page = await listed(client, q=query, limit=limit, cursor=page["next"])
    assert [number for number in read if number in set(there)] == there
    assert len(read) == len(set(read))


async def test_the_next_page_is_linked(client: Client, sqlite_store: Store) -> None:
    await record(sqlite_store, *[announcement(f"A lark, the {n}th") for n in range(3)])
    async with client.get("/api/v1/papers", params={"q": '"a lark"', "limit": "2"}) as answer:
        link = answer.links["next"]["url"]
        following = (await answer.json())["next"]
    assert URL(str(link)).query == {"q": '"a lark"', "limit": "2", "cursor": following}
    async with client.get(URL(str(link)).relative()) as answer:
        assert len((await answer.json())["data"]) == 1
        assert "Link" not in answer.headers


async def test_a_bad_query_names_its_column_and_a_suggestion(client: Client) -> None:
    async with client.get("/api/v1/papers", params={"q": 'agents "test-time'}) as answer:
        assert answer.status == 400
        assert answer.content_type == "application/problem+json"
        said = await answer.json()
    assert said["type"] == "urn:paperlark:problem:bad-query"
    (fault,) = said["errors"]
    assert (fault["pointer"], fault["line"], fault["column"]) == ("#/q", 1, 8)
    assert fault["suggestion"] == 'agents "test-time"'
    assert said["status"] == 400 and said["title"] and said["detail"] and said["instance"] == "/api/v1/papers"


@pytest.mark.parametrize("limit", ["0", "101", "-1", "x", "", "1e1", "٣", "9" * 5000])
async def test_a_bad_limit_is_refused(client: Client, limit: str) -> None:
    async with client.get("/api/v1/papers", params={"limit": limit}) as answer:
        assert answer.status == 400
        assert [fault["pointer"] for fault in (await answer.json())["errors"]] == ["#/limit"]


async def test_a_cursor_of_another_query_is_refused(client: Client, sqlite_store: Store) -> None:
    await record(sqlite_store, announcement("A lark"), announcement("A lark again"))
    cursor = (await listed(client, q="lark", limit=1))["next"]
    for parameters in ({"q": "again", "cursor": cursor}, {"cursor": cursor}, {"cursor": "%%%"}, {"cursor": "AAAA"}):
        async with client.get("/api/v1/papers", params=parameters) as answer:
            assert answer.status == 400
            assert [fault["pointer"] for fault in (await answer.json())["errors"]] == ["#/cursor"]


async def test_a_paper_answers_to_each_of_its_names(client_of_both: Client, store: Store) -> None:
    names = [Alias("arxiv", "2603.77777"), Alias("doi", "10.1000/lark")]
    (number,) = await record(store, announcement("A lark", aliases=names))
    for name in (number, "2603.77777", "2603.77777v2", "arxiv:2603.77777", "10.1000/lark", "doi:10.1000/LARK"):
        async with client_of_both.get(f"/api/v1/papers/{name}") as answer:
            assert answer.status == 200, name
            assert (await answer.json())["id"] == number


async def test_an_unknown_paper_is_a_problem(client_of_both: Client, store: Store) -> None:
    await record(store, announcement("A lark"))
    numbers = ["1", "0", "-1", "9" * 18, "9" * 19, "9" * 40]
    for name in [*numbers, "x", "title:alark", "%00", "doi:%00", "%F0%9F%90%A6", "%ED%A0%80", "a/b/c"]:
        async with client_of_both.get(URL(f"/api/v1/papers/{name}", encoded=True)) as answer:
            assert answer.status == 404, name
            assert (await answer.json())["type"] == "urn:paperlark:problem:no-such-paper"


async def test_what_is_unchanged_is_not_sent_again(client: Client, sqlite_store: Store) -> None:
    await record(sqlite_store, announcement("A lark"))
    async with client.get("/api/v1/papers") as answer:
        tag = answer.headers["ETag"]
    for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        async with client.get("/api/v1/papers", headers={"If-None-Match": known}) as answer:
            assert (answer.status, await answer.read(), answer.headers["ETag"]) == (304, b"", tag)
    await record(sqlite_store, announcement("Another lark", at=DAY + timedelta(days=1)))
    async with client.get("/api/v1/papers", headers={"If-None-Match": tag}) as answer:
        assert answer.status == 200


# ── narrowed ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_search_is_narrowed_by_parameters_and_shows_where_it_met(client_of_both: Client, store: Store) -> None:
    (number,) = await record(
        store, announcement("Lark song", "They sing.", authors=("Ada Finch",), organisation="Hedge Lab")
    )
    await record(store, announcement("Lark flight", "They fly.", at=DAY + timedelta(days=1)), source="feed")
    day = DAY.date().isoformat()
    for narrowed in ({"author": "finch"}, {"org": "hedge"}, {"source": "hf_daily"}, {"since": day, "until": day}):
        for query in ({}, {"q": "larks"}):
            said = await listed(client_of_both, **query, **narrowed)
            assert [paper["id"] for paper in said["data"]] == [number], narrowed
    (paper,) = (await listed(client_of_both, q="sing", author="Finch, Ada"))["data"]
    assert {each["field"] for each in paper["matched"]} == {"abstract", "author"}
    assert paper["snippet"] == {
        "text": "They sing.",
        "start": 0,
        "matched": [{"field": "abstract", "text": "sing", "start": 5, "end": 9}],
    }


async def test_empty_parameters_narrow_nothing(client: Client, sqlite_store: Store) -> None:
    await record(sqlite_store, announcement("Lark song"))
    said = await listed(client, org="", author=" ", cat="", source="")
    assert len(said["data"]) == 1 and "score" not in said["data"][0]


async def test_a_cursor_belongs_to_its_narrowing_too(client: Client, sqlite_store: Store) -> None:
    for title in ("Lark one", "Lark two", "Lark three"):
        await record(sqlite_store, announcement(title, authors=("Ada Finch",)))
    said = await listed(client, q="lark", author="finch", limit=2)
    assert len((await listed(client, q="lark", author="finch", limit=2, cursor=said["next"]))["data"]) == 1
    parameters = {"q": "lark", "author": "wren", "cursor": said["next"]}
    async with client.get("/api/v1/papers", params=parameters) as answer:
        assert answer.status == 400


@pytest.mark.parametrize(
    "parameters",
    [
        {"since": "yesterday"},
        {"since": ""},
        {"until": "2026-02-30"},
        {"since": "20260301"},
        {"since": "2026-03-02", "until": "2026-03-01"},
        {"org": '"'},
        {"author": "?"},
        {"cat": "x" * 300},
    ],
)
async def test_a_parameter_that_cannot_be_read_is_named(client: Client, parameters: dict[str, str]) -> None:
    async with client.get("/api/v1/papers", params=parameters) as answer:
        assert answer.status == 400
        said = await answer.json()
    assert any(name in said["detail"] + str(said.get("errors")) for name in (*parameters, "first day"))


# ── by meaning ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_other_words_for_the_same_are_found_where_meaning_is_asked_for(
    client_of_both: Client, store: Store
) -> None:
    asked, other, _ = await record(
        store,
        announcement("Agents that browse the web", "A model clicks in web browsers.", aliases=[arxiv("2603.00001")]),
        announcement("Surfing internet pages", "Software opens sites by itself.", aliases=[arxiv("2603.00002")]),
        announcement("Larks over the hedge", "They sing at dawn.", aliases=[arxiv("2603.00003")]),
    )
    by_words = await listed(client_of_both, q="web agents")
    assert [each["id"] for each in by_words["data"]] == [asked]
    assert "note" not in by_words
    found = await listed(client_of_both, q="web agents", by="meaning", limit=1)
    assert [each["id"] for each in found["data"]] == [asked]
    assert found["note"] == ""
    more = await listed(client_of_both, q="web agents", by="meaning", limit=1, cursor=found["next"])
    assert [each["id"] for each in more["data"]] == [other]
    async with client_of_both.get("/api/v1/papers", params={"q": "web agents", "cursor": found["next"]}) as answer:
        assert answer.status == 400  # a cursor of the one is none of the other


async def test_similar_papers_are_told_with_what_they_have_in_common(client_of_both: Client, store: Store) -> None:
    await record(
        store,
        announcement("Larks over the hedge", "Songbirds sing at dawn.", aliases=[Alias("doi", "10.1000/a/similar")]),
        announcement("Songs of owls", "Birds sing at night.", aliases=[arxiv("2603.00002")]),
    )
    async with client_of_both.get("/api/v1/papers/arxiv:2603.00002/similar", params={"limit": 5}) as answer:
        assert answer.status == 200
        said = await answer.json()
    (paper,) = said["data"]
    assert paper["title"] == "Larks over the hedge"
    assert paper["words"] == ["sing"]
    assert 0 < paper["closeness"] < 1
    async with client_of_both.get("/api/v1/papers/arxiv:2603.77777/similar") as answer:
        assert answer.status == 404


def arxiv(name: str) -> Alias:
    return Alias("arxiv", name)
