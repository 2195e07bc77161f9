"""What deliveries owe, and how that is settled: sealed into a delivery with what becomes of each paper, closed with one
that ended, or left to the next digest.

A delivery owes everything that is owed to its destination in its cadence and in no delivery yet. Rows of what is owed
name the delivery that settled them; from the seal on, every retry says the same.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, func, select, update

from paperlark.model.readers import TRENDING, Cadence
from paperlark.store import merges
from paperlark.store.database import Transaction
from paperlark.store.outbox import PAUSE_PATIENCE, Delivery, Fate, MovedError, OwedPaper, ending, idle, ours
from paperlark.store.rows import among, chunks, scalars
from paperlark.store.tables import ANNOUNCEMENT, DELIVERY, DESTINATION, MATCH, OWED, SUBSCRIPTION

TOLD = (Fate.SHOWN, Fate.BEHIND)
JOINED = "more than 48 hours late: its papers come with the next digest"


@dataclass(frozen=True, slots=True)
class Content:
    """What a delivery is sealed with: its rendered parts, what it owed when that was read, what becomes of each paper
    (by id) of it, and how many papers it tells of."""

    delivery: Delivery
    parts: tuple[Mapping[str, Any], ...]
    told: tuple[OwedPaper, ...]
    papers: int
    fates: Mapping[int, Fate] = field(default_factory=dict)

    @property
    def announced_at(self) -> datetime | None:
        """When the oldest of the papers that it tells of was announced."""
        said = (paper.announced_at for paper in self.told if self.fates.get(paper.paper_id) in TOLD)
        return min(said, default=None)


# ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def owed_by(tx: Transaction, deliveries: Collection[Delivery]) -> dict[int, list[OwedPaper]]:
    """What each delivery must tell, by its id: everything owed to its destination in its cadence and not sealed yet.

    profiles is empty where no profile that the destination is subscribed to asks for the paper any more.
    """
    wanted_by = {_place(each): each.id for each in deliveries}
    rows: list[Any] = []
    for chunk in chunks(sorted(wanted_by)):
        here = among(tx, (OWED.c.account_id, OWED.c.destination_id, OWED.c.cadence), chunk)
        wanted = (
            select(
                OWED.c.account_id,
                OWED.c.destination_id,
                OWED.c.cadence,
                OWED.c.paper_id,
                OWED.c.occasion,
                OWED.c.owed_at,
                ANNOUNCEMENT.c.type,
                ANNOUNCEMENT.c.announced_at,
            )
            .join(ANNOUNCEMENT, ANNOUNCEMENT.c.id == OWED.c.announcement_id, isouter=True)
            .where(here, OWED.c.delivery_id.is_(None))
        )
        rows += await tx.execute(wanted)
    asked = await _asked(tx, rows)
    owed: dict[int, list[OwedPaper]] = {each.id: [] for each in deliveries}
    for row in rows:
        paper = OwedPaper(
            row.paper_id,
            row.occasion,
            row.type or "new",
            row.announced_at or row.owed_at,
            tuple(sorted(asked.get((row.destination_id, row.paper_id), ()))),
        )
        owed[wanted_by[row.account_id, row.destination_id, row.cadence]].append(paper)
    return owed


async def _asked(tx: Transaction, owed: Sequence[Any]) -> dict[tuple[int, int], set[int]]:
    """The profiles that each owed paper met, of those that its destination is told of, by destination and paper."""
    subscribed: dict[int, list[int]] = {}
    for chunk in chunks(sorted({(row.account_id, row.destination_id) for row in owed})):
        here = among(tx, (SUBSCRIPTION.c.account_id, SUBSCRIPTION.c.destination_id), chunk)
        wanted = select(SUBSCRIPTION.c.destination_id, SUBSCRIPTION.c.profile_id).where(here)
        for row in await tx.execute(wanted):
            subscribed.setdefault(row.destination_id, []).append(row.profile_id)
    perhaps = {
        (row.account_id, profile_id, row.paper_id)
        for row in owed
        for profile_id in subscribed.get(row.destination_id, ())
    }
    met: set[tuple[int, int]] = set()
    for some in chunks(sorted(perhaps)):
        mine = among(tx, (MATCH.c.account_id, MATCH.c.profile_id, MATCH.c.paper_id), some)
        for row in await tx.execute(select(MATCH.c.profile_id, MATCH.c.paper_id).where(mine)):
            met.add((row.profile_id, row.paper_id))
    return {
        (row.destination_id, row.paper_id): {
            profile_id for profile_id in subscribed.get(row.destination_id, ()) if (profile_id, row.paper_id) in met
        }
        for row in owed
    }


def _place(delivery: Delivery) -> tuple[int, int, str]:
    return delivery.account_id, delivery.destination_id, str(delivery.cadence)


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


# ── sealing ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def seal(tx: Transaction, contents: Sequence[Content]) -> set[int]:
    """Fix what deliveries say. Returns the ids of those that are sealed: the others' leases were lost.

    Raises MovedError (and the transaction must not be committed) when something of what is told is no longer owed: told
    of a paper that has become one with another, it would be told again of that one.
    """
    mine = await ours(tx, [content.delivery for content in contents], in_flight=False)
    sealed = [content for content in contents if content.delivery.id in mine]
    for content in sealed:
        await _owe(tx, content.delivery, [paper for paper in content.told if paper.profiles == (TRENDING,)])
    if sealed:
        said = update(DELIVERY).where(
            DELIVERY.c.account_id == bindparam("of_account"), DELIVERY.c.id == bindparam("of_delivery")
        )
        await tx.execute(
            said.values(parts=bindparam("said"), papers=bindparam("number"), announced_at=bindparam("announced")),
            [
                {"of_account": content.delivery.account_id, "of_delivery": content.delivery.id,
                 "said": [dict(part) for part in content.parts], "number": content.papers,
                 "announced": content.announced_at}
                for content in sealed
            ],
        )  # fmt: skip
    closed = await _close(tx, sealed)
    if closed != sum(len(content.told) for content in sealed):
        raise MovedError
    return mine


async def _owe(tx: Transaction, delivery: Delivery, papers: Sequence[OwedPaper]) -> None:
    """Owe what is trending to a delivery's destination. What was owed meanwhile stays as it is."""
    if not papers:
        return
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


