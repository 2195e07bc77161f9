"""A reader's account: `/api/v1/account`, with its tokens, identities and pairing codes; and how a program comes to one,
`/api/v1/accounts` and `/api/v1/pairing`."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing, suppress
from datetime import timedelta
from typing import Annotated, Any, Literal

import structlog
from aiohttp import web
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from paperlark.model.problems import ReaderError
from paperlark.readers import account as verbs
from paperlark.readers import link, tokens
from paperlark.readers.tokens import LASTS_AT_MOST, NAME_LIMIT, Made
from paperlark.store.accounts import Kept
from paperlark.web import answers
from paperlark.web.access import (
    ACCOUNT_READ,
    ACCOUNT_WRITE,
    MARKS_WRITE,
    MATCHES_READ,
    PROFILES_READ,
    PROFILES_WRITE,
    SCOPES,
    forget_tokens,
)
from paperlark.web.api.operations import CLOSED, Asked, NoBody, NoQuery, Operations
from paperlark.web.api.papers import moment
from paperlark.web.api.parameters import NO_NUL
from paperlark.web.api.profiles import no_such
from paperlark.web.clients import hold_back
from paperlark.web.keys import DEADLINE, STORE
from paperlark.web.problems import bad_members, fault

log = structlog.get_logger()

ACCOUNTS_AN_HOUR = 10  # new ones, of one client
CODES_AN_HOUR = 20  # typed by one client
EXPORT_SECONDS = 600.0  # for an export to be sent

USUAL = (ACCOUNT_READ, MARKS_WRITE, MATCHES_READ, PROFILES_READ, PROFILES_WRITE)
"""What a program may do that asks for no scopes: all that a reader does day by day, nothing that ends anything."""

Scope = Literal[
    "matches:read", "marks:write", "profiles:read", "profiles:write", "account:read", "account:write"
]  # fmt: skip
Name = Annotated[str, Field(max_length=NAME_LIMIT, pattern=NO_NUL)]
Scopes = Annotated[list[Scope], Field(min_length=1, max_length=len(SCOPES))]

operations = Operations("account")


class NewAccount(BaseModel):
    """A new reader, who owns nothing yet. Without scopes the token may do everything: nobody else speaks for them."""

    model_config = CLOSED
    name: Name | None = None
    scopes: Scopes | None = None


class Pairing(BaseModel):
    """A code that another place shows, and what the token that it is used for is called. Without scopes the token may
    do all but what the scope `account:write` allows."""

    model_config = CLOSED
    code: Annotated[str, Field(min_length=1, max_length=100, pattern=NO_NUL)]
    name: Name = tokens.PLATFORM
    scopes: Scopes | None = None


class FirstToken(BaseModel):
    """A token, seen this once, whose account it speaks for, and what it may do."""

    model_config = ConfigDict(extra="forbid")
    account_id: str
    token: str
    scopes: list[str]


class ShownIdentity(BaseModel):
    """Who the reader is elsewhere."""

    model_config = ConfigDict(extra="forbid")
    platform: str
    id: str
    linked_at: AwareDatetime


class ShownAccount(BaseModel):
    """An account. scopes: what the token may do that asked."""

    model_config = ConfigDict(extra="forbid")
    id: str
    name: str
    created_at: AwareDatetime
    scopes: list[str]
    identities: list[ShownIdentity]


class ShownCode(BaseModel):
    """A code that makes another place this reader's. It works once, until it expires."""

    model_config = ConfigDict(extra="forbid")
    code: str
    expires_at: AwareDatetime


class ShownToken(BaseModel):
    """A token, as its owner knows it again: by its name and its first letters."""

    model_config = ConfigDict(extra="forbid")
    id: str
    name: str
    prefix: str
    scopes: list[str]
    created_at: AwareDatetime
    used_at: Annotated[AwareDatetime | None, Field(description="to the minute")]
    expires_at: AwareDatetime | None


class ShownTokens(BaseModel):
    """All of an account's tokens that are good, oldest first."""

    model_config = ConfigDict(extra="forbid")
    data: list[ShownToken]
    next: None


