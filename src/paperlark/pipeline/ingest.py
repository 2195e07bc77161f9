"""Poll a source and record what it told, page by page; import what was saved.

A page's papers, announcements, signals and the source's cursor commit together: a crash repeats a page, and the store
refuses what it already holds.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from random import Random
from types import TracebackType
from typing import Any, Self, TypeGuard

import structlog

from paperlark import health, tracing
from paperlark.model.papers import Announcement, Page, Reject
from paperlark.model.problems import SourceError, StoreError
from paperlark.model.sources import Evidence, Manners
from paperlark.pipeline import At, nobody
from paperlark.pipeline.counts import POLLS, RUN_OUT, Counts
from paperlark.pipeline.giving_back import Patience, given_back, given_back_while_stopping
from paperlark.pipeline.recent import Recent
from paperlark.schedule import next_poll
from paperlark.sources.base import Punctual, Source
from paperlark.store import recording, sources
from paperlark.store.database import Store, Transaction
from paperlark.store.sources import Configured

log = structlog.get_logger()

BITE = 256  # announcements recorded in one transaction
POLL_INTERVAL = timedelta(hours=1)
LATE = timedelta(hours=48)  # what a poll finds later than this rings nobody: it waits for the next digest
MOVED_FOR_GOOD = 3  # polls in a row that were sent to the same other address
LONGEST_FRESH = timedelta(days=1)  # that an answer may keep us away; no calendar waits for a batch that comes late
POLL_LIMIT = timedelta(minutes=30)  # a poll that takes longer is not coming back


@dataclass(slots=True)
class Taken:
    """What an import or a poll brought: records read, distinct papers among them, papers that were not known before."""

    records: int = 0
    new: int = 0
    papers: set[int] = field(default_factory=set)
    rejects: list[Reject] = field(default_factory=list)
    error: str | None = None


async def poll(
    store: Store,
    configured: Configured,
    source: Source,
    *,
    lease: timedelta,
    jitter: Random,
    recent: Recent | None = None,
    counts: Counts | None = None,
    patience: Patience | None = None,
    at: At = nobody,
) -> Taken:
    """Poll one claimed source to its end, and say in the store how it went. Expected failures end in its health.

    patience: with sources whose pages the database has refused, by name. Raises StoreError.
    """
    counts = Counts() if counts is None else counts
    patience = Patience("source", jitter) if patience is None else patience
    counts.add(RUN_OUT, "source", number=int(configured.taken_over))
    recent = Recent() if recent is None else recent
    with tracing.span("poll", source=configured.name, kind=configured.kind):
        try:
            taken = await _polled(store, configured, source, lease, jitter, recent, counts, at)
        except StoreError as fault:
            release, works = partial(_release, configured), [configured.name]
            await given_back(store, release, within=lease, works=works, patience=patience, fault=fault)
            raise
    patience.done([configured.name])
    return taken


async def _release(configured: Configured, tx: Transaction, wait: timedelta) -> None:
    await sources.release(tx, configured, not_before=await tx.now() + wait if wait else None)


async def _polled(
    store: Store,
    configured: Configured,
    source: Source,
    lease: timedelta,
    jitter: Random,
    recent: Recent,
    counts: Counts,
    at: At,
) -> Taken:
    now = await store.now()
    poll = _Poll(store, configured, source, lease=lease, recent=recent, at=at, now=now)
    try:
        async with asyncio.timeout(POLL_LIMIT.total_seconds()):
            await poll.record_pages()
        nothing = health.empty(poll.evidence, unchanged=poll.unchanged)
        if nothing is not None:
            raise SourceError(f"{configured.kind}: {nothing}")
    except (SourceError, TimeoutError) as error:
        reason = str(error) or f"{configured.kind}: no end after {POLL_LIMIT}"
        poll.taken.error = reason
        asked_to_wait = isinstance(error, SourceError) and error.asked_to_wait
        counts.add(POLLS, configured.kind, "asked_to_wait" if asked_to_wait else "failed")
        await note_failure(store, configured, error, jitter, begin_again=poll.taken.records == 0)
        log.warning("poll failed", source=configured.name, reason=reason)
        return poll.taken
    except asyncio.CancelledError:
        await given_back_while_stopping(store, partial(_release, configured))
        raise
    async with store.transaction() as tx:
        now, interval = await tx.now(), _interval(source)
        evidence, options = _moved(poll.evidence, configured.options, poll.manners)
        due = next_poll(
            now,
            interval=interval,
            failures=0,
            retry_after=None,
            jitter=jitter.random(),
            manners=poll.manners,
            ceiling=interval if _punctual(source) else LONGEST_FRESH,
        )
        await sources.finish_poll(tx, configured, evidence, options=options, now=now, next_poll_at=due)
        at("record: before the end of a poll commits")
    taken = poll.taken
    counts.add(POLLS, configured.kind, _result(poll))
    log.info("polled", source=configured.name, seen=taken.records, new=taken.new, rejected=len(taken.rejects))
    return taken


def _result(poll: "_Poll") -> str:
    """In a word what a poll that went well brought."""
    return "unchanged" if poll.unchanged else "new" if poll.taken.new else "nothing_new"


class _Poll:
    """One poll under way: what it has taken, and what it leaves behind for judging the source."""

    def __init__(
        self,
        store: Store,
        configured: Configured,
        source: Source,
        *,
        lease: timedelta,
        recent: Recent,
        at: At,
        now: datetime,
    ) -> None:
        self._store = store
        self._configured = configured
        self._source = source
        self._lease = lease
        self._recent = recent
        self._at = at
        self._now = now
        self.taken = Taken()
        self.evidence = health.begin(configured.evidence, source.expected(now) if _punctual(source) else None)
        self.manners = Manners()
        self.unchanged = True  # until a page says otherwise; without any page nothing has changed

    async def record_pages(self) -> None:
        """Record every page with the source's bookmark after it. Raises SourceError."""
        pages = self._source.poll(self._configured.cursor, self._now)
        async with aclosing(_closable(pages)) as closable:
            async for page in closable:
                self._at("record: page parsed")
                self.unchanged = self.unchanged and page.unchanged
                self.manners = page.manners or self.manners
                await self._record(page)

    async def _record(self, page: Page) -> None:
        name, owes = self._configured.name, self._configured.baseline_at is not None
        prepared = await asyncio.to_thread(recording.prepare, name, page.announcements)
        async with self._store.reading() as tx:
            strangers = await recording.strangers(tx, prepared)
        await asyncio.to_thread(recording.read_words, strangers)
        async with self._store.transaction() as tx:
            now = await tx.now()
            recorded = await recording.record(
                tx, name, self._source.authority, prepared, owes=owes, now=now, late_before=now - LATE
            )
            self._at("record: page written")
            heard = health.hear(self.evidence, page, new=recorded.new_announcements, now=now)
            ours = await sources.save_page(
                tx,
                self._configured,
                page.cursor,
                heard,
                seen=len(prepared),
                new=recorded.new_announcements,
                rejected=len(page.rejects),
                lease_until=now + self._lease,
            )
            if not ours:
                raise SourceError(f"{self._configured.kind}: another process took over this poll")
            self._at("record: before a page commits")
        self._at("record: page committed")
        self.evidence = heard
        self._recent.keep(recorded.fresh)
        _count(self.taken, page, recorded)


