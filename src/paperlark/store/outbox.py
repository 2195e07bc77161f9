"""The outbox: one row for each message, and its fate.

                ┌────────── postponed (retry-after, transient; attempts, due_at) ──────────┐
     pending ───┴─▶ claimed (lease_token, lease_until) ──▶ sent                              │
        │                    ├──▶ pending ◀──────────────────────────────────────────────────┘
        │                    └──▶ dead      gone, refused, given up, or unconfirmed twice
        └──▶ dropped         the reader's own will, or nothing to say

A delivery is *planned* for a slot when something is owed and no open delivery of that cadence waits to be sealed;
that is a sweep over what is owed and unsealed, so no crash between owing and planning can lose anything. It is
*claimed* in one statement, *sealed* on its first claim (its owed rows and rendered parts stand from then on), and
completed only with the token it was claimed under. The attempt is counted by the claim, before the send; no
transaction is open while sending.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, and_, case, exists, func, or_, select, tuple_, update

from paperlark.model.ids import new_id
from paperlark.model.readers import TRENDING, Cadence, Destination, EmptyPolicy, Rhythm
from paperlark.store import merges
from paperlark.store.database import Transaction
from paperlark.store.profiles import rhythm_of
from paperlark.store.rows import chunks, scalars
from paperlark.store.tables import ANNOUNCEMENT, DELIVERY, DESTINATION, MATCH, OWED, SUBSCRIPTION

OPEN = ("pending", "claimed")


PAUSE_PATIENCE = timedelta(days=7)  # what is owed to a paused destination waits as long, then is dropped


class Fate(StrEnum):
    """What a delivery makes of a paper that it owes. None where it came to no digest: it lapsed, or died unsealed."""

    SHOWN = "shown"
    BEHIND = "behind"  # behind "and 12 more": told as well
    MUTED = "muted"
    DISMISSED = "dismissed"
    UNASKED = "unasked"  # no profile that is told there asked for it any more


class MovedError(Exception):
    """What a delivery owes is no longer what it was when it was read: papers became one meanwhile. Read it again."""


@dataclass(frozen=True, slots=True)
class Unplanned:
    """A destination that must be told something and has no open delivery of this cadence."""

    account_id: int
    destination_id: int
    channel: str
    cadence: Cadence
    rhythm: Rhythm


@dataclass(frozen=True, slots=True)
class Delivery:
    """A claimed delivery: where it goes, and what was sealed into it (`parts` is None before)."""

    account_id: int
    id: int
    destination_id: int
    channel: str
    cadence: Cadence
    slot: str
    first_due: datetime
    attempts: int
    unconfirmed: int
    parts: tuple[Mapping[str, Any], ...] | None
    parts_sent: int
    lease_token: str

    @property
    def key(self) -> str:
        """The idempotency key: the same for every attempt."""
        return f"{self.id:x}"


@dataclass(frozen=True, slots=True)
class OwedPaper:
    """A paper owed to a destination, and the profiles (of those subscribed now) that it met.

    TRENDING among the profiles: it is trending, and the destination wants to be told of that. Where it stands alone,
    nothing was owed before: it is owed from the moment that the delivery is sealed.
    """

    paper_id: int
    occasion: str
    type: str
    announced_at: datetime
    profiles: tuple[int, ...]


# ── planning ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def unplanned(tx: Transaction, limit: int) -> list[Unplanned]:
    """Destinations that are owed something, want to hear of what is trending, or even of an empty day, and have no open
    delivery for it.

    Paused ones too: what waits for them is seen, and lapses.
    """
    owed = (
        select(OWED.c.account_id, OWED.c.destination_id, OWED.c.cadence)
        .where(OWED.c.delivery_id.is_(None), ~_has_open(OWED.c.account_id, OWED.c.destination_id, OWED.c.cadence))
        .distinct()
    )
    even_empty = (
        select(SUBSCRIPTION.c.account_id, SUBSCRIPTION.c.destination_id, SUBSCRIPTION.c.cadence)
        .join(
            DESTINATION,
            and_(
                DESTINATION.c.account_id == SUBSCRIPTION.c.account_id,
                DESTINATION.c.id == SUBSCRIPTION.c.destination_id,
            ),
        )
        .where(
            # What is trending is owed to nobody before its digest is made: only the slot can ask for it.
            or_(DESTINATION.c.empty != str(EmptyPolicy.SILENT), SUBSCRIPTION.c.profile_id == TRENDING),
            SUBSCRIPTION.c.cadence != str(Cadence.INSTANT),
            ~_has_open(SUBSCRIPTION.c.account_id, SUBSCRIPTION.c.destination_id, SUBSCRIPTION.c.cadence),
        )
        .distinct()
    )
    wanted = owed.union(even_empty).subquery()
    rows = await tx.execute(
        select(wanted.c.account_id, wanted.c.destination_id, wanted.c.cadence, DESTINATION)
        .join(
            DESTINATION,
            and_(DESTINATION.c.account_id == wanted.c.account_id, DESTINATION.c.id == wanted.c.destination_id),
        )
        .limit(limit)
    )
    return [
        Unplanned(row.account_id, row.destination_id, row.channel, Cadence(row.cadence), rhythm_of(row)) for row in rows
    ]


def _has_open(account_id: Any, destination_id: Any, cadence: Any) -> Any:
    return exists().where(
        DELIVERY.c.account_id == account_id,
        DELIVERY.c.destination_id == destination_id,
        DELIVERY.c.cadence == cadence,
        DELIVERY.c.state.in_(OPEN),
        DELIVERY.c.parts.is_(None),
    )


async def taken_slots(tx: Transaction, found: Unplanned) -> frozenset[str]:
    """The slots of a cadence that a destination has had lately."""
    wanted = (
        select(DELIVERY.c.slot)
        .where(
            DELIVERY.c.account_id == found.account_id,
            DELIVERY.c.destination_id == found.destination_id,
            DELIVERY.c.cadence == str(found.cadence),
        )
        .order_by(DELIVERY.c.first_due.desc())
        .limit(10)
    )
    return frozenset(await scalars(tx, wanted))


async def plan(tx: Transaction, found: Unplanned, slot: str, due_at: datetime) -> None:
    """Make the pending delivery of a slot; whoever was first, it is there once."""
    row = {"account_id": found.account_id, "id": new_id(), "destination_id": found.destination_id,
           "channel": found.channel, "cadence": str(found.cadence), "slot": slot, "state": "pending",
           "first_due": due_at, "due_at": due_at, "attempts": 0, "unconfirmed": 0, "in_flight": False,
           "parts_sent": 0, "papers": 0}  # fmt: skip
    await tx.insert_new(DELIVERY, [row])


async def notice(
    tx: Transaction, place: Destination, slot: str, parts: Sequence[Mapping[str, Any]], *, now: datetime
) -> None:
    """Owe a destination a few words of our own, sealed already; `slot` says what of, and once ever."""
    row = {"account_id": place.account_id, "id": new_id(), "destination_id": place.id, "channel": place.channel,
           "cadence": str(Cadence.INSTANT), "slot": slot, "state": "pending", "first_due": now, "due_at": now,
           "attempts": 0, "unconfirmed": 0, "in_flight": False, "parts": list(parts), "parts_sent": 0,
           "papers": 0}  # fmt: skip
    await tx.insert_new(DELIVERY, [row])


# ── claiming ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def claim(
    tx: Transaction, channel: str, *, now: datetime, lease: timedelta, limit: int, account_id: int | None = None
) -> list[Delivery]:
    """Take due deliveries of a channel by lease, also those whose worker died. One for each destination, in order.

    Where a worker died with a message in flight, nobody knows whether it arrived: that is counted (`unconfirmed`).
    """
    earlier = DELIVERY.alias("earlier")
    due = (
        select(DELIVERY.c.account_id, DELIVERY.c.id)
        .join(
            DESTINATION,
            and_(DESTINATION.c.account_id == DELIVERY.c.account_id, DESTINATION.c.id == DELIVERY.c.destination_id),
        )
        .where(
            DELIVERY.c.channel == channel,
            DELIVERY.c.state.in_(OPEN),
            DELIVERY.c.due_at <= now,
            _idle(now),
            DESTINATION.c.paused_at.is_(None),
            ~exists().where(
                earlier.c.account_id == DELIVERY.c.account_id,
                earlier.c.destination_id == DELIVERY.c.destination_id,
                earlier.c.state.in_(OPEN),
                or_(
                    earlier.c.first_due < DELIVERY.c.first_due,
                    and_(earlier.c.first_due == DELIVERY.c.first_due, earlier.c.id < DELIVERY.c.id),
                ),
            ),
            *([DELIVERY.c.account_id == account_id] if account_id is not None else []),
        )
        .order_by(DELIVERY.c.due_at, DELIVERY.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=DELIVERY)
    )
    taken = (
        update(DELIVERY)
        .where(tuple_(DELIVERY.c.account_id, DELIVERY.c.id).in_(due))
        .values(
            state="claimed",
            lease_token=secrets.token_hex(8),
            lease_until=now + lease,
            attempts=DELIVERY.c.attempts + 1,
            unconfirmed=DELIVERY.c.unconfirmed + case((DELIVERY.c.in_flight, 1), else_=0),
            in_flight=False,
        )
        .returning(DELIVERY)
    )
    claimed = [_delivery(row) for row in await tx.execute(taken)]
    return sorted(claimed, key=lambda delivery: (delivery.first_due, delivery.id))


def _idle(now: datetime) -> Any:
    """Open, and in nobody's hands: pending, or claimed by a worker whose lease ran out."""
    return or_(DELIVERY.c.state == "pending", and_(DELIVERY.c.state == "claimed", DELIVERY.c.lease_until < now))


