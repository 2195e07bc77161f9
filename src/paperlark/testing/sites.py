"""Sites on loopback that play the far side of sources and webhooks: real sockets, real HTTP, and who asked what.

`Site` answers each path with what it was told to; `HuggingFace` knows the rules of the Daily Papers API. Use them as

    async with Site() as site:
        site.answers("/feed", Reply(b"<rss>…"), Reply(status=304))
        await http.get(f"{site.url}/feed")
        assert site.asked[0].headers["User-Agent"].startswith("paperlark/")

with an `Http` that was given `allow_private=True`.
"""

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from types import TracebackType
from typing import Any, Self

from aiohttp import web

CHUNK = 4 * 1024  # bytes written at a time when an answer is slow or cut


@dataclass(frozen=True, slots=True)
class Reply:
    """One scripted answer.

    wait: seconds before anything is answered. pause: seconds before each 4 KiB of the body. cut_after: close the
    connection after so many bytes, though more were announced. The headers stand as given; with an ETag among them, a
    request that echoes it is answered 304.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/xml"
    wait: float = 0.0
    pause: float = 0.0
    cut_after: int | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came: its path, query, headers (any case), and body."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""


class Site:
    """A web server on a free loopback port. What nobody scripted is a 404."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.url = ""
        self._replies: dict[str, list[Reply]] = {}
        self._runner: web.AppRunner | None = None

    def answers(self, path: str, *replies: Reply) -> None:
        """Answer `path` with these from now on, one a request; the last one again and again."""
        self._replies[path] = list(replies)

    async def open(self) -> None:
        """Listen; `url` is known from here on."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        listening = web.TCPSite(self._runner, "127.0.0.1", 0)
        await listening.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def close(self) -> None:
        """Stop listening and drop what is still being answered."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.asked.append(Asked(request.path, dict(request.query), request.headers.copy(), body))
        return await _written(request, self.reply_to(request))

    def reply_to(self, request: web.Request) -> Reply:
        """The reply to a request: the next one of its path's script."""
        script = self._replies.get(request.path)
        if not script:
            return Reply(b"not here", 404, content_type="text/plain")
        return script.pop(0) if len(script) > 1 else script[0]


class HuggingFace(Site):
    """Plays `GET /api/daily_papers`: a day's records by `date`, `p`, `limit` (50, at most 100), with an ETag.

    days: what each day holds; a day that is not there is empty. today: later days are refused, as there.
    left: requests that the rate limit still allows, said with each answer; at none it refuses. None: no limit is said.
    A path scripted with `answers` is answered by its script as long as that has replies left.
    """

    PATH = "/api/daily_papers"

    def __init__(self, days: Mapping[date, Sequence[Any]], today: date, *, left: int | None = None) -> None:
        super().__init__()
        self.days = dict(days)
        self.today = today
        self.left = left

    @property
    def api(self) -> str:
        """The address to give a source."""
        return self.url + self.PATH

    def reply_to(self, request: web.Request) -> Reply:
        """A scripted reply if there is one left, else the day's, within the rate limit."""
        script = self._replies.get(request.path)
        if script:
            return script.pop(0)
        if self.left == 0:
            return Reply(b"", 429, {"RateLimit": '"api";r=0;t=137'}, "application/json")
        reply = self._of_the_day(request)
        if self.left is None:
            return reply
        self.left -= 1
        return replace(reply, headers={**reply.headers, "RateLimit": f'"api";r={self.left};t=137'})

    def _of_the_day(self, request: web.Request) -> Reply:
        if request.path != self.PATH:
            return Reply(b"not here", 404, content_type="text/plain")
        try:
            day = date.fromisoformat(request.query["date"])
            number, limit = int(request.query.get("p", "0")), int(request.query.get("limit", "50"))
        except (KeyError, ValueError):
            return self._json({"error": "Invalid query"}, 400)
        if day > self.today or number < 0 or not 1 <= limit <= 100:
            return self._json({"error": "Invalid query"}, 400)
        return self._json(list(self.days.get(day, ()))[number * limit : (number + 1) * limit])

    @staticmethod
    def _json(content: Any, status: int = 200) -> Reply:
        body = json.dumps(content).encode()
        tag = f'W/"{hashlib.sha256(body).hexdigest()[:16]}"'
        return Reply(body, status, {"ETag": tag} if status == 200 else {}, "application/json")


async def _written(request: web.Request, reply: Reply) -> web.StreamResponse:
    tag = reply.headers.get("ETag")
    if tag and request.headers.get("If-None-Match") == tag:
        return web.Response(status=304, headers=dict(reply.headers))
    await asyncio.sleep(reply.wait)
    headers = {"Content-Type": reply.content_type, **reply.headers}
    response = web.StreamResponse(status=reply.status, headers=headers)
    if reply.status != 304:
        response.content_length = len(reply.body)
    try:
        await response.prepare(request)
        for start in range(0, len(reply.body), CHUNK):
            await asyncio.sleep(reply.pause)
            piece = reply.body[start : start + CHUNK]
            if reply.cut_after is not None and start + len(piece) >= reply.cut_after:
                await response.write(piece[: max(reply.cut_after - start, 0)])
                break
            await response.write(piece)
    except ConnectionError:
        return response  # they had enough: a limit of theirs, and often what is tested
    if reply.cut_after is not None and request.transport is not None:
        request.transport.close()
    return response
