"""What is owed is planned, claimed, sealed and sent, or ends visibly.

The promise: everything owed is sent at least once to every enabled destination, or ends dead with a reason. A second
copy only where the platform's answer was lost, at most one, marked. No transaction is open while sending.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

import structlog

from paperlark.channels.base import Channel
from paperlark.health import judge
from paperlark.model.messages import Payload
from paperlark.model.problems import DeliveryError, ReaderError
from paperlark.model.readers import Cadence, Destination
from paperlark.pipeline import At, nobody, rising
from paperlark.pipeline.compose import compose, fates_of, unheard
from paperlark.schedule import next_attempt, slots
from paperlark.store import marks, mutes, outbox, pace, papers, profiles, sources
from paperlark.store.database import Store
from paperlark.store.outbox import Delivery

log = structlog.get_logger()

AT_ONCE = 8  # deliveries of one channel under way together, each to another destination
PLAN_BATCH = 500
SEND_LIMIT = timedelta(seconds=30)  # for one message, whatever the platform's library waits for
GIVE_UP_AFTER = 8  # attempts; schedule.next_attempt knows the hours
CHANNEL_REST = timedelta(minutes=5)  # after a channel's own failure (bad token, barred)
UNCONFIRMED_TWICE = "unconfirmed twice: two copies may have arrived, and no answer did"


@dataclass(slots=True)
class Outcome:
    """What one round did."""

    sent: int = 0
    dead: int = 0
    dropped: int = 0
    postponed: int = 0


class Deliverer:
    """One channel's lane: claims what is due, sends it, keeps the channel's limits."""

    def __init__(
        self,
        store: Store,
        channel: Channel,
        *,
        lease: timedelta,
        jitter: Random,
        page_url: str | None = None,
        at: At = nobody,
    ) -> None:
        self._store = store
        self._channel = channel
        self._lease = lease
        self._jitter = jitter
        self._page_url = page_url
        self._at = at
        self._limiter = Limiter(channel)
        self._lane: str | None = None
        self._resting_until: datetime | None = None

    async def run(self, stop: asyncio.Event | None = None, *, account_id: int | None = None) -> Outcome:
        """Send everything that is due now, or until `stop` is set. Nothing when another process has the lane."""
        outcome = Outcome()
        stop = stop or asyncio.Event()
        while not stop.is_set():
            claimed = await self._claim(account_id)
            if not claimed:
                break
            # Each is brought to its end whatever befalls the others; a fault then goes up to the loop's edge, and the
            # delivery that caused it comes back with its lease, counted.
            ends = await asyncio.gather(*(self._fulfil(d, outcome, stop) for d in claimed), return_exceptions=True)
            for fault in (end for end in ends if isinstance(end, BaseException)):
                raise fault
        return outcome

    async def leave(self) -> None:
        """Give the lane back."""
        if self._lane is not None:
            async with self._store.transaction() as tx:
                await pace.leave_lane(tx, self._channel.kind, self._lane)
            self._lane = None

    async def _claim(self, account_id: int | None) -> list[Delivery]:
        async with self._store.reading() as tx:
            now, due = await tx.now(), await outbox.next_due(tx, self._channel.kind)
        if due is None or due > now or (self._resting_until is not None and now < self._resting_until):
            return []
        async with self._store.transaction() as tx:
            now = await tx.now()
            self._lane = await pace.take_lane(tx, self._channel.kind, self._lane, now, self._lease)
            if self._lane is None:
                return []
            self._at("deliver: before a claim")
            claimed = await outbox.claim(
                tx, self._channel.kind, now=now, lease=self._lease, limit=AT_ONCE, account_id=account_id
            )
            self._at("deliver: before a claim commits")
        if claimed:
            self._at("deliver: claimed")
        return claimed

    async def _fulfil(self, delivery: Delivery, outcome: Outcome, stop: asyncio.Event) -> None:
        """Bring one claimed delivery to its next state."""
        if delivery.unconfirmed >= 2:
            await self._die(delivery, UNCONFIRMED_TWICE, outcome)
            return
        if delivery.attempts > GIVE_UP_AFTER:
            await self._die(delivery, f"given up after {GIVE_UP_AFTER} attempts", outcome)
            return
        try:
            async with self._store.reading() as tx:
                now = await tx.now()
                destination = await profiles.destination(tx, delivery.account_id, delivery.destination_id)
        except ReaderError:
            return  # its account was deleted since the claim, and the delivery with it
        # A delivery that was late, or is tried again, may come up in the night.
        silence = next(slots(Cadence.INSTANT, destination.rhythm, now)).due_at - now
        if silence > timedelta(0):
            await self._postpone(delivery, silence, "quiet hours", outcome, counted=False)
            return
        flying = delivery.parts is None  # sealing says that the first part is in flight
        parts = delivery.parts or await self._seal(delivery, destination, outcome)
        if parts is None:
            return
        delivery = replace(delivery, parts=tuple(parts))
        for number in range(delivery.parts_sent, len(parts)):
            if stop.is_set():
                await self._postpone(delivery, timedelta(0), "stopping", outcome, counted=False)
                return
            if not flying and not await self._flying(delivery):
                return
            payload = Payload(parts[number])
            if delivery.unconfirmed:
                payload = self._channel.again(payload)
            if not await self._send(delivery, destination, payload, number, outcome):
                return
            if not await self._arrived(delivery, number + 1, last=number + 1 == len(parts)):
                return
            delivery = replace(delivery, parts_sent=number + 1, unconfirmed=0)
            flying = True  # the receipt of one part said that the next is in flight
        outcome.sent += 1
        log.info("delivered", channel=delivery.channel, delivery=delivery.key, parts=len(parts))

    # ── sealing ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _seal(
        self, delivery: Delivery, destination: Destination, outcome: Outcome
    ) -> Sequence[Mapping[str, object]] | None:
        """Fix what this delivery says. None when it says nothing, that has changed, or the lease was lost."""
        async with self._store.reading() as tx:
            now = await tx.now()
            owed = await outbox.owed_papers(tx, delivery)
            owed, scores = await rising.found(tx, delivery, destination, owed, now)
            wanted = [paper for paper in owed if paper.profiles]
            stored = await papers.load(tx, [paper.paper_id for paper in wanted])
            named = await profiles.named(tx, delivery.account_id, {p for paper in wanted for p in paper.profiles})
            healths = [(source.name, judge(source.standing, now)) for source in await sources.listed(tx)]
            muted = await mutes.listed(tx, delivery.account_id)
            dismissed = await marks.dismissed(tx, delivery.account_id, stored)
        left_out = await asyncio.to_thread(unheard, wanted, stored, mutes=muted, dismissed=dismissed)
        wanted = [paper for paper in wanted if paper.paper_id not in left_out]
        digest = await asyncio.to_thread(
            compose,
            delivery,
            destination,
            wanted,
            stored,
            named,
            now=now,
            page_url=self._page_url,
            healths=healths,
            scores=scores,
        )
        fates = fates_of(owed, digest, left_out)
        if digest is None:
            reason = max(left_out.values(), default="nothing to tell")  # muted before dismissed
            async with self._store.transaction() as tx:
                if await outbox.drop(tx, delivery, owed, reason, await tx.now(), fates=fates):
                    outcome.dropped += 1
            return None
        payloads = await asyncio.to_thread(self._channel.render, digest)
        parts = [payload.content for payload in payloads]
        self._at("deliver: rendered")
        try:
            async with self._store.transaction() as tx:
                told = len(digest.papers) + digest.more
                sealed = await outbox.seal(tx, delivery, parts, owed, papers=told, fates=fates)
                self._at("deliver: before a seal commits")
        except outbox.MovedError:
            await self._postpone(delivery, timedelta(0), "papers became one meanwhile", outcome, counted=False)
            return None
        self._at("deliver: sealed")
        return parts if sealed else None

    # ── sending ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _send(
        self, delivery: Delivery, destination: Destination, payload: Payload, number: int, outcome: Outcome
    ) -> bool:
        await self._limiter.wait(destination.address)
        self._at("deliver: before a send")
        try:
            async with asyncio.timeout(SEND_LIMIT.total_seconds()):
                await self._channel.send(destination.address, payload, f"{delivery.key}-{number}")
        except DeliveryError as error:
            await self._settle(delivery, error, outcome)
            return False
        except TimeoutError:
            silence = DeliveryError(f"{delivery.channel}: no answer after {SEND_LIMIT}", ambiguous=True)
            await self._settle(delivery, silence, outcome)
            return False
        self._at("deliver: sent")
        return True

    async def _flying(self, delivery: Delivery) -> bool:
        async with self._store.transaction() as tx:
            return await outbox.flying(tx, delivery, await tx.now() + self._lease)

    async def _arrived(self, delivery: Delivery, parts_sent: int, *, last: bool) -> bool:
        async with self._store.transaction() as tx:
            now = await tx.now()
            kept = (
                await outbox.sent(tx, delivery, parts_sent, now)
                if last
                else await outbox.part_sent(tx, delivery, parts_sent, now + self._lease)
            )
            self._at("deliver: before a receipt commits")
        self._at("deliver: receipt committed")
        return kept

    # ── failing ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _settle(self, delivery: Delivery, error: DeliveryError, outcome: Outcome) -> None:
        """What a platform's refusal means for this delivery, its destination, and the channel."""
        reason = str(error)
        log.warning("not delivered", channel=delivery.channel, delivery=delivery.key, reason=reason)
        if error.new_address is not None:
            async with self._store.transaction() as tx:
                await profiles.move_destination(tx, delivery.account_id, delivery.destination_id, error.new_address)
            await self._postpone(delivery, timedelta(0), reason, outcome, counted=False)
        elif error.permanent:
            async with self._store.transaction() as tx:
                now = await tx.now()
                await profiles.pause_destination(tx, delivery.account_id, delivery.destination_id, reason, now)
            await self._die(delivery, reason, outcome)
        elif error.refused:
            await self._die(delivery, reason, outcome)
        elif error.retry_after is not None:
            await self._rest(error.retry_after)
            await self._postpone(delivery, error.retry_after, reason, outcome, counted=False)
        elif error.channel:
            log.error("channel is out of order", channel=delivery.channel, reason=reason)
            await self._rest(CHANNEL_REST)
            await self._postpone(delivery, CHANNEL_REST, reason, outcome, counted=False)
        elif error.ambiguous and delivery.unconfirmed:
            await self._die(delivery, UNCONFIRMED_TWICE, outcome)
        else:
            await self._retry(delivery, reason, outcome, unconfirmed=error.ambiguous)

    async def _retry(self, delivery: Delivery, reason: str, outcome: Outcome, *, unconfirmed: bool) -> None:
        now = await self._store.now()
        due = next_attempt(delivery.attempts, now, delivery.first_due, jitter=self._jitter.random())
        if due is None:
            await self._die(delivery, f"given up after {delivery.attempts} attempts: {reason}", outcome)
        else:
            await self._postpone(delivery, due - now, reason, outcome, counted=True, unconfirmed=unconfirmed)

    async def _postpone(
        self,
        delivery: Delivery,
        wait: timedelta,
        reason: str,
        outcome: Outcome,
        *,
        counted: bool,
        unconfirmed: bool = False,
    ) -> None:
        async with self._store.transaction() as tx:
            due_at = await tx.now() + wait
            await outbox.postpone(tx, delivery, due_at, reason, counted=counted, unconfirmed=unconfirmed)
        outcome.postponed += 1

    async def _die(self, delivery: Delivery, reason: str, outcome: Outcome) -> None:
        async with self._store.transaction() as tx:
            await outbox.die(tx, delivery, reason, await tx.now())
        outcome.dead += 1
        log.warning("delivery is dead", channel=delivery.channel, delivery=delivery.key, reason=reason)

    async def _rest(self, wait: timedelta) -> None:
        until = await self._store.now() + wait
        self._resting_until = max(until, self._resting_until or until)


