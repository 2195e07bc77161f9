"""The pages of what came when: a day, a week, a month, what is trending. Made whole on this side, so that they need no
script."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

import aiohttp_jinja2
import jinja2
from aiohttp import web
from markupsafe import Markup

from paperlark.model.problems import QueryError
from paperlark.readers import days
from paperlark.readers.days import Stretch as Found
from paperlark.readers.trending import trending
from paperlark.store.prints import Printed
from paperlark.web import answers
from paperlark.web.answers import Piece
from paperlark.web.keys import ACCOUNT, REQUEST_ID, STORE
from paperlark.web.pages import calendar, search
from paperlark.web.pages.calendar import Stretch
from paperlark.web.pages.shown import card, unreadable
from paperlark.web.pages.still import unless_still
from paperlark.web.problems import Problem

PAPERS = 40  # of a day on one page: with them a page and what it needs weigh less than 60 kB
NOTICED = {"week": 10, "month": 20}  # papers
TRENDING = 30  # papers
ENTRIES_KEPT = 2_000  # about 8 MB
FRAMES_KEPT = 500  # about 3 MB
HERE = "\0"  # where the papers stand: HTML has no such character
OPENING = 640  # code points of an abstract: twice what a list shows of it
LOOKING_BACK = {1: "since yesterday", 7: "this week", 30: "this month"}  # days

routes = web.RouteTableDef()


@routes.get("/")
async def home(request: web.Request) -> web.Response:
    """`/` the newest day, `/?day=YYYY-MM-DD&page=N` another, `/?q=…` a search."""
    if search.asked(request):
        return await search.answer(request)
    return await unless_still(request, _day)


async def _day(request: web.Request) -> web.Response:
    text = request.query.get("day", "").strip()
    wanted = _read_day(text) if text else None
    number = _read_page(request.query.get("page", "1"))
    found = await days.of_day(request.app[STORE], wanted, limit=PAPERS, after=(number - 1) * PAPERS)
    if found is None:
        return answers.page(request, "empty.html", {"query": ""})
    if number > 1 and not found.papers:
        raise _no_such_page()
    environment = aiohttp_jinja2.get_env(request.app)
    voted = any(row.telling().counts for row in found.papers)
    around = Around(found.day, found.newest, found.earlier, found.later, found.total, number, bool(found.papers), voted)
    above, below = _frame(environment, around, request.path, signed_in=request[ACCOUNT] != 0)
    return answers.page_of(request, [above, *(_entry(environment, row) for row in found.papers), below])


class Around(NamedTuple):
    """What a day's page says beside its papers. voted: whether any of them has votes."""

    day: date
    newest: date
    earlier: date | None
    later: date | None
    total: int
    page: int
    papers: bool
    voted: bool


@lru_cache(maxsize=FRAMES_KEPT)
def _frame(environment: jinja2.Environment, around: Around, here: str, *, signed_in: bool) -> tuple[Piece, Piece]:
    """What stands above and below a day's papers. Remembered for the days that were asked for last."""
    context = {
        **around._asdict(),
        "query": "",
        "heading": calendar.long_day(around.day),
        "week": calendar.week_of(around.day),
        "month": calendar.month_of(around.day),
        "in_words": calendar.month_in_words,
        "short": calendar.short_day,
        "first": (around.page - 1) * PAPERS + 1,
        "listing": HERE if around.papers else "",
        "more": around.page * PAPERS < around.total,
        "reader": signed_in,
        "here": here,
    }
    above, _, below = environment.get_template("day.html").render(context).partition(HERE)
    return Piece.of(above), Piece.of(below)


@routes.get("/week/{name}")
async def week(request: web.Request) -> web.Response:
    """A week, `/week/2026-W12`, or the one that holds a day: its days, and what was noticed most."""
    return await unless_still(request, _week)


