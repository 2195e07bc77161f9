"""The Procfile's own commands, on two hosts and one PostgreSQL: many processes do the work of one, once, and cover for
one another. For the suite, and for `make chaos ARGS=hosts`."""

import asyncio
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from sqlalchemy import select, text

from paperlark.store import accounts, sources
from paperlark.store.database import Store, open_store
from paperlark.store.tables import ANNOUNCEMENT, DELIVERY, PAPER
from paperlark.testing.bot_answers import Answer
from paperlark.testing.bot_api import TOKEN, BotApi
from paperlark.web.access import SCOPES
from tests.builders import Reader, matches, reader, record, told
from tests.deploy import taken
from tests.deploy.hosts import Host, host, until

LEASE = 7  # seconds; sources are looked at every five
COVERED = 2 * LEASE  # for what a killed worker held
MET = 5  # seconds until each worker's index has met a change
STOPPED = 20  # seconds from being told to stop until a host is gone


@dataclass(frozen=True, slots=True)
class Noticed:
    """Seconds. met: from a profile's change through a web until both workers' indexes have met it; covered: from a
    worker's death until all that it held is done; gone: from being told to stop until the last host has."""

    met: float
    covered: float
    gone: float

    @property
    def said(self) -> tuple[str, ...]:
        """A line each."""
        return (
            f"a profile changed through a web was met by both workers after {self.met:.1f} s",
            f"what a killed worker held was done after {self.covered:.1f} s; its lease was {LEASE} s",
            f"hosts told to stop were gone after {self.gone:.1f} s",
        )


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


async def noted(store: Store, *follows: Reader) -> None:
    """Return when of everything that was sent to these it is known that it was."""
    wanted = select(DELIVERY.c.state).where(DELIVERY.c.account_id.in_([each.account_id for each in follows]))
    while True:
        async with store.reading() as tx:
            states = (await tx.execute(wanted.distinct())).scalars().all()
        if set(states) == {"sent"}:
            return
        await asyncio.sleep(0.05)


def told_to(api: BotApi, follows: Reader) -> int:
    return Counter(message.chat for message in api.seen)[follows.address]


async def changed_and_found(store: Store, follows: Reader, query: str, version: int, on: Host, number: int) -> float:
    """A profile changes, and papers keep coming. Returns seconds until each worker's own index has found one."""
    began = time.monotonic()
    await changed(store, follows, query, on)
    while await taken.found_by(store, follows, version) != {"one", "two"}:
        assert time.monotonic() - began < 30
        await record(store, told(f"Of {query} at noon, part {number}", arxiv=f"2603.{number:05}"))
        number += 1
        await asyncio.sleep(0.1)
    return time.monotonic() - began


async def frozen(store: Store, name: str, which: Host) -> None:
    """A host's worker stands still, and keeps nobody from the database."""
    while True:
        which.freeze("worker")
        if not await taken.is_busy(store, name):
            return
        which.thaw("worker")
        await asyncio.sleep(0.1)


async def holds(store: Store, name: str, *wanted: str, on: Host) -> None:
    """Return when a host holds all of this."""
    began = time.monotonic()
    while not set(wanted) <= (await taken.held(store)).get(name, set()):
        assert time.monotonic() - began < 30, f"{await taken.held(store)}\n{on.said}"
        await asyncio.sleep(0.05)


async def polled_well(store: Store, name: str) -> bool:
    """Whether a source was polled, and is well."""
    async with store.reading() as tx:
        return (await sources.get(tx, name)).good_at is not None


async def percolated(store: Store, title: str) -> bool:
    """Whether a paper's announcement is percolated."""
    wanted = (
        select(ANNOUNCEMENT.c.percolated_at)
        .join(PAPER, PAPER.c.id == ANNOUNCEMENT.c.paper_id)
        .where(PAPER.c.title == title)
    )
    async with store.reading() as tx:
        return (await tx.execute(wanted)).scalar_one() is not None


async def covers(*wanted: Callable[[], Awaitable[bool]], died: float, on: Host) -> float:
    """Seconds from a death until what was held is done, each part in time."""
    for done in wanted:
        while not await done():
            assert time.monotonic() - died < COVERED, f"not in time: {wanted.index(done)}\n{on.said}"
            await asyncio.sleep(0.05)
    return time.monotonic() - died