async def _close(tx: Transaction, contents: Sequence[Content]) -> int:
    """Note that each delivery tells of what it owed, or why not. Returns how much of it was still owed."""
    by_fate: dict[Fate | None, list[dict[str, Any]]] = {}
    for content in contents:
        delivery = content.delivery
        for paper in content.told:
            by_fate.setdefault(content.fates.get(paper.paper_id), []).append(
                {"of_account": delivery.account_id, "of_destination": delivery.destination_id,
                 "of_paper": paper.paper_id, "on": paper.occasion, "by": delivery.id}
            )  # fmt: skip
    closed = 0
    still_owed = update(OWED).where(
        OWED.c.account_id == bindparam("of_account"),
        OWED.c.destination_id == bindparam("of_destination"),
        OWED.c.paper_id == bindparam("of_paper"),
        OWED.c.occasion == bindparam("on"),
        OWED.c.delivery_id.is_(None),
    )
    for fate, rows in by_fate.items():
        found = await tx.execute(still_owed.values(delivery_id=bindparam("by"), fate=fate and str(fate)), rows)
        closed += found.rowcount
    return closed


# ── without a message ──────────────────────────────────────────────────────────────────────────────────────────────


async def die(tx: Transaction, delivery: Delivery, reason: str, now: datetime) -> bool:
    """It will not arrive: visibly, with the reason. One that was never sealed takes with it what it would have told:
    the next would die of the same."""
    died = bool(await ours(tx, [delivery], **ending("dead", reason, now)))
    if died and delivery.parts is None:
        owed = await owed_by(tx, [delivery])
        await _close(tx, [Content(delivery, (), tuple(owed[delivery.id]), 0)])
    return died


async def drop(
    tx: Transaction,
    delivery: Delivery,
    told: Iterable[OwedPaper],
    reason: str,
    now: datetime,
    *,
    fates: Mapping[int, Fate] | None = None,
) -> bool:
    """Nobody wants it any more: what it owed is closed with it."""
    dropped = bool(await ours(tx, [delivery], **ending("dropped", reason, now)))
    if dropped:
        await _close(tx, [Content(delivery, (), tuple(told), 0, fates or {})])
    return dropped


async def join_digest(tx: Transaction, delivery: Delivery, now: datetime) -> bool:
    """Leave the papers of an alert that is far too late to the next daily digest. False where it owes none, or is no
    longer ours. Only for one of which no part can have arrived."""
    theirs = and_(
        OWED.c.account_id == delivery.account_id,
        OWED.c.destination_id == delivery.destination_id,
        OWED.c.delivery_id == delivery.id
        if delivery.parts is not None
        else and_(OWED.c.delivery_id.is_(None), OWED.c.cadence == str(Cadence.INSTANT)),
    )
    if (await tx.execute(select(OWED.c.paper_id).where(theirs).limit(1))).first() is None:
        return False
    if not await ours(tx, [delivery], **ending("dropped", JOINED, now)):
        return False
    await tx.execute(update(OWED).where(theirs).values(cadence=str(Cadence.DAILY), delivery_id=None, fate=None))
    return True


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
        .where(idle(now), DELIVERY.c.first_due < now - PAUSE_PATIENCE)
        .limit(limit)
    )
    dropped = 0
    for row in list(await tx.execute(stale)):
        await tx.execute(
            update(DELIVERY)
            .where(DELIVERY.c.account_id == row.account_id, DELIVERY.c.id == row.id, idle(now))
            .values(**ending("dropped", "the destination was paused for more than seven days", now))
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
