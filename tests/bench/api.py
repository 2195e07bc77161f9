"""What programs ask for all the time: a reader's matches and a day's papers, over HTTP, by 64 connections at once.

The store holds a million matches; the reader who asks has 100,000 of them, and has read a thousand. Each is asked for
in full (200) and with the tag of what is there already (304). Beside it stands a bare aiohttp handler in the same
process that says the same bytes, or the same 304. Whoever asks is another process. No answer is kept between requests.
What is: a token's check for ten seconds, how many papers are unread for as long as nobody writes, and papers as text by
their version, which the database is asked for each time (`store.prints`). While two of the rows are measured somebody
writes ten times a second, as loops and readers do.
"""

import asyncio
import itertools
import multiprocessing
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import psycopg
from aiohttp import web
from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url

from paperlark.interpreter import tune_python
from paperlark.log import set_up
from paperlark.model.readers import MarkKind
from paperlark.store import accounts, marks
from paperlark.store.database import Store, open_store
from paperlark.store.tables import ALIAS, ANNOUNCEMENT, MARK, MATCH, PAPER, PROFILE, SIGNAL
from paperlark.web import make_web
from paperlark.web.access import MATCHES_READ
from tests.databases import postgres_databases, sqlite_databases

CONNECTIONS = 64
ROUNDS = 3  # of ours and the bare one in turns; the median of their ratios counts
SECONDS = 2.0  # for each measure, after WARM seconds
WARM = 0.5
PAPERS = 80_000
MINE = 100_000  # matches of who asks: every fourth paper meets two profiles
ALL = 1_000_000
OTHERS = 300  # accounts
READ = 1_000  # papers
A_DAY = 200  # papers
LAST = datetime(2026, 3, 4, 6, tzinfo=UTC)
WRITES = 0.1  # seconds between two

Row = Sequence[Any]
Say = Callable[[str], None]


def measure(_data: Path, say: Say) -> list[dict[str, Any]]:
    """Both databases."""
    set_up(level="error")
    with tempfile.TemporaryDirectory() as folder, sqlite_databases(Path(folder)) as fresh:
        rows = asyncio.run(_measured("sqlite", fresh(), say))
    with postgres_databases() as fresh:
        return rows + asyncio.run(_measured("postgres", fresh(), say))


async def _measured(name: str, address: str, say: Say) -> list[dict[str, Any]]:
    store = await open_store(address)
    try:
        began = time.perf_counter()
        account = await asyncio.to_thread(_fill, store)
        say(f"{name}: filled in {time.perf_counter() - began:.0f} s")
        tune_python()  # as the service does
        async with store.transaction() as tx:
            now = await tx.now()
            token = await accounts.new_token(tx, account, name="bench", scopes=[MATCHES_READ], now=now, expires_at=None)
        async with _served(make_web(store, {})) as ours:
            found = []
            day = f"{LAST - timedelta(days=1):%Y-%m-%d}"
            for what, path, writes in (
                ("matches", "/api/v1/matches?limit=50", False),
                ("day", f"/api/v1/days/{day}?limit=50", False),
                ("day page", f"/?day={day}", False),
                ("matches, writes", "/api/v1/matches?limit=50", True),
            ):
                found += await _beside(f"{what} {name}", store, account, ours, path, token, writes, say)
        return found
    finally:
        await store.close()


