"""Every real and hostile file there is, given to the real polling path; and feeds of two days through the store.

Skipped where the files are not. The table is printed in a plain run of pytest.
"""

import asyncio
import io
import json
import re
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import feedparser
import pytest
from lxml import etree
from sqlalchemy import func, select

from paperlark.http import Answer, HostPace, Http
from paperlark.model.papers import Page
from paperlark.model.problems import SourceError
from paperlark.pipeline import ingest
from paperlark.sources import rss
from paperlark.sources._feed import parse
from paperlark.sources._reading import plain
from paperlark.store import sources
from paperlark.store.database import Store, open_store
from paperlark.store.tables import ANNOUNCEMENT
from paperlark.testing.clock import FakeClock
from paperlark.testing.sites import Reply, Site
from tests.databases import Fresh

from .conftest import read, shared

FOLDERS = ("journal_rss", "feeds", "feedparser", "feedvalidator", "feed_literals", "arxiv_generated", "arxiv_rss",
           "oai_pmh", "multi_api", "hostile")  # fmt: skip
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECONDS, MEGABYTES = 10, 300  # bounds: of one file, of this process and its worker together
USUAL = 120  # MB, of a process that runs tests
ENOUGH = 0.99  # of the titled entries in well-formed feeds

TYPES = {
    ".json": "application/json",
    ".html": "text/html; charset=utf-8",
    ".yml": "text/plain",
    ".atom": "application/atom+xml",
    ".rss": "application/rss+xml",
}
STATED_TYPE = re.compile(rb"^\s*Header:\s+Content-type:\s*(\S.*?)\s*$", re.IGNORECASE | re.MULTILINE)
ENTRY = re.compile(rb"(<(?:item|entry)\b[^>]*>)")
TITLED_ENTRY = re.compile(ENTRY.pattern + rb".*<title", re.DOTALL)
RUNS = re.compile(
    r"<\s*/?\s*(?:script|style|iframe|object|embed|applet|form|meta|link|base|svg|img)\b"
    r"|<[^>]*\bon[a-z]+\s*="
    r"|(?:java|vb)script\s*:",
    re.IGNORECASE,
)


@dataclass
class Row:
    """What became of a folder's files."""

    files: int = 0
    titled: int = 0
    kept: int = 0
    papers: int = 0
    rejects: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    missing: list[str] = field(default_factory=list)


def reply(path: Path) -> Reply:
    """The file as a site would serve it. The bomb goes out compressed, as it is meant to."""
    if "gzip_bomb" in path.name:
        return Reply(path.read_bytes(), headers={"Content-Encoding": "gzip"})
    body, suffix = read(path), Path(path.name.removesuffix(".gz")).suffix
    if path.parent.name == "sanitize" and not TITLED_ENTRY.search(body):
        body = ENTRY.sub(rb"\1<title>What Is Under It Must Be Harmless</title>", body)  # else it would be but a reject
    stated = STATED_TYPE.search(body[:1_000])
    return Reply(body, content_type=stated[1].decode() if stated else TYPES.get(suffix, "application/xml"))


def titled_entries(body: bytes) -> int | None:
    """How many entries of a well-formed feed carry a title, counted without our readers; None for anything else."""
    if body[:1] == b"{":
        return titled_entries_of_json(body)
    try:
        root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError:
        return None
    if name(root) not in ("rss", "rdf", "feed", "channel"):
        return None
    entries = [element for element in root.iter("{*}*") if name(element) in ("item", "entry")]
    return sum(any(name(child) == "title" and text_of(child) for child in entry) for entry in entries)


def titled_entries_of_json(body: bytes) -> int | None:
    try:
        feed = json.loads(body)
        if not feed["version"].startswith("https://jsonfeed.org/version/"):
            return None
        return sum(bool(entry.get("title")) for entry in feed["items"])
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


def name(element: etree._Element) -> str:
    return etree.QName(element).localname.lower() if isinstance(element.tag, str) else ""


def text_of(element: etree._Element) -> str:
    return plain("".join(str(text) for text in element.itertext()))


def resident(pid: int | str = "self", line: str = "VmRSS") -> int:
    """What a process holds in memory, in kB."""
    status = Path(f"/proc/{pid}/status")
    try:
        return next(int(row.split()[1]) for row in status.read_text().splitlines() if row.startswith(line))
    except (OSError, StopIteration):
        return 0


