"""Papers as JSON lines, one object a line, plain or gzip, in the shapes of arXiv's metadata dumps.

    {"id", "title", "authors": list or one string, "categories": list or "cs.CL cs.AI", "summary" or "abstract",
     "abs"?, "doi"?, "comment"?, "journal-ref"?, "published"? or "versions"?, "update_date"?, "_first_seen"?}

`_first_seen` is the day it was announced; without it, the day it was published, else updated, else captured. Lines are
read one by one and given in pages, so that a file's length costs no memory. A line that is no paper becomes a reject
with its number.
https://www.kaggle.com/datasets/Cornell-University/arxiv describes arXiv's own dump.
"""

import asyncio
import gzip
import io
import json
import re
import zlib
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, cast

from paperlark.http import Http
from paperlark.model.papers import (
    Alias,
    Announcement,
    Cursor,
    Page,
    Paper,
    Reject,
    arxiv_alias,
    at_midnight,
    doi_alias,
)
from paperlark.model.problems import SourceError
from paperlark.sources._reading import TEXT_KEPT, choose, fold, folded, keep, moment, web_link
from paperlark.sources.base import Saved

PAGE = 256  # announcements, and rejects, in one page at most
LINE_LIMIT = 4 * 1024 * 1024  # bytes: a paper with thousands of authors is a twentieth of that
SAVED_LIMIT = 512 * 1024 * 1024  # bytes decompressed that one saved file may hold when it is read at once
ARXIV_PAGE = "https://arxiv.org/abs/"
GZIP = b"\x1f\x8b"

# Numbers that JSON text may spell and JSON values may not hold (NaN, 1e999) are read as null.
_DECODER = json.JSONDecoder(parse_float=lambda digits: keep(float(digits)), parse_constant=lambda _: None)
_BETWEEN_AUTHORS = re.compile(r"\s*;\s*|\s*,\s*(?:and\s+)?|\s+and\s+")
_AFFILIATION = re.compile(r"\s*\([^()]*\)")


CARRIED = frozenset(
    {"title", "summary", "abstract", "authors", "categories"}
)  # what a paper holds need not stand twice


@dataclass(frozen=True, slots=True)
class Options:
    """path: the file."""

    path: str

    def __post_init__(self) -> None:
        if not self.path or not isinstance(self.path, str | Path):
            raise ValueError("path is empty: name a file")


class JsonLines:
    """Polls one file: what was appended since the last poll, or all of it when it is another file by now.

    The cursor holds the file's stamp and how far it was read. A last line that is not finished yet is read again.
    """

    kind: ClassVar[str] = "jsonl"
    authority: ClassVar[int] = 30

    def __init__(self, name: str, options: Mapping[str, Any], http: Http) -> None:
        self.name = name
        self.options = choose(self.kind, Options, options)

    async def poll(self, cursor: Cursor, now: datetime) -> AsyncIterator[Page]:
        """Pages of at most 256 announcements. Raises SourceError when the file cannot be read."""
        path = Path(self.options.path)
        stamp, size = await asyncio.to_thread(_stamp, path)
        if cursor.get("stamp") == stamp and cursor.get("done"):
            return
        stream = await asyncio.to_thread(_open, path)
        try:
            offset, line = cursor.get("offset", 0), cursor.get("line", 0)
            if cursor.get("size", 0) > size or not await asyncio.to_thread(_go_to, stream, offset):
                offset, line = 0, 0
                await asyncio.to_thread(stream.seek, 0)
            pages = parse_lines(
                _lines(stream), where=path.name, captured_on=now.astimezone(UTC).date(), offset=offset, line=line
            )
            page = await asyncio.to_thread(_next, pages, path.name)
            while page is not None:
                following = await asyncio.to_thread(_next, pages, path.name)
                place = {**page.cursor, "size": size, "stamp": stamp, "done": following is None}
                yield replace(page, cursor=place)
                page = following
        finally:
            stream.close()


