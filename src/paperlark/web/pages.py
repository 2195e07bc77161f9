"""The pages: a day's papers, a search, one paper. Made whole on this side, so that they need no script."""

import re
from datetime import date

from aiohttp import web

from paperlark.model.problems import QueryError
from paperlark.readers import search
from paperlark.web import answers, cursors
from paperlark.web.api_papers import named, place
from paperlark.web.keys import REQUEST_ID, STORE
from paperlark.web.problems import Problem
from paperlark.web.shown import card, long_day, sheet, unreadable

PAPERS = 50  # on one page
FIRST_YEAR, LAST_YEAR = 1900, 2200

routes = web.RouteTableDef()


@routes.get("/")
async def home(request: web.Request) -> web.Response:
    """`/` the newest day, `/?day=YYYY-MM-DD&page=N` another, `/?q=…&cursor=…` a search."""
    query = request.query.get("q", "").strip()
    return await _answers_to(request, query) if query else await _day(request)


async def _day(request: web.Request) -> web.Response:
    store = request.app[STORE]
    newest = await search.latest_day(store)
    asked = request.query.get("day", "").strip()
    day = _read_day(asked) if asked else newest
    if day is None:
        return answers.page(request, "empty.html", {"query": ""})
    papers = await search.of_day(store, day)
    earlier, later = await search.days_around(store, day)
    number = _read_page(request.query.get("page", "1"), len(papers))
    shown = papers[(number - 1) * PAPERS : number * PAPERS]
    context = {
        "query": "",
        "day": day,
        "heading": long_day(day),
        "newest": newest,
        "earlier": earlier,
        "later": later,
        "total": len(papers),
        "first": (number - 1) * PAPERS + 1,
        "cards": [card(paper) for paper in shown],
        "page": number,
        "more": number * PAPERS < len(papers),
    }
    return answers.page(request, "day.html", context)


async def _answers_to(request: web.Request, query: str) -> web.Response:
    cursor = request.query.get("cursor", "")
    try:
        found = await search.stretch(request.app[STORE], query, limit=PAPERS, after=place(cursor, query))
    except QueryError as error:
        context = {"query": query, "fault": unreadable(query, error)}
        return answers.page(request, "unreadable.html", context, status=400)
    context = {
        "query": query,
        "total": found.total,
        "cards": [card(each.paper, each.matched) for each in found.found],
        "further": bool(cursor),
        "following": cursors.written(found.after, query) if found.after else "",
    }
    return answers.page(request, "search.html", context)


@routes.get("/papers/{id:.+}")
async def paper(request: web.Request) -> web.Response:
    """One paper, by its id or any of its names."""
    stored = await named(request)
    context = {"query": "", "paper": card(stored), "sheet": sheet(stored)}
    return answers.page(request, "paper.html", context)


@routes.get("/favicon.ico")
async def icon(_request: web.Request) -> web.Response:
    """For browsers that ask without looking at the page."""
    raise web.HTTPFound("/static/mark.svg")


def problem(request: web.Request, told: Problem) -> web.Response:
    """What went wrong, to people."""
    context = {"query": request.query.get("q", ""), "problem": told, "request_id": request[REQUEST_ID]}
    answer = answers.page(request, "problem.html", context, status=told.status)
    answer.headers.update({"Cache-Control": "no-store", **told.headers})
    return answer


def _read_day(text: str) -> date:
    try:
        day = date.fromisoformat(text) if re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text) else None
    except ValueError:
        day = None
    if day is None or not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise Problem(400, f"“{text[:40]}” is not a day; days are written like 2026-01-31", title="No such day")
    return day


def _read_page(text: str, papers: int) -> int:
    number = int(text[:9]) if text.isascii() and text.isdecimal() else 0
    if not 1 <= number <= max(1, -(-papers // PAPERS)):
        raise Problem(404, "this day has no such page", title="No such page")
    return number
