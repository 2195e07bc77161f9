"""Feeds: what is asked, the process that reads them, and what it does not survive."""

import asyncio
import gzip
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paperlark.http import Http
from paperlark.model.papers import Page
from paperlark.model.problems import SourceError
from paperlark.sources import rss
from paperlark.sources._feed import ENTRIES, parse
from paperlark.sources._feedworker import FeedWorker
from paperlark.sources._reading import plain
from paperlark.sources.base import Saved
from paperlark.testing.sites import Reply, Site

NOW = datetime(2025, 11, 5, 12, 0, tzinfo=UTC)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with Site() as site:
        yield site


@pytest.fixture
def worker() -> Iterator[FeedWorker]:
    worker = FeedWorker()
    yield worker
    worker.close()


def feed(*entries: str, head: str = "") -> bytes:
    items = "".join(f"<item>{entry}</item>" for entry in entries)
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>t</title>{head}{items}</channel></rss>'.encode()


def numbered(count: int) -> bytes:
    return feed(*(f"<title>Paper {number}</title>" for number in range(count)))


async def test_unchanged_feed_is_asked_with_its_validators_and_tells_nothing(site: Site, http: Http) -> None:
    site.answers("/feed", Reply(numbered(1), headers={"ETag": '"1"', "Last-Modified": "a while ago"}))
    source = rss.Rss("rss:a", {"url": f"{site.url}/feed"}, http)
    (page,) = [page async for page in source.poll({}, NOW)]
    (again,) = [page async for page in source.poll(page.cursor, NOW)]
    assert again.unchanged and not again.announcements and again.cursor == page.cursor
    assert site.asked[1].headers["If-None-Match"] == '"1"'
    assert site.asked[1].headers["If-Modified-Since"] == "a while ago"


async def test_validators_of_another_address_are_not_sent(site: Site, http: Http) -> None:
    site.answers("/b", Reply(numbered(1)))
    source = rss.Rss("rss:a", {"url": f"{site.url}/b"}, http)
    [page async for page in source.poll({"url": f"{site.url}/a", "etag": '"1"', "last_modified": None}, NOW)]
    assert "If-None-Match" not in site.asked[0].headers


async def test_validators_come_with_the_last_page_so_that_a_crash_asks_again(site: Site, http: Http) -> None:
    site.answers("/feed", Reply(numbered(300), headers={"ETag": '"1"'}))
    source = rss.Rss("rss:a", {"url": f"{site.url}/feed"}, http)
    first, last = [page async for page in source.poll({}, NOW)]
    assert first.cursor == {}
    assert last.cursor["etag"] == '"1"'


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<!doctype html><html><body>Sorry</body></html>", "this is a web page, not a feed"),
        (b'{"version": 1}', "this is not a feed"),
        (b"", "the feed is empty"),
        (b"\0" * 50, "this is not a feed|empty"),
    ],
)
async def test_what_is_no_feed_is_said_in_plain_words(site: Site, http: Http, body: bytes, words: str) -> None:
    site.answers("/feed", Reply(body))
    with pytest.raises(SourceError, match=rf"^rss: rss:a: ({words})"):
        [page async for page in rss.Rss("rss:a", {"url": f"{site.url}/feed"}, http).poll({}, NOW)]


async def test_reading_runs_beside_the_event_loop(worker: FeedWorker) -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.005)
            ticks += 1

    await worker.read(numbered(1), where="warm", now=NOW)
    ticking = asyncio.create_task(tick())
    page = await worker.read(numbered(6_000), where="big", now=NOW, limit=6_000)
    ticking.cancel()
    assert len(page.announcements) == 6_000
    assert ticks > 20  # of a few hundred; a loop that waits for the reading ticks once or twice


