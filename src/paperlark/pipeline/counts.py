"""What this process has counted and not yet added to what all have (`store.tally`).

Counting is a step in a dictionary, so that whatever happens can be counted where it happens; `keep` writes it down.
No reader, no address and no chat stands in a label: only kinds, cadences and results.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta

from paperlark.store import tally
from paperlark.store.database import Store
from paperlark.store.tally import BEYOND, SUM, Counted

DELIVERIES = "deliveries"
"""By channel and what came of an attempt: sent, dead, dropped, postponed."""
DUE_TO_SENT, ANNOUNCED_TO_SENT = "due_to_sent", "announced_to_sent"
"""By channel and cadence: from a delivery's slot, and from the announcement of the oldest of its papers."""
POLLS = "polls"
"""By kind of source and result: new, nothing_new, unchanged (a 304), failed."""
ASKED_TO_WAIT = "asked_to_wait"
"""By channel: how often a platform answered 429, or named a wait."""
RUN_OUT = "leases_run_out"
"""By what was leased (delivery, lane, source): whoever held it fell silent, and another took it over."""

LABELS: Mapping[str, tuple[str, ...]] = {
    DELIVERIES: ("channel", "outcome"),
    DUE_TO_SENT: ("channel", "cadence"),
    ANNOUNCED_TO_SENT: ("channel", "cadence"),
    POLLS: ("kind", "result"),
    ASKED_TO_WAIT: ("channel",),
    RUN_OUT: ("of",),
}
MINUTE, HOUR, DAY = 60, 3600, 86_400
BUCKETS: Mapping[str, tuple[int, ...]] = {
    DUE_TO_SENT: (1, 2, 5, 10, 30, MINUTE, 2 * MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 4 * HOUR, DAY),
    ANNOUNCED_TO_SENT: (MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, DAY, 2 * DAY, 7 * DAY),
}
"""Upper bounds of the measures of time, in seconds."""


class Counts:
    """The counts of one process. Bounded by its labels' values, of which there are few."""

    def __init__(self) -> None:
        self._counted = Counter[Counted]()

    def add(self, what: str, *which: str, number: int = 1) -> None:
        """It happened once more, or `number` times."""
        if number:
            self._counted[Counted(what, " ".join(which))] += number

    def took(self, what: str, *which: str, time: timedelta) -> None:
        """It took that long; less than nothing, where two clocks differ, counts as nothing."""
        seconds = max(time.total_seconds(), 0.0)
        bounds = BUCKETS[what]
        place = bisect_left(bounds, seconds)
        upto = str(bounds[place]) if place < len(bounds) else BEYOND
        self._counted[Counted(what, " ".join(which), upto)] += 1
        self._counted[Counted(what, " ".join(which), SUM)] += round(seconds * 1000)

    def __getitem__(self, counted: Counted) -> int:
        """What was counted and is not kept yet."""
        return self._counted[counted]

    async def keep(self, store: Store) -> None:
        """Add everything to what all processes counted. What cannot be written now is written next time. Raises
        StoreError."""
        counted, self._counted = self._counted, Counter()
        if not counted:
            return
        try:
            async with store.transaction() as tx:
                await tally.add(tx, counted)
        except BaseException:  # who is cancelled while writing loses no counts either
            self._counted += counted
            raise
