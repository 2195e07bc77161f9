"""Updates on their way: fetched or posted, stored, and answered once, whatever happens."""

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import select

from paperlark.bots.telegram import NO_BOT, pause_after
from paperlark.bots.telegram_talking import SORRY
from paperlark.bots.telegram_webhook import BODY_LIMIT, PATH, SECRET, secret_of, webhook
from paperlark.pipeline.lane import Lane
from paperlark.store import inbound, retention
from paperlark.store.database import Store
from paperlark.store.tables import INBOUND_UPDATE
from paperlark.testing.bot_api import (
    BLOCKED,
    SERVER_ERROR,
    TOKEN,
    TWO_POLLERS,
    UNAUTHORISED,
    Answer,
    BotApi,
    flood,
)
from tests.bots.telegram_world import LEASE, Parrot, ask, running, swift, until
from tests.builders import rows

pytestmark = pytest.mark.filterwarnings("ignore::telegram.warnings.PTBDeprecationWarning")

GROUP = -1001234567890


@pytest.fixture
async def api() -> AsyncIterator[BotApi]:
    async with BotApi() as server:
        yield server


async def kept(store: Store) -> list[dict[str, object]]:
    """What is stored of the updates."""
    return await rows(store, select(INBOUND_UPDATE).order_by(INBOUND_UPDATE.c.update_id))


async def all_done(store: Store) -> None:
    async with asyncio.timeout(10):
        while not all(row["done_at"] for row in await kept(store)):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


# ── fetched ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_command_is_answered_and_nothing_of_it_kept_but_its_number(api: BotApi, store: Store) -> None:
    async with running(api, store, Parrot(store)):
        assert (await ask(api, 42, "/list my secrets")).text == "Reader may: list my secrets"
        await all_done(store)
        await until(lambda: not api.updates)  # Telegram was told that we have it
    [row] = await kept(store)
    assert row["body"] == {}
    asked = [fields for method, fields in api.calls if method == "getUpdates"]
    assert all("callback_query" in fields["allowed_updates"] for fields in asked)


async def test_update_that_telegram_repeats_is_answered_once(api: BotApi, sqlite_store: Store) -> None:
    update = await api.say(42, "/list once")
    async with running(api, sqlite_store, Parrot(sqlite_store)):
        await until(lambda: api.texts(42))
        await api.put(update)
        await ask(api, 43, "/list")
        await all_done(sqlite_store)
    async with running(api, sqlite_store, Parrot(sqlite_store)):  # whose offset is at the beginning again
        await api.put(update)
        await ask(api, 43, "/list")
    assert len(api.texts(42)) == 1


async def test_update_that_nobody_can_read_holds_up_no_other(api: BotApi, sqlite_store: Store) -> None:
    await api.put({"update_id": 100, "message": {"text": "/list", "chat": "nowhere"}})
    await api.put({"update_id": 101, "message": [1, 2]})
    await api.put({"update_id": 102})
    await api.put({"update_id": 103, "message": {"message_id": 1, "date": 1, "chat": {"id": 1, "type": "odd"}}})
    async with running(api, sqlite_store, Parrot(sqlite_store)):
        await ask(api, 42, "/list")
        await all_done(sqlite_store)


async def test_fault_in_a_command_is_apologised_for_and_ends_nothing(
    api: BotApi, sqlite_store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(api, sqlite_store, Parrot(sqlite_store)):
        with structlog.testing.capture_logs() as logs:
            assert (await ask(api, 42, "/export")).text == SORRY
        assert "update failed" in [line["event"] for line in logs]
        assert "list" in (await ask(api, 42, "/list")).text


async def test_second_poller_and_an_outage_are_waited_out(api: BotApi, sqlite_store: Store) -> None:
    api.script("getUpdates", SERVER_ERROR, Answer(drop=True))
    api.script("getMe", SERVER_ERROR)
    async with running(api, sqlite_store, Parrot(sqlite_store)):
        await ask(api, 42, "/list")
    assert pause_after(None, 0, 0) < pause_after(None, 3, 0) <= pause_after(None, 50, 1) <= 60


@pytest.mark.parametrize("answer", [TWO_POLLERS, UNAUTHORISED, flood(7)])
async def test_pause_is_as_long_as_the_answer_asks_for(api: BotApi, sqlite_store: Store, answer: Answer) -> None:
    api.always["getUpdates"] = answer
    with structlog.testing.capture_logs() as logs:
        async with running(api, sqlite_store, Parrot(sqlite_store)):
            await until(lambda: [line for line in logs if "seconds" in line])
    [line] = [line for line in logs if "seconds" in line]
    wanted = {401: NO_BOT, 409: 2, 429: 7}
    assert line["seconds"] == pytest.approx(wanted[answer.status], abs=3)
    assert TOKEN not in str(logs)


async def test_while_another_process_has_the_lane_nothing_is_fetched_or_answered(
    api: BotApi, sqlite_store: Store
) -> None:
    other = Lane(sqlite_store, swift(api), lease=LEASE)
    assert await other.hold()
    await api.say(42, "/list")
    async with running(api, sqlite_store, Parrot(sqlite_store)):
        await asyncio.sleep(0.3)
        assert api.calls == []
        await other.leave()
        await until(lambda: api.texts(42))


# ── in order ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_answers_keep_the_order_within_a_chat_and_no_chat_waits_for_another(
    api: BotApi, sqlite_store: Store
) -> None:
    parrot = Parrot(sqlite_store)
    async with running(api, sqlite_store, parrot):
        await api.say(42, "/pause 0")
        for number in range(1, 6):
            await api.say(42, f"/list {number}")
        await ask(api, 43, "/list")
        assert api.texts(42) == []
        parrot.go.set()
        await until(lambda: len(api.texts(42)) == 6)
    assert [text[-1] for text in api.texts(42)] == ["0", "1", "2", "3", "4", "5"]


