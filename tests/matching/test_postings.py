"""Papers posted together answer as each of them does alone."""

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from paperlark.matching import judge
from paperlark.matching.document import Document
from paperlark.matching.lean import Lean, lean
from paperlark.matching.postings import SEGMENT, Postings, judge_posted, row
from paperlark.matching.query import Query, parse
from tests.amounts import examples
from tests.matching.papers import MONDAY, documents
from tests.matching.test_agreement import queries
from tests.matching.test_lean import STATISTICS

often = settings(
    max_examples=examples(80), deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow]
)


def posted(papers: list[Lean]) -> Postings:
    found = Postings()
    for number, paper in enumerate(papers, start=100):
        found.add(number, row(paper))
    return found


@often
@given(queries, st.lists(documents(), min_size=1, max_size=6))
@example(parse("token"), [Document("token-s", MONDAY)])
@example(parse('"test time test"'), [Document("test time test time test", MONDAY)])
@example(parse('"test time"'), [Document("testtime", MONDAY), Document("test-time", MONDAY)])
@example(parse('"ab c"'), [Document("a-bc ab-c abc", MONDAY), Document("abc", MONDAY), Document("ab c", MONDAY)])
@example(parse("bc"), [Document("b-c-s", MONDAY)])
@example(parse('author:"Song, Y."'), [Document("x", MONDAY, authors=("Yang Song",)), Document("song", MONDAY)])
@example(parse("authors:>=2"), [Document("x", MONDAY, authors=("A", "B")), Document("y", MONDAY)])
def test_posted_papers_meet_and_score_as_each_alone(query: Query, some: list[Document]) -> None:
    papers = list(map(lean, some))
    at = np.arange(len(papers))[::-1].copy()
    met, points = judge_posted(query, query, STATISTICS)(posted(papers), at)
    alone = judge.judge(query, query, STATISTICS)([papers[place] for place in at])
    for each, score, expected in zip(met.tolist(), points.tolist(), alone, strict=True):
        assert each is (expected is not None)
        if each:
            assert round(score, 6) == expected


@pytest.mark.parametrize("text", ["larks", '"larks sing"', "=LARKS", "lark*", "title:larks", "NOT finches larks"])
def test_who_has_left_meets_nothing(text: str) -> None:
    papers = posted([lean(Document("Larks sing", MONDAY, abstract="LARKS")) for _ in range(3)])
    papers.drop(1)
    met, _ = judge_posted(parse(text), None, STATISTICS)(papers, np.arange(3))
    assert met.tolist() == [True, False, True]
    assert papers.numbers.tolist() == [100, -1, 102]
    assert papers.held == 2


def test_postings_say_when_they_are_full() -> None:
    paper, found = row(lean(Document("x", MONDAY))), Postings()
    for number in range(SEGMENT):
        assert not found.is_full
        found.add(number, paper)
    assert found.is_full
