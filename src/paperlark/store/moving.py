"""An address gets a new name: a Telegram group became a supergroup.

Where the account is told at the new name already, the two become one: what was subscribed, owed, told and under way at
the old one is the new one's from then on, and nothing is told twice for it.
"""

from sqlalchemy import ColumnElement, and_, delete, exists, literal, select, update

from paperlark.store.database import Transaction
from paperlark.store.tables import DELIVERY, DESTINATION, OWED, SUBSCRIPTION


async def move(tx: Transaction, account_id: int, destination_id: int, address: str) -> None:
    """The platform gave a destination's address a new name."""
    mine = and_(DESTINATION.c.account_id == account_id, DESTINATION.c.id == destination_id)
    channel = select(DESTINATION.c.channel).where(mine).scalar_subquery()
    there = select(DESTINATION.c.id).where(
        DESTINATION.c.account_id == account_id, DESTINATION.c.address == address, DESTINATION.c.channel == channel
    )
    already: int | None = (await tx.execute(there)).scalar()
    if already is None:
        await tx.execute(update(DESTINATION).where(mine).values(address=address))
    elif already != destination_id:
        await _join(tx, account_id, destination_id, already)


async def _join(tx: Transaction, account_id: int, before: int, destination_id: int) -> None:
    """Give all that one destination has to another of the same account, and end it."""
    subscribed, owed = SUBSCRIPTION.alias(), OWED.alias()
    told_there = exists().where(
        subscribed.c.account_id == account_id,
        subscribed.c.destination_id == destination_id,
        subscribed.c.profile_id == SUBSCRIPTION.c.profile_id,
    )
    owed_there = exists().where(
        owed.c.account_id == account_id,
        owed.c.destination_id == destination_id,
        owed.c.paper_id == OWED.c.paper_id,
        owed.c.occasion == OWED.c.occasion,
    )
    for table, same in ((SUBSCRIPTION, told_there), (OWED, owed_there)):
        here: ColumnElement[bool] = and_(table.c.account_id == account_id, table.c.destination_id == before)
        await tx.execute(delete(table).where(here, same))
        await tx.execute(update(table).where(here).values(destination_id=destination_id))
    # A slot's name is once for each destination: those that come here keep theirs, and say where they are from.
    slot = DELIVERY.c.slot + literal(f" at {before:x}")
    moved = and_(DELIVERY.c.account_id == account_id, DELIVERY.c.destination_id == before)
    await tx.execute(update(DELIVERY).where(moved).values(destination_id=destination_id, slot=slot))
    await tx.execute(delete(DESTINATION).where(DESTINATION.c.account_id == account_id, DESTINATION.c.id == before))
