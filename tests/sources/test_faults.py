"""What every source that asks the network keeps to when the far side is unwell. A new adapter joins with one function
in `FARS`: the site that plays its far side, and the options that lead a source there."""

import asyncio
import copy
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from paperlark.adapters import source_class
from paperlark.http import HostPace, Http
from paperlark.model.papers import Cursor, Page
from paperlark.model.problems import SourceError
from paperlark.sources import CONTENTS
from paperlark.sources.base import Source
from paperlark.testing.arxiv_site import ArxivSite, Submission
from paperlark.testing.biorxiv_site import BiorxivSite, post, publication
from paperlark.testing.sites import HuggingFace, Reply, Site

NOW = datetime(2025, 11, 5, 12, 0, tzinfo=UTC)
TODAY = NOW.date()
SECRET = "hush-hush-4711"
READS_FILES = {"capture", "jsonl"}


@dataclass
class Far:
    """A far side that is well, and the options of a source for it.

    asks: how many requests a poll makes before it has a page to stand on; what comes after them may fail.
    """

    site: Site
    options: Callable[[str], Mapping[str, Any]]
    asks: int = 1


def hf_daily() -> Far:
    def record(number: int) -> dict[str, Any]:
        return {"paper": {"id": f"2511.{number:05}", "title": f"Paper {number}", "upvotes": number}, "numComments": 0}

    days = {date(2025, 11, day): [record(day * 100 + number) for number in range(3)] for day in range(2, 6)}
    site = HuggingFace(days, today=TODAY)
    return Far(site, lambda url: {"url": url + site.PATH, "token": SECRET}, asks=2)


def rss() -> Far:
    entries = "".join(f"<item><title>Paper {number}</title></item>" for number in range(3))
    body = f'<?xml version="1.0"?><rss version="2.0"><channel>{entries}</channel></rss>'.encode()
    site = Site()
    site.answers("/feed", Reply(body, headers={"ETag": '"1"'}))
    return Far(site, lambda url: {"url": f"{url}/feed?token={SECRET}"})


def arxiv() -> Far:
    site = ArxivSite(lambda: NOW)
    site.announce(TODAY, *(Submission(f"2511.{number:05}", f"Paper {number}") for number in range(3)))
    return Far(site, lambda _: {"categories": "cs.CL", **site.addresses})


def biorxiv(kind: str = "biorxiv") -> Far:
    posts = [post(f"10.1101/{day:06}", date(2025, 11, day)) for day in range(2, 6)]
    published = [publication("10.1101/000900", "10.1234/900", date(2025, 11, 1))]
    return Far(BiorxivSite(posts, published, server=kind), lambda url: {"url": url}, asks=2)


def medrxiv() -> Far:
    return biorxiv("medrxiv")


FARS = {far.__name__: far for far in (hf_daily, rss, arxiv, biorxiv, medrxiv)}


class Troubled(Site):
    """A site that answers as another would, until it is in trouble: then, after some answers more, as the trouble."""

    def __init__(self, well: Site) -> None:
        super().__init__()
        self._well = well
        self._trouble: Callable[[Reply], Reply] | None = None
        self._spared = 0

    async def open(self) -> None:
        """Listen; whoever asks the other site's address comes here."""
        await super().open()
        self._well.url = self.url

    def begin(self, trouble: Callable[[Reply], Reply], *, spared: int = 0) -> None:
        """From now on, but for so many answers, what the other site says becomes this."""
        self._trouble, self._spared = trouble, spared

    def end(self) -> None:
        """Well again."""
        self._trouble = None

    def reply_to(self, request: web.Request) -> Reply:
        """What the other site would say, or what the trouble makes of it."""
        reply = self._well.reply_to(request)
        if self._trouble is None:
            return reply
        self._spared -= 1
        return reply if self._spared >= 0 else self._trouble(reply)


