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
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Protocol, cast

import structlog

from paperlark import adapters
from paperlark.channels.base import Asking, Channel
from paperlark.http import HostPace, Http
from paperlark.interpreter import tune_python
from paperlark.links import Links
from paperlark.model.papers import Page, Reject, at_midnight
from paperlark.model.problems import DeliveryError, PaperlarkError, ReaderError, SourceError
from paperlark.model.readers import ASKED_FIRST
from paperlark.pipeline import At, confirm, ingest, nobody
from paperlark.pipeline.beside import Beside
from paperlark.pipeline.deliver import Deliverer, Outcome
from paperlark.pipeline.ingest import Taken
from paperlark.pipeline.lane import Lane
from paperlark.pipeline.percolate import Percolator
from paperlark.pipeline.planning import plan
from paperlark.pipeline.recent import Recent
from paperlark.pipeline.watch import Operator
from paperlark.readers import webhook
from paperlark.settings import Settings
from paperlark.sources.base import Saved, Source
from paperlark.store import keys, papers, sources
from paperlark.store.database import Store, open_store
from paperlark.store.pace import StorePace
from paperlark.store.sources import Configured

if TYPE_CHECKING:
    from aiohttp import web

    from paperlark.pipeline.loops import Parts

log = structlog.get_logger()

HEAD = 64 * 1024  # bytes by which a file's kind is guessed
FILE_LIMIT = 64 * 1024 * 1024  # bytes of a saved file that is read whole
STREAMED = ("jsonl",)  # kinds that are read line by line, however long the file
DEFAULT_SOURCES: tuple[tuple[str, str, dict[str, Any]], ...] = (("hf_daily", "hf_daily", {}),)
CONTACT = "https://pypi.org/project/paperlark/"
SIGNING = "links"  # the name of the secret that links are signed with, and webhooks' secrets are derived from


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


