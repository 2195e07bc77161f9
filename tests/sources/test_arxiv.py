"""arXiv polled over loopback: the feed, what makes its day whole, and everything that goes wrong there."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from paperlark.http import Http
from paperlark.model.papers import Announcement, Cursor, Page
from paperlark.model.problems import SourceError
from paperlark.sources import _arxiv_calendar as calendar
from paperlark.sources._arxiv_api import by_ids
from paperlark.sources._arxiv_bookmark import Bookmark, Wanted, read_bookmark
from paperlark.sources.arxiv import Arxiv, Options
from paperlark.testing.arxiv_site import API, LISTING, OAI, ArxivSite, Submission
from paperlark.testing.clock import FakeClock
from paperlark.testing.sites import Reply

from .golden import DATA

WEDNESDAY, THURSDAY, FRIDAY, MONDAY = (date(2026, 11, day) for day in (18, 19, 20, 23))
MORNING = timedelta(hours=6)  # after the feed has rolled


class Following:
    """A source that is polled again and again, with the cursor that the last page left."""

    def __init__(self, source: Arxiv, clock: FakeClock) -> None:
        self.source = source
        self.clock = clock
        self.cursor: Cursor = {}

    async def poll(self, pages: int | None = None) -> list[Page]:
        """One poll, or its first `pages` pages, as if it had been killed there."""
        found: list[Page] = []
        async for page in self.source.poll(self.cursor, self.clock()):
            found.append(page)
            self.cursor = page.cursor
            if len(found) == pages:
                break
        return found

    def at(self, day: date, after: timedelta = MORNING) -> None:
        """Let time go on to some hours after a day's roll."""
        self.clock.advance(calendar.rolls_at(day) + after - self.clock())


def told(pages: list[Page]) -> list[Announcement]:
    return [announcement for page in pages for announcement in page.announcements]


def names(pages: list[Page]) -> list[tuple[str, str]]:
    """Each announcement once: whose, and on what occasion."""
    return list(dict.fromkeys((one.paper.aliases[0].value, one.occasion) for one in told(pages)))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(calendar.rolls_at(WEDNESDAY) + MORNING)


@pytest.fixture
async def site(clock: FakeClock) -> AsyncIterator[ArxivSite]:
    async with ArxivSite(clock) as site:
        yield site


def following(site: ArxivSite, http: Http, clock: FakeClock, **options: Any) -> Following:
    options = {"categories": "cs.CL", **site.addresses, **options}
    return Following(Arxiv("arxiv:test", options, http), clock)


@pytest.fixture
def source(site: ArxivSite, http: Http, clock: FakeClock) -> Following:
    site.announce(WEDNESDAY, Submission("2611.00001", "One"), Submission("2611.00002", "Two"))
    return following(site, http, clock)


# ── the feed ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("form", ["rss", "atom"])
async def test_feed_is_told_at_once_and_its_details_after_it(
    form: str, site: ArxivSite, http: Http, clock: FakeClock
) -> None:
    submitted = datetime(2026, 11, 16, 9, tzinfo=UTC)
    site.announce(WEDNESDAY, Submission("2611.00001", "One", comment="9 pages", submitted_at=submitted))
    first, *_, last = await following(site, http, clock, form=form).poll()
    (short,), (whole,) = first.announcements, last.announcements
    assert (short.occasion, short.type, short.announced_at) == ("first", "new", calendar.rolls_at(WEDNESDAY))
    assert (whole.occasion, whole.type, whole.announced_at) == ("first", "new", calendar.rolls_at(WEDNESDAY))
    assert short.paper.authors == whole.paper.authors == ("Ada One", "Ben Two")
    assert (short.paper.published_at, whole.paper.published_at) == (None, submitted)
    assert whole.said["comment"] == "9 pages"
    assert whole.said["rights"] == short.said["rights"]


