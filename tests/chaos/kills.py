"""A child process polls, percolates and delivers, and is killed with SIGKILL at a labelled point; another takes over.

The far side is a Bot API server in the parent, which records what readers saw. The verdict compares that with what was
owed: nothing lost, and at most the message in flight twice. (Each destination may have one message in flight.)

Time in the store runs faster than the wall's (`SPEED`), so that a lease of two seconds can stand beside five-minute
slots.
"""

import asyncio
import multiprocessing
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import cast

from sqlalchemy import func, select

from paperlark.channels.telegram import Options, Telegram
from paperlark.log import set_up
from paperlark.model.papers import Alias, Announcement, Page, Paper
from paperlark.model.readers import Cadence, EmptyPolicy, Rhythm
from paperlark.pipeline import At, ingest, nobody
from paperlark.pipeline.deliver import Deliverer
from paperlark.pipeline.percolate import Percolator
from paperlark.pipeline.planning import plan
from paperlark.store import accounts, outbox, profiles, sources
from paperlark.store.database import Store, open_store
from paperlark.store.tables import ANNOUNCEMENT, OWED, SIGNAL
from paperlark.testing.bot_api import BotApi
from paperlark.testing.kills import LABELS, KillAt
from paperlark.testing.sources import FakeSource

LEASE = 2.0  # seconds on the wall
SPEED = 200  # seconds in the store for one on the wall: a five-minute slot takes 1.5 s
DEADLINE = 60.0  # seconds on the wall for a child to bring everything to its end

PAPERS = 15
READERS = {"1001": "lantern", "1002": "lantern OR harbour", "1003": "upvotes:>=30 harbour"}
WORDS = "the tide carries every boat past the long stone pier before the watch is changed again "


@dataclass(frozen=True, slots=True)
class Run:
    """Where a scenario runs, since when, and where its child dies."""

    url: str
    api: str
    began: float
    label: str = ""
    nth: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one kill. status: the child's exit status. most: how often the most repeated message was seen."""

    label: str
    status: int | None
    lost: int
    duplicates: int
    most: int
    unpercolated: int
    dead: int

    @property
    def killed(self) -> bool:
        """The child was killed, and did not end by itself."""
        return self.status == -signal.SIGKILL

    @property
    def good(self) -> bool:
        """Killed, nothing lost, and of each destination at most the message in flight twice."""
        whole = not self.lost and not self.unpercolated and not self.dead
        return self.killed and whole and self.most <= 2 and self.duplicates <= len(READERS)


def clock(began: float) -> Callable[[], datetime]:
    """The store's time, which runs fast since `began` (seconds on the wall), the same in every process."""
    return lambda: datetime.fromtimestamp(began + (time.time() - began) * SPEED, UTC)


