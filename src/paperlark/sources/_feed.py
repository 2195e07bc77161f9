"""The pure half of `rss`: a feed's bytes become a page. Runs in the worker process, because bytes can be a trap.

feedparser reads whatever is out there: RSS 0.90 to 2.0 (https://www.rssboard.org/rss-specification), RDF (RSS 1.0),
Atom 0.3 and 1.0 (RFC 4287), CDF (https://www.w3.org/TR/NOTE-CDFsubmit.html), well formed or not, with Dublin Core,
PRISM and Media RSS; JSON Feed has a reader of its own. What comes before them here is what they do not guard against:
entity bombs, a tag without end, tens of thousands of entries, bytes that say nothing true of their encoding.
"""

import codecs
import io
import re
import zlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import feedparser

from paperlark.model.papers import Announcement, Completeness, Page, Reject
from paperlark.model.problems import SourceError
from paperlark.model.sources import Manners
from paperlark.sources import _discovery, _entry, _feedmanners, _jsonfeed
from paperlark.sources._feedlooks import BYTES, GZIP, HEAD, begins_as_feed

ENTRIES = 2_000  # arXiv announces a whole day at once
TAG_BYTES = 64 * 1024  # of one tag: a parser needs minutes for a tag with 200,000 attributes

ENTITY = re.compile(rb"<!ENTITY", re.IGNORECASE)
ENDLESS_TAG = re.compile(rb"<[^!?<>\s][^<>]{%d}" % TAG_BYTES)
ENTRY = re.compile(rb"<(?:[A-Za-z][\w.-]*:)?(?:item|entry)[\s/>]", re.IGNORECASE)
ENTRY_END = re.compile(rb"</(?:[A-Za-z][\w.-]*:)?(?:item|entry)\s*>", re.IGNORECASE)
OPML = re.compile(rb"[^<]{0,3}(?:<[?!][^>]*>|\s)*<opml[\s>]", re.IGNORECASE)
DECLARED = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]+)["']""")
MARKS = (  # by which a text says how it is encoded, the longer ones first; and what it says
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"<\0\0\0", "utf-32-le"),
    (b"\0\0\0<", "utf-32-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)  # fmt: skip
NONE_STATED = Manners()
UTF8 = "application/xml; charset=utf-8"

HALF = re.compile(
    rb"&#(?:x0*d[89a-f][0-9a-f]{2}|0*(?:5529[6-9]|55[3-9]\d\d|56\d{3}|57[0-2]\d\d|573[0-3]\d|5734[0-3]));?",
    re.IGNORECASE,
)
"""References to halves of characters (surrogates), at which feedparser fails."""


def parse(
    body: bytes, *, where: str, now: datetime, limit: int = ENTRIES, content_type: str = "", address: str = ""
) -> Page:
    """The announcements of a feed, in its order, and the manners that it asks for.

    body: may be gzip, as saved feeds are. where: what rejects and errors call it. now: the moment announced of
    entries that state none, and the latest that any is given (journals date issues ahead; the stated date stays in
    `published_at`). limit: of entries; those beyond it are left out, and one reject says how many. content_type: the
    header that came with it. address: what relative links are resolved against where no xml:base says otherwise.

    A page without announcements is a feed without entries; `stated.quiet` where the feed's own skipDays name the day.
    Raises SourceError when the bytes are no feed, or a trap; WebPageError, with the feed that it names, for a page.
    """
    body, content_type = _in_utf8(_unpacked(body), content_type)
    _refuse(body, where)
    if _jsonfeed.looks_like(body):
        feed, entries, left_out = _jsonfeed.read(body, where=where, limit=limit)
        return _page(feed, entries, where=where, now=now, limit=limit, left_out=left_out, address=address)
    body, left_out = _shorten(HALF.sub(b"&#xFFFD;", body), limit)
    found = _parsed(body, content_type, where)
    if not found.get("version") and not begins_as_feed(body):
        if OPML.match(body, 0, HEAD):
            raise SourceError(f"rss: {where}: this is a list of feeds; `paperlark sources import` takes it")
        _discovery.refuse_page(body, where=where, content_type=content_type, address=address)
        raise SourceError(f"rss: {where}: this is not a feed")
    return _page(
        found.feed,
        (dict(entry) for entry in found.entries[:limit]),  # feedparser's own have answers for keys that are not there
        where=where,
        now=now,
        limit=limit,
        left_out=left_out,
        address=address,
        manners=_feedmanners.read(_without_entries(body)),
    )


def _parsed(body: bytes, content_type: str, where: str) -> Any:
    """What feedparser finds. Raises SourceError for whatever it raises but MemoryError."""
    try:
        try:
            return _found(body, content_type)
        except ValueError:  # what it declares, or its header, is no encoding's name: `undefined`, bytes, a NUL
            return _found(_guessed(body), UTF8)
    except MemoryError:  # no fault of the feed's alone: whoever set the limit says so
        raise
    except Exception as error:  # it has none of its own: KeyError for the end of a tag that it did not see begin
        raise SourceError(f"rss: {where}: this feed cannot be parsed ({type(error).__name__})") from error


def _found(body: bytes, content_type: str) -> Any:
    return feedparser.parse(
        io.BytesIO(body),  # never the bytes themselves: they would be tried as the name of a file
        # Not the address: feedparser would resolve a guid against it that is but a number.
        response_headers={"content-type": content_type} if content_type else {},
        sanitize_html=False,  # no mark-up is left by `_entry`
        resolve_relative_uris=False,
    )


def _page(
    feed: Mapping[str, Any],
    entries: Iterable[Mapping[str, Any]],
    *,
    where: str,
    now: datetime,
    limit: int,
    left_out: int,
    address: str,
    manners: Manners = NONE_STATED,
) -> Page:
    announcements: list[Announcement] = []
    rejects: list[Reject] = []
    for number, read in enumerate(_entry.announcements(entries, feed, now, address), 1):
        if isinstance(read, Announcement):
            announcements.append(read)
        else:
            rejects.append(Reject(f"{where}: entry {number}", read))
    quiet = not announcements and not rejects and now.astimezone(UTC).weekday() in manners.skip_days
    if left_out:
        rejects.append(Reject(f"{where}: after entry {limit}", f"{left_out} more entries were left out"))
    return Page(
        tuple(announcements),
        rejects=tuple(rejects),
        stated=Completeness(quiet=True) if quiet else None,
        manners=manners,
    )


# ── before the parser ────────────────────────────────────────────────────────────────────────────────────────────


def _unpacked(body: bytes) -> bytes:
    """The body, decompressed no further than to see that it is too large."""
    if not body.startswith(GZIP):
        return body
    try:
        return zlib.decompressobj(wbits=31).decompress(body, BYTES + 1)
    except zlib.error:
        return body


def _in_utf8(body: bytes, content_type: str) -> tuple[bytes, str]:
    """The body and the type to read it by: in UTF-8 where that is sure, so that no encoding hides a trap; else as it
    came, for feedparser to try header, declaration and guess in turn.

    A byte order mark goes before the header (RFC 7303 §3.2). Text that reads as UTF-8 and claims to be nothing else
    is UTF-8, whatever charset a server adds to all it sends.
    """
    for mark, encoding in MARKS:
        if body.startswith(mark):
            try:
                return body.decode(encoding).encode(errors="replace"), UTF8
            except UnicodeDecodeError:
                return body, content_type
    if body.startswith(codecs.BOM_UTF8):
        return body[3:], UTF8
    declared = DECLARED.match(body)
    if not body.isascii() and (declared is None or declared[1].lower() in (b"utf-8", b"utf8", b"us-ascii")):
        try:
            body.decode()
            return body, UTF8
        except UnicodeDecodeError:
            pass
    return body, content_type


def _guessed(body: bytes) -> bytes:
    """In UTF-8, whatever it says: as it stands where it is, else as from the encoding of most that is not."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return body.decode("windows-1252", "replace").encode()
    return body


def _refuse(body: bytes, where: str) -> None:
    if len(body) > BYTES:
        raise SourceError(f"rss: {where}: larger than {BYTES // 1024**2} MiB")
    if not body.strip():
        raise SourceError(f"rss: {where}: the feed is empty")
    bare = body.replace(b"\0", b"")  # so that UTF-16 without a mark hides nothing
    if ENTITY.search(bare):
        raise SourceError(f"rss: {where}: the feed defines entities of its own, which is refused")
    if ENDLESS_TAG.search(bare):
        raise SourceError(f"rss: {where}: one tag of the feed is longer than {TAG_BYTES // 1024} KiB, which is refused")


def _shorten(body: bytes, limit: int) -> tuple[bytes, int]:
    """The feed with its first `limit` entries and its end, and how many were left out."""
    starts = [found.start() for found in ENTRY.finditer(body)]
    if len(starts) <= limit:
        return body, 0
    return body[: starts[limit]] + _end(body, starts[-1]), len(starts) - limit


def _without_entries(body: bytes) -> bytes:
    """What a feed says of itself: all before its first entry and behind its last."""
    first = ENTRY.search(body)
    return body if first is None else body[: first.start()] + _end(body, first.start())


def _end(body: bytes, start: int) -> bytes:
    """What follows the last entry's end behind `start`."""
    ends = [found.end() for found in ENTRY_END.finditer(body, start)]
    return body[ends[-1] :] if ends else b""
