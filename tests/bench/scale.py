"""An announcement of a thousand papers to a million readers: until the last delivery is owed, and what that costs.

A PostgreSQL as the tests start it is filled in bulk (`readers`). Then, for each number of workers, processes with the
loops of a worker begin on a copy of it, the papers are recorded as a poll records them, and the clock runs until
every paper is percolated, every match and all that it owes is written, and every destination that is owed something
has its delivery. What must come of it is known beforehand, from an index of our own: rows that are missing, or too
many, end the bench with an error.

    make bench ARGS="scale --readers 200000 --papers 100 --workers 1,2 --cpu-hour 0.04 --gb-month 0.12"
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import psutil
import psycopg
from sqlalchemy.engine import URL, make_url

from paperlark.log import set_up
from paperlark.matching.document import Document, analyse
from paperlark.matching.query import Query
from paperlark.matching.register import Register
from paperlark.model.papers import Announcement, Paper, arxiv_alias
from paperlark.pipeline.percolate import MATCHES
from paperlark.store.database import open_store
from tests.bench.readers import fill, keep_index
from tests.bench.scale_worker import READY
from tests.bench.standing import Writer, papers
from tests.builders import record
from tests.databases import postgres_databases

READERS, PAPERS, WORKERS = 1_000_000, 1_000, "1,2,4"
LEARNED, TAUGHT = 8_000, 9_000  # of the real papers: those whose words profiles are made of, and the index has seen
CPU_HOUR, GB_MONTH = 0.04, 0.12
"""Dollars: an hour of a shared core, and a month of a gigabyte of a database's disk, as hosts of small machines ask."""
DAYS_A_MONTH, MONTHS_KEPT = 21, 3  # announcements of arXiv; unsaved matches stay 90 days (`store.retention`)
LONGEST = 3_600.0  # seconds that one run may take
LOOK = 0.5  # seconds between two looks at how far it is
SERVER = {
    "shared_buffers": "4GB", "max_wal_size": "16GB", "checkpoint_timeout": "15min", "wal_compression": "on",
    "fsync": "on",
}  # fmt: skip
"""What an operator sets on a machine of 16 GB or more; the disk is waited for."""
WRITTEN = ("match", "owed", "delivery")

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Options:
    """How much, and at what price."""

    readers: int = READERS
    papers: int = PAPERS
    workers: tuple[int, ...] = tuple(map(int, WORKERS.split(",")))
    cpu_hour: float = CPU_HOUR
    gb_month: float = GB_MONTH


@dataclass(frozen=True, slots=True)
class Due:
    """What must come of an announcement: matches, and the destinations that are owed something."""

    matches: int
    deliveries: int


@dataclass(frozen=True, slots=True)
class Run:
    """What one run took. recorded, percolated, planned: seconds from its beginning to the end of each. Memory in
    megabytes, at its highest; CPU in seconds; WAL and disk in bytes."""

    workers: int
    recorded: float
    percolated: float
    planned: float
    rows: dict[str, int]
    worker_memory: float
    database_memory: float
    worker_cpu: float
    database_cpu: float
    wal: int
    disk: int

    @property
    def cpu(self) -> float:
        """Of all together."""
        return self.worker_cpu + self.database_cpu


