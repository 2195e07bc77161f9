"""The pure half of `rss`: a feed's bytes become a page. Runs in the worker process, because bytes can be a trap.

feedparser reads whatever is out there: RSS 0.9x to 2.0 (https://www.rssboard.org/rss-specification), RDF (RSS 1.0),
Atom (RFC 4287), well formed or not, with Dublin Core and PRISM. What comes before it here is what it does not guard
against: entity bombs, a tag without end, tens of thousands of entries.
"""

import io
import re
import zlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from time import struct_time
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

import feedparser
from lxml import etree

from paperlark.model.papers import (
    Alias,
    Announcement,
    Completeness,
    Page,
    Paper,
    Reject,
    arxiv_alias,
    doi_alias,
)
from paperlark.model.problems import SourceError
from paperlark.sources._reading import fold, folded, keep, plain, web_link

BYTES = 5 * 1024 * 1024  # of one feed, decompressed
ENTRIES = 500
ARXIV_ENTRIES = 2_000  # arXiv announces a whole day at once
TAG_BYTES = 64 * 1024  # of one tag: a parser needs minutes for a tag with 200,000 attributes
TITLE_LIMIT, ABSTRACT_LIMIT = 2_000, 50_000  # characters
AUTHORS_KEPT = 5_000

GZIP = b"\x1f\x8b"
ENTITY = re.compile(rb"<!ENTITY", re.IGNORECASE)
ENDLESS_TAG = re.compile(rb"<[^!?<>\s][^<>]{%d}" % TAG_BYTES)
ENTRY = re.compile(rb"<(?:[A-Za-z][\w.-]*:)?(?:item|entry)[\s/>]")
ENTRY_END = re.compile(rb"</(?:[A-Za-z][\w.-]*:)?(?:item|entry)\s*>")

ABSTRACT_LABEL = re.compile(r"(?:arXiv:\S+ Announce Type: \S+ )?(?:(?:Abstract|ABSTRACT|Summary)[:.]? (?=[^a-z]))?")
ARXIV_NAME = re.compile(
    r"(?:arxiv\.org/(?:abs|pdf|html)/|oai:arXiv\.org:)(?P<id>[^\s?#]+?)(?:\.pdf)?/?(?:[?#]|$)", re.I
)
ARXIV_CATEGORY = re.compile(r"[a-z-]+(?:\.[A-Za-z-]{2,})?")
ARXIV_TYPES = ("new", "cross", "replace", "replace-cross")
DOI_TAIL = re.compile(
    r"/(?:full|abstract|summary|pdf|epdf|html|meta)(?:/.*)?$|(?:\.(?:full|abstract|pdf|html|text))+$", re.I
)
PREPRINT_VERSION = re.compile(r"(?<=\d)v\d{1,3}$")  # of bioRxiv and medRxiv: one DOI, many versions
TRACKING = frozenset({"ff", "fc", "af", "rss", "track", "dgcid", "rft_dat", "ref", "fbclid", "gclid"})
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def parse(body: bytes, *, where: str, now: datetime, limit: int = ENTRIES, content_type: str = "") -> Page:
    """The announcements of a feed, in its order.

    body: may be gzip, as saved feeds are. where: what rejects and errors call it. now: the moment announced of
    entries that state none, and the latest that any is given (journals date issues ahead; the stated date stays in
    `published_at`). limit: of entries; those beyond it are left out, and one reject says how many.

    A page without announcements is a feed without entries; `stated.quiet` where the feed's own skipDays name the day.
    Raises SourceError when the bytes are no feed, or a trap.
    """
    body = _unpacked(body)
    _refuse(body, where)
    body, left_out = _shorten(body, limit)
    headers = {"content-type": content_type} if content_type else {}
    # A stream, never the bytes themselves: feedparser would try them as the name of a file.
    found = feedparser.parse(
        io.BytesIO(body), response_headers=headers, sanitize_html=False, resolve_relative_uris=False
    )
    if not found.get("version"):
        what = "this is a web page, not a feed" if _is_page(body) else "this is not a feed"
        raise SourceError(f"rss: {where}: {what}")

    announcements: list[Announcement] = []
    rejects: list[Reject] = []
    for number, entry in enumerate(found.entries[:limit], 1):
        read = _announcement(dict(entry), now)  # a plain dict: feedparser's own answers for keys that are not there
        if isinstance(read, Announcement):
            announcements.append(read)
        else:
            rejects.append(Reject(f"{where}: entry {number}", read))
    if left_out:
        rejects.append(Reject(f"{where}: after entry {limit}", f"{left_out} more entries were left out"))
    quiet = not found.entries and DAYS[now.weekday()] in _skipped(body)
    return Page(tuple(announcements), rejects=tuple(rejects), stated=Completeness(quiet=True) if quiet else None)


