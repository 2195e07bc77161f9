"""Signed links: they say what they were made of, and nothing else can be made to say anything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperlark.links import Links, Purpose

LINKS = Links("k" * 32, "https://papers.example.org/")
OTHERS = Links("o" * 32, "https://papers.example.org")
numbers = st.integers(0, 2**63 - 1)


@given(numbers, numbers, st.sampled_from(Purpose))
def test_a_link_is_read_for_what_it_was_made_of_and_for_its_own_purpose_only(a: int, b: int, purpose: Purpose) -> None:
    token = LINKS.token(purpose, a, b)
    assert LINKS.read(purpose, token) == (a, b)
    assert [LINKS.read(other, token) for other in Purpose if other is not purpose] == [None, None]
    assert OTHERS.read(purpose, token) is None
    assert LINKS.address(purpose, a, b) == f"https://papers.example.org/{purpose}/{token}"
    assert token.isascii() and len(token) < 80


@given(numbers, numbers, st.data())
def test_a_link_that_was_changed_anywhere_is_nobodys_or_the_same(a: int, b: int, data: st.DataObject) -> None:
    token = LINKS.token(Purpose.UNSUBSCRIBE, a, b)
    at = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from("ABCXYZabcxyz0189-_. é%"))
    changed = token[:at] + letter + token[at + 1 :]
    if changed != token:
        # The last letter of the signature may be spelt in several ways; they say the same.
        assert LINKS.read(Purpose.UNSUBSCRIBE, changed) in ((None, (a, b)) if at == len(token) - 1 else (None,))


@given(st.text(max_size=300))
def test_no_text_of_a_strangers_is_a_link(text: str) -> None:
    assert LINKS.read(Purpose.CONFIRM, text) is None
    assert LINKS.read_bounce(text) is None


@given(numbers, numbers)
def test_a_bounces_word_survives_a_change_of_case_and_fits_a_local_part(a: int, b: int) -> None:
    word = LINKS.bounce(a, b)
    assert LINKS.read_bounce(word) == LINKS.read_bounce(word.upper()) == (a, b)
    assert OTHERS.read_bounce(word) is None
    assert len(f"bounces+{word}") <= 64 and word.isalnum()


@given(numbers, numbers, st.integers(0, 41), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_a_bounces_word_that_was_changed_finds_nobody(a: int, b: int, at: int, letter: str) -> None:
    word = LINKS.bounce(a, b)
    changed = word[:at] + letter + word[at + 1 :]
    if changed != word and at != 41:  # the last letter holds two bits more than there are
        assert LINKS.read_bounce(changed) is None


@pytest.mark.parametrize("url", [None, ""])
def test_without_an_address_of_our_own_there_are_no_links(url: str | None) -> None:
    links = Links("k" * 32, url)
    assert links.address(Purpose.CONFIRM, 1, 2) is None and not links.public
