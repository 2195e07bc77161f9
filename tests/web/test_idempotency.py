"""A POST that is sent twice is done once."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from sqlalchemy import select

from paperlark.store import idempotency, retention
from paperlark.store.database import Store
from paperlark.store.idempotency import GIVEN_UP_AFTER, KEPT_FOR, Before, Turn
from paperlark.store.tables import IDEMPOTENCY_KEY
from paperlark.web import make_web
from tests.web.archive import Client, token
from tests.web.fitting import FittingClient

PROFILES = "/api/v1/profiles"
KEY = '"8e03978e-40d5-43dd-bc93-6894a57f9324"'
Headers = dict[str, str]


async def post(client: Client, headers: Headers, body: Any, key: str = KEY, path: str = PROFILES) -> tuple[int, Any]:
    """The status, and what is said."""
    async with client.post(path, headers=headers | {"Idempotency-Key": key}, json=body) as answer:
        return answer.status, await answer.json()


async def names(client: Client, headers: Headers) -> list[str]:
    async with client.get(PROFILES, headers=headers) as answer:
        return [profile["name"] for profile in (await answer.json())["data"]]


async def test_the_same_request_again_gets_the_same_answer_and_makes_nothing(
    client_of_both: Client, store: Store
) -> None:
    ada = await token(store)
    first = await post(client_of_both, ada, {"text": "larks"})
    assert first[0] == 201
    async with client_of_both.post(PROFILES, headers=ada | {"Idempotency-Key": KEY}, json={"text": "larks"}) as answer:
        assert (answer.status, await answer.json()) == first
        assert answer.headers["Location"] == f"{PROFILES}/{first[1]['id']}"
        assert answer.headers["Cache-Control"] == "private, no-cache"
    assert await names(client_of_both, ada) == ["larks"]


async def test_many_at_once_make_one(client_of_both: Client, store: Store) -> None:
    ada = await token(store)
    found = await asyncio.gather(*[post(client_of_both, ada, {"text": "larks"}) for _ in range(8)])
    assert {status for status, _ in found} <= {201, 409}
    assert len({said["id"] for status, said in found if status == 201}) == 1
    assert {said["type"] for status, said in found if status == 409} <= {"urn:paperlark:problem:in-progress"}
    assert await names(client_of_both, ada) == ["larks"]


async def test_another_request_under_the_same_key_is_refused(client: Client, sqlite_store: Store) -> None:
    ada = await token(sqlite_store)
    _, profile = await post(client, ada, {"text": "larks"})
    status, said = await post(client, ada, {"text": "wrens"})
    assert (status, said["type"]) == (422, "urn:paperlark:problem:idempotency-key-reused")
    wish = {"profile_id": profile["id"], "channel": "birdcage", "address": "wren"}
    assert (await post(client, ada, wish, path="/api/v1/subscriptions"))[0] == 422
    assert (await post(client, ada, wish, key="another", path="/api/v1/subscriptions"))[0] == 201
    assert await names(client, ada) == ["larks"]


async def test_a_key_is_its_accounts(client: Client, sqlite_store: Store) -> None:
    ada, eve = await token(sqlite_store), await token(sqlite_store, "eve")
    assert (await post(client, ada, {"text": "larks"}))[0] == 201
    assert (await post(client, eve, {"text": "wrens"}))[0] == 201
    assert await names(client, eve) == ["wrens"]


async def test_what_was_refused_may_be_sent_again_under_its_key(client: Client, sqlite_store: Store) -> None:
    ada = await token(sqlite_store)
    assert (await post(client, ada, {"text": '"larks'}))[0] == 422
    assert (await post(client, ada, {"text": "larks"}))[0] == 201


@pytest.mark.parametrize("key", ["", '""', '"', "a b", '"a b"', "x" * 101, '"x', 'x"y', "ü", '"a"b"', "a,b"])
async def test_what_is_no_key_is_refused(client: Client, sqlite_store: Store, key: str) -> None:
    status, said = await post(client, await token(sqlite_store), {"text": "larks"}, key)
    assert (status, said["type"]) == (400, "urn:paperlark:problem:bad-idempotency-key")


async def test_an_answer_with_a_secret_is_not_kept(sqlite_store: Store) -> None:
    class Anything:
        def check_address(self, address: str) -> str:
            return address

    async def own_key() -> str:
        return "a key"

    ada = await token(sqlite_store)
    web = make_web(sqlite_store, {"webhook": Anything()}, own_key=own_key)
    async with FittingClient(TestServer(web)) as client:
        _, profile = await post(client, ada, {"text": "larks"}, "one")
        wish = {"profile_id": profile["id"], "channel": "webhook", "address": "https://example.org/"}
        status, made = await post(client, ada, wish, "two", "/api/v1/subscriptions")
        assert status == 201
        status, again = await post(client, ada, wish, "two", "/api/v1/subscriptions")
        assert (status, again["type"]) == (409, "urn:paperlark:problem:told-once")
        async with sqlite_store.reading() as tx:
            kept = await tx.execute(select(IDEMPOTENCY_KEY.c.answer))
            assert made["secret"] not in str(list(kept))


# ── in the store ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_turn_that_nobody_ended_is_free_after_a_minute(store: Store) -> None:
    async with store.transaction() as tx:
        now = await tx.now()
        lost = await idempotency.begin(tx, 1, "key", "a", now)
        assert isinstance(lost, Turn)
        assert await idempotency.begin(tx, 1, "key", "a", now + GIVEN_UP_AFTER / 2) == Before("a", None)
        taken = await idempotency.begin(tx, 1, "key", "b", now + GIVEN_UP_AFTER)
        assert isinstance(taken, Turn)
        await idempotency.end(tx, lost, {"status": 500})
        await idempotency.give_up(tx, lost)
        assert await idempotency.begin(tx, 1, "key", "b", now + GIVEN_UP_AFTER) == Before("b", None)
        await idempotency.end(tx, taken, {"status": 201})
        assert await idempotency.begin(tx, 1, "key", "b", now + GIVEN_UP_AFTER * 9) == Before("b", {"status": 201})


async def test_answers_are_forgotten_after_a_day(store: Store) -> None:
    async with store.transaction() as tx:
        now = await tx.now()
        for number in range(3):
            turn = await idempotency.begin(tx, number, "key", "a", now)
            assert isinstance(turn, Turn)
            await idempotency.end(tx, turn, {"status": 201})
        await idempotency.begin(tx, 9, "key", "a", now + timedelta(hours=1))
        assert (await retention.forget(tx, now + KEPT_FOR)).total == 0
        later = now + KEPT_FOR + timedelta(seconds=1)
        assert isinstance(await idempotency.begin(tx, 0, "key", "b", later), Turn)
        assert (await retention.forget(tx, later, limit=1)).idempotency_keys == 1
        assert (await retention.forget(tx, later)).idempotency_keys == 1
        assert (await retention.forget(tx, later)).total == 0