async def test_poll_of_a_day_that_is_known_is_one_conditional_request(site: ArxivSite, source: Following) -> None:
    await source.poll()
    site.asked.clear()
    (page,) = await source.poll()
    assert (page.unchanged, page.announcements) == (True, ())
    assert [asked.path for asked in site.asked] == ["/rss/cs.CL"]
    assert "If-None-Match" in site.asked[0].headers


async def test_quiet_weekend_costs_one_request_a_poll_and_says_that_it_is_quiet(
    site: ArxivSite, source: Following
) -> None:
    site.announce(FRIDAY, Submission("2611.00009", "Nine"))
    source.at(FRIDAY)
    await source.poll()
    site.asked.clear()
    for day in (21, 22):
        source.at(date(2026, 11, day))
        (page,) = await source.poll()
        assert page.stated is not None
        assert page.stated.quiet
    assert [asked.path for asked in site.asked] == ["/rss/cs.CL"] * 2


async def test_paper_is_a_cross_list_where_its_primary_category_is_not_followed(
    site: ArxivSite, http: Http, clock: FakeClock
) -> None:
    site.announce(WEDNESDAY, Submission("2611.00003", "Three", categories=("cs.LG", "cs.CL")))
    site.announce(WEDNESDAY, Submission("2611.00004", "Four", "replace", 2, categories=("cs.LG", "cs.CL")))
    one = told(await following(site, http, clock, reconcile=0).poll())
    assert {announcement.type for announcement in one} == {"cross", "replace-cross"}
    both = told(await following(site, http, clock, categories="cs.cl+cs.LG", reconcile=0).poll())
    assert {announcement.type for announcement in both} == {"new", "replace"}


async def test_unknown_category_is_refused_in_the_sites_own_words(
    site: ArxivSite, http: Http, clock: FakeClock
) -> None:
    with pytest.raises(SourceError, match=r"^arxiv: arxiv:test: the site says: Bad archive 'math'\. Valid archive"):
        await following(site, http, clock, categories="math").poll()


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(b""), "the answer is empty"),
        (Reply(b"<html>Sorry</html>"), "the answer is a web page"),
        (Reply(b"<rss><channel><item>"), "cut off or no XML"),
        (Reply(b"<rss><channel/></rss>", 400), r"\(HTTP 400\) is no feed of announcements"),
        (Reply(b"", 503, {"Retry-After": "120"}), "503"),
    ],
)
async def test_unwell_feed_is_a_source_error_and_nothing_else_is_asked(
    reply: Reply, words: str, site: ArxivSite, source: Following
) -> None:
    site.answers("/rss/cs.CL", reply)
    with pytest.raises(SourceError, match=rf"^arxiv: .*{words}"):
        await source.poll()
    assert len(site.asked) == 1


async def test_day_that_comes_late_is_taken_in_when_it_comes(site: ArxivSite, source: Following) -> None:
    await source.poll()
    site.feed_of = date(2026, 11, 1)  # a day without a list
    source.at(THURSDAY, timedelta(hours=1))
    (page,) = await source.poll()
    assert page.stated is not None
    assert page.stated.quiet  # not due yet
    site.announce(THURSDAY, Submission("2611.00003", "Three"))
    site.feed_of = None
    source.at(THURSDAY, timedelta(hours=2))
    assert names(await source.poll()) == [("2611.00003", "first")]


# ── details ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_details_are_asked_a_hundred_at_a_time(site: ArxivSite, http: Http, clock: FakeClock) -> None:
    site.announce(WEDNESDAY, *(Submission(f"2611.{number:05}", f"Paper {number}") for number in range(260)))
    pages = await following(site, http, clock).poll()
    asked = [asked.query["id_list"].split(",") for asked in site.asked if asked.path == API]
    assert [len(batch) for batch in asked] == [100, 100, 60]
    assert len(told(pages)) == 520
    assert all(len(page.announcements) <= 256 for page in pages)


