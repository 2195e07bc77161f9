"""The extension in every state that it can be in, before a server that plays each: for tests, and as pictures:
`python -m tests.e2e.extension_states FOLDER`.
"""

import asyncio
import json
import re
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import web
from playwright.async_api import Page

from tests.e2e.extension_browser import CHROMIUM, ROOT, Reader, reading

SAMPLE = ROOT / "src" / "paperlark" / "sample" / "daily_papers.json"
WORDS = re.compile(r"\b(?:agents?|reason\w*)\b", re.IGNORECASE)
PROFILES = [{"id": "1", "name": "agents that reason"}, {"id": "2", "name": "diffusion"}]
LETS_READ = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, If-None-Match",
    "Access-Control-Allow-Methods": "GET, PUT, POST, DELETE",
    "Access-Control-Expose-Headers": "ETag, Retry-After, X-Poll-Interval",
}


def _spans(field: str, text: str) -> list[dict[str, Any]]:
    return [
        {"field": field, "text": found[0], "start": found.start(), "end": found.end()} for found in WORDS.finditer(text)
    ]


def _entry(number: int, told: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    paper = told["paper"]
    authors = [author["name"] for author in paper["authors"]]
    at = (now - timedelta(hours=1 + 3 * number)).isoformat().replace("+00:00", "Z")
    return {
        "paper": {
            "id": str(10**17 + number),
            "title": paper["title"],
            "abstract": paper["summary"],
            "authors": authors,
            "author_count": len(authors),
            "organisation": None,
            "aliases": [f"arxiv:{paper['id']}"],
            "url": f"https://arxiv.org/abs/{paper['id']}",
            "sources": ["hf_daily"],
            "announced_at": at,
        },
        "profiles": [{**PROFILES[0], "matched_at": at}],
        "matched_at": at,
        "marks": {},
        "why": [
            {
                "profile": PROFILES[0]["name"],
                "text": "agent* OR reasoning",
                "matched": _spans("title", paper["title"]) + _spans("abstract", paper["summary"]),
            }
        ],
    }


class Moody:
    """A server of the API's shape that is in one of these moods: well, all-read, nothing-followed, busy, fault, old,
    stranger, signed-out, slow, gone."""

    def __init__(self) -> None:
        self.mood = "well"
        self._over = asyncio.Event()  # until this mood ends
        now = datetime.now(UTC)
        sample = json.loads(SAMPLE.read_text(encoding="utf-8"))
        self._entries = [
            entry
            for number, told in enumerate(sample)
            if (entry := _entry(number, told, now))["why"][0]["matched"]
        ]  # fmt: skip
        self._port = 0
        self._runner: web.AppRunner | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def be(self, mood: str) -> None:
        """Change the mood; `gone` is not there at all."""
        self.mood = mood
        self._over.set()
        self._over = asyncio.Event()
        if mood == "gone":
            await self.leave()
        elif self._runner is None:
            await self.come()

    async def come(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/api/v1/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True).start()
        self._port = self._runner.addresses[0][1]

    async def leave(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        self._runner = None

    async def _answer(self, request: web.Request) -> web.Response:
        if request.method == "OPTIONS":
            return web.Response(status=204, headers=LETS_READ)
        path = request.match_info["path"]
        if path in ("accounts", "pairing"):
            return self._say({"account_id": "1", "token": "pl_live_playing", "scopes": []}, 201)
        match self.mood:
            case "slow":
                await self._over.wait()
            case "busy":
                return self._say({"status": 429, "detail": "too many"}, 429, {"Retry-After": "900"})
            case "fault":
                return self._say({"status": 500, "detail": "a fault of ours"}, 500)
            case "old":
                return self._say({"status": 404, "type": "about:blank", "detail": "nothing there"}, 404)
            case "stranger":
                return web.Response(text="<h1>Welcome</h1>", content_type="text/html", headers=LETS_READ)
            case "signed-out":
                return self._say({"status": 401, "detail": "unknown"}, 401)
        match path:
            case "matches":
                return self._matches(request.query.get("state", "unread"))
            case "profiles":
                return self._say({"data": [] if self.mood == "nothing-followed" else PROFILES, "next": None})
            case "papers":
                found = [entry["paper"] | {"matched": entry["why"][0]["matched"]} for entry in self._entries[2:7]]
                return self._say({"data": found, "next": None})
        return self._say({})

    def _matches(self, state: str) -> web.Response:
        unread = self._entries[:6] if self.mood == "well" else []
        shown = unread if state == "unread" else []
        if state == "any" and self.mood == "all-read":
            shown = [entry | {"marks": {"read": entry["matched_at"]}} for entry in self._entries[:4]]
        return self._say({"data": shown, "next": None, "since": "s", "unread": len(unread)})

    @staticmethod
    def _say(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
        return web.json_response(value, status=status, headers={**LETS_READ, **(headers or {})})


@dataclass(frozen=True, slots=True)
class State:
    """One state: the server's mood, whether there are papers from before, how long ago it last answered, the keys that
    a reader presses, and what the popup then says where."""

    mood: str
    says: str
    where: str = "#panel"
    before: bool = False
    hours: float = 0.0
    keys: tuple[str, ...] = ()
    typed: str = ""


STATES = {
    "papers": State("well", "6 unread papers", "#unread-heading"),
    "muting": State("well", "Hear no more of", "#unread", keys=("m",)),
    "saved-and-dropped": State("well", "Not relevant: it is not shown again", "#toast", keys=("s", "j", "x")),
    "search": State("well", "From the whole archive", "#banner", typed="agents"),
    "all-read": State("all-read", "All read"),
    "nothing-followed": State("nothing-followed", "You follow nothing yet"),
    "offline": State("gone", "The server cannot be reached", "#banner", before=True),
    "offline-with-nothing": State("gone", "The server cannot be reached"),
    "stale": State("slow", "This may be old", "#banner", before=True, hours=5),
    "waiting": State("busy", "The server asks us to wait until", "#banner", before=True),
    "waiting-with-nothing": State("busy", "It will be asked again at"),
    "fault": State("fault", "The server has a fault", "#banner", before=True),
    "too-old": State("old", "The server is too old"),
    "not-paperlark": State("stranger", "There is no paperlark here"),
    "signed-out": State("signed-out", "Pair this browser"),
}


async def show(reader: Reader, server: Moody, name: str, theme: str = "light") -> Page:
    """The popup in a state, when it says what it should."""
    state = STATES[name]
    await server.be("well")
    await reader.do(do="begin", server=server.address)
    kept = (await reader.kept("kept"))["kept"]
    kept["answeredAt"] -= state.hours * 3600_000
    await server.be(state.mood)
    await reader.keep(kept=kept if state.before else {})
    page = await reader.open("popup.html", theme=theme)
    if state.keys:
        await page.locator("article:focus-within").wait_for()
        await page.locator("#again:not(.turning)").wait_for()
    for key in state.keys:
        await page.keyboard.press(key)
    if state.typed:
        await page.fill("#query", state.typed)
    await page.locator(state.where).filter(has_text=state.says).wait_for()
    return page


async def _pictures(folder: Path) -> None:
    server = Moody()
    await server.come()
    with tempfile.TemporaryDirectory() as kept:
        async with reading(Path(kept)) as reader:
            for theme in ("light", "dark"):
                for name in STATES:
                    page = await show(reader, server, name, theme)
                    await page.screenshot(path=folder / f"popup-{name}-{theme}.png")
                    await page.close()
                await server.be("well")
                for name, deed in (("pairing", "leave"), ("settings", "begin")):
                    await reader.do(do=deed, server=server.address)
                    page = await reader.open("options.html", width=900, height=1250, theme=theme)
                    await page.wait_for_timeout(200)
                    await page.screenshot(path=folder / f"extension-{name}-{theme}.png")
                    await page.close()
    await server.leave()


def main(arguments: list[str]) -> int:
    """Exit status 2 where no folder is named, 1 where there is no browser."""
    if len(arguments) != 1:
        print("usage: python -m tests.e2e.extension_states FOLDER", file=sys.stderr)
        return 2
    if not Path(CHROMIUM).is_file():
        print("Chromium is not on this machine: install Debian's package chromium", file=sys.stderr)
        return 1
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(_pictures(folder))
    print(f"{len(list(folder.glob('popup-*.png'))) + len(list(folder.glob('extension-*.png')))} pictures in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
