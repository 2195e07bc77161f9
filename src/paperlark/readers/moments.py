"""Moments and lists as sentences say them."""

from collections.abc import Sequence
from datetime import UTC, datetime

from paperlark.schedule import zone

# Not strftime's: those are in the machine's language.
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def moment(at: datetime, zone_name: str, *, clock_only: bool = False) -> str:
    """A moment on a zone's clock: "Mon 2 Mar 2026 at 09:10 (Europe/Berlin)", or "09:10". Raises ReaderError for an
    unknown zone."""
    local = at.astimezone(zone(zone_name))
    clock = f"{local:%H:%M}"
    return clock if clock_only else f"{_date(local)} at {clock} ({zone_name})"


def day_of(at: datetime) -> str:
    """The day (UTC) of a moment, for what its source dates by day: "Mon 2 Mar 2026"."""
    return _date(at.astimezone(UTC))


def listed(words: Sequence[str]) -> str:
    """Words in a row: "new, a revision and published"."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def _date(local: datetime) -> str:
    return f"{_DAYS[local.weekday()]} {local.day} {_MONTHS[local.month - 1]} {local.year}"
