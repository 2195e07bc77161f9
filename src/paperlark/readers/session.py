"""Signing in where no platform says who somebody is, such as a browser: by a code that another place shows, or as a new
reader on the spot. A session is a token that ends by itself; where its reader has another way in, the sooner when
nobody uses it."""

import secrets
from collections.abc import Sequence
from datetime import timedelta

from paperlark.model.problems import ReaderError
from paperlark.readers.link import LINK, NO_CODE
from paperlark.store import accounts, pairing
from paperlark.store.database import Store, Transaction

PLATFORM = "browser"
LIFE = timedelta(days=30)


async def sign_in(store: Store, code: str, scopes: Sequence[str]) -> str:
    """A session of the reader who was shown this code, which works no more. Nothing is joined: who signs in here is
    known by the session alone. Raises ReaderError, in the same words whatever is wrong with the code."""
    async with store.transaction() as tx:
        account_id = await pairing.use(tx, code, LINK, await tx.now())
        if account_id is None:
            raise ReaderError(NO_CODE)
        return await _begin(tx, account_id, scopes, accounts.SESSION)


async def begin_here(store: Store, scopes: Sequence[str]) -> str:
    """A session of a new reader, who owns nothing yet. They have no other way in, so it does not end when they stay
    away for a while."""
    async with store.transaction() as tx:
        known_as = secrets.token_urlsafe(16)
        account_id = await accounts.account_of(tx, PLATFORM, known_as, name="reader", now=await tx.now())
        return await _begin(tx, account_id, scopes, accounts.PREFIX)


async def end(store: Store, token: str) -> None:
    """End a session; ending it again changes nothing."""
    async with store.transaction() as tx:
        await accounts.end_token(tx, token)


async def _begin(tx: Transaction, account_id: int, scopes: Sequence[str], kind: str) -> str:
    now = await tx.now()
    await accounts.sweep_tokens(tx, account_id, now)
    return await accounts.new_token(
        tx,
        account_id,
        name=PLATFORM,
        scopes=sorted(scopes),
        now=now,
        expires_at=now + LIFE,
        kind=kind,
    )
