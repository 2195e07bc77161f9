"""Saved listings: the days in them, and their text in whatever layout."""

import base64
import html
import json
import os
import quopri
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from paperlark.http import Http
from paperlark.model.papers import Cursor, Page, Reject, at_midnight
from paperlark.model.problems import SourceError
from paperlark.sources._saved_files import FILE_LIMIT
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


# --- as MHTML


def mhtml(
    *parts: tuple[str, str, bytes], date: str = "Wed, 05 Nov 2025 10:00:00 -0000", newline: str = "\r\n"
) -> bytes:
    """Parts of (content type, transfer encoding, encoded body), as a browser writes them into one file."""
    head = (
        f'From: <Saved by Blink>\nDate: {date}\nMIME-Version: 1.0\nContent-Type: multipart/related;\n\tboundary="b"\n\n'
    )
    body = head.encode()
    for content_type, encoding, content in parts:
        body += (
            f"--b\nContent-Type: {content_type}\nContent-Transfer-Encoding: {encoding}\n\n".encode() + content + b"\n"
        )
    return (body + b"--b--\n").replace(b"\n", newline.encode())


def listing(title: str, day: str = "2025-11-04T09:00:00Z") -> str:
    props = json.dumps({"dailyPapers": [{"title": title, "submittedOnDailyAt": day}]}, ensure_ascii=False)
    return f"<!DOCTYPE html><div data-props='{html.escape(props)}' data-target='DailyPapers'></div>"


ENCODED: dict[str, Callable[[bytes], bytes]] = {
    "quoted-printable": quopri.encodestring,
    "base64": base64.encodebytes,
    "8bit": bytes,
    "binary": bytes,
}
TITLE = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=80)


@given(TITLE, st.sampled_from(sorted(ENCODED)), st.sampled_from(["utf-8", "utf-16", "latin-1"]), st.booleans())
def test_title_survives_every_encoding_of_its_part(title: str, encoding: str, charset: str, crlf: bool) -> None:
    assume(charset == "utf-8" or encoding == "base64")  # only there do other charsets keep their bytes
    title = title if charset != "latin-1" else title.encode("latin-1", "ignore").decode("latin-1") + "é"
    part = (f"text/html; charset={charset}", encoding, ENCODED[encoding](listing(title).encode(charset)))
    body = mhtml(("text/css", "8bit", b"p {}"), part, newline="\r\n" if crlf else "\n")
    (told,) = parse_saved(Saved("page.mhtml", body, CAPTURED_ON)).announcements
    assert told.paper.title == title
    assert looks_like("page.mhtml", body) or encoding == "base64"


@pytest.mark.parametrize("charset", ["utf\0", "undefined", "idna", "no-such-thing"])
def test_a_part_whose_charset_is_none_is_read_as_it_stands(charset: str) -> None:
    body = mhtml((f'text/html; charset="{charset}"', "8bit", listing("Found").encode()))
    assert [told.paper.title for told in parse_saved(Saved("a", body, CAPTURED_ON)).announcements] == ["Found"]


def test_listing_is_found_among_frames_and_pictures() -> None:
    frame = ("text/html", "8bit", b"<html>A frame</html>")
    damaged = ("text/html", "base64", b"A")
    page = ("text/html", "8bit", listing("Found").encode())
    body = mhtml(frame, ("image/png", "base64", b"iVBORw0KGgo="), damaged, page)
    assert [told.paper.title for told in parse_saved(Saved("a", body, CAPTURED_ON)).announcements] == ["Found"]


def test_page_in_one_part_needs_no_boundary() -> None:
    body = (
        b"MIME-Version: 1.0\nContent-Type: text/html\nContent-Transfer-Encoding: 8bit\n\n" + listing("Alone").encode()
    )
    assert parse_saved(Saved("a.mht", body, CAPTURED_ON)).announcements[0].paper.title == "Alone"


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ("Tue, 04 Nov 2025 23:30:00 -0500", 5),
        ("Mon, 03 Nov 2025 10:00:00 -0000", 3),
        ("Fri, 07 Nov 2025 10:00:00 GMT", 5),  # later than it was captured, by its file
        ("some day", 5),
    ],
)
def test_nothing_is_announced_after_the_day_on_which_the_page_was_saved(said: str, day: int) -> None:
    body = mhtml(("text/html", "8bit", listing("Later", "2025-11-09T09:00:00Z").encode()), date=said)
    (told,) = parse_saved(Saved("a", body, CAPTURED_ON)).announcements
    assert told.announced_at.date() == date(2025, 11, day)


