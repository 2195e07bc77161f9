"""How the deliveries to one destination stand: what waits for it, what was sent last, what died; and to bring forward
what waits."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select

from paperlark.model.readers import Cadence, Destination
from paperlark.schedule import Slot, slots
from paperlark.store import outbox
from paperlark.store.database import Transaction
from paperlark.store.outbox import OPEN, Unplanned
from paperlark.store.tables import DELIVERY, OWED

ASKED = "asked for at "
"""How the slots begin of deliveries that a reader asked for."""


@dataclass(frozen=True, slots=True)
class Last:
    """A delivery that came to its end: when, with how many papers, and why where it is dead."""

    at: datetime
    papers: int
    reason: str | None = None


async def waiting(tx: Transaction, account_id: int, destination_id: int) -> dict[Cadence, list[int]]:
    """The papers that a destination is owed and no delivery has taken yet, by the cadence in which they would come."""
    wanted = (
        select(OWED.c.cadence, OWED.c.paper_id)
        .where(OWED.c.account_id == account_id, OWED.c.destination_id == destination_id, OWED.c.delivery_id.is_(None))
        .order_by(OWED.c.paper_id)
        .distinct()
    )
    found: dict[Cadence, list[int]] = {}
    for row in await tx.execute(wanted):
        found.setdefault(Cadence(row.cadence), []).append(row.paper_id)
    return found


async def bring_forward(tx: Transaction, place: Destination, cadence: Cadence, now: datetime) -> None:
    """Make what waits in a cadence due now, in a delivery of its own. Its regular slot stays free for what comes later;
    a delivery that is planned for it finds nothing, or that."""
    await outbox.plan(tx, _unplanned(place, cadence), f"{ASKED}{now:%Y-%m-%dT%H:%M:%SZ}", now)


async def replan(tx: Transaction, place: Destination, now: datetime) -> None:
    """Plan anew, by what a destination wishes now, the deliveries that are planned and were never tried. Those that a
    reader asked for stay."""
    given_up = (
        delete(DELIVERY)
        .where(
            DELIVERY.c.account_id == place.account_id,
            DELIVERY.c.destination_id == place.id,
            DELIVERY.c.state == "pending",
            DELIVERY.c.parts.is_(None),
            DELIVERY.c.attempts == 0,
            ~DELIVERY.c.slot.startswith(ASKED),
        )
        .returning(DELIVERY.c.cadence)
    )
    for cadence in {Cadence(row.cadence) for row in await tx.execute(given_up)}:
        slot = await free_slot(tx, place, cadence, now)
        await outbox.plan(tx, _unplanned(place, cadence), slot.key, slot.due_at)


async def free_slot(tx: Transaction, place: Destination, cadence: Cadence, now: datetime) -> Slot:
    """The next slot of a cadence in which a destination was told nothing yet."""
    taken = await outbox.taken_slots(tx, _unplanned(place, cadence))
    return next(slot for slot in slots(cadence, place.rhythm, now) if slot.key not in taken)


def _unplanned(place: Destination, cadence: Cadence) -> Unplanned:
    return Unplanned(place.account_id, place.id, place.channel, cadence, place.rhythm)


async def planned(tx: Transaction, account_id: int, destination_id: int, cadence: Cadence) -> datetime | None:
    """When the regular delivery of a cadence that waits to be sealed is due; None where none is planned."""
    wanted = select(func.min(DELIVERY.c.due_at)).where(
        DELIVERY.c.account_id == account_id,
        DELIVERY.c.destination_id == destination_id,
        DELIVERY.c.cadence == str(cadence),
        DELIVERY.c.state.in_(OPEN),
        DELIVERY.c.parts.is_(None),
        ~DELIVERY.c.slot.startswith(ASKED),
    )
    found: datetime | None = (await tx.execute(wanted)).scalar()
    return found


async def last(tx: Transaction, account_id: int, destination_id: int, state: str) -> Last | None:
    """The last delivery to a destination that ended as `sent`, `dead` or `dropped`."""
    wanted = (
        select(DELIVERY.c.ended_at, DELIVERY.c.papers, DELIVERY.c.reason)
        .where(
            DELIVERY.c.account_id == account_id,
            DELIVERY.c.destination_id == destination_id,
            DELIVERY.c.state == state,
            DELIVERY.c.ended_at.is_not(None),
        )
        .order_by(DELIVERY.c.ended_at.desc())
        .limit(1)
    )
    row = (await tx.execute(wanted)).first()
    return Last(row.ended_at, row.papers, row.reason) if row else None
