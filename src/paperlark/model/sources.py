"""What is known of a source: when it wants to be asked, what it should have by now, what it told, and how it is."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum


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
class Completeness:
    """What a source says of its own completeness.

    day: the day it speaks of. expected: how many that day should hold, by its own word; told: how many of them it has
    given by now, where that is more than this page. quiet: it is a day without announcements (weekend, holiday), by
    the source's own word or its calendar.
    """

    day: date | None = None
    expected: int | None = None
    quiet: bool = False
    told: int | None = None


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


class State(StrEnum):
    """How a source is."""

    FRESH = "fresh"
    PARTIAL = "partial"
    STALE = "stale"
    QUIET = "quiet"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Health:
    """How a source is, and by what evidence: one plain clause, without the source's name; `brief` is the same in a few
    words, for a line under a digest."""

    state: State
    because: str
    brief: str = ""

    @property
    def well(self) -> bool:
        """Nothing is missing that should be there."""
        return self.state in (State.FRESH, State.QUIET)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the polls of a source have left behind, for judging it.

    seen, new, rejected: of the last poll that came to its end. day: the newest day of which it told something new, with
    how many it `told` and how many were `expected` by its own word. quiet: its last answer said that nothing is due.
    due_day, due_at: what its calendar expected at the last poll. new_at: when it last told something new.
    ill_since: since when it is broken or stale; told_ill: the operator was told. moved_to, moved: where permanent
    redirects lead, and how many polls in a row.
    """

    seen: int = 0
    new: int = 0
    rejected: int = 0
    day: date | None = None
    told: int = 0
    expected: int | None = None
    quiet: bool = False
    due_day: date | None = None
    due_at: datetime | None = None
    new_at: datetime | None = None
    ill_since: datetime | None = None
    told_ill: bool = False
    moved_to: str | None = None
    moved: int = 0