def options(arguments: Sequence[str]) -> tuple[Options, list[str]]:
    """What is asked for on the command line, and the arguments that are none of ours."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--readers", type=int, default=READERS)
    parser.add_argument("--papers", type=int, default=PAPERS)
    parser.add_argument("--workers", default=WORKERS)
    parser.add_argument("--cpu-hour", type=float, default=CPU_HOUR)
    parser.add_argument("--gb-month", type=float, default=GB_MONTH)
    found, rest = parser.parse_known_args(list(arguments))
    workers = tuple(map(int, found.workers.split(",")))
    return Options(found.readers, found.papers, workers, found.cpu_hour, found.gb_month), rest


def measure(data: Path, say: Say, asked: Options | None = None) -> list[dict[str, Any]]:
    """A row for each number of workers."""
    set_up(level="error")
    asked = asked or Options()
    documents = papers(data)
    began = time.perf_counter()
    queries = list(islice(Writer(documents[:LEARNED]).queries(asked.readers), asked.readers))
    say(f"{len(queries):,} profiles written in {time.perf_counter() - began:.0f} s")
    told = documents[TAUGHT : TAUGHT + asked.papers]
    runs = simulate(queries, documents[LEARNED:TAUGHT], told, asked.workers, say, settings=SERVER)
    return [_row(run, asked, say) for run in runs]


def simulate(
    queries: Sequence[Query],
    learned: Sequence[Document],
    told: Sequence[Document],
    workers: Sequence[int],
    say: Say,
    *,
    settings: dict[str, str] | None = None,
    most: int = MATCHES,
) -> list[Run]:
    """A run for each number of workers. most: matches of a batch. Raises AssertionError where anything was owed twice,
    or not at all."""
    with postgres_databases(settings) as fresh, tempfile.TemporaryDirectory() as place:
        began = time.perf_counter()
        filled, folder = fresh(), Path(place)
        register = asyncio.run(_furnished(filled, queries, learned, folder))
        due = _due(register, told)
        del register
        say(
            f"filled in {time.perf_counter() - began:.0f} s; a paper meets {due.matches / len(told) / len(queries):.2%}"
        )
        found = []
        for number in workers:
            with _copied(filled) as address:
                found.append(asyncio.run(_run(address, folder, told, number, due, most)))
                _tell(found[-1], len(queries), len(told), say)
        return found


async def _furnished(address: str, queries: Sequence[Query], learned: Sequence[Document], folder: Path) -> Register:
    store = await open_store(address)
    try:
        await asyncio.to_thread(fill, store, queries)
        return await keep_index(store, queries, learned, folder)
    finally:
        await store.close()


def _due(register: Register, told: Sequence[Document]) -> Due:
    """Every reader has one profile and one destination, and wants what is new: each match owes once."""
    met = [register.match(analyse(document)) for document in told]
    return Due(sum(map(len, met)), len({held.account_id for some in met for held in some}))


@contextmanager
def _copied(filled: str) -> Iterator[str]:
    """A database that begins as another one stands."""
    there = make_url(filled)
    copy = f"{there.database}_copy"
    with psycopg.connect(_plain(there.set(database="postgres")), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {copy} TEMPLATE {there.database} STRATEGY file_copy".encode())
        try:
            yield there.set(database=copy).render_as_string(hide_password=False)
        finally:
            connection.execute(f"DROP DATABASE {copy} (FORCE)".encode())


def _plain(address: URL) -> str:
    """The address as the driver takes it."""
    return address.set(drivername="postgresql").render_as_string(hide_password=False)


async def _run(
    address: str, folder: Path, told: Sequence[Document], workers: int, due: Due, most: int = MATCHES
) -> Run:
    store = await open_store(address)
    with ExitStack() as stack:
        looking = stack.enter_context(psycopg.connect(_plain(make_url(address)), autocommit=True))
        looking.execute("CHECKPOINT")
        processes = [stack.enter_context(_worker(address, folder, most)) for _ in range(workers)]
        watched = stack.enter_context(Watched([process.pid for process in processes], looking.info.backend_pid))
        wal, disk = _wal(looking), _disk(looking)
        began = time.perf_counter()
        await record(store, *map(_announced, range(len(told)), told))
        await store.close()
        recorded = time.perf_counter() - began
        _wait(looking, "SELECT NOT EXISTS (SELECT 1 FROM announcement WHERE percolated_at IS NULL)")
        percolated = time.perf_counter() - began
        _wait(looking, f"SELECT count(*) >= {due.deliveries} FROM delivery")
        planned = time.perf_counter() - began
        watched.look()
        rows = {table: _one(looking, f'SELECT count(*) FROM "{table}"') for table in WRITTEN}
        twice = "SELECT count(*) FROM (SELECT 1 FROM match GROUP BY account_id, paper_id HAVING count(*) > 1) m"
        assert _one(looking, twice) == 0, "a match was written twice"
        assert rows == {"match": due.matches, "owed": due.matches, "delivery": due.deliveries}, (rows, due)
        looking.execute("CHECKPOINT")
        return Run(
            workers, recorded, percolated, planned, rows, watched.worker_memory, watched.database_memory,
            watched.worker_cpu, watched.database_cpu, _wal(looking) - wal, _disk(looking) - disk,
        )  # fmt: skip


def _announced(number: int, document: Document) -> Announcement:
    alias = arxiv_alias(f"2601.{number:05}")
    assert alias is not None
    paper = Paper(
        title=document.title, abstract=document.abstract, authors=document.authors, categories=document.categories,
        aliases=(alias,),
    )  # fmt: skip
    return Announcement(paper, datetime.now(UTC), occasion="first", type="new", signals={}, said={})


@contextmanager
def _worker(address: str, folder: Path, most: int) -> Iterator[subprocess.Popen[str]]:
    """A worker's process, from when it is ready to when it has ended."""
    command = [sys.executable, "-m", "tests.bench.scale_worker", address, str(folder), str(most)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None and process.stdin is not None
            if process.stdout.readline().strip() != READY:
                raise RuntimeError("a worker did not begin")
            yield process
            process.stdin.close()
            process.wait(60)
        finally:
            process.kill()


def _wait(connection: psycopg.Connection[Any], query: str) -> None:
    """Until that is so. Raises TimeoutError where it never is."""
    end = time.monotonic() + LONGEST
    while not _one(connection, query):
        if time.monotonic() > end:
            raise TimeoutError(query)
        time.sleep(LOOK)


def _one(connection: psycopg.Connection[Any], query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])


