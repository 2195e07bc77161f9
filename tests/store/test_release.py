"""A release migrates while the one before it runs: nothing of it fails, and nothing of it waits for long."""

import asyncio
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from paperlark.store import days, migrations
from paperlark.store.database import Store, open_store
from paperlark.testing.channels import FakeChannel
from tests.builders import deliver, deliveries, percolate, reader, record, told
from tests.databases import Fresh

SINCE = "0016"
"""From here on migrations only add: earlier ones were never released."""

NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{before}"


def upgrade() -> None:
    op.add_column("paper", sa.Column("afterthought", sa.String(), nullable=True))
    op.add_column("profile", sa.Column("rank", sa.Integer(), nullable=False, server_default="0"))
    op.create_index("ix_paper_afterthought", "paper", ["afterthought"])
    op.create_table("novelty", sa.Column("id", sa.BigInteger(), primary_key=True))
    op.execute("SELECT pg_sleep(0.5)")
"""
RELEASE = """
import asyncio, sys
from pathlib import Path
from paperlark.model.problems import StoreError
from paperlark.store import database, migrations

migrations.VERSIONS, migrations.HEAD, database.TABLE_SECONDS = Path(sys.argv[1]), "9999", 0.5


async def main() -> None:
    store = database.open_unchecked(sys.argv[2])
    try:
        await store.migrate()
    finally:
        await store.close()


try:
    asyncio.run(main())
except StoreError as error:
    sys.exit(str(error))
"""


@pytest.fixture
def versions(tmp_path: Path) -> Path:
    """The migrations of a release that is still to come."""
    folder = tmp_path / "versions"
    shutil.copytree(migrations.VERSIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "9999_next.py").write_text(NEXT.format(before=migrations.HEAD))
    return folder


async def released(versions: Path, url: str) -> tuple[int, str]:
    """Migrate as the next release would, in a process of its own. Returns its status and what it complained of."""
    release = await asyncio.create_subprocess_exec(
        sys.executable, "-c", RELEASE, str(versions), url, stderr=asyncio.subprocess.PIPE
    )
    _, said = await asyncio.wait_for(release.communicate(), 60)
    assert release.returncode is not None
    return release.returncode, said.decode()


async def a_round(store: Store, number: int) -> None:
    """What a running process does: record, percolate, deliver, and show a page."""
    channel = FakeChannel()
    await reader(store, f"larks{number}", f"reader {number}")
    await record(store, told(f"Of larks{number}", arxiv=f"2603.{number:05d}"))
    await percolate(store)
    await deliver(store, channel)
    assert await days.newest(store) is not None


async def test_whoever_runs_goes_on_while_the_next_release_migrates_and_after(postgres: Fresh, versions: Path) -> None:
    url = postgres()
    store = await open_store(url)
    await a_round(store, 0)  # its statements are prepared, and know the tables as they were
    migrating = asyncio.create_task(released(versions, url))
    rounds = 1
    while not migrating.done():
        await a_round(store, rounds)
        rounds += 1
    assert await migrating == (0, "")
    assert await store.version() == "9999"
    await a_round(store, rounds)
    await store.check()
    assert [row["state"] for row in await deliveries(store)] == ["sent"] * (rounds + 1)
    await store.close()


async def test_a_release_that_cannot_have_a_table_gives_up_before_others_wait_long(
    postgres: Fresh, versions: Path
) -> None:
    url = postgres()
    store = await open_store(url)
    async with store.transaction() as tx:
        await tx.execute(text("SELECT count(*) FROM paper"))  # whoever adds a column waits for this to end
        status, said = await released(versions, url)
    assert status == 1 and "lock timeout" in said
    assert await store.version() == migrations.HEAD, "nothing of it was done"
    assert await released(versions, url) == (0, "")
    await store.close()


# ── migrations only add ────────────────────────────────────────────────────────────────────────────────────────────


def broken(before: sa.MetaData, after: sa.MetaData) -> list[str]:
    """What of the tables that a release knows is no longer as it was, or asks for more."""
    faults = [f"table {name} is gone" for name in before.tables.keys() - after.tables.keys()]
    for name in before.tables.keys() & after.tables.keys():
        old, new = (dict(tables.tables[name].columns) for tables in (before, after))
        faults += [f"{name}.{column} is gone" for column in old.keys() - new.keys()]
        for column in old.keys() & new.keys():
            if str(old[column].type) != str(new[column].type):
                faults.append(f"{name}.{column} is another type")
            if old[column].nullable and not new[column].nullable:
                faults.append(f"{name}.{column} must have a value now")
        faults += [
            f"{name}.{column} is new, and must have a value"
            for column in new.keys() - old.keys()
            if not new[column].nullable and new[column].server_default is None
        ]
    return sorted(faults)


def tables_at(version: str, folder: Path) -> sa.MetaData:
    """The tables as a version's migration leaves them."""
    database = sa.create_engine(f"sqlite:///{folder}/{version}.sqlite3")
    configuration = Config()
    configuration.set_main_option("script_location", str(Path(migrations.__file__).parent))
    found = sa.MetaData()
    with database.begin() as connection:
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, version)
        found.reflect(connection, resolve_fks=False)
    database.dispose()
    return found


def test_a_migration_only_adds_so_that_the_release_before_goes_on(tmp_path: Path) -> None:
    released_ones = sorted(version for version in migrations.known() if version >= SINCE)
    schemas = [tables_at(version, tmp_path) for version in released_ones]
    for version, before, after in zip(released_ones[1:], schemas, schemas[1:], strict=False):
        assert broken(before, after) == [], f"migration {version}"


def test_a_migration_that_takes_away_would_be_noticed() -> None:
    def schema(*columns: sa.Column[Any]) -> sa.MetaData:
        found = sa.MetaData()
        sa.Table("lark", found, *columns)
        return found

    text_, number = sa.String(), sa.Integer()
    before = schema(sa.Column("a", text_), sa.Column("b", text_), sa.Column("c", text_))
    after = schema(
        sa.Column("a", number),
        sa.Column("b", text_, nullable=False),
        sa.Column("d", text_, nullable=False),
        sa.Column("e", text_, nullable=False, server_default=""),
        sa.Column("f", text_),
    )
    assert broken(before, before) == []
    assert broken(before, sa.MetaData()) == ["table lark is gone"]
    assert broken(before, after) == [
        "lark.a is another type",
        "lark.b must have a value now",
        "lark.c is gone",
        "lark.d is new, and must have a value",
    ]