async def owed_papers(tx: Transaction, delivery: Delivery) -> list[OwedPaper]:
    """What a delivery must tell: everything owed to its destination in its cadence and not sealed yet.

    profiles is empty where no profile that the destination is subscribed to asks for the paper any more.
    """
    rows = await tx.execute(
        select(OWED.c.paper_id, OWED.c.occasion, ANNOUNCEMENT.c.type, ANNOUNCEMENT.c.announced_at, OWED.c.owed_at)
        .join(ANNOUNCEMENT, ANNOUNCEMENT.c.id == OWED.c.announcement_id, isouter=True)
        .where(
            OWED.c.account_id == delivery.account_id,
            OWED.c.destination_id == delivery.destination_id,
            OWED.c.cadence == str(delivery.cadence),
            OWED.c.delivery_id.is_(None),
        )
    )
    owed = list(rows)
    met = await _met_profiles(tx, delivery, sorted({row.paper_id for row in owed}))
    return [
        OwedPaper(
            row.paper_id,
            row.occasion,
            row.type or "new",
            row.announced_at or row.owed_at,
            tuple(sorted(met.get(row.paper_id, ()))),
        )
        for row in owed
    ]


async def _met_profiles(tx: Transaction, delivery: Delivery, paper_ids: Sequence[int]) -> dict[int, set[int]]:
    met: dict[int, set[int]] = {}
    for chunk in chunks(paper_ids):
        wanted = (
            select(MATCH.c.paper_id, MATCH.c.profile_id)
            .join(
                SUBSCRIPTION,
                and_(
                    SUBSCRIPTION.c.account_id == MATCH.c.account_id,
                    SUBSCRIPTION.c.profile_id == MATCH.c.profile_id,
                    SUBSCRIPTION.c.destination_id == delivery.destination_id,
                ),
            )
            .where(MATCH.c.account_id == delivery.account_id, MATCH.c.paper_id.in_(chunk))
        )
        for row in await tx.execute(wanted):
            met.setdefault(row.paper_id, set()).add(row.profile_id)
    return met


