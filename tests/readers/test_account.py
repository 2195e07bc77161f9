"""What an account owns: exported whole, deleted without a trace, whoever is at work meanwhile."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from paperlark.model.messages import Payload, Receipt
from paperlark.model.problems import DeliveryError, ReaderError
from paperlark.model.readers import MarkKind, MuteKind
from paperlark.pipeline import At
from paperlark.pipeline.percolate import Percolator
from paperlark.pipeline.planning import plan
from paperlark.readers import account, follow, link
from paperlark.readers.mark import mark
from paperlark.readers.mute import mute
from paperlark.store import accounts, belongings, retention
from paperlark.store.database import Store, open_store
from paperlark.store.tables import MATCH, METADATA, OWED
from paperlark.testing.channels import FakeChannel
from paperlark.testing.clock import FakeClock
from tests.builders import (
    LEASE,
    MONDAY,
    Reader,
    count,
    deliver,
    deliverer,
    numbered,
    percolate,
    reader,
    record,
    rows,
    told,
)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MONDAY)


async def settled(store: Store, clock: FakeClock, address: str) -> Reader:
    """A reader who owns something of everything."""
    ann = await reader(store, "larks", address)
    await follow.edit(store, ann.account_id, "larks", text="larks, owls")
    await follow.follow(store, ann.account_id, "wind")
    await follow.unfollow(store, ann.account_id, "wind")
    await record(store, *numbered(3))
    await percolate(store)
    await deliver(store, FakeChannel())
    clock.advance(minutes=5)
    await deliver(store, FakeChannel())
    await record(store, told("Larks at dawn", arxiv="2603.00007"))
    await percolate(store)
    await plan(store)
    await mark(store, ann.account_id, "2603.00001", MarkKind.SAVED)
    await mute(store, ann.account_id, MuteKind.AUTHOR, "Ann Owl")
    await link.begin(store, ann.account_id)
    async with store.transaction() as tx:
        now = await tx.now()
        await accounts.new_token(tx, ann.account_id, name="mine", scopes=["read"], now=now, expires_at=None)
    return ann


async def export(store: Store, account_id: int) -> tuple[str, dict[str, Any]]:
    text = "".join([piece async for piece in account.export(store, account_id)])
    return text, json.loads(text)


async def traces(store: Store, account_id: int) -> dict[str, int]:
    """How many rows of each table speak of an account."""
    found = {}
    for table in METADATA.sorted_tables:
        those = [row for row in await rows(store, select(table)) if str(account_id) in repr(row)]
        if those:
            found[table.name] = len(those)
    return found


async def forget(store: Store) -> int:
    async with store.transaction() as tx:
        return (await retention.forget(tx, await tx.now())).of_deleted_accounts


# ── export ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_export_holds_everything_in_a_shape_that_stays(store: Store, clock: FakeClock) -> None:
    ann = await settled(store, clock, "ann")
    _, document = await export(store, ann.account_id)
    assert list(document) == [
        "format", "exported_at", "account", "identities", "tokens", "feed_addresses", "profiles", "profile_versions",
        "destinations", "subscriptions", "mutes", "marks", "matches", "deliveries", "owed",
        "confirmations", "soft_bounces",
    ]  # fmt: skip
    assert document["format"] == "paperlark export 1"
    assert document["account"] == {"id": str(ann.account_id), "name": "ann", "created_at": "2026-03-02T09:00:00+00:00"}
    assert [(each["version"], each["text"]) for each in document["profile_versions"]] == [
        (1, "larks"), (2, "larks, owls"), (1, "wind"),
    ]  # fmt: skip
    assert [each["removed_at"] is None for each in document["profiles"]] == [True, False]
    assert document["subscriptions"][0]["profile_id"] == str(ann.profile.id) == document["profiles"][0]["id"]
    assert document["mutes"] == [{"kind": "author", "value": "owl, ann", "at": "2026-03-02T09:05:00+00:00"}]
    (saved,) = document["marks"]
    assert (saved["paper"]["title"], saved["paper"]["names"]) == ("Study 1 of larks at large", ["arxiv:2603.00001"])
    sent, pending = document["deliveries"]
    assert (sent["state"], sent["papers"], len(sent["parts"][0]["papers"])) == ("sent", 3, 3)
    assert (pending["state"], pending["parts"]) == ("pending", None)
    by_delivery = [each["delivery_id"] for each in document["owed"]]
    assert sorted(by_delivery, key=str) == sorted([sent["id"]] * 3 + [None], key=str)


async def test_an_export_holds_no_secret_and_nothing_of_others(store: Store, clock: FakeClock) -> None:
    ann, bob = await settled(store, clock, "ann"), await reader(store, "larks secret", "bobshouse")
    text, document = await export(store, ann.account_id)
    assert [token["name"] for token in document["tokens"]] == ["mine"]
    assert "hash" not in text and "bobshouse" not in text and str(bob.account_id) not in text
    for table in ("token", "pairing_code"):
        for row in await rows(store, select(METADATA.tables[table])):
            assert row[f"{table.removeprefix('pairing_')}_hash"] not in text


async def test_an_export_reads_on_over_many_pages(store: Store, clock: FakeClock) -> None:
    ann = await reader(store, "larks")
    count_of = 2 * account.PAGE + 1
    await record(store, *numbered(count_of))
    await percolate(store)
    _, document = await export(store, ann.account_id)
    assert len({each["paper"]["id"] for each in document["matches"]}) == len(document["matches"]) == count_of


# ── delete ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_nothing_stays_of_a_deleted_account_and_everything_of_others(store: Store, clock: FakeClock) -> None:
    ann, bob = await settled(store, clock, "ann"), await settled(store, clock, "bob")
    before = (await export(store, bob.account_id))[1]
    await account.delete(store, ann.account_id)
    # Numbers of no meaning, which tell running workers to forget the profiles too; for a day.
    assert set(await traces(store, ann.account_id)) == {"profile_change", "progress"}
    clock.advance(days=1)
    await forget(store)
    assert await traces(store, ann.account_id) == {}
    assert (await export(store, bob.account_id))[1] | {"exported_at": ""} == before | {"exported_at": ""}


async def test_who_signs_in_again_is_a_new_reader(store: Store, clock: FakeClock) -> None:
    ann = await settled(store, clock, "ann")
    await account.delete(store, ann.account_id)
    async with store.transaction() as tx:
        again = await accounts.account_of(tx, "test", "ann", name="ann", now=await tx.now())
    assert again != ann.account_id
    assert await follow.listed(store, again) == []


async def test_an_account_is_deleted_once(store: Store, clock: FakeClock) -> None:
    ann = await settled(store, clock, "ann")
    await account.delete(store, ann.account_id)
    for verb in (account.delete(store, ann.account_id), export(store, ann.account_id)):
        with pytest.raises(ReaderError, match="you have no account here"):
            await verb


# ── whoever is at work meanwhile ───────────────────────────────────────────────────────────────────────────────────


def deletes_at(label: str, url: str, clock: FakeClock, account_id: int) -> At:
    """Listens to the pipeline's labels, and deletes an account (as another process would) where this one is reached
    first."""
    left = [account_id]

    async def deletion(number: int) -> None:
        elsewhere = await open_store(url, clock=clock)
        await account.delete(elsewhere, number)
        await elsewhere.close()

    def at(reached: str) -> None:
        if reached == label and left:
            with ThreadPoolExecutor(1) as thread:
                thread.submit(asyncio.run, deletion(left.pop())).result()

    return at


async def about_to_be_told(store: Store, clock: FakeClock) -> Reader:
    ann = await reader(store, "larks", "ann")
    await record(store, *numbered(2))
    await percolate(store)
    await plan(store)
    clock.advance(minutes=5)
    return ann


@pytest.mark.parametrize(
    ("label", "arrives"),
    [
        ("deliver: claimed", 0),
        ("deliver: rendered", 0),
        ("deliver: sealed", 0),
        ("deliver: before a send", 1),
        ("deliver: receipt committed", 1),
    ],
)
async def test_a_delivery_under_way_ends_quietly_when_its_account_is_deleted(
    store: Store, store_url: str, clock: FakeClock, label: str, arrives: int
) -> None:
    ann, channel = await about_to_be_told(store, clock), FakeChannel()
    lane = deliverer(store, channel, at=deletes_at(label, store_url, clock, ann.account_id))
    await lane.run()
    await lane.leave()
    assert len(channel.sent) == arrives
    assert set(await traces(store, ann.account_id)) == {"profile_change", "progress"}


async def test_a_message_that_arrives_while_its_account_is_deleted_is_the_last(
    store: Store, store_url: str, clock: FakeClock
) -> None:
    ann = await about_to_be_told(store, clock)

    class Leaving(FakeChannel):
        async def send(self, address: str, payload: Payload, key: str) -> Receipt:
            elsewhere = await open_store(store_url, clock=clock)
            await account.delete(elsewhere, ann.account_id)
            await elsewhere.close()
            return await super().send(address, payload, key)

    channel = Leaving()
    lane = deliverer(store, channel)
    await lane.run()
    await lane.leave()
    assert len(channel.sent) == 1
    assert set(await traces(store, ann.account_id)) == {"profile_change", "progress"}


@pytest.mark.parametrize(
    "error",
    [
        DeliveryError("fake: blocked", permanent=True),
        DeliveryError("fake: moved", new_address="elsewhere"),
        DeliveryError("fake: 502"),
        DeliveryError("fake: no answer", ambiguous=True),
        DeliveryError("fake: slower", retry_after=timedelta(seconds=9)),
    ],
    ids=str,
)
async def test_a_platforms_refusal_of_a_deleted_accounts_message_fails_nobody(
    store: Store, store_url: str, clock: FakeClock, error: DeliveryError
) -> None:
    ann, channel = await about_to_be_told(store, clock), FakeChannel()
    channel.fail(ann.address, error)
    lane = deliverer(store, channel, at=deletes_at("deliver: before a send", store_url, clock, ann.account_id))
    await lane.run()
    await lane.leave()
    assert channel.sent == [] and len(channel.attempts) == 1
    assert set(await traces(store, ann.account_id)) == {"profile_change", "progress"}


async def test_a_running_index_forgets_the_profiles_of_a_deleted_account(store: Store, clock: FakeClock) -> None:
    ann = await reader(store, "larks")
    percolator = Percolator(store, lease=LEASE)
    await record(store, *numbered(1))
    await percolator.run()
    assert await count(store, MATCH) == 1
    await account.delete(store, ann.account_id)
    await record(store, *numbered(1, start=1))
    assert await percolator.run() == 1
    await percolator.close()
    assert await count(store, MATCH) == 0


async def test_what_a_worker_writes_after_a_deletion_is_forgotten_too(
    store: Store, store_url: str, clock: FakeClock
) -> None:
    ann = await reader(store, "larks")
    await record(store, *numbered(2))
    at = deletes_at("percolate: batch matched", store_url, clock, ann.account_id)
    percolator = Percolator(store, lease=LEASE, at=at)
    await percolator.run()
    await percolator.close()
    assert (await traces(store, ann.account_id))["match"] == 2
    assert (await count(store, OWED), await forget(store)) == (0, 2)
    assert set(await traces(store, ann.account_id)) == {"profile_change", "progress"}


async def test_a_deletion_that_was_cut_short_is_brought_to_its_end(store: Store, clock: FakeClock) -> None:
    ann = await settled(store, clock, "ann")
    async with store.transaction() as tx:
        await belongings.sign_off(tx, ann.account_id, await tx.now())
    async with store.transaction() as tx:
        assert await belongings.forget(tx, ann.account_id, 1) > 0
    left = await traces(store, ann.account_id)
    assert {"match", "owed"} & set(left) and not {"account", "identity", "destination", "token"} & set(left)
    clock.advance(days=1)
    while await forget(store):
        pass
    assert await traces(store, ann.account_id) == {}
