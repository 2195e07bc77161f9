"""RSS 2.0 (https://www.rssboard.org/rss-specification) by the RSS Profile (https://www.rssboard.org/rss-profile).

Nobody can say in RSS whether a title is text or HTML: `_markup` writes what reads the same in either.
"""

from datetime import UTC, datetime
from email.utils import format_datetime

from lxml import etree

from paperlark.formats._markup import as_text
from paperlark.formats._xml import add, document, root
from paperlark.formats.feed import PUBLISHER, Entry, Feed

MEDIA = "application/rss+xml"
ATOM = "http://www.w3.org/2005/Atom"
DUBLIN_CORE = "http://purl.org/dc/elements/1.1/"
MINUTES = 30  # how long a reader need not ask again


def write(feed: Feed) -> bytes:
    """The feed as a document in UTF-8."""
    whole = root("rss", {"atom": ATOM, "dc": DUBLIN_CORE}, version="2.0")
    channel = add(whole, "channel")
    add(channel, "title", as_text(feed.title))
    add(channel, "link", feed.home)
    add(channel, "description", as_text(feed.about))
    add(channel, f"{{{ATOM}}}link", rel="self", type=MEDIA, href=feed.own)
    if feed.following:
        add(channel, f"{{{ATOM}}}link", rel="next", type=MEDIA, href=feed.following)
    add(channel, "lastBuildDate", moment(feed.updated))
    add(channel, "generator", PUBLISHER)
    add(channel, "ttl", str(MINUTES))
    for entry in feed.entries:
        _write_entry(add(channel, "item"), entry)
    return document(whole)


def _write_entry(element: etree._Element, entry: Entry) -> None:
    add(element, "title", as_text(entry.title))
    add(element, "link", entry.link)
    add(element, "guid", entry.id, isPermaLink="false")
    add(element, "pubDate", moment(entry.at))
    for name in entry.authors:
        add(element, f"{{{DUBLIN_CORE}}}creator", as_text(name))
    for term in entry.categories:
        add(element, "category", as_text(term))
    if entry.html:
        add(element, "description", entry.html)


def moment(at: datetime) -> str:
    """RFC 822 with four digits for the year, in GMT."""
    return format_datetime(at.astimezone(UTC), usegmt=True)
