"""A token that was found good is not looked up for ten seconds; and not a moment longer than it may be good."""

from datetime import timedelta

from aiohttp.test_utils import TestServer
from sqlalchemy import delete, func, select, update

from paperlark.store.database import Store
from paperlark.store.tables import TOKEN
from paperlark.web import access, make_web
from paperlark.web.access import BEARERS, KEPT_SECONDS
from tests.web.archive import Client, token
from tests.web.fitting import FittingClient

PROFILES = "/api/v1/profiles"


class Ticks:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


async def status(client: Client, headers: dict[str, str]) -> int:
    async with client.get(PROFILES, headers=headers) as answer:
        return answer.status


async def test_a_token_that_was_revoked_elsewhere_ends_within_ten_seconds(sqlite_store: Store) -> None:
    ticks = Ticks()
    ada = await token(sqlite_store)
    async with FittingClient(TestServer(make_web(sqlite_store, {}, ticks=ticks))) as client:
        assert await status(client, ada) == 200
        async with sqlite_store.transaction() as tx:
            await tx.execute(delete(TOKEN))
        ticks.now += KEPT_SECONDS - 0.1
        assert await status(client, ada) == 200
        ticks.now += 0.1
        assert await status(client, ada) == 401


async def test_a_token_that_is_revoked_here_ends_at_once(client: Client, sqlite_store: Store) -> None:
    ada = await token(sqlite_store, scopes=tuple(access.SCOPES))
    async with client.get("/api/v1/account/tokens", headers=ada) as answer:
        (mine,) = (await answer.json())["data"]
    async with client.delete(f"/api/v1/account/tokens/{mine['id']}", headers=ada) as answer:
        assert answer.status == 204
    assert await status(client, ada) == 401


async def test_a_deleted_accounts_tokens_end_at_once(client: Client, sqlite_store: Store) -> None:
    ada = await token(sqlite_store, scopes=tuple(access.SCOPES))
    async with client.get("/api/v1/account", headers=ada) as answer:
        number = (await answer.json())["id"]
    async with client.delete("/api/v1/account", headers=ada, json={"confirm": number}) as answer:
        assert answer.status == 204, await answer.text()
    assert await status(client, ada) == 401


async def test_a_token_is_never_good_beyond_its_end(sqlite_store: Store) -> None:
    ticks = Ticks()
    ada = await token(sqlite_store, lasts=timedelta(seconds=3))
    async with FittingClient(TestServer(make_web(sqlite_store, {}, ticks=ticks))) as client:
        assert await status(client, ada) == 200
        async with sqlite_store.transaction() as tx:
            await tx.execute(update(TOKEN).values(expires_at=await tx.now() - timedelta(seconds=1)))
        ticks.now += 3.1
        assert await status(client, ada) == 401


async def test_a_token_that_becomes_good_is_so_at_once(sqlite_store: Store) -> None:
    async with FittingClient(TestServer(make_web(sqlite_store, {}, ticks=Ticks()))) as client:
        ada = await token(sqlite_store)
        async with sqlite_store.transaction() as tx:
            row = (await tx.execute(select(TOKEN))).one()
            await tx.execute(delete(TOKEN))
        assert await status(client, ada) == 401
        async with sqlite_store.transaction() as tx:
            await tx.insert_new(TOKEN, [row._asdict()])
        assert await status(client, ada) == 200


async def test_when_it_was_used_is_noted_now_and_then(sqlite_store: Store) -> None:
    ticks = Ticks()
    ada = await token(sqlite_store)
    async with FittingClient(TestServer(make_web(sqlite_store, {}, ticks=ticks))) as client:
        for _ in range(3):
            assert await status(client, ada) == 200
            ticks.now += KEPT_SECONDS
        async with sqlite_store.reading() as tx:
            used, now = (await tx.execute(select(func.max(TOKEN.c.used_at)))).scalar(), await tx.now()
    assert used is not None and now - used < timedelta(minutes=1)


async def test_only_so_many_tokens_are_remembered(sqlite_store: Store) -> None:
    bearers = access.Bearers(Ticks(), kept_at_most=2)
    made = [(await token(sqlite_store, f"reader {n}"))["Authorization"].removeprefix("Bearer ") for n in range(4)]
    for each in made:
        assert await bearers.find(sqlite_store, each) is not None
    assert len(bearers._kept) == len(bearers._noted) == 2


async def test_the_token_itself_is_not_remembered(client: Client, sqlite_store: Store) -> None:
    ada = await token(sqlite_store)
    assert await status(client, ada) == 200
    assert client.app is not None
    bearers = client.app[BEARERS]
    secret = ada["Authorization"].removeprefix("Bearer ")
    assert bearers._kept and secret not in str(bearers._kept) + str(bearers._noted)
