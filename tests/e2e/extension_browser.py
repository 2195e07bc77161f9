"""Debian's Chromium with the unpacked extension in it, driven by Playwright, and what the tests do with it."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import BrowserContext, Page, Worker, async_playwright

from tests.programs import needed

ROOT = Path(__file__).parent.parent.parent
EXTENSION = ROOT / "extension"
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
SECONDS = 10.0
SWITCHES = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--lang=en-GB",
)


def chromium_or_skip() -> None:
    """Skip where there is no Chromium to drive; in CI fail."""
    needed("chromium", "chromium")


@dataclass
class Reader:
    """Somebody with the extension in their browser."""

    context: BrowserContext
    id: str

    @property
    def home(self) -> str:
        """The address of the extension's own pages."""
        return f"chrome-extension://{self.id}/"

    async def worker(self) -> Worker:
        """The extension's worker, woken if it slept."""
        for worker in self.context.service_workers:
            if worker.url.startswith(self.home):
                return worker
        async with self.context.expect_event("serviceworker", timeout=SECONDS * 1000) as woken:
            page = await self.open("options.html")
            await page.evaluate("chrome.runtime.sendMessage({do: 'read'})")
            await page.close()
        return await woken.value

    async def open(
        self, path: str = "popup.html", *, width: int = 400, height: int = 600, theme: str = "light"
    ) -> Page:
        """One of the extension's pages, as large as the popup is."""
        page = await self.context.new_page()
        await page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        await page.set_viewport_size({"width": width, "height": height})
        await page.goto(self.home + path)
        return page

    async def badge(self) -> tuple[str, str]:
        """What stands on the icon, and the title that says the same in words."""
        worker = await self.worker()
        text, title = await worker.evaluate("Promise.all([chrome.action.getBadgeText({}), chrome.action.getTitle({})])")
        return str(text), str(title)

    async def kept(self, *names: str) -> dict[str, Any]:
        """What the extension keeps."""
        worker = await self.worker()
        found: dict[str, Any] = await worker.evaluate("(names) => chrome.storage.local.get(names)", list(names))
        return found

    async def keep(self, **values: Any) -> None:
        """Put something into what it keeps, as an earlier day would have left it."""
        await (await self.worker()).evaluate("(values) => chrome.storage.local.set(values)", values)

    async def do(self, **errand: Any) -> Any:
        """Send the worker on an errand, as the extension's own pages do."""
        page = await self.open("options.html")
        try:
            return await page.evaluate("(errand) => chrome.runtime.sendMessage(errand)", errand)
        finally:
            await page.close()

    async def kill_worker(self) -> None:
        """End the worker as the browser does when it has been idle: all that it held is gone."""
        worker = await self.worker()
        await worker.evaluate("globalThis.lives = true")
        page = await self.open("options.html")
        session = await self.context.new_cdp_session(page)
        versions: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

        def note(told: dict[str, Any]) -> None:
            for version in told["versions"]:
                versions.put_nowait(version)

        session.on("ServiceWorker.workerVersionUpdated", note)
        async with asyncio.timeout(SECONDS):
            await session.send("ServiceWorker.enable")
            running = await versions.get()
            await session.send("ServiceWorker.stopWorker", {"versionId": running["versionId"]})
            while running["runningStatus"] != "stopped":
                running = await versions.get()
        await page.close()

    async def has_new_worker(self) -> bool:
        """Whether the worker is another one than the one that was killed."""
        lives: bool = await (await self.worker()).evaluate("globalThis.lives !== true")
        return lives


@asynccontextmanager
async def reading(folder: Path, *, allowed: Mapping[str, Any] | None = None) -> AsyncIterator[Reader]:
    """A browser with the extension. allowed: what of the manifest stands otherwise, as if the reader had allowed it:
    no program can answer a browser's own question."""
    tree = EXTENSION
    if allowed:
        tree = folder / "extension"
        shutil.copytree(EXTENSION, tree)
        manifest = json.loads((tree / "manifest.json").read_text(encoding="utf-8")) | dict(allowed)
        (tree / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            folder / "profile",
            executable_path=CHROMIUM,
            headless=False,
            locale="en-GB",
            args=[
                "--headless=new",
                *SWITCHES,
                f"--disable-extensions-except={tree}",
                f"--load-extension={tree}",
            ],
        )
        context.set_default_timeout(SECONDS * 1000)
        try:
            found = [each for each in context.service_workers if each.url.startswith("chrome-extension:")]
            worker = found[0] if found else await context.wait_for_event("serviceworker", timeout=SECONDS * 1000)
            yield Reader(context, worker.url.split("/")[2])
        finally:
            await context.close()
