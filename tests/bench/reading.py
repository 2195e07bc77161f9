"""What readers wait for: a preview of 30 days, and the first page of a search with its total.

Two hundred queries as readers write them (narrow and broad, phrases, alternatives, authors, categories, numbers), one
after the other in one process, over 20,000 real papers and over 100,000, which are those again with other ids at
earlier dates. Beside each the database's own full text, asked for no more than the ids that could do.

A process keeps the newest papers at hand: the figures are of one that has answered the same queries before, three
rounds together, and how long the very first round took is said.
"""

import asyncio
import itertools
import json
import random
import re
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from paperlark.interpreter import tune_python
from paperlark.matching.candidates import wanted
from paperlark.matching.document import Document
from paperlark.matching.query import parse
from paperlark.model.papers import Page, at_midnight
from paperlark.model.problems import QueryError
from paperlark.pipeline import ingest
from paperlark.readers import meaning
from paperlark.readers.preview import DAYS, preview
from paperlark.readers.search import stretch
from paperlark.sources import jsonl
from paperlark.store import directions, heard
from paperlark.store import search as full_text
from paperlark.store.database import Store, open_store
from tests.bench.importing import CAPTURED_ON, PAPERS, lines_of
from tests.bench.profiles import SEED, drawn
from tests.databases import Fresh, postgres_databases, sqlite_databases

COPIES = 5  # of the papers make 100,000
FAR = timedelta(days=122)  # the papers were announced within so many days
NOW = datetime(2025, 7, 17, 20, tzinfo=UTC)  # the evening of the newest paper's day
PAGE = 20
ROUNDS = 3  # after the first: every search of them counts

Say = Callable[[str], None]
Ask = Callable[[Store, str], Awaitable[object]]


def measure_preview(data: Path, say: Say) -> list[dict[str, Any]]:
    """Previews, over 20,000 papers and over 100,000."""

    async def measured(name: str, address: str, queries: Sequence[str]) -> list[dict[str, Any]]:
        store = await open_store(address)
        try:
            await _fill(store, data, 0)
            tune_python()
            rows = [await _row(f"preview {name}", store, queries, _preview, _within_days, say)]
            for copy in range(1, COPIES):
                await _fill(store, data, copy)
            rows.append(await _row(f"preview 100k {name}", store, queries, _preview, _within_days, say))
        finally:
            await store.close()
        return rows

    return _on_both(data, measured)


def measure_search(data: Path, say: Say) -> list[dict[str, Any]]:
    """Searches, over 20,000 papers; the same queries by meaning, which look at every paper."""

    async def measured(name: str, address: str, queries: Sequence[str]) -> list[dict[str, Any]]:
        store = await open_store(address)
        try:
            await _fill(store, data, 0)
            tune_python()
            await directions.fill(store)
            return [
                await _row(f"search {name}", store, queries, _search, _anywhere, say),
                await _row(f"meaning {name}", store, queries, _by_meaning, _anywhere, say),
            ]
        finally:
            await store.close()

    return _on_both(data, measured)


def _on_both(
    data: Path, measured: Callable[[str, str, Sequence[str]], Awaitable[list[dict[str, Any]]]]
) -> list[dict[str, Any]]:
    queries = asked(sample(data))

    async def on(name: str, fresh: Fresh) -> list[dict[str, Any]]:
        return await measured(name, fresh(), queries)

    with tempfile.TemporaryDirectory() as folder, sqlite_databases(Path(folder)) as sqlite:
        rows = asyncio.run(on("sqlite", sqlite))
    with postgres_databases() as postgres:
        return rows + asyncio.run(on("postgres", postgres))


async def _row(name: str, store: Store, queries: Sequence[str], ask: Ask, bare: Ask, say: Say) -> dict[str, Any]:
    first = await _timed(store, queries, ask)
    ours, beside = [], []
    for _ in range(ROUNDS):
        ours += await _timed(store, queries, ask)
        beside += await _timed(store, queries, bare)
    slowest = sorted(zip(ours, itertools.cycle(queries)), reverse=True)[:3]
    say(
        f"{name}: p50 {_at(ours, 50):.0f} ms, p99 {_at(ours, 99):.0f} ms (the first round {_at(first, 50):.0f} and "
        f"{_at(first, 99):.0f} ms); slowest: " + ", ".join(f"{text} {took:.0f} ms" for took, text in slowest)
    )
    return {"name": name, "ours": round(_at(ours, 99), 1), "p50": round(_at(ours, 50), 1),
            "beside": round(_at(beside, 99), 1), "what_beside": "the ids alone", "unit": "ms, p99",
            "ratio": round(_at(ours, 99) / _at(beside, 99), 2)}  # fmt: skip


