"""What strikes: each fault as a stretch of time, begun and ended again.

A fault's function is entered when it strikes and left when it is over; what a host would do then (start a server again)
it does itself.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import psycopg

from tests.chaos.world import Clock, Disk, Line, Process, Server

HOUR = 3600


@dataclass
class World:
    """What a fault can get at."""

    process: Process
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

    async with meanwhile(kill()):
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
    async with meanwhile(take()):
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
            world.process.kill()
            await asyncio.sleep(every)

    async with meanwhile(kill()):
        yield


@asynccontextmanager
async def meanwhile(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Work that goes on within, and ends with it. Raises what it raised."""
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
