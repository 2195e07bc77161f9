"""Atom 1.0 (RFC 4287), paged as RFC 5005, section 3, says. What an entry holds is HTML."""

from datetime import UTC, datetime
from html import escape

from lxml import etree

from paperlark.formats._markup import as_text
from paperlark.formats._xml import add, document, root
from paperlark.formats.feed import PUBLISHER, Entry, Feed

MEDIA = "application/atom+xml"
NAMESPACE = "http://www.w3.org/2005/Atom"
_NAMED = f"{{{NAMESPACE}}}"


def write(feed: Feed) -> bytes:
    """The feed as a document in UTF-8."""
    whole = root(f"{_NAMED}feed", {None: NAMESPACE})
    _add(whole, "id", feed.id)
    _add_text(whole, "title", feed.title)
    _add_text(whole, "subtitle", feed.about)
    _add(whole, "updated", moment(feed.updated))
    _add(whole, "link", rel="self", type=MEDIA, href=feed.own)
    _add(whole, "link", rel="alternate", type="text/html", href=feed.home)
    if feed.following:
        _add(whole, "link", rel="next", type=MEDIA, href=feed.following)
    _add(_add(whole, "author"), "name", PUBLISHER)  # required, because a paper may name nobody
    _add(whole, "generator", PUBLISHER)
    for entry in feed.entries:
        _write_entry(_add(whole, "entry"), entry)
    return document(whole)


def _write_entry(element: etree._Element, entry: Entry) -> None:
    _add(element, "id", entry.id)
    _add_text(element, "title", entry.title)
    _add(element, "published", moment(entry.at))
    _add(element, "updated", moment(entry.at))
    _add(element, "link", rel="alternate", href=entry.link)
    if entry.code:
        _add(element, "link", rel="related", title="code", href=entry.code)
    for name in entry.authors:
        _add(_add(element, "author"), "name", as_text(name))
    for term in entry.categories:
        _add(element, "category", term=term)
    if entry.why:
        _add_text(element, "summary", entry.why)
    if entry.html:
        _add(element, "content", entry.html, type="html")


def _add(parent: etree._Element, tag: str, said: str = "", **attributes: str) -> etree._Element:
    return add(parent, _NAMED + tag, said, **attributes)


def _add_text(parent: etree._Element, tag: str, said: str) -> None:
    """Text; as HTML where it looks like some, so that nobody can take it for the wrong one of the two."""
    if as_text(said) == said:
        _add(parent, tag, said)
    else:
        _add(parent, tag, escape(said, quote=False), type="html")


def moment(at: datetime) -> str:
    """RFC 3339, in UTC, to the second."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
