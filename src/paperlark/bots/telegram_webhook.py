"""Where Telegram posts its updates. https://core.telegram.org/bots/api#setwebhook

An update is answered with 200 once it is stored, and not before: what Telegram is told that we have, we have. While the
database is away it is told to come again; it keeps an update for a day.
"""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import structlog
from aiohttp import web

from paperlark.model.problems import StoreError
from paperlark.store import inbound
from paperlark.store.database import Store

log = structlog.get_logger()

PATH = "/telegram/updates"
SECRET = "X-Telegram-Bot-Api-Secret-Token"
BODY_LIMIT = 1024 * 1024  # bytes
CHUNK = 64 * 1024
DEEPEST = 100  # levels of an update; Telegram's have a dozen, and whatever walks through it comes to an end
STORE_SECONDS = 10.0
COME_AGAIN = {"Retry-After": "5"}  # seconds


def secret_of(token: str) -> str:
    """What Telegram says with each update to prove itself: only who knows the bot's token can work it out."""
    return hmac.new(token.encode(), b"paperlark: webhook of the Bot API", hashlib.sha256).hexdigest()


def read_update(body: bytes) -> tuple[int, dict[str, Any]]:
    """An update's number, and the update. Raises ValueError, and nothing else, for what is none, for what JSON does not
    know (NaN: no database would keep it), and for more than `DEEPEST` levels."""
    try:
        update = json.loads(body, parse_constant=_no_constant)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    number = update.get("update_id") if isinstance(update, dict) else None
    if type(number) is not int:
        raise ValueError("an update has a number")
    if _deeper(update, DEEPEST):
        raise ValueError("nested too deeply")
    return number, update


def _deeper(value: Any, levels: int) -> bool:
    """Are lists and mappings within one another on more than so many levels?"""
    within = [value]
    for _ in range(levels):
        mappings = (part for each in within if isinstance(each, dict) for part in each.values())
        within = [*mappings, *(part for each in within if isinstance(each, list) for part in each)]
    return any(isinstance(each, dict | list) for each in within)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def webhook(store: Store, secret: str, arrived: Callable[[], None]) -> web.RouteDef:
    """The route for Telegram's updates. arrived: called when one was stored.

    401 for the wrong secret, 413 for more than a mebibyte, 400 for what is no update, 503 while it cannot be stored.
    """

    async def receive(request: web.Request) -> web.Response:
        if not hmac.compare_digest(request.headers.get(SECRET, "").encode(), secret.encode()):
            return web.Response(status=401)
        body = bytearray()
        async for chunk in request.content.iter_chunked(CHUNK):
            body += chunk
            if len(body) > BODY_LIMIT:
                return web.Response(status=413)
        try:
            number, update = read_update(bytes(body))
        except ValueError:
            return web.Response(status=400)
        try:
            async with asyncio.timeout(STORE_SECONDS), store.transaction() as tx:
                await inbound.keep(tx, "telegram", [(number, update)], await tx.now())
        except ValueError:
            return web.Response(status=400)
        except (StoreError, TimeoutError) as error:
            log.warning("update could not be stored", channel="telegram", reason=str(error) or "too slow")
            return web.Response(status=503, headers=COME_AGAIN)
        arrived()
        return web.Response()

    return web.post(PATH, receive)
