"""Signing up by mail, and what comes back: the verbs, on both databases."""

from datetime import time, timedelta

import pytest

from paperlark.model.problems import QueryError, ReaderError
from paperlark.model.readers import Cadence, MarkKind, Rhythm
from paperlark.readers import follow, mailbox, mark, subscribe
from paperlark.readers.mailbox import Change, SignUp
from paperlark.store import accounts, mailboxes, profiles, retention
from paperlark.store.database import Store
from paperlark.store.mailboxes import folded
from paperlark.store.tables import CONFIRMATION, DESTINATION, IDENTITY, SOFT_BOUNCE, SUBSCRIPTION
from paperlark.testing.clock import FakeClock
from tests.builders import MONDAY, Reader, count, reader, record, rows, told

ADA = "ada@example.org"
DAY = timedelta(days=1)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MONDAY)


async def questions(store: Store) -> list[tuple[int, int]]:
    """Every question, oldest first, as its link names it."""
    return [
        (row["account_id"], row["id"]) for row in await rows(store, CONFIRMATION.select().order_by(CONFIRMATION.c.id))
    ]


async def bobs(store: Store) -> Reader:
    """A reader whose mailbox is a destination of theirs."""
    return await reader(store, "larks", "bob@example.org", channel="email")


# ── signing up ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_was_asked_for_begins_when_the_owner_says_yes(store: Store, clock: FakeClock) -> None:
    wanted = SignUp("larks -owls", Cadence.WEEKLY, Rhythm("Asia/Tokyo", time(7, 15), 4))
    await mailbox.sign_up(store, ADA, wanted)
    assert await count(store, SUBSCRIPTION) == 0
    clock.advance(hours=5)
    ((account_id, number),) = await questions(store)
    answered = await mailbox.confirm(store, (account_id, number))
    assert answered is not None and answered.used_at is None and answered.place.address == ADA
    ((subscription, place),) = await subscribe.subscriptions(store, account_id)
    assert (subscription.cadence, subscription.began_at) == (Cadence.WEEKLY, clock())
    assert (place.rhythm, place.confirm_by, place.paused_reason) == (wanted.rhythm, None, None)
    assert [profile.text for profile, _ in await follow.listed(store, account_id)] == ["larks -owls"]


async def test_a_second_yes_changes_nothing(store: Store) -> None:
    await mailbox.sign_up(store, ADA, SignUp("larks"))
    ((account_id, number),) = await questions(store)
    await mailbox.confirm(store, (account_id, number))
    ((subscription, _),) = await subscribe.subscriptions(store, account_id)
    await subscribe.unsubscribe(store, account_id, subscription.id)
    again = await mailbox.confirm(store, (account_id, number))
    assert again is not None and again.used_at is not None
    assert await subscribe.subscriptions(store, account_id) == []


async def test_the_same_question_is_kept_once_and_another_beside_it(store: Store, clock: FakeClock) -> None:
    for query in ("larks", "larks", "owls", ""):
        await mailbox.sign_up(store, ADA, SignUp(query))
        clock.advance(minutes=1)
    found = await rows(store, CONFIRMATION.select().order_by(CONFIRMATION.c.id))
    assert [row["wish"]["query"] for row in found] == ["larks", "owls", ""]
    assert found[0]["made_at"] == MONDAY + timedelta(minutes=1)
    assert await count(store, IDENTITY) == await count(store, DESTINATION) == 1


