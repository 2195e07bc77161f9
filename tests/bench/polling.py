"""6,000 feeds polled by `paperlark worker`: how much memory it takes, and what of a core when each is polled hourly.

The feeds stand on loopback, each on a host of its own, in a process of their own. In any hour seven in ten say that
nothing changed (304), two cannot say so and give the same again, and one has news; they are as long as journals' feeds
are (quartiles of 18, 37 and 49 kB, up to 131). First every feed is read once, as fast as it goes; then all are due
again, spread over `WINDOW` seconds in place of an hour, and a service that was started anew polls them.

A poll costs the same whenever it comes, so an hour's processor time is that of the window without what the idle service
takes, and the idle service's for an hour. Both are of its two processes together: the service and its child, which
reads feeds. So is the memory, what they share (the interpreter, libraries) counted once. What `paperlark run` holds
beside it is for its pages: the newest papers and what they are about, for searches.
"""

import asyncio
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from itertools import accumulate
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any

from aiohttp import web
from sqlalchemy import func, select, update

from paperlark.store import sources
from paperlark.store.database import Store, open_store
from paperlark.store.tables import ANNOUNCEMENT, SOURCE
from tests.chaos.world import ROOT, environment
from tests.databases import migrated

FEEDS = 6_000
WINDOW = 600.0  # seconds in which every feed is polled once
IDLE = 60.0  # seconds in which nothing is due
HOUR = 3600.0
CORE, MEMORY = 0.2, 200  # what was promised: of a core, and MiB


def measure(_data: Path, tell: Callable[[str], None]) -> list[dict[str, Any]]:
    """All of it, on SQLite."""
    with tempfile.TemporaryDirectory() as folder, far_side() as port:
        found = asyncio.run(_polled(Path(folder), port, FEEDS, WINDOW, IDLE, tell))
    core, memory = found
    return [
        {"name": "polling", "ours": round(core, 3), "unit": "of a core", "beside": CORE, "what_beside": "promised",
         "ratio": round(core / CORE, 2)},
        {"name": "polling", "ours": round(memory), "unit": "MiB", "beside": MEMORY, "what_beside": "promised",
         "ratio": round(memory / MEMORY, 2)},
    ]  # fmt: skip


async def _polled(
    folder: Path, port: int, feeds: int, window: float, idle: float, tell: Callable[[str], None]
) -> tuple[float, float]:
    """What an hour takes of a core, and the most MiB that were taken."""
    url = f"sqlite+aiosqlite:///{folder / 'papers.sqlite3'}"
    await migrated(url)
    store = await open_store(url)
    try:
        await _configure(store, port, feeds)
        with _running(folder, url) as process:
            async with _watching(process.pid) as took:
                await _until_polled(store, feeds, took)
                tell(f"every feed read once: {took.seconds():.0f} s of processor time; at most {took.most}")
        with _running(folder, url) as process:
            async with _watching(process.pid) as took:
                await asyncio.sleep(20)  # it reads what searches look at
                before, began = took.seconds(), took.awake
                await asyncio.sleep(idle)
                resting = (took.seconds() - before) / (took.awake - began)
                polls = await _due_again(store, window)
                before, began = took.seconds(), took.awake
                await _until_polled(store, polls, took)
                busy, lasted, most = took.seconds() - before, took.awake - began, took.most
        async with store.reading() as tx:
            papers = (await tx.execute(select(func.count()).select_from(ANNOUNCEMENT))).scalar_one()
            failed = (await tx.execute(select(func.count()).where(SOURCE.c.failures > 0))).scalar_one()
    finally:
        await store.close()
    own = max(0.0, busy - resting * lasted)
    tell(
        f"{polls:,} polls in {lasted:.0f} s: {busy:.0f} s of processor time, {own / polls * 1000:.1f} ms a poll; "
        f"the idle service {resting:.3f} of a core; {papers:,} announcements, {failed} feeds failed; at most {most}"
    )
    return (own / polls * feeds + resting * HOUR) / HOUR, most.together


