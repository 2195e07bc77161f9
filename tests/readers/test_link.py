"""Pairing codes: for ten minutes, once, not to be guessed; and what becomes of who types them."""

import asyncio
import hashlib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from paperlark.model.problems import ReaderError
from paperlark.model.readers import MarkKind, MuteKind
from paperlark.readers import link
from paperlark.readers.mark import mark
from paperlark.readers.mute import mute
from paperlark.store import accounts, pairing
from paperlark.store.database import Store, open_store
from paperlark.store.tables import ACCOUNT, IDENTITY, PACE, PAIRING_CODE
from paperlark.testing.clock import FakeClock
from tests.builders import MONDAY, count, reader, record, rows, told

NO_CODE = "this code does not work"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MONDAY)


async def account_of(store: Store, platform: str, external_id: str) -> int:
    async with store.transaction() as tx:
        return await accounts.account_of(tx, platform, external_id, name="test", now=await tx.now())


async def test_a_code_joins_a_new_identity_to_the_account(store: Store) -> None:
    ann = (await reader(store)).account_id
    code = await link.begin(store, ann)
    assert (code.text[4], len(code.text), code.expires_at) == ("-", 9, MONDAY + timedelta(minutes=10))
    assert await link.redeem(store, code.text, "telegram", "7") == ann
    assert await account_of(store, "telegram", "7") == ann


async def test_a_code_is_kept_as_its_hash_alone(store: Store) -> None:
    code = await link.begin(store, (await reader(store)).account_id)
    (kept,) = await rows(store, select(PAIRING_CODE))
    assert kept["code_hash"] == hashlib.sha256(code.text.replace("-", "").encode()).hexdigest()
    assert code.text.replace("-", "") not in repr(kept)


async def test_a_code_is_used_once(store: Store) -> None:
    code = await link.begin(store, (await reader(store)).account_id)
    await link.redeem(store, code.text, "telegram", "7")
    with pytest.raises(ReaderError, match=NO_CODE):
        await link.redeem(store, code.text, "telegram", "8")


async def test_of_many_at_the_same_moment_one_uses_the_code(store: Store) -> None:
    code = await link.begin(store, (await reader(store)).account_id)
    tries = [link.redeem(store, code.text, "telegram", str(number)) for number in range(6)]
    ends = await asyncio.gather(*tries, return_exceptions=True)
    assert [type(end) for end in ends if isinstance(end, Exception)] == [ReaderError] * 5
    assert await count(store, IDENTITY) == 2


@pytest.mark.parametrize("seconds", [599, 600])
async def test_a_code_works_for_ten_minutes(store: Store, clock: FakeClock, seconds: int) -> None:
    code = await link.begin(store, (await reader(store)).account_id)
    clock.advance(seconds=seconds)
    if seconds < 600:
        await link.redeem(store, code.text, "telegram", "7")
        return
    with pytest.raises(ReaderError, match=NO_CODE):
        await link.redeem(store, code.text, "telegram", "7")


async def test_a_new_code_ends_the_one_before_and_another_purpose_is_another_matter(store: Store) -> None:
    ann = (await reader(store)).account_id
    first, other = await link.begin(store, ann), await link.begin(store, ann, "extension")
    second = await link.begin(store, ann)
    for code in (first, other):
        with pytest.raises(ReaderError, match=NO_CODE):
            await link.redeem(store, code.text, "telegram", "7")
    assert await link.redeem(store, second.text, "telegram", "7") == ann
    assert await link.redeem(store, other.text, "extension", "8", purpose="extension") == ann


async def test_a_code_is_read_as_people_type_it(store: Store, clock: FakeClock) -> None:
    ann = (await reader(store)).account_id
    for number in range(3):
        text = (await link.begin(store, ann)).text
        bare = text.replace("-", "")
        typed = (text.lower(), f" {bare[:4]} {bare[4:]}", bare.replace("0", "O").replace("1", "l"))[number]
        assert await link.redeem(store, typed, "telegram", str(number)) == ann


