"""`GET /metrics`, for Prometheus.

Whoever bears the operator's token may ask; where none is set, only this machine may, and only by itself: what a proxy
hands on is not from here (OWASP ASVS 5.0, 13.4.5).
"""

import hmac
from ipaddress import ip_address

from aiohttp import web

from paperlark.metrics.scrape import Watched
from paperlark.web.problems import Problem

WATCHED = web.AppKey("watched", Watched)
TOKEN = web.AppKey[str | None]("metrics_token")
HANDED_ON = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via")

routes = web.RouteTableDef()


@routes.get("/metrics")
async def metrics(request: web.Request) -> web.Response:
    """Everything that is counted, as Prometheus's text."""
    _check(request)
    body, content_type = await request.app[WATCHED].told(request.headers.get("Accept", ""))
    return web.Response(body=body, headers={"Content-Type": content_type, "Cache-Control": "no-store"})


def _check(request: web.Request) -> None:
    """Raises Problem: 401 without the token, 404 for whoever is elsewhere while there is none."""
    token = request.app[TOKEN]
    if token is None:
        if not _from_here(request):
            raise Problem(404, f"there is nothing at {request.path}")
        return
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), token.encode()):
        raise Problem(
            401,
            "this needs the operator's token: PAPERLARK_METRICS_TOKEN",
            kind="unauthorised",
            headers={"WWW-Authenticate": 'Bearer realm="paperlark metrics"', "Vary": "Authorization"},
        )


def _from_here(request: web.Request) -> bool:
    try:
        return ip_address(request.remote or "").is_loopback and not any(name in request.headers for name in HANDED_ON)
    except ValueError:
        return False
