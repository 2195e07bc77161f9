"""A process that dies with an update in hand: `python -m tests.bots.telegram_victim BOT_API DATABASE`."""

import asyncio
import os
import signal
import sys
from datetime import timedelta

from paperlark.bots.asker import Asker
from paperlark.bots.commands import Commands
from paperlark.bots.reply import Reply
from paperlark.bots.telegram import TelegramBot
from paperlark.channels.telegram import Options, Telegram
from paperlark.pipeline.lane import Lane
from paperlark.store.database import open_store
from paperlark.testing.bot_api import TOKEN


class Dying(Commands):
    """Dies of what it is asked: no clean-up, no flush."""

    async def answer(self, asker: Asker, name: str, text: str = "") -> Reply:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


async def main(api: str, database: str) -> None:
    """Answer until it kills."""
    store = await open_store(database)
    channel = Telegram(Options(TOKEN, api))
    lane = Lane(store, channel, lease=timedelta(seconds=1))
    await TelegramBot(store, Dying(store), channel, lane).run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
