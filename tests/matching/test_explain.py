"""Why, and why not."""

import pytest

from paperlark.matching.document import Document, analyse
from paperlark.matching.explain import spans, why
from paperlark.matching.nearest import why_not
from paperlark.matching.query import parse
from paperlark.model.messages import Span
from tests.matching.papers import MONDAY

PAPER = analyse(
    Document(
        title=r"😀 $\beta$-VAE for Test-Time scaling",
        abstract="We scale larks. Computer vision at test time.",
        announced_at=MONDAY,
        authors=("Yang Song", "Laurens van der Maaten"),
        categories=("cs.CL", "cs.CV"),
        sources=("arxiv:cs.CL",),
        organisation="DeepMind",
        signals={"upvotes": 12},
    )
)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("beta-vae", [("title", r"\beta$-VAE")]),
        ("scaling", [("title", "scaling"), ("abstract", "scale")]),
        ('"test time"', [("title", "Test-Time"), ("abstract", "test time")]),
        ("testtime", [("title", "Test-Time")]),
        ("larks OR owls", [("abstract", "larks")]),
        ("larks -owls", [("abstract", "larks")]),
        ("author:maaten cat:cs.CV", [("author", "Maaten"), ("cat", "cs.CV")]),
        ('author:"Maaten, L" org:deepmind', [("author", "Laurens van der Maaten"), ("org", "DeepMind")]),
        ("upvotes>=10 since:2026-01-01 larks", [("abstract", "larks"), ("since", "2026-03-02"), ("upvotes", "12")]),
        ("owls", []),
    ],
)
def test_spans_are_the_words_as_written(query: str, expected: list[tuple[str, str]]) -> None:
    found = spans(parse(query), PAPER)
    assert sorted((span.field, span.text) for span in found) == sorted(expected)


def test_offsets_of_authors_are_into_the_joined_names() -> None:
    assert spans(parse("author:maaten"), PAPER) == (Span("author", 27, 33, "Maaten"),)
    assert "Yang Song; Laurens van der Maaten"[27:33] == "Maaten"


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("owls", "The paper does not have `owls`."),
        ("owls larks", "The paper does not have `owls`."),
        ('"larks vision" owls', 'The paper does not have `"larks vision"` and `owls`.'),
        ("larks -vision", "`vision` is excluded, and “vision” stands in the abstract."),
        ("larks upvotes>=20", "It has 12 upvotes, and `upvotes:>=20` is asked for: 8 too few."),
        ("larks upvotes<12", "It has 12 upvotes, and `upvotes:<12` is asked for: 1 too many."),
        ("larks stars>=1", "Nobody has told its stars, and `stars:>=1` is asked for."),
        ("larks since:2026-03-03", "It was announced on 2026-03-02, before 2026-03-03."),
        ("owls hawks, larks owls", "Nearest is `larks owls`: the paper does not have `owls`."),
        ("larks (owls OR hawks)", "The paper does not have `owls OR hawks`."),
        ("larks", ""),
    ],
)
def test_why_not_is_one_plain_sentence(query: str, sentence: str) -> None:
    assert why_not(parse(query), PAPER) == sentence


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("larks scaling", "It has “scaling” in the title; “larks” and “scale” in the abstract."),
        ("cat:cs.CL upvotes>3", "It has “cs.CL” in the categories; 12 upvotes."),
        ("owls", ""),
    ],
)
def test_why_is_one_plain_sentence(query: str, sentence: str) -> None:
    # In the order of reading: "scale" stands before "larks".
    assert set(why(parse(query), PAPER)) == set(sentence)
    assert len(why(parse(query), PAPER)) == len(sentence)
