"""One reader, several places: a code shown in one place and typed in another makes both one account.

Whoever types the code joins the account that showed it. An account that already owns something is not poured into
another: its deliveries are under way, its profiles stand in the indexes of running workers, and two settings for one
address could not both stay. It is refused in a clear line; an account that owns nothing yet is simply given up.
"""

import math

from paperlark.model.problems import ReaderError
from paperlark.store import accounts, belongings, pairing
from paperlark.store.database import Store
from paperlark.store.pairing import Code

LINK = "link"

NO_CODE = "this code does not work: it was mistyped, was used before, or is older than ten minutes; ask for a new one"
OWNS = (
    "you already follow or keep things here, which would be left behind: ask for the code here and type it in the "
    "other place, or delete what is here first"
)


async def begin(store: Store, account_id: int, purpose: str = LINK) -> Code:
    """A code for this account: eight letters and digits, for ten minutes, to be used once. It ends the one before.

    Raises ReaderError after too many within a minute.
    """
    await _count(store, f"account {account_id}")
    async with store.transaction() as tx:
        return await pairing.make(tx, account_id, purpose, await tx.now())


async def redeem(store: Store, code: str, platform: str, external_id: str, *, purpose: str = LINK) -> int:
    """Join an identity (`telegram`, its user id there) to the account that the code is of; returns that account.

    Other identities of the account that it had, which owned nothing, come with it. Raises ReaderError: not a code that
    works (the same words whatever is wrong with it), an account that owns something, or too many attempts in a minute.
    A code that could not be used for the identity's own sake still works.
    """
    await _count(store, f"identity {platform} {external_id}")
    async with store.transaction() as tx:
        now = await tx.now()
        account_id = await pairing.use(tx, code, purpose, now)
        if account_id is None:
            raise ReaderError(NO_CODE)
        before = await accounts.join(tx, account_id, platform, external_id, now)
        if before != account_id:
            if await belongings.any_of(tx, before):
                raise ReaderError(OWNS)
            await accounts.hand_over(tx, before, account_id)
        return account_id


async def _count(store: Store, who: str) -> None:
    # In a transaction of its own: an attempt that fails is undone, and has been made all the same.
    async with store.transaction() as tx:
        wait = await pairing.attempt(tx, who, await tx.now())
    if wait is not None:
        raise ReaderError(f"too many attempts; try again in {math.ceil(wait.total_seconds())} seconds")
