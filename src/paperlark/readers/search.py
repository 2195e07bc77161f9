"""The archive: search, one paper, a day's papers.

The database gives candidates that are a proven superset; the exact check and our own BM25 decide, the same on both
databases. Ties go to the newer paper. Papers are judged in their lean form, which a process keeps of the newest.
"""

import asyncio
import heapq
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from paperlark.matching import candidates
from paperlark.matching.document import analyse
from paperlark.matching.explain import spans_of
from paperlark.matching.judge import Judge, judge
from paperlark.matching.lean import Lean
from paperlark.matching.query import Query, parse
from paperlark.matching.rank import Statistics, query_words
from paperlark.model.messages import Span
from paperlark.model.papers import StoredPaper, arxiv_alias, at_midnight, doi_alias
from paperlark.model.problems import ReaderError
from paperlark.readers.narrowing import NOTHING, Narrowing, narrowed
from paperlark.readers.snippet import Snippet, snippet
from paperlark.store import analysed, archive, papers
from paperlark.store import search as full_text
from paperlark.store.database import Store, Transaction
from paperlark.store.rows import chunks

BITE = 200  # papers shown at a time: bounds memory, and how long the loop waits for a thread's turn
JUDGED = 2_000  # papers judged at a time
LARGEST_ID = 2**63 - 1  # the databases take no larger number

Ranked = tuple[float, int]
"""A paper that meets a query, so that the best is the least: its score and its id, both negative."""


@dataclass(frozen=True, slots=True)
class Found:
    """A paper that meets a query: the words that meet it, how well (0 where the query has no words), and the part of
    its abstract that shows it."""

    paper: StoredPaper
    matched: tuple[Span, ...]
    score: float
    snippet: Snippet


@dataclass(frozen=True, slots=True)
class Asked:
    """A search, understood. query: what a paper must meet, the narrowing with it, None for any; text: what is said of
    its words alone, by which it is ranked."""

    query: Query | None
    text: Query | None


def understood(text: str | None, narrowing: Narrowing = NOTHING) -> Asked:
    """What a search asks for. Raises QueryError where the text cannot be read, ReaderError for a narrowing that cannot
    be."""
    query = parse(text) if text else None
    return Asked(narrowed(query, narrowing), query)


async def search(
    store: Store, text: str | None, *, narrowing: Narrowing = NOTHING, limit: int | None = None
) -> AsyncGenerator[Found, None]:
    """The papers that meet a query, best first; newest first, where there is none.

    Raises QueryError or ReaderError before the first paper, as `understood`.
    """
    asked = understood(text, narrowing)
    async with store.reading() as tx:
        if asked.query is None:
            ranked: list[Ranked] = [(0.0, -number) for number in await archive.newest(tx, limit=limit)]
        else:
            ranked = sorted(await _ranked(tx, asked.query, asked.text, await _statistics(tx, asked.text)))
        for bite in chunks(ranked[:limit], BITE):
            stored = await papers.load(tx, [-number for _, number in bite])
            for found in await asyncio.to_thread(_explained, asked.query, bite, stored):
                yield found


async def _statistics(tx: Transaction, query: Query | None) -> Statistics:
    await analysed.refresh(tx)
    return await full_text.statistics(tx, query_words(query) if query is not None else ())


async def _ranked(tx: Transaction, query: Query, text: Query | None, statistics: Statistics) -> list[Ranked]:
    """Every paper that meets the query, in no order."""
    told, rest = candidates.told(query)
    ids = await full_text.candidates(tx, candidates.wanted(query), told)
    judged, untold = judge(rest, text, statistics), candidates.untold(rest) if rest is not None else None
    ranked: list[Ranked] = []
    for bite in chunks(ids, JUDGED):
        found = await analysed.load_lean(tx, bite)
        if untold != rest:
            # What was told of a paper is read only for those that meet all else.
            met = await asyncio.to_thread(_judged, judge(untold, None, statistics), found)
            found = await analysed.with_told(tx, {-number: found[-number] for _, number in met})
        ranked += await asyncio.to_thread(_judged, judged, found)
    return ranked


def _judged(judge: Judge, found: Mapping[int, Lean]) -> list[Ranked]:
    points = judge(list(found.values()))
    return [(-score, -number) for number, score in zip(found, points, strict=True) if score is not None]


def _explained(query: Query | None, chosen: Sequence[Ranked], stored: Mapping[int, StoredPaper]) -> tuple[Found, ...]:
    # A paper that became one with another a moment ago is in `chosen` and no more in `stored`.
    return tuple(_found(query, stored[-number], -points or 0.0) for points, number in chosen if -number in stored)


def _found(query: Query | None, paper: StoredPaper, points: float) -> Found:
    matched = spans_of(query.tree, analyse(papers.document(paper))) if query is not None else ()
    return Found(paper, matched, points, snippet(paper.abstract, matched))


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


async def stretch(
    store: Store, text: str | None, *, limit: int, narrowing: Narrowing = NOTHING, after: Place | None = None
) -> Stretch:
    """The next papers that meet a query, best first; newest first, where there is none.

    `after` must come from the same query and narrowing. Raises QueryError and ReaderError as `understood`.
    """
    asked = understood(text, narrowing)
    async with store.reading() as tx:
        if asked.query is None:
            return await _newest(tx, limit, after)
        known = after.statistics if after is not None else None
        statistics = known or await _statistics(tx, asked.text)
        ranked = await _ranked(tx, asked.query, asked.text, statistics)
        left = ranked if after is None else [each for each in ranked if each > (-after.score, -after.paper_id)]
        best = heapq.nsmallest(limit + 1, left)
        stored = await papers.load(tx, [-number for _, number in best[:limit]])
    found = await asyncio.to_thread(_explained, asked.query, best[:limit], stored)
    points, number = best[limit - 1] if len(best) > limit else (0.0, 0)
    return Stretch(found, len(ranked), Place(-number, -points or 0.0, statistics) if number else None)


async def _newest(tx: Transaction, limit: int, after: Place | None) -> Stretch:
    ids = await archive.newest(tx, limit=limit + 1, before=after.paper_id if after else None)
    stored = await papers.load(tx, ids[:limit])
    found = _explained(None, [(0.0, -number) for number in ids[:limit]], stored)
    return Stretch(found, None, Place(ids[limit - 1]) if len(ids) > limit else None)


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
