"""Addresses whose owners are asked first, and what comes back from them.

A destination with `confirm_by` is *unconfirmed*: nothing is owed there and nothing is planned, but the question whether
that is wanted. A *confirmation* is one such question. It is made when somebody asks for something at an address, asked
by the pipeline (`unasked`), and used once, by whoever reads that mailbox. When nobody says yes, it is forgotten, and
the unconfirmed destination with it. Whoever says no later makes the destination unconfirmed again (`withdraw`): only
the mailbox's owner can undo that, by confirming anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, Table, and_, delete, exists, func, or_, select, update

from paperlark.model.ids import new_id
from paperlark.model.readers import TRENDING, Destination
from paperlark.store import belongings, pairing, profiles
from paperlark.store.database import Transaction
from paperlark.store.rows import scalars
from paperlark.store.tables import CONFIRMATION, DELIVERY, DESTINATION, IDENTITY, OWED, SOFT_BOUNCE, SUBSCRIPTION

LIFE = timedelta(days=10)  # of a question; so long an unconfirmed destination is kept
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ASKED = 5  # times a day that a mailbox's owner is asked at most
SOFT_BOUNCES_FOR = timedelta(days=14)
WITHDRAWN = "unsubscribed by its reader"
EMAIL = "email"  # the platform of an identity that is a mailbox


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A question to an address's owner. wish: what begins with a yes, beyond the address itself; None: nothing more."""

    account_id: int
    id: int
    place: Destination
    wish: Mapping[str, Any] | None
    made_at: datetime
    expires_at: datetime
    used_at: datetime | None


# ── asking ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def inquire(
    tx: Transaction, account_id: int, destination_id: int, wish: Mapping[str, Any] | None, now: datetime
) -> None:
    """Have an address's owner asked. The same question again, unanswered so far, is asked again."""
    again = {"made_at": now, "expires_at": now + LIFE, "asked_at": None}
    open_here = _of(CONFIRMATION, account_id, destination_id) & CONFIRMATION.c.used_at.is_(None)
    for asked in list(await tx.execute(select(CONFIRMATION.c.id, CONFIRMATION.c.wish).where(open_here))):
        if asked.wish == wish:
            await tx.execute(update(CONFIRMATION).where(_is(account_id, asked.id)).values(again))
            return
    row = {"account_id": account_id, "id": new_id(), "destination_id": destination_id, "wish": wish} | again
    await tx.insert_new(CONFIRMATION, [row])


async def being_asked(tx: Transaction, account_id: int, destination_id: int, now: datetime) -> bool:
    """Did a question about the bare address go out within the last hour, and wait for its answer?"""
    mine = _of(CONFIRMATION, account_id, destination_id) & CONFIRMATION.c.used_at.is_(None)
    lately = mine & CONFIRMATION.c.wish.is_(None) & (CONFIRMATION.c.made_at > now - HOUR)
    return bool((await tx.execute(select(exists().where(lately)))).scalar())


async def too_often(tx: Transaction, address: str, now: datetime) -> bool:
    """Was a mailbox's owner asked too often lately, by whomever? Counts this time; commit it whatever follows."""
    return await pairing.attempt(tx, f"mailbox {folded(address)}", now, allowed=ASKED, within=DAY) is not None


def folded(address: str) -> str:
    """What mailboxes are counted by: lower case, without dots and `+alias` in the local part (OWASP ASVS 5.0, 6.5)."""
    local, _, domain = address.casefold().rpartition("@")
    return f"{local.partition('+')[0].replace('.', '')}@{domain}"


async def any_unasked(tx: Transaction) -> bool:
    """Does any question wait to be sent? A look into an index that is mostly empty."""
    return bool((await tx.execute(select(exists().where(CONFIRMATION.c.asked_at.is_(None))))).scalar())


async def unasked(tx: Transaction, channel: str, limit: int) -> list[Confirmation]:
    """Questions that have not been sent yet, oldest first; in nobody else's hands until this transaction ends."""
    wanted = (
        _with_places()
        .where(CONFIRMATION.c.asked_at.is_(None), DESTINATION.c.channel == channel)
        .order_by(CONFIRMATION.c.made_at)
        .limit(limit)
        .with_for_update(skip_locked=True, of=CONFIRMATION)
    )
    return [_confirmation(row) for row in await tx.execute(wanted)]


async def asked(tx: Transaction, question: Confirmation, now: datetime) -> None:
    """The question is in the outbox."""
    await tx.execute(update(CONFIRMATION).where(_is(question.account_id, question.id)).values(asked_at=now))


async def question(tx: Transaction, account_id: int, number: int, *, held: bool = False) -> Confirmation | None:
    """A question by its number, if it is not forgotten. held: until this transaction ends."""
    wanted = _with_places().where(_is(account_id, number))
    row = (await tx.execute(wanted.with_for_update(of=CONFIRMATION) if held else wanted)).first()
    return _confirmation(row) if row is not None else None


# ── a yes and a no ─────────────────────────────────────────────────────────────────────────────────────────────────


async def confirm(tx: Transaction, question: Confirmation, now: datetime) -> None:
    """The owner said yes: the question is used, and what is subscribed there counts from now on."""
    account_id, place = question.account_id, question.place.id
    await tx.execute(update(CONFIRMATION).where(_is(account_id, question.id)).values(used_at=now))
    await profiles.resume_destination(tx, account_id, place)
    if question.place.confirm_by is None:
        return
    here = (DESTINATION.c.account_id == account_id) & (DESTINATION.c.id == place)
    await tx.execute(update(DESTINATION).where(here).values(confirm_by=None))
    mine = (SUBSCRIPTION.c.account_id == account_id) & (SUBSCRIPTION.c.destination_id == place)
    await tx.execute(update(SUBSCRIPTION).where(mine).values(began_at=now))
    followed = set(await profiles.subscribed_profiles(tx, account_id, place)) - {TRENDING}
    for profile in (await profiles.named(tx, account_id, followed)).values():
        await profiles.note_change(tx, account_id, profile.id, profile.version, now)