async def _timed(store: Store, queries: Sequence[str], ask: Ask) -> list[float]:
    """How many milliseconds each takes."""
    took = []
    for text in queries:
        began = time.perf_counter()
        await ask(store, text)
        took.append((time.perf_counter() - began) * 1000)
    return took


def _at(took: Sequence[float], percent: int) -> float:
    return sorted(took)[min(len(took) - 1, len(took) * percent // 100)]


async def _preview(store: Store, text: str) -> object:
    return await preview(store, text, days=DAYS, now=NOW)


async def _search(store: Store, text: str) -> object:
    return await stretch(store, text, limit=PAGE)


async def _by_meaning(store: Store, text: str) -> object:
    return await meaning.stretch(store, text, limit=PAGE)


async def _within_days(store: Store, text: str) -> object:
    since = at_midnight(NOW.date() - timedelta(days=DAYS - 1))
    async with store.reading() as tx:
        return await heard.between(tx, wanted(parse(text)), since, NOW)


async def _anywhere(store: Store, text: str) -> object:
    async with store.reading() as tx:
        return await full_text.candidates(tx, wanted(parse(text)))


# ── the papers, and what is asked ──────────────────────────────────────────────────────────────────────────────────


async def _fill(store: Store, data: Path, copy: int) -> None:
    await ingest.take(store, "jsonl", jsonl.JsonLines.authority, _pages(data, copy), owes=False)


async def _pages(data: Path, copy: int) -> AsyncIterator[Page]:
    lines = (_another(line, copy) if copy else line for line in itertools.islice(lines_of(data), PAPERS))
    for page in jsonl.parse_lines(lines, where="arxiv_bulk", captured_on=CAPTURED_ON):
        yield page


def _another(line: bytes, copy: int) -> bytes:
    """The same paper as of some years ago."""
    record = json.loads(line)
    number = f"{int(record['id'][:2]) - copy:02}{record['id'][2:]}"
    seen = date.fromisoformat(record["_first_seen"][:10]) - copy * FAR
    return json.dumps({**record, "id": number, "abs": None, "pdf": None, "_first_seen": seen.isoformat()}).encode()


def sample(data: Path) -> list[Document]:
    """A tenth of the papers."""
    lines = itertools.islice(lines_of(data), 0, PAPERS, 10)
    pages = jsonl.parse_lines(lines, where="arxiv_bulk", captured_on=CAPTURED_ON)
    return [
        Document(title=a.paper.title, abstract=a.paper.abstract, authors=a.paper.authors,
                 categories=a.paper.categories, announced_at=a.announced_at)
        for page in pages for a in page.announcements
    ]  # fmt: skip


def asked(papers: Sequence[Document]) -> list[str]:
    """Two hundred queries, drawn from what papers say."""
    chance = random.Random(SEED)
    words = Counter(
        word for each in papers for word in set(re.findall("[a-z]{4,}", f"{each.title} {each.abstract}".lower()))
    )
    common = [word for word, _ in words.most_common(400) if _readable(word)]
    people = [each.authors[0] for each in papers if each.authors and '"' not in each.authors[0]]
    categories = sorted({c for each in papers for c in each.categories if re.fullmatch(r"[a-z-]+\.[A-Z]{2}", c)})
    return [
        *drawn(papers, 90, 0.02),
        *chance.sample(common[:80], 25),
        *chance.sample(common, 10),
        *(" ".join(chance.sample(common, 2)) for _ in range(10)),
        *(", ".join(chance.sample(common, 3)) for _ in range(5)),
        *(f'author:"{name}"' for name in chance.sample(people, 20)),
        "cat:cs.CV", "cat:cs.CL", "cat:cs",
        *(f"cat:{category}" for category in chance.sample(categories, 17)),
        *(f"authors:>={least}" for least in (2, 5, 10, 20, 100)),
        *(f"{word} authors:<={most}" for most, word in enumerate(chance.sample(common, 15), 1)),
    ]  # fmt: skip


def _readable(word: str) -> bool:
    """False for words that stand in nearly every paper, which the language refuses alone."""
    try:
        parse(word)
    except QueryError:
        return False
    return True
