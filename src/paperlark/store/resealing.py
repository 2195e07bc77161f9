"""What is kept sealed (`sealed`), brought under another key, while everybody works on.

An address that another key has sealed, or none, cannot be looked up by what it is: given again meanwhile, it becomes a
second destination of its reader's. Here the two become one. Identities are looked up in all their forms (`accounts`).
"""

from typing import Any

from sqlalchemy import ColumnElement, Row, exists, func, select, tuple_, update

from paperlark.store import moving, pace
from paperlark.store.database import Store, Transaction
from paperlark.store.sealed import OPENING, Sealed, as_kept
from paperlark.store.tables import DESTINATION, IDENTITY, LANE, METADATA, SECRET

BITE = 500  # values in one transaction

_ADDRESS, _KNOWN_AS = as_kept(DESTINATION.c.address), as_kept(IDENTITY.c.external_id)
_VALUE = as_kept(SECRET.c.value)


def places() -> frozenset[str]:
    """Every column that is kept sealed, as `table.column`. Besides them `lane.recent` holds names that are (`pace`)."""
    return frozenset(
        column.type.place for table in METADATA.sorted_tables for column in table.c if isinstance(column.type, Sealed)
    )


async def unsealed(store: Store) -> int:
    """How many values are not sealed by the first key; without keys, how many are sealed. What a lane's last holder
    remembered counts as one."""
    async with store.reading() as tx:
        counted: list[int] = [
            (await tx.execute(select(func.count()).select_from(table).where(_other(store, kept)))).scalar_one()
            for table, kept in ((DESTINATION, _ADDRESS), (IDENTITY, _KNOWN_AS), (SECRET, _VALUE))
        ]
        lanes = await _lanes(tx)
    return sum(counted) + len(lanes)


async def reseal(store: Store) -> int:
    """Bring every value under the first key. Returns how many that were. Raises StoreError: one that no key opens."""
    async with store.transaction() as tx:
        done = await _secrets(store, tx)
    done += await _identities(store)
    done += await _destinations(store)
    async with store.transaction() as tx:
        for channel, recent in await _lanes(tx, held=True):
            await tx.execute(update(LANE).where(LANE.c.channel == channel).values(recent=recent))
            done += 1
    return done


async def _destinations(store: Store) -> int:
    done, after = 0, (0, 0)
    while True:
        async with store.transaction() as tx:
            found = await _next(store, tx, after)
            for row in found:
                await moving.move(tx, row.account_id, row.id, row.address)
        if not found:
            return done
        done, after = done + len(found), (found[-1].account_id, found[-1].id)


async def _identities(store: Store) -> int:
    done, after = 0, ("", "")
    while True:
        async with store.transaction() as tx:
            found = await _next_identities(store, tx, after)
            for row in found:
                done += await _known_as(tx, row)
        if not found:
            return done
        after = (found[-1].platform, found[-1].kept)


async def _next_identities(store: Store, tx: Transaction, after: tuple[str, str]) -> list[Row[Any]]:
    """Some identities to be brought under the first key, held until the transaction ends. `kept`: as they stand."""
    key = (IDENTITY.c.platform, _KNOWN_AS)
    wanted = select(IDENTITY.c.platform, IDENTITY.c.external_id, _KNOWN_AS.label("kept"))
    wanted = wanted.where(_other(store, _KNOWN_AS), tuple_(*key) > after).order_by(*key)
    return list(await tx.execute(wanted.limit(BITE).with_for_update()))


async def _known_as(tx: Transaction, row: Row[Any]) -> int:
    # Two rows of one identity come of two processes that saw somebody first at the same moment, with different keys in
    # front. Behind each stands an account, and which of them to give up is not for a key to say: the second row stays
    # as it is. Who comes is found by the older one, and `unsealed` goes on counting that one is left.
    same = IDENTITY.alias()
    taken = exists().where(same.c.platform == row.platform, same.c.external_id == row.external_id)
    wanted = update(IDENTITY).where(IDENTITY.c.platform == row.platform, as_kept(IDENTITY.c.external_id) == row.kept)
    return (await tx.execute(wanted.where(~taken).values(external_id=row.external_id))).rowcount


async def _lanes(tx: Transaction, *, held: bool = False) -> list[tuple[str, dict[str, Any] | None]]:
    """Lanes whose last holder's memory is not kept as it would be now, each with what it should be: nothing, where no
    key opens it, for that costs a minute's patience at most."""
    wanted, seals = select(LANE.c.channel, LANE.c.recent).order_by(LANE.c.channel), await tx.seals()
    found = []
    for row in await tx.execute(wanted.with_for_update() if held else wanted):
        known = pace.opened(row.recent, seals)
        recent = None if known is None else pace.kept_as(known, seals)
        if recent != row.recent:
            found.append((row.channel, recent))
    return found


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
