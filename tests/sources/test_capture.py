"""Saved listings: the days in them, and their text in whatever layout."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperlark.http import Http
from paperlark.model.papers import Page, at_midnight
from paperlark.model.problems import SourceError
from paperlark.sources.base import Saved
from paperlark.sources.capture import Capture, looks_like, nearest_day, parse_saved

CAPTURED_ON = date(2025, 11, 5)
NOW = datetime(2025, 11, 6, 12, 0, tzinfo=UTC)
HEAD = "Get trending papers in your email inbox!\nSubscribe\nbyAK and the research community\n"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def parse(text: str, captured_on: date = CAPTURED_ON) -> Page:
    return parse_saved(Saved("listing.txt", text.encode(), captured_on))


@given(st.dates(min_value=date(1910, 1, 1)), st.dates(min_value=date(1910, 1, 1)))
def test_day_without_a_year_is_the_nearest_that_is_not_after_the_capture(some: date, captured_on: date) -> None:
    found = nearest_day(some.month, some.day, captured_on)
    assert (found.month, found.day) == (some.month, some.day)
    assert found <= captured_on
    later = {(found + timedelta(days=days)).timetuple()[1:3] for days in range(1, (captured_on - found).days + 1)}
    assert (some.month, some.day) not in later


def test_day_that_no_year_has_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no Apr 31"):
        nearest_day(4, 31, CAPTURED_ON)


SOME_DAY = st.dates(min_value=date(1910, 1, 1), max_value=date(2100, 1, 1))


@given(SOME_DAY, SOME_DAY, st.booleans())
def test_nothing_is_announced_after_the_capture_whatever_the_page_says(
    stated: date, captured_on: date, dated: bool
) -> None:
    year = f", {stated.year}" if dated else ""
    text = (
        f"{HEAD}Mar 11\nA Title\nAn abstract.\n• 2 authors\n·\n{MONTHS[stated.month - 1]} {stated.day}{year} 4\nB\nC.\n"
    )
    first, second = parse(text, captured_on).announcements
    assert first.announced_at <= at_midnight(captured_on)
    assert second.announced_at <= at_midnight(captured_on)
    if dated:
        assert first.paper.published_at == at_midnight(stated)
    assert first.signals == {"comments": 4}


LINE = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=60)
FOOT = st.sampled_from(["", "• 3 authors\n·\nOct 6\n", "acme Acme AI\n·\nOct 6 2\n", "• 1 authors\n", "·\nOct 6\n"])
RECORD = st.tuples(LINE.map("T{}".format), LINE.map("A{}.".format), FOOT)


@given(st.lists(RECORD, min_size=1, max_size=12), st.sampled_from(["\n", "\n\n", "\r\n", " \n\t\n"]))
def test_every_record_is_found_with_blank_lines_or_without(records: list[tuple[str, str, str]], between: str) -> None:
    text = HEAD + "".join(f"{title}\n{abstract}\n{foot}" for title, abstract, foot in records)
    told = parse(text.replace("\n", between)).announcements
    assert [(one.paper.title, one.paper.abstract) for one in told] == [record[:2] for record in records]
    for one, (_, _, foot) in zip(told, records, strict=True):
        assert (one.paper.author_count is not None) == ("authors" in foot)
        assert one.paper.organisation == ("Acme AI" if "acme" in foot else None)
        assert (one.paper.published_at is not None) == ("Oct" in foot)


@given(st.binary(max_size=400))
def test_any_bytes_are_a_listing_or_one_clear_line(body: bytes) -> None:
    try:
        parse_saved(Saved("listing.txt", HEAD.encode() * (len(body) % 2) + body, CAPTURED_ON))
    except SourceError as problem:
        assert str(problem).startswith("capture: listing.txt: ")
        assert "\n" not in str(problem)


@pytest.mark.parametrize(
    ("title", "found"),
    [
        ("SubscribeTowards Less", "Towards Less"),
        ("Subscribe3D Owls", "3D Owls"),
        ("Subscribed Readers", "Subscribed Readers"),
    ],
)
def test_button_glued_to_the_first_title_is_taken_off(title: str, found: str) -> None:
    text = f"Get trending papers in your email inbox!\n{title}\nAn abstract.\nSubscribeX\nAnother.\n"
    assert [told.paper.title for told in parse(text).announcements] == [found, "SubscribeX"]


def test_first_title_may_be_one_word_of_the_page() -> None:
    assert parse(f"{HEAD}Nov 5\nSubscribe\nHow readers come and go.\n").announcements[0].paper.title == "Subscribe"


def test_title_after_a_finished_foot_is_no_organisation() -> None:
    told = parse(f"{HEAD}A\nB.\n• 2 authors\n·\nOct 6\nAlone\n·\nOct 7\n").announcements
    assert [(one.paper.title, one.paper.organisation) for one in told] == [("A", None), ("Alone", None)]
    assert [one.announced_at.day for one in told] == [6, 7]


def test_page_day_stands_in_for_records_without_a_date() -> None:
    (told,) = parse(f"{HEAD}Nov 3\nA Title\nAn abstract.\n").announcements
    assert told.announced_at == datetime(2025, 11, 3, tzinfo=UTC)
    assert told.paper.published_at is None


def test_page_day_that_is_in_no_calendar_gives_way_to_the_day_of_capture() -> None:
    assert parse(f"{HEAD}Feb 31\nA\nB.\n").announcements[0].announced_at == at_midnight(CAPTURED_ON)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "the file is empty"),
        (b" \n", "the file is empty"),
        (b"\x89PNG\r\n\x1a\n", "not text in UTF-8"),
        (b"GIF89a\0\0", "a binary file"),
        (b"<html><body>502</body></html>", "a web page that holds no Daily Papers listing"),
        (b'<div data-target="DailyPapers" data-props="{}"></div>', "holds no papers"),
        (b"One line\nand another\n", "not a saved Daily Papers listing"),
        (HEAD.encode(), "without a single paper"),
    ],
)
def test_what_is_no_listing_is_refused_in_one_line(body: bytes, words: str) -> None:
    with pytest.raises(SourceError, match=rf"^capture: bad\.txt: .*{words}"):
        parse_saved(Saved("bad.txt", body, CAPTURED_ON))


def test_only_listings_look_like_listings() -> None:
    assert looks_like("a", HEAD.encode())
    assert looks_like("a", "Title\nText\n  • 3 authors\n·\nJun 2\n".encode())
    assert looks_like("a.html", b'<html><div data-target="DailyPapers" data-props="">')
    assert not looks_like("a", b"By two authors, who get trending papers in their email inbox.")
    assert not looks_like("a.json", b'["Get trending papers in your email inbox"]')


async def test_single_file_is_read_again_when_it_changes_and_dated_by_its_own_time(http: Http, tmp_path: Path) -> None:
    file = tmp_path / "listing.txt"
    file.write_text(f"{HEAD}A\nB.\n")
    source = Capture("capture:one", {"path": str(file)}, http)
    (first,) = [page async for page in source.poll({}, NOW)]
    assert first.announcements[0].announced_at == at_midnight(NOW.date())  # a file from the future is today's
    file.write_text(f"{HEAD}A\nB.\nC\nD.\n")
    (second,) = [page async for page in source.poll(first.cursor, NOW)]
    assert len(second.announcements) == 2


async def test_one_bad_file_of_a_folder_is_a_reject_and_alone_it_is_an_error(http: Http, tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_text("nothing of the kind")
    (tmp_path / "good.txt").write_text(f"{HEAD}A\nB.\n")
    pages = [page async for page in Capture("c", {"path": str(tmp_path)}, http).poll({}, NOW)]
    assert [(len(page.announcements), len(page.rejects)) for page in pages] == [(0, 1), (1, 0)]
    with pytest.raises(SourceError, match=r"bad\.txt: not a saved"):
        [page async for page in Capture("c", {"path": str(tmp_path / "bad.txt")}, http).poll({}, NOW)]
