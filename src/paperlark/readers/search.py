"""The archive: search, one paper, a day's papers.

The database gives candidates that are a proven superset; the exact check and our own BM25 decide, the same on both
databases. Ties go to the newer paper.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select

from paperlark.matching.candidates import wanted
from paperlark.matching.document import analyse
from paperlark.matching.explain import spans
from paperlark.matching.query import Query, parse
from paperlark.matching.rank import Statistics, query_words, score
from paperlark.matching.reference import meets
from paperlark.model.messages import Span
from paperlark.model.papers import StoredPaper, arxiv_alias, at_midnight, doi_alias
from paperlark.model.problems import ReaderError
from paperlark.store import papers, search as full_text
from paperlark.store.database import Store, Transaction
from paperlark.store.rows import chunks
from paperlark.store.tables import ALIAS, ANNOUNCEMENT, PAPER

BITE = 200  # papers judged at a time: bounds memory, and how long the loop waits for a thread's turn


@dataclass(frozen=True, slots=True)
class Found:
    """A paper that meets a query: why, and how well (0 where the query has no words)."""

    paper: StoredPaper
    matched: tuple[Span, ...]
    score: float


async def search(store: Store, text: str | None, *, limit: int | None = None) -> AsyncIterator[Found]:
    """The papers that meet a query, best first; all papers, newest first, where there is no query.

    Raises QueryError before the first paper where the text cannot be read.
    """
    query = parse(text) if text else None
    async with store.reading() as tx:
        ranked = await _ranked(tx, query)
        for bite in chunks(ranked[:limit], BITE):
            stored = await papers.load(tx, [paper_id for _, paper_id in bite])
            for points, paper_id in bite:
                paper = stored[paper_id]
                yield Found(paper, _spans(query, paper), points)


async def _ranked(tx: Transaction, query: Query | None) -> list[tuple[float, int]]:
    """(score, id) of every paper that meets the query, best first."""
    if query is None:
        return [(0.0, row.id) for row in await tx.execute(select(PAPER.c.id).order_by(PAPER.c.id.desc()))]
    candidates = [paper_id async for paper_id in full_text.candidates(tx, wanted(query))]
    size, average = await full_text.size(tx)
    statistics = Statistics(size, average, await full_text.document_frequencies(tx, query_words(query)))
    ranked: list[tuple[float, int]] = []
    for bite in chunks(candidates, BITE):
        stored = await papers.load(tx, bite)
        ranked += await asyncio.to_thread(_judge, query, stored, statistics)
    return sorted(ranked, key=lambda each: (-each[0], -each[1]))


def _judge(query: Query, stored: Mapping[int, StoredPaper], statistics: Statistics) -> list[tuple[float, int]]:
    judged = []
    for paper_id, paper in stored.items():
        analysed = analyse(papers.document(paper))
        if meets(query, analysed):
            judged.append((score(query, analysed, statistics), paper_id))
    return judged


def _spans(query: Query | None, paper: StoredPaper) -> tuple[Span, ...]:
    return spans(query, analyse(papers.document(paper))) if query is not None else ()


async def one(store: Store, wanted_paper: str) -> StoredPaper:
    """One paper by its id or any of its names (`2510.02283`, `arxiv:…`, `doi:…`, an address).

    Raises ReaderError when the archive holds none such.
    """
    async with store.reading() as tx:
        for paper_id in await _named(tx, wanted_paper.strip()):
            found = await papers.load(tx, [paper_id])
            if found:
                return found[paper_id]
    raise ReaderError(f"the archive holds no paper {wanted_paper!r}; give its id, arXiv id, DOI or address")


async def _named(tx: Transaction, text: str) -> list[int]:
    names = {tuple(text.split(":", 1))} if ":" in text else set()
    names |= {(alias.scheme, alias.value) for alias in (arxiv_alias(text), doi_alias(text)) if alias}
    names.add(("url", text))
    found = [int(text)] if text.isdecimal() and len(text) < 20 else []
    for scheme, value in sorted(names):
        rows = await tx.execute(select(ALIAS.c.paper_id).where(ALIAS.c.scheme == scheme, ALIAS.c.value == value))
        found += [row.paper_id for row in rows if scheme != "title"]
    return found


async def of_day(store: Store, day: date) -> list[StoredPaper]:
    """The papers announced on a day (UTC), most upvoted first."""
    start = at_midnight(day)
    async with store.reading() as tx:
        ids = await _announced_between(tx, start, start + timedelta(days=1))
        found = await papers.load(tx, ids)
    return sorted(found.values(), key=lambda paper: (-paper.signals.get("upvotes", 0), -paper.id))


async def _announced_between(tx: Transaction, start: datetime, end: datetime) -> list[int]:
    told = select(ANNOUNCEMENT.c.paper_id).where(
        ANNOUNCEMENT.c.announced_at >= start, ANNOUNCEMENT.c.announced_at < end
    )
    return [row.paper_id for row in await tx.execute(told.distinct())]


async def latest_day(store: Store) -> date | None:
    """The newest day on which anything was announced."""
    async with store.reading() as tx:
        newest = select(ANNOUNCEMENT.c.announced_at).order_by(ANNOUNCEMENT.c.announced_at.desc()).limit(1)
        found = (await tx.execute(newest)).scalar()
    return found.date() if found else None