async def known_at(tx: Transaction, delivery: Delivery, paper_ids: Sequence[int]) -> set[int]:
    """Those of the papers that a delivery's destination was told of, or is to be: on whatever occasion and cadence."""
    known: set[int] = set()
    for chunk in chunks(paper_ids):
        wanted = select(OWED.c.paper_id).where(
            OWED.c.account_id == delivery.account_id,
            OWED.c.destination_id == delivery.destination_id,
            OWED.c.paper_id.in_(chunk),
        )
        known.update(await scalars(tx, wanted))
    return known


async def seal(
    tx: Transaction,
    delivery: Delivery,
    parts: Sequence[Mapping[str, Any]],
    told: Iterable[OwedPaper],
    *,
    papers: int,
    fates: Mapping[int, Fate] = {},
) -> bool:
    """Fix what a delivery says: its parts, what it owes by them, and what becomes of each paper (by id) of that. From
    here on the first part is in flight.

    False when the lease was lost. Raises MovedError (and the transaction must not be committed) when something of what
    is told is no longer owed: told of a paper that has become one with another, it would be told again of that one.
    """
    told = list(told)
    sealed = await _mine(tx, delivery, parts=[dict(part) for part in parts], papers=papers, in_flight=bool(parts))
    if sealed:
        await _owe(tx, delivery, [paper for paper in told if paper.profiles == (TRENDING,)])
    if sealed and await _close_owed(tx, delivery, told, fates) != len(told):
        raise MovedError
    return sealed


