"""Two papers turn out to be one: everything of the one moves to the other, is logged, and can be parted again.

Where both have the same thing (an announcement by one source, something owed to one destination), the one that got
furthest stays, so that nobody is told twice; the other is kept in the log. Papers that were parted never become one
again by what sources say (`parted`).

**Who writes of a paper meanwhile** (PostgreSQL; SQLite has one writer): a merge first takes both papers for itself
(`hold`), and whoever writes what is owed of papers that it read earlier asks for their `heirs`, which waits for the
merge and keeps others from beginning. Rows of what is owed are locked as they are read, so that a delivery is sealed
either before they are moved, which the move then sees, or after, which the seal sees (`outbox.MovedError`).
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Table, delete, or_, select, tuple_, update

from paperlark.model.ids import new_id
from paperlark.model.problems import StoreError
from paperlark.store import directions, papers, search
from paperlark.store.columns import Moment
from paperlark.store.database import Transaction
from paperlark.store.rows import chunks, scalars
from paperlark.store.tables import (
    ALIAS,
    ANNOUNCEMENT,
    DELIVERY,
    MARK,
    MATCH,
    MERGE_LOG,
    OWED,
    PAPER,
    SOURCE_RECORD,
)

Kept = Callable[[Mapping[str, Any]], Any]
"""What makes two rows the same thing, the paper apart."""

SAME: dict[Table, Kept] = {
    ALIAS: lambda row: (row["scheme"], row["value"]),
    SOURCE_RECORD: lambda row: row["source"],
    ANNOUNCEMENT: lambda row: (row["source"], row["occasion"], row["type"]),
    MATCH: lambda row: (row["account_id"], row["profile_id"], row["version"]),
    OWED: lambda row: (row["account_id"], row["destination_id"], row["occasion"]),
    MARK: lambda row: (row["account_id"], row["kind"]),
}
UNSEALED = "unsealed"
FURTHEST = ("dropped", UNSEALED, "dead", "pending", "claimed", "sent")  # a dropped one must not swallow what is owed


async def merge(tx: Transaction, kept_id: int, gone_id: int, *, reason: str, now: datetime) -> int:
    """Make one paper of two; `gone_id` ends. Returns the id under which the merge can be undone."""
    await hold(tx, (kept_id, gone_id))
    undo: dict[str, Any] = {}
    for kind, same in SAME.items():
        undo[kind.name] = await _move(tx, kind, same, kept_id, gone_id)
    (gone,) = await _rows(tx, PAPER, PAPER.c.id == gone_id)
    undo["paper"] = packed(PAPER, gone)
    await tx.execute(delete(PAPER).where(PAPER.c.id == gone_id))
    await search.remove(tx, gone_id)
    await directions.remove(tx, gone_id)
    await papers.rewrite(tx, kept_id)
    number = new_id()
    await tx.insert_new(
        MERGE_LOG,
        [{"id": number, "kept_id": kept_id, "gone_id": gone_id, "reason": reason[:500], "at": now, "undo": undo}],
    )
    return number


async def part(tx: Transaction, merge_id: int, *, now: datetime) -> None:
    """Undo a merge: both papers are as they were, but for what has happened to them since, which goes with the paper
    that had the row: what was told meanwhile counts as told. What was recorded first since then stays with the kept
    one. Raises StoreError when there is no such merge, it was undone, or a later one has built upon it.
    """
    found = (await tx.execute(select(MERGE_LOG).where(MERGE_LOG.c.id == merge_id))).one_or_none()
    if found is None or found.undone_at is not None:
        raise StoreError(f"there is no merge {merge_id} to undo")
    both = (found.kept_id, found.gone_id)
    standing = select(MERGE_LOG.c.id).where(
        MERGE_LOG.c.undone_at.is_(None), or_(MERGE_LOG.c.kept_id.in_(both), MERGE_LOG.c.gone_id.in_(both))
    )
    latest = max(await scalars(tx, standing))
    if latest != merge_id:
        raise StoreError(f"merge {merge_id} was built upon: undo merge {latest} first")
    await hold(tx, both)
    await tx.insert_new(PAPER, [unpacked(PAPER, found.undo["paper"])])
    for kind in SAME:
        await _move_back(tx, kind, found.undo[kind.name], found.kept_id, found.gone_id)
    await tx.execute(update(MERGE_LOG).where(MERGE_LOG.c.id == merge_id).values(undone_at=now))
    await papers.rewrite(tx, found.kept_id)
    await papers.rewrite(tx, found.gone_id)


async def hold(tx: Transaction, paper_ids: Collection[int]) -> None:
    """Take papers for a merge: nobody else merges them, or writes what is owed of them, until this transaction ends."""
    for chunk in chunks(sorted(paper_ids)):
        await tx.execute(select(PAPER.c.id).where(PAPER.c.id.in_(chunk)).order_by(PAPER.c.id).with_for_update())


async def heirs(tx: Transaction, paper_ids: Collection[int]) -> dict[int, int]:
    """Which papers those of these are now that have become one with another. The rest, and these heirs, do not become
    one with another before this transaction ends."""
    there: set[int] = set()
    for chunk in chunks(sorted(paper_ids)):
        wanted = select(PAPER.c.id).where(PAPER.c.id.in_(chunk)).order_by(PAPER.c.id)
        there.update(await scalars(tx, wanted.with_for_update(read=True, key_share=True)))
    kept: dict[int, int] = {}
    for chunk in chunks(sorted(set(paper_ids) - there)):
        merged = select(MERGE_LOG.c.gone_id, MERGE_LOG.c.kept_id).where(
            MERGE_LOG.c.gone_id.in_(chunk), MERGE_LOG.c.undone_at.is_(None)
        )
        kept |= {row.gone_id: row.kept_id for row in await tx.execute(merged)}
    further = await heirs(tx, set(kept.values())) if kept else {}
    return {gone: further.get(heir, heir) for gone, heir in kept.items()}


async def parted(tx: Transaction, paper_ids: Collection[int]) -> list[tuple[int, int]]:
    """The pairs with one of these papers in them that were one and were parted, as the papers stand now."""
    pairs: list[tuple[int, int]] = []
    for chunk in chunks(sorted(paper_ids)):
        undone = select(MERGE_LOG.c.kept_id, MERGE_LOG.c.gone_id).where(
            MERGE_LOG.c.undone_at.is_not(None), or_(MERGE_LOG.c.kept_id.in_(chunk), MERGE_LOG.c.gone_id.in_(chunk))
        )
        pairs += [(row.kept_id, row.gone_id) for row in await tx.execute(undone)]
    stand = await heirs(tx, {number for pair in pairs for number in pair}) if pairs else {}
    return [(stand.get(one, one), stand.get(other, other)) for one, other in pairs]


async def _move(tx: Transaction, kind: Table, same: Kept, kept_id: int, gone_id: int) -> dict[str, Any]:
    """Move one kind of rows; returns what `part` needs: the rows as they were, the moved, and those they replaced."""
    both = await _rows(tx, kind, kind.c.paper_id.in_((kept_id, gone_id)))
    gone = [row for row in both if row["paper_id"] == gone_id]
    if not gone:
        return {"gone": [], "moved": [], "replaced": []}
    kept = {same(row): row for row in both if row["paper_id"] == kept_id}
    moved, gave_way, replaced = [], [], []
    for row in gone:
        rival = kept.get(same(row))
        if rival is not None and not await _further(tx, kind, row, rival):
            gave_way.append(row)
            continue
        if rival is not None:
            replaced.append(rival)
        moved.append(row)
    await _delete(tx, kind, gave_way + replaced)
    await tx.execute(update(kind).where(kind.c.paper_id == gone_id).values(paper_id=kept_id))
    return {
        "gone": [packed(kind, row) for row in gone],
        "moved": [packed(kind, row) for row in moved],
        "replaced": [packed(kind, row) for row in replaced],
    }


async def _move_back(tx: Transaction, kind: Table, undo: Mapping[str, Any], kept_id: int, gone_id: int) -> None:
    """Give one kind of rows back: what moved as it is by now, what gave way as it was."""
    moved = [unpacked(kind, row) for row in undo["moved"]]
    for those in _those(kind, [row | {"paper_id": kept_id} for row in moved]):
        await tx.execute(update(kind).where(those).values(paper_id=gone_id))
    moved_keys = {_key(kind, row) for row in moved}
    gave_way = [row for row in (unpacked(kind, row) for row in undo["gone"]) if _key(kind, row) not in moved_keys]
    await tx.insert_new(kind, gave_way + [unpacked(kind, row) for row in undo["replaced"]])


async def _further(tx: Transaction, kind: Table, row: Mapping[str, Any], rival: Mapping[str, Any]) -> bool:
    """Must this row stay in place of its rival? What is owed where its telling got further; an announcement where it
    is still to be percolated and the rival is not: every one is percolated."""
    if kind is ANNOUNCEMENT:
        return row["percolated_at"] is None and rival["percolated_at"] is not None
    return kind is OWED and await _progress(tx, row) > await _progress(tx, rival)


async def _progress(tx: Transaction, owed: Mapping[str, Any]) -> int:
    if owed["delivery_id"] is None:
        return FURTHEST.index(UNSEALED)
    wanted = select(DELIVERY.c.state).where(
        DELIVERY.c.account_id == owed["account_id"], DELIVERY.c.id == owed["delivery_id"]
    )
    state = (await tx.execute(wanted)).scalar()
    return FURTHEST.index(state) if state in FURTHEST else len(FURTHEST)  # forgotten by retention: it was told long ago


async def _rows(tx: Transaction, kind: Table, condition: Any) -> list[dict[str, Any]]:
    found: list[Row[Any]] = list(await tx.execute(select(kind).where(condition).with_for_update()))
    return [dict(row._mapping) for row in found]


async def _delete(tx: Transaction, kind: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    for those in _those(kind, rows):
        await tx.execute(delete(kind).where(those))


def _those(kind: Table, rows: Sequence[Mapping[str, Any]]) -> Iterator[Any]:
    """Conditions that together mean these rows, by their primary keys."""
    for chunk in chunks(rows):
        yield tuple_(*kind.primary_key).in_([_key(kind, row) for row in chunk])


def _key(kind: Table, row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[column.name] for column in kind.primary_key)


def packed(kind: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as JSON can hold it."""
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}


def unpacked(kind: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    """A packed row as it was."""
    moments = {column.name for column in kind.columns if isinstance(column.type, Moment)}
    return {
        name: datetime.fromisoformat(value) if name in moments and value is not None else value
        for name, value in row.items()
    }
