"""A channel's lane: who may send on it now, in which process and at what moment.

One process holds a channel's lane at a time, by a lease in the store that is kept alive while it is held, so that a
platform's limits need no shared counters. In that process the deliverer and the channel's bot share it: both ask for
their `turn`, answers to a reader's command come before deliveries, and both count in the same windows. Whoever takes
the lane over gets the last minute of its windows with it, or, where the holder died, waits until they have surely slid
past.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from paperlark.channels.base import Channel, Shared
from paperlark.model.problems import PaperlarkError
from paperlark.pipeline.counts import RUN_OUT, Counts
from paperlark.pipeline.windows import ALL, UNKNOWN, Windows
from paperlark.store import pace
from paperlark.store.database import Store, Transaction
from paperlark.store.pace import LaneTaken

log = structlog.get_logger()

RENEWALS = 3  # in the length of a lease


@dataclass(eq=False, slots=True)
class Waiting:
    """Somebody who waits to tell an address something, until when; `told` gets True when it may."""

    address: str
    deadline: float
    lands: bool
    told: asyncio.Future[bool] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Lane:
    """One channel's lease, windows and rests, shared by all that send on the channel in this process."""

    def __init__(
        self,
        store: Store,
        channel: Channel,
        *,
        lease: timedelta,
        clock: Callable[[], float] = time.monotonic,
        counts: Counts | None = None,
    ) -> None:
        self.kind = channel.kind
        self.counts = Counts() if counts is None else counts
        self.broken = False  # the channel failed us, or whoever had the lane: one delivery tries whether it is well
        self._store = store
        self._lease = lease
        self._clock = clock
        self._counted_as = channel.limited_as if isinstance(channel, Shared) else str
        self._windows = Windows(channel.limits, channel.is_group)
        self._answers: list[Waiting] = []
        self._deliveries: list[Waiting] = []
        self._approaching: list[Waiting] = []
        self._alarm: asyncio.TimerHandle | None = None
        self._taking = asyncio.Lock()
        self._token: str | None = None
        self._held_until = float("-inf")
        self._keeper: asyncio.Task[None] | None = None

    # ── the lease ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def hold(self) -> bool:
        """Take the lane, or keep it. False: another process has it. Raises StoreError."""
        async with self.holding() as tx:
            return tx is not None

    @asynccontextmanager
    async def holding(self) -> AsyncIterator[Transaction | None]:
        """The same with a transaction: what commits with it was done by the lane's holder. None: another process has
        it. One at a time takes it here, bot or deliverer: the second knows of the first, and of its token. Raises
        StoreError, and whatever ends the block: then nobody has a turn by it."""
        async with self._taking:
            asked = self._clock()
            async with self._store.transaction() as tx:
                taken = await pace.take_lane(tx, self.kind, self._token, await tx.now(), self._lease)
                if taken is not None:
                    self._token = taken.token  # it may be ours where the answer to the commit is lost
                    if not taken.mine:
                        self._take_over(taken)
                yield tx if taken is not None else None
            if taken is None:
                self._token, self._held_until = None, float("-inf")
                return
            self._held_until = asked + self._lease.total_seconds()
            if self._keeper is None or self._keeper.done():
                self._keeper = asyncio.create_task(self._keep(), name=f"lane of {self.kind}")
            self._serve()

    def _take_over(self, taken: LaneTaken) -> None:
        self.broken = taken.broken
        if taken.ran_out:
            self.counts.add(RUN_OUT, "lane")
        before = self._clock() - (taken.now - taken.until).total_seconds()
        if taken.recent is None:
            self._windows.shut(before)
        else:
            self._windows.recall(taken.recent, before)

    async def _keep(self) -> None:
        """Renew the lease while it is held, whoever waits for whatever."""
        while self._token is not None:
            await asyncio.sleep(self._lease.total_seconds() / RENEWALS)
            try:
                if self._token is not None and not await self.hold():
                    log.warning("lane was lost", channel=self.kind)
            except PaperlarkError as error:
                log.warning("lane was not renewed", channel=self.kind, reason=str(error))

    async def leave(self) -> None:
        """Give the lane back; those who still wait for their turn do so in vain. Raises StoreError."""
        if self._keeper is not None:
            self._keeper.cancel()  # in the middle of a renewal, too: nobody waits for a database that is away
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None
        async with self._taking:
            if self._keeper is not None:
                self._keeper.cancel()  # made by whoever was taking the lane when we came; it waits for nothing but us
                self._keeper = None
            token, self._token, self._held_until = self._token, None, float("-inf")
            if self._alarm is not None:
                self._alarm.cancel()
            if token is not None:
                async with self._store.transaction() as tx:
                    recent = self._windows.memory(self._clock())
                    await pace.leave_lane(tx, self.kind, token, recent, await tx.now())

    async def well_again(self) -> None:
        """The channel has taken a message: it is in order. Raises StoreError."""
        async with self._store.transaction() as tx:
            await pace.note_well(tx, self.kind)
        self.broken = False

    # ── turns ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def turn(
        self, address: str, *, answer: bool = False, within: timedelta | None = None, lands: bool = False
    ) -> bool:
        """Return when this address may be told something, now. answer: to a reader, who comes first.

        within: False as soon as it is clear that it will not be in that time; without it there is no end to the wait
        while another process has the lane. lands: the caller will say when the platform has answered (`landed`), or
        that nothing was sent, so that the limits can be used up without being broken.
        """
        return await self._wait(self._answers if answer else self._deliveries, address, within, lands=lands)

    async def approach(self, address: str, *, within: timedelta) -> bool:
        """Return when only the others may keep this address from its turn. False as soon as it is clear that it will
        not be in that time."""
        return await self._wait(self._approaching, address, within)

    async def _wait(self, queue: list[Waiting], address: str, within: timedelta | None, *, lands: bool = False) -> bool:
        address = self._counted_as(address)
        deadline = float("inf") if within is None else self._clock() + within.total_seconds()
        waiting = Waiting(address, deadline, lands)
        queue.append(waiting)
        self._serve()
        try:
            if within is None:
                return await waiting.told
            async with asyncio.timeout(within.total_seconds()):
                return await waiting.told
        except TimeoutError:
            return False
        finally:
            if waiting in queue:
                queue.remove(waiting)

    def send_away(self) -> None:
        """Nobody delivers any more: whoever waits to do so is told that it will not be. Answers go on."""
        for queue in (self._deliveries, self._approaching):
            for each in queue:
                if not each.told.done():
                    each.told.set_result(False)
            queue.clear()

    def landed(self, address: str) -> None:
        """The platform has answered the message that the first open turn with this address was for."""
        self._windows.landed(self._counted_as(address), self._clock())
        self._serve()

    def rest(self, wait: timedelta, address: str | None = None) -> None:
        """Tell this address nothing for a while; without an address, nobody."""
        name = ALL if address is None else self._counted_as(address)
        self._windows.rest(self._clock() + wait.total_seconds(), name)
        self._serve()

    def free_in(self, address: str) -> timedelta:
        """How long until this address may be told something, as far as is known now; zero for at once."""
        free_at = self._windows.free_at(self._counted_as(address))
        return timedelta(seconds=max(0.0, free_at - self._clock()) if free_at != UNKNOWN else 0.0)

    def rests_for(self) -> timedelta:
        """How long the whole channel rests yet."""
        return timedelta(seconds=max(0.0, self._windows.rests_until() - self._clock()))

    def _serve(self) -> None:
        """Give turns to all that may have one, answers first; then again when the next one may."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        now = self._clock()
        if now >= self._held_until:
            return  # not ours: the next renewal looks again
        soonest = float("inf")
        for queue in (self._answers, self._deliveries, self._approaching):
            look = self._windows.free_of_others_at if queue is self._approaching else self._windows.free_at
            for waiting in [*queue]:
                free_at = look(waiting.address)
                if now < free_at and not waiting.deadline < free_at < UNKNOWN:
                    soonest = min(soonest, free_at)
                    continue
                queue.remove(waiting)
                if waiting.told.done():
                    continue
                if free_at <= now and queue is not self._approaching:
                    self._windows.take(waiting.address, now, lands=waiting.lands)
                waiting.told.set_result(free_at <= now)
        if soonest < float("inf"):
            self._alarm = asyncio.get_running_loop().call_later(soonest - now, self._serve)
