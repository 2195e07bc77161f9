"""Papers of the archive as queries see them, with their words at hand: each process keeps the newest of them (`shelf`),
and asks at each reading which have changed since."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import BigInteger, Row, bindparam, cast, func, literal, null, select, union_all

from paperlark.matching.document import Analysed, Document
from paperlark.matching.explained import explanations
from paperlark.matching.lean import Lean, lean
from paperlark.matching.postings import row as posted
from paperlark.model.papers import Alias
from paperlark.store import directions, papers
from paperlark.store.database import Transaction
from paperlark.store.rows import chunks
from paperlark.store.shelf import Kept
from paperlark.store.tables import ALIAS, PAPER

BITE = 200  # papers read at a time

_READ = [
    PAPER.c[name]
    for name in ("id", "title", "abstract", "authors", "author_count", "organisation", "categories", "first_seen",
                 "revised")
]  # fmt: skip


async def load(tx: Transaction, paper_ids: Iterable[int]) -> dict[int, Analysed]:
    """Papers ready for queries, each with its first announcement and latest signals, in the order asked for; unknown
    ids are left out."""
    ids = list(dict.fromkeys(paper_ids))
    kept = await with_told(tx, await load_lean(tx, ids))
    texts: dict[int, tuple[str, str]] = {}
    for chunk in chunks(list(kept)):
        for row in await tx.execute(select(PAPER.c.id, PAPER.c.title, PAPER.c.abstract).where(PAPER.c.id.in_(chunk))):
            texts[row.id] = (row.title, row.abstract)
    return await asyncio.to_thread(
        lambda: {number: kept[number].analysed(*texts[number]) for number in ids if number in texts}
    )


async def load_lean(tx: Transaction, paper_ids: Iterable[int]) -> dict[int, Lean]:
    """Papers with their words and what belongs to them, not with what was told of them: no sources, no signals, and the
    day on which the archive first saw them. Unknown ids are left out, and sometimes ids that have ended are not."""
    await refresh(tx)
    found, missing = tx.shelf.found(list(paper_ids))
    for bite in chunks(missing, BITE):
        read = await _read(tx, bite)
        tx.shelf.put(read)
        found |= {number: kept.row.paper for number, kept in read.items()}
    return found


async def with_told(tx: Transaction, found: Mapping[int, Lean]) -> dict[int, Lean]:
    """The same papers, with what was told of them: sources, first announcement, latest signals."""
    told = dict(found)
    for chunk in chunks(list(found)):
        for number, facts in (await papers.told(tx, chunk)).items():
            told[number] = found[number].told(facts.announced_at, facts.sources, facts.signals)
    return told


async def with_directions(tx: Transaction, found: Mapping[int, Lean]) -> dict[int, Lean]:
    """The same papers, with what they are about, where that is known (`directions.up_to_date`)."""
    known = await directions.of_papers(tx, found)
    return {number: replace(paper, direction=known.get(number)) for number, paper in found.items()}


async def refresh(tx: Transaction) -> None:
    """Let go of what has changed, once in a transaction."""
    if tx.shelf_is_fresh:
        return
    rows = await (tx.glance(_CHANGED, since=tx.shelf.since) if len(tx.shelf) else tx.glance(_LAST_CHANGED))
    tx.shelf.forget_changed([(number, revised) for number, revised in rows if revised is not None])
    tx.shelf.newest = next(number for number, revised in rows if revised is None)
    tx.shelf_is_fresh = True


# The newest paper's id comes along, without a revision: a statement of its own would cost as much again.
_NEWEST = select(func.coalesce(func.max(PAPER.c.id), 0).label("id"), cast(null(), BigInteger).label("revised"))
_CHANGED = union_all(
    select(PAPER.c.id, PAPER.c.revised).where(PAPER.c.revised > bindparam("since", type_=BigInteger, required=False)),
    _NEWEST,
).execution_options(by_index=True)  # PostgreSQL, which plans it once for all, expects a third of the papers
_LAST_CHANGED = union_all(
    select(literal(0, BigInteger).label("id"), func.coalesce(func.max(PAPER.c.revised), 0).label("revised")), _NEWEST
)


async def _read(tx: Transaction, ids: Sequence[int]) -> dict[int, Kept]:
    """Papers of the store, made lean: costs what it costs to find their words."""
    aliases: dict[int, list[Alias]] = defaultdict(list)
    named = select(ALIAS).where(ALIAS.c.paper_id.in_(ids), ALIAS.c.scheme.not_in(papers.INTERNAL))
    for row in await tx.execute(named):
        aliases[row.paper_id].append(Alias(row.scheme, row.value))
    rows = list(await tx.execute(select(*_READ).where(PAPER.c.id.in_(ids))))
    return await asyncio.to_thread(lambda: {row.id: _kept(row, aliases[row.id]) for row in rows})


def _kept(row: Row[Any], aliases: Collection[Alias]) -> Kept:
    document = Document(
        title=row.title,
        abstract=row.abstract,
        authors=tuple(row.authors),
        author_count=row.author_count,
        organisation=row.organisation,
        categories=tuple(row.categories),
        aliases=tuple(sorted(aliases)),
        announced_at=row.first_seen,
    )
    return Kept(row.revised, posted(lean(document)), explanations(row.abstract))
