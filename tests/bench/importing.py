"""The whole way of a paper into SQLite: parse, identity, search words, percolate against 1,000 profiles, matches, owed
rows, commit. Beside it, SQLite's FTS5 doing as much of it as it can: JSON, one table with full text, and the profiles
run as queries over each batch, their hits stored.

Each run is a process of its own, so that its peak memory is its own.
"""

import asyncio
import gzip
import itertools
import json
import multiprocessing
import resource
import sqlite3
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import func, select

from paperlark.interpreter import tune_python
from paperlark.matching.candidates import to_fts5, wanted
from paperlark.matching.document import Document, analyse, search_words
from paperlark.matching.query import parse
from paperlark.model.ids import new_id
from paperlark.model.papers import Page
from paperlark.pipeline import ingest
from paperlark.pipeline.beside import Beside
from paperlark.pipeline.percolate import Percolator
from paperlark.pipeline.recent import Recent
from paperlark.sources import jsonl
from paperlark.store.database import Store, open_store
from paperlark.store.tables import DESTINATION, MATCH, OWED, PROFILE, PROFILE_CHANGE, SUBSCRIPTION
from tests.bench.profiles import drawn

PAPERS = 20_000
PROFILES = 1_000
SHARE = 0.017  # of the profiles, met by a paper on average
SAMPLE = 1_500
ROUNDS = 3
CAPTURED_ON = date(2025, 7, 20)


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: seconds, peak resident memory in MiB (of the process and its child together), what was written."""

    papers: int
    seconds: float
    peak: float
    matches: int
    owed: int
    steps: dict[str, float]

    @property
    def rate(self) -> float:
        """Papers a second."""
        return self.papers / self.seconds


def measure(data: Path, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Run ours and the bare library's in turn, several times; then ours on a quarter of the papers, for its memory."""
    profiles = drawn(sample(data), PROFILES, SHARE)
    ours, bare = [], []
    for number in range(ROUNDS):
        ours.append(in_a_process(run_ours, data, profiles, PAPERS))
        bare.append(in_a_process(run_bare, data, profiles, PAPERS))
        say(f"round {number + 1}: ours {ours[-1].rate:.0f} papers/s, bare FTS5 {bare[-1].rate:.0f} papers/s")
    quarter = in_a_process(run_ours, data, profiles, PAPERS // 4)
    rate, beside = statistics.median(m.rate for m in ours), statistics.median(m.rate for m in bare)
    middle = sorted(ours, key=lambda m: m.rate)[len(ours) // 2]
    say(
        f"{middle.papers} papers, {PROFILES} profiles: {middle.matches / middle.papers:.1f} matches and "
        f"{middle.owed / middle.papers:.1f} owed rows a paper"
    )
    say(
        "the time goes into: "
        + ", ".join(f"{step} {seconds / middle.seconds:.0%}" for step, seconds in middle.steps.items())
    )
    say(f"peak memory: {middle.peak:.0f} MiB for {PAPERS} papers, {quarter.peak:.0f} MiB for {PAPERS // 4}")
    return [
        {"name": "import", "ours": round(rate, 1), "beside": round(beside, 1), "what_beside": "SQLite FTS5, bare",
         "ratio": round(rate / beside, 3), "unit": "papers/s"},
        {"name": "import memory", "ours": round(middle.peak, 1), "beside": round(quarter.peak, 1),
         "what_beside": "ours, a quarter of the papers", "ratio": round(middle.peak / quarter.peak, 3), "unit": "MiB"},
    ]  # fmt: skip


def sample(data: Path) -> list[Document]:
    """Some papers, spread over the file, for drawing profiles from."""
    step = PAPERS // SAMPLE
    lines = itertools.islice(lines_of(data), 0, None, step)
    pages = jsonl.parse_lines(lines, where="sample", captured_on=CAPTURED_ON)
    return [
        Document(title=a.paper.title, abstract=a.paper.abstract, categories=a.paper.categories,
                 announced_at=a.announced_at)
        for page in pages for a in page.announcements
    ]  # fmt: skip


def lines_of(data: Path) -> Iterator[bytes]:
    """The file's lines, decompressed as they come."""
    (file,) = (data / "arxiv_bulk").glob("*.jsonl.gz")
    with gzip.open(file) as stream:
        yield from stream


def in_a_process(run: Callable[..., Measured], *arguments: Any) -> Measured:
    """Run it in a fresh process, whose peak memory is its own."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(run, arguments)


def run_ours(data: Path, profiles: list[str], papers: int) -> Measured:
    """The real way: `ingest` and `percolate` on a real store."""
    return asyncio.run(_ours(data, profiles, papers))


async def _ours(data: Path, profiles: list[str], papers: int) -> Measured:
    with TemporaryDirectory() as folder:
        store = await open_store(f"sqlite+aiosqlite:///{folder}/bench.sqlite3")
        try:
            await _follow(store, profiles)
            tune_python()  # as the service does
            recent = Recent()
            lease = timedelta(minutes=2)
            percolator = Percolator(store, lease=lease, recent=recent)
            beside = Beside(store, percolator, recent, lease=lease)
            steps = {"parse": 0.0, "percolate": 0.0}

            async def timed(step: Callable[[], Awaitable[object]]) -> None:
                began = time.perf_counter()
                await step()
                steps["percolate"] += time.perf_counter() - began

            start = time.perf_counter()
            await ingest.take(
                store,
                "jsonl",
                jsonl.JsonLines.authority,
                _pages(data, papers, steps),
                owes=True,
                recent=recent,
                recorded_one=lambda recorded: timed(lambda: beside.keep_up(recorded)),
            )
            await timed(percolator.run)
            await timed(beside.end)
            await timed(percolator.run)
            end = time.perf_counter()
            steps["record"] = end - start - sum(steps.values())
            await percolator.close()
            async with store.reading() as tx:
                matches = (await tx.execute(select(func.count()).select_from(MATCH))).scalar_one()
                owed = (await tx.execute(select(func.count()).select_from(OWED))).scalar_one()
        finally:
            await store.close()
    return Measured(papers, end - start, _peak(), matches, owed, steps)


async def _pages(data: Path, papers: int, steps: dict[str, float]) -> AsyncIterator[Page]:
    lines = itertools.islice(lines_of(data), papers)
    began = time.perf_counter()
    for page in jsonl.parse_lines(lines, where="arxiv_bulk", captured_on=CAPTURED_ON):
        steps["parse"] += time.perf_counter() - began
        yield page
        began = time.perf_counter()


async def _follow(store: Store, profiles: list[str]) -> None:
    """Each profile its own reader, destination and subscription: as many readers as profiles."""
    now = datetime(2025, 1, 1, tzinfo=UTC)
    rows = [(new_id(), new_id(), new_id(), new_id(), text) for text in profiles]
    async with store.transaction() as tx:
        await tx.insert_new(PROFILE, [
            {"account_id": account, "id": profile, "version": 1, "name": str(n), "text": text, "created_at": now,
             "began_at": now} for n, (account, profile, _, _, text) in enumerate(rows)])  # fmt: skip
        await tx.insert_new(PROFILE_CHANGE, [
            {"account_id": account, "mark": 1, "profile_id": profile, "version": 1, "at": now}
            for account, profile, _, _, _ in rows])  # fmt: skip
        await tx.insert_new(DESTINATION, [
            {"account_id": account, "id": place, "channel": "telegram", "address": str(n), "zone": "UTC",
             "digest_at": "08:00", "weekday": 0, "cap": 20, "empty": "silent", "failures": 0, "secret_turn": 0,
             "created_at": now}
            for n, (account, _, place, _, _) in enumerate(rows)])  # fmt: skip
        await tx.insert_new(SUBSCRIPTION, [
            {"account_id": account, "id": subscription, "profile_id": profile, "destination_id": place,
             "cadence": "daily", "occasions": ["new"], "began_at": now}
            for account, profile, place, subscription, _ in rows])  # fmt: skip


def run_bare(data: Path, profiles: list[str], papers: int) -> Measured:
    """FTS5 alone: it is given our words and our queries' candidates, and checks nothing that it cannot express."""
    queries = [(n, to_fts5(wanted(parse(text)))) for n, text in enumerate(profiles)]
    matches = 0
    with TemporaryDirectory() as folder:
        connection = sqlite3.connect(Path(folder) / "bare.sqlite3", isolation_level=None)
        connection.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
            "CREATE TABLE paper (id INTEGER PRIMARY KEY, arxiv TEXT UNIQUE, title TEXT, abstract TEXT);"
            "CREATE VIRTUAL TABLE words USING fts5(held, detail=none);"
            "CREATE TABLE match (profile INTEGER, paper INTEGER, PRIMARY KEY (profile, paper)) WITHOUT ROWID;"
        )
        start = time.perf_counter()
        lines = itertools.islice(lines_of(data), papers)
        number = 0
        while batch := [json.loads(line) for line in itertools.islice(lines, 1000)]:
            first = number + 1
            connection.execute("BEGIN")
            for record in batch:
                number += 1
                paper = Document(title=record["title"], abstract=record["summary"], announced_at=datetime.now(UTC))
                row = (number, record["id"], record["title"], record["summary"])
                connection.execute("INSERT INTO paper VALUES (?, ?, ?, ?)", row)
                words = " ".join(search_words(analyse(paper)))
                connection.execute("INSERT INTO words (rowid, held) VALUES (?, ?)", (number, words))
            for key, query in queries:
                hits = connection.execute(
                    "SELECT rowid FROM words WHERE words MATCH ? AND rowid BETWEEN ? AND ?", (query, first, number)
                ).fetchall()
                matches += len(hits)
                connection.executemany("INSERT INTO match VALUES (?, ?)", [(key, paper_id) for (paper_id,) in hits])
            connection.execute("COMMIT")
        end = time.perf_counter()
        connection.close()
    return Measured(papers, end - start, _peak(), matches, 0, {})


def _peak() -> float:
    own, childs = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return (own + childs) / 1024
