"""What came on a day: `/api/v1/days`. Open to everyone, and asked for all the time: its papers are spliced from what
the database keeps."""

from datetime import date

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from paperlark.readers import days
from paperlark.readers.days import Place
from paperlark.web import cursors
from paperlark.web.api import spliced
from paperlark.web.api.operations import Asked, NoBody, Operations
from paperlark.web.api.papers import ShownPaper
from paperlark.web.api.parameters import Paged, read_day
from paperlark.web.pages.still import unless_still
from paperlark.web.problems import Problem

YEARS = range(1900, 2201)  # of the days that can be asked for

operations = Operations("days")


class PapersOfDay(BaseModel):
    """Some papers that were announced on a day (UTC), and the nearest days before and after on which any were."""

    model_config = ConfigDict(extra="forbid")
    data: list[ShownPaper]
    next: str | None
    day: date
    earlier: date | None
    later: date | None


@operations.get("/days/{day}", query=Paged, gives=PapersOfDay, problems={404: "no such day can be asked for"})
async def day(asked: Asked[Paged, NoBody]) -> web.StreamResponse:
    """The papers announced on a day (UTC, `2026-01-31`), most upvoted first."""

    async def answer(request: web.Request) -> web.Response:
        return await _day(asked, _read(asked.path("day")))

    return await unless_still(asked.request, answer, account=asked.account)


async def _day(asked: Asked[Paged, NoBody], wanted: date) -> web.Response:
    said = f"papers of {wanted}"
    after = cursors.follow(asked.query.cursor, said, Place)
    found = await days.whole(asked.store, wanted, limit=asked.query.limit, after=after)
    following = cursors.written(found.after, said) if found.after else None
    around = {
        "day": str(wanted),
        "earlier": found.earlier and str(found.earlier),
        "later": found.later and str(found.later),
    }
    return spliced.listed(asked.request, list(map(spliced.paper, found.papers)), following, more=around)


def _read(text: str) -> date:
    """Raises Problem: 404."""
    try:
        found = read_day(text)
        if found.year not in YEARS:
            raise ValueError(f"there are days from the year {YEARS[0]} to {YEARS[-1]}")
    except ValueError as error:
        raise Problem(404, str(error), kind="no-such-day", title="No such day") from error
    return found
