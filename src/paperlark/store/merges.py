"""Two papers turn out to be one: everything of the one moves to the other, is logged, and can be parted again.

Where both have the same thing (an announcement by one source, something owed to one destination), the one that got
furthest stays, so that nobody is told twice; the other is kept in the log.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Table, and_, delete, select, update

from paperlark.model.ids import new_id
from paperlark.model.problems import StoreError
from paperlark.store import papers, search
from paperlark.store.columns import Moment
from paperlark.store.database import Transaction
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
    ANNOUNCEMENT: lambda row: (row["source"], row["occasion"]),
    MATCH: lambda row: (row["account_id"], row["profile_id"], row["version"]),
    OWED: lambda row: (row["account_id"], row["destination_id"], row["occasion"]),
    MARK: lambda row: (row["account_id"], row["kind"]),
}
UNSEALED = "unsealed"
FURTHEST = ("dropped", UNSEALED, "dead", "pending", "claimed", "sent")  # a dropped one must not swallow what is owed


async def merge(tx: Transaction, kept_id: int, gone_id: int, *, reason: str, now: datetime) -> int:
    """Make one paper of two; `gone_id` ends. Returns the id under which the merge can be undone."""
    undo: dict[str, Any] = {}
    for kind, same in SAME.items():
        undo[kind.name] = await _move(tx, kind, same, kept_id, gone_id)
    (gone,) = await _rows(tx, PAPER, PAPER.c.id == gone_id)
    undo["paper"] = packed(PAPER, gone)
    await tx.execute(delete(PAPER).where(PAPER.c.id == gone_id))
    await search.remove(tx, gone_id)
    await papers.rewrite(tx, kept_id)
    number = new_id()
    await tx.insert_new(
        MERGE_LOG,
        [{"id": number, "kept_id": kept_id, "gone_id": gone_id, "reason": reason[:500], "at": now, "undo": undo}],
    )
    return number


async def part(tx: Transaction, merge_id: int, *, now: datetime) -> None:
    """Undo a merge: both papers are as they were. Raises StoreError when there is no such merge, or it was undone."""
    found = (await tx.execute(select(MERGE_LOG).where(MERGE_LOG.c.id == merge_id))).one_or_none()
    if found is None or found.undone_at is not None:
        raise StoreError(f"there is no merge {merge_id} to undo")
    await tx.insert_new(PAPER, [unpacked(PAPER, found.undo["paper"])])
    for kind in SAME:
        moved = found.undo[kind.name]
        for row in moved["moved"]:
            await tx.execute(delete(kind).where(_is(kind, unpacked(kind, row) | {"paper_id": found.kept_id})))
        await tx.insert_new(kind, [unpacked(kind, row) for row in (*moved["gone"], *moved["replaced"])])
    await tx.execute(update(MERGE_LOG).where(MERGE_LOG.c.id == merge_id).values(undone_at=now))
    await papers.rewrite(tx, found.kept_id)
    await papers.rewrite(tx, found.gone_id)


async def _move(tx: Transaction, kind: Table, same: Kept, kept_id: int, gone_id: int) -> dict[str, Any]:
    """Move one kind of rows; returns what `part` needs: the rows as they were, the moved, and those they replaced."""
    gone = await _rows(tx, kind, kind.c.paper_id == gone_id)
    kept = {same(row): row for row in await _rows(tx, kind, kind.c.paper_id == kept_id)} if gone else {}
    moved, replaced = [], []
    for row in gone:
        rival = kept.get(same(row))
        if rival is not None and not await _further(tx, kind, row, rival):
            continue
        if rival is not None:
            replaced.append(rival)
            await tx.execute(delete(kind).where(_is(kind, rival)))
        moved.append(row)
    await tx.execute(delete(kind).where(kind.c.paper_id == gone_id))
    await tx.insert_new(kind, [row | {"paper_id": kept_id} for row in moved])
    return {
        "gone": [packed(kind, row) for row in gone],
        "moved": [packed(kind, row) for row in moved],
        "replaced": [packed(kind, row) for row in replaced],
    }


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
    found: list[Row[Any]] = list(await tx.execute(select(kind).where(condition)))
    return [dict(row._mapping) for row in found]


def _is(kind: Table, row: Mapping[str, Any]) -> Any:
    return and_(*(column == row[column.name] for column in kind.primary_key))


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
