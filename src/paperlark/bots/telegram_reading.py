"""What an update of Telegram's says: one of a few plain values, or nothing that concerns us. Pure.

https://core.telegram.org/bots/api#update

A place's account is known by its address: a group's topics are places of their own. Edited messages are not asked for:
a command is meant once.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from telegram import CallbackQuery, Chat, ChatMemberUpdated, Message, Update, User
from telegram.constants import ChatMemberStatus, ChatType, MessageEntityType

from paperlark.channels.buttons import Button

ALLOWED = ("message", "callback_query", "inline_query", "my_chat_member", "channel_post")
"""What Telegram shall send. Always told in full: a list that is left out keeps the one before."""

BLOCKED, KICKED, SILENCED = "the bot was blocked here", "the bot was removed from here", "the bot may not write here"

INLINE = "inline "  # how the lines of inline queries begin

COMMAND = re.compile(r"/(?P<name>[A-Za-z0-9_]{1,32})(?:@(?P<bot>\w+))?(?:\s+(?P<text>.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is said. person: who speaks, where that is known. speaks_for_it: the place itself does, as in a
    channel's post, or its nameless administrator. name: of the place, or of the person in private."""

    chat: int
    topic: int | None
    private: bool
    name: str
    person: int | None
    speaks_for_it: bool = False

    @property
    def address(self) -> str:
        """As the channel's addresses are."""
        return str(self.chat) if self.topic is None else f"{self.chat}/{self.topic}"

    @property
    def identity(self) -> tuple[str, str]:
        """By which the account is known: a person's own in private, the place's own elsewhere."""
        return ("telegram", str(self.chat)) if self.private else ("telegram-chat", self.address)


@dataclass(frozen=True, slots=True)
class Asked:
    """A command, or (with no name) a message in private that is none."""

    place: Place
    name: str
    text: str
    message_id: int


@dataclass(frozen=True, slots=True)
class Pressed:
    """A button was pressed. shown: the queries that its message shows as code; keyboard: what stands under it now."""

    place: Place
    query: str
    data: str
    message_id: int
    shown: tuple[str, ...]
    keyboard: tuple[tuple[Button, ...], ...]


@dataclass(frozen=True, slots=True)
class Sought:
    """Something was typed after the bot's name, in any chat."""

    query: str
    text: str


@dataclass(frozen=True, slots=True)
class Came:
    """The bot can tell this place something (again)."""

    place: Place


@dataclass(frozen=True, slots=True)
class Left:
    """The bot can tell this place nothing any more."""

    place: Place
    reason: str


@dataclass(frozen=True, slots=True)
class Moved:
    """A group has become a supergroup, with another number."""

    before: Place
    after: Place


@dataclass(frozen=True, slots=True)
class Late:
    """A button that has no place any more (too old, or in a message sent by way of another chat)."""

    query: str


Meaning = Asked | Pressed | Sought | Came | Left | Moved | Late


def read(body: Mapping[str, Any], username: str) -> Meaning | None:
    """What an update means for us, or None. username: the bot's own, by which it is called in groups.

    Raises TypeError, KeyError, ValueError or AttributeError for what is no update of Telegram's.
    """
    try:
        update = Update.de_json(dict(body))
    except (OverflowError, OSError) as error:  # a moment that no calendar has
        raise ValueError(str(error)) from error
    if update.callback_query is not None:
        return _pressed(update.callback_query)
    if update.inline_query is not None:
        return Sought(update.inline_query.id, update.inline_query.query)
    if update.my_chat_member is not None:
        return _standing(update.my_chat_member)
    message = update.message or update.channel_post
    return _said(message, username) if message is not None else None


