"""When: the slots of a reader's rhythm, the next attempt of a delivery, the next poll of a source. Pure.

A digest's slot is its **local date**; its moment is the first instant at which the reader's clock has reached the
digest hour of that date. So a digest whose hour is skipped in spring comes right after the gap, one whose hour comes
twice in autumn comes the first time, and every local date has exactly one slot. A date that a zone left out altogether
(Samoa had no 30 December 2011) has none: what it would have carried waits for the next.

All moments that come in carry a zone; all that go out are in UTC. Arithmetic happens in UTC: Python subtracts two
moments of one zone as if its clock never changed.
"""

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import count
from zoneinfo import ZoneInfo, available_timezones

from paperlark.model.problems import ReaderError
from paperlark.model.readers import Cadence, QuietHours, Rhythm
from paperlark.model.sources import Manners

INSTANT_SLOT = timedelta(minutes=5)

FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(hours=6)
WAIT_GROWTH = 4  # 5 s, 20 s, … 5.7 h: seven waits between eight attempts span an outage of some hours
ATTEMPTS = 8
GIVE_UP_AFTER = timedelta(hours=72)

LONGEST_BACK_OFF = timedelta(days=1)
POLL_JITTER = 0.1
SHORTEST_INTERVAL = timedelta(minutes=5)
INTO_THE_HOUR = timedelta(minutes=10)  # so that not all who wait for an hour ask at its first second


@dataclass(frozen=True, slots=True)
class Slot:
    """A moment at which a destination may be told, and its name, which is unique within destination and cadence.

    key: `2026-11-21T08:50Z` (instant: start of the five minutes, UTC), `2026-11-21` (daily: local date of the digest
    hour), `week of 2026-11-21` (weekly: the same date).
    due_at: UTC.
    """

    key: str
    due_at: datetime


def slots(cadence: Cadence, rhythm: Rhythm, now: datetime) -> Iterator[Slot]:
    """The coming slots in order, without end; the first is the earliest that may still be used at `now`.

    Keys never repeat and `due_at` rises strictly. Quiet hours move a digest's `due_at` to their end and leave its key;
    instant alerts of one night share the slot at the end of the quiet hours. Raises ReaderError for an unknown zone.
    """
    if cadence is Cadence.INSTANT:
        return _instant_slots(rhythm, now)
    return _digest_slots(cadence, rhythm, now)


def _instant_slots(rhythm: Rhythm, now: datetime) -> Iterator[Slot]:
    tz = zone(rhythm.zone)
    due_at = now.astimezone(UTC)
    while True:
        due_at = _after_quiet(due_at, rhythm.quiet, tz)
        start = _start_of_instant_slot(due_at)
        yield Slot(f"{start:%Y-%m-%dT%H:%MZ}", due_at)
        due_at = start + INSTANT_SLOT


def _start_of_instant_slot(moment: datetime) -> datetime:
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + (moment - midnight) // INSTANT_SLOT * INSTANT_SLOT


def _digest_slots(cadence: Cadence, rhythm: Rhythm, now: datetime) -> Iterator[Slot]:
    tz = zone(rhythm.zone)
    today = now.astimezone(tz).date()
    # Quiet hours may have carried an earlier digest past midnight: it is still ahead.
    for days in count(-2):
        day = today + timedelta(days=days)
        if cadence is Cadence.WEEKLY and day.weekday() != rhythm.weekday:
            continue
        due_at = _instants(day, rhythm.digest_at, tz)[0]
        if due_at.astimezone(tz).date() != day and not _exists(day, tz):
            continue
        due_at = _after_quiet(due_at, rhythm.quiet, tz)
        if due_at >= now:
            yield Slot(f"week of {day}" if cadence is Cadence.WEEKLY else str(day), due_at)


def _after_quiet(moment: datetime, quiet: QuietHours | None, tz: ZoneInfo) -> datetime:
    """`moment`, or the first end of the quiet hours after it where it falls into them."""
    if quiet is None:
        return moment
    local = moment.astimezone(tz)
    if local.time() not in quiet:
        return moment
    days = (local.date() + timedelta(days=n) for n in count())
    return next(end for day in days for end in _instants(day, quiet.end, tz) if end > moment)


def _instants(day: date, at: time, tz: ZoneInfo) -> tuple[datetime, ...]:
    """When the zone's clock shows `at` on `day`, in UTC: twice in an overlap; in a gap, the first instant after it."""
    early = datetime.combine(day, at.replace(fold=0), tzinfo=tz)
    first, second = early.astimezone(UTC), early.replace(fold=1).astimezone(UTC)
    if first == second:
        return (first,)
    if first < second:
        return (first, second)
    # A gap: `second` lies before it and `first` behind it (PEP 495), with one change of the clock between them.
    before, offset = second, second.astimezone(tz).utcoffset()
    while first - before > timedelta(seconds=1):
        middle = before + (first - before) // timedelta(seconds=2) * timedelta(seconds=1)
        if middle.astimezone(tz).utcoffset() == offset:
            before = middle
        else:
            first = middle
    return (first,)


def _exists(day: date, tz: ZoneInfo) -> bool:
    """False for a date that the zone's calendar left out."""
    return _instants(day, time.min, tz)[0].astimezone(tz).date() == day


def local_day(rhythm: Rhythm, now: datetime) -> date:
    """The date on the reader's calendar. Raises ReaderError for an unknown zone."""
    return now.astimezone(zone(rhythm.zone)).date()