async def _beside(
    name: str, store: Store, account: int, ours: int, path: str, token: str, writes: bool, say: Say
) -> list[dict[str, Any]]:
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{ours}{path}", headers=headers) as answer,
    ):
        assert answer.status == 200, await answer.text()
        body, tag, kind = await answer.read(), answer.headers["ETag"], answer.content_type

    async def bare(request: web.Request) -> web.Response:
        if request.headers.get("If-None-Match"):
            return web.Response(status=304, headers={"ETag": tag})
        return web.Response(body=body, content_type=kind, headers={"ETag": tag})

    application = web.Application()
    application.router.add_get("/{path:.*}", bare)
    rows = []
    async with _served(application) as bare_port, _writing(store, account, writes):
        for status, more in ((200, {}), (304, {"If-None-Match": tag})):
            asked, rounds = _request(path, headers | more), list[tuple[Load, Load]]()
            for _ in range(ROUNDS):
                rounds.append((await _load(ours, asked), await _load(bare_port, asked)))
                assert rounds[-1][0].statuses == {status} or writes, rounds[-1][0].statuses
            mine, beside = sorted(rounds, key=lambda pair: pair[0].rate / pair[1].rate)[ROUNDS // 2]
            say(
                f"{name} {status}: {len(body) if status == 200 else 0:,} bytes, p50 {mine.at(50):.1f} ms, "
                f"p99 {mine.at(99):.1f} ms (bare {beside.at(99):.1f} ms)"
            )
            rows.append(
                {"name": f"{name} {status}", "ours": round(mine.rate), "p99": round(mine.at(99), 1),
                 "unit": "a second", "beside": round(beside.rate), "what_beside": "bare aiohttp",
                 "ratio": round(mine.rate / beside.rate, 3)}
            )  # fmt: skip
    return rows


@asynccontextmanager
async def _served(application: web.Application) -> AsyncIterator[int]:
    """The port at which an application answers."""
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _writing(store: Store, account: int, writes: bool) -> AsyncIterator[None]:
    """Somebody else marks and unmarks a paper, all the while."""

    async def write() -> None:
        while True:
            async with store.transaction() as tx:
                await marks.put(tx, account + 1, 1, MarkKind.READ, await tx.now())
                await marks.remove(tx, account + 1, 1, [MarkKind.READ])
            await asyncio.sleep(WRITES)

    if not writes:
        yield
        return
    writing = asyncio.create_task(write())
    try:
        yield
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)


