"""What goes with a set of papers: by Dunning's ratio, each said once."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperlark.ranking.cooccurring import companions, distinct, log_likelihood_ratio


def test_the_ratio_is_that_of_the_paper() -> None:
    """Twice the sum of observed times log(observed / expected) over the four fields of the table."""
    table, columns, total = [(110, 2_442), (111, 29_114)], (221, 31_556), 31_777
    fields = [(seen, sum(row) * column / total) for row in table for seen, column in zip(row, columns, strict=True)]
    by_hand = 2 * sum(seen * math.log(seen / meant) for seen, meant in fields)
    assert log_likelihood_ratio(110, 2_552, 111, 29_225) == pytest.approx(by_hand)


def test_equal_shares_are_no_surprise() -> None:
    assert log_likelihood_ratio(5, 50, 10, 100) == pytest.approx(0, abs=1e-9)
    assert log_likelihood_ratio(0, 0, 10, 100) == 0


@given(st.integers(0, 50), st.integers(1, 50), st.integers(0, 500), st.integers(1, 500))
def test_no_surprise_is_negative(own: int, of: int, usual: int, of_usual: int) -> None:
    assert log_likelihood_ratio(min(own, of), of, min(usual, of_usual), of_usual) >= 0


def test_what_few_hold_or_everybody_says_does_not_go_with_them() -> None:
    usual = {"rare": 1, "common": 900, "night": 30}
    found = companions({"rare": 2, "common": 18, "night": 12}, 20, usual, 1_000)
    assert [each.name for each in found] == ["night"]


def test_each_word_is_said_once_and_a_pair_goes_before_its_words() -> None:
    usual = {"reward": 20, "model": 300, "reward model": 10, "human": 30}
    own = {"reward": 15, "model": 18, "reward model": 12, "human": 9}
    found = distinct(companions(own, 20, usual, 1_000), without={"human"})
    assert [each.name for each in found] == ["reward model"]
