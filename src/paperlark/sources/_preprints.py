"""Polling bioRxiv and medRxiv, day by day: `GET /details/{server}/{day}/{day}/{offset}/json` and `GET /pubs/…`.

Pages are as long as the server makes them (30 records now, 100 for `pubs`), and the next one begins after the records
that were given: a step of any other length is answered with 200 and leaves records out. What a day holds is checked
against the `total` that the server states. https://api.biorxiv.org/

Days are those of posting. A list grows during its day and rarely afterwards, so each poll asks for the first page of
today and of the days before it, and reads on only where that page has changed; from there all later days are read
again too, so that the last word on a preprint is that of its highest version. After an outage every missed day is read.

A journal's DOI is found weeks or years after the posting, when `details` of that day is long behind us: once a day
`pubs` is asked for what journals published lately.
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote

from paperlark.http import Answer, Http
from paperlark.model.papers import Completeness, Cursor, Page, at_midnight
from paperlark.model.problems import SourceError
from paperlark.model.sources import Expected, Manners
from paperlark.sources._preprint_record import Told, day_in, read_answer, read_publications, read_versions, slug
from paperlark.sources._reading import choose, web_link

AUTHORITY = 80
PAGE = 256  # announcements in one of our pages
PAGES = 300  # answers to one list: far above what a day holds, so that a server without an end cannot hold us
CATCH_UP = timedelta(days=92)  # the longest outage whose days are all read
INDEXED_WITHIN = timedelta(
    days=1
)  # after its end, UTC, a day's first posts are there; generous, for nothing is promised
SPARSE = timedelta(days=14)  # in which a category, however small, has a post

ENVELOPE = re.compile(rb'\s*\{\s*"(?:messages|collection)"\s*:\s*\[')
SERVER = re.compile(rb'"(?:server|preprint_platform)"\s*:\s*"(biorxiv|medrxiv)"', re.IGNORECASE)

HOLIDAYS = frozenset({(1, 1), (7, 4), (12, 24), (12, 25), (12, 26), (12, 31)})  # of those who screen the posts


@dataclass(frozen=True, slots=True)
class Options:
    """What an operator may choose.

    category: one of the server's own ("cell biology"), or all. look_back: how many days before today each poll asks
    for. journals: how many days back journals' publications are asked for, once a day; 0 is never.
    """

    category: str = ""
    look_back: int = 3
    journals: int = 14
    url: str = "https://api.biorxiv.org"

    def __post_init__(self) -> None:
        if not isinstance(self.category, str):
            raise ValueError("category is a text")
        for name, most in (("look_back", 31), ("journals", 92)):
            days = getattr(self, name)
            if type(days) is not int or not 0 <= days <= most:
                raise ValueError(f"{name} is a number of days from 0 to {most}")
        if web_link(self.url) is None:
            raise ValueError(f"url: {self.url!r} is no http or https address")
        object.__setattr__(self, "category", slug(self.category))
        object.__setattr__(self, "url", self.url.rstrip("/"))


@dataclass(frozen=True, slots=True)
class Listing:
    """All records of one list that the server gave, how many it says there are, and what to know the list by again."""

    records: tuple[Any, ...]
    total: int | None
    seen: Mapping[str, Any]
    manners: Manners


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A list is as it was."""

    manners: Manners


