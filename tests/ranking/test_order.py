"""The order inside a digest: marks, then trend and relevance together, then what met more, then the newer."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from paperlark.ranking.order import STEPS, Place, lifted, shares
from tests.builders import MONDAY


def place(
    number: int, *, ago: int = 0, reasons: int = 1, tier: int = 0, trend: float = 0.0, relevance: float = 0.0
) -> Place:
    return Place(number, MONDAY - timedelta(days=ago), reasons, tier, trend, relevance)


def ordered(*places: Place) -> list[int]:
    return [each.paper_id for each in sorted(places, key=lambda each: each.rank)]


def test_marks_decide_first() -> None:
    assert ordered(place(1, tier=-1, trend=9), place(2), place(3, tier=1)) == [3, 2, 1]


def test_a_trend_and_how_well_a_paper_answers_add_up() -> None:
    places = place(1, trend=1.0, relevance=0.25), place(2, relevance=1.0), place(3, trend=0.5, relevance=1.0)
    assert ordered(*places) == [3, 1, 2]


def test_what_is_equal_goes_by_reasons_and_then_the_newer_first() -> None:
    assert ordered(place(1, ago=2), place(2, ago=1), place(3, ago=3, reasons=2)) == [3, 2, 1]


def test_a_share_is_told_in_quarters_of_the_best() -> None:
    assert shares({1: 8.0, 2: 7.9, 3: 4.0, 4: 0.4}) == {1: 1.0, 2: 1.0, 3: 0.5, 4: 0.0}


def test_what_says_nothing_of_words_is_answered_by_all_alike() -> None:
    assert shares({1: 0.0, 2: 0.0}) == {1: 1.0, 2: 1.0}
    assert shares({}) == {}


def test_only_what_would_not_stand_first_without_its_trend_was_lifted() -> None:
    best, risen = place(1, relevance=1.0), place(2, trend=2.0)
    assert lifted({1: best, 2: risen}) == 2
    assert lifted({1: place(1, relevance=1.0, trend=1.0), 2: place(2)}) is None
    assert lifted({2: risen}) is None


@given(st.dictionaries(st.integers(1, 20), st.floats(0, 100), max_size=8))
def test_shares_lie_between_none_and_all_and_keep_the_order(scores: dict[int, float]) -> None:
    found = shares(scores)
    assert all(0 <= each <= 1 and (each * STEPS).is_integer() for each in found.values())
    by_score = sorted(scores, key=lambda number: scores[number])
    assert [found[number] for number in by_score] == sorted(found.values())