class NewToken(BaseModel):
    """A token to be made. Without `days` it does not end by itself."""

    model_config = CLOSED
    name: Annotated[str, Field(min_length=1, max_length=NAME_LIMIT, pattern=NO_NUL)]
    scopes: Scopes
    days: Annotated[int, Field(ge=1, le=LASTS_AT_MOST.days)] | None = None


class MadeToken(ShownToken):
    """A new token; `token` is seen this once."""

    token: str


class Deletion(BaseModel):
    """The account's own id, so that nobody deletes it by mistake."""

    model_config = CLOSED
    confirm: Annotated[str, Field(max_length=100)]


# ── coming in ──────────────────────────────────────────────────────────────────────────────────────────────────────


@operations.post("/accounts", body=NewAccount, gives=FirstToken, status=201)
async def begin(asked: Asked[NoQuery, NewAccount]) -> web.StreamResponse:
    """Make a new account on the spot, and a token for it, which is shown this once."""
    await hold_back(asked.request, "new accounts", allowed=ACCOUNTS_AN_HOUR)
    wanted = asked.body
    made = await tokens.new_account(asked.store, name=wanted.name or "", scopes=_scopes(wanted.scopes, tuple(SCOPES)))
    log.info("signed in", way="new reader")
    return _first(asked, made)


@operations.post("/pairing", body=Pairing, gives=FirstToken, status=201)
async def pair(asked: Asked[NoQuery, Pairing]) -> web.StreamResponse:
    """Speak for the account whose code another place shows: a bot, a page, the command line.

    The token is shown this once.
    """
    await hold_back(asked.request, "pairing", allowed=CODES_AN_HOUR)
    wanted = asked.body
    try:
        name = wanted.name or tokens.PLATFORM
        made = await tokens.pair(asked.store, wanted.code, name=name, scopes=_scopes(wanted.scopes, USUAL))
    except ReaderError as error:
        log.info("sign-in failed", way="code for a program")
        raise bad_members([fault(["code"], str(error))]) from error
    log.info("signed in", way="code for a program")
    return _first(asked, made)


def _scopes(asked_for: Sequence[str] | None, usual: Sequence[str]) -> list[str]:
    return sorted(set(usual if asked_for is None else asked_for))


def _first(asked: Asked[Any, Any], made: Made) -> web.Response:
    said = {"account_id": str(made.account_id), "token": made.token, "scopes": list(made.kept.scopes)}
    return answers.say(asked.request, said, status=201, cache=answers.NEVER_KEPT)


# ── the account ────────────────────────────────────────────────────────────────────────────────────────────────────


@operations.get("/account", scope=ACCOUNT_READ, gives=ShownAccount)
async def show(asked: Asked[NoQuery, NoBody]) -> web.StreamResponse:
    """The account, where else its reader is known, and what this token may do."""
    try:
        about = await verbs.about(asked.store, asked.account)
    except ReaderError as error:
        raise no_such("account") from error
    assert asked.bearer is not None
    said = {
        "id": str(about.id),
        "name": about.name,
        "created_at": moment(about.created_at),
        "scopes": sorted(asked.bearer.scopes),
        "identities": [
            {"platform": each.platform, "id": each.external_id, "linked_at": moment(each.linked_at)}
            for each in about.identities
        ],
    }
    return answers.say(asked.request, said, cache=answers.PRIVATE)


@operations.post("/account/pairing", scope=ACCOUNT_WRITE, gives=ShownCode, status=201)
async def code(asked: Asked[NoQuery, NoBody]) -> web.StreamResponse:
    """A code to be typed in another place, which then is this reader's too. It ends the one before."""
    made = await link.begin(asked.store, asked.account)
    said = {"code": made.text, "expires_at": moment(made.expires_at)}
    return answers.say(asked.request, said, status=201, cache=answers.NEVER_KEPT)


@operations.delete(
    "/account/identities/{platform}/{id:.+}",
    scope=ACCOUNT_WRITE,
    status=204,
    problems={404: "there is no such identity", 422: "it is the only one"},
)
async def part(asked: Asked[NoQuery, NoBody]) -> web.StreamResponse:
    """Be this reader no more in another place: who comes from there next is a new one."""
    platform, external_id = asked.path("platform"), asked.path()
    try:
        if "\0" in platform + external_id:
            raise ReaderError(verbs.NO_IDENTITY)
        await verbs.part(asked.store, asked.account, platform, external_id)
    except ReaderError as error:
        if str(error) == verbs.NO_IDENTITY:
            raise no_such("identity") from error
        raise
    return web.Response(status=204, headers=answers.PRIVATE)


