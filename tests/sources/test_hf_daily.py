"""The Daily Papers API, played on loopback."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperlark.http import Http
from paperlark.model.papers import Cursor, Page
from paperlark.model.problems import SourceError
from paperlark.sources.hf_daily import HfDaily, parse
from paperlark.testing.sites import HuggingFace, Reply

FRIDAY, SATURDAY, SUNDAY, MONDAY = (date(2025, 11, day) for day in (7, 8, 9, 10))
NOW = datetime(2025, 11, 10, 9, 0, tzinfo=UTC)


def record(number: int, upvotes: int = 1) -> dict[str, Any]:
    return {"paper": {"id": f"2511.{number:05}", "title": f"Paper {number}", "upvotes": upvotes}}


@pytest.fixture
async def site() -> AsyncIterator[HuggingFace]:
    async with HuggingFace({FRIDAY: [record(1)], MONDAY: [record(2)]}, today=MONDAY) as site:
        yield site


async def polled(site: HuggingFace, http: Http, cursor: Cursor, now: datetime = NOW, **options: Any) -> list[Page]:
    source = HfDaily("hf_daily", {"url": site.api, **options}, http)
    return [page async for page in source.poll(cursor, now)]


async def test_asks_for_today_and_three_days_before_it_the_oldest_first(site: HuggingFace, http: Http) -> None:
    await polled(site, http, {})
    assert [asked.query for asked in site.asked] == [
        {"date": str(day), "p": "0", "limit": "100"} for day in (FRIDAY, SATURDAY, SUNDAY, MONDAY)
    ]


async def test_today_is_the_day_in_utc(site: HuggingFace, http: Http) -> None:
    early_tuesday_in_tokyo = datetime(2025, 11, 11, 8, 0, tzinfo=timezone(timedelta(hours=9)))
    await polled(site, http, {}, early_tuesday_in_tokyo, look_back=0)
    assert [asked.query["date"] for asked in site.asked] == [str(MONDAY)]


async def test_empty_weekend_is_quiet_and_an_empty_weekday_is_not(site: HuggingFace, http: Http) -> None:
    site.days[MONDAY] = []
    stated = {
        page.stated.day: (page.stated.quiet, page.stated.expected)
        for page in await polled(site, http, {})
        if page.stated
    }
    assert stated == {FRIDAY: (False, 1), SATURDAY: (True, 0), SUNDAY: (True, 0), MONDAY: (False, 0)}


async def test_pages_are_asked_for_until_one_is_short(site: HuggingFace, http: Http) -> None:
    site.days = {MONDAY: [record(number) for number in range(200)] + ["damaged"]}
    pages = await polled(site, http, {}, look_back=0)
    assert [len(page.announcements) for page in pages] == [100, 100, 0]
    assert [len(page.rejects) for page in pages] == [0, 0, 1]


async def test_server_that_gives_the_same_page_for_ever_does_not_hold_us(site: HuggingFace, http: Http) -> None:
    body = json.dumps([record(number) for number in range(100)]).encode()
    site.answers(site.PATH, *[Reply(body)] * 100)
    await polled(site, http, {}, look_back=0)
    assert len(site.asked) == 20


async def test_full_page_that_did_not_change_is_still_followed_by_the_next(site: HuggingFace, http: Http) -> None:
    site.days = {MONDAY: [record(number) for number in range(100)]}
    (first, empty) = await polled(site, http, {}, look_back=0)
    assert not empty.announcements
    site.days[MONDAY].append(record(500))  # type: ignore[attr-defined]
    (second,) = await polled(site, http, empty.cursor, look_back=0)
    assert [told.paper.title for told in second.announcements] == ["Paper 500"]
    assert first.cursor != second.cursor


async def test_changed_counts_are_told_again_with_the_same_paper(site: HuggingFace, http: Http) -> None:
    cursor = (await polled(site, http, {}))[-1].cursor
    site.days[FRIDAY] = [record(1, upvotes=40)]
    (page,) = await polled(site, http, cursor)
    assert page.announcements[0].signals == {"upvotes": 40}


async def test_cursor_forgets_days_that_are_not_asked_for_any_more(site: HuggingFace, http: Http) -> None:
    cursor = (await polled(site, http, {}))[-1].cursor
    site.today = MONDAY + timedelta(days=3)
    later = (await polled(site, http, cursor, NOW + timedelta(days=3)))[-1].cursor
    assert sorted(later["answers"]) == [f"2025-11-{day}/0" for day in (10, 11, 12, 13)]


async def test_days_before_a_failure_stand(site: HuggingFace, http: Http) -> None:
    site.today = SUNDAY  # their day has not begun yet
    counts = []
    with pytest.raises(SourceError, match=r"^hf_daily: 127\.0\.0\.1: 400"):
        async for page in HfDaily("hf_daily", {"url": site.api}, http).poll({}, NOW):
            counts += [len(page.announcements)]
    assert counts == [1, 0, 0]


async def test_rate_limit_names_its_wait_and_the_token_is_sent_but_never_shown(site: HuggingFace, http: Http) -> None:
    site.answers(site.PATH, Reply(b"", 429, {"RateLimit": '"api";r=0;t=137'}))
    source = HfDaily("hf_daily", {"url": site.api, "token": "hf_secret"}, http)
    with pytest.raises(SourceError) as caught:
        [page async for page in source.poll({}, NOW)]
    assert caught.value.retry_after == timedelta(seconds=137)
    assert site.asked[0].headers["Authorization"] == "Bearer hf_secret"
    assert "hf_secret" not in f"{caught.value} {source.options!r}"


NAMES = """paper title id summary authors name publishedAt submittedOnDailyAt organization data upvotes numComments
githubRepo ai_keywords hidden fullname error"""
KEYS = st.sampled_from(NAMES.split())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=5), inner, max_size=6),
    max_leaves=25,
)


@given(st.lists(JSON | st.dictionaries(KEYS, JSON), max_size=5))
def test_each_element_is_a_paper_or_a_reject_whatever_it_is(records: list[Any]) -> None:
    page = parse(json.dumps(records).encode(), day=MONDAY, where="x")
    assert len(page.announcements) + len(page.rejects) == len(records)
    for told in page.announcements:
        assert "\0" not in json.dumps(told.said, allow_nan=False).replace("\\u0000", "\0")


@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_answer_is_a_page_or_one_clear_line(body: bytes) -> None:
    try:
        parse(body, day=None, where="x")
    except SourceError as problem:
        assert str(problem).startswith("hf_daily: x: ")
        assert "\n" not in str(problem)


def test_what_is_kept_of_a_record_is_without_accounts_and_bounded() -> None:
    user = {"avatarUrl": "/a.svg", "isPro": False, "name": "ada", "fullname": "Ada"}
    paper = {
        **record(1)["paper"],
        "authors": [{"name": f"A {n}", "user": user} for n in range(2_000)],
        "junk": "x" * 10**6,
    }
    (told,) = parse(json.dumps([{"paper": paper, "submittedBy": user}]).encode(), day=MONDAY, where="x").announcements
    assert told.said["submittedBy"] == "ada"
    assert told.said["paper"]["authors"][:2] == ["A 0", "A 1"]
    assert len(json.dumps(told.said)) < 50_000
    assert told.paper.author_count == 2_000


def test_numbers_and_letters_that_no_database_takes_are_not_kept() -> None:
    body = b'[{"title": "T", "a": NaN, "b": 1e999, "c": "x\\u0000\\ud800y", "upvotes": 99999999999999999999}]'
    (told,) = parse(body, day=MONDAY, where="x").announcements
    assert {**told.said, "upvotes": 0} == {"title": "T", "a": None, "b": None, "c": "xy", "upvotes": 0}
    assert told.signals == {}
