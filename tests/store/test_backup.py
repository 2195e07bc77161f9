"""The whole store as one file: of one moment, whole or refused, and for either database."""

import asyncio
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from zipfile import ZipFile

import pytest
from sqlalchemy import select, text, update

from paperlark.model.problems import BackupError
from paperlark.pipeline.percolate import Percolator
from paperlark.readers import follow
from paperlark.readers.search import search
from paperlark.store import carried, migrations, profiles
from paperlark.store.backup import backup, restore
from paperlark.store.database import Store, open_store
from paperlark.store.tables import ACCOUNT, MATCH, OWED, PAPER, PROFILE_CHANGE, SIGNAL, TOKEN
from tests.builders import LEASE, count, dump, matches, numbered, percolate, reader, record, rows, told
from tests.databases import Fresh

MARKS = ("profile_change", "percolation_batch", "progress")
"""Tables whose marks mean something in one database only."""

DIRECTION = {"paper_id": 7, "made": 8, "direction": b"\x00\xff lark"}


async def lived_in(store: Store) -> None:
    """Somebody has used it: papers, readers, what was owed; letters that are hard to carry."""
    await reader(store, "larks", "ann")
    await record(
        store, *numbered(3), told("Lärks “☂” \u2028 $\\beta$\n\ttabs", arxiv="2603.09999", signals={"upvotes": 3})
    )
    await percolate(store)
    async with store.transaction() as tx:
        await tx.insert_new(carried.TABLES["paper_direction"], [DIRECTION])


async def carried_to(store: Store, file: Path, *, force: bool = False) -> None:
    await restore(store, file, force=force, progress=lambda name, done: None)


async def written(store: Store, file: Path) -> Path:
    await backup(store, file, made_by="test", progress=lambda name, done: None)
    return file


@pytest.fixture
def others(request: pytest.FixtureRequest) -> list[Fresh]:
    """Databases of both kinds, whichever the test's own is."""
    return [request.getfixturevalue("sqlite"), request.getfixturevalue("postgres")]


