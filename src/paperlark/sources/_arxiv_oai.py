"""arXiv by OAI-PMH 2.0: what changed since a day, record by record, to prove that nothing was missed.

https://info.arxiv.org/help/oa/index.html, http://www.openarchives.org/OAI/openarchivesprotocol.html

A record's datestamp is the day on which its metadata was last *modified*, in UTC; arXiv gives records in the order of
their datestamps, up to 2,000 in one answer, and a resumption token for the rest, good until midnight UTC. What a
modification was is told by the metadata alone: `arXivRaw` lists the versions and their dates, `arXiv` the dates of the
first and the newest one, `oai_dc` likewise. Deleted records are promised to stay as headers marked "deleted".
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from lxml import etree

from paperlark.http import Http
from paperlark.model.papers import Announcement, Cursor, Page, Reject, at_midnight
from paperlark.model.problems import SourceError
from paperlark.sources._arxiv_record import datestamp, name_of, read_day, read_record, text_of

BYTES = 16 * 1024 * 1024  # of one answer, decompressed: 2,000 records are some 5 MiB
TIMEOUT = 120.0  # seconds: the site writes an answer of that size slowly
ANSWERS = 100  # asked for in one harvest at most; the cursor goes on from there
PAGE = 256  # announcements in one page at most
ALL = ""  # in place of a set: all of arXiv
CROSS = {"new": "cross", "replace": "replace-cross"}
FINISHED = {"finished": True}
TAG_BYTES = 64 * 1024
HELD = timedelta(days=30)  # between a submission and its announcement, where the moderators look at it first

ENTITY = re.compile(rb"<!ENTITY", re.IGNORECASE)
ENDLESS_TAG = re.compile(rb"<[^!?<>\s][^<>]{%d}" % TAG_BYTES)
# What XML 1.0 §2.2 forbids, though authors' abstracts hold it: one such sign would make a whole answer unreadable.
FORBIDDEN = bytes(set(range(32)) - set(b"\t\n\r"))
FORBIDDEN_REFERENCE = re.compile(rb"&#(?:0*(?:[0-8]|1[124-9]|2\d|3[01])|x0*(?:[0-8bcef]|1[0-9a-f]));", re.IGNORECASE)
PHYSICS = re.compile(r"astro-ph|cond-mat|gr-qc|hep-\w+|math-ph|nlin|nucl-\w+|physics|quant-ph")  # archives of one group


@dataclass(frozen=True, slots=True)
class Records:
    """One answer: what it tells, what of it could not be read, and where it goes on.

    token: for the rest of the list; None at its end. total: how many records the whole list holds, where the site says
    so. newest: the latest datestamp among the records that is not in the future; None where there is none.
    """

    announcements: tuple[Announcement, ...]
    rejects: tuple[Reject, ...]
    token: str | None
    total: int | None
    newest: date | None = None


class BadTokenError(SourceError):
    """The site does not know the resumption token, or not any more."""


def set_of(category: str) -> str:
    """The OAI set of a category or archive: `cs.AI` is `cs:cs:AI`, `hep-th` is `physics:hep-th`, `cs` is `cs:cs`."""
    archive, _, subject = category.partition(".")
    group = "physics" if PHYSICS.fullmatch(archive) else archive
    return ":".join(part for part in (group, archive, subject) if part)


# ── the harvest ──────────────────────────────────────────────────────────────────────────────────────────────────


async def harvest(
    http: Http,
    url: str,
    *,
    prefix: str,
    sets: Sequence[str],
    since: date | None,
    until: date | None,
    now: datetime,
    cursor: Cursor | None = None,
) -> AsyncIterator[Page]:
    """All that changed from `since` to `until` (days in UTC, both inclusive; None is no bound), at most 256 to a page.

    prefix: `arXiv`, `arXivRaw` or `oai_dc`. sets: as `set_of` names them, one after another (a paper that stands in
    several is told in each); none means all of arXiv.
    cursor: of a page of an earlier harvest with the same sets: unless that one was `finished`, it goes on there, and
    keeps its own `since` and `until`.

    What a set lists of another category's paper is a cross-list, as in arXiv's feeds. News only: an announcement that
    belongs to long before `since` is left out, because a new journal reference on a paper of 2010 does not make it a
    new paper.

    At most 100 answers are asked for; the last page's cursor says whether the harvest is finished. A token that has run
    out begins the list again from the last day seen, once: that day's records come again. Raises SourceError, with the
    site's own words where it gives any, and `retry_after` where it asks to wait; pages already yielded stand.
    """
    chosen = tuple(sets) or (ALL,)
    under_way = _Harvest.of(cursor or {}, chosen) or _Harvest(since, until, chosen[0])
    asked: set[str] = set()
    begun_again = False
    for _ in range(ANSWERS):
        if under_way.token is not None:
            if under_way.token in asked:
                raise SourceError("arxiv: OAI-PMH: the site gives the same resumption token again and again")
            asked.add(under_way.token)
        answer = await http.get(
            f"{url}?{urlencode(under_way.question(prefix))}", asker="arxiv", max_bytes=BYTES, timeout=TIMEOUT
        )
        try:
            records = await asyncio.to_thread(parse, answer.body, where="OAI-PMH", now=now)
        except BadTokenError:
            if begun_again or under_way.token is None:
                raise
            begun_again = True
            asked.clear()
            under_way = replace(under_way, token=None)
            continue
        following = under_way.after(records, chosen)
        told = as_listed(chosen, news_since(under_way.since, records.announcements))
        for page in _pages(told, records.rejects, under_way.cursor, following.cursor if following else FINISHED):
            yield page
        if following is None:
            return
        under_way = following


def finished(cursor: Cursor) -> bool:
    """Whether the harvest that this cursor is of came to its end."""
    return cursor.get("finished") is True


@dataclass(frozen=True, slots=True)
class _Harvest:
    """A harvest under way: the days it is about, the set it is at, and where in that set's list.

    newest: the latest datestamp seen in the list, where it is asked for again when its token has run out.
    """

    since: date | None
    until: date | None
    at: str
    token: str | None = None
    newest: date | None = None

    @classmethod
    def of(cls, cursor: Cursor, sets: tuple[str, ...]) -> "_Harvest | None":
        """The harvest that a cursor is of, or None: it is finished, of other sets, or of something else."""
        at, token = cursor.get("set"), cursor.get("token")
        if at not in sets or not isinstance(token, str | None):
            return None
        since, until, newest = (read_day(cursor.get(name)) for name in ("since", "until", "newest"))
        return cls(since, until, at, token, newest)

    @property
    def cursor(self) -> dict[str, Any]:
        days = {"since": self.since, "until": self.until, "newest": self.newest}
        return {"set": self.at, "token": self.token, **{name: day and day.isoformat() for name, day in days.items()}}

    def question(self, prefix: str) -> dict[str, str]:
        """The arguments of the next request (OAI-PMH §4.5). A token stands alone."""
        if self.token is not None:
            return {"verb": "ListRecords", "resumptionToken": self.token}
        since = self.newest or self.since
        days = {"from": since.isoformat() if since else "", "until": self.until.isoformat() if self.until else ""}
        arguments = {"verb": "ListRecords", "metadataPrefix": prefix, "set": self.at, **days}
        return {name: value for name, value in arguments.items() if value}

    def after(self, records: Records, sets: tuple[str, ...]) -> "_Harvest | None":
        """Where it goes on behind an answer, or None: it is finished."""
        if records.token is not None:
            newest = max((day for day in (self.newest, records.newest) if day), default=None)
            return replace(self, token=records.token, newest=newest)
        place = sets.index(self.at) + 1
        return _Harvest(self.since, self.until, sets[place]) if place < len(sets) else None


def _pages(
    told: tuple[Announcement, ...], rejects: tuple[Reject, ...], before: Cursor, after: Cursor
) -> Iterator[Page]:
    """An answer in pages. Until the last of them is saved, whose cursor stands behind it, the answer is asked again."""
    while len(told) > PAGE:
        yield Page(told[:PAGE], before)
        told = told[PAGE:]
    yield Page(told, after, rejects)


def news_since(since: date | None, announcements: tuple[Announcement, ...]) -> tuple[Announcement, ...]:
    """Those that may be news since that day: a paper that the moderators held is announced weeks after its own date."""
    if since is None:
        return announcements
    earliest = at_midnight(since) - HELD
    return tuple(told for told in announcements if told.announced_at >= earliest)


def as_listed(sets: Sequence[str], announcements: tuple[Announcement, ...]) -> tuple[Announcement, ...]:
    """The same, typed as these sets' own lists have it: a paper whose first category lies elsewhere is a cross-list."""

    def listed(told: Announcement) -> Announcement:
        primary = set_of(next(iter(told.paper.categories), ""))
        at_home = not primary or any(each in (ALL, primary) or primary.startswith(f"{each}:") for each in sets)
        return told if at_home else replace(told, type=CROSS.get(told.type, told.type))

    return tuple(map(listed, announcements))