def parse_lines(
    lines: Iterable[bytes], *, where: str, captured_on: date, offset: int = 0, line: int = 0
) -> Iterator[Page]:
    """The papers in lines of JSON, a page at a time, each of at most 256 announcements and as many rejects.

    where: the file's name, for rejects. captured_on: the day announced of what states none. offset and line: how many
    bytes and lines came before. A page's cursor is `{"offset", "line"}` after its last whole line, decompressed; blank
    lines count and are passed over.
    """
    announcements: list[Announcement] = []
    rejects: list[Reject] = []
    otherwise = at_midnight(captured_on)
    given = False
    for raw in lines:
        if len(announcements) == PAGE or len(rejects) == PAGE:
            given = True
            yield Page(tuple(announcements), {"offset": offset, "line": line}, tuple(rejects))
            announcements, rejects = [], []
        read = _announcement(raw, otherwise) if not raw.isspace() else None
        if isinstance(read, Announcement):
            announcements.append(read)
        elif read is not None:
            rejects.append(Reject(f"{where}: line {line + 1}", read))
            if not raw.endswith(b"\n") and len(raw) < LINE_LIMIT:
                break  # perhaps half written: the cursor stays before it
        offset += len(raw)
        line += 1
    if announcements or rejects or given:
        yield Page(tuple(announcements), {"offset": offset, "line": line}, tuple(rejects))


def parse_saved(saved: Saved) -> Page:
    """All papers of a saved file in one page. Raises SourceError when none of its lines is one.

    For files of any length, `open_lines` and `parse_lines` need no more memory than a page.
    """
    if not saved.body.strip():
        raise SourceError(f"jsonl: {saved.name}: the file is empty")
    pages = list(
        parse_lines(open_lines(io.BytesIO(saved.body), saved.name), where=saved.name, captured_on=saved.captured_on)
    )
    announcements = tuple(announcement for page in pages for announcement in page.announcements)
    rejects = tuple(reject for page in pages for reject in page.rejects)
    if not announcements:
        why = f"; the first: {rejects[0].reason}" if rejects else ""
        raise SourceError(f"jsonl: {saved.name}: no line of it is a paper{why}")
    return Page(announcements, rejects=rejects)


def looks_like(name: str, head: bytes) -> bool:
    """A first line that is a JSON object with a title; or a name that says so."""
    if head.startswith(GZIP):
        head = zlib.decompressobj(wbits=31).decompress(head, 64 * 1024)
    first, newline, rest = head.lstrip(b"\xef\xbb\xbf \t\r\n").partition(b"\n")
    if not first.startswith(b"{"):
        return False
    if not newline and len(first) > 60_000:  # one line longer than what we were shown
        return b'"title"' in first
    try:
        record = json.loads(first)
    except (ValueError, RecursionError):
        return name.removesuffix(".gz").endswith((".jsonl", ".ndjson")) and rest[:1] == b"{"
    return isinstance(record, dict) and "title" in record and "items" not in record  # those are a JSON Feed's


def open_lines(stream: BinaryIO, name: str) -> Iterator[bytes]:
    """The lines of an open file, decompressed when it is gzip, each of at most 4 MiB (a longer one comes in pieces).

    Raises SourceError when the compression is damaged, or when it holds more than 512 MiB.
    """
    total = 0
    lines = _lines(_decompressed(stream))
    while (line := _next(lines, name)) is not None:
        total += len(line)
        if total > SAVED_LIMIT:
            raise SourceError(f"jsonl: {name}: more than {SAVED_LIMIT // 1024**2} MiB")
        yield line


