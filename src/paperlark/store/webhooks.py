"""Which of its secrets a webhook has: how often it was given a new one, and when."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select, update

from paperlark.store.database import Transaction
from paperlark.store.tables import DESTINATION


class Turn(NamedTuple):
    """A destination's channel, how often its secret was replaced, and when last."""

    channel: str
    number: int
    at: datetime | None


async def turn(tx: Transaction, account_id: int, destination_id: int) -> Turn | None:
    """Which secret a destination has; None where the account has no such destination."""
    wanted = select(DESTINATION.c.channel, DESTINATION.c.secret_turn, DESTINATION.c.secret_turned_at).where(
        DESTINATION.c.account_id == account_id, DESTINATION.c.id == destination_id
    )
    row = (await tx.execute(wanted)).one_or_none()
    return Turn(row.channel, row.secret_turn, row.secret_turned_at) if row else None


async def replace(tx: Transaction, account_id: int, destination_id: int, now: datetime) -> None:
    """Give a destination its next secret."""
    await tx.execute(
        update(DESTINATION)
        .where(DESTINATION.c.account_id == account_id, DESTINATION.c.id == destination_id)
        .values(secret_turn=DESTINATION.c.secret_turn + 1, secret_turned_at=now)
    )
