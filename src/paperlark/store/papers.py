"""Papers as the archive holds them: loaded, worked out again from what their sources say, and as queries see them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import select, update

from paperlark.matching.document import Document, analyse
from paperlark.model.ids import new_id
from paperlark.model.papers import Alias, StoredPaper
from paperlark.store import search
from paperlark.store.database import Transaction
from paperlark.store.identity import MERGED_FIELDS, merged_fields
from paperlark.store.rows import chunks, scalars
from paperlark.store.tables import ALIAS, ANNOUNCEMENT, PAPER, SIGNAL, SOURCE_RECORD


async def rewrite(tx: Transaction, paper_id: int) -> None:
    """Work out a paper's own fields from its source records again, and its search words with them."""
    wanted = (
        select(SOURCE_RECORD.c.fields)
        .where(SOURCE_RECORD.c.paper_id == paper_id)
        .order_by(SOURCE_RECORD.c.authority.desc(), SOURCE_RECORD.c.seen_at, SOURCE_RECORD.c.source)
    )
    records = list(await scalars(tx, wanted))
    if not records:
        return
    fields = merged_fields(records)
    await tx.execute(update(PAPER).where(PAPER.c.id == paper_id).values(**paper_columns(fields)))
    (stored,) = (await load(tx, [paper_id])).values()
    texts = analyse(document(stored)).texts
    await tx.execute(update(PAPER).where(PAPER.c.id == paper_id).values(words=texts.length, revised=new_id()))
    await search.rewrite(tx, paper_id, texts.search_words)
    tx.shelf_is_fresh = False


INTERNAL = ("title", "entry")  # schemes that are no names to show


async def load(tx: Transaction, paper_ids: Iterable[int]) -> dict[int, StoredPaper]:
    """Papers as the archive holds them, by id, in the order asked for; unknown ids are left out."""
    ids = list(dict.fromkeys(paper_ids))
    found: dict[int, StoredPaper] = {}
    for chunk in chunks(ids):
        found |= await _load(tx, chunk)
    return {number: found[number] for number in ids if number in found}


async def abstracts(tx: Transaction, paper_ids: Sequence[int]) -> list[str]:
    """The abstracts of some papers, in no order; of unknown ids none."""
    found: list[str] = []
    for chunk in chunks(paper_ids):
        found += await scalars(tx, select(PAPER.c.abstract).where(PAPER.c.id.in_(chunk)))
    return found


async def count_existing(tx: Transaction, paper_ids: Iterable[int]) -> int:
    """How many of these papers are there: some may have become one with others since."""
    found = 0
    for chunk in chunks(sorted(paper_ids)):
        found += len(await scalars(tx, select(PAPER.c.id).where(PAPER.c.id.in_(chunk))))
    return found


async def _load(tx: Transaction, ids: Sequence[int]) -> dict[int, StoredPaper]:
    aliases: dict[int, list[Alias]] = defaultdict(list)
    named = select(ALIAS).where(ALIAS.c.paper_id.in_(ids), ALIAS.c.scheme.not_in(INTERNAL))
    for row in await tx.execute(named):
        aliases[row.paper_id].append(Alias(row.scheme, row.value))
    heard = await told(tx, ids)
    rows = await tx.execute(select(PAPER).where(PAPER.c.id.in_(ids)))
    return {
        row.id: StoredPaper(
            id=row.id,
            title=row.title,
            abstract=row.abstract,
            authors=tuple(row.authors),
            author_count=row.author_count,
            organisation=row.organisation,
            categories=tuple(row.categories),
            keywords=tuple(row.keywords),
            aliases=tuple(sorted(aliases[row.id])),
            url=row.url,
            code_url=row.code_url,
            published_at=row.published_at,
            first_seen=row.first_seen,
            announced_at=heard[row.id].announced_at if row.id in heard else row.first_seen,
            sources=heard[row.id].sources if row.id in heard else (),
            signals=heard[row.id].signals if row.id in heard else {},
        )
        for row in rows
    }


class Told(NamedTuple):
    """What sources told of a paper: first when, who, and the latest count of each kind."""

    announced_at: datetime
    sources: tuple[str, ...]
    signals: Mapping[str, int]


async def told(tx: Transaction, ids: Sequence[int]) -> dict[int, Told]:
    """What was told of each paper; those of which nothing was are left out."""
    wanted = select(ANNOUNCEMENT.c.paper_id, ANNOUNCEMENT.c.source, ANNOUNCEMENT.c.announced_at)
    sources: dict[int, dict[str, None]] = defaultdict(dict)
    announced: dict[int, datetime] = {}
    for row in await tx.execute(wanted.where(ANNOUNCEMENT.c.paper_id.in_(ids)).order_by(ANNOUNCEMENT.c.id)):
        sources[row.paper_id][row.source] = None
        announced[row.paper_id] = min(row.announced_at, announced.get(row.paper_id, row.announced_at))
    signals = await latest_signals(tx, ids)
    return {number: Told(announced[number], tuple(sources[number]), signals.get(number, {})) for number in announced}


async def latest_signals(tx: Transaction, ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """The latest count of each kind for each paper, over all its sources."""
    wanted = (
        select(ANNOUNCEMENT.c.paper_id, SIGNAL.c.counts)
        .join(SIGNAL, SIGNAL.c.announcement_id == ANNOUNCEMENT.c.id)
        .where(ANNOUNCEMENT.c.paper_id.in_(ids))
        .order_by(SIGNAL.c.at)
    )
    signals: dict[int, dict[str, int]] = defaultdict(dict)
    for row in await tx.execute(wanted):
        signals[row.paper_id].update(row.counts)
    return dict(signals)


def document(
    stored: StoredPaper,
    *,
    type: str = "new",
    announced_at: datetime | None = None,
    signals: Mapping[str, int] | None = None,
) -> Document:
    """A stored paper as queries see it, together with one announcement (its first where none is named)."""
    return Document(
        title=stored.title,
        abstract=stored.abstract,
        authors=stored.authors,
        organisation=stored.organisation,
        categories=stored.categories,
        sources=stored.sources,
        aliases=stored.aliases,
        type=type,
        signals=stored.signals if signals is None else signals,
        author_count=stored.author_count,
        announced_at=announced_at or stored.announced_at,
    )


def paper_columns(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A paper's own columns from the fields that a source record keeps."""
    published = fields["published_at"]
    return {
        **{name: fields[name] for name in MERGED_FIELDS},
        "published_at": datetime.fromisoformat(published) if published else None,
    }
