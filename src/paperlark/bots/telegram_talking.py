"""What an update asks of us on Telegram, done and answered; each answer in its turn.

https://core.telegram.org/bots/api#available-methods
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from typing import Final

import structlog
from telegram import InlineKeyboardMarkup, InlineQueryResultArticle, InputFile, InputTextMessageContent
from telegram.constants import ChatMemberStatus, ParseMode
from telegram.error import BadRequest, RetryAfter, TelegramError

from paperlark.bots import telegram_saying as saying
from paperlark.bots.asker import Asker, meet
from paperlark.bots.commands import COMMANDS, Commands
from paperlark.bots.reply import File, Reply
from paperlark.bots.telegram_reading import Asked, Came, Late, Left, Meaning, Moved, Place, Pressed, Sought
from paperlark.channels.telegram import Telegram, keyboard_of, preview_of, rows_of, sorted_error
from paperlark.model.messages import Payload
from paperlark.model.problems import DeliveryError, PaperlarkError
from paperlark.pipeline.lane import Lane
from paperlark.store.database import Store

log = structlog.get_logger()

PLATFORM: Final = "telegram"
AT_ONCE = 16  # commands being carried out
TRIES = 3  # of a message that surely was not sent
FOUND, FOUND_FOR = 20, 30  # inline results; seconds for which Telegram may keep them
MANAGE = (ChatMemberStatus.OWNER, ChatMemberStatus.ADMINISTRATOR)

SORRY = "That went wrong here, which is our fault and is noted. Please try again in a while."


class TelegramTalk:
    """Does what updates ask for, and says what comes of it."""

    def __init__(self, store: Store, commands: Commands, channel: Telegram, lane: Lane) -> None:
        self._store = store
        self._commands = commands
        self._channel = channel
        self._bot = channel.bot
        self._lane = lane
        self._known = {command.name: command for command in COMMANDS}
        self._at_once = asyncio.Semaphore(AT_ONCE)

    async def act(self, meaning: Meaning | None) -> None:
        """Do what an update asks for. Raises StoreError, TelegramError, and whatever is a fault of ours."""
        match meaning:
            case Asked():
                await self._ask(meaning)
            case Pressed():
                await self._press(meaning)
            case Sought():
                await self._seek(meaning)
            case Late():
                await self._settle(meaning.query, "")
            case Came():
                await self._commands.came(await self._asker(meaning.place, may_change=True))
            case Left():
                await self._commands.left(await self._asker(meaning.place, may_change=True), meaning.reason)
            case Moved():
                await self._move(meaning.before, meaning.after)

    async def apologise(self, meaning: Meaning | None) -> None:
        """Say that it went wrong, to who waits for an answer."""
        if isinstance(meaning, Asked):
            try:
                await self._tell(meaning.place, Payload({"html": SORRY, "preview": None}))
            except PaperlarkError as error:
                log.warning("nobody could be told", channel=PLATFORM, reason=str(error))

    async def _ask(self, asked: Asked) -> None:
        command = self._known.get(asked.name)
        if command is None and not asked.place.private:
            return  # meant for somebody else
        # Whoever only looks need not be looked up.
        may_change = asked.place.private
        if not may_change and command is not None and (command.changes or asked.text):
            may_change = await self._may_change(asked.place)
        asker = await self._asker(asked.place, may_change=may_change)
        if asked.name == "start":
            await self._commands.came(asker)  # who blocked us and is back may be known by nothing else
        async with self._at_once:
            # Who just writes what they care for is shown what it would bring.
            reply = await self._commands.answer(asker, asked.name or "preview", asked.text)
        await self._say(asked.place, reply)

    async def _press(self, pressed: Pressed) -> None:
        """A press is answered at once and always, or the button would seem to hang."""
        notice = SORRY
        try:
            asker = await self._asker(pressed.place, may_change=await self._may_change(pressed.place))
            async with self._at_once:
                reply = await self._commands.press(asker, pressed.data, shown=pressed.shown, keyboard=pressed.keyboard)
            notice = reply.notice
        finally:
            await self._settle(pressed.query, notice)
        rows = () if reply.ended else reply.buttons or pressed.keyboard
        if rows != pressed.keyboard:
            keyboard = keyboard_of(rows_of(rows)) or InlineKeyboardMarkup(())
            await self._quietly(
                self._bot.edit_message_reply_markup(
                    chat_id=pressed.place.chat, message_id=pressed.message_id, reply_markup=keyboard
                )
            )
        await self._say(pressed.place, replace(reply, buttons=()))

    async def _seek(self, sought: Sought) -> None:
        papers = []
        if sought.text.strip():
            async with self._at_once:
                papers = await self._commands.found(sought.text, FOUND)
        today = (await self._store.now()).date()
        found = await asyncio.to_thread(lambda: [saying.result(paper, today, self._channel.render) for paper in papers])
        articles = [
            InlineQueryResultArticle(
                each.id,
                each.title,
                InputTextMessageContent(
                    each.message.content["html"],
                    parse_mode=ParseMode.HTML,
                    link_preview_options=preview_of(each.message.content["preview"]),
                ),
                description=each.said,
            )
            for each in found
        ]
        # Personal: what one reader is shown is kept for nobody else.
        await self._quietly(
            self._bot.answer_inline_query(sought.query, articles, cache_time=FOUND_FOR, is_personal=True)
        )

    async def _asker(self, place: Place, *, may_change: bool) -> Asker:
        return await meet(
            self._store,
            place.identity,
            channel=PLATFORM,
            address=place.address,
            private=place.private,
            may_change=may_change,
            name=place.name,
        )

    async def _may_change(self, place: Place) -> bool:
        """In private everybody; elsewhere the place itself, and its administrators. Raises TelegramError."""
        if place.private or place.speaks_for_it:
            return True
        if place.person is None:
            return False
        try:
            member = await self._bot.get_chat_member(place.chat, place.person)
        except BadRequest:
            return False  # nobody whom Telegram finds there
        return member.status in MANAGE

    async def _move(self, before: Place, after: Place) -> None:
        asker = await self._asker(before, may_change=True)
        await self._commands.moved(asker, after.address, after.identity)

    # ── answers out ────────────────────────────────────────────────────────────────────────────────────────────────

    async def _say(self, place: Place, reply: Reply) -> None:
        payloads = await asyncio.to_thread(saying.messages, reply, self._channel.render)
        for payload in payloads:
            if not await self._tell(place, payload):
                return
        if reply.file is not None:
            await self._hand_over(place, reply.file)

    async def _tell(self, place: Place, payload: Payload) -> bool:
        """Send one message of an answer, in its turn. False where nothing more can be said here."""
        for attempt in range(TRIES):
            address = place.address
            await self._lane.turn(address, answer=True)
            try:
                await self._channel.send(address, payload, "")
                return True
            except DeliveryError as error:
                if error.retry_after is not None:
                    self._lane.rest(error.retry_after, address if error.of_address else None)
                elif error.new_address is not None:
                    after = replace(place, chat=int(error.new_address), topic=None)
                    await self._move(place, after)
                    place = after
                elif error.permanent:
                    await self._commands.left(await self._asker(place, may_change=True), str(error))
                    return False
                elif error.refused or error.channel or error.ambiguous:
                    log.warning("answer was not sent", channel=PLATFORM, reason=str(error))
                    return False
                else:
                    await asyncio.sleep(2**attempt)
            finally:
                self._lane.landed(address)
        log.warning("answer was given up", channel=PLATFORM)
        return False

    async def _hand_over(self, place: Place, file: File) -> None:
        await self._lane.turn(place.address, answer=True)
        try:
            await self._bot.send_document(
                place.chat, InputFile(file.content, filename=file.name), message_thread_id=place.topic
            )
        finally:
            self._lane.landed(place.address)

    async def _settle(self, query: str, notice: str) -> None:
        await self._quietly(self._bot.answer_callback_query(query, text=notice or None))

    async def _quietly(self, call: Awaitable[object]) -> None:
        """What Telegram refuses here cannot be helped: the query is too old, the message is gone or is so already."""
        try:
            await call
        except RetryAfter as error:
            log.warning("telegram asks to wait", reason=self.told(error))
        except BadRequest as error:
            log.debug("telegram refused", reason=self.told(error))
        except TelegramError as error:
            log.warning("telegram cannot be asked", reason=self.told(error))

    def told(self, error: TelegramError) -> str:
        """An error in a line for the log, without the token."""
        return str(sorted_error(error, hide=self._bot.token))
