"""The Daily Papers API, played on loopback."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperlark.http import Http
from paperlark.model.papers import Announcement, Completeness, Cursor, Page, at_midnight
from paperlark.model.problems import SourceError
from paperlark.model.sources import Expected, Manners
from paperlark.sources._reading import fold
from paperlark.sources.hf_daily import HfDaily, days_due, parse, remembered
from paperlark.store.database import Store
from paperlark.testing.sites import HuggingFace, Reply, Site
from tests.builders import announcements
from tests.builders import record as record_page

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
    (same, second) = await polled(site, http, empty.cursor, look_back=0)
    assert same.unchanged
    assert [told.paper.title for told in second.announcements] == ["Paper 500"]
    assert second.stated == Completeness(MONDAY, expected=101, told=101)
    assert first.cursor != second.cursor


async def test_day_that_got_shorter_is_remembered_by_the_answers_it_still_has(site: HuggingFace, http: Http) -> None:
    site.days = {MONDAY: [record(number) for number in range(150)]}
    long = (await polled(site, http, {}, look_back=0))[-1].cursor
    site.days = {MONDAY: [record(1)]}
    short = (await polled(site, http, long, look_back=0))[-1].cursor
    assert [len(cursor["days"][str(MONDAY)]["answers"]) for cursor in (long, short)] == [2, 1]


async def test_changed_counts_are_told_again_with_the_same_paper(site: HuggingFace, http: Http) -> None:
    cursor = (await polled(site, http, {}))[-1].cursor
    site.days[FRIDAY] = [record(1, upvotes=40)]
    (page, *others) = await polled(site, http, cursor)
    assert page.announcements[0].signals == {"upvotes": 40}
    assert [page.unchanged for page in others] == [True] * 3


async def test_when_the_far_side_wants_to_be_asked_again_is_handed_on(site: HuggingFace, http: Http) -> None:
    site.answers(site.PATH, Reply(b"[]", headers={"Cache-Control": "max-age=7200"}))
    (page,) = await polled(site, http, {}, look_back=0)
    assert page.manners == Manners(fresh_for=timedelta(hours=2))


async def test_what_has_moved_for_good_is_the_list_and_not_one_of_its_days(http: Http) -> None:
    async with HuggingFace({MONDAY: [record(1)]}, today=MONDAY) as there, Site() as here:
        moved = f"{there.api}?date={MONDAY}&p=0&limit=100"
        here.answers("/api", Reply(status=308, headers={"Location": moved}))
        source = HfDaily("hf_daily", {"url": f"{here.url}/api", "look_back": 0}, http)
        (page,) = [page async for page in source.poll({}, NOW)]
    assert page.manners is not None
    assert page.manners.moved_to == there.api


# ── which days are asked for ─────────────────────────────────────────────────────────────────────────────────────


async def test_older_days_are_asked_for_less_and_less_often_and_after_ten_days_no_more(
    site: HuggingFace, http: Http
) -> None:
    """Hourly polls over a fortnight; the last whole day is counted. Anonymous callers may ask 500 times in 5 minutes:
    https://huggingface.co/docs/hub/rate-limits"""
    cursor: Cursor = {}
    asked: dict[int, Counter[int]] = {}  # by day of the fortnight: how often a day of which age was asked for
    for hour in range(14 * 24):
        now = NOW.replace(hour=0) + timedelta(hours=hour)
        site.today, site.asked = now.date(), []
        cursor = (await polled(site, http, cursor, now))[-1].cursor
        assert len(site.asked) <= 11
        ages = ((now.date() - date.fromisoformat(each.query["date"])).days for each in site.asked)
        asked.setdefault(hour // 24, Counter()).update(ages)
    assert asked[13] == {0: 24, 1: 24, 2: 24, 3: 24, 4: 4, 5: 4, 6: 4, 7: 1, 8: 1, 9: 1, 10: 1}
    assert asked[13].total() == 112


async def test_restart_asks_for_no_day_that_still_rests(site: HuggingFace, http: Http) -> None:
    cursor: Cursor = {}
    for days in range(8):
        site.today = MONDAY + timedelta(days=days)
        cursor = (await polled(site, http, cursor, NOW + timedelta(days=days)))[-1].cursor
    site.asked = []
    again = await polled(site, http, json.loads(json.dumps(cursor)), NOW + timedelta(days=7, hours=1))
    assert [asked.query["date"] for asked in site.asked] == [f"2025-11-{day}" for day in (14, 15, 16, 17)]
    assert all(page.unchanged for page in again)


GAPS = st.lists(st.integers(1, 24 * 20), min_size=1, max_size=12)  # hours between polls


@given(GAPS, st.integers(0, 5), st.lists(st.integers(1, 30), min_size=1, max_size=12))
def test_no_day_is_left_out_however_long_the_outage_and_however_early_a_poll_ends(
    gaps: list[int], look_back: int, allowed: list[int]
) -> None:
    """Each poll may ask for so many days only; then polls without that limit follow."""
    cursor: dict[str, Any] = {}
    complete: set[date] = set()  # days asked for after the next weekday had begun
    now = NOW
    for poll, hours in enumerate([*gaps, 1, 1]):
        first, days = remembered(cursor, now.date(), look_back)
        due = days_due(first, days, now, look_back)
        assert len(set(due)) == len(due) <= 61
        assert max(due) == now.date()
        for day in due[: allowed[poll] if poll < min(len(gaps), len(allowed)) else None]:
            days = {**days, str(day): {"asked_at": now.isoformat(), "answers": []}}
            if now >= at_midnight(day + timedelta(days=7 - day.weekday() if day.weekday() >= 4 else 1)):
                complete.add(day)
        cursor = json.loads(json.dumps({"since": str(first), "days": days}))
        last, now = now, now + timedelta(hours=hours)
    begun = max(NOW.date() - timedelta(days=look_back), last.date() - timedelta(days=60))
    assert complete >= {begun + timedelta(days=n) for n in range((last.date() - begun).days - 3)}
    assert len(days) <= 61


async def test_poll_goes_on_where_a_nearly_used_up_rate_limit_ended_it(site: HuggingFace, http: Http) -> None:
    site.left = 11
    pages = await polled(site, http, {})
    assert [asked.query["date"] for asked in site.asked] == [str(FRIDAY), str(SATURDAY)]
    site.left, site.asked = 500, []
    await polled(site, http, pages[-1].cursor, NOW + timedelta(hours=1))
    assert [asked.query["date"] for asked in site.asked] == [str(day) for day in (SUNDAY, MONDAY, FRIDAY, SATURDAY)]


async def test_cursor_of_another_shape_is_the_beginning(site: HuggingFace, http: Http) -> None:
    assert len(await polled(site, http, {"answers": {"2025-11-10/0": {"etag": None}}})) == 4


# ── what is said of a day ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("now", "day", "due_at", "next_at", "quiet"),
    [
        ("2025-11-07T11:59", "2025-11-06", "2025-11-06T12:00", "2025-11-07T12:00", False),
        ("2025-11-07T12:00", "2025-11-07", "2025-11-07T12:00", "2025-11-10T12:00", False),
        ("2025-11-08T00:00", "2025-11-07", "2025-11-07T12:00", "2025-11-10T12:00", True),
        ("2025-11-09T23:59", "2025-11-07", "2025-11-07T12:00", "2025-11-10T12:00", True),
        ("2025-11-10T08:00", "2025-11-07", "2025-11-07T12:00", "2025-11-10T12:00", False),
        ("2025-12-25T15:00", "2025-12-25", "2025-12-25T12:00", "2025-12-26T12:00", False),  # no holidays are published
    ],
)
def test_weekdays_list_is_expected_by_noon(
    now: str, day: str, due_at: str, next_at: str, quiet: bool, http: Http
) -> None:
    def utc(text: str) -> datetime:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)

    source = HfDaily("hf_daily", {}, http)
    in_tokyo = utc(now).astimezone(timezone(timedelta(hours=9)))
    assert source.expected(in_tokyo) == Expected(date.fromisoformat(day), utc(due_at), utc(next_at), quiet)


