"""Around each answer for whoever watches: it is counted and traced by its route's template, never by its path."""

import asyncio

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from paperlark import tracing
from paperlark.metrics.process import Process

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def watching(process: Process | None) -> Middleware:
    """The middleware outside of all others. Whoever hangs up before the answer is not counted. process: what counts;
    None: nothing does."""

    @web.middleware
    async def around(request: web.Request, handler: Handler) -> web.StreamResponse:
        clock = asyncio.get_running_loop().time
        began = clock()
        method, route = method_of(request), route_of(request)
        with tracing.span(f"{method} {route}", **{"http.request.method": method, "http.route": route}):
            try:
                answer: web.StreamResponse | web.HTTPException = await handler(request)
            except web.HTTPException as redirect:
                answer = redirect
            tracing.note(**{"http.response.status_code": answer.status})
        if process is not None:
            process.answered(method, route, answer.status, clock() - began)
        if isinstance(answer, web.HTTPException):
            raise answer
        return answer

    return around


def method_of(request: web.Request) -> str:
    """The request's method, where it is one that anybody uses."""
    return request.method if request.method in METHODS else "other"


def route_of(request: web.Request) -> str:
    """The template of the request's route: "/api/v1/papers/{id}"; "none" where there is nothing."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "none"