async def test_guessing_is_slowed_down_and_counted_in_the_store(store: Store, store_url: str, clock: FakeClock) -> None:
    code = await link.begin(store, (await reader(store)).account_id)
    elsewhere = await open_store(store_url, clock=clock)  # another process
    for number in range(pairing.ATTEMPTS):
        with pytest.raises(ReaderError, match=NO_CODE):
            await link.redeem((store, elsewhere)[number % 2], "0000-0000", "telegram", "7")
    for place in (store, elsewhere):
        with pytest.raises(ReaderError, match="too many attempts; try again in 12 seconds"):
            await link.redeem(place, code.text, "telegram", "7")
    await elsewhere.close()
    assert "telegram" not in repr(await rows(store, select(PACE)))
    clock.advance(seconds=12)
    await link.redeem(store, code.text, "telegram", "7")
    with pytest.raises(ReaderError, match="too many attempts"):
        await link.redeem(store, code.text, "telegram", "7")
    with pytest.raises(ReaderError, match=NO_CODE):
        await link.redeem(store, code.text, "telegram", "8")


async def test_who_attempted_what_is_forgotten_after_an_hour(store: Store, clock: FakeClock) -> None:
    ann = (await reader(store)).account_id
    await link.begin(store, ann)
    clock.advance(hours=2)
    code = await link.begin(store, ann)
    assert (await count(store, PACE), await count(store, PAIRING_CODE)) == (1, 1)
    assert await link.redeem(store, code.text, "telegram", "7") == ann


async def test_an_account_that_owns_nothing_is_given_up_with_all_its_identities(store: Store) -> None:
    ann = (await reader(store)).account_id
    empty = await account_of(store, "telegram", "7")
    await link.redeem(store, (await link.begin(store, empty)).text, "discord", "9")
    assert await link.redeem(store, (await link.begin(store, ann)).text, "telegram", "7") == ann
    assert await account_of(store, "discord", "9") == ann
    assert await count(store, ACCOUNT) == 1


@pytest.mark.parametrize("owned", ["profile", "mark", "mute", "token"])
async def test_an_account_that_owns_something_is_refused_and_the_code_still_works(store: Store, owned: str) -> None:
    ann = (await reader(store)).account_id
    bob = (await reader(store, address="7", account="7")).account_id if owned == "profile" else None
    if bob is None:
        bob = await account_of(store, "test", "7")
        await record(store, told("Larks", arxiv="2603.00001"))
    if owned == "mark":
        await mark(store, bob, "2603.00001", MarkKind.READ)
    if owned == "mute":
        await mute(store, bob, MuteKind.WORD, "owls")
    if owned == "token":
        async with store.transaction() as tx:
            await accounts.new_token(tx, bob, name="mine", scopes=["read"], now=await tx.now(), expires_at=None)
    code = await link.begin(store, ann)
    with pytest.raises(ReaderError, match="ask for the code here and type it in the other place, or delete"):
        await link.redeem(store, code.text, "test", "7")
    assert await account_of(store, "test", "7") == bob
    assert await link.redeem(store, code.text, "telegram", "8") == ann


async def test_a_code_of_ones_own_account_changes_nothing(store: Store) -> None:
    ann = await reader(store)
    code = await link.begin(store, ann.account_id)
    assert await link.redeem(store, code.text, "test", "ann") == ann.account_id
    assert await count(store, ACCOUNT) == 1


def test_a_code_has_forty_bits_and_no_letter_that_looks_like_another() -> None:
    assert len(set(pairing.LETTERS)) ** pairing.LENGTH == 2**40
    assert not set("ILOU") & set(pairing.LETTERS)


@given(st.text(max_size=40))
def test_no_code_reads_as_another(typed: str) -> None:
    read = typed.upper().translate(pairing._LOOK_ALIKE)
    assert read.upper().translate(pairing._LOOK_ALIKE) == read
