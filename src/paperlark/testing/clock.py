"""A clock that stands still until it is told to move."""

from datetime import UTC, datetime, timedelta


class FakeClock:
    """Stands in wherever a clock is asked for: called, it gives the moment it stands at, in UTC.

    >>> clock = FakeClock(datetime(2026, 11, 21, 8, 0, tzinfo=UTC))
    >>> clock.advance(minutes=90)
    datetime.datetime(2026, 11, 21, 9, 30, tzinfo=datetime.timezone.utc)
    """

    def __init__(self, at: datetime) -> None:
        """Raises ValueError where `at` has no zone."""
        if at.tzinfo is None:
            raise ValueError("a clock's moment needs a zone")
        self._at = at.astimezone(UTC)

    def __call__(self) -> datetime:
        return self._at

    def advance(
        self,
        step: timedelta = timedelta(),
        *,
        days: float = 0,
        hours: float = 0,
        minutes: float = 0,
        seconds: float = 0,
    ) -> datetime:
        """Move forward by the sum of what is given and return the new moment. Raises ValueError for a step back."""
        step += timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        if step < timedelta():
            raise ValueError("time does not go back")
        self._at += step
        return self._at
