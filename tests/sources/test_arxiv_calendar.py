"""When arXiv announces, by its own schedule, over holidays and changes of the clock."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperlark.sources import _arxiv_calendar as calendar

from .conftest import read, shared

MOMENTS = st.integers(0, 5 * 366 * 24 * 60).map(
    lambda minutes: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)
DAYS = st.dates(date(2024, 1, 1), date(2028, 12, 31))


def test_feed_rolls_at_midnight_eastern_whatever_the_clock_does_there() -> None:
    assert calendar.rolls_at(date(2026, 3, 6)) == datetime(2026, 3, 6, 5, tzinfo=UTC)
    assert calendar.rolls_at(date(2026, 3, 9)) == datetime(2026, 3, 9, 4, tzinfo=UTC)  # the clock changed on the 8th
    assert calendar.rolls_at(date(2026, 11, 2)) == datetime(2026, 11, 2, 5, tzinfo=UTC)  # and back on the 1st
    assert calendar.announced_at(date(2026, 3, 9)) == datetime(2026, 3, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "due"),
    [
        (date(2026, 11, 20), True),
        (date(2026, 11, 21), False),  # Saturday
        (date(2026, 11, 22), False),
        (date(2026, 11, 23), True),  # announced on Sunday evening
        (date(2026, 11, 26), True),  # Thanksgiving itself has the list of the evening before
        (date(2026, 11, 27), False),
        (date(2025, 7, 7), False),  # "Sun 6 July"
        (date(2025, 12, 31), False),  # a feed without entries was seen
        (date(2026, 1, 2), False),
        (date(2027, 1, 1), False),  # 31 December 2026 is in the table
        (date(2027, 1, 19), True),  # nobody knows yet
        (date(2027, 12, 27), True),
    ],
)
def test_day_is_due_unless_its_evening_was_a_holiday_or_its_night_a_weekend(day: date, due: bool) -> None:
    assert calendar.is_due(day) is due


def test_year_whose_holidays_are_not_known_says_so() -> None:
    assert calendar.is_known(2026)
    assert not calendar.is_known(2031)
    assert not calendar.is_due(date(2031, 1, 2))


def test_expected_day_turns_some_hours_after_the_feed_should_have() -> None:
    roll = calendar.rolls_at(date(2026, 11, 19))
    before, after = calendar.expected(roll + timedelta(hours=3)), calendar.expected(roll + timedelta(hours=4))
    assert (before.day, after.day) == (date(2026, 11, 18), date(2026, 11, 19))
    assert before.next_at == after.due_at
    assert not before.quiet
    assert not after.quiet


def test_weekend_is_quiet_and_still_expects_friday() -> None:
    saturday = calendar.expected(datetime(2026, 11, 21, 15, tzinfo=UTC))
    assert (saturday.day, saturday.quiet) == (date(2026, 11, 20), True)
    assert saturday.next_at == calendar.rolls_at(date(2026, 11, 23)) + calendar.GRACE


@given(MOMENTS)
def test_what_is_expected_was_due_before_now_and_the_next_is_due_after(now: datetime) -> None:
    expected = calendar.expected(now)
    assert expected.due_at <= now < expected.next_at
    assert calendar.is_due(expected.day)
    assert calendar.today(expected.due_at) == expected.day
    assert calendar.expected(expected.next_at).day == calendar.following(expected.day)
    assert calendar.expected(expected.next_at - timedelta(seconds=1)).day == expected.day


@given(DAYS)
def test_every_day_rolls_once_at_midnight_and_was_announced_four_hours_before(day: date) -> None:
    roll = calendar.rolls_at(day)
    assert (roll.astimezone(calendar.EASTERN).date(), roll.astimezone(calendar.EASTERN).hour) == (day, 0)
    assert roll - calendar.announced_at(day) == timedelta(hours=4)
    assert calendar.today(roll) == day
    assert calendar.today(roll - timedelta(seconds=1)) == day - timedelta(days=1)


@given(DAYS, st.integers(0, 40))
def test_missed_days_are_all_due_days_in_between(told: date, apart: int) -> None:
    day = told + timedelta(days=apart)
    missed = calendar.missed(told, day)
    step = told
    for one in missed:
        step = calendar.following(step)
        assert one == step < day
    assert calendar.following(step) >= day


def test_announcements_of_a_hundred_days_of_2025_fell_on_the_days_that_are_due() -> None:
    (path,) = shared("arxiv_bulk")
    seen = {date.fromisoformat(json.loads(line)["_first_seen"]) for line in read(path).splitlines()}
    days = [min(seen) + timedelta(days=number) for number in range((max(seen) - min(seen)).days + 1)]
    due = {day for day in days if calendar.is_due(day)}
    assert due == {day for day in seen if day.weekday() < 5}