async def test_where_the_api_fails_the_feeds_word_stands_and_the_ids_are_asked_for_again_some_hours_later(
    site: ArxivSite, source: Following
) -> None:
    site.answers(API, *[Reply(b"", 500)] * 2)
    assert len(told(await source.poll())) == 2
    source.clock.advance(hours=2)
    await source.poll()
    assert site.asked_for(API) == 1
    source.clock.advance(hours=1)
    await source.poll()
    source.clock.advance(hours=3)
    assert len(told(await source.poll())) == 2
    assert site.asked_for(API) == 3
    source.clock.advance(hours=3)
    await source.poll()
    assert site.asked_for(API) == 3


async def test_wait_that_the_api_asks_for_is_handed_on_and_ends_the_poll(site: ArxivSite, source: Following) -> None:
    site.answers(API, Reply(b"", 503, {"Retry-After": "7200"}))
    site.announce(date(2026, 11, 16), Submission("2611.00000", "Zero"))
    source.cursor = {"day": "2026-11-16"}  # the 17th was missed
    *_, last = await source.poll()
    assert last.manners is not None
    assert last.manners.fresh_for == timedelta(hours=2)
    assert site.asked_for(OAI) == 0


async def test_ids_that_the_api_does_not_know_yet_are_asked_for_again(site: ArxivSite, source: Following) -> None:
    site.announce(THURSDAY, Submission("2611.00001", "One", "replace", 2), Submission("2611.00003", "Three"))
    await source.poll()
    site.api_lag = timedelta(hours=12)
    source.at(THURSDAY, timedelta(hours=5))
    assert len(told(await source.poll())) == 2
    source.at(THURSDAY, timedelta(hours=9))
    assert names(await source.poll()) == [("2611.00003", "first"), ("2611.00001", "replaced:v2")]


async def test_older_version_than_was_announced_is_not_taken_for_it(site: ArxivSite, source: Following) -> None:
    await source.poll()
    site.announce(
        THURSDAY, Submission("2611.00001", "One", "replace", 2), Submission("2611.00002", "Two", "replace", 2)
    )
    site.feed_lacks, site.api_lag = {"2611.00001"}, timedelta(hours=12)
    stale = (DATA / "arxiv" / "ordinary_api.xml").read_bytes().replace(b"2511.01001v1", b"2611.00002v1")
    site.answers(API, Reply(stale), Reply(stale.replace(b"2611.00002v1", b"2611.00001v1")))
    source.at(THURSDAY, timedelta(hours=5))
    assert names(await source.poll()) == [("2611.00002", "replaced:v2")]
    source.at(THURSDAY, timedelta(hours=9))
    assert names(await source.poll()) == []
    source.at(THURSDAY, timedelta(hours=13))
    assert set(names(await source.poll())) == {("2611.00001", "replaced:v2"), ("2611.00002", "replaced:v2")}


async def test_error_of_the_api_is_told_in_its_own_words(site: ArxivSite, http: Http) -> None:
    with pytest.raises(SourceError, match=r"^arxiv: API: the site says: incorrect id format for abc$"):
        await by_ids(http, site.addresses["api_url"], ["2611.00001", "abc"])


async def test_withdrawal_that_only_the_comment_says_is_told_with_the_details(
    site: ArxivSite, source: Following
) -> None:
    await source.poll()
    comment = "This paper has been withdrawn by the authors"
    site.announce(THURSDAY, Submission("2611.00001", "One", "replace", 2, comment=comment))
    source.at(THURSDAY)
    assert names(await source.poll()) == [("2611.00001", "replaced:v2"), ("2611.00001", "withdrawn")]


async def test_publication_is_told_of_a_paper_that_was_announced_before(site: ArxivSite, source: Following) -> None:
    await source.poll()
    site.announce(THURSDAY, Submission("2611.00001", "One", "replace", 2, doi="10.1234/Ice.7"))
    source.at(THURSDAY)
    assert names(await source.poll()) == [("2611.00001", "replaced:v2"), ("2611.00001", "published:10.1234/ice.7")]


