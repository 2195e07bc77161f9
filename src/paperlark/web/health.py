"""Is the process alive, and can it do its work?"""

import asyncio

import structlog
from aiohttp import web

from paperlark.model.problems import StoreError
from paperlark.web.keys import STORE
from paperlark.web.problems import Problem

log = structlog.get_logger()

READY_SECONDS = 5.0

routes = web.RouteTableDef()


@routes.get("/healthz")
async def alive(_request: web.Request) -> web.Response:
    """The process answers. Says nothing of the database: a restart would not mend that."""
    return web.json_response({"status": "alive"}, headers={"Cache-Control": "no-store"})


@routes.get("/readyz")
async def ready(request: web.Request) -> web.Response:
    """The database answers and has this version's tables; else a problem with status 503."""
    try:
        async with asyncio.timeout(READY_SECONDS):
            await request.app[STORE].check()
    except TimeoutError:
        raise Problem(503, "the database does not answer") from None
    except StoreError as error:
        log.warning("not ready", reason=str(error))  # it names hosts and files: for the operator alone
        raise Problem(503, "the database cannot be used: it is unreachable, or not at this version") from None
    return web.json_response({"status": "ready"}, headers={"Cache-Control": "no-store"})