def line_of(body: Mapping[str, Any]) -> str:
    """Whose turn an update waits for: what is of one line is answered in order. Never raises, whatever came."""
    message = body.get("message")
    moved = message.get("migrate_to_chat_id") if isinstance(message, Mapping) else None
    if isinstance(moved, int):
        return str(moved)  # what is said in the new chat waits for what it follows
    for kind, whose in (("message", "chat"), ("channel_post", "chat"), ("my_chat_member", "chat")):
        if number := _number(body, kind, whose):
            return number
    if number := _number(body, "inline_query", "from"):
        return f"{INLINE}{number}"
    press = body.get("callback_query")
    return _number(press if isinstance(press, Mapping) else {}, "message", "chat") or "nobody"


def _number(body: Mapping[str, Any], *path: str) -> str:
    found: Any = body
    for name in (*path, "id"):
        found = found.get(name) if isinstance(found, Mapping) else None
    return str(found) if isinstance(found, int) else ""


def _said(message: Message, username: str) -> Meaning | None:
    place = _place(message)
    if message.migrate_to_chat_id is not None:
        after = Place(message.migrate_to_chat_id, None, False, place.name, place.person)
        return Moved(Place(place.chat, None, False, place.name, place.person), after)
    if message.forum_topic_reopened is not None:
        return Came(place)
    from_a_bot = message.from_user is not None and message.from_user.is_bot and not place.speaks_for_it
    if message.text is None or message.via_bot is not None or message.is_automatic_forward or from_a_bot:
        return None
    command = COMMAND.fullmatch(message.text.strip())
    if command is None:
        return Asked(place, "", message.text.strip(), message.message_id) if place.private else None
    if command["bot"] is not None and command["bot"].lower() != username.lower():
        return None
    return Asked(place, command["name"].lower(), (command["text"] or "").strip(), message.message_id)


def _pressed(press: CallbackQuery) -> Meaning:
    message = press.message
    if message is None or press.data is None:
        return Late(press.id)
    if not isinstance(message, Message):  # too old for Telegram to show us: where it stands is all there is
        place = _asked_in(message.chat, None, press.from_user)
        return Pressed(place, press.id, press.data, message.message_id, (), ())
    place = _asked_in(message.chat, _place(message).topic, press.from_user)
    rows = message.reply_markup.inline_keyboard if message.reply_markup else ()
    keyboard = tuple(tuple(Button(key.text, str(key.callback_data)) for key in row) for row in rows)
    code = [message.parse_entity(entity) for entity in message.entities if entity.type == MessageEntityType.CODE]
    shown = tuple(each for each in code if not each.startswith("/"))  # the others are commands to be typed
    return Pressed(place, press.id, press.data, message.message_id, shown, keyboard)


def _asked_in(chat: Chat, topic: int | None, by: User) -> Place:
    return Place(chat.id, topic, chat.type == ChatType.PRIVATE, _name(chat), by.id)


def _standing(change: ChatMemberUpdated) -> Meaning | None:
    """Whether the bot can write there, where that has changed."""
    private = change.chat.type == ChatType.PRIVATE
    place = Place(change.chat.id, None, private, _name(change.chat), change.from_user.id)
    now = change.new_chat_member
    if now.status == ChatMemberStatus.BANNED:
        return Left(place, BLOCKED if private else KICKED)
    if now.status == ChatMemberStatus.LEFT:
        return Left(place, KICKED)
    if now.status == ChatMemberStatus.RESTRICTED and not getattr(now, "can_send_messages", True):
        return Left(place, SILENCED)
    return Came(place)


def _place(message: Message) -> Place:
    chat = message.chat
    private = chat.type == ChatType.PRIVATE
    # Replies in a forum's general topic carry a number that is no topic's.
    topic = message.message_thread_id if message.is_topic_message else None
    itself = chat.type == ChatType.CHANNEL or (message.sender_chat is not None and message.sender_chat.id == chat.id)
    person = message.from_user.id if message.from_user is not None and message.sender_chat is None else None
    return Place(chat.id, topic, private, _name(chat), person, itself)


def _name(chat: Chat) -> str:
    return chat.effective_name or str(chat.id)
