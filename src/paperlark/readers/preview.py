"""What a query would have sent: papers a day, examples, and the noisiest term."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from paperlark.matching.checks import checker
from paperlark.matching.document import analyse
from paperlark.matching.query import Query, parse
from paperlark.model.papers import StoredPaper
from paperlark.model.problems import ReaderError
from paperlark.store import archive, papers
from paperlark.store.database import Store
from paperlark.store.rows import chunks

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
        for bite in chunks(await archive.announced(tx, since), BITE):
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
    """The papers that meet the query; counts in `alone` which of its alternatives each of them meets."""
    alternatives = [(str(tree), checker(Query(tree))) for tree in query.alternatives]
    met = []
    for paper in stored:
        analysed = analyse(papers.document(paper))
        if brought_by := [text for text, meets in alternatives if meets(analysed)]:
            met.append(paper)
            alone.update(brought_by)
    return met