async def answers(on: Host) -> bool:
    """Whether a host's web does, within a second."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(1)) as session,
            session.get(f"http://127.0.0.1:{on.port}/readyz") as answer,
        ):
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


async def two_hosts(url: str, folder: Path) -> Noticed:
    """Two webs and two workers, begun by the Procfile: changes, papers, and deaths. The database is emptied first.
    Raises AssertionError where anything is lost, told twice, or late."""
    await emptied(url)
    async with BotApi() as api:
        given = {name: variables(taken.named(url, name), api, folder) for name in ("one", "two")}
        with host(given["one"], folder, release=1) as first, host(given["two"], folder, release=1) as second:
            await asyncio.gather(first.gone(), second.gone())
            for release in (first, second):  # two at once: one of them waits, and finds that it is done
                assert release.statuses() == {"release.1": 0}, release.said
        store = await furnished(url, folder / "wasps.jsonl")
        await taken.note_from_now(store)
        with ExitStack() as stack:

            def begun(name: str) -> Host:
                return stack.enter_context(host(given[name], folder, web=1, worker=1))

            hosts = {name: begun(name) for name in given}
            both = tuple(hosts.values())
            for each in both:
                await each.ready(times=2)

            follows = [await reader(store, "larks", str(n), channel="telegram") for n in range(1, 9)]
            await record(store, told("Larks at dawn", arxiv="2603.00001"))
            await until(lambda: len(api.seen) >= len(follows), 30, *both)

            follower = await reader(store, "figs", "11", channel="telegram")
            for version, query in enumerate(("wasps", "bees", "ants"), 2):  # a busy machine has three tries
                met = await changed_and_found(store, follower, query, version, hosts["two"], 1000 * version)
                if met < MET:
                    break
            assert met < MET, "each worker's index knew"
            await until(lambda: told_to(api, follower) >= 1, 30, *both)

            await polled(store)
            watcher = await reader(store, "gall", "12", channel="telegram")
            append(folder / "wasps.jsonl", "2603.00003", "On gall")
            await due(store)
            await until(lambda: told_to(api, watcher) == 1, 30, *both)
            await noted(store, *follows, watcher)  # what is killed in flight is told twice

            # A worker is killed while it sends, polls and percolates.
            api.always["13"] = Answer(hang=True)
            covered = await reader(store, "swifts", "13", channel="telegram")
            await record(store, told("Swifts at dusk", arxiv="2603.00004"))
            await until(lambda: any(fields.get("chat_id") in (13, "13") for _, fields in api.calls), 30, *both)
            (name,) = [each for each, what in (await taken.held(store)).items() if "lane" in what]
            (other,) = {*hosts} - {name}
            victim, heir = hosts[name], hosts[other]
            await frozen(store, other, heir)
            nest = folder / "nest.jsonl"
            os.mkfifo(nest)  # who opens it waits
            async with store.transaction() as tx:
                await sources.add(tx, "nest", "jsonl", {"path": str(nest)}, await tx.now())
            await holds(store, name, "poll", on=victim)
            night = f"Of {query} at night"
            async with taken.no_match_written(store):
                await record(store, told(night, arxiv="2603.00005"))
                await holds(store, name, "lane", "poll", "batch", "delivery", on=victim)
                victim.kill("worker")
                died = time.monotonic()
            heir.thaw("worker")
            del api.always["13"]
            nest.unlink()
            append(nest, "2603.00006", "A nest")
            assert told_to(api, covered) == 0
            covered_after = await covers(
                lambda: polled_well(store, "nest"), lambda: percolated(store, night), died=died, on=heir
            )
            if told_to(api, covered) == 0:
                await until(lambda: told_to(api, covered) == 1, died + COVERED - time.monotonic(), heir)
                covered_after = time.monotonic() - died
            await victim.gone()  # honcho ends a host's other processes
            assert victim.statuses()["worker.1"] == -signal.SIGKILL and victim.statuses()["web.1"] == 0
            assert await answers(heir)

            # Its host comes back, and a web is killed on the other.
            again = begun(name)
            await again.ready(times=2)
            await noted(store, covered)
            assert await answers(again)
            heir.kill("web")
            gone_with_it = asyncio.create_task(heir.gone())
            while not gone_with_it.done():
                assert await answers(again), "the other web goes on"
                await asyncio.sleep(0.05)
            assert heir.statuses() == {"web.1": -signal.SIGKILL, "worker.1": 0}, heir.said
            await changed(store, follower, "finches", again)
            await record(store, told("Finches at night", arxiv="2603.00007"))
            await matched(store, follower, version + 1, time.monotonic())

            back = begun(other)
            await back.ready(times=2)
            await changed(store, follower, "owls", back)
            await record(store, told("Owls at night", arxiv="2603.00008"))
            await matched(store, follower, version + 2, time.monotonic())
            gone = max(await asyncio.gather(again.stopped(), back.stopped()))
            assert gone < STOPPED
            for each in (again, back):
                assert each.statuses() == {"web.1": 0, "worker.1": 0}, each.said
            said = "".join(each.said for each in (*both, again, back))
        assert {each.address: 1 for each in [*follows, watcher, covered]}.items() <= Counter(
            message.chat for message in api.seen
        ).items(), "nothing lost, nothing twice"
        assert "Traceback" not in said
        await store.close()
    return Noticed(met, covered_after, gone)
