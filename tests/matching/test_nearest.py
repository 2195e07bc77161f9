"""What came nearest to meeting a query, part by part."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperlark.matching.document import Document, analyse
from paperlark.matching.nearest import Lack, nearest
from paperlark.matching.query import parse
from paperlark.matching.reference import meets
from paperlark.model.messages import Span
from tests.matching.papers import MONDAY

PAPER = analyse(
    Document(title="Larks over the valley", abstract="They fly.", announced_at=MONDAY, signals={"upvotes": 12})
)


def test_a_paper_that_meets_lacks_nothing() -> None:
    assert nearest(parse("larks"), PAPER) is None


@pytest.mark.parametrize(
    ("query", "alternative", "lacks"),
    [
        ("owls hawks, larks owls", "larks owls", {"owls": Lack.WORDS}),
        ("larks valley fly owls, owls", "larks valley fly owls", {"owls": Lack.WORDS}),
        ("larks -valley upvotes>=30", "larks -valley upvotes:>=30", {"-valley": Lack.EXCLUSION,
                                                                    "upvotes:>=30": Lack.NUMBER}),
        ("since:2026-03-03", "since:2026-03-03", {"since:2026-03-03": Lack.DATE}),
        ("larks (upvotes>=30 OR stars>=1)", "larks (upvotes:>=30 OR stars:>=1)",
         {"upvotes:>=30 OR stars:>=1": Lack.NUMBER}),
    ],
)  # fmt: skip
def test_the_alternative_that_lacks_least_is_nearest(query: str, alternative: str, lacks: dict[str, Lack]) -> None:
    found = nearest(parse(query), PAPER)
    assert found is not None
    assert (found.alternative, {each.asked: each.lack for each in found.shortfalls}) == (alternative, lacks)


def test_an_exclusion_shows_the_word_that_fired_it_and_a_number_how_far_it_is() -> None:
    found = nearest(parse("larks -valley upvotes>=30"), PAPER)
    assert found is not None
    excluded, number = found.shortfalls
    assert (excluded.span, number.away) == (Span("title", 15, 21, "valley"), 18)
    assert found.only(Lack.NUMBER).clause == "it has 12 upvotes, and `upvotes:>=30` is asked for: 18 too few"


parts = st.sampled_from(["larks", "owls", "-valley", "-hawks", "fly", "upvotes>=30", "upvotes>3", "since:2026-03-03"])
alternatives = st.lists(parts, min_size=1, max_size=4, unique=True).map(lambda some: " ".join(["valley", *some]))


@given(st.lists(alternatives, min_size=1, max_size=4))
def test_something_is_lacking_exactly_where_the_query_is_not_met_and_no_alternative_lacks_a_smaller_share(
    some: list[str],
) -> None:
    query = parse("\n".join(some))
    found = nearest(query, PAPER)
    assert (found is None) is meets(query, PAPER)
    if found is None:
        return
    share = len(found.shortfalls) / len(set(found.alternative.split()))
    for other in some:
        alone = nearest(parse(other), PAPER)
        assert alone is not None
        assert len(alone.shortfalls) / len(set(alone.alternative.split())) >= share
