"""A web page given in place of its feed: which feed is taken, what is kept of it, and when the page is asked again."""

import time
from datetime import UTC, datetime

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from paperlark.http import Http
from paperlark.model.papers import Cursor, Page
from paperlark.model.problems import SourceError
from paperlark.sources._discovery import SEARCHED, find_feed, refuse_page
from paperlark.sources.rss import Rss
from paperlark.testing.sites import Reply, Site

NOW = datetime(2025, 11, 5, 12, 0, tzinfo=UTC)
ADDRESS = "https://journal.example.org/issues/"


def link(href: str, kind: str = "application/rss+xml", rel: str = "alternate", title: str = "") -> str:
    return f'<link rel="{rel}" type="{kind}" title="{title}" href="{href}">'


def page(*links: str, head: str = "") -> bytes:
    return (
        f"<!doctype html><html><head><title>Larks</title>{head}{''.join(links)}</head><body>Hi</body></html>".encode()
    )


def feed(title: str) -> Reply:
    body = f'<rss version="2.0"><channel><item><title>{title}</title></item></channel></rss>'.encode()
    return Reply(body, headers={"ETag": f'"{title}"'})


async def poll(site: Site, http: Http, cursor: Cursor, path: str = "/") -> Page:
    (told,) = [page async for page in Rss("a", {"url": f"{site.url}{path}"}, http).poll(cursor, NOW)]
    return told


def titles(page: Page) -> list[str]:
    return [told.paper.title for told in page.announcements]


# ── which feed is taken ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("links", "found"),
    [
        ([link("https://a.org/feed")], "https://a.org/feed"),
        ([link("feed.xml")], "https://journal.example.org/issues/feed.xml"),
        ([link("/feed.xml", rel="ALTERNATE feed", kind="Application/Atom+XML; charset=utf-8")],
         "https://journal.example.org/feed.xml"),
        ([link("/comments/feed"), link("/feed")], "https://journal.example.org/feed"),
        ([link("/a", title="Journal » Comments Feed"), link("/b", title="Journal » Feed")],
         "https://journal.example.org/b"),
        ([link("/comments/feed")], "https://journal.example.org/comments/feed"),
        ([link("/json", "application/feed+json"), link("/rss")], "https://journal.example.org/rss"),
        ([link("/json", "application/feed+json")], "https://journal.example.org/json"),
        ([link("/atom", "application/atom+xml"), link("/rss")], "https://journal.example.org/atom"),
        ([link("https://a.org/wp-json/wp/v2/posts/1", "application/json")], None),
        ([link("/style", rel="stylesheet"), link("/x", "text/html")], None),
        ([link("javascript:alert(1)"), link("file:///etc/passwd"), link("http://me:too@a.org/"), link("")], None),
        ([link("http://[broken")], None),
        ([], None),
    ],
)  # fmt: skip
def test_best_feed_of_a_page_is_found(links: list[str], found: str | None) -> None:
    assert find_feed(page(*links), ADDRESS) == found


def test_base_of_the_page_counts_for_its_links() -> None:
    based = page(link("feed.xml"), head='<base href="/archive/">')
    assert find_feed(based, ADDRESS) == "https://journal.example.org/archive/feed.xml"


def test_only_the_beginning_of_a_page_is_searched() -> None:
    assert find_feed(page(head=f"<!-- {'x' * SEARCHED} -->" + link("/feed")), ADDRESS) is None


@pytest.mark.parametrize("trap", [" " * 16_000, "<!---->" * 2_000, "<!--" * 4_000, "<?xml " * 2_000])
def test_beginning_made_to_stall_is_read_in_no_time(trap: str) -> None:
    began = time.thread_time()
    refuse_page(trap.encode() + b"<x>", where="a")
    assert time.thread_time() - began < 1


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_break_the_search(body: bytes) -> None:
    assert find_feed(body + link("/feed").encode(), ADDRESS) in (None, "https://journal.example.org/feed")


# ── what a poll makes of it ──────────────────────────────────────────────────────────────────────────────────────────