@dataclass
class Play:
    """A source in front of its far side, with what its far side may do to it."""

    source: Source
    site: Troubled
    far: Far
    pages: list[Page] = field(default_factory=list)

    async def poll(self, cursor: Cursor) -> list[str]:
        """Poll; `pages` are those that were yielded, also where the poll fails. Returns their titles."""
        self.pages = []
        async for page in self.source.poll(cursor, NOW):
            self.pages.append(page)
        return self.titles

    @property
    def titles(self) -> list[str]:
        """Of what was announced by the last poll."""
        return [told.paper.title for page in self.pages for told in page.announcements]


@asynccontextmanager
async def playing(kind: str, timeout: float = 20) -> AsyncIterator[Play]:  # noqa: ASYNC109 - what the door is given
    far = FARS[kind]()
    door = Http("tests", HostPace(), seconds_apart=0, lanes={}, allow_private=True, timeout=timeout)
    async with Troubled(far.site) as site, door as http:
        source = source_class(kind)(f"{kind}:faults", far.options(site.url), http)  # type: ignore[call-arg]
        yield Play(source, site, far)


async def fails(play: Play, cursor: Cursor) -> SourceError:
    """The error of a poll: of the kind that was promised, in one plain line, without a secret in it or in the log."""
    before = copy.deepcopy(cursor)
    with capture_logs() as lines, pytest.raises(SourceError) as caught:
        await play.poll(cursor)
    line = str(caught.value)
    assert line.startswith(f"{play.source.kind}: ")
    assert re.fullmatch(r"[^\n<{]{10,300}", line), line
    assert "Traceback" not in line
    assert SECRET not in line + str(lines)
    assert cursor == before
    return caught.value


REFUSALS: dict[str, tuple[Reply, str, timedelta | None, bool]] = {
    "429": (
        Reply(b"", 429, {"Retry-After": "90"}),
        "429 Too Many Requests, asks to wait 90 s",
        timedelta(seconds=90),
        False,
    ),
    "429 by its rate limit": (
        Reply(b"", 429, {"RateLimit": '"api";r=0;t=137'}),
        "429 Too Many Requests, asks to wait 2 min",
        timedelta(seconds=137),
        False,
    ),
    "403": (Reply(b"<html>No robots</html>", 403), "403 Forbidden", None, False),
    "404": (Reply(b"<html>Nothing</html>", 404), "404 Not Found", None, False),
    "410": (Reply(b"", 410), "410 Gone", None, True),
    "500": (Reply(b"<html>oops</html>", 500), "500 Internal Server Error", None, False),
    "502": (Reply(b"", 502), "502 Bad Gateway", None, False),
    "503": (
        Reply(b"", 503, {"Retry-After": "Wed, 05 Nov 2025 12:05:00 GMT", "Date": "Wed, 05 Nov 2025 12:00:00 GMT"}),
        "503 Service Unavailable, asks to wait 5 min",
        timedelta(minutes=5),
        False,
    ),
    "a circle": (Reply(b"", 302, {"Location": f"?token={SECRET}"}), "more than 3 redirects", None, False),
}


def instead(reply: Reply, _: Reply) -> Reply:
    """One reply in place of the other."""
    return reply


def test_every_source_that_asks_the_network_is_held_to_this_contract() -> None:
    assert set(FARS) == set(CONTENTS) - READS_FILES


@pytest.mark.parametrize("trouble", REFUSALS)
@pytest.mark.parametrize("kind", FARS)
async def test_a_refusal_names_its_host_and_its_wait(kind: str, trouble: str) -> None:
    reply, words, wait, gone = REFUSALS[trouble]
    async with playing(kind) as play:
        play.site.begin(lambda _: reply)
        error = await fails(play, {})
    assert f"127.0.0.1: {words}" in str(error)
    assert error.asked_to_wait is (reply.status == 429)
    assert (error.retry_after, error.gone, play.titles) == (wait, gone, [])


