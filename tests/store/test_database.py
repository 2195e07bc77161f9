"""Opening, migrating, and transactions: whole or not at all, one line for a person when the database cannot be used."""

import asyncio
import gc
import multiprocessing
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, insert, make_url, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError

from paperlark.model.problems import OutageError, StoreError
from paperlark.store import migrations
from paperlark.store.database import Store, explained, open_store, open_unchecked
from paperlark.store.steady import Steady
from paperlark.store.tables import ACCOUNT, ANNOUNCEMENT, METADATA, PROFILE, SUBSCRIPTION
from paperlark.testing.clock import FakeClock
from tests.builders import MONDAY, count, rows
from tests.databases import Fresh

SECRET = "hunter2"


async def say(store: Store, *statements: str) -> None:
    async with store.transaction() as tx:
        for statement in statements:
            await tx.execute(text(statement))


def account(number: int) -> dict[str, object]:
    return {"account_id": number, "name": "ann", "created_at": MONDAY}


async def test_the_migrations_make_exactly_the_tables_of_the_models(store: Store) -> None:
    def differences(connection: Connection) -> list[object]:
        def ours(_object: object, name: str | None, kind: str, *_rest: object) -> bool:
            return not (kind == "table" and (name or "").startswith(("paper_words", "paper_vocabulary")))

        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "target_metadata": METADATA, "include_object": ours}
        )
        return list(compare_metadata(context, METADATA))

    async with store.reading() as tx:
        assert await (await tx.connection()).run_sync(differences) == []
    assert await store.version() == migrations.HEAD


WANTED = [
    (["first"], ["cross", "new"]),
    (["first", "replaced"], ["cross", "new", "replace"]),
    (["published", "withdrawn"], ["published", "withdrawn"]),
    (["first"], ["cross", "new"]),
]
"""What subscriptions wanted in the first version, and what that is now."""

FIRST = {"source": "arxiv", "paper_id": 1, "occasion": "first", "owes": True, "announced_at": MONDAY,
         "first_seen": MONDAY}  # fmt: skip


def left_by_the_first_version(url: str) -> None:
    """Make a database anew as version 0001 left it, with subscriptions and an announcement."""
    database = sa.create_engine(url.replace("+aiosqlite", ""))
    configuration = Config()
    configuration.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with database.begin() as connection:
        if database.dialect.name == "postgresql":
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, "0001")
        row = {"account_id": 1, "destination_id": 1, "cadence": "daily", "began_at": MONDAY}
        for number, (before, _) in enumerate(WANTED):
            connection.execute(insert(SUBSCRIPTION).values(**row, id=number, profile_id=number, occasions=before))
        connection.execute(insert(ANNOUNCEMENT).values(**FIRST, id=1, type="new"))
        made = {"account_id": 1, "version": 1, "name": "n", "created_at": MONDAY, "began_at": MONDAY}
        for number, written in enumerate(("larks upvotes:>=1, Stars:>2", "likely larks", "upvotes:(")):
            connection.execute(insert(PROFILE).values(**made, id=number, text=written))
    database.dispose()


async def test_what_the_first_version_kept_means_the_same_today(fresh: Fresh, tmp_path: Path) -> None:
    address = fresh()
    url = address if "postgresql" in address else f"sqlite+aiosqlite:///{tmp_path}/lark.sqlite3"
    await asyncio.to_thread(left_by_the_first_version, url)
    unchecked = open_unchecked(url)
    await unchecked.migrate()
    await unchecked.close()
    store = await open_store(url)
    found = await rows(store, select(SUBSCRIPTION.c.occasions).order_by(SUBSCRIPTION.c.id))
    assert [row["occasions"] for row in found] == [after for _, after in WANTED]
    alone = await rows(store, select(PROFILE.c.alone).order_by(PROFILE.c.id))
    assert [row["alone"] for row in alone] == ["stars:>2", None, None]
    async with store.transaction() as tx:  # one occasion may be announced once for each type
        await tx.insert_new(ANNOUNCEMENT, [FIRST | {"id": 2, "type": "cross"}, FIRST | {"id": 3, "type": "cross"}])
    assert await count(store, ANNOUNCEMENT) == 2
    await store.close()


