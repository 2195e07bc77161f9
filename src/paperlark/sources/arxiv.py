"""arXiv, as it announces: the RSS or Atom feed of one category or several, and what proves that nothing is missing.

A poll is one conditional GET of the feed. Only where that brought a new day, more is asked, never sooner than arXiv's
etiquette allows (one request every three seconds over all its hosts, kept by `http`):

1. The feed's entries are announced at once, in its order.
2. The listing page of each category says how many entries the day has. What the feed lacked is wanted too; a feed that
   did not roll over, or serves yesterday again, is made good by it.
3. The API tells, a hundred ids at a time, what the feed omits: comment, journal, DOI, first submission. What it does
   not know yet stays in the cursor and is asked for again.
4. Days that were missed in an outage are harvested over OAI-PMH.

Nothing waits for 2, 3 and 4, and where they fail the feed's word stands. https://info.arxiv.org/help/rss.html,
https://info.arxiv.org/help/api/index.html, https://info.arxiv.org/help/api/tou.html
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from paperlark.http import Http
from paperlark.model.papers import Completeness, Cursor, Page, at_midnight
from paperlark.model.problems import SourceError
from paperlark.model.sources import Expected
from paperlark.sources import _arxiv_calendar as calendar
from paperlark.sources._arxiv_bookmark import read_bookmark
from paperlark.sources._arxiv_feed import BYTES, read
from paperlark.sources._arxiv_options import Options
from paperlark.sources._arxiv_poll import Poll, announcements, first, is_quiet
from paperlark.sources._reading import choose
from paperlark.sources.base import Saved

__all__ = ["Arxiv", "Options", "looks_like", "parse", "parse_saved"]

HOMES = (b"//rss.arxiv.org/", b"//arxiv.org/api/", b"//export.arxiv.org/")
ROOT = re.compile(rb"<(?:rss|feed)[\s>]")


class Arxiv:
    """Polls the feed of some categories, and what goes with it. The cursor is a `Bookmark`."""

    kind: ClassVar[str] = "arxiv"
    authority: ClassVar[int] = 90

    def __init__(self, name: str, options: Mapping[str, Any], http: Http) -> None:
        self.name = name
        self.options = choose(self.kind, Options, options)
        self._http = http

    def expected(self, now: datetime) -> Expected:
        """What arXiv's calendar says should be there, some hours after the feed should have rolled over."""
        return calendar.expected(now)

    async def poll(self, cursor: Cursor, now: datetime) -> AsyncIterator[Page]:
        """What is new since `cursor`, in pages of at most 256 announcements.

        Raises SourceError when the feed is unwell, or the back-fill of a first poll. What fails beside the feed is
        logged, stays in the cursor, and is asked for again at a later poll.
        """
        mark = read_bookmark(cursor, self.options.feed)
        if not cursor and self.options.back_fill:
            mark = replace(mark, fill=calendar.today(now) - timedelta(days=self.options.back_fill))
        answer = await self._http.get(
            self.options.feed, asker=self.kind, also=(400,), validators=mark.validators, max_bytes=BYTES
        )
        poll = Poll(self.options, self._http, mark, now, answer.manners)
        if answer.not_modified:
            yield poll.page()
        else:
            feed = await asyncio.to_thread(read, answer.body, where=self.name)
            if answer.status == 400 or feed.total is not None:
                raise SourceError(f"arxiv: {self.name}: the answer (HTTP {answer.status}) is no feed of announcements")
            for page in poll.announce(feed, *answer.validators):
                yield page
        async for page in poll.back_fill():
            yield page
        async for page in poll.make_whole():
            yield page


def parse(body: bytes, *, where: str, now: datetime) -> Page:
    """The page of one answer, of the feed or of the API. now: no announcement is later.

    The feed's entries are told as it announces them; the API's as first submitted. Raises SourceError.
    """
    feed = read(body, where=where)
    if feed.total is not None:
        return Page(tuple(first(entry, None, now) for entry in feed.entries), rejects=feed.rejects)
    day = feed.day or calendar.today(now)
    end_of_day = calendar.rolls_at(day + calendar.ONE_DAY)
    stated = Completeness(day, quiet=is_quiet(feed, day, end_of_day))
    return Page(tuple(announcements(feed, day, now)), rejects=feed.rejects, stated=stated)


def looks_like(name: str, head: bytes) -> bool:
    """A feed's root element, and an address of arXiv's own where a feed says what it is."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    return (
        start.startswith(b"<") and ROOT.search(head[:4096]) is not None and any(home in head[:4096] for home in HOMES)
    )


def parse_saved(saved: Saved) -> Page:
    """A saved feed or answer of the API. Raises SourceError when it is neither."""
    return parse(saved.body, where=saved.name, now=at_midnight(saved.captured_on + calendar.ONE_DAY))
