"""One paper's past: who told of it and when, its versions, and how it was counted."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from paperlark.store import causes
from paperlark.store.causes import Counted, Heard
from paperlark.store.database import Store

KIND = "upvotes"


@dataclass(frozen=True, slots=True)
class Telling:
    """A source told of the paper, at a time. occasion: as announcements have it (`first`, `replaced:v2`, …)."""

    source: str
    occasion: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Past:
    """tellings: oldest first, each source and occasion once. votes: its upvotes over time, oldest first, those of the
    source that counts most of them."""

    tellings: tuple[Telling, ...]
    votes: tuple[tuple[datetime, int], ...]


async def of_paper(store: Store, paper_id: int) -> Past:
    """All that was told of a paper."""
    async with store.reading() as tx:
        heard, counted = await causes.heard(tx, paper_id), await causes.counted(tx, paper_id)
    return Past(_tellings(heard), _votes(counted))


def _tellings(heard: Iterable[Heard]) -> tuple[Telling, ...]:
    """What is listed in several categories is announced in each: the first of them tells."""
    found: dict[tuple[str, str], Telling] = {}
    for each in sorted(heard, key=lambda each: (each.announced_at, each.id)):
        found.setdefault((each.source, each.occasion), Telling(each.source, each.occasion, each.announced_at))
    return tuple(found.values())


def _votes(counted: Iterable[Counted]) -> tuple[tuple[datetime, int], ...]:
    readings = sorted(
        ((each.announcement_id, each.at, each.counts[KIND]) for each in counted if KIND in each.counts),
    )
    by_source = [
        tuple((at, number) for _, at, number in group) for _, group in groupby(readings, key=lambda reading: reading[0])
    ]
    return max(by_source, key=lambda votes: (votes[-1][1], len(votes)), default=())