async def test_a_database_of_a_newer_paperlark_is_refused(store: Store, store_url: str) -> None:
    await say(store, "UPDATE alembic_version SET version_num = '9999'")
    for opening in (open_store(store_url), open_unchecked(store_url).migrate()):
        with pytest.raises(StoreError, match=r"version 9999.*newer"):
            await opening
    assert await store.version() == "9999", "and left as it was"


async def test_a_postgres_without_tables_is_refused_with_the_command_to_run(postgres: Fresh) -> None:
    url = postgres()
    store = await open_store(url)
    await say(store, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    await store.close()
    with pytest.raises(StoreError, match="no tables yet; run `paperlark migrate` first"):
        await open_store(url)
    unchecked = open_unchecked(url)
    await unchecked.migrate()
    await unchecked.close()
    store = await open_store(url)
    await store.close()


async def test_a_sqlite_file_is_made_and_migrated_on_the_way(tmp_path: Path) -> None:
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path}/deep/down/lark.sqlite3")
    assert await store.version() == migrations.HEAD
    assert await count(store, ACCOUNT) == 0
    await store.close()


async def test_two_tasks_may_migrate_at_once(postgres: Fresh, tmp_path: Path) -> None:
    url = postgres()
    bare = await open_store(url)
    await say(bare, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    await bare.close()
    for address in (url, f"sqlite+aiosqlite:///{tmp_path}/lark.sqlite3"):
        stores = [open_unchecked(address) for _ in range(3)]
        await asyncio.gather(*(store.migrate() for store in stores))
        assert {await store.version() for store in stores} == {migrations.HEAD}
        for store in stores:
            await store.close()


@pytest.mark.parametrize("connections", [2, 4, 8])
async def test_a_store_holds_as_many_connections_as_it_may_and_no_more(postgres: Fresh, connections: int) -> None:
    store = await open_store(postgres(), connections=connections)
    own = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    most = 0

    async def write() -> None:
        nonlocal most
        async with store.transaction() as tx:
            most = max(most, (await tx.execute(text(own))).scalar_one())

    async def glance() -> None:
        await store.glance(
            select(ACCOUNT.c.account_id),
        )

    await asyncio.gather(*(task for _ in range(20) for task in (write(), glance())))
    await write()
    assert most == connections
    await store.close()


async def test_a_transaction_that_fails_leaves_nothing(store: Store) -> None:
    with pytest.raises(ZeroDivisionError):
        async with store.transaction() as tx:
            await tx.execute(insert(ACCOUNT).values(**account(1)))
            raise ZeroDivisionError
    assert await count(store, ACCOUNT) == 0


async def test_a_cancelled_transaction_leaves_nothing_and_blocks_nobody(store: Store) -> None:
    begun = asyncio.Event()

    async def never_ends() -> None:
        async with store.transaction() as tx:
            await tx.execute(insert(ACCOUNT).values(**account(1)))
            begun.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(never_ends())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(5), store.transaction() as tx:
        await tx.execute(insert(ACCOUNT).values(**account(2)))
    assert [row["account_id"] for row in await rows(store, select(ACCOUNT.c.account_id))] == [2]


async def test_whoever_stops_writing_at_whatever_moment_lets_the_next_one_write(sqlite_store: Store) -> None:
    chance = Random(1)
    statement = text("INSERT INTO progress (what, mark) VALUES (:a, 1), (:b, 1) RETURNING what")

    async def write() -> None:
        for number in range(100):
            async with sqlite_store.transaction() as tx:
                await tx.execute(statement, {"a": f"{id(write)} {number}", "b": f"{id(tx)} {number}"})

    gc.disable()  # what a task leaves to the garbage collector stays for as long as it likes
    try:
        for _ in range(30):
            writers = [asyncio.create_task(write()) for _ in range(6)]
            await asyncio.sleep(chance.random() * 0.03)
            for writer in writers:
                writer.cancel()
            async with asyncio.timeout(5), sqlite_store.transaction() as tx:
                await tx.execute(text("DELETE FROM progress WHERE mark = 1"))
            await asyncio.gather(*writers, return_exceptions=True)
    finally:
        gc.enable()


async def test_readers_see_no_half_of_a_transaction(store: Store) -> None:
    async with store.transaction() as tx:
        await tx.execute(insert(ACCOUNT).values(**account(1)))
        assert await count(store, ACCOUNT) == 0
    assert await count(store, ACCOUNT) == 1


async def test_rows_that_are_there_stay_as_they_are(store: Store) -> None:
    async with store.transaction() as tx:
        await tx.insert_new(ACCOUNT, [account(1)])
        await tx.insert_new(ACCOUNT, [account(1) | {"name": "bob"}, account(2)])
        await tx.insert_new(ACCOUNT, [])
    names = await rows(store, select(ACCOUNT.c.account_id, ACCOUNT.c.name).order_by(ACCOUNT.c.account_id))
    assert [tuple(row.values()) for row in names] == [(1, "ann"), (2, "ann")]


ODD = ['a "word"', "a \\ stroke", "{a,b}", "NULL", "", "two\nlines", "%s and %(name)s", "l'été 🙂", " blanks "]


async def test_odd_texts_and_missing_ones_written_together_come_back_as_they_went(store: Store) -> None:
    profile = {"account_id": 1, "version": 1, "created_at": MONDAY, "began_at": MONDAY}
    written = [(number, text, text if number % 2 else None) for number, text in enumerate(ODD)]
    async with store.transaction() as tx:
        await tx.insert_new(
            PROFILE, [profile | {"id": n, "name": name, "text": name, "alone": alone} for n, name, alone in written]
        )
    found = await rows(store, select(PROFILE.c.id, PROFILE.c.name, PROFILE.c.alone).order_by(PROFILE.c.id))
    assert [tuple(row.values()) for row in found] == written


async def add_one(store: Store, times: int) -> None:
    """Count an account's name up: lost updates and locked databases would show."""
    for _ in range(times):
        async with store.transaction() as tx:
            wanted = select(ACCOUNT.c.name).where(ACCOUNT.c.account_id == 1).with_for_update()
            now = int((await tx.execute(wanted)).scalar_one())
            await tx.execute(update(ACCOUNT).where(ACCOUNT.c.account_id == 1).values(name=str(now + 1)))


def add_in_a_process(url: str, times: int) -> None:
    """What one of several processes does."""

    async def main() -> None:
        store = await open_store(url)
        await asyncio.gather(add_one(store, times), add_one(store, times))
        await store.close()

    asyncio.run(main())


async def test_writers_from_tasks_and_processes_wait_for_one_another(store: Store, store_url: str) -> None:
    async with store.transaction() as tx:
        await tx.execute(insert(ACCOUNT).values(**(account(1) | {"name": "0"})))
    spawn = multiprocessing.get_context("spawn")
    children = [spawn.Process(target=add_in_a_process, args=(store_url, 15)) for _ in range(2)]
    for child in children:
        child.start()
    await asyncio.gather(*(add_one(store, 15) for _ in range(3)))
    for child in children:
        await asyncio.to_thread(child.join, 60)
    assert [child.exitcode for child in children] == [0, 0]
    assert (await rows(store, select(ACCOUNT.c.name)))[0]["name"] == str(15 * 7)


async def test_the_databases_time_has_a_zone_and_a_clock_may_stand_in(store: Store, store_url: str) -> None:
    now = await store.now()
    assert now.tzinfo is not None and now.utcoffset() == timedelta(0)
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=5)
    other = await open_store(store_url, clock=FakeClock(MONDAY))
    async with other.reading() as tx:
        assert await other.now() == await tx.now() == MONDAY
    await other.close()


