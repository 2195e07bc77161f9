"""The papers: `GET /api/v1/papers` and `GET /api/v1/papers/{id}`. Open to everyone: they are public facts."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from aiohttp import web

from paperlark.channels.text import own_page
from paperlark.model.messages import Span
from paperlark.model.papers import StoredPaper
from paperlark.model.problems import QueryError, ReaderError
from paperlark.readers import search
from paperlark.readers.narrowing import Narrowing
from paperlark.readers.search import Found, Place
from paperlark.web import answers, cursors
from paperlark.web.keys import STORE
from paperlark.web.problems import Problem, bad_parameter, bad_query

LIMIT = 20
LIMIT_AT_MOST = 100

routes = web.RouteTableDef()


@routes.get("/api/v1/papers")
async def papers(request: web.Request) -> web.Response:
    """`?q=&cursor=&limit=`: the papers that meet a query, best first; without one newest first. Narrowed by `org`,
    `author`, `cat`, `source`, and by the days `since` and `until` (YYYY-MM-DD), both within.

    `{"data": […], "next": cursor or null}`, and the next page's address as `Link: …; rel="next"` (RFC 8288).
    """
    query = request.query.get("q", "").strip()
    limit = limit_of(request)
    narrowing = _narrowing(request.query)
    try:
        asked = f"{query}\n{narrowing}".strip()  # a cursor belongs to both
        after = place(request.query.get("cursor", ""), asked)
        found = await search.stretch(request.app[STORE], query or None, narrowing=narrowing, limit=limit, after=after)
    except QueryError as error:
        raise bad_query(error, "q") from error
    except ReaderError as error:
        raise Problem(400, str(error), kind="bad-parameter", title="A parameter cannot be read") from error
    following = cursors.written(found.after, asked) if found.after else None
    headers = {}
    if following is not None:
        headers["Link"] = f'<{request.rel_url.update_query(cursor=following)}>; rel="next"'
    data = [paper_met(each) if asked else paper_as_json(each.paper) for each in found.found]
    return answers.say(request, {"data": data, "next": following}, headers=headers)


@routes.get("/api/v1/papers/{id:.+}")
async def paper(request: web.Request) -> web.Response:
    """One paper, by its id or any of its names: `2510.02283`, `arxiv:…`, `doi:…`, an address."""
    return answers.say(request, paper_as_json(await named(request)))


async def named(request: web.Request) -> StoredPaper:
    """The paper that the request's path names. Raises Problem: 404."""
    wanted = request.match_info["id"]
    try:
        if "\0" in wanted:  # PostgreSQL has no such text
            raise ReaderError("the archive holds no such paper")
        return await search.one(request.app[STORE], wanted)
    except ReaderError as error:
        raise Problem(404, str(error), kind="no-such-paper", title="No such paper") from error


def place(cursor: str, query: str) -> Place | None:
    """Where a cursor points, None for the beginning. Raises Problem: 400."""
    try:
        return cursors.read(cursor, query) if cursor else None
    except ValueError as error:
        raise bad_parameter("cursor", "this cursor is not one of this query's; begin again without one") from error


def limit_of(request: web.Request) -> int:
    """How many are asked for at a time. Raises Problem: 400."""
    text = request.query.get("limit", str(LIMIT))
    if text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= LIMIT_AT_MOST:
        return int(text)
    raise bad_parameter("limit", f"a limit is a number from 1 to {LIMIT_AT_MOST}")


def _narrowing(asked: Mapping[str, str]) -> Narrowing:
    """What the parameters narrow a search by; empty ones do not."""
    said = {name: asked.get(name, "").strip() or None for name in ("org", "author", "cat", "source")}
    return Narrowing(**said, since=_day(asked, "since"), until=_day(asked, "until"))


def _day(asked: Mapping[str, str], name: str) -> date | None:
    text = asked.get(name, "").strip()
    if not text:
        return None
    try:
        if re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise bad_parameter(name, "a day is written like 2026-01-31")


# ── papers as JSON ─────────────────────────────────────────────────────────────────────────────────────────────────


def paper_as_json(stored: StoredPaper) -> dict[str, Any]:
    """A paper. Ids are text: JavaScript's numbers cannot hold them. Title and abstract are as stored, TeX and all."""
    return {
        "id": str(stored.id),
        "title": stored.title,
        "abstract": stored.abstract,
        "authors": stored.authors,
        "author_count": max(stored.author_count or 0, len(stored.authors)) or None,
        "organisation": stored.organisation,
        "categories": stored.categories,
        "keywords": stored.keywords,
        "aliases": [str(alias) for alias in stored.aliases],
        "url": own_page(stored.url),
        "code_url": own_page(stored.code_url),
        "published_at": moment(stored.published_at) if stored.published_at else None,
        "announced_at": moment(stored.announced_at),
        "first_seen": moment(stored.first_seen),
        "sources": stored.sources,
        "signals": stored.signals,
    }


def paper_met(found: Found) -> dict[str, Any]:
    """A paper with why it meets the query, how well, and the part of its abstract that shows it."""
    shown = found.snippet
    return paper_as_json(found.paper) | {
        "matched": [_span(each) for each in found.matched],
        "score": found.score,
        "snippet": {"text": shown.text, "start": shown.start, "matched": [_span(each) for each in shown.spans]},
    }


def _span(span: Span) -> dict[str, Any]:
    return {"field": span.field, "text": span.text, "start": span.start, "end": span.end}


def moment(at: datetime) -> str:
    """A moment as RFC 3339 writes it, in UTC."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
