"""What a feed says and asks for: formats, encodings, links, manners, and how an entry is known again."""

import json
import time
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from paperlark.http import Http
from paperlark.model.papers import Announcement, Page
from paperlark.model.problems import SourceError
from paperlark.model.sources import Manners
from paperlark.pipeline import ingest
from paperlark.sources import _feedmanners, rss
from paperlark.sources._entry import announcements
from paperlark.sources._feed import parse
from paperlark.store import sources
from paperlark.store.database import Store
from paperlark.store.tables import ANNOUNCEMENT, PAPER
from paperlark.testing.sites import Reply, Site

NOW = datetime(2025, 11, 5, 12, 0, tzinfo=UTC)
ADDRESS = "https://journal.example.org/feeds/new.xml"
HEAD = '<?xml version="1.0"?><rss version="2.0">'


def feed(*entries: str, head: str = "<title>Larks</title><link>https://x.org/journal</link>") -> bytes:
    items = "".join(f"<item>{entry}</item>" for entry in entries)
    return f"{HEAD}<channel>{head}{items}</channel></rss>".encode()


def read(body: bytes, **how: Any) -> Page:
    return parse(body, where="a", now=NOW, address=ADDRESS, **how)


def only(body: bytes, **how: Any) -> Announcement:
    (told,) = read(body, **how).announcements
    return told


# ── encodings ────────────────────────────────────────────────────────────────────────────────────────────────────────

GREETING = "Grüße, Ωμέγα"
XML = '<?xml version="1.0"{declared}?><rss version="2.0"><channel><item><title>{title}</title></item></channel></rss>'


@pytest.mark.parametrize(
    ("declared", "encoding", "content_type"),
    [
        ("", "utf-8", ""),
        ("", "utf-8", "text/xml"),
        ("", "utf-8", "text/html; charset=windows-1251"),  # what a server adds to all it sends
        ("utf-8", "utf-8", "application/xml; charset=koi8-r"),
        ("utf-8", "utf-8-sig", "application/xml"),
        ("iso-8859-7", "iso-8859-7", "application/xml"),
        ("", "iso-8859-7", "application/rss+xml; charset=iso-8859-7"),
        ("utf-16", "utf-16", "application/xml"),
        ("", "utf-16-le", ""),
        ("utf-32", "utf-32", "text/xml; charset=utf-8"),
    ],
)
def test_encoding_is_found_by_mark_declaration_header_or_guess(declared: str, encoding: str, content_type: str) -> None:
    title = GREETING.replace("ü", "u").replace("ß", "ss") if encoding == "iso-8859-7" else GREETING
    body = XML.format(declared=f' encoding="{declared}"' if declared else "", title=title).encode(encoding)
    assert only(body, content_type=content_type).paper.title == title


def test_bytes_of_two_encodings_are_read_all_the_same() -> None:
    told = only(feed("<title>caf\u00e9 PLACE</title>").replace(b"PLACE", b"na\xefve"))
    assert told.paper.title.startswith("caf")


@pytest.mark.parametrize("name", ["undefined", "punycode", "iso-8859\0-1", "gr\u00f6\u00dfe", "no-such-thing"])
@pytest.mark.parametrize("encoding", ["utf-8", "windows-1252"])
def test_what_is_no_encoding_is_guessed_whatever_declares_it(name: str, encoding: str) -> None:
    title = "Gr\u00fc\u00dfe. Und mehr - viel mehr"
    declared = XML.format(declared=' encoding="NAME"', title=title).replace("NAME", name).encode(encoding)
    assert only(declared).paper.title == title
    told = XML.format(declared="", title=title).encode(encoding)
    assert only(told, content_type=f'text/xml; charset="{name}"').paper.title == title


def test_a_feed_at_which_the_parser_stumbles_is_none() -> None:
    with pytest.raises(SourceError, match="cannot be parsed"):
        read(b"<channel<item<link></item</link>")


# ── links ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ("<link>/articles/1</link>", "https://journal.example.org/articles/1"),
        ("<link>2.html</link>", "https://journal.example.org/feeds/2.html"),
        ('<link xml:base="https://mirror.example.org/a/">3</link>', "https://mirror.example.org/a/3"),
        ("<guid>https://journal.example.org/4</guid>", "https://journal.example.org/4"),
        ("<guid>5</guid>", None),  # a number is no link, whatever its isPermaLink forgot to say
        ("<link>//journal.example.org/6</link>", "https://journal.example.org/6"),
        ("<link>ftp://journal.example.org/7</link>", None),
        ("<link>java&#10;script:alert(8)</link>", None),
        ("<link>http://[broken/9</link>", None),
    ],
)
def test_relative_links_are_resolved_and_only_those_of_the_web_are_kept(entry: str, url: str | None) -> None:
    told = only(feed(f"<title>t</title>{entry}"))
    assert told.paper.url == url
    assert "script:" not in str(told.said).replace("\\n", "")


