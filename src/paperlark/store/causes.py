"""What the store knows of one paper's way to one account: what was heard of it, what met it, what is owed and told.

Look-ups only, for telling a reader why and why not. All that is the account's is asked for under its id.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, func, or_, select

from paperlark.model.readers import Cadence
from paperlark.store.database import Transaction
from paperlark.store.outbox import OPEN, Fate
from paperlark.store.rows import scalars
from paperlark.store.tables import (
    ANNOUNCEMENT,
    DELIVERY,
    MATCH,
    OWED,
    PROFILE_VERSION,
    SIGNAL,
    SOURCE,
)


@dataclass(frozen=True, slots=True)
class Heard:
    """A source told of the paper. percolated_at: when it was held against profiles, None: not yet. polled: the source
    is one that is polled, so that what did not owe was its baseline."""

    id: int
    source: str
    occasion: str
    type: str
    announced_at: datetime
    first_seen: datetime
    owes: bool
    late: bool
    percolated_at: datetime | None
    polled: bool


@dataclass(frozen=True, slots=True)
class Counted:
    """What a source counted about the paper at a time, and when that was held against profiles."""

    announcement_id: int
    at: datetime
    counts: Mapping[str, int]
    percolated_at: datetime | None


@dataclass(frozen=True, slots=True)
class Version:
    """A text that a profile has had, and since when."""

    version: int
    text: str
    began_at: datetime


@dataclass(frozen=True, slots=True)
class Message:
    """A delivery, as far as it says what became of a paper. behind: how many papers stand behind its "and N more"."""

    id: int
    cadence: Cadence
    state: str
    due_at: datetime
    ended_at: datetime | None
    reason: str | None
    parts: int
    parts_sent: int
    behind: int


@dataclass(frozen=True, slots=True)
class Owed:
    """What a destination is owed of the paper, or was. sealed: a delivery has taken it; `message` is None where that is
    forgotten by now, or none has taken it."""

    destination_id: int
    paper_id: int
    occasion: str
    announcement_id: int
    cadence: Cadence
    owed_at: datetime
    sealed: bool
    fate: Fate | None
    message: Message | None


async def heard(tx: Transaction, paper_id: int) -> list[Heard]:
    """Every announcement of a paper, in the order in which they were heard."""
    polled = or_(SOURCE.c.baseline_at.is_not(None), SOURCE.c.next_poll_at.is_not(None))
    wanted = (
        select(ANNOUNCEMENT, func.coalesce(polled, False).label("polled"))
        .outerjoin(SOURCE, SOURCE.c.name == ANNOUNCEMENT.c.source)
        .where(ANNOUNCEMENT.c.paper_id == paper_id)
        .order_by(ANNOUNCEMENT.c.id)
    )
    return [
        Heard(
            row.id,
            row.source,
            row.occasion,
            row.type,
            row.announced_at,
            row.first_seen,
            row.owes,
            row.late,
            row.percolated_at,
            bool(row.polled),
        )
        for row in await tx.execute(wanted)
    ]


async def counted(tx: Transaction, paper_id: int) -> list[Counted]:
    """Every count of a paper, oldest first."""
    wanted = (
        select(SIGNAL)
        .join(ANNOUNCEMENT, ANNOUNCEMENT.c.id == SIGNAL.c.announcement_id)
        .where(ANNOUNCEMENT.c.paper_id == paper_id)
        .order_by(SIGNAL.c.at)
    )
    return [Counted(row.announcement_id, row.at, row.counts, row.percolated_at) for row in await tx.execute(wanted)]


async def versions(tx: Transaction, account_id: int) -> dict[int, list[Version]]:
    """Every text of an account's profiles, by profile, oldest first."""
    wanted = select(PROFILE_VERSION).where(PROFILE_VERSION.c.account_id == account_id)
    found: dict[int, list[Version]] = {}
    for row in await tx.execute(wanted.order_by(PROFILE_VERSION.c.version)):
        found.setdefault(row.profile_id, []).append(Version(row.version, row.text, row.began_at))
    return found


