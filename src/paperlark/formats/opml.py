"""OPML 2.0 (https://opml.org/spec2.opml): a list of feeds, as readers of feeds take and give it."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from paperlark.formats._xml import add, document, root
from paperlark.formats.rss import moment

MEDIA = "text/x-opml"


class Listed(NamedTuple):
    """A feed in a list: its name, its address, and the page that it belongs to."""

    title: str
    address: str
    home: str


def write(title: str, feeds: Iterable[Listed], updated: datetime) -> bytes:
    """The list as a document in UTF-8."""
    whole = root("opml", version="2.0")
    head = add(whole, "head")
    add(head, "title", title)
    add(head, "dateModified", moment(updated))
    body = add(whole, "body")
    for feed in feeds:
        # `rss` says "a feed" of any format, by the specification.
        add(body, "outline", type="rss", text=feed.title, title=feed.title, xmlUrl=feed.address, htmlUrl=feed.home)
    return document(whole)