# ── text ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("written", "title"),
    [
        ("A &lt;i&gt;lark&lt;/i&gt;", "A lark"),
        ("<![CDATA[A <i>lark</i> &amp; more]]>", "A lark & more"),
        ("The &amp;lt;b&amp;gt; tag", "The <b> tag"),
        ("AT&amp;amp;amp;T", "AT&amp;T"),
        ("JavaScript: the good parts", "JavaScript: the good parts"),
        ("x &lt; y &amp;amp; y &gt; z", "x < y & y > z"),
        ("&lt;img src=x onerror=alert(1)//", ""),
        ("Safe &lt;svg/onload=alert(1)&gt;and sound", "Safe and sound"),
    ],
)
def test_titles_are_text_unescaped_and_stripped_once(written: str, title: str) -> None:
    found = [told.paper.title for told in read(feed(f"<title>{written}</title>")).announcements]
    assert found == ([title] if title else [])


PIECES = st.sampled_from(
    ["<script>", "</script>", "<img src=x onerror=alert(1)>", "<a href='javascript:x'>", "</a>", "<", ">", "&lt;", " ",
     "&amp;", "word", "<!--", "-->", "x<y", "<svg/onload=x>", "<p style=", "javascript:alert(1)", "\x00", "<b>", "é"]
)  # fmt: skip
MARKED_UP = st.lists(PIECES, max_size=8).map("".join)
FIELDS = st.dictionaries(st.sampled_from(["title", "summary", "link", "id", "rights", "dc_source"]), MARKED_UP)


@settings(max_examples=200, deadline=None)
@given(FIELDS, MARKED_UP)
@example({"title": "<"}, ">javascript:alert(1)")
def test_no_field_keeps_a_tag_that_runs_or_a_link_that_does(entry: dict[str, Any], nested: str) -> None:
    entry |= {"links": [{"href": nested, "title": nested}], "authors": [{"name": nested}], "tags": [{"term": nested}]}
    for told in announcements([entry], {}, NOW):
        if isinstance(told, Announcement):
            links = [told.said.get("link"), told.paper.url, *(link["href"] for link in told.said["links"])]
            assert not any("script:" in (link or "") for link in links)
            for text in (told.paper.title, told.paper.abstract, *told.paper.authors, *told.paper.keywords):
                assert "onerror=" not in text.partition("<img")[2]
                assert "onload=" not in text.partition("<svg")[2]


def test_crooked_mark_up_made_to_stall_is_read_in_no_time() -> None:
    began = time.perf_counter()
    for trap in ("&lt;a " * 50_000, "&lt;a on" * 40_000, "&lt;a onx" + " " * 300_000, "&lt;" + "a on=" * 50_000):
        read(feed(f"<title>t</title><description>{trap}</description>"))
    assert time.perf_counter() - began < 5


# ── manners ──────────────────────────────────────────────────────────────────────────────────────────────────────────

SY = 'xmlns:sy="http://purl.org/rss/1.0/modules/syndication/"'


@pytest.mark.parametrize(
    ("head", "manners"),
    [
        ("<ttl>60</ttl>", Manners(timedelta(hours=1))),
        ("<ttl> 0 </ttl>", Manners()),
        ("<ttl>soon</ttl>", Manners()),
        ("<ttl>99999999999999999999999</ttl>", Manners()),
        ("<ttl>9999999</ttl>", Manners(timedelta(minutes=100_000))),
        (f"<sy:updatePeriod {SY}>hourly</sy:updatePeriod>", Manners(timedelta(hours=1))),
        (
            f"<x {SY}><sy:updatePeriod>daily</sy:updatePeriod><sy:updateFrequency>4</sy:updateFrequency></x>",
            Manners(timedelta(hours=6)),
        ),
        ("<sy:updatePeriod>daily</sy:updatePeriod>", Manners(timedelta(days=1))),  # a prefix that nobody declared
        (
            f"<ttl>30</ttl><sy:updatePeriod {SY}>hourly</sy:updatePeriod>",
            Manners(timedelta(hours=1)),  # the longer wait
        ),
        ("<skipDays><day>Sunday</day><day> monday </day></skipDays>", Manners(skip_days=frozenset({6, 0}))),
        ("<skipHours><hour>0</hour><hour>23</hour><hour>24</hour></skipHours>", Manners(skip_hours=frozenset({0, 23}))),
        ("<skipHours><hour>25</hour><hour>-1</hour><hour>2.5</hour></skipHours>", Manners()),
        ("<hour>3</hour><day>Sunday</day><ttl/>", Manners()),
        ("<skipHours>" + "".join(f"<hour>{hour}</hour>" for hour in range(24)) + "</skipHours>", Manners()),
        ("<schedule><intervaltime DAY='1' hour='2'/></schedule>", Manners(timedelta(hours=26))),
    ],
)
def test_feed_says_when_it_wants_to_be_asked(head: str, manners: Manners) -> None:
    assert read(feed("<title>t</title>", head=head)).manners == manners


