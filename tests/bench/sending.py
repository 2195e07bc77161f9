"""Deliveries a second without limits, beside the same client library called in a bare loop on the same fake server.

The server is a process of its own, so that both pay for the client only. The loop sends the very same messages, one
after another; the pipeline claims, composes, renders, seals, notes what flies and what arrived, on a real database.
"""

import asyncio
import multiprocessing
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any

from telegram import Bot, LinkPreviewOptions
from telegram.constants import ParseMode
from telegram.request import HTTPXRequest

from paperlark.channels.telegram import Options, Telegram
from paperlark.interpreter import tune_python
from paperlark.log import set_up
from paperlark.model.readers import Cadence, EmptyPolicy, Rhythm
from paperlark.pipeline.deliver import Deliverer
from paperlark.pipeline.percolate import Percolator
from paperlark.pipeline.planning import plan
from paperlark.store import accounts, profiles
from paperlark.store.database import Store, open_store
from paperlark.testing.bot_api import TOKEN, BotApi
from paperlark.testing.windows import Windows
from tests.builders import numbered, record
from tests.databases import Fresh, postgres_databases, sqlite_databases

READERS = 2_000
PAPERS = 5
LEASE = timedelta(minutes=2)


class Unlimited(Telegram):
    """Telegram without its limits."""

    limits = replace(Telegram.limits, overall=None, per_address=None, per_group=None)


def measure(_data: Path, tell: Callable[[str], None]) -> list[dict[str, Any]]:
    """Both databases, each beside the loop before it."""
    rows = []
    set_up(level="error")
    tune_python()  # as the service does
    with (
        tempfile.TemporaryDirectory() as folder,
        sqlite_databases(Path(folder)) as sqlite,
        postgres_databases() as postgres,
    ):
        for name, fresh in {"sqlite": sqlite, "postgres": postgres}.items():
            with server() as far:
                ours, bare, phases = asyncio.run(_compared(fresh, far.url))
                seen = far.asked("seen")
            tell(f"{name}: {phases}")
            assert seen == 2 * READERS, f"{seen} messages arrived"
            rows.append(
                {"name": f"sending {name}", "ours": round(ours), "unit": "messages/s", "beside": round(bare),
                 "what_beside": "a bare loop", "ratio": round(ours / bare, 2)}
            )  # fmt: skip
    return rows


async def _compared(fresh: Fresh, url: str) -> tuple[float, float, str]:
    store = await open_store(fresh())
    try:
        await furnish(store, READERS)
        texts = await _sent_by_us(store, url)
        ours = READERS / texts
        bare = READERS / await _sent_bare(store, url)
    finally:
        await store.close()
    return ours, bare, f"{texts:.1f} s"


async def furnish(store: Store, readers: int, *, cadence: Cadence = Cadence.INSTANT, papers: int = PAPERS) -> None:
    """Readers who are all owed the same papers."""
    async with store.transaction() as tx:
        now = await tx.now()
        for chat in range(1, readers + 1):
            account = await accounts.account_of(tx, "telegram", str(chat), name=str(chat), now=now)
            profile = await profiles.add(tx, account, "larks", "larks", now)
            place = await profiles.put_destination(
                tx, account, "telegram", str(chat), rhythm=Rhythm(), cap=20, empty=EmptyPolicy.SILENT, now=now
            )
            await profiles.subscribe(tx, account, profile.id, place.id, cadence=cadence, occasions=["new"], now=now)
    await record(store, *numbered(papers, at=now))
    percolator = Percolator(store, lease=LEASE)
    await percolator.run()
    await percolator.close()
    await plan(store)


async def _sent_by_us(store: Store, url: str) -> float:
    async with opened(Unlimited(Options(token=TOKEN, base_url=url))) as channel:
        deliverer = Deliverer(store, channel, lease=LEASE, jitter=Random(0))
        began = time.perf_counter()
        outcome = await deliverer.run()
        seconds = time.perf_counter() - began
        await deliverer.leave()
    assert outcome.sent == READERS, outcome
    return seconds


async def _sent_bare(store: Store, url: str) -> float:
    from sqlalchemy import select

    from paperlark.store.tables import DELIVERY

    async with store.reading() as tx:
        (parts,) = (await tx.execute(select(DELIVERY.c.parts).limit(1))).one()
    request = HTTPXRequest(connection_pool_size=16)
    bot = Bot(TOKEN, base_url=f"{url}/bot", request=request, get_updates_request=request)
    await request.initialize()
    began = time.perf_counter()
    for chat in range(1, READERS + 1):
        await bot.send_message(
            chat_id=chat,
            text=parts[0]["html"],
            parse_mode=ParseMode.HTML,
            link_preview_options=LinkPreviewOptions(is_disabled=True),
        )
    seconds = time.perf_counter() - began
    await request.shutdown()
    return seconds


@asynccontextmanager
async def opened(channel: Telegram) -> AsyncIterator[Telegram]:
    """A channel, open."""
    await channel.open()
    try:
        yield channel
    finally:
        await channel.close()


# ── the far side ───────────────────────────────────────────────────────────────────────────────────────────────────


class FarSide:
    """A fake Bot API server in another process."""

    def __init__(self, url: str, line: Connection) -> None:
        self.url = url
        self._line = line

    def asked(self, what: object) -> Any:
        """What the server knows: "seen" (how many messages), "refused" (how many it answered 429), "texts" (chat and
        text of each message, in order); or, for ("say", chat, words), after how many seconds a reader is answered."""
        self._line.send(what)
        return self._line.recv()


@contextmanager
def server(windows: Windows | None = None) -> Iterator[FarSide]:
    """A server, until the block ends."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(there, windows), daemon=True)
    process.start()
    try:
        yield FarSide(here.recv(), here)
    finally:
        here.send("end")
        process.join(10)


def _serve(line: Connection, windows: Windows | None) -> None:
    asyncio.run(_served(line, windows))


async def _served(line: Connection, windows: Windows | None) -> None:
    async with BotApi(windows=windows) as api:
        line.send(api.url)
        while (what := await asyncio.to_thread(line.recv)) != "end":
            match what:
                case ("say", int(chat), str(words)):
                    line.send(await _answered(api, chat, words))
                case "seen":
                    line.send(len(api.seen))
                case "refused":
                    line.send(windows.refused if windows else 0)
                case "texts":
                    line.send([(message.chat, message.text) for message in api.seen])


async def _answered(api: BotApi, chat: int, words: str) -> float:
    """After how many seconds a reader who says something is answered."""
    had, began = len(api.texts(chat)), time.perf_counter()
    await api.say(chat, words)
    for _ in range(3000):
        if len(api.texts(chat)) > had:
            break
        await asyncio.sleep(0.01)
    return time.perf_counter() - began
