"""What the application carries along for its parts."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from aiohttp import web

from paperlark.links import Links
from paperlark.readers.warm import Warming
from paperlark.store.database import Store


class Addressed(Protocol):
    """All that the web needs of a channel: what an address looks like there."""

    def check_address(self, address: str) -> str:
        """The address in its one spelling; raises ReaderError when it is none."""


STORE = web.AppKey("store", Store)
LINKS = web.AppKey[Links | None]("links")
CHANNELS = web.AppKey[Mapping[str, Addressed]]("channels")
WARMING = web.AppKey[Warming | None]("warming")
OWN_KEY = web.AppKey[Callable[[], Awaitable[str]] | None]("own_key")
REQUEST_ID = web.RequestKey("request_id", str)
DEADLINE = web.RequestKey("deadline", asyncio.Timeout)
"""By when an answer must be there; one that is sent bit by bit moves it. Set by `edge`."""
ACCOUNT = web.RequestKey("account", int)
"""Who is signed in on a page; 0 is nobody. Set by `session`."""
