"""Who reads a page, and whether a form comes from one of ours.

A session is a token of the same table as any other, in a cookie that no script sees: `HttpOnly`, `SameSite=Lax`, and
where this paperlark's public address is https `Secure`, under a name that begins with `__Host-`, so that no neighbour
of a shared domain can set it (ASVS 5.0, 3.3.1 and 3.3.3). Only pages take the cookie, the API never does.

Who is signed in acts by forms alone, and each must come from a page of ours: the browser says so in `Sec-Fetch-Site`,
or in `Origin` where it is older or the address is plain http (OWASP ASVS 5.0, 3.5.1). The cookie's `SameSite` is the
second lock. `ReaderRoutes` makes both sure: what is routed by it cannot forget them.
"""

from collections.abc import Awaitable, Callable
from functools import wraps
from urllib.parse import urlencode, urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from paperlark.readers import session
from paperlark.web.access import BEARERS, SCOPES
from paperlark.web.keys import ACCOUNT, LINKS, STORE
from paperlark.web.pages.links import NOT_KEPT
from paperlark.web.problems import Problem

COOKIE = "paperlark_session"
SECURE_COOKIE = f"__Host-{COOKIE}"
SIGN_IN = "/sign-in"
OF_READERS = {**NOT_KEPT, "Vary": "Cookie", "Referrer-Policy": "same-origin"}

NOT_FOR_PAGES = ("/api/", "/static/", "/healthz", "/readyz")

Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def know_reader(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Note on a page's request who is signed in, 0 for nobody. A session that has ended is forgotten by the browser."""
    request[ACCOUNT] = 0
    token = token_of(request)
    if not token or request.path.startswith(NOT_FOR_PAGES):
        return await handler(request)
    bearer = await request.app[BEARERS].find(request.app[STORE], token)
    if bearer is not None and bearer.scopes >= SCOPES.keys():
        request[ACCOUNT] = bearer.account_id
    return await handler(request)


class ReaderRoutes:
    """Routes of pages that are for a signed-in reader. Others are led to the sign-in, and back from there; a POST that
    does not come from a page of ours is refused; nobody on the way keeps what is answered."""

    def __init__(self) -> None:
        self.routes: list[web.RouteDef] = []

    def get(self, path: str) -> Callable[[Answering], Answering]:
        """A page."""
        return self._add("GET", path)

    def post(self, path: str) -> Callable[[Answering], Answering]:
        """What a form does."""
        return self._add("POST", path)

    def _add(self, method: str, path: str) -> Callable[[Answering], Answering]:
        def add(answering: Answering) -> Answering:
            self.routes.append(web.route(method, path, _for_readers(answering)))
            return answering

        return add


def _for_readers(answering: Answering) -> Answering:
    @wraps(answering)
    async def guarded(request: web.Request) -> web.StreamResponse:
        if request.method == "POST":
            check_ours(request)
        if not request[ACCOUNT]:
            raise web.HTTPSeeOther(_way_back(request), headers=OF_READERS)
        answer = await answering(request)
        if not answer.prepared:
            answer.headers.update(OF_READERS)
        return answer

    return guarded


def _way_back(request: web.Request) -> str:
    if request.method != "GET" or request.path_qs == "/for-you":
        return SIGN_IN
    return f"{SIGN_IN}?{urlencode({'next': request.path_qs})}"


def local(path: str, otherwise: str = "/for-you") -> str:
    """A path of ours that somebody may be led to; `otherwise` for whatever leads elsewhere."""
    plain = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if plain else otherwise


def led(path: str, **said: str) -> web.Response:
    """Lead on after a form was taken. said: parameters, such as what was `done`; what is empty is left out."""
    told = {name: value for name, value in said.items() if value}
    address = f"{path}{'&' if '?' in path else '?'}{urlencode(told)}" if told else path
    return web.Response(status=303, headers={"Location": address, **OF_READERS})


# ── does a form come from a page of ours? ──────────────────────────────────────────────────────────────────────────


def check_ours(request: web.Request) -> None:
    """Raises Problem (403) for a form that somebody else's page sent, or that nobody says where it comes from."""
    site = request.headers.get("Sec-Fetch-Site")
    ours = site in ("same-origin", "none") if site is not None else _is_own(request, request.headers.get("Origin", ""))
    if not ours:
        raise Problem(
            403,
            "this did not come from a page of this paperlark, so nothing was done; open the page here and try again",
            kind="foreign-form",
            title="Not from here",
        )


def _is_own(request: web.Request, origin: str) -> bool:
    links = request.app[LINKS]
    if links is not None and links.public_url is not None and _origin(links.public_url) == origin:
        return True
    # Behind a proxy that ends TLS our own scheme is another than the browser's; the host is what nobody can choose.
    return bool(request.host) and urlsplit(origin).netloc == request.host


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


# ── the cookie ─────────────────────────────────────────────────────────────────────────────────────────────────────


def token_of(request: web.Request) -> str:
    """The session that a request brings along, good or not; "" without one."""
    return request.cookies.get(_name(request), "")


def _name(request: web.Request) -> str:
    links = request.app[LINKS]
    return SECURE_COOKIE if links is not None and links.secure else COOKIE


def remember(request: web.Request, answer: web.Response, token: str) -> None:
    """Let the browser keep a session."""
    answer.set_cookie(
        _name(request),
        token,
        max_age=int(session.LIFE.total_seconds()),
        path="/",
        httponly=True,
        samesite="Lax",
        secure=_name(request) == SECURE_COOKIE,
    )


def forget(request: web.Request, answer: web.Response) -> None:
    """Let the browser forget its session."""
    name = _name(request)
    answer.del_cookie(name, path="/", httponly=True, samesite="Lax", secure=name == SECURE_COOKIE)
