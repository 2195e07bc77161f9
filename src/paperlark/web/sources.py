"""How the sources are: `GET /api/v1/sources`, and the page `/status`. Open to everyone: readers ask whether it is a
quiet day or whether something is broken."""

from aiohttp import web

from paperlark.readers import status
from paperlark.web import answers
from paperlark.web.keys import STORE

routes = web.RouteTableDef()


@routes.get("/api/v1/sources")
async def sources(request: web.Request) -> web.Response:
    """`{"data": […]}`: every source with its health and the evidence for it, those that need looking at first."""
    found = await status.sources(request.app[STORE])
    return answers.say(request, {"data": [status.record(each) for each in found]})


@routes.get("/status")
async def page(request: web.Request) -> web.Response:
    """The same for people."""
    found = [each for each in await status.sources(request.app[STORE]) if each.state != "archive"]
    ill = sum(each.state in ("broken", "stale", "partial") for each in found)
    return answers.page(request, "status.html", {"query": "", "sources": found, "ill": ill})
