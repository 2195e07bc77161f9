"""A Telegram Bot API server on loopback: what a reader of each chat would have seen. https://core.telegram.org/bots/api

It checks what Telegram checks (names and types of fields, lengths after parsing, HTML as strictly as FIELD §5.2 of the
reference says), answers in Telegram's JSON and words, and fails as scripted. The record lives with the server: a client
in another process may die at any moment. Readers talk back through it: `say`, `press`, `seek` and their like become
updates, which the bot fetches by long polling, or which a test posts to the bot's webhook.
"""

import asyncio
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from paperlark.testing.bot_answers import (
    BAD_GATEWAY,
    BLOCKED,
    DROPPED,
    MAX_NOTICE,
    MAX_RESULTS,
    NOT_MODIFIED,
    SERVER_ERROR,
    SILENCE,
    TOO_OLD,
    TWO_POLLERS,
    UNAUTHORISED,
    UNKNOWN_CHAT,
    UNKNOWN_THREAD,
    WEBHOOK_ACTIVE,
    Answer,
    Keyboard,
    RefusedError,
    Seen,
    check_published,
    checked,
    flood,
    keyboard_of,
    migrated,
    refused,
)
from paperlark.testing.bot_updates import BOT, DATE, Updates, membership, person
from paperlark.testing.windows import Windows

__all__ = (
    "BAD_GATEWAY",
    "BLOCKED",
    "DROPPED",
    "NOT_MODIFIED",
    "SERVER_ERROR",
    "SILENCE",
    "TOKEN",
    "TOO_OLD",
    "TWO_POLLERS",
    "UNAUTHORISED",
    "UNKNOWN_CHAT",
    "UNKNOWN_THREAD",
    "WEBHOOK_ACTIVE",
    "Answer",
    "BotApi",
    "Keyboard",
    "Seen",
    "flood",
    "migrated",
    "refused",
)

TOKEN = "123456:fake-token-for-tests-0123456789abcdef"


