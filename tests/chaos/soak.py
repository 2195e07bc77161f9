"""`make soak`: an hour of everything at once, and whether anything grows. `ARGS=20`: so many minutes;
`ARGS="20 sqlite"`: on SQLite, in place of PostgreSQL.

One `paperlark run` polls feeds, percolates, tells readers through a Bot API in this process, answers what they say
there, and serves pages and the API to somebody who asks without end. In an hour it hears of as many papers as arXiv
announces in a day. Every second its memory, its descriptors and its tasks are noted, every ten the database's
connections. What it does it does in waves, so of each minute the least counts: what is never let go of raises that.
Past the first third a line is fitted through each, with the slope that is the middle one of all that two minutes have
between them (Theil 1950, Sen 1968): what is free is given back once a minute, and whether a note falls into that moment
is chance. The last line is `soak MINUTES memory N descriptors N tasks N
connections N good`, growth an hour (MiB; numbers).
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Coroutine, Sequence
from contextlib import ExitStack, suppress
from dataclasses import astuple, dataclass, fields
from itertools import combinations
from pathlib import Path
from statistics import mean, median
from typing import Any

import aiohttp
import psycopg
from sqlalchemy import update

from paperlark.cli import edge
from paperlark.store import sources
from paperlark.store.database import Store, open_store
from paperlark.store.shelf import CAPACITY
from paperlark.store.tables import SOURCE
from paperlark.testing.bot_api import BotApi
from tests.bench.polling import far_side
from tests.chaos import flow, nameless
from tests.chaos.world import ROOT, Server, environment
from tests.databases import migrated
from tests.loglines import faults_in

MINUTES = 60.0
NOTED = 1.0  # seconds between two notes of what the process holds
EVERY = 10.0  # seconds between samples: the least of some notes
MINUTE = 6  # samples
WARM = 1 / 3  # of the whole, which is not judged
RATE = 0.5  # papers a second
READERS = 400
# What is remembered of papers has bounds: the newest 20,000 for searches, the postings of 4,096 that have left them,
# 5,000 as rows, 2,000 as pages show them, 1,024 as messages do. They are met within the warm-up, or they would look
# like growth.
ARCHIVE, AHEAD = CAPACITY + 2_000, 6_000  # papers of before, and papers that are told at the beginning
FEEDS = 60  # each polled once a minute
ASKS = 4.0  # requests a second
GROWTH = 1.0  # MiB an hour, below which memory is flat
FLAT = 2.0  # descriptors, tasks, connections an hour
LOOK_BACK = 600.0  # seconds that it may take
LINES = 20  # of the log that are shown, the last
LOOKED_BACK = 6_000  # papers that a program reads through at the beginning, and pages show
PATHS = ("/", "/api/v1/papers", "/api/v1/papers?q=lark*", "/api/v1/trending", "/status", "/healthz")


class TooBusyError(Exception):
    """The machine does so much else that nothing can be said of memory: what is remembered is not even there yet."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What a process held at a moment (seconds since the first). memory: MiB resident."""

    at: float
    memory: float
    descriptors: int
    tasks: int
    connections: int


@dataclass(frozen=True, slots=True)
class Growth:
    """What a line through the samples rises by in an hour."""

    memory: float
    descriptors: float
    tasks: float
    connections: float

    @property
    def good(self) -> bool:
        """Nothing grows."""
        return self.memory < GROWTH and max(self.descriptors, self.tasks, self.connections) < FLAT


def least(samples: Sequence[Sample]) -> Sample:
    """The least of each, at the time of the first."""
    columns = list(zip(*map(astuple, samples), strict=True))
    return Sample(*map(min, columns))


def growth(samples: Sequence[Sample]) -> Growth:
    """The line through the least of each minute after the warm-up. Pure. Raises ValueError for fewer than three."""
    minutes = [least(samples[start : start + MINUTE]) for start in range(0, len(samples), MINUTE)]
    kept = minutes[int(len(minutes) * WARM) :]
    if len(kept) < 3:
        raise ValueError("too few minutes for a line")
    hours = [sample.at / 3600 for sample in kept]
    columns = list(zip(*(astuple(sample) for sample in kept), strict=True))[1:]
    return Growth(*(_slope(hours, column) for column in columns))


def _slope(hours: Sequence[float], column: Sequence[float]) -> float:
    points = combinations(zip(hours, column, strict=True), 2)
    return median((high - low) / (later - sooner) for (sooner, low), (later, high) in points)