# ── before the parser ────────────────────────────────────────────────────────────────────────────────────────────


def _unpacked(body: bytes) -> bytes:
    """The body, decompressed no further than to see that it is too large."""
    if not body.startswith(GZIP):
        return body
    try:
        return zlib.decompressobj(wbits=31).decompress(body, BYTES + 1)
    except zlib.error:
        return body


def _refuse(body: bytes, where: str) -> None:
    if len(body) > BYTES:
        raise SourceError(f"rss: {where}: larger than {BYTES // 1024**2} MiB")
    if not body.strip():
        raise SourceError(f"rss: {where}: the feed is empty")
    bare = body.replace(b"\0", b"")  # so that UTF-16 hides nothing
    if ENTITY.search(bare):
        raise SourceError(f"rss: {where}: the feed defines entities of its own, which is refused")
    if ENDLESS_TAG.search(bare):
        raise SourceError(f"rss: {where}: one tag of the feed is longer than {TAG_BYTES // 1024} KiB, which is refused")


def _shorten(body: bytes, limit: int) -> tuple[bytes, int]:
    """The feed with its first `limit` entries and its end, and how many were left out."""
    starts = [found.start() for found in ENTRY.finditer(body)]
    if len(starts) <= limit:
        return body, 0
    ends = [found.end() for found in ENTRY_END.finditer(body, starts[-1])]
    return body[: starts[limit]] + (body[ends[-1] :] if ends else b""), len(starts) - limit


def _is_page(body: bytes) -> bool:
    return re.search(rb"<(?:!doctype\s+html|html|body|head)\b", body[:4096], re.IGNORECASE) is not None


def _skipped(body: bytes) -> set[str]:
    """The days of the week on which the feed itself says that it holds nothing (RSS 2.0, skipDays), in lower case."""
    # feedparser leaves skipDays out. Entities were refused above; nothing is fetched, and nothing is deep.
    lenient = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, huge_tree=False)
    root = etree.fromstring(body, lenient)
    return set() if root is None else {fold(day.text or "").lower() for day in root.iterfind(".//skipDays/day")}


# ── one entry ────────────────────────────────────────────────────────────────────────────────────────────────────


def _announcement(entry: Mapping[str, Any], now: datetime) -> Announcement | str:
    """The announcement of an entry, or why there is none."""
    title = plain(_text(entry.get("title")))[:TITLE_LIMIT]
    if not title:
        return "the entry has no title"
    links = list(_links(entry))
    stated = _moment(entry.get("published_parsed")) or _moment(entry.get("updated_parsed"))
    authors = tuple(_authors(entry))[:AUTHORS_KEPT]
    tags = [tag for tag in (folded(tag.get("term")) for tag in entry.get("tags", ())) if tag]
    on_arxiv = "arxiv_announce_type" in entry
    paper = Paper(
        title=title,
        abstract=_abstract(entry),
        authors=authors,
        author_count=len(authors) or None,
        categories=tuple(tag for tag in tags if on_arxiv and ARXIV_CATEGORY.fullmatch(tag)),
        keywords=tuple(tag for tag in tags if not on_arxiv),
        aliases=_aliases(entry, links),
        url=links[0] if links else None,
        published_at=stated,
    )
    occasion, kind = _occasion(entry)
    return Announcement(paper, min(stated or now, now), occasion, kind, said=_said(entry))


