"""What a platform's refusal means: for the delivery, for its address, for the channel. Pure.

permanent     the delivery dies, the address is paused; its owner is told elsewhere
doubtful      the same, where the platform says so again an hour later; until then it waits
refused       the delivery dies, the address goes on
retry-after   it waits as long, no attempt; what the platform named rests. Not for ever: three days after the first try
              it dies
channel       the channel rests, then one delivery tries whether it is well again; no attempt, and nobody's fault
unreachable   the same, after some seconds: an outage costs nobody an attempt, and ends for all at the same moment. As
              long as a retry-after
moved         it goes to the new address at once
ambiguous     once more, marked; where the platform knows a message's key, as for now
for now       tried again ever more rarely; an address that fails five times in a row is tried no more than four times
              an hour, until something arrives
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from paperlark.model.problems import DeliveryError
from paperlark.schedule import GIVE_UP_AFTER, LONGEST_WAIT, next_attempt
from paperlark.store.outbox import Delivery
from paperlark.store.recipients import Place

CHANNEL_REST = timedelta(minutes=5)  # after a channel's own failure (bad token, barred)
UNREACHABLE_REST = timedelta(seconds=5)
DOUBT = timedelta(hours=1)  # a doubtful refusal is believed when it is said again so much later
FAILURES = 5  # in a row, after which an address is only tried at times
ADDRESS_REST = timedelta(minutes=15)
UNCONFIRMED_TWICE = "unconfirmed twice: two copies may have arrived, and no answer did"


@dataclass(frozen=True, slots=True)
class Settled:
    """What follows from a refusal.

    due_at: when the delivery is tried again; None: it is dead. counted: whether this was an attempt; unconfirmed:
    whether the message may have arrived. pause: nothing more is sent to the address. failed, doubted: what is
    remembered of the address. rest: how long the address or the whole channel is told nothing.
    """

    reason: str
    due_at: datetime | None
    counted: bool = True
    unconfirmed: bool = False
    pause: bool = False
    failed: bool = False
    doubted: bool = False
    new_address: str | None = None
    rest: timedelta | None = None
    rests: Literal["address", "channel"] = "channel"
    broken: bool = False


def settle(
    error: DeliveryError,
    delivery: Delivery,
    place: Place,
    now: datetime,
    *,
    jitter: float,
    knows_keys: bool,
    waits: Sequence[timedelta] = (),
) -> Settled:
    """What an error means for a delivery that was tried at `now`. knows_keys: the platform makes no second copy of what
    it got under the same key, or can be asked (`channels.base.Looking`). waits: the channel's own, if it has any."""
    reason = str(error)
    if error.new_address is not None:
        return Settled(reason, now, new_address=error.new_address)
    if error.permanent:
        return Settled(reason, None, pause=True)
    if error.doubtful:
        return _doubtful(reason, place, now)
    if error.refused:
        return Settled(reason, None)
    if error.retry_after is not None:
        return _retry_after(reason, error.retry_after, delivery, now, of_address=error.of_address)
    if error.unreachable:
        return replace(_retry_after(reason, UNREACHABLE_REST, delivery, now, of_address=False), broken=True)
    if error.channel:
        return Settled(reason, now + CHANNEL_REST, counted=False, rest=CHANNEL_REST, broken=True)
    if error.ambiguous and delivery.unconfirmed and not knows_keys:
        return Settled(UNCONFIRMED_TWICE, None)
    due_at = next_attempt(delivery.attempts, now, delivery.tried_at, jitter=jitter, waits=waits)
    return _for_now(reason, delivery, place, now, due_at, unconfirmed=error.ambiguous)


def _doubtful(reason: str, place: Place, now: datetime) -> Settled:
    since = place.doubted_at
    if since is not None and now - since >= DOUBT:
        return Settled(reason, None, pause=True)
    return Settled(reason, (since or now) + DOUBT, doubted=True)


def _retry_after(reason: str, wait: timedelta, delivery: Delivery, now: datetime, *, of_address: bool) -> Settled:
    named: Literal["address", "channel"] = "address" if of_address else "channel"
    rest = min(max(wait, timedelta(0)), LONGEST_WAIT)
    due_at = now + max(wait, timedelta(0))
    if due_at > delivery.tried_at + GIVE_UP_AFTER:
        hours = GIVE_UP_AFTER // timedelta(hours=1)
        return Settled(f"given up after {hours} hours: {reason}", None, rest=rest, rests=named)
    return Settled(reason, due_at, counted=False, rest=rest, rests=named)


def _for_now(
    reason: str, delivery: Delivery, place: Place, now: datetime, due_at: datetime | None, *, unconfirmed: bool
) -> Settled:
    if due_at is None:
        return Settled(f"given up after {delivery.attempts} attempts: {reason}", None, failed=True)
    if place.failures + 1 >= FAILURES:
        due_at = max(due_at, now + ADDRESS_REST)
    return Settled(reason, due_at, unconfirmed=unconfirmed, failed=True)
