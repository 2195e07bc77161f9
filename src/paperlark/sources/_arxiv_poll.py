"""One poll of arXiv under way: what the feed told, and what makes its day whole.

Each step asks, tells what came in pages, and moves the bookmark; nothing else is kept, so that a poll which is killed
goes on from its last page. The feed is the only thing that must answer.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import structlog

from paperlark.http import Http
from paperlark.model.papers import Announcement, Completeness, Page, Reject
from paperlark.model.problems import SourceError
from paperlark.model.sources import Manners
from paperlark.sources import _arxiv_calendar as calendar
from paperlark.sources import _arxiv_listing as listings
from paperlark.sources import _arxiv_oai as oai
from paperlark.sources._arxiv_api import BATCH, by_ids, submitted_on
from paperlark.sources._arxiv_bookmark import PATIENCE, Bookmark, Wanted, id_of
from paperlark.sources._arxiv_feed import Entry, Feed, tell
from paperlark.sources._arxiv_options import Options

log = structlog.get_logger()

PAGE = 256  # announcements in one page at most
AGAIN = timedelta(hours=3)  # before what failed beside the feed, or was not there yet, is asked for again
LISTED_AT_ONCE = 2_000  # entries of one listing page
LISTING_PAGES = 5  # of one category on one day at most
RANK = {"new": 0, "cross": 1, "replace": 2}  # a paper in several listings is told by the first of these


class Poll:
    """One poll: where it stands (`mark`), and what the feed said in it."""

    def __init__(self, options: Options, http: Http, mark: Bookmark, now: datetime, manners: Manners) -> None:
        self._options = options
        self._http = http
        self._mark = mark
        self._now = now
        self._today = calendar.today(now)
        self._manners = manners
        self._said: dict[str, Mapping[str, Any]] = {}
        self._fresh = False  # this poll brought what was not known before

    def page(
        self,
        announcements: Iterable[Announcement] = (),
        rejects: tuple[Reject, ...] = (),
        *,
        stated: Completeness | None = None,
        unchanged: bool | None = None,
    ) -> Page:
        """A page, with the cursor as the poll stands now. Where nothing else is said, telling nothing is no news."""
        told = tuple(announcements)
        unchanged = not told and not rejects if unchanged is None else unchanged
        return Page(told, self._mark.cursor, rejects, stated, unchanged, self._when_again())

    def _when_again(self) -> Manners:
        """The feed stays good until midnight, it says; but a day may come late or be repaired. So that counts only once
        the day is whole."""
        mark, newest = self._mark, calendar.latest(self._today)
        whole = mark.day == newest and not mark.wanted and (mark.listed == newest or not self._options.reconcile)
        return self._manners if whole else replace(self._manners, fresh_for=None)

    # ── the feed ─────────────────────────────────────────────────────────────────────────────────────────────────

    def announce(self, feed: Feed, etag: str | None, last_modified: str | None) -> Iterator[Page]:
        """The feed in pages. The bookmark moves with the last one: until it is recorded, the feed is to be given again.

        A feed whose every entry was told under an earlier day is that day served again: it begins no new one.
        """
        self._manners |= Manners(skip_days=feed.skip_days)
        day = feed.day or self._today
        told = list(announcements(feed, day, self._now))
        while len(told) > PAGE:
            yield self.page(told[:PAGE])
            told = told[PAGE:]
        if feed.entries and not self._is_served_again(feed, day):
            self._take_in(feed, day)
        quiet = is_quiet(feed, day, self._now)
        if feed.entries or quiet:
            self._mark = replace(self._mark, etag=etag, last_modified=last_modified)
        count = None if quiet else len(feed.entries) + len(feed.rejects)
        stated = Completeness(day, quiet=quiet, told=count)
        yield self.page(told, feed.rejects, stated=stated, unchanged=False)

    def _is_served_again(self, feed: Feed, day: date) -> bool:
        last = self._mark.day
        return last is not None and day != last and (day < last or {e.name for e in feed.entries} <= {*self._mark.told})

    def _take_in(self, feed: Feed, day: date) -> None:
        if day != self._mark.day:
            self._mark = self._mark.on(day)
            if not calendar.is_known(day.year):
                log.warning("arXiv's holidays of this year are not known here, but for two", year=day.year)
        known = set(self._mark.told)
        new = [entry for entry in feed.entries if entry.name not in known]
        self._fresh = bool(new)
        self._said = {entry.name: entry.said for entry in new}
        wanted = [Wanted(entry.name, entry.type or "new", day) for entry in new]
        self._mark = self._mark.telling(entry.name for entry in new).wanting(wanted, self._today)

    # ── the days before the first poll ───────────────────────────────────────────────────────────────────────────

    async def back_fill(self) -> AsyncIterator[Page]:
        """Each day's first submissions, by the API. The bookmark moves on with each day. Raises SourceError."""
        while (day := self._mark.fill) is not None:
            async for found in submitted_on(self._http, self._options.api_url, self._options.names, day):
                told = [first(entry, self._options, self._now) for entry in found.entries]
                yield self.page(told[:PAGE], found.rejects)
                yield self.page(told[PAGE:])
            following = day + timedelta(days=1)
            self._mark = replace(self._mark, fill=following if following < self._today else None)
            yield self.page()

    # ── what makes a day whole ───────────────────────────────────────────────────────────────────────────────────

    async def make_whole(self) -> AsyncIterator[Page]:
        """Listing, details, missed days. What fails is logged, and asked again at a poll some hours later; where arXiv
        asks to wait, nothing else is asked in this poll."""
        waiting = self._mark.again_at is not None and self._now < self._mark.again_at
        if waiting and not self._fresh:
            return
        self._mark = replace(self._mark, again_at=None)
        for step in (self._reconcile, self._describe, self._catch_up):
            try:
                async for page in step():
                    yield page
            except SourceError as problem:
                log.warning("the feed answers, but not all that goes with it", reason=str(problem))
                self._mark = replace(self._mark, again_at=self._now + AGAIN)
                yield replace(self.page(), manners=replace(self._manners, fresh_for=problem.retry_after))
                if problem.retry_after is not None:
                    return

    async def _reconcile(self) -> AsyncIterator[Page]:
        """Compare the newest day with the listings; what the feed lacked is wanted. In time: once the feed has rolled,
        or should have, and before the listings turn to the next day."""
        day = calendar.latest(self._today)
        late = self._now >= calendar.rolls_at(day) + calendar.GRACE
        passed = self._now >= calendar.announced_at(calendar.following(day))
        if not self._options.reconcile or self._mark.listed == day or passed or not (self._mark.day == day or late):
            return
        types: dict[str, str] = {}
        for category in self._options.names:
            found = await self._listing(category)
            if found.day != day:
                # Where the feed has nothing either, the day was deferred: by arXiv's own word, it is a quiet one.
                deferred = found.day < day and self._mark.day != day
                self._mark = replace(self._mark, again_at=self._now + AGAIN)
                yield self.page(stated=Completeness(day, quiet=True) if deferred else None)
                return
            for entry in found.entries:
                name = entry.alias.value
                types[name] = min(types.get(name, entry.type), entry.type, key=RANK.__getitem__)
        if self._mark.day != day:
            self._mark = self._mark.on(day)
        told = {id_of(name) for name in self._mark.told}
        lacking = [Wanted(name, type, day) for name, type in types.items() if name not in told]
        self._mark = replace(self._mark, listed=day, expected=len(types)).wanting(lacking, self._today)
        yield self.page(stated=self._completeness())

    async def _listing(self, category: str) -> listings.Listing:
        """A category's listing, all its pages in one. Raises SourceError, also when it shows fewer than it has."""
        shown, entries = 0, list[listings.Entry]()
        for _ in range(LISTING_PAGES):
            url = f"{self._options.list_url}/{category}/new?skip={shown}&show={LISTED_AT_ONCE}"
            answer = await self._http.get(url, asker="arxiv", max_bytes=listings.BYTES)
            found = await asyncio.to_thread(listings.parse, answer.body, where=f"listing of {category}")
            shown += found.shown
            entries += found.entries
            if not found.shown or shown >= found.total:
                break
        if shown < found.total:
            raise SourceError(f"arxiv: listing of {category}: it shows {shown} of its {found.total} entries")
        return listings.Listing(found.day, shown, found.total, tuple(entries))

    async def _describe(self) -> AsyncIterator[Page]:
        """Ask the API about what is wanted, a batch at a time. What it does not know yet stays wanted."""
        wanted = self._mark.wanted
        for start in range(0, len(wanted), BATCH):
            batch = wanted[start : start + BATCH]
            answer = await by_ids(self._http, self._options.api_url, [one.name for one in batch])
            found = {entry.id.alias.value: entry for entry in answer.entries}
            pairs = [(one, found[id_of(one.name)]) for one in batch if id_of(one.name) in found]
            pairs = [(one, entry) for one, entry in pairs if not _lags(one, entry)]
            told = [told for one, entry in pairs for told in self._described(one, entry)]
            done = {one.name for one, _ in pairs}
            newly = [entry.name for one, entry in pairs if one.untold and one.day == self._mark.day]
            left = tuple(one for one in self._mark.wanted if one.name not in done)
            more = start + BATCH < len(wanted)
            again_at = self._now + AGAIN if left and not more else self._mark.again_at
            self._mark = replace(self._mark, wanted=left, again_at=again_at).telling(newly)
            yield self.page(told, answer.rejects, stated=self._completeness())

    def _described(self, wanted: Wanted, entry: Entry) -> Iterator[Announcement]:
        type = wanted.type
        if wanted.untold and type == "replace" and not self._options.among((entry.paper.categories or ("",))[0]):
            type = "replace-cross"
        said = {**self._said.get(wanted.name, {}), **entry.said}
        at = min(calendar.rolls_at(wanted.day), self._now)
        return tell(entry, type=type, at=at, said=said)

    def _completeness(self) -> Completeness | None:
        """How much of its newest day the source has told, where the listings said how much there is."""
        mark = self._mark
        return None if mark.expected is None else Completeness(mark.day, mark.expected, told=mark.complete)

    async def _catch_up(self) -> AsyncIterator[Page]:
        """The days that were missed, over OAI-PMH: all that changed since, up to today, because a paper that changed
        again later is listed under its last day. Of several versions since, it is the newest that is told."""
        gap = self._mark.gap
        if gap is None:
            return
        if self._today - gap[1] > PATIENCE:
            log.warning("missed days of arXiv are given up", since=str(gap[0]), until=str(gap[1]))
            self._mark = replace(self._mark, gap=None, harvest={})
            yield self.page()
            return
        pages = oai.harvest(
            self._http,
            self._options.oai_url,
            prefix="arXivRaw",
            sets=[oai.set_of(name) for name in self._options.names],
            since=gap[0],
            until=self._today,
            now=self._now,
            cursor=self._mark.harvest,
        )
        async for page in pages:
            done = oai.finished(page.cursor)
            self._mark = replace(self._mark, gap=None if done else gap, harvest={} if done else page.cursor)
            yield self.page(page.announcements, page.rejects)


def _lags(wanted: Wanted, entry: Entry) -> bool:
    """The API still tells of an older version than was announced."""
    if wanted.untold:
        return wanted.type == "replace" and entry.version == 1
    return entry.name != wanted.name


def announcements(feed: Feed, day: date, now: datetime) -> Iterator[Announcement]:
    """What a feed of announcements tells."""
    for entry in feed.entries:
        at = entry.at or calendar.rolls_at(day)
        yield from tell(entry, type=entry.type or "new", at=min(at, now))


def first(entry: Entry, options: Options | None, now: datetime) -> Announcement:
    """What an answer of the API tells of a paper: that it was submitted, however often it was replaced since."""
    primary = entry.paper.categories[0] if entry.paper.categories else ""
    type = "new" if options is None or options.among(primary) else "cross"
    return next(tell(entry, type=type, at=min(entry.at or now, now)))


def is_quiet(feed: Feed, day: date, now: datetime) -> bool:
    """A feed without entries where none are due: by its own `skipDays`, by the calendar, or not yet."""
    if feed.entries or feed.rejects:
        return False
    by_calendar = not calendar.is_due(day) or now < calendar.rolls_at(day) + calendar.GRACE
    return by_calendar or day.weekday() in feed.skip_days
