"""What is kept sealed: of no use to whoever has the database alone, and no trouble to whoever has the keys."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import String, select, text, type_coerce

from paperlark.channels.email import Email, Options
from paperlark.links import Links
from paperlark.model.messages import Limits
from paperlark.model.problems import StoreError
from paperlark.model.readers import Cadence
from paperlark.pipeline import confirm
from paperlark.pipeline.lane import Lane
from paperlark.readers import mailbox, subscribe
from paperlark.readers.account import export
from paperlark.readers.mailbox import SignUp
from paperlark.store import accounts, idempotency, keys, moving, pace, resealing
from paperlark.store.database import Store, open_store
from paperlark.store.sealed import Seals
from paperlark.store.tables import ACCOUNT, CONFIRMATION, DELIVERY, DESTINATION, IDENTITY, LANE, METADATA, SECRET
from paperlark.testing.channels import FakeChannel
from paperlark.testing.mail import MailServer
from tests.builders import LEASE, count, deliver, numbered, percolate, reader, record, rows

OLD, NEW = "o" * 32, "n" * 40
MAILBOX = "A.Lark@example.org"
HOOK = "https://chat.example.org/hooks/T0/B1/secret-of-ann"


class Narrow(FakeChannel):
    """A channel with limits."""

    limits = Limits(overall=10, per_address=1 / 60)


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    opened = await open_store(store_url, keys=[NEW])
    yield opened
    await opened.close()


async def kept(store: Store) -> list[str]:
    """What the database holds in all columns that are sealed, as it stands there."""
    found = []
    for place in resealing.places():
        table, _, column = place.partition(".")
        raw = type_coerce(METADATA.tables[table].c[column], String)
        found += [row["raw"] for row in await rows(store, select(raw.label("raw")))]
    return found


async def everything(store: Store) -> str:
    """Every column of every row of every table, as the database has it."""
    found = []
    for table in METADATA.sorted_tables:
        found += [repr(row) for row in await rows(store, text(f'SELECT * FROM "{table.name}"'))]
    return "\n".join(found)


async def secret(store: Store) -> str:
    async with store.transaction() as tx:
        return await keys.kept(tx, "links", await tx.now())


async def addresses(store: Store, account_id: int) -> list[str]:
    return [place.address for place in await subscribe.destinations(store, account_id)]


def test_addresses_and_secrets_are_what_is_sealed() -> None:
    assert resealing.places() == {"destination.address", "identity.external_id", "secret.value"}


async def test_the_database_alone_tells_no_address_and_no_secret(store: Store) -> None:
    ann = await reader(store, address=HOOK, account="ann")
    made = await secret(store)
    assert all(each.startswith("sealed:") for each in await kept(store)) and len(await kept(store)) == 3
    assert "secret-of-ann" not in await everything(store) and made not in await everything(store)
    assert await addresses(store, ann.account_id) == [HOOK] and await secret(store) == made


async def test_who_knows_the_keys_notices_nothing(store: Store) -> None:
    """An address is found again by what it is, delivered to, moved, and exported."""
    ann = await reader(store, address=HOOK)
    again = await reader(store, "owls", address=HOOK)
    assert again.destination.id == ann.destination.id
    channel = FakeChannel()
    await record(store, *numbered(1))
    await percolate(store)
    await deliver(store, channel)
    assert {row["state"] for row in await rows(store, select(DELIVERY))} == {"sent"}
    assert HOOK in repr(channel.sent)
    async with store.transaction() as tx:
        await moving.move(tx, ann.account_id, ann.destination.id, f"{HOOK}2")
    assert f"{HOOK}2" in "".join([piece async for piece in export(store, ann.account_id)])


async def test_without_the_key_nothing_is_opened(store: Store, store_url: str) -> None:
    ann = await reader(store, address=HOOK)
    for given in ([], [OLD]):
        other = await open_store(store_url, keys=given)
        with pytest.raises(StoreError, match=r"destination\.address is sealed by a key that is not among"):
            await addresses(other, ann.account_id)
        await other.close()


async def test_what_was_changed_or_moved_in_the_database_is_not_believed(store: Store) -> None:
    ann = await reader(store, address=HOOK)
    await secret(store)
    for change in ("address = substr(address, 1, 40) || 'AAAA' || substr(address, 45)",
                   "address = (SELECT value FROM secret)"):  # fmt: skip
        async with store.transaction() as tx:
            await tx.execute(text(f"UPDATE destination SET {change}"))
        with pytest.raises(StoreError, match="was changed, or belongs elsewhere"):
            await addresses(store, ann.account_id)


async def test_a_mailbox_stands_nowhere_readable_from_its_sign_up_to_what_it_is_told(store: Store) -> None:
    async with MailServer() as server:
        options = Options("127.0.0.1", "papers@example.org", server.port, tls="none", timeout=5)
        channel, links = Email(options), Links("k" * 32, "https://papers.example.org")
        await mailbox.sign_up(store, MAILBOX, SignUp("larks", Cadence.INSTANT))
        await confirm.ask(store, channel, links)
        await deliver(store, channel)
        assert MAILBOX.casefold() not in (await everything(store)).casefold()
        (asked,) = await rows(store, select(CONFIRMATION))
        assert await mailbox.confirm(store, (asked["account_id"], asked["id"])) is not None
        await record(store, *numbered(2))
        await percolate(store)
        await deliver(store, channel)
        await mailbox.sign_up(store, MAILBOX, SignUp("owls"))
        assert server.received(MAILBOX) and await count(store, IDENTITY) == await count(store, DESTINATION) == 1
        told = (await everything(store)).casefold()
        assert MAILBOX.casefold() not in told and "a.lark" not in told
        await channel.close()


async def test_an_answer_that_is_kept_for_a_repeated_request_is_sealed(store: Store, store_url: str) -> None:
    answer = {"status": 201, "headers": {}, "body": json.dumps({"address": HOOK})}
    async with store.transaction() as tx:
        now = await tx.now()
        turn = await idempotency.begin(tx, 7, "key", "request", now)
        assert isinstance(turn, idempotency.Turn)
        await idempotency.end(tx, turn, answer)
    assert HOOK not in await everything(store)
    for given, body in ([NEW], answer["body"]), ([OLD], None), ([], None):
        other = await open_store(store_url, keys=given)
        async with other.transaction() as tx:
            before = await idempotency.begin(tx, 7, "key", "request", now)
        assert isinstance(before, idempotency.Before) and before.answer == {**answer, "body": body}
        await other.close()


async def test_what_a_lane_remembers_names_no_address(store: Store, store_url: str) -> None:
    """Its next holder knows what to keep to, unless it has other keys: then it waits until the windows are free."""
    one = Lane(store, Narrow(), lease=LEASE)
    await one.hold()
    await one.turn("ann", lands=True)
    one.landed("ann")
    one.rest(timedelta(hours=1), HOOK)
    one.rest(timedelta(minutes=30))
    await one.leave()
    (lane,) = await rows(store, select(LANE))
    assert lane["recent"].keys() == {"sent", "rests", "shut"} and "" in lane["recent"]["rests"]
    assert HOOK not in await everything(store) and "'ann'" not in repr(lane)
    other = Lane(store, Narrow(), lease=LEASE)
    await other.hold()
    assert other.free_in(HOOK) > timedelta(minutes=59) and other.rests_for() > timedelta(minutes=29)
    assert other.free_in("bob") < timedelta(minutes=31)
    assert (await rows(store, select(LANE.c.recent)))[0]["recent"] == {}, "nobody needs it any more"
    await other.leave()
    strangers = await open_store(store_url, keys=[OLD])
    third = Lane(strangers, Narrow(), lease=LEASE)
    assert await third.hold()
    assert third.rests_for() == timedelta(0) < third.free_in("bob"), "nothing is known: a whole window goes by"
    await third.leave()
    await strangers.close()


async def test_what_a_lane_remembers_changes_its_keys_with_the_rest(store_url: str) -> None:
    plain = await open_store(store_url)
    one = Lane(plain, Narrow(), lease=LEASE)
    await one.hold()
    one.rest(timedelta(hours=1), HOOK)
    await one.leave()
    for given in ([OLD], [NEW, OLD], ["", NEW]):
        store = await open_store(store_url, keys=given)
        assert (await resealing.unsealed(store), await resealing.reseal(store)) == (1, 1)
        assert (await resealing.unsealed(store), await resealing.reseal(store)) == (0, 0)
        assert (HOOK in await everything(store)) is (given[0] == "")
        await store.close()
    async with plain.transaction() as tx:
        taken = await pace.take_lane(tx, "fake", None, await tx.now(), LEASE)
    assert taken is not None and taken.recent is not None and list(taken.recent["rests"]) == [HOOK]
    await plain.close()


# ── identities ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def known_as(store: Store, platform: str, external_id: str) -> int:
    async with store.transaction() as tx:
        return await accounts.account_of(tx, platform, external_id, name="ann", now=await tx.now())


async def test_a_reader_stays_who_they_are_while_keys_change(store_url: str) -> None:
    """From no key to one, to another, and back to none; before everything is under the first key, and after."""
    plain = await open_store(store_url)
    await mailbox.sign_up(plain, MAILBOX, SignUp("larks"))
    ann = await known_as(plain, "email", MAILBOX.casefold())
    bob = await known_as(plain, "telegram", "4200042")
    for given in ([OLD], [OLD, NEW], [NEW, OLD], ["", NEW]):
        store = await open_store(store_url, keys=given)
        for _ in range(2):
            assert await known_as(store, "telegram", "4200042") == bob
            await mailbox.sign_up(store, MAILBOX, SignUp("larks"))
            assert await known_as(store, "email", MAILBOX.casefold()) == ann
            async with store.transaction() as tx:
                assert await accounts.join(tx, ann, "telegram", "4200042", await tx.now()) == bob
            assert [each.external_id for each in await identities(store, bob)] == ["4200042"]
            assert await count(store, IDENTITY) == await count(store, ACCOUNT) == 2
            await resealing.reseal(store)
            assert await resealing.unsealed(store) == 0
            assert ("4200042" in await everything(store)) is (given[0] == "")
        await store.close()
    assert [await known_as(plain, "telegram", "4200042"), await count(plain, IDENTITY)] == [bob, 2]
    await plain.close()


async def identities(store: Store, account_id: int) -> list[accounts.Identity]:
    async with store.reading() as tx:
        return await accounts.identities(tx, account_id)


async def test_without_the_key_nobody_is_taken_for_a_new_reader(store: Store, store_url: str) -> None:
    ann = await known_as(store, "telegram", "42")
    for given in ([], [OLD]):
        other = await open_store(store_url, keys=given)
        with pytest.raises(StoreError, match=r"identity\.external_id is sealed by a key that is not among"):
            await known_as(other, "telegram", "42")
        async with other.transaction() as tx:
            with pytest.raises(StoreError, match="not among PAPERLARK_ENCRYPTION_KEYS"):
                await accounts.join(tx, ann, "discord", "43", await tx.now())
        await other.close()
    assert await count(store, IDENTITY) == 1
    assert await known_as(store, "discord", "43") != ann


async def test_of_two_rows_of_one_identity_the_older_counts_and_both_stay(store_url: str) -> None:
    """So it is where two processes with other keys in front saw somebody first in the same moment."""
    store = await open_store(store_url, keys=[NEW, OLD])
    forms = Seals([OLD, NEW]).forms("42", "identity.external_id")[1:]
    for number, form in enumerate(forms):
        values = f"('telegram', '{form}', {7 + number}, '2026-03-0{3 - number} 09:00:00')"
        async with store.transaction() as tx:
            await tx.execute(
                text(f"INSERT INTO identity (platform, external_id, account_id, linked_at) VALUES {values}")
            )
    assert await known_as(store, "telegram", "42") == 8
    assert (await resealing.reseal(store), await resealing.unsealed(store)) == (0, 1), "told of, and left alone"
    assert await known_as(store, "telegram", "42") == 8
    async with store.transaction() as tx:
        assert await accounts.part(tx, 8, "telegram", "42")
    assert await known_as(store, "telegram", "42") == 7
    assert (await resealing.reseal(store), await resealing.unsealed(store)) == (1, 0)
    await store.close()


async def test_identities_are_brought_under_a_key_bite_by_bite(
    store: Store, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resealing, "BITE", 2)
    known = {str(number): await known_as(store, "telegram", str(number)) for number in range(7)}
    other = await open_store(store_url, keys=[OLD, NEW])
    assert (await resealing.reseal(other), await resealing.unsealed(other)) == (7, 0)
    await other.close()
    other = await open_store(store_url, keys=[OLD])
    assert {each: await known_as(other, "telegram", each) for each in known} == known
    await other.close()


async def test_an_account_is_exported_whole_where_its_identities_are_sealed_by_several_keys(
    store: Store, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("paperlark.readers.account.PAGE", 2)
    ann = await known_as(store, "telegram", "0")
    other = await open_store(store_url, keys=[OLD, NEW])
    for number in range(1, 7):
        async with (store if number % 2 else other).transaction() as tx:
            await accounts.join(tx, ann, "telegram", str(number), await tx.now())
    told = json.loads("".join([piece async for piece in export(other, ann)]))
    assert sorted(each["external_id"] for each in told["identities"]) == [str(number) for number in range(7)]
    await other.close()


# ── keys ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_keys_change_while_nothing_is_lost_or_doubled(store_url: str) -> None:
    """From no key to one, to another, and back to none; an address given again meanwhile is still one destination."""
    plain = await open_store(store_url)
    ann, bob = await reader(plain, address=HOOK, account="ann"), await reader(plain, address="bob")
    made = await secret(plain)
    for given, opening in (([OLD], "sealed:"), ([NEW, OLD], "sealed:"), (["", NEW], "")):
        store = await open_store(store_url, keys=given)
        assert await addresses(store, ann.account_id) == [HOOK] and await secret(store) == made
        await reader(store, "owls", HOOK, account="ann")
        assert await count(store, DESTINATION) == 3  # not found by what it is, until …
        assert await resealing.unsealed(store) == 5
        assert await resealing.reseal(store) == 5
        assert (await resealing.unsealed(store), await resealing.reseal(store)) == (0, 0)
        assert await addresses(store, ann.account_id) == [HOOK] and await addresses(store, bob.account_id) == ["bob"]
        assert all(each.startswith(opening) for each in await kept(store)) and await secret(store) == made
        await store.close()
    assert sorted(await kept(plain)) == sorted([HOOK, "bob", "ann", "bob", made])
    assert (await count(plain, DESTINATION), await count(plain, SECRET)) == (2, 1)
    await plain.close()


def test_equal_values_are_sealed_alike_in_one_place_only() -> None:
    seals = Seals([NEW])
    assert seals.seal("ann", "a.b") == seals.seal("ann", "a.b") != seals.seal("ann", "a.c")
    assert [seals.open(seals.seal(each, "a.b"), "a.b") for each in ("", "ann", "☂\x7f")] == ["", "ann", "☂\x7f"]
    assert seals.seal("ann", "a.b") != Seals([OLD]).seal("ann", "a.b")
