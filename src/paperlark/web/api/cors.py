"""Which pages of other origins may read the API: those of browser extensions, and our own (Fetch standard, 3.2 "CORS
protocol"; OWASP ASVS 5.0, 3.4.2).

Never with credentials: the API takes no cookie, so a page gets what whoever holds the token would get without it. An
extension is known by its scheme alone, because Firefox gives each installation an address of its own.
"""

import re

from aiohttp import web

from paperlark.web.keys import LINKS

EXTENSION = re.compile(r"(chrome-extension|moz-extension|safari-web-extension)://[a-z0-9-]+", re.ASCII)
METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
SENT = "Authorization, Content-Type, If-None-Match, Idempotency-Key, Last-Event-ID"
SEEN = "ETag, Link, Location, Retry-After, RateLimit, RateLimit-Policy, WWW-Authenticate, X-Poll-Interval, X-Request-Id"
KEPT_SECONDS = 600


def allowed(request: web.Request) -> str | None:
    """The request's origin, where it may read what is answered."""
    origin = request.headers.get("Origin", "")
    links = request.app[LINKS]
    own = links.public_url if links is not None else None
    # A public address may have a path, an origin never does.
    if EXTENSION.fullmatch(origin) or (own is not None and origin == "/".join(own.split("/")[:3])):
        return origin
    return None


def is_preflight(request: web.Request) -> bool:
    """Whether a browser asks before a page's request."""
    return request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers


def preflight(request: web.Request) -> web.Response:
    """The answer to it. An origin that may not read gets one too, without the permission."""
    answer = web.Response(status=204, headers={"Cache-Control": "no-store"})
    if allowed(request) is not None:
        answer.headers["Access-Control-Allow-Methods"] = METHODS
        answer.headers["Access-Control-Allow-Headers"] = SENT
        answer.headers["Access-Control-Max-Age"] = str(KEPT_SECONDS)
    return answer


def add_headers(request: web.Request, answer: web.StreamResponse) -> None:
    """Let the origin read the answer, if it may; and tell caches that this depends on who asks."""
    vary = answer.headers.get("Vary")
    answer.headers["Vary"] = f"{vary}, Origin" if vary else "Origin"
    origin = allowed(request)
    if origin is not None:
        answer.headers["Access-Control-Allow-Origin"] = origin
        answer.headers["Access-Control-Expose-Headers"] = SEEN
