"""What every source keeps to, and the fake with them. A new adapter joins with one function in `STAGES`."""

import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from paperlark.adapters import source_class
from paperlark.http import Http
from paperlark.model.papers import Announcement, Cursor, Page, Paper, Reject
from paperlark.model.problems import SourceError
from paperlark.sources import CONTENTS
from paperlark.sources.base import Source
from paperlark.testing.arxiv_site import ArxivSite, Submission
from paperlark.testing.biorxiv_site import BiorxivSite, post, publication
from paperlark.testing.sites import HuggingFace, Reply, Site
from paperlark.testing.sources import FakeSource

from .golden import DATA

NOW = datetime(2025, 11, 5, 12, 0, tzinfo=UTC)


@dataclass
class Stage:
    """A source in front of a far side that has something to tell; `more` makes it tell more, `fail` makes it unwell."""

    source: Source
    more: Callable[[], Awaitable[None]]
    fail: Callable[[], Awaitable[None]]


@asynccontextmanager
async def capture(http: Http, folder: Path) -> AsyncIterator[Stage]:
    saved = folder / "captures"
    saved.mkdir()

    def save(name: str) -> None:
        (saved / name).write_bytes((DATA / "capture" / name).read_bytes())
        os.utime(saved / name, (NOW.timestamp() - 60,) * 2)

    for name in ("ordinary.txt", "odd.txt", "broken.txt"):
        save(name)

    async def more() -> None:
        save("compact.txt")

    async def fail() -> None:
        saved.rename(folder / "elsewhere")

    yield Stage(make("capture", {"path": str(saved), "captured_on": "2025-11-05"}, http), more, fail)


@asynccontextmanager
async def jsonl(http: Http, folder: Path) -> AsyncIterator[Stage]:
    file = folder / "papers.jsonl"
    file.write_text("".join(f'{{"id": "2511.{number:05}", "title": "Paper {number}"}}\n' for number in range(600)))

    async def more() -> None:
        with file.open("a") as stream:
            stream.write('{"id": "2511.90000", "title": "Appended"}\n')

    async def fail() -> None:
        file.unlink()

    yield Stage(make("jsonl", {"path": str(file)}, http), more, fail)


@asynccontextmanager
async def hf_daily(http: Http, folder: Path) -> AsyncIterator[Stage]:
    def record(number: int) -> dict[str, Any]:
        return {"paper": {"id": f"2511.{number:05}", "title": f"Paper {number}", "upvotes": number}, "numComments": 0}

    days: dict[date, list[Any]] = {
        date(2025, 11, 3): [record(1), "damaged"],
        date(2025, 11, 5): [record(number) for number in range(2, 130)],
    }
    async with HuggingFace(days, today=NOW.date()) as site:

        async def more() -> None:
            site.days[date(2025, 11, 4)] = [record(200)]

        async def fail() -> None:
            site.answers(site.PATH, Reply(b"", 503, {"Retry-After": "60"}))

        yield Stage(make("hf_daily", {"url": site.api}, http), more, fail)


@asynccontextmanager
async def rss(http: Http, folder: Path) -> AsyncIterator[Stage]:
    def feed(count: int) -> Reply:
        entries = "".join(f"<item><title>Paper {number}</title></item>" for number in range(count))
        body = f'<?xml version="1.0"?><rss version="2.0"><channel><item/>{entries}</channel></rss>'.encode()
        return Reply(body, headers={"ETag": f'"{count}"'})

    async with Site() as site:
        site.answers("/feed", feed(300))

        async def more() -> None:
            site.answers("/feed", feed(301))

        async def fail() -> None:
            site.answers("/feed", Reply(b"<html>Sorry</html>"))

        yield Stage(make("rss", {"url": f"{site.url}/feed"}, http), more, fail)


