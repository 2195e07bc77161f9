"""What is kept sealed (`sealed`), brought under another key, while everybody works on.

A value that another key has sealed, or none, cannot be looked up by what it is: an address that somebody gives again
meanwhile becomes a second destination of theirs. Here the two become one.
"""

from typing import Any

from sqlalchemy import ColumnElement, Row, String, func, select, tuple_, type_coerce, update

from paperlark.store import moving
from paperlark.store.database import Store, Transaction
from paperlark.store.sealed import OPENING, Sealed
from paperlark.store.tables import DESTINATION, METADATA, SECRET

BITE = 500  # values in one transaction

_ADDRESS, _VALUE = type_coerce(DESTINATION.c.address, String), type_coerce(SECRET.c.value, String)  # as they are kept


def places() -> frozenset[str]:
    """Every column that is kept sealed, as `table.column`."""
    return frozenset(
        column.type.place for table in METADATA.sorted_tables for column in table.c if isinstance(column.type, Sealed)
    )


async def unsealed(store: Store) -> int:
    """How many values are not sealed by the first key; without keys, how many are sealed."""
    async with store.reading() as tx:
        counted = [
            (await tx.execute(select(func.count()).select_from(table).where(_other(store, kept)))).scalar_one()
            for table, kept in ((DESTINATION, _ADDRESS), (SECRET, _VALUE))
        ]
    return sum(counted)


async def reseal(store: Store) -> int:
    """Bring every value under the first key. Returns how many were not. Raises StoreError: one that no key opens."""
    async with store.transaction() as tx:
        done = await _secrets(store, tx)
    after = (0, 0)
    while True:
        async with store.transaction() as tx:
            found = await _next(store, tx, after)
            for row in found:
                await moving.move(tx, row.account_id, row.id, row.address)
        if not found:
            return done
        done, after = done + len(found), (found[-1].account_id, found[-1].id)


async def _next(store: Store, tx: Transaction, after: tuple[int, int]) -> list[Row[Any]]:
    """Some destinations to be brought under the first key, held until the transaction ends."""
    key = tuple_(DESTINATION.c.account_id, DESTINATION.c.id)
    wanted = select(DESTINATION.c.account_id, DESTINATION.c.id, DESTINATION.c.address)
    wanted = wanted.where(_other(store, _ADDRESS), key > after).order_by(DESTINATION.c.account_id, DESTINATION.c.id)
    return list(await tx.execute(wanted.limit(BITE).with_for_update()))


async def _secrets(store: Store, tx: Transaction) -> int:
    found = list(await tx.execute(select(SECRET).where(_other(store, _VALUE))))
    for row in found:
        await tx.execute(update(SECRET).where(SECRET.c.name == row.name).values(value=row.value))
    return len(found)


def _other(store: Store, kept: ColumnElement[str]) -> ColumnElement[bool]:
    """Is it kept otherwise than it would be now?"""
    opening = store.seals.opening if store.seals is not None else None
    return kept.startswith(OPENING) if opening is None else ~kept.startswith(opening)