@dataclass
class BotApi:
    """`async with BotApi() as api:` serves at `api.url` until the block ends.

    seen: every message that a chat shows, in order. calls: every request, as method and fields. Answers are scripted
    by chat with `script`, and for good with `always`; "" stands for every chat, and what goes to no chat is scripted by
    its method ("getUpdates").

    updates: what the bot has not confirmed yet. notices: by query, what pressed buttons were answered. found: by query,
    what inline queries were answered. administrators: (chat, person). published: by method, what was set for good.
    windows: how many messages are taken in what time; without them, all.
    """

    token: str = TOKEN
    port: int = 0
    seen: list[Seen] = field(default_factory=list)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    always: dict[str, Answer] = field(default_factory=dict)
    updates: list[dict[str, Any]] = field(default_factory=list)
    notices: dict[str, str] = field(default_factory=dict)
    found: dict[str, dict[str, Any]] = field(default_factory=dict)
    administrators: set[tuple[int, int]] = field(default_factory=set)
    published: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    webhook: dict[str, Any] = field(default_factory=dict)
    people: Updates = field(default_factory=Updates)
    windows: Windows | None = None

    def __post_init__(self) -> None:
        self._scripts: dict[str, list[Answer]] = {}
        self._runner: web.AppRunner | None = None
        self._leaving = asyncio.Event()
        self._news = asyncio.Condition()
        self._poller = 0
        self._asked: set[str] = set()  # queries that wait for an answer
        self._methods: dict[str, Callable[[Mapping[str, Any]], Any]] = {
            "getme": lambda _: {**BOT, "id": int(self.token.split(":")[0])},
            "sendmessage": self._send_message,
            "senddocument": self._send_document,
            "editmessagereplymarkup": self._edit_buttons,
            "answercallbackquery": self._answer_press,
            "answerinlinequery": self._answer_query,
            "getchatmember": self._chat_member,
            "setwebhook": self._set_webhook,
            "deletewebhook": self._delete_webhook,
            "setmycommands": self._publish("setMyCommands"),
            "setmydescription": self._publish("setMyDescription"),
            "setmyshortdescription": self._publish("setMyShortDescription"),
        }

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

    # --- What readers do

    async def say(self, chat: int, text: str, **how: Any) -> dict[str, Any]:
        """Somebody writes in a chat; see `Updates.message`. Returns the update."""
        return await self.put(self.people.message(chat, text, **how))

    async def press(self, message: Seen, label: str, *, by: int | None = None, data: str | None = None) -> str:
        """Somebody (in a private chat its reader) presses a button. Returns the query's id, for `notices`."""
        said = message.data(label) if data is None else data
        query = self._query()
        who = by if by is not None else int(message.chat)
        await self.put(self.people.press(query, _message(message, self.people), said, by=who))
        return query

    async def seek(self, text: str, *, by: int, offset: str = "") -> str:
        """Somebody types after the bot's name in any chat. Returns the query's id, for `found`."""
        query = self._query()
        await self.put(self.people.seek(query, text, by=by, offset=offset))
        return query

    async def put(self, update: dict[str, Any]) -> dict[str, Any]:
        """Any update at all is waiting to be fetched."""
        async with self._news:
            self.updates.append(update)
            self._news.notify_all()
        return update

    def expire(self, query: str) -> None:
        """It is too late to answer a query."""
        self._asked.discard(query)

    def _query(self) -> str:
        query = f"q{self.people.next_id}"
        self._asked.add(query)
        return query

    # --- Serving

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
        async with self._news:
            self._news.notify_all()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        method, fields = request.match_info["method"], await _fields(request)
        self.calls.append((method, fields))
        if request.match_info["token"] != self.token:
            return _failed(UNAUTHORISED)
        to_a_chat = method.lower() in ("sendmessage", "senddocument")
        chat = str(fields.get("chat_id", ""))
        if to_a_chat and self.windows is not None:
            wait = self.windows.ask(chat, asyncio.get_running_loop().time())
            if wait is not None:
                return _failed(flood(math.ceil(wait)))
        answer = self._answer(chat) if to_a_chat else self._answer_to(method)
        well = answer.status == 200 and answer.body is None
        result: Any = None
        if answer.accept or (well and not answer.hang and not answer.drop):
            try:
                result = await self._result(method, fields)
            except RefusedError as refusal:
                if well:
                    return _failed(refusal.answer)
        if answer.hang:
            await self._leaving.wait()
        if answer.hang or answer.drop:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        return _worked(result) if well else _failed(answer)

    async def _result(self, method: str, fields: Mapping[str, Any]) -> Any:
        if method.lower() == "getupdates":
            return await self._get_updates(fields)
        if method.lower() not in self._methods:
            raise RefusedError(Answer(404, "Not Found"))
        return self._methods[method.lower()](fields)

    def _answer(self, chat: str) -> Answer:
        for name in (chat, ""):
            if self._scripts.get(name):
                return self._scripts[name].pop(0)
        return self.always.get(chat) or self.always.get("") or Answer()

    def _answer_to(self, method: str) -> Answer:
        if self._scripts.get(method):
            return self._scripts[method].pop(0)
        return self.always.get(method) or Answer()

    # --- Updates

    async def _get_updates(self, fields: Mapping[str, Any]) -> list[dict[str, Any]]:
        """As Telegram: what is below the offset is confirmed and gone, and of two pollers the earlier one is ended."""
        if self.webhook.get("url"):
            raise RefusedError(WEBHOOK_ACTIVE)
        async with self._news:
            self._poller += 1
            me = self._poller
            self._news.notify_all()
            offset = int(fields.get("offset") or 0)
            self.updates[:] = [update for update in self.updates if update["update_id"] >= offset]
            try:
                async with asyncio.timeout(float(fields.get("timeout") or 0)):
                    await self._news.wait_for(lambda: self.updates or me != self._poller or self._leaving.is_set())
            except TimeoutError:
                return []
            if me != self._poller:
                raise RefusedError(TWO_POLLERS)
            return self.updates[: int(fields.get("limit") or 100)]

    def _set_webhook(self, fields: Mapping[str, Any]) -> bool:
        if not str(fields.get("url", "")).startswith("https://"):
            raise RefusedError(refused("bad webhook: An HTTPS URL must be provided for webhook"))
        if not re.fullmatch(r"[A-Za-z0-9_-]{0,256}", str(fields.get("secret_token", ""))):
            raise RefusedError(refused("secret token contains unallowed characters"))
        self.webhook = dict(fields)
        return True

    def _delete_webhook(self, _: Mapping[str, Any]) -> bool:
        self.webhook = {}
        return True

    def _publish(self, method: str) -> Callable[[Mapping[str, Any]], bool]:
        def published(fields: Mapping[str, Any]) -> bool:
            check_published(fields)
            self.published.setdefault(method, []).append(dict(fields))
            return True

        return published

    # --- Messages

    def _send_message(self, fields: Mapping[str, Any]) -> Any:
        return self._show(checked(fields))

    def _send_document(self, fields: Mapping[str, Any]) -> Any:
        document = fields.get("document")
        if not isinstance(document, web.FileField):
            raise RefusedError(refused("there is no document in the request"))
        caption = {**fields, "text": fields.get("caption", "")}
        return self._show(replace(checked(caption, file=True), file=(document.filename, document.file.read())))

    def _show(self, message: Seen) -> Any:
        self.seen.append(replace(message, message_id=len(self.seen) + 1))
        return _message(self.seen[-1], self.people)

    def _edit_buttons(self, fields: Mapping[str, Any]) -> Any:
        number, chat = int(fields.get("message_id") or 0), str(fields.get("chat_id"))
        if not 1 <= number <= len(self.seen) or self.seen[number - 1].chat != chat:
            raise RefusedError(refused("message to edit not found"))
        before, buttons = self.seen[number - 1], keyboard_of(fields)
        if buttons == before.buttons:
            raise RefusedError(NOT_MODIFIED)
        self.seen[number - 1] = replace(before, buttons=buttons)
        return _message(self.seen[number - 1], self.people)

    # --- Queries

    def _answer_press(self, fields: Mapping[str, Any]) -> bool:
        query, notice = str(fields.get("callback_query_id")), str(fields.get("text") or "")
        if query not in self._asked:
            raise RefusedError(TOO_OLD)
        if len(notice) > MAX_NOTICE:
            raise RefusedError(refused("MESSAGE_TOO_LONG"))
        self._asked.discard(query)
        self.notices[query] = notice
        return True

    def _answer_query(self, fields: Mapping[str, Any]) -> bool:
        query, results = str(fields.get("inline_query_id")), json.loads(fields.get("results") or "[]")
        if query not in self._asked:
            raise RefusedError(TOO_OLD)
        if len(results) > MAX_RESULTS:
            raise RefusedError(refused("RESULTS_TOO_MUCH"))
        if len({result["id"] for result in results}) < len(results):
            raise RefusedError(refused("RESULT_ID_DUPLICATE"))
        for result in results:
            if not 1 <= len(result["id"].encode()) <= 64:
                raise RefusedError(refused("RESULT_ID_INVALID"))
            content = result["input_message_content"]
            checked({"chat_id": "1", "text": content["message_text"], "parse_mode": content.get("parse_mode", "")})
        self._asked.discard(query)
        self.found[query] = {**fields, "results": results}
        return True

    def _chat_member(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        chat, who = int(fields["chat_id"]), int(fields["user_id"])
        return membership("administrator" if (chat, who) in self.administrators else "member", person(who))


async def _fields(request: web.Request) -> dict[str, Any]:
    if request.content_type == "application/json":
        body = await request.json()
        return dict(body) if isinstance(body, dict) else {}
    return {**request.query, **await request.post()}


def _worked(result: Any) -> web.Response:
    return web.json_response({"ok": True, "result": result})


def _failed(answer: Answer) -> web.Response:
    if answer.body is not None:
        return web.Response(status=answer.status, body=answer.body, content_type="text/html")
    said: dict[str, Any] = {"ok": False, "error_code": answer.status, "description": answer.description}
    if answer.parameters is not None:
        said["parameters"] = dict(answer.parameters)
    return web.json_response(said, status=answer.status)


def _message(seen: Seen, people: Updates) -> dict[str, Any]:
    chat: dict[str, Any] = {"id": -1000000000001, "type": "channel", "title": "A channel", "username": seen.chat[1:]}
    if not seen.chat.startswith("@"):
        chat = people.chat(int(seen.chat))
    entities = [
        {key: value for key, value in entity._asdict().items() if value is not None} for entity in seen.entities
    ]
    message = {"message_id": seen.message_id, "date": DATE, "chat": chat, "from": BOT}
    if seen.file is not None:
        message["document"] = {"file_id": "f", "file_unique_id": "u", "file_name": seen.file[0]}
    elif seen.text:
        message |= {"text": seen.text, "entities": entities}
    if seen.buttons:
        rows = [[{"text": label, "callback_data": data} for label, data in row] for row in seen.buttons]
        message["reply_markup"] = {"inline_keyboard": rows}
    return message if seen.thread is None else {**message, "message_thread_id": seen.thread, "is_topic_message": True}
