"""Buttons: what they say survives, fits everywhere, and a keyboard changes in place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperlark.channels.buttons import (
    ACTIONS,
    BYTES,
    Button,
    Pressed,
    beneath,
    button,
    decode,
    encode,
    of_digest,
    of_paper,
    read,
    turned,
    written,
)
from paperlark.model.readers import MarkKind
from tests.bots.chat import labels_of

IDS = st.integers(0, 2**63 - 1)


@given(st.sampled_from(sorted(ACTIONS)), st.text(max_size=40))
def test_a_button_says_what_it_was_given_or_is_refused_for_its_length(action: str, value: str) -> None:
    try:
        data = encode(action, value)
    except ValueError:
        assert len(f"v1:{action}:{value}".encode()) > BYTES
        assert button("x", action, value) is None
        return
    assert len(data.encode()) <= BYTES
    assert decode(data) == Pressed(action, value)


@given(IDS)
def test_an_id_fits_into_every_button_and_is_read_back(number: int) -> None:
    assert read(written(number)) == number
    assert all(decode(encode(action, written(number))) for action in ACTIONS)


@pytest.mark.parametrize("data", ["", "v1", "v1:save", "v2:save:1", "v1:burn:1", "save:1", ":::", "v1::"])
def test_what_is_no_button_of_ours_says_nothing(data: str) -> None:
    assert decode(data) is None


@pytest.mark.parametrize("value", ["", "-1", "ÿ", "A", "1 ", "zzzzzzzzzzzzz", "00000000000001"])
def test_what_is_no_id_is_none(value: str) -> None:
    assert read(value) is None


def test_a_paper_shows_what_was_done_with_it_and_offers_the_opposite() -> None:
    assert [each.label for each in of_paper(7)] == ["Save", "Not relevant", "Mute…", "Why?"]
    assert [each.label for each in of_paper(7, marks=[MarkKind.SAVED])] == ["Saved ✓", "Not relevant", "Mute…", "Why?"]
    assert [each.data for each in of_paper(7, marks=[MarkKind.DISMISSED])][1] == "v1:restore:7"


def test_one_paper_has_its_row_and_several_have_numbers_of_which_eight_stand_side_by_side() -> None:
    assert labels_of(tuple(map(tuple, of_digest([7])))) == [["Save", "Not relevant", "Mute…", "Why?"]]
    rows = of_digest(list(range(100, 120)))
    assert [len(row) for row in rows] == [8, 8, 4]
    assert [each.label for row in rows for each in row] == [str(n) for n in range(1, 21)]


def test_the_last_part_of_a_digest_has_numbers_also_for_a_single_paper() -> None:
    assert labels_of(tuple(map(tuple, of_digest([7], first=12)))) == [["12"]]


def test_a_papers_row_takes_the_place_of_anothers_beneath_the_numbers() -> None:
    first = beneath(of_digest([1, 2]), [of_paper(1)])
    second = beneath(first, [of_paper(2)])
    assert labels_of(second) == [["1", "2"], ["Save", "Not relevant", "Mute…", "Why?"]]
    assert second[1][0].data == "v1:save:2"


def test_the_way_back_from_a_papers_choices_is_no_number() -> None:
    choices = beneath(of_digest([1, 2]), [[Button("‹ Back", encode("open", "1"))]])
    assert labels_of(beneath(choices, [of_paper(1)]))[1:] == [["Save", "Not relevant", "Mute…", "Why?"]]


def test_a_button_turns_where_it_stands_and_its_neighbours_stay() -> None:
    keyboard = ((Button("1", encode("open", "1")),), (Button("Mute “a”", "v1:mute-word:a"), Button("b", "v1:cancel:")))
    into = Button("Unmute “a”", "v1:unmute-word:a")
    assert labels_of(turned(keyboard, "v1:mute-word:a", into)) == [["1"], ["Unmute “a”", "b"]]
    assert labels_of(turned((), "v1:mute-word:a", into)) == [["Unmute “a”"]]
