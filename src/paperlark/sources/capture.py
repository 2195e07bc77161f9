"""A saved Hugging Face listing: the page as text (a clipboard's, a page-to-text program's), as HTML, or as MHTML.

As text, a listing is some of the page's own words, then records one after another. A record is a title, an abstract,
and perhaps a foot: authors' count or an organisation, `·`, a date, perhaps a number of comments. Some programs put
blank lines between these, some don't, and some leave every foot out; so blank lines mean nothing here, and what a line
is follows from its neighbours. As HTML, the page carries its records as JSON in `data-props`; whether it was saved
alone, with its assets in a folder beside it, or as one `.mhtml` with all of them.

Days. A date without a year is the nearest such day that is not after the day of capture. A record's date is the
paper's own (`published_at`), and the day it was announced; where it has none, the page's day stands in, else the day of
capture. No announcement is later than the day of capture, whatever the page says.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from selectolax.lexbor import LexborHTMLParser

from paperlark.http import Http
from paperlark.model.papers import Announcement, Cursor, Page, Paper, Reject, at_midnight
from paperlark.model.problems import SourceError
from paperlark.sources._hf_record import read_records
from paperlark.sources._mhtml import is_mhtml, pages, saved_on
from paperlark.sources._reading import choose, day_of, fold
from paperlark.sources._saved_files import Found, changed_files
from paperlark.sources.base import Saved

TITLE_LIMIT = 400  # characters; a longer line in a title's place is another paragraph of the abstract before it
ORGANISATION_LIMIT = 80  # characters; a longer line before a date is an abstract whose authors are missing
HEAD_LIMIT = 60  # lines in which a page's own words may stand before its first record
LISTING = re.compile(rb"""data-target=(?:3D)?["']?DailyPapers\b""")  # quotes as the browser that saved it writes them
SITE = b"huggingface.co/papers"
PAGE = 256  # announcements in one page

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?P<month>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
    r"(?:uary|ruary|ch|il|e|y|ust|t|tember|ober|ember)?\.?"
)
_DAY = _MONTH + r" (?P<day>\d{1,2})(?:, (?P<year>\d{4}))?"
DAY = re.compile(_DAY)
DATED = re.compile(_DAY + r"(?: (?P<comments>\d{1,6}))?")
AUTHORS = re.compile(r"•? ?(?P<count>\d{1,6}) authors?")
DOT = "·"

