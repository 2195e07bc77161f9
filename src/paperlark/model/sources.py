"""What is known of a source: when it wants to be asked, what it should have by now, and how it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta


@dataclass(frozen=True, slots=True)
class Manners:
    """What the far side says of when to ask again, and where.

    fresh_for: how long its answer stays good (`Cache-Control: max-age`, `Expires`, `ttl`, `sy:updatePeriod`); None
    where it said nothing. skip_days: weekdays, 0 = Monday, and skip_hours: hours, both UTC, in which it asks not to be
    asked (RSS `skipDays`, `skipHours`). moved_to: where permanent redirects alone led from the address that was asked.
    """

    fresh_for: timedelta | None = None
    skip_days: frozenset[int] = frozenset()
    skip_hours: frozenset[int] = frozenset()
    moved_to: str | None = None

    def __or__(self, other: "Manners") -> "Manners":
        """Both together: the longer wait, all that is to be skipped."""
        waits = [wait for wait in (self.fresh_for, other.fresh_for) if wait is not None]
        return Manners(
            max(waits, default=None),
            self.skip_days | other.skip_days,
            self.skip_hours | other.skip_hours,
            self.moved_to or other.moved_to,
        )


@dataclass(frozen=True, slots=True)
class Expected:
    """What a source with a calendar should have told of by now.

    day: the newest day whose announcements should be there, in the source's own days. due_at: since when they should
    (with the source's usual delay); next_at: when the next day's should be there. quiet: nothing is due today by the
    calendar (weekend, holiday), whatever the far side answers.
    """

    day: date
    due_at: datetime
    next_at: datetime
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """What one poll heard, over its pages. Counts are of announcements; `expected` is what the far side said it holds
    for `day`, and `told` how many of that day were given."""

    seen: int = 0
    new: int = 0
    rejected: int = 0
    unchanged: bool = False
    quiet: bool = False
    day: date | None = None
    expected: int | None = None
    told: int = 0
    said: Mapping[str, str] = field(default_factory=dict)