async def test_moments_come_back_as_they_went_whatever_zone_they_were_said_in(store: Store) -> None:
    tokyo = datetime(2026, 3, 2, 18, 0, 0, 123456, tzinfo=UTC).astimezone()
    async with store.transaction() as tx:
        await tx.execute(insert(ACCOUNT).values(**(account(1) | {"created_at": tokyo})))
    (row,) = await rows(store, select(ACCOUNT.c.created_at))
    assert row["created_at"] == tokyo and row["created_at"].tzinfo is UTC
    with pytest.raises(Exception, match="needs a zone"):
        async with store.transaction() as tx:
            naive = tokyo.replace(tzinfo=None)
            await tx.execute(insert(ACCOUNT).values(**(account(2) | {"created_at": naive})))


# ── what cannot be used is told in one line ────────────────────────────────────────────────────────────────────────


async def problem(url: str) -> str:
    with pytest.raises(StoreError) as caught:
        await open_store(url)
    message = str(caught.value)
    assert "\n" not in message and SECRET not in message and message
    return message


@pytest.mark.parametrize("fresh", ["postgres"], indirect=True)
@pytest.mark.parametrize(
    ("setting", "statement"),
    [
        ("default_transaction_read_only = on", "UPDATE account SET name = name"),
        ("idle_in_transaction_session_timeout = '50ms'", "SELECT 1"),
    ],
)
async def test_a_postgres_that_is_read_only_or_ends_what_takes_long_cannot_be_used(
    store: Store, setting: str, statement: str
) -> None:
    with pytest.raises(StoreError, match=r"^(the database|cannot reach)"):
        async with store.transaction() as tx:
            await tx.execute(text(f"SET LOCAL {setting.replace('default_', '')}"))
            await tx.execute(text("SELECT 1"))
            await asyncio.sleep(0.5)
            await tx.execute(text(statement))


