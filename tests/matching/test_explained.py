"""Which other names some words have, by what abstracts explain."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperlark.matching.explained import NAMES, Explained, explanations, stems_of

MODELS = "We train large language models (LLMs) on maps."
TRACKING = "by robust owl tracking (ROT)"


def names(explained: Explained, text: str, held: Callable[[str], int] = lambda _: 2) -> set[str]:
    return set(explained.names([stems_of(text)], held))


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("LLM", {"large language models"}),
        ("llms", {"large language models"}),
        ("large language model", {"LLM"}),
        ("Large-language models", {"LLM"}),
        ("LLM agents", {"large language models"}),
        ("language models", set()),
        ("owls", set()),
    ],
)
def test_a_short_form_and_its_long_form_are_names_of_one_another(asked: str, found: set[str]) -> None:
    assert names(Explained([MODELS, MODELS]), asked) == found


def test_what_one_abstract_alone_explains_is_not_believed() -> None:
    assert not names(Explained([MODELS, TRACKING]), "LLM")


def test_of_two_meanings_the_one_that_most_explain_is_taken() -> None:
    other = "after a long lunch meeting (LLM)"
    assert names(Explained([MODELS, MODELS, other, other, MODELS]), "LLM") == {"large language models"}
    rare = Explained([MODELS, MODELS, "a late lunar month (LLM)", other, "two low light mirrors (LLM)"])
    assert not names(rare, "LLM")


def test_a_short_form_that_is_mostly_a_word_of_its_own_has_no_other_name() -> None:
    explained = Explained([TRACKING] * 5)
    often = {"rot": 101, "owl": 5, "robust": 5, "track": 5}
    assert not names(explained, "rot", often.__getitem__)
    assert not names(explained, "robust owl tracking", often.__getitem__)
    assert names(explained, "rot", {**often, "rot": 100}.__getitem__) == {"robust owl tracking"}


def test_no_question_has_more_names_than_a_search_can_bear() -> None:
    letters = "bcdfghklmnpqrst"
    abstracts = [f"by {one}alking {one}ightly ({one.upper() * 2})" for one in letters]
    found = Explained(abstracts * 2).names([[one * 2 for one in letters]], lambda _: 2)
    assert len(found) == NAMES


@given(st.lists(st.sampled_from([MODELS, TRACKING, "a lark listing map (LLM)", "no more"]), max_size=8), st.data())
def test_what_is_dropped_was_never_explained(abstracts: list[str], data: st.DataObject) -> None:
    explained = Explained(abstracts)
    left = list(abstracts)
    for _ in range(data.draw(st.integers(0, len(abstracts)))):
        explained.drop(explanations(left.pop(data.draw(st.integers(0, len(left) - 1)))))
    assert explained._named == Explained(left)._named