@given(st.binary(max_size=300), st.sampled_from([b"", b"--b\r\n", b"--b\nContent-Type: text/html\n\n"]))
def test_any_bytes_after_the_headers_are_a_listing_or_one_clear_line(body: bytes, start: bytes) -> None:
    with pytest.raises(SourceError, match=r"^capture: page\.mhtml: .*no Daily Papers listing$") as caught:
        parse_saved(Saved("page.mhtml", mhtml().removesuffix(b"--b--\r\n") + start + body, CAPTURED_ON))
    assert "\n" not in str(caught.value)


def test_many_parts_and_deep_nesting_cost_no_more_than_their_bytes() -> None:
    nested = b"".join(b'--b%d\nContent-Type: multipart/mixed; boundary="b%d"\n\n' % (n, n + 1) for n in range(20_000))
    began = time.process_time()
    for body in (mhtml() + nested, mhtml(*[("text/html", "8bit", b"<p>x</p>")] * 20_000)):
        with pytest.raises(SourceError):
            parse_saved(Saved("a", body, CAPTURED_ON))
    assert time.process_time() - began < 5


def test_mail_is_no_saved_listing() -> None:
    mail = b"From: ada@example.org\nMIME-Version: 1.0\nContent-Type: text/html\n\n<p>huggingface, dear</p>"
    assert not looks_like("a.eml", mail)


# --- a file, or a folder to watch


def save(file: Path, text: str, age: float = 60) -> None:
    """A file as it stands `age` seconds after it was last written to, at NOW."""
    file.write_text(text)
    os.utime(file, (NOW.timestamp() - age,) * 2)


async def polled(path: Path, http: Http, cursor: Cursor, now: datetime = NOW) -> tuple[list[str], Cursor]:
    """The titles and rejects that a poll gives, and the cursor after it."""
    pages = [page async for page in Capture("capture:test", {"path": str(path)}, http).poll(cursor, now)]
    found = [told.paper.title for page in pages for told in page.announcements]
    found += [f"{reject.where}: {reject.reason}" for page in pages for reject in page.rejects]
    return found, json.loads(json.dumps(pages[-1].cursor)) if pages else cursor


async def test_single_file_is_read_again_when_it_changes_and_dated_by_its_own_time(http: Http, tmp_path: Path) -> None:
    file = tmp_path / "listing.txt"
    save(file, f"{HEAD}A\nB.\n", age=86_400)
    source = Capture("capture:one", {"path": str(file)}, http)
    (first,) = [page async for page in source.poll({}, NOW)]
    assert first.announcements[0].announced_at == at_midnight(NOW.date() - timedelta(days=1))
    save(file, f"{HEAD}A\nB.\nC\nD.\n")
    (second,) = [page async for page in source.poll(first.cursor, NOW)]
    assert len(second.announcements) == 2


async def test_one_bad_file_of_a_folder_is_a_reject_and_alone_it_is_an_error(http: Http, tmp_path: Path) -> None:
    save(tmp_path / "bad.txt", "nothing of the kind")
    save(tmp_path / "good.txt", f"{HEAD}A\nB.\n")
    found, cursor = await polled(tmp_path, http, {})
    assert found == ["A", "bad.txt: not a saved Daily Papers listing (none of its words are here)"]
    assert await polled(tmp_path, http, cursor) == ([], cursor)
    with pytest.raises(SourceError, match=r"^capture: bad\.txt: not a saved"):
        await polled(tmp_path / "bad.txt", http, {})


