"""The whole store as one file, and back: `carried` says what that file is.

**Backup.** One transaction that sees one moment of the database reads every table, while others go on writing: on
SQLite its log of writes (the file with `-wal`) grows meanwhile, PostgreSQL's cleaning up waits. Rows go through memory
a bite at a time.

**Restore.** The file is checked first; then all of it is written in one transaction, or nothing. What a mark of the
profile change log says holds in one database only, so percolation begins anew (`percolation.begin_elsewhere`).
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Executable, delete, func, select, text
from sqlalchemy.exc import OperationalError

from paperlark.model.problems import BackupError
from paperlark.store import migrations, percolation, profiles, search
from paperlark.store.carried import CARRIED, TABLES, WORDS, WORDS_TABLE, Manifest, Read, Written
from paperlark.store.database import Store, Transaction

BITE = 1_000  # rows in memory at a time
LOCK_SECONDS = 10  # how long a restore waits for whoever still uses the store
BOOKKEEPING = ("lane", "pace", "progress", "secret")  # tables in which a store that nobody has used may have rows

Progress = Callable[[str, int], None]
"""Called with a table's name, and how many of its rows are done."""


@dataclass(frozen=True, slots=True)
class Done:
    """What was carried: rows of each table; of a backup its size in bytes too."""

    rows: Mapping[str, int]
    size: int = 0


async def backup(store: Store, file: Path, *, made_by: str, progress: Progress) -> Done:
    """Write everything that the store keeps into a new file, which only its owner may read. Raises BackupError: there
    is one already, or it cannot be written; StoreError. Then no file is there."""
    written = await asyncio.to_thread(Written, file)
    try:
        async with store.snapshot() as tx:
            made_at = await tx.now()
            for name in CARRIED:
                await _write(tx, written, name, progress)
        size = await asyncio.to_thread(written.finish, migrations.HEAD, made_at, made_by)
        return Done(dict(written.rows), size)
    finally:
        await asyncio.to_thread(written.give_up)


async def restore(store: Store, file: Path, *, force: bool, progress: Progress) -> Done:
    """Fill a store that has its tables with what a backup holds. force: also one that is not empty; what it kept goes.

    No other process may use the store meanwhile. What was sent after the backup was made is owed again. Raises
    BackupError: a file that is no backup, or damaged, or of another version; a store that is not empty. StoreError.
    """
    read = await asyncio.to_thread(Read, file)
    try:
        check_manifest(read.manifest)
        async with store.transaction() as tx:
            await _take_alone(tx)
            if not force and (full := await _first_full(tx)):
                raise BackupError(f"the store is not empty (its table {full} has rows); --force replaces what it keeps")
            before = await profiles.new_mark(tx)
            await _clear(tx)
            for name in CARRIED:
                await _fill(tx, read, name, progress)
            await percolation.begin_elsewhere(tx, max(before, await profiles.new_mark(tx)))
        return Done(read.manifest.rows)
    finally:
        await asyncio.to_thread(read.close)


def check_manifest(manifest: Manifest) -> None:
    """Raises BackupError for a backup that is not of this version's tables."""
    if manifest.version != migrations.HEAD:
        raise BackupError(
            f"the backup was made at version {manifest.version} of the database by {manifest.made_by}, and this "
            f"paperlark is at {migrations.HEAD}: restore it with that one, and update afterwards"
        )
    if manifest.rows.keys() != CARRIED.keys():
        raise BackupError("the backup does not have the tables of its version")


# ── table by table ─────────────────────────────────────────────────────────────────────────────────────────────────


async def _write(tx: Transaction, written: Written, name: str, progress: Progress) -> None:
    rows: Executable = search.stored(postgres=tx.postgres) if name == WORDS else select(CARRIED[name])
    member = await asyncio.to_thread(written.table(name).__enter__)
    try:
        found = await (await tx.connection()).stream(rows, execution_options={"yield_per": BITE})
        async for bite in found.partitions(BITE):
            progress(name, await asyncio.to_thread(member.add, bite))
    finally:
        await asyncio.to_thread(member.__exit__, None, None, None)


async def _fill(tx: Transaction, read: Read, name: str, progress: Progress) -> None:
    table, done, bites = CARRIED[name], 0, read.rows(name, BITE)
    names = table.columns.keys()
    while bite := await asyncio.to_thread(_next, bites):
        if table is WORDS_TABLE:
            await search.write(tx, [(number, words.split()) for number, words in bite])
        else:
            await tx.insert_new(table, [dict(zip(names, row, strict=True)) for row in bite])
        done += len(bite)
        progress(name, done)
    kept = (await tx.execute(select(func.count()).select_from(table))).scalar_one()
    if not done == kept == read.manifest.rows[name]:
        raise BackupError(f"the backup's table {name} is not whole")


def _next(bites: Iterator[list[tuple[Any, ...]]]) -> Sequence[tuple[Any, ...]]:
    return next(bites, [])


# ── the store that is filled ───────────────────────────────────────────────────────────────────────────────────────


async def _take_alone(tx: Transaction) -> None:
    """Nobody else reads or writes from here to the end of the transaction. SQLite has one writer anyway."""
    if tx.postgres:
        await tx.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
        try:
            await tx.execute(text(f"LOCK TABLE {', '.join(CARRIED)} IN ACCESS EXCLUSIVE MODE"))
        except OperationalError as error:
            raise BackupError("somebody uses the store: stop every other paperlark first") from error


async def _first_full(tx: Transaction) -> str | None:
    for name, table in TABLES.items():
        if name not in BOOKKEEPING and (await tx.execute(select(table).limit(1))).first() is not None:
            return name
    return None


async def _clear(tx: Transaction) -> None:
    if tx.postgres:
        await tx.execute(text(f"TRUNCATE {', '.join(CARRIED)}"))
        return
    for table in TABLES.values():
        await tx.execute(delete(table))
    await search.clear(tx)