def test_entries_say_nothing_of_when_the_feed_is_to_be_asked() -> None:
    assert read(feed("<title>t</title><ttl>60</ttl><skipDays><day>Sunday</day></skipDays>")).manners == Manners()
    behind = feed("<title>t</title>").replace(b"</channel>", b"<ttl>60</ttl></channel>")
    assert read(behind).manners == Manners(timedelta(hours=1))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["<ttl>", "</ttl>", "<skipDays>", "<day>", "Sunday", "</day>", "7", "<", "&", "\x00"])))
def test_manners_of_any_rubble_are_within_bounds(pieces: list[str]) -> None:
    found = _feedmanners.read("".join(pieces).encode())
    assert found.fresh_for is None or timedelta() < found.fresh_for <= timedelta(days=365)
    assert found.skip_days <= set(range(7)) and len(found.skip_days) < 7


async def test_poll_hands_on_the_manners_of_the_feed(http: Http) -> None:
    async with Site() as site:
        site.answers("/feed", Reply(feed("<title>t</title>", head="<ttl>180</ttl>")))
        (page,) = [page async for page in rss.Rss("a", {"url": f"{site.url}/feed"}, http).poll({}, NOW)]
    assert page.manners is not None and page.manners.fresh_for == timedelta(hours=3)


@pytest.mark.parametrize(("day", "quiet"), [("Wednesday", True), ("Sunday", False)])
def test_empty_feed_is_quiet_on_the_days_that_it_skips(day: str, quiet: bool) -> None:
    page = read(feed(head=f"<skipDays><day>{day}</day></skipDays>"))  # NOW is a Wednesday
    assert (page.stated is not None and page.stated.quiet) == quiet


# ── how an entry is known again ──────────────────────────────────────────────────────────────────────────────────────

ABSTRACT = (
    "<description>Larks that sing before dawn are counted by ear, on nine fields and in three seasons.</description>"
)
DATE = "<pubDate>Tue, 04 Nov 2025 10:00:00 GMT</pubDate>"


async def told_by(store: Store, http: Http, *bodies: bytes) -> list[tuple[str, str]]:
    """The titles and links of what is announced by a feed that is these, poll after poll."""
    async with Site() as site:
        source = rss.Rss("a", {"url": f"{site.url}/feed"}, http)
        async with store.transaction() as tx:
            await sources.add(tx, "a", "rss", {"url": source.options.url}, await tx.now())
        for body in bodies:
            site.answers("/feed", Reply(body))
            (claimed,) = await ingest.due_sources(store, lease=timedelta(minutes=2), limit=1, only="a")
            taken = await ingest.poll(store, claimed, source, lease=timedelta(minutes=2), jitter=Random(0))
            assert taken.error is None
    async with store.reading() as tx:
        both = select(PAPER.c.title, PAPER.c.url).join(ANNOUNCEMENT, ANNOUNCEMENT.c.paper_id == PAPER.c.id)
        return sorted((row.title, row.url or "") for row in await tx.execute(both))