def _occasion(entry: Mapping[str, Any]) -> tuple[str, str]:
    """arXiv says of each entry whether it is new; a replacement's version stands in its id (`oai:arXiv.org:IDvN`)."""
    kind = folded(entry.get("arxiv_announce_type"))
    version = re.search(r"v(\d+)$", folded(entry.get("id")))
    if kind not in ARXIV_TYPES:
        return "first", "new"
    if kind.startswith("replace") and version:
        return f"replaced:v{version[1]}", kind
    return "first", kind


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _moment(parsed: Any) -> datetime | None:
    """feedparser's UTC time tuple; None for what no calendar has, and for the years that mean "no date"."""
    if not isinstance(parsed, struct_time) or parsed.tm_year < 1900:
        return None
    try:
        return datetime(*parsed[:5], min(parsed.tm_sec, 59), tzinfo=UTC)
    except ValueError:
        return None


def _abstract(entry: Mapping[str, Any]) -> str:
    """The summary; or the content, where the summary is but a line of it (a journal's name and issue)."""
    summary = plain(_text(entry.get("summary")))
    contents = [plain(_text(content.get("value"))) for content in entry.get("content", ())]
    longest = max([summary, *contents], key=len)
    abstract = longest if len(longest) > 2 * len(summary) else summary
    return ABSTRACT_LABEL.sub("", abstract, count=1)[:ABSTRACT_LIMIT]


def _authors(entry: Mapping[str, Any]) -> Iterator[str]:
    names = [folded(author.get("name")) for author in entry.get("authors", ()) if isinstance(author, Mapping)]
    for name in names:
        for one in _split_names(name) if len(names) == 1 else (name,):
            if cleaned := one.strip(" ,;"):
                yield cleaned


def _split_names(listed: str) -> list[str]:
    """Several names in one text ("Ada Lovelace, Alan Turing and Kurt Gödel"), but not "Lovelace, Ada"."""
    if ";" in listed:
        return listed.split(";")
    names = [name.strip() for name in re.split(r",\s*(?:and\s+)?|\s+and\s+", listed)]
    return names if all(" " in name for name in names if name) else [listed]


def _links(entry: Mapping[str, Any]) -> Iterator[str]:
    """Addresses of the entry, the one to read first; without what publishers add to count their readers."""
    given = [link for link in entry.get("links", ()) if isinstance(link, Mapping)]
    ordered = [link for link in given if link.get("rel", "alternate") == "alternate"]
    for address in (entry.get("link"), *(link.get("href") for link in ordered), entry.get("id")):
        if link := web_link(address):
            yield _without_tracking(link)


def _without_tracking(link: str) -> str:
    parts = urlsplit(link)
    asked = parse_qsl(parts.query, keep_blank_values=True)
    kept = [(key, value) for key, value in asked if key.lower() not in TRACKING and not key.lower().startswith("utm_")]
    query = parts.query if len(kept) == len(asked) else urlencode(kept)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))


def _aliases(entry: Mapping[str, Any], links: list[str]) -> tuple[Alias, ...]:
    """At most one name in each scheme: by what says it most plainly."""
    named = [folded(entry.get(key)) for key in ("prism_doi", "dc_identifier", "id")] + links
    found = [doi for doi in map(_doi, named) if doi] + [arxiv for arxiv in map(_arxiv, named) if arxiv]
    found += [Alias("url", link) for link in links]
    first: dict[str, Alias] = {}
    for alias in found:
        first.setdefault(alias.scheme, alias)
    return tuple(first[scheme] for scheme in ("doi", "arxiv", "url") if scheme in first)


def _doi(text: str) -> Alias | None:
    if "://" not in text:
        return doi_alias(text)
    alias = doi_alias(unquote(urlsplit(text).path))
    if alias is None or alias.scheme != "doi":
        return alias
    value = DOI_TAIL.sub("", alias.value).rstrip("/")
    return Alias("doi", PREPRINT_VERSION.sub("", value) if value.startswith(("10.1101/", "10.64898/")) else value)


def _arxiv(text: str) -> Alias | None:
    found = ARXIV_NAME.search(text)
    return arxiv_alias(found["id"]) if found else None


def _said(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The entry as feedparser read it, without its second readings of the same thing."""
    kept = {key: value for key, value in entry.items() if not key.endswith(("_detail", "_parsed"))}
    kept.pop("author", None)
    said = keep(
        {key: fold(value) if key == "title" and isinstance(value, str) else value for key, value in kept.items()}
    )
    assert isinstance(said, dict)
    return said
