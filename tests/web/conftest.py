"""A client that speaks real HTTP to the web on a fresh store."""

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestServer

from paperlark.model.problems import ReaderError
from paperlark.store.database import Store
from paperlark.web import make_web
from tests.web.archive import Client
from tests.web.fitting import FittingClient


class Birdcage:
    """A channel as the web sees it: addresses are names of birds in lower case; one of them breaks it."""

    def check_address(self, address: str) -> str:
        """Raises ReaderError for what is no name of a bird."""
        if address == "a fault of ours":
            raise RuntimeError("the secret in the traceback")
        if not address.isalpha():
            raise ReaderError("not a bird: give one word, like finch")
        return address.lower()


@pytest.fixture
async def client(sqlite_store: Store) -> AsyncIterator[Client]:
    """On SQLite, for what is not about databases."""
    async with FittingClient(TestServer(make_web(sqlite_store, {"birdcage": Birdcage()}))) as speaking:
        yield speaking


@pytest.fixture
async def client_of_both(store: Store) -> AsyncIterator[Client]:
    """On each kind of database: goes with the fixture `store`."""
    async with FittingClient(TestServer(make_web(store, {"birdcage": Birdcage()}))) as speaking:
        yield speaking
