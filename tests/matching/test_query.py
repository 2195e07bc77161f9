"""The profile language: what text means, how it is written back, and what is said where it cannot be read."""

import time
from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from paperlark.matching.names import Name
from paperlark.matching.query import parse
from paperlark.matching.tree import And, Author, Code, Node, Not, Number, Or, Reading, Since, Term
from paperlark.model.problems import Pointer, QueryError
from tests.matching.papers import query_texts


def stemmed(*words: str, **kwargs: object) -> Term:
    return Term(words, **kwargs)  # type: ignore[arg-type]


def phrase(*words: str, **kwargs: object) -> Term:
    return Term(words, Reading.PHRASE, **kwargs)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        (
            '"test-time scaling", inference scaling -vision',
            Or((
                phrase("test", "time", "scaling"),
                And((stemmed("inference"), stemmed("scaling"), Not(stemmed("vision")))),
            )),
        ),
        (
            'title:(diffusion OR flow*) author:"Song, Yang"',
            And((
                Or((stemmed("diffusion", field="title"), stemmed("flow", prefix=True, field="title"))),
                Author(Name(("song",), ("yang",))),
            )),
        ),
        (
            "cat:cs.CL upvotes:>=20 -type:replace",
            And((Code("cat", "cs.cl"), Number("upvotes", ">=", 20), Not(Code("type", "replace")))),
        ),
        ("=RAG", Term(("RAG",), Reading.EXACT)),
        ("graph\nspeech,vision", Or((stemmed("graph"), stemmed("speech"), stemmed("vision")))),
        ("graph speech OR vision", Or((And((stemmed("graph"), stemmed("speech"))), stemmed("vision")))),
        ("graph AND (speech | vision)", And((stemmed("graph"), Or((stemmed("speech"), stemmed("vision")))))),
        ("graph NOT speech", And((stemmed("graph"), Not(stemmed("speech"))))),
        ("graph -(speech vision)", And((stemmed("graph"), Not(And((stemmed("speech"), stemmed("vision"))))))),
        ("NOT NOT graph", stemmed("graph")),
        ("cats and dogs", And((stemmed("cats"), stemmed("and"), stemmed("dogs")))),
        ("test-time", stemmed("test", "time")),
        ("GPT-4.5 C++", And((stemmed("gpt", "4", "5"), stemmed("cplusplus")))),
        ("“deep learning” –vision", And((phrase("deep", "learning"), Not(stemmed("vision"))))),
        ('"large lang*"', phrase("large", "lang", prefix=True)),
        ('="Deep RL"', Term(("Deep", "RL"), Reading.EXACT)),
        (r"$\beta$-VAE", stemmed("beta", "vae")),
        ("upvotes>=20 stars < 5 comments=1 authors:7", And((
            Number("upvotes", ">=", 20), Number("stars", "<", 5), Number("comments", "=", 1), Number("authors", "=", 7),
        ))),
        ("upvotes ≥ 20", Number("upvotes", ">=", 20)),
        ("since:2026-01-01", Since(date(2026, 1, 1))),
        ("source:arxiv:cs.CL", Code("source", "arxiv:cs.cl")),
        ("id:arXiv:2510.02283v2", Code("id", "2510.02283")),
        ("doi:10.48550/arXiv.2510.02283", Code("id", "2510.02283")),
        ("cat:cs.*", Code("cat", "cs.", prefix=True)),
        ('cat:"title:"', Code("cat", "title:")),
        ("author:Song", phrase("song", field="author")),
        ("graph，（speech）", Or((stemmed("graph"), stemmed("speech")))),
        (",, graph ,\n, ", stemmed("graph")),
        ("graph graph, graph", stemmed("graph")),
        ("stars =RAG", And((stemmed("stars"), Term(("RAG",), Reading.EXACT)))),
        ("ANDROID ORB NOTE", And((stemmed("android"), stemmed("orb"), stemmed("note")))),
        ("upvotes:>=50", Number("upvotes", ">=", 50)),
        ('"the"', phrase("the")),
    ],
)  # fmt: skip
def test_text_means(text: str, tree: Node) -> None:
    assert parse(text).tree == tree