def in_short(reason: str) -> str:
    """A reason without the names and figures in it."""
    return re.sub(r"\(.*?\)|https?://\S+", "…", re.sub(r"\d+ more", "N more", reason.rpartition(": ")[2]))


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield key
            yield from texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from texts(each)


def stored_texts(page: Page) -> Iterator[str]:
    """All text of a page that comes into the store."""
    for told in page.announcements:
        paper = told.paper
        yield from (paper.title, paper.abstract, *paper.authors, *paper.categories, *paper.keywords, paper.url or "")
        yield from (alias.value for alias in paper.aliases)
        yield from texts(told.said)


class Loopback(Http):
    """Asks nobody but ourselves: pages among the files name feeds of real sites."""

    async def get(self, url: str, **how: Any) -> Answer:
        if urlsplit(url).hostname != "127.0.0.1":
            raise SourceError("rss: a page names a feed elsewhere: not asked here")
        return await super().get(url, **how)


@pytest.fixture(scope="module")
def served() -> dict[str, list[Path]]:
    return {folder: shared(folder) for folder in FOLDERS}


async def test_every_file_is_read_or_refused_in_time_and_memory_and_nothing_that_runs_is_kept(
    served: dict[str, list[Path]], capsys: pytest.CaptureFixture[str]
) -> None:
    rows: dict[str, Row] = defaultdict(Row)
    slowest, most, cleaned, faults, runs = ("", 0.0), 0, 0, list[str](), list[str]()

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, resident() + resident(rss.worker().pid or 0))
            await asyncio.sleep(0.02)

    before = resident()
    rss.worker().close()  # a child of this test's own
    watching = asyncio.create_task(watch())
    async with (
        Site() as site,
        Loopback("https://p.example.org", HostPace(), seconds_apart=0, allow_private=True) as http,
    ):
        source = rss.Rss("rss", {"url": f"{site.url}/feed"}, http)
        for folder, paths in served.items():
            row = rows[folder]
            for path in paths:
                row.files += 1
                site.answers("/feed", reply(path))
                began, pages = time.perf_counter(), list[Page]()
                try:
                    async with asyncio.timeout(2 * SECONDS):
                        pages = [page async for page in source.poll({}, NOW)]
                except SourceError as refusal:
                    row.refused[in_short(str(refusal))] += 1
                    if "cannot be read" in str(refusal) or "broke the process" in str(refusal):
                        faults.append(f"{path}: {refusal}")
                took = time.perf_counter() - began
                slowest = max(slowest, (path.name, took), key=lambda each: each[1])
                papers = sum(len(page.announcements) for page in pages)
                row.papers += papers
                row.rejects.update(in_short(reject.reason) for page in pages for reject in page.rejects)
                if path.parent.name == "sanitize" or folder == "hostile":
                    cleaned += papers
                    runs += [
                        f"{path}: {text[:80]}" for page in pages for text in stored_texts(page) if RUNS.search(text)
                    ]
                if folder != "hostile" and (titled := titled_entries(read(path))):
                    row.titled += titled
                    row.kept += min(titled, papers)
                    if papers < titled:
                        row.missing.append(f"{path.name}: {papers} of {titled}")
    watching.cancel()
    with capsys.disabled():
        print(table(rows, slowest, most))
    assert not faults
    assert not runs
    assert cleaned > 250
    assert slowest[1] < SECONDS, slowest
    assert most - max(before - USUAL * 1024, 0) < MEGABYTES * 1024  # whatever other tests have left behind
    titled, kept = (sum(getattr(row, what) for row in rows.values()) for what in ("titled", "kept"))
    assert kept >= ENOUGH * titled, [missing for row in rows.values() for missing in row.missing]


def table(rows: Mapping[str, Row], slowest: tuple[str, float], most: int) -> str:
    lines = [f"\n\n{'folder':<16}{'files':>6}{'papers':>8}{'titled':>8}{'of which kept':>15}  refused, rejected"]
    for folder, row in rows.items():
        whys = [f"{count} × {why}" for counts in (row.refused, row.rejects) for why, count in counts.most_common()]
        lines.append(
            f"{folder:<16}{row.files:>6}{row.papers:>8}{row.titled:>8}{row.kept:>15}  {'; '.join(whys) or 'none'}"
        )
    lines.append(f"slowest: {slowest[0]}, {slowest[1]:.1f} s; at most {most / 1024:.0f} MB with the worker\n")
    return "\n".join(lines)


