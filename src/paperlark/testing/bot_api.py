"""A Telegram Bot API server on loopback: what a reader of each chat would have seen. https://core.telegram.org/bots/api

It checks what Telegram checks (names and types of fields, lengths after parsing, HTML as strictly as FIELD §5.2 of the
reference says), answers in Telegram's JSON and words, and fails as scripted. The record lives with the server: a client
in another process may die at any moment.
"""

import asyncio
import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, NamedTuple, Self

from aiohttp import web

TOKEN = "123456:fake-token-for-tests-0123456789abcdef"

MAX_UNITS = 4096
MAX_ENTITIES = 100


# --- What Telegram makes of HTML --------------------------------------------------------------------------------


class Entity(NamedTuple):
    """A stretch of a message's text that is shown in some way; offset and length in UTF-16 units."""

    type: str
    offset: int
    length: int
    url: str | None = None


class MarkupError(Exception):
    """Text that Telegram cannot parse; `str()` is the end of its own sentence."""


_TYPES = {
    "a": "text_link",
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "tg-emoji": "custom_emoji",
    "tg-time": "date_time",
}
_TAG = re.compile(r"<(?P<end>/?)(?P<name>[A-Za-z0-9-]*)(?P<attributes>[^<>]*)(?P<closed>>?)")
_ATTRIBUTE = re.compile(r"""\s+(?P<name>[A-Za-z-]+)(?:\s*=\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'))?""")
_CHARACTER = re.compile(r"&(?:lt|gt|amp|quot|#\d{1,7}|#[xX][0-9a-fA-F]{1,6});")
_MENTION = re.compile(r"(?<![\w@])@[A-Za-z]\w{3,31}")


def parse_html(markup: str) -> tuple[str, list[Entity]]:
    """The text and the entities of HTML mode, white space trimmed at the ends. Raises MarkupError."""
    shown: list[str] = []
    entities: list[Entity] = []
    open_tags: list[tuple[str, int, str | None, str]] = []
    at = units = 0
    for found in _TAG.finditer(markup):
        piece = _characters(markup[at : found.start()])
        shown.append(piece)
        units += _utf16(piece)
        at = found.end()
        offset = len(markup[: found.start()].encode())
        name = found["name"].lower()
        if found["end"]:
            if not open_tags:
                raise MarkupError(f"Unexpected end tag at byte offset {offset}")
            expected, begun, url, kind = open_tags.pop()
            if name != expected or not found["closed"]:
                raise MarkupError(
                    f'Unmatched end tag at byte offset {offset}, expected "</{expected}>", found "</{name}>"'
                )
            if units > begun:
                entities.append(Entity(kind, begun, units - begun, url))
            continue
        if name not in _TYPES:
            raise MarkupError(f'Unsupported start tag "{name}" at byte offset {offset}')
        if not found["closed"]:
            raise MarkupError(f"Unclosed start tag at byte offset {offset}")
        attributes = _attributes(found["attributes"], name, offset)
        if name == "span" and attributes.get("class") != "tg-spoiler":
            raise MarkupError(f'Tag "span" must have class "tg-spoiler" at byte offset {offset}')
        kind = "expandable_blockquote" if name == "blockquote" and "expandable" in attributes else _TYPES[name]
        open_tags.append((name, units, attributes.get("href"), kind))
    if open_tags:
        raise MarkupError(f'Can\'t find end tag corresponding to start tag "{open_tags[-1][0]}"')
    shown.append(_characters(markup[at:]))
    return _finished("".join(shown), entities)


def _finished(text: str, entities: list[Entity]) -> tuple[str, list[Entity]]:
    """Trimmed, with the mentions that Telegram finds by itself; the first hundred entities."""
    trimmed = text.strip()
    shift = _utf16(text[: len(text) - len(text.lstrip())])
    length = _utf16(trimmed)
    moved = [e._replace(offset=max(e.offset - shift, 0)) for e in entities]
    kept = [e._replace(length=min(e.length, length - e.offset)) for e in moved if e.offset < length]
    for found in _MENTION.finditer(trimmed):
        start, size = _utf16(trimmed[: found.start()]), _utf16(found[0])
        if not any(e.type == "text_link" and e.offset <= start < e.offset + e.length for e in kept):
            kept.append(Entity("mention", start, size))
    return trimmed, sorted(kept, key=lambda e: (e.offset, -e.length))[:MAX_ENTITIES]


def _attributes(written: str, name: str, offset: int) -> dict[str, str]:
    attributes: dict[str, str] = {}
    at = 0
    for found in _ATTRIBUTE.finditer(written):
        if found.start() != at:
            break
        attributes[found["name"].lower()] = html.unescape(found["double"] or found["single"] or "")
        at = found.end()
    if written[at:].strip():
        raise MarkupError(f'Unexpected text in the tag "{name}" at byte offset {offset}')
    return attributes


def _characters(text: str) -> str:
    """Only these references are read; any other stays as it is written."""
    return _CHARACTER.sub(lambda found: html.unescape(found[0]), text)


