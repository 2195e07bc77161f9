"""A POST that is sent twice is done once: the header `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07).

The key names a request of an account for 24 hours. The same request again gets the answer of the first time; another
one under the same key is refused, and so is one that comes while the first is still being done. What was refused was
not done, and may be sent again under its key. An answer that nobody may keep (`no-store`: it holds a secret) is not
kept here either: who asks again is told that it was done.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable

from aiohttp import web

from paperlark.store import idempotency as kept
from paperlark.store.idempotency import Before
from paperlark.web.keys import STORE
from paperlark.web.problems import Problem

HEADER = "Idempotency-Key"
FORM = r'^("[!#-\[\]-~]{1,100}"|[A-Za-z0-9_.:-]{1,100})$'
"""A string of RFC 8941, in quotes and without white space, or a plain word, as most programs send it."""

_FORM = re.compile(FORM.removesuffix("$"))
_HEADERS = ("Content-Type", "Cache-Control", "Vary", "Location")


async def once(
    request: web.Request, account_id: int, answering: Callable[[], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """The answer to a request that may bear a key. Raises Problem: 400, 409, 422."""
    key = request.headers.get(HEADER)
    if key is None:
        return await answering()
    if len(request.headers.getall(HEADER)) > 1 or not _FORM.fullmatch(key):
        raise Problem(400, f"{HEADER} has 1 to 100 letters, digits or signs, in quotes", kind="bad-idempotency-key")
    store = request.app[STORE]
    async with store.transaction() as tx:
        turn = await kept.begin(tx, account_id, key.strip('"'), await _digest(request), await tx.now())
    if isinstance(turn, Before):
        return _again(turn, await _digest(request))
    answer = None
    try:
        answer = await answering()
    finally:
        # Also where the request was refused, failed, or took too long.
        async with store.transaction() as tx:
            await (kept.end(tx, turn, _told(answer)) if answer is not None else kept.give_up(tx, turn))
    return answer


async def _digest(request: web.Request) -> str:
    """What the request is: asked twice under one key, it must be the same."""
    said = f"{request.method} {request.rel_url.raw_path_qs}\n".encode() + await request.read()
    return hashlib.sha256(said).hexdigest()


def _told(answer: web.StreamResponse) -> dict[str, object]:
    assert isinstance(answer, web.Response)
    secret = "no-store" in answer.headers.get("Cache-Control", "")
    return {
        "status": answer.status,
        "headers": {name: answer.headers[name] for name in _HEADERS if name in answer.headers},
        "body": None if secret or not isinstance(answer.body, bytes) else answer.body.decode(),
    }


def _again(before: Before, request: str) -> web.Response:
    if before.request != request:
        raise Problem(
            422,
            f"this {HEADER} was used for another request; take a new one",
            kind="idempotency-key-reused",
            title="The key is of another request",
        )
    if before.answer is None:
        raise Problem(
            409,
            "the request with this key is still being answered; ask again in a moment",
            kind="in-progress",
            title="Not answered yet",
            headers={"Retry-After": "1"},
        )
    if before.answer["body"] is None:
        raise Problem(
            409,
            "this was done before, and its answer held a secret, which is told once",
            kind="told-once",
            title="Done before",
        )
    return web.Response(
        status=before.answer["status"], body=before.answer["body"].encode(), headers=before.answer["headers"]
    )
