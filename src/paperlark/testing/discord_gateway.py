"""Discord's gateway and its interactions on loopback. https://discord.com/developers/docs/events/gateway

Enough of it for a bot to identify itself, be told of interactions, and answer them; and to be told nonsense.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from aiohttp import WSMsgType, web

HEARTBEAT_MS = 40_000


@dataclass
class Gateway:
    """Mounted by `DiscordSite`. identified: how often a bot has come. answers: what bots answered to interactions, as
    the interaction's number and the JSON; published: the commands that were told, each time."""

    bot: Mapping[str, Any]
    identified: int = 0
    answers: list[tuple[int, Any]] = field(default_factory=list)
    published: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._open: list[web.WebSocketResponse] = []
        self._sequence = count(1)
        self._changed = asyncio.Condition()

    def mount(self, router: web.UrlDispatcher, base: str) -> None:
        """Take the routes that are ours."""
        router.add_route("GET", f"{base}/gateway", self._where)
        router.add_route("GET", "/gateway/", self._talk)
        router.add_route("PUT", base + "/applications/{application}/commands", self._publish)
        router.add_route("POST", base + "/interactions/{interaction}/{token}/callback", self._answered)
        router.add_route("POST", base + "/webhooks/{application}/{token}", self._followed_up)

    async def changed(self) -> None:
        """Something happened: whoever waits for it looks again."""
        async with self._changed:
            self._changed.notify_all()

    async def until(self, happened: Callable[[], bool], *, within: float = 15.0) -> None:
        """Wait until something has happened. Raises TimeoutError when it does not, in as many seconds."""
        async with asyncio.timeout(within), self._changed:
            await self._changed.wait_for(happened)

    async def close(self) -> None:
        """Say goodbye to whoever is there."""
        for socket in self._open:
            await socket.close()

    async def dispatch(self, name: str, data: Any) -> None:
        """Tell every bot of something that happened, be it nonsense."""
        for socket in self._open:
            await socket.send_json({"op": 0, "s": next(self._sequence), "t": name, "d": data})

    async def command(
        self, number: int, user: int, name: str, *options: Mapping[str, Any], guild: int | None = None
    ) -> None:
        """Somebody who installed the bot for themselves gives a command: in direct messages, or in a server that does
        not have the bot."""
        group = {"id": "1", "name": "papers", "type": 1, "options": [{"name": name, "type": 1, "options": options}]}
        person = {"id": str(user), "username": f"reader{user}", "discriminator": "0", "avatar": None}
        await self.dispatch("INTERACTION_CREATE", {
            "id": str(number), "application_id": self.bot["id"], "type": 2, "token": f"token{number}", "version": 1,
            "data": group, **_where(person, guild),
            "locale": "en-GB", "entitlements": [], "authorizing_integration_owners": {"1": str(user)},
            "app_permissions": "0", "attachment_size_limit": 10_000_000,
        })  # fmt: skip

    async def _where(self, request: web.Request) -> web.Response:
        return _answer({"url": f"ws://{request.host}/gateway/"})

    async def _publish(self, request: web.Request) -> web.Response:
        commands = await request.json()
        self.published.append(commands)
        application = request.match_info["application"]
        return _answer(
            [
                {**each, "id": str(at), "application_id": application, "version": "1"}
                for at, each in enumerate(commands, 1)
            ]
        )

    async def _answered(self, request: web.Request) -> web.Response:
        number, said = int(request.match_info["interaction"]), await request.json()
        self.answers.append((number, said))
        await self.changed()
        told: dict[str, Any] = {"interaction": {"id": str(number), "type": 2}, "resource": {"type": said["type"]}}
        if said["type"] == 4:
            told["resource"]["message"] = self._message(said["data"])
        return _answer(told)

    async def _followed_up(self, request: web.Request) -> web.Response:
        number = int(request.match_info["token"].removeprefix("token"))
        said = await request.json()
        self.answers.append((number, said))
        await self.changed()
        return _answer(self._message(said))

    def _message(self, said: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "id": "1", "type": 0, "channel_id": "77", "author": dict(self.bot), "content": said.get("content") or "",
            "embeds": [], "attachments": [], "mentions": [], "mention_roles": [], "mention_everyone": False, "flags": 0,
            "pinned": False, "tts": False, "timestamp": "2026-11-21T08:00:00+00:00", "edited_timestamp": None,
            "components": [],
        }  # fmt: skip

    async def _talk(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"op": 10, "d": {"heartbeat_interval": HEARTBEAT_MS}})
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                break
            said = json.loads(message.data)
            if said["op"] == 1:
                await socket.send_json({"op": 11})
            elif said["op"] == 2:
                self.identified += 1
                self._open.append(socket)
                await socket.send_json({"op": 0, "s": next(self._sequence), "t": "READY", "d": self._ready(request)})
                await self.changed()
        if socket in self._open:
            self._open.remove(socket)
        return socket

    def _ready(self, request: web.Request) -> dict[str, Any]:
        return {
            "v": 10, "user": dict(self.bot), "guilds": [], "session_id": f"session{self.identified}",
            "resume_gateway_url": f"ws://{request.host}/gateway/", "application": {"id": self.bot["id"], "flags": 0},
        }  # fmt: skip


def _where(person: Mapping[str, Any], guild: int | None) -> dict[str, Any]:
    if guild is None:
        return {"user": person, "channel_id": "77", "channel": {"id": "77", "type": 1}, "context": 1}
    member = {
        "user": person, "roles": [], "joined_at": "2026-01-01T00:00:00+00:00", "deaf": False, "mute": False, "flags": 0,
        "permissions": "0",
    }  # fmt: skip
    return {
        "member": member, "guild_id": str(guild), "channel_id": "88", "context": 0,
        "channel": {"id": "88", "type": 0, "guild_id": str(guild), "name": "general", "position": 0},
        "guild": {"id": str(guild), "locale": "en-GB", "features": []}, "guild_locale": "en-GB",
    }  # fmt: skip


def _answer(value: Any) -> web.Response:
    return web.Response(body=json.dumps(value).encode(), headers={"Content-Type": "application/json"})
