"""The composition root: the only module that constructs things.

async with opened(settings) as app:      # store, http, and the channels that the settings make possible
    await app.import_files(…)            # one step of the way of a paper …
    await app.percolate()
    await app.deliver()
    await app.serve(stop)                # … or all of it, until told to stop
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from aiohttp import web

from paperlark import adapters
from paperlark.channels.base import Channel
from paperlark.http import Http
from paperlark.model.papers import Page, Reject
from paperlark.model.problems import PaperlarkError, ReaderError, SourceError
from paperlark.pipeline import At, ingest, nobody
from paperlark.pipeline.deliver import Deliverer, Outcome, plan
from paperlark.pipeline.ingest import Taken
from paperlark.pipeline.loops import Loops, Parts
from paperlark.pipeline.percolate import Percolator
from paperlark.settings import Settings
from paperlark.sources.base import Saved, Source
from paperlark.store import papers, sources
from paperlark.store.database import Store, open_store
from paperlark.store.pace import StorePace
from paperlark.store.sources import Configured
from paperlark.web import make_web

HEAD = 64 * 1024  # bytes by which a file's kind is guessed
FILE_LIMIT = 64 * 1024 * 1024  # bytes of a saved file that is read whole
STREAMED = ("jsonl",)  # kinds that are read line by line, however long the file
DEFAULT_SOURCES: tuple[tuple[str, str, dict[str, Any]], ...] = (("hf_daily", "hf_daily", {}),)
CONTACT = "https://pypi.org/project/paperlark/"


@dataclass(slots=True)
class Imported:
    """What an import brought, over all files: records, distinct papers, papers not known before, what was rejected,
    and which files could not be read at all."""

    records: int = 0
    papers: int = 0
    new: int = 0
    rejects: list[Reject] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


class Paperlark:
    """One paperlark, constructed. Made by `opened`."""

    def __init__(self, settings: Settings, store: Store, http: Http, channels: Sequence[Channel], at: At) -> None:
        self.settings = settings
        self.store = store
        self.channels = {channel.kind: channel for channel in channels}
        self._http = http
        self._at = at
        self._jitter = Random()
        self._lease = timedelta(seconds=settings.lease_seconds)
        self.percolator = Percolator(store, lease=self._lease, at=at)
        self.deliverers = [self._deliverer(channel) for channel in channels]

    def channel(self, kind: str) -> Channel:
        """A channel that is configured. Raises ReaderError, saying what is missing."""
        if kind in self.channels:
            return self.channels[kind]
        adapters.channel_class(kind)  # an unknown kind has an error of its own
        raise ReaderError(f"{kind} is not configured here; `paperlark check` says what is missing")

    # ── one step at a time ─────────────────────────────────────────────────────────────────────────────────────────

    async def import_files(
        self,
        files: Sequence[Path],
        *,
        kind: str | None = None,
        captured_on: date | None = None,
        announce: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> Imported:
        """Record saved files; a file that cannot be read is named in `failed`, and the others are taken.

        kind: of all files; guessed for each where it is None. announce: whether readers are told of what is new.
        progress: called with how many of how many files are done.
        """
        imported, seen = Imported(), set[int]()
        for number, path in enumerate(files):
            if progress is not None:
                progress(number, len(files))
            try:
                taken = await self._import_file(path, kind, captured_on, announce)
            except PaperlarkError as error:
                imported.failed.append(str(error))
                continue
            imported.records += taken.records
            imported.new += taken.new
            imported.rejects += taken.rejects
            seen |= taken.papers
        async with self.store.reading() as tx:
            imported.papers = await papers.count_existing(tx, seen)
        return imported

    async def _import_file(self, path: Path, kind: str | None, captured_on: date | None, announce: bool) -> Taken:
        head, changed = await asyncio.to_thread(_look_at, path)
        kind = kind or adapters.guess_kind(path.name, head)
        if kind is None:
            known = ", ".join(adapters.importer_kinds())
            raise SourceError(f"{path}: cannot tell what kind of file this is; say so with --as ({known})")
        source = adapters.source_class(kind)
        pages = self._pages(path, kind, captured_on or changed)
        return await ingest.take(self.store, source.kind, source.authority, pages, owes=announce, at=self._at)

    async def _pages(self, path: Path, kind: str, captured_on: date) -> AsyncIterator[Page]:
        module: Any = adapters.source_module(kind)
        if kind in STREAMED:
            source = adapters.make_source(kind, kind, {"path": str(path)}, self._http)
            async for page in source.poll(
                {}, datetime(captured_on.year, captured_on.month, captured_on.day, tzinfo=UTC)
            ):
                yield page
            return
        saved = Saved(path.name, await asyncio.to_thread(_read, path), captured_on)
        if hasattr(module, "read_saved"):
            yield await module.read_saved(saved)
        else:
            yield await asyncio.to_thread(module.parse_saved, saved)

    async def poll(self, name: str | None = None) -> dict[str, Taken]:
        """Poll the sources that are due, or one of them now. Raises ReaderError for an unknown or paused one."""
        if name is not None:
            async with self.store.reading() as tx:
                found = await sources.get(tx, name)
            if found.paused_reason is not None:
                raise ReaderError(f"source {name} is paused: {found.paused_reason}; add it again to wake it")
        due = await ingest.due_sources(self.store, lease=self._lease, limit=100, only=name)
        if name is not None and not due:
            raise ReaderError(f"source {name} is being polled by another process, or is never polled")
        taken: dict[str, Taken] = {}
        for configured in due:
            taken[configured.name] = await ingest.poll(
                self.store,
                configured,
                self.make_source(configured),
                lease=self._lease,
                jitter=self._jitter,
                at=self._at,
            )
        return taken

    async def percolate(self) -> int:
        """Percolate everything that is recorded. Returns how many announcements and refreshed counts."""
        done = await self.percolator.run()
        while signals := await self.percolator.run_signals():
            done += signals
        return done

    async def deliver(self) -> Outcome:
        """Send everything that is due now, on every channel."""
        total = Outcome()
        await plan(self.store)
        for deliverer in self.deliverers:
            outcome = await deliverer.run()
            total.sent += outcome.sent
            total.dead += outcome.dead
            total.dropped += outcome.dropped
            total.postponed += outcome.postponed
            await deliverer.leave()
        return total

    async def add_default_sources(self) -> None:
        """Configure the sources that a fresh paperlark polls; ones that were removed or paused stay so."""
        async with self.store.transaction() as tx:
            now = await tx.now()
            for name, kind, options in DEFAULT_SOURCES:
                if not await sources.was_ever(tx, name):
                    await sources.add(tx, name, kind, options, now)

    def make_source(self, configured: Configured) -> Source:
        """The adapter of a configured source. Raises PaperlarkError: unknown kind, bad options."""
        options = dict(configured.options)
        if configured.kind == "hf_daily" and self.settings.hf_token is not None:
            options.setdefault("token", self.settings.hf_token.get_secret_value())
        return adapters.make_source(configured.kind, configured.name, options, self._http)

    # ── all of it ──────────────────────────────────────────────────────────────────────────────────────────────────

    def web_application(self) -> web.Application:
        """The API and the page, on this store."""
        return make_web(self.store, self.channels)

    async def serve(
        self, stop: asyncio.Event, *, loops: bool = True, ready: Callable[[str], None] | None = None
    ) -> None:
        """Loops and web in one process, until `stop`; then drained within 20 s.

        ready: called with the page's address once it answers. Raises PaperlarkError when the port is taken.
        """
        runner = web.AppRunner(self.web_application(), shutdown_timeout=5, access_log=None)
        await runner.setup()
        running: Loops | None = None
        try:
            address = await _listen(runner, self.settings.host, self.settings.port)
            if loops:
                await self._open_channels()
                running = Loops(self._loop_parts())
                running.start()
            if ready is not None:
                ready(address)
            await stop.wait()
        finally:
            if running is not None:
                await running.stop()
            await runner.cleanup()

    def _loop_parts(self) -> Parts:
        return Parts(
            store=self.store,
            make_source=self.make_source,
            percolator=self.percolator,
            deliverers=self.deliverers,
            lease=self._lease,
            jitter=self._jitter,
            at=self._at,
        )

    def _deliverer(self, channel: Channel) -> Deliverer:
        return Deliverer(
            self.store,
            channel,
            lease=self._lease,
            jitter=self._jitter,
            page_url=self.settings.public_url,
            at=self._at,
        )

    async def _open_channels(self) -> None:
        for channel in self.channels.values():
            await channel.open()

    async def close(self) -> None:
        """Let go of everything, in the opposite order of its making."""
        for channel in self.channels.values():
            await channel.close()
        await self.percolator.close()


@asynccontextmanager
async def opened(
    settings: Settings, *, extra_channels: Sequence[Channel] = (), at: At = nobody
) -> AsyncIterator[Paperlark]:
    """Construct a paperlark from settings, and take it down again. Raises PaperlarkError in one line.

    extra_channels take the place of configured ones of the same kind.
    """
    store = await open_store(settings.database_url)
    try:
        pace = StorePace(store)
        async with Http(settings.contact or CONTACT, pace, allow_private=settings.allow_private_addresses) as http:
            channels = {channel.kind: channel for channel in (*configured_channels(settings), *extra_channels)}
            app = Paperlark(settings, store, http, list(channels.values()), at)
            try:
                yield app
            finally:
                await app.close()
    finally:
        await store.close()


def configured_channels(settings: Settings) -> list[Channel]:
    """The channels that the settings make possible; the terminal always is."""
    found = [adapters.make_channel("console", {})]
    if settings.telegram_token is not None:
        token = settings.telegram_token.get_secret_value()
        found.append(adapters.make_channel("telegram", {"token": token, "base_url": settings.telegram_api}))
    if settings.smtp_host is not None:
        password = settings.smtp_password.get_secret_value() if settings.smtp_password else None
        options = {
            "host": settings.smtp_host,
            "port": settings.smtp_port,
            "tls": settings.smtp_tls,
            "username": settings.smtp_username,
            "password": password,
            "sender": settings.smtp_sender,
            "public_url": settings.public_url,
        }
        found.append(adapters.make_channel("email", options))
    return found


async def _listen(runner: web.AppRunner, host: str, port: int) -> str:
    site = web.TCPSite(runner, host, port)
    try:
        await site.start()
    except OSError as error:
        raise PaperlarkError(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another port with PAPERLARK_PORT"
        ) from error
    bound = runner.addresses[0]
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host
    return f"http://{shown}:{bound[1]}/"


def _look_at(path: Path) -> tuple[bytes, date]:
    """A file's beginning, and the day it was last changed. Raises SourceError."""
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD)
        changed = datetime.fromtimestamp(path.stat().st_mtime, UTC).date()
    except FileNotFoundError:
        raise SourceError(f"{path}: there is no such file") from None
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}") from None
    if not head:
        raise SourceError(f"{path}: the file is empty")
    return head, changed


def _read(path: Path) -> bytes:
    with path.open("rb") as stream:
        body = stream.read(FILE_LIMIT + 1)
    if len(body) > FILE_LIMIT:
        raise SourceError(f"{path}: larger than {FILE_LIMIT // 1024**2} MiB")
    return body
