"""The composition root: the only module that constructs things.

async with opened(settings) as app:      # store, http, and the channels that the settings make possible
    await app.import_files(…)            # one step of the way of a paper …
    await app.percolate()
    await app.deliver()
    await app.serve(stop, listening)     # … or all of it, until told to stop

What can be known to be wrong before the store is opened is found before: `configured_channel`, `all_unreadable`,
`listen`. So what was asked for in vain leaves the database as it was.
"""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Protocol, cast

import structlog

from paperlark import adapters
from paperlark.channels.base import Asking, Channel
from paperlark.from_settings import (
    CONTACT,
    configured_channels,
    operator_of,
    own_key,
    telegram_channel,
    webhook_secrets,
)
from paperlark.http import Http
from paperlark.interpreter import tune_memory, tune_python
from paperlark.links import Links
from paperlark.model.papers import Page, Reject
from paperlark.model.problems import PaperlarkError, ReaderError, SourceError, StoreError
from paperlark.model.readers import ASKED_FIRST
from paperlark.pipeline import At, confirm, ingest, nobody
from paperlark.pipeline.beside import Beside
from paperlark.pipeline.counts import Counts
from paperlark.pipeline.deliver import Deliverer, Outcome
from paperlark.pipeline.ingest import Taken
from paperlark.pipeline.lane import Lane
from paperlark.pipeline.percolate import Percolator
from paperlark.pipeline.ping import Ping
from paperlark.pipeline.planning import plan
from paperlark.pipeline.recent import Recent
from paperlark.saved_files import SavedFile, failed, pages, saved_file
from paperlark.settings import Settings
from paperlark.sources.base import Source
from paperlark.store import papers, sources
from paperlark.store.database import Store, open_store
from paperlark.store.pace import StorePace
from paperlark.store.sources import Configured

if TYPE_CHECKING:
    from aiohttp import web

    from paperlark.metrics.scrape import Watched
    from paperlark.pipeline.loops import Parts

log = structlog.get_logger()

DEFAULT_SOURCES: tuple[tuple[str, str, dict[str, Any]], ...] = (("hf_daily", "hf_daily", {}),)


@dataclass(slots=True)
class Imported:
    """What an import brought, over all files that were taken up: records, distinct papers, papers not known before,
    what was rejected, and which files could not be read at all (`where` is the file)."""

    files: int = 0
    records: int = 0
    papers: int = 0
    new: int = 0
    rejects: list[Reject] = field(default_factory=list)
    failed: list[Reject] = field(default_factory=list)


class Bot(Protocol):
    """A way for readers to talk back."""

    async def run(self, stop: asyncio.Event) -> None:
        """Answer until `stop`, then let go within five seconds."""


