"""Everybody is held to the reference evaluator: the index, the fast checks, the candidates, the explanations."""

import sqlite3

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from paperlark.matching.candidates import Everything, passes, to_fts5, wanted
from paperlark.matching.checks import checker
from paperlark.matching.document import Document, analyse, search_words
from paperlark.matching.explain import spans, stored_field, why
from paperlark.matching.index import Index
from paperlark.matching.nearest import why_not
from paperlark.matching.query import Query, parse
from paperlark.matching.reference import meets
from paperlark.model.problems import QueryError
from tests.amounts import examples
from tests.matching.papers import MONDAY, documents, query_texts


def readable_query(text: str) -> Query | None:
    try:
        return parse(text)
    except QueryError:
        return None


queries = query_texts.map(readable_query).filter(lambda query: query is not None)
often = settings(max_examples=examples(80), suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])


@often
@given(queries, documents())
def test_check_says_what_the_reference_says(query: Query, document: Document) -> None:
    assert checker(query)(analyse(document)) is meets(query, document)


@often
@given(queries, documents())
def test_who_meets_a_query_is_among_its_candidates(query: Query, document: Document) -> None:
    if meets(query, document):
        assert passes(wanted(query), frozenset(search_words(analyse(document))))


@often
@given(queries, documents())
def test_every_reason_is_what_stands_there(query: Query, document: Document) -> None:
    paper = analyse(document)
    reasons = spans(query, paper)
    met = meets(query, document)
    assert met or not reasons
    assert bool(why(query, paper)) is met
    assert bool(why_not(query, paper)) is not met
    for span in reasons:
        assert span.text
        assert stored_field(paper, span.field)[span.start : span.end] == span.text


steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 12), queries),
        st.tuples(st.just("remove"), st.integers(0, 12), st.none()),
        st.tuples(st.just("percolate"), documents(), st.none()),
    ),
    min_size=4,
    max_size=40,
)


@settings(
    max_examples=examples(40),
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(steps, st.lists(documents(), min_size=1, max_size=3))
def test_index_finds_what_the_reference_finds_after_any_changes(steps: list[tuple], last: list[Document]) -> None:  # type: ignore[type-arg]
    index = Index[int]()
    kept: dict[int, Query] = {}
    for step, subject, query in [*steps, *(("percolate", document, None) for document in last)]:
        if step == "put":
            index.put(subject, query)
            kept[subject] = query
        elif step == "remove":
            index.remove(subject)
            kept.pop(subject, None)
        else:
            paper = analyse(subject)
            expected = {key for key, each in kept.items() if meets(each, subject)}
            found = index.percolate(paper)
            assert len(found) == len(set(found))
            assert set(found) == expected
            assert set(index.percolate_numbers(paper)) == {key for key in expected if kept[key].has_numbers}
        assert len(index) == len(kept)


@settings(max_examples=examples(30), suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(st.lists(documents(), min_size=1, max_size=6), st.lists(queries, min_size=1, max_size=6))
@example([Document("扩散 é", MONDAY)], [parse("扩散*")])
def test_full_text_of_sqlite_gives_the_same_candidates(papers: list[Document], asked: list[Query]) -> None:
    database = sqlite3.connect(":memory:")
    database.execute(
        "CREATE VIRTUAL TABLE paper_words USING fts5(words, detail=none, tokenize='unicode61 remove_diacritics 0')"
    )
    stored = [search_words(analyse(paper)) for paper in papers]
    database.executemany(
        "INSERT INTO paper_words(rowid, words) VALUES (?, ?)", [(n, " ".join(w)) for n, w in enumerate(stored)]
    )
    for query in asked:
        condition = wanted(query)
        if isinstance(condition, Everything):
            assert to_fts5(condition) == ""
            continue
        found = database.execute("SELECT rowid FROM paper_words WHERE paper_words MATCH ?", (to_fts5(condition),))
        assert {row[0] for row in found} == {n for n, words in enumerate(stored) if passes(condition, frozenset(words))}
    database.close()


@often
@given(documents())
def test_stored_words_are_short_and_plain(document: Document) -> None:
    found = search_words(analyse(document))
    assert list(found) == sorted(set(found))
    for word in found:
        assert word.isascii()
        assert word.isalnum()
        assert word == word.lower()
        assert len(word) <= 64
