"""How arXiv writes names: ids in their spellings, and authors in one line."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperlark.model.papers import Alias
from paperlark.sources._arxiv_names import read_id, split_authors, unturned

WORDS = st.text(st.sampled_from("abcdefgiklmnoprtuwyzäéß\\'`{}-"), min_size=2, max_size=8).filter(
    lambda word: any(letter.isalpha() for letter in word)
)
NAMES = st.builds("{}. X{} {}".format, st.sampled_from("ABCDE"), WORDS, WORDS)
AFFILIATIONS = st.recursive(
    st.text(st.sampled_from("abc ,;&1"), max_size=6).map(lambda text: f"({text} and, Inst.)"),
    lambda inner: st.builds("(one, {} two {})".format, inner, inner),
    max_leaves=6,
)
SEPARATORS = st.sampled_from([", ", ",", " and ", ", and ", " & ", "; ", ",\n  "])


@given(st.lists(st.tuples(NAMES, st.one_of(st.just(""), AFFILIATIONS), SEPARATORS), max_size=12))
def test_names_come_back_in_their_order_whatever_stands_in_parentheses(
    parts: list[tuple[str, str, str]],
) -> None:
    line = "".join(
        f"{name} {affiliation}" + (separator if place < len(parts) else "")
        for place, (name, affiliation, separator) in enumerate(parts, 1)
    )
    assert split_authors(line) == tuple(name for name, _, _ in parts)


@given(st.text(st.sampled_from("aB .,;:()&\n\\'") | st.characters(), max_size=120))
def test_any_line_gives_names_on_one_line_without_commas_or_parentheses(line: str) -> None:
    for name in split_authors(line):
        assert name == " ".join(name.split())
        assert any(letter.isalnum() for letter in name)
        assert not set(name) & set(",;()")


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("A. One (Lab (east), City), B. Two", ["A. One", "B. Two"]),
        ("A. One (1), B. Two (2) ((1) Lab, City, (2) Institute, Elsewhere)", ["A. One", "B. Two"]),
        ("A. One (Lab, B. Two, C. Three", ["A. One", "B. Two", "C. Three"]),
        ("A. One), B. Two", ["A. One", "B. Two"]),
        (r"Ren{\'e} One and H{\aa}kan Two", [r"Ren{\'e} One", r"H{\aa}kan Two"]),
        ("Sandy Andrews and Anderson Land", ["Sandy Andrews", "Anderson Land"]),
        ("W. One, Jr., B. Two, III and C. Three Sr.", ["W. One Jr.", "B. Two III", "C. Three Sr."]),
        ("The Bell Collaboration: A. One, et al.", ["The Bell Collaboration", "A. One"]),
        ("A. One, for the Bell-2 collaboration", ["A. One", "the Bell-2 collaboration"]),
        ("A. One on behalf of the Fog Team", ["A. One", "the Fog Team"]),
        ("A. One and the Bell and Fog Collaborations", ["A. One", "the Bell and Fog Collaborations"]),
        ("Society for the Study of Fog", ["Society for the Study of Fog"]),
        ("A. One and others", ["A. One"]),
        ("A. One, B. Two, and", ["A. One", "B. Two"]),
        (" , ; ()", []),
    ],
)
def test_lines_that_authors_write(line: str, names: list[str]) -> None:
    assert split_authors(line) == tuple(names)


@pytest.mark.parametrize(
    "line", ["(" * 100_000, "(" * 50_000 + ")" * 50_000, "(,)" * 50_000, "a and " * 50_000, "for the " * 50_000]
)
def test_no_line_takes_long_and_no_list_grows_beyond_its_bound(line: str) -> None:
    began = time.perf_counter()
    assert len(split_authors(line)) <= 5_000
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize(
    ("text", "value", "version"),
    [
        ("2611.00101", "2611.00101", None),
        ("2611.00101v12", "2611.00101", 12),
        ("arXiv:2611.00101v2", "2611.00101", 2),
        ("oai:arXiv.org:hep-th/9901001", "hep-th/9901001", None),
        ("oai:arXiv.org:2611.00101v3", "2611.00101", 3),
        ("http://arxiv.org/abs/math.GT/0309136v1", "math/0309136", 1),
        ("https://export.arxiv.org/pdf/2611.00101v3.pdf?download=1", "2611.00101", 3),
        ("/abs/2611.00101#top", "2611.00101", None),
    ],
)
def test_id_is_read_in_each_of_its_spellings(text: str, value: str, version: int | None) -> None:
    found = read_id(text)
    assert found is not None
    assert (found.alias, found.version) == (Alias("arxiv", value), version)
    assert found.page == f"https://arxiv.org/abs/{value}"


@pytest.mark.parametrize("text", ["", "seven", "oai:elsewhere.example.org:7", "2611.1", "https://example.org/abs/x"])
def test_what_is_no_id_is_none(text: str) -> None:
    assert read_id(text) is None


def test_name_with_the_family_first_is_turned_round() -> None:
    assert unturned("One,  Ada B.") == "Ada B. One"
    assert unturned("Bell Collaboration") == "Bell Collaboration"
    assert unturned("One,") == "One"
