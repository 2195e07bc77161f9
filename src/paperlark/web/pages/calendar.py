"""Days in a row as pages show them: how a week or a month is named in an address and in words, its days as a calendar
whose shades say on which of them much was announced. Pure.

A week is ISO 8601's: it begins on Monday, and `2026-W01` is the one that holds the year's first Thursday.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

YEARS = range(1900, 2201)
SHADES = 4
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some whole days, `until` is the first after them. Its name stands in addresses: `2026-W12`, `2026-03`."""

    name: str
    since: date
    until: date

    @property
    def last(self) -> date:
        """Its last day."""
        return self.until - timedelta(days=1)


def day_of(text: str) -> date | None:
    """The day that is written like 2026-01-31, or None."""
    try:
        found = date.fromisoformat(text) if re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text) else None
    except ValueError:
        return None
    return found if found is not None and found.year in YEARS else None


def week_of(day: date) -> Stretch:
    """The week that holds a day."""
    year, week, weekday = day.isocalendar()
    monday = day - timedelta(days=weekday - 1)
    return Stretch(f"{year}-W{week:02}", monday, monday + timedelta(days=7))


def month_of(day: date) -> Stretch:
    """The month that holds a day."""
    first = day.replace(day=1)
    return Stretch(f"{day:%Y-%m}", first, (first + timedelta(days=31)).replace(day=1))


def week_named(name: str) -> Stretch | None:
    """The week of a name, or None."""
    try:
        monday = date.fromisocalendar(int(name[:4]), int(name[6:]), 1) if re.fullmatch(_WEEK, name, re.ASCII) else None
    except ValueError:  # a 53rd week that its year has not
        return None
    return week_of(monday) if monday is not None and monday.year in YEARS else None


def month_named(name: str) -> Stretch | None:
    """The month of a name, or None."""
    first = day_of(f"{name}-01")
    return month_of(first) if first is not None else None


_WEEK = "[0-9]{4}-W[0-9]{2}"


# ── in words ───────────────────────────────────────────────────────────────────────────────────────────────────────


def long_day(day: date) -> str:
    """ "Saturday 21 November 2026"."""
    return f"{WEEKDAYS[day.weekday()]} {day.day} {MONTHS[day.month - 1]} {day.year}"


def short_day(day: date) -> str:
    """ "Sat 21 Nov"."""
    return f"{WEEKDAYS[day.weekday()][:3]} {day.day} {MONTHS[day.month - 1][:3]}"


def month_in_words(month: Stretch) -> str:
    """ "March 2026"."""
    return f"{MONTHS[month.since.month - 1]} {month.since.year}"


def days_in_words(stretch: Stretch) -> str:
    """ "2–8 March 2026", "30 March – 5 April 2026", "28 December 2026 – 3 January 2027"."""
    since, last = stretch.since, stretch.last
    end = f"{last.day} {MONTHS[last.month - 1]} {last.year}"
    if since.year != last.year:
        return f"{since.day} {MONTHS[since.month - 1]} {since.year} – {end}"
    return f"{since.day}–{end}" if since.month == last.month else f"{since.day} {MONTHS[since.month - 1]} – {end}"


# ── a calendar ─────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Cell:
    """A day in a calendar: how many papers, and how dark it is, from 0 (none) to SHADES (nearly the most of them)."""

    day: date
    papers: int
    shade: int


def weeks(stretch: Stretch, per_day: Mapping[date, int]) -> tuple[tuple[Cell | None, ...], ...]:
    """The days of a stretch, a row for each week from Monday on; None for days that are not of the stretch."""
    most = max(per_day.values(), default=0)
    monday = stretch.since - timedelta(days=stretch.since.weekday())
    rows = -(-(stretch.until - monday).days // 7)
    days = [monday + timedelta(days=number) for number in range(rows * 7)]
    cells = [_cell(day, per_day.get(day, 0), most) if stretch.since <= day < stretch.until else None for day in days]
    return tuple(tuple(cells[start : start + 7]) for start in range(0, len(cells), 7))


def _cell(day: date, papers: int, most: int) -> Cell:
    return Cell(day, papers, -(-papers * SHADES // most) if papers else 0)