def _punctual(source: Source) -> TypeGuard[Punctual]:
    return hasattr(source, "expected")


def _interval(source: Source) -> timedelta:
    interval: timedelta = getattr(source, "interval", POLL_INTERVAL)
    return interval


def _moved(evidence: Evidence, options: Mapping[str, Any], manners: Manners) -> tuple[Evidence, Mapping[str, Any]]:
    """Permanent redirects are adopted once they have repeated: one may be a slip of the far side."""
    if manners.moved_to is None or "url" not in options:
        return replace(evidence, moved_to=None, moved=0), options
    times = evidence.moved + 1 if evidence.moved_to == manners.moved_to else 1
    if times < MOVED_FOR_GOOD:
        return replace(evidence, moved_to=manners.moved_to, moved=times), options
    log.info("a source has moved for good", to=manners.moved_to)
    return replace(evidence, moved_to=None, moved=0), {**options, "url": manners.moved_to}


def _count(taken: Taken, page: Page, recorded: recording.Recorded) -> None:
    taken.records += len(page.announcements)
    taken.new += len(recorded.new_papers)
    taken.papers.update(recorded.papers)
    taken.rejects.extend(page.rejects)


async def note_failure(
    store: Store, configured: Configured, error: Exception, jitter: Random, *, begin_again: bool = False
) -> None:
    """Say in a source's health why its poll failed, and when it is due again."""
    retry_after = error.retry_after if isinstance(error, SourceError) else None
    gone = isinstance(error, SourceError) and error.gone
    unreached = isinstance(error, TimeoutError) or (isinstance(error, SourceError) and error.unreached)
    async with store.transaction() as tx:
        now = await tx.now()
        due = next_poll(
            now,
            interval=POLL_INTERVAL,
            failures=configured.failures + 1,
            retry_after=retry_after,
            jitter=jitter.random(),
            unreached=unreached,
        )
        reason = str(error) or f"{configured.kind}: no end after {POLL_LIMIT}"
        await sources.fail_poll(
            tx, configured, now=now, next_poll_at=due, error=reason, gone=gone, begin_again=begin_again
        )


