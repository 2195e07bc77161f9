"""Faults strike a service at work: what it does before, meanwhile and after, and whether anything was lost.

`paperlark run` polls a steady flow of papers and tells readers through a Bot API that stands in this process, behind a
line that can be cut. Every paper is numbered and concerns one reader; when it was announced and when it was told is
known here, on a clock that no fault touches. A host that finds the process dead brings it back.
"""

import asyncio
import os
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from random import Random

import psycopg
from sqlalchemy import select

from paperlark.channels.text import REPEATED
from paperlark.store.database import open_store
from paperlark.store.tables import DELIVERY
from paperlark.testing.bot_api import TOKEN, BotApi
from tests.chaos import flow
from tests.chaos.world import ROOT, Clock, Disk, Line, Server, Service, clock_at, disk, now
from tests.databases import migrated

LEASE = 10.0  # seconds
RATE = 10.0  # papers a second: a third of what Telegram lets anybody send
LONGEST = 260.0  # seconds of the longest scenario
DISK = 900  # megabytes
HOUR = 3600


@dataclass(frozen=True, slots=True)
class Stretch:
    """How long everything takes, in seconds. settle: until it goes its even way. last: what held up the rest at most,
    after the last paper was announced."""

    settle: float = 8.0
    before: float = 20.0
    after: float = 40.0
    last: float = 60.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one scenario. before, during, after: papers told in a second. recovery: seconds from the end of the
    fault until all that it held up was told. marked, unmarked: second copies that say so and that do not. ended: how
    often the process ended by itself; faults: what nobody expected, from its log."""

    name: str
    database: str
    before: float
    during: float
    after: float
    recovery: float
    lost: int
    dead: int
    marked: int
    unmarked: int
    ended: int
    faults: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()

    @property
    def ratio(self) -> float:
        """After the fault, of what it was before."""
        return self.after / self.before if self.before else 0.0

    @property
    def good(self) -> bool:
        """Nothing lost, second copies only where they say so, 95 % of the pace, and all of it within two leases."""
        whole = not (self.lost or self.dead or self.unmarked or self.ended or self.faults)
        return whole and self.ratio >= 0.95 and self.recovery <= 2 * LEASE


@dataclass
class World:
    """What a fault can get at."""

    service: Service
    line: Line
    names: Path
    disk: Disk | None
    server: Server | None = None
    database: str = ""
    clock: Clock | None = None


Strike = Callable[[World], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """A scenario: what strikes, on which databases, and for how long (seconds). needs: what this machine must allow."""

    name: str
    strike: Strike
    seconds: float = 30.0
    databases: Sequence[str] = ("postgres",)
    needs: Sequence[str] = ()


# ── what strikes ───────────────────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def restarted(world: World) -> AsyncIterator[None]:
    """The server crashes, and is up again after the fault."""
    assert world.server is not None
    await asyncio.to_thread(world.server.stop)
    yield
    await asyncio.to_thread(world.server.start)


@asynccontextmanager
async def backends_killed(world: World) -> AsyncIterator[None]:
    """One of our connections is ended by the server, twice a second."""
    dice = Random(1)

    def one() -> None:
        assert world.server is not None
        wanted = f"SELECT pid FROM pg_stat_activity WHERE datname = '{world.database}'"
        backends = world.server.say(wanted)
        if backends:
            world.server.say(f"SELECT pg_terminate_backend({dice.choice(backends)[0]})")

    async def kill() -> None:
        while True:
            await asyncio.to_thread(one)
            await asyncio.sleep(0.5)

    async with _meanwhile(kill()):
        yield


@asynccontextmanager
async def pool_exhausted(world: World) -> AsyncIterator[None]:
    """Somebody takes every connection that is left, ours too: all that we had are ended once."""
    assert world.server is not None
    server = world.server
    taken: list[psycopg.AsyncConnection[object]] = []
    ours = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{world.database}'"

    async def take() -> None:
        while True:
            try:
                taken.append(await psycopg.AsyncConnection.connect(server.admin.replace("postgres@", "greedy@")))
            except psycopg.Error:
                await asyncio.sleep(0.2)

    await asyncio.to_thread(server.say, "DROP ROLE IF EXISTS greedy", "CREATE ROLE greedy LOGIN")
    async with _meanwhile(take()):
        await asyncio.sleep(2)
        await asyncio.to_thread(server.say, ours)
        yield
    for connection in taken:
        await connection.close()


@asynccontextmanager
async def disk_full(world: World) -> AsyncIterator[None]:
    """No byte is free. A server that gives up is started again when there is room, as a host does."""
    assert world.disk is not None
    await asyncio.to_thread(world.disk.fill)
    yield
    world.disk.free()
    if world.server is not None and not await asyncio.to_thread(lambda: world.server and world.server.runs):
        await asyncio.to_thread(world.server.stop)
        await asyncio.to_thread(world.server.start)


@asynccontextmanager
async def clock_stepped(world: World, *, seconds: int) -> AsyncIterator[None]:
    """The time of day of the service's machine jumps, and stays so. A SQLite file has no other; PostgreSQL has."""
    assert world.clock is not None
    world.clock.step(seconds)
    yield


