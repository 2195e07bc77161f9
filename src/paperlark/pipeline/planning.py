"""What is owed gets its deliveries, each in the next free slot of its destination's rhythm; and what waited too long
for a paused destination is dropped.

What was owed lately is looked at in every round, and all that is owed from time to time: so that a round costs what is
new and not what waits for its hour, and a crash between owing and planning loses nothing.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice

from paperlark.model.readers import Cadence, Rhythm
from paperlark.schedule import Slot, slots
from paperlark.store import outbox, profiles, sealing
from paperlark.store.database import Store, Transaction
from paperlark.store.outbox import Unplanned

BATCH = 500
LATELY = timedelta(minutes=10)  # far longer than whoever owes takes to commit it
SWEEP_EVERY = 300.0  # seconds
REST = 9  # times as long as a round took there is none: where millions are owed something, looking alone takes seconds


class Planner:
    """Makes the deliveries that are wanting, round after round."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._sweep_at = self._rest_until = float("-inf")
        self._looked_at: datetime | None = None  # by the database, whose clock may be set forward

    async def run(self) -> int:
        """Plan all that was owed lately, or from time to time all that is owed. Returns how many deliveries."""
        began = self._clock()
        if began < self._rest_until:
            return 0
        sweep = began >= self._sweep_at or self._looked_at is None
        planned, self._looked_at = await _plan(self._store, None if sweep else self._looked_at)
        ended = self._clock()
        self._rest_until = ended + REST * (ended - began)
        if sweep:
            self._sweep_at = ended + SWEEP_EVERY
        return planned


async def plan(store: Store) -> int:
    """Make the deliveries that are wanting, and end the pauses that are over. Returns how many deliveries."""
    planned, _ = await _plan(store, None)
    return planned


async def _plan(store: Store, looked_at: datetime | None) -> tuple[int, datetime]:
    """The same; how many, and when it looked. looked_at: only for what was owed minutes before that, or since."""
    planned = 0
    async with store.reading() as tx:
        looking = now = await tx.now()
        since = min(now, looked_at) - LATELY if looked_at is not None else None
        if not await outbox.unplanned(tx, 1, since=since) and not await profiles.any_resume_due(tx, now):
            return 0, looking
    while True:
        async with store.transaction() as tx:
            now = await tx.now()
            await profiles.resume_due(tx, now)
            found = await outbox.unplanned(tx, BATCH, since=since)
            await _give_slots(tx, found, now)
        planned += len(found)
        if len(found) < BATCH:
            return planned, looking


async def plan_owed(tx: Transaction, owing: Collection[tuple[int, int, str]], now: datetime) -> None:
    """Make the deliveries of what this transaction owes: each an account, a destination and a cadence. What comes to
    nothing, because a delivery is just being sealed, the next round finds."""
    found = await outbox.without_open(tx, owing)
    await _give_slots(tx, found, now)


async def _give_slots(tx: Transaction, found: Sequence[Unplanned], now: datetime) -> None:
    taken = await outbox.slots_taken(tx, found, now)
    # Who has had a slot may have got it from somebody else since we looked for open deliveries. That is looked for
    # again, or they would be given the next slot as well.
    had = {_key(each) for each in found} & taken.keys()
    still = {_key(each) for each in await outbox.without_open(tx, had)} if had else had
    wanting = [each for each in found if _key(each) not in had or _key(each) in still]
    await outbox.plan_all(tx, [_slotted(each, taken, now) for each in wanting])


def _key(found: Unplanned) -> tuple[int, int, Cadence]:
    return found.account_id, found.destination_id, found.cadence


def _slotted(
    found: Unplanned, taken: Mapping[tuple[int, int, Cadence], Collection[str]], now: datetime
) -> tuple[Unplanned, str, datetime]:
    had = taken.get(_key(found), ())
    ahead = _first_slots(found.cadence, found.rhythm, now)
    slot = next((slot for slot in ahead if slot.key not in had), None) or next(
        slot for slot in slots(found.cadence, found.rhythm, now) if slot.key not in had
    )
    return found, slot.key, slot.due_at


@lru_cache(maxsize=4_096)
def _first_slots(cadence: Cadence, rhythm: Rhythm, now: datetime) -> tuple[Slot, ...]:
    """The next two slots: many readers share a rhythm, and are planned at the same moment."""
    return tuple(islice(slots(cadence, rhythm, now), 2))


async def lapse(store: Store) -> int:
    """Drop what has waited too long for destinations that are paused. Returns how many deliveries, some at a time."""
    async with store.transaction() as tx:
        return await sealing.lapse(tx, await tx.now(), BATCH)
