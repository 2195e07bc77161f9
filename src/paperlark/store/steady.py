"""This machine's time of day for a database that has no clock of its own: it goes forward only.

Leases, what is due, and since when somebody follows something are moments that are compared with now. Where a machine's
clock is set back, all of them would lie ahead: nothing would be due, and no lease run out, for as long as it was set
back. Here time then goes on a little slower than it should until the machine's has come up to it.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime

SLOWER = 0.9  # seconds for one, while this time is ahead of the machine's


class Steady:
    """A time that never goes back. wall, ticks: seconds since 1970, and of a clock that nobody sets."""

    def __init__(self, wall: Callable[[], float] = time.time, ticks: Callable[[], float] = time.monotonic) -> None:
        self._wall = wall
        self._ticks = ticks
        self._shown, self._at = wall(), ticks()

    def now(self) -> datetime:
        """The machine's time, or one ahead of it that it will catch up with."""
        ticks = self._ticks()
        self._shown = max(self._wall(), self._shown + SLOWER * (ticks - self._at))
        self._at = ticks
        return datetime.fromtimestamp(self._shown, UTC)
