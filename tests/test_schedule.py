"""Slots, attempts and polls: no reader is told twice for one date, or not at all, whatever their clocks do."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, pairwise, takewhile
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paperlark.model.problems import ReaderError
from paperlark.model.readers import Cadence, QuietHours, Rhythm
from paperlark.model.sources import Manners
from paperlark.schedule import (
    Slot,
    local_day,
    next_attempt,
    next_poll,
    parse_hour,
    parse_quiet,
    slots,
    zone,
)

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def daily(rhythm: Rhythm, now: datetime, n: int = 1) -> list[Slot]:
    return list(islice(slots(Cadence.DAILY, rhythm, now), n))


def assert_each_date_once(tz: ZoneInfo, digest_at: time, first: date, last: date) -> None:
    """Every local date of the range has one slot: the first instant at which its clock has reached the digest hour."""
    rhythm = Rhythm(tz.key, digest_at)
    start = datetime(first.year, first.month, first.day, tzinfo=UTC) - 3 * DAY
    stream = takewhile(lambda slot: slot.key <= str(last), slots(Cadence.DAILY, rhythm, start))
    due_before = start - DAY
    expected = None
    for slot in stream:
        day = date.fromisoformat(slot.key)
        assert expected is None or day == expected, (tz.key, digest_at, slot)
        expected = day + DAY
        assert slot.due_at > due_before, (tz.key, digest_at, slot)
        due_before = slot.due_at
        local = slot.due_at.astimezone(tz)
        if local.replace(tzinfo=None) != datetime.combine(day, digest_at) or local.fold:
            # Only a gap may move a digest: a second earlier the clock had not reached the hour, now it has passed it.
            earlier = (slot.due_at - SECOND).astimezone(tz).replace(tzinfo=None)
            assert earlier < datetime.combine(day, digest_at) < local.replace(tzinfo=None), (tz.key, digest_at, slot)
    assert expected == last + DAY


@pytest.mark.parametrize("part", range(8))
def test_every_zone_for_two_years_tells_each_local_date_exactly_once(part: int) -> None:
    for name in sorted(available_timezones())[part::8]:
        for digest_at in (time(0, 0), time(1, 30), time(2, 30), time(23, 30)):
            assert_each_date_once(ZoneInfo(name), digest_at, date(2026, 1, 1), date(2027, 12, 31))


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(sorted(available_timezones())),
    digest_at=st.times().map(lambda t: t.replace(second=0, microsecond=0)),  # with fold 0 and 1: the hour is the same
    first=st.dates(date(1995, 2, 1), date(2011, 6, 1)),  # between the skipped dates of Kiribati and of Samoa
)
def test_history_tells_each_local_date_once_at_any_hour(name: str, digest_at: time, first: date) -> None:
    assert_each_date_once(ZoneInfo(name), digest_at, first, first + 120 * DAY)


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(["Europe/Berlin", "America/New_York", "Africa/Cairo", "Australia/Lord_Howe", "America/Nuuk"]),
    digest_at=st.sampled_from([time(h, m) for h in range(24) for m in (0, 30)]),
    start=st.sampled_from([time(h, m) for h in range(24) for m in (0, 30)]),
    end=st.sampled_from([time(h, m) for h in range(24) for m in (0, 30)]),
    now=st.integers(0, 700 * 24 * 60).map(
        lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    ),
    cadence=st.sampled_from(Cadence),
)
def test_quiet_hours_delay_and_never_drop(
    name: str, digest_at: time, start: time, end: time, now: datetime, cadence: Cadence
) -> None:
    quiet = QuietHours(start, end)
    kept = list(islice(slots(cadence, Rhythm(name, digest_at, 2, quiet), now), 40))
    free = {slot.key: slot for slot in islice(slots(cadence, Rhythm(name, digest_at, 2), now - 2 * DAY), 1200)}
    assert all(b.due_at > a.due_at for a, b in pairwise(kept))
    assert len({slot.key for slot in kept}) == 40
    for slot in kept:
        assert slot.due_at >= now
        assert slot.due_at.astimezone(ZoneInfo(name)).time() not in quiet
        if cadence is not Cadence.INSTANT:
            assert timedelta() <= slot.due_at - free[slot.key].due_at <= timedelta(hours=25)


@pytest.mark.parametrize(
    ("name", "before", "skipped", "after"),
    [
        ("Pacific/Apia", "2011-12-29", "2011-12-30", "2011-12-31"),
        ("Pacific/Kwajalein", "1993-08-20", "1993-08-21", "1993-08-22"),
    ],
)
@pytest.mark.parametrize("digest_at", [time(0, 0), time(8, 0), time(23, 59)])
def test_a_date_the_zone_skipped_passes_its_papers_to_the_next(
    name: str, before: str, skipped: str, after: str, digest_at: time
) -> None:
    found = daily(Rhythm(name, digest_at), at(f"{before}T00:00+00:00") - DAY, 4)
    keys = [slot.key for slot in found]
    assert skipped not in keys
    assert keys[keys.index(before) + 1] == after
    assert found[keys.index(after)].due_at.astimezone(ZoneInfo(name)).date() == date.fromisoformat(after)


def test_todays_digest_is_used_while_it_is_ahead_and_tomorrows_after() -> None:
    rhythm = Rhythm("Europe/Berlin", time(8, 0))
    assert daily(rhythm, at("2026-11-21T08:00+01:00")) == [Slot("2026-11-21", at("2026-11-21T08:00+01:00"))]
    assert daily(rhythm, at("2026-11-21T08:00:01+01:00")) == [Slot("2026-11-22", at("2026-11-22T08:00+01:00"))]


def test_an_hour_that_is_skipped_comes_right_after_the_gap() -> None:
    assert daily(Rhythm("Europe/Berlin", time(2, 30)), at("2026-03-29T00:00+01:00")) == [
        Slot("2026-03-29", at("2026-03-29T03:00+02:00"))
    ]
    for minute in (1, 17, 59):
        odd = Rhythm("Europe/Berlin", time(2, minute))
        assert daily(odd, at("2026-03-29T00:00+01:00"))[0].due_at == at("2026-03-29T03:00+02:00")
    # Midnight itself is skipped in Cairo on the last Friday of April.
    assert daily(Rhythm("Africa/Cairo", time(0, 0)), at("2026-04-23T12:00+02:00")) == [
        Slot("2026-04-24", at("2026-04-24T01:00+03:00"))
    ]


def test_an_hour_that_comes_twice_is_used_the_first_time_only() -> None:
    rhythm = Rhythm("America/New_York", time(1, 30))
    assert daily(rhythm, at("2026-11-01T00:00-04:00"), 2) == [
        Slot("2026-11-01", at("2026-11-01T01:30-04:00")),
        Slot("2026-11-02", at("2026-11-02T01:30-05:00")),
    ]
    assert daily(rhythm, at("2026-11-01T01:31-04:00"))[0].key == "2026-11-02"


def test_a_weekly_digest_comes_on_its_weekday_and_names_its_week() -> None:
    rhythm = Rhythm("Asia/Tokyo", time(9, 0), weekday=4)
    found = list(islice(slots(Cadence.WEEKLY, rhythm, at("2026-11-20T09:00:01+09:00")), 2))
    assert found == [
        Slot("week of 2026-11-27", at("2026-11-27T09:00+09:00")),
        Slot("week of 2026-12-04", at("2026-12-04T09:00+09:00")),
    ]


def test_a_digest_in_quiet_hours_moves_to_their_end_and_keeps_its_date() -> None:
    rhythm = Rhythm("Europe/Berlin", time(23, 0), quiet=QuietHours(time(22, 0), time(7, 0)))
    delayed = Slot("2026-11-20", at("2026-11-21T07:00+01:00"))
    assert daily(rhythm, at("2026-11-20T12:00+01:00")) == [delayed]
    assert daily(rhythm, at("2026-11-21T03:00+01:00")) == [delayed]
    assert daily(rhythm, at("2026-11-21T07:01+01:00"))[0].key == "2026-11-21"


def test_quiet_hours_that_end_in_a_gap_end_with_the_gap() -> None:
    rhythm = Rhythm("Europe/Berlin", time(1, 0), quiet=QuietHours(time(0, 0), time(2, 30)))
    assert daily(rhythm, at("2026-03-29T00:00+01:00")) == [Slot("2026-03-29", at("2026-03-29T03:00+02:00"))]


def test_quiet_hours_that_end_in_the_repeated_hour_end_the_first_time() -> None:
    rhythm = Rhythm("Europe/Berlin", time(0, 30), quiet=QuietHours(time(23, 0), time(2, 30)))
    assert daily(rhythm, at("2026-10-25T00:00+02:00"))[0].due_at == at("2026-10-25T02:30+02:00")


def test_quiet_hours_that_come_back_with_the_repeated_hour_end_the_second_time() -> None:
    rhythm = Rhythm("Europe/Berlin", quiet=QuietHours(time(22, 0), time(2, 30)))
    second_time = next(slots(Cadence.INSTANT, rhythm, at("2026-10-25T02:10+01:00")))
    assert second_time.due_at == at("2026-10-25T02:30+01:00")


def test_an_instant_alert_is_due_at_once_and_the_next_five_minutes_later() -> None:
    now = at("2026-11-21T08:53:20+00:00")
    assert list(islice(slots(Cadence.INSTANT, Rhythm(), now), 3)) == [
        Slot("2026-11-21T08:50Z", now),
        Slot("2026-11-21T08:55Z", at("2026-11-21T08:55+00:00")),
        Slot("2026-11-21T09:00Z", at("2026-11-21T09:00+00:00")),
    ]


def test_instant_alerts_of_one_night_share_the_slot_at_its_end() -> None:
    rhythm = Rhythm("Europe/Berlin", quiet=QuietHours(time(22, 0), time(7, 3)))
    morning = Slot("2026-11-21T06:00Z", at("2026-11-21T07:03+01:00"))
    for now in ("2026-11-20T22:00+01:00", "2026-11-20T23:59+01:00", "2026-11-21T07:02:59+01:00"):
        assert next(slots(Cadence.INSTANT, rhythm, at(now))) == morning
    in_the_evening = list(islice(slots(Cadence.INSTANT, rhythm, at("2026-11-20T21:57+01:00")), 2))
    assert in_the_evening == [Slot("2026-11-20T20:55Z", at("2026-11-20T21:57+01:00")), morning]


def test_the_local_day_is_the_readers_own() -> None:
    now = at("2026-11-21T20:00+00:00")
    assert local_day(Rhythm("Asia/Tokyo"), now) == date(2026, 11, 22)
    assert local_day(Rhythm("America/Los_Angeles"), now) == date(2026, 11, 21)


# --- attempts and polls


def attempts_until_given_up(jitter: float) -> Iterator[datetime]:
    first_due = now = at("2026-11-21T08:00+00:00")
    attempts = 1
    while (following := next_attempt(attempts, now, first_due, jitter=jitter)) is not None:
        yield following
        now, attempts = following, attempts + 1


def test_attempts_grow_apart_from_seconds_to_hours_and_end_after_eight() -> None:
    moments = list(attempts_until_given_up(jitter=0.999999))
    waits = [b - a for a, b in pairwise(moments)]
    assert len(moments) == 7  # seven more after the first
    assert all(later > earlier for earlier, later in pairwise(waits))
    assert timedelta(hours=5) < waits[-1] < timedelta(hours=6)
    assert len(list(attempts_until_given_up(jitter=0.0))) == 7


def test_the_wait_is_drawn_from_nothing_to_its_ceiling() -> None:
    now = at("2026-11-21T08:00+00:00")
    assert next_attempt(1, now, now, jitter=0.0) == now
    assert next_attempt(1, now, now, jitter=0.5) == now + timedelta(seconds=2.5)


def test_a_delivery_is_given_up_after_seventy_two_hours() -> None:
    first_due = at("2026-11-21T08:00+00:00")
    assert next_attempt(2, first_due + timedelta(hours=71, minutes=59), first_due, jitter=0.9) is not None
    assert next_attempt(2, first_due + timedelta(hours=72, seconds=1), first_due, jitter=0.0) is None


POLL = at("2026-11-21T08:00+00:00")
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@given(
    minutes=st.integers(1, 60 * 48),
    failures=st.integers(0, 10_000),
    retry_after=st.none() | st.integers(0, 10**9).map(lambda s: timedelta(seconds=s)),
    jitter=st.floats(0, 1, exclude_max=True),
)
def test_the_next_poll_is_never_before_it_was_asked_for_and_never_days_away(
    minutes: int, failures: int, retry_after: timedelta | None, jitter: float
) -> None:
    interval = timedelta(minutes=minutes)
    wait = next_poll(POLL, interval=interval, failures=failures, retry_after=retry_after, jitter=jitter) - POLL
    assert interval * 0.9 - SECOND <= wait <= max(interval, DAY) * 1.1 + SECOND
    if retry_after is not None:
        assert wait >= min(retry_after, DAY)


def test_failures_in_a_row_double_the_wait_up_to_a_day() -> None:
    waits = [
        next_poll(POLL, interval=timedelta(hours=1), failures=n, retry_after=None, jitter=0.5) - POLL for n in range(7)
    ]
    assert [wait // timedelta(hours=1) for wait in waits] == [1, 2, 4, 8, 16, 24, 24]


def test_where_nobody_answered_the_waits_begin_at_five_minutes_and_double_up_to_a_day() -> None:
    def wait(failures: int, interval: timedelta = HOUR, retry_after: timedelta | None = None) -> timedelta:
        found = next_poll(
            POLL, interval=interval, failures=failures, retry_after=retry_after, jitter=0.5, unreached=True
        )
        return found - POLL

    assert [wait(n) // MINUTE for n in range(1, 12)] == [5, 10, 20, 40, 80, 160, 320, 640, 1280, 1440, 1440]
    assert wait(0) == HOUR and wait(1, interval=5 * MINUTE) == 5 * MINUTE
    assert wait(1, retry_after=2 * HOUR) >= 2 * HOUR


NO_SKIPS = Manners()


def polled_after(
    now: datetime = POLL,
    *,
    manners: Manners = NO_SKIPS,
    interval: timedelta = HOUR,
    jitter: float = 0.5,
    ceiling: timedelta = DAY,
) -> datetime:
    """When a well source is asked again."""
    return next_poll(
        now, interval=interval, failures=0, retry_after=None, jitter=jitter, manners=manners, ceiling=ceiling
    )


def test_nobody_is_asked_more_than_every_five_minutes() -> None:
    assert polled_after(interval=timedelta(seconds=1)) == POLL + 5 * MINUTE


@pytest.mark.parametrize(
    ("fresh_for", "ceiling", "wait"),
    [
        (None, DAY, HOUR),
        (10 * MINUTE, DAY, HOUR),  # our own interval is longer
        (5 * HOUR, DAY, 5 * HOUR),
        (DAY, 2 * HOUR, 2 * HOUR),  # who knows when news is due does not miss it
        (DAY, MINUTE, HOUR),
        (400 * DAY, DAY, DAY),
        (400 * DAY, 400 * DAY, DAY),
    ],
)
def test_a_fresh_answer_is_not_asked_for_again_within_reason(
    fresh_for: timedelta | None, ceiling: timedelta, wait: timedelta
) -> None:
    soonest, latest = (
        polled_after(manners=Manners(fresh_for), ceiling=ceiling, jitter=jitter) - POLL for jitter in (0.0, 0.999)
    )
    assert soonest >= (wait if fresh_for and wait > HOUR else wait * 0.9)
    assert wait < latest <= wait * 1.1


SATURDAY = at("2026-11-21T08:00+00:00")


@pytest.mark.parametrize(
    ("manners", "soonest"),
    [
        (Manners(skip_hours=frozenset({9, 10})), "2026-11-21T11:00+00:00"),
        (Manners(skip_hours=frozenset(range(9, 24))), "2026-11-22T00:00+00:00"),
        (Manners(skip_hours=frozenset({8, 10})), "2026-11-21T09:00+00:00"),
        (Manners(skip_days=frozenset({5, 6})), "2026-11-23T00:00+00:00"),
        (Manners(skip_days=frozenset({5, 6}), skip_hours=frozenset(range(7))), "2026-11-23T07:00+00:00"),
        (Manners(skip_days=frozenset(range(7))), "2026-11-21T09:00+00:00"),
        (Manners(skip_hours=frozenset(range(24))), "2026-11-21T09:00+00:00"),
        (Manners(skip_hours=frozenset({24, -1}), skip_days=frozenset({9})), "2026-11-21T09:00+00:00"),
    ],
)
def test_hours_and_days_that_are_to_be_skipped_are_unless_they_are_all(manners: Manners, soonest: str) -> None:
    assert timedelta() <= polled_after(SATURDAY, manners=manners) - at(soonest) <= 10 * MINUTE


def test_those_who_wait_for_an_hour_do_not_all_come_at_its_first_second() -> None:
    manners = Manners(skip_hours=frozenset({9, 10}))
    found = {polled_after(SATURDAY, manners=manners, jitter=jitter / 10) for jitter in range(10)}
    assert len(found) == 10


@given(
    now=st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.timezones()),  # noqa: DTZ001
    minutes=st.integers(1, 60 * 48),
    failures=st.integers(0, 100),
    retry_after=st.none() | st.timedeltas(timedelta(), 3 * DAY),
    jitter=st.floats(0, 1, exclude_max=True),
    fresh_for=st.none() | st.timedeltas(timedelta(), 400 * DAY),
    ceiling=st.timedeltas(timedelta(), 3 * DAY),
    skip_days=st.frozensets(st.integers(0, 6)),
    skip_hours=st.frozensets(st.integers(0, 23)),
)
def test_whatever_the_far_side_says_the_next_poll_is_polite_and_comes(
    now: datetime,
    minutes: int,
    failures: int,
    retry_after: timedelta | None,
    jitter: float,
    fresh_for: timedelta | None,
    ceiling: timedelta,
    skip_days: frozenset[int],
    skip_hours: frozenset[int],
) -> None:
    interval = max(timedelta(minutes=minutes), 5 * MINUTE)
    found = next_poll(
        now,
        interval=timedelta(minutes=minutes),
        failures=failures,
        retry_after=retry_after,
        jitter=jitter,
        manners=Manners(fresh_for, skip_days, skip_hours),
        ceiling=ceiling,
    )
    wait = found - now.astimezone(UTC)
    assert found.tzinfo is UTC
    assert wait >= interval * 0.9 - SECOND
    assert wait >= min(retry_after or timedelta(), DAY)
    assert wait >= min(fresh_for or timedelta(), ceiling, DAY)
    assert len(skip_days) == 7 or found.weekday() not in skip_days
    assert len(skip_hours) == 24 or found.hour not in skip_hours
    assert wait <= max(interval, DAY) * 1.1 + (7 * DAY if skip_days or skip_hours else SECOND) + HOUR


# --- what readers write


def test_an_unknown_zone_names_the_nearest() -> None:
    for written, meant in [
        ("Berlin", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("Europe/Berln", "Europe/Berlin"),
        ("new york", "America/New_York"),
        ("Tokio", "Asia/Tokyo"),
    ]:
        with pytest.raises(ReaderError, match=f'unknown time zone "{written}": did you mean .*{meant}'):
            zone(written)


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../../etc/passwd", "America", "/etc/localtime", "a\0b"])
def test_no_text_at_all_makes_a_zone_fail_in_any_other_way(name: str) -> None:
    with pytest.raises(ReaderError, match="unknown time zone"):
        zone(name)


def test_slots_of_an_unknown_zone_are_refused_with_a_name() -> None:
    with pytest.raises(ReaderError, match="Nowhere"):
        next(slots(Cadence.DAILY, Rhythm("Nowhere"), POLL))


def test_hours_are_read_as_people_write_them() -> None:
    assert parse_hour("08:00") == time(8, 0)
    assert parse_hour(" 7:05 ") == time(7, 5)
    for wrong in ("8", "24:00", "12:60", "8 am", "", "٨:٠٠"):
        with pytest.raises(ReaderError, match="write it like 08:00"):
            parse_hour(wrong)


def test_quiet_hours_are_read_and_may_wrap_midnight() -> None:
    assert parse_quiet("22:00-07:00") == QuietHours(time(22, 0), time(7, 0))
    assert parse_quiet("13:00 – 14:30") == QuietHours(time(13, 0), time(14, 30))
    for wrong in ("22:00", "22-07", "22:00-22:00", "22:00-25:00"):
        with pytest.raises(ReaderError):
            parse_quiet(wrong)


def test_a_channels_own_waits_stand_in_place_of_ours() -> None:
    now, waits = at("2026-03-02 09:00"), (timedelta(seconds=5), timedelta(hours=24))
    long_ago = now - timedelta(days=30)
    found = [next_attempt(attempts, now, long_ago, jitter=0.5, waits=waits) for attempts in (1, 2, 3)]
    assert found == [now + timedelta(seconds=5.25), now + timedelta(hours=25.2), None]