DAMAGES: dict[str, tuple[Callable[[Reply], Reply], str]] = {
    "cut": (lambda reply: replace(reply, headers={}, cut_after=len(reply.body) // 2), "the answer broke off"),
    "cut at once": (lambda reply: replace(reply, headers={}, cut_after=0), "the answer broke off"),
    "no gzip": (lambda reply: replace(reply, headers={"Content-Encoding": "gzip"}), "packing of its answer is damaged"),
    "layers": (lambda reply: replace(reply, headers={"Content-Encoding": "gzip, gzip"}), "which nobody asked for"),
}


@pytest.mark.parametrize("trouble", DAMAGES)
@pytest.mark.parametrize("kind", FARS)
async def test_an_answer_that_breaks_on_its_way_names_its_host(kind: str, trouble: str) -> None:
    damage, words = DAMAGES[trouble]
    async with playing(kind) as play:
        play.site.begin(damage)
        error = await fails(play, {})
    assert "127.0.0.1: " in str(error)
    assert words in str(error)
    assert (error.retry_after, error.gone, play.titles) == (None, False, [])


@pytest.mark.parametrize("kind", FARS)
async def test_an_answer_that_takes_too_long_is_given_up(kind: str) -> None:
    async with playing(kind, timeout=0.3) as play:
        play.site.begin(lambda reply: replace(reply, pause=5))
        began = asyncio.get_running_loop().time()
        error = await fails(play, {})
        assert asyncio.get_running_loop().time() - began < 4
    assert "127.0.0.1: no whole answer within 0.3 s" in str(error)


WRONG = {
    "a web page": Reply(b"<!DOCTYPE html><html><body><p>Down for a while</p></body></html>", content_type="text/html"),
    "a picture": Reply(b"\x89PNG\r\n\x1a\n" + bytes(range(256)), content_type="image/png"),
    "other JSON": Reply(b'{"hello": ["world"]}', content_type="application/json"),
    "other XML": Reply(b'<?xml version="1.0"?><opml version="2.0"><body/></opml>'),
    "a word": Reply(b"OK", content_type="text/plain"),
    "nothing": Reply(b""),
    "white space": Reply(b" \r\n\t "),
}


@pytest.mark.parametrize("trouble", WRONG)
@pytest.mark.parametrize("kind", FARS)
async def test_an_answer_that_is_something_else_is_a_failure_and_no_quiet_day(kind: str, trouble: str) -> None:
    async with playing(kind) as play:
        play.site.begin(lambda _: WRONG[trouble])
        error = await fails(play, {})
    assert (error.retry_after, error.gone, play.titles) == (None, False, [])


@pytest.mark.parametrize("kind", FARS)
async def test_nothing_changed_is_told_apart_from_nothing_there(kind: str) -> None:
    async with playing(kind) as play:
        assert await play.poll({})
        cursor = play.pages[-1].cursor
        play.site.begin(lambda _: Reply(status=304))
        assert await play.poll(cursor) == []
        assert all(page.unchanged for page in play.pages)
        assert not any(page.rejects for page in play.pages)


@pytest.mark.parametrize("kind", FARS)
async def test_what_was_yielded_before_a_fault_stands_and_the_rest_comes_after_it(kind: str) -> None:
    async with playing(kind) as play:
        everything = await play.poll({})
        asks = play.far.asks
        play.site.begin(lambda _: Reply(b"", 503, {"Retry-After": "90"}), spared=asks if asks > 1 else 0)
        error = await fails(play, {})
        assert error.retry_after == timedelta(seconds=90)
        stands = play.titles
        assert (stands != []) is (asks > 1)
        cursor = play.pages[-1].cursor if play.pages else {}
        play.site.end()
        assert {*stands, *await play.poll(cursor)} == set(everything)


@pytest.mark.parametrize("kind", FARS)
async def test_a_source_that_was_unwell_is_well_again_by_itself(kind: str) -> None:
    async with playing(kind) as play:
        everything = await play.poll({})
        for reply in (*(refusal[0] for refusal in REFUSALS.values()), *WRONG.values()):
            play.site.begin(partial(instead, reply))
            await fails(play, {})
        play.site.end()
        assert await play.poll({}) == everything