class Limiter:
    """Keeps a channel's declared limits on a monotonic clock. Right for one lane: the lane's lease keeps it alone."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._limits = channel.limits
        self._free_at = 0.0
        self._address_free_at: dict[str, float] = {}

    async def wait(self, address: str) -> None:
        """Return when this address may be told something."""
        rates = [self._limits.per_address, self._limits.per_group if self._channel.is_group(address) else None]
        apart = max((1 / rate for rate in rates if rate), default=0.0)
        now = time.monotonic()
        start = max(now, self._free_at, self._address_free_at.pop(address, 0.0))
        if self._limits.overall:
            self._free_at = start + 1 / self._limits.overall
        if apart:
            self._address_free_at[address] = start + apart
        if len(self._address_free_at) > 10_000:
            self._address_free_at = {a: free for a, free in self._address_free_at.items() if free > now}
        if start > now:
            await asyncio.sleep(start - now)


async def plan(store: Store) -> int:
    """Make the deliveries that are wanting, and end the pauses that are over. Returns how many deliveries."""
    planned = 0
    async with store.transaction() as tx:
        now = await tx.now()
        await profiles.resume_due(tx, now)
        for found in await outbox.unplanned(tx, PLAN_BATCH):
            taken = await outbox.taken_slots(tx, found)
            slot = next(slot for slot in slots(found.cadence, found.rhythm, now) if slot.key not in taken)
            await outbox.plan(tx, found, slot.key, slot.due_at)
            planned += 1
    return planned


async def lapse(store: Store) -> int:
    """Drop what has waited too long for destinations that are paused."""
    async with store.transaction() as tx:
        return await outbox.lapse(tx, await tx.now(), PLAN_BATCH)