async def _owe(tx: Transaction, delivery: Delivery, papers: Sequence[OwedPaper]) -> None:
    """Owe what is trending to a delivery's destination. What was owed meanwhile stays as it is."""
    ids = [paper.paper_id for paper in papers]
    if await merges.heirs(tx, ids):
        raise MovedError
    first: dict[int, int] = {}
    for chunk in chunks(ids):
        told = (
            select(ANNOUNCEMENT.c.paper_id, func.min(ANNOUNCEMENT.c.id).label("id"))
            .where(ANNOUNCEMENT.c.paper_id.in_(chunk))
            .group_by(ANNOUNCEMENT.c.paper_id)
        )
        first |= {row.paper_id: row.id for row in await tx.execute(told)}
    now = await tx.now()
    rows = [
        {"account_id": delivery.account_id, "destination_id": delivery.destination_id, "paper_id": paper.paper_id,
         "occasion": paper.occasion, "announcement_id": first[paper.paper_id], "cadence": str(delivery.cadence),
         "owed_at": now}
        for paper in papers if paper.paper_id in first
    ]  # fmt: skip
    await tx.insert_new(OWED, rows)


async def _close_owed(tx: Transaction, delivery: Delivery, told: Iterable[OwedPaper], fates: Mapping[int, Fate]) -> int:
    """Note that this delivery tells of what is owed, or why not. Returns how much of it was still owed."""
    by_fate: dict[Fate | None, list[tuple[int, str]]] = {}
    for paper in told:
        by_fate.setdefault(fates.get(paper.paper_id), []).append((paper.paper_id, paper.occasion))
    closed = 0
    for fate, keys in by_fate.items():
        for chunk in chunks(keys):
            found = await tx.execute(
                update(OWED)
                .where(
                    OWED.c.account_id == delivery.account_id,
                    OWED.c.destination_id == delivery.destination_id,
                    OWED.c.delivery_id.is_(None),
                    tuple_(OWED.c.paper_id, OWED.c.occasion).in_(chunk),
                )
                .values(delivery_id=delivery.id, fate=fate and str(fate))
            )
            closed += found.rowcount
    return closed


# ── the fates ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def flying(tx: Transaction, delivery: Delivery, lease_until: datetime) -> bool:
    """A part is about to be sent. False when the lease was lost: send nothing."""
    return await _mine(tx, delivery, in_flight=True, lease_until=lease_until)


async def part_sent(tx: Transaction, delivery: Delivery, parts_sent: int, lease_until: datetime) -> bool:
    """A part has arrived, and the next one is about to be sent."""
    return await _mine(tx, delivery, parts_sent=parts_sent, in_flight=True, unconfirmed=0, lease_until=lease_until)


async def sent(tx: Transaction, delivery: Delivery, parts_sent: int, now: datetime) -> bool:
    """Everything has arrived."""
    return await _end(tx, delivery, "sent", None, now, parts_sent=parts_sent)


async def postpone(
    tx: Transaction, delivery: Delivery, due_at: datetime, reason: str, *, counted: bool, unconfirmed: bool = False
) -> bool:
    """Not now: try again at `due_at`. counted: whether it was an attempt; unconfirmed: whether it may have arrived."""
    return await _mine(
        tx,
        delivery,
        state="pending",
        due_at=due_at,
        reason=reason[:500],
        attempts=delivery.attempts - (not counted),
        unconfirmed=delivery.unconfirmed + unconfirmed,
        in_flight=False,
        lease_token=None,
        lease_until=None,
    )


async def die(tx: Transaction, delivery: Delivery, reason: str, now: datetime) -> bool:
    """It will not arrive: visibly, with the reason. One that was never sealed takes with it what it would have told:
    the next would die of the same."""
    died = await _end(tx, delivery, "dead", reason, now)
    if died and delivery.parts is None:
        await _close_owed(tx, delivery, await owed_papers(tx, delivery), {})
    return died


