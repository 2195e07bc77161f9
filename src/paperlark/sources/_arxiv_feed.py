"""What arXiv says in XML: RSS 2.0 and Atom of rss.arxiv.org, and the Atom answers of its API. Pure.

The feed announces: its entries state the day, the version, and whether a paper is new, cross-listed or replaced
(https://info.arxiv.org/help/rss_specifications.html). The API describes: comment, journal, DOI, first submission,
primary category (https://info.arxiv.org/help/api/user-manual.html). Both put their errors into a well-formed feed.

Bytes can be a trap, and what is bounded needs no process of its own: entities are refused, nothing is fetched, libxml2
stops at a depth of 256 and at 10 MB of text, and the worst of 5 MiB (a tag with 200,000 attributes) takes a quarter of
a second. Callers parse in a thread.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from lxml import etree

from paperlark.model.papers import Alias, Announcement, Paper, Reject, doi_alias
from paperlark.model.problems import SourceError
from paperlark.sources._arxiv_calendar import EASTERN
from paperlark.sources._arxiv_names import AUTHORS_KEPT, ArxivId, read_id, split_authors
from paperlark.sources._reading import fold, keep, moment

BYTES = 5 * 1024 * 1024  # of one answer
ENTRIES = 2_000  # of one answer: the most that either site sends
TITLE_LIMIT, ABSTRACT_LIMIT = 2_000, 50_000  # characters
WORDS_LIMIT = 200  # characters of the site's own words in an error
OCCASION_LIMIT = 200  # characters of a journal reference that stands for a DOI

TYPES = ("new", "cross", "replace", "replace-cross")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
CATEGORY = re.compile(r"[a-z-]+(?:\.[A-Za-z-]{2,})?")  # as against the MSC and ACM classes that stand beside them

ATOM, ARXIV = "{http://www.w3.org/2005/Atom}", "{http://arxiv.org/schemas/atom}"
DUBLIN_CORE, OPENSEARCH = "{http://purl.org/dc/elements/1.1/}", "{http://a9.com/-/spec/opensearch/1.1/}"
FIELDS = {
    "title": "title", ATOM + "title": "title",
    "guid": "id", ATOM + "id": "id",
    "link": "link",
    "description": "summary", ATOM + "summary": "summary",
    "pubDate": "published", ATOM + "published": "published", ATOM + "updated": "updated",
    ARXIV + "announce_type": "announce_type",
    ARXIV + "DOI": "doi", ARXIV + "doi": "doi",
    ARXIV + "journal_reference": "journal_ref", ARXIV + "journal_ref": "journal_ref",
    ARXIV + "comment": "comment",
    DUBLIN_CORE + "rights": "rights", DUBLIN_CORE + "creator": "creator",
}  # fmt: skip
CATEGORIES = ("category", ATOM + "category")
PRIMARY = ARXIV + "primary_category"
AUTHOR, NAME, AFFILIATION = ATOM + "author", ATOM + "name", ARXIV + "affiliation"

LABEL = re.compile(r"arXiv:\S+ Announce Type: \S+ (?:Abstract: ?)?")
ENTITY = re.compile(rb"<!ENTITY", re.IGNORECASE)
WEB_PAGE = re.compile(rb"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
WITHDRAWN = re.compile(
    r"(?:(?:this|the|our|present)\s+)*(?:\w+\s+)?(?:paper|article|manuscript|submission|preprint|work|version)s?\s+"
    r"(?:has|have|is|was)\s+(?:now\s+)?(?:been\s+)?(?:temporarily\s+)?withdrawn\b"
    r"|\W*(?:paper\s+|submission\s+)?withdrawn\b",
    re.IGNORECASE,
)
"""How authors and administrators say it; the words open the abstract, or a sentence of the comment."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: a paper as arXiv tells of it.

    type: how the feed announces it; None in answers of the API, which announce nothing. at: the feed's moment of
    announcement, or the first submission. published: a DOI, else a journal's reference, where the paper has one.
    """

    id: ArxivId
    paper: Paper
    type: str | None
    at: datetime | None
    published: str | None
    withdrawn: bool
    said: dict[str, Any] = field(default_factory=dict)

    @property
    def version(self) -> int:
        """1 where none is stated."""
        return self.id.version or 1

    @property
    def name(self) -> str:
        """The id with its version: what the feed announces once."""
        return f"{self.id.alias.value}v{self.version}"


@dataclass(frozen=True, slots=True)
class Feed:
    """One answer. day: whose announcements they are, as the feed says; None in an answer of the API. skip_days:
    weekdays (0 = Monday) on which the feed says that it holds nothing. total: how many entries the API's search found
    in all; None in the feed."""

    entries: tuple[Entry, ...]
    rejects: tuple[Reject, ...] = ()
    day: date | None = None
    skip_days: frozenset[int] = frozenset()
    total: int | None = None


def read(body: bytes, *, where: str) -> Feed:
    """An answer of the feed or the API. An entry that is no paper becomes a reject; at most 2,000 are read.

    where: what rejects and errors call this answer. Raises SourceError: empty, too large, no XML, no feed of arXiv, or
    a feed that says an error, in the site's own words.
    """
    root = _root(body, where)
    rss = root.tag == "rss"
    channel = root.find("channel") if rss else root
    if channel is None or root.tag not in ("rss", ATOM + "feed"):
        what = "a web page" if fold(str(root.tag)).rpartition("}")[2].lower() == "html" else "not a feed"
        raise SourceError(f"arxiv: {where}: the answer is {what}")
    total = _number(channel.findtext(OPENSEARCH + "totalResults"))
    elements = channel.findall("item" if rss else ATOM + "entry")
    _refuse_errors(channel, elements, rss=rss, where=where)
    entries: list[Entry] = []
    rejects: list[Reject] = []
    for number, element in enumerate(elements[:ENTRIES], 1):
        found = _entry(element, announced=total is None)
        if isinstance(found, Entry):
            entries.append(found)
        else:
            rejects.append(Reject(f"{where}: entry {number}", found))
    if len(elements) > ENTRIES:
        rejects.append(Reject(f"{where}: after entry {ENTRIES}", f"{len(elements) - ENTRIES} more were left out"))
    day = _day(channel, entries) if total is None else None
    return Feed(tuple(entries), tuple(rejects), day, _skip_days(channel), total)


def tell(entry: Entry, *, type: str, at: datetime, said: dict[str, Any] | None = None) -> Iterator[Announcement]:
    """What is announced of an entry that is listed as `type` (new, cross, replace, replace-cross).

    A replacement by a withdrawal is that and nothing else. A replacement that names a DOI or a journal also says that
    the paper was published; a first announcement that names one is no news of it.
    """
    said = entry.said if said is None else said
    if type not in ("replace", "replace-cross"):
        yield Announcement(entry.paper, at, "first", type, said=said)
        return
    if entry.withdrawn:
        yield Announcement(entry.paper, at, "withdrawn", "withdrawn", said=said)
        return
    yield Announcement(entry.paper, at, f"replaced:v{entry.version}", type, said=said)
    if entry.published:
        yield Announcement(entry.paper, at, f"published:{entry.published}", "published", said=said)


def is_withdrawn(comment: str, abstract: str) -> bool:
    """True where the abstract opens with its withdrawal, or a sentence of the comment says it."""
    if "withdrawn" not in comment.lower() and "withdrawn" not in abstract[:400].lower():
        return False
    return any(WITHDRAWN.match(part.strip()) for part in (abstract, *re.split(r"[.;:!]\s", comment)))


# ── before the entries ───────────────────────────────────────────────────────────────────────────────────────────


def _root(body: bytes, where: str) -> etree._Element:
    if len(body) > BYTES:
        raise SourceError(f"arxiv: {where}: larger than {BYTES // 1024**2} MiB")
    if not body.strip():
        raise SourceError(f"arxiv: {where}: the answer is empty; the site sends that when it is asked too fast")
    if ENTITY.search(body.replace(b"\0", b"")):  # so that UTF-16 hides nothing
        raise SourceError(f"arxiv: {where}: the answer defines entities of its own, which is refused")
    strict = etree.XMLParser(
        resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False, remove_comments=True, remove_pis=True
    )
    try:
        return etree.fromstring(body, strict)
    except etree.XMLSyntaxError as problem:
        if WEB_PAGE.search(body[:4096]):
            raise SourceError(f"arxiv: {where}: the answer is a web page") from None
        line = problem.position[0] if problem.position else 0
        raise SourceError(f"arxiv: {where}: the answer is cut off or no XML (line {line})") from None


def _refuse_errors(channel: etree._Element, elements: list[etree._Element], *, rss: bool, where: str) -> None:
    title = fold(channel.findtext("title" if rss else ATOM + "title") or "")
    if title.startswith("Feed error for query"):
        words = channel.findtext("description" if rss else ATOM + "subtitle") or title
        raise SourceError(f"arxiv: {where}: the site says: {fold(words)[:WORDS_LIMIT]}")
    if len(elements) == 1 and "/api/errors" in (elements[0].findtext(ATOM + "id") or ""):
        words = elements[0].findtext(ATOM + "summary") or "an error, without a word"
        raise SourceError(f"arxiv: {where}: the site says: {fold(words)[:WORDS_LIMIT]}")


def _day(channel: etree._Element, entries: list[Entry]) -> date | None:
    """The feed's midnight in the East; an Atom feed states it in its entries, and without any there is the moment at
    which it was made."""
    stated = moment(channel.findtext("pubDate")) or (entries[0].at if entries else None)
    stated = stated or moment(channel.findtext(ATOM + "updated"))
    return stated.astimezone(EASTERN).date() if stated else None


def _skip_days(channel: etree._Element) -> frozenset[int]:
    named = (fold(day.text or "").lower() for day in channel.iterfind("skipDays/day"))
    return frozenset(WEEKDAYS.index(day) for day in named if day in WEEKDAYS)


def _number(text: str | None) -> int | None:
    text = (text or "").strip()
    return int(text[:9]) if text.isascii() and text.isdigit() else None


# ── one entry ────────────────────────────────────────────────────────────────────────────────────────────────────


def _entry(element: etree._Element, *, announced: bool) -> Entry | str:
    """The entry, or why it is none. announced: it stands in the feed, where dates are of the announcement."""
    said, terms, authors = _said(element)
    number = read_id(said.get("id", "")) or read_id(said.get("link", ""))
    if number is None:
        return "the entry has no arXiv id"
    title = said.get("title", "")[:TITLE_LIMIT]
    if not title:
        return f"{number.alias.value} has no title"
    stated = moment_of(said.get("published", ""))
    abstract = LABEL.sub("", said.get("summary", ""), count=1)[:ABSTRACT_LIMIT]
    doi = _doi(said.get("doi", ""))
    names = authors or split_authors(said.get("creator", ""))
    paper = Paper(
        title=title,
        abstract=abstract,
        authors=names[:AUTHORS_KEPT],
        author_count=len(names) or None,
        categories=terms,
        aliases=(number.alias, doi) if doi else (number.alias,),
        url=number.page,
        published_at=None if announced else stated,
    )
    type = said.get("announce_type", "")
    if type not in TYPES:
        type = "replace" if (number.version or 1) > 1 else "new"
    return Entry(
        id=number,
        paper=paper,
        type=type if announced else None,
        at=stated,
        published=doi.value if doi else said.get("journal_ref", "")[:OCCASION_LIMIT] or None,
        withdrawn=is_withdrawn(said.get("comment", ""), abstract),
        said=keep(said | {"categories": list(terms)}),
    )


def _said(element: etree._Element) -> tuple[dict[str, str], tuple[str, ...], tuple[str, ...]]:
    """The entry's fields by their names, its categories with the primary one first, and its authors one by one."""
    said: dict[str, str] = {}
    terms: dict[str, None] = {}
    authors: list[str] = []
    affiliations: list[str] = []
    for child in element:
        tag = child.tag
        if tag in CATEGORIES:
            term = fold(child.get("term") or child.text or "")
            if CATEGORY.fullmatch(term):
                terms[term] = None
        elif tag == AUTHOR:
            # "A, B, and C" of an author who typed it becomes an author "and C" there
            if name := fold(child.findtext(NAME) or "").removeprefix("and "):
                authors.append(name)
                affiliations += [f"{name}: {fold(place.text or '')}" for place in child.iterfind(AFFILIATION)]
        elif tag == PRIMARY:
            said["primary_category"] = fold(child.get("term") or "")
        elif (name := FIELDS.get(str(tag), "")) and name not in said and (text := fold(child.text or "")):
            said[name] = text
    if affiliations:
        said["affiliations"] = "; ".join(affiliations)
    primary = said.get("primary_category", "")
    ordered = (primary, *terms) if CATEGORY.fullmatch(primary) else tuple(terms)
    return said, tuple(dict.fromkeys(ordered)), tuple(authors)


def _doi(text: str) -> Alias | None:
    """The journal's DOI; arXiv's own (`10.48550/arXiv.…`) names no journal."""
    found = doi_alias(text) if text else None
    return found if found is not None and found.scheme == "doi" else None


@lru_cache(maxsize=64)
def moment_of(text: str) -> datetime | None:
    """`moment`, remembered: all entries of a feed bear the same."""
    return moment(text)