@dataclass(frozen=True, slots=True)
class SavedFile:
    """A file to import: where it lies, of which kind it is, and the day it was captured."""

    path: Path
    kind: str
    captured_on: date


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
        folder = settings.index_dir
        self.percolator = Percolator(store, lease=self._lease, recent=self._recent, folder=folder, at=at)
        self._operator = operator_of(settings, self.channels)
        self._beside = Beside(store, self.percolator, self._recent, lease=self._lease, folder=folder)
        self.lanes = {channel.kind: Lane(store, channel, lease=self._lease) for channel in channels}
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
                file = await _saved_file(path, kind, captured_on)
                taken = await self._import_file(file, announce, tell)
            except SourceError as error:
                imported.failed.append(_failed(path, error))
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
            async for page in _pages(file, self._http):
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
        )
        if self.settings.telegram_token is not None and self.settings.telegram_webhook:
            from paperlark.bots.telegram_webhook import secret_of, webhook

            secret = secret_of(self.settings.telegram_token.get_secret_value())
            application.add_routes([webhook(self.store, secret, lambda: self._telegram_arrived())])
        return application

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
        listening: socket.socket,
        *,
        loops: bool = True,
        ready: Callable[[str], None] | None = None,
    ) -> None:
        """Loops, bots and web in one process, until `stop`; then drained within 20 s. A fresh paperlark with loops gets
        the default sources.

        listening: where the page is, from `listen`. ready: called with the page's address once it answers.
        """
        # Imported here: a command that serves nothing need not wait for it.
        from aiohttp import web

        from paperlark.pipeline.loops import Loops

        runner = web.AppRunner(self.web_application(), shutdown_timeout=5, access_log=None)
        await runner.setup()
        running: Loops | None = None
        leaving, talking = asyncio.Event(), list[asyncio.Task[None]]()
        try:
            await web.SockSite(runner, listening).start()
            if loops:
                await self.add_default_sources()
                await self._open_channels()
                running = Loops(self._loop_parts())
                running.start()
                talking += [asyncio.create_task(bot.run(leaving)) for bot in self.bots()]
            if ready is not None:
                ready(_address(listening))
            await stop.wait()
        finally:
            leaving.set()  # bots first: their last answers need the lanes that the loops give back
            for fault in await asyncio.gather(*talking, return_exceptions=True):
                if isinstance(fault, BaseException):
                    log.error("bot ended badly", exc_info=fault)
            if running is not None:
                await running.stop()
            await runner.cleanup()

    def _loop_parts(self) -> "Parts":
        from paperlark.pipeline.loops import Parts

        return Parts(
            store=self.store,
            make_source=self.make_source,
            percolator=self.percolator,
            deliverers=self.deliverers,
            lease=self._lease,
            recent=self._recent,
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


@asynccontextmanager
async def opened(
    settings: Settings, *, extra_channels: Sequence[Channel] = (), at: At = nobody
) -> AsyncIterator[Paperlark]:
    """Construct a paperlark from settings, and take it down again. Raises PaperlarkError in one line.

    extra_channels take the place of configured ones of the same kind.
    """

    async def secrets(to: str) -> Sequence[str]:
        return await _webhook_secrets(settings, store, to)

    channels = {channel.kind: channel for channel in (*configured_channels(settings, secrets), *extra_channels)}
    store = await open_store(settings.database_url)
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


async def own_key(settings: Settings, store: Store) -> str:
    """What links and webhooks are signed by: the operator's key, or one that is made once and kept."""
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value()
    async with store.reading() as tx:
        key = await keys.known(tx, SIGNING)
    if key is None:
        async with store.transaction() as tx:
            key = await keys.kept(tx, SIGNING, await tx.now())
    return key


def configured_channel(settings: Settings, kind: str) -> Channel:
    """A channel that the settings make possible. Raises PaperlarkError: an unknown kind, or what is missing."""
    adapters.channel_class(kind)  # an unknown kind has an error of its own
    for channel in configured_channels(settings):
        if channel.kind == kind:
            return channel
    raise ReaderError(f"{kind} is not configured here; `paperlark check` says what is missing")


async def no_secrets(to: str) -> Sequence[str]:
    """For webhooks that are made to be looked at, and never send."""
    return ()


async def _webhook_secrets(settings: Settings, store: Store, to: str) -> Sequence[str]:
    """The secrets to sign with now for a destination, written as ACCOUNT.DESTINATION; none where it is gone."""
    if settings.webhook_secret is not None:
        return (settings.webhook_secret.get_secret_value(),)
    account_id, _, destination_id = to.partition(".")
    try:
        key = await own_key(settings, store)
        return await webhook.signing(store, int(account_id), int(destination_id), key=key)
    except (ReaderError, ValueError):
        return ()


def configured_channels(
    settings: Settings, secrets: Callable[[str], Awaitable[Sequence[str]]] = no_secrets
) -> list[Channel]:
    """The channels that the settings make possible; the terminal and webhooks always are.

    secrets: what webhooks are signed with.
    """
    private = settings.allow_private_addresses
    door = Http(settings.contact or CONTACT, HostPace(), allow_private=private)
    signed = {"http": door, "secrets": secrets, "clock": lambda: datetime.now(UTC), "insecure": private}
    found = [adapters.make_channel("console", {}), adapters.make_channel("webhook", signed)]
    if settings.apprise is not None:
        found.append(adapters.make_channel("apprise", {"services": settings.apprise}))
    if settings.telegram_token is not None:
        found.append(telegram_channel(settings))
    if settings.discord_token is not None:
        found.append(discord_channel(settings))
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
            "bounces": settings.smtp_bounces,
            "dkim_key": settings.dkim_key.get_secret_value() if settings.dkim_key else None,
            "dkim_selector": settings.dkim_selector,
            "dkim_domain": settings.dkim_domain,
        }
        found.append(adapters.make_channel("email", options))
    return found


def telegram_channel(settings: Settings) -> Any:
    """Telegram's channel. Raises PaperlarkError where its settings are missing or cannot be."""
    if settings.telegram_token is None:
        raise ReaderError("telegram is not configured here; `paperlark check` says what is missing")
    token = settings.telegram_token.get_secret_value()
    return adapters.make_channel("telegram", {"token": token, "base_url": settings.telegram_api})


