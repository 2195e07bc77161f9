"""What was counted about a paper over time: the frozen value that `ranking.trending` judges."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Reading:
    """One count at the time when it was read."""

    at: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Series:
    """What one announcement was counted: one kind of signal (upvotes, comments, stars), oldest reading first.

    day: the latest positive count of this kind of every paper that the same source announced on the same UTC day, this
    one's own among them, ascending: what a count is compared with.
    """

    source: str
    kind: str
    announced_at: datetime
    readings: tuple[Reading, ...]
    day: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class History:
    """All that was counted about a paper by a moment. seen: each source that has announced it, and since when."""

    paper_id: int
    announced_at: datetime
    seen: Mapping[str, datetime]
    series: tuple[Series, ...] = ()
