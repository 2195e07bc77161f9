"""The archive: search, one paper, a day's papers.

The database gives candidates that are a proven superset; the exact check and our own BM25 decide, the same on both
databases. Ties go to the newer paper. Papers are judged in their lean form, which a process keeps of the newest.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from paperlark.matching import candidates
from paperlark.matching.document import analyse
from paperlark.matching.explain import spans_of
from paperlark.matching.judge import judge
from paperlark.matching.near import aimed, apart, asks_near, refuse_unmeant, target
from paperlark.matching.postings import Judge, judge_posted
from paperlark.matching.query import Query, parse
from paperlark.matching.rank import Statistics, query_words
from paperlark.matching.tree import Near
from paperlark.model.messages import Span
from paperlark.model.papers import StoredPaper, arxiv_alias, at_midnight, doi_alias
from paperlark.model.problems import ReaderError
from paperlark.readers.narrowing import NOTHING, Narrowing, narrowed
from paperlark.readers.snippet import Snippet, snippet
from paperlark.store import analysed, archive, directions, papers, printed
from paperlark.store import search as full_text
from paperlark.store.database import Store, Transaction
from paperlark.store.rows import chunks

BITE = 200  # papers shown at a time: bounds memory, and how long the loop waits for a thread's turn
JUDGED = 2_000  # papers judged at a time
LARGEST_ID = 2**63 - 1  # the databases take no larger number


@dataclass(frozen=True, slots=True)
class Found:
    """A paper that meets a query: the words that meet it, how well (0 where the query has no words), and the part of
    its abstract that shows it."""

    paper: StoredPaper
    matched: tuple[Span, ...]
    score: float
    snippet: Snippet


@dataclass(frozen=True, slots=True)
class Ranking:
    """Papers that meet a query, in no order: their ids, and how well they answer, to 6 decimals."""

    numbers: NDArray[np.int64]
    points: NDArray[np.float64]

    @classmethod
    def of(cls, parts: Sequence[tuple[NDArray[np.int64], NDArray[np.float64]]]) -> "Ranking":
        """Several together."""
        if not parts:
            return cls(np.empty(0, np.int64), np.empty(0))
        points = np.concatenate([part for _, part in parts])
        return cls(np.concatenate([part for part, _ in parts]), np.round(points, 6))

    def and_also(self, others: "Ranking") -> "Ranking":
        """Both together."""
        return Ranking.of([(self.numbers, self.points), (others.numbers, others.points)])

    def best(self, limit: int | None = None, after: "Place | None" = None) -> list[tuple[int, float]]:
        """The best with their points, in order: those after a place, where one is given."""
        numbers, points = self.numbers, self.points
        if after is not None:
            left = (points < after.score) | ((points == after.score) & (numbers < after.paper_id))
            numbers, points = numbers[left], points[left]
        order = np.lexsort((-numbers, -points))[:limit]
        return list(zip(numbers[order].tolist(), points[order].tolist(), strict=True))


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
    await _prepared(store, asked)
    async with store.reading() as tx:
        asked = await _aimed(tx, asked)
        if asked.query is None:
            best = [(number, 0.0) for number in await archive.newest(tx, limit=limit)]
        else:
            ranking = await ranked(tx, asked.query, asked.text, await statistics_for(tx, asked.text))
            best = ranking.best(limit)
        for bite in chunks(best, BITE):
            stored = await papers.load(tx, [number for number, _ in bite])
            for found in await asyncio.to_thread(explained, asked.query, bite, stored):
                yield found


async def _prepared(store: Store, asked: Asked) -> None:
    """Where it is asked what papers are about, that is known of all of them. Raises QueryError without the extra."""
    if asks_near(asked.query):
        refuse_unmeant(asked.query)
        await directions.up_to_date(store)


async def _aimed(tx: Transaction, asked: Asked) -> Asked:
    """With the directions of the papers that it names."""
    likes = await directions.likes(tx, [str(asked.query)]) if asks_near(asked.query) else {}
    return Asked(*(aimed(each, likes) if each is not None else None for each in (asked.query, asked.text)))


async def statistics_for(tx: Transaction, query: Query | None) -> Statistics:
    """What ranking by a query asks of the archive, as it is now."""
    await analysed.refresh(tx)
    return await full_text.statistics(tx, query_words(query) if query is not None else ())


async def ranked(tx: Transaction, query: Query, text: Query | None, statistics: Statistics) -> Ranking:
    """Every paper that meets the query. Who asks what papers are about calls `directions.up_to_date` first."""
    close, further = apart(query)
    if close:
        return await _close(tx, close, further, text, statistics)
    told, rest = candidates.told(query)
    ids = await full_text.candidates(tx, candidates.wanted(query), told)
    untold = candidates.untold(rest) if rest is not None else None
    if untold == rest:
        return await judged(tx, ids, rest, text, statistics)
    # What was told of a paper is read only for those that meet all else.
    met = await judged(tx, ids, untold, None, statistics)
    return await _judged_one_by_one(tx, met.numbers.tolist(), rest, text, statistics, told=True)


async def _close(
    tx: Transaction, close: Sequence[Near], further: Query | None, text: Query | None, statistics: Statistics
) -> Ranking:
    """Those near enough, of all papers or of those that meet the rest; the nearer ones stand before others."""
    of_rest = await ranked(tx, further, text, statistics) if further is not None else None
    near = await asyncio.to_thread(_near, tx, close)
    if of_rest is None:
        return near
    shared, first, second = np.intersect1d(of_rest.numbers, near.numbers, return_indices=True)
    return Ranking(shared, np.round(of_rest.points[first] + near.points[second], 6))


def _near(tx: Transaction, close: Sequence[Near]) -> Ranking:
    """The papers near enough to each of several things, with how near they are to all of them together."""
    found: Ranking | None = None
    for leaf in close:
        asked = target(leaf)
        if asked is None:
            return Ranking.of([])
        numbers, closeness = tx.compass.closest(asked)
        closeness = np.round(closeness, 4)
        here = closeness >= leaf.least
        one = Ranking(numbers[here], closeness[here])
        if found is not None:
            shared, first, second = np.intersect1d(found.numbers, one.numbers, return_indices=True)
            one = Ranking(shared, found.points[first] + one.points[second])
        found = one
    return found if found is not None else Ranking.of([])


async def judged(
    tx: Transaction,
    ids: NDArray[np.int64],
    query: Query | None,
    text: Query | None,
    statistics: Statistics,
    posted: Judge | None = None,
) -> Ranking:
    """Those of some papers that meet a query (all, where there is none), with how well they answer the text: what is at
    hand all together, the others as they are read. posted: the judge of what is at hand, for whoever asks twice."""
    standing, missing = tx.shelf.standing(ids)
    at_hand = judge_posted(query, text, statistics) if posted is None else posted

    def together() -> Ranking:
        judged = [(posts.numbers[at], *at_hand(posts, at)) for posts, at in standing]
        return Ranking.of([(numbers[met], points[met]) for numbers, met, points in judged])

    found = await asyncio.to_thread(together)
    if not len(missing):
        return found
    return found.and_also(await _judged_one_by_one(tx, missing.tolist(), query, text, statistics, told=False))


async def _judged_one_by_one(
    tx: Transaction, ids: Sequence[int], query: Query | None, text: Query | None, statistics: Statistics, *, told: bool
) -> Ranking:
    """told: whether the query asks what was told of a paper."""
    judged = judge(query, text, statistics)
    ranking = Ranking.of([])
    for bite in chunks(ids, JUDGED):
        found = await analysed.load_lean(tx, bite)
        if told:
            found = await analysed.with_told(tx, found)
        if asks_near(query):
            found = await analysed.with_directions(tx, found)
        scores = await asyncio.to_thread(judged, list(found.values()))
        met = [(number, score) for number, score in zip(found, scores, strict=True) if score is not None]
        ranking = ranking.and_also(Ranking(np.array([n for n, _ in met], np.int64), np.array([s for _, s in met])))
    return ranking


def explained(
    query: Query | None, chosen: Sequence[tuple[int, float]], stored: Mapping[int, StoredPaper]
) -> tuple[Found, ...]:
    """Chosen papers, given as (id, score), with the words that met: in order, those that are still there."""
    # A paper that became one with another a moment ago is in `chosen` and no more in `stored`.
    return tuple(_found(query, stored[number], points) for number, points in chosen if number in stored)


def _found(query: Query | None, paper: StoredPaper, points: float) -> Found:
    matched = spans_of(query.tree, analyse(papers.document(paper))) if query is not None else ()
    return Found(paper, matched, points, snippet(paper.abstract, matched))


# ── reading on, a stretch at a time ────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody who reads on stands: right after this paper.

    statistics: of the archive when they began, where there is a query. With them every score stays what it was, so a
    paper that arrives meanwhile moves no other: each one is read exactly once. leads, names: by the same token the
    papers that led a search by meaning, and the other names that it looked for.
    """

    paper_id: int
    score: float = 0.0
    statistics: Statistics | None = None
    leads: tuple[int, ...] = ()
    names: tuple[str, ...] = ()


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
    await _prepared(store, asked)
    async with store.reading() as tx:
        asked = await _aimed(tx, asked)
        if asked.query is None:
            return await _newest(tx, limit, after)
        known = after.statistics if after is not None else None
        statistics = known or await statistics_for(tx, asked.text)
        ranking = await ranked(tx, asked.query, asked.text, statistics)
        best = ranking.best(limit + 1, after)
    stored = await printed.load(store, [number for number, _ in best[:limit]])
    found = await asyncio.to_thread(explained, asked.query, best[:limit], stored)
    last = Place(*best[limit - 1], statistics) if len(best) > limit else None
    return Stretch(found, len(ranking.numbers), last)


async def _newest(tx: Transaction, limit: int, after: Place | None) -> Stretch:
    ids = await archive.newest(tx, limit=limit + 1, before=after.paper_id if after else None)
    stored = await papers.load(tx, ids[:limit])
    found = explained(None, [(number, 0.0) for number in ids[:limit]], stored)
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
