"""The archive: search, one paper, a day's papers.

The database gives candidates that are a proven superset; the exact check and our own BM25 decide, the same on both
databases. Ties go to the newer paper.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from paperlark.matching.candidates import wanted
from paperlark.matching.checks import checker
from paperlark.matching.document import analyse
from paperlark.matching.explain import spans
from paperlark.matching.query import Query, parse
from paperlark.matching.rank import Statistics, query_words, score
from paperlark.model.messages import Span
from paperlark.model.papers import StoredPaper, arxiv_alias, at_midnight, doi_alias
from paperlark.model.problems import ReaderError
from paperlark.store import archive, papers
from paperlark.store import search as full_text
from paperlark.store.database import Store, Transaction
from paperlark.store.rows import chunks

BITE = 200  # papers judged at a time: bounds memory, and how long the loop waits for a thread's turn
LARGEST_ID = 2**63 - 1  # the databases take no larger number


@dataclass(frozen=True, slots=True)
class Found:
    """A paper that meets a query: why, and how well (0 where the query has no words)."""

    paper: StoredPaper
    matched: tuple[Span, ...]
    score: float


async def search(store: Store, text: str | None, *, limit: int | None = None) -> AsyncGenerator[Found, None]:
    """The papers that meet a query, best first; all papers, newest first, where there is no query.

    Raises QueryError before the first paper where the text cannot be read.
    """
    query = parse(text) if text else None
    async with store.reading() as tx:
        if query is None:
            ranked = [(0.0, number) for number in await archive.newest(tx)]
        else:
            ranked = await _ranked(tx, query, await _statistics(tx, query))
        for bite in chunks(ranked[:limit], BITE):
            stored = await papers.load(tx, [paper_id for _, paper_id in bite])
            for points, paper_id in bite:
                # A paper that became one with another a moment ago is ranked and no more in the store.
                if paper := stored.get(paper_id):
                    yield Found(paper, _spans(query, paper), points)


async def _statistics(tx: Transaction, query: Query) -> Statistics:
    size, average = await full_text.size(tx)
    return Statistics(size, average, await full_text.document_frequencies(tx, query_words(query)))


async def _ranked(tx: Transaction, query: Query, statistics: Statistics) -> list[tuple[float, int]]:
    """(score, id) of every paper that meets the query, best first."""
    candidates = [paper_id async for paper_id in full_text.candidates(tx, wanted(query))]
    ranked: list[tuple[float, int]] = []
    for bite in chunks(candidates, BITE):
        stored = await papers.load(tx, bite)
        ranked += await asyncio.to_thread(_judge, query, stored, statistics)
    return sorted(ranked, key=_order)


def _order(each: tuple[float, int]) -> tuple[float, int]:
    points, paper_id = each
    return -points, -paper_id


def _judge(query: Query, stored: Mapping[int, StoredPaper], statistics: Statistics) -> list[tuple[float, int]]:
    judged, meets = [], checker(query)
    for paper_id, paper in stored.items():
        analysed = analyse(papers.document(paper))
        if meets(analysed):
            judged.append((score(query, analysed, statistics), paper_id))
    return judged


def _spans(query: Query | None, paper: StoredPaper) -> tuple[Span, ...]:
    return spans(query, analyse(papers.document(paper))) if query is not None else ()


# ── reading on, a stretch at a time ────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody who reads on stands: right after this paper.

    statistics: of the archive when they began, where there is a query. With them every score stays what it was, so a
    paper that arrives meanwhile moves no other: each one is read exactly once.
    """

    paper_id: int
    score: float = 0.0
    statistics: Statistics | None = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some papers, in order. total: how many meet the query in all; None where there is no query, and nobody counted.
    after: where the next stretch begins; None at the end."""

    found: tuple[Found, ...]
    total: int | None
    after: Place | None


async def stretch(store: Store, text: str | None, *, limit: int, after: Place | None = None) -> Stretch:
    """The next papers that meet a query, best first; of all papers, newest first, where there is no query.

    `after` must come from the same query. Raises QueryError where the text cannot be read.
    """
    query = parse(text) if text else None
    async with store.reading() as tx:
        if query is None:
            return await _newest(tx, limit, after)
        statistics = after.statistics if after is not None and after.statistics else await _statistics(tx, query)
        ranked = await _ranked(tx, query, statistics)
        left = (
            ranked
            if after is None
            else [each for each in ranked if _order(each) > _order((after.score, after.paper_id))]
        )
        chosen = left[:limit]
        stored = await papers.load(tx, [paper_id for _, paper_id in chosen])
    found = await asyncio.to_thread(_explained, query, chosen, stored)
    return Stretch(found, len(ranked), Place(chosen[-1][1], chosen[-1][0], statistics) if len(left) > limit else None)


async def _newest(tx: Transaction, limit: int, after: Place | None) -> Stretch:
    ids = await archive.newest(tx, limit=limit + 1, before=after.paper_id if after else None)
    stored = await papers.load(tx, ids[:limit])
    found = tuple(Found(paper, (), 0.0) for paper in stored.values())
    return Stretch(found, None, Place(ids[limit - 1]) if len(ids) > limit else None)


def _explained(
    query: Query, chosen: Sequence[tuple[float, int]], stored: Mapping[int, StoredPaper]
) -> tuple[Found, ...]:
    # A paper that became one with another a moment ago is in `chosen` and no more in `stored`.
    return tuple(Found(stored[n], _spans(query, stored[n]), points) for points, n in chosen if n in stored)


# ── one paper, one day ─────────────────────────────────────────────────────────────────────────────────────────────


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
    scheme, colon, value = text.partition(":")
    names = {("url", text), *([(scheme, value)] if colon else [])}
    names |= {(alias.scheme, alias.value) for alias in (arxiv_alias(text), doi_alias(text)) if alias}
    found = [int(text)] if text.isdecimal() and len(text) < 20 and int(text) <= LARGEST_ID else []
    return found + await archive.named(tx, names)


async def of_day(store: Store, day: date) -> list[StoredPaper]:
    """The papers announced on a day (UTC), most upvoted first."""
    start = at_midnight(day)
    async with store.reading() as tx:
        found = await papers.load(tx, await archive.announced(tx, start, start + timedelta(days=1)))
    return sorted(found.values(), key=lambda paper: (-paper.signals.get("upvotes", 0), -paper.id))


async def latest_day(store: Store) -> date | None:
    """The newest day on which anything was announced."""
    async with store.reading() as tx:
        found = await archive.last_announced(tx)
    return found.date() if found else None


async def days_around(store: Store, day: date) -> tuple[date | None, date | None]:
    """The nearest days before and after this one on which anything was announced."""
    start = at_midnight(day)
    async with store.reading() as tx:
        earlier = await archive.last_announced(tx, before=start)
        later = await archive.first_announced(tx, since=start + timedelta(days=1))
    return earlier.date() if earlier else None, later.date() if later else None
