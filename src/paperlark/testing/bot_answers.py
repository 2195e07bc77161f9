"""What Telegram's Bot API takes and answers: messages as they are seen, its limits, and its errors in its words.

https://core.telegram.org/bots/api#making-requests
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paperlark.testing.bot_markup import Entity, MarkupError, finished, parse_html, utf16

MAX_UNITS = 4096
MAX_CAPTION = 1024
MAX_BUTTONS, MAX_A_ROW, MAX_DATA = 100, 8, 64  # the last in bytes
MAX_RESULTS = 50
MAX_NOTICE = 200

Keyboard = tuple[tuple[tuple[str, str], ...], ...]
"""Rows of buttons, each its label and its data."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A message as the readers of a chat see it. buttons: as they are now. file: the name and content of one."""

    chat: str
    thread: int | None
    text: str
    entities: tuple[Entity, ...]
    html: str | None
    preview: Mapping[str, Any]
    message_id: int
    buttons: Keyboard = ()
    file: tuple[str, bytes] | None = None

    @property
    def labels(self) -> list[str]:
        """What its buttons show, row by row."""
        return [label for row in self.buttons for label, _ in row]

    def data(self, label: str) -> str:
        """What the button with this label says when it is pressed."""
        return next(data for row in self.buttons for shown, data in row if shown == label)


@dataclass(frozen=True, slots=True)
class Answer:
    """How the server meets a request.

    status, description, parameters: an error in Telegram's JSON (status 200: all is well). body: these bytes in place
    of JSON. accept: the message is shown in the chat all the same. hang: no answer. drop: the connection is closed.
    """

    status: int = 200
    description: str = ""
    parameters: Mapping[str, Any] | None = None
    body: bytes | None = None
    accept: bool = False
    hang: bool = False
    drop: bool = False


BLOCKED = Answer(403, "Forbidden: bot was blocked by the user")
UNKNOWN_CHAT = Answer(400, "Bad Request: chat not found")
UNKNOWN_THREAD = Answer(400, "Bad Request: message thread not found")
UNAUTHORISED = Answer(401, "Unauthorized")
SERVER_ERROR = Answer(500, "Internal Server Error")
BAD_GATEWAY = Answer(502, body=b"<html><body><h1>502 Bad Gateway</h1></body></html>")
SILENCE = Answer(hang=True, accept=True)
DROPPED = Answer(drop=True, accept=True)
TWO_POLLERS = Answer(
    409, "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
)
WEBHOOK_ACTIVE = Answer(
    409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
)
NOT_MODIFIED = Answer(
    400,
    "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a "
    "current content and reply markup of the message",
)
TOO_OLD = Answer(400, "Bad Request: query is too old and response timeout expired or query ID is invalid")


def flood(seconds: int) -> Answer:
    """The server asks to wait."""
    return Answer(429, f"Too Many Requests: retry after {seconds}", {"retry_after": seconds})


def migrated(chat: int) -> Answer:
    """The group has become a supergroup with another number."""
    return Answer(400, "Bad Request: group chat was upgraded to a supergroup chat", {"migrate_to_chat_id": chat})


def refused(why: str) -> Answer:
    """The server cannot do this."""
    return Answer(400, f"Bad Request: {why}")


class RefusedError(Exception):
    """A request that the server answers with an error."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.description)
        self.answer = answer


def checked(fields: Mapping[str, Any], *, file: bool = False) -> Seen:
    """A message as Telegram takes it. Raises RefusedError, in Telegram's own words."""
    chat, text = str(fields.get("chat_id", "")), str(fields.get("text", ""))
    if not chat:
        raise RefusedError(refused("chat_id is empty"))
    if not re.fullmatch(r"-?\d+|@\w+", chat):
        raise RefusedError(UNKNOWN_CHAT)
    mode = str(fields.get("parse_mode", ""))
    if mode not in ("", "HTML"):
        raise RefusedError(refused("unsupported parse_mode"))
    try:
        preview = json.loads(fields.get("link_preview_options") or "{}")
        thread = int(fields["message_thread_id"]) if "message_thread_id" in fields else None
    except ValueError:
        raise RefusedError(refused("can't parse the fields of the request")) from None
    try:
        shown, entities = parse_html(text) if mode == "HTML" else finished(text, [])
    except MarkupError as error:
        raise RefusedError(refused(f"can't parse entities: {error}")) from None
    if not shown and not file:
        raise RefusedError(refused("message text is empty"))
    if utf16(shown) > (MAX_CAPTION if file else MAX_UNITS):
        raise RefusedError(refused("message caption is too long" if file else "message is too long"))
    return Seen(chat, thread, shown, tuple(entities), text if mode == "HTML" else None, preview, 0, keyboard_of(fields))


def keyboard_of(fields: Mapping[str, Any]) -> Keyboard:
    """The buttons that a request carries. Raises RefusedError."""
    rows = json.loads(fields.get("reply_markup") or "{}").get("inline_keyboard", [])
    if sum(map(len, rows)) > MAX_BUTTONS or any(len(row) > MAX_A_ROW for row in rows):
        raise RefusedError(refused("REPLY_MARKUP_TOO_LONG"))
    for each in (button for row in rows for button in row):
        if not each["text"].strip():
            raise RefusedError(refused("inline keyboard button text is empty"))
        if not 1 <= len(each["callback_data"].encode()) <= MAX_DATA:
            raise RefusedError(refused("BUTTON_DATA_INVALID"))
    return tuple(tuple((each["text"], each["callback_data"]) for each in row) for row in rows if row)


def check_published(fields: Mapping[str, Any]) -> None:
    """Are these menus and texts as Telegram takes them? Raises RefusedError."""
    commands: Sequence[Mapping[str, str]] = json.loads(fields.get("commands") or "[]")
    if len(commands) > 100:
        raise RefusedError(refused("BOT_COMMANDS_TOO_MUCH"))
    for each in commands:
        if not re.fullmatch(r"[a-z0-9_]{1,32}", each["command"]):
            raise RefusedError(refused("BOT_COMMAND_INVALID"))
        if not 1 <= len(each["description"]) <= 256:
            raise RefusedError(refused("BOT_COMMAND_DESCRIPTION_INVALID"))
    if len(fields.get("description") or "") > 512 or len(fields.get("short_description") or "") > 120:
        raise RefusedError(refused("the description is too long"))
