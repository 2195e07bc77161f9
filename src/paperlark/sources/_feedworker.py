"""A child process that reads feeds, so that no feed can stop the event loop, take the memory, or crash the rest.

One child, started at the first feed, asked one feed at a time in the order they come, killed when a feed takes too
long, and gone by itself after a while without work. Both sides speak in frames: eight bytes of length, then a pickle;
the child is this same file, run as a program.
"""

import asyncio
import atexit
import os
import pickle
import resource
import select
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any

from paperlark.model.papers import Page
from paperlark.model.problems import SourceError
from paperlark.sources._feed import parse

SECONDS = 10.0  # for one feed
MEMORY = 256 * 1024 * 1024  # bytes of address space, of which the child's code takes about 32 MiB
IDLE_SECONDS = 300.0  # without work, until the child leaves
START_SECONDS = 20.0  # for a child to come up on a busy machine

_LENGTH = struct.Struct(">Q")


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
            _send(child.stdin, (body, dict(options)))
            answer = _receive(child.stdout)
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
                _send(self._child.stdin, None)
                if _receive(self._child.stdout) == "here":
                    return self._child
            except (OSError, EOFError):
                pass  # it left between two feeds
        self.close()
        child = subprocess.Popen(
            [sys.executable, "-m", __name__, str(self._memory)],
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
            _send(child.stdin, None)
            _receive(child.stdout)
        except (OSError, EOFError):
            self.close()
            raise SourceError("rss: the process that reads feeds does not start") from None
        finally:
            clock.cancel()
        return child


def _send(stream: IO[bytes], value: object) -> None:
    frame = pickle.dumps(value)
    stream.write(_LENGTH.pack(len(frame)) + frame)
    stream.flush()


def _receive(stream: IO[bytes]) -> Any:
    """The next frame. Raises EOFError when the other side is gone."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    size = _LENGTH.unpack(head)[0]
    frame = stream.read(size)
    if len(frame) < size:
        raise EOFError
    return pickle.loads(frame)


# ── in the child ─────────────────────────────────────────────────────────────────────────────────────────────────


def main(memory: int) -> None:
    """Answer frames until there are none: None with "here", a feed with its page, or with its error."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    asked, answers = sys.stdin.buffer, sys.stdout.buffer
    while select.select([asked], [], [], IDLE_SECONDS)[0]:
        try:
            request = _receive(asked)
        except EOFError:
            return
        if request is None:
            _send(answers, "here")
            continue
        body, options = request
        try:
            answer: Page | SourceError = parse(body, **options)
        except SourceError as problem:
            answer = problem
        except MemoryError:
            del body, request
            needs = f"reading the feed needs more than {memory // 1024**2} MiB of memory"
            _send(answers, SourceError(f"rss: {options['where']}: {needs}"))
            return  # what is left of it is not worth keeping
        except Exception as fault:  # a loop's edge: whatever a feed makes the parser raise is the feed's fault
            answer = SourceError(f"rss: {options['where']}: the feed cannot be read ({type(fault).__name__})")
        _send(answers, answer)


if __name__ == "__main__":
    main(int(sys.argv[1]))
