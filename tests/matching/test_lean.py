"""A lean paper answers as the whole one does: the same checks, the same points."""

import pytest
from hypothesis import HealthCheck, example, given, settings

from paperlark.matching import judge, lean, rank
from paperlark.matching.document import Document, analyse
from paperlark.matching.query import Query, parse
from paperlark.matching.rank import Statistics
from paperlark.matching.reference import meets
from tests.amounts import examples
from tests.matching.papers import MONDAY, documents
from tests.matching.test_agreement import queries

STATISTICS = Statistics(1_000, 9.0, {"test": 40, "time": 30, "scale": 20, "rag": 10, "testtim": 5})

often = settings(
    max_examples=examples(80), deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow]
)


@often
@given(queries, documents())
@example(parse("token"), Document("token-s", MONDAY))
@example(parse('"test time test"'), Document("test time test time test", MONDAY))
@example(parse("bc"), Document("b-c-s", MONDAY))
@example(parse("token-law"), Document("token-s law", MONDAY))
@example(parse("=C++"), Document("C++ c++ C", MONDAY))
@example(parse("author:song"), Document("x", MONDAY, authors=("Yang Song-Li", "$\\beta$ Song", "Song Song")))
@example(parse("state-of-the-art"), Document("state of the art", MONDAY, abstract="State-of-the-art; stateof-the art"))
@example(parse('"ab c"'), Document("a-bc ab-c abc", MONDAY))
@example(parse("diffusion"), Document("diffusion-based based-diffusion", MONDAY))
@example(parse("testt*"), Document("test-time testtime", MONDAY))
@example(parse("test*"), Document("test-time testtime te-st-x", MONDAY))
@example(parse("straße"), Document("STRASSE Straße İstanbul", MONDAY))
def test_a_lean_paper_meets_and_scores_as_the_reference_says(query: Query, document: Document) -> None:
    paper = lean.lean(document)
    met = meets(query, document)
    assert judge.checker(query)(paper) is met
    other = lean.lean(Document("Nothing of this", MONDAY))
    expected = rank.score(query, analyse(document), STATISTICS)
    assert judge.judge(query, None, STATISTICS)([paper])[0] == (0.0 if met else None)
    assert judge.judge(None, query, STATISTICS)([other, paper])[1] == expected
    assert judge.judge(query, query, STATISTICS)([paper, other, paper])[::2] == [expected if met else None] * 2


@often
@given(documents())
@example(Document("a-b-c", MONDAY, abstract=f"{'x' * 30} {'y' * 31}-{'z' * 90} İ ß C++ 扩散"))
def test_a_lean_paper_remembers_all_its_words(document: Document) -> None:
    restored, whole = lean.lean(document).analysed(document.title, document.abstract), analyse(document)
    for passage in ("title", "abstract", "anywhere"):
        for reading in ("words", "stems", "exacts"):
            assert getattr(getattr(restored.texts, passage), reading) == getattr(getattr(whole.texts, passage), reading)


@pytest.mark.parametrize("length", [29, 30, 31, 32, 60])
def test_words_of_any_length_are_told_from_longer_ones(length: int) -> None:
    paper = lean.lean(Document("x" * length, MONDAY))
    for asked in range(length - 2, length + 3):
        assert judge.checker(parse(f'"{"x" * asked}"'))(paper) is (asked == length)
