"""A child process that reads feeds, so that no feed can stop the event loop, take the memory, or crash the rest.

One child, started at the first feed, asked one feed at a time in the order they come, killed when a feed takes too
long, and gone by itself after a while without work.
"""

import asyncio
import atexit
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from paperlark.model.papers import Page
from paperlark.model.problems import SourceError
from paperlark.sources._frames import receive, send

CHILD = "paperlark.sources._feedchild"  # not imported: what reads feeds takes 10 MB, and only the child needs it

SECONDS = 10.0  # for one feed
MEMORY = 256 * 1024 * 1024  # bytes of address space, of which the child's code takes about 32 MiB
START_SECONDS = 20.0  # for a child to come up on a busy machine


class FeedWorker:
    """Reads feeds in a child process. Belongs to no event loop; `read` may be called from any.

    seconds and memory bound one feed; both are arguments so that a test need not wait for the usual ones.
    """

    def __init__(self, *, seconds: float = SECONDS, memory: int = MEMORY) -> None:
        self._seconds = seconds
        self._memory = memory
        self._child: subprocess.Popen[bytes] | None = None
        self._queue = ThreadPoolExecutor(1, thread_name_prefix="feeds")
        atexit.register(self.close)

    async def read(self, body: bytes, *, where: str, **options: Any) -> Page:
        """`_feed.parse(body, where=…, …)`, in the child. Raises SourceError, also when a limit is reached."""
        return await asyncio.get_running_loop().run_in_executor(
            self._queue, self._read, body, {"where": where, **options}
        )

    def close(self) -> None:
        """End the child. The next feed starts another."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.communicate()

    @property
    def pid(self) -> int | None:
        """The child's process id, while there is one."""
        return self._child.pid if self._child else None

    # ── in the thread that waits for the child ──

    def _read(self, body: bytes, options: Mapping[str, Any]) -> Page:
        where = options["where"]
        child = self._ready()
        late = threading.Event()

        def end() -> None:
            late.set()
            child.kill()

        clock = threading.Timer(self._seconds, end)
        clock.start()
        try:
            assert child.stdin and child.stdout
            send(child.stdin, (body, dict(options)))
            answer = receive(child.stdout)
        except (OSError, EOFError):
            answer = None
        finally:
            clock.cancel()
        match answer:
            case Page():
                return answer
            case SourceError():
                raise answer
        self.close()
        if late.is_set():
            raise SourceError(f"rss: {where}: reading the feed took longer than {self._seconds:g} s")
        raise SourceError(f"rss: {where}: the feed broke the process that read it")

    def _ready(self) -> subprocess.Popen[bytes]:
        """A child that has said that it is there."""
        if self._child is not None and self._child.poll() is None:
            try:
                assert self._child.stdin and self._child.stdout
                send(self._child.stdin, None)
                if receive(self._child.stdout) == "here":
                    return self._child
            except (OSError, EOFError):
                pass  # it left between two feeds
        self.close()
        child = subprocess.Popen(
            [sys.executable, "-m", CHILD, str(self._memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},  # and no secret of ours
            start_new_session=True,  # an interrupt from the terminal is the parent's to answer
        )
        clock = threading.Timer(START_SECONDS, child.kill)
        clock.start()
        self._child = child
        try:
            assert child.stdin and child.stdout
            send(child.stdin, None)
            receive(child.stdout)
        except (OSError, EOFError):
            self.close()
            raise SourceError("rss: the process that reads feeds does not start") from None
        finally:
            clock.cancel()
        return child
