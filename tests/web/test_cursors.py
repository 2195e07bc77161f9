"""A cursor comes back as it went, and nothing else is taken for one."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperlark.matching.rank import Statistics
from paperlark.readers.search import LARGEST_ID, Place
from paperlark.web import cursors

COUNTS = st.integers(0, LARGEST_ID)
STATISTICS = st.builds(
    Statistics,
    papers=COUNTS,
    length=st.floats(0, 1e6),
    frequencies=st.dictionaries(st.text("abcz09", min_size=1), COUNTS, max_size=5),
)
PLACES = st.builds(
    Place,
    paper_id=st.integers(1, LARGEST_ID),
    score=st.floats(allow_nan=False, allow_infinity=False),
    statistics=st.none() | STATISTICS,
)


@given(PLACES, st.text())
def test_a_cursor_comes_back_as_it_went(place: Place, query: str) -> None:
    query = query.encode("utf-8", "ignore").decode()
    cursor = cursors.written(place, query)
    assert cursors.read(cursor, query, Place) == place
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@given(PLACES, st.data())
def test_an_altered_cursor_is_noticed(place: Place, data: st.DataObject) -> None:
    cursor = cursors.written(place, "larks")
    at = data.draw(st.integers(0, len(cursor) - 2))  # the last letter may hold bits that say nothing
    letter = data.draw(st.sampled_from("AZaz09-_").filter(lambda letter: letter != cursor[at]))
    with pytest.raises(ValueError):
        cursors.read(cursor[:at] + letter + cursor[at + 1 :], "larks", Place)


@given(st.text(max_size=200))
def test_no_other_text_is_a_cursor(text: str) -> None:
    with pytest.raises(ValueError):
        cursors.read(text, "", Place)


def test_a_cursor_belongs_to_its_query() -> None:
    cursor = cursors.written(Place(7), "larks")
    with pytest.raises(ValueError):
        cursors.read(cursor, "finches", Place)


@pytest.mark.parametrize(
    "body",
    [
        b'{"paper_id":0,"score":0.0,"statistics":null}',
        b'{"paper_id":9223372036854775808,"score":0.0,"statistics":null}',
        b'{"paper_id":1,"score":NaN,"statistics":null}',
        b'{"paper_id":1,"score":0.0,"statistics":{"papers":1,"length":NaN,"frequencies":{}}}',
        b'{"paper_id":1,"score":0.0,"statistics":{"papers":1,"length":1.0,"frequencies":{"lark":-1}}}',
        b'{"paper_id":"1","score":0.0,"statistics":null}',
        b"[]",
        b"\xff",
    ],
)
def test_a_forged_cursor_holds_no_impossible_place(body: bytes) -> None:
    forged = base64.urlsafe_b64encode(cursors._digest(body, "") + body).rstrip(b"=").decode()
    with pytest.raises(ValueError):
        cursors.read(forged, "", Place)