def test_reading_costs_little_more_than_the_bare_parser(capsys: pytest.CaptureFixture[str]) -> None:
    bodies = [read(path) for path in shared("journal_rss")]

    def bare() -> int:
        return sum(len(feedparser.parse(io.BytesIO(body)).entries) for body in bodies)

    def ours() -> int:
        return sum(len(parse(body, where="a", now=NOW).announcements) for body in bodies)

    def seconds(read_all: Callable[[], int]) -> float:
        began = time.thread_time()  # threads that other tests left behind are not counted
        assert read_all()
        return time.thread_time() - began

    turns = [(seconds(bare), seconds(ours)) for _ in range(3)]  # one that something else held up does not count
    least_bare, least_ours = map(min, zip(*turns, strict=True))
    ratio = least_ours / least_bare
    with capsys.disabled():
        print(f"\n\n{least_bare:.2f} s by feedparser alone, {least_ours:.2f} s as papers: {ratio:.2f}\n")
    assert least_ours < 1.5 * least_bare


# ── the same feeds a week later ──────────────────────────────────────────────────────────────────────────────────

FIRST_DAY = datetime(2021, 12, 14, 12, tzinfo=UTC)
LEASE = timedelta(minutes=2)


@pytest.fixture
async def archive(sqlite: Fresh) -> AsyncIterator[tuple[Store, FakeClock]]:
    clock = FakeClock(FIRST_DAY)
    store = await open_store(sqlite(), clock=clock)
    yield store, clock
    await store.close()


def feeds_of_both_days() -> Iterator[tuple[str, tuple[bytes, bytes]]]:
    days: dict[str, dict[str, bytes]] = defaultdict(dict)
    for path in shared("journal_rss"):
        days[path.name][path.parent.name] = read(path)
    for feed, bodies in sorted(days.items()):
        if len(bodies) == 2:
            yield feed, (bodies["2021-12-14"], bodies["2021-12-21"])


def titles(body: bytes) -> set[str]:
    """The titles of a feed's entries, read without our readers. In these feeds no two entries share one."""
    root = etree.fromstring(body, etree.XMLParser(recover=True, resolve_entities=False, no_network=True))
    entries = (element for element in root.iter("{*}*") if name(element) in ("item", "entry"))
    found = ([text_of(child) for child in entry if name(child) == "title"] for entry in entries)
    return {titles[0] for titles in found if titles}


async def announced(store: Store, source: str) -> int:
    async with store.reading() as tx:
        count = await tx.execute(select(func.count()).select_from(ANNOUNCEMENT).where(ANNOUNCEMENT.c.source == source))
        return int(count.scalar_one())


async def test_feeds_of_two_days_announce_each_entry_once_and_miss_none(
    archive: tuple[Store, FakeClock], http: Http, capsys: pytest.CaptureFixture[str]
) -> None:
    store, clock = archive
    feeds, polls = dict(feeds_of_both_days()), 0
    seen: dict[str, set[str]] = defaultdict(set)
    async with Site() as site:
        for day, wait in enumerate((timedelta(), timedelta(days=7), timedelta(hours=1))):  # the last tells it again
            clock.advance(wait)
            for feed, bodies in feeds.items():
                site.answers("/feed", Reply(bodies[min(day, 1)]))
                source = rss.Rss(feed, {"url": f"{site.url}/feed"}, http)
                async with store.transaction() as tx:
                    await sources.add(tx, feed, source.kind, {"url": source.options.url}, clock())
                (claimed,) = await ingest.due_sources(store, lease=LEASE, limit=1, only=feed)
                await ingest.poll(store, claimed, source, lease=LEASE, jitter=Random(0))
                seen[feed] |= titles(bodies[min(day, 1)])
                assert await announced(store, feed) == len(seen[feed]), (feed, clock())
                polls += 1
    with capsys.disabled():
        entries = sum(map(len, seen.values()))
        print(f"\n\n{polls} polls of {len(feeds)} feeds of two days: {entries} entries, each announced once\n")
