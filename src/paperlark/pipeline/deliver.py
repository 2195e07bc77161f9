"""What is owed is planned, claimed, sealed and sent, or ends visibly.

The promise: everything owed is sent at least once to every enabled destination, or ends dead with a reason. A second
copy only where the platform's answer was lost, at most one, marked; none where the platform knows a message's key. No
transaction is open while sending.

    claim ─▶ may it go now? ─▶ seal ─▶ turn ─▶ note that it flies ─▶ send ─▶ note that it arrived ─▶ next part …
    lane      quiet hours, late  `saying`  lane   `ledger`              channel  `ledger`
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from random import Random
from typing import Literal

import structlog

from paperlark import tracing
from paperlark.channels.base import Channel, Looking, Patient
from paperlark.links import Links
from paperlark.model.messages import Digest, Payload
from paperlark.model.problems import DeliveryError, OutageError, PaperlarkError, StoreError, UnreadableError
from paperlark.model.readers import Cadence
from paperlark.pipeline import At, nobody
from paperlark.pipeline.counts import ASKED_TO_WAIT, DELIVERIES, RUN_OUT
from paperlark.pipeline.giving_back import KEPT, Patience, Release, given_back, given_back_while_stopping
from paperlark.pipeline.lane import Lane
from paperlark.pipeline.ledger import Ledger
from paperlark.pipeline.saying import Said, Sealer
from paperlark.pipeline.settle import UNCONFIRMED_TWICE, settle
from paperlark.schedule import ATTEMPTS, local_day, slots
from paperlark.store import moving, outbox, pace, profiles, recipients, sealing
from paperlark.store.database import Store, Transaction
from paperlark.store.outbox import Delivery
from paperlark.store.recipients import Place
from paperlark.store.sealing import Content

log = structlog.get_logger()

IN_HAND = 160  # deliveries of one channel: some are on their way, the others wait for their turns
SHARE = 16  # of them may be one account's: the others are kept free for other readers
UNPREPARED = timedelta(seconds=5)  # for which those rest that the database kept from being prepared
ALIKE = 3  # failures one after the other, before anything goes well: perhaps it is not the deliveries
A_DAY_LONG = 300  # refusals, minutes apart: then it is the delivery, though no other has gone well
AT_LEAST = 30.0  # seconds that a platform is given, however short the lease is
LOOK_LIMIT = 30.0  # seconds for asking whether a message stands there
PATIENCE = timedelta(seconds=10)  # whose turn is further away than that is put back, and makes room
SAME_KEY = timedelta(seconds=60)  # platforms that know a message's key know it for some minutes
TOO_LATE = timedelta(hours=48)  # an alert that is older joins the next digest
SECOND = timedelta(seconds=1)
UNTOLD = "not prepared: the database failed"
LOOK_AGAIN = 1.0  # seconds, while some are on their way and nothing else was due


@dataclass(slots=True)
class Outcome:
    """What one round did."""

    sent: int = 0
    dead: int = 0
    dropped: int = 0
    postponed: int = 0


OUTCOMES = tuple(each.name for each in fields(Outcome))


@dataclass(slots=True)
class Hand:
    """What is in hand in one round, and what came of the rest."""

    stop: asyncio.Event
    outcome: Outcome = field(default_factory=Outcome)
    counted: Outcome = field(default_factory=Outcome)  # of it
    flights: dict[asyncio.Task[None], Delivery] = field(default_factory=dict)
    faults: list[BaseException] = field(default_factory=list)

    def land(self) -> None:
        """Take those that have come to an end out of hand. A crash is everybody's end, a fault that of one."""
        for flight in [flight for flight in self.flights if flight.done()]:
            del self.flights[flight]
            fault = flight.exception()
            if fault is not None and not isinstance(fault, Exception):
                raise fault
            self.faults += [fault] if fault else []