# ── who asks: another process ──────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Load:
    """What came of asking. took: milliseconds of each answer, in order of size."""

    seconds: float
    took: tuple[float, ...]
    statuses: frozenset[int]

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.took) / self.seconds

    def at(self, percent: int) -> float:
        """The milliseconds within which so many percent were answered."""
        return self.took[min(len(self.took) - 1, len(self.took) * percent // 100)]


async def _load(port: int, asked: bytes) -> Load:
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return await asyncio.to_thread(pool.apply, _ask_often, (port, asked))


def _request(path: str, headers: dict[str, str]) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def _ask_often(port: int, asked: bytes) -> Load:
    return asyncio.run(_asking(port, asked))


async def _asking(port: int, asked: bytes) -> Load:
    took: list[float] = []
    statuses: set[int] = set()
    begin = time.perf_counter() + WARM
    end = begin + SECONDS

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        while (sent := time.perf_counter()) < end:
            writer.write(asked)
            head = await reader.readuntil(b"\r\n\r\n")
            _, found, length = head.lower().partition(b"content-length: ")
            if found and (left := int(length.split(b"\r\n", 1)[0])):
                await reader.readexactly(left)
            if sent >= begin:
                took.append((time.perf_counter() - sent) * 1000)
                statuses.add(int(head[9:12]))
        writer.close()

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
    return Load(SECONDS, tuple(sorted(took)), frozenset(statuses))


# ── a large store ──────────────────────────────────────────────────────────────────────────────────────────────────


def _fill(store: Store) -> int:
    """Papers, profiles and matches, in bulk. Returns the account that asks."""
    chance = Random(1)
    account, papers = 1_000_000, [(number + 1) << 22 for number in range(PAPERS)]
    bulk = Bulk(store)
    write = bulk.write
    write(PAPER, _papers(papers, chance))
    write(ALIAS, ({"scheme": "arxiv", "value": f"26{n:06}", "paper_id": p} for n, p in enumerate(papers)))
    announced = [(p + 1, p, n) for n, p in enumerate(papers)]
    write(ANNOUNCEMENT, (_announcement(*each) for each in announced))
    write(SIGNAL, (
        {"announcement_id": number, "at": _at(n), "counts": {"upvotes": n % 90}, "percolated_at": LAST}
        for number, _, n in announced if n % 4 == 0
    ))  # fmt: skip
    everyone = [account + 2 * n for n in range(OTHERS + 1)]
    write(PROFILE, (
        {"account_id": a, "id": a * 10 + n, "version": 1, "name": f"Birds {n}", "text": "larks", "created_at": LAST,
         "began_at": LAST, "removed_at": None}
        for a in everyone for n in range(3)
    ))  # fmt: skip
    write(MATCH, _matches(papers, account, everyone[1:], chance))
    write(MARK, (
        {"account_id": account, "paper_id": p, "kind": "read", "at": LAST} for p in chance.sample(papers, READ)
    ))  # fmt: skip
    bulk.end()
    return account


def _papers(papers: Sequence[int], chance: Random) -> Iterator[dict[str, Any]]:
    words = ["".join(chance.choices("etaoinshrdlu", k=chance.randint(3, 10))) for _ in range(4_000)]
    for n, number in enumerate(papers):
        yield {
            "id": number, "title": " ".join(chance.choices(words, k=10)),
            "abstract": " ".join(chance.choices(words, k=190)),
            "authors": [f"{a} {b}" for a, b in zip(*(chance.choices(words, k=6) for _ in range(2)), strict=True)],
            "author_count": None, "organisation": None, "categories": ["cs.CL", "cs.AI"], "keywords": [],
            "url": f"https://arxiv.org/abs/26{n:06}", "code_url": None, "published_at": _at(n), "first_seen": _at(n),
            "words": 200, "revised": None,
        }  # fmt: skip


def _announcement(number: int, paper: int, n: int) -> dict[str, Any]:
    return {"id": number, "source": "arxiv:cs", "paper_id": paper, "occasion": "first", "type": "new",
            "announced_at": _at(n), "first_seen": _at(n), "owes": True, "late": False, "batch_id": None,
            "percolated_at": _at(n)}  # fmt: skip


def _matches(papers: Sequence[int], account: int, others: Sequence[int], chance: Random) -> Iterator[dict[str, Any]]:
    for n, paper in enumerate(papers):
        for profile in range(2 if n % (PAPERS // (MINE - PAPERS)) == 0 else 1):
            yield _match(account, (n + profile) % 3, paper, n)
    for other in others:
        for n in sorted(chance.sample(range(PAPERS), (ALL - MINE) // len(others))):
            yield _match(other, n % 3, papers[n], n)


def _match(account: int, profile: int, paper: int, n: int) -> dict[str, Any]:
    return {"account_id": account, "profile_id": account * 10 + profile, "paper_id": paper, "version": 1,
            "matched_at": _at(n)}  # fmt: skip


def _at(n: int) -> datetime:
    """When a paper was told of: a day's come together, and are percolated in batches of fifty."""
    left = PAPERS - 1 - n
    return LAST - timedelta(days=left // A_DAY, seconds=left % A_DAY // 50)


class Bulk:
    """Rows written by the driver's own means for many."""

    def __init__(self, store: Store) -> None:
        self._postgres = store.postgres
        address = make_url(store.url)
        self._connection: Any
        self._dialect: Any
        if store.postgres:
            plain = address.set(drivername="postgresql").render_as_string(hide_password=False)
            self._connection, self._dialect = psycopg.connect(plain, autocommit=True), postgresql.psycopg.dialect()  # type: ignore[no-untyped-call]
        else:
            self._connection, self._dialect = sqlite3.connect(str(address.database)), sqlite.dialect()

    def write(self, table: Table, rows: Iterable[dict[str, Any]]) -> None:
        """Rows of the same columns."""
        first = next(found := iter(rows))
        tell = {name: table.c[name].type.dialect_impl(self._dialect).bind_processor(self._dialect) for name in first}
        told = (
            [row[name] if as_told is None else as_told(row[name]) for name, as_told in tell.items()]
            for row in itertools.chain([first], found)
        )
        names = ", ".join(tell)
        if self._postgres:
            with self._connection.cursor() as cursor, cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN') as copy:
                for row in told:
                    copy.write_row(row)
        else:
            holes = ", ".join("?" * len(tell))
            self._connection.executemany(f'INSERT INTO "{table.name}" ({names}) VALUES ({holes})', told)
            self._connection.commit()

    def end(self) -> None:
        """PostgreSQL looks at what it holds now, as it would by itself after a while; SQLite never does."""
        if self._postgres:
            self._connection.execute("VACUUM ANALYZE")
        self._connection.close()
