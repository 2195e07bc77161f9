"""Papers as JSON lines: pages, places in the file, and lines that are none."""

import gzip
import io
import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperlark.http import Http
from paperlark.model.papers import Cursor, Page
from paperlark.model.problems import SourceError
from paperlark.sources.base import Saved
from paperlark.sources.jsonl import PAGE, JsonLines, looks_like, open_lines, parse_lines, parse_saved

DAY = date(2025, 11, 5)
NOW = datetime(2025, 11, 5, 12, 0, tzinfo=UTC)


def line(number: int) -> bytes:
    return json.dumps({"id": f"2511.{number:05}", "title": f"Paper {number}"}).encode() + b"\n"


async def polled(path: Path, http: Http, cursor: Cursor) -> list[Page]:
    return [page async for page in JsonLines("jsonl", {"path": str(path)}, http).poll(cursor, NOW)]


def titles(pages: list[Page]) -> list[str]:
    return [told.paper.title for page in pages for told in page.announcements]


@given(st.lists(st.sampled_from(["paper", "blank", "bad"]), max_size=700))
def test_every_line_is_told_once_in_pages_whose_cursors_say_where_they_end(sorts: list[str]) -> None:
    lines = [{"paper": line(number), "blank": b" \n", "bad": b"{\n"}[sort] for number, sort in enumerate(sorts)]
    pages = list(parse_lines(lines, where="x", captured_on=DAY))
    assert sum(len(page.announcements) for page in pages) == sorts.count("paper")
    assert sum(len(page.rejects) for page in pages) == sorts.count("bad")
    for page in pages:
        assert len(page.announcements) <= PAGE
        assert len(page.rejects) <= PAGE
        rest = list(parse_lines(lines[page.cursor["line"] :], where="x", captured_on=DAY))
        assert page.cursor["offset"] == sum(map(len, lines[: page.cursor["line"]]))
        assert titles([*pages[: pages.index(page) + 1], *rest]) == titles(pages)


def test_reject_names_its_line_counted_from_one_through_the_whole_file() -> None:
    (page,) = parse_lines([b"\n", line(1), b"[]\n"], where="x.jsonl", captured_on=DAY, offset=10, line=100)
    assert page.rejects[0].where == "x.jsonl: line 103"


async def test_lines_appended_are_told_alone(http: Http, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(line(1) + line(2))
    first = await polled(file, http, {})
    with file.open("ab") as stream:
        stream.write(line(3))
    assert titles(await polled(file, http, first[-1].cursor)) == ["Paper 3"]


async def test_line_that_is_half_written_is_read_again_when_it_is_whole(http: Http, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(line(1) + line(2)[:20])
    first = await polled(file, http, {})
    assert titles(first) == ["Paper 1"]
    assert first[-1].rejects[0].reason == "not JSON; the line may be cut off"
    file.write_bytes(line(1) + line(2))
    assert titles(await polled(file, http, first[-1].cursor)) == ["Paper 2"]


@pytest.mark.parametrize("body", [line(7), line(123456) + line(8)])
async def test_file_that_became_another_is_read_from_its_start(http: Http, tmp_path: Path, body: bytes) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(line(1) + line(2))
    first = await polled(file, http, {})
    file.write_bytes(body)
    assert len(titles(await polled(file, http, first[-1].cursor))) == body.count(b"\n")


async def test_gzip_is_read_and_resumed_like_plain(http: Http, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl.gz"
    file.write_bytes(gzip.compress(b"".join(map(line, range(600)))))
    pages = await polled(file, http, {})
    assert [len(page.announcements) for page in pages] == [256, 256, 88]
    assert titles(await polled(file, http, pages[0].cursor)) == titles(pages[1:])
    assert len(parse_saved(Saved("a.jsonl.gz", file.read_bytes(), DAY)).announcements) == 600


async def test_damaged_gzip_is_an_error_after_what_was_whole(http: Http, tmp_path: Path) -> None:
    whole = gzip.compress(b"".join(map(line, range(5_000))))
    file = tmp_path / "a.jsonl.gz"
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceError, match=r"^jsonl: a\.jsonl\.gz: the file is cut off or damaged$"):
        await polled(file, http, {})
    with pytest.raises(SourceError, match="cut off or damaged"):
        parse_saved(Saved("a.jsonl.gz", file.read_bytes(), DAY))


@pytest.mark.parametrize(("name", "words"), [("nowhere.jsonl", "no such file"), (".", "is a directory")])
async def test_file_that_cannot_be_read_is_one_line(http: Http, tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(SourceError, match=rf"^jsonl: .*: {words}"):
        await polled(tmp_path / name, http, {})


@given(st.binary(max_size=300))
def test_any_line_is_a_paper_or_a_reject(raw: bytes) -> None:
    for page in parse_lines(io.BytesIO(raw), where="x", captured_on=DAY):
        assert all("\n" not in reject.reason for reject in page.rejects)


def test_line_without_end_is_taken_in_pieces() -> None:
    pieces = list(open_lines(io.BytesIO(b'{"title": "' + b"x" * 9 * 1024**2), "x"))
    assert [len(piece) for piece in pieces] == [4 * 1024**2, 4 * 1024**2, 1024**2 + 11]
    (page,) = parse_lines(pieces, where="x", captured_on=DAY)
    assert not page.announcements


@pytest.mark.parametrize(
    ("record", "authors"),
    [
        ({"authors": "A. B. One, C. Two and D. Three"}, ("A. B. One", "C. Two", "D. Three")),
        ({"authors": "A. One (Acme, Berlin), B. Two"}, ("A. One", "B. Two")),
        ({"authors": [{"name": "A. One"}, "B. Two,", None, 7]}, ("A. One", "B. Two")),
        ({"authors": "x", "authors_parsed": [["One", "A.", "Jr"], [], "?"]}, ("A. One Jr",)),
        ({"authors": None}, ()),
    ],
)
def test_authors_are_read_in_each_shape(record: dict[str, object], authors: tuple[str, ...]) -> None:
    body = json.dumps({"title": "T", **record}).encode()
    assert parse_saved(Saved("x", body, DAY)).announcements[0].paper.authors == authors


def test_lines_of_papers_look_like_it_and_one_array_does_not() -> None:
    assert looks_like("a", line(1) + line(2))
    assert looks_like("a.jsonl.gz", gzip.compress(line(1) * 5_000)[: 64 * 1024])
    assert looks_like("a", b'{"title": "' + b"x" * 70_000)
    assert not looks_like("a", b"[\n" + line(1))
    assert not looks_like("a", b'{"name": "no paper"}\n')