@asynccontextmanager
async def biorxiv(http: Http, folder: Path, kind: str = "biorxiv") -> AsyncIterator[Stage]:
    posts = [post(f"10.1101/{number:06}", date(2025, 11, 4)) for number in range(260)]
    posts += [post("10.1101/900000", date(2025, 11, 3), title="NA"), post("10.1101/900001", date(2025, 11, 5))]
    published = [
        publication(f"10.1101/{number:06}", f"10.1234/{number}", date(2025, 11, 1)) for number in range(500, 503)
    ]
    async with BiorxivSite(posts, published, server=kind) as site:

        async def more() -> None:
            site.posts.append(post("10.1101/900002", date(2025, 11, 5)))

        async def fail() -> None:
            for day in range(2, 6):
                site.answers(f"/details/{kind}/2025-11-0{day}/2025-11-0{day}/0/json", *[Reply(b"", 503)] * 5)

        yield Stage(make(kind, {"url": site.url}, http), more, fail)


@asynccontextmanager
async def medrxiv(http: Http, folder: Path) -> AsyncIterator[Stage]:
    async with biorxiv(http, folder, "medrxiv") as stage:
        yield stage


@asynccontextmanager
async def arxiv(http: Http, folder: Path) -> AsyncIterator[Stage]:
    async with ArxivSite(lambda: NOW) as site:
        days = (date(2025, 11, 4), date(2025, 11, 5))
        site.announce(days[0], Submission("2511.00001", "One"))
        site.announce(days[1], *(Submission(f"2511.{number:05}", f"Paper {number}") for number in range(2, 330)))
        site.announce(days[1], Submission("2511.00900", ""), Submission("2511.00001", "One", "replace", 2))

        async def more() -> None:
            site.announce(days[1], Submission("2511.00901", "Repaired"))

        async def fail() -> None:
            site.answers("/rss/cs.CL", Reply(b"", 503, {"Retry-After": "60"}))

        yield Stage(make("arxiv", {"categories": "cs.CL", **site.addresses}, http), more, fail)


@asynccontextmanager
async def fake(http: Http, folder: Path) -> AsyncIterator[Stage]:
    def page(title: str) -> Page:
        return Page((Announcement(Paper(title), NOW),), rejects=(Reject("1", "no title"),))

    source = FakeSource("fake:contract", [page("One"), page("Two")])

    async def more() -> None:
        source.add(page("Three"))

    async def fail() -> None:
        source.add(SourceError("fake: unwell"))

    yield Stage(source, more, fail)


STAGES = {stage.__name__: stage for stage in (capture, jsonl, hf_daily, rss, biorxiv, medrxiv, arxiv, fake)}
OPTIONS: dict[str, Mapping[str, Any]] = {
    "capture": {"path": "a.txt"},
    "jsonl": {"path": "a.jsonl"},
    "hf_daily": {},
    "arxiv": {"categories": "cs.CL"},
    "biorxiv": {},
    "medrxiv": {},
    "rss": {"url": "https://journal.example.org/feed"},
}


def make(kind: str, options: Mapping[str, Any], http: Http) -> Source:
    made: Source = source_class(kind)(f"{kind}:contract", options, http)  # type: ignore[call-arg]
    return made


@pytest.fixture(params=STAGES, ids=str)
async def stage(request: pytest.FixtureRequest, http: Http, tmp_path: Path) -> AsyncIterator[Stage]:
    made: AbstractAsyncContextManager[Stage] = STAGES[request.param](http, tmp_path)
    async with made as stage:
        yield stage


async def polled(source: Source, cursor: Cursor) -> list[Page]:
    return [page async for page in source.poll(cursor, NOW)]


def titles(pages: list[Page]) -> list[str]:
    return [told.paper.title for page in pages for told in page.announcements]


def test_every_source_of_the_contents_list_is_held_to_this_contract() -> None:
    assert set(STAGES) == {*CONTENTS, "fake"}


async def test_source_says_what_it_is(stage: Stage) -> None:
    assert stage.source.kind == type(stage.source).__module__.rpartition(".")[2] or stage.source.kind == "fake"
    assert 0 < stage.source.authority < 100
    assert stage.source.name == f"{stage.source.kind}:contract"