SUBSCRIBE = re.compile(r"Subscribe(?=[^\sa-z])")  # the button's word, glued to the first title
CHROME = frozenset({"new", "Subscribe", "Daily Papers"})
MARKS = re.compile(r"Get trending papers in your email inbox\b.{0,40}|by ?AK and the research community", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Options:
    """path: a file, or a folder to watch. captured_on: the day they were captured, else each file's own time."""

    path: str
    captured_on: date | None = None

    def __post_init__(self) -> None:
        if not self.path or not isinstance(self.path, str | Path):
            raise ValueError("path is empty: name a file or a folder")
        if self.captured_on is not None:
            object.__setattr__(self, "captured_on", day_of(self.captured_on))


class Capture:
    """Watches a file or a folder of saved listings, and reads again what has changed. The cursor: each file's stamp.

    In a folder, a file that is no listing becomes a reject and the others are taken.
    """

    kind: ClassVar[str] = "capture"
    authority: ClassVar[int] = 10
    interval: ClassVar[timedelta] = timedelta(minutes=5)  # a look at a folder costs nobody anything

    def __init__(self, name: str, options: Mapping[str, Any], http: Http) -> None:
        self.name = name
        self.options = choose(self.kind, Options, options)

    async def poll(self, cursor: Cursor, now: datetime) -> AsyncIterator[Page]:
        """The records of each file that is finished, and new or changed since `cursor`; none where none is.

        A page is of one file. Raises SourceError.
        """
        path = Path(self.options.path)
        alone = path.name if await asyncio.to_thread(path.is_file) else None
        before = cursor
        async for found in changed_files(self.kind, path, cursor, now):
            try:
                page = await asyncio.to_thread(self._page, found, now.date())
            except SourceError as problem:
                if found.name == alone:  # the one file that we were asked to watch
                    raise
                reason = str(problem).removeprefix(f"{self.kind}: {found.name}: ")
                page = Page((), rejects=(Reject(found.name, reason),))
            for bite in _bites(page, before, found.cursor):
                yield bite
            before = found.cursor

    def _page(self, found: Found, today: date) -> Page:
        if found.saved is None:
            if found.problem:
                raise SourceError(f"{self.kind}: {found.name}: {found.problem}")
            return Page((), unchanged=True)
        day = self.options.captured_on or min(found.saved.captured_on, today)
        return parse_saved(replace(found.saved, captured_on=day))


def _bites(page: Page, before: Cursor, after: Cursor) -> Iterator[Page]:
    """A file's page in bounded pages: the file is known only after the last of them."""
    told = page.announcements
    while len(told) > PAGE:
        yield Page(told[:PAGE], before)
        told = told[PAGE:]
    yield replace(page, announcements=told, cursor=after)


def looks_like(name: str, head: bytes) -> bool:
    """The page's own words, or its data, or a record's foot; or a page of that site in one file."""
    if is_mhtml(head):
        return SITE in head or LISTING.search(head.replace(b"=\r\n", b"").replace(b"=\n", b"")) is not None
    if head.lstrip()[:1] in (b"{", b"["):
        return False
    text = head.decode("utf-8", "replace")
    return bool(LISTING.search(head)) or any(MARKS.fullmatch(line) or _opens_foot(line) for line in _lines(text))


def parse_saved(saved: Saved) -> Page:
    """The records of a saved listing, in the page's order. Raises SourceError when it is none."""
    if not saved.body.strip():
        raise SourceError(f"capture: {saved.name}: the file is empty")
    if is_mhtml(saved.body[: 64 * 1024]):
        return _parse_mhtml(saved)
    if LISTING.search(saved.body):
        return _parse_html(saved)
    try:
        text = saved.body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SourceError(f"capture: {saved.name}: not text in UTF-8") from None
    if "\0" in text:
        raise SourceError(f"capture: {saved.name}: a binary file, not a saved listing")
    if re.match(r"\s*<(!doctype|!--|html|\?xml)", text, re.IGNORECASE):
        raise SourceError(f"capture: {saved.name}: a web page that holds no Daily Papers listing")
    return _parse_text(text, saved)


# ── as text ──────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _Record:
    """A record while its lines are being read; `lines` is what the source said, word for word."""

    title: str
    abstract: str = ""
    author_count: int | None = None
    organisation: str | None = None
    dated: re.Match[str] | None = None
    comments: int | None = None
    foot: list[str] = field(default_factory=list)


def _parse_text(text: str, saved: Saved) -> Page:
    lines = list(_lines(text))
    start, page_day, headed = _head(lines)
    if not headed and not any(map(_opens_foot, lines)):
        raise SourceError(f"capture: {saved.name}: not a saved Daily Papers listing (none of its words are here)")
    if start < len(lines) and headed:
        lines[start] = SUBSCRIBE.sub("", lines[start], count=1)

    try:
        page_on = _resolve(page_day, saved.captured_on) if page_day else saved.captured_on
    except ValueError:  # "Feb 30": no day at all
        page_on = saved.captured_on
    announcements, rejects = [], []
    for number, record in enumerate(_records(lines[start:]), 1):
        try:
            announcements.append(_announcement(record, saved.captured_on, page_on))
        except ValueError as problem:
            rejects.append(Reject(f"{saved.name}: record {number}", str(problem)))
    if not announcements and not rejects:
        raise SourceError(f"capture: {saved.name}: a Daily Papers listing without a single paper")
    return Page(tuple(announcements), rejects=tuple(rejects))


def _lines(text: str) -> Iterator[str]:
    return (line for line in map(fold, text.splitlines()) if line)


def _head(lines: list[str]) -> tuple[int, re.Match[str] | None, bool]:
    """Where the records begin, the page's own day if it names one, and whether the page's own words are here at all.

    The last line of the page's slogan ends the head, but for a button, a heading, and the day.
    """
    marks = [number for number, line in enumerate(lines[:HEAD_LIMIT]) if MARKS.fullmatch(line)]
    start = marks[-1] + 1 if marks else 0
    while start < len(lines) and lines[start] in CHROME:
        start += 1
    day = DAY.fullmatch(lines[start]) if start < len(lines) else None
    if day:
        start += 1
    return start, day, bool(marks)


def _opens_foot(line: str) -> bool:
    return line.startswith("•") and AUTHORS.fullmatch(line) is not None


def _records(lines: list[str]) -> Iterator[_Record]:
    """Titles and abstracts by turns; a foot ends a record, and a record may lack its foot."""
    record: _Record | None = None
    awaiting_abstract = False
    at = 0
    while at < len(lines):
        if record is not None and record.dated is None and (length := _foot_length(lines, at, awaiting_abstract)):
            _read_foot(record, lines[at : at + length])
            awaiting_abstract = False
            at += length
            continue
        if awaiting_abstract and record is not None:
            record.abstract = lines[at]
            awaiting_abstract = False
        elif record is not None and record.abstract and not record.foot and len(lines[at]) > TITLE_LIMIT:
            record.abstract += " " + lines[at]
        else:
            if record is not None:
                yield record
            record = _Record(lines[at])
            awaiting_abstract = True
        at += 1
    if record is not None:
        yield record


def _foot_length(lines: list[str], at: int, awaiting_abstract: bool) -> int:
    """How many lines from here are a record's foot: [count or organisation] [·] [date]. 0 when this is none.

    An organisation is known by the date after it, and by an abstract before it: in an abstract's place it is one.
    """

    def line(number: int) -> str:
        return lines[number] if number < len(lines) else ""

    here = line(at)
    before_date = line(at + 1) == DOT and DATED.fullmatch(line(at + 2)) is not None
    organised = before_date and here != DOT and not awaiting_abstract and len(here) <= ORGANISATION_LIMIT
    named = organised or AUTHORS.fullmatch(here) is not None
    dotted = line(at + named) == DOT
    dated = bool(DATED.fullmatch(line(at + named + dotted)))
    return named + dotted + dated


def _read_foot(record: _Record, foot: list[str]) -> None:
    record.foot += foot
    for line in foot:
        if line == DOT:
            continue
        if found := AUTHORS.fullmatch(line):
            record.author_count = int(found["count"])
        elif found := DATED.fullmatch(line):
            record.dated = found
            record.comments = int(found["comments"]) if found["comments"] else None
        else:
            record.organisation = _organisation(line)


def _organisation(line: str) -> str:
    """The listing shows a picture and a name; as text the picture's words, the account, come first: "acme Acme AI"."""
    account, _, name = line.partition(" ")
    return name or account


def _announcement(record: _Record, captured_on: date, page_on: date) -> Announcement:
    own = _resolve(record.dated, captured_on) if record.dated else None
    paper = Paper(
        title=record.title,
        abstract=record.abstract,
        author_count=record.author_count,
        organisation=record.organisation,
        published_at=at_midnight(own) if own else None,
    )
    return Announcement(
        paper,
        at_midnight(min(own or page_on, captured_on)),
        signals={} if record.comments is None else {"comments": record.comments},
        said={"title": record.title, "abstract": record.abstract, "foot": list(record.foot)},
    )


def _resolve(found: re.Match[str], captured_on: date) -> date:
    """The day a date means. Raises ValueError when there is no such day."""
    month, day = MONTHS.index(found["month"].lower()) + 1, int(found["day"])
    if found["year"]:
        return _day(int(found["year"]), month, day)
    return nearest_day(month, day, captured_on)


def nearest_day(month: int, day: int, captured_on: date) -> date:
    """The nearest such day that is not after the day of capture. Raises ValueError when no year has it.

    29 February may lie up to eight years back (1904 follows 1896).
    """
    for year in range(captured_on.year, max(captured_on.year - 9, 0), -1):
        try:
            found = date(year, month, day)
        except ValueError:
            continue
        if found <= captured_on:
            return found
    raise ValueError(f"there is no {MONTHS[month - 1].capitalize()} {day}")


def _day(year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise ValueError(f"there is no {MONTHS[month - 1].capitalize()} {day}, {year}") from None


# ── as HTML ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _parse_mhtml(saved: Saved) -> Page:
    """The page of the file that is a listing. It says itself when it was saved; a file's own time may be later."""
    captured_on = min(saved_on(saved.body) or saved.captured_on, saved.captured_on)
    for page in pages(saved.body):
        if LISTING.search(page):
            return _parse_html(replace(saved, body=page, captured_on=captured_on))
    raise SourceError(f"capture: {saved.name}: a saved web page that holds no Daily Papers listing")


def _parse_html(saved: Saved) -> Page:
    node = LexborHTMLParser(saved.body).css_first('[data-target="DailyPapers"]')
    try:
        props = json.loads((node.attributes.get("data-props") or "") if node else "")
    except (ValueError, RecursionError):
        raise SourceError(
            f"capture: {saved.name}: the listing's data cannot be read; the page may be cut off"
        ) from None
    records = props.get("dailyPapers") if isinstance(props, dict) else None
    if not isinstance(records, list):
        raise SourceError(f"capture: {saved.name}: the listing's data holds no papers")
    announcements, rejects = read_records(
        records, day=saved.captured_on, where=saved.name, until=_end_of(saved.captured_on)
    )
    return Page(announcements, rejects=rejects)


def _end_of(day: date) -> datetime:
    return at_midnight(day).replace(hour=23, minute=59, second=59)
