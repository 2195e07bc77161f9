"""What texts are about, and what `about:` and `like:` ask of it."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperlark.matching import meaning
from paperlark.matching.checks import checker
from paperlark.matching.document import Document, analyse
from paperlark.matching.explain import spans, why
from paperlark.matching.fused import wish
from paperlark.matching.index import Index
from paperlark.matching.judge import checker as lean_checker
from paperlark.matching.lean import lean
from paperlark.matching.near import aimed, closeness, refuse_unmeant
from paperlark.matching.nearest import Lack, nearest, why_not
from paperlark.matching.query import Query, parse
from paperlark.matching.reference import meets
from paperlark.matching.tree import LEAST, Near
from paperlark.model.problems import QueryError

NOW = datetime(2026, 3, 4, tzinfo=UTC)
WEB = Document("Agents that browse the web", NOW, "We train a language model to click and type in web browsers.")
BIRDS = Document("Larks over the hedge", NOW, "Songbirds leave their nests at dawn and sing above the meadow.")


@pytest.fixture
def without_the_extra(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "wordllama", None)
    meaning.installed.cache_clear()
    yield
    meaning.installed.cache_clear()


def packed(document: Document) -> bytes:
    found = meaning.of_paper(document.title, document.abstract)
    assert found is not None
    return found


def direction(text: str) -> meaning.Direction:
    found = meaning.direction(text)
    assert found is not None
    return found


def near(query: str) -> Near:
    (leaf,) = parse(query).terms
    assert isinstance(leaf, Near)
    return leaf


# ── directions ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_texts_about_the_same_point_alike_whatever_their_words() -> None:
    asked = direction("software that surfs internet pages by itself")
    assert meaning.closeness(packed(WEB), asked) > meaning.closeness(packed(BIRDS), asked) + 0.1


@given(st.text(max_size=400))
def test_a_direction_is_one_long_and_survives_packing(text: str) -> None:
    found = direction(text)
    assert len(meaning.packed(found)) == meaning.DIMENSIONS
    if not text.split():
        assert not found.any()
        return
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-4)
    assert float(found @ meaning.read(meaning.packed(found))) > 0.999


def test_a_text_is_read_up_to_a_limit() -> None:
    assert np.array_equal(direction("lark " * 1_000_000), direction("lark " * (meaning.LONGEST // 5)))


@pytest.mark.usefixtures("without_the_extra")
def test_without_the_extra_nothing_has_a_direction_and_a_wish_for_one_is_refused_with_the_way_to_it() -> None:
    assert meaning.direction("larks") is None
    assert not meets(parse('about:"birds that sing" OR quantum'), BIRDS)
    assert meets(parse('about:"birds that sing" OR larks'), BIRDS)
    with pytest.raises(QueryError, match=r"pip install 'paperlark\[meaning\]'"):
        refuse_unmeant(parse('larks, about:"birds that sing"'))
    refuse_unmeant(parse("larks"))


# ── the language ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "canonical", "least"),
    [
        ('about:"agents that browse"', 'about:"agents that browse"', 0.5),
        ('about:"agents  that browse" >= 0.6', 'about:"agents that browse">=0.6', 0.6),
        ('about: "agents that browse"≥.45', 'about:"agents that browse">=0.45', 0.45),
        ("about:agents>=0.5", 'about:"agents"', 0.5),
        ("like:2510.02283", "like:2510.02283", 0.65),
        ("like:arXiv:2510.02283v2 >= 0.7", "like:2510.02283>=0.7", 0.7),
        ("like:2510.02283>=1", "like:2510.02283>=1", 1.0),
        ("like:10.1000/Lark", "like:10.1000/lark", 0.65),
    ],
)
def test_a_wish_by_meaning_is_read_and_written(text: str, canonical: str, least: float) -> None:
    assert str(parse(text)) == canonical
    assert near(text).least == least
    assert parse(canonical) == parse(text)


@pytest.mark.parametrize(
    ("text", "message", "suggestion"),
    [
        ('about:""', "nothing here to be like", None),
        ('about:"birds">=60', "between 0.01 and 1", 'about:"birds"'),
        ("like:2510.02283>=0.123", "between 0.01 and 1", "like:2510.02283"),
        ('about:"birds">=0.0', "between 0.01 and 1", 'about:"birds"'),
        ('about:="birds"', "do not go with `about:`", 'about:"birds"'),
        ("larks >=0.6", "goes with a count, or with `about:`", "larks"),
        ("about:(birds songs)", "takes one value", "(birds songs)"),
        ('-about:"birds"', "must ask for something", 'about:"birds"'),
        ('abuot:"birds"', "no field `abuot`", 'about:"birds"'),
    ],
)
def test_what_cannot_be_read_says_where_and_what_would_do(text: str, message: str, suggestion: str | None) -> None:
    with pytest.raises(QueryError, match=message) as raised:
        parse(text)
    assert raised.value.suggestion == suggestion


sentences = st.lists(st.sampled_from(["birds", "that", "sing", "web", "agents", "β", "2510.02283"]), min_size=1)
leaves = st.builds(
    lambda field, words, least: Near(field, " ".join(words), least / 100),
    st.sampled_from(["about", "like"]),
    sentences,
    st.integers(1, 100),
)


@given(leaves)
def test_canonical_text_reads_as_the_same_wish(leaf: Near) -> None:
    assert parse(str(leaf)).tree == leaf


# ── one answer, whoever gives it ─────────────────────────────────────────────────────────────────────────────────────


@given(leaves, st.sampled_from([WEB, BIRDS]), st.sampled_from(["", " larks", " -larks", " OR larks", " OR web birds"]))
def test_index_checks_and_lean_papers_answer_as_the_reference_does(leaf: Near, document: Document, more: str) -> None:
    query = aimed(parse(f"{leaf}{more}"), {leaf.said: packed(BIRDS)})
    expected = meets(query, document)
    analysed = analyse(document)
    index: Index[str] = Index()
    index.put("it", query)
    assert checker(query)(analysed) == expected
    assert index.percolate(analysed) == (["it"] if expected else [])
    thin = lean(document)
    assert lean_checker(query)(replace(thin, direction=packed(document))) == expected
    assert bool(why(query, analysed)) == expected == (nearest(query, analysed) is None)


def test_a_paper_is_like_itself_and_like_nothing_that_is_not_known() -> None:
    query = parse("like:2603.00001>=0.99")
    assert not meets(query, BIRDS)
    known = aimed(query, {"2603.00001": packed(BIRDS)})
    assert known == query and str(known) == str(query)
    assert meets(known, BIRDS) and not meets(known, WEB)


def test_why_says_how_near_and_why_not_how_far() -> None:
    query = parse('about:"agents that browse the web" >= 0.4')
    found = closeness(near(str(query)), packed(WEB))
    assert why(query, analyse(WEB)) == f"It reads like “agents that browse the web”, {found:.2f} (needs 0.4)."
    (span,) = spans(query, analyse(WEB))
    assert span.field == "about"
    missed = nearest(query, analyse(BIRDS))
    assert missed is not None and missed.lacks == (Lack.MEANING,)
    assert "does not read like “agents that browse the web”, " in why_not(query, analyse(BIRDS))


def test_a_paper_as_close_as_is_asked_meets_and_one_a_hundredth_short_does_not() -> None:
    found = closeness(Near("about", "birds", 0.5), packed(BIRDS))
    assert found is not None
    down, up = int(found * 100) / 100, int(found * 100 + 1) / 100
    assert meets(Query(Near("about", "birds", down)), BIRDS)
    assert not meets(Query(Near("about", "birds", up)), BIRDS)


# ── a search by meaning, read from a query ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "words", "must", "said"),
    [
        ("diffusion", "diffusion", None, "diffusion"),
        ("diffusion models -vision", "diffusion-models OR diffusion OR models", "-vision", "diffusion models"),
        ('"test-time scaling" cat:cs.CL', '"test time scaling" OR test OR time OR scaling', "cat:cs.cl",
         "test time scaling"),
        ("larks, owls author:finch", "larks OR owls", None, "larks owls"),
        ("larks cat:cs.CL, owls author:finch", "larks OR owls", 'cat:cs.cl OR author:"finch"', "larks owls"),
        ("cat:cs.CL flow*", None, "cat:cs.cl flow*", ""),
        ('about:"birds" larks', "larks", 'about:"birds"', "larks"),
    ],
)  # fmt: skip
def test_words_may_be_missing_and_all_else_must_hold(text: str, words: str | None, must: str | None, said: str) -> None:
    found = wish(parse(text))
    assert (found.words and str(found.words)) == words
    assert (found.must and str(found.must)) == must
    assert found.said == said


def test_the_defaults_are_closenesses() -> None:
    assert all(0 < least < 1 for least in LEAST.values())
