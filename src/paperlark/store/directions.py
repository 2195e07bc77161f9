"""What papers are about (`matching.meaning`): a direction for each, kept in the database for every process to find.

`fill` finds those that are missing, or older than the last change of the paper's words; `up_to_date` fills, and brings
what a process holds in memory up to date. Both look only at what has changed since they last looked. A million papers
cost 270 MB of memory in each process that searches by meaning, 400 MB in the database, and half an hour of one core
once; to look at all of them for what is closest takes 0.15 s. Without the extra there is nothing to fill.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, delete, func, or_, select

from paperlark.matching import meaning, near
from paperlark.matching.query import Query, parse
from paperlark.model.ids import new_id
from paperlark.model.papers import arxiv_alias, doi_alias
from paperlark.model.problems import QueryError
from paperlark.store import archive
from paperlark.store.compass import Compass
from paperlark.store.database import Store, Transaction
from paperlark.store.rows import chunks
from paperlark.store.shelf import OVERLAP
from paperlark.store.tables import DIRECTION, PAPER

BITE = 500  # papers found in one go: a tenth of a second of another thread's time
READ = 2_000  # directions fetched in one go: what waits for the loop waits 20 ms


class Filled(NamedTuple):
    """How many directions were found, and whether any is still missing."""

    papers: int
    complete: bool


async def fill(store: Store, *, limit: int | None = None) -> Filled:
    """Find directions that are missing, the newest papers' first: at most so many. Safe in several processes at once.

    Raises StoreError.
    """
    if not meaning.installed():
        return Filled(0, True)
    compass, done = store.compass, 0
    async with compass.changing:
        while limit is None or done < limit:
            made = new_id()  # first: words that change from here on are newer
            async with store.reading() as tx:
                missing = await _missing(tx, compass.complete_to - OVERLAP)
            if not missing:
                compass.complete_to = made
                return Filled(done, True)
            found = await asyncio.to_thread(_found, missing)
            async with store.transaction() as tx:
                await _write(tx, found, made)
            done += len(found)
    return Filled(done, False)


async def up_to_date(store: Store, *, limit: int | None = None) -> Compass:
    """The directions of all papers, in memory; those that were missing are found first, at most so many. Costs next to
    nothing where nothing was written since. Raises StoreError."""
    compass, state = store.compass, await store.state()
    if compass.state != state:
        filled = await fill(store, limit=limit)
        await _refresh(store)
        # What we wrote ourselves makes it look anew once; what is still missing makes it look until it is not.
        compass.state = state if filled.complete and not filled.papers else ""
    return compass


async def _refresh(store: Store) -> None:
    compass = store.compass
    async with compass.changing:
        async with store.reading() as tx:
            after = compass.read_to
            until = (await tx.execute(select(func.max(DIRECTION.c.made)))).scalar() or 0
            await _read_late(tx, compass)
            while until > after:
                rows, last = await _rows(tx, DIRECTION.c.made > after, READ), until
                if len(rows) == READ:  # and all that were made with the last of them
                    last = rows[-1].made
                    rows = [row for row in rows if row.made < last] + await _rows(tx, DIRECTION.c.made == last)
                await _take(compass, rows)
                after = last
        compass.read_to = until


async def _read_late(tx: Transaction, compass: Compass) -> None:
    """What a slow transaction wrote after we had read up to where it belongs. After many papers at once there is much
    that was made lately, and it is looked at again and again: how much it is, and when, is added up by the database."""
    after, upto = compass.read_to - OVERLAP, compass.read_to
    ours, made = await asyncio.to_thread(compass.between, after, upto)
    lately = (DIRECTION.c.made > after) & (DIRECTION.c.made <= upto)
    added = select(func.count(), func.coalesce(func.sum(DIRECTION.c.made - after), 0)).where(lately)
    if tuple(map(int, (await tx.execute(added)).one())) == (len(ours), int((made - after).sum())):
        return
    held = dict(zip(ours.tolist(), made.tolist(), strict=True))
    there = select(DIRECTION.c.paper_id, DIRECTION.c.made).where(lately)
    news = {row.paper_id: row.made for row in await tx.execute(there)}
    compass.let_go([number for number in held if number not in news])  # they ended, or have newer ones
    for chunk in chunks([number for number in news if held.get(number) != news[number]]):
        await _take(compass, await _rows(tx, DIRECTION.c.paper_id.in_(chunk)))


async def _take(compass: Compass, rows: Sequence[Row[Any]]) -> None:
    if rows:
        numbers, made, packed = zip(*rows, strict=True)
        await asyncio.to_thread(compass.take, numbers, made, packed)


async def of_papers(tx: Transaction, paper_ids: Iterable[int]) -> dict[int, bytes]:
    """The packed directions of some papers; those that have none, or an old one, are left out."""
    found: dict[int, bytes] = {}
    for chunk in chunks(list(dict.fromkeys(paper_ids))):
        wanted = (
            select(DIRECTION.c.paper_id, DIRECTION.c.direction)
            .join(PAPER, PAPER.c.id == DIRECTION.c.paper_id)
            .where(DIRECTION.c.paper_id.in_(chunk), DIRECTION.c.made > func.coalesce(PAPER.c.revised, 0))
        )
        found |= {row.paper_id: bytes(row.direction) for row in await tx.execute(wanted)}
    return found


async def likes(tx: Transaction, texts: Iterable[str]) -> dict[str, bytes]:
    """The packed directions of the papers that some profiles' texts name by `like:`, as they name them; those that the
    archive does not hold are left out. Texts that cannot be read name none."""
    named: dict[str, None] = {}
    for written in texts:
        if "like" in written.casefold() and (query := _read(written)) is not None:
            named |= dict.fromkeys(near.names(query))
    found: dict[str, bytes] = {}
    for name in named:
        row = await _named(tx, name)
        packed = await asyncio.to_thread(meaning.of_paper, *row) if row is not None else None
        if packed is not None:
            found[name] = packed
    return found


def _read(written: str) -> Query | None:
    try:
        return parse(written)
    except QueryError:
        return None


async def _named(tx: Transaction, name: str) -> tuple[str, str] | None:
    """Title and abstract of a paper by its id, arXiv id, DOI, or any other name with its scheme."""
    scheme, _, value = name.partition(":")
    aliases = {(alias.scheme, alias.value) for alias in (arxiv_alias(name), doi_alias(name)) if alias}
    ids = await archive.named(tx, aliases | {(scheme, value)} if value else aliases)
    ids += [int(name)] if name.isdecimal() and len(name) < 19 else []
    for row in await tx.execute(select(PAPER.c.title, PAPER.c.abstract).where(PAPER.c.id.in_(ids)).limit(1)):
        return row.title, row.abstract
    return None


async def remove(tx: Transaction, paper_id: int) -> None:
    """Let go of a paper that has ended."""
    await tx.execute(delete(DIRECTION).where(DIRECTION.c.paper_id == paper_id))


async def _missing(tx: Transaction, since: int) -> list[tuple[int, str, str]]:
    """Papers without a direction of their present words, among those that are new or have changed."""
    wanted = (
        select(PAPER.c.id, PAPER.c.title, PAPER.c.abstract)
        .outerjoin(DIRECTION, DIRECTION.c.paper_id == PAPER.c.id)
        .where(or_(DIRECTION.c.made.is_(None), DIRECTION.c.made < func.coalesce(PAPER.c.revised, 0)))
        .order_by(PAPER.c.id.desc())
        .limit(BITE)
    )
    recent = [wanted.where(PAPER.c.id > since), wanted.where(PAPER.c.revised > since)]
    found = [tuple(row) for statement in recent for row in await tx.execute(statement)]
    return list(dict.fromkeys(found))[:BITE]


def _found(papers: Sequence[tuple[int, str, str]]) -> list[tuple[int, bytes]]:
    pairs = ((number, meaning.of_paper(title, abstract)) for number, title, abstract in papers)
    return [(number, packed) for number, packed in pairs if packed is not None]


async def _write(tx: Transaction, found: Sequence[tuple[int, bytes]], made: int) -> None:
    insert = tx.insert(DIRECTION)
    newer = insert.on_conflict_do_update(
        index_elements=["paper_id"],
        set_={"made": insert.excluded.made, "direction": insert.excluded.direction},
        where=DIRECTION.c.made < insert.excluded.made,
    )
    rows = [{"paper_id": number, "made": made, "direction": packed} for number, packed in found]
    await tx.execute(newer, rows)


async def _rows(tx: Transaction, which: ColumnElement[bool], limit: int | None = None) -> list[Row[Any]]:
    """Some papers' ids, when their directions were made, and these; those that were made first come first."""
    wanted = select(DIRECTION.c.paper_id, DIRECTION.c.made, DIRECTION.c.direction).where(which)
    return list(await tx.execute(wanted.order_by(DIRECTION.c.made).limit(limit)))