def discord_channel(settings: Settings) -> Any:
    """Discord's channel. Raises PaperlarkError where its settings are missing or cannot be."""
    if settings.discord_token is None:
        raise ReaderError("discord is not configured here; `paperlark check` says what is missing")
    token = settings.discord_token.get_secret_value()
    return adapters.make_channel("discord", {"token": token, "base_url": settings.discord_api})


async def publish(settings: Settings, store: Store) -> list[str]:
    """Tell the platforms what they keep of our bots: menus, descriptions, where updates go. Once in a release.

    Returns a line for each, also for one that could not be told: an outage there holds up no release here.
    """
    told = []
    if settings.telegram_token is not None:
        from paperlark.bots import telegram_release

        channel = telegram_channel(settings)
        try:
            await channel.open()
            told.append(
                await telegram_release.publish(channel, settings.public_url if settings.telegram_webhook else None)
            )
        except DeliveryError as error:
            told.append(f"could not be told: {error}")
        finally:
            await channel.close()
    if settings.discord_token is not None:
        from paperlark.bots import discord

        try:
            told.append(await discord.publish(store, discord_channel(settings)))
        except DeliveryError as error:
            told.append(f"could not be told: {error}")
    return told


def operator_of(settings: Settings, channels: Mapping[str, Channel]) -> Operator | None:
    """Who is told of the sources' health. Raises PaperlarkError: no such channel here, or no address of it."""
    if settings.operator is None:
        return None
    kind, _, address = settings.operator.partition(":")
    if kind not in channels:
        raise PaperlarkError(
            f"PAPERLARK_OPERATOR names the channel {kind!r}, which is not configured here; write CHANNEL:ADDRESS, "
            f"with one of {', '.join(sorted(channels))}"
        )
    try:
        return Operator(channels[kind], channels[kind].check_address(address))
    except ReaderError as error:
        raise PaperlarkError(f"PAPERLARK_OPERATOR: {error}") from error


def check_source(settings: Settings, name: str, kind: str, options: Mapping[str, Any]) -> None:
    """Could this source be polled? Raises PaperlarkError: an unknown kind, a bad option."""
    adapters.make_source(kind, name, options, _unopened_http(settings))


# ── where the page is ──────────────────────────────────────────────────────────────────────────────────────────────


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


# ── saved files ────────────────────────────────────────────────────────────────────────────────────────────────────


async def all_unreadable(
    settings: Settings, files: Sequence[Path], *, kind: str | None = None, captured_on: date | None = None
) -> list[Reject]:
    """Why not one of these files can be read; empty as soon as one can."""
    rejects = []
    for path in files:
        try:
            file = await _saved_file(path, kind, captured_on)
            if file.kind not in STREAMED:
                async for _ in _pages(file, _unopened_http(settings)):
                    break
        except SourceError as error:
            rejects.append(_failed(path, error))
        else:
            return []
    return rejects


async def _saved_file(path: Path, kind: str | None, captured_on: date | None) -> SavedFile:
    head, changed = await asyncio.to_thread(_look_at, path)
    kind = kind or adapters.guess_kind(path.name, head)
    if kind is None:
        known = ", ".join(adapters.importer_kinds())
        raise SourceError(f"{path}: cannot tell what kind of file this is; say so with --as ({known})")
    return SavedFile(path, kind, captured_on or changed)


async def _pages(file: SavedFile, http: Http) -> AsyncIterator[Page]:
    if file.kind in STREAMED:
        source = adapters.make_source(file.kind, file.kind, {"path": str(file.path)}, http)
        async for page in source.poll({}, at_midnight(file.captured_on)):
            yield page
        return
    module: Any = adapters.source_module(file.kind)
    saved = Saved(file.path.name, await asyncio.to_thread(_read, file.path), file.captured_on)
    if hasattr(module, "read_saved"):
        yield await module.read_saved(saved)
    else:
        yield await asyncio.to_thread(module.parse_saved, saved)


def _failed(path: Path, error: SourceError) -> Reject:
    """`where` names the file, so the reason need not."""
    reason = str(error).removeprefix(f"{path}: ")
    return Reject(str(path), reason.replace(f" {path.name}: ", " ", 1))


def _unopened_http(settings: Settings) -> Http:
    """For adapters that are made to be looked at, and never asked."""
    return Http(settings.contact or CONTACT, HostPace())


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
