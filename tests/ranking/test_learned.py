"""What marks teach: papers like the saved ones come first, once there are enough and they say something."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from paperlark.ranking.learned import ENOUGH, Feature, Model, features, learned

SONG, MAPS = ("song", "tune", "note"), ("map", "route", "scale")
OTHERS = [f"word{n}" for n in range(80)]


def papers(count: int, of: tuple[str, ...], seed: int = 0, *authors: str) -> list[frozenset[Feature]]:
    """Papers that hold two of these words, and ten of any."""
    chance = Random(seed)
    return [features([*chance.sample(of, 2), *chance.sample(OTHERS, 8)], authors, [1]) for _ in range(count)]


def taught(saved: int = 8, dismissed: int = 8) -> Model:
    model = learned(papers(saved, SONG, 1), papers(dismissed, MAPS, 2))
    assert model is not None
    return model


def test_papers_like_saved_ones_come_first_and_like_dismissed_ones_last_and_the_words_are_the_reason() -> None:
    model = taught()
    liked, disliked = model.judge(papers(1, SONG, 3)[0]), model.judge(papers(1, MAPS, 4)[0])
    assert (liked.tier, disliked.tier) == (1, -1)
    assert {each.name for each in liked.because} <= set(SONG) and liked.because
    assert {each.name for each in disliked.because} <= set(MAPS) and disliked.because


def test_what_shares_nothing_with_any_mark_stays_in_between() -> None:
    assert taught().judge(features(["owl"], ["Bo Owl"], [7])).tier == 0


def test_an_author_of_saved_papers_is_the_clearer_reason() -> None:
    model = learned(papers(8, SONG, 1, "Yang  Song"), papers(8, SONG, 2, "Bo Owl"))
    assert model is not None
    found = model.judge(features(OTHERS[:3], ["yang song"], []))
    assert (found.tier, found.because) == (1, (Feature("author", "yang song"),))


def test_there_is_no_model_before_ten_marks_with_three_of_each() -> None:
    assert learned(papers(5, SONG, 1), papers(4, MAPS, 2)) is None
    assert learned(papers(20, SONG, 1), papers(2, MAPS, 2)) is None
    assert learned(papers(ENOUGH - 3, SONG, 1), papers(3, MAPS, 2)) is not None


def test_marks_that_say_nothing_of_each_other_make_no_model() -> None:
    made = [learned(papers(20, SONG, 2 * seed), papers(20, SONG, 2 * seed + 1)) for seed in range(12)]
    assert made.count(None) >= 8


def test_few_dismissed_papers_weigh_as_much_as_many_saved_ones() -> None:
    model = taught(saved=40, dismissed=4)
    assert model.judge(papers(1, MAPS, 9)[0]).tier == -1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1_000), st.randoms(use_true_random=False))
def test_the_same_marks_teach_the_same_in_whatever_order(seed: int, chance: Random) -> None:
    saved, dismissed = papers(7, SONG, seed), papers(7, MAPS, seed + 1)
    first = learned(saved, dismissed)
    chance.shuffle(saved)
    chance.shuffle(dismissed)
    again = learned(saved, dismissed)
    paper = papers(1, SONG, seed + 2)[0]
    assert (first is None) == (again is None)
    if first is not None and again is not None:
        assert abs(first.judge(paper).points - again.judge(paper).points) <= 2e-6
        assert -1 <= first.judge(paper).points <= 1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1_000))
def test_who_turns_every_mark_round_turns_the_judgement_round(seed: int) -> None:
    saved, dismissed = papers(6, SONG, seed), papers(6, MAPS, seed + 1)
    one, other = learned(saved, dismissed), learned(dismissed, saved)
    paper = papers(1, MAPS, seed + 2)[0]
    if one is not None and other is not None:
        assert abs(one.judge(paper).points + other.judge(paper).points) <= 2e-6
