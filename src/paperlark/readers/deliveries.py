"""The outbox as its reader sees it: what was sent, what waits and until when, what died and why; send it again, or
drop it.

For the operator every verb takes None in place of the account: then it is everybody's outbox.
"""

from collections.abc import Collection
from dataclasses import dataclass

from paperlark.model.problems import ReaderError
from paperlark.store import causes, deliveries, papers
from paperlark.store.database import Store, Transaction
from paperlark.store.deliveries import STATES, Message
from paperlark.store.outbox import Fate

AT_YOUR_WISH = "at your wish"

_SETTLED = {
    "claimed": "is being sent this moment",
    "sent": "has been sent",
    "dropped": "was dropped",
}


@dataclass(frozen=True, slots=True)
class Listing:
    """Some deliveries, newest first. before: where the next ones begin, for `listed`; None at the end."""

    found: tuple[Message, ...]
    before: int | None


@dataclass(frozen=True, slots=True)
class Content:
    """A paper that a delivery was to tell of, and what became of it there; None where it came to no digest."""

    paper_id: int
    title: str
    fate: Fate | None


async def listed(
    store: Store,
    account_id: int | None,
    *,
    states: Collection[str] = (),
    channel: str | None = None,
    limit: int = 50,
    before: int | None = None,
) -> Listing:
    """An account's deliveries, newest first; of these states and this channel, where they are given.

    What is made meanwhile moves nothing: read on with `before`. Raises ReaderError: an unknown state.
    """
    for state in states:
        if state not in STATES:
            raise ReaderError(f'"{state}" is no state of a delivery: there are {", ".join(STATES)}')
    async with store.reading() as tx:
        found = await deliveries.listed(tx, account_id, states=states, channel=channel, limit=limit + 1, before=before)
    return Listing(tuple(found[:limit]), found[limit - 1].id if len(found) > limit else None)


async def one(store: Store, account_id: int | None, delivery_id: int) -> tuple[Message, tuple[Content, ...]]:
    """A delivery, and the papers that it tells of, as far as they are settled: those it showed first.

    Raises ReaderError: no such delivery, or somebody else's.
    """
    async with store.reading() as tx:
        message = await _known(tx, account_id, delivery_id)
        owed = await causes.owed_by(tx, message.account_id, message.id)
        stored = await papers.load(tx, (each.paper_id for each in owed))
    contents = [
        Content(each.paper_id, stored[each.paper_id].title, each.fate) for each in owed if each.paper_id in stored
    ]
    order = list(Fate)
    return message, tuple(sorted(contents, key=lambda each: order.index(each.fate) if each.fate else len(order)))


async def retry(store: Store, account_id: int | None, delivery_id: int) -> Message:
    """Make a delivery that waits, or is dead, due now. Returns it as it is then.

    Raises ReaderError: no such delivery, somebody else's, one that is settled, or one whose address is paused.
    """
    async with store.transaction() as tx:
        message = await _open(tx, account_id, delivery_id)
        if message.paused_reason is not None:
            raise ReaderError(f"nothing is sent to its address ({message.paused_reason}); resume that first")
        if not await deliveries.due_now(tx, message, await tx.now()):
            raise ReaderError("the delivery changed this moment; look again")
        return await _known(tx, account_id, delivery_id)


async def drop(store: Store, account_id: int | None, delivery_id: int, *, reason: str = AT_YOUR_WISH) -> Message:
    """End a delivery that waits, or is dead: what it was to tell of is told no more. Returns it as it is then.

    Raises ReaderError: no such delivery, somebody else's, or one that is settled.
    """
    async with store.transaction() as tx:
        message = await _open(tx, account_id, delivery_id)
        said = " ".join(reason.split()) or AT_YOUR_WISH
        if not await deliveries.drop(tx, message, said, await tx.now()):
            raise ReaderError("the delivery changed this moment; look again")
        return await _known(tx, account_id, delivery_id)


async def _known(tx: Transaction, account_id: int | None, delivery_id: int) -> Message:
    message = await deliveries.one(tx, account_id, delivery_id) if 0 < delivery_id < 2**63 else None
    if message is None:
        raise ReaderError("there is no such delivery; `paperlark outbox` lists yours")
    return message


async def _open(tx: Transaction, account_id: int | None, delivery_id: int) -> Message:
    message = await _known(tx, account_id, delivery_id)
    if message.state in _SETTLED:
        raise ReaderError(f"it {_SETTLED[message.state]}: only what waits or is dead can be changed")
    return message