def pages() -> list[Page]:
    """Three pages of papers, long enough for digests in several messages, and a fourth with risen counts."""
    told = [_told(number, upvotes=5) for number in range(PAPERS)]
    thirds = [Page(tuple(told[start : start + PAPERS // 3])) for start in range(0, PAPERS, PAPERS // 3)]
    return [*thirds, Page(tuple(_told(number, upvotes=40) for number in range(PAPERS)))]


def _told(number: int, upvotes: int) -> Announcement:
    word = "lantern" if number % 2 else "harbour"
    paper = Paper(
        title=f"Paper {number} of the {word}",
        abstract=f"About the {word}. " + WORDS * 8,
        aliases=(Alias("arxiv", f"2401.{number:05}"),),
    )
    return Announcement(paper, datetime.now(UTC), signals={"upvotes": upvotes})


def owed() -> set[tuple[str, int]]:
    """(chat, paper number) of everything that a reader must be told."""
    due = set()
    for number in range(PAPERS):
        due |= {("1001", number)} if number % 2 else {("1003", number)}
        due.add(("1002", number))
    return due


# ── the child ──────────────────────────────────────────────────────────────────────────────────────────────────────


def child(run: Run) -> None:
    """Run the scenario to its end, or to the labelled point."""
    set_up(level="error")  # hundreds of children would say the same
    asyncio.run(_child(run))


async def _child(run: Run) -> None:
    at: At = KillAt(run.label, run.nth) if run.label else nobody
    store = await open_store(run.url, clock=clock(run.began))
    lease = timedelta(seconds=LEASE * SPEED)
    percolator = Percolator(store, lease=lease, at=at)
    channel = Telegram(Options(token="123456:fake-token-for-tests-0123456789abcdef", base_url=run.api))
    deliverer = Deliverer(store, channel, lease=lease, jitter=random.Random(1), at=at)
    await channel.open()
    deadline = time.monotonic() + DEADLINE
    try:
        while not await _finished(store) and time.monotonic() < deadline:
            for configured in await ingest.due_sources(store, lease=lease, limit=5):
                source = FakeSource("fake", pages())
                await ingest.poll(store, configured, source, lease=lease, jitter=random.Random(1), at=at)
            await percolator.run()
            await percolator.run_signals()
            await plan(store)
            await deliverer.run()
            await asyncio.sleep(0.05)
        await deliverer.leave()
    finally:
        await channel.close()
        await percolator.close()
        await store.close()


async def _finished(store: Store) -> bool:
    async with store.reading() as tx:
        source = await sources.get(tx, "fake")
        unpercolated = await _count(store, ANNOUNCEMENT.c.percolated_at.is_(None))
        open_signals = await _count(store, SIGNAL.c.percolated_at.is_(None))
        unsealed = await _count(store, OWED.c.delivery_id.is_(None))
        states = await outbox.counts(tx)
    waiting = states.get("pending", 0) + states.get("claimed", 0)
    polled = source.cursor.get("pages") == len(pages()) and source.lease_token is None
    return polled and not (unpercolated or open_signals or unsealed or waiting)


async def _count(store: Store, condition: object) -> int:
    async with store.reading() as tx:
        return cast(int, (await tx.execute(select(func.count()).where(condition))).scalar_one())  # type: ignore[arg-type]


# ── the parent ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def prepare(url: str, began: float) -> None:
    """Three readers, one source whose baseline is over."""
    store = await open_store(url, clock=clock(began))
    try:
        async with store.transaction() as tx:
            now = await tx.now()
            for chat, query in READERS.items():
                account = await accounts.account_of(tx, "telegram", chat, name=chat, now=now)
                profile = await profiles.add(tx, account, "mine", query, now)
                place = await profiles.put_destination(
                    tx, account, "telegram", chat, rhythm=Rhythm(), cap=50, empty=EmptyPolicy.SILENT, now=now
                )
                await profiles.subscribe(
                    tx, account, profile.id, place.id, cadence=Cadence.INSTANT, occasions=["new"], now=now
                )
            await sources.add(tx, "fake", "fake", {}, now)
        async with store.transaction() as tx:
            (claimed,) = await sources.claim_due(tx, now, timedelta(minutes=1), limit=1)
            await sources.finish_poll(tx, claimed, claimed.evidence, options=claimed.options, now=now, next_poll_at=now)
    finally:
        await store.close()


async def kill_once(url: str, label: str, nth: int) -> Verdict:
    """One scenario: a child is killed at a label, another brings everything to its end."""
    began = time.time()
    await prepare(url, began)
    async with BotApi() as api:
        first = await _run(Run(url, api.url, began, label, nth))
        second = await _run(Run(url, api.url, began))
        seen = Counter((message.chat, number) for message in api.seen for number in _numbers(message.text))
    store = await open_store(url, clock=clock(began))
    try:
        unpercolated = await _count(store, ANNOUNCEMENT.c.percolated_at.is_(None))
        async with store.reading() as tx:
            dead = (await outbox.counts(tx)).get("dead", 0)
    finally:
        await store.close()
    messages = Counter((message.chat, _numbers(message.text)) for message in api.seen)
    lost = len(owed() - set(seen)) + (second.exitcode != 0)
    duplicates = sum(count - 1 for count in messages.values())
    return Verdict(label, first.exitcode, lost, duplicates, max(messages.values(), default=0), unpercolated, dead)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(number for number in range(PAPERS) if f"Paper {number} of" in text)


async def _run(run: Run) -> BaseProcess:
    process = _context().Process(target=child, args=(run,))
    process.start()
    # Only waited for in a thread: starting a process looks after all others, and two threads that read one exit status
    # leave 255 to the second.
    await asyncio.to_thread(wait, [process.sentinel])
    process.join()
    return process


def _context() -> multiprocessing.context.ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.chaos.kills"])
    return context


async def matrix(
    databases: dict[str, Callable[[], str]],
    *,
    kills: int,
    at_once: int,
    done: Callable[[str, Verdict], None],
    labels: tuple[str, ...] = LABELS,
) -> dict[tuple[str, str], list[Verdict]]:
    """Every label × database, `kills` times each; the nth reach of a label varies. `done` hears of each verdict."""
    gate = asyncio.Semaphore(at_once)
    verdicts: dict[tuple[str, str], list[Verdict]] = {}

    async def one(database: str, label: str, nth: int) -> None:
        async with gate:
            url = await asyncio.to_thread(databases[database])
            verdict = await kill_once(url, label, nth)
        verdicts.setdefault((database, label), []).append(verdict)
        done(database, verdict)

    runs: list[Awaitable[None]] = [
        one(database, label, 1 + number % reaches(label))
        for label in labels
        for database in databases
        for number in range(kills)
    ]
    await asyncio.gather(*runs)
    return verdicts


def reaches(label: str) -> int:
    """How often a scenario surely reaches a label before it ends: four pages, three deliveries, one of all else."""
    if label.startswith("record: page") or label == "record: before a page commits":
        return 4
    claims = ("deliver: before a claim", "deliver: before a claim commits", "deliver: claimed")
    return 3 if label.startswith("deliver") and label not in claims else 1
