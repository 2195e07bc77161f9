"""What is kept sealed: of no use to whoever has the database alone, and no trouble to whoever has the keys."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import String, select, text, type_coerce

from paperlark.model.messages import Limits
from paperlark.model.problems import StoreError
from paperlark.pipeline.lane import Lane
from paperlark.readers import subscribe
from paperlark.readers.account import export
from paperlark.store import keys, moving, resealing
from paperlark.store.database import Store, open_store
from paperlark.store.sealed import Seals
from paperlark.store.tables import DELIVERY, DESTINATION, LANE, METADATA, SECRET
from paperlark.testing.channels import FakeChannel
from tests.builders import LEASE, count, deliver, numbered, percolate, reader, record, rows

OLD, NEW = "o" * 32, "n" * 40
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
    assert resealing.places() == {"destination.address", "secret.value"}


async def test_the_database_alone_tells_no_address_and_no_secret(store: Store) -> None:
    ann = await reader(store, address=HOOK, account="ann")
    made = await secret(store)
    assert all(each.startswith("sealed:") for each in await kept(store)) and len(await kept(store)) == 2
    for table in METADATA.sorted_tables:
        texts = [
            type_coerce(column, String)
            for column in table.c
            if isinstance(getattr(column.type, "impl_instance", column.type), String)
        ]
        for row in await rows(store, select(*texts)) if texts else ():
            assert "secret-of-ann" not in repr(row) and made not in repr(row)
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


async def test_the_keys_change_while_nothing_is_lost_or_doubled(store_url: str) -> None:
    """From no key to one, to another, and back to none; an address given again meanwhile is still one destination."""
    plain = await open_store(store_url)
    ann, bob = await reader(plain, address=HOOK), await reader(plain, address="bob")
    made = await secret(plain)
    for given, opening in (([OLD], "sealed:"), ([NEW, OLD], "sealed:"), (["", NEW], "")):
        store = await open_store(store_url, keys=given)
        assert await addresses(store, ann.account_id) == [HOOK] and await secret(store) == made
        await reader(store, "owls", HOOK)
        assert await count(store, DESTINATION) == 3  # not found by what it is, until …
        assert await resealing.unsealed(store) == 3
        assert await resealing.reseal(store) == 3
        assert (await resealing.unsealed(store), await resealing.reseal(store)) == (0, 0)
        assert await addresses(store, ann.account_id) == [HOOK] and await addresses(store, bob.account_id) == ["bob"]
        assert all(each.startswith(opening) for each in await kept(store)) and await secret(store) == made
        await store.close()
    assert sorted(await kept(plain)) == sorted([HOOK, "bob", made])
    assert (await count(plain, DESTINATION), await count(plain, SECRET)) == (2, 1)
    await plain.close()


def test_equal_values_are_sealed_alike_in_one_place_only() -> None:
    seals = Seals([NEW])
    assert seals.seal("ann", "a.b") == seals.seal("ann", "a.b") != seals.seal("ann", "a.c")
    assert [seals.open(seals.seal(each, "a.b"), "a.b") for each in ("", "ann", "☂\x7f")] == ["", "ann", "☂\x7f"]
    assert seals.seal("ann", "a.b") != Seals([OLD]).seal("ann", "a.b")