# ── the listing ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_the_feed_lacks_and_the_listing_has_is_told(site: ArxivSite, source: Following) -> None:
    site.announce(
        WEDNESDAY, Submission("2511.00077", "Seven", "replace", 7), Submission("2611.00003", "Three", "cross")
    )
    site.feed_lacks = {"2511.00077", "2611.00003"}
    pages = await source.poll()
    assert {("2511.00077", "replaced:v7"), ("2611.00003", "first")} <= set(names(pages))
    assert {one.type for one in told(pages) if one.paper.title == "Three"} == {"cross"}
    stated = [(page.stated.expected, page.stated.told) for page in pages if page.stated]
    assert stated == [(None, 2), (4, 2), (4, 4)]
    site.asked.clear()
    await source.poll()
    assert len(site.asked) == 1


async def test_day_stays_incomplete_until_the_api_knows_what_the_feed_lacked(
    site: ArxivSite, source: Following
) -> None:
    site.feed_lacks = site.api_lacks = {"2611.00002"}
    *_, last = await source.poll()
    assert last.stated is not None
    assert (last.stated.expected, last.stated.told) == (2, 1)
    site.api_lacks = set()
    source.clock.advance(hours=4)
    *_, last = await source.poll()
    assert last.stated is not None
    assert (last.stated.expected, last.stated.told) == (2, 2)


async def test_feed_that_does_not_roll_is_made_good_by_the_listing(site: ArxivSite, source: Following) -> None:
    await source.poll()
    site.announce(THURSDAY, Submission("2611.00003", "Three"), Submission("2611.00001", "One", "replace", 2))
    site.feed_of = WEDNESDAY  # yesterday's list under today's date
    source.at(THURSDAY, timedelta(hours=1))
    assert [page.cursor.get("day") for page in await source.poll()] == ["2026-11-18"]  # there is still time
    source.at(THURSDAY, timedelta(hours=5))
    pages = await source.poll()
    assert {("2611.00003", "first"), ("2611.00001", "replaced:v2")} <= set(names(pages))
    assert source.cursor["day"] == "2026-11-19"
    site.feed_of = None
    source.at(THURSDAY, timedelta(hours=8))
    assert set(names(await source.poll())) == {("2611.00003", "first"), ("2611.00001", "replaced:v2")}


async def test_day_served_again_begins_no_new_day_and_is_asked_for_again_soon(
    site: ArxivSite, http: Http, clock: FakeClock
) -> None:
    site.announce(WEDNESDAY, Submission("2611.00001", "One"))
    source = following(site, http, clock, reconcile=0)
    await source.poll()
    site.feed_of = WEDNESDAY
    source.at(THURSDAY)
    *_, last = await source.poll()
    assert last.cursor["day"] == "2026-11-18"
    assert last.manners is not None
    assert last.manners.fresh_for is None


async def test_what_the_site_says_of_freshness_counts_once_the_day_is_whole(site: ArxivSite, source: Following) -> None:
    pages = await source.poll()
    waits = [page.manners.fresh_for for page in pages if page.manners]
    assert waits[:-1] == [None] * (len(pages) - 1)
    assert waits[-1] == timedelta(hours=18)
    assert all(page.manners and page.manners.skip_days == {5, 6} for page in pages)


async def test_listing_that_cannot_be_read_harms_nothing_and_is_asked_for_again_some_hours_later(
    site: ArxivSite, source: Following
) -> None:
    site.answers(f"{LISTING}cs.CL/new", Reply(b"<html>Another page</html>"))
    assert len(told(await source.poll())) == 4  # with the details
    await source.poll()
    assert site.asked_for(LISTING) == 1
    source.clock.advance(hours=3)
    *_, last = await source.poll()
    assert site.asked_for(LISTING) == 2
    assert last.stated is not None
    assert (last.stated.expected, last.stated.told) == (2, 2)


