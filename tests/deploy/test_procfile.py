"""The Procfile's own commands, on two hosts and one PostgreSQL: many processes do the work of one, once."""

import asyncio
import json
import signal
import time
from collections import Counter
from pathlib import Path

import aiohttp
import pytest
from sqlalchemy import select, text

from paperlark.store import accounts, sources
from paperlark.store.database import Store, open_store
from paperlark.store.tables import DELIVERY
from paperlark.testing.bot_api import TOKEN, BotApi
from paperlark.web.access import SCOPES
from tests.builders import Reader, matches, reader, record, told
from tests.databases import Fresh
from tests.deploy.hosts import Host, host, until

LEASE = 5  # seconds
COVERED = 4 * LEASE  # for what a killed worker held: two leases, and as long again on a machine that runs a suite


def variables(url: str, api: BotApi, home: Path) -> dict[str, str]:
    """What an operator would set. The database is named as a platform names it."""
    return {
        "HOME": str(home),
        "DATABASE_URL": url.replace("postgresql+psycopg", "postgres"),
        "PAPERLARK_TELEGRAM_TOKEN": TOKEN,
        "PAPERLARK_TELEGRAM_API": api.url,
        "PAPERLARK_LEASE_SECONDS": str(LEASE),
    }


async def emptied(url: str) -> None:
    """A database as a platform hands it over: without tables."""
    store = await open_store(url)
    async with store.transaction() as tx:
        await tx.execute(text("DROP SCHEMA public CASCADE"))
        await tx.execute(text("CREATE SCHEMA public"))
    await store.close()


async def furnished(url: str, file: Path) -> Store:
    """The store after the release: no source asks the network, and one reads a file."""
    store = await open_store(url)
    append(file, "2603.00090", "What was there before")
    async with store.transaction() as tx:
        now = await tx.now()
        await sources.add(tx, "hf_daily", "hf_daily", {}, now)
        await sources.pause(tx, "hf_daily", "not in a test")
        await sources.add(tx, "wasps", "jsonl", {"path": str(file)}, now)
    return store


def append(file: Path, number: str, title: str) -> None:
    """One more paper in the file of a source."""
    with file.open("a", encoding="utf-8") as stream:
        print(json.dumps({"id": number, "title": title, "abstract": "Some were seen."}), file=stream)


async def polled(store: Store) -> None:
    """Return when the source that reads a file has been polled."""
    while True:
        async with store.reading() as tx:
            found = await sources.get(tx, "wasps")
        assert found.failures == 0, found.last_error
        if found.good_at is not None:
            return
        await asyncio.sleep(0.1)


async def due(store: Store) -> None:
    """Let the source that reads a file be polled once more."""
    async with store.transaction() as tx:
        await tx.execute(text("UPDATE source SET next_poll_at = now() WHERE name = 'wasps'"))


async def changed(store: Store, follows: Reader, query: str, on: Host) -> None:
    """A reader changes their profile, through the web of one host."""
    async with store.transaction() as tx:
        token = await accounts.new_token(
            tx, follows.account_id, name="test", scopes=list(SCOPES), now=await tx.now(), expires_at=None
        )
    address = f"http://127.0.0.1:{on.port}/api/v1/profiles/{follows.profile.id}"
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session,
        session.patch(address, json={"text": query}) as answer,
    ):
        assert answer.status == 200, await answer.text()


async def matched(store: Store, follows: Reader, version: int, began: float) -> float:
    """Seconds from `began` until a paper has met a version of somebody's profile."""
    wanted = (follows.profile.id, version)
    while wanted not in [(match["profile_id"], match["version"]) for match in await matches(store)]:
        assert time.monotonic() - began < 60
        await asyncio.sleep(0.05)
    return time.monotonic() - began


async def noted(store: Store) -> None:
    """Return when of everything that was sent it is known that it was."""
    while True:
        async with store.reading() as tx:
            states = (await tx.execute(select(DELIVERY.c.state).distinct())).scalars().all()
        if set(states) == {"sent"}:
            return
        await asyncio.sleep(0.05)


def told_to(api: BotApi, follows: Reader) -> int:
    return Counter(message.chat for message in api.seen)[follows.address]


