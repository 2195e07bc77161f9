"""Deliveries as people look at them, and what they may change by hand. How one is made and sent is `outbox`'s."""

from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, and_, func, select, update

from paperlark.model.readers import Cadence
from paperlark.store.database import Transaction
from paperlark.store.tables import DELIVERY, DESTINATION, OWED

STATES = ("pending", "claimed", "sent", "dead", "dropped")


@dataclass(frozen=True, slots=True)
class Message:
    """One delivery: where it goes and when, what became of it, and why.

    parts: how many messages it is, None before it is sealed; parts_sent: how many of them surely arrived. papers: how
    many it tells of. paused_reason: why nothing is sent to its destination, where that is so.
    """

    account_id: int
    id: int
    destination_id: int
    channel: str
    address: str
    cadence: Cadence
    slot: str
    state: str
    first_due: datetime
    due_at: datetime
    attempts: int
    unconfirmed: int
    parts: int | None
    parts_sent: int
    papers: int
    reason: str | None
    ended_at: datetime | None
    paused_reason: str | None


async def listed(
    tx: Transaction,
    account_id: int | None,
    *,
    states: Collection[str],
    channel: str | None,
    limit: int,
    before: int | None,
) -> list[Message]:
    """Deliveries of an account (None: of all), newest first: those with an id below `before`, where one is given.

    states, channel: only these, where any are given.
    """
    wanted = _messages(tx).order_by(DELIVERY.c.id.desc()).limit(limit)
    if account_id is not None:
        wanted = wanted.where(DELIVERY.c.account_id == account_id)
    if states:
        wanted = wanted.where(DELIVERY.c.state.in_(states))
    if channel is not None:
        wanted = wanted.where(DELIVERY.c.channel == channel)
    if before is not None:
        wanted = wanted.where(DELIVERY.c.id < before)
    return [_message(row) for row in await tx.execute(wanted)]


async def one(tx: Transaction, account_id: int | None, delivery_id: int) -> Message | None:
    """One delivery of an account (None: of any), if there is one of that id."""
    wanted = _messages(tx).where(DELIVERY.c.id == delivery_id)
    if account_id is not None:
        wanted = wanted.where(DELIVERY.c.account_id == account_id)
    row = (await tx.execute(wanted)).first()
    return _message(row) if row else None


async def due_now(tx: Transaction, message: Message, now: datetime) -> bool:
    """Make a delivery that waits due now. A dead one waits again, as if it were due for the first time; what it was to
    tell of and never sealed is owed again. False where somebody took or ended it meanwhile.

    One that may have arrived is marked as a second copy.
    """
    if message.state == "pending":
        return await _change(tx, message, due_at=now)
    revived = await _change(
        tx,
        message,
        state="pending",
        first_due=now,  # else its age would end it again, and it would go before what its address waits for
        due_at=now,
        attempts=0,
        unconfirmed=min(message.unconfirmed, 1),
        reason=None,
        ended_at=None,
    )
    if revived and message.parts is None:
        await tx.execute(
            update(OWED)
            .where(OWED.c.account_id == message.account_id, OWED.c.delivery_id == message.id)
            .values(delivery_id=None, fate=None)
        )
    return revived


async def drop(tx: Transaction, message: Message, reason: str, now: datetime) -> bool:
    """End a delivery that waits, or is dead, as dropped; what it was to tell of is told no more. False where somebody
    took or ended it meanwhile."""
    dropped = await _change(tx, message, state="dropped", reason=reason[:500], ended_at=now)
    # A dead one has closed what it owed when it died.
    if dropped and message.state == "pending" and message.parts is None:
        await tx.execute(
            update(OWED)
            .where(
                OWED.c.account_id == message.account_id,
                OWED.c.destination_id == message.destination_id,
                OWED.c.cadence == str(message.cadence),
                OWED.c.delivery_id.is_(None),
            )
            .values(delivery_id=message.id)
        )
    return dropped


async def _change(tx: Transaction, message: Message, **values: Any) -> bool:
    """Change it if it is as it was when it was looked at."""
    changed = await tx.execute(
        update(DELIVERY)
        .where(
            DELIVERY.c.account_id == message.account_id,
            DELIVERY.c.id == message.id,
            DELIVERY.c.state == message.state,
            DELIVERY.c.attempts == message.attempts,
        )
        .values(**values)
    )
    return changed.rowcount == 1


def _messages(tx: Transaction) -> Select[Any]:
    """Without the parts themselves, which may hold whole mails."""
    length = func.jsonb_array_length if tx.postgres else func.json_array_length
    return select(
        *(column for column in DELIVERY.c if column is not DELIVERY.c.parts),
        length(DELIVERY.c.parts).label("parts"),
        DESTINATION.c.address,
        DESTINATION.c.paused_reason,
    ).join(
        DESTINATION,
        and_(DESTINATION.c.account_id == DELIVERY.c.account_id, DESTINATION.c.id == DELIVERY.c.destination_id),
    )


def _message(row: Row[Any]) -> Message:
    values = {name.name: getattr(row, name.name) for name in fields(Message)}
    return Message(**values | {"cadence": Cadence(row.cadence)})
