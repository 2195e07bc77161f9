"""Is it a quiet day, or is it broken? Judged by what polls left behind, at every moment."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from paperlark.health import Standing, begin, empty, empty_note, hear, illness, judge, line
from paperlark.model.papers import Completeness, Page, Reject
from paperlark.model.sources import Evidence, Expected, Health, State
from tests.builders import numbered

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)  # a Wednesday
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WEDNESDAY, TUESDAY = date(2026, 3, 4), date(2026, 3, 3)
DUE = Expected(WEDNESDAY, NOON - HOUR, NOON + DAY)
WELL = Standing("arxiv", Evidence(), NOON, NOON, NOON + HOUR, 0, None)


def day(papers: int, of: date = WEDNESDAY, expected: int | None = None, *, told: int | None = None) -> Page:
    return Page(tuple(numbered(papers)), stated=Completeness(day=of, expected=expected, told=told))


def state(evidence: Evidence, now: datetime = NOON) -> State | None:
    found = judge(replace(WELL, evidence=evidence), now)
    return found.state if found else None


def test_a_source_that_told_of_the_day_that_was_due_is_fresh() -> None:
    heard = hear(begin(Evidence(), DUE), day(3), new=3, now=NOON)
    assert judge(replace(WELL, evidence=heard), NOON) == Health(
        State.FRESH, "told of 2026-03-04", "3 papers of 2026-03-04"
    )


def test_a_day_that_is_due_and_not_there_is_stale_and_says_which() -> None:
    heard = hear(begin(Evidence(), DUE), day(3, TUESDAY), new=3, now=NOON)
    found = judge(replace(WELL, evidence=heard), NOON)
    assert found is not None and found.state is State.STALE
    assert found.because == "its newest day is 2026-03-03, and 2026-03-04 was due at 2026-03-04 11:00 UTC"


def test_yesterdays_list_under_todays_date_is_stale() -> None:
    tuesday = hear(begin(Evidence(), None), day(3, TUESDAY), new=3, now=NOON - DAY)
    again = hear(begin(tuesday, DUE), day(3, WEDNESDAY), new=0, now=NOON)
    assert again.day == TUESDAY
    assert state(again) is State.STALE


def test_fewer_papers_than_the_source_holds_is_partial_until_the_rest_has_come() -> None:
    some = hear(begin(Evidence(), DUE), day(7, expected=10), new=7, now=NOON)
    assert judge(replace(WELL, evidence=some), NOON) == Health(
        State.PARTIAL, "7 of the 10 papers of 2026-03-04", "7 of 10 papers so far"
    )
    told_again = hear(begin(some, DUE), day(2, expected=10), new=0, now=NOON)
    assert state(told_again) is State.PARTIAL, "a part told again is no progress, and no loss"
    assert (told_again.told, told_again.expected) == (7, 10)
    whole = hear(begin(some, DUE), day(3, expected=10, told=10), new=3, now=NOON)
    assert state(whole) is State.FRESH


def test_many_entries_that_cannot_be_read_are_partial() -> None:
    bad = Page(tuple(numbered(8)), rejects=tuple(Reject(str(n), "no title") for n in range(2)))
    assert state(hear(begin(Evidence(), None), bad, new=8, now=NOON)) is State.PARTIAL


def test_a_weekend_is_quiet_by_the_calendar_and_by_the_sources_own_word() -> None:
    calendar = Expected(date(2026, 3, 6), NOON - DAY, NOON + DAY, quiet=True)
    friday = hear(begin(Evidence(), None), day(3, date(2026, 3, 6)), new=3, now=NOON)
    assert state(begin(friday, calendar)) is State.QUIET
    own_word = hear(begin(friday, None), Page((), stated=Completeness(quiet=True)), new=0, now=NOON)
    assert state(own_word) is State.QUIET
    assert empty(own_word, unchanged=False) is None


def test_news_after_a_quiet_weekend_in_the_same_poll_is_no_quiet_day() -> None:
    sunday = Page((), stated=Completeness(day=date(2026, 3, 1), quiet=True))
    heard = hear(begin(Evidence(day=date(2026, 2, 27)), DUE), sunday, new=0, now=NOON)
    assert heard.quiet
    assert state(hear(heard, day(3), new=3, now=NOON)) is State.FRESH


def test_an_empty_answer_is_a_failure_unless_somebody_says_that_nothing_is_due() -> None:
    silent = hear(begin(Evidence(), DUE), Page(()), new=0, now=NOON)
    assert empty(silent, unchanged=False) is not None
    assert empty(silent, unchanged=True) is None
    unread = hear(begin(Evidence(), DUE), Page((), rejects=(Reject("1", "no title"),)), new=0, now=NOON)
    assert empty(unread, unchanged=False) == "none of the 1 entries that it sent could be read"


def test_a_source_without_a_calendar_is_quiet_after_a_week_without_anything_new() -> None:
    heard = hear(begin(Evidence(), None), Page(tuple(numbered(2))), new=2, now=NOON)
    later = replace(WELL, evidence=heard, polled_at=NOON + 8 * DAY, next_poll_at=NOON + 8 * DAY)
    assert state(heard) is State.FRESH
    found = judge(later, NOON + 8 * DAY)
    assert found is not None and (found.state, found.because) == (
        State.QUIET, "nothing new since 2026-03-04, and it answers",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("failures", "hours_since_good", "broken"),
    [(0, 100, False), (1, 1, False), (2, 5, False), (3, 0, False), (3, 1, True), (1, 7, True)],
)
def test_a_hiccup_is_not_called_broken_but_what_lasts_is(failures: int, hours_since_good: int, broken: bool) -> None:
    heard = hear(begin(Evidence(), None), Page(tuple(numbered(2))), new=2, now=NOON)
    good = NOON - hours_since_good * HOUR
    found = judge(replace(WELL, evidence=heard, failures=failures, good_at=good, last_error="hf: 503"), NOON)
    assert found is not None
    assert (found.state is State.BROKEN) is broken
    assert not broken or found.because.startswith("hf: 503; last well 2026-03-0")


def test_a_source_that_nobody_polls_is_broken_too() -> None:
    found = judge(WELL, NOON + 5 * HOUR)
    assert found is not None and found.state is State.BROKEN and "is the service running?" in found.because


def test_what_is_paused_imported_or_new_has_no_health() -> None:
    assert judge(replace(WELL, paused_reason="gone"), NOON) is None
    assert judge(replace(WELL, next_poll_at=None), NOON) is None
    assert judge(replace(WELL, polled_at=None), NOON) is None


def test_the_operator_is_told_once_when_it_lasts_a_day_and_once_when_it_heals() -> None:
    broken, fresh = Health(State.BROKEN, "503"), Health(State.FRESH, "told of today")
    evidence, told = illness(Evidence(), broken, NOON)
    assert told is None and evidence.ill_since == NOON
    evidence, told = illness(evidence, broken, NOON + 23 * HOUR)
    assert told is None
    evidence, told = illness(evidence, broken, NOON + 24 * HOUR)
    assert told is not None and told.startswith("is broken since 2026-03-04 12:00 UTC: 503.")
    evidence, told = illness(evidence, broken, NOON + 48 * HOUR)
    assert told is None
    evidence, told = illness(evidence, fresh, NOON + 50 * HOUR)
    assert told is not None and told.startswith("is fresh again")
    assert illness(evidence, fresh, NOON + 51 * HOUR) == (evidence, None)


def test_a_short_illness_is_nobodys_business() -> None:
    evidence, _ = illness(Evidence(), Health(State.STALE, "late"), NOON)
    healed, told = illness(evidence, Health(State.FRESH, "told"), NOON + HOUR)
    assert told is None and healed == Evidence()


def brief(evidence: Evidence, now: datetime = NOON) -> str:
    found = judge(replace(WELL, evidence=evidence), now)
    assert found is not None
    return found.brief


def test_the_brief_word_tells_complete_from_still_filling_from_silent() -> None:
    whole = hear(begin(Evidence(), DUE), day(214, expected=214), new=214, now=NOON)
    assert brief(whole) == "214 papers, complete"
    early = Expected(TUESDAY, NOON - DAY, NOON + HOUR)
    filling = hear(begin(Evidence(day=TUESDAY), early), day(7), new=7, now=NOON)
    assert brief(filling) == "7 papers, still filling"
    late = hear(begin(Evidence(), DUE), day(3, TUESDAY), new=3, now=NOON)
    assert brief(late) == "nothing of 2026-03-04 yet"
    down = judge(replace(WELL, failures=3, last_error="503", good_at=NOON - 6 * HOUR), NOON)
    assert down is not None and down.brief == "no answer since 06:00 UTC"


def test_the_line_under_a_digest_names_few_sources_and_of_many_those_that_are_ill() -> None:
    fresh, stale = (
        Health(State.FRESH, "told", "214 papers, complete"),
        Health(State.STALE, "late", "nothing of today yet"),
    )
    assert line([]) == line([("x", None)]) == ""
    assert line([("arxiv", fresh), ("hf", stale)]) == "arxiv: 214 papers, complete; hf: nothing of today yet."
    many = [(f"journal {n}", fresh) for n in range(9)]
    assert line(many) == "9 sources well."
    assert line([*many, ("hf", stale)]) == "hf: nothing of today yet; 9 others well."
    ill = [(f"j{n}", stale) for n in range(6)]
    assert line(ill).endswith("; 2 more not well.")


def test_an_empty_day_says_which_kind_of_empty_it_was() -> None:
    fresh, quiet, stale = (Health(state, "") for state in (State.FRESH, State.QUIET, State.STALE))
    assert "Nothing is broken" in empty_note([("a", fresh), ("b", quiet)])
    assert "a quiet day" in empty_note([("a", quiet), ("b", None)])
    assert "not every source" in empty_note([("a", fresh), ("b", stale)])
