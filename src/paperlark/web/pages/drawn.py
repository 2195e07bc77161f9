"""Papers a day, drawn: the numbers of a small plot that the page's template makes an SVG of. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

HEIGHT = 56  # units of the drawing, as are the next two
APART = 10  # from one bar's left edge to the next one's
THICK = 7
LEAST = 2  # of a bar: a single paper is seen beside a day of hundreds
BARS = 62  # at most; more days than that are added up


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar from its top left corner, and what it says; without papers it has no height."""

    x: int
    y: float
    height: float
    said: str


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot of `width` by HEIGHT units, the oldest day first. said: all of it in a sentence, for who cannot see it."""

    bars: tuple[Bar, ...]
    width: int
    first: str
    last: str
    most: str
    said: str


def plot(per_day: Sequence[tuple[date, int]]) -> Plot:
    """The plot of some days in a row, at least one, each with its papers."""
    each = -(-len(per_day) // BARS)
    sums = [
        (per_day[start][0], sum(papers for _, papers in per_day[start : start + each]))
        for start in range(0, len(per_day), each)
    ]
    most_on, most = max(sums, key=lambda bar: bar[1])
    tall = max(most, 1)
    bars = tuple(
        _bar(n * APART, papers / tall * HEIGHT, f"{_stretch(day, each)}: {_papers(papers)}")
        for n, (day, papers) in enumerate(sums)
    )
    first, last = short(per_day[0][0]), short(per_day[-1][0])
    total = sum(papers for _, papers in per_day)
    peak = f"{_papers(most)} on {_stretch(most_on, each)}" if most else ""
    said = f"{_papers(total)} from {first} to {last}" + (f", the most {peak}" if peak else "")
    return Plot(bars, len(bars) * APART - (APART - THICK), first, last, f"most: {peak}" if peak else "", said)


def short(day: date) -> str:
    """ "Wed 4 Mar"."""
    return f"{_DAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]}"


def _bar(x: int, height: float, said: str) -> Bar:
    tall = round(max(height, LEAST), 1) if height else 0
    return Bar(x, round(HEIGHT - tall, 1), tall, said)


def _stretch(day: date, days: int) -> str:
    return short(day) if days == 1 else f"{short(day)} to {short(day + timedelta(days=days - 1))}"


def _papers(number: int) -> str:
    return "no paper" if not number else "1 paper" if number == 1 else f"{number:,} papers"


# Not strftime's: those are in the machine's language.
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
