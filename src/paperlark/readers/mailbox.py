"""Reading by mail, without an account or a password: whoever reads the mailbox decides.

*Sign up*: somebody writes an address down. Its owner is asked (double opt-in), and nothing else is sent before they
say yes, within ten days. Whether the address was known here cannot be told from outside.

*Preferences* and *unsubscribe*: behind signed links that are bound to one destination. Each verb takes what such a link
was found to be of (`Signed`), which is all the right that it needs; where that is gone by now, it says so and raises
nothing.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from typing import Any

from paperlark.matching.query import parse
from paperlark.model.problems import ReaderError
from paperlark.model.readers import (
    TRENDING,
    USUAL_WISHES,
    Cadence,
    Destination,
    Profile,
    Rhythm,
    Subscription,
)
from paperlark.readers.follow import NAME_LIMIT, PROFILES_LIMIT, room_for
from paperlark.readers.subscribe import AT_YOUR_WISH, Wish, check
from paperlark.schedule import zone
from paperlark.store import accounts, mailboxes, profiles
from paperlark.store.database import Store, Transaction
from paperlark.store.mailboxes import EMAIL, Confirmation

Signed = tuple[int, int]
"""The account, and the number of its destination or question, that a signed link or word is of (`links`)."""


@dataclass(frozen=True, slots=True)
class SignUp:
    """What somebody asks for by mail. query: a search of their own; "" is what is trending."""

    query: str = ""
    cadence: Cadence = Cadence.DAILY
    rhythm: Rhythm = field(default_factory=Rhythm)


async def sign_up(store: Store, address: str, asked: SignUp) -> None:
    """Have the owner of a mailbox (in its one spelling) asked whether they want this.

    Returns alike whether the address is known or not, also where it was asked too often lately and is not asked again.
    Raises QueryError or ReaderError for what is wrong with the wish, whatever the address.
    """
    check(Wish(cadence=asked.cadence, rhythm=asked.rhythm))
    if asked.query.strip():
        parse(asked.query.strip())
    elif asked.cadence is Cadence.INSTANT:
        raise ReaderError("what is trending comes as a digest: daily or weekly, not instant")
    async with store.transaction() as tx:
        now = await tx.now()
        too_often = await mailboxes.too_often(tx, address, now)
        account_id = await accounts.account_of(tx, EMAIL, address.casefold(), name="by mail", now=now)
        place = await _place(tx, account_id, address, now)
        if not too_often:
            await mailboxes.inquire(tx, account_id, place.id, wish_of(asked), now)


async def question(store: Store, whose: Signed) -> Confirmation | None:
    """What a confirmation link asks; None where that is forgotten."""
    async with store.reading() as tx:
        found = await mailboxes.question(tx, *whose)
        return found if found is not None and found.expires_at > await tx.now() else None


async def confirm(store: Store, whose: Signed) -> Confirmation | None:
    """The mailbox's owner says yes: what was asked for begins now. Returns the question as it was before.

    Again does nothing more; None where the question is forgotten. Raises ReaderError where there is no room for another
    profile.
    """
    async with store.transaction() as tx:
        now = await tx.now()
        found = await mailboxes.question(tx, *whose, held=True)
        if found is None or found.expires_at <= now:
            return None
        if found.used_at is None:
            await mailboxes.confirm(tx, found, now)
            if found.wish is not None:
                await _begin(tx, found.place, sign_up_of(found.wish), now)
        return found


async def _place(tx: Transaction, account_id: int, address: str, now: datetime) -> Destination:
    """The mailbox as a destination: as it is, if it is one already, and else unconfirmed."""
    known = {place.address: place for place in await profiles.destinations(tx, account_id) if place.channel == EMAIL}
    if address in known and known[address].confirm_by is None:
        return known[address]
    usual = Wish()
    return await profiles.put_destination(
        tx,
        account_id,
        EMAIL,
        address,
        rhythm=usual.rhythm,
        cap=usual.cap,
        empty=usual.empty,
        now=now,
        confirm_by=now + mailboxes.LIFE,
    )


async def _begin(tx: Transaction, place: Destination, wanted: SignUp, now: datetime) -> None:
    await profiles.put_destination(
        tx,
        place.account_id,
        place.channel,
        place.address,
        rhythm=replace(wanted.rhythm, quiet=place.rhythm.quiet),
        cap=place.cap,
        empty=place.empty,
        now=now,
    )
    if not wanted.query:
        await profiles.subscribe_trending(tx, place.account_id, place.id, cadence=wanted.cadence, now=now)
        return
    profile = await _profile(tx, place.account_id, wanted.query, now)
    await profiles.subscribe(
        tx, place.account_id, profile.id, place.id, cadence=wanted.cadence, occasions=USUAL_WISHES, now=now
    )


async def _profile(tx: Transaction, account_id: int, query: str, now: datetime) -> Profile:
    """The account's profile of this text; made where there is none."""
    mine = await profiles.listed(tx, account_id)
    for profile in mine:
        if profile.text == query:
            return profile
    if len(mine) >= PROFILES_LIMIT:
        raise ReaderError(f"an account has at most {PROFILES_LIMIT} profiles; remove one first")
    taken = {profile.name.casefold() for profile in mine}
    name = " ".join(query.split())[:NAME_LIMIT]
    number = 2
    while name.casefold() in taken:
        name = f"{name[: NAME_LIMIT - 5].partition(' (')[0]} ({number})"
        number += 1
    return await profiles.add(tx, account_id, name, query, now, alone=await room_for(tx, parse(query)))