async def test_one_search_is_one_profile_and_long_ones_that_begin_alike_are_told_apart(store: Store) -> None:
    long = "larks " * 20
    for query in ("larks", f"{long} owls", f"{long} hawks", "LARKS"):
        await mailbox.sign_up(store, ADA, SignUp(query))
    for account_id, number in await questions(store):
        await mailbox.confirm(store, (account_id, number))
    await mailbox.sign_up(store, ADA, SignUp("larks", Cadence.WEEKLY))
    await mailbox.confirm(store, (await questions(store))[-1])
    mine = [profile for profile, _ in await follow.listed(store, account_id)]
    assert len(mine) == len({profile.name.casefold() for profile in mine}) == 4
    assert all(len(profile.name) <= 80 for profile in mine)
    assert len(await subscribe.subscriptions(store, account_id)) == 4


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        (SignUp('"half'), QueryError),
        (SignUp(rhythm=Rhythm("Middle/Earth")), ReaderError),
        (SignUp(cadence=Cadence.INSTANT), ReaderError),
    ],
)
async def test_what_is_wrong_with_the_wish_is_said_and_nothing_kept(
    sqlite_store: Store, wanted: SignUp, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await mailbox.sign_up(sqlite_store, ADA, wanted)
    assert await count(sqlite_store, IDENTITY) == 0


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("Ada.Lovelace+papers@Example.org", "adalovelace@example.org"),
        ("ada@example.org", "ada@example.org"),
        ("a.d.a+x+y@example.org", "ada@example.org"),
    ],
)
def test_spellings_of_one_mailbox_count_together(address: str, counted: str) -> None:
    assert folded(address) == counted


# ── destinations of other accounts ─────────────────────────────────────────────────────────────────────────────────


async def test_the_command_lines_own_account_is_believed_and_any_other_is_not(store: Store) -> None:
    async with store.transaction() as tx:
        mine = await accounts.local_account(tx, MONDAY)
        other = await accounts.account_of(tx, "telegram", "77", name="ann", now=MONDAY)
    for account_id, confirmed in ((mine, True), (other, False)):
        _, place = await subscribe.subscribe_trending(
            store, account_id, channel="email", address=ADA, wish=subscribe.Wish()
        )
        assert (place.confirm_by is None) == confirmed
    _, console = await subscribe.subscribe_trending(
        store, other, channel="console", address="desk", wish=subscribe.Wish()
    )
    assert console.confirm_by is None
    assert len(await questions(store)) == 1


async def test_an_address_that_was_confirmed_once_stays_so(store: Store) -> None:
    ann = await reader(store, "larks")
    wish = subscribe.Wish()
    await subscribe.subscribe(store, ann.account_id, "larks", channel="email", address=ADA, wish=wish)
    ((account_id, number),) = await questions(store)
    await mailbox.confirm(store, (account_id, number))
    await follow.follow(store, ann.account_id, "owls")
    _, place = await subscribe.subscribe(store, ann.account_id, "owls", channel="email", address=ADA, wish=wish)
    assert place.confirm_by is None
    assert len(await questions(store)) == 1


async def test_nobody_makes_us_write_to_a_mailbox_more_than_five_times_a_day(sqlite_store: Store) -> None:
    for number in range(6):
        ann = await reader(sqlite_store, "larks", f"reader {number}")
        subscribing = subscribe.subscribe(
            sqlite_store, ann.account_id, "larks", channel="email", address=ADA, wish=subscribe.Wish()
        )
        if number < 5:
            await subscribing
        else:
            with pytest.raises(ReaderError, match="too many questions went to this mailbox"):
                await subscribing
    assert len(await questions(sqlite_store)) == 5


# ── changing and leaving ───────────────────────────────────────────────────────────────────────────────────────────


async def test_leaving_ends_everything_there_and_nothing_elsewhere(store: Store) -> None:
    bob = await bobs(store)
    _, desk = await subscribe.subscribe(
        store, bob.account_id, "larks", channel="console", address="desk", wish=subscribe.Wish()
    )
    assert await mailbox.unsubscribe(store, (bob.account_id, bob.destination.id))
    assert [place.id for _, place in await subscribe.subscriptions(store, bob.account_id)] == [desk.id]
    left = await mailbox.preferences(store, (bob.account_id, bob.destination.id))
    assert left is not None and left.following == () and left.place.confirm_by == MONDAY + mailboxes.LIFE
    assert await mailbox.unsubscribe(store, (bob.account_id, bob.destination.id))
    assert not await mailbox.unsubscribe(store, (bob.account_id, 99))


