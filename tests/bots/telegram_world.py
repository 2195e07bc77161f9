"""A Telegram bot that is really there: python-telegram-bot over loopback against the fake Bot API."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from random import Random
from typing import ClassVar

from paperlark.bots.asker import Asker
from paperlark.bots.commands import Commands
from paperlark.bots.reply import Reply, Said
from paperlark.bots.telegram import TelegramBot
from paperlark.channels.telegram import UNITS, Options, Telegram
from paperlark.model.messages import Limits
from paperlark.pipeline.lane import Lane
from paperlark.store.database import Store
from paperlark.testing.bot_api import TOKEN, BotApi, Seen

LEASE = timedelta(seconds=30)


class Swift(Telegram):
    """A channel that bears as many messages a second as a test sends."""

    limits: ClassVar[Limits] = Limits(text_units=UNITS, parts=10)


def swift(api: BotApi) -> Telegram:
    """The channel of a bot."""
    return Swift(Options(TOKEN, api.url, timeout=5))


@asynccontextmanager
async def running(
    api: BotApi, store: Store, commands: Commands | None = None, *, polls: bool = True
) -> AsyncIterator[TelegramBot]:
    """A bot that answers, until the block ends."""
    channel = swift(api)
    lane = Lane(store, channel, lease=LEASE)
    bot = TelegramBot(
        store,
        commands or Commands(store),
        channel,
        lane,
        polls=polls,
        long_poll=timedelta(seconds=1),
        jitter=Random(0),
    )
    stop = asyncio.Event()
    task = asyncio.create_task(bot.run(stop))
    try:
        yield bot
    finally:
        stop.set()
        await task
        await lane.leave()


async def until(true: Callable[[], object], seconds: float = 10) -> None:
    """Wait until something is so. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def ask(api: BotApi, chat: int, text: str, **how: object) -> Seen:
    """What a chat is answered, the last message of it."""
    before = len(api.texts(chat))
    await api.say(chat, text, **how)
    await until(lambda: len(api.texts(chat)) > before)
    return last(api, chat)


async def press(api: BotApi, message: Seen, label: str, **how: object) -> str:
    """The notice that who presses a button is shown."""
    query = await api.press(message, label, **how)  # type: ignore[arg-type]
    await until(lambda: query in api.notices)
    return api.notices[query]


def last(api: BotApi, chat: int) -> Seen:
    """The last message of a chat, as it is now."""
    return [message for message in api.seen if message.chat == str(chat)][-1]


class Parrot(Commands):
    """Says again what it is told: for tests of the way there and back. `/pause` waits until `go` is set, `/export`
    falls over a fault."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.go = asyncio.Event()
        self.heard: list[str] = []

    async def answer(self, asker: Asker, name: str, text: str = "") -> Reply:
        """What was asked, and whether whoever asks may change something here."""
        self.heard.append(text)
        if name == "pause":
            await self.go.wait()
        if name == "export":
            raise RuntimeError("a fault of ours")
        return Reply(((Said(f"{asker.name} {'may' if asker.may_change else 'may not'}: {name} {text}".strip()),),))
