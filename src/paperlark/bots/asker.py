"""Who asks, and where: all that a command needs to know of a platform."""

from dataclasses import dataclass

from paperlark.store import accounts
from paperlark.store.database import Store


@dataclass(frozen=True, slots=True)
class Asker:
    """A reader who says something to a bot.

    account_id: a person's own, in private; in a group, channel or topic, that of the place. channel, address: where the
    answer goes, and where whatever is followed will be told. private: nobody else reads along. may_change: an
    administrator, or in private. name: of the person, or of the place. identity: the platform and id there by which
    the account is known, as in ("telegram", "123") or ("discord-channel", "456").
    """

    account_id: int
    channel: str
    address: str
    private: bool
    may_change: bool
    name: str
    identity: tuple[str, str] = ("", "")


async def meet(
    store: Store,
    identity: tuple[str, str],
    *,
    channel: str,
    address: str,
    private: bool,
    may_change: bool,
    name: str,
) -> Asker:
    """The asker behind an identity. Its account is made on first sight."""
    async with store.reading() as tx:
        account_id = await accounts.known(tx, *identity)
    if account_id is None:
        async with store.transaction() as tx:
            account_id = await accounts.account_of(tx, *identity, name=name, now=await tx.now())
    return Asker(account_id, channel, address, private, may_change, name, identity)
