"""My account: `/account`, where else I am known, programs and feeds that read for me, everything as a file, and the end
of it all. A code, a token and a feed's address are shown once, on the page that follows the button."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

from aiohttp import web

from paperlark.model.problems import ReaderError
from paperlark.readers import account as verbs
from paperlark.readers import feeds, follow, link, tokens
from paperlark.web.access import SCOPES, forget_tokens
from paperlark.web.api.account import USUAL, exported
from paperlark.web.api.feeds import addresses
from paperlark.web.api.profiles import no_such
from paperlark.web.feeds import home_of
from paperlark.web.keys import ACCOUNT, STORE
from paperlark.web.pages.links import form_of, page
from paperlark.web.session import OF_READERS, ReaderRoutes, forget, led, token_of

DELETE = "delete"  # what is typed to delete an account
LASTS = {"30": "for 30 days", "365": "for a year", "": "until it is revoked"}  # days
CALLED = {
    "telegram": "Telegram",
    "discord": "Discord",
    "email": "E-mail",
    "browser": "Browser",
    "local": "Command line",
}
DONE = {
    "revoked": "Revoked: it is good for nothing any more.",
    "parted": "Unlinked: who comes from there next is a new reader.",
    "ended": "Ended: who reads there is told so.",
}

pages = ReaderRoutes()


@pages.get("/account")
async def show(request: web.Request) -> web.StreamResponse:
    """All of it."""
    return await _account(request, {})


async def _account(
    request: web.Request, faults: Mapping[str, str], filled: Mapping[str, str] | None = None, *, status: int = 200
) -> web.Response:
    """faults: by the part of the page that they belong to."""
    store, account = request.app[STORE], request[ACCOUNT]
    usual = {f"scope-{scope}": "yes" for scope in USUAL} | {"name": "", "lasts": "365"}
    session = token_of(request)
    context: dict[str, Any] = {
        "about": await verbs.about(store, account),
        "tokens": [(each, each.is_of(session)) for each in await tokens.listed(store, account)],
        "feeds": await feeds.listed(store, account),
        "mine": [profile for profile, _ in await follow.listed(store, account)],
        "scopes": SCOPES,
        "lasts": LASTS,
        "called": CALLED,
        "filled": usual if filled is None else dict(filled),
        "faults": faults,
        "done": DONE.get(request.query.get("done", ""), ""),
        "word": DELETE,
    }
    return page(request, "reader/account.html", context, status=status)


# ── where else I am known ──────────────────────────────────────────────────────────────────────────────────────────


@pages.post("/account/code")
async def code(request: web.Request) -> web.StreamResponse:
    """A code by which another place is this reader, too."""
    try:
        made = await link.begin(request.app[STORE], request[ACCOUNT])
    except ReaderError as error:
        return await _account(request, {"code": str(error)}, status=422)
    return page(request, "reader/code.html", {"code": made})


@pages.post("/account/identities")
async def part(request: web.Request) -> web.StreamResponse:
    """Be this reader no more in another place."""
    filled = await form_of(request)
    try:
        await verbs.part(request.app[STORE], request[ACCOUNT], filled.get("platform", ""), filled.get("id", ""))
    except ReaderError as error:
        return await _account(request, {"code": str(error)}, status=422)
    return led("/account", done="parted")


# ── programs ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pages.post("/account/tokens")
async def add_token(request: web.Request) -> web.StreamResponse:
    """A token for a program."""
    filled = await form_of(request)
    scopes = [scope for scope in SCOPES if filled.get(f"scope-{scope}")]
    days = filled.get("lasts", "")
    try:
        if not scopes:
            raise ReaderError("choose what the program may do")
        lasts = timedelta(days=int(days)) if days in LASTS and days else None
        made = await tokens.make(
            request.app[STORE], request[ACCOUNT], name=filled.get("name", ""), scopes=scopes, lasts=lasts
        )
    except ReaderError as error:
        return await _account(request, {"tokens": str(error)}, {"name": "", "lasts": ""} | filled, status=422)
    return page(request, "reader/token.html", {"made": made})


@pages.post("/account/tokens/{id}")
async def revoke_token(request: web.Request) -> web.StreamResponse:
    """End a token."""
    try:
        await tokens.revoke(request.app[STORE], request[ACCOUNT], request.match_info["id"])
    except ReaderError as error:
        raise no_such("token") from error
    forget_tokens(request, request[ACCOUNT])
    return led("/account", done="revoked")


# ── feeds ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pages.post("/account/feeds")
async def add_feed(request: web.Request) -> web.StreamResponse:
    """An address of a profile's feed, or of all of them."""
    profile = (await form_of(request)).get("profile", "")
    try:
        made = await feeds.make(request.app[STORE], request[ACCOUNT], profile or None)
    except ReaderError as error:
        return await _account(request, {"feeds": str(error)}, status=422)
    return page(request, "reader/feed.html", {"made": made, "addresses": addresses(home_of(request), made)})


@pages.post("/account/feeds/{id}")
async def end_feed(request: web.Request) -> web.StreamResponse:
    """End an address."""
    number = request.match_info["id"]
    try:
        known = number.isascii() and number.isdecimal() and len(number) < 19
        await feeds.revoke(request.app[STORE], request[ACCOUNT], int(number) if known else 0)
    except ReaderError as error:
        raise no_such("feed") from error
    return led("/account", done="ended")


# ── all of it ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pages.get("/account/export")
async def export(request: web.Request) -> web.StreamResponse:
    """Everything that is kept of me, as a file."""
    return await exported(request, request[ACCOUNT], OF_READERS)


@pages.post("/account/delete")
async def delete(request: web.Request) -> web.StreamResponse:
    """Forget me: only where the word was typed."""
    account = request[ACCOUNT]
    typed = (await form_of(request)).get("confirm", "").strip().casefold()
    if typed != DELETE:
        return await _account(request, {"delete": f"type “{DELETE}” to delete everything"}, status=422)
    with suppress(ReaderError):  # it was pressed twice
        await verbs.delete(request.app[STORE], account)
    forget_tokens(request, account)
    request[ACCOUNT] = 0
    answer = page(request, "reader/forgotten.html", {})
    forget(request, answer)
    return answer
