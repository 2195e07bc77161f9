"""backup, restore, rotate-keys: the store as one file and back, and what is sealed in it."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from paperlark.store import migrations
from paperlark.store.database import open_unchecked
from tests.cli.conftest import SAMPLE, Lark

KEYS = "PAPERLARK_ENCRYPTION_KEYS"


def addresses(file: Path) -> list[str]:
    """As the database has them."""
    with closing(sqlite3.connect(file)) as connection:
        return [address for (address,) in connection.execute("SELECT address FROM destination")]


async def at_version(url: str, version: str) -> None:
    """Let a database say that it is at this version."""
    store = open_unchecked(url)
    async with store.transaction() as tx:
        await tx.execute(text("UPDATE alembic_version SET version_num = :version").bindparams(version=version))
    await store.close()


def test_what_was_backed_up_is_restored_into_a_store_that_is_not_there_yet(
    lark: Lark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lark.well("import", SAMPLE)
    lark.well("profiles", "add", "agent*", "--name", "agents")
    done = lark.well("backup", tmp_path / "a.zip", "--json").record
    assert done["rows"]["paper"] == 30 and done["bytes"] == (tmp_path / "a.zip").stat().st_size
    found = lark.well("papers", "agent* memory").out
    monkeypatch.setenv("PAPERLARK_DATABASE_URL", str(tmp_path / "elsewhere.sqlite3"))
    assert lark.well("restore", tmp_path / "a.zip").out.startswith("restored ")
    assert lark.well("papers", "agent* memory").out == found != ""
    assert "agents" in lark.well("profiles", "list").out


def test_what_cannot_be_is_refused_in_a_line(lark: Lark, tmp_path: Path) -> None:
    lark.well("profiles", "add", "agent*")
    file = tmp_path / "a.zip"
    lark.well("backup", file)
    for arguments, said in (
        (("backup", file), "is there already"),
        (("restore", file), "the store is not empty"),
        (("restore", SAMPLE), "is no backup of paperlark's, or is damaged"),
        (("restore", tmp_path / "none.zip"), "cannot be read: No such file"),
    ):
        done = lark(*arguments)
        assert done.status == 1 and done.err.startswith("paperlark: ") and said in done.err, done
    assert lark.well("restore", file, "--force", "--json").record["rows"]["profile"] == 1


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_a_backup_is_not_restored_into_a_database_of_a_newer_paperlark(
    database: str, lark: Lark, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    lark.well("profiles", "add", "agent*")
    lark.well("backup", tmp_path / "a.zip")
    url = request.getfixturevalue(database)()
    monkeypatch.setenv("PAPERLARK_DATABASE_URL", url)
    asyncio.run(at_version(url, "9041"))
    remedy = {"sqlite": "move its file away first", "postgres": "make the database empty first"}[database]
    for arguments in ((), ("--force",)):
        done = lark("restore", tmp_path / "a.zip", *arguments)
        assert done.status == 1 and done.out == "" and remedy in done.err, done
        assert done.err.startswith("paperlark: the database is at version 9041, which this paperlark does not know")
    asyncio.run(at_version(url, migrations.HEAD))
    assert "agent*" not in lark.well("profiles", "list").out, "nothing was written"


def test_keys_are_set_later_and_taken_away_again(lark: Lark, monkeypatch: pytest.MonkeyPatch) -> None:
    lark.well("profiles", "add", "agent*", "--name", "agents")
    lark.well("subscribe", "agents", "--to", "console", "desk")
    assert "readable for whoever has the database" in lark.well("check").out
    monkeypatch.setenv(KEYS, "k" * 32)
    assert "run `paperlark rotate-keys`" in lark.well("check").out
    assert lark.well("rotate-keys").out == "3 brought under the first key\n"
    assert all(each.startswith("sealed:") for each in addresses(lark.database))
    assert "sealed in the database" in lark.well("check").out and "desk" in lark.well("profiles", "list").out
    monkeypatch.delenv(KEYS)
    assert "PAPERLARK_ENCRYPTION_KEYS is unset" in lark("check").err
    assert "is sealed by a key that is not among" in lark("profiles", "list").err
    monkeypatch.setenv(KEYS, f",{'k' * 32}")
    assert lark.well("rotate-keys", "--json").record == {"resealed": 3}
    assert addresses(lark.database) == ["desk"]


def test_a_key_that_is_short_is_refused_without_being_shown(lark: Lark, monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in ("short-one", f"{'k' * 32},short-one", ","):
        monkeypatch.setenv(KEYS, wrong)
        done = lark("check", "--json")
        assert "should be keys of 32 characters or more" in done.out and "short-one" not in done.out + done.err
