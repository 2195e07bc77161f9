"""The secrets of webhooks: what a server that receives digests knows them by, and how it gets a new one.

A secret is derived from this paperlark's own key and the destination, so that two readers who name the same address
have each their own, and the database holds none. It is 32 bytes, written as the Standard Webhooks do: `whsec_` and
base64. For a day after a new one was made messages are signed by the one before, too.
"""

import base64
import hashlib
import hmac
from datetime import timedelta

from paperlark.model.problems import ReaderError
from paperlark.store import webhooks
from paperlark.store.database import Store
from paperlark.store.profiles import NO_DESTINATION
from paperlark.store.webhooks import Turn

PREFIX = "whsec_"
OVERLAP = timedelta(days=1)


async def secret(store: Store, account_id: int, destination_id: int, *, key: str) -> str:
    """The secret that a webhook's messages are signed with. key: this paperlark's own.

    Raises ReaderError: no such destination, somebody else's, or none that has a secret.
    """
    async with store.reading() as tx:
        turn = _known(await webhooks.turn(tx, account_id, destination_id))
    return _derived(key, account_id, destination_id, turn.number)


async def new_secret(store: Store, account_id: int, destination_id: int, *, key: str) -> str:
    """Replace a webhook's secret; the one before signs along for a day. Raises ReaderError like `secret`."""
    async with store.transaction() as tx:
        turn = _known(await webhooks.turn(tx, account_id, destination_id))
        await webhooks.replace(tx, account_id, destination_id, await tx.now())
    return _derived(key, account_id, destination_id, turn.number + 1)


async def signing(store: Store, account_id: int, destination_id: int, *, key: str) -> list[str]:
    """The secrets to sign a webhook's messages with now, newest first. Raises ReaderError like `secret`."""
    async with store.reading() as tx:
        turn, now = _known(await webhooks.turn(tx, account_id, destination_id)), await tx.now()
    numbers = [turn.number]
    if turn.at is not None and now < turn.at + OVERLAP:
        numbers.append(turn.number - 1)
    return [_derived(key, account_id, destination_id, number) for number in numbers]


def _known(turn: Turn | None) -> Turn:
    if turn is None:
        raise ReaderError(NO_DESTINATION)
    if turn.channel != "webhook":
        raise ReaderError(f"a {turn.channel} address has no secret: only webhooks have")
    return turn


def _derived(key: str, account_id: int, destination_id: int, number: int) -> str:
    what = f"webhook secret {account_id} {destination_id} {number}"
    return PREFIX + base64.b64encode(hmac.new(key.encode(), what.encode(), hashlib.sha256).digest()).decode()