async def _configure(store: Store, port: int, feeds: int) -> None:
    async with store.transaction() as tx:
        now = await tx.now()
        for number in range(feeds):
            address = f"http://f{number}.feeds.test:{port}/feed"
            await sources.add(tx, f"feed{number:05}", "rss", {"url": address}, now)
        await sources.add(tx, "hf_daily", "hf_daily", {}, now)
        await sources.pause(tx, "hf_daily", "not here")


async def _due_again(store: Store, window: float) -> int:
    """Every feed is due once more, each at its own moment of the window. Returns how many."""
    dice = Random(7)
    async with store.transaction() as tx:
        now = await tx.now()
        names = [row.name for row in await tx.execute(select(SOURCE.c.name).where(SOURCE.c.kind == "rss"))]
        for name in names:
            due = now + timedelta(seconds=dice.random() * window)
            await tx.execute(update(SOURCE).where(SOURCE.c.name == name).values(next_poll_at=due, polled_at=None))
    return len(names)


async def _until_polled(store: Store, feeds: int, took: "Took") -> None:
    polled = select(func.count()).where(SOURCE.c.kind == "rss", SOURCE.c.polled_at.is_not(None))
    while True:
        async with store.reading() as tx:
            if (await tx.execute(polled)).scalar_one() >= feeds:
                return
        assert took.runs(), "the service has ended"
        await asyncio.sleep(2)


@dataclass(frozen=True, slots=True)
class Held:
    """Resident MiB. own: the service's, of which so many are pages of files. child: what the process that reads feeds
    holds without such pages, which are the same."""

    own: float = 0.0
    files: float = 0.0
    child: float = 0.0

    @property
    def together(self) -> float:
        return self.own + self.child

    def __str__(self) -> str:
        return f"{self.together:.0f} MiB ({self.own:.0f}, of which {self.files:.0f} files; child {self.child:.0f})"


