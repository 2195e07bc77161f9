"""When arXiv announces, and when its feed rolls over to the day's list. Pure.

Announcements are made at 20:00 Eastern, from Sunday to Thursday; the feed takes them up at the midnight that follows,
and the listing heads them with that next day's date. So a **day** here is a weekday, the day of the feed, and the
evening before it is when it was announced. https://info.arxiv.org/help/availability.html

arXiv publishes its holidays year by year, as the evenings without an announcement (in 2025 "Sun 6 July": the feed of
Monday the 7th was empty). It also defers without notice; so what is due is due only `GRACE` after the feed should have
rolled, and an empty feed before that is no failure.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from paperlark.model.sources import Expected

EASTERN = ZoneInfo("America/New_York")
EVENING = time(20)  # Eastern, of the day before
GRACE = timedelta(hours=4)  # after the feed should have rolled: late nights happen
ONE_DAY = timedelta(days=1)

HOLIDAYS: dict[int, frozenset[tuple[int, int]]] = {
    2025: frozenset({(1, 1), (1, 20), (6, 19), (7, 6), (9, 1), (11, 27), (12, 25), (12, 30)}),
    2026: frozenset({(1, 1), (1, 19), (6, 19), (7, 3), (9, 7), (11, 26), (12, 25), (12, 29), (12, 31)}),
}
"""Evenings without an announcement, as month and day, of the years that are known. The page is revised every year; the
December of 2025 was settled late, and its 30th is known from the empty feed of the 31st."""

EVERY_YEAR = frozenset({(1, 1), (12, 25)})
"""What is certain of a year whose holidays are not known here."""


def is_known(year: int) -> bool:
    """True where arXiv's own holidays of that year are in the table, so that `is_due` does not guess."""
    return year in HOLIDAYS


def is_due(day: date) -> bool:
    """True for a day whose announcements were made on the evening before."""
    evening = day - ONE_DAY
    holidays = HOLIDAYS.get(evening.year, EVERY_YEAR)
    return day.weekday() < 5 and (evening.month, evening.day) not in holidays


def announced_at(day: date) -> datetime:
    """When a day's papers were announced: 20:00 Eastern of the evening before, in UTC."""
    return datetime.combine(day - ONE_DAY, EVENING, EASTERN).astimezone(UTC)


def rolls_at(day: date) -> datetime:
    """When the feed takes up a day's list: its midnight in the East, in UTC (04:00 in summer, 05:00 in winter)."""
    return datetime.combine(day, time(), EASTERN).astimezone(UTC)


def today(now: datetime) -> date:
    """The day it is in the East, which is the day that the feed is of."""
    return now.astimezone(EASTERN).date()


def latest(until: date) -> date:
    """The newest day with announcements, up to and including `until`."""
    while not is_due(until):
        until -= ONE_DAY
    return until


def following(day: date) -> date:
    """The next day with announcements after `day`."""
    day += ONE_DAY
    while not is_due(day):
        day += ONE_DAY
    return day


def missed(told: date, day: date) -> list[date]:
    """The days with announcements between two that were told of, in order."""
    between = (told + ONE_DAY * number for number in range(1, (day - told).days))
    return [one for one in between if is_due(one)]


def expected(now: datetime) -> Expected:
    """What should be there at `now`, with `due_at <= now < next_at`; quiet on a day that has no announcements."""
    day = today(now)
    newest = latest(day if now >= rolls_at(day) + GRACE else day - ONE_DAY)
    return Expected(newest, rolls_at(newest) + GRACE, rolls_at(following(newest)) + GRACE, quiet=not is_due(day))