async def test_listing_is_not_asked_after_it_has_turned_to_the_next_day(site: ArxivSite, source: Following) -> None:
    site.announce(THURSDAY, Submission("2611.00003", "Three"))
    source.at(WEDNESDAY, timedelta(hours=21))
    await source.poll()
    assert site.asked_for(LISTING) == 0


async def test_deferred_day_is_quiet_by_the_word_of_the_listing(site: ArxivSite, source: Following) -> None:
    await source.poll()
    source.at(THURSDAY)  # nothing was announced, though the calendar says so
    pages = await source.poll()
    assert told(pages) == []
    assert [page.stated.quiet for page in pages if page.stated] == [False, True]


async def test_listings_of_several_categories_are_one_day(site: ArxivSite, http: Http, clock: FakeClock) -> None:
    site.announce(WEDNESDAY, Submission("2611.00001", "One", categories=("cs.LG", "cs.CL")))
    site.announce(WEDNESDAY, Submission("2611.00002", "Two", categories=("cs.LG",)))
    site.feed_lacks = {"2611.00001"}
    pages = await following(site, http, clock, categories="cs.CL+cs.LG").poll()
    assert site.asked_for(LISTING) == 2
    assert [(page.stated.expected, page.stated.told) for page in pages if page.stated][-1] == (2, 2)
    assert {one.type for one in told(pages) if one.paper.title == "One"} == {"new"}


# ── missed days ──────────────────────────────────────────────────────────────────────────────────────────────────


def outage(site: ArxivSite) -> set[tuple[str, str]]:
    """What is announced from Thursday on, while nobody asks until Monday."""
    site.oai_step = 2
    site.announce(THURSDAY, Submission("2611.00003", "Three"), Submission("2611.00001", "One", "replace", 2))
    site.announce(FRIDAY, *(Submission(f"2611.0001{number}", f"Missed {number}") for number in range(3)))
    site.announce(MONDAY, Submission("2611.00020", "Twenty"))
    missed = {(f"2611.0001{number}", "first") for number in range(3)}
    return {("2611.00003", "first"), ("2611.00001", "replaced:v2"), ("2611.00020", "first"), *missed}


async def test_days_missed_in_an_outage_are_filled_in(site: ArxivSite, source: Following) -> None:
    await source.poll()
    expected = outage(site)
    source.at(MONDAY)
    assert expected <= set(names(await source.poll()))
    assert "gap" not in source.cursor
    site.asked.clear()
    await source.poll()
    assert len(site.asked) == 1


async def test_where_oai_fails_the_missed_days_wait_in_the_cursor(site: ArxivSite, source: Following) -> None:
    await source.poll()
    expected = outage(site)
    site.answers(OAI, Reply(b"", 500))
    source.at(MONDAY)
    first = set(names(await source.poll()))
    assert first == {("2611.00020", "first")}
    source.clock.advance(hours=3)
    assert expected <= first | set(names(await source.poll()))


async def test_poll_killed_after_any_page_goes_on_and_tells_the_same(site: ArxivSite, source: Following) -> None:
    await source.poll()
    expected = outage(site)
    site.oai_step = 50
    site.feed_lacks = {"2611.00020"}
    site.announce(MONDAY, *(Submission(f"2611.2{number:04}", f"Paper {number}") for number in range(110)))
    source.at(MONDAY)
    before = source.cursor
    pages = await source.poll()
    whole = set(names(pages))
    assert expected <= whole
    for number in range(1, len(pages)):
        source.cursor = before
        found = names(await source.poll(number))
        assert whole == {*found, *names(await source.poll())}, number


async def test_harvest_that_was_killed_goes_on_where_it_was(site: ArxivSite, source: Following) -> None:
    await source.poll()
    expected = outage(site)
    source.at(MONDAY)
    whole = len(await source.poll())
    source.cursor = {"day": "2026-11-18"}
    found = await source.poll(whole - 1)
    site.asked.clear()
    assert expected <= {*names(found), *names(await source.poll())}
    assert ["resumptionToken" in asked.query for asked in site.asked if asked.path == OAI] == [True]