class Deliverer:
    """One channel's deliveries: claims what is due, sends it in the lane's turns, settles what comes back."""

    def __init__(
        self,
        store: Store,
        channel: Channel,
        *,
        lease: timedelta,
        jitter: Random,
        lane: Lane | None = None,
        others: Mapping[str, Channel] | None = None,
        page_url: str | None = None,
        links: Links | None = None,
        at: At = nobody,
    ) -> None:
        """lane: shared with whoever else sends on this channel in this process. others: every channel by kind, for a
        note to a reader whose address here has gone. links: for channels whose messages bear links of their reader."""
        self.lane = lane or Lane(store, channel, lease=lease)
        self._counts = self.lane.counts
        self._store = store
        self._channel = channel
        self._waits = channel.retries if isinstance(channel, Patient) else ()
        self._attempts = len(self._waits) + 1 if self._waits else ATTEMPTS
        self._others = others or {}
        self._lease = lease
        self._jitter = jitter
        self._at = at
        self._sealer = Sealer(store, channel, page_url=page_url, links=links, at=at)
        self._ledger = Ledger(store, self._counts, lease=lease, at=at)
        # Whatever the platform's library waits for. The lease is renewed before the turn, which takes a while as well;
        # when it has run out, and we have fallen silent too, somebody else sends the same.
        self.longest_send = min(channel.limits.seconds, max((lease - PATIENCE) / SECOND, AT_LEAST))
        self._patience = Patience("delivery", jitter)
        self._prepared_well = 0  # rounds in which something was
        self._refused_since: dict[int, int] = {}  # deliveries, and what that was when they were first refused
        self._lines = asyncio.Semaphore(channel.limits.at_once)
        self._addresses: dict[str, asyncio.Lock] = {}
        self._wanted = Counter[str]()

    async def run(self, stop: asyncio.Event | None = None, *, account_id: int | None = None) -> Outcome:
        """Send everything that is due now, or until `stop` is set. Nothing when another process has the lane."""
        hand = Hand(stop or asyncio.Event())
        try:
            while not hand.stop.is_set():
                claimed = await self._claim(hand, account_id)
                if claimed:
                    await self._take_off(claimed, hand)
                if not claimed and not hand.flights:
                    break
                await self._wait(hand, dry=not claimed)
                self._count(hand)
            if hand.stop.is_set():
                self._at("deliver: draining")
            self.lane.send_away()
            if hand.flights:
                await asyncio.wait(hand.flights)
            hand.land()
        except StoreError:
            # What is on its way arrives all the same, and is noted when the database is back.
            self.lane.send_away()
            if hand.flights:
                await asyncio.wait(hand.flights)
            raise
        finally:
            for flight in hand.flights:
                flight.cancel()
            await asyncio.gather(*hand.flights, return_exceptions=True)
            await self._ledger.close()
            self._count(hand)
        # Each was brought to its end whatever befell the others; a fault then goes up to the loop's edge. The delivery
        # that caused it was counted: it is tried again, and ends dead.
        for fault in hand.faults:
            raise fault
        return hand.outcome

    async def _take_off(self, claimed: Sequence[Delivery], hand: Hand) -> None:
        """Send the claimed on their way; what is sent belongs to this span, which does not wait for it."""
        with tracing.span("deliver", channel=self._channel.kind, deliveries=len(claimed)):
            try:
                (ready,) = await asyncio.gather(self._prepared(claimed, hand), return_exceptions=True)
                if isinstance(ready, Exception):
                    await self._one_by_one(claimed, hand)
                elif isinstance(ready, BaseException):
                    raise ready
                else:
                    self._prepared_well += bool(ready) and any(each.parts is None for each in claimed)
                    self._start(ready, hand)
            except StoreError:
                let_go = self._letting_go(claimed, hand, UNTOLD)
                await given_back(self._store, let_go, within=self._lease)
                raise
            except asyncio.CancelledError:
                let_go = self._letting_go(claimed, hand, "not prepared: we stopped")
                await given_back_while_stopping(self._store, let_go)
                raise

    def _start(self, ready: Sequence[tuple[Delivery, Place]], hand: Hand) -> None:
        for delivery, place in ready:
            self._patience.done([delivery.id])
            self._refused_since.pop(delivery.id, None)
            flight = asyncio.create_task(self._fly(delivery, place, hand))
            hand.flights[flight] = delivery

    async def _one_by_one(self, claimed: Sequence[Delivery], hand: Hand) -> None:
        """Send the claimed on their way where something went wrong with all of them together: it costs an attempt, and
        at last its life, only the one that it lies with. Raises StoreError where it lies with the database."""
        well, failed = False, list[tuple[Delivery, StoreError]]()
        for each in sorted(claimed, key=lambda each: self._patience.times(each.id)):
            async with self._store.reading() as tx:
                held = await outbox.held(tx, each)  # what was done with all together stands
            if held is None:
                continue
            (ready,) = await asyncio.gather(self._prepared([held], hand), return_exceptions=True)
            if not isinstance(ready, BaseException):
                self._start(ready, hand)
                well = well or (bool(ready) and held.parts is None)
            elif isinstance(ready, StoreError) and not isinstance(ready, UnreadableError) and not self._is_known(held):
                failed.append((held, ready))
                if isinstance(ready, OutageError) or (not well and len(failed) == ALIKE):
                    break
            elif isinstance(ready, Exception):
                await self._blame(held, ready, hand)
            else:
                raise ready
        self._prepared_well += well
        if failed and (not well or isinstance(failed[-1][1], OutageError)):
            await self._let_rest([each for each, _ in failed], hand, failed[-1][1])
            raise failed[-1][1]
        for delivery, fault in failed:
            await self._blame(delivery, fault, hand)

    def _is_known(self, delivery: Delivery) -> bool:
        """Was it refused so often that the fault lies with it, and not with the database?"""
        times, others = self._patience.times(delivery.id), self._prepared_well
        outdone = others > self._refused_since.get(delivery.id, others)
        return times >= A_DAY_LONG or (outdone and times >= self._attempts)

    async def _let_rest(self, refused: Sequence[Delivery], hand: Hand, fault: StoreError) -> None:
        """Give those back that were tried first and in vain, for longer each time: others come before them then."""
        for each in refused:
            self._refused_since.setdefault(each.id, self._prepared_well)
        if len(self._refused_since) > KEPT:
            self._refused_since.clear()
        let_go, works = self._letting_go(refused, hand, UNTOLD), [each.id for each in refused]
        await given_back(self._store, let_go, within=self._lease, works=works, patience=self._patience, fault=fault)

    def _letting_go(self, claimed: Sequence[Delivery], hand: Hand, reason: str) -> Release:
        """What gives those of the claimed back that are not on their way: no attempt."""
        flying = {delivery.id for delivery in hand.flights.values()}
        left = [each for each in claimed if each.id not in flying]

        async def let_go(tx: Transaction, wait: timedelta) -> None:
            await outbox.give_back(tx, left, await tx.now() + max(wait, UNPREPARED), reason)

        return let_go

    async def leave(self) -> None:
        """Give the lane back."""
        await self.lane.leave()

    def _count(self, hand: Hand) -> None:
        """Count what came of deliveries since the last time: a round may take hours."""
        for name in OUTCOMES:
            number = getattr(hand.outcome, name) - getattr(hand.counted, name)
            self._counts.add(DELIVERIES, self._channel.kind, name, number=number)
        hand.counted = replace(hand.outcome)

    # ── claiming ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _claim(self, hand: Hand, account_id: int | None) -> list[Delivery]:
        """Take what is due, as far as there is room, from every reader in turn."""
        if self.lane.rests_for() > timedelta(0) or self._room(hand) < 1:
            return []
        async with self._store.reading() as tx:
            now, due = await tx.now(), await outbox.next_due(tx, self._channel.kind)
        if due is None or due > now:
            return []
        held = Counter(delivery.account_id for delivery in hand.flights.values())
        busy = [account for account, number in held.items() if number >= SHARE]
        async with self.lane.holding() as tx:
            # Whoever had the lane before may have found the channel out of order.
            if tx is None or (room := self._room(hand)) < 1:
                return []
            now = await tx.now()
            self._at("deliver: before a claim")
            claimed = await outbox.claim(
                tx,
                self._channel.kind,
                now=now,
                lease=self._lease,
                limit=room,
                share=SHARE,
                busy=busy,
                in_hand=[delivery.id for delivery in hand.flights.values()],
                account_id=account_id,
            )
            self._at("deliver: before a claim commits")
        if claimed:
            self._at("deliver: claimed")
            self._counts.add(RUN_OUT, "delivery", number=sum(each.taken_over for each in claimed))
        return claimed

    def _room(self, hand: Hand) -> int:
        """How many deliveries more may be in hand."""
        return (1 if self.lane.broken else IN_HAND) - len(hand.flights)

    async def _wait(self, hand: Hand, *, dry: bool) -> None:
        """Until there is room worth claiming for: half the hand, or, where nothing was due, a look once a second."""
        enough = 1 if self.lane.broken else IN_HAND // 2
        loop = asyncio.get_running_loop()
        until = loop.time() + LOOK_AGAIN
        while hand.flights and not hand.stop.is_set():
            left = until - loop.time()
            if left <= 0 or (not dry and len(hand.flights) <= enough):
                return
            await asyncio.wait(hand.flights, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            hand.land()

    async def _prepared(self, claimed: Sequence[Delivery], hand: Hand) -> list[tuple[Delivery, Place]]:
        """Those of the claimed that may go now, sealed; the others are put back, or come to their end."""
        async with self._store.reading() as tx:
            now = await tx.now()
            places = await recipients.places(tx, claimed)
        ready: list[tuple[Delivery, Place]] = []
        for delivery in claimed:
            place = places.get(delivery.id)
            # Without a place, its account was deleted since the claim, and the delivery with it.
            if place is not None and await self._may_go(delivery, place, now, hand.outcome):
                ready.append((delivery, place))
        said = await self._sealer.seal([(each, place) for each, place in ready if each.parts is None])
        await self._note(said, hand)
        return [
            (_sealed(each, said.sealed.get(each.id)), place)
            for each, place in ready
            if each.parts is not None or each.id in said.sealed
        ]

    async def _may_go(self, delivery: Delivery, place: Place, now: datetime, outcome: Outcome) -> bool:
        if delivery.attempts > self._attempts:
            await self._die(delivery, f"given up after {self._attempts} attempts", outcome)
            return False
        # A delivery that was late, or is tried again, may come up in the night.
        rhythm = place.destination.rhythm
        silence = next(slots(Cadence.INSTANT, rhythm, now)).due_at - now if rhythm.quiet else timedelta(0)
        if silence > timedelta(0):
            await self._postpone(delivery, silence, "quiet hours", outcome)
            return False
        if (
            delivery.cadence is Cadence.INSTANT
            and not self._waits  # whose receivers wait for the same message
            and now - delivery.first_due > TOO_LATE
            and not delivery.parts_sent
            and not delivery.unconfirmed
        ):
            async with self._store.transaction() as tx:
                if await sealing.join_digest(tx, delivery, now):
                    outcome.dropped += 1
                    return False
        wait = self.lane.free_in(place.destination.address)
        if wait > PATIENCE:
            await self._postpone(delivery, wait, "its address was told enough for now", outcome)
            return False
        return True

    async def _blame(self, delivery: Delivery, fault: BaseException, hand: Hand) -> None:
        """A fault that lies with one delivery is an attempt of it; the fault itself is told at the round's end."""
        hand.faults.append(fault)
        known = isinstance(fault, PaperlarkError) and (
            isinstance(fault, UnreadableError) or not isinstance(fault, StoreError)
        )
        reason = f"it cannot be prepared: {fault if known else type(fault).__name__}"
        if delivery.attempts >= self._attempts:
            await self._die(delivery, f"given up after {delivery.attempts} attempts: {reason}", hand.outcome)
            return
        async with self._store.transaction() as tx:
            await outbox.postpone(tx, delivery, await tx.now() + self._lease, reason, counted=True)
        hand.outcome.postponed += 1

    async def _note(self, said: Said, hand: Hand) -> None:
        """What sealing came to, for those that are not sealed."""
        for delivery, fault in said.faults:
            await self._blame(delivery, fault, hand)
        hand.outcome.dropped += len(said.dropped)
        for delivery in said.moved:
            await self._postpone(delivery, timedelta(0), "papers became one meanwhile", hand.outcome)

    # ── sending ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _fly(self, delivery: Delivery, place: Place, hand: Hand) -> None:
        """Send what is left of a sealed delivery, part by part; no other message to its address meanwhile."""
        parts = delivery.parts or ()
        async with self._alone(place.destination.address):
            for number in range(delivery.parts_sent, len(parts)):
                payload, key = Payload(parts[number]), f"{delivery.key}-{number}"
                last = number + 1 == len(parts)
                try:
                    arrived = await self._part(delivery, place, payload, key, hand)
                except DeliveryError as error:
                    await self._settle(delivery, place, error, hand.outcome)
                    return
                if not arrived or not await self._ledger.arrived(delivery, place, last=last):
                    return
                delivery = replace(delivery, parts_sent=number + 1, unconfirmed=0, flown_at=None)
        hand.outcome.sent += 1
        log.info("delivered", channel=delivery.channel, delivery=delivery.key, parts=len(parts))
        if self.lane.broken:
            await self.lane.well_again()

    async def _part(self, delivery: Delivery, place: Place, payload: Payload, key: str, hand: Hand) -> bool:
        """Send one part. False where it was put back, or is no longer ours. Raises DeliveryError."""
        address = place.destination.address
        if delivery.unconfirmed:
            again = await self._again(delivery, address, payload, key, hand.outcome)
            if isinstance(again, str):
                return again == "arrived"
            payload = again
        near = await self.lane.approach(address, within=PATIENCE)
        async with self._lines:
            if hand.stop.is_set() or not near:
                await self._put_back(delivery, address, hand)
                return False
            # Noted before its turn comes, which it then uses at once: what is written meanwhile costs no time of it.
            if not await self._ledger.flying(delivery, place):
                return False
            if not await self.lane.turn(address, within=PATIENCE, lands=True):
                await self._put_back(delivery, address, hand)
                return False
            try:
                self._at("deliver: before a send")
                await self._answer(address, payload, key)
            finally:
                self.lane.landed(address)
        self._at("deliver: sent")
        return True

    async def _answer(self, address: str, payload: Payload, key: str) -> None:
        """Return when the platform has taken a message. Raises DeliveryError."""
        try:
            with tracing.span("send", channel=self._channel.kind):
                async with asyncio.timeout(self.longest_send):
                    await self._channel.send(address, payload, key)
        except TimeoutError as silence:
            raise DeliveryError(
                f"{self._channel.kind}: no answer after {self.longest_send:g} seconds", ambiguous=True
            ) from silence

    async def _again(
        self, delivery: Delivery, address: str, payload: Payload, key: str, outcome: Outcome
    ) -> Payload | Literal["arrived", "ended"]:
        """What to send of a part that may have arrived: the same, where it cannot become a second copy, else marked.
        Or that it stands there, or that the delivery has come to its end. Raises DeliveryError."""
        if isinstance(self._channel, Looking):
            now = await self._store.now()
            if delivery.flown_at is not None and now - delivery.flown_at < SAME_KEY:
                return payload
            stands = await self._look(self._channel, address, payload, key)
            if stands:
                return "arrived"
            if stands is not None:
                async with self._store.transaction() as tx:
                    return payload if await outbox.absent(tx, delivery) else "ended"
        if delivery.unconfirmed >= 2:
            await self._die(delivery, UNCONFIRMED_TWICE, outcome)
            return "ended"
        return self._channel.again(payload)

    async def _look(self, channel: Looking, address: str, payload: Payload, key: str) -> bool | None:
        try:
            async with asyncio.timeout(LOOK_LIMIT):
                return await channel.look(address, key, payload)
        except DeliveryError as error:
            error.ambiguous = False  # nothing was sent
            raise
        except TimeoutError as silence:
            raise DeliveryError(f"{self._channel.kind}: no answer after {LOOK_LIMIT:g} seconds") from silence

    @asynccontextmanager
    async def _alone(self, address: str) -> AsyncIterator[None]:
        """Two accounts may be told at one address: one message at a time."""
        lock = self._addresses.setdefault(address, asyncio.Lock())
        self._wanted[address] += 1
        try:
            async with lock:
                yield
        finally:
            self._wanted[address] -= 1
            if not self._wanted[address]:
                del self._wanted[address], self._addresses[address]

    # ── settling ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _settle(self, delivery: Delivery, place: Place, error: DeliveryError, outcome: Outcome) -> None:
        """Do what a platform's refusal means for this delivery, its address, and the channel."""
        log.warning("not delivered", channel=delivery.channel, delivery=delivery.key, reason=str(error))
        jitter, knows_keys = self._jitter.random(), isinstance(self._channel, Looking)
        now = await self._store.now()
        settled = settle(error, delivery, place, now, jitter=jitter, knows_keys=knows_keys, waits=self._waits)
        if error.retry_after is not None:
            self._counts.add(ASKED_TO_WAIT, delivery.channel)
        if settled.rest is not None:
            self.lane.rest(settled.rest, place.destination.address if settled.rests == "address" else None)
        if settled.broken:
            if not self.lane.broken:
                log.error("channel is out of order", channel=delivery.channel, reason=settled.reason)
            self.lane.broken = True
        account_id, destination_id = delivery.account_id, delivery.destination_id
        async with self._store.transaction() as tx:
            if settled.rest is not None and settled.rests == "channel":
                await pace.note_rest(tx, delivery.channel, now, now + settled.rest, broken=settled.broken)
            if settled.new_address is not None:
                await moving.move(tx, account_id, destination_id, settled.new_address)
            if settled.pause:
                await profiles.pause_destination(tx, account_id, destination_id, settled.reason, now)
                await self._tell_elsewhere(tx, place, settled.reason, now)
            if settled.failed:
                await recipients.failed(tx, place)
            if settled.doubted:
                await recipients.doubted(tx, place, now)
            if settled.due_at is None:
                await sealing.die(tx, delivery, settled.reason, now)
            else:
                await outbox.postpone(
                    tx,
                    delivery,
                    settled.due_at,
                    settled.reason,
                    counted=settled.counted,
                    unconfirmed=settled.unconfirmed,
                )
        if settled.due_at is None:
            outcome.dead += 1
            log.warning("delivery is dead", channel=delivery.channel, delivery=delivery.key, reason=settled.reason)
        else:
            outcome.postponed += 1

    async def _tell_elsewhere(self, tx: Transaction, gone: Place, reason: str, now: datetime) -> None:
        """Tell the reader, wherever else they are told, that nothing is sent to an address of theirs any more."""
        account_id = gone.destination.account_id
        for place in await profiles.destinations(tx, account_id):
            channel = self._others.get(place.channel)
            well = place.paused_reason is None and place.confirm_by is None
            if channel is None or not well or place.id == gone.destination.id:
                continue
            words = f"Nothing is sent to you by {gone.destination.channel} any more ({reason}). What you follow there"
            digest = Digest(
                title="One of your addresses takes no messages",
                day=local_day(place.rhythm, now),
                papers=(),
                note=f"{words} waits for seven days: resume it, or follow it here.",
                sealed_at=now,
                destination=(account_id, place.id),
            )
            parts = [payload.content for payload in channel.render(digest)]
            slot = f"note on {gone.destination.id:x} at {now:%Y-%m-%dT%H:%M:%SZ}"
            await outbox.notice(tx, place, slot, parts, now=now)

    async def _put_back(self, delivery: Delivery, address: str, hand: Hand) -> None:
        """It is not its turn yet, or we stop."""
        wait = timedelta(0) if hand.stop.is_set() else self.lane.free_in(address)
        await self._postpone(delivery, wait, "not its turn yet", hand.outcome)

    async def _postpone(self, delivery: Delivery, wait: timedelta, reason: str, outcome: Outcome) -> None:
        """Put a delivery back that was not tried: no attempt."""
        async with self._store.transaction() as tx:
            await outbox.postpone(tx, delivery, await tx.now() + wait, reason, counted=False)
        outcome.postponed += 1

    async def _die(self, delivery: Delivery, reason: str, outcome: Outcome) -> None:
        async with self._store.transaction() as tx:
            await sealing.die(tx, delivery, reason, await tx.now())
        outcome.dead += 1
        log.warning("delivery is dead", channel=delivery.channel, delivery=delivery.key, reason=reason)


def _sealed(delivery: Delivery, content: Content | None) -> Delivery:
    """A delivery with what it says: as it was just sealed, or long ago."""
    if content is None or delivery.parts is not None:
        return delivery
    return replace(delivery, parts=content.parts, announced_at=content.announced_at)
