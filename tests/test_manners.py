"""When to ask again, as the headers of an answer have it."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from paperlark.manners import LONGEST_FRESH, LONGEST_WAIT, fresh_for, retry_after

DATE = "Wed, 05 Nov 2025 10:00:00 GMT"
LATER = "Wed, 05 Nov 2025 10:02:00 GMT"
EARLIER = "Wed, 05 Nov 2025 09:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "120"}, 120),
        ({"Retry-After": " 0 "}, 0),
        ({"Retry-After": LATER, "Date": DATE}, 120),
        ({"Retry-After": EARLIER, "Date": DATE}, 0),
        ({"Retry-After": LATER}, None),  # against which clock?
        ({"Retry-After": "99999999999999999999"}, 86_400),
        ({"Retry-After": "²"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "Fri, 31 Dec 9999 23:59:59 -2300", "Date": DATE}, None),  # later than there is time
        ({"Retry-After": "Fri, 31 Dec 99999999999999999999 23:59:59 GMT", "Date": DATE}, None),
        ({}, None),
        ({"RateLimit": '"api";r=0;t=137'}, 137),
        ({"RateLimit": '"pages";r=7;t=10, "api";t=137; r=0'}, 137),
        ({"RateLimit": '"api";r=12;t=137'}, None),
        ({"RateLimit": '"api";r=0'}, None),
        ({"Retry-After": "20", "RateLimit": '"api";r=0;t=137'}, 20),
    ],
)
def test_retry_after_is_read_from_seconds_and_dates_and_rate_limits(headers: dict[str, str], wait: int | None) -> None:
    assert retry_after(headers) == (None if wait is None else timedelta(seconds=wait))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Cache-Control": "public"}, None),
        ({"Cache-Control": "max-age=3600"}, 3600),
        ({"Cache-Control": 'Public, MAX-AGE="60", must-revalidate'}, 60),
        ({"Cache-Control": "max-age = 60"}, 60),
        ({"Cache-Control": "s-maxage=3600"}, None),  # for caches that many share
        ({"Cache-Control": "max-age=60, max-age=3600"}, 60),
        ({"Cache-Control": "max-age=3600", "Age": "600"}, 3000),
        ({"Cache-Control": "max-age=3600", "Age": "7200"}, 0),
        ({"Cache-Control": "max-age=3600", "Age": "young"}, 3600),
        ({"Cache-Control": "max-age=soon"}, 0),
        ({"Cache-Control": "max-age=-1"}, 0),
        ({"Cache-Control": "max-age"}, 0),
        ({"Cache-Control": "no-cache, max-age=3600"}, 0),
        ({"Cache-Control": "max-age=3600, No-Store"}, 0),
        ({"Cache-Control": 'private="no-cache", max-age=60'}, 60),
        ({"Cache-Control": "max-age=99999999999999999999"}, LONGEST_FRESH.total_seconds()),
        ({"Expires": LATER, "Date": DATE}, 120),
        ({"Expires": LATER, "Date": DATE, "Age": "20"}, 100),
        ({"Expires": EARLIER, "Date": DATE}, 0),
        ({"Expires": "Wed, 05 Nov 2025 11:02:00 +0100", "Date": DATE}, 120),
        ({"Expires": LATER}, None),
        ({"Expires": "0", "Date": DATE}, 0),
        ({"Expires": "-1"}, 0),
        ({"Expires": LATER, "Date": DATE, "Cache-Control": "max-age=5"}, 5),
        ({"Expires": "Fri, 31 Dec 9999 23:59:59 GMT", "Date": DATE}, LONGEST_FRESH.total_seconds()),
    ],
)
def test_an_answer_stays_good_as_long_as_it_says(headers: dict[str, str], seconds: float | None) -> None:
    assert fresh_for(headers) == (None if seconds is None else timedelta(seconds=seconds))


def test_directives_on_several_lines_are_one_list() -> None:
    lines = CIMultiDict([("cache-control", "public"), ("Cache-Control", "max-age=60")])
    assert fresh_for(lines) == timedelta(seconds=60)


@given(
    lifetime=st.integers(-(10**6), 10**6),
    age=st.integers(0, 10**6),
    said_at=st.integers(10**6, 10**11).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
)
def test_expires_and_max_age_say_the_same(lifetime: int, age: int, said_at: datetime) -> None:
    date = format_datetime(said_at, usegmt=True)
    until = format_datetime(said_at + timedelta(seconds=lifetime), usegmt=True)
    headers = {"Date": date, "Age": str(age)}
    by_date, by_seconds = headers | {"Expires": until}, headers | {"Cache-Control": f"max-age={lifetime}"}
    assert fresh_for(by_date) == fresh_for(by_seconds) == timedelta(seconds=max(max(lifetime, 0) - age, 0))


DATES = st.from_regex(r"\A(Wed, )?\d{1,2} (Nov|Feb|Foo) \d{1,6} \d\d:\d\d(:\d\d)? ?([+-]\d{1,12}|GMT|EST)?\Z")
WORDS = st.text(st.characters(max_codepoint=255), max_size=40) | DATES | st.from_regex(r"[a-z-]{1,9}[=;\",\d]{0,9}")


@given(
    st.dictionaries(
        st.sampled_from(["Cache-Control", "Expires", "Date", "Age", "Retry-After", "RateLimit"]), WORDS, max_size=6
    )
)
def test_no_header_at_all_is_more_than_a_wait_within_bounds(headers: dict[str, str]) -> None:
    wait, fresh = retry_after(headers), fresh_for(headers)
    assert wait is None or timedelta() <= wait <= LONGEST_WAIT
    assert fresh is None or timedelta() <= fresh <= LONGEST_FRESH
