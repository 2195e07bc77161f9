"""arXiv's page of new listings, as its public templates lay it out."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperlark.model.papers import Alias
from paperlark.model.problems import SourceError
from paperlark.sources._arxiv_listing import Entry, Listing, parse

from .conftest import read, shared
from .golden import DATA

PAGES = DATA.parent / "data_listing"


def listing(name: str) -> Listing:
    return parse((PAGES / name).read_bytes(), where=name)


def entry(value: str, section: str) -> Entry:
    return Entry(Alias("arxiv", value), section)


def test_ordinary_page_says_its_day_and_every_entry_by_its_section() -> None:
    assert listing("ordinary.html") == Listing(
        day=date(2026, 11, 19),
        shown=5,
        total=5,
        entries=(
            entry("2611.00101", "new"),
            entry("2611.00102", "new"),
            entry("2611.00103", "cross"),
            entry("2610.00202", "replace"),
            entry("hep-th/9901001", "replace"),
        ),
    )


def test_day_without_announcements_is_a_listing_without_entries() -> None:
    assert listing("empty.html") == Listing(date(2026, 11, 27), 0, 0, ())


def test_part_of_a_long_list_shows_fewer_than_the_day_has() -> None:
    part = listing("odd.html")
    assert (part.day, part.shown, part.total) == (date(2026, 3, 3), 3, 7)
    assert [one.type for one in part.entries] == ["new", "new", "cross"]


def test_page_that_was_cut_off_shows_fewer_than_the_day_has() -> None:
    cut = listing("broken_cut.html")
    assert (cut.shown, cut.total) == (3, 5)
    assert cut.entries == listing("ordinary.html").entries[:3]


def test_entry_without_an_id_does_not_count_as_shown() -> None:
    holed = listing("broken_entry.html")
    assert (holed.shown, holed.total) == (4, 5)


@given(st.data())
def test_page_that_ends_anywhere_never_claims_to_be_whole(data: st.DataObject) -> None:
    whole = (PAGES / "ordinary.html").read_bytes()
    end = data.draw(st.integers(0, whole.index(b'href ="/abs/hep-th/9901001"')))
    try:
        cut = parse(whole[:end], where="cut")
    except SourceError:
        return
    assert cut.shown < cut.total == 5


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("broken_page.html", "this is no page of new listings"),
        ("broken_day.html", "there is no day 31 November 2026"),
        ("broken_layout.html", "the listing does not say how many entries it has; its layout may have changed"),
    ],
)
def test_other_page_is_refused_in_one_line(name: str, words: str) -> None:
    with pytest.raises(SourceError) as caught:
        listing(name)
    assert str(caught.value) == f"arxiv: {name}: {words}"


def test_listing_whose_entries_have_no_ids_is_refused() -> None:
    body = (PAGES / "ordinary.html").read_bytes().replace(b"/abs/", b"/paper/")
    with pytest.raises(SourceError, match="does not say the ids of its entries"):
        parse(body, where="renamed")


@pytest.mark.parametrize("body", [b"", b"\0\xff\xfe", b"<h3>Showing new listings for", b"{}", b"<dl><dt></dl>" * 1000])
def test_bytes_that_are_no_page_are_refused_in_one_line(body: bytes) -> None:
    with pytest.raises(SourceError, match=r"^arxiv: bytes: this is no page of new listings$"):
        parse(body, where="bytes")


def test_too_large_a_page_and_an_endless_tag_are_refused_before_they_are_read() -> None:
    with pytest.raises(SourceError, match="larger than 16 MiB"):
        parse(b" " * (16 * 1024 * 1024 + 1), where="large")
    with pytest.raises(SourceError, match="one tag is longer than 64 KiB"):
        parse(b"<h3 " + b"a " * 40_000 + b">", where="endless")


def test_hostile_files_are_refused() -> None:
    for path in shared("hostile"):
        if "gzip_bomb" not in path.name:
            with pytest.raises(SourceError):
                parse(read(path), where=path.name)
