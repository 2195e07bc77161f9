"""A chat on a store whose clock stands still, on both databases."""

from collections.abc import AsyncIterator

import pytest

from paperlark.store.database import open_store
from paperlark.testing.clock import FakeClock
from tests.bots.chat import Chat, chat
from tests.builders import MONDAY


@pytest.fixture
async def ann(store_url: str) -> AsyncIterator[Chat]:
    """Ann's private chat with the bot, on a Monday at nine."""
    clock = FakeClock(MONDAY)
    opened = await open_store(store_url, clock=clock)
    yield await chat(opened, clock, "ann")
    await opened.close()
