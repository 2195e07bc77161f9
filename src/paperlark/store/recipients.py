"""Who many deliveries are for, read together: where each goes and how it went there last, and what their readers'
profiles, mutes and marks say."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Select, and_, or_, select, update

from paperlark.model.readers import TRENDING, Cadence, Destination, MarkKind, Mute, MuteKind, Profile
from paperlark.store.database import Transaction
from paperlark.store.outbox import Delivery
from paperlark.store.profiles import destination_of, profile_of
from paperlark.store.rows import among, chunks
from paperlark.store.tables import DESTINATION, MARK, MUTE, PROFILE, SUBSCRIPTION

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a delivery goes, and how it went there last.

    failures: how many attempts in a row failed for now. doubted_at: since when the platform says that nothing will ever
    arrive there, of which we are not sure. trending: the cadences in which what is trending is told there.
    """

    destination: Destination
    failures: int = 0
    doubted_at: datetime | None = None
    trending: frozenset[Cadence] = frozenset()


async def places(tx: Transaction, deliveries: Collection[Delivery]) -> dict[int, Place]:
    """Where each delivery goes, by the delivery's id; one whose destination is gone is left out."""
    keys = {(each.account_id, each.destination_id) for each in deliveries}
    trending: dict[int, set[Cadence]] = {}
    wanted = select(SUBSCRIPTION.c.destination_id, SUBSCRIPTION.c.cadence).where(SUBSCRIPTION.c.profile_id == TRENDING)
    for row in await _some(tx, wanted, (SUBSCRIPTION.c.account_id, SUBSCRIPTION.c.destination_id), keys):
        trending.setdefault(row.destination_id, set()).add(Cadence(row.cadence))
    found = {
        row.id: Place(destination_of(row), row.failures, row.doubted_at, frozenset(trending.get(row.id, ())))
        for row in await _some(tx, select(DESTINATION), (DESTINATION.c.account_id, DESTINATION.c.id), keys)
    }
    return {each.id: found[each.destination_id] for each in deliveries if each.destination_id in found}


async def named(tx: Transaction, profiles: Collection[tuple[int, int]]) -> dict[int, Profile]:
    """Profiles, given as (account, profile), by id; removed ones are left out."""
    wanted = select(PROFILE).where(PROFILE.c.removed_at.is_(None))
    return {row.id: profile_of(row) for row in await _some(tx, wanted, (PROFILE.c.account_id, PROFILE.c.id), profiles)}


async def muted(tx: Transaction, accounts: Collection[int]) -> dict[int, list[Mute]]:
    """What each account has muted, oldest first; those that muted nothing are left out."""
    found: dict[int, list[Mute]] = {}
    for chunk in chunks(sorted(accounts)):
        wanted = select(MUTE).where(MUTE.c.account_id.in_(chunk)).order_by(MUTE.c.at, MUTE.c.kind, MUTE.c.value)
        for row in await tx.execute(wanted):
            found.setdefault(row.account_id, []).append(Mute(MuteKind(row.kind), row.value, row.at))
    return found


async def dismissed(tx: Transaction, papers: Collection[tuple[int, int]]) -> dict[int, set[int]]:
    """Which of the papers, given as (account, paper), each account does not want to hear of again."""
    kinds: dict[tuple[int, int], set[str]] = {}
    for row in await _some(tx, select(MARK), (MARK.c.account_id, MARK.c.paper_id), papers):
        kinds.setdefault((row.account_id, row.paper_id), set()).add(row.kind)
    found: dict[int, set[int]] = {}
    for (account_id, paper_id), those in kinds.items():
        if MarkKind.DISMISSED in those and MarkKind.SAVED not in those:
            found.setdefault(account_id, set()).add(paper_id)
    return found


async def _some(
    tx: Transaction, wanted: Select[Any], key: tuple[Any, ...], values: Iterable[tuple[Any, ...]]
) -> list[Any]:
    """The rows of a table that have one of these keys."""
    found: list[Any] = []
    for chunk in chunks(sorted(values)):
        found += await tx.execute(wanted.where(among(tx, key, chunk)))
    return found


# ── how it went ────────────────────────────────────────────────────────────────────────────────────────────────────


async def went_well(tx: Transaction, places: Iterable[Place]) -> None:
    """Something arrived at each: what went wrong there before is over."""
    for place in places:
        if place.failures or place.doubted_at is not None:
            await tx.execute(_at(place).values(failures=0, doubted_at=None))


async def failed(tx: Transaction, place: Place) -> None:
    """An attempt failed there, for now."""
    await tx.execute(_at(place).values(failures=DESTINATION.c.failures + 1))


async def doubted(tx: Transaction, place: Place, now: datetime) -> None:
    """The platform says that nothing will ever arrive there."""
    first = _at(place).where(or_(DESTINATION.c.doubted_at.is_(None), DESTINATION.c.doubted_at > now))
    await tx.execute(first.values(doubted_at=now))


def _at(place: Place) -> Any:
    mine = and_(DESTINATION.c.account_id == place.destination.account_id, DESTINATION.c.id == place.destination.id)
    return update(DESTINATION).where(mine)