async def take(
    store: Store,
    name: str,
    authority: int,
    pages: AsyncIterable[Page],
    *,
    owes: bool,
    recent: Recent | None = None,
    recorded_one: Callable[[int], Awaitable[object]] | None = None,
    at: At = nobody,
) -> Taken:
    """Record saved pages under a source that is never polled. With `owes` readers are told of what is new to us.

    recorded_one: what to do after each page, told how many records it had; percolating there finds its papers still
    at hand in `recent`.
    """
    taken, afterwards = Taken(), _OneAtATime(recorded_one)
    async with aclosing(_read_ahead(name, pages)) as bites, afterwards:
        async for bite, prepared in bites:
            at("record: page parsed")
            async with store.transaction() as tx:
                now = await tx.now()
                await sources.note_import(tx, name, name, now)
                recorded = await recording.record(tx, name, authority, prepared, owes=owes, now=now)
                at("record: page written")
                await _count_import(tx, name, bite, recorded)
                at("record: before a page commits")
            at("record: page committed")
            _count(taken, bite, recorded)
            if recent is not None:
                recent.keep(recorded.fresh)
            await afterwards.begin(len(prepared))
    return taken


class _OneAtATime:
    """A step beside what comes next: begun after each page, awaited before it is begun again, and at the end."""

    def __init__(self, step: Callable[[int], Awaitable[object]] | None) -> None:
        self._step = step
        self._running: asyncio.Future[object] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def begin(self, recorded: int) -> None:
        """Begin the step, once its last run has ended. Raises what that run raised."""
        if self._running is not None:
            await self._running
        self._running = asyncio.ensure_future(self._step(recorded)) if self._step is not None else None

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        running, self._running = self._running, None
        if running is not None and error is not None:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        elif running is not None:
            await running


async def _read_ahead(
    name: str, pages: AsyncIterable[Page]
) -> AsyncGenerator[tuple[Page, list[recording.Prepared]], None]:
    """Bites of the pages, each prepared; the next one is being read while the database writes this one."""

    async def read() -> AsyncGenerator[tuple[Page, list[recording.Prepared]], None]:
        async for page in pages:
            for bite in _bites(page):
                yield bite, await asyncio.to_thread(_prepared, name, bite)

    reading = read()
    following = asyncio.ensure_future(anext(reading, None))
    try:
        while (found := await following) is not None:
            following = asyncio.ensure_future(anext(reading, None))
            yield found
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await reading.aclose()


def _prepared(name: str, bite: Page) -> list[recording.Prepared]:
    """Ready to be recorded, words and all: what is imported is mostly new."""
    prepared = recording.prepare(name, bite.announcements)
    recording.read_words(prepared)
    return prepared


async def _count_import(tx: Transaction, name: str, page: Page, recorded: recording.Recorded) -> None:
    await sources.count(
        tx, name, seen=len(page.announcements), new=recorded.new_announcements, rejected=len(page.rejects)
    )


def _bites(page: Page) -> Iterable[Page]:
    """A saved page may be long: no transaction is."""
    told: tuple[Announcement, ...] = page.announcements
    yield Page(told[:BITE], rejects=page.rejects)
    for start in range(BITE, len(told), BITE):
        yield Page(told[start : start + BITE])


async def _closable(pages: AsyncIterable[Page]) -> AsyncGenerator[Page, None]:
    """A source's pages as a generator that can be closed, whatever kind of iterator the source made."""
    async for page in pages:
        yield page


async def due_sources(store: Store, *, lease: timedelta, limit: int, only: str | None = None) -> list[Configured]:
    """Take the sources that are due (or one by name) by lease."""
    async with store.transaction() as tx:
        now: datetime = await tx.now()
        return await sources.claim_due(tx, now, lease, limit=limit, only=only)
