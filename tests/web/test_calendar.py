"""Weeks and months: named, in words, and as a calendar."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperlark.web.pages import calendar

DATES = st.dates(date(1900, 1, 8), date(2200, 12, 20))


@given(DATES)
def test_a_week_holds_its_day_and_is_found_by_its_name(day: date) -> None:
    week = calendar.week_of(day)
    assert week.since <= day < week.until and week.since.weekday() == 0
    assert week.until - week.since == timedelta(days=7)
    assert calendar.week_named(week.name) == week


@given(DATES)
def test_a_month_holds_its_day_and_is_found_by_its_name(day: date) -> None:
    month = calendar.month_of(day)
    assert month.since <= day <= month.last and month.since.day == 1 and month.until.day == 1
    assert calendar.month_named(month.name) == month


@given(DATES, st.dictionaries(st.integers(0, 30), st.integers(1, 9_999)))
def test_a_calendar_has_every_day_once_under_its_weekday(day: date, papers: dict[int, int]) -> None:
    month = calendar.month_of(day)
    per_day = {month.since + timedelta(days=number): count for number, count in papers.items()}
    rows = calendar.weeks(month, per_day)
    assert [cell.day for row in rows for cell in row if cell] == [
        month.since + timedelta(days=number) for number in range((month.until - month.since).days)
    ]
    for row in rows:
        assert len(row) == 7 and any(row)
        assert all(cell.day.weekday() == at for at, cell in enumerate(row) if cell)
        assert all((cell.shade > 0) == (cell.papers > 0) and cell.shade <= calendar.SHADES for cell in row if cell)


@pytest.mark.parametrize(
    ("name", "words"),
    [("2026-W10", "2–8 March 2026"), ("2026-W14", "30 March – 5 April 2026"),
     ("2026-W53", "28 December 2026 – 3 January 2027")],
)  # fmt: skip
def test_the_days_of_a_week_in_words(name: str, words: str) -> None:
    week = calendar.week_named(name)
    assert week is not None and calendar.days_in_words(week) == words
