"""A Discord API on loopback: what the readers of each channel would have seen. https://discord.com/developers/docs

It checks what Discord checks of a message (sizes, embeds, buttons, a nonce), returns the first message in place of a
second with the same nonce for as long as it remembers nonces, answers in Discord's JSON under its bare content type,
and fails as scripted. The record lives with the server: a client in another process may die at any moment.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from paperlark.model.ids import EPOCH_MS, LOW_BITS, new_id
from paperlark.testing.discord_gateway import Gateway

TOKEN = "MTIzNDU2Nzg5MDEyMzQ1Njc4.fake00.token-for-tests-0123456789abcdef"
BOT, GUILD = 123456789012345678, 200000000000000001
DISCORD_EPOCH_MS = 1_420_070_400_000
NONCES_KEPT = 180.0  # seconds
Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]

MAX_CONTENT, MAX_EMBEDS, MAX_TITLE, MAX_DESCRIPTION, MAX_ALL, MAX_NONCE = 2000, 10, 256, 4096, 6000, 25


@dataclass(frozen=True, slots=True)
class Seen:
    """A message as the readers of a channel see it. pings: may it mention anybody?"""

    channel: int
    content: str
    embeds: tuple[Mapping[str, Any], ...]
    buttons: tuple[tuple[tuple[str, str], ...], ...]
    nonce: str | None
    pings: bool
    message_id: int

    @property
    def text(self) -> str:
        """All its words: the content, and of each embed that is shown the title and the text."""
        words = [self.content]
        for embed in self.embeds:
            words += [str(embed.get("title", "")), str(embed.get("description", ""))]
        return "\n".join(filter(None, words))


@dataclass(frozen=True, slots=True)
class Answer:
    """How the server meets a request.

    status, code, message: an error in Discord's JSON (status 200: all is well). headers: besides the usual. body:
    these bytes in place of JSON. accept: the message is shown all the same. hang: no answer. drop: the connection is
    closed. errors: what is wrong with a form, by field.
    """

    status: int = 200
    code: int = 0
    message: str = ""
    fields: Mapping[str, Any] | None = None
    headers: Mapping[str, str] | None = None
    body: bytes | None = None
    accept: bool = False
    hang: bool = False
    drop: bool = False


NO_DMS = Answer(403, 50007, "Cannot send messages to this user")
NO_MUTUAL_GUILD = Answer(403, 50278, "Cannot send messages to this user due to having no mutual guilds")
MISSING_ACCESS = Answer(403, 50001, "Missing Access")
MISSING_PERMISSIONS = Answer(403, 50013, "Missing Permissions")
UNKNOWN_CHANNEL = Answer(404, 10003, "Unknown Channel")
ARCHIVED = Answer(400, 50083, "Thread is archived")
DMS_TOO_FAST = Answer(400, 40003, "You are opening direct messages too fast")
UNAUTHORISED = Answer(401, 0, "401: Unauthorized")
SERVER_ERROR = Answer(500, 0, "500: Internal Server Error")
UNAVAILABLE = Answer(503, 0, "503: Service Unavailable")
BAD_GATEWAY = Answer(502, body=b"<html><body><h1>502 Bad Gateway</h1></body></html>")
CLOUDFLARE_BAN = Answer(429, body=b"error code: 1015")
SILENCE = Answer(hang=True, accept=True)
DROPPED = Answer(drop=True, accept=True)
UNSENT = Answer(drop=True)


def flood(seconds: float, *, whole: bool = False) -> Answer:
    """The server asks to wait: for this channel, or, `whole`, with everything."""
    scope = {"X-RateLimit-Scope": "global" if whole else "user", "Via": "1.1 google"}
    return Answer(
        429, 0, "You are being rate limited.", {"retry_after": seconds, "global": whole},
        {**scope, **({"X-RateLimit-Global": "true"} if whole else {})},
    )  # fmt: skip


def invalid(**faults: str) -> Answer:
    """A form that Discord does not take, and what is wrong with which field."""
    errors = {name: {"_errors": [{"code": "INVALID", "message": fault}]} for name, fault in faults.items()}
    return Answer(400, 50035, "Invalid Form Body", {"errors": errors})


@dataclass
class DiscordSite:
    """`async with DiscordSite() as site:` serves at `site.url` until the block ends.

    seen: every message that a channel shows, in order. calls: every request, as method, path and JSON. Answers are
    scripted by channel (of a direct message, the person's) with `script`, and for good with `always`; "" stands for
    every channel. forums: the channels that take posts; posts: what was opened there, by number, with name and tags.
    archived: threads that must be opened again first. gateway: where bots are told of what happens.
    nonces_kept: seconds by `clock`.
    """

    token: str = TOKEN
    port: int = 0
    nonces_kept: float = NONCES_KEPT
    clock: Callable[[], float] = time.monotonic
    seen: list[Seen] = field(default_factory=list)
    calls: list[tuple[str, str, Any]] = field(default_factory=list)
    always: dict[str, Answer] = field(default_factory=dict)
    forums: set[int] = field(default_factory=set)
    posts: dict[int, dict[str, Any]] = field(default_factory=dict)
    archived: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._scripts: dict[str, list[Answer]] = {}
        self._nonces: dict[tuple[int, str], tuple[float, Seen]] = {}
        self._runner: web.AppRunner | None = None
        self._leaving = asyncio.Event()
        self.gateway = Gateway(_person(BOT, bot=True))

    @property
    def url(self) -> str:
        """What to give a client as the API's address."""
        return f"http://127.0.0.1:{self.port}"

    def script(self, channel: int | str, *answers: Answer) -> None:
        """Answer the next messages for a channel so, then well again."""
        self._scripts.setdefault(str(channel), []).extend(answers)

    def texts(self, channel: int) -> list[str]:
        """What the readers of a channel have seen, in order."""
        return [message.text for message in self.seen if message.channel == channel]

    def sends(self) -> int:
        """How often somebody tried to say something."""
        return sum(method == "POST" and path.endswith("/messages") for method, path, _ in self.calls)

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=8 * 1024 * 1024)
        for method, path, serve in (
            ("GET", "/users/@me", self._me),
            ("GET", "/oauth2/applications/@me", self._application),
            ("POST", "/users/@me/channels", self._open_dm),
            ("GET", "/channels/{channel}", self._channel),
            ("PATCH", "/channels/{channel}", self._edit_channel),
            ("POST", "/channels/{channel}/messages", self._create_message),
            ("GET", "/channels/{channel}/messages", self._history),
            ("GET", "/channels/{channel}/messages/{message}", self._message),
            ("POST", "/channels/{channel}/threads", self._create_post),
            ("GET", "/guilds/{guild}/threads/active", self._active),
        ):
            application.router.add_route(method, f"/api/v10{path}", self._noted(serve))
        self.gateway.mount(application.router, "/api/v10")
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
        await self.gateway.close()
        if self._runner is not None:
            await self._runner.cleanup()

    # --- Requests

    def _noted(self, serve: Serve) -> Serve:
        async def noted(request: web.Request) -> web.StreamResponse:
            body = await request.json() if request.content_type == "application/json" else None
            self.calls.append((request.method, request.path.removeprefix("/api/v10"), body))
            await self.gateway.changed()
            if request.headers.get("Authorization") != f"Bot {self.token}":
                return _failed(UNAUTHORISED)
            return await serve(request)

        return noted

    async def _me(self, _: web.Request) -> web.Response:
        return _answered(_person(BOT, bot=True))

    async def _application(self, _: web.Request) -> web.Response:
        return _answered(
            {
                "id": str(BOT), "name": "paperlark", "icon": None, "description": "", "bot_public": True,
                "bot_require_code_grant": False, "verify_key": "0" * 64, "flags": 0, "summary": "", "team": None,
                "owner": _person(BOT + 1), "rpc_origins": [],
            }
        )  # fmt: skip

    async def _open_dm(self, request: web.Request) -> web.Response:
        person = int((await request.json())["recipient_id"])
        if refused := self._scripted(f"dm {person}"):
            return _failed(refused)
        return _answered({"id": str(person), "type": 1, "recipients": [_person(person)], "last_message_id": None})

    async def _channel(self, request: web.Request) -> web.Response:
        channel = int(request.match_info["channel"])
        if refused := self.always.get(str(channel)):
            return _failed(refused)
        kind = 15 if channel in self.forums else 11 if channel in self.posts else 0
        return _answered({"id": str(channel), "type": kind, "guild_id": str(GUILD), "name": "papers"})

    async def _edit_channel(self, request: web.Request) -> web.Response:
        channel = int(request.match_info["channel"])
        if (await request.json()).get("archived") is False:
            self.archived.discard(channel)
        return _answered({"id": str(channel), "type": 11, "guild_id": str(GUILD), "name": "papers"})

    async def _create_message(self, request: web.Request) -> web.StreamResponse:
        channel, form = int(request.match_info["channel"]), await request.json()
        if channel in self.archived:
            return _failed(ARCHIVED)
        answer = self._scripted(str(channel)) or Answer()
        shown: Seen | None = None
        if answer.accept or answer == Answer():
            if refused := _refused(form):
                return _failed(refused)
            shown = self.show(channel, form)
        return await self._met(request, answer, shown)

    async def _create_post(self, request: web.Request) -> web.StreamResponse:
        forum, form = int(request.match_info["channel"]), await request.json()
        answer = self._scripted(str(forum)) or Answer()
        shown: Seen | None = None
        if answer.accept or answer == Answer():
            if forum not in self.forums:
                return _failed(UNKNOWN_CHANNEL)
            if not 1 <= len(form.get("name", "")) <= 100:
                return _failed(invalid(name="Must be between 1 and 100 in length."))
            if refused := _refused(form.get("message", {})):
                return _failed(refused)
            post = self._next_id()
            self.posts[post] = {"forum": forum, "name": form["name"], "tags": list(form.get("applied_tags", ()))}
            shown = self.show(post, form["message"], number=post)
        return await self._met(request, answer, shown, post=True)

    async def _met(
        self, request: web.Request, answer: Answer, shown: Seen | None, *, post: bool = False
    ) -> web.StreamResponse:
        if answer.hang:
            await self._leaving.wait()
        if answer.hang or answer.drop:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        if answer.status != 200 or answer.body is not None or shown is None:
            return _failed(answer)
        if post:
            return _answered(self._thread(shown.channel) | {"message": _message(shown)}, status=201)
        return _answered(_message(shown))

    async def _history(self, request: web.Request) -> web.Response:
        channel = int(request.match_info["channel"])
        if refused := self._scripted(f"history {channel}"):
            return _failed(refused)
        limit = min(int(request.query.get("limit", 50)), 100)
        after, before = int(request.query.get("after", 0)), int(request.query.get("before", 2**63))
        found = [seen for seen in self.seen if seen.channel == channel and after < seen.message_id < before]
        page = found[:limit] if "after" in request.query else found[-limit:]
        return _answered([_message(seen) for seen in reversed(page)])

    async def _message(self, request: web.Request) -> web.Response:
        channel, number = int(request.match_info["channel"]), int(request.match_info["message"])
        for seen in self.seen:
            if (seen.channel, seen.message_id) == (channel, number):
                return _answered(_message(seen))
        return _failed(Answer(404, 10008, "Unknown Message"))

    async def _active(self, _: web.Request) -> web.Response:
        return _answered({"threads": [self._thread(post) for post in self.posts], "members": []})

    # --- What is remembered

    def _scripted(self, name: str) -> Answer | None:
        for known in (name, "") if name.isdecimal() else (name,):
            if self._scripts.get(known):
                return self._scripts[known].pop(0)
        return self.always.get(name) or (self.always.get("") if name.isdecimal() else None)

    def show(self, channel: int, form: Mapping[str, Any], *, number: int | None = None) -> Seen:
        """Show a message in a channel, as if it had been sent; the first one, where its nonce is remembered."""
        nonce = str(form["nonce"]) if form.get("nonce") is not None and form.get("enforce_nonce") else None
        now = self.clock()
        if nonce is not None:
            at, first = self._nonces.get((channel, nonce), (0.0, None))
            if first is not None and now - at < self.nonces_kept:
                return first
        shown = Seen(
            channel=channel,
            content=str(form.get("content") or ""),
            embeds=_apart(form.get("embeds") or ()),
            buttons=tuple(
                tuple((button["label"], button["custom_id"]) for button in row["components"])
                for row in form.get("components") or ()
            ),
            nonce=nonce,
            pings=form.get("allowed_mentions", {"parse": ["everyone"]}).get("parse") != [],
            message_id=number or self._next_id(),
        )
        self.seen.append(shown)
        if nonce is not None:
            self._nonces[channel, nonce] = now, shown
        return shown

    def _thread(self, post: int) -> dict[str, Any]:
        known = self.posts[post]
        return {
            "id": str(post), "type": 11, "guild_id": str(GUILD), "parent_id": str(known["forum"]),
            "owner_id": str(BOT), "name": known["name"], "applied_tags": known["tags"], "message_count": 0,
            "member_count": 1, "thread_metadata": {"archived": False, "auto_archive_duration": 4320,
            "archive_timestamp": "2026-11-21T00:00:00+00:00", "locked": False},
        }  # fmt: skip

    def _next_id(self) -> int:
        """Discord's numbers begin in 2015, ours later, and both count milliseconds above the same bits."""
        return new_id() + ((EPOCH_MS - DISCORD_EPOCH_MS) << LOW_BITS)


