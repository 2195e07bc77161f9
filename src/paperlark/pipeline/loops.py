"""The jobs that make it go round. APScheduler fires them; nothing durable lives in it, and no reader's hour.

This is the loop's edge: the one place that catches broadly, with a traceback, so that a fault in one round never ends
the service. Every task is owned here and ends at shutdown, within `DRAIN` seconds of what is in flight.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from paperlark.interpreter import give_back
from paperlark.model.problems import PaperlarkError, StoreError
from paperlark.pipeline import At, ingest, nobody
from paperlark.pipeline.counts import Counts
from paperlark.pipeline.deliver import Deliverer
from paperlark.pipeline.giving_back import Patience
from paperlark.pipeline.percolate import Percolator
from paperlark.pipeline.ping import Ping
from paperlark.pipeline.planning import Planner, lapse
from paperlark.pipeline.recent import Recent
from paperlark.pipeline.watch import Operator, watch
from paperlark.sources.base import Source
from paperlark.store import directions, retention
from paperlark.store.database import Store
from paperlark.store.sources import Configured

log = structlog.get_logger()

POLL_EVERY, PERCOLATE_EVERY, DELIVER_EVERY = 5, 2, 2  # seconds between looks at what is due: each look is one query
SIGNALS_EVERY, WATCH_EVERY, LAPSE_EVERY, FORGET_EVERY = 30, 300, 600, 6 * 3600
DIRECTIONS_EVERY = 30
TALLY_EVERY, PING_EVERY, GIVE_BACK_EVERY = 5, 120, 60
DIRECTIONS = 5_000  # found in one go: what papers are about, before anybody asks
POLLS_AT_ONCE = 8  # 6,000 feeds an hour, as long as one takes less than five seconds in the middle
AILING = 3  # faults of a job in a row
LONGEST_ROUND = 3600  # seconds; a deliverer's ends when nothing is due any more, which may be later
CLOCK_EVERY = 2.0  # seconds between looks at whether the clock was set
SET_BACK = 1.0  # seconds, from which on it was set and not corrected
DRAIN = 10  # seconds for what is in flight when we stop; the whole exit stays under 20

MakeSource = Callable[[Configured], Source]


@dataclass(frozen=True, slots=True)
class Parts:
    """What the loops run on; made by the composition root."""

    store: Store
    make_source: MakeSource
    percolator: Percolator
    deliverers: Sequence[Deliverer]
    lease: timedelta
    jitter: Random
    wall: Callable[[], float]  # the time of day, by which the scheduler goes too: seconds since 1970
    recent: Recent = field(default_factory=Recent)
    counts: Counts = field(default_factory=Counts)
    ping: Ping | None = None
    operator: Operator | None = None
    ask: Callable[[], Awaitable[object]] | None = None  # asks the owners of addresses, where a channel needs that
    at: At = nobody


class Loops:
    """The service's jobs: poll, percolate, refresh signals, deliver, watch the sources, read what papers are about,
    forget, keep counts, give memory back, say that all is well."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._stop = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
        self._busy: dict[str, float] = {}
        self._faults = Counter[str]()
        self._patience = Patience("source", parts.jitter)
        self._scheduler = AsyncIOScheduler(timezone="UTC")

    def start(self) -> None:
        """Start every job; each fires at once and then at its interval, never twice at the same time."""
        jobs: list[tuple[str, Callable[[], Awaitable[object]], int]] = [
            ("poll", self._poll, POLL_EVERY),
            ("percolate", self._parts.percolator.run, PERCOLATE_EVERY),
            ("signals", self._parts.percolator.run_signals, SIGNALS_EVERY),
            ("watch", lambda: watch(self._parts.store, self._parts.operator), WATCH_EVERY),
            ("plan", Planner(self._parts.store).run, DELIVER_EVERY),
            ("lapse", lambda: lapse(self._parts.store), LAPSE_EVERY),
            ("directions", lambda: directions.fill(self._parts.store, limit=DIRECTIONS), DIRECTIONS_EVERY),
            ("forget", self._forget, FORGET_EVERY),
            ("tally", lambda: self._parts.counts.keep(self._parts.store), TALLY_EVERY),
            ("give back", partial(asyncio.to_thread, give_back), GIVE_BACK_EVERY),
        ]
        if self._parts.ping is not None:
            ping = self._parts.ping
            jobs.append(("ping", lambda: ping.run(self.ailing()), PING_EVERY))
        if self._parts.ask is not None:
            jobs.append(("ask", self._parts.ask, DELIVER_EVERY))
        jobs += [("deliver", self._round(deliverer), DELIVER_EVERY) for deliverer in self._parts.deliverers]
        for number, (name, step, seconds) in enumerate(jobs):
            job = f"{name}-{number}"
            # A second one only finds that the first is busy; the scheduler would tell of each round that is long. One
            # that comes late, because the loop was busy, is still worth it.
            self._scheduler.add_job(
                self._edge,
                "interval",
                (job, step),
                seconds=seconds,
                id=job,
                coalesce=True,
                max_instances=2,
                misfire_grace_time=None,
            )
            self._own(asyncio.create_task(self._edge(job, step)))
        self._scheduler.start()
        self._own(asyncio.create_task(self._mind_the_clock()))

    def ailing(self) -> list[str]:
        """What is wrong with the jobs, in words: rounds that failed again and again, or that do not end."""
        now = asyncio.get_running_loop().time()
        failing = [f"the last {times} rounds of {job} failed" for job, times in self._faults.items() if times >= AILING]
        endless = [
            f"a round of {job} has not ended for {(now - since) / 60:.0f} minutes"
            for job, since in self._busy.items()
            if now - since > LONGEST_ROUND and not job.startswith("deliver")
        ]
        return sorted(failing) + sorted(endless)

    async def stop(self) -> None:
        """Take nothing new, let what is in flight finish, cancel the rest, give leases back."""
        self._stop.set()
        self._scheduler.pause()
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=DRAIN)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        self._scheduler.shutdown(wait=False)
        for deliverer in self._parts.deliverers:
            try:
                await deliverer.leave()
            except StoreError as error:  # the others' lanes are given back all the same
                log.warning("lane was not given back", channel=deliverer.lane.kind, reason=str(error))
        await self._parts.percolator.close()

    async def _mind_the_clock(self) -> None:
        """The scheduler waits for times of day. Where the clock is set back, each job would wait as long: fire it."""
        loop, wall = asyncio.get_running_loop(), self._parts.wall
        ahead = wall() - loop.time()
        while not self._stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), CLOCK_EVERY)
            before, ahead = ahead, wall() - loop.time()
            if before - ahead > SET_BACK:
                log.warning("the clock was set back", seconds=round(before - ahead))
                for job in self._scheduler.get_jobs():
                    job.modify(next_run_time=datetime.fromtimestamp(wall(), UTC))

    async def _edge(self, job: str, step: Callable[[], Awaitable[object]]) -> None:
        """One round of a job. Whatever goes wrong in it is told and does not end the service."""
        task = asyncio.current_task()
        if task is not None:
            self._own(task)
        if self._stop.is_set() or job in self._busy:
            return
        self._busy[job] = asyncio.get_running_loop().time()
        try:
            await self._told(job, step)
        except asyncio.CancelledError:
            if not self._stop.is_set():
                raise
            log.info("round given up", loop=job)  # it had its time; to the scheduler it would be a fault
        finally:
            del self._busy[job]

    async def _told(self, job: str, step: Callable[[], Awaitable[object]]) -> None:
        try:
            await step()
            del self._faults[job]
        except PaperlarkError as error:
            self._faults[job] += 1
            log.warning("round failed", loop=job, reason=str(error))
        except Exception:
            self._faults[job] += 1
            log.exception("round failed", loop=job)

    def _own(self, task: asyncio.Task[None]) -> None:
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _poll(self) -> None:
        """Poll what is due, so many at a time, until nothing is: who is slow to answer keeps nobody else waiting."""
        parts = self._parts
        polling: set[asyncio.Task[None]] = set()
        try:
            while not self._stop.is_set():
                room = POLLS_AT_ONCE - len(polling)
                due = await ingest.due_sources(parts.store, lease=parts.lease, limit=room) if room else []
                polling |= {asyncio.create_task(self._told("poll", partial(self._poll_one, each))) for each in due}
                if not polling:
                    return
                _, polling = await asyncio.wait(polling, timeout=POLL_EVERY, return_when=asyncio.FIRST_COMPLETED)
            if polling:
                await asyncio.wait(polling)
        finally:
            for poll in polling:
                poll.cancel()
            await asyncio.gather(*polling, return_exceptions=True)

    async def _poll_one(self, configured: Configured) -> None:
        parts = self._parts
        try:
            source = parts.make_source(configured)
        except PaperlarkError as error:
            # Its adapter is gone, or its options do not suit: the others must not suffer.
            await ingest.note_failure(parts.store, configured, error, parts.jitter)
            return
        await ingest.poll(
            parts.store,
            configured,
            source,
            lease=parts.lease,
            jitter=parts.jitter,
            recent=parts.recent,
            counts=parts.counts,
            patience=self._patience,
            at=parts.at,
        )

    def _round(self, deliverer: Deliverer) -> Callable[[], Awaitable[object]]:
        return lambda: deliverer.run(self._stop)

    async def _forget(self) -> None:
        while not self._stop.is_set():
            async with self._parts.store.transaction() as tx:
                forgotten = await retention.forget(tx, await tx.now())
            if not forgotten.total:
                return