@pytest.mark.parametrize(
    ("text", "says", "at", "suggestion"),
    [
        ("", "empty", None, None),
        (" ,\n ", "empty", Pointer(1, 1), None),
        ("graph OR", "`OR` has nothing after it", Pointer(1, 7), "graph"),
        ("OR graph", "`OR` has nothing before it", Pointer(1, 1), "graph"),
        ("|-", "`|` has nothing before it", Pointer(1, 1), None),
        ("graph AND AND speech", "`AND` has nothing after it", Pointer(1, 7), "graph  AND speech"),
        ("speech\n\ngraph NOT", "`NOT` has nothing after it", Pointer(3, 7), "speech\n\ngraph"),
        ("(graph", "opened and not closed", Pointer(1, 1), "(graph)"),
        ("graph)", "closed that was not opened", Pointer(1, 6), "graph"),
        ("graph ()", "parentheses are empty", Pointer(1, 7), "graph"),
        ('"deep graph', "quote is opened", Pointer(1, 1), '"deep graph"'),
        ('"deep\nspeech', "quote is opened", Pointer(1, 1), '"deep"\nspeech'),
        ('""', "no word", Pointer(1, 1), None),
        ("graph &&", "no word", Pointer(1, 7), "graph"),
        ("autor:Hinton", "no field `autor`", Pointer(1, 1), "author:Hinton"),
        ("arxiv:2510.02283", "no field `arxiv`", Pointer(1, 1), "id:2510.02283"),
        ("zzz:graph", "no field `zzz`", Pointer(1, 1), '"zzz:graph"'),
        ('zzz:"deep graph"', "no field `zzz`", Pointer(1, 1), 'zzz "deep graph"'),
        ("title:", "`title:` has nothing after it", Pointer(1, 1), None),
        ("title:(author:song)", "inside a field", Pointer(1, 8), "title:(song)"),
        ("title:upvotes>3", "inside a field", Pointer(1, 7), "upvotes>3"),
        ("likes>=20", "no count `likes`", Pointer(1, 1), "upvotes>=20"),
        ("upvotes:>=20k", "whole number", Pointer(1, 11), "upvotes:>=20"),
        ("graph since:2026-02-30", "a day as in", Pointer(1, 13), "graph since:2026-02-28"),
        ("since:2026", "a day as in", Pointer(1, 7), "since:2026-01-01"),
        ("-vision", "not only exclude", Pointer(1, 1), "vision"),
        ("NOT (vision graph)", "not only exclude", Pointer(1, 1), "(vision graph)"),
        ("graph, -vision", "not only exclude", Pointer(1, 8), "graph -vision"),
        ("-vision, graph", "not only exclude", Pointer(1, 1), "-vision graph"),
        ("-upvotes>3", "not only exclude", Pointer(1, 1), "upvotes>3"),
        ("(graph OR -vision)", "not only exclude", Pointer(1, 1), None),
        ("the", "nearly every paper", Pointer(1, 1), '"the"'),
        ("graph, in the", "nearly every paper", Pointer(1, 8), 'graph, "in the"'),
        ("graph - speech", "dash stands alone", Pointer(1, 7), "graph  speech"),
        ("graph; speech", "parted by commas", Pointer(1, 6), "graph, speech"),
        ("gr*ph", "only end a word", Pointer(1, 3), "grph"),
        ("x*", "at least two letters", Pointer(1, 1), "x"),
        ('author:"Song, Y*"', "single word of a name", Pointer(1, 8), 'author:"Song, Y"'),
        ("doi:10.1016/S0140(20)30-5", "parentheses is quoted", Pointer(1, 18), 'doi:"10.1016/S0140(20)30-5"'),
        ("(" * 21 + "graph" + ")" * 21, "20 deep", Pointer(1, 21), None),
        ("graph " * 201, "200 words and checks, this one has 1", None, None),
        ("g" * 4_001, "4,000 characters", Pointer(1, 4_001), None),
    ],
)
def test_error_says_where_and_what_would_do(text: str, says: str, at: Pointer | None, suggestion: str | None) -> None:
    if says.startswith("200"):
        text, says = " ".join(f"graph{n}" for n in range(201)), "200 words and checks, this one has 201"
        at = Pointer(1, len(text) + 1)
    with pytest.raises(QueryError) as raised:
        parse(text)
    assert says in raised.value.message
    assert (raised.value.at, raised.value.suggestion) == (at, suggestion)


@given(query_texts)
def test_canonical_text_reads_as_the_same_tree(text: str) -> None:
    try:
        query = parse(text)
    except QueryError:
        return
    assert parse(query.canonical()) == query
    assert parse(query.canonical()).canonical() == str(query)


signs = st.lists(
    st.sampled_from([
        " ", "\n", ",", "(", ")", '"', "-", "=", "*", ":", "|", "\\", "OR", "AND", "NOT", "title:", "author:", "cat:",
        "id:", "since:", "upvotes", ">=", "20", "2026-01-01", "zzz:", "graph", "the", "β", "扩散", "“", "—", ";", "$",
        "C++", "jr",
    ]),
    max_size=14,
).map("".join)  # fmt: skip


@given(st.one_of(st.text(), signs, signs, query_texts))
@example('0"\\ ')
@example('CAT:TITLE:""')
@example("|-")
def test_any_text_is_read_or_refused_with_a_query_error(text: str) -> None:
    try:
        query = parse(text)
    except QueryError as error:
        if error.suggestion is not None:
            parse(error.suggestion)
        if error.at is not None:
            lines = text.split("\n")
            assert 1 <= error.at.line <= len(lines)
            assert 1 <= error.at.column <= len(lines[error.at.line - 1]) + 1
    else:
        assert parse(query.canonical()) == query


def test_only_later_counts_make_a_query_one_with_numbers() -> None:
    assert parse("graph upvotes>=3").has_numbers
    assert parse("graph -stars>=3").has_numbers
    assert not parse("graph authors>=3 since:2026-01-01").has_numbers


def test_terms_and_alternatives_are_told() -> None:
    query = parse("graph speech, graph -vision")
    assert [str(term) for term in query.terms] == ["graph", "speech", "vision"]
    assert [str(wish) for wish in query.alternatives] == ["graph speech", "graph -vision"]


def test_long_hostile_texts_are_refused_or_read_quickly() -> None:
    for text in (
        "(" * 4_000,
        "-" * 4_000,
        "NOT " * 1_000,
        '"' * 3_999,
        "a," * 2_000,
        "=" * 4_000,
        "title:" * 660,
        "\\" * 4_000,
    ):
        started = time.process_time()
        try:
            parse(text)
        except QueryError as error:
            assert len(str(error)) < 9_000
        assert time.process_time() - started < 5
