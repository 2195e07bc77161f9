"""What a reader does not want to hear of: mute a word, an author or a source; unmute; list.

Mutes hold for every profile of the account, from the next digest that is made. A paper that they keep from it counts
as told: unmuting brings nothing back.
"""

from paperlark.matching.mutes import canonical
from paperlark.matching.reference import code_meets
from paperlark.matching.tree import Code
from paperlark.model.problems import ReaderError
from paperlark.model.readers import Mute, MuteKind
from paperlark.store import mutes, sources
from paperlark.store.database import Store, Transaction

MUTES_LIMIT = 500  # of one account


async def mute(store: Store, account_id: int, kind: MuteKind, text: str) -> Mute:
    """Hear no more of a word or phrase, an author, or a source; see `matching.mutes` for what each of them meets.

    The same again changes nothing. Raises ReaderError: not to be muted, no such source, or too many.
    """
    value = canonical(kind, text)
    async with store.transaction() as tx:
        if kind is MuteKind.SOURCE:
            await _check_source(tx, value)
        mine = await mutes.listed(tx, account_id)
        if already := next((each for each in mine if (each.kind, each.value) == (kind, value)), None):
            return already
        if len(mine) >= MUTES_LIMIT:
            raise ReaderError(f"an account has at most {MUTES_LIMIT} mutes; unmute one first")
        now = await tx.now()
        await mutes.add(tx, account_id, kind, value, now)
        return Mute(kind, value, now)


async def unmute(store: Store, account_id: int, kind: MuteKind, text: str) -> None:
    """Hear of it again, given in any spelling that reads the same. Raises ReaderError where it is not muted."""
    value = canonical(kind, text)
    async with store.transaction() as tx:
        if not await mutes.remove(tx, account_id, kind, value):
            raise ReaderError(f"the {kind} {value!r} is not muted; `paperlark mutes` lists what is")


async def muted(store: Store, account_id: int) -> list[Mute]:
    """What an account has muted, oldest first."""
    async with store.reading() as tx:
        return await mutes.listed(tx, account_id)


async def _check_source(tx: Transaction, value: str) -> None:
    # A source that is misspelled would be muted in vain, and nobody would notice.
    wanted = Code("source", value)
    if not any(code_meets(wanted, source.name) for source in await sources.listed(tx)):
        raise ReaderError(f"there is no source {value!r}; `paperlark sources` shows them")