async def test_each_day_with_papers_says_how_many_and_an_empty_one_claims_nothing(
    site: HuggingFace, http: Http
) -> None:
    site.days[MONDAY] = []
    assert [page.stated for page in await polled(site, http, {})] == [
        Completeness(FRIDAY, expected=1, told=1),
        None,
        None,
        None,
    ]


async def test_empty_weekend_is_quiet_while_it_lasts(site: HuggingFace, http: Http) -> None:
    site.today = SATURDAY
    page = (await polled(site, http, {}, NOW - timedelta(days=2)))[-1]
    assert page.stated == Completeness(quiet=True)
    assert page.unchanged


async def test_empty_weekday_is_no_news_before_noon_and_news_after_it(site: HuggingFace, http: Http) -> None:
    site.days[MONDAY] = []
    (before,) = await polled(site, http, {}, NOW, look_back=0)
    (after,) = await polled(site, http, {}, NOW + timedelta(hours=4), look_back=0)
    assert before.unchanged
    assert not after.unchanged


async def test_earlier_days_papers_under_a_new_date_do_not_claim_the_new_day(site: HuggingFace, http: Http) -> None:
    site.days = {FRIDAY: [record(1), record(2)], MONDAY: [record(2, upvotes=9), record(1)]}
    pages = await polled(site, http, {})
    assert [page.stated.day for page in pages if page.stated] == [FRIDAY, FRIDAY]
    site.days[MONDAY].append(record(3))  # type: ignore[attr-defined]
    later = await polled(site, http, pages[-1].cursor)
    assert later[-1].stated == Completeness(MONDAY, expected=3, told=3)