async def test_new_day_before_the_missed_ones_are_filled_in_loses_neither(site: ArxivSite, source: Following) -> None:
    await source.poll()
    expected = outage(site)
    site.answers(OAI, Reply(b"", 500))
    source.at(MONDAY)
    found = set(names(await source.poll()))
    site.announce(date(2026, 11, 24), Submission("2611.00030", "Thirty"))  # and this one is missed as well
    site.announce(date(2026, 11, 25), Submission("2611.00031", "Thirty-one"))
    source.at(date(2026, 11, 25))
    found |= set(names(await source.poll()))
    assert {*expected, ("2611.00030", "first"), ("2611.00031", "first")} <= found


# ── back-fill ────────────────────────────────────────────────────────────────────────────────────────────────────


def submitted(site: ArxivSite, day: int, count: int) -> None:
    at = datetime(2026, 11, day, 9, tzinfo=UTC)
    site.announce(
        date(2026, 11, 16),
        *(Submission(f"2611.{day}{number:03}", f"Paper {number}", submitted_at=at) for number in range(count)),
    )


async def test_back_fill_takes_the_days_before_the_first_poll_slice_by_slice(
    site: ArxivSite, http: Http, clock: FakeClock
) -> None:
    submitted(site, 12, 3)  # before what is asked for
    submitted(site, 13, 600)
    submitted(site, 15, 2)
    source = following(site, http, clock, back_fill=5)
    found = Counter(one.paper.aliases[0].value[:7] for one in told(await source.poll()))
    assert found == {"2611.13": 600, "2611.15": 2}
    searched = [asked.query["start"] for asked in site.asked if "search_query" in asked.query]
    assert searched == ["0", "500", "0", "0", "0", "0"]
    await source.poll()
    assert len([asked for asked in site.asked if "search_query" in asked.query]) == 6


async def test_back_fill_that_is_killed_goes_on_at_its_day(site: ArxivSite, http: Http, clock: FakeClock) -> None:
    submitted(site, 14, 2)
    submitted(site, 15, 2)
    source = following(site, http, clock, back_fill=4)
    await source.poll(5)
    assert source.cursor["fill"] == "2026-11-15"
    site.asked.clear()
    await source.poll()
    assert "submittedDate:[202611150000 TO 202611152359]" in site.asked[1].query["search_query"]


async def test_empty_page_in_the_middle_of_a_search_is_an_error(site: ArxivSite, http: Http, clock: FakeClock) -> None:
    answer = (
        b'<feed xmlns="http://www.w3.org/2005/Atom" xmlns:o="http://a9.com/-/spec/opensearch/1.1/">'
        b"<o:totalResults>7</o:totalResults></feed>"
    )
    site.answers(API, Reply(answer))
    source = following(site, http, clock, back_fill=1)
    with pytest.raises(SourceError, match="it has 7 papers, but sent 0 from number 1 on"):
        await source.poll()
    assert source.cursor["fill"] == "2026-11-17"


# ── the bookmark ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_bookmark_is_read_as_it_was_written() -> None:
    mark = Bookmark(
        "u",
        '"e"',
        None,
        FRIDAY,
        ("2611.00001v2", "hep-th/9901001v1"),
        THURSDAY,
        7,
        (Wanted("2611.00001v2", "replace", FRIDAY), Wanted("math/0601001", "new", FRIDAY)),
        datetime(2026, 11, 20, 8, tzinfo=UTC),
        (WEDNESDAY, THURSDAY),
        {"token": "t"},
        MONDAY,
    )
    assert read_bookmark(mark.cursor, "u") == mark
    assert [one.untold for one in mark.wanted] == [False, True]
    assert mark.complete == 6