async def drop(
    tx: Transaction,
    delivery: Delivery,
    told: Iterable[OwedPaper],
    reason: str,
    now: datetime,
    *,
    fates: Mapping[int, Fate] = {},
) -> bool:
    """Nobody wants it any more: what it owed is closed with it."""
    dropped = await _end(tx, delivery, "dropped", reason, now)
    if dropped:
        await _close_owed(tx, delivery, told, fates)
    return dropped


async def lapse(tx: Transaction, now: datetime, limit: int) -> int:
    """Drop what has waited for more than seven days for destinations that are paused as long. Returns how many
    deliveries."""
    long_paused = (
        select(DESTINATION.c.account_id, DESTINATION.c.id)
        .where(DESTINATION.c.paused_at < now - PAUSE_PATIENCE)
        .subquery()
    )
    stale = (
        select(DELIVERY)
        .join(
            long_paused,
            and_(long_paused.c.account_id == DELIVERY.c.account_id, long_paused.c.id == DELIVERY.c.destination_id),
        )
        .where(_idle(now), DELIVERY.c.first_due < now - PAUSE_PATIENCE)
        .limit(limit)
    )
    dropped = 0
    for row in list(await tx.execute(stale)):
        await tx.execute(
            update(DELIVERY)
            .where(DELIVERY.c.account_id == row.account_id, DELIVERY.c.id == row.id, _idle(now))
            .values(
                state="dropped",
                reason="the destination was paused for more than seven days",
                ended_at=now,
                in_flight=False,
                lease_token=None,
                lease_until=None,
            )
        )
        await tx.execute(
            update(OWED)
            .where(
                OWED.c.account_id == row.account_id,
                OWED.c.destination_id == row.destination_id,
                OWED.c.cadence == row.cadence,
                OWED.c.delivery_id.is_(None),
                OWED.c.owed_at <= now - PAUSE_PATIENCE,
            )
            .values(delivery_id=row.id)
        )
        dropped += 1
    return dropped


async def next_due(tx: Transaction, channel: str) -> datetime | None:
    """When the next open delivery of a channel is due."""
    wanted = select(func.min(DELIVERY.c.due_at)).where(DELIVERY.c.channel == channel, DELIVERY.c.state.in_(OPEN))
    return (await tx.execute(wanted)).scalar()


async def told(tx: Transaction) -> int:
    """How many papers readers were told of, in all that was sent."""
    wanted = select(func.coalesce(func.sum(DELIVERY.c.papers), 0)).where(DELIVERY.c.state == "sent")
    papers: int = (await tx.execute(wanted)).scalar_one()
    return papers


async def counts(tx: Transaction) -> dict[str, int]:
    """How many deliveries are in each state."""
    rows = await tx.execute(select(DELIVERY.c.state, func.count().label("number")).group_by(DELIVERY.c.state))
    return {row.state: row.number for row in rows}


async def _end(
    tx: Transaction, delivery: Delivery, state: str, reason: str | None, now: datetime, **values: Any
) -> bool:
    return await _mine(
        tx,
        delivery,
        state=state,
        reason=reason[:500] if reason else None,
        ended_at=now,
        in_flight=False,
        lease_token=None,
        lease_until=None,
        **values,
    )


async def _mine(tx: Transaction, delivery: Delivery, **values: Any) -> bool:
    changed = await tx.execute(
        update(DELIVERY)
        .where(
            DELIVERY.c.account_id == delivery.account_id,
            DELIVERY.c.id == delivery.id,
            DELIVERY.c.state == "claimed",
            DELIVERY.c.lease_token == delivery.lease_token,
        )
        .values(**values)
    )
    return changed.rowcount == 1


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        account_id=row.account_id,
        id=row.id,
        destination_id=row.destination_id,
        channel=row.channel,
        cadence=Cadence(row.cadence),
        slot=row.slot,
        first_due=row.first_due,
        attempts=row.attempts,
        unconfirmed=row.unconfirmed,
        parts=tuple(row.parts) if row.parts is not None else None,
        parts_sent=row.parts_sent,
        lease_token=row.lease_token,
    )
