"""Whose bearer token is this (RFC 6750), and may it do that?

A token that was found good is not looked up again for ten seconds, in this process's memory: a program that asks often
costs the database little. So a token that is revoked elsewhere may be good for as long; what revokes one here says so
(`forget_tokens`), and then it ends at once. Tokens are remembered by their hash, and only so many of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import web

from paperlark.store import accounts
from paperlark.store.accounts import Bearer
from paperlark.store.database import Store
from paperlark.store.lately import Lately
from paperlark.web.keys import STORE
from paperlark.web.problems import Problem

MATCHES_READ = "matches:read"
MARKS_WRITE = "marks:write"
PROFILES_READ = READ = "profiles:read"
PROFILES_WRITE = WRITE = "profiles:write"
ACCOUNT_READ = "account:read"
ACCOUNT_WRITE = "account:write"

SCOPES = {
    MATCHES_READ: "read what matched: matches, saved papers, the stream of new ones",
    MARKS_WRITE: "mark papers as read, saved or dismissed; mute words, authors and sources",
    PROFILES_READ: "read profiles, subscriptions and deliveries, and try queries",
    PROFILES_WRITE: "make, change and end profiles and subscriptions; send deliveries again, or drop them",
    ACCOUNT_READ: "read the account: its name, identities, tokens, feeds' addresses, and all it owns as an export",
    ACCOUNT_WRITE: "make and revoke tokens, pairing codes and feeds' addresses; delete the account",
}
"""What a token may be good for, and what that is in words."""

LONGEST = 200  # characters of a token
KEPT_SECONDS = 10.0
KEPT_AT_MOST = 10_000
NOTED_EVERY = timedelta(minutes=1)  # how exactly it is remembered when a token was last used


@dataclass(frozen=True, slots=True)
class _Kept:
    bearer: Bearer
    until: float


class Bearers:
    """The tokens that were found good a moment ago. ticks: seconds of a clock that never goes back."""

    def __init__(self, ticks: Callable[[], float], *, kept_at_most: int = KEPT_AT_MOST) -> None:
        self._ticks = ticks
        self._kept: Lately[str, _Kept] = Lately(kept_at_most)
        self._noted: Lately[str, datetime] = Lately(kept_at_most)

    async def find(self, store: Store, token: str) -> Bearer | None:
        """Whose token this is; None when nobody's, or expired."""
        if not token.startswith((accounts.PREFIX, accounts.SESSION)) or not token.isascii() or len(token) > LONGEST:
            return None
        name = accounts.hashed(token)
        kept = self._kept.get(name)
        if kept is not None and self._ticks() < kept.until:
            return kept.bearer
        asked_at = self._ticks()
        async with store.reading() as tx:
            now = await tx.now()
            bearer = await accounts.bearer(tx, token, now)
        if bearer is None:
            self._kept.forget(name)
            return None
        left = (bearer.expires_at - now).total_seconds() if bearer.expires_at is not None else KEPT_SECONDS
        self._kept.keep(name, _Kept(bearer, asked_at + min(left, KEPT_SECONDS)))
        await self._note_use(store, token, name, now)
        return bearer

    def forget(self, account_id: int) -> None:
        """Look an account's tokens up again from now on."""
        for name in [name for name, kept in self._kept.pairs() if kept.bearer.account_id == account_id]:
            self._kept.forget(name)

    async def _note_use(self, store: Store, token: str, name: str, now: datetime) -> None:
        """Remember the use, but not at each request: that would make every reading a writing."""
        last = self._noted.get(name)
        if last is not None and now - last < NOTED_EVERY:
            return
        self._noted.keep(name, now)
        async with store.transaction() as tx:
            await accounts.token_used(tx, token, now)


BEARERS = web.AppKey("bearers", Bearers)


async def bearer_of(request: web.Request) -> Bearer:
    """Whose token the request bears. Raises Problem: 401 without one, or with one that is unknown or has expired."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise _unknown("this needs a token: `Authorization: Bearer pl_live_…`")
    bearer = await request.app[BEARERS].find(request.app[STORE], token)
    if bearer is None:
        raise _unknown("the token is unknown or has expired", error="invalid_token")
    return bearer


def check_scope(bearer: Bearer, scope: str) -> None:
    """Raises Problem (403) where a token lacks a scope."""
    if scope not in bearer.scopes:
        raise Problem(
            403,
            f"this token may not do that: it lacks the scope {scope}",
            kind="insufficient-scope",
            headers={"WWW-Authenticate": f'Bearer realm="paperlark", error="insufficient_scope", scope="{scope}"'},
        )


async def account_of(request: web.Request, scope: str) -> int:
    """The account that the request speaks for. Raises Problem as `bearer_of` and `check_scope`."""
    bearer = await bearer_of(request)
    check_scope(bearer, scope)
    return bearer.account_id


def forget_tokens(request: web.Request, account_id: int) -> None:
    """A token of this account was revoked, or the account deleted: nothing of it is good from memory any more."""
    request.app[BEARERS].forget(account_id)


def _unknown(detail: str, *, error: str = "") -> Problem:
    challenge = 'Bearer realm="paperlark"' + (f', error="{error}"' if error else "")
    return Problem(401, detail, kind="unauthorised", headers={"WWW-Authenticate": challenge, "Vary": "Authorization"})