async def test_a_forgotten_mailbox_takes_nothing_of_its_account_with_it(store: Store, clock: FakeClock) -> None:
    bob = await bobs(store)
    (paper,) = (await record(store, told("Larks"))).papers
    await mark.mark(store, bob.account_id, str(paper), MarkKind.SAVED)
    await mailbox.unsubscribe(store, (bob.account_id, bob.destination.id))
    clock.advance(mailboxes.LIFE)
    async with store.transaction() as tx:
        assert (await retention.forget(tx, await tx.now())).mail == 1
    assert await subscribe.destinations(store, bob.account_id) == []
    assert [profile.name for profile, _ in await follow.listed(store, bob.account_id)] == ["larks"]


async def test_changes_of_what_is_gone_or_left_do_nothing(store: Store) -> None:
    bob = await bobs(store)
    assert await mailbox.change(store, (bob.account_id, 99), Change(zone="Asia/Tokyo")) is None
    await mailbox.unsubscribe(store, (bob.account_id, bob.destination.id))
    left = await mailbox.change(store, (bob.account_id, bob.destination.id), Change(zone="Asia/Tokyo", pause_days=0))
    assert left is not None and left.place.rhythm.zone == "UTC" and left.place.confirm_by is not None


async def test_instant_alerts_of_what_is_trending_are_refused_whole(store: Store) -> None:
    await mailbox.sign_up(store, ADA, SignUp())
    ((account_id, number),) = await questions(store)
    await mailbox.confirm(store, (account_id, number))
    ((subscription, place),) = await subscribe.subscriptions(store, account_id)
    with pytest.raises(ReaderError, match="comes as a digest"):
        await mailbox.change(
            store, (account_id, place.id), Change(zone="Asia/Tokyo", cadences={subscription.id: Cadence.INSTANT})
        )
    async with store.reading() as tx:
        assert (await profiles.destination(tx, account_id, place.id)).rhythm.zone == "UTC"


# ── what comes back ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_hard_bounce_stops_the_address_and_says_why(store: Store) -> None:
    bob = await bobs(store)
    assert await bounce(store, bob, hard=True) == "paused"
    (place,) = await subscribe.destinations(store, bob.account_id)
    assert place.paused_reason == "mail came back: 550 no such user"


async def test_soft_bounces_stop_it_on_the_third_day_within_two_weeks(store: Store, clock: FakeClock) -> None:
    bob = await bobs(store)
    became = []
    for _ in range(3):
        became += [await bounce(store, bob), await bounce(store, bob)]
        clock.advance(DAY)
    assert became == ["counted"] * 4 + ["paused", "counted"]
    (place,) = await subscribe.destinations(store, bob.account_id)
    assert place.paused_reason == "mail came back on 3 days: 550 no such user"


async def test_soft_bounces_that_are_weeks_apart_stop_nothing_and_are_forgotten(store: Store, clock: FakeClock) -> None:
    bob = await bobs(store)
    for _ in range(6):
        assert await bounce(store, bob) == "counted"
        clock.advance(8 * DAY)
    async with store.transaction() as tx:
        await retention.forget(tx, await tx.now())
    assert await count(store, SOFT_BOUNCE) == 1


async def test_a_bounce_of_what_is_gone_is_passed_over(store: Store) -> None:
    for hard in (True, False):
        assert await mailbox.bounced(store, (1, 2), hard=hard, reason="x") == "gone"
    assert await count(store, SOFT_BOUNCE) == 0


async def bounce(store: Store, whose: Reader, *, hard: bool = False) -> str:
    return await mailbox.bounced(store, (whose.account_id, whose.destination.id), hard=hard, reason="550 no such user")
