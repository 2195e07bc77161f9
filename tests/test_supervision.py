"""systemd is told that a process is ready, alive as long as the database answers, and leaving."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from paperlark.model.problems import StoreError
from paperlark.supervision import Notice, watched


class Supervisor:
    """A socket that hears what systemd would."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{name[1:]}" if name.startswith("@") else name)
        self._socket.setblocking(False)

    async def next(self) -> str:
        """What it is told next."""
        async with asyncio.timeout(10):
            return (await asyncio.get_running_loop().sock_recv(self._socket, 4096)).decode()

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()


@pytest.fixture(params=["/{}/notify", "@{}"])
def supervisor(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Supervisor]:
    found = Supervisor(request.param.format(str(tmp_path).strip("/")))
    yield found
    found.close()


async def test_it_is_told_of_the_beginning_the_life_and_the_end(supervisor: Supervisor) -> None:
    async def answers() -> str:
        return "here"

    async with watched(Notice(supervisor.name), 0.1, answers) as ready:
        assert await supervisor.next() == "WATCHDOG=1"
        ready()
        told = {await supervisor.next() for _ in range(4)}
        assert told == {"READY=1", "WATCHDOG=1"}
    while (last := await supervisor.next()) == "WATCHDOG=1":
        pass
    assert last == "STOPPING=1"


async def test_a_database_that_fails_or_hangs_feeds_no_watchdog(supervisor: Supervisor) -> None:
    asked, often, well = 0, asyncio.Event(), asyncio.Event()

    async def answers() -> None:
        nonlocal asked
        asked += 1
        if asked == 5:
            often.set()
        if well.is_set():
            return
        if asked % 2:
            raise StoreError("gone")
        await asyncio.sleep(3600)

    async with watched(Notice(supervisor.name), 0.1, answers):
        await asyncio.wait_for(often.wait(), 30)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await supervisor.next()
        well.set()
        assert await supervisor.next() == "WATCHDOG=1"


async def test_a_supervisor_that_is_gone_is_no_trouble(supervisor: Supervisor) -> None:
    async def answers() -> str:
        return "here"

    supervisor.close()
    async with watched(Notice(supervisor.name), 0.01, answers) as ready:
        ready()
    async with watched(None, None, answers) as ready:
        ready()
