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
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, Select, and_, case, exists, func, literal, or_, select, text, tuple_, update

from paperlark.model.ids import new_id
from paperlark.model.readers import TRENDING, Cadence, Destination, EmptyPolicy, Rhythm
from paperlark.store.database import Transaction, once
from paperlark.store.profiles import rhythm_of
from paperlark.store.rows import MANY, among, chunks, looked_up, scalars
from paperlark.store.tables import DELIVERY, DESTINATION, OWED, SUBSCRIPTION

OPEN = ("pending", "claimed")
IS_OPEN = text("delivery.state IN ('pending', 'claimed')")
"""Literal, as in the partial indexes of what is open: SQLite takes them for nothing else."""
QUESTION = "question "
"""How the slot of a question to an address's owner begins (`mailboxes`): it is asked where nothing else may be sent."""


AHEAD = {Cadence.INSTANT: timedelta(hours=1), Cadence.DAILY: timedelta(days=3), Cadence.WEEKLY: timedelta(days=10)}
"""How long ago a slot was due at most that may still be ahead: a reader's zone may have changed since."""
RAN_OUT = "whoever had it in hand fell silent"
"""The reason of a delivery that was taken over, for as long as nobody knows a better one."""
WHEN = tuple(DESTINATION.c[name] for name in ("channel", "zone", "digest_at", "weekday", "quiet"))
"""What planning asks of a destination: not its address, for one that cannot be read would stop all."""
LOOK = 256  # due deliveries that a claim chooses from
PAUSE_PATIENCE = timedelta(days=7)  # what is owed to a paused destination waits as long, then is dropped


BY_DUE = text("SET LOCAL enable_sort = off")
"""PostgreSQL expects that next to nothing of what is due can be claimed, so it would find all of that and sort it: with
a hundred thousand due at eight o'clock that takes seconds, and reading the first of them in order milliseconds."""


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
    tried_at: datetime  # when it was claimed for the first time
    unconfirmed: int  # how often its next part was on its way and nobody knows whether it arrived
    flown_at: datetime | None  # when that part was on its way first
    parts: tuple[Mapping[str, Any], ...] | None
    parts_sent: int
    lease_token: str
    announced_at: datetime | None = None  # the oldest of the papers that it tells of; None before it is sealed
    taken_over: bool = False  # from somebody whose lease ran out

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


