"""Words one edit away, and which of them may be meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperlark.ranking.spelling import COMMON, HARDLY, likelier, variants


@pytest.mark.parametrize("written", ["tranformer", "transsformer", "trensformer", "trasnformer"])
def test_a_letter_lost_doubled_changed_or_swapped_is_one_edit(written: str) -> None:
    assert "transformer" in variants(written)


@pytest.mark.parametrize("word", ["cat", "gpt4", "naïve", ""])
def test_what_is_short_or_no_plain_word_has_no_variants(word: str) -> None:
    assert variants(word) == frozenset()


def test_the_commonest_comes_first_and_what_is_rare_is_not_meant() -> None:
    assert likelier(0, {"larks": 40, "barks": 90, "marks": COMMON - 1}) == ["barks", "larks"]


def test_a_word_that_is_known_means_itself() -> None:
    assert likelier(HARDLY + 1, {"larks": 1_000}) == []


def test_who_is_seldom_right_needs_a_much_commoner_word() -> None:
    assert likelier(2, {"larks": 39}) == [] and likelier(2, {"larks": 40}) == ["larks"]


@given(st.from_regex(r"[a-z]{4,12}", fullmatch=True))
def test_who_is_one_edit_away_is_so_both_ways(word: str) -> None:
    some = sorted(variants(word))[::37]
    assert all(word in variants(each) for each in some if len(each) >= 4)
    assert word not in variants(word)