async def test_validators_belong_to_the_feed_that_gave_them(site: ArxivSite, source: Following, http: Http) -> None:
    await source.poll()
    other = following(site, http, source.clock, form="atom")
    other.cursor = source.cursor
    site.asked.clear()
    await other.poll()
    assert "If-None-Match" not in site.asked[0].headers


def test_categories_are_asked_for_in_arxivs_own_spelling() -> None:
    options = Options("CS.cl + physics.GEN-PH,hep-th+cs.CL")
    assert options.feed == "https://rss.arxiv.org/rss/cs.CL+physics.gen-ph+hep-th"
    assert options.among("hep-th")
    assert not options.among("cs.LG")
    assert Options("cs").among("cs.LG")


@pytest.mark.parametrize(
    "cursor",
    [
        {"day": 7, "told": "x", "wanted": [["a"], ["b", "odd", "2026-11-20"], 5], "gap": ["2026-11-20"], "harvest": []},
        {
            "day": "yesterday",
            "told": {"a": 1},
            "expected": "many",
            "again_at": "soon",
            "fill": None,
            "etag": 9,
            "url": "u",
        },
    ],
)
def test_cursor_that_cannot_be_read_is_a_beginning(cursor: Cursor) -> None:
    assert read_bookmark(cursor, "u") == Bookmark("u")


def test_ids_that_nobody_knows_are_let_go_after_a_week() -> None:
    mark = Bookmark().wanting([Wanted("2611.00001v1", "new", FRIDAY)], FRIDAY)
    assert mark.wanting([], FRIDAY + timedelta(days=7)).wanted == mark.wanted
    assert mark.wanting([], FRIDAY + timedelta(days=8)).wanted == ()


# ── a month of it ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("seed", range(3))
async def test_over_weeks_of_faults_every_paper_and_its_newest_version_is_told_and_nothing_else(
    seed: int, site: ArxivSite, http: Http, clock: FakeClock
) -> None:
    random = Random(seed)
    days = [day for number in range(28) if calendar.is_due(day := date(2026, 10, 19) + timedelta(days=number))]
    clock = site.clock = FakeClock(calendar.rolls_at(days[0]) + MORNING)
    versions: dict[str, int] = {}
    for number, day in enumerate(days):
        for name in random.sample(sorted(versions), min(2, len(versions))):
            versions[name] += 1
            site.announce(day, Submission(name, f"Paper {name}", "replace", versions[name]))
        for one in range(random.randint(1, 4)):
            name = f"2610.{number:02}{one:03}"
            versions[name] = 1
            site.announce(day, Submission(name, f"Paper {name}"))
    source = following(site, http, clock)
    found: set[tuple[str, str]] = set()
    for day, after in pairwise([*days, days[-1] + timedelta(days=1)]):
        fault = random.choice(["none", "lacks", "stale", "down", "api", "lag"])
        site.feed_lacks = {one.id for one in site.days[day] if random.random() < 0.3} if fault == "lacks" else set()
        site.feed_of = calendar.latest(day - timedelta(days=1)) if fault == "stale" else None
        site.api_lag = timedelta(hours=10) if fault == "lag" else timedelta()
        if fault == "api":
            site.answers(API, *[Reply(b"", 500)] * 2)
        while clock() < calendar.rolls_at(after) + timedelta(hours=1):
            if fault != "down" or day in (days[0], days[-1]):
                found |= set(names(await source.poll()))
            clock.advance(hours=5)
    every = {(name, "first") for name in versions}
    every |= {(name, f"replaced:v{number}") for name in versions for number in range(2, versions[name] + 1)}
    newest = {(name, f"replaced:v{number}" if number > 1 else "first") for name, number in versions.items()}
    assert {(name, "first") for name in versions} | newest <= found <= every
    assert source.cursor["day"] == days[-1].isoformat()
    assert set(source.cursor) <= {"url", "etag", "day", "told", "listed", "expected"}  # nothing is left to be asked
