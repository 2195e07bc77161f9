"""`/sign-in`: a reader by a code that another place shows, or a new one on the spot. `/sign-out`: nobody again."""

from typing import Any

import structlog
from aiohttp import web

from paperlark.model.problems import ReaderError
from paperlark.readers import session
from paperlark.web.access import SCOPES, forget_tokens
from paperlark.web.clients import hold_back
from paperlark.web.keys import ACCOUNT, STORE
from paperlark.web.pages.links import form_of, page
from paperlark.web.session import OF_READERS, SIGN_IN, check_ours, forget, led, local, remember, token_of

CODES = 20  # of one client in an hour
BEGINNERS = 10  # the same

log = structlog.get_logger()
routes = web.RouteTableDef()


@routes.get(SIGN_IN)
async def show(request: web.Request) -> web.Response:
    """The two ways in."""
    onward = local(request.query.get("next", ""))
    return led(onward) if request[ACCOUNT] else _page(request, {"next": onward})


@routes.post(SIGN_IN)
async def sign_in(request: web.Request) -> web.Response:
    """Be the reader who was shown the code."""
    check_ours(request)
    filled = await form_of(request)
    await hold_back(request, "sign-ins", allowed=CODES)
    try:
        token = await session.sign_in(request.app[STORE], filled.get("code", ""), list(SCOPES))
    except ReaderError as error:
        log.info("sign-in failed", way="code")
        return _page(request, filled | {"next": local(filled.get("next", ""))}, fault=str(error), status=422)
    log.info("signed in", way="code")
    return _signed_in(request, token, local(filled.get("next", "")))


@routes.post(f"{SIGN_IN}/new")
async def begin(request: web.Request) -> web.Response:
    """Begin as a new reader."""
    check_ours(request)
    filled = await form_of(request)
    if request[ACCOUNT]:  # the button was pressed twice
        return led("/profiles/new")
    await hold_back(request, "new readers", allowed=BEGINNERS)
    token = await session.begin_here(request.app[STORE], list(SCOPES))
    log.info("signed in", way="new reader")
    return _signed_in(request, token, local(filled.get("next", ""), "/profiles/new"))


@routes.post("/sign-out")
async def sign_out(request: web.Request) -> web.Response:
    """End the session."""
    check_ours(request)
    answer = led("/")
    token = token_of(request)
    if token:
        await session.end(request.app[STORE], token)
        log.info("signed out")
        if request[ACCOUNT]:
            forget_tokens(request, request[ACCOUNT])
        forget(request, answer)
    return answer


def _signed_in(request: web.Request, token: str, onward: str) -> web.Response:
    answer = led(onward)
    remember(request, answer, token)
    return answer


def _page(request: web.Request, filled: dict[str, str], *, fault: str = "", status: int = 200) -> web.Response:
    context: dict[str, Any] = {"filled": {"code": "", "next": "/for-you"} | filled, "fault": fault}
    answer = page(request, "reader/sign_in.html", context, status=status)
    answer.headers.update(OF_READERS)
    return answer