def next_attempt(
    attempts: int, now: datetime, tried_at: datetime, *, jitter: float, waits: Sequence[timedelta] = ()
) -> datetime | None:
    """When a delivery that failed for now is tried again, or None: give up.

    attempts: made so far, at least 1. tried_at: when the first of them was. jitter: uniform in [0, 1), for
    full jitter: a wait anywhere below 5 s after the first attempt, four times that after each further one, at most 6 h.
    Gives up after 8 attempts, or where the next would come later than 72 h after the first.

    waits: a channel's own, one after each attempt but the last, in place of all this; each up to a tenth longer.
    """
    if waits:
        return now + waits[attempts - 1] * (1 + jitter / 10) if attempts <= len(waits) else None
    if attempts >= ATTEMPTS:
        return None
    ceiling = min(FIRST_WAIT * float(WAIT_GROWTH ** (attempts - 1)), LONGEST_WAIT)
    at = now + ceiling * jitter
    return at if at <= tried_at + GIVE_UP_AFTER else None


def next_poll(
    now: datetime,
    *,
    interval: timedelta,
    failures: int,
    retry_after: timedelta | None,
    jitter: float,
    manners: Manners | None = None,
    ceiling: timedelta = LONGEST_BACK_OFF,
    unreached: bool = False,
) -> datetime:
    """When a source is asked again, in UTC.

    interval: the source's own, taken for five minutes at least. failures: in a row; each doubles the wait, up to a day
    (or `interval`, if that is longer). unreached: the last of them was that nobody answered. A name server's moment or
    a cable's is soon over, and nobody is burdened: the first wait is then five minutes, if `interval` is longer, and
    doubles from there. jitter: uniform in [0, 1), for ±10 %; never to less than what the far side asks.

    manners: what the far side said. While its answer is fresh it is not asked, for `ceiling` (a day at most) or
    `interval` at the longest: whoever knows when news is due need not miss it because a cache is told to keep the page
    for a day. Then the first hour (UTC) outside its skipDays and skipHours; those that name all days, or all hours,
    name none. retry_after: what it asked for in a refusal; never undercut, but taken for a day at most.
    """
    interval = max(interval, SHORTEST_INTERVAL)
    manners = manners or Manners()
    wait = min(interval * float(2 ** min(failures, 16)), max(interval, LONGEST_BACK_OFF))
    if unreached and failures:
        wait = min(wait, SHORTEST_INTERVAL * float(2 ** min(failures - 1, 16)))
    wait *= 1 + POLL_JITTER * (2 * jitter - 1)
    asked = max(min(manners.fresh_for or timedelta(), ceiling), min(retry_after or timedelta(), LONGEST_BACK_OFF))
    asked = min(asked, LONGEST_BACK_OFF) * (1 + POLL_JITTER * jitter)
    return _outside(manners, now.astimezone(UTC) + max(wait, asked), jitter)


def _outside(manners: Manners, at: datetime, jitter: float) -> datetime:
    """`at`, or some minutes into the first hour after it that is not to be skipped."""
    hours = manners.skip_hours if not manners.skip_hours.issuperset(range(24)) else frozenset()
    days = manners.skip_days if not manners.skip_days.issuperset(range(7)) else frozenset()
    found = at
    while found.hour in hours or found.weekday() in days:
        found = found.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    return found if found == at else found + INTO_THE_HOUR * jitter


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """The IANA zone of that name. Raises ReaderError, naming the nearest ones."""
    if name in _zone_names():
        return ZoneInfo(name)
    near = _nearest_zones(name)
    hint = f"did you mean {' or '.join(near)}?" if near else 'write it like "Europe/Berlin" (an IANA name)'
    raise ReaderError(f'unknown time zone "{name}": {hint}')


_PLACES = ("Africa/", "America/", "Antarctica/", "Arctic/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Indian/",
           "Pacific/")  # fmt: skip


@lru_cache(maxsize=1)
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


def zone_names() -> list[str]:
    """The zones that people live in, for a list to choose from: places, and UTC."""
    return sorted(name for name in _zone_names() if name.startswith(_PLACES) or name == "UTC")


def _nearest_zones(name: str) -> list[str]:
    """Up to three zones: those of that city, else those spelt alike."""
    wanted = re.sub(r"\s+", "_", name.strip()).casefold()
    known = {full.casefold(): full for full in sorted(_zone_names())}
    if wanted in known:
        return [known[wanted]]
    cities = {full: lower.rpartition("/")[2] for lower, full in known.items() if "/" in lower}
    of_city = [full for full, city in cities.items() if city == wanted.rpartition("/")[2]]
    if of_city:
        return of_city[:3]
    alike = [known[lower] for lower in difflib.get_close_matches(wanted, known, n=3, cutoff=0.75)]
    city_alike = difflib.get_close_matches(wanted.rpartition("/")[2], sorted(set(cities.values())), n=3, cutoff=0.75)
    return (alike + [full for full, city in cities.items() if city in city_alike and full not in alike])[:3]


_HOUR = re.compile(r"(\d{1,2}):(\d{2})", re.ASCII)


def parse_hour(text: str) -> time:
    """A local hour written like `08:00` (24 hours). Raises ReaderError."""
    found = _HOUR.fullmatch(text.strip())
    if found and int(found[1]) < 24 and int(found[2]) < 60:
        return time(int(found[1]), int(found[2]))
    raise ReaderError(f'"{text}" is no hour of the day: write it like 08:00 or 17:30')


def parse_quiet(text: str) -> QuietHours:
    """Quiet hours written like `22:00-07:00`; they may wrap midnight. Raises ReaderError."""
    start, dash, end = text.replace("–", "-").partition("-")
    if not dash:
        raise ReaderError(f'"{text}" are no quiet hours: write them like 22:00-07:00')
    quiet = QuietHours(parse_hour(start), parse_hour(end))
    if quiet.start == quiet.end:
        raise ReaderError(f'"{text}" leaves no quiet hour or no other: write them like 22:00-07:00')
    return quiet