@pytest.mark.timeout(240)
async def test_two_webs_and_two_workers_tell_everybody_once_and_cover_for_one_another(
    postgres: Fresh, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = postgres()
    await emptied(url)
    async with BotApi() as api:
        given = variables(url, api, tmp_path)
        with host(given, tmp_path, release=1) as first, host(given, tmp_path, release=1) as second:
            await asyncio.gather(first.gone(), second.gone())
            for release in (first, second):  # two at once: one of them waits, and finds that it is done
                assert release.statuses() == {"release.1": 0}, release.said
        store = await furnished(url, tmp_path / "wasps.jsonl")
        with host(given, tmp_path, web=1, worker=1) as one, host(given, tmp_path, web=1, worker=1) as two:
            await one.ready(times=2)
            await two.ready(times=2)

            follows = [await reader(store, "larks", str(n), channel="telegram") for n in range(1, 9)]
            await record(store, told("Larks at dawn", arxiv="2603.00001"))
            await until(lambda: len(api.seen) >= len(follows), 30, one, two)

            follower = await reader(store, "figs", "11", channel="telegram")
            for version, query in enumerate(("wasps", "bees", "ants"), 2):  # a busy machine has three tries
                began = time.monotonic()
                await changed(store, follower, query, two)
                await record(store, told(f"Of {query} at noon", arxiv=f"2603.0010{version}"))
                met = await matched(store, follower, version, began)
                if met < 5:
                    break
            assert met < 5, "whichever worker it was, its index knew"
            await until(lambda: told_to(api, follower) >= 1, 30, one, two)

            await polled(store)
            watcher = await reader(store, "gall", "12", channel="telegram")
            append(tmp_path / "wasps.jsonl", "2603.00003", "On gall")
            await due(store)
            await until(lambda: told_to(api, watcher) == 1, 30, one, two)

            await noted(store)  # what is killed in flight is told twice
            one.kill("worker")
            died = time.monotonic()
            covered = await reader(store, "swifts", "13", channel="telegram")
            await record(store, told("Swifts at dusk", arxiv="2603.00004"))
            await until(lambda: told_to(api, covered) == 1, COVERED, one, two)
            covered_after = time.monotonic() - died
            await one.gone()  # honcho ends a host's other processes
            assert one.statuses()["worker.1"] == -signal.SIGKILL and one.statuses()["web.1"] == 0

            await changed(store, follower, "finches", two)
            await record(store, told("Finches at night", arxiv="2603.00005"))
            await matched(store, follower, version + 1, time.monotonic())
            gone = await two.stopped()
            assert gone < 20
            assert two.statuses() == {"web.1": 0, "worker.1": 0}, two.said
        assert {follows.address: 1 for follows in [*follows, watcher, covered]}.items() <= Counter(
            message.chat for message in api.seen
        ).items(), "nothing lost, nothing twice"
        assert "Traceback" not in one.said + two.said
        await store.close()
    with capsys.disabled():
        print(f"\na profile changed through a web was met after {met:.1f} s")
        print(f"what a killed worker left was told after {covered_after:.1f} s; its lease was {LEASE} s")
        print(f"a host told to stop was gone after {gone:.1f} s")


async def test_a_web_that_is_alone_does_the_work_of_a_worker_too(sqlite: Fresh, tmp_path: Path) -> None:
    url = sqlite()
    store = await furnished(url, tmp_path / "wasps.jsonl")
    async with BotApi() as api:
        given = variables(url, api, tmp_path) | {"PAPERLARK_ONE_PROCESS": "on"}
        given |= {"PAPERLARK_LOG_LEVEL": "debug", "PAPERLARK_LOG_FORMAT": "json"}
        with host(given, tmp_path, web=1) as dyno:
            await dyno.ready(times=1)
            follower = await reader(store, "larks", "1", channel="telegram")
            await record(store, told("Larks at dawn", arxiv="2603.00001"))
            await until(lambda: told_to(api, follower) == 1, 30, dyno)
            assert await dyno.stopped() < 20
            assert dyno.statuses() == {"web.1": 0}, dyno.said
    await store.close()