@operations.get("/account/export", scope=ACCOUNT_READ, gives=dict[str, Any], problems={404: "the account is gone"})
async def export(asked: Asked[NoQuery, NoBody]) -> web.StreamResponse:
    """Everything that the account owns, as one JSON document (`format` is "paperlark export 1"), sent while it is read.

    Ids are text, moments RFC 3339 in UTC, whatever is not known is null.
    """
    return await exported(asked.request, asked.account, answers.NEVER_KEPT)


async def exported(request: web.Request, account: int, headers: Mapping[str, str]) -> web.StreamResponse:
    """An account's export, sent while it is read. Raises Problem: 404."""
    request[DEADLINE].reschedule(asyncio.get_running_loop().time() + EXPORT_SECONDS)
    kept = {**headers, "Content-Disposition": 'attachment; filename="paperlark.json"'}
    answer = web.StreamResponse(headers=kept)
    answer.content_type = "application/json"
    async with aclosing(verbs.export(request.app[STORE], account)) as pieces:
        try:
            first = await anext(pieces)  # where there is no account, nothing is sent yet
        except ReaderError as error:
            raise no_such("account") from error
        await answer.prepare(request)
        await answer.write(first.encode())
        async for piece in pieces:
            await answer.write(piece.encode())
    await answer.write_eof()
    return answer


@operations.delete("/account", scope=ACCOUNT_WRITE, body=Deletion, status=204)
async def delete(asked: Asked[NoQuery, Deletion]) -> web.StreamResponse:
    """Forget the account and everything that it owns; nothing stays, this token neither."""
    if asked.body.confirm != str(asked.account):
        raise bad_members([fault(["confirm"], "give the account's own id, to be sure")])
    with suppress(ReaderError):  # it was asked for twice
        await verbs.delete(asked.store, asked.account)
    forget_tokens(asked.request, asked.account)
    return web.Response(status=204, headers=answers.NEVER_KEPT)


# ── tokens ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@operations.get("/account/tokens", scope=ACCOUNT_READ, gives=ShownTokens)
async def listed(asked: Asked[NoQuery, NoBody]) -> web.StreamResponse:
    """The account's tokens, oldest first: there are at most 100."""
    mine = [_token(each) for each in await tokens.listed(asked.store, asked.account)]
    return answers.say(asked.request, {"data": mine, "next": None}, cache=answers.PRIVATE)


@operations.post("/account/tokens", scope=ACCOUNT_WRITE, body=NewToken, gives=MadeToken, status=201)
async def make(asked: Asked[NoQuery, NewToken]) -> web.StreamResponse:
    """Make a token for a program; it is shown this once."""
    wanted = asked.body
    lasts = timedelta(days=wanted.days) if wanted.days is not None else None
    made = await tokens.make(
        asked.store, asked.account, name=wanted.name, scopes=_scopes(wanted.scopes, ()), lasts=lasts
    )
    headers = {"Location": f"/api/v1/account/tokens/{made.kept.id}"}
    said = _token(made.kept) | {"token": made.token}
    return answers.say(asked.request, said, status=201, cache=answers.NEVER_KEPT, headers=headers)


@operations.delete("/account/tokens/{id}", scope=ACCOUNT_WRITE, status=204, problems={404: "there is no such token"})
async def revoke(asked: Asked[NoQuery, NoBody]) -> web.StreamResponse:
    """End a token, at once."""
    try:
        await tokens.revoke(asked.store, asked.account, asked.path())
    except ReaderError as error:
        raise no_such("token") from error
    forget_tokens(asked.request, asked.account)
    return web.Response(status=204, headers=answers.PRIVATE)


def _token(kept: Kept) -> dict[str, Any]:
    return {
        "id": kept.id,
        "name": kept.name,
        "prefix": kept.prefix,
        "scopes": list(kept.scopes),
        "created_at": moment(kept.created_at),
        "used_at": moment(kept.used_at) if kept.used_at is not None else None,
        "expires_at": moment(kept.expires_at) if kept.expires_at is not None else None,
    }