@pytest.mark.parametrize("state", ["25006", "25P03", "25P04"])
@pytest.mark.parametrize("fresh", ["postgres"], indirect=True)
async def test_each_way_in_which_postgres_does_not_serve_us_now_is_told(store: Store, state: str) -> None:
    with pytest.raises(StoreError):
        async with store.transaction() as tx:
            await tx.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'not now' USING ERRCODE = '{state}'; END $$"))


async def test_a_fault_of_ours_is_no_failure_of_the_database(store: Store) -> None:
    with pytest.raises(IntegrityError):
        async with store.transaction() as tx:
            for _ in range(2):
                await tx.execute(insert(ACCOUNT).values(**account(1)))


async def test_an_unreachable_postgres() -> None:
    message = await problem(f"postgresql+psycopg://ann:{SECRET}@127.0.0.1:1/larks")
    assert message.startswith("cannot reach the database at 127.0.0.1:1/larks")


async def test_a_wrong_database_name(postgres: Fresh) -> None:
    url = postgres()
    missing = url.replace("/test_", "/missing_").replace("postgres@", f"postgres:{SECRET}@")
    assert "missing_" in await problem(missing)


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("These are my notes on larks. " * 200)
    assert "not a paperlark database" in await problem(f"sqlite+aiosqlite:///{file}")
    assert file.read_text().startswith("These are my notes")


async def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert "cannot make the folder" in await problem(f"sqlite+aiosqlite:///{tmp_path}/file/lark.sqlite3")


async def test_a_folder_where_the_file_should_be(tmp_path: Path) -> None:
    assert "cannot write the database" in await problem(f"sqlite+aiosqlite:///{tmp_path}")


@pytest.mark.parametrize("url", ["larks", "mysql://ann@host/larks", "sqlite+aiosqlite:///:memory:", "sqlite://"])
async def test_an_address_that_is_none_of_ours(url: str) -> None:
    await problem(url)


def test_time_on_sqlite_never_goes_back_and_lets_the_machines_catch_up() -> None:
    wall, ticks = 1_000_000.0, 50.0
    steady = Steady(lambda: wall, lambda: ticks)

    def after(seconds: float, *, set_by: float = 0.0) -> float:
        nonlocal wall, ticks
        wall, ticks = wall + seconds + set_by, ticks + seconds
        return steady.now().timestamp()

    assert after(10) == 1_000_010
    assert after(10, set_by=3600) == 1_003_620, "set forward, it is what the machine says"
    assert after(10, set_by=-3600) == 1_003_629, "set back, it goes on, a little slower"
    assert after(36_000) == 1_036_030, "and is the machine's again when that has caught up"
    assert after(1) == 1_036_031


@pytest.mark.parametrize("fresh", ["postgres"], indirect=True)
@pytest.mark.parametrize(
    ("state", "outage"), [("53100", True), ("57P01", True), ("58030", True), ("57014", False), ("54000", False)]
)
async def test_postgres_is_told_from_what_it_was_asked(store: Store, state: str, outage: bool) -> None:
    """A full disk is nobody's fault; what takes too long, or is too large, would fail again."""
    with pytest.raises(StoreError) as caught:
        async with store.transaction() as tx:
            await tx.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$"))
    assert isinstance(caught.value, OutageError) == outage


@pytest.mark.parametrize(
    ("said", "outage"), [("database or disk is full", True), ("database is locked", True), ("too many terms", False)]
)
def test_sqlite_is_told_from_what_it_was_asked(said: str, outage: bool) -> None:
    error = OperationalError("SELECT", {}, sqlite3.OperationalError(said))
    assert isinstance(explained(error, make_url("sqlite:///papers.sqlite3")), OutageError) == outage