@asynccontextmanager
async def platform_cut(world: World) -> AsyncIterator[None]:
    """Nobody answers where the platform was."""
    await world.line.cut()
    yield
    await world.line.open()


@asynccontextmanager
async def platform_silent(world: World) -> AsyncIterator[None]:
    """What is sent to the platform goes nowhere."""
    world.line.fall_silent()
    yield
    await world.line.open()


@asynccontextmanager
async def names_unknown(world: World) -> AsyncIterator[None]:
    """No name server answers, and connections that were open are gone."""
    world.names.unlink()
    await world.line.cut()
    await world.line.open()
    yield
    world.names.touch()


@asynccontextmanager
async def killed_again_and_again(world: World, *, every: float = 20.0) -> AsyncIterator[None]:
    """SIGKILL, again and again; a host brings the process back."""

    async def kill() -> None:
        while True:
            world.service.kill()
            await asyncio.sleep(every)

    async with _meanwhile(kill()):
        yield


@asynccontextmanager
async def _meanwhile(work: "asyncio._CoroutineLike[None]") -> AsyncIterator[None]:
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        (ended,) = await asyncio.gather(task, return_exceptions=True)
        if isinstance(ended, Exception):
            raise ended


BOTH = ("sqlite", "postgres")
FAULTS = (
    Fault("restart", restarted, 3.0),
    Fault("backends", backends_killed),
    Fault("pool", pool_exhausted),
    Fault("disk", disk_full, 20.0, BOTH, ("disk",)),
    Fault("clock+1h", partial(clock_stepped, seconds=HOUR), 10.0, BOTH, ("clock",)),
    Fault("clock-1h", partial(clock_stepped, seconds=-HOUR), 10.0, BOTH, ("clock",)),
    Fault("cut", platform_cut),
    Fault("silence", platform_silent),
    Fault("names", names_unknown),
    Fault("kills", killed_again_and_again, 120.0, BOTH),
)


# ── the scenario ───────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Watch:
    """When each paper was told, and how often; looked at as it comes."""

    api: BotApi
    told: dict[int, float] = field(default_factory=dict)
    copies: Counter[int] = field(default_factory=Counter)
    marked: int = 0
    _looked: int = 0

    async def look(self) -> None:
        """Again and again."""
        while True:
            moment, fresh = now(), self.api.seen[self._looked :]
            self._looked += len(fresh)
            for message in fresh:
                again = False
                for number in flow.numbers_in(message.text):
                    again = again or number in self.told
                    self.told.setdefault(number, moment)
                    self.copies[number] += 1
                self.marked += again and REPEATED in " ".join(message.text.split())
            await asyncio.sleep(0.05)

    def told_between(self, start: float, end: float) -> float:
        """Papers told in a second."""
        return sum(start <= moment < end for moment in self.told.values()) / (end - start)


async def strike(
    fault: Fault,
    url: str,
    folder: Path,
    *,
    world: Callable[[Service, Line], World],
    stretch: Stretch,
    rate: float,
    readers: int,
) -> Verdict:
    """One scenario, on a furnished database. folder: for the service's log and what it keeps."""
    took = stretch.settle + stretch.before + fault.seconds + stretch.after
    papers = int(rate * (took + 15))
    names, log = folder / "names", folder / "service.log"
    names.touch()
    store = await open_store(url)
    began = await flow.begin(store, rate=rate, papers=papers, readers=readers)
    await store.close()
    async with BotApi() as api:
        line = Line(api.port)
        await line.open()
        service = Service(log, _environment(url, folder, line), names=names)
        watch = Watch(api)
        there = world(service, line)
        if there.clock is not None:
            service.environment |= there.clock.environment
        await service.begin()
        try:
            async with _meanwhile(watch.look()):
                await _until(lambda: bool(watch.told), 30)
                await asyncio.sleep(stretch.settle)
                moments = [now()]
                await asyncio.sleep(stretch.before)
                moments.append(now())
                async with fault.strike(there):
                    await asyncio.sleep(fault.seconds)
                moments.append(now())
                await asyncio.sleep(stretch.after)
                moments.append(now())
                # Whatever was announced by now; the flow goes on for a while.
                announced = min(papers, int((moments[-1] - began) * rate))
                await _until(lambda: all(n in watch.told for n in range(announced)), stretch.last)
        finally:
            await service.end()
            await line.cut()
    dead, reasons = await _dead(url)
    held_up = [watch.told[n] for n in range(int((moments[2] - began) * rate)) if n in watch.told]
    return Verdict(
        fault.name,
        "sqlite" if url.startswith("sqlite") else "postgres",
        *(round(watch.told_between(start, end), 2) for start, end in pairwise(moments)),
        recovery=round(max(0.0, max(held_up, default=0.0) - moments[2]), 1),
        lost=sum(number not in watch.told for number in range(announced)),
        dead=dead,
        marked=watch.marked,
        unmarked=sum(watch.copies.values()) - len(watch.copies) - watch.marked,
        ended=service.deaths,
        faults=tuple(service.faults()),
        reasons=reasons,
    )


