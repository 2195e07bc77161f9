"""Where papers stand in the archive: the newest, those of a day, those of a name; and who stands on them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import select

from paperlark.store.database import Transaction
from paperlark.store.rows import chunks, scalars
from paperlark.store.tables import ALIAS, ANNOUNCEMENT, PAPER


async def newest(tx: Transaction, *, limit: int | None = None, before: int | None = None) -> list[int]:
    """Paper ids, newest first; only those older than `before`, where it is given."""
    wanted = select(PAPER.c.id).order_by(PAPER.c.id.desc()).limit(limit)
    return await scalars(tx, wanted if before is None else wanted.where(PAPER.c.id < before))


async def named(tx: Transaction, names: Iterable[tuple[str, str]]) -> list[int]:
    """The papers of some names, given as (scheme, value). Titles are no names here: many papers may share one."""
    found: list[int] = []
    for scheme, value in sorted(names):
        if scheme != "title":
            wanted = select(ALIAS.c.paper_id).where(ALIAS.c.scheme == scheme, ALIAS.c.value == value)
            found += await scalars(tx, wanted)
    return found


async def announced(tx: Transaction, since: datetime, until: datetime | None = None) -> list[int]:
    """The papers announced at or after `since`, and before `until`."""
    wanted = select(ANNOUNCEMENT.c.paper_id).where(ANNOUNCEMENT.c.announced_at >= since).distinct()
    return await scalars(tx, wanted if until is None else wanted.where(ANNOUNCEMENT.c.announced_at < until))


async def first_announced(tx: Transaction, since: datetime) -> datetime | None:
    """The earliest moment, at or after `since`, at which anything was announced."""
    wanted = select(ANNOUNCEMENT.c.announced_at).where(ANNOUNCEMENT.c.announced_at >= since)
    found: datetime | None = (await tx.execute(wanted.order_by(ANNOUNCEMENT.c.announced_at).limit(1))).scalar()
    return found


async def authors(tx: Transaction, paper_ids: Sequence[int]) -> Counter[str]:
    """On how many of these papers each spelling of an author's name stands."""
    found: Counter[str] = Counter()
    for chunk in chunks(paper_ids):
        for names in await scalars(tx, select(PAPER.c.authors).where(PAPER.c.id.in_(chunk))):
            found.update(set(names))
    return found


async def organisations(tx: Transaction, paper_ids: Sequence[int]) -> Counter[str]:
    """On how many of these papers each spelling of an organisation's name stands."""
    found: Counter[str] = Counter()
    for chunk in chunks(paper_ids):
        wanted = select(PAPER.c.organisation).where(PAPER.c.id.in_(chunk), PAPER.c.organisation.is_not(None))
        found.update(await scalars(tx, wanted))
    return found