async def test_file_that_is_still_being_written_waits_until_it_has_settled(http: Http, tmp_path: Path) -> None:
    save(tmp_path / "growing.txt", f"{HEAD}A\nB.\n", age=1)
    save(tmp_path / "whole.txt", f"{HEAD}C\nD.\n")
    found, cursor = await polled(tmp_path, http, {})
    assert found == ["C"]
    save(tmp_path / "growing.txt", f"{HEAD}A\nB.\nE\nF.\n", age=1)
    found, cursor = await polled(tmp_path, http, cursor)
    assert found == []
    found, cursor = await polled(tmp_path, http, cursor, NOW + timedelta(seconds=10))
    assert found == ["A", "E"]
    assert await polled(tmp_path, http, cursor) == ([], cursor)


async def test_file_whose_clock_runs_ahead_is_taken_when_it_is_as_it_was_at_the_last_look(
    http: Http, tmp_path: Path
) -> None:
    save(tmp_path / "ahead.txt", f"{HEAD}A\nB.\n", age=-86_400)
    found, cursor = await polled(tmp_path, http, {})
    assert found == []
    found, cursor = await polled(tmp_path, http, cursor)
    assert found == ["A"]
    assert "waiting" not in cursor


async def test_look_that_only_waits_is_no_news(http: Http, tmp_path: Path) -> None:
    save(tmp_path / "growing.txt", f"{HEAD}A\nB.\n", age=0)
    (page,) = [page async for page in Capture("c", {"path": str(tmp_path)}, http).poll({}, NOW)]
    assert (page.announcements, page.rejects, page.unchanged) == ((), (), True)


@pytest.mark.parametrize(
    "name", [".hidden.txt", "page.html.part", "page.crdownload", "page.txt~", "~lock.txt", "a.TMP", "#page#"]
)
async def test_hidden_and_temporary_names_are_left_alone(name: str, http: Http, tmp_path: Path) -> None:
    save(tmp_path / name, f"{HEAD}A\nB.\n")
    assert await polled(tmp_path, http, {}) == ([], {})


async def test_folder_of_assets_beside_a_saved_page_is_not_looked_into(http: Http, tmp_path: Path) -> None:
    save(tmp_path / "Daily Papers.html", listing("Whole Page"))
    (tmp_path / "Daily Papers_files").mkdir()
    save(tmp_path / "Daily Papers_files" / "main.js", "nothing of ours")
    found, _ = await polled(tmp_path, http, {})
    assert found == ["Whole Page"]


async def test_removed_file_is_no_news_and_forgotten(http: Http, tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        save(tmp_path / name, f"{HEAD}{name}\nB.\n")
    _, cursor = await polled(tmp_path, http, {})
    (tmp_path / "a.txt").unlink()
    save(tmp_path / "c.txt", f"{HEAD}c.txt\nB.\n")
    found, cursor = await polled(tmp_path, http, cursor)
    assert found == ["c.txt"]
    assert list(cursor["files"]) == ["b.txt", "c.txt"]


async def test_file_that_is_too_large_or_changes_while_it_is_read_does_not_hold_up_the_others(
    http: Http, tmp_path: Path
) -> None:
    with (tmp_path / "large.txt").open("wb") as stream:
        stream.truncate(FILE_LIMIT + 1)
    os.utime(tmp_path / "large.txt", (NOW.timestamp() - 60,) * 2)
    for name in ("m.txt", "n.txt"):
        save(tmp_path / name, f"{HEAD}{name}\nB.\n")
    source = Capture("c", {"path": str(tmp_path)}, http)
    pages = source.poll({}, NOW)
    large, first = await anext(pages), await anext(pages)
    assert large.rejects == (Reject("large.txt", "larger than 32 MiB"),)
    assert first.announcements[0].paper.title == "m.txt"
    save(tmp_path / "n.txt", f"{HEAD}n, half writ")
    assert [page async for page in pages] == []


async def test_long_listing_comes_in_pages_and_its_file_is_known_after_the_last(http: Http, tmp_path: Path) -> None:
    save(tmp_path / "a.txt", f"{HEAD}A\nB.\n")
    save(tmp_path / "long.txt", HEAD + "".join(f"Title {number}\nAn abstract.\n" for number in range(300)))
    pages = [page async for page in Capture("c", {"path": str(tmp_path)}, http).poll({}, NOW)]
    assert [len(page.announcements) for page in pages] == [1, 256, 44]
    assert [list(page.cursor["files"]) for page in pages] == [["a.txt"], ["a.txt"], ["a.txt", "long.txt"]]
