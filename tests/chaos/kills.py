"""A child process polls, percolates and delivers, and is killed with SIGKILL at a labelled point; another takes over.

The far side is a server in the parent, a Bot API, a Discord or a mail server, which records what readers saw. The
verdict compares that with what was owed: nothing lost, and at most the one message in flight twice, marked; on Discord
not even that. What is recorded and percolated needs no far side: there the verdict is on what is owed.

Time in the store runs faster than the wall's (`SPEED`), so that a lease of two seconds can stand beside five-minute
slots.
"""

import asyncio
import multiprocessing
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import cast

from sqlalchemy import func, select

from paperlark.channels import discord, email, telegram
from paperlark.channels.base import Channel
from paperlark.channels.discord import Discord
from paperlark.channels.email import Email
from paperlark.channels.telegram import Telegram
from paperlark.channels.text import REPEATED
from paperlark.log import set_up
from paperlark.model.papers import Alias, Announcement, Page, Paper
from paperlark.model.readers import Cadence, EmptyPolicy, Rhythm
from paperlark.pipeline import At, ingest, nobody
from paperlark.pipeline.deliver import Deliverer
from paperlark.pipeline.percolate import Percolator
from paperlark.pipeline.planning import plan
from paperlark.store import accounts, outbox, profiles, sources
from paperlark.store.database import Store, open_store
from paperlark.store.tables import ACCOUNT, ANNOUNCEMENT, OWED, PAPER, SIGNAL
from paperlark.testing import bot_api, discord_site
from paperlark.testing.bot_api import BotApi
from paperlark.testing.discord_site import DiscordSite
from paperlark.testing.kills import LABELS, KillAt
from paperlark.testing.mail import MailServer
from paperlark.testing.sources import FakeSource

LEASE = 2.0  # seconds on the wall
SPEED = 200  # seconds in the store for one on the wall: a five-minute slot takes 1.5 s
BEFORE = 6 * 3600.0  # seconds by which the store's time begins in the past: it never overtakes Discord's, which is ours
DEADLINE = 60.0  # seconds on the wall for a child to bring everything to its end

PAPERS = 15
ADDRESSES = {"telegram": "{}", "discord": "channel:{}", "email": "{}@readers.example"}
ELSEWHERE = 10  # kills at most for each other label
EVERYWHERE = (
    "deliver: before a claim",
    "deliver: claimed",
    "deliver: before a send",
    "deliver: sent",
    "deliver: before a receipt commits",
    "deliver: receipt committed",
    "deliver: draining",
)
"""Points at which it matters how a channel sends: before and after a claim, a send, and its answer; in the middle of a
commit; while draining. At the others a delivery is on no channel yet."""
READERS = {"1001": "lantern", "1002": "lantern OR harbour", "1003": "upvotes:>=30 harbour"}
WORDS = "the tide carries every boat past the long stone pier before the watch is changed again "


@dataclass(frozen=True, slots=True)
class Run:
    """Where a scenario runs, since when, and where its child dies."""

    url: str
    began: float
    channel: str = ""
    port: int = 0
    label: str = ""
    nth: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one kill. status: the child's exit status. unmarked: second copies that do not say so."""

    label: str
    channel: str
    status: int | None
    lost: int
    duplicates: int
    unmarked: int
    unpercolated: int
    dead: int

    @property
    def killed(self) -> bool:
        """The child was killed, and did not end by itself."""
        return self.status == -signal.SIGKILL

    @property
    def good(self) -> bool:
        """Killed, nothing lost, and at most one message twice, marked; on Discord none."""
        whole = not self.lost and not self.unpercolated and not self.dead
        borne = 0 if self.channel == "discord" else 1
        return self.killed and whole and self.duplicates <= borne and not self.unmarked


def clock(began: float) -> Callable[[], datetime]:
    """The store's time, which runs fast since `began` (seconds on the wall), the same in every process."""
    start = began - BEFORE
    return lambda: datetime.fromtimestamp(start + (time.time() - began) * SPEED, UTC)