async def test_relisted_paper_stays_one_announcement_at_its_first_day(
    site: HuggingFace, http: Http, sqlite_store: Store
) -> None:
    site.days = {FRIDAY: [record(1)], MONDAY: [record(1), record(2)]}
    for _ in range(2):
        for page in await polled(site, http, {}):
            await record_page(sqlite_store, *page.announcements, source="hf_daily")
    told = await announcements(sqlite_store)
    assert sorted((row["occasion"], row["announced_at"].date()) for row in told) == [
        ("first", FRIDAY),
        ("first", MONDAY),
    ]


# ── when it is unwell ────────────────────────────────────────────────────────────────────────────────────────────


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


def read_one(record: dict[str, Any]) -> Announcement:
    (told,) = parse(json.dumps([record]).encode(), day=MONDAY, where="x").announcements
    return told


def test_withdrawn_paper_is_announced_as_that_on_the_day_of_its_withdrawal() -> None:
    told = read_one({"paper": {**record(1)["paper"], "withdrawnAt": "2025-11-09T10:00:00.000Z"}})
    assert (told.occasion, told.type) == ("withdrawn", "withdrawn")
    assert told.announced_at == datetime(2025, 11, 9, 10, tzinfo=UTC)
    assert read_one({"paper": {**record(1)["paper"], "withdrawnAt": None}}).occasion == "first"


@pytest.mark.parametrize("outside", [True, False])
def test_counts_are_found_in_either_part(outside: bool) -> None:
    counts = {"upvotes": 3, "numComments": 0, "githubStars": 7}
    paper = {"id": "2511.00001", "title": "T"}
    found = read_one({"paper": paper, **counts} if outside else {"paper": {**paper, **counts}})
    assert found.signals == {"upvotes": 3, "comments": 0, "stars": 7}


@pytest.mark.parametrize("name", ["organization", "submitterOrganization"])
@pytest.mark.parametrize("outside", [True, False])
def test_organisation_is_found_in_either_part_under_either_name(name: str, outside: bool) -> None:
    organisation = {name: {"_id": "1", "name": "acme", "fullname": "Acme Research"}}
    paper = {"id": "2511.00001", "title": "T"}
    found = read_one({"paper": paper, **organisation} if outside else {"paper": {**paper, **organisation}})
    assert found.paper.organisation == "Acme Research"


@given(st.lists(st.text() | st.sampled_from(["Ada", " Ada", "Ada  B", "Ada,", "", "|", "A | B"]), max_size=5))
def test_names_looked_at_all_at_once_are_the_names_folded_one_by_one(names: list[str]) -> None:
    (told,) = parse(json.dumps([{"title": "T", "authors": names}]).encode(), day=MONDAY, where="x").announcements
    assert told.paper.authors == tuple(bare for name in names if (bare := fold(name).strip(" ,")))


def test_what_the_paper_has_no_field_for_is_kept_without_accounts() -> None:
    user = {"avatarUrl": "/a.svg", "isPro": False, "name": "ada", "fullname": "Ada"}
    organisation = {"name": "acme", "fullname": "Acme", "avatar": "https://example.org/a.png"}
    inner = {
        **record(1)["paper"],
        "authors": [{"name": "Ada", "user": user}],
        "submittedOnDailyBy": user,
        "organization": organisation,
        "ai_summary": "Short.",
        "ai_keywords": ["larks"],
        "projectPage": "https://example.org/p",
    }
    outer = {"paper": inner, "title": "Paper\n 1", "submittedBy": user, "mediaUrls": ["https://example.org/v.mp4"]}
    told = read_one({**outer, "isAuthorParticipating": False})
    assert told.said == {
        "submittedBy": "ada",
        "mediaUrls": ["https://example.org/v.mp4"],
        "isAuthorParticipating": False,
        "paper": {
            "id": "2511.00001",
            "submittedOnDailyBy": "ada",
            "organization": {"name": "acme", "fullname": "Acme"},
            "ai_summary": "Short.",
            "projectPage": "https://example.org/p",
        },
    }
    assert told.paper.keywords == ("larks",)


def test_what_is_kept_of_a_record_is_bounded() -> None:
    crowd = [{"name": f"A {n}"} for n in range(2_000)]
    paper = {**record(1)["paper"], "authors": crowd, "junk": "x" * 10**6, **{f"key {n}": n for n in range(5_000)}}
    told = read_one({"paper": paper})
    assert len(json.dumps(told.said)) < 50_000
    assert told.paper.author_count == 2_000


def test_numbers_and_letters_that_no_database_takes_are_not_kept() -> None:
    body = b'[{"title": "T", "a": NaN, "b": 1e999, "c": "x\\u0000\\ud800y", "\\u0000d": 1, "upvotes": 9999999999}]'
    (told,) = parse(body, day=MONDAY, where="x").announcements
    assert told.said == {"a": None, "b": None, "c": "xy", "d": 1}
    assert told.signals == {}