async def test_reader_who_floods_is_answered_no_more_than_patience_allows(api: BotApi, sqlite_store: Store) -> None:
    parrot = Parrot(sqlite_store)
    async with running(api, sqlite_store, parrot):
        await api.say(42, "/pause first")
        await until(lambda: parrot.heard)
        for number in range(80):
            await api.say(42, f"/list {number}")
        await until(lambda: not api.updates or len(api.updates) < 80)
        await asyncio.sleep(1.2)
        parrot.go.set()
        await until(lambda: parrot.heard[-1] == "79")
        await all_done(sqlite_store)
    assert 40 < len(parrot.heard) < 70


async def test_stopping_leaves_what_is_in_hand_to_the_next(api: BotApi, sqlite_store: Store) -> None:
    hanging = Parrot(sqlite_store)
    started = asyncio.get_running_loop().time()
    async with running(api, sqlite_store, hanging):
        await api.say(42, "/pause please")
        await api.say(42, "/list then")
        await until(lambda: hanging.heard)
    assert asyncio.get_running_loop().time() - started < 8
    assert api.texts(42) == []
    ready = Parrot(sqlite_store)
    ready.go.set()
    async with running(api, sqlite_store, ready):
        await until(lambda: len(api.texts(42)) == 2)
    assert ready.heard == ["please", "then"]


async def test_process_killed_with_an_update_in_hand_is_followed_by_one_that_answers(
    api: BotApi, sqlite_store: Store
) -> None:
    await api.say(42, "/list after all")
    command = [sys.executable, "-m", "tests.bots.telegram_victim", api.url, sqlite_store.url]
    victim = await asyncio.create_subprocess_exec(*command, cwd=Path(__file__).parent.parent.parent)
    assert await asyncio.wait_for(victim.wait(), 30) == -9
    [row] = await kept(sqlite_store)
    assert row["done_at"] is None and api.texts(42) == []
    async with running(api, sqlite_store, Parrot(sqlite_store)):
        await until(lambda: api.texts(42))
        await all_done(sqlite_store)
    assert len(api.texts(42)) == 1


# ── answers that do not get through ────────────────────────────────────────────────────────────────────────────────


async def test_answer_waits_as_long_as_telegram_asks(api: BotApi, sqlite_store: Store) -> None:
    async with running(api, sqlite_store, Parrot(sqlite_store)):
        api.script(42, flood(1))
        started = asyncio.get_running_loop().time()
        await ask(api, 42, "/list")
        assert asyncio.get_running_loop().time() - started >= 1
    assert len(api.texts(42)) == 1


async def test_answer_that_may_have_arrived_is_not_sent_again(api: BotApi, sqlite_store: Store) -> None:
    api.script(42, Answer(502, body=b"<html>", accept=True))
    async with running(api, sqlite_store, Parrot(sqlite_store)):
        await ask(api, 42, "/list 1")
        await ask(api, 42, "/list 2")
    assert [text[-1] for text in api.texts(42)] == ["1", "2"]


async def test_answer_to_somebody_who_is_gone_ends_nothing(api: BotApi, sqlite_store: Store) -> None:
    api.script(42, BLOCKED)
    async with running(api, sqlite_store, Parrot(sqlite_store)):
        await api.say(42, "/list 1")
        await ask(api, 43, "/list 2")
        await all_done(sqlite_store)
    assert api.texts(42) == []


# ── posted ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def posting(store: Store) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    """A web process that answers nobody: it only stores what is posted."""
    application = web.Application(client_max_size=1024)
    application.add_routes([webhook(store, secret_of(TOKEN), lambda: None)])
    async with TestClient(TestServer(application)) as client:
        yield client


HEADERS = {SECRET: secret_of(TOKEN)}