# ── one line ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _announcement(raw: bytes, otherwise: datetime) -> Announcement | str:
    """The announcement of a line, or why there is none."""
    try:
        record = _DECODER.decode(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return "not JSON" if raw.endswith(b"\n") else "not JSON; the line may be cut off"
    if not isinstance(record, dict):
        return "JSON, but not an object"
    title = folded(record.get("title"))
    if not title:
        return "the record has no title"
    arxiv = arxiv_alias(folded(record.get("id")))
    published = moment(record.get("published")) or _first_version(record.get("versions"))
    authors = _authors(record)
    paper = Paper(
        title=title,
        abstract=folded(record.get("summary")) or folded(record.get("abstract")),
        authors=authors,
        author_count=len(authors) or None,
        categories=_words(record.get("categories")),
        aliases=_aliases(arxiv, record),
        url=ARXIV_PAGE + arxiv.value if arxiv else web_link(record.get("abs")) or web_link(record.get("url")),
        published_at=published,
    )
    rest = {name: value for name, value in record.items() if name not in CARRIED}
    announced = moment(record.get("_first_seen")) or published or moment(record.get("update_date")) or otherwise
    return Announcement(paper, announced, said=rest if _is_plain(raw) else keep(rest))


def _is_plain(raw: bytes) -> bool:
    """True where `keep` would change nothing in the record: a quick look that spares most lines the walk."""
    return len(raw) <= TEXT_KEPT and b"\\u" not in raw and raw.count(b"{") + raw.count(b"[") < 100


def _aliases(arxiv: Alias | None, record: dict[str, Any]) -> tuple[Alias, ...]:
    doi = doi_alias(folded(record.get("doi")))
    return tuple(alias for alias in (arxiv, doi) if alias is not None)


def _authors(record: dict[str, Any]) -> tuple[str, ...]:
    """Names, first name first: from `authors_parsed` (family, first, suffix), a list, or one string."""
    names: Iterable[str]
    parsed = record.get("authors_parsed")
    if isinstance(parsed, list) and parsed:
        names = (
            " ".join(map(folded, (*name[1:2], *name[:1], *name[2:3]))) for name in parsed if isinstance(name, list)
        )
    elif isinstance(listed := record.get("authors"), str):
        names = _BETWEEN_AUTHORS.split(_AFFILIATION.sub("", fold(listed)))
    elif isinstance(listed, list):
        names = (folded(name.get("name") if isinstance(name, dict) else name) for name in listed)
    else:
        return ()
    return tuple(name for name in (name.strip(" ,") for name in names) if name)


def _words(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(fold(value).split())
    return tuple(word for word in map(folded, value) if word) if isinstance(value, list) else ()


def _first_version(versions: Any) -> datetime | None:
    first = versions[0] if isinstance(versions, list) and versions else None
    return moment(first.get("created")) if isinstance(first, dict) else None


# ── the file ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _stamp(path: Path) -> tuple[str, int]:
    try:
        stat = path.stat()
    except OSError as problem:
        raise SourceError(f"jsonl: {path}: {(problem.strerror or 'cannot be read').lower()}") from None
    return f"{stat.st_size}-{stat.st_mtime_ns}", stat.st_size


def _open(path: Path) -> BinaryIO:
    try:
        return _decompressed(path.open("rb"))
    except OSError as problem:
        raise SourceError(f"jsonl: {path}: {(problem.strerror or 'cannot be read').lower()}") from None


def _decompressed(stream: BinaryIO) -> BinaryIO:
    head = stream.read(2)
    stream.seek(-len(head), io.SEEK_CUR)
    return cast(BinaryIO, gzip.GzipFile(fileobj=stream)) if head == GZIP else stream


def _go_to(stream: BinaryIO, offset: int) -> bool:
    """Go on where we stopped; False when no line ends there, so that it is another file by now."""
    if offset == 0:
        return True
    stream.seek(offset - 1)
    return stream.read(1) == b"\n"


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    while line := stream.readline(LINE_LIMIT):
        yield line


def _next(taken: Iterator[Any], name: str) -> Any:
    """The next of an iterator that reads a file, or None; a damaged file is a SourceError."""
    try:
        return next(taken, None)
    except (EOFError, OSError, zlib.error):
        raise SourceError(f"jsonl: {name}: the file is cut off or damaged") from None
