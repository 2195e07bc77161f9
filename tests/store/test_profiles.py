"""Profiles with their versions; the change log, of which nothing is ever missed; everything scoped by account."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import time, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from paperlark.model.problems import ReaderError
from paperlark.model.readers import Cadence, EmptyPolicy, QuietHours, Rhythm
from paperlark.store import accounts, moving, profiles
from paperlark.store.database import Store, Transaction, open_store
from paperlark.store.profiles import Change
from paperlark.store.tables import PROFILE_VERSION
from paperlark.testing.clock import FakeClock
from tests.builders import MONDAY, dump, reader, rows
from tests.databases import Fresh

ACCOUNT = 7


async def all_changes(store: Store, since: int = 0) -> tuple[list[Change], int]:
    """The change log up to its boundary, and the boundary."""
    async with store.reading() as tx:
        until = await profiles.boundary(tx)
        return await profiles.changes(tx, since, until), until


async def test_a_new_text_is_a_new_version_that_begins_now(store_url: str) -> None:
    clock = FakeClock(MONDAY)
    store = await open_store(store_url, clock=clock)
    async with store.transaction() as tx:
        made = await profiles.add(tx, ACCOUNT, "birds", "larks", await tx.now())
    clock.advance(hours=1)
    async with store.transaction() as tx:
        renamed = await profiles.edit(tx, ACCOUNT, made.id, name="my birds", query="larks", now=await tx.now())
    clock.advance(hours=1)
    async with store.transaction() as tx:
        edited = await profiles.edit(tx, ACCOUNT, made.id, name="my birds", query="finches", now=await tx.now())
    assert (renamed.version, renamed.began_at) == (1, MONDAY)
    assert (edited.version, edited.began_at) == (2, MONDAY + timedelta(hours=2))
    async with store.reading() as tx:
        assert await profiles.get(tx, ACCOUNT, made.id) == edited
    versions = await rows(store, select(PROFILE_VERSION).order_by(PROFILE_VERSION.c.version))
    assert [(row["version"], row["text"], row["began_at"]) for row in versions] == [
        (1, "larks", MONDAY),
        (2, "finches", MONDAY + timedelta(hours=2)),
    ]
    await store.close()


async def test_every_change_is_in_the_log_and_a_removed_profile_says_so(store: Store) -> None:
    ann = await reader(store)
    async with store.transaction() as tx:
        now = await tx.now()
        await profiles.edit(tx, ann.account_id, ann.profile.id, name="x", query="finches", now=now)
    first, until = await all_changes(store)
    assert {change.profile_id for change in first} == {ann.profile.id}
    assert all(change.profile is not None and change.profile.text == "finches" for change in first)
    async with store.transaction() as tx:
        await profiles.remove(tx, ann.account_id, ann.profile.id, await tx.now())
    (gone,), _ = await all_changes(store, until)
    assert (gone.profile_id, gone.profile) == (ann.profile.id, None)
    async with store.reading() as tx:
        assert await profiles.everyone(tx, (0, 0), 10) == []
        assert await profiles.subscriptions(tx, ann.account_id) == []


async def test_a_new_subscription_is_a_change_of_its_profile(store: Store) -> None:
    ann = await reader(store)
    _, until = await all_changes(store)
    async with store.transaction() as tx:
        now = await tx.now()
        other = await profiles.put_destination(
            tx, ann.account_id, "fake", "attic", rhythm=Rhythm(), cap=5, empty=EmptyPolicy.SILENT, now=now
        )
        await profiles.subscribe(
            tx, ann.account_id, ann.profile.id, other.id, cadence=Cadence.DAILY, occasions=["new"], now=now
        )
    (change,), _ = await all_changes(store, until)
    assert change.profile is not None and change.profile.id == ann.profile.id


async def test_a_transaction_that_begins_early_and_commits_late_is_never_missed(postgres: Fresh) -> None:
    """Two real connections: the late one's mark is lower than one that readers could already see."""
    store = await open_store(postgres())
    seen: list[Change] = []
    mark = 0

    async def look() -> None:
        nonlocal mark
        found, until = await all_changes(store, mark)
        seen.extend(found)
        mark = until

    async with store.transaction() as early:
        slow = await profiles.add(early, 1, "slow", "larks", await early.now())
        async with store.transaction() as late:
            quick = await profiles.add(late, 2, "quick", "larks", await late.now())
        await look()
        assert quick.id not in {change.profile_id for change in seen}, "not surely complete: somebody is still writing"
    await look()
    assert [change.profile_id for change in seen] == [slow.id, quick.id]
    await look()
    assert len(seen) == 2
    await store.close()


async def test_marks_never_skip_a_change_while_many_write(store: Store) -> None:
    made: set[int] = set()
    seen: list[int] = []
    mark, done = 0, asyncio.Event()

    async def write(account_id: int) -> None:
        for _ in range(5):
            async with store.transaction() as tx:
                profile = await profiles.add(tx, account_id, "n", "larks", await tx.now())
                await asyncio.sleep(0.002 * (account_id % 3))
            made.add(profile.id)

    async def look() -> None:
        nonlocal mark
        while True:
            last = done.is_set()
            found, mark = await all_changes(store, mark)
            seen.extend(change.profile_id for change in found)
            if last:
                return
            await asyncio.sleep(0.001)

    looking = asyncio.create_task(look())
    await asyncio.gather(*(write(account_id) for account_id in range(1, 6)))
    done.set()
    await looking
    assert len(seen) == 25 and set(seen) == made