def wish_of(wanted: SignUp) -> dict[str, Any]:
    """A sign-up as the question keeps it: what JSON can hold."""
    rhythm = wanted.rhythm
    return {
        "query": wanted.query.strip(),
        "cadence": str(wanted.cadence),
        "zone": rhythm.zone,
        "digest_at": f"{rhythm.digest_at:%H:%M}",
        "weekday": rhythm.weekday,
    }


def sign_up_of(wish: Mapping[str, Any]) -> SignUp:
    """A sign-up as it was asked for."""
    rhythm = Rhythm(wish["zone"], time.fromisoformat(wish["digest_at"]), wish["weekday"])
    return SignUp(wish["query"], Cadence(wish["cadence"]), rhythm)


# ── behind a link ──────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Following:
    """One thing that a destination is told of; its name is a profile's, or "what is trending"."""

    subscription: Subscription
    name: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Preferences:
    """How a destination is told, and of what. `place.confirm_by`: of nothing, at its owner's own wish."""

    place: Destination
    following: tuple[Following, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """What should become different; None stays. cadences: by subscription. ended: subscriptions that end.

    pause_days: nothing is sent for so many days; 0 resumes.
    """

    zone: str | None = None
    digest_at: time | None = None
    weekday: int | None = None
    cadences: Mapping[int, Cadence] = field(default_factory=dict)
    ended: Collection[int] = ()
    pause_days: int | None = None


async def preferences(store: Store, whose: Signed) -> Preferences | None:
    """How a destination is told; None where it is gone."""
    async with store.reading() as tx:
        return await _preferences(tx, *whose)


async def change(store: Store, whose: Signed, asked: Change) -> Preferences | None:
    """Change how a destination is told, and return how it is then; None where it is gone.

    Another destination's subscriptions are passed over. Raises ReaderError: an unknown zone, or instant alerts of what
    is trending.
    """
    if asked.zone is not None:
        zone(asked.zone)
    async with store.transaction() as tx:
        now = await tx.now()
        before = await _preferences(tx, *whose)
        if before is None or before.place.confirm_by is not None:
            return before
        await _change_subscriptions(tx, before, asked, now)
        await profiles.set_rhythm(tx, *whose, _rhythm(before.place.rhythm, asked))
        if asked.pause_days:
            end = now + timedelta(days=asked.pause_days)
            await profiles.pause_destination(tx, *whose, AT_YOUR_WISH, now, end)
        elif asked.pause_days == 0:
            await profiles.resume_destination(tx, *whose)
        return await _preferences(tx, *whose)


async def unsubscribe(store: Store, whose: Signed) -> bool:
    """Send nothing more there, until somebody asks anew and the owner confirms. False where it is gone; again is well.

    What is being sent this moment may arrive. Ten days later the address is forgotten.
    """
    async with store.transaction() as tx:
        return await mailboxes.withdraw(tx, *whose, await tx.now())


async def _preferences(tx: Transaction, account_id: int, destination_id: int) -> Preferences | None:
    try:
        place = await profiles.destination(tx, account_id, destination_id)
    except ReaderError:
        return None
    mine = [s for s in await profiles.subscriptions(tx, account_id) if s.destination_id == destination_id]
    named = await profiles.named(tx, account_id, {s.profile_id for s in mine} - {TRENDING})
    following = [
        Following(s, named[s.profile_id].name, named[s.profile_id].text)
        if s.profile_id in named
        else Following(s, "what is trending")
        for s in mine
    ]
    return Preferences(place, tuple(following))


async def _change_subscriptions(tx: Transaction, before: Preferences, wanted: Change, now: datetime) -> None:
    account_id, place = before.place.account_id, before.place.id
    for following in before.following:
        subscription = following.subscription
        cadence = wanted.cadences.get(subscription.id, subscription.cadence)
        if subscription.id in wanted.ended:
            await profiles.unsubscribe(tx, account_id, subscription.id)
        elif cadence is subscription.cadence:
            continue
        elif subscription.profile_id != TRENDING:
            occasions = sorted(subscription.occasions)
            await profiles.subscribe(
                tx, account_id, subscription.profile_id, place, cadence=cadence, occasions=occasions, now=now
            )
        elif cadence is Cadence.INSTANT:
            raise ReaderError("what is trending comes as a digest: daily or weekly, not instant")
        else:
            await profiles.subscribe_trending(tx, account_id, place, cadence=cadence, now=now)


def _rhythm(before: Rhythm, wanted: Change) -> Rhythm:
    return replace(
        before,
        zone=before.zone if wanted.zone is None else zone(wanted.zone).key,
        digest_at=before.digest_at if wanted.digest_at is None else wanted.digest_at,
        weekday=before.weekday if wanted.weekday is None else wanted.weekday,
    )


# ── what comes back ────────────────────────────────────────────────────────────────────────────────────────────────

SOFT_DAYS = 3  # of the last two weeks, on which a mailbox could not take a message, until it is left alone


async def bounced(store: Store, whose: Signed, *, hard: bool, reason: str) -> str:
    """A message came back from a destination. hard: for good, so that nothing more is sent there; else it is counted,
    and the third such day within two weeks does the same. Returns what became of it: "paused", "counted" or "gone".

    reason: the far side's own words, for the owner to read in another place.
    """
    async with store.transaction() as tx:
        now = await tx.now()
        try:
            days = 0 if hard else await mailboxes.soft_bounce(tx, *whose, now)
            await profiles.destination(tx, *whose)
        except ReaderError:
            return "gone"
        if not hard and days < SOFT_DAYS:
            return "counted"
        said = f"mail came back: {reason}" if hard else f"mail came back on {days} days: {reason}"
        await profiles.pause_destination(tx, *whose, said, now)
        await mailboxes.forgive(tx, *whose)
        return "paused"
