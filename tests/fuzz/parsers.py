"""The parsers that take bytes from outside, each with what it may raise, and what it is fed with to begin with.

A parser keeps its word when it returns or raises one of its own errors, and when what it returns can be stored. Its
corpus are the golden pages of `tests/data` where there are some, and files of our own in `corpus/NAME`: some written by
hand, some found by `make fuzz`.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from paperlark.bots import rhythm, telegram_reading
from paperlark.bots.telegram_webhook import read_update
from paperlark.channels import bounces, buttons
from paperlark.codings import Body, UnpackingError
from paperlark.links import Links, Purpose
from paperlark.matching import query
from paperlark.model.papers import Page
from paperlark.model.problems import BackupError, QueryError, ReaderError, SourceError
from paperlark.sources import (
    _arxiv_listing,
    _arxiv_oai,
    _discovery,
    _opml,
    arxiv,
    biorxiv,
    capture,
    hf_daily,
    jsonl,
    medrxiv,
    rss,
)
from paperlark.sources.base import Saved
from paperlark.store import carried, migrations
from paperlark.store.columns import storable

TESTS = Path(__file__).parent.parent
CORPUS = Path(__file__).parent / "corpus"
DAY, NOW = date(2026, 3, 2), datetime(2026, 3, 2, 9, tzinfo=UTC)
LARGEST = 64 * 1024  # bytes of a mutation

Errors = tuple[type[Exception], ...]


@dataclass(frozen=True, slots=True)
class Parser:
    """What is fed, what it may raise, and its corpus: what is made, and what is in those folders that are there."""

    feed: Callable[[bytes], object]
    raises: Errors
    folders: tuple[Path, ...] = ()
    made: Callable[[], list[bytes]] | None = None

    def corpus(self) -> list[bytes]:
        """What it is fed with to begin with, in a fixed order."""
        files = (file for folder in self.folders if folder.is_dir() for file in sorted(folder.iterdir()))
        read = [file.read_bytes() for file in files if not file.name.endswith(".expected.json")]
        return (self.made() if self.made else []) + read

    def keeps_its_word(self, body: bytes) -> None:
        """Feed it. Raises whatever it should not have raised, and AssertionError for what cannot be stored."""
        with suppress(*self.raises):
            self.feed(body)


# ── what is fed ────────────────────────────────────────────────────────────────────────────────────────────────────


def _saved(parse: Callable[[Saved], Page]) -> Callable[[bytes], object]:
    return lambda body: _storable([parse(Saved("saved", body, DAY))])


def _storable(pages: Iterable[Page]) -> None:
    """Can both databases hold it? Numbers in their columns, moments that have a place in UTC, JSON that is JSON."""
    for page in pages:
        for told in page.announcements:
            paper = told.paper
            assert paper.author_count is None or 0 <= paper.author_count < 2**31
            assert all(moment is None or moment.astimezone(UTC) for moment in (paper.published_at, told.announced_at))
            json.dumps([told.said, dict(told.signals)], allow_nan=False)
            assert all(abs(count) < 2**63 for count in told.signals.values())
            assert paper.url is None or paper.url.startswith(("http://", "https://"))


def _lines(body: bytes) -> None:
    _storable(jsonl.parse_lines(body.splitlines(keepends=True), where="lines", captured_on=DAY))


def _update(body: bytes) -> None:
    """As the webhook takes it, which answers 400 for ValueError alone; what it keeps is lined up, and read by the bot,
    which drops what is no update of Telegram's."""
    _, update = read_update(body)
    kept = json.loads(json.dumps(storable(update), allow_nan=False))
    telegram_reading.line_of(kept)
    with suppress(TypeError, KeyError, ValueError, AttributeError):
        telegram_reading.read(kept, "larkbot")


def _pressed(body: bytes) -> None:
    pressed = buttons.decode(_text(body))
    if pressed is not None:
        buttons.read(pressed.value)


def _unpacked(body: bytes) -> None:
    for coding in ("gzip", "deflate", ""):
        unpacking = Body(coding, 1024 * 1024)
        for start in range(0, len(body), 1000):
            unpacking.add(body[start : start + 1000])
        assert len(unpacking.whole()) <= 1024 * 1024


def _links(body: bytes) -> None:
    links, token = Links("k" * 32, None), _text(body)
    assert [links.read(purpose, token) for purpose in Purpose] == [None] * len(Purpose)
    assert links.read_bounce(token) is None


