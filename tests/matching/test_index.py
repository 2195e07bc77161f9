"""The percolator's own promises."""

import time

from paperlark.matching.candidates import to_fts5, to_tsquery, wanted
from paperlark.matching.document import Document, analyse, search_words
from paperlark.matching.index import ORDERED_AFTER, Index
from paperlark.matching.query import parse
from tests.matching.papers import MONDAY


def test_a_key_put_again_follows_its_new_query_only() -> None:
    index = Index[str]()
    index.put("me", parse("larks"))
    index.put("me", parse("owls"))
    assert index.percolate(analyse(Document("Larks", MONDAY))) == []
    assert index.percolate(analyse(Document("Owls", MONDAY))) == ["me"]
    assert len(index) == 1


def test_equal_queries_answer_for_each_of_their_keys() -> None:
    index = Index[int]()
    for key, text in enumerate(["larks sing", "sing AND larks", "(larks) sing"]):
        index.put(key, parse(text))
    assert sorted(index.percolate(analyse(Document("Sing, larks", MONDAY)))) == [0, 1, 2]
    index.remove(1)
    assert sorted(index.percolate(analyse(Document("Sing, larks", MONDAY)))) == [0, 2]


def test_queries_of_the_same_words_are_not_taken_for_one_another() -> None:
    index = Index[str]()
    for text in ("larks sing", "larks OR sing", '"larks sing"', "=larks sing", "title:larks sing"):
        index.put(text, parse(text))
    assert index.percolate(analyse(Document("Larks", MONDAY))) == ["larks OR sing"]


def test_a_query_is_posted_under_its_rarest_word_once_papers_have_taught_it() -> None:
    index = Index[str]()
    index.put("me", parse("surprisingly owl"))
    for _ in range(sorted(ORDERED_AFTER)[1]):
        index.percolate(analyse(Document("owl", MONDAY)))
    assert index.postings == 1
    assert [index.candidates(analyse(Document(title, MONDAY))) for title in ("owl", "surprisingly")] == [0, 1]


def test_removing_an_unknown_key_is_no_error() -> None:
    index = Index[int]()
    index.remove(7)
    assert len(index) == 0


def test_later_counts_are_seen_without_reading_the_paper_again() -> None:
    index = Index[str]()
    index.put("popular", parse("larks upvotes>=20"))
    index.put("any", parse("larks"))
    index.put("very popular", parse("upvotes>=50"))
    paper = analyse(Document("Larks", MONDAY, signals={"upvotes": 3}))
    assert index.percolate(paper) == ["any"]
    again = paper.with_signals({"upvotes": 21})
    assert again.texts is paper.texts
    assert index.percolate_numbers(again) == ["popular"]
    assert sorted(index.percolate_numbers(paper.with_signals({"upvotes": 50}))) == ["popular", "very popular"]


def test_answers_stay_while_the_index_learns_and_moves() -> None:
    index = Index[int]()
    words = [f"w{n}" for n in range(60)]
    for n, word in enumerate(words):
        index.put(n, parse(f"common {word}"))
        index.put(100 + n, parse(f"{word} OR also{n}"))
        index.put(200 + n, parse(f"{word[:2]}* {word}"))
    for n in range(600):
        key = n % 60
        found = index.percolate(analyse(Document(f"common {words[key]}", MONDAY)))
        assert sorted(found) == [key, 100 + key, 200 + key]
    for n in range(60):
        for key in (n, 100 + n, 200 + n):
            index.remove(key)
    assert index.postings == 0


def test_a_hostile_phrase_in_a_hostile_text_takes_no_exponential_time() -> None:
    index = Index[int]()
    index.put(1, parse(f'"{" ".join(["a"] * 150)} b"'))
    index.put(2, parse(f'"{" ".join(["a"] * 100)} b*"'))
    paper = analyse(Document("-".join(["a"] * 300), MONDAY, abstract="b ab"))
    started = time.process_time()
    assert index.percolate(paper) == []
    assert time.process_time() - started < 5


def test_conditions_are_written_for_both_engines() -> None:
    condition = wanted(parse('"test time" (rag OR flow*) -vision'))
    assert to_fts5(condition) == '((("test" AND "time") OR "testtime") AND ("rag" OR "flow"*))'
    assert to_tsquery(condition) == "((('test' & 'time') | 'testtime') & ('rag' | 'flow':*))"
    assert to_fts5(wanted(parse("upvotes>3"))) == to_tsquery(wanted(parse("upvotes>3"))) == ""


def test_words_stored_of_a_paper() -> None:
    paper = Document("Test-time RAGs", MONDAY, authors=("Yang Song",), categories=("cs.CL",), organisation="Mind")
    assert search_words(analyse(paper)) == (
        "authorsong", "authoryang", "catcs", "catcscl", "orgmind", "rag", "rags", "test", "testtim", "testtime", "time",
    )  # fmt: skip


def test_many_words_alone_leave_room_for_the_phrases_that_come_after_them() -> None:
    index: Index[str] = Index()
    for number in range(2_000):
        index.put(f"lark{number}", parse(f"lark{number}"))
    for number in range(200):
        index.put(f"phrase {number}", parse(f'"lark{number} wren{number}"'))
    paper = analyse(Document("Of lark7 wren7 and lark1999", MONDAY))
    assert sorted(index.percolate(paper)) == ["lark1999", "lark7", "phrase 7"]