async def _week(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    day = calendar.day_of(name)
    asked = calendar.week_of(day) if day is not None else calendar.week_named(name)
    if asked is None:
        raise Problem(404, f"“{name[:40]}” is not a week; weeks are written like 2026-W12", title="No such week")
    found = await days.stretch(request.app[STORE], asked.since, asked.until, limit=NOTICED["week"])
    context = {
        "kind": "week",
        "heading": f"Week {asked.name[6:].lstrip('0')}, {asked.name[:4]}",
        "above": calendar.days_in_words(asked),
        "before": found.earlier and (calendar.week_of(found.earlier), "Week before"),
        "after": found.later and (calendar.week_of(found.later), "Week after"),
        "wider": calendar.month_of(asked.since),
    }
    return _stretch(request, asked, found, context)


@routes.get("/month/{name}")
async def month(request: web.Request) -> web.Response:
    """A month, `/month/2026-03`."""
    return await unless_still(request, _month)


async def _month(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    asked = calendar.month_named(name)
    if asked is None:
        raise Problem(404, f"“{name[:40]}” is not a month; months are written like 2026-03", title="No such month")
    found = await days.stretch(request.app[STORE], asked.since, asked.until, limit=NOTICED["month"])
    before = calendar.month_of(found.earlier) if found.earlier else None
    after = calendar.month_of(found.later) if found.later else None
    context = {
        "kind": "month",
        "heading": calendar.month_in_words(asked),
        "above": "",
        "before": before and (before, calendar.month_in_words(before)),
        "after": after and (after, calendar.month_in_words(after)),
        "wider": None,
    }
    return _stretch(request, asked, found, context)


def _stretch(request: web.Request, asked: Stretch, found: Found, said: Mapping[str, object]) -> web.Response:
    environment = aiohttp_jinja2.get_env(request.app)
    context = {
        "query": "",
        "stretch": asked,
        "total": sum(found.per_day.values()),
        "weeks": calendar.weeks(asked, found.per_day),
        "weekdays": calendar.WEEKDAYS,
        "long": calendar.long_day,
        "week_of": calendar.week_of,
        "in_words": calendar.month_in_words,
        "listing": Markup("".join([_entry(environment, row, dated=True).said.decode() for row in found.best])),
    }
    return answers.page(request, "stretch.html", {**context, **said})


@routes.get("/trending")
async def what_is_trending(request: web.Request) -> web.Response:
    """`/trending?days=7&q=…`: what is trending, why, and how that is found out."""
    store = request.app[STORE]
    looking_back = request.query.get("days", "7")
    if looking_back not in map(str, LOOKING_BACK):
        raise Problem(404, f"trending looks back {', '.join(map(str, LOOKING_BACK))} days", title="No such page")
    query = request.query.get("only", "").strip()
    context = {"query": "", "only": query, "looking_back": LOOKING_BACK, "days": int(looking_back), "fault": None}
    try:
        found = await trending(
            store, now=await store.now(), days=int(looking_back), limit=TRENDING, query=query or None
        )
    except QueryError as error:
        context |= {"fault": unreadable(query, error), "trends": ()}
        return answers.page(request, "trending.html", context, status=400)
    context["trends"] = [(card(trend.paper), trend.points, trend.reason) for trend in found.trends]
    return answers.page(request, "trending.html", context)


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


@lru_cache(maxsize=ENTRIES_KEPT)
def _entry(environment: jinja2.Environment, row: Printed, *, dated: bool = False) -> Piece:
    """A paper as lists print it. Remembered for those that were printed last: it depends on nothing but the row."""
    parts: Any = environment.get_template("parts.html").module
    paper = row.stored()
    return Piece.of(f"<li>{parts.entry(card(replace(paper, abstract=paper.abstract[:OPENING])), dated)}</li>\n")


def _read_day(text: str) -> date:
    day = calendar.day_of(text)
    if day is None:
        raise Problem(400, f"“{text[:40]}” is not a day; days are written like 2026-01-31", title="No such day")
    return day


def _read_page(text: str) -> int:
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0
    if number < 1:
        raise _no_such_page()
    return number


def _no_such_page() -> Problem:
    return Problem(404, "this day has no such page", title="No such page")