def _apart(embeds: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    """The embeds that are shown: of several with one address only the first."""
    addresses: set[str] = set()
    shown = []
    for embed in embeds:
        if (address := embed.get("url")) is None or address not in addresses:
            shown.append(embed)
            addresses |= {address} if address else set()
    return tuple(shown)


def _refused(form: Mapping[str, Any]) -> Answer | None:
    """Why Discord does not take a message, or None. It counts UTF-16 units, the strictest count."""
    content, embeds, rows = form.get("content") or "", form.get("embeds") or [], form.get("components") or []
    if not content and not embeds:
        return Answer(400, 50006, "Cannot send an empty message")
    if _units(content) > MAX_CONTENT:
        return invalid(content="Must be 2000 or fewer in length.")
    if len(str(form.get("nonce") or "")) > MAX_NONCE:
        return invalid(nonce="Must be 25 or fewer in length.")
    if len(embeds) > MAX_EMBEDS:
        return invalid(embeds="Must be 10 or fewer in length.")
    for embed in embeds:
        title, said = embed.get("title", ""), embed.get("description", "")
        if not (title.strip() or said.strip()):
            return invalid(embeds="This field is required")
        if _units(title) > MAX_TITLE or _units(said) > MAX_DESCRIPTION:
            return invalid(embeds=f"Must be {MAX_TITLE} or fewer in length.")
    if sum(_units(embed.get("title", "")) + _units(embed.get("description", "")) for embed in embeds) > MAX_ALL:
        return invalid(embeds="Embed size exceeds maximum size of 6000")
    if len(rows) > 5 or any(not 1 <= len(row["components"]) <= 5 for row in rows):
        return invalid(components="Must be between 1 and 5 in length.")
    labels = [button for row in rows for button in row["components"]]
    if len({button["custom_id"] for button in labels}) < len(labels):
        return invalid(components="Component custom id cannot be duplicated")
    if any(not 1 <= len(button["custom_id"]) <= 100 or not 1 <= len(button["label"]) <= 80 for button in labels):
        return invalid(components="Must be between 1 and 100 in length.")
    return None


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _person(number: int, *, bot: bool = False) -> dict[str, Any]:
    name = "paperlark" if bot else f"reader{number}"
    return {"id": str(number), "username": name, "discriminator": "0", "global_name": None, "avatar": None, "bot": bot}


def _message(seen: Seen) -> dict[str, Any]:
    return {
        "id": str(seen.message_id), "channel_id": str(seen.channel), "author": _person(BOT, bot=True), "type": 0,
        "content": seen.content, "embeds": [{"type": "rich", **embed} for embed in seen.embeds], "attachments": [],
        "mentions": [], "mention_roles": [], "mention_everyone": False, "pinned": False, "tts": False, "flags": 0,
        "timestamp": "2026-11-21T08:00:00+00:00", "edited_timestamp": None, "components": [],
    }  # fmt: skip


def _answered(value: Any, status: int = 200) -> web.Response:
    """Bare: with a charset in the content type, discord.py does not take JSON for JSON."""
    headers = {"Content-Type": "application/json"}
    return web.Response(body=json.dumps(value).encode(), status=status, headers=headers)


def _failed(answer: Answer) -> web.Response:
    if answer.body is not None:
        return web.Response(status=answer.status, body=answer.body, content_type="text/html", headers=answer.headers)
    said = {"message": answer.message, "code": answer.code, **(answer.fields or {})}
    headers = {"Content-Type": "application/json", **(answer.headers or {})}
    return web.Response(body=json.dumps(said).encode(), status=answer.status, headers=headers)
