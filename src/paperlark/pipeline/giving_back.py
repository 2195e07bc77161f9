"""Leases of work that a fault of the database broke off.

Where the database did not answer, the work is not to blame: it is given back as soon as somebody answers, and goes on
at once. Where it answers, and refused the work all the same (a statement that takes too long, a deadlock, no room), the
same would happen again at once and for ever: then the work waits, longer each time, and others go on (`Patience`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from random import Random

import structlog

from paperlark.model.problems import OutageError, StoreError
from paperlark.store.database import Store, Transaction

log = structlog.get_logger()

AGAIN = 0.5  # seconds between two tries
STOPPING = 2.0  # seconds for giving a lease back where we are told to stop
FIRST_WAIT = timedelta(seconds=2)  # once something was refused twice
LONGEST_WAIT = timedelta(minutes=5)
KEPT = 20_000  # pieces of work that one process remembers; those that were refused first are let go


class Patience:
    """How often in a row the database has refused a piece of work, as this process knows, and how long that waits.

    of: what the pieces are, for the log."""

    def __init__(self, of: str, jitter: Random) -> None:
        self.of = of
        self._jitter = jitter
        self._times: dict[Hashable, int] = {}

    def __bool__(self) -> bool:
        """Was anything refused that was not done since?"""
        return bool(self._times)

    def times(self, work: Hashable) -> int:
        """How often in a row it was refused."""
        return self._times.get(work, 0)

    def wait(self, work: Hashable) -> timedelta:
        """How long it waits when it is refused this time: not at all the first time, then a second or two, and twice as
        long each time, up to five minutes."""
        if not (times := self.times(work)):
            return timedelta()
        return min(FIRST_WAIT * float(2 ** min(times - 1, 16)), LONGEST_WAIT) * (1 + self._jitter.random()) / 2

    def refused(self, works: Iterable[Hashable]) -> None:
        """These were refused once more."""
        for work in works:
            self._times[work] = self._times.pop(work, 0) + 1
        while len(self._times) > KEPT:
            del self._times[next(iter(self._times))]

    def done(self, works: Iterable[Hashable]) -> None:
        """These are done."""
        for work in works:
            self._times.pop(work, None)


Release = Callable[[Transaction, timedelta], Awaitable[object]]
"""Gives a lease back; nobody is to take the work up before as long as that."""


async def given_back(
    store: Store,
    release: Release,
    *,
    within: timedelta,
    works: Sequence[Hashable] = (),
    patience: Patience | None = None,
    fault: StoreError | None = None,
) -> None:
    """Give a lease back as soon as the store answers again: else nobody takes the work up before the lease ends. After
    as long as that there is none left to give back.

    works: what it was a lease of, at least one where there is patience with them; where the store answers at the first
    try, they were refused, and wait as long as the first of them is to wait. fault: what broke it off."""
    if isinstance(fault, OutageError):
        patience = None
    loop = asyncio.get_running_loop()
    until = loop.time() + within.total_seconds()
    wait = patience.wait(works[0]) if patience is not None else timedelta()
    answers = True
    while loop.time() < until:
        try:
            async with store.transaction() as tx:
                await release(tx, wait)
        except StoreError:
            answers, wait = False, timedelta()
            await asyncio.sleep(AGAIN)
        else:
            if answers and patience is not None:
                note_refused(works, wait, patience)
            return


async def given_back_while_stopping(store: Store, release: Release) -> None:
    """Give a lease back, once and soon: what cannot be given back comes back when it ends. Raises nothing of the
    database's: whoever was cancelled ends as cancelled."""
    with suppress(StoreError, TimeoutError):
        async with asyncio.timeout(STOPPING), store.transaction() as tx:
            await release(tx, timedelta())


def note_refused(works: Sequence[Hashable], wait: timedelta, patience: Patience) -> None:
    """Count that these were refused once more, and say how long they wait."""
    patience.refused(works)
    log.warning(
        "the database answers and refused work: it waits",
        of=patience.of,
        first=str(works[0]),
        number=len(works),
        times=patience.times(works[0]),
        seconds=round(wait.total_seconds(), 1),
    )