def _environment(url: str, folder: Path, line: Line) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return kept | {
        "HOME": str(folder),
        "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT))),
        "PAPERLARK_DATABASE_URL": url,
        "PAPERLARK_INDEX_DIR": str(folder / "index"),
        "PAPERLARK_TELEGRAM_TOKEN": TOKEN,
        "PAPERLARK_TELEGRAM_API": f"http://bots.paperlark.test:{line.port}",
        "PAPERLARK_LEASE_SECONDS": str(LEASE),
        "PAPERLARK_LOG_LEVEL": "warning",
    }


async def _until(condition: Callable[[], bool], seconds: float) -> None:
    end = now() + seconds
    while not condition() and now() < end:  # noqa: ASYNC110 - no signal tells of it
        await asyncio.sleep(0.1)


async def _dead(url: str) -> tuple[int, tuple[str, ...]]:
    store = await open_store(url)
    try:
        async with store.reading() as tx:
            rows = await tx.execute(select(DELIVERY.c.reason).where(DELIVERY.c.state == "dead"))
            reasons = [str(row.reason) for row in rows]
    finally:
        await store.close()
    return len(reasons), tuple(sorted(set(reasons)))


# ── where it happens ───────────────────────────────────────────────────────────────────────────────────────────────


class Grounds:
    """Furnished databases to strike at: copies of one file, and of one database of a server of our own."""

    def __init__(self, disk: Disk | None, folder: Path, rate: float, longest: float) -> None:
        self.folder = folder
        self.disk = disk
        self.clock = clock_at(folder / "clock")
        self._rate = rate
        self._readers = flow.readers_for(rate, longest)
        self._server: Server | None = None
        self._file: Path | None = None
        self._made = 0

    def lacks(self, fault: Fault) -> str | None:
        """What this machine does not allow and the fault needs, in words."""
        if "disk" in fault.needs and self.disk is None:
            return "a disk can be mounted by root only"
        if "clock" in fault.needs and self.clock is None:
            return "libfaketime is not here (Debian: apt-get install faketime)"
        return None

    async def strike(self, fault: Fault, database: str, stretch: Stretch) -> Verdict:
        """One scenario on a database of its own."""
        self._made += 1
        home = self.folder / f"{self._made}-{fault.name}-{database}"
        home.mkdir()
        if self.clock is not None:
            self.clock.step(0)
        url = await (self._postgres(self._made) if database == "postgres" else self._sqlite(self._made))
        server = self._server if database == "postgres" else None
        clock = self.clock if "clock" in fault.needs else None

        def world(service: Service, line: Line) -> World:
            return World(service, line, home / "names", self.disk, server, f"struck_{self._made}", clock)

        return await strike(fault, url, home, world=world, stretch=stretch, rate=self._rate, readers=self._readers)

    async def _sqlite(self, number: int) -> str:
        place = self.disk.folder if self.disk is not None else self.folder
        if self._file is None:
            self._file = place / "furnished.sqlite3"
            await self._furnish(f"sqlite+aiosqlite:///{self._file}")
        return f"sqlite+aiosqlite:///{shutil.copy(self._file, place / f'struck_{number}.sqlite3')}"

    async def _postgres(self, number: int) -> str:
        if self._server is None:
            place = (self.disk.folder if self.disk is not None else self.folder) / "postgres"
            place.mkdir()
            self._server = Server(place)
            await asyncio.to_thread(self._server.create)
            await self._furnish(await asyncio.to_thread(self._server.make, "furnished"))
        return await asyncio.to_thread(self._server.make, f"struck_{number}", like="furnished")

    async def _furnish(self, url: str) -> None:
        await migrated(url)
        await flow.furnish(url, self._readers)

    def leave(self) -> None:
        """Stop the server."""
        if self._server is not None:
            with suppress(Exception):
                self._server.remove()


@contextmanager
def grounds(folder: Path, *, rate: float = RATE, longest: float = LONGEST) -> Iterator[Grounds]:
    """Somewhere to strike, until the block ends. longest: seconds of its longest scenario."""
    with ExitStack() as stack:
        found = Grounds(stack.enter_context(disk(DISK)), folder, rate, longest)
        stack.callback(found.leave)
        yield found