async def withdraw(tx: Transaction, account_id: int, destination_id: int, now: datetime) -> bool:
    """The owner said no: nothing is told there any more, not even what was sealed, until somebody confirms again.

    What is being sent this moment may arrive. False where there is no such destination; again does nothing more.
    """
    here = (DESTINATION.c.account_id == account_id) & (DESTINATION.c.id == destination_id)
    if not (await tx.execute(select(exists().where(here)))).scalar():
        return False
    for table in (SUBSCRIPTION, CONFIRMATION):
        await tx.execute(delete(table).where(_of(table, account_id, destination_id)))
    await tx.execute(delete(OWED).where(_of(OWED, account_id, destination_id), OWED.c.delivery_id.is_(None)))
    idle = or_(DELIVERY.c.state == "pending", and_(DELIVERY.c.state == "claimed", DELIVERY.c.lease_until < now))
    await tx.execute(
        update(DELIVERY)
        .where(_of(DELIVERY, account_id, destination_id), idle)
        .values(state="dropped", reason=WITHDRAWN, ended_at=now, in_flight=False, lease_token=None, lease_until=None)
    )
    await tx.execute(update(DESTINATION).where(here, DESTINATION.c.confirm_by.is_(None)).values(confirm_by=now + LIFE))
    return True


# ── what comes back ────────────────────────────────────────────────────────────────────────────────────────────────


async def soft_bounce(tx: Transaction, account_id: int, destination_id: int, now: datetime) -> int:
    """Note that a message came back for now. Returns on how many days of the last two weeks that was so.

    Raises ReaderError where there is no such destination.
    """
    await profiles.destination(tx, account_id, destination_id)
    row = {"account_id": account_id, "destination_id": destination_id, "day": _day(now)}
    await tx.insert_new(SOFT_BOUNCE, [row])
    lately = _of(SOFT_BOUNCE, account_id, destination_id) & (SOFT_BOUNCE.c.day > _day(now - SOFT_BOUNCES_FOR))
    days: int = (await tx.execute(select(func.count()).select_from(SOFT_BOUNCE).where(lately))).scalar_one()
    return days


async def forgive(tx: Transaction, account_id: int, destination_id: int) -> None:
    """Begin to count anew."""
    await tx.execute(delete(SOFT_BOUNCE).where(_of(SOFT_BOUNCE, account_id, destination_id)))


# ── forgetting ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def forget(tx: Transaction, now: datetime, limit: int) -> int:
    """One batch: questions whose time is over, destinations that nobody confirmed (with an account that is a mailbox
    and nothing else), old bounces. Returns how many rows went."""
    gone = await tx.delete_some(CONFIRMATION, CONFIRMATION.c.expires_at <= now, limit=limit)
    gone += await tx.delete_some(SOFT_BOUNCE, SOFT_BOUNCE.c.day <= _day(now - SOFT_BOUNCES_FOR), limit=limit)
    unconfirmed = (
        select(DESTINATION.c.account_id, DESTINATION.c.id)
        .where(DESTINATION.c.confirm_by <= now)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    for row in list(await tx.execute(unconfirmed)):
        await _forget_destination(tx, row.account_id, row.id)
        if await _only_a_mailbox(tx, row.account_id):
            await belongings.sign_off(tx, row.account_id, now)
        gone += 1
    return gone


async def _forget_destination(tx: Transaction, account_id: int, destination_id: int) -> None:
    for table in (CONFIRMATION, SOFT_BOUNCE, SUBSCRIPTION, OWED, DELIVERY):
        await tx.execute(delete(table).where(_of(table, account_id, destination_id)))
    here = (DESTINATION.c.account_id == account_id) & (DESTINATION.c.id == destination_id)
    await tx.execute(delete(DESTINATION).where(here))


async def _only_a_mailbox(tx: Transaction, account_id: int) -> bool:
    """Is nobody left who could come back to this account: is it told nowhere, and known by its mailbox alone?"""
    platforms = set(await scalars(tx, select(IDENTITY.c.platform).where(IDENTITY.c.account_id == account_id)))
    return platforms == {EMAIL} and not await profiles.destinations(tx, account_id)


def _with_places() -> Any:
    names = ("id", "wish", "made_at", "expires_at", "used_at")
    columns = [CONFIRMATION.c[name].label(f"asks_{name}") for name in names]
    return select(*columns, DESTINATION).join(
        DESTINATION,
        and_(DESTINATION.c.account_id == CONFIRMATION.c.account_id, DESTINATION.c.id == CONFIRMATION.c.destination_id),
    )


def _confirmation(row: Row[Any]) -> Confirmation:
    place = profiles.destination_of(row)
    moments = (row.asks_made_at, row.asks_expires_at, row.asks_used_at)
    return Confirmation(place.account_id, row.asks_id, place, row.asks_wish, *moments)


def _is(account_id: int, number: int) -> Any:
    return and_(CONFIRMATION.c.account_id == account_id, CONFIRMATION.c.id == number)


def _of(table: Table, account_id: int, destination_id: int) -> Any:
    return and_(table.c.account_id == account_id, table.c.destination_id == destination_id)


def _day(at: datetime) -> str:
    return at.astimezone(UTC).date().isoformat()