async def test_feed_that_takes_too_long_is_given_up_and_the_next_is_read() -> None:
    worker = FeedWorker(seconds=1.5)
    began = time.perf_counter()
    with pytest.raises(SourceError, match=r"^rss: slow: reading the feed took longer than 1\.5 s$"):
        await worker.read(numbered(60_000), where="slow", now=NOW, limit=60_000)
    assert time.perf_counter() - began < 10
    assert len((await worker.read(numbered(2), where="next", now=NOW)).announcements) == 2
    worker.close()


async def test_feed_that_needs_too_much_memory_is_given_up_and_the_next_is_read() -> None:
    worker = FeedWorker(memory=64 * 1024**2)
    with pytest.raises(SourceError, match=r"^rss: big: "):
        await worker.read(feed("<title>" + "x &amp; " * 600_000 + "</title>"), where="big", now=NOW)
    assert len((await worker.read(numbered(2), where="next", now=NOW)).announcements) == 2
    worker.close()


async def test_child_that_died_or_left_is_replaced(worker: FeedWorker) -> None:
    await worker.read(numbered(1), where="a", now=NOW)
    first = worker.pid
    assert first is not None
    await worker.read(numbered(1), where="a", now=NOW)
    assert worker.pid == first
    os.kill(first, signal.SIGKILL)
    await worker.read(numbered(1), where="a", now=NOW)
    assert worker.pid != first


async def test_feeds_asked_for_together_are_read_one_after_another(worker: FeedWorker) -> None:
    pages = await asyncio.gather(*(worker.read(numbered(count), where="a", now=NOW) for count in range(1, 9)))
    assert [len(page.announcements) for page in pages] == list(range(1, 9))


async def test_child_knows_nothing_of_our_environment(worker: FeedWorker) -> None:
    await worker.read(numbered(1), where="a", now=NOW)
    environment = await asyncio.to_thread(Path(f"/proc/{worker.pid}/environ").read_bytes)
    assert [pair.partition(b"=")[0] for pair in environment.split(b"\0") if pair] == [b"PYTHONPATH"]


async def test_saved_feed_is_read_in_the_worker_plain_or_gzip() -> None:
    for body in (numbered(3), gzip.compress(numbered(3))):
        page = await rss.read_saved(Saved("a.xml", body, date(2025, 11, 5)))
        assert len(page.announcements) == 3
        assert rss.looks_like("a.xml", body)


