"""How the sources are: `GET /api/v1/sources`, and the page `/status`. Open to everyone: readers ask whether it is a
quiet day or whether something is broken."""

from datetime import date
from typing import Literal

from aiohttp import web
from pydantic import AwareDatetime, BaseModel, ConfigDict

from paperlark.readers import status
from paperlark.web import answers
from paperlark.web.api.operations import Asked, NoBody, NoQuery, Operations
from paperlark.web.keys import STORE, WARMING

routes = web.RouteTableDef()
operations = Operations("sources")


class ShownPoll(BaseModel):
    """What the last poll brought: entries seen, papers new to this paperlark, and what could not be read."""

    model_config = ConfigDict(extra="forbid")
    seen: int
    new: int
    rejected: int


class ShownSource(BaseModel):
    """A source, how it is and why, and the evidence. seen, new, rejected: of all its polls."""

    model_config = ConfigDict(extra="forbid")
    name: str
    kind: str
    health: Literal["fresh", "partial", "stale", "quiet", "broken", "new", "paused", "archive"]
    because: str
    failures: int
    last_error: str | None
    last_poll: ShownPoll
    seen: int
    new: int
    rejected: int
    baseline_at: AwareDatetime | None
    polled_at: AwareDatetime | None
    good_at: AwareDatetime | None
    next_poll_at: AwareDatetime | None
    due_at: AwareDatetime | None
    new_at: AwareDatetime | None
    newest_day: date | None
    due_day: date | None


class ShownSources(BaseModel):
    """Every source."""

    model_config = ConfigDict(extra="forbid")
    data: list[ShownSource]
    next: None


@operations.get("/sources", gives=ShownSources)
async def sources(asked: Asked[NoQuery, NoBody]) -> web.StreamResponse:
    """Every source with its health and the evidence for it, those that need looking at first."""
    found = await status.sources(asked.store)
    return answers.listed(asked.request, [status.record(each) for each in found], None)


@routes.get("/status")
async def page(request: web.Request) -> web.Response:
    """The same for people."""
    found = [each for each in await status.sources(request.app[STORE]) if each.state != "archive"]
    ill = sum(each.state in ("broken", "stale", "partial") for each in found)
    warming = request.app[WARMING]
    note = warming.note if warming is not None else ""
    return answers.page(request, "status.html", {"query": "", "sources": found, "ill": ill, "note": note})
