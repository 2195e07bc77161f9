"""Whose bearer token is this (RFC 6750), and may it do that?"""

from datetime import datetime, timedelta

from aiohttp import web

from paperlark.store import accounts
from paperlark.web.keys import STORE
from paperlark.web.problems import Problem

READ = "profiles:read"
WRITE = "profiles:write"

LONGEST = 200  # characters of a token
NOTED_EVERY = timedelta(minutes=1)  # how exactly it is remembered when a token was last used
NOTED = web.AppKey[dict[str, datetime]]("noted")
NOTED_AT_MOST = 10_000


async def account_of(request: web.Request, scope: str) -> int:
    """The account that the request speaks for.

    Raises Problem: 401 without a token, or with one that is unknown or expired; 403 where it lacks the scope.
    """
    token = _token(request)
    store = request.app[STORE]
    async with store.reading() as tx:
        now = await tx.now()
        bearer = await accounts.bearer(tx, token, now)
    if bearer is None:
        raise _unknown("the token is unknown or has expired", error="invalid_token")
    if scope not in bearer.scopes:
        raise Problem(
            403,
            f"this token may not do that: it lacks the scope {scope}",
            kind="insufficient-scope",
            headers={"WWW-Authenticate": f'Bearer realm="paperlark", error="insufficient_scope", scope="{scope}"'},
        )
    await _note_use(request, token, now)
    return bearer.account_id


def _token(request: web.Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise _unknown("this needs a token: `Authorization: Bearer pl_live_…`")
    if not token.startswith(accounts.PREFIX) or not token.isascii() or len(token) > LONGEST:
        raise _unknown("the token is unknown or has expired", error="invalid_token")
    return token


def _unknown(detail: str, *, error: str = "") -> Problem:
    challenge = 'Bearer realm="paperlark"' + (f', error="{error}"' if error else "")
    return Problem(401, detail, kind="unauthorised", headers={"WWW-Authenticate": challenge, "Vary": "Authorization"})


async def _note_use(request: web.Request, token: str, now: datetime) -> None:
    """Remember the use, but not at each request: that would make every reading a writing."""
    noted = request.app[NOTED]
    name = accounts.hashed(token)
    last = noted.get(name)
    if last is not None and now - last < NOTED_EVERY:
        return
    if len(noted) >= NOTED_AT_MOST:
        noted.clear()
    noted[name] = now
    async with request.app[STORE].transaction() as tx:
        await accounts.token_used(tx, token, now)
