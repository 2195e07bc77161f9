"""Telegram, talking back. https://core.telegram.org/bots/api#getting-updates

Updates come in one of two ways, fetched by long polling or posted to our webhook, and are stored before Telegram is
told that we have them. Whoever holds the channel's lane takes the stored ones, in order within each chat, and answers:
each once, also when Telegram repeats it or a process dies with it in hand. (Died it between the answer and the note of
it, the answer is given again: the commands bear that.)

Only the order of things lives here; what an update means is `telegram_reading`, what is done `telegram_talking`.
"""

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import timedelta
from random import Random
from typing import Any
from urllib.parse import urlencode

import structlog
from telegram.error import Conflict, InvalidToken, RetryAfter, TelegramError

from paperlark.bots.commands import Commands
from paperlark.bots.telegram_reading import ALLOWED, INLINE, line_of, read
from paperlark.bots.telegram_talking import PLATFORM, TelegramTalk
from paperlark.channels.telegram import TIMEOUT, Telegram
from paperlark.model.problems import PaperlarkError, StoreError
from paperlark.pipeline.lane import Lane
from paperlark.store import inbound
from paperlark.store.database import Store
from paperlark.store.inbound import Inbound

log = structlog.get_logger()

LONG_POLL = timedelta(seconds=25)
LOOK = 1.0  # seconds between looks at what another process may have stored
HOLD_AGAIN = 2.0  # seconds between tries at a lane that another process has
IN_HAND = 1000  # updates in memory
PATIENCE = 50  # updates of one line: while more wait behind it, one is let go unanswered
ANSWER_LIMIT = 120.0  # seconds for an answer, with its turn
DRAIN = 5.0  # seconds for what is in hand when we stop
LONGEST_PAUSE = 60.0  # seconds between tries to fetch updates
NO_BOT = 300.0  # seconds, where Telegram does not know our token