async def test_what_is_told_is_whole_folded_and_can_be_stored(stage: Stage) -> None:
    pages = await polled(stage.source, {})
    assert len(titles(pages)) > 1
    assert any(page.rejects for page in pages) or stage.source.kind == "jsonl"
    for page in pages:
        assert json.loads(json.dumps(page.cursor)) == page.cursor
        assert len(page.announcements) <= 256
        for told in page.announcements:
            paper = told.paper
            assert told.announced_at.utcoffset() is not None
            assert told.announced_at <= NOW.replace(hour=23, minute=59, second=59)
            assert json.dumps(told.said, allow_nan=False)
            for text in (paper.title, paper.abstract, *paper.authors):
                assert text == " ".join(text.split())
        for reject in page.rejects:
            assert reject.where
            assert reject.reason
            assert "\n" not in reject.where + reject.reason


async def test_poll_from_the_last_cursor_finds_nothing_until_there_is_more(stage: Stage) -> None:
    cursor = (await polled(stage.source, {}))[-1].cursor
    assert titles(await polled(stage.source, cursor)) == []
    await stage.more()
    later = await polled(stage.source, cursor)
    assert titles(later)
    assert titles(await polled(stage.source, later[-1].cursor)) == []


async def test_poll_from_the_cursor_of_any_page_gives_at_least_what_came_after_it(stage: Stage) -> None:
    pages = await polled(stage.source, {})
    for number, page in enumerate(pages):
        again = titles(await polled(stage.source, page.cursor))
        assert set(titles(pages[number + 1 :])) <= set(again)


async def test_unwell_source_says_so_in_one_line_that_opens_with_its_kind(stage: Stage) -> None:
    cursor = (await polled(stage.source, {}))[-1].cursor
    await stage.fail()
    with pytest.raises(SourceError, match=rf"^{stage.source.kind}: ") as caught:
        await polled(stage.source, cursor)
    assert "\n" not in str(caught.value)
    assert "Traceback" not in str(caught.value)


@pytest.mark.parametrize("kind", sorted(OPTIONS))
def test_unknown_option_is_named_with_those_there_are(kind: str, http: Http) -> None:
    with pytest.raises(SourceError, match=rf"^{kind}: there is no option 'colour'; there are: "):
        make(kind, {**OPTIONS[kind], "colour": "red"}, http)


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("capture", {}, "the option 'path' is missing"),
        ("capture", {"path": ""}, "path is empty"),
        ("capture", {"path": "a", "captured_on": "31.3.2025"}, "is no day: write it as 2025-03-31"),
        ("jsonl", {}, "the option 'path' is missing"),
        ("jsonl", {"path": 7}, "path is empty"),
        ("hf_daily", {"look_back": 99}, "a number of days from 0 to 31"),
        ("hf_daily", {"look_back": "3"}, "a number of days from 0 to 31"),
        ("hf_daily", {"url": "ftp://example.org"}, "no http or https address"),
        ("hf_daily", {"token": "two\nlines"}, "characters that no token has"),
        ("arxiv", {}, "the option 'categories' is missing"),
        ("arxiv", {"categories": " + "}, "names none; write it as cs.CL or cs.CL\\+cs.LG"),
        ("arxiv", {"categories": "cs.CL+biology"}, "'biology' is no category of arXiv"),
        ("arxiv", {"categories": "cs.CL", "form": "json"}, "form is rss or atom"),
        ("arxiv", {"categories": "cs.CL", "back_fill": -1}, "a number of days from 0 to 366"),
        ("arxiv", {"categories": "cs.CL", "reconcile": "maybe"}, "reconcile is 1"),
        ("arxiv", {"categories": "cs.CL", "oai_url": "ftp://example.org"}, "oai_url: .* no http or https address"),
        ("rss", {}, "the option 'url' is missing"),
        ("rss", {"url": "feed.xml"}, "no http or https address"),
        ("rss", {"url": "https://user:secret@example.org/"}, "no http or https address"),
    ],
)
def test_bad_option_is_refused_when_the_source_is_made(
    kind: str, options: dict[str, Any], words: str, http: Http
) -> None:
    with pytest.raises(SourceError, match=rf"^{kind}: .*{words}") as caught:
        make(kind, options, http)
    assert "two\nlines" not in str(caught.value)
