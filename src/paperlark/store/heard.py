"""What was heard of papers, and when: for telling what a query would have brought, had somebody followed it then."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Select, select, text

from paperlark.matching.candidates import Wanted, to_fts5, to_tsquery
from paperlark.store.database import Transaction
from paperlark.store.rows import chunks, scalars
from paperlark.store.tables import ANNOUNCEMENT, SIGNAL

BITE = 2_000  # papers asked for at a time


class Heard(NamedTuple):
    """A source told of a paper. See `tables.Announcement`."""

    id: int
    paper_id: int
    source: str
    occasion: str
    type: str
    announced_at: datetime
    first_seen: datetime


class Counted(NamedTuple):
    """A source's counts of a paper at a time, known by one of its announcements."""

    announcement_id: int
    at: datetime
    counts: Mapping[str, int]


async def between(tx: Transaction, wanted: Wanted, since: datetime, until: datetime) -> dict[int, list[Heard]]:
    """All that was ever heard of each paper that was announced at or after `since` and before `until` and could meet a
    query: in the order in which the sources announced it; the paper last heard of comes first."""
    candidates = _announced(since, until)
    if expression := to_tsquery(wanted) if tx.postgres else to_fts5(wanted):
        candidates = candidates.where(ANNOUNCEMENT.c.paper_id.in_(_holding(tx, expression)))
    columns = [ANNOUNCEMENT.c[name] for name in Heard._fields]
    found: dict[int, list[Heard]] = defaultdict(list)
    await tx.by_index()
    rows = await tx.execute(select(*columns).where(ANNOUNCEMENT.c.paper_id.in_(candidates)))
    for row in rows:
        found[row.paper_id].append(Heard._make(row))
    for told in found.values():
        told.sort(key=_order)
    return dict(sorted(found.items(), key=lambda each: _order(each[1][-1]), reverse=True))


async def newest(tx: Transaction, since: datetime, until: datetime, limit: int) -> list[int]:
    """Some papers that were announced at or after `since` and before `until`, the newest."""
    wanted = _announced(since, until).order_by(ANNOUNCEMENT.c.announced_at.desc(), ANNOUNCEMENT.c.id.desc())
    return list(dict.fromkeys(await scalars(tx, wanted.limit(limit))))


async def counted(tx: Transaction, paper_ids: Sequence[int]) -> dict[int, list[Counted]]:
    """Every count of some papers, oldest first; papers without any are left out."""
    found: dict[int, list[Counted]] = defaultdict(list)
    if (await tx.execute(select(SIGNAL.c.at).limit(1))).first() is None:
        return {}
    for chunk in chunks(paper_ids, BITE):
        wanted = (
            select(ANNOUNCEMENT.c.paper_id, SIGNAL.c.announcement_id, SIGNAL.c.at, SIGNAL.c.counts)
            .join(SIGNAL, SIGNAL.c.announcement_id == ANNOUNCEMENT.c.id)
            .where(ANNOUNCEMENT.c.paper_id.in_(chunk))
            .order_by(SIGNAL.c.at, SIGNAL.c.announcement_id)
        )
        for row in await tx.execute(wanted):
            found[row.paper_id].append(Counted(row.announcement_id, row.at, row.counts))
    return dict(found)


def _order(heard: Heard) -> tuple[datetime, int]:
    return heard.announced_at, heard.id


def _announced(since: datetime, until: datetime) -> Select[tuple[int]]:
    return select(ANNOUNCEMENT.c.paper_id).where(
        ANNOUNCEMENT.c.announced_at >= since, ANNOUNCEMENT.c.announced_at < until
    )


def _holding(tx: Transaction, expression: str) -> Select[tuple[int]]:
    """The papers whose stored words pass a condition (`store.search`)."""
    if tx.postgres:
        found = text("SELECT paper_id FROM paper_words WHERE words @@ CAST(:wanted AS tsquery)")
    else:
        found = text("SELECT rowid AS paper_id FROM paper_words WHERE paper_words MATCH :wanted")
    named = found.bindparams(wanted=expression).columns(ANNOUNCEMENT.c.paper_id).subquery("holding")
    return select(named.c.paper_id)
