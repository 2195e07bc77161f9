"""Preview equals what would have been owed: papers replayed day by day through the real pipeline, with the profiles in
place from the start, and the counts of each day held against what a preview of the same archive says.

To the papers that one source announced come things that happen to papers: another source lists some of them days later
and counts their upvotes, which rise; some are listed in another category, some replaced, some withdrawn.
"""

import itertools
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from paperlark.matching.document import Document
from paperlark.model.papers import Announcement, Page
from paperlark.pipeline import ingest
from paperlark.pipeline.percolate import Percolator
from paperlark.readers.preview import preview
from paperlark.sources import jsonl
from paperlark.store.database import Store, open_store
from paperlark.store.tables import ANNOUNCEMENT, OWED
from paperlark.testing.clock import FakeClock
from tests.bench.importing import CAPTURED_ON, lines_of
from tests.bench.profiles import drawn
from tests.builders import LEASE, Reader, reader

SHARE = 0.017  # of the papers, met by a profile on average
SAMPLE = 1_500
NOON = timedelta(hours=12)
FIRST, SECOND = "arxiv", "hf_daily"
AUTHORITY = {FIRST: 90, SECOND: 50}

Days = dict[date, list[tuple[str, Announcement]]]
"""What each source tells on each day."""


@dataclass(slots=True)
class Verdict:
    """What a replay showed: readers told of papers so often; where the preview says otherwise, and how."""

    papers: int
    profiles: int
    days: int
    owed: int = 0
    differing: list[str] = field(default_factory=list)


def announced(data: Path, papers: int, *, every: int = 1) -> list[Announcement]:
    """Real papers, the oldest; of `every` so many, one."""
    lines = itertools.islice(lines_of(data), 0, papers * every, every)
    pages = jsonl.parse_lines(lines, where="arxiv_bulk", captured_on=CAPTURED_ON)
    return [announcement for page in pages for announcement in page.announcements]


def drawn_profiles(announcements: Sequence[Announcement], number: int) -> list[str]:
    """Generated profiles; some ask for sources, types and counts too."""
    step = max(1, len(announcements) // SAMPLE)
    documents = [
        Document(title=a.paper.title, abstract=a.paper.abstract, categories=a.paper.categories,
                 announced_at=a.announced_at)
        for a in announcements[::step]
    ]  # fmt: skip
    asking = itertools.cycle(
        ("", "", "", f" source:{SECOND}", " upvotes:>=10", " -upvotes:>=3", " type:cross", f" -source:{SECOND}")
    )
    texts = drawn(documents, number, SHARE)
    return [f"({text}){more}" if more else text for text, more in zip(texts, asking, strict=False)]


def happening(announcements: Iterable[Announcement], chance: random.Random) -> Days:
    """Who tells of what on which day."""
    days: Days = {}

    def tell(source: str, announcement: Announcement, later: int = 0) -> Announcement:
        told = replace(announcement, announced_at=announcement.announced_at + timedelta(days=later))
        days.setdefault(told.announced_at.date(), []).append((source, told))
        return told

    for first in announcements:
        tell(FIRST, first)
        match chance.randrange(12):
            case 0:
                upvotes = chance.randrange(20)
                listed = tell(SECOND, replace(first, signals={"upvotes": upvotes}), later=chance.randrange(4))
                for later in range(1, 4):
                    upvotes += chance.randrange(8)
                    day = listed.announced_at.date() + timedelta(days=later)
                    days.setdefault(day, []).append((SECOND, replace(listed, signals={"upvotes": upvotes})))
            case 1:
                tell(FIRST, replace(first, type="cross"), later=chance.randrange(1, 4))
            case 2:
                tell(FIRST, replace(first, type="replace", occasion="replaced:v2"), later=chance.randrange(1, 9))
            case 3:
                tell(FIRST, replace(first, type="withdrawn", occasion="withdrawn"), later=chance.randrange(1, 9))
    return dict(sorted(days.items()))


async def replay(address: str, days: Days, profiles: Sequence[str]) -> Verdict:
    """Live through the days, then look back on them."""
    first, last = min(days), max(days)
    clock = FakeClock(datetime(first.year, first.month, first.day, tzinfo=UTC) - NOON)
    store = await open_store(address, clock=clock)
    percolator = Percolator(store, lease=LEASE)
    try:
        readers = [await reader(store, text, f"reader {n}") for n, text in enumerate(profiles)]
        for day, told in days.items():
            clock.advance(datetime(day.year, day.month, day.day, tzinfo=UTC) + NOON - clock())
            for source in (FIRST, SECOND):
                page = Page(tuple(announcement for each, announcement in told if each == source))
                if page.announcements:
                    await ingest.take(store, source, AUTHORITY[source], _pages(page), owes=True)
            await percolator.run()
            while await percolator.run_signals():
                pass
        papers = {str(announcement.paper.aliases) for told in days.values() for _, announcement in told}
        verdict = Verdict(len(papers), len(profiles), (last - first).days + 1)
        for each in readers:
            await _compare(store, each, clock(), verdict)
        return verdict
    finally:
        await percolator.close()
        await store.close()


async def _compare(store: Store, each: Reader, now: datetime, verdict: Verdict) -> None:
    async with store.reading() as tx:
        wanted = (
            select(ANNOUNCEMENT.c.announced_at)
            .join(OWED, OWED.c.announcement_id == ANNOUNCEMENT.c.id)
            .where(OWED.c.account_id == each.account_id)
        )
        owed = Counter(row.announced_at.date() for row in await tx.execute(wanted))
    found = await preview(store, each.profile.text, days=verdict.days, now=now)
    said = Counter({day: papers for day, papers in found.per_day if papers})
    verdict.owed += owed.total()
    if said != owed:
        apart = sorted({*(said - owed), *(owed - said)})
        verdict.differing.append(
            f"{each.profile.text!r} on " + ", ".join(f"{day}: owed {owed[day]}, said {said[day]}" for day in apart[:5])
        )


async def _pages(page: Page) -> AsyncIterator[Page]:
    yield page
