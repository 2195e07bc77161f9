"""What is trending: `/api/v1/trending`. Open to everyone."""

from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from paperlark.model.problems import QueryError
from paperlark.readers import trending as verbs
from paperlark.readers.trending import DAYS_LIMIT, Place
from paperlark.web import answers, cursors
from paperlark.web.api.operations import Asked, NoBody, Operations
from paperlark.web.api.papers import ShownPaper, paper_as_json
from paperlark.web.api.parameters import IN_DIGITS, Paged, QueryText
from paperlark.web.problems import bad_query

operations = Operations("trending")


class ShownTrend(BaseModel):
    """A paper that is trending: how much, which can be compared between days and sources, and why in a sentence."""

    model_config = ConfigDict(extra="forbid")
    paper: ShownPaper
    score: float
    said: str


class ShownTrends(BaseModel):
    """Some papers, the most trending first."""

    model_config = ConfigDict(extra="forbid")
    data: list[ShownTrend]
    next: str | None


class Wanted(Paged):
    """Of which time and which papers."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    q: QueryText | None = None
    days: Annotated[int, Field(ge=1, le=DAYS_LIMIT, description="how far to look back"), IN_DIGITS] = 7


@operations.get("/trending", query=Wanted, gives=ShownTrends)
async def trending(asked: Asked[Wanted, NoBody]) -> web.StreamResponse:
    """The papers that were counted, or told of by a further source, in the last days, the most trending first.

    Reading on by `next` shows the order as it was when the reading began, each paper once.
    """
    wanted = asked.query
    said = f"trending in {wanted.days}\n{wanted.q or ''}"
    after = cursors.follow(wanted.cursor, said, Place)
    now = await asked.store.now()
    try:
        found = await verbs.trending(
            asked.store, now=now, days=wanted.days, limit=wanted.limit, query=wanted.q, after=after
        )
    except QueryError as error:
        raise bad_query(error, "q") from error
    data = [
        {"paper": paper_as_json(trend.paper), "score": trend.points, "said": trend.reason} for trend in found.trends
    ]
    following = cursors.written(found.after, said) if found.after else None
    return answers.listed(asked.request, data, following)