def _restored(body: bytes) -> None:
    """As if somebody had sealed it again: else nothing but the seal is tried."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "a.zip"
        whole = body[: -carried.DIGEST]
        file.write_bytes(whole + hashlib.sha256(whole).hexdigest().encode())
        read = carried.Read(file)
        try:
            for name in carried.CARRIED:
                for _ in read.rows(name, 100):
                    pass
        finally:
            read.close()


@cache
def _backups() -> list[bytes]:
    """Backups of no rows, and of one or more in each table."""
    made = []
    with TemporaryDirectory() as folder:
        for rows in (0, 1, 3):
            written = carried.Written(Path(folder) / f"{rows}.zip")
            for name, table in carried.CARRIED.items():
                with written.table(name) as member:
                    member.add([[f"{number}-{column.name}" for column in table.columns] for number in range(rows)])
            written.finish(migrations.HEAD, NOW, "test")
            made.append((Path(folder) / f"{rows}.zip").read_bytes())
    return made


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")


def _golden(name: str) -> tuple[Path, ...]:
    return (TESTS / "data" / name, *_own(name))


def _own(name: str) -> tuple[Path, ...]:
    return (CORPUS / name,)


PARSERS: dict[str, Parser] = {
    "arxiv": Parser(_saved(arxiv.parse_saved), (SourceError,), _golden("arxiv")),
    "arxiv_listing": Parser(
        lambda b: _arxiv_listing.parse(b, where="page"),
        (SourceError,),
        (TESTS / "data_listing", *_own("arxiv_listing")),
    ),
    "arxiv_oai": Parser(
        lambda b: _arxiv_oai.parse(b, where="answer", now=NOW), (SourceError,), (TESTS / "data_oai", *_own("arxiv_oai"))
    ),
    "backup": Parser(_restored, (BackupError,), _own("backup"), made=_backups),
    "biorxiv": Parser(_saved(biorxiv.parse_saved), (SourceError,), _golden("biorxiv")),
    "bounces": Parser(bounces.read, (), _own("bounces")),
    "buttons": Parser(_pressed, (), _own("buttons")),
    "capture": Parser(_saved(capture.parse_saved), (SourceError,), _golden("capture")),
    "codings": Parser(_unpacked, (UnpackingError,), _own("codings")),
    "discovery": Parser(lambda b: _discovery.find_feed(b, "https://example.org/"), (), _own("discovery")),
    "hf_daily": Parser(_saved(hf_daily.parse_saved), (SourceError,), _golden("hf_daily")),
    "jsonl": Parser(_lines, (SourceError,), _golden("jsonl")),
    "links": Parser(_links, (), _own("links")),
    "medrxiv": Parser(_saved(medrxiv.parse_saved), (SourceError,), _golden("medrxiv")),
    "opml": Parser(lambda b: _opml.parse(b, where="list"), (SourceError,), _own("opml")),
    "query": Parser(lambda b: query.parse(_text(b)), (QueryError,), _own("query")),
    "rhythm": Parser(lambda b: rhythm.read(_text(b)), (ReaderError,), _own("rhythm")),
    "rss": Parser(_saved(rss.parse_saved), (SourceError,), _golden("rss")),
    "telegram": Parser(_update, (ValueError,), _own("telegram")),
}


# ── mutations ──────────────────────────────────────────────────────────────────────────────────────────────────────

WORDS = (
    b"<!DOCTYPE x [<!ENTITY a 'b'>]>", b"<![CDATA[", b"]]>", b"<!--", b"&#x0;", b"&#xD800;", b"&lol;", b"\x00", b"\xff",
    b"\xed\xa0\x80", b"\xf0\x9f\x90\xa6", b"\r\n", b"\r\n\r\n", b"{", b"}", b"[" * 300, b"]", b'"', b"'", b"\\u0000",
    b"\\ud800", b"null", b"true", b"NaN", b"-Infinity", b"1e999", b"9" * 40, b"-1", b"0001-01-01T00:00:00+14:00",
    b"9999-12-31T23:59:59-14:00", b"Mon, 31 Feb 2026 25:61:61 +9999", b"javascript:alert(1)", b"https://[::1",
    b"=?utf-8?b?",
    b"Content-Type: multipart/mixed; boundary=x", b"(", b")", b" OR ", b" AND ", b"-", b"*", b'"(', b"title:",
    b"upvotes:>=",
)  # fmt: skip
"""What parsers stumble over, to be put in anywhere."""


def mutated(corpus: list[bytes], random: Random) -> bytes:
    """One of the corpus, changed a few times: cut, doubled, mixed with another, or with a word that parsers fear."""
    body = bytearray(random.choice(corpus))
    for _ in range(random.randint(1, 6)):
        at = random.randint(0, len(body))
        to = min(len(body), at + random.choice((1, 2, 8, 64, 1000)))
        match random.randrange(6):
            case 0:
                body[at:at] = random.choice(WORDS) * random.choice((1, 1, 1, 50))
            case 1:
                del body[at:to]
            case 2:
                body[at:at] = body[at:to] * random.choice((1, 2, 20))
            case 3:
                other = random.choice(corpus)
                start = random.randint(0, len(other))
                body[at:to] = other[start : start + random.choice((8, 200, 5000))]
            case 4 if at < len(body):
                body[at] ^= 1 << random.randrange(8)
            case _:
                body[at:to] = random.choice(WORDS)
    return bytes(body[:LARGEST])


def example(value: Any) -> str:
    """Bytes for a report: short, and on one line."""
    return repr(value if len(value) < 400 else value[:400] + b"...")
