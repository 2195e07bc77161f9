"""Ten thousand readers, one digest each, through a Bot API that counts: 30 messages a second in all, 1 a second to a
chat, 20 a minute to a group, and 429 beyond. In real time, about six minutes.

Every fiftieth reader follows more and gets a digest in several messages; every twentieth is a group. Meanwhile a reader
asks /list every ten seconds, through the bot that shares the lane. What the limits allow is worked out, not measured.
"""

import asyncio
import re
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

from paperlark.bots.commands import Commands
from paperlark.bots.telegram import TelegramBot
from paperlark.channels.telegram import Options, Telegram
from paperlark.interpreter import tune_python
from paperlark.log import set_up
from paperlark.model.messages import Limits
from paperlark.model.readers import Cadence, EmptyPolicy, Rhythm
from paperlark.pipeline.deliver import Deliverer
from paperlark.pipeline.lane import Lane
from paperlark.pipeline.percolate import Percolator
from paperlark.pipeline.planning import plan
from paperlark.store import accounts, profiles
from paperlark.store.database import Store, open_store
from paperlark.testing.bot_api import TOKEN
from paperlark.testing.windows import Windows
from tests.bench.sending import FarSide, server
from tests.builders import numbered, record
from tests.databases import Fresh, sqlite_databases

READERS = 10_000
LEASE = timedelta(minutes=2)
ASK_EVERY = 10.0  # seconds between a reader's commands
PART = re.compile(r"(\d+) of (\d+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Storm:
    """What came of it. seconds: from the first claim to the last answer; allowed: what the limits make it take at
    least. late: the slowest answer to a reader. disordered: chats whose parts came in another order."""

    readers: int
    messages: int
    refused: int
    seconds: float
    allowed: float
    answers: int
    late: float
    disordered: int
    unsent: int

    @property
    def ratio(self) -> float:
        """How much longer it took than it had to."""
        return self.seconds / self.allowed


def measure(_data: Path, tell: Callable[[str], None]) -> list[dict[str, Any]]:
    """The whole storm, on SQLite."""
    set_up(level="error")
    tune_python()  # as the service does
    with tempfile.TemporaryDirectory() as folder, sqlite_databases(Path(folder)) as fresh:
        storm = asyncio.run(blow(fresh, READERS, ask_every=ASK_EVERY))
    tell(
        f"{storm.readers:,} readers, {storm.messages:,} messages, {storm.refused} answered 429; {storm.answers} "
        f"answers, the slowest after {storm.late:.1f} s; {storm.disordered} chats out of order, {storm.unsent} unsent"
    )
    return [
        {"name": "storm", "ours": round(storm.seconds, 1), "unit": "s", "beside": round(storm.allowed, 1),
         "what_beside": "what the limits allow", "ratio": round(storm.ratio, 3)}
    ]  # fmt: skip


async def blow(
    fresh: Fresh, readers: int, *, ask_every: float, windows: Windows | None = None, limits: Limits | None = None
) -> Storm:
    """One storm. windows, limits: the server's and ours, where they are not Telegram's."""
    windows = windows or Windows()

    class Limited(Telegram):
        pass

    Limited.limits = limits or Telegram.limits
    store = await open_store(fresh())
    with server(windows) as far:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(store.close)
            await _furnish(store, readers)
            options = Options(token=TOKEN, base_url=far.url)
            channel = Limited(options)
            await channel.open()
            stack.push_async_callback(channel.close)
            lane = Lane(store, channel, lease=LEASE)
            stack.push_async_callback(lane.leave)
            sent, stop = asyncio.Event(), asyncio.Event()
            bot = TelegramBot(store, Commands(store, page_url=None), Limited(options), lane, polls=True)
            talking = asyncio.create_task(bot.run(stop))
            asking = asyncio.create_task(_ask(far, ask_every, sent))
            began = time.perf_counter()
            outcome = await Deliverer(store, channel, lease=LEASE, jitter=Random(0), lane=lane).run()
            seconds = time.perf_counter() - began
            sent.set()
            waits = await asking  # the bot stays for as long as somebody waits for it
            stop.set()
            await talking
        texts = far.asked("texts")
        refused = far.asked("refused")
    messages = len(texts) - len(waits)
    rate = windows.overall or 0
    allowed = max(0.0, (len(texts) - rate) / rate) * windows.seconds
    return Storm(
        readers, messages, refused, seconds, allowed, len(waits), max(waits, default=0.0), _disordered(texts),
        readers - outcome.sent,
    )  # fmt: skip


async def _ask(far: FarSide, every: float, enough: asyncio.Event) -> list[float]:
    """A reader asks again and again, until it is enough. Returns how long each answer took."""
    waits: list[float] = []
    while not enough.is_set():
        try:
            await asyncio.wait_for(enough.wait(), every)
        except TimeoutError:
            waits.append(await asyncio.to_thread(far.asked, ("say", 5_000_000 + len(waits), "/list")))
    return waits


async def _furnish(store: Store, readers: int) -> None:
    async with store.transaction() as tx:
        now = await tx.now()
        for number in range(1, readers + 1):
            chat = str(-number if number % 20 == 0 else number)
            account = await accounts.account_of(tx, "telegram", chat, name=chat, now=now)
            # Not among the last ones: what the limits of one chat make a digest take at the end would hide the others'.
            query = "larks OR owls" if number % 50 == 1 and number < 0.95 * readers else "larks"
            profile = await profiles.add(tx, account, "birds", query, now)
            place = await profiles.put_destination(
                tx, account, "telegram", chat, rhythm=Rhythm(), cap=50, empty=EmptyPolicy.SILENT, now=now
            )
            await profiles.subscribe(
                tx, account, profile.id, place.id, cadence=Cadence.INSTANT, occasions=["new"], now=now
            )
    await record(store, *numbered(3, at=now), *numbered(40, "owls", start=100, at=now))
    percolator = Percolator(store, lease=LEASE)
    await percolator.run()
    await percolator.close()
    await plan(store)


def _disordered(texts: list[tuple[str, str]]) -> int:
    """How many chats saw the parts of their digest in another order than they were written in."""
    parts: dict[str, list[int]] = {}
    for chat, text in texts:
        found = PART.search(text.split("\n", 1)[0])
        parts.setdefault(chat, []).append(int(found[1]) if found else 1)
    return sum(numbers != sorted(numbers) for numbers in parts.values())