async def test_posted_update_is_answered_by_whichever_process_runs_the_bot(
    api: BotApi, store: Store, posting: TestClient[web.Request, web.Application]
) -> None:
    update = api.people.message(42, "/list posted")
    for _ in range(2):  # Telegram repeats what it is not sure of
        assert (await posting.post(PATH, json=update, headers=HEADERS)).status == 200
    async with running(api, store, Parrot(store), polls=False):
        await until(lambda: api.texts(42))
        assert (await posting.post(PATH, json=update, headers=HEADERS)).status == 200
        await all_done(store)
    assert api.texts(42) == ["Reader may: list posted"]
    assert "getUpdates" not in [method for method, _ in api.calls]


@pytest.mark.parametrize("headers", [{}, {SECRET: "wrong"}, {SECRET: ""}, {SECRET: "ü"}])
async def test_whoever_does_not_know_the_secret_is_turned_away(
    sqlite_store: Store, headers: dict[str, str], api: BotApi
) -> None:
    application = web.Application()
    application.add_routes([webhook(sqlite_store, secret_of(TOKEN), lambda: None)])
    async with TestClient(TestServer(application)) as client:
        answer = await client.post(PATH, json=api.people.message(42, "/list"), headers=headers)
    assert answer.status == 401
    assert await kept(sqlite_store) == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"null", 400),
        (b'{"update_id": "x"}', 400),
        (b'{"update_id": -1}', 400),
        (b'{"update_id": 1e99}', 400),
        (b"[" * 100_000, 400),
        (b'{"update_id": 8, "message": ' + b"[" * 700 + b'"\\u0000"' + b"]" * 700 + b"}", 400),
        (b'{"update_id": 9, "message": ' + b'{"a": ' * 60 + b"1" + b"}" * 60 + b"}", 200),
        (b" " * (BODY_LIMIT + 1), 413),
        (b'{"update_id": 7, "message": "' + b"x" * 300_000 + b'\\u0000"}', 200),
    ],
    ids=lambda value: str(value)[:24],
)
async def test_what_is_no_update_is_refused(
    posting: TestClient[web.Request, web.Application], body: bytes, status: int
) -> None:
    assert (await posting.post(PATH, data=body, headers=HEADERS)).status == status


async def test_while_the_database_is_away_telegram_is_told_to_come_again(
    sqlite_store: Store, api: BotApi, tmp_path: Path
) -> None:
    application = web.Application()
    application.add_routes([webhook(sqlite_store, secret_of(TOKEN), lambda: None)])
    async with sqlite_store.transaction() as tx:
        await (await tx.connection()).exec_driver_sql("ALTER TABLE inbound_update RENAME TO away")
    async with TestClient(TestServer(application)) as client:
        update = api.people.message(42, "/list")
        answer = await client.post(PATH, json=update, headers=HEADERS)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        async with sqlite_store.transaction() as tx:
            await (await tx.connection()).exec_driver_sql("ALTER TABLE away RENAME TO inbound_update")
        assert (await client.post(PATH, json=update, headers=HEADERS)).status == 200


def test_secret_is_one_that_telegram_takes_and_differs_by_bot() -> None:
    assert secret_of(TOKEN).isalnum() and len(secret_of(TOKEN)) == 64
    assert secret_of(TOKEN) != secret_of("1:other")


# ── kept ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_open_updates_are_taken_in_the_order_of_their_numbers(store: Store) -> None:
    async with store.transaction() as tx:
        now = await tx.now()
        await inbound.keep(tx, "telegram", [(9, {"n": 9}), (100, {"n": 100}), (10, {"n": 10})], now)
        await inbound.keep(tx, "discord", [(1, {})], now)
    async with store.transaction() as tx:
        await inbound.done(tx, "telegram", 10, await tx.now())
    async with store.reading() as tx:
        found = await inbound.waiting(tx, "telegram", await tx.now(), limit=10)
        assert [(each.number, each.body) for each in found] == [(9, {"n": 9}), (100, {"n": 100})]
        [left] = await inbound.waiting(tx, "telegram", await tx.now(), limit=1, besides={9})
        assert left.number == 100


async def test_updates_are_given_up_after_a_day_and_forgotten_after_two(store: Store) -> None:
    async with store.transaction() as tx:
        now = await tx.now()
        await inbound.keep(tx, "telegram", [(1, {})], now - timedelta(hours=49))
        await inbound.keep(tx, "telegram", [(2, {})], now - timedelta(hours=25))
        await inbound.keep(tx, "telegram", [(3, {})], now - timedelta(hours=23))
    async with store.transaction() as tx:
        assert [each.number for each in await inbound.waiting(tx, "telegram", now, limit=9)] == [3]
        assert (await retention.forget(tx, now)).inbound_updates == 1
    assert [str(row["update_id"]).lstrip("0") for row in await kept(store)] == ["2", "3"]
