"""Best first."""

from hypothesis import given

from paperlark.matching.document import Document, analyse
from paperlark.matching.query import parse
from paperlark.matching.rank import Statistics, query_words, score
from tests.matching.papers import MONDAY, documents

STATISTICS = Statistics(papers=1_000, length=10.0, frequencies={"lark": 5, "bird": 400, "test": 50, "time": 90})
FILLER = "and so it goes on for a while"


def points(query: str, title: str, abstract: str = "") -> float:
    return score(parse(query), analyse(Document(title, MONDAY, abstract=abstract)), STATISTICS)


def test_a_word_in_the_title_counts_more_than_in_the_abstract() -> None:
    assert points("lark", "larks here", FILLER) > points("lark", "others here", f"larks {FILLER}"[: len(FILLER)])


def test_rare_words_count_more() -> None:
    assert points("lark OR bird", "a lark", FILLER) > points("lark OR bird", "a bird", FILLER)


def test_saying_it_again_counts_less_each_time() -> None:
    once, twice, thrice = (points("lark", "x", " ".join(["lark"] * n + ["y"] * (9 - n))) for n in (1, 2, 3))
    assert 0 < thrice - twice < twice - once < once


def test_a_long_paper_must_say_it_more_often() -> None:
    assert points("lark", "x", "lark") > points("lark", "x", f"lark {FILLER} {FILLER}")


def test_exclusions_and_numbers_have_no_points() -> None:
    assert points("lark -bird upvotes>3", "lark") == points("lark", "lark")
    assert points("upvotes>3", "lark") == 0


def test_words_to_count_are_stored_words() -> None:
    assert query_words(parse('"test time" larks -owls author:"Song, Yang" flow* cat:cs.CL upvotes>3')) == (
        "test", "time", "testtime", "lark", "authorsong", "catcscl",
    )  # fmt: skip


def test_an_empty_archive_is_no_error() -> None:
    assert score(parse("lark"), analyse(Document("lark", MONDAY)), Statistics(0, 0.0, {})) > 0


@given(documents())
def test_points_are_the_same_each_time(document: Document) -> None:
    query = parse('test OR "test time" OR author:song OR scal*')
    first = score(query, analyse(document), STATISTICS)
    assert first == score(query, analyse(document), STATISTICS) >= 0
