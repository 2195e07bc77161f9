"""Tokens by which programs speak for a reader: make, list, revoke, end all at once; and how a program comes to its
first one, by a code that another place shows, or with a new account on the spot.

A token is seen once, when it is made. Its owner knows it again by its name and its first letters; its id is the
beginning of its hash, from which nothing can be guessed.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from paperlark.model.problems import ReaderError
from paperlark.readers import link
from paperlark.store import accounts
from paperlark.store.accounts import Kept
from paperlark.store.database import Store

PLATFORM = "browser"
TOKENS_LIMIT = 100  # of one account
NAME_LIMIT = 100  # characters
LASTS_AT_MOST = timedelta(days=3650)

NO_TOKEN = "there is no such token"


@dataclass(frozen=True, slots=True)
class Made:
    """A new token: the only time that it is seen, and what its owner will know it by."""

    token: str
    kept: Kept
    account_id: int


async def listed(store: Store, account_id: int) -> list[Kept]:
    """An account's tokens, oldest first; those that have expired are gone."""
    async with store.reading() as tx:
        return await accounts.tokens(tx, account_id, await tx.now())


async def make(
    store: Store, account_id: int, *, name: str, scopes: Sequence[str], lasts: timedelta | None = None
) -> Made:
    """A new token. Raises ReaderError: a name or a life that is too long, or too many tokens."""
    name = " ".join(name.split())[: NAME_LIMIT + 1]
    if not name or len(name) > NAME_LIMIT:
        raise ReaderError(f"a token has a name, of at most {NAME_LIMIT} characters")
    if lasts is not None and not timedelta(0) < lasts <= LASTS_AT_MOST:
        raise ReaderError(f"a token lasts at most {LASTS_AT_MOST.days} days")
    async with store.transaction() as tx:
        now = await tx.now()
        await accounts.sweep_tokens(tx, account_id, now)
        if len(await accounts.tokens(tx, account_id, now)) >= TOKENS_LIMIT:
            raise ReaderError(f"an account has at most {TOKENS_LIMIT} tokens; revoke one first")
        expires_at = now + lasts if lasts is not None else None
        token = await accounts.new_token(
            tx, account_id, name=name, scopes=sorted(scopes), now=now, expires_at=expires_at
        )
        kept = next(each for each in await accounts.tokens(tx, account_id, now) if each.is_of(token))
        return Made(token, kept, account_id)


async def revoke(store: Store, account_id: int, token_id: str) -> None:
    """End a token. Raises ReaderError: no such token, or somebody else's."""
    async with store.transaction() as tx:
        if not await accounts.revoke_token(tx, account_id, token_id):
            raise ReaderError(NO_TOKEN)


async def end_all(store: Store, platform: str, known_as: str) -> int:
    """End every token and session of whoever is known so on a platform, and codes that were shown. For the operator.
    Returns how many tokens and sessions. Raises ReaderError: nobody is."""
    async with store.transaction() as tx:
        account_id = await accounts.known(tx, platform, known_as)
        if account_id is None:
            raise ReaderError(f"nobody is known there by that name: {platform} {known_as}")
        return await accounts.end_tokens(tx, account_id)


async def end_everyones(store: Store) -> int:
    """The same for all accounts."""
    async with store.transaction() as tx:
        return await accounts.end_tokens(tx, None)


async def new_account(store: Store, *, name: str, scopes: Sequence[str]) -> Made:
    """A new reader, who owns nothing yet, and a token for it. name: what the reader is called. Raises ReaderError."""
    async with store.transaction() as tx:
        account_id = await accounts.account_of(
            tx, PLATFORM, secrets.token_urlsafe(16), name=_name(name), now=await tx.now()
        )
    return await make(store, account_id, name=PLATFORM, scopes=scopes)


async def pair(store: Store, code: str, *, name: str, scopes: Sequence[str]) -> Made:
    """A token of the reader who was shown this code, which works no more. name: what the token is called.

    Raises ReaderError, in the same words whatever is wrong with the code.
    """
    account_id = await link.redeem(store, code, PLATFORM, secrets.token_urlsafe(16))
    return await make(store, account_id, name=name, scopes=scopes)


def _name(name: str) -> str:
    name = " ".join(name.split())
    if len(name) > NAME_LIMIT:
        raise ReaderError(f"a name has at most {NAME_LIMIT} characters")
    return name or "reader"
