"""Around every answer: a request id, a time-out, security headers, and the one place that tells what went wrong."""

import asyncio
import itertools
import secrets

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from paperlark.model.problems import QueryError, ReaderError, StoreError
from paperlark.web import problems
from paperlark.web.api import cors
from paperlark.web.api.limits import RATE
from paperlark.web.keys import DEADLINE, LINKS, REQUEST_ID
from paperlark.web.pages import days
from paperlark.web.problems import Problem

log = structlog.get_logger()

ANSWER_SECONDS = 20.0
API = "/api/"
FOR_PROGRAMS = (API, "/healthz", "/readyz", "/metrics")

REFUSALS = (401, 403, 429)  # of those who are not known, may not, or try too often (ASVS 5.0, 16.3.2 and 16.3.3)

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Server": "paperlark",  # not which Python and which aiohttp
}
"""What a browser may do with what we send: scripts of our own files, nothing from elsewhere, no frame around it."""

TLS_ONLY = "max-age=63072000; includeSubDomains"
"""For two years no browser asks by http what it can reach by https (RFC 6797); said where our own address is https."""


def edge(seconds: float = ANSWER_SECONDS, *, people: bool = True) -> Middleware:
    """The middleware around everything: gives the request an id and `seconds` to be answered in, and tells faults, as
    problem+json to programs, as a page to people, where any are expected."""

    # None of them is a secret; to ask the system for each costs as much as a paper.
    beginning, numbers = secrets.token_hex(4), itertools.count(1)

    @web.middleware
    async def around(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[REQUEST_ID] = f"{beginning}-{next(numbers):x}"
        with structlog.contextvars.bound_contextvars(request_id=request[REQUEST_ID]):
            try:
                if request.path.startswith(API) and cors.is_preflight(request):
                    return cors.preflight(request)
                async with asyncio.timeout(seconds) as request[DEADLINE]:
                    return await handler(request)
            except web.HTTPException as refused:
                if refused.status < 400:
                    raise
                problem = _refused(request, refused)
            except Exception as fault:
                problem = _told(request, fault)
            if problem.status in REFUSALS:
                log.info(
                    "refused",
                    method=request.method,
                    path=_path(request),
                    status=problem.status,
                    reason=problem.kind or problem.title,
                )
            return _say(request, problem) if people else problems.response(request, problem)

    return around


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Every answer, whoever made it, carries the security headers and the request's id. Only of the referrer a page may
    say something else."""
    said = response.headers.get("Referrer-Policy", HEADERS["Referrer-Policy"])
    response.headers.update(HEADERS)
    response.headers["Referrer-Policy"] = said  # forms need `same-origin`, else browsers send them with `Origin: null`
    links = request.app[LINKS]
    if links is not None and links.secure:
        response.headers["Strict-Transport-Security"] = TLS_ONLY
    response.headers["X-Request-Id"] = request.get(REQUEST_ID, "")
    if request.path.startswith(API):
        cors.add_headers(request, response)
        if RATE in request:
            response.headers.update(request[RATE].headers)


def _told(request: web.Request, fault: Exception) -> Problem:
    """What a person is told of a fault. One that we did not expect is logged here, once, and nowhere shown."""
    match fault:
        case Problem():
            return fault
        case QueryError():
            return problems.bad_query(fault, "q")
        case ReaderError():
            return Problem(422, str(fault), kind="refused", title="That cannot be done")
        case TimeoutError():
            log.warning("request took too long", method=request.method, path=_path(request))
            return Problem(503, "this took too long; ask for less, or later", headers={"Retry-After": "10"})
        case StoreError():
            log.warning("store cannot be used", method=request.method, path=_path(request), reason=str(fault))
            return Problem(503, "the database cannot be used just now", headers={"Retry-After": "10"})
    log.exception("request failed", method=request.method, path=_path(request))
    return Problem(500, "this is a fault of ours; it is logged under the request's id")


def _path(request: web.Request) -> str:
    """The path for a log line: of a signed link only what it is for, because whoever has it may act by it."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None and "{token}" in resource.canonical else request.path


def _refused(request: web.Request, refused: web.HTTPException) -> Problem:
    """aiohttp's own refusals: unknown path, wrong method, a body too large."""
    said = {
        404: f"there is nothing at {request.path}",
        405: f"{request.method} is not for {request.path}",
        413: "a body has at most 64 KiB",
    }
    allowed = {"Allow": refused.headers["Allow"]} if "Allow" in refused.headers else {}
    return Problem(refused.status, said.get(refused.status, ""), headers=allowed)


def _say(request: web.Request, problem: Problem) -> web.Response:
    if request.path.startswith(FOR_PROGRAMS):
        return problems.response(request, problem)
    return days.problem(request, problem)
