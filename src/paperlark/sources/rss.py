"""Any feed: RSS 0.9x to 2.0, RDF, Atom; of journals, preprint servers, blogs.

A poll is one conditional GET, with the validators echoed as they came (RFC 9110 §13.1). What came is read in a worker
process, under limits of time and memory, because a feed can be made to stall or fill whatever reads it.
"""

import re
import zlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any, ClassVar
from urllib.parse import urlsplit

from paperlark.http import Http
from paperlark.model.papers import Cursor, Page, at_midnight
from paperlark.sources._feed import ARXIV_ENTRIES, BYTES, ENTRIES, GZIP, parse
from paperlark.sources._feedworker import FeedWorker
from paperlark.sources._reading import choose, web_link
from paperlark.sources.base import Saved

__all__ = ["Options", "Rss", "looks_like", "parse", "parse_saved", "read_saved"]

PAGE = 256  # announcements in one page at most
ACCEPT = (
    "application/atom+xml, application/rss+xml, application/rdf+xml, application/xml;q=0.9, text/xml;q=0.8, */*;q=0.1"
)
ROOT = re.compile(rb"<(?:rss|(?:\w+:)?RDF|(?:\w+:)?feed|channel)[\s>]")


@dataclass(frozen=True, slots=True)
class Options:
    """url: the feed's address."""

    url: str

    def __post_init__(self) -> None:
        if web_link(self.url) is None:
            raise ValueError(f"url: {self.url!r} is no http or https address")


class Rss:
    """Polls one feed. The cursor holds the validators of the last answer, and the address that they belong to."""

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
        same = cursor.get("url") == url
        answer = await self._http.get(
            url,
            asker=self.kind,
            headers={"Accept": ACCEPT},
            validators=(cursor.get("etag"), cursor.get("last_modified")) if same else None,
            max_bytes=BYTES,
        )
        if answer.not_modified:
            yield Page((), cursor, unchanged=True, manners=answer.manners)
            return
        page = await worker().read(
            answer.body,
            where=self.name,
            now=now.astimezone(UTC),
            limit=entry_limit(url),
            content_type=_type(answer.headers),
        )
        etag, last_modified = answer.validators
        after = {"url": url, "etag": etag, "last_modified": last_modified}
        told = page.announcements
        # The validators come with the last page only: until it is recorded, the feed must be given again.
        while len(told) > PAGE:
            yield Page(told[:PAGE], cursor)
            told = told[PAGE:]
        yield replace(page, announcements=told, cursor=after)


def entry_limit(url: str) -> int:
    """How many entries of a feed are read: arXiv announces a whole day in one."""
    host = urlsplit(url).hostname or ""
    return ARXIV_ENTRIES if host == "arxiv.org" or host.endswith(".arxiv.org") else ENTRIES


def _type(headers: Mapping[str, str]) -> str:
    return headers.get("Content-Type", "")


@cache
def worker() -> FeedWorker:
    """The one process that reads feeds for this one, made when it is first needed."""
    return FeedWorker()


async def read_saved(saved: Saved) -> Page:
    """`parse_saved` in the worker process: under its limits, and without holding the event loop."""
    return await worker().read(saved.body, where=saved.name, now=at_midnight(saved.captured_on), limit=ARXIV_ENTRIES)


def parse_saved(saved: Saved) -> Page:
    """The announcements of a saved feed, plain or gzip. Raises SourceError when it is none.

    Here and now, without limits of time and memory: for feeds that are trusted. `read_saved` has them.
    """
    return parse(saved.body, where=saved.name, now=at_midnight(saved.captured_on), limit=ARXIV_ENTRIES)


def looks_like(name: str, head: bytes) -> bool:
    """A feed's root element near the beginning."""
    if head.startswith(GZIP):
        try:
            head = zlib.decompressobj(wbits=31).decompress(head, 16 * 1024)
        except zlib.error:
            return False
    start = head[: 16 * 1024].replace(b"\0", b"")
    return start.lstrip(b"\xef\xbb\xbf\xfe\xff \t\r\n").startswith(b"<") and ROOT.search(start) is not None
