"""The order of papers inside a digest. Pure.

Three things speak, and each is told in words where it made a difference:

- the reader's marks (`learned`, or `feedback` while there are few): papers go first, in between, or last;
- the trend (`trending`): a point more for about twice the votes of a usual paper of its day;
- relevance: how well a paper answers each profile that led to it (BM25), beside the paper of the digest that answers it
  best, in quarters: half a point is between a title that says it and an abstract that mentions it. Who meets two
  profiles has both shares.

Trend and relevance add up; what is equal then goes by what met more profiles, then the newer first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

STEPS = 4  # in which relevance is told apart: less is how somebody writes


@dataclass(frozen=True, slots=True)
class Place:
    """What speaks for a paper. tier: of the reader's marks, 1 to -1; trend: points; relevance: shares, added up."""

    paper_id: int
    announced_at: datetime
    reasons: int
    tier: int = 0
    trend: float = 0.0
    relevance: float = 0.0

    @property
    def rank(self) -> tuple[float, ...]:
        """Sorts the best first."""
        return self._rank(self.trend)

    @property
    def rank_without_trend(self) -> tuple[float, ...]:
        """Sorts as if nobody had counted anything."""
        return self._rank(0.0)

    def _rank(self, trend: float) -> tuple[float, ...]:
        age = -self.announced_at.timestamp()
        return -self.tier, -(trend + self.relevance), -self.reasons, age, -self.paper_id


def shares(scores: Mapping[int, float]) -> dict[int, float]:
    """How well each paper answers one profile, beside the best: 1 for that, down to 0, in STEPS. scores: BM25 of each
    paper, by id; where none says anything (a profile of numbers alone) all answer alike."""
    best = max(scores.values(), default=0.0)
    if best <= 0:
        return dict.fromkeys(scores, 1.0)
    return {number: round(STEPS * points / best) / STEPS for number, points in scores.items()}


def lifted(places: Mapping[int, Place]) -> int | None:
    """The paper that stands first because it is trending, and would not stand there otherwise; None where none does."""
    if len(places) < 2:
        return None
    first = min(places.values(), key=lambda each: each.rank)
    otherwise = min(places.values(), key=lambda each: each.rank_without_trend)
    return first.paper_id if first.paper_id != otherwise.paper_id else None