def _wal(connection: psycopg.Connection[Any]) -> int:
    return _one(connection, "SELECT pg_current_wal_lsn() - '0/0'")


def _disk(connection: psycopg.Connection[Any]) -> int:
    return _one(connection, "SELECT pg_database_size(current_database())")


class Watched:
    """What workers and the database use, looked at again and again while the block runs."""

    def __init__(self, workers: Sequence[int], backend: int) -> None:
        """workers: their processes; backend: one of the database's."""
        self._workers = [psutil.Process(number) for number in workers]
        self._server = psutil.Process(backend).parent()
        self._cpu: dict[tuple[int, float], tuple[float, float]] = {}  # by process and its beginning: first, last seen
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.database_memory = 0.0

    def __enter__(self) -> "Watched":
        self.look()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    @property
    def worker_memory(self) -> float:
        """Megabytes that one worker had at most."""
        return max(_highest(process.pid) for process in self._workers)

    @property
    def worker_cpu(self) -> float:
        """Seconds of all workers since the first look."""
        return self._used({process.pid for process in self._workers})

    @property
    def database_cpu(self) -> float:
        """Seconds of all the database's processes since the first look."""
        workers = {process.pid for process in self._workers}
        return self._used({number for number, _ in self._cpu} - workers)

    def _used(self, numbers: set[int]) -> float:
        return sum(last - first for (number, _), (first, last) in self._cpu.items() if number in numbers)

    def _watch(self) -> None:
        while not self._done.wait(2 * LOOK):
            self.look()

    def look(self) -> None:
        """Look once."""
        assert self._server is not None
        database, first = [self._server, *self._server.children()], not self._cpu
        for process in (*self._workers, *database):
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                key, used = (process.pid, process.create_time()), times.user + times.system
                self._cpu[key] = (self._cpu.get(key, (used if first else 0.0, 0))[0], used)
        self.database_memory = max(self.database_memory, sum(_share(process.pid) for process in database))


def _highest(number: int) -> float:
    """Megabytes of memory that a process had at most."""
    lines = Path(f"/proc/{number}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1e3


def _share(number: int) -> float:
    """Megabytes of memory that are a process's, what it shares divided by those who do; 0 where it has ended."""
    with suppress(OSError):
        lines = Path(f"/proc/{number}/smaps_rollup").read_text().splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1e3
    return 0.0


# ── what is said of it ─────────────────────────────────────────────────────────────────────────────────────────────


def _tell(run: Run, readers: int, papers: int, say: Say) -> None:
    rows = ", ".join(f"{number:,} {table}" for table, number in run.rows.items())
    say(f"{readers:,} readers, {papers:,} papers, {run.workers} workers:")
    say(f"  recorded after {run.recorded:.1f} s, all percolated after {run.percolated:.1f} s")
    say(f"  the last delivery is owed after {run.planned:.1f} s")
    say(f"  rows: {rows}; {run.wal / 1e6:,.0f} MB of WAL, {run.disk / 1e6:,.0f} MB more on disk")
    say(f"  CPU: workers {run.worker_cpu:.1f} s, database {run.database_cpu:.1f} s")
    say(f"  memory at most: a worker {run.worker_memory:,.0f} MB, the database {run.database_memory:,.0f} MB")
    say(f"  a match with what it owes: {run.cpu / run.rows['match'] * 1e6:.1f} us of CPU")


def _row(run: Run, asked: Options, say: Say) -> dict[str, Any]:
    more = READERS / asked.readers * PAPERS / asked.papers
    cpu = run.cpu * more * DAYS_A_MONTH / 3600 * asked.cpu_hour
    disk = run.disk * more / 1e9 * DAYS_A_MONTH * MONTHS_KEPT * asked.gb_month
    scaled = "" if more == 1 else f" (all times {more:g})"
    say(f"  to a million readers, 1,000 papers{scaled}: {run.cpu * more:,.0f} s of CPU, {run.disk * more / 1e9:.1f} GB")
    say(f"  a month: ${cpu:,.2f} of CPU at ${asked.cpu_hour} an hour, ${disk:,.2f} of disk at ${asked.gb_month} a GB")
    return {
        "name": f"scale {asked.readers} x {asked.papers}, {run.workers} workers", "ours": round(run.planned, 1),
        "unit": "s", "beside": round(run.cpu, 1), "what_beside": "CPU seconds",
        "ratio": round(run.planned / run.cpu, 2),
        "recorded": round(run.recorded, 1), "percolated": round(run.percolated, 1), **run.rows, "wal": run.wal,
        "disk": run.disk, "worker_memory": round(run.worker_memory), "database_memory": round(run.database_memory),
        "worker_cpu": round(run.worker_cpu, 1), "database_cpu": round(run.database_cpu, 1),
    }  # fmt: skip
