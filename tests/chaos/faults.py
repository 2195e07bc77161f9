"""Faults strike a service at work: what it does before, meanwhile and after, and whether anything was lost.

`paperlark run` polls a steady flow of papers and tells readers through a Bot API that stands in this process, behind a
line that can be cut. Every paper is numbered and concerns one reader; when it was announced and when it was told is
known here, on a clock that no fault touches. A host that finds the process dead brings it back.
"""

import asyncio
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select

from paperlark.channels.text import REPEATED
from paperlark.store.database import open_store
from paperlark.store.tables import DELIVERY
from paperlark.testing.bot_api import BotApi
from tests.chaos import flow
from tests.chaos.strikes import Fault, World, meanwhile
from tests.chaos.world import Disk, Line, Process, Server, clock_at, disk, environment, now
from tests.databases import migrated

LEASE = 10.0  # seconds
RATE = 10.0  # papers a second: a third of what Telegram lets anybody send
LONGEST = 320.0  # seconds of the longest scenario, with its beginning on a slow machine
DISK = 900  # megabytes
EVEN = 5.0  # seconds that the first paper not told yet has waited for after a burst, where nothing holds it up


@dataclass(frozen=True, slots=True)
class Stretch:
    """How long everything takes, in seconds. begin: until what was announced before the service was up is told, at
    most. settle: then, until it goes its even way. grace: of `before` and `after` the last seconds, whose papers are on
    their way yet when it ends: where nothing holds it up a paper takes 3.4 to 6.5 s, for they are told in bursts. They
    would make the shorter of the two look slower than the other. last: what held up the rest at most, after the last
    paper was announced."""

    begin: float = 60.0
    settle: float = 8.0
    before: float = 20.0
    after: float = 40.0
    grace: float = 8.0
    last: float = 60.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one scenario. before, after: the `pace`; during: papers told in a second. recovery: seconds from the
    end of the fault until all that it held up was told. marked, unmarked: second copies that say so and that do not.
    ended: how often the process ended by itself; faults: what nobody expected, from its log."""

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
        """The pace after the fault, of what it was before."""
        return self.after / self.before if self.before else 0.0

    @property
    def good(self) -> bool:
        """Nothing lost, second copies only where they say so, 95 % of the pace, and all of it within two leases."""
        whole = not (self.lost or self.dead or self.unmarked or self.ended or self.faults)
        return whole and self.ratio >= 0.95 and self.recovery <= 2 * LEASE


def pace(
    told: Mapping[int, float], began: float, rate: float, start: float, end: float, *, grace: float = 0.0
) -> float:
    """Papers a second that were announced from `start` until `grace` before `end`, and told before `end`. Pure.

    What was announced earlier and held up until then is not among them: a backlog would hide that the rest falls
    behind. told: when each was; the flow announces them at `rate`, one after the other since `began`.
    """
    last = end - grace
    in_time = sum(start <= began + number / rate < last and moment < end for number, moment in told.items())
    return in_time / (last - start)


# ── the scenario ───────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Watch:
    """When each paper was told, and how often; looked at as it comes."""

    api: BotApi
    told: dict[int, float] = field(default_factory=dict)
    copies: Counter[int] = field(default_factory=Counter)
    marked: int = 0
    _looked: int = 0
    _told_to: int = 0

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

    def behind(self, began: float, rate: float) -> float:
        """For how many seconds the first paper that is not told has been announced."""
        while self._told_to in self.told:
            self._told_to += 1
        return now() - began - self._told_to / rate

    def told_between(self, start: float, end: float) -> float:
        """Papers told in a second."""
        return sum(start <= moment < end for moment in self.told.values()) / (end - start)


async def strike(
    fault: Fault,
    url: str,
    folder: Path,
    *,
    world: Callable[[Process, Line], World],
    stretch: Stretch,
    rate: float,
    readers: int,
    lease: float,
) -> Verdict:
    """One scenario, on a furnished database. folder: for the service's log and what it keeps."""
    papers = readers  # one for each: who is told a second time within five minutes has to wait for it
    names, log = folder / "names", folder / "run.log"
    names.touch()
    store = await open_store(url)
    began = await flow.begin(store, rate=rate, papers=papers, readers=readers)
    await store.close()
    async with BotApi() as api:
        line = Line(api.port)
        await line.open()
        there = environment(url, folder, api=line.port, lease_seconds=str(lease))
        process = Process(log, there, names=names)
        watch = Watch(api)
        struck = world(process, line)
        if struck.clock is not None:
            process.environment |= struck.clock.environment
        await process.begin()
        try:
            async with meanwhile(watch.look()):
                await _until(lambda: bool(watch.told) and watch.behind(began, rate) < EVEN, stretch.begin)
                await asyncio.sleep(stretch.settle)
                moments = [now()]
                await asyncio.sleep(stretch.before)
                moments.append(now())
                async with fault.strike(struck):
                    await asyncio.sleep(fault.seconds)
                moments.append(now())
                await asyncio.sleep(stretch.after)
                moments.append(now())
                # Whatever was announced by now; the flow goes on for a while.
                announced = min(papers, int((moments[-1] - began) * rate))
                await _until(lambda: all(n in watch.told for n in range(announced)), stretch.last)
        finally:
            await process.end()
            await line.cut()
    dead, reasons = await _dead(url)
    first, struck_at, over, last = moments
    held_up = [watch.told[n] for n in range(int((over - began) * rate)) if n in watch.told]
    before, after = (
        round(pace(watch.told, began, rate, start, end, grace=stretch.grace), 2)
        for start, end in ((first, struck_at), (over, last))
    )
    return Verdict(
        fault.name,
        "sqlite" if url.startswith("sqlite") else "postgres",
        before,
        round(watch.told_between(struck_at, over), 2),
        after,
        recovery=round(max(0.0, max(held_up, default=0.0) - over), 1),
        lost=sum(number not in watch.told for number in range(announced)),
        dead=dead,
        marked=watch.marked,
        unmarked=sum(watch.copies.values()) - len(watch.copies) - watch.marked,
        ended=process.deaths,
        faults=tuple(process.faults()),
        reasons=reasons,
    )


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

    def __init__(self, disk: Disk | None, folder: Path, rate: float, longest: float, lease: float) -> None:
        self.folder = folder
        self.disk = disk
        self.clock = clock_at(folder / "clock")
        self._rate = rate
        self._lease = lease
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

        def world(process: Process, line: Line) -> World:
            return World(process, line, home / "names", self.disk, server, f"struck_{self._made}", clock)

        rate, readers, lease = self._rate, self._readers, self._lease
        return await strike(fault, url, home, world=world, stretch=stretch, rate=rate, readers=readers, lease=lease)

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
def grounds(folder: Path, *, rate: float = RATE, longest: float = LONGEST, lease: float = LEASE) -> Iterator[Grounds]:
    """Somewhere to strike, until the block ends. longest: seconds of its longest scenario."""
    with ExitStack() as stack:
        found = Grounds(stack.enter_context(disk(DISK)), folder, rate, longest, lease)
        stack.callback(found.leave)
        yield found