async def test_feed_of_a_page_is_polled_and_the_cursor_and_the_log_say_which(http: Http) -> None:
    async with Site() as site:
        site.answers("/", Reply(page(link("/feed?key=secret")), content_type="text/html"))
        site.answers("/feed", feed("One"))
        with structlog.testing.capture_logs() as logged:
            told = await poll(site, http, {})
        assert titles(told) == ["One"]
        assert told.cursor == {
            "url": f"{site.url}/", "feed": f"{site.url}/feed?key=secret", "etag": '"One"', "last_modified": None
        }  # fmt: skip
        (line,) = [line for line in logged if line["event"] == "found the feed of a page"]
        assert line["feed"].endswith("/feed") and "secret" not in str(line)


async def test_next_poll_asks_the_feed_and_not_the_page(http: Http) -> None:
    async with Site() as site:
        site.answers("/", Reply(page(link("/feed"))))
        site.answers("/feed", feed("One"))
        first = await poll(site, http, {})
        again = await poll(site, http, first.cursor)
        assert again.unchanged and again.cursor == first.cursor
        site.answers("/feed", feed("Two"))
        later = await poll(site, http, again.cursor)
        assert titles(later) == ["Two"] and later.cursor["feed"] == first.cursor["feed"]
        assert [asked.path for asked in site.asked] == ["/", "/feed", "/feed", "/feed"]


@pytest.mark.parametrize("lost", [Reply(status=404), Reply(status=410), Reply(page())], ids=["404", "410", "a page"])
async def test_page_is_asked_again_when_its_feed_is_no_more(http: Http, lost: Reply) -> None:
    async with Site() as site:
        site.answers("/", Reply(page(link("/old"))))
        site.answers("/old", feed("One"))
        first = await poll(site, http, {})
        site.answers("/old", lost)
        site.answers("/", Reply(page(link("/new"))))
        site.answers("/new", feed("Two"))
        later = await poll(site, http, first.cursor)
        assert titles(later) == ["Two"] and later.cursor["feed"] == f"{site.url}/new"


async def test_address_that_is_itself_gone_stops_the_source(http: Http) -> None:
    async with Site() as site:
        site.answers("/", Reply(status=410))
        with pytest.raises(SourceError) as caught:
            await poll(site, http, {})
    assert caught.value.gone


async def test_ailing_feed_of_a_page_is_the_source_ailing(http: Http) -> None:
    async with Site() as site:
        site.answers("/", Reply(page(link("/feed"))))
        site.answers("/feed", feed("One"))
        first = await poll(site, http, {})
        site.answers("/feed", Reply(status=503, headers={"Retry-After": "60"}))
        with pytest.raises(SourceError) as caught:
            await poll(site, http, first.cursor)
        assert caught.value.retry_after is not None
        assert site.asked[-1].path == "/feed"


@pytest.mark.parametrize("links", [[], [link("/")], [link("/other")]], ids=["no feed", "itself", "another page"])
async def test_page_that_leads_to_no_feed_is_said_in_a_line(http: Http, links: list[str]) -> None:
    async with Site() as site:
        site.answers("/", Reply(page(*links), content_type="text/html"))
        site.answers("/other", Reply(page(link("/")), content_type="text/html"))
        with pytest.raises(SourceError, match=r"^rss: a: this is a web page, not a feed"):
            await poll(site, http, {})
        assert len(site.asked) <= 2


async def test_page_without_a_head_is_known_by_its_type(http: Http) -> None:
    async with Site() as site:
        site.answers("/", Reply(b"<title>Larks</title>" + link("/feed").encode(), content_type="text/html"))
        site.answers("/feed", feed("One"))
        assert titles(await poll(site, http, {})) == ["One"]
        site.answers("/", Reply(b"<title>Larks</title>" + link("/feed").encode(), content_type="application/xml"))
        with pytest.raises(SourceError, match="this is not a feed"):
            await poll(site, http, {})


async def test_feed_that_a_page_names_is_behind_the_same_guard(http: Http) -> None:
    async with Site() as site, Http("https://p.example.org", http._pace, ports=(80,)) as guarded:
        with pytest.raises(SourceError, match="port"):
            await poll(site, guarded, {"url": f"{site.url}/", "feed": "http://feeds.example.org:22/"})
        assert not site.asked