async def met(tx: Transaction, account_id: int, paper_id: int) -> dict[int, frozenset[int]]:
    """An account's profiles that met a paper, each with the versions at which it did. Kept for 90 days."""
    wanted = select(MATCH.c.profile_id, MATCH.c.version).where(
        MATCH.c.account_id == account_id, MATCH.c.paper_id == paper_id
    )
    found: dict[int, frozenset[int]] = {}
    for row in await tx.execute(wanted):
        found[row.profile_id] = found.get(row.profile_id, frozenset()) | {row.version}
    return found


async def owed(tx: Transaction, account_id: int, paper_id: int) -> list[Owed]:
    """What an account's destinations are owed of a paper, or were. Kept for 400 days."""
    return await _owed(tx, account_id, OWED.c.paper_id == paper_id)


async def owed_by(tx: Transaction, account_id: int, delivery_id: int) -> list[Owed]:
    """What one delivery of an account was made of, in the order in which it came to be owed."""
    return await _owed(tx, account_id, OWED.c.delivery_id == delivery_id)


async def waiting_for(tx: Transaction, account_id: int, destination_id: int, cadence: Cadence) -> datetime | None:
    """When the delivery is due that will take what is owed to a destination in a cadence; None: it is not planned."""
    wanted = select(func.min(DELIVERY.c.due_at)).where(
        DELIVERY.c.account_id == account_id,
        DELIVERY.c.destination_id == destination_id,
        DELIVERY.c.cadence == str(cadence),
        DELIVERY.c.state.in_(OPEN),
        DELIVERY.c.parts.is_(None),
    )
    found: list[datetime | None] = await scalars(tx, wanted)
    return found[0]


async def _owed(tx: Transaction, account_id: int, those: Any) -> list[Owed]:
    wanted = (
        select(OWED, *(DELIVERY.c[name].label(f"delivery_{name}") for name in _MESSAGE))
        .outerjoin(DELIVERY, and_(DELIVERY.c.account_id == OWED.c.account_id, DELIVERY.c.id == OWED.c.delivery_id))
        .where(OWED.c.account_id == account_id, those)
        .order_by(OWED.c.owed_at, OWED.c.paper_id, OWED.c.occasion)
    )
    rows = list(await tx.execute(wanted))
    behind = await _behind(tx, account_id, {row.delivery_id for row in rows if row.delivery_id is not None})
    return [
        Owed(
            row.destination_id,
            row.paper_id,
            row.occasion,
            row.announcement_id,
            Cadence(row.cadence),
            row.owed_at,
            row.delivery_id is not None,
            Fate(row.fate) if row.fate else None,
            _message(row, behind.get(row.delivery_id, 0)) if row.delivery_state is not None else None,
        )
        for row in rows
    ]


_MESSAGE = ("cadence", "state", "due_at", "ended_at", "reason", "parts", "parts_sent")


async def _behind(tx: Transaction, account_id: int, delivery_ids: Iterable[int]) -> dict[int, int]:
    wanted = (
        select(OWED.c.delivery_id, func.count(OWED.c.paper_id.distinct()).label("papers"))
        .where(
            OWED.c.account_id == account_id,
            OWED.c.delivery_id.in_(sorted(delivery_ids)),
            OWED.c.fate == str(Fate.BEHIND),
        )
        .group_by(OWED.c.delivery_id)
    )
    return {row.delivery_id: row.papers for row in await tx.execute(wanted)}


def _message(row: Row[Any], behind: int) -> Message:
    return Message(
        row.delivery_id,
        Cadence(row.delivery_cadence),
        row.delivery_state,
        row.delivery_due_at,
        row.delivery_ended_at,
        row.delivery_reason,
        len(row.delivery_parts or ()),
        row.delivery_parts_sent,
        behind,
    )
