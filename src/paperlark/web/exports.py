"""References: the papers of any list, as BibTeX, RIS or CSL-JSON.

/export/search.bib?q=…           what meets a query, narrowed as the API's search is
/export/day/2026-01-31.ris       what was announced on a day
/export/papers/2510.02283.json   one paper, by any of its names
/export/saved.bib                for who is signed in: what they saved
/export/profiles/ID.bib          and what a profile of theirs met
/api/v1/saved.bib   /api/v1/profiles/ID/matches.bib     the same two for programs, by a token
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from datetime import date
from typing import Annotated, Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from paperlark.formats import CITED, CitedFormat
from paperlark.model.papers import StoredPaper
from paperlark.model.problems import QueryError, ReaderError
from paperlark.readers import lists
from paperlark.readers.lists import Papers
from paperlark.readers.narrowing import Narrowing
from paperlark.web.access import MATCHES_READ
from paperlark.web.answers import PRIVATE, SHARED, unless_known
from paperlark.web.api.operations import Asked, NoBody, NoQuery, Operations, read_query
from paperlark.web.api.papers import Value, no_such_paper
from paperlark.web.api.parameters import IN_DIGITS, Day, QueryText
from paperlark.web.api.profiles import no_such
from paperlark.web.keys import ACCOUNT, STORE
from paperlark.web.problems import Problem, bad_query
from paperlark.web.session import ReaderRoutes

AT_MOST = 2_000  # papers of one export

BY_SUFFIX = {format.suffix: format for format in CITED.values()}
FORMAT = "{format:" + "|".join(BY_SUFFIX) + "}"

routes = web.RouteTableDef()
pages = ReaderRoutes()
operations = Operations("exports")


class Search(BaseModel):
    """What is looked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    q: QueryText | None = None
    org: Value | None = None
    author: Value | None = None
    cat: Value | None = None
    source: Value | None = None
    since: Day | None = None
    until: Day | None = None
    limit: Annotated[int, Field(ge=1, le=AT_MOST), IN_DIGITS] = AT_MOST


# ── open to everyone ───────────────────────────────────────────────────────────────────────────────────────────────


@routes.get(f"/export/search.{FORMAT}")
async def search(request: web.Request) -> web.Response:
    """What meets a query, best first."""
    asked = read_query(request, Search)
    narrowing = Narrowing(asked.org, asked.author, asked.cat, asked.source, asked.since, asked.until)
    try:
        found = lists.found(request.app[STORE], asked.q, narrowing=narrowing, limit=asked.limit)
        return await _references(request, found, "search")
    except QueryError as error:
        raise bad_query(error, "q") from error
    except ReaderError as error:
        raise Problem(400, str(error), kind="bad-parameter", title="A parameter cannot be read") from error


@routes.get(f"/export/day/{{day}}.{FORMAT}")
async def day(request: web.Request) -> web.Response:
    """What was announced on a day."""
    text = request.match_info["day"]
    try:
        wanted = date.fromisoformat(text) if len(text) == len("2026-01-31") and text.isascii() else None
    except ValueError:
        wanted = None
    if wanted is None or not 1900 <= wanted.year <= 2200:
        raise Problem(404, "days are written like 2026-01-31", kind="no-such-day", title="No such day")
    return await _references(request, lists.of_day(request.app[STORE], wanted), text)


@routes.get(f"/export/papers/{{id:.+}}.{FORMAT}")
async def paper(request: web.Request) -> web.Response:
    """One paper."""
    wanted = request.match_info["id"]
    try:
        if "\0" in wanted:  # PostgreSQL has no such text
            raise ReaderError("the archive holds no such paper")
        return await _references(request, lists.named(request.app[STORE], [wanted]), "paper")
    except ReaderError as error:
        raise no_such_paper(error) from error


# ── a reader's own ─────────────────────────────────────────────────────────────────────────────────────────────────


@pages.get(f"/export/saved.{FORMAT}")
async def my_saved(request: web.Request) -> web.Response:
    """What a reader saved."""
    return await _references(request, lists.saved(request.app[STORE], request[ACCOUNT]), "saved", cache=PRIVATE)


@pages.get(f"/export/profiles/{{id}}.{FORMAT}")
async def my_matches(request: web.Request) -> web.Response:
    """What a profile of a reader met."""
    return await _matches(request, request[ACCOUNT])


def _offer(format: CitedFormat) -> None:
    """The same two, for programs."""
    said = {
        "scope": MATCHES_READ,
        "media": format.media,
        "gives": list[dict[str, Any]] if format is CITED["csl"] else str,
    }

    async def saved(asked: Asked[NoQuery, NoBody]) -> web.StreamResponse:
        mine = lists.saved(asked.store, asked.account)
        return await _references(asked.request, mine, "saved", format=format, cache=PRIVATE)

    async def matches(asked: Asked[NoQuery, NoBody]) -> web.StreamResponse:
        return await _matches(asked.request, asked.account, format=format)

    for answering, path, what, problems in (
        (saved, "/saved", "What an account saved, the last first", {}),
        (matches, "/profiles/{id}/matches", "What a profile met, the last first", {404: "there is no such profile"}),
    ):
        answering.__name__ = f"{answering.__name__}_as_{format.suffix}"
        answering.__doc__ = f"{what}, as {format.name}; at most {AT_MOST:,} papers."
        operations.get(f"{path}.{format.suffix}", problems=problems, **said)(answering)


for _format in CITED.values():
    _offer(_format)


async def _matches(request: web.Request, account: int, *, format: CitedFormat | None = None) -> web.Response:
    mine = lists.met(request.app[STORE], account, request.match_info["id"])
    try:
        return await _references(request, mine, "matches", format=format, cache=PRIVATE)
    except ReaderError as error:
        raise no_such("profile") from error


# ── the answer ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def _references(
    request: web.Request,
    papers: Papers,
    name: str,
    *,
    format: CitedFormat | None = None,
    cache: Mapping[str, str] = SHARED,
) -> web.Response:
    """The first papers of a list as a file to be kept; 304 where the other side has just this."""
    chosen = format or BY_SUFFIX[request.match_info["format"]]
    async with aclosing(papers):
        taken = await _taken(papers)
    answer = web.Response(
        body=(await asyncio.to_thread(chosen.write, taken)).encode(errors="replace"),
        content_type=chosen.media,
        charset="utf-8",
        headers={**cache, "Content-Disposition": f'attachment; filename="paperlark-{name}.{chosen.suffix}"'},
    )
    return unless_known(request, answer)


async def _taken(papers: AsyncIterator[StoredPaper]) -> list[StoredPaper]:
    taken = []
    async for each in papers:
        taken.append(each)
        if len(taken) == AT_MOST:
            break
    return taken
