"""What is trending now, as a list."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from paperlark.matching.checks import checker
from paperlark.matching.document import analyse
from paperlark.matching.near import aimed, refuse_unmeant
from paperlark.matching.query import Query, parse
from paperlark.model.papers import StoredPaper
from paperlark.model.problems import ReaderError
from paperlark.ranking.trending import Score, explain, ranked
from paperlark.store import directions, papers, signals
from paperlark.store.database import Store
from paperlark.store.rows import chunks

DAYS_LIMIT = 31
LIMIT = 200
BITE = 100  # papers judged at a time, where there is a query


@dataclass(frozen=True, slots=True)
class Trend:
    """A paper that is trending: how much, and why in a sentence for the reader."""

    paper: StoredPaper
    points: float
    reason: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody who reads on stands: right after this rank, in the order as it was at `now`."""

    now: datetime
    rank: tuple[float, float, int]


@dataclass(frozen=True, slots=True)
class Trending:
    """Some papers, the most trending first. after: where the next ones begin; None at the end."""

    trends: tuple[Trend, ...]
    after: Place | None


def check(*, days: int, limit: int) -> None:
    """Raises ReaderError: more days than counts are kept whole for, or a bad number of papers."""
    if not 1 <= days <= DAYS_LIMIT:
        raise ReaderError(f"trending looks back between 1 and {DAYS_LIMIT} days, not {days}")
    if not 1 <= limit <= LIMIT:
        raise ReaderError(f"trending lists between 1 and {LIMIT} papers, not {limit}")


async def trending(
    store: Store,
    *,
    now: datetime,
    days: int = 7,
    limit: int = 20,
    query: str | None = None,
    after: Place | None = None,
) -> Trending:
    """The papers that were counted, or told of by a further source, in the last `days` days, the most trending first.

    query: only those that meet it (`cat:cs.CL`, `source:hf_daily`, any words). `after` must come from the same
    question; reading on shows the order as it was when the reading began, each paper once.
    Raises QueryError where the query cannot be read, and ReaderError as `check` does.
    """
    check(days=days, limit=limit)
    wanted = parse(query) if query else None
    refuse_unmeant(wanted)
    now = after.now if after else now
    async with store.reading() as tx:
        if wanted is not None:
            wanted = aimed(wanted, await directions.likes(tx, [str(wanted)]))
        moving = await signals.moving(tx, since=now - timedelta(days=days), now=now)
        histories = await signals.histories(tx, moving, now=now)
        scores = await asyncio.to_thread(ranked, histories.values(), now)
        left = [score for score in scores if after is None or score.rank > after.rank]
        found: list[tuple[Score, StoredPaper]] = []
        for bite in chunks(left, BITE if wanted else limit + 1):
            stored = await papers.load(tx, [score.paper_id for score in bite])
            found += await asyncio.to_thread(_meeting, wanted, bite, stored)
            if len(found) > limit:
                break
    shown = found[:limit]
    trends = tuple(Trend(paper, score.points, explain(score)) for score, paper in shown)
    return Trending(trends, Place(now, shown[-1][0].rank) if len(found) > limit else None)


def _meeting(
    query: Query | None, scores: Sequence[Score], stored: Mapping[int, StoredPaper]
) -> list[tuple[Score, StoredPaper]]:
    """The papers that meet the query, in the order of their scores."""
    meets = checker(query) if query else None
    pairs = [(score, stored[score.paper_id]) for score in scores if score.paper_id in stored]
    return [(score, paper) for score, paper in pairs if meets is None or meets(analyse(papers.document(paper)))]