class Took:
    """What a process and its children take. awake: seconds in which this process could look; a machine that is stopped
    stops both. most: the most that was resident at one time."""

    def __init__(self, process: int) -> None:
        self.awake = 0.0
        self.most = Held()
        self._process = process

    def runs(self) -> bool:
        """Is it there?"""
        return _stat(self._process)[0] not in ("Z", "")

    def seconds(self) -> float:
        """Of processor time up to now."""
        own = sum(map(int, _stat(self._process)[11:15]))  # with the children that have ended
        children = sum(int(ticks) for child in self._children() for ticks in _stat(child)[11:13])
        return (own + children) / os.sysconf("SC_CLK_TCK")

    async def watch(self) -> None:
        """Note the most memory, second by second."""
        while True:
            self.most = max(self.most, self._held(), key=lambda held: held.together)
            await asyncio.sleep(1)
            self.awake += 1

    def _held(self) -> Held:
        whole, files, _ = _mebibytes(self._process)
        return Held(whole, files, sum(_mebibytes(child)[2] for child in self._children()))

    def _children(self) -> list[int]:
        """Whichever of its threads began them."""
        found: list[int] = []
        with suppress(OSError):
            for task in Path(f"/proc/{self._process}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
        return found


def _stat(process: int) -> list[str]:
    """From its state on, see proc(5); nothing of what is gone."""
    try:
        return _proc(process, "stat").rpartition(")")[2].split()
    except OSError:
        return [""]


def _mebibytes(process: int) -> tuple[float, float, float]:
    """Resident, of which of files, and of nothing."""
    try:
        resident, files = map(int, _proc(process, "statm").split()[1:3])
    except OSError:
        return 0.0, 0.0, 0.0
    page = os.sysconf("SC_PAGE_SIZE") / 2**20
    return resident * page, files * page, (resident - files) * page


def _proc(process: int, name: str) -> str:
    return Path(f"/proc/{process}/{name}").read_text()


@asynccontextmanager
async def _watching(process: int) -> AsyncIterator[Took]:
    took = Took(process)
    watching = asyncio.create_task(took.watch())
    try:
        yield took
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


@contextmanager
def _running(folder: Path, url: str) -> Iterator["subprocess.Popen[bytes]"]:
    names = folder / "names"
    names.touch()
    there = environment(url, folder, allow_private_addresses="true", log_level="error")
    command = [sys.executable, "-m", "tests.chaos.nameless", str(names), "worker"]
    with subprocess.Popen(command, env=there, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)


# ── the far side ───────────────────────────────────────────────────────────────────────────────────────────────────

LENGTHS = (12, 18, 37, 49, 80, 131)  # kB: the least, the quartiles, and what few are longer than
WORDS = 20_000  # that there are; the hundredth comes a hundredth as often as the first (Zipf's law)
STARTS, ENDS = ("b", "c", "d", "f", "g", "gl", "l", "m", "n", "p", "ph", "r", "s", "st", "t", "tr", "v", "z"), (
    "a", "al", "an", "e", "en", "er", "i", "in", "ion", "is", "o", "on", "or", "u", "um", "y",
)  # fmt: skip


@cache
def vocabulary() -> tuple[list[str], list[float]]:
    """Words, and how often each and all before it come."""
    dice = Random(11)
    parts = [
        ["".join((dice.choice(STARTS), dice.choice(ENDS))) for _ in range(dice.randint(1, 4))] for _ in range(WORDS)
    ]
    return ["".join(each) for each in parts], list(accumulate(1 / place for place in range(1, WORDS + 1)))


def words(dice: Random, number: int) -> str:
    """So many words of a text."""
    known, often = vocabulary()
    return " ".join(dice.choices(known, cum_weights=often, k=number))


@contextmanager
def far_side() -> Iterator[int]:
    """The feeds' server, until the block ends; gives its port."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(there,), daemon=True)
    process.start()
    try:
        yield here.recv()
    finally:
        process.terminate()
        process.join(10)


def _serve(line: Connection) -> None:
    asyncio.run(_served(line))


async def _served(line: Connection) -> None:
    asked: dict[int, int] = {}

    async def answer(request: web.Request) -> web.Response:
        number = int(request.host.partition(".")[0][1:])
        visit = asked[number] = asked.get(number, -1) + 1
        edition = visit if number % 10 == 9 else 0
        tag = f'"{number}-{edition}"'
        says = number % 10 < 7
        if says and request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers={"ETag": tag})
        return web.Response(
            body=feed_of(number, edition), content_type="application/rss+xml", headers={"ETag": tag} if says else {}
        )

    application = web.Application()
    application.router.add_get("/feed", answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    line.send(runner.addresses[0][1])
    await asyncio.Event().wait()


def feed_of(number: int, edition: int) -> bytes:
    """A feed as long as its number draws; each edition has one entry more in front, and one less behind."""
    dice = Random(number)
    step = dice.random() * (len(LENGTHS) - 1)
    low = LENGTHS[int(step)]
    size = (low + (LENGTHS[int(step) + 1] - low) * (step % 1)) * 1000
    entries = max(4, int(size / 1800))
    items = "".join(_entry(number, place) for place in range(edition + entries, edition, -1))
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel>'
        f"<title>Journal {number}</title><link>http://f{number}.feeds.test/</link><description>News</description>"
        f"{items}</channel></rss>"
    ).encode()


def _entry(number: int, place: int) -> str:
    dice = Random(number * 1_000 + place)
    title = words(dice, 9)
    abstract = words(dice, 190)
    link = f"http://f{number}.feeds.test/{place}"
    return (
        f"<item><title>{title} {number} {place}</title><link>{link}</link><guid>{link}</guid>"
        f"<dc:creator>A. Writer</dc:creator><dc:identifier>doi:10.5555/{number}.{place}</dc:identifier>"
        f"<pubDate>Mon, 16 Nov 2026 08:{place % 60:02}:00 GMT</pubDate><description>{abstract}</description></item>\n"
    )
