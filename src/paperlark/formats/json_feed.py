"""JSON Feed 1.1 (https://www.jsonfeed.org/version/1.1/)."""

import json
from typing import Any

from paperlark.formats.atom import moment
from paperlark.formats.feed import PUBLISHER, Entry, Feed

MEDIA = "application/feed+json"
VERSION = "https://jsonfeed.org/version/1.1"


def write(feed: Feed) -> bytes:
    """The feed as a document in UTF-8."""
    said: dict[str, Any] = {
        "version": VERSION,
        "title": feed.title,
        "description": feed.about,
        "home_page_url": feed.home,
        "feed_url": feed.own,
        "authors": [{"name": PUBLISHER}],
        "items": [_entry(entry) for entry in feed.entries],
    }
    if feed.following:
        said["next_url"] = feed.following
    # A lone surrogate is no text in UTF-8, and JSON alone would let it pass.
    return json.dumps(said, ensure_ascii=False).encode(errors="replace")


def _entry(entry: Entry) -> dict[str, Any]:
    said: dict[str, Any] = {
        "id": entry.id,
        "url": entry.link,
        "title": entry.title,
        # One of the two contents must be there.
        **({"content_html": entry.html} if entry.html else {"content_text": entry.title}),
        "date_published": moment(entry.at),
        "date_modified": moment(entry.at),
    }
    if entry.why:
        said["summary"] = entry.why
    if entry.authors:
        said["authors"] = [{"name": name} for name in entry.authors]
    if entry.categories:
        said["tags"] = list(entry.categories)
    return said
