"""Any feed: RSS 0.90 to 2.0, RDF, Atom, CDF, JSON Feed; of journals, preprint servers, blogs.

A poll is one conditional GET, with the validators echoed as they came (RFC 9110 §13.1). What came is read in a worker
process, under limits of time and memory, because a feed can be made to stall or fill whatever reads it.

Where a web page is given in place of its feed, the feed that the page names is asked, through the same door and its
address guard, and kept in the cursor; the page is asked again only when that feed is no more.
"""

import zlib
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any, ClassVar
from urllib.parse import urlsplit

import structlog

from paperlark.http import Http, Validators
from paperlark.model.papers import Cursor, Page, at_midnight
from paperlark.model.problems import SourceError
from paperlark.model.sources import Manners
from paperlark.sources import _jsonfeed
from paperlark.sources._feedlooks import BYTES, GZIP, WebPageError, begins_as_feed
from paperlark.sources._feedworker import FeedWorker
from paperlark.sources._reading import choose, web_link
from paperlark.sources.base import Saved

__all__ = ["Options", "Rss", "looks_like", "parse_saved", "read_saved"]

log = structlog.get_logger()

PAGE = 256  # announcements in one page at most
ACCEPT = (
    "application/atom+xml, application/rss+xml, application/rdf+xml, application/feed+json, "
    "application/xml;q=0.9, text/xml;q=0.8, application/json;q=0.7, text/html;q=0.2, */*;q=0.1"
)
NO_MORE = (404, 410)  # Not Found, Gone


@dataclass(frozen=True, slots=True)
class Options:
    """url: the feed's address, or that of a web page that names its feed."""

    url: str

    def __post_init__(self) -> None:
        if web_link(self.url) is None:
            raise ValueError(f"url: {self.url!r} is no http or https address")


class Rss:
    """Polls one feed.

    The cursor holds the validators of the last answer, the address (`url`) that they belong to, and, where a page was
    given at that address, the one of the `feed` that was taken from it.
    """

    kind: ClassVar[str] = "rss"
    authority: ClassVar[int] = 40

    def __init__(self, name: str, options: Mapping[str, Any], http: Http) -> None:
        self.name = name
        self.options = choose(self.kind, Options, options)
        self._http = http

    async def poll(self, cursor: Cursor, now: datetime) -> AsyncIterator[Page]:
        """The feed's entries, in pages of at most 256; none where the far side says that nothing changed (304).

        A feed without entries is one empty page. Raises SourceError.
        """
        url = self.options.url
        known = cursor if cursor.get("url") == url else {}
        validators = known.get("etag"), known.get("last_modified")
        page = await self._feed_of_page(known["feed"], validators, now) if known.get("feed") else None
        if page is None:
            page = await self._whatever_is_there(url, (None, None) if known.get("feed") else validators, now)
        told = page.announcements
        # The validators come with the last page only: until it is recorded, the feed must be given again.
        while len(told) > PAGE:
            yield Page(told[:PAGE], cursor)
            told = told[PAGE:]
        yield replace(page, announcements=told, cursor=cursor if page.unchanged else {"url": url, **page.cursor})

    async def _whatever_is_there(self, url: str, validators: Validators, now: datetime) -> Page:
        """What is at the address of the source: its feed, or the page that names it."""
        try:
            return await self._taken(url, validators, now)
        except WebPageError as found:
            if found.feed is None:
                raise
            page = await self._taken(found.feed, (None, None), now)
            log.info("found the feed of a page", source=self.name, feed=_without_query(found.feed))
            return replace(page, cursor={**page.cursor, "feed": found.feed})

    async def _feed_of_page(self, feed: str, validators: Validators, now: datetime) -> Page | None:
        """The feed that was found earlier; None where it is no more, so that its page is to be looked at again."""
        try:
            page = await self._taken(feed, validators, now, also=NO_MORE)
        except (WebPageError, _NoMoreError):
            log.info("the feed of a page is no more", source=self.name, feed=_without_query(feed))
            return None
        return replace(page, cursor={**page.cursor, "feed": feed})

    async def _taken(self, address: str, validators: Validators, now: datetime, also: Collection[int] = ()) -> Page:
        """One feed, fetched and read: its page, with the validators for the cursor. `also`: see `_NoMoreError`."""
        answer = await self._http.get(
            address,
            asker=self.kind,
            headers={"Accept": ACCEPT},
            validators=validators,
            also=also,
            max_bytes=BYTES,
        )
        if answer.status in also:
            raise _NoMoreError(f"rss: {self.name}: {answer.status}")
        if answer.not_modified:
            return Page((), unchanged=True, manners=answer.manners)
        page = await worker().read(
            answer.body,
            where=self.name,
            now=now.astimezone(UTC),
            content_type=answer.headers.get("Content-Type", ""),
            address=answer.url,
        )
        etag, last_modified = answer.validators
        return replace(
            page,
            cursor={"etag": etag, "last_modified": last_modified},
            manners=answer.manners | (page.manners or Manners()),
        )


class _NoMoreError(SourceError):
    """The feed that a page named is no longer there: 404 or 410."""


def _without_query(address: str) -> str:
    """An address for a log line: what follows the path may be a secret."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.hostname}{parts.path}"


@cache
def worker() -> FeedWorker:
    """The one process that reads feeds for this one, made when it is first needed."""
    return FeedWorker()


async def read_saved(saved: Saved) -> Page:
    """`parse_saved` in the worker process: under its limits, and without holding the event loop."""
    return await worker().read(saved.body, where=saved.name, now=at_midnight(saved.captured_on))


def parse_saved(saved: Saved) -> Page:
    """The announcements of a saved feed, plain or gzip. Raises SourceError when it is none.

    Here and now, without limits of time and memory: for feeds that are trusted. `read_saved` has them.
    """
    # Imported here: a process whose feeds are read by a child need not hold feedparser and lxml, 10 MB.
    from paperlark.sources._feed import parse

    return parse(saved.body, where=saved.name, now=at_midnight(saved.captured_on))


def looks_like(name: str, head: bytes) -> bool:
    """A feed's first tag at the beginning, or a JSON Feed's version."""
    if head.startswith(GZIP):
        try:
            head = zlib.decompressobj(wbits=31).decompress(head, 16 * 1024)
        except zlib.error:
            return False
    if _jsonfeed.looks_like(head):
        return any(version.encode() in head.replace(b"\\/", b"/") for version in _jsonfeed.VERSIONS)
    return begins_as_feed(head.replace(b"\0", b""))
