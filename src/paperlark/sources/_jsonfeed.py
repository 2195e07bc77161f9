"""JSON Feed 1.0 and 1.1 (https://www.jsonfeed.org/version/1.1/), put in the words that feedparser has for entries."""

import codecs
import json
from collections.abc import Iterator, Mapping
from typing import Any

from paperlark.model.problems import SourceError

VERSIONS = ("https://jsonfeed.org/version/", "http://jsonfeed.org/version/")


def looks_like(body: bytes) -> bool:
    """Is this JSON, of whatever kind?"""
    return body[:64].removeprefix(codecs.BOM_UTF8).lstrip()[:1] in (b"{", b"[")


def read(body: bytes, *, where: str, limit: int) -> tuple[dict[str, Any], list[dict[str, Any]], int]:
    """What a JSON Feed says of itself, its entries, at most `limit`, and how many were left out.

    Raises SourceError when it is none.
    """
    try:
        feed = json.loads(body)
    except RecursionError:
        raise SourceError(f"rss: {where}: this is not a feed: its JSON is nested too deeply") from None
    except ValueError:
        raise SourceError(f"rss: {where}: this is not a feed, and its JSON is damaged") from None
    if not isinstance(feed, dict) or not str(feed.get("version")).startswith(VERSIONS):
        raise SourceError(f"rss: {where}: this is not a feed: its JSON is not of the kind JSON Feed")
    entries = feed.get("items")
    if not isinstance(entries, list):
        raise SourceError(f"rss: {where}: the JSON Feed lacks its list of entries")
    read = [_entry(entry) if isinstance(entry, dict) else {} for entry in entries[:limit]]
    return {"title": feed.get("title"), "link": feed.get("home_page_url")}, read, max(len(entries) - limit, 0)


def _entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    links = [link for key in ("url", "external_url") if isinstance(link := entry.get(key), str)]
    contents = [
        {"type": kind, "value": entry[key]}
        for key, kind in (("content_html", "text/html"), ("content_text", "text/plain"))
        if isinstance(entry.get(key), str)
    ]
    told = {
        "id": str(entry["id"]) if isinstance(entry.get("id"), str | int) else None,
        "title": entry.get("title"),
        "summary": entry.get("summary"),
        "content": contents,
        "links": [{"rel": "alternate", "href": link} for link in links],
        "published": entry.get("date_published"),
        "updated": entry.get("date_modified"),
        "authors": list(_authors(entry)),
        "tags": [{"term": tag} for tag in _listed(entry.get("tags")) if isinstance(tag, str)],
        "language": entry.get("language"),
    }
    return {key: value for key, value in told.items() if value}


def _authors(entry: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """`authors` of 1.1, else `author` of 1.0."""
    for author in _listed(entry.get("authors")) or [entry.get("author")]:
        if isinstance(author, dict) and isinstance(author.get("name"), str):
            yield {"name": author["name"]}


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