def names(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


def held(file: Path) -> dict[str, list[str]]:
    """All that a backup holds, in an order that does not depend on the database. A paper's words are a set."""
    with ZipFile(file) as archive:
        lines = {name: archive.read(name).splitlines() for name in archive.namelist() if name != "manifest.json"}
    words = [(number, sorted(said.split())) for number, said in map(json.loads, lines.pop("paper_words.jsonl"))]
    rows = {
        name: sorted(json.dumps(json.loads(line), sort_keys=True) for line in those)
        for name, those in lines.items()
        if name.removesuffix(".jsonl") not in MARKS
    }
    return rows | {"words": sorted(map(str, words))}


async def test_what_was_carried_is_the_same_in_either_database(
    store: Store, others: list[Fresh], tmp_path: Path
) -> None:
    await lived_in(store)
    first = held(await written(store, tmp_path / "first.zip"))
    assert sum(map(len, first.values())) > 30
    best = [each.paper.title async for each in search(store, "larks")]
    for number, fresh in enumerate(others):
        other = await open_store(fresh())
        await carried_to(other, tmp_path / "first.zip")
        assert held(await written(other, tmp_path / f"{number}.zip")) == first
        assert [each.paper.title async for each in search(other, "larks")] == best != []
        await other.close()


async def test_a_backup_is_of_one_moment_though_somebody_writes(store: Store, sqlite: Fresh, tmp_path: Path) -> None:
    """A writer keeps as many tokens as accounts; a table is read after the other was, and they still agree."""
    stop, begun = asyncio.Event(), asyncio.Event()

    async def write() -> None:
        number = 0
        while not stop.is_set():
            async with store.transaction() as tx:
                now, number = await tx.now(), number + 1
                await tx.insert_new(ACCOUNT, [{"account_id": number, "name": "ann", "created_at": now}])
                row = {"token_hash": str(number), "account_id": number, "name": "", "prefix": "", "scopes": [],
                       "created_at": now, "expires_at": None}  # fmt: skip
                await tx.insert_new(TOKEN, [row])
            begun.set()
            await asyncio.sleep(0)

    writing = asyncio.create_task(write())
    await asyncio.wait({writing, asyncio.create_task(begun.wait())}, return_when=asyncio.FIRST_COMPLETED)
    file = await written(store, tmp_path / "a.zip")
    stop.set()
    await writing
    manifest = carried.Read(file).manifest
    assert 0 < manifest.rows["account"] == manifest.rows["token"] < await count(store, ACCOUNT)


async def test_percolation_goes_on_where_the_backup_was_made(store: Store, others: list[Fresh], tmp_path: Path) -> None:
    """A profile that no index had seen is checked against what had been percolated without it; nothing is owed twice;
    later profiles and papers find each other."""
    await reader(store, "larks", "ann")
    percolator = Percolator(store, lease=LEASE)
    await percolator.run()
    early = await store.now()
    async with store.transaction() as tx:  # made long ago by a transaction that commits only now
        late = await profiles.add(tx, 1, "late", "larks", early)
        await tx.execute(update(PROFILE_CHANGE).where(PROFILE_CHANGE.c.profile_id == late.id).values(at=early))
        mark = await profiles.new_mark(tx)
    await record(store, *numbered(2))
    async with store.transaction() as tx:  # percolated by an index that has not seen it
        await tx.execute(text("DELETE FROM match"))
        batch = {"id": 5, "mark": mark, "lease_token": "", "lease_until": early, "done_at": early}
        await tx.insert_new(carried.TABLES["percolation_batch"], [batch])
        await tx.execute(text("UPDATE announcement SET batch_id = 5, percolated_at = first_seen"))
    await percolator.close()
    file = await written(store, tmp_path / "a.zip")
    for fresh in others:
        other = await open_store(fresh())
        await carried_to(other, file)
        await percolate(other)
        assert {row["profile_id"] for row in await matches(other)} == {late.id}
        await follow.follow(other, 1, "owls")
        await record(other, told("Owls", arxiv="2603.11111"))
        assert await percolate(other) == 1
        assert len(await matches(other)) == 3 and await count(other, OWED) == 0
        await other.close()


# ── what is refused ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_store_that_is_not_empty_is_left_alone_unless_forced(store: Store, tmp_path: Path) -> None:
    await lived_in(store)
    file = await written(store, tmp_path / "a.zip")
    await record(store, *numbered(5, start=10))
    before = await dump(store)
    with pytest.raises(BackupError, match="not empty"):
        await carried_to(store, file)
    assert await dump(store) == before
    await carried_to(store, file, force=True)
    assert await count(store, PAPER) == 4


async def test_a_file_that_was_cut_or_changed_anywhere_is_refused(sqlite_store: Store, tmp_path: Path) -> None:
    await lived_in(sqlite_store)
    file = await written(sqlite_store, tmp_path / "a.zip")
    good = file.read_bytes()
    bad = [good[:cut] for cut in range(0, len(good), len(good) // 20)]
    bad += [good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :] for at in range(0, len(good), len(good) // 40)]
    bad += [good + b"\n", b"", b"PK"]
    for body in bad:
        file.write_bytes(body)
        with pytest.raises(BackupError, match="damaged"):
            carried.Read(file)


def resealed(file: Path, name: str, change: bytes, into: bytes) -> None:
    """Change a member of a backup, and seal it again: what nobody does by accident."""
    with ZipFile(file) as archive:
        members = {each: archive.read(each) for each in archive.namelist()}
    assert change in members[name]
    members[name] = members[name].replace(change, into, 1)
    with ZipFile(file, "w", compression=8) as archive:
        for each, body in members.items():
            archive.writestr(each, body)
        archive.comment = carried.SEAL + b"0" * carried.DIGEST
    with file.open("r+b") as stream:
        size = stream.seek(0, os.SEEK_END)
        digest = carried._digest(stream, size - carried.DIGEST)
        stream.seek(size - carried.DIGEST)
        stream.write(digest)


@pytest.mark.parametrize(
    ("name", "change", "into", "said"),
    [
        ("manifest.json", migrations.HEAD.encode(), b"0001", "at version 0001"),
        ("manifest.json", b"paperlark backup 1", b"paperlark backup 2", "does not know"),
        ("manifest.json", b'"mute"', b'"mutt"', "the tables of its version"),
        ("manifest.json", b'"rows": 4', b'"rows": 5', "is not whole"),
        ("account.jsonl", b"[", b"[1,", "account is damaged"),
        ("account.jsonl", b"]", b"", "account is damaged"),
        ("announcement.jsonl", b"T", b" at ", "announcement is damaged"),
        ("paper_direction.jsonl", b'"', b'"*', "paper_direction is damaged"),
    ],
)
async def test_what_cannot_be_restored_whole_leaves_the_store_as_it_was(
    store: Store, sqlite: Fresh, tmp_path: Path, name: str, change: bytes, into: bytes, said: str
) -> None:
    from_ = await open_store(sqlite())
    await lived_in(from_)
    file = await written(from_, tmp_path / "a.zip")
    await from_.close()
    resealed(file, name, change, into)
    await reader(store, "owls", "bob")
    before = await dump(store)
    with pytest.raises(BackupError, match=said):
        await carried_to(store, file, force=True)
    assert await dump(store) == before


async def test_a_restore_waits_for_nobody_for_long(
    postgres: Fresh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("paperlark.store.backup.LOCK_SECONDS", 1)
    address = postgres()
    store, other = await open_store(address), await open_store(address)
    file = await written(store, tmp_path / "a.zip")
    async with other.reading() as tx:
        await tx.execute(select(PAPER))
        with pytest.raises(BackupError, match="stop every other paperlark"):
            await carried_to(store, file)
    await store.close()
    await other.close()


# ── the file ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_backup_is_its_owners_alone_and_replaces_no_file(sqlite_store: Store, tmp_path: Path) -> None:
    file = await written(sqlite_store, tmp_path / "a.zip")
    assert file.stat().st_mode & 0o077 == 0
    with pytest.raises(BackupError, match="there already"):
        await written(sqlite_store, file)
    with pytest.raises(BackupError, match="cannot be written"):
        await written(sqlite_store, tmp_path / "nowhere" / "a.zip")
    assert names(tmp_path) == ["a.zip"]


async def test_a_backup_that_fails_leaves_no_file(sqlite_store: Store, tmp_path: Path) -> None:
    def fails(name: str, done: int) -> None:
        raise RuntimeError("the disk is on fire")

    await lived_in(sqlite_store)
    with pytest.raises(RuntimeError):
        await backup(sqlite_store, tmp_path / "a.zip", made_by="test", progress=fails)
    assert names(tmp_path) == []


async def test_anybody_can_read_a_backup_without_paperlark(sqlite_store: Store, tmp_path: Path) -> None:
    await lived_in(sqlite_store)
    with ZipFile(await written(sqlite_store, tmp_path / "a.zip")) as archive:
        assert archive.testzip() is None
        manifest = json.loads(archive.read("manifest.json"))
        columns = manifest["tables"]["paper"]["columns"]
        lines = [dict(zip(columns, json.loads(line), strict=True)) for line in archive.open("paper.jsonl")]
    assert (manifest["format"], manifest["database"]) == ("paperlark backup 1", migrations.HEAD)
    assert {line["title"] for line in lines} == {
        row["title"] for row in await rows(sqlite_store, select(PAPER.c.title))
    }
    assert all(datetime.fromisoformat(line["first_seen"]).tzinfo == UTC for line in lines)
    assert (await count(sqlite_store, SIGNAL), await count(sqlite_store, MATCH)) == (1, 4)
