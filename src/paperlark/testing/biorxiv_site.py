"""The API of bioRxiv and medRxiv, played on loopback with its traps.

    async with BiorxivSite([post("10.1101/2025.11.03.000001", day=date(2025, 11, 3))]) as site:
        source = Biorxiv("biorxiv", {"url": site.url}, http)

Pages of 30 (`details`) and 100 (`pubs`) by record offset, whatever is asked for beyond the end answered with 200 and a
total of 0; counts and versions as strings; days without their zeros; "no posts found"; a category that it does not
know left out of account. https://api.biorxiv.org/
"""

import json
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from aiohttp import web

from paperlark.testing.sites import Reply, Site

DETAILS_PAGE, PUBS_PAGE = 30, 100
CATEGORIES = frozenset({"cell biology", "neuroscience", "epidemiology"})


class BiorxivSite(Site):
    """Plays `details/{server}/{from}/{to}/{offset}/json` and `pubs/…`.

    posts: records of `details`, one a version, as `post` makes them. published: records of `pubs`, as `publication`
    makes them. hidden: how many more posts it claims to have than it gives. A path scripted with `answers` is answered
    by its script as long as that has replies left.
    """

    def __init__(
        self, posts: Iterable[Any] = (), published: Iterable[Any] = (), *, server: str = "biorxiv", hidden: int = 0
    ) -> None:
        super().__init__()
        self.posts = list(posts)
        self.published = list(published)
        self.server = server
        self.hidden = hidden

    def reply_to(self, request: web.Request) -> Reply:
        """A scripted reply if there is one left, else what the API would say."""
        script = self._replies.get(request.path)
        if script:
            return script.pop(0)
        try:
            _, endpoint, server, since, until, offset, shape = request.path.split("/")
            first, last = date.fromisoformat(since), date.fromisoformat(until)
            start = int(offset)
        except ValueError:
            return Reply(b"not here", 404, content_type="text/plain")
        if endpoint not in ("details", "pubs") or server != self.server or shape != "json":
            return Reply(b"not here", 404, content_type="text/plain")
        if endpoint == "pubs":
            found = [record for record in self.published if first <= _day(record["published_date"]) <= last]
            return self._page(found, start, PUBS_PAGE, {"interval": f"{since}:{until}"}, "no articles found")
        found = [record for record in self.posts if first <= _day(record["date"]) <= last]
        wanted = request.query.get("category", "").replace("_", " ")
        known = wanted in CATEGORIES
        if known:
            found = [record for record in found if record.get("category") == wanted]
        new = sum(str(record.get("version")) == "1" for record in found)
        echo = {"category": wanted if known else "all", "interval": f"{since}:{until}", "count_new_papers": str(new)}
        return self._page(found, start, DETAILS_PAGE, echo, "no posts found")

    def _page(self, found: list[Any], start: int, size: int, echo: Mapping[str, str], nothing: str) -> Reply:
        given = found[start : start + size]
        message: dict[str, Any] = {"status": nothing, "total": 0} if start else {"status": nothing}
        if given:
            message = {"status": "ok", **echo, "cursor": start, "count": len(given)}
            message["total"] = str(len(found) + self.hidden)
        return Reply(json.dumps({"messages": [message], "collection": given}).encode(), content_type="application/json")


def post(doi: str, day: date, version: int = 1, **other: str) -> dict[str, str]:
    """A record of `details`, all in strings and its day without zeros, as they occur."""
    return {
        "title": f"On {doi}",
        "authors": "Reader, A. B.; de Groot, C.",
        "author_corresponding": "Ada B. Reader",
        "author_corresponding_institution": "Institute of Examples",
        "doi": doi,
        "date": f"{day.year}-{day.month}-{day.day}",
        "version": str(version),
        "type": "new results",
        "license": "cc_by",
        "category": "cell biology",
        "jatsxml": "NA",
        "abstract": f"What {doi} is about.",
        "funder": "NA",
        "published": "NA",
        "server": "bioRxiv",
        **other,
    }


def publication(doi: str, journal: str, day: date, **other: str) -> dict[str, str]:
    """A record of `pubs`: the preprint `doi` was published as `journal` on that day."""
    return {
        "preprint_doi": doi,
        "published_doi": journal,
        "published_journal": "Journal of Examples",
        "preprint_platform": "bioRxiv",
        "preprint_title": f"On {doi}",
        "preprint_authors": "Reader, A. B.; de Groot, C.",
        "preprint_category": "cell biology",
        "preprint_date": "2025-01-07",
        "published_date": f"{day.year}-{day.month}-{day.day}",
        "preprint_abstract": f"What {doi} is about.",
        "preprint_author_corresponding": "Ada B. Reader",
        "preprint_author_corresponding_institution": "Institute of Examples",
        **other,
    }


def _day(written: str) -> date:
    return date(*map(int, written.split("-")))
