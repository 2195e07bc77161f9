"""What a query would have sent: papers a day, examples, and the noisiest term."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select

from paperlark.matching.document import Analysed, analyse
from paperlark.matching.query import Query, parse
from paperlark.matching.reference import meets
from paperlark.model.papers import StoredPaper
from paperlark.model.problems import ReaderError
from paperlark.store import papers
from paperlark.store.database import Store
from paperlark.store.rows import chunks, scalars
from paperlark.store.tables import ANNOUNCEMENT

DAYS_LIMIT = 366
EXAMPLES = 5
BITE = 200


@dataclass(frozen=True, slots=True)
class Preview:
    """A query against the last `days` days of the archive.

    per_day: every day, oldest first, with how many papers first announced on it meet the query. examples: newest first.
    noisiest: the alternative (or word) that alone brings most of them, and how many; None where there is no match.
    """

    days: int
    per_day: tuple[tuple[date, int], ...]
    total: int
    examples: tuple[StoredPaper, ...]
    noisiest: tuple[str, int] | None

    @property
    def sentence(self) -> str:
        """In words: "about 3 papers a day; 'agent' alone brings 40 of 42"."""
        if not self.total:
            return f"no paper of the last {self.days} days meets this"
        rate = self.total / self.days
        pace = f"about {rate:.0f} papers a day" if rate >= 1.5 else f"about one paper every {1 / rate:.0f} days"
        if 0.7 <= rate < 1.5:
            pace = "about one paper a day"
        if self.noisiest is None or self.noisiest[1] == 0:
            return pace
        return f"{pace}; {self.noisiest[0]} brings {self.noisiest[1]} of {self.total}"


async def preview(store: Store, text: str, *, days: int, now: datetime) -> Preview:
    """Run a query over the papers announced in the last `days` days. Raises QueryError, ReaderError for bad days."""
    if not 1 <= days <= DAYS_LIMIT:
        raise ReaderError(f"a preview looks back between 1 and {DAYS_LIMIT} days, not {days}")
    query = parse(text)
    today = now.date()
    first = today - timedelta(days=days - 1)
    counts: Counter[date] = Counter()
    alone: Counter[str] = Counter()
    newest: list[StoredPaper] = []
    async with store.reading() as tx:
        since = datetime(first.year, first.month, first.day, tzinfo=now.tzinfo)
        told = select(ANNOUNCEMENT.c.paper_id).where(ANNOUNCEMENT.c.announced_at >= since).distinct()
        for bite in chunks(await scalars(tx, told), BITE):
            stored = await papers.load(tx, bite)
            new = [paper for paper in stored.values() if first <= paper.announced_at.date() <= today]
            recent = await asyncio.to_thread(_meeting, query, new, alone)
            counts.update(paper.announced_at.date() for paper in recent)
            newest = sorted([*newest, *recent], key=lambda paper: (paper.announced_at, paper.id), reverse=True)[
                :EXAMPLES
            ]
    per_day = tuple((first + timedelta(days=n), counts[first + timedelta(days=n)]) for n in range(days))
    return Preview(days, per_day, sum(counts.values()), tuple(newest), alone.most_common(1)[0] if alone else None)


def _meeting(query: Query, stored: Iterable[StoredPaper], alone: Counter[str]) -> list[StoredPaper]:
    met = []
    for paper in stored:
        analysed = analyse(papers.document(paper))
        if meets(query, analysed):
            met.append(paper)
            alone.update(_brought_by(query, analysed))
    return met


def _brought_by(query: Query, analysed: Analysed) -> Iterable[str]:
    """The alternatives that this paper meets."""
    return [str(tree) for tree in query.alternatives if meets(Query(tree), analysed)]