def pages(began: float = 0.0) -> list[Page]:
    """Three pages of papers, long enough for digests in several messages, and a fourth with risen counts."""
    at = datetime.fromtimestamp(began - BEFORE if began else 0.0, UTC)
    told = [_told(number, at, upvotes=5) for number in range(PAPERS)]
    thirds = [Page(tuple(told[start : start + PAPERS // 3])) for start in range(0, PAPERS, PAPERS // 3)]
    return [*thirds, Page(tuple(_told(number, at, upvotes=40) for number in range(PAPERS)))]


def _told(number: int, at: datetime, upvotes: int) -> Announcement:
    word = "lantern" if number % 2 else "harbour"
    paper = Paper(
        title=f"Paper {number} of the {word}",
        abstract=f"About the {word}. " + WORDS * 8,
        aliases=(Alias("arxiv", f"2401.{number:05}"),),
    )
    return Announcement(paper, at, signals={"upvotes": upvotes})


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
    store = await open_store(run.url, clock=clock(run.began))
    stop = asyncio.Event()
    at: At = nobody
    if run.label:
        at = draining(run.nth, stop) if run.label == "deliver: draining" else KillAt(run.label, run.nth)
    lease = timedelta(seconds=LEASE * SPEED)
    percolator = Percolator(store, lease=lease, at=at)
    channel = channel_of(run)
    deliverer = Deliverer(store, channel, lease=lease, jitter=random.Random(1), at=at) if channel else None
    if channel is not None:
        await channel.open()
    deadline = time.monotonic() + DEADLINE
    try:
        while not await _finished(store, delivered=channel is not None) and time.monotonic() < deadline:
            for configured in await ingest.due_sources(store, lease=lease, limit=5):
                source = FakeSource("fake", pages(run.began))
                await ingest.poll(store, configured, source, lease=lease, jitter=random.Random(1), at=at)
            await percolator.run()
            await percolator.run_signals()
            if deliverer is not None:
                await plan(store)
                await deliverer.run(stop)
            await asyncio.sleep(0.05)
        if deliverer is not None:
            await deliverer.leave()
    finally:
        if channel is not None:
            await channel.close()
        await percolator.close()
        await store.close()


def draining(nth: int, stop: asyncio.Event) -> At:
    """Told to stop when the nth message is about to be sent, and killed while what is in flight is waited for."""
    kill, sends = KillAt("deliver: draining"), Counter[str]()

    def at(label: str) -> None:
        sends[label] += 1
        if label == "deliver: before a send" and sends[label] == nth:
            stop.set()
        kill(label)

    return at


def channel_of(run: Run) -> Channel | None:
    """The channel of a scenario, with one message on its way at a time: so at most one is in doubt."""
    far = f"http://127.0.0.1:{run.port}"
    match run.channel:
        case "telegram":
            return OneByOneTelegram(telegram.Options(token=bot_api.TOKEN, base_url=far))
        case "discord":
            return OneByOneDiscord(discord.Options(token=discord_site.TOKEN, base_url=far))
        case "email":
            return Email(email.Options(host="127.0.0.1", port=run.port, tls="none", sender="papers@paperlark.example"))
    return None


class OneByOneTelegram(Telegram):
    """One message on its way at a time."""

    limits = replace(Telegram.limits, at_once=1)


class OneByOneDiscord(Discord):
    """One message on its way at a time."""

    limits = replace(Discord.limits, at_once=1)


async def _finished(store: Store, *, delivered: bool) -> bool:
    async with store.reading() as tx:
        source = await sources.get(tx, "fake")
        unpercolated = await _count(store, ANNOUNCEMENT.c.percolated_at.is_(None))
        open_signals = await _count(store, SIGNAL.c.percolated_at.is_(None))
        unsealed = await _count(store, OWED.c.delivery_id.is_(None))
        states = await outbox.counts(tx)
    waiting = states.get("pending", 0) + states.get("claimed", 0)
    polled = source.cursor.get("pages") == len(pages()) and source.lease_token is None
    percolated = polled and not (unpercolated or open_signals)
    return percolated and not (delivered and (unsealed or waiting))


async def _count(store: Store, condition: object) -> int:
    async with store.reading() as tx:
        return cast(int, (await tx.execute(select(func.count()).where(condition))).scalar_one())  # type: ignore[arg-type]


# ── the parent ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def prepare(url: str, began: float, channel: str) -> None:
    """Three readers, one source whose baseline is over."""
    store = await open_store(url, clock=clock(began))
    try:
        async with store.transaction() as tx:
            now = await tx.now()
            for chat, query in READERS.items():
                account = await accounts.account_of(tx, "test", chat, name=chat, now=now)
                profile = await profiles.add(tx, account, "mine", query, now)
                address = ADDRESSES.get(channel, "{}").format(chat)
                place = await profiles.put_destination(
                    tx, account, channel or "none", address, rhythm=Rhythm(), cap=50, empty=EmptyPolicy.SILENT, now=now
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


Message = tuple[str, tuple[int, ...], bool]
"""A message as it was seen: by which reader, about which papers, and whether it says that it may be a second copy."""


class FarSide:
    """The platform of a scenario: where it listens, and what readers saw there."""

    def __init__(self, channel: str) -> None:
        self._channel = channel
        self._bot_api = BotApi()
        # What it remembers is as long in the scenario's time as Discord's own memory is in ours.
        self._discord = DiscordSite(nonces_kept=discord_site.NONCES_KEPT / SPEED)
        self._mail = MailServer()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[int]:
        """Serve until the block ends; gives the port."""
        match self._channel:
            case "telegram":
                async with self._bot_api as api:
                    yield api.port
            case "discord":
                async with self._discord as site:
                    yield site.port
            case "email":
                async with self._mail as server:
                    yield server.port
            case _:
                yield 0

    def seen(self) -> list[Message]:
        """Every message, in order."""
        texts = [(message.chat, message.text) for message in self._bot_api.seen]
        texts += [(str(message.channel), message.text) for message in self._discord.seen]
        texts += [(mail.recipient.partition("@")[0], mail.part("plain")) for mail in self._mail.mails]
        unwrapped = [(chat, " ".join(text.split())) for chat, text in texts]
        return [(chat, _numbers(text), REPEATED in text) for chat, text in unwrapped]


async def kill_once(url: str, label: str, nth: int, channel: str) -> Verdict:
    """One scenario: a child is killed at a label, another brings everything to its end."""
    began = time.time()
    await prepare(url, began, channel)
    far = FarSide(channel)
    async with far.serving() as port:
        first = await _run(Run(url, began, channel, port, label, nth))
        second = await _run(Run(url, began, channel, port))
    store = await open_store(url, clock=clock(began))
    try:
        unpercolated = await _count(store, ANNOUNCEMENT.c.percolated_at.is_(None))
        async with store.reading() as tx:
            dead = (await outbox.counts(tx)).get("dead", 0)
            rows = [(row.name, row.title) for row in await tx.execute(_OWED)]
    finally:
        await store.close()
    messages = far.seen()
    told = {(chat, number) for chat, numbers, _ in messages for number in numbers}
    if not channel:
        told = {(name, number) for name, title in rows for number in _numbers(title)}
    copies = Counter((chat, numbers) for chat, numbers, _ in messages)
    unsaid = Counter((chat, numbers) for chat, numbers, marked in messages if not marked)
    lost = len(owed() - told) + (second.exitcode != 0)
    duplicates = sum(count - 1 for count in copies.values()) + (len(rows) - len(set(rows)))
    unmarked = sum(count - 1 for count in unsaid.values())
    return Verdict(label, channel, first.exitcode, lost, duplicates, unmarked, unpercolated, dead)


_OWED = (
    select(ACCOUNT.c.name, PAPER.c.title)
    .join(OWED, OWED.c.account_id == ACCOUNT.c.account_id)
    .join(PAPER, PAPER.c.id == OWED.c.paper_id)
)


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
    points: Sequence[tuple[str, str]],
    *,
    kills: int,
    at_once: int,
    done: Callable[[str, Verdict], None],
) -> dict[tuple[str, str, str], list[Verdict]]:
    """Every label and channel (`points`) × database, `kills` times each where all channels are tried, else at most
    `ELSEWHERE` times; the nth reach of a label varies. `done` hears of each verdict. Returned by database, label and
    channel."""
    gate = asyncio.Semaphore(at_once)
    verdicts: dict[tuple[str, str, str], list[Verdict]] = {}

    async def one(database: str, label: str, channel: str, nth: int) -> None:
        async with gate:
            url = await asyncio.to_thread(databases[database])
            verdict = await kill_once(url, label, nth, channel)
        verdicts.setdefault((database, label, channel), []).append(verdict)
        done(database, verdict)

    runs: list[Awaitable[None]] = [
        one(database, label, channel, 1 + number % reaches(label))
        for label, channel in points
        for database in databases
        for number in range(kills_at(label, kills))
    ]
    await asyncio.gather(*runs)
    return verdicts


def kills_at(label: str, kills: int) -> int:
    """How many of the kills a label gets."""
    return kills if label in EVERYWHERE else min(kills, ELSEWHERE)


def points(labels: Sequence[str] = LABELS) -> list[tuple[str, str]]:
    """Each label with the channels on which it is tried: all, one, or none where nothing is delivered yet."""
    found = []
    for label in labels:
        if not label.startswith("deliver"):
            found.append((label, ""))
        else:
            found += [(label, channel) for channel in (ADDRESSES if label in EVERYWHERE else ("telegram",))]
    return found


def reaches(label: str) -> int:
    """How often a scenario surely reaches a label before it ends: four pages, three messages, one of all else."""
    if label.startswith("record: page") or label == "record: before a page commits":
        return 4
    return 3 if label in ("deliver: before a send", "deliver: sent", "deliver: draining") else 1