SAME = {
    "neither guid nor link": ("<title>Larks</title>", "<title>Larks</title>"),
    "link of the moment": (
        f"<title>Larks at Dawn</title><link>https://x.org/?v=1</link>{DATE}",
        f"<title>Larks at Dawn</title><link>https://x.org/?v=2</link>{DATE}",
    ),
    "title corrected under its guid": (
        f'<title>Larsk</title><guid isPermaLink="false">7</guid>{ABSTRACT}',
        f'<title>Larks</title><guid isPermaLink="false">7</guid>{ABSTRACT}',
    ),
    "title corrected under its link": (
        "<title>Larsk</title><link>https://x.org/7</link>",
        "<title>Larks</title><link>https://x.org/7</link>",
    ),
    "counted link": (
        "<title>Larks</title><link>https://x.org/7?utm_source=rss&amp;ff=20251104</link>",
        "<title>Larks</title><link>https://x.org/7?ff=20251105</link>",
    ),
    "DOI under another host": (
        "<title>Larks</title><link>https://one.org/doi/10.1000/7</link>",
        "<title>Larks!</title><link>https://other.org/doi/abs/10.1000/7</link>",
    ),
}
DIFFERENT = {
    "front page as the link of all": (
        "<title>Larks at Dawn</title><link>https://x.org/</link>",
        "<title>Larks at Noon</title><link>https://x.org/</link>",
    ),
    "journal's own page as the link of all": (
        "<title>Larks at Dawn</title><link>https://x.org/journal</link>",
        "<title>Larks at Noon</title><link>https://x.org/journal</link>",
    ),
    "editorials of two months": (
        "<title>Editorial</title><link>https://x.org/1</link>",
        "<title>Editorial</title><link>https://x.org/2</link>",
    ),
    "dated editorials without link": (
        f"<title>Editorial</title>{DATE}",
        f"<title>Editorial</title>{DATE.replace('04 Nov', '05 Nov').replace('Tue', 'Wed')}",
    ),
    "two DOIs under one title": (
        f"<title>Larks</title><guid>10.1000/1</guid>{ABSTRACT}",
        f"<title>Larks</title><guid>10.1000/2</guid>{ABSTRACT}",
    ),
}


@pytest.mark.parametrize("pair", SAME.values(), ids=SAME)
async def test_entry_that_comes_again_is_announced_once(sqlite_store: Store, http: Http, pair: tuple[str, str]) -> None:
    first, again = pair
    assert len(await told_by(sqlite_store, http, feed(first), feed(again, "<title>One more</title>"), feed(again))) == 2


@pytest.mark.parametrize("pair", DIFFERENT.values(), ids=DIFFERENT)
async def test_entry_that_is_another_is_announced(sqlite_store: Store, http: Http, pair: tuple[str, str]) -> None:
    first, other = pair
    assert len(await told_by(sqlite_store, http, feed(first), feed(other), feed(first, other))) == 2


async def test_guid_and_link_that_several_entries_share_name_none_of_them(sqlite_store: Store, http: Http) -> None:
    body = feed(*(f"<title>{title}</title><guid>https://x.org/issue</guid>" for title in ("Ant", "Bee", "Cat")))
    assert len(await told_by(sqlite_store, http, body, body)) == 3


# ── JSON Feed ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"version": "https://jsonfeed.org/version/1.1", "items": {}}', "lacks its list of entries"),
        (b'{"version": 1, "items": []}', "its JSON is not of the kind JSON Feed"),
        (b"[1, 2]", "its JSON is not of the kind JSON Feed"),
        (b'{"version": "https://jsonfeed.org/version/1.1", "items": [', "its JSON is damaged"),
        (b'{"a":' * 100_000, "its JSON is"),
        (b"{" + b"9" * 10_000 + b"}", "its JSON is damaged"),
        (b'{"\xff": 1}', "its JSON is damaged"),
    ],
)
def test_json_that_is_no_feed_is_refused_in_a_line(body: bytes, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        read(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda some: st.lists(some, max_size=3) | st.dictionaries(st.text(max_size=8), some, max_size=3),
    max_leaves=8,
)
JSON_ENTRY = st.dictionaries(
    st.sampled_from(
        ["id", "url", "external_url", "title", "content_html", "content_text", "summary", "date_published", "authors",
         "author", "tags", "language"]
    ),
    JSON,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(JSON_ENTRY | JSON, max_size=4))
def test_each_entry_of_any_json_feed_becomes_a_paper_or_a_reject(entries: list[Any]) -> None:
    body = json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": entries}).encode()
    page = read(body)
    assert len(page.announcements) + len(page.rejects) == len(entries)
    assert all(json.dumps(told.said, allow_nan=False) for told in page.announcements)


JSON_FEEDS = [
    b'\xef\xbb\xbf{"version": "https://jsonfeed.org/version/1", "items": [{"id": 1, "title": "Larks"}]}',
    b'\n {"version": "https:\\/\\/jsonfeed.org\\/version\\/1", "items": [{"id": 1, "title": "Larks"}]}',
]


@pytest.mark.parametrize("body", JSON_FEEDS)
def test_json_feed_is_known_by_its_version_however_it_is_written(body: bytes) -> None:
    assert only(body, content_type="application/json").paper.title == "Larks"
    assert rss.looks_like("a", body)