class TelegramBot:
    """One bot's talk with its readers, while this process holds its lane.

    channel: of its own, so that answers never wait for a connection that a delivery has. polls: updates are fetched;
    otherwise they come by the webhook, here or in another process.
    """

    def __init__(
        self,
        store: Store,
        commands: Commands,
        channel: Telegram,
        lane: Lane,
        *,
        polls: bool = True,
        long_poll: timedelta = LONG_POLL,
        jitter: Random | None = None,
    ) -> None:
        self._store = store
        self._channel = channel
        self._bot = channel.bot
        self._lane = lane
        self._talk = TelegramTalk(store, commands, channel, lane)
        self._polls = polls
        self._long_poll = long_poll.total_seconds()
        self._jitter = jitter or Random()
        self._username: str | None = None
        self._offset: int | None = None
        self._news = asyncio.Event()
        self._stopping = False
        self._in_hand: set[int] = set()
        self._lines: dict[str, deque[Inbound]] = {}
        self._running: set[asyncio.Task[None]] = set()
        # Of its own: a long poll would take up a connection that answers need.
        self._fetching = channel.connections(1)

    def arrived(self) -> None:
        """An update was stored: look at once."""
        self._news.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Fetch and answer until `stop`; then finish what is in hand, within `DRAIN` seconds."""
        await self._channel.open()
        await self._fetching.initialize()
        rounds: list[Callable[[], Awaitable[None]]] = [self._take, *([self._fetch] if self._polls else [])]
        loops = [asyncio.create_task(self._loop(one)) for one in rounds]
        try:
            await stop.wait()
        finally:
            self._stopping = True
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            if self._running:
                _, late = await asyncio.wait(self._running, timeout=DRAIN)
                for task in late:
                    task.cancel()  # what they had in hand is still open, and answered by whoever comes next
                await asyncio.gather(*late, return_exceptions=True)
            await self._fetching.shutdown()
            await self._channel.close()

    async def _loop(self, round_: Callable[[], Awaitable[None]]) -> None:
        """Round after round. Whatever goes wrong in one is told, and followed by a pause."""
        failures = 0
        while True:
            try:
                await round_()
                failures = 0
                continue
            except TelegramError as error:
                pause = pause_after(error, failures, self._jitter.random())
                log.warning("telegram cannot be asked", reason=self._talk.told(error), seconds=round(pause))
            except PaperlarkError as error:
                pause = pause_after(error, failures, self._jitter.random())
                log.warning("round failed", loop="telegram bot", reason=str(error))
            except Exception:
                pause = pause_after(None, failures, self._jitter.random())
                log.exception("round failed", loop="telegram bot")
            failures += 1
            await asyncio.sleep(pause)

    # ── updates in ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def _fetch(self) -> None:
        """One long poll, in the process that holds the lane; what it brings is stored before it is confirmed."""
        if not await self._lane.hold():
            await asyncio.sleep(HOLD_AGAIN)
            return
        asked: dict[str, Any] = {"timeout": round(self._long_poll), "allowed_updates": json.dumps(ALLOWED)}
        if self._offset is not None:
            asked["offset"] = self._offset
        # As it comes: python-telegram-bot reads all of an answer or nothing, and one update that it cannot read would
        # hold up all others.
        told: Any = await self._fetching.post(
            f"{self._bot.base_url}/getUpdates?{urlencode(asked)}", read_timeout=self._long_poll + TIMEOUT
        )
        updates = [(update["update_id"], update) for update in told]
        if not updates:
            return
        async with self._store.transaction() as tx:
            await inbound.keep(tx, PLATFORM, updates, await tx.now())
        self._offset = max(number for number, _ in updates) + 1
        self._news.set()

    async def _take(self) -> None:
        """Take what is stored and open, each to the end of its line."""
        try:
            async with asyncio.timeout(LOOK):
                await self._news.wait()
        except TimeoutError:
            pass
        self._news.clear()
        # As they are now: what is finished while we look is still open to our eyes.
        besides = frozenset(self._in_hand)
        async with self._store.reading() as tx:
            limit = IN_HAND - len(besides)
            found = await inbound.waiting(tx, PLATFORM, await tx.now(), limit=limit, besides=besides)
        if not found:
            return
        if not await self._lane.hold():
            await asyncio.sleep(HOLD_AGAIN)
            return
        if self._username is None:
            me = await self._bot.get_me()
            self._username = me.username or ""
        for update in found:
            self._line_up(update)

    def _line_up(self, update: Inbound) -> None:
        self._in_hand.add(update.number)
        line = line_of(update.body)
        if line in self._lines:
            self._lines[line].append(update)
            return
        self._lines[line] = deque([update])
        task = asyncio.create_task(self._serve(line))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _serve(self, line: str) -> None:
        """Answer what is in a line, one after the other."""
        waiting = self._lines[line]
        # Of what somebody types inline only the last is of interest.
        patience = 0 if line.startswith(INLINE) else PATIENCE
        try:
            while waiting and not self._stopping:
                update = waiting[0]
                if len(waiting) - 1 > patience or await self._answer(update):
                    await self._note(update)
                self._in_hand.discard(waiting.popleft().number)
        finally:
            del self._lines[line]
            self._in_hand.difference_update(update.number for update in waiting)

    async def _answer(self, update: Inbound) -> bool:
        """Do what one update asks for. Whatever goes wrong in it ends here. False: it stays open, for another try."""
        try:
            meaning = read(update.body, self._username or "")
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            log.warning("update cannot be read", update=update.number, reason=type(error).__name__)
            return True
        try:
            async with asyncio.timeout(ANSWER_LIMIT):
                await self._talk.act(meaning)
        except StoreError as error:
            log.warning("update has to wait", update=update.number, reason=str(error))
            await asyncio.sleep(LOOK)
            return False
        except TimeoutError:
            log.warning("answer took too long", update=update.number)
        except TelegramError as error:
            log.warning("telegram cannot be asked", update=update.number, reason=self._talk.told(error))
            await self._talk.apologise(meaning)
        except Exception:
            log.exception("update failed", update=update.number)
            await self._talk.apologise(meaning)
        return True

    async def _note(self, update: Inbound) -> None:
        """Note that an update is done; as often as it takes, since an update that stays open is answered again."""
        while True:
            try:
                async with self._store.transaction() as tx:
                    await inbound.done(tx, PLATFORM, update.number, await tx.now())
                return
            except StoreError as error:
                log.warning("update could not be noted as done", update=update.number, reason=str(error))
                await asyncio.sleep(LOOK)


def pause_after(error: Exception | None, failures: int, jitter: float) -> float:
    """How many seconds to wait after so many failures in a row. Pure. jitter: 0 up to 1.

    Two pollers at once (409) are what a deploy looks like: the one that goes needs a moment.
    """
    if isinstance(error, RetryAfter):
        wait = error.retry_after  # seconds today, one day a timedelta
        return wait.total_seconds() if isinstance(wait, timedelta) else float(wait)
    if isinstance(error, InvalidToken):
        return NO_BOT
    first = 5.0 if isinstance(error, Conflict) else 1.0
    return min(LONGEST_PAUSE, first * float(2 ** min(failures, 6))) * (1 + jitter) / 2
