"""arXiv's own page of what is new in a category, `https://arxiv.org/list/{category}/new?skip=0&show=2000`.

The one place where arXiv says which day it speaks of *and* how many entries that day has, so that nothing can be
missing unnoticed. Its layout is that of the public templates of arXiv's site (github.com/arXiv/arxiv-browse); this
reading is unproven against the live page, and a page that is laid out otherwise is refused rather than guessed at.
"""

import re
from dataclasses import dataclass
from datetime import date

from selectolax.lexbor import LexborHTMLParser, LexborNode

from paperlark.model.papers import Alias
from paperlark.model.problems import SourceError
from paperlark.sources._arxiv_names import read_id
from paperlark.sources._reading import fold

BYTES = 16 * 1024 * 1024  # of one page: 2,000 entries with their abstracts are some 8 MiB
TAG_BYTES = 64 * 1024

ENDLESS_TAG = re.compile(rb"<[^!?<>\s][^<>]{%d}" % TAG_BYTES)
DAY = re.compile(r"Showing new listings for \w+, (\d{1,2}) (\w+) (\d{4})$")
SECTION = re.compile(
    r"(New|Cross|Replacement) submissions\b.*\((?:continued, )?showing (?:first |last )?\d+ of (\d+) entries ?\)$"
)
TOTAL = re.compile(r"Total of (\d+) entries", re.IGNORECASE)
MONTHS = re.findall(r"\w+", "January February March April May June July August September October November December")
TYPES = {"New": "new", "Cross": "cross", "Replacement": "replace"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the listing. type: new, cross or replace, by the section; a replaced cross-list is `replace` too."""

    alias: Alias
    type: str


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of a category's listing.

    day: whose announcements these are, in arXiv's own days (Eastern time). shown: how many entries stand on the page;
    total: how many the day has. `shown < total` says that the list goes on elsewhere, or that the page was cut off.
    """

    day: date
    shown: int
    total: int
    entries: tuple[Entry, ...]


def parse(body: bytes, *, where: str) -> Listing:
    """The listing on a page. A day without announcements is a listing without entries, as the page itself says.

    An entry without an id (the last one of a page that was cut off) does not count as shown. Raises SourceError when
    the page is another one, and when it does not say its day, how many entries it has, or the id of any of them.
    """
    if len(body) > BYTES:
        raise SourceError(f"arxiv: {where}: larger than {BYTES // 1024**2} MiB")
    if ENDLESS_TAG.search(body):
        raise SourceError(f"arxiv: {where}: one tag is longer than {TAG_BYTES // 1024} KiB, which is refused")
    page = LexborHTMLParser(body)
    day: date | None = None
    section = ""
    totals: dict[str, int] = {}
    rows: list[Entry | None] = []
    for node in page.css("h3, dt"):
        said = fold(node.text())
        if node.tag == "h3":
            if named := DAY.match(said):
                day = _day(named, where)
            elif headed := SECTION.match(said):
                section = headed[1]
                totals[section] = int(headed[2])
        elif section:
            rows.append(_entry(node, TYPES[section]))
    if day is None:
        raise SourceError(f"arxiv: {where}: this is no page of new listings")

    entries = tuple(row for row in rows if row)
    stated = [int(found[1]) for node in page.css(".paging") if (found := TOTAL.match(fold(node.text())))]
    counted = bool(totals or stated or "No updates today" in page.text())
    if not counted or (rows and not entries):
        lacks = "how many entries it has" if not counted else "the ids of its entries"
        raise SourceError(f"arxiv: {where}: the listing does not say {lacks}; its layout may have changed")
    return Listing(day, len(entries), max(sum(totals.values()), *stated, 0), entries)


def _day(named: re.Match[str], where: str) -> date:
    try:
        return date(int(named[3]), MONTHS.index(named[2]) + 1, int(named[1]))
    except ValueError:
        raise SourceError(f"arxiv: {where}: there is no day {' '.join(named.groups())}") from None


def _entry(row: LexborNode, section: str) -> Entry | None:
    for link in row.css("a[href]"):
        if "/abs/" in (address := link.attributes["href"] or "") and (found := read_id(address)):
            return Entry(found.alias, section)
    return None
