"""One place where a reader is told: how it wishes to be told, what waits for it, how its deliveries stand."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from paperlark.matching.document import analyse
from paperlark.matching.mutes import muted
from paperlark.model.papers import StoredPaper
from paperlark.model.problems import ReaderError
from paperlark.model.readers import TRENDING, Cadence, Destination, Mute, Subscription
from paperlark.readers.subscribe import Wish, check
from paperlark.schedule import slots
from paperlark.store import accounts, belongings, marks, moving, mutes, papers, profiles, standing
from paperlark.store.database import Store, Transaction
from paperlark.store.standing import Last


@dataclass(frozen=True, slots=True)
class Standing:
    """How a place stands. waiting: how many papers would come with the next delivery. next_at: when that is due, or the
    next slot comes; None where nothing is told there, or it is told at once. silent_until: the end of its quiet hours,
    where they are now. sent, dead: its last deliveries that ended so."""

    place: Destination
    subscriptions: tuple[Subscription, ...]
    waiting: int
    next_at: datetime | None
    silent_until: datetime | None
    sent: Last | None
    dead: Last | None


async def at(store: Store, account_id: int, channel: str, address: str) -> Standing | None:
    """How an account's place stands; None where it never was told anything there."""
    async with store.reading() as tx:
        place = await _place(tx, account_id, channel, address)
        return await _standing(tx, place) if place else None


async def arrange(
    store: Store, account_id: int, channel: str, address: str, wish: Wish, *, cadence: Cadence | None = None
) -> Standing:
    """How a place wishes to be told from now on (the wish's rhythm, cap and empty days), also before anything is
    followed there; what is planned moves. cadence: of everything that is told there; what is trending, which never
    comes at once, keeps its own then. A pause stays as it is. Raises ReaderError: a zone or a cap that cannot be.
    """
    check(wish)
    async with store.transaction() as tx:
        now, before = await tx.now(), await _place(tx, account_id, channel, address)
        place = await profiles.put_destination(
            tx,
            account_id,
            channel,
            address,
            rhythm=wish.rhythm,
            cap=wish.cap,
            empty=wish.empty,
            now=now,
            confirm_by=before.confirm_by if before is not None else None,
        )
        if before is not None and before.paused_reason is not None:
            await profiles.pause_destination(
                tx, account_id, place.id, before.paused_reason, now, before.paused_until
            )  # fmt: skip
        if cadence is not None:
            await _tell(tx, place, cadence, now)
        await standing.replan(tx, place, now)
        place = await profiles.destination(tx, account_id, place.id)
        return await _standing(tx, place)


async def change(store: Store, account_id: int, subscription_id: int, wish: Wish) -> Standing:
    """Change how a subscription is told: its cadence and occasions, and the rhythm, cap and empty days of its place,
    which hold for everything that is told there. What is planned moves, a pause stays as it is, and an owner who was
    not heard yet is still to be heard. Raises ReaderError: no such subscription, or a wish that cannot be.
    """
    check(wish)
    async with store.transaction() as tx:
        now, mine = await tx.now(), await profiles.subscriptions(tx, account_id)
        before = next((each for each in mine if each.id == subscription_id), None)
        if before is None:
            raise ReaderError("you have no such subscription")
        place = await profiles.destination(tx, account_id, before.destination_id)
        if before.profile_id != TRENDING:
            await profiles.subscribe(
                tx, account_id, before.profile_id, place.id, cadence=wish.cadence, occasions=wish.occasions, now=now
            )
        elif wish.cadence is Cadence.INSTANT:
            raise ReaderError("what is trending comes as a digest: daily or weekly, not instant")
        else:
            await profiles.subscribe_trending(tx, account_id, place.id, cadence=wish.cadence, now=now)
        after = await profiles.put_destination(
            tx,
            account_id,
            place.channel,
            place.address,
            rhythm=wish.rhythm,
            cap=wish.cap,
            empty=wish.empty,
            now=now,
            confirm_by=place.confirm_by,
        )
        if place.paused_reason is not None:
            await profiles.pause_destination(tx, account_id, place.id, place.paused_reason, now, place.paused_until)
        await standing.replan(tx, after, now)
        return await _standing(tx, await profiles.destination(tx, account_id, place.id))