class Paperlark:
    """One paperlark, constructed. Made by `opened`."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        http: Http,
        channels: Sequence[Channel],
        at: At,
        links: Links | None = None,
    ) -> None:
        self.settings = settings
        self.store = store
        self.channels = {channel.kind: channel for channel in channels}
        self._http = http
        self._at = at
        self.links = links
        self._jitter = Random()
        self._channels_open = False
        self._telegram_arrived: Callable[[], None] = lambda: None  # another process may be the one that answers
        self._lease = timedelta(seconds=settings.lease_seconds)
        self._recent = Recent()
        self._counts = Counts()
        self._watched: Watched | None = None
        folder = settings.index_dir
        self.percolator = Percolator(store, lease=self._lease, recent=self._recent, folder=folder, at=at)
        self._operator = operator_of(settings, self.channels)
        self._beside = Beside(store, self.percolator, self._recent, lease=self._lease, folder=folder)
        self.lanes = {
            channel.kind: Lane(store, channel, lease=self._lease, counts=self._counts) for channel in channels
        }
        self.deliverers = [self._deliverer(channel) for channel in channels]

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
        progress: called with how many files were taken up, and how many records were read.
        """
        imported, seen = Imported(), set[int]()

        def tell(read: int) -> None:
            if progress is not None:
                progress(imported.files, imported.records + read)

        for path in files:
            tell(0)
            imported.files += 1
            try:
                file = await saved_file(path, kind, captured_on)
                taken = await self._import_file(file, announce, tell)
            except SourceError as error:
                imported.failed.append(failed(path, error))
                continue
            imported.records += taken.records
            imported.new += taken.new
            imported.rejects += taken.rejects
            seen |= taken.papers
        async with self.store.reading() as tx:
            imported.papers = await papers.count_existing(tx, seen)
        return imported

    async def _import_file(self, file: SavedFile, announce: bool, tell: Callable[[int], None]) -> Taken:
        async def told() -> AsyncIterator[Page]:
            read = 0
            async for page in pages(file, self._http):
                yield page
                read += len(page.announcements)
                tell(read)

        source = adapters.source_class(file.kind)
        return await ingest.take(
            self.store,
            source.kind,
            source.authority,
            told(),
            owes=announce,
            recent=self._recent,
            recorded_one=self._beside.keep_up,
            at=self._at,
        )

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
                recent=self._recent,
                counts=self._counts,
                at=self._at,
            )
        return taken

    async def percolate(self, progress: Callable[[int], None] | None = None) -> int:
        """Percolate everything that is recorded. Returns how many announcements and refreshed counts this process did.

        progress: called with how many are done.
        """
        done = 0
        while True:
            while batch := await self.percolator.run_batch():
                done += batch
                if progress is not None:
                    progress(done)
            if not self._beside.running:
                break
            await self._beside.end()
        while signals := await self.percolator.run_signals():
            done += signals
        return done

    async def deliver(self) -> Outcome:
        """Send everything that is due now, on every channel."""
        total = Outcome()
        await self._open_channels()
        await self._ask()
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

    def web_application(self) -> "web.Application":
        """The API and the page, on this store."""
        from paperlark.web import make_web

        application = make_web(
            self.store,
            self.channels,
            links=self.links,
            trusted_proxies=self.settings.trusted_proxies or "",
            own_key=None if self.settings.webhook_secret else lambda: own_key(self.settings, self.store),
            requests_a_minute=self.settings.api_requests_a_minute,
            warms=True,
            watched=self._told_of(),
            metrics_token=self._metrics_token(),
        )
        if self.settings.telegram_token is not None and self.settings.telegram_webhook:
            from paperlark.bots.telegram_webhook import secret_of, webhook

            secret = secret_of(self.settings.telegram_token.get_secret_value())
            application.add_routes([webhook(self.store, secret, lambda: self._telegram_arrived())])
        return application

    def _told_of(self) -> "Watched":
        """What whoever scrapes this process is told."""
        if self._watched is None:
            # Imported here: a command that serves nothing need not wait for it.
            from prometheus_client import CollectorRegistry

            from paperlark.metrics.scrape import Watched

            self._watched = Watched(self.store, self.channels, CollectorRegistry())
        return self._watched

    def _metrics_token(self) -> str | None:
        token = self.settings.metrics_token
        return token.get_secret_value() if token is not None else None

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Within, this process looks at its event loop, and answers at the port that is set for whoever watches, if one
        is. Raises PaperlarkError where that port cannot be had."""
        watched, port = self._told_of(), self.settings.metrics_port
        async with AsyncExitStack() as running:
            if port is not None:
                await running.enter_async_context(self._scraped(watched, port))
            looking = asyncio.create_task(watched.process.watch_loop())
            try:
                yield
            finally:
                looking.cancel()
                await asyncio.gather(looking, return_exceptions=True)

    @asynccontextmanager
    async def _scraped(self, watched: "Watched", port: int) -> AsyncIterator[None]:
        from aiohttp import web

        # Imported here: with it comes the whole web, which a process without a page need not hold.
        from paperlark.web.application import make_watch

        runner = web.AppRunner(
            make_watch(self.store, watched, self._metrics_token()), shutdown_timeout=1, access_log=None
        )
        await runner.setup()
        try:
            await web.SockSite(runner, listen(self.settings.host, port)).start()
            yield
        finally:
            await runner.cleanup()

    def bots(self) -> list[Bot]:
        """Those through which readers talk back, as the settings make them possible."""
        found: list[Bot] = []
        if self.settings.telegram_token is not None:
            found.append(self._telegram_bot())
        if self.settings.discord_token is not None:
            found.append(self._discord_bot())
        return found

    def _telegram_bot(self) -> Bot:
        from paperlark.bots.commands import Commands
        from paperlark.bots.telegram import LONG_POLL, TelegramBot

        bot = TelegramBot(
            self.store,
            Commands(self.store, page_url=self.settings.public_url),
            telegram_channel(self.settings),
            self.lanes["telegram"],
            polls=not self.settings.telegram_webhook,
            long_poll=min(LONG_POLL, self._lease / 2),
        )
        self._telegram_arrived = bot.arrived
        return bot

    def _discord_bot(self) -> Bot:
        from paperlark.bots.discord import DiscordBot

        # The deliveries' own channel: both count what Discord refuses, which it does by our address.
        channel = cast(Any, self.channels["discord"])
        return DiscordBot(self.store, channel, self.lanes["discord"], page_url=self.settings.public_url)

    async def serve(
        self,
        stop: asyncio.Event,
        listening: socket.socket | None,
        *,
        loops: bool = True,
        ready: Callable[[str], None] | None = None,
    ) -> None:
        """Loops, bots and web in one process, until `stop`; then drained within 20 s. A fresh paperlark with loops gets
        the default sources.

        listening: where the page is, from `listen`; None serves no page. loops: whether it polls, tells and answers.
        ready: called once it does all that, with the page's address; "" where there is none.
        """
        async with AsyncExitStack() as running:
            if listening is not None:
                await running.enter_async_context(self._page(listening))
            if loops:
                await running.enter_async_context(self._loops())
            if ready is not None:
                ready(_address(listening) if listening is not None else "")
            await stop.wait()

    @asynccontextmanager
    async def _page(self, listening: socket.socket) -> AsyncIterator[None]:
        # Imported here, as below: a command that serves nothing need not wait for it.
        from aiohttp import web

        runner = web.AppRunner(self.web_application(), shutdown_timeout=5, access_log=None)
        await runner.setup()
        try:
            await web.SockSite(runner, listening).start()
            yield
        finally:
            await runner.cleanup()

    @asynccontextmanager
    async def _loops(self) -> AsyncIterator[None]:
        from paperlark.pipeline.loops import Loops

        await self.add_default_sources()
        await self._open_channels()
        running, leaving = Loops(self._loop_parts()), asyncio.Event()
        running.start()
        talking = [asyncio.create_task(bot.run(leaving)) for bot in self.bots()]
        try:
            yield
        finally:
            leaving.set()  # bots first: their last answers need the lanes that the loops give back
            for fault in await asyncio.gather(*talking, return_exceptions=True):
                if isinstance(fault, BaseException):
                    log.error("bot ended badly", exc_info=fault)
            await running.stop()

    def _loop_parts(self) -> "Parts":
        from paperlark.pipeline.loops import Parts

        ping_url = self.settings.ping_url
        return Parts(
            store=self.store,
            make_source=self.make_source,
            percolator=self.percolator,
            deliverers=self.deliverers,
            lease=self._lease,
            recent=self._recent,
            counts=self._counts,
            ping=Ping(self.store, self._http, ping_url.get_secret_value()) if ping_url is not None else None,
            jitter=self._jitter,
            wall=time.time,
            operator=self._operator,
            ask=self._ask if self.links is not None else None,
            at=self._at,
        )

    def _deliverer(self, channel: Channel) -> Deliverer:
        return Deliverer(
            self.store,
            channel,
            lease=self._lease,
            jitter=self._jitter,
            lane=self.lanes[channel.kind],
            others=self.channels,
            page_url=self.settings.public_url,
            links=self.links if channel.kind in ASKED_FIRST else None,
            at=self._at,
        )

    async def _ask(self) -> None:
        """Ask the owners of addresses that wait for it."""
        for kind in ASKED_FIRST:
            if kind in self.channels and self.links is not None:
                await confirm.ask(self.store, cast(Asking, self.channels[kind]), self.links)

    async def _open_channels(self) -> None:
        """Open every channel, once."""
        if not self._channels_open:
            self._channels_open = True
            for channel in self.channels.values():
                await channel.open()

    async def close(self) -> None:
        """Let go of everything, in the opposite order of its making."""
        for channel in self.channels.values():
            await channel.close()
        await self._beside.end()
        await self.percolator.close()
        try:
            await self._counts.keep(self.store)
        except StoreError as error:
            log.warning("what was counted last is lost", reason=str(error))


@asynccontextmanager
async def opened(
    settings: Settings, *, extra_channels: Sequence[Channel] = (), at: At = nobody
) -> AsyncIterator[Paperlark]:
    """Construct a paperlark from settings, and take it down again. Raises PaperlarkError in one line.

    extra_channels take the place of configured ones of the same kind.
    """

    async def secrets(to: str) -> Sequence[str]:
        return await webhook_secrets(settings, store, to)

    channels = {channel.kind: channel for channel in (*configured_channels(settings, secrets), *extra_channels)}
    tune_memory()
    store = await open_store(
        settings.database_url, connections=settings.database_connections, keys=settings.sealing_keys()
    )
    tune_python()
    try:
        pace = StorePace(store)
        async with Http(settings.contact or CONTACT, pace, allow_private=settings.allow_private_addresses) as http:
            links = await _links(settings, store)
            app = Paperlark(settings, store, http, list(channels.values()), at, links)
            try:
                yield app
            finally:
                await app.close()
    finally:
        await store.close()


async def _links(settings: Settings, store: Store) -> Links:
    """What signs links."""
    return Links(await own_key(settings, store), settings.public_url)


def listen(host: str, port: int) -> socket.socket:
    """Take a port; 0 takes a free one. Raises PaperlarkError where it is taken, or the host is not ours."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        both = family == socket.AF_INET6 and host == "::" and socket.has_dualstack_ipv6()
        return socket.create_server(address, family=family, backlog=128, dualstack_ipv6=both)
    except OSError as error:
        number = error.errno or 0  # below 0 where a name is unknown
        why = os.strerror(number) if number > 0 else error.strerror
        raise PaperlarkError(
            f"cannot listen on {host}:{port}: {why}; choose another port with PAPERLARK_PORT or --port"
        ) from error


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}/"
