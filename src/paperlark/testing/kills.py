"""Where a crash would be most awkward, and how to make one there.

`LABELS` names every point that the pipeline announces with `at(label)`; a test keeps the list and the code the same.
`KillAt` ends its own process there with SIGKILL: no handler, no clean-up, no flush.
"""

import os
import signal
from collections import Counter

LABELS = (
    "record: page parsed",
    "record: page written",
    "record: before a page commits",
    "record: page committed",
    "record: before the end of a poll commits",
    "percolate: batch claimed",
    "percolate: batch matched",
    "percolate: matches written",
    "percolate: before a chunk commits",
    "percolate: batch written",
    "percolate: before a batch commits",
    "percolate: batch committed",
    "percolate: before signals commit",
    "deliver: before a claim",
    "deliver: before a claim commits",
    "deliver: claimed",
    "deliver: rendered",
    "deliver: before a seal commits",
    "deliver: sealed",
    "deliver: before a send",
    "deliver: sent",
    "deliver: before a receipt commits",
    "deliver: receipt committed",
    "deliver: draining",
)


class KillAt:
    """Give it to the pipeline as `at`: the `nth` time that `label` is reached, the process ends with SIGKILL."""

    def __init__(self, label: str, nth: int = 1) -> None:
        if label not in LABELS:
            raise ValueError(f"no such label: {label}")
        self._label = label
        self._nth = nth
        self.reached: Counter[str] = Counter()

    def __call__(self, label: str) -> None:
        self.reached[label] += 1
        if label == self._label and self.reached[label] == self._nth:
            os.kill(os.getpid(), signal.SIGKILL)
