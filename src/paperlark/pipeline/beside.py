"""A percolating process beside an importing one: a long import has two cores' worth of work, and one interpreter lock.

Nothing is shared but the store: announcements are taken by lease, as between any two workers. The child is this same
file, run as a program; it percolates until its standard input closes, then what is still open, and ends. Should it
die, its batch comes back with its lease.
"""

import asyncio
import json
import os
import sys
from datetime import timedelta
from pathlib import Path

import structlog

from paperlark.interpreter import tune_python
from paperlark.pipeline.percolate import Percolator
from paperlark.pipeline.recent import Recent
from paperlark.store.database import Store, open_store

log = structlog.get_logger()

LONG = 1_000  # records of one import, from which on a second process is worth its start
END_LIMIT = 600.0  # seconds for the child's last batches

_LOOK_EVERY = 0.05  # seconds between looks, while nothing is open


class Beside:
    """Percolation that keeps up with an import: once it is long, in a child process."""

    def __init__(
        self,
        store: Store,
        percolator: Percolator,
        recent: Recent,
        *,
        lease: timedelta,
        folder: Path | None = None,
    ) -> None:
        """folder: where the index is kept between starts, for the child too."""
        self._store = store
        self._folder = folder
        self._percolator = percolator
        self._recent = recent
        self._lease = lease
        self._recorded = 0
        self._child: asyncio.subprocess.Process | None = None

    @property
    def running(self) -> bool:
        """Is there a child that was not ended?"""
        return self._child is not None

    @property
    def child_pid(self) -> int | None:
        """The child's process id, while there is one."""
        return self._child.pid if self._child else None

    async def keep_up(self, recorded: int) -> None:
        """So many more were recorded here. Does nothing while they are few: the import's end percolates them."""
        self._recorded += recorded
        if self._recorded < LONG or self.running:
            return
        if cores() > 1:
            await self._begin()
        else:
            await self._percolator.run_when_full()

    async def _begin(self) -> None:
        self._recent.pause()
        arguments: list[str | Path] = [
            str(self._lease.total_seconds()),
            *([self._folder] if self._folder is not None else []),
        ]
        self._child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "paperlark.pipeline.beside", *arguments, stdin=asyncio.subprocess.PIPE
        )
        assert self._child.stdin is not None
        # Not as arguments, which everybody on the machine may read.
        self._child.stdin.write(f"{self._store.url}\n{json.dumps(self._store.keys)}\n".encode())

    async def end(self) -> None:
        """Return when the child, if there is one, has percolated all that it can and is gone."""
        child, self._child, self._recorded = self._child, None, 0
        if child is None:
            return
        self._recent.resume()
        assert child.stdin is not None
        child.stdin.close()
        try:
            await asyncio.wait_for(child.wait(), END_LIMIT)
        except TimeoutError:
            pass
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        if child.returncode:
            log.warning(
                "the percolating process failed; what it held comes back with its lease", status=child.returncode
            )


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


async def percolate_beside(percolator: Percolator, ended: asyncio.Future[object]) -> None:
    """Percolate what others record until `ended`; then what is still open."""
    while not ended.done():
        if not await percolator.run(limit=1):
            await asyncio.wait([ended], timeout=_LOOK_EVERY)
    await percolator.run()


async def main() -> None:
    """The child. The lease and the folder of the index are its arguments; the store's address, which may hold a
    password, is its first line of input, and the keys of what is sealed there are its second, as JSON."""
    stream = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), sys.stdin)
    url = (await stream.readline()).decode().rstrip("\n")
    store = await open_store(url, keys=json.loads(await stream.readline()))
    ended: asyncio.Future[object] = asyncio.ensure_future(stream.read())
    folder = Path(sys.argv[2]) if sys.argv[2:] else None
    percolator = Percolator(store, lease=timedelta(seconds=float(sys.argv[1])), folder=folder)
    tune_python()
    try:
        await percolate_beside(percolator, ended)
    finally:
        ended.cancel()
        await percolator.close()
        await store.close()


if __name__ == "__main__":
    asyncio.run(main())