async def hasten(store: Store, account_id: int, channel: str, address: str) -> Standing:
    """Send what waits for a place at once (after its quiet hours, where they are now): `waiting` says how many papers.

    Raises ReaderError where nothing is told there, or it is paused.
    """
    async with store.transaction() as tx:
        place = await _place(tx, account_id, channel, address)
        if place is None or not await _told(tx, place):
            raise ReaderError("nothing is followed here yet")
        if place.paused_reason is not None:
            raise ReaderError(f"sending is paused here: {place.paused_reason}")
        found, now = await _standing(tx, place), await tx.now()
        for cadence in await standing.waiting(tx, account_id, place.id) if found.waiting else ():
            await standing.bring_forward(tx, place, cadence, now)
        return found


async def moved(
    store: Store, account_id: int, channel: str, before: str, after: str, identity: tuple[str, str]
) -> None:
    """A place of an account has a new address, and the account one more identity, by which it is known from now on.

    Where somebody spoke there already, who has nothing to lose yet, that account is given up for this one.
    """
    async with store.transaction() as tx:
        now = await tx.now()
        already = await accounts.join(tx, account_id, *identity, now)
        if already != account_id and not await belongings.any_of(tx, already):
            await accounts.hand_over(tx, already, account_id)
        place = await _place(tx, account_id, channel, before)
        if place is not None:
            await moving.move(tx, account_id, place.id, after)


# ── what is known of a place ───────────────────────────────────────────────────────────────────────────────────────


async def _place(tx: Transaction, account_id: int, channel: str, address: str) -> Destination | None:
    mine = await profiles.destinations(tx, account_id)
    return next((place for place in mine if (place.channel, place.address) == (channel, address)), None)


async def _told(tx: Transaction, place: Destination) -> list[Subscription]:
    mine = await profiles.subscriptions(tx, place.account_id)
    return [each for each in mine if each.destination_id == place.id]


async def _tell(tx: Transaction, place: Destination, cadence: Cadence, now: datetime) -> None:
    """Tell a place of everything that it is told of in one cadence."""
    for each in await _told(tx, place):
        wanted = sorted(each.occasions)
        if each.profile_id != TRENDING:
            await profiles.subscribe(
                tx, place.account_id, each.profile_id, place.id, cadence=cadence, occasions=wanted, now=now
            )
        elif cadence is not Cadence.INSTANT:
            await profiles.subscribe_trending(tx, place.account_id, place.id, cadence=cadence, now=now)


async def _standing(tx: Transaction, place: Destination) -> Standing:
    now, told = await tx.now(), await _told(tx, place)
    owed = await standing.waiting(tx, place.account_id, place.id)
    wanted = await _wanted(tx, place.account_id, {number for numbers in owed.values() for number in numbers})
    loud_at = next(slots(Cadence.INSTANT, place.rhythm, now)).due_at
    return Standing(
        place,
        tuple(told),
        wanted,
        await _next_at(tx, place, told, now),
        loud_at if loud_at > now else None,
        await standing.last(tx, place.account_id, place.id, "sent"),
        await standing.last(tx, place.account_id, place.id, "dead"),
    )


async def _wanted(tx: Transaction, account_id: int, numbers: Collection[int]) -> int:
    """How many of the papers their reader has neither dismissed nor muted."""
    dismissed = await marks.dismissed(tx, account_id, numbers)
    stored = await papers.load(tx, set(numbers) - dismissed)
    silenced = await mutes.listed(tx, account_id)
    return await asyncio.to_thread(_heard, silenced, stored) if silenced else len(stored)


def _heard(silenced: Sequence[Mute], stored: Mapping[int, StoredPaper]) -> int:
    return sum(muted(silenced, analyse(papers.document(paper))) is None for paper in stored.values())


async def _next_at(tx: Transaction, place: Destination, told: Iterable[Subscription], now: datetime) -> datetime | None:
    """When the next digest comes by itself."""
    coming = []
    for cadence in {each.cadence for each in told} - {Cadence.INSTANT}:
        planned_at = await standing.planned(tx, place.account_id, place.id, cadence)
        coming.append(planned_at or (await standing.free_slot(tx, place, cadence, now)).due_at)
    return min(coming, default=None)
