"""From bytes to papers: the pure half of each source kind over real files, beside the bare parser on the same bytes.

Beside feeds stands feedparser with its sanitising off, as we call it too; beside JSON `json.loads`, beside text its
lines alone.
Each file is read by both in turn, so that what else the machine does falls on both; each round goes over all files, and
the middle round counts. What is not in it: the network, the child process around `rss`, the store.
"""

import gzip
import io
import json
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

import feedparser

from paperlark.adapters import source_module
from paperlark.interpreter import tune_python
from paperlark.sources.base import Saved

ROUNDS = 7  # at least
SECONDS = 3.0  # at least, over all rounds of a kind: short files take more rounds
LINES = 5_000  # of the bulk file
CAPTURED_ON = date(2026, 11, 21)


@dataclass(frozen=True, slots=True)
class Kind:
    """A source kind: its real files, and what its cost is held against. bar: the most that ours may take, as a multiple
    of the bare parser's time; None where nothing was promised."""

    name: str
    files: Callable[[Path], Iterable[tuple[str, bytes]]]
    bare: Callable[[bytes], object]
    what_bare: str
    bar: float | None = None


def measure(data: Path, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """A row for each kind that has files: time for a paper, ours and the bare parser's."""
    tune_python()  # as the service does; it is the same for both
    rows = []
    for kind in KINDS:
        files = [Saved(name, body, CAPTURED_ON) for name, body in kind.files(data)]
        if files:
            rows.append(_measured(kind, files, say))
        else:
            say(f"{kind.name}: there is no real file of this kind")
    return rows


def _measured(kind: Kind, files: list[Saved], say: Callable[[str], None]) -> dict[str, Any]:
    parse = source_module(kind.name).parse_saved
    papers = sum(len(parse(saved).announcements) for saved in files)
    ours: list[float] = []
    bare: list[float] = []
    while len(ours) < ROUNDS or sum(ours) + sum(bare) < SECONDS:
        took, took_bare = zip(
            *((_seconds(parse, saved), _seconds(kind.bare, saved.body)) for saved in files), strict=True
        )
        ours.append(sum(took))
        bare.append(sum(took_bare))
    spent, beside = statistics.median(ours), statistics.median(bare)
    ratio = statistics.median(a / b for a, b in zip(ours, bare, strict=True))
    size = sum(len(saved.body) for saved in files) / 1e6
    promised = f", promised at most {kind.bar:g}x" if kind.bar is not None else ""
    say(
        f"{kind.name}: {papers} papers in {len(files)} files of {size:.2f} MB: {papers / spent:.0f} papers/s, "
        f"{size / spent:.1f} MB/s; {kind.what_bare} {size / beside:.1f} MB/s; ours takes {ratio:.2f}x{promised}"
    )
    return {"name": f"feeds {kind.name}", "ours": round(spent / papers * 1e6, 1),
            "beside": round(beside / papers * 1e6, 1), "what_beside": kind.what_bare, "ratio": round(ratio, 3),
            "unit": "us/paper"}  # fmt: skip


def _seconds(read: Callable[[Any], object], what: object) -> float:
    began = time.perf_counter()
    read(what)
    return time.perf_counter() - began


# ── the real files ───────────────────────────────────────────────────────────────────────────────────────────────


def _in(*patterns: str) -> Callable[[Path], Iterator[tuple[str, bytes]]]:
    """The files that meet any of the patterns, decompressed where their names say so."""

    def files(data: Path) -> Iterator[tuple[str, bytes]]:
        for path in sorted(path for pattern in patterns for path in data.glob(pattern) if path.is_file()):
            body = path.read_bytes()
            yield path.name, gzip.decompress(body) if path.suffix == ".gz" else body

    return files


def _arxiv(data: Path) -> Iterator[tuple[str, bytes]]:
    """Announcement feeds, and the API's answers, which are saved inside JSON; those that are errors are left out."""
    yield from _in("arxiv_rss/**/*.xml", "arxiv_generated/cs.CL_300_*.xml.gz")(data)
    for name, body in _in("arxiv_api/**/q_*.json")(data):
        answer = json.loads(body)
        if str(answer["status_code"]) == "200":
            yield name, answer["body"].encode()


def _bulk(data: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(data.glob("arxiv_bulk/*.jsonl.gz")):
        with gzip.open(path) as lines:
            yield path.stem, b"".join(islice(lines, LINES))


# ── the bare parsers ─────────────────────────────────────────────────────────────────────────────────────────────


def _feedparser(body: bytes) -> object:
    return feedparser.parse(io.BytesIO(body), sanitize_html=False, resolve_relative_uris=False)


def _json_lines(body: bytes) -> object:
    return [json.loads(line) for line in body.splitlines()]


def _lines(body: bytes) -> object:
    return body.decode().splitlines()


KINDS = (
    Kind("rss", _in("journal_rss/**/*.*"), _feedparser, "feedparser", 1.5),
    Kind("arxiv", _arxiv, _feedparser, "feedparser", 0.3),
    Kind("hf_daily", _in("hf_daily_api/*.json"), json.loads, "json.loads", 3.0),
    Kind("biorxiv", _in("multi_api/*/biorxiv/sample_response.json"), json.loads, "json.loads"),
    Kind("capture", _in("captures/*.txt"), _lines, "str.splitlines"),
    Kind("jsonl", _bulk, _json_lines, "json.loads a line"),
)