# ── one answer ───────────────────────────────────────────────────────────────────────────────────────────────────


def parse(body: bytes, *, where: str, now: datetime) -> Records:
    """What an answer to ListRecords or GetRecord tells, in its order.

    A record tells of its paper's first version and of its newest one (`arXivRaw` alone numbers them), of its withdrawal
    in place of both, and of its publication where a DOI is there and no new version explains the modification. now: no
    announcement is later. A record that cannot be read becomes a reject; "noRecordsMatch" is an empty answer.
    Raises SourceError when the site says that something is wrong, and when the bytes are no such answer or a trap.
    """
    root = _root(body, where)
    for error in root.findall("{*}error"):
        code, words = error.get("code", "error"), text_of(error)
        if code != "noRecordsMatch":
            kind = BadTokenError if code == "badResumptionToken" else SourceError
            raise kind(f"arxiv: {where}: the site says {code}{f': {words[:200]}' if words else ''}")
    verb = next((child for child in root if name_of(child) in ("ListRecords", "GetRecord")), None)
    if verb is None:
        if root.find("{*}error") is not None:
            return Records((), (), None, 0)
        names = ", ".join(name_of(child) for child in root if name_of(child) not in ("responseDate", "request"))
        raise SourceError(f"arxiv: {where}: the answer holds no records (it holds {names[:80] or 'nothing'})")

    announcements: list[Announcement] = []
    rejects: list[Reject] = []
    days: list[date] = []
    for number, record in enumerate(verb.findall("{*}record"), 1):
        stamp = datestamp(record)
        if stamp and stamp <= now.date():
            days.append(stamp)
        read = read_record(record, now)
        if isinstance(read, str):
            named = text_of(record.find("{*}header/{*}identifier"))[:100]
            rejects.append(Reject(f"{where}: record {number}{f' ({named})' if named else ''}", read))
        else:
            announcements += read
    token = verb.find("{*}resumptionToken")
    total = token.get("completeListSize", "") if token is not None else ""
    return Records(
        tuple(announcements),
        tuple(rejects),
        text_of(token) or None,
        int(total) if re.fullmatch(r"\d{1,9}", total, re.ASCII) else None,
        max(days, default=None),
    )


def _root(body: bytes, where: str) -> etree._Element:
    if len(body) > BYTES:
        raise SourceError(f"arxiv: {where}: larger than {BYTES // 1024**2} MiB")
    bare = body.translate(None, FORBIDDEN)  # UTF-8 by OAI-PMH §3.2; what comes in UTF-16 hides nothing either
    if not bare.strip():
        raise SourceError(f"arxiv: {where}: the answer is empty")
    if ENTITY.search(bare):
        raise SourceError(f"arxiv: {where}: the answer defines entities of its own, which is refused")
    if ENDLESS_TAG.search(bare):
        raise SourceError(f"arxiv: {where}: one tag is longer than {TAG_BYTES // 1024} KiB, which is refused")
    strict = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
    try:
        root = etree.fromstring(FORBIDDEN_REFERENCE.sub(b"", bare), strict)
    except etree.XMLSyntaxError as problem:
        line = problem.position[0] if problem.position else 1
        raise SourceError(f"arxiv: {where}: the answer is not whole XML (line {line})") from None
    if name_of(root) != "OAI-PMH":
        raise SourceError(f"arxiv: {where}: this is no OAI-PMH answer, but <{name_of(root)[:40]}>")
    return root