# ── in the process that is watched ─────────────────────────────────────────────────────────────────────────────────


def watched(known: Path, samples: Path) -> None:
    """The command line, with a task beside it that notes what its process holds."""
    run = edge.run

    def beside(steps: Coroutine[Any, Any, Any]) -> Any:
        async def both() -> Any:
            noting = asyncio.create_task(_note(samples))
            try:
                return await steps
            finally:
                noting.cancel()

        return run(both())

    edge.run = beside
    nameless.main(known)


async def _note(samples: Path) -> None:
    while True:
        await asyncio.sleep(NOTED)
        _write(samples, tasks=len(asyncio.all_tasks()))


def _write(samples: Path, *, tasks: int) -> None:
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    descriptors = sum(1 for _ in Path("/proc/self/fd").iterdir())
    with samples.open("a") as stream:
        print(json.dumps({"memory": resident / 2**20, "descriptors": descriptors, "tasks": tasks}), file=stream)


# ── in the process that watches ────────────────────────────────────────────────────────────────────────────────────


async def soak(minutes: float, database: str, folder: Path) -> list[Sample]:
    """Everything at once for so many minutes. Returns the samples."""
    with ExitStack() as stack:
        server: Server | None = None
        url = f"sqlite+aiosqlite:///{folder / 'papers.sqlite3'}"
        if database == "postgres":
            place = Path(tempfile.mkdtemp(prefix="paperlark-soak-"))
            server = Server(place)
            await asyncio.to_thread(server.create)
            stack.callback(server.remove)
            url = await asyncio.to_thread(server.make, "soaked")
        await migrated(url)
        await flow.furnish(url, READERS)
        port = stack.enter_context(far_side())
        store = await open_store(url)
        try:
            await _configure(store, port, papers=int(RATE * 60 * minutes) + 100)
            async with BotApi() as api:
                return await _watch(store, api, server, minutes, folder, url)
        finally:
            await store.close()


async def _configure(store: Store, port: int, papers: int) -> None:
    await flow.archive(store, ARCHIVE)
    await flow.begin(store, rate=RATE, papers=AHEAD + papers, readers=READERS, ahead=AHEAD)
    async with store.transaction() as tx:
        for number in range(FEEDS):
            address = f"http://f{number}.feeds.test:{port}/feed"
            await sources.add(tx, f"feed{number:03}", "rss", {"url": address}, await tx.now())


async def _watch(
    store: Store, api: BotApi, server: Server | None, minutes: float, folder: Path, url: str
) -> list[Sample]:
    names, noted, log = folder / "names", folder / "samples", folder / "run.log"
    names.touch()
    noted.touch()
    there = environment(url, folder, api=api.port, allow_private_addresses="true", api_requests_a_minute="0")
    command = [sys.executable, "-m", "tests.chaos.soak", "--watched", str(names), str(noted), "run", "--port", "0"]
    with log.open("wb") as stream:
        process = await asyncio.create_subprocess_exec(
            *command, "--json", env=there, cwd=ROOT, stdout=subprocess.PIPE, stderr=stream
        )
        try:
            assert process.stdout is not None
            page = json.loads(await asyncio.wait_for(process.stdout.readline(), 60))["page"]
            samples, beside = await _sampled(store, api, server, minutes, noted, page.rstrip("/"))
        finally:
            with suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
    said = log.read_text(errors="replace")
    lines = said.splitlines()
    print(f"{beside}; {len(api.seen)} messages; log: {len(lines)} lines", *lines[-LINES:], sep="\n")
    assert (faults := faults_in(said)) == [], "\n".join(faults)
    return samples


async def _sampled(
    store: Store, api: BotApi, server: Server | None, minutes: float, noted: Path, page: str
) -> tuple[list[Sample], str]:
    awake, samples, asked, read = 0.0, list[Sample](), [0, 0], 0
    traffic = [asyncio.create_task(each) for each in (_ask(page, asked), _talk(api), _hurry(store))]
    try:
        while awake < 60 * minutes:
            await asyncio.sleep(EVERY)
            awake += EVERY  # a machine that is stopped for a while stops all of us
            for task in traffic:
                if task.done():
                    task.result()
            notes = (await asyncio.to_thread(noted.read_text)).splitlines()
            fresh, read = [json.loads(each) for each in notes[read:]], len(notes)
            if not fresh:
                continue
            try:
                connections = await asyncio.to_thread(_connections, server)
            except psycopg.Error:
                continue  # a machine that does much else
            held = {name: min(each[name] for each in fresh) for name in ("memory", "descriptors", "tasks")}
            samples.append(Sample(awake, **held, connections=connections))
    finally:
        for task in traffic:
            task.cancel()
        await asyncio.gather(*traffic, return_exceptions=True)
    return samples, f"{asked[0]} requests, {asked[1]} of them not well"