def test_entries_beyond_the_limit_are_counted_in_a_reject() -> None:
    page = parse(numbered(ENTRIES + 7), where="a", now=NOW)
    assert len(page.announcements) == ENTRIES
    assert [reject.reason for reject in page.rejects] == ["7 more entries were left out"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_of_its_own_are_refused_in_any_encoding(encoding: str) -> None:
    bomb = f'<?xml version="1.0" encoding="{encoding}"?><!-- <a> --><!DOCTYPE r [<!entity a "ha">]><rss version="2.0"/>'
    with pytest.raises(SourceError, match="entities of its own"):
        parse(bomb.replace("!entity", "!ENTITY").encode(encoding), where="a", now=NOW)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_limit_of_entries_holds_in_any_encoding(encoding: str) -> None:
    page = parse(numbered(10).decode().encode(encoding), where="a", now=NOW, limit=3)
    assert [told.paper.title for told in page.announcements] == ["Paper 0", "Paper 1", "Paper 2"]
    assert [reject.reason for reject in page.rejects] == ["7 more entries were left out"]


def test_feed_is_never_taken_for_the_name_of_a_file() -> None:
    with pytest.raises(SourceError, match="this is not a feed"):
        parse(__file__.encode(), where="a", now=NOW)


def one(entry: str) -> Page:
    return parse(feed(entry), where="a", now=NOW)


@pytest.mark.parametrize(
    ("marked_up", "text"),
    [
        ("<p>One</p><p>two <b>three</b>.</p>", "One two three."),
        ("H<sub>2</sub>O", "H2O"),
        ("$x<y$ and p < 0.05 > 0", "$x<y$ and p < 0.05 > 0"),
        ("a<script>alert('<b>')</script>b<style>p{}", "a b"),
        ("<!-- no <b> -->yes", "yes"),
        ("Q&amp;A &lt;tag&gt; &nbsp; &beta;", "Q&A <tag> β"),
        ("<img src='x' onerror='alert(1)'>", ""),
        ("<a href='x'>link", "link"),
        ("<jats:p>Journal</jats:p><mml:math><mml:mi>x</mml:mi></mml:math>", "Journal x"),
    ],
)
def test_mark_up_becomes_the_text_in_it(marked_up: str, text: str) -> None:
    assert plain(marked_up) == text


@settings(max_examples=50)
@given(st.text(alphabet="<>/ab p&;!-script=\"'x", max_size=200))
def test_mark_up_of_any_kind_becomes_one_line(marked_up: str) -> None:
    text = plain(marked_up)
    assert text == " ".join(text.split())


def test_mark_up_made_to_stall_is_read_in_no_time() -> None:
    began = time.perf_counter()
    for trap in (
        "<" * 200_000,
        "<a " * 100_000,
        "<script>" * 50_000,
        "<script " * 50_000,
        "<!--" * 100_000,
        "<p" + " x" * 100_000,
    ):
        plain(trap)
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize(
    ("entry", "aliases"),
    [
        ("<link>https://x.org/doi/abs/10.1000/a.1?af=R</link>", ["doi:10.1000/a.1"]),
        ("<link>https://x.org/doi/10.1000%2Fa(1)2/full</link>", ["doi:10.1000/a(1)2"]),
        ("<guid>10.1000/a.2</guid>", ["doi:10.1000/a.2"]),
        ("<link>https://www.medrxiv.org/content/10.1101/2025.1.2.3v4.full.pdf</link>", ["doi:10.1101/2025.1.2.3"]),
        ("<link>https://doi.org/10.48550/arXiv.2511.00001</link>", ["arxiv:2511.00001"]),
        ("<link>http://arxiv.org/pdf/hep-th/9901001v2.pdf</link>", ["arxiv:hep-th/9901001"]),
        ("<guid>oai:arXiv.org:2511.00002v1</guid>", ["arxiv:2511.00002"]),
        ("<link>https://x.org/10-things</link>", []),
    ],
)
def test_names_are_found_in_links_and_ids(entry: str, aliases: list[str]) -> None:
    (told,) = one(f"<title>t</title>{entry}").announcements
    assert [str(alias) for alias in told.paper.aliases if alias.scheme != "url"] == aliases


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "file:///etc/passwd", "https://a:b@x.org/", "http://", "data:x"]
)
def test_link_that_is_no_web_address_is_none(link: str) -> None:
    assert one(f"<title>t</title><link>{link}</link>").announcements[0].paper.url is None


@pytest.mark.parametrize(
    ("creators", "authors"),
    [
        (["A. One, B. Two and C. Three"], ("A. One", "B. Two", "C. Three")),
        (["One, Ada"], ("One, Ada",)),
        (["One, Ada", "Two, Bea"], ("One, Ada", "Two, Bea")),
        (["One A; Two B"], ("One A", "Two B")),
        ([""], ()),
    ],
)
def test_authors_are_told_apart(creators: list[str], authors: tuple[str, ...]) -> None:
    namespace = 'xmlns:dc="http://purl.org/dc/elements/1.1/"'
    listed = "".join(f"<dc:creator {namespace}>{creator}</dc:creator>" for creator in creators)
    assert one(f"<title>t</title>{listed}").announcements[0].paper.authors == authors


def test_whoever_has_feeds_read_by_a_child_holds_nothing_that_reads_them() -> None:
    asked = "import sys; import paperlark.sources.rss; print({'feedparser', 'lxml'} & sys.modules.keys())"
    assert subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True).stdout == "set()\n"
