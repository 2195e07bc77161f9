"""Counts as a line of bars, in plain text."""

from collections.abc import Sequence

BARS = "▁▂▃▄▅▆▇█"
NO_BAR = "·"


def sparkline(counts: Sequence[int], width: int) -> tuple[str, int]:
    """Counts as a line of at most `width` bars, and how many neighbours each bar adds up. Nothing is a dot."""
    each = max(1, -(-len(counts) // max(width, 1)))
    sums = [sum(counts[start : start + each]) for start in range(0, len(counts), each)]
    most = max(sums, default=0)
    return "".join(BARS[(n * len(BARS) - 1) // most] if n else NO_BAR for n in sums), each
