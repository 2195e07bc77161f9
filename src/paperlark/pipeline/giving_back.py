"""Leases of work that a fault of the database broke off."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from paperlark.model.problems import StoreError
from paperlark.store.database import Store, Transaction

AGAIN = 0.5  # seconds between two tries


async def given_back(store: Store, release: Callable[[Transaction], Awaitable[object]], *, within: timedelta) -> None:
    """Give a lease back as soon as the store answers again: else nobody takes the work up before the lease ends. After
    as long as that there is none left to give back."""
    loop = asyncio.get_running_loop()
    until = loop.time() + within.total_seconds()
    while loop.time() < until:
        try:
            async with store.transaction() as tx:
                await release(tx)
        except StoreError:
            await asyncio.sleep(AGAIN)
        else:
            return
