"""The whole service with a Telegram bot in it: settings in, answers out, and gone in time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from paperlark.app import listen, opened
from paperlark.bots.telegram_webhook import BODY_LIMIT, PATH, SECRET, secret_of
from paperlark.from_settings import publish
from paperlark.model.problems import PaperlarkError
from paperlark.settings import Settings, load
from paperlark.store import sources
from paperlark.store.database import open_store
from paperlark.testing.bot_api import SERVER_ERROR, TOKEN, BotApi
from tests.bots.telegram_world import ask, until

pytestmark = pytest.mark.filterwarnings("ignore::telegram.warnings.PTBDeprecationWarning")

ANN = 42
WEBHOOK = {"PAPERLARK_TELEGRAM_WEBHOOK": "on", "PAPERLARK_PUBLIC_URL": "https://papers.example.org"}


@pytest.fixture
async def api() -> AsyncIterator[BotApi]:
    async with BotApi() as server:
        yield server


def settings_of(api: BotApi, folder: Path, **more: str) -> Settings:
    return load({
        "PAPERLARK_TELEGRAM_TOKEN": TOKEN,
        "PAPERLARK_TELEGRAM_API": api.url,
        "PAPERLARK_DATABASE_URL": str(folder / "papers.sqlite3"),
        **more,
    })  # fmt: skip


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[str]:
    """The address of a service that runs until the block ends. Nothing is polled: its sources are none."""
    stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()
    with listen("127.0.0.1", 0) as listening:
        async with opened(settings) as app:
            async with app.store.transaction() as tx:
                now = await tx.now()
                await sources.add(tx, "hf_daily", "hf_daily", {}, now)
                await sources.remove(tx, "hf_daily", now)
            serving = asyncio.create_task(app.serve(stop, listening, ready=ready.set_result))
            try:
                yield (await ready).rstrip("/")
            finally:
                began = asyncio.get_running_loop().time()
                stop.set()
                await serving
                assert asyncio.get_running_loop().time() - began < 8


async def test_service_answers_readers_who_write_to_its_bot(api: BotApi, tmp_path: Path) -> None:
    async with serving(settings_of(api, tmp_path)):
        assert "The morning's papers" in (await ask(api, ANN, "/start")).text
    async with serving(settings_of(api, tmp_path)):  # the lane was given back: nobody waits for a lease to run out
        assert "nothing yet" in (await ask(api, ANN, "/list")).text


async def test_service_with_a_webhook_is_told_and_does_not_ask(api: BotApi, tmp_path: Path) -> None:
    headers = {SECRET: secret_of(TOKEN)}
    async with serving(settings_of(api, tmp_path, **WEBHOOK)) as page, aiohttp.ClientSession() as session:
        update = api.people.message(ANN, "/start")
        async with session.post(page + PATH, json=update) as answer:
            assert answer.status == 401
        async with session.post(page + PATH, data=b" " * (BODY_LIMIT + 1), headers=headers) as answer:
            assert answer.status == 413
        large = {**update, "padding": "x" * 500_000}  # far more than the API takes
        async with session.post(page + PATH, json=large, headers=headers) as answer:
            assert answer.status == 200
        await until(lambda: api.texts(ANN))
    assert "getUpdates" not in [method for method, _ in api.calls]


async def test_release_tells_telegram_and_an_outage_there_holds_up_nothing(api: BotApi, tmp_path: Path) -> None:
    settings = settings_of(api, tmp_path, **WEBHOOK)
    store = await open_store(settings.database_url)
    [said] = await publish(settings, store)
    assert said.endswith(f"updates come to https://papers.example.org{PATH}")
    assert api.webhook["url"].endswith(PATH)
    api.always["setMyCommands"] = SERVER_ERROR
    [said] = await publish(settings, store)
    assert said.startswith("could not be told: telegram: ") and TOKEN not in said
    await store.close()


@pytest.mark.parametrize("address", [None, "http://papers.example.org"])
def test_webhook_needs_an_address_that_telegram_can_reach(address: str | None) -> None:
    given = {"PAPERLARK_TELEGRAM_WEBHOOK": "on", **({"PAPERLARK_PUBLIC_URL": address} if address else {})}
    with pytest.raises(PaperlarkError, match="PAPERLARK_TELEGRAM_WEBHOOK needs a PAPERLARK_PUBLIC_URL"):
        load(given)
