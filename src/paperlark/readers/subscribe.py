"""Where and when a reader is told: subscribe, unsubscribe, destinations, pause, resume."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from paperlark.model.problems import ReaderError
from paperlark.model.readers import (
    ASKED_FIRST,
    USUAL_WISHES,
    WISHES,
    Cadence,
    Destination,
    EmptyPolicy,
    Rhythm,
    Subscription,
)
from paperlark.readers.follow import show
from paperlark.schedule import zone
from paperlark.store import accounts, mailboxes, profiles
from paperlark.store.database import Store, Transaction

CAP_LIMIT = 200
AT_YOUR_WISH = "at your wish"


CHATS = ("telegram", "discord", "console")
"""Channels whose addresses are people and rooms that a bot of ours can speak to, whoever they are."""


@dataclass(frozen=True, slots=True)
class Wish:
    """How a destination wants to be told, and which announcements of a paper: occasions are some of WISHES."""

    cadence: Cadence = Cadence.DAILY
    rhythm: Rhythm = field(default_factory=Rhythm)
    cap: int = 20
    empty: EmptyPolicy = EmptyPolicy.SILENT
    occasions: Sequence[str] = USUAL_WISHES


async def subscribe(
    store: Store, account_id: int, profile: str, *, channel: str, address: str, wish: Wish
) -> tuple[Subscription, Destination]:
    """Tell an address (already in its channel's spelling) of a profile's papers from now on.

    The same again changes how, not since when. A mailbox's owner is asked first, once: until they confirm, the
    destination has `confirm_by` and nothing is told there. Raises ReaderError: unknown profile, zone, occasion, a bad
    cap, or too many such questions in a day.
    """
    check(wish)
    chosen, _ = await show(store, account_id, profile)
    async with store.transaction() as tx:
        now = await tx.now()
        destination = await _place(tx, account_id, channel, address, wish, now)
        subscription = await profiles.subscribe(
            tx, account_id, chosen.id, destination.id, cadence=wish.cadence, occasions=wish.occasions, now=now
        )
    return subscription, destination


async def subscribe_trending(
    store: Store, account_id: int, *, channel: str, address: str, wish: Wish
) -> tuple[Subscription, Destination]:
    """Tell an address (already in its channel's spelling) what is trending, once a day or once a week, from now on.

    It needs no profile. The same again changes how, not since when; the wish's occasions do not matter. A mailbox's
    owner is asked first, as `subscribe` says.
    Raises ReaderError: unknown zone, a bad cap, or instant alerts, which trending has none of.
    """
    check(replace(wish, occasions=USUAL_WISHES))
    if wish.cadence is Cadence.INSTANT:
        raise ReaderError("what is trending comes as a digest: daily or weekly, not instant")
    async with store.transaction() as tx:
        now = await tx.now()
        destination = await _place(tx, account_id, channel, address, wish, now)
        subscription = await profiles.subscribe_trending(tx, account_id, destination.id, cadence=wish.cadence, now=now)
    return subscription, destination


async def _place(
    tx: Transaction, account_id: int, channel: str, address: str, wish: Wish, now: datetime
) -> Destination:
    """The destination, as it is wished. The local account's owner runs this paperlark and is believed; of anybody else
    nobody knows whether a mailbox is theirs."""
    believed = channel not in ASKED_FIRST or account_id == await accounts.known(tx, *accounts.LOCAL)
    place = await profiles.put_destination(
        tx,
        account_id,
        channel,
        address,
        rhythm=wish.rhythm,
        cap=wish.cap,
        empty=wish.empty,
        now=now,
        confirm_by=None if believed else now + mailboxes.LIFE,
    )
    if place.confirm_by is not None and not await mailboxes.being_asked(tx, account_id, place.id, now):
        if await mailboxes.too_often(tx, address, now):
            raise ReaderError("too many questions went to this mailbox lately; try again tomorrow")
        await mailboxes.inquire(tx, account_id, place.id, None, now)
    return place


async def is_theirs(store: Store, account_id: int, channel: str, address: str) -> bool:
    """May somebody who is known by a token alone have this address told of papers? In a chat only where they are known
    by that very identity, or are told things already: else anybody could write to a stranger in our bot's name. Whoever
    runs this paperlark is believed."""
    if channel not in CHATS:
        return True
    async with store.reading() as tx:
        if account_id == await accounts.known(tx, *accounts.LOCAL):
            return True
        identities = await accounts.identities(tx, account_id)
        places = await profiles.destinations(tx, account_id)
    # `telegram`, `telegram-chat`; `42` and `user:42`.
    chats = {(each.platform.partition("-")[0], each.external_id) for each in identities}
    known = any((place.channel, place.address) == (channel, address) for place in places)
    return known or (channel, address.rpartition(":")[2]) in chats


async def unsubscribe(store: Store, account_id: int, subscription_id: int) -> None:
    """End a subscription. Raises ReaderError: unknown, or somebody else's."""
    async with store.transaction() as tx:
        await profiles.unsubscribe(tx, account_id, subscription_id)


async def subscriptions(store: Store, account_id: int) -> list[tuple[Subscription, Destination]]:
    """An account's subscriptions, each with its destination."""
    async with store.reading() as tx:
        places = {place.id: place for place in await profiles.destinations(tx, account_id)}
        return [(s, places[s.destination_id]) for s in await profiles.subscriptions(tx, account_id)]


async def destinations(store: Store, account_id: int) -> list[Destination]:
    """Where an account is told, oldest first."""
    async with store.reading() as tx:
        return await profiles.destinations(tx, account_id)


async def pause(
    store: Store,
    account_id: int,
    destination_id: int | None = None,
    *,
    reason: str = AT_YOUR_WISH,
    until: datetime | None = None,
) -> list[Destination]:
    """Send nothing to a destination, or to any, until it is resumed or a moment has come (without a zone: by the
    destination's own clock). What is owed meanwhile waits for seven days and then lapses. Returns what is paused by it.

    One that is paused already gets the new reason and end; where all are paused, it is left as it is, because its
    platform may have refused it. Raises ReaderError: unknown or somebody else's, a moment that is past.
    """
    async with store.transaction() as tx:
        now, chosen = await tx.now(), await _chosen(tx, account_id, destination_id)
        paused = [place.id for place in chosen if destination_id is not None or place.paused_reason is None]
        for place in chosen:
            if place.id in paused:
                end = _end_of_pause(until, place, now)
                await profiles.pause_destination(tx, account_id, place.id, " ".join(reason.split()), now, end)
        return [place for place in await profiles.destinations(tx, account_id) if place.id in paused]


async def resume(store: Store, account_id: int, destination_id: int | None = None) -> list[Destination]:
    """Send to a destination, or to all, again; what waited for it comes first. Returns what was paused until now.

    Raises ReaderError: unknown, or somebody else's.
    """
    async with store.transaction() as tx:
        paused = [place for place in await _chosen(tx, account_id, destination_id) if place.paused_reason is not None]
        for place in paused:
            await profiles.resume_destination(tx, account_id, place.id)
    return [replace(place, paused_reason=None, paused_until=None) for place in paused]


async def _chosen(tx: Transaction, account_id: int, destination_id: int | None) -> list[Destination]:
    if destination_id is None:
        return await profiles.destinations(tx, account_id)
    return [await profiles.destination(tx, account_id, destination_id)]


def _end_of_pause(until: datetime | None, place: Destination, now: datetime) -> datetime | None:
    if until is None:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=zone(place.rhythm.zone))
    if until.astimezone(UTC) <= now:
        raise ReaderError(f"a pause ends in the future, and {until:%Y-%m-%d %H:%M %Z} is past")
    return until.astimezone(UTC)


def check(wish: Wish) -> None:
    """Could a destination be told like this? Raises ReaderError: an unknown zone or occasion, a bad cap."""
    zone(wish.rhythm.zone)
    unknown = [occasion for occasion in wish.occasions if occasion not in WISHES]
    if unknown or not wish.occasions:
        raise ReaderError(f"an occasion is one of {', '.join(WISHES)}, not {unknown[0] if unknown else 'nothing'!r}")
    if not 1 <= wish.cap <= CAP_LIMIT:
        raise ReaderError(f"a digest holds between 1 and {CAP_LIMIT} papers, not {wish.cap}")