async def unplanned(tx: Transaction, limit: int, *, since: datetime | None = None) -> list[Unplanned]:
    """Destinations that are owed something, want to hear of what is trending, or even of an empty day, and have no open
    delivery for it.

    Paused ones too: what waits for them is seen, and lapses. since: only those that were owed something after that,
    which looks at nothing older.
    """
    owed = (
        select(OWED.c.account_id, OWED.c.destination_id, OWED.c.cadence)
        .where(
            OWED.c.delivery_id.is_(None),
            ~_has_open(OWED.c.account_id, OWED.c.destination_id, OWED.c.cadence),
            *([OWED.c.owed_at >= since] if since is not None else []),
        )
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
    wanted = (owed if since is not None else owed.union(even_empty)).subquery()
    rows = await tx.execute(
        select(wanted.c.account_id, wanted.c.destination_id, wanted.c.cadence, *WHEN)
        .join(
            DESTINATION,
            and_(DESTINATION.c.account_id == wanted.c.account_id, DESTINATION.c.id == wanted.c.destination_id),
        )
        .where(DESTINATION.c.confirm_by.is_(None))
        .limit(limit)
    )
    return [
        Unplanned(row.account_id, row.destination_id, row.channel, Cadence(row.cadence), rhythm_of(row)) for row in rows
    ]


async def without_open(tx: Transaction, owing: Collection[tuple[int, int, str]]) -> list[Unplanned]:
    """The same of some that were owed something just now, each an account, a destination and a cadence. In order."""
    found: list[Unplanned] = []
    for chunk in chunks(sorted(owing), MANY):
        cadences: dict[tuple[int, int], list[str]] = {}
        for account_id, destination_id, cadence in chunk:
            cadences.setdefault((account_id, destination_id), []).append(cadence)
        has = select(DELIVERY.c.account_id, DELIVERY.c.destination_id, DELIVERY.c.cadence).where(
            IS_OPEN, DELIVERY.c.parts.is_(None)
        )
        key = (DELIVERY.c.account_id, DELIVERY.c.destination_id)
        opened = {tuple(row) for row in await tx.execute(looked_up(tx, has, key, list(cadences)))}
        wanting = sorted({each[:2] for each in chunk if each not in opened})
        if not wanting:
            continue
        confirmed = select(DESTINATION.c.account_id, DESTINATION.c.id, *WHEN).where(DESTINATION.c.confirm_by.is_(None))
        wanted = looked_up(tx, confirmed, (DESTINATION.c.account_id, DESTINATION.c.id), wanting)
        found += (
            Unplanned(row.account_id, row.id, row.channel, Cadence(cadence), rhythm_of(row))
            for row in await tx.execute(wanted)
            for cadence in cadences[row.account_id, row.id]
            if (row.account_id, row.id, cadence) not in opened
        )
    return sorted(found, key=lambda each: (each.account_id, each.destination_id, each.cadence))


def _has_open(account_id: Any, destination_id: Any, cadence: Any) -> Any:
    return exists().where(
        DELIVERY.c.account_id == account_id,
        DELIVERY.c.destination_id == destination_id,
        DELIVERY.c.cadence == cadence,
        IS_OPEN,
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


async def slots_taken(
    tx: Transaction, found: Sequence[Unplanned], now: datetime
) -> dict[tuple[int, int, Cadence], set[str]]:
    """The same for many, by account, destination and cadence: of the slots that may still be ahead at `now`."""
    taken: dict[tuple[int, int, Cadence], set[str]] = {}
    for cadence, back in AHEAD.items():
        keys = [(each.account_id, each.destination_id) for each in found if each.cadence is cadence]
        for chunk in chunks(keys, MANY):
            wanted = select(DELIVERY.c.account_id, DELIVERY.c.destination_id, DELIVERY.c.slot).where(
                DELIVERY.c.cadence == str(cadence), DELIVERY.c.first_due >= now - back
            )
            key = (DELIVERY.c.account_id, DELIVERY.c.destination_id)
            for row in await tx.execute(looked_up(tx, wanted, key, chunk)):
                taken.setdefault((row.account_id, row.destination_id, cadence), set()).add(row.slot)
    return taken


async def plan(tx: Transaction, found: Unplanned, slot: str, due_at: datetime) -> None:
    """Make the pending delivery of a slot; whoever was first, it is there once."""
    await plan_all(tx, [(found, slot, due_at)])


async def plan_all(tx: Transaction, planned: Iterable[tuple[Unplanned, str, datetime]]) -> None:
    """The same for many: each with its slot and when that is due."""
    rows = [
        {"account_id": found.account_id, "id": new_id(), "destination_id": found.destination_id,
         "channel": found.channel, "cadence": str(found.cadence), "slot": slot, "state": "pending",
         "first_due": due_at, "due_at": due_at, "attempts": 0, "unconfirmed": 0, "in_flight": False,
         "parts_sent": 0, "papers": 0}
        for found, slot, due_at in planned
    ]  # fmt: skip
    await tx.insert_new(DELIVERY, rows)


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
    tx: Transaction,
    channel: str,
    *,
    now: datetime,
    lease: timedelta,
    limit: int,
    share: int | None = None,
    busy: Collection[int] = (),
    in_hand: Collection[int] = (),
    account_id: int | None = None,
) -> list[Delivery]:
    """Take due deliveries of a channel by lease, also those whose worker died. One for each destination, in order;
    none for one that is paused or unconfirmed, but the question whether it is wanted.

    Readers are served in turn: the first of each account, then the second of each; at most `share` of one, and none of
    those that are `busy`. in_hand: deliveries that the caller has claimed before and not come to an end with, whatever
    has become of their leases. Where a worker died with a message in flight, nobody knows whether it arrived: that is
    counted (`unconfirmed`).
    """
    due = (
        _claimable(channel, now)
        .where(
            *([DELIVERY.c.account_id == account_id] if account_id is not None else []),
            *([DELIVERY.c.account_id.not_in(busy)] if busy else []),
            *([DELIVERY.c.id.not_in(in_hand)] if in_hand else []),
        )
        .order_by(DELIVERY.c.due_at)  # alone: at eight o'clock a hundred thousand are due, and none of them first
        .limit(max(LOOK, limit))
        .with_for_update(skip_locked=True, of=DELIVERY)
        .subquery("due")
    )
    turns = select(
        due,
        func.row_number().over(partition_by=due.c.account_id, order_by=(due.c.due_at, due.c.id)).label("turn"),
    ).subquery("turns")
    chosen = (
        select(turns.c.account_id, turns.c.id)
        .where(*([turns.c.turn <= share] if share is not None else []))
        .order_by(turns.c.turn, turns.c.due_at, turns.c.id)
        .limit(limit)
    )
    at = literal(now, DELIVERY.c.tried_at.type)
    taken = (
        update(DELIVERY)
        .where(tuple_(DELIVERY.c.account_id, DELIVERY.c.id).in_(select(once(chosen))))
        .values(
            state="claimed",
            lease_token=secrets.token_hex(8),
            lease_until=now + lease,
            attempts=DELIVERY.c.attempts + 1,
            tried_at=func.coalesce(DELIVERY.c.tried_at, at),
            unconfirmed=DELIVERY.c.unconfirmed + case((DELIVERY.c.in_flight, 1), else_=0),
            in_flight=False,
            reason=case((DELIVERY.c.state == "claimed", RAN_OUT), else_=DELIVERY.c.reason),
        )
        .returning(DELIVERY)
    )
    if tx.postgres:
        await tx.execute(BY_DUE)
    claimed = [_delivery(row) for row in await tx.execute(taken)]
    return sorted(claimed, key=lambda delivery: (delivery.first_due, delivery.id))


def _claimable(channel: str, now: datetime) -> Select[Any]:
    """Deliveries of a channel that are due, in nobody's hands, and held back by nothing of their destination's."""
    earlier = DELIVERY.alias("earlier")
    return (
        select(DELIVERY.c.account_id, DELIVERY.c.id, DELIVERY.c.due_at)
        .join(
            DESTINATION,
            and_(DESTINATION.c.account_id == DELIVERY.c.account_id, DESTINATION.c.id == DELIVERY.c.destination_id),
        )
        .where(
            DELIVERY.c.channel == channel,
            IS_OPEN,
            DELIVERY.c.due_at <= now,
            idle(now),
            or_(
                DELIVERY.c.slot.startswith(QUESTION),
                and_(
                    DESTINATION.c.paused_at.is_(None),
                    DESTINATION.c.confirm_by.is_(None),
                    ~exists().where(
                        earlier.c.account_id == DELIVERY.c.account_id,
                        earlier.c.destination_id == DELIVERY.c.destination_id,
                        text("earlier.state IN ('pending', 'claimed')"),
                        ~earlier.c.slot.startswith(QUESTION),
                        or_(
                            earlier.c.first_due < DELIVERY.c.first_due,
                            and_(earlier.c.first_due == DELIVERY.c.first_due, earlier.c.id < DELIVERY.c.id),
                        ),
                    ),
                ),
            ),
        )
    )


async def waits_since(tx: Transaction, channel: str, now: datetime) -> datetime | None:
    """Since when the delivery waits that is claimed next; None where none could be claimed at `now`."""
    first = _claimable(channel, now).with_only_columns(DELIVERY.c.due_at).order_by(DELIVERY.c.due_at).limit(1)
    found: datetime | None = (await tx.execute(first)).scalar()
    return found


def idle(now: datetime) -> Any:
    """Open, and in nobody's hands: pending, or claimed by a worker whose lease ran out."""
    return or_(DELIVERY.c.state == "pending", and_(DELIVERY.c.state == "claimed", DELIVERY.c.lease_until < now))


# ── the fates ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def flying(tx: Transaction, deliveries: Collection[Delivery], now: datetime, lease: timedelta) -> set[int]:
    """The next part of each is about to be sent. Returns the ids of those that are still ours: send nothing of others.

    flown_at stays, where it is the same part once more and nobody knows whether it arrived before.
    """
    same = and_(DELIVERY.c.unconfirmed > 0, DELIVERY.c.flown_at.is_not(None))
    at = literal(now, DELIVERY.c.flown_at.type)
    flown_at = case((same, DELIVERY.c.flown_at), else_=at)
    return await ours(tx, deliveries, in_flight=True, flown_at=flown_at, lease_until=now + lease)


async def part_sent(tx: Transaction, deliveries: Collection[Delivery], now: datetime, lease: timedelta) -> set[int]:
    """A part of each has arrived, and others are to follow. Returns the ids of those that are still ours."""
    return await ours(
        tx,
        deliveries,
        parts_sent=DELIVERY.c.parts_sent + 1,
        in_flight=False,
        unconfirmed=0,
        lease_until=now + lease,
    )


async def sent(tx: Transaction, deliveries: Collection[Delivery], now: datetime) -> set[int]:
    """The last part of each has arrived. Returns the ids of those that were still ours."""
    ended = ending("sent", None, now)
    return await ours(tx, deliveries, parts_sent=DELIVERY.c.parts_sent + 1, unconfirmed=0, **ended)


async def absent(tx: Transaction, delivery: Delivery) -> bool:
    """It is known by now that the next part did not arrive."""
    return bool(await ours(tx, [delivery], unconfirmed=0, flown_at=None))


async def postpone(
    tx: Transaction, delivery: Delivery, due_at: datetime, reason: str, *, counted: bool, unconfirmed: bool = False
) -> bool:
    """Not now: try again at `due_at`. counted: whether it was an attempt; unconfirmed: whether it may have arrived."""
    postponed = await ours(
        tx,
        [delivery],
        state="pending",
        due_at=due_at,
        reason=reason[:500],
        attempts=delivery.attempts - (not counted),
        unconfirmed=delivery.unconfirmed + unconfirmed,
        in_flight=False,
        lease_token=None,
        lease_until=None,
    )
    return bool(postponed)


async def give_back(tx: Transaction, deliveries: Collection[Delivery], due_at: datetime, reason: str) -> set[int]:
    """None of them was tried, and nobody's fault is it: no attempt. Returns the ids of those that were still ours."""
    return await ours(
        tx,
        deliveries,
        state="pending",
        due_at=due_at,
        reason=reason[:500],
        attempts=DELIVERY.c.attempts - 1,
        lease_token=None,
        lease_until=None,
    )


async def held(tx: Transaction, delivery: Delivery) -> Delivery | None:
    """A delivery as it stands now, if it is still claimed under our token."""
    wanted = select(DELIVERY).where(
        DELIVERY.c.account_id == delivery.account_id,
        DELIVERY.c.id == delivery.id,
        DELIVERY.c.lease_token == delivery.lease_token,
        DELIVERY.c.state == "claimed",
    )
    found = (await tx.execute(wanted)).first()
    return _delivery(found) if found is not None else None


async def next_due(tx: Transaction, channel: str) -> datetime | None:
    """When the next open delivery of a channel is due."""
    wanted = select(func.min(DELIVERY.c.due_at)).where(DELIVERY.c.channel == channel, IS_OPEN)
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


def ending(state: str, reason: str | None, now: datetime) -> dict[str, Any]:
    """What a delivery's row says when it has come to its end."""
    return {"state": state, "reason": reason[:500] if reason else None, "ended_at": now, "in_flight": False,
            "lease_token": None, "lease_until": None}  # fmt: skip


async def ours(tx: Transaction, deliveries: Collection[Delivery], **values: Any) -> set[int]:
    """Change deliveries that are still claimed under our token. Returns the ids of those that were."""
    changed: set[int] = set()
    for chunk in chunks(sorted((each.account_id, each.id, each.lease_token) for each in deliveries)):
        statement = (
            update(DELIVERY)
            .where(
                among(tx, (DELIVERY.c.account_id, DELIVERY.c.id, DELIVERY.c.lease_token), chunk),
                DELIVERY.c.state == "claimed",
            )
            .values(**values)
            .returning(DELIVERY.c.id)
        )
        changed.update((await tx.execute(statement)).scalars())
    return changed


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
        tried_at=row.tried_at,
        unconfirmed=row.unconfirmed,
        flown_at=row.flown_at,
        parts=tuple(row.parts) if row.parts is not None else None,
        parts_sent=row.parts_sent,
        lease_token=row.lease_token,
        announced_at=row.announced_at,
        taken_over=row.reason == RAN_OUT,
    )