class Preprints:
    """One of the two servers. The cursor holds what to know each day of the look-back by, and when `pubs` was asked."""

    kind: ClassVar[str]
    authority: ClassVar[int] = AUTHORITY

    def __init__(self, name: str, options: Mapping[str, Any], http: Http) -> None:
        self.name = name
        self.options = choose(self.kind, Options, options)
        self._http = http

    def expected(self, now: datetime) -> Expected:
        """What should be there at `now`.

        Both servers post on every day of the week, few at weekends; only weekdays other than holidays are counted on.
        A day is due a day after its end. A category may be silent for long: two weeks are left to it.
        """
        today = now.astimezone(UTC).date()
        patience = SPARSE if self.options.category else timedelta()
        day = today
        while not _counted_on(day) or _due_at(day) + patience > now:
            day -= timedelta(days=1)
        following = day + timedelta(days=1)
        while not _counted_on(following):
            following += timedelta(days=1)
        due_at, next_at = _due_at(day) + patience, _due_at(following) + patience
        return Expected(day, due_at, next_at, quiet=not _counted_on(today))

    async def poll(self, cursor: Cursor, now: datetime) -> AsyncIterator[Page]:
        """The days of the look-back, the oldest first, then what journals published; a page holds one day at most.

        Raises SourceError.
        """
        today = now.astimezone(UTC).date()
        known, journals = _days(cursor), cursor.get("journals")
        days = _window(known, today, self.options.look_back)
        known = {day: seen for day, seen in known.items() if day in days}
        for day in days:
            found = await self._list(
                f"details/{self.kind}/{day}/{day}",
                str(day),
                seen=known.get(day),
                category=self.options.category,
            )
            if isinstance(found, Unchanged):
                yield Page((), _cursor(known, journals), unchanged=True, manners=found.manners)
                continue
            # Later days are as good as unknown now: their higher versions must have the last word again.
            known = {earlier: seen for earlier, seen in known.items() if earlier < day}
            told = await asyncio.to_thread(read_versions, found.records, kind=self.kind, where=str(day), day=day)
            after = known | {day: found.seen}
            for bite, last in _bites(told):
                yield Page(
                    bite.announcements,
                    _cursor(after if last else known, journals),
                    bite.rejects,
                    self._stated(day, found),
                    unchanged=not found.records and _due_at(day) > now,  # none yet is no news
                    manners=found.manners,
                )
            known = after
        if self.options.journals and journals != str(today):
            # Not filtered by the server: it cannot, here.
            since = today - timedelta(days=self.options.journals)
            where = f"publications since {since}"
            found = await self._list(f"pubs/{self.kind}/{since}/{today}", where)
            if isinstance(found, Unchanged):
                return
            told = await asyncio.to_thread(
                read_publications, found.records, kind=self.kind, where=where, category=self.options.category
            )
            for bite, last in _bites(told):
                yield Page(
                    bite.announcements,
                    _cursor(known, str(today) if last else journals),
                    bite.rejects,
                    unchanged=not told.announcements,
                    manners=found.manners,
                )

    def _stated(self, day: date, found: Listing) -> Completeness:
        """A weekday without posts is not quiet; a weekend's is, and that of a category, by the server's own word."""
        quiet = not found.records and bool(self.options.category or not _counted_on(day))
        expected = 0 if not found.records and found.total is None else found.total
        return Completeness(day, expected, quiet, told=len(found.records))

    async def _list(
        self, path: str, where: str, *, seen: Mapping[str, Any] | None = None, category: str = ""
    ) -> Listing | Unchanged:
        """Every record of a list, page after page; Unchanged where its first page is as it was `seen`.

        Raises SourceError.
        """
        filtered = f"?category={quote(category)}" if category else ""
        records: dict[str, Any] = {}
        remembered: dict[str, Any] = {}
        manners, total, offset = Manners(), None, 0
        for number in range(PAGES):
            answer = await self._ask(f"/{path}/{offset}/json{filtered}", seen if number == 0 else None)
            manners = answer.manners
            if number == 0:
                stamp = hashlib.blake2b(answer.body, digest_size=8).hexdigest()
                if answer.not_modified or (seen and seen.get("stamp") == stamp):
                    return Unchanged(manners)
                etag, last_modified = answer.validators
                remembered = {"stamp": stamp, "etag": etag, "last_modified": last_modified}
            page = await asyncio.to_thread(read_answer, answer.body, kind=self.kind, where=where)
            if page.records and category and page.category == "all":
                # What it does not know it leaves out of account, and gives everything.
                raise SourceError(f"{self.kind}: the server knows no category {category!r}")
            if page.records:  # past the end it states a total of 0
                total = page.total
            before = len(records)
            records |= {_name(record): record for record in page.records}
            offset += len(page.records)
            if len(records) == before or (total is not None and offset >= total):
                break
        whole = total is None or len(records) >= total
        return Listing(tuple(records.values()), total, remembered if whole else {}, manners)

    async def _ask(self, path: str, seen: Mapping[str, Any] | None) -> Answer:
        """One answer. Where its address has moved for good, its manners say so of the API's."""
        answer = await self._http.get(
            self.options.url + path,
            asker=self.kind,
            headers={"Accept": "application/json"},
            validators=(seen.get("etag"), seen.get("last_modified")) if seen else None,
        )
        moved = answer.manners.moved_to
        base = moved.removesuffix(path) if moved and moved.endswith(path) else None
        return replace(answer, manners=replace(answer.manners, moved_to=base))


def parse(body: bytes, *, kind: str, where: str) -> Page:
    """The page of one answer, of `details` or of `pubs`. A record that is none becomes a reject.

    where: what the rejects and errors call this answer. Raises SourceError when it is none of the API's.
    """
    answer = read_answer(body, kind=kind, where=where)
    read = read_publications if answer.of_publications else read_versions
    told = read(answer.records, kind=kind, where=where)
    return Page(told.announcements, rejects=told.rejects)


def looks_like(head: bytes) -> str | None:
    """Whose answer this seems to be: the server that its first record names, "" where it holds none; None: nobody's."""
    if not ENVELOPE.match(head):
        return None
    named = SERVER.search(head)
    return named[1].decode().lower() if named else ""


def _name(record: Any) -> str:
    """What tells records of a list apart: one that is given twice, by a list that grew meanwhile, counts once."""
    if isinstance(record, Mapping):
        return repr([record.get(key) for key in ("doi", "version", "preprint_doi", "published_doi")])
    return repr(record)


def _bites(told: Told) -> list[tuple[Told, bool]]:
    """The announcements, at most `PAGE` at a time and at least once, the rejects with the first; True for the last."""
    starts = range(0, max(len(told.announcements), 1), PAGE)
    return [
        (
            Told(told.announcements[start : start + PAGE], told.rejects if start == 0 else ()),
            start + PAGE >= len(told.announcements),
        )
        for start in starts
    ]


# ── days ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _window(known: Mapping[date, Any], today: date, look_back: int) -> list[date]:
    """The days to ask for: the look-back, and what was missed since the last day that is known."""
    start = today - timedelta(days=look_back)
    if known:
        start = max(min(start, max(known)), today - CATCH_UP)
    return [start + timedelta(days=days) for days in range((today - start).days + 1)]


def _counted_on(day: date) -> bool:
    thanksgiving = day.month == 11 and day.weekday() == 3 and 22 <= day.day <= 28
    return day.weekday() < 5 and (day.month, day.day) not in HOLIDAYS and not thanksgiving


def _due_at(day: date) -> datetime:
    return at_midnight(day) + timedelta(days=1) + INDEXED_WITHIN


def _days(cursor: Cursor) -> dict[date, Mapping[str, Any]]:
    days = cursor.get("days", {})
    read = {day_in(day): seen for day, seen in days.items()} if isinstance(days, Mapping) else {}
    return {day: seen for day, seen in sorted(read.items()) if day is not None and isinstance(seen, Mapping)}


def _cursor(known: Mapping[date, Mapping[str, Any]], journals: Any) -> Cursor:
    days = {str(day): dict(seen) for day, seen in known.items()}
    return {"days": days, "journals": journals} if journals else {"days": days}