def _utf16(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


# --- The server -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Seen:
    """A message as the readers of a chat see it."""

    chat: str
    thread: int | None
    text: str
    entities: tuple[Entity, ...]
    html: str | None
    preview: Mapping[str, Any]
    message_id: int


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


def flood(seconds: int) -> Answer:
    """The server asks to wait."""
    return Answer(429, f"Too Many Requests: retry after {seconds}", {"retry_after": seconds})


def migrated(chat: int) -> Answer:
    """The group has become a supergroup with another number."""
    return Answer(400, "Bad Request: group chat was upgraded to a supergroup chat", {"migrate_to_chat_id": chat})


@dataclass
class BotApi:
    """`async with BotApi() as api:` serves at `api.url` until the block ends.

    seen: every message that a chat shows, in order. calls: every request, as method and fields. Answers are scripted
    by chat with `script`, and for good with `always`; "" stands for every chat.
    """

    token: str = TOKEN
    port: int = 0
    seen: list[Seen] = field(default_factory=list)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    always: dict[str, Answer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._scripts: dict[str, list[Answer]] = {}
        self._runner: web.AppRunner | None = None
        self._leaving = asyncio.Event()

    @property
    def url(self) -> str:
        """What to give a client as the Bot API's address."""
        return f"http://127.0.0.1:{self.port}"

    def script(self, chat: int | str, *answers: Answer) -> None:
        """Answer the next requests for a chat so, then well again."""
        self._scripts.setdefault(str(chat), []).extend(answers)

    def texts(self, chat: int | str) -> list[str]:
        """What the readers of a chat have seen, in order."""
        return [message.text for message in self.seen if message.chat == str(chat)]

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.router.add_route("*", "/bot{token}/{method}", self._serve)
        self._runner = web.AppRunner(application, shutdown_timeout=1, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        method, fields = request.match_info["method"], await _fields(request)
        self.calls.append((method, fields))
        if request.match_info["token"] != self.token:
            return _failed(UNAUTHORISED)
        if method.lower() == "getme":
            return _worked({"id": int(self.token.split(":")[0]), "is_bot": True, **_PERSON})
        if method.lower() != "sendmessage":
            return _failed(Answer(404, "Not Found"))
        answer = self._answer(str(fields.get("chat_id", "")))
        if answer.status == 200 and answer.body is None:
            checked = _checked(fields)
            if isinstance(checked, Answer):
                return _failed(checked)
            if answer.accept or not (answer.hang or answer.drop):
                self._show(checked)
        elif answer.accept and not isinstance(checked := _checked(fields), Answer):
            self._show(checked)
        if answer.hang:
            await self._leaving.wait()
        if answer.hang or answer.drop:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        if answer.status != 200 or answer.body is not None:
            return _failed(answer)
        return _worked(_message(self.seen[-1]))

    def _answer(self, chat: str) -> Answer:
        for name in (chat, ""):
            if self._scripts.get(name):
                return self._scripts[name].pop(0)
        return self.always.get(chat) or self.always.get("") or Answer()

    def _show(self, message: Seen) -> None:
        number = len(self.seen) + 1
        self.seen.append(
            Seen(message.chat, message.thread, message.text, message.entities, message.html, message.preview, number)
        )


_PERSON = {"first_name": "Paperlark", "username": "paperlark_test_bot"}


async def _fields(request: web.Request) -> dict[str, Any]:
    if request.content_type == "application/json":
        body = await request.json()
        return dict(body) if isinstance(body, dict) else {}
    return {**request.query, **await request.post()}


def _checked(fields: Mapping[str, Any]) -> Seen | Answer:
    """A sendMessage as Telegram takes it, or its refusal."""
    chat, text = str(fields.get("chat_id", "")), str(fields.get("text", ""))
    if not chat:
        return Answer(400, "Bad Request: chat_id is empty")
    if not re.fullmatch(r"-?\d+|@\w+", chat):
        return UNKNOWN_CHAT
    mode = str(fields.get("parse_mode", ""))
    if mode not in ("", "HTML"):
        return Answer(400, "Bad Request: unsupported parse_mode")
    try:
        preview = json.loads(fields.get("link_preview_options") or "{}")
        thread = int(fields["message_thread_id"]) if "message_thread_id" in fields else None
    except ValueError:
        return Answer(400, "Bad Request: can't parse the fields of the request")
    try:
        shown, entities = parse_html(text) if mode == "HTML" else _finished(text, [])
    except MarkupError as error:
        return Answer(400, f"Bad Request: can't parse entities: {error}")
    if not shown:
        return Answer(400, "Bad Request: message text is empty")
    if _utf16(shown) > MAX_UNITS:
        return Answer(400, "Bad Request: message is too long")
    return Seen(chat, thread, shown, tuple(entities), text if mode == "HTML" else None, preview, 0)


def _worked(result: Any) -> web.Response:
    return web.json_response({"ok": True, "result": result})


def _failed(answer: Answer) -> web.Response:
    if answer.body is not None:
        return web.Response(status=answer.status, body=answer.body, content_type="text/html")
    said: dict[str, Any] = {"ok": False, "error_code": answer.status, "description": answer.description}
    if answer.parameters is not None:
        said["parameters"] = dict(answer.parameters)
    return web.json_response(said, status=answer.status)


def _message(seen: Seen) -> dict[str, Any]:
    chat: dict[str, Any] = {"id": -1000000000001, "type": "channel", "title": "A channel", "username": seen.chat[1:]}
    if not seen.chat.startswith("@"):
        number = int(seen.chat)
        chat = {"id": number, "type": "private" if number > 0 else "supergroup", "first_name": "Reader"}
    message = {
        "message_id": seen.message_id,
        "date": 1_750_000_000,
        "chat": chat,
        "from": {"id": 123456, "is_bot": True, **_PERSON},
        "text": seen.text,
        "entities": [
            {key: value for key, value in entity._asdict().items() if value is not None} for entity in seen.entities
        ],
    }
    return message if seen.thread is None else {**message, "message_thread_id": seen.thread}