Try = Callable[[Transaction, Any, int], Coroutine[Any, Any, object]]
INTRUSIONS: dict[str, Try] = {
    "get": lambda tx, ann, me: profiles.get(tx, me, ann.profile.id),
    "edit": lambda tx, ann, me: profiles.edit(tx, me, ann.profile.id, name="x", query="y", now=MONDAY),
    "remove": lambda tx, ann, me: profiles.remove(tx, me, ann.profile.id, MONDAY),
    "destination": lambda tx, ann, me: profiles.destination(tx, me, ann.destination.id),
    "unsubscribe": lambda tx, ann, me: profiles.unsubscribe(tx, me, ann.subscription.id),
    "subscribe": lambda tx, ann, me: profiles.subscribe(
        tx, me, ann.profile.id, ann.destination.id, cadence=Cadence.DAILY, occasions=["new"], now=MONDAY
    ),
}


@pytest.mark.parametrize("name", INTRUSIONS)
async def test_what_belongs_to_others_answers_as_if_it_did_not_exist(sqlite_store: Store, name: str) -> None:
    ann = await reader(sqlite_store)
    stranger = await reader(sqlite_store, "owls", "bob")
    with pytest.raises(ReaderError, match="there is no such"):
        async with sqlite_store.transaction() as tx:
            await INTRUSIONS[name](tx, ann, stranger.account_id)
    async with sqlite_store.transaction() as tx:
        await profiles.pause_destination(tx, stranger.account_id, ann.destination.id, "mine now", MONDAY)
        await moving.move(tx, stranger.account_id, ann.destination.id, "mine")
    async with sqlite_store.reading() as tx:
        assert await profiles.get(tx, ann.account_id, ann.profile.id) == ann.profile
        assert await profiles.destinations(tx, ann.account_id) == [ann.destination]
        assert await profiles.subscriptions(tx, ann.account_id) == [ann.subscription]
        assert await profiles.named(tx, stranger.account_id, [ann.profile.id]) == {}


async def test_the_same_address_again_changes_its_settings_and_wakes_it(store: Store) -> None:
    ann = await reader(store)
    async with store.transaction() as tx:
        await profiles.pause_destination(tx, ann.account_id, ann.destination.id, "blocked", await tx.now())
        paused = await profiles.destination(tx, ann.account_id, ann.destination.id)
    assert paused.paused_reason == "blocked"
    rhythm = Rhythm("Asia/Tokyo", time(6, 30), 4, QuietHours(time(22), time(7)))
    async with store.transaction() as tx:
        woken = await profiles.put_destination(
            tx, ann.account_id, "fake", "ann", rhythm=rhythm, cap=3, empty=EmptyPolicy.NOTE, now=await tx.now()
        )
    assert woken.id == ann.destination.id and woken.paused_reason is None
    assert (woken.rhythm, woken.cap, woken.empty) == (rhythm, 3, EmptyPolicy.NOTE)


async def test_subscribing_again_changes_how_and_not_since_when(store: Store) -> None:
    ann = await reader(store)
    async with store.transaction() as tx:
        later = await tx.now() + timedelta(days=1)
        again = await profiles.subscribe(
            tx,
            ann.account_id,
            ann.profile.id,
            ann.destination.id,
            cadence=Cadence.WEEKLY,
            occasions=["new", "withdrawn"],
            now=later,
        )
    assert (again.id, again.began_at) == (ann.subscription.id, ann.subscription.began_at)
    assert (again.cadence, again.occasions) == (Cadence.WEEKLY, frozenset({"new", "withdrawn"}))


async def test_an_account_is_made_once_however_many_ask(store: Store) -> None:
    async def ask() -> int:
        async with store.transaction() as tx:
            return await accounts.account_of(tx, "telegram", "42", name="Ann", now=await tx.now())

    assert len(set(await asyncio.gather(*(ask() for _ in range(6))))) == 1
    async with store.transaction() as tx:
        assert await accounts.local_account(tx, MONDAY) == await accounts.local_account(tx, MONDAY)


async def test_a_token_is_known_by_its_hash_only_and_expires(store: Store) -> None:
    async with store.transaction() as tx:
        token = await accounts.new_token(
            tx, ACCOUNT, name="phone", scopes=["read"], now=MONDAY, expires_at=MONDAY + timedelta(days=1)
        )
    async with store.reading() as tx:
        bearer = await accounts.bearer(tx, token, MONDAY)
        assert bearer is not None and (bearer.account_id, bearer.scopes) == (ACCOUNT, frozenset({"read"}))
        assert await accounts.bearer(tx, token, MONDAY + timedelta(days=1)) is None
        assert await accounts.bearer(tx, f"{token}x", MONDAY) is None
    assert not any(token in row for row in (await dump(store))["token"])