def _connections(server: Server | None) -> int:
    if server is None:
        return 0  # of a SQLite file they are descriptors
    ours = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'soaked'"
    return int(server.say(ours)[0][0])


async def _ask(page: str, asked: list[int]) -> None:
    """Somebody looks at pages, and a program asks the API."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        began = time.monotonic()
        try:
            await asyncio.wait_for(_look_back(session, page), LOOK_BACK)
        except TimeoutError:
            raise TooBusyError(f"a look at {LOOKED_BACK:,} papers took more than {LOOK_BACK:g} s") from None
        print(f"looked back in {time.monotonic() - began:.0f} s", flush=True)
        while True:
            for path in PATHS:
                asked[0] += 1
                try:
                    async with session.get(page + path) as response:
                        await response.read()
                        asked[1] += response.status >= 400
                except (TimeoutError, aiohttp.ClientError):
                    asked[1] += 1
                await asyncio.sleep(1 / ASKS)


async def _look_back(session: aiohttp.ClientSession, page: str) -> None:
    """Have as many papers shown as are remembered."""
    cursor, seen = "", 0
    while seen < LOOKED_BACK:
        async with session.get(f"{page}/api/v1/papers", params={"limit": "100", "cursor": cursor}) as response:
            told = await response.json()
        seen += len(told["data"])
        cursor = told["next"]
        for path in (f"/papers/{paper['id']}" for paper in told["data"][:10]):
            async with session.get(page + path) as response:
                await response.read()
    async with session.get(f"{page}/api/v1/papers") as response:
        day = (await response.json())["data"][0]["announced_at"][:10]
    for number in range(1, LOOKED_BACK // 40):
        async with session.get(page, params={"day": day, "page": str(number)}) as response:
            await response.read()
        async with session.get(f"{page}/api/v1/days/{day}", params={"limit": "100"}) as response:
            await response.read()


async def _talk(api: BotApi) -> None:
    """Readers ask their bot."""
    number = 0
    while True:
        number += 1
        await api.say(flow.chat_of(number % READERS), "/list")
        await asyncio.sleep(3)


async def _hurry(store: Store) -> None:
    """Feeds are due every minute, where they would be every hour, and the flow where a poll of it has ended."""
    while True:
        await asyncio.sleep(60)
        async with store.transaction() as tx:
            idle = update(SOURCE).where(SOURCE.c.paused_reason.is_(None), SOURCE.c.lease_token.is_(None))
            await tx.execute(idle.values(next_poll_at=await tx.now()))


def main(arguments: list[str]) -> int:
    """Soak, print the table and the verdict. Exit status 1 where something grows, 2 for what cannot be."""
    minutes, database = MINUTES, "postgres"
    for argument in arguments:
        if argument in ("sqlite", "postgres"):
            database = argument
        elif argument.replace(".", "", 1).isdecimal():
            minutes = float(argument)
        else:
            print('usage: make soak ARGS="[MINUTES] [sqlite|postgres]"', file=sys.stderr)
            return 2
    with tempfile.TemporaryDirectory() as folder:
        try:
            samples = asyncio.run(soak(minutes, database, Path(folder)))
        except TooBusyError as reason:
            print(f"{reason}: does the machine do much else?", file=sys.stderr)
            return 1
    print(f"{'minutes':>8} {'MiB':>8} {'descriptors':>12} {'tasks':>6} {'connections':>12}")
    step = max(1, len(samples) // 12)
    for start in range(0, len(samples), step):
        several = samples[start : start + step]
        at, memory, *others = (mean(column) for column in zip(*map(astuple, several), strict=True))
        print(f"{at / 60:8.1f} {memory:8.2f} {others[0]:12.1f} {others[1]:6.1f} {others[2]:12.1f}")
    found = growth(samples)
    rises = " ".join(f"{field.name} {getattr(found, field.name):.2f}" for field in fields(found))
    print(f"soak {minutes:g} {database} {rises} {'good' if found.good else 'not good'}")
    return 0 if found.good else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--watched"]:
        _, _, names_file, samples_file, *rest = sys.argv
        sys.argv[1:] = rest
        watched(Path(names_file), Path(samples_file))
    else:
        sys.exit(main(sys.argv[1:]))
