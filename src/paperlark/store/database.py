"""Opening a store, its transactions, its own time, and its version.

SQLite runs in WAL mode with one writer at a time (`BEGIN IMMEDIATE`, behind a lock within the process so that tasks
queue instead of polling); PostgreSQL runs at READ COMMITTED. Everything else is the same code.
"""

import asyncio
import re
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext, suppress
from datetime import UTC, date, datetime
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    CursorResult,
    Executable,
    Select,
    Table,
    delete,
    event,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DisconnectionError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from paperlark.model.problems import OutageError, StoreError
from paperlark.store import migrations, sealed
from paperlark.store.bulk import bulk_insert
from paperlark.store.compass import Compass
from paperlark.store.glance import BY_INDEX, Glance, Row, SqliteGlance, Together, wants_index
from paperlark.store.lately import Lately
from paperlark.store.prints import Order, Prints
from paperlark.store.shelf import Shelf
from paperlark.store.steady import Steady

BUSY_SECONDS = 10  # how long a writer of another process may hold SQLite before we give up
CONNECT_SECONDS = 5
TABLE_SECONDS = 5  # that a migration may wait for a table that others use
RELEASING = 2  # connections of `paperlark migrate`
CONNECTIONS = 12  # to PostgreSQL, where nothing else is said; a third of them is for glances
AWAY = ("25006", "25P03", "25P04")
"""What PostgreSQL says, beside operational errors, where it does not serve us now, in SQLSTATE: it is read-only (a
standby after a failover), or ended a transaction that took too long (idle_in_transaction_session_timeout,
transaction_timeout)."""
OUTAGES = ("08", "25006", "53", "57P", "58")
"""How SQLSTATE begins where the fault lies with PostgreSQL, not with what it was asked: no connection, read-only, full,
told to end, the system below it."""
SQLITE_OUTAGES = ("is full", "locked", "I/O", "readonly", "unable to open")  # the same, in SQLite's words
ORDERS = 30  # remembered; of a day of a thousand papers some 200 kB
RESTED_SECONDS = 1.0  # after which a connection of the pool is tried before it is used
SQLITE_POOL_SIZE, SQLITE_OVERFLOW = 4, 10
SQLITE_VALUES = 3_000  # in one statement: SQLite bears 32,766, but each of the last 100 statements is kept, prepared

_ALLOWED = """
SELECT least(
    current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
        - coalesce(current_setting('reserved_connections', true), '0')::int,
    (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user),
    (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database()))
"""

Insert = sqlite.Insert | postgresql.Insert


class Transaction:
    """One transaction. Made by `Store.transaction()` and `Store.reading()`; ends with its `async with` block."""

    def __init__(
        self,
        begin: Callable[[], Awaitable[AsyncConnection]],
        glance: Callable[..., Awaitable[list[Row]]],
        clock: Callable[[], datetime] | None,
        shelf: Shelf,
        compass: Compass,
        openable: set[str],
        *,
        postgres: bool,
    ) -> None:
        """openable: places (`table.column`) all of whose sealed values can be opened, as was found out once."""
        self.openable = openable
        self.shelf = shelf
        self.compass = compass
        self.shelf_is_fresh = False  # what has changed of its papers was asked for
        self.postgres = postgres
        self._begin = begin
        self._connection: AsyncConnection | None = None
        self._glance = glance
        self._clock = clock

    async def connection(self) -> AsyncConnection:
        """Its connection. A transaction begins when it is first needed: many that only read never do."""
        if self._connection is None:
            self._connection = await self._begin()
        return self._connection

    async def seals(self) -> sealed.Seals | None:
        """What seals values here, if there are keys."""
        return sealed.seals_of((await self.connection()).dialect)

    async def execute(self, statement: Executable, rows: Any = None) -> CursorResult[Any]:
        """Run one statement; with a list of rows, once for each."""
        return await (await self.connection()).execute(statement, rows)

    async def glance(self, statement: Executable, **values: Any) -> list[Row]:
        """The rows of one statement that only reads numbers and texts, at the price of `Store.glance` as long as the
        transaction has not begun."""
        if self._connection is None:
            return await self._glance(statement, **values)
        if self.postgres and wants_index(statement):
            await self.by_index()
        return [tuple(row) for row in await self._connection.execute(statement, values)]

    async def by_index(self) -> None:
        """From here to the end of the transaction ask everything by index, as full text must be asked (`glance`)."""
        if self.postgres:
            await self.execute(text(BY_INDEX))

    async def insert_new(self, into: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows of the same columns, leaving what is already there as it is: sources announce the same paper at
        the same moment, so the database picks the winner. Says nothing of which rows were new.

        The driver is handed the values itself, many rows in one statement: what is done for each row in Python costs
        more than the database's insert, and within one statement the interpreter is free for others.
        """
        if not rows:
            return
        connection = await self.connection()
        bulk = bulk_insert(connection.dialect, into, tuple(rows[0]))
        columns = bulk.told(rows)
        if self.postgres:
            await connection.exec_driver_sql(*bulk.by_column(columns))
            return
        bite = SQLITE_VALUES // len(columns)
        for start in range(0, len(rows), bite):
            bitten = [column[start : start + bite] for column in columns]
            flat = tuple(chain.from_iterable(zip(*bitten, strict=True)))
            await connection.exec_driver_sql(bulk.statement_for(len(bitten[0])), flat)

    async def delete_some(self, table: Table, *which: ColumnElement[bool], limit: int) -> int:
        """Delete at most `limit` of the rows; what another holds this moment is passed over. Returns how many went."""
        key = tuple(table.primary_key)
        some = select(*key).where(*which).limit(limit).with_for_update(skip_locked=True, of=table)
        statement = delete(table).where(tuple_(*key).in_(select(once(some))))
        return (await self.execute(statement)).rowcount

    def insert(self, into: Table) -> Insert:
        """This database's own INSERT, which knows ON CONFLICT."""
        return postgresql.insert(into) if self.postgres else sqlite.insert(into)

    async def now(self) -> datetime:
        """The database's time (or that of the clock that the store was opened with)."""
        if self._clock is not None:
            return self._clock()
        found = await self.execute(text("SELECT clock_timestamp()"))
        return found.scalar_one().astimezone(UTC)  # type: ignore[no-any-return]


def once(query: Select[Any]) -> CTE:
    """A query whose answer is found once, within a greater statement. PostgreSQL may otherwise ask it anew for each row
    that it looks at, and a query with a LIMIT, or that passes over what is locked, then answers differently each time.
    """
    # Within, not before: Python counts no rows of a statement that begins with WITH.
    return query.cte(nesting=True).prefix_with("MATERIALIZED")


class Connections(NamedTuple):
    """How many connections are used now, and how many there may be."""

    used: int
    most: int


class Store:
    """A paperlark's database. Open it with `open_store`, close it with `close()`."""

    def __init__(
        self, database: AsyncEngine, clock: Callable[[], datetime] | None = None, *, glances: int = CONNECTIONS // 3
    ) -> None:
        """glances: how many connections of PostgreSQL do nothing but `glance`."""
        self._database = database
        self._clock = clock
        self.postgres = database.dialect.name == "postgresql"
        self.compass = Compass()  # what papers are about, as far as this process has heard
        self.prints = Prints()
        self.orders: Lately[tuple[date, date], Order] = Lately(ORDERS)  # of stretches of days
        # SQLite has no clock but this machine's, and a statement would ask for it.
        self._time = clock if clock is not None or self.postgres else Steady().now
        self._writing = asyncio.Lock()
        self._shelf = Shelf()
        self._openable: set[str] = set()
        self._glance = _glance_at(database.url, glances)
        self._state = Together(self._glance.state)

    @property
    def url(self) -> str:
        """Where it is, password and all: for another process of ours, never for eyes."""
        return self._database.url.render_as_string(hide_password=False)

    @property
    def keys(self) -> tuple[str, ...]:
        """What it was opened with: for another process of ours, never for eyes."""
        return () if self.seals is None else self.seals.keys

    @property
    def seals(self) -> sealed.Seals | None:
        """What seals values here, if there are keys."""
        return sealed.seals_of(self._database.dialect)

    @property
    def connections(self) -> "Connections":
        """The connections of transactions."""
        pool = cast(QueuePool, self._database.pool)
        return Connections(pool.checkedout(), pool.size() + (0 if self.postgres else SQLITE_OVERFLOW))

    @property
    def writing(self) -> bool:
        """On SQLite: a transaction of this process writes, and another would wait for it."""
        return self._writing.locked()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """A transaction that writes: all of it, or nothing of it. Raises StoreError where the database fails us."""
        turn = nullcontext() if self.postgres else self._writing
        async with turn, self._explaining(), self._transaction(writing=True) as tx:
            await tx.connection()
            yield tx

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Transaction]:
        """A transaction that only reads; on SQLite it sees one moment of the database. Raises StoreError likewise."""
        async with self._explaining(), self._transaction(writing=False) as tx:
            yield tx

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Transaction]:
        """A transaction that sees one moment of the database to its end, on either, while others go on writing. Raises
        StoreError likewise."""
        async with self._explaining(), self._transaction(writing=False, still=True) as tx:
            yield tx

    @asynccontextmanager
    async def _transaction(self, *, writing: bool, still: bool = False) -> AsyncIterator[Transaction]:
        async with AsyncExitStack() as stack:

            async def begin() -> AsyncConnection:
                connection = await stack.enter_async_context(self._database.connect())
                if writing and not self.postgres:
                    await connection.execution_options(writing=True)
                if still and self.postgres:
                    await connection.execution_options(isolation_level="REPEATABLE READ")
                await stack.enter_async_context(connection.begin())
                return connection

            yield Transaction(
                begin, self.glance, self._time, self._shelf, self.compass, self._openable, postgres=self.postgres
            )

    async def glance(self, statement: Executable, **values: Any) -> list[Row]:
        """The rows of one statement that only reads, as the driver gives them; its parameters are named. For what is
        asked for all the time: a tenth of the price of `reading`. Raises StoreError likewise."""
        try:
            return await self._glance.rows(statement, values)
        except self._glance.errors as error:
            raise explained(error, self._database.url) from error

    async def state(self) -> str:
        """The same text as before only where nothing was written in between, by whichever process. Costs next to
        nothing. Raises StoreError likewise."""
        try:
            return await self._state.answer()
        except self._glance.errors as error:
            raise explained(error, self._database.url) from error

    @asynccontextmanager
    async def _explaining(self) -> AsyncIterator[None]:
        """A database that went away, is full, locked or read-only is told of in one line, wherever it is noticed."""
        try:
            yield
        except (OperationalError, InterfaceError, PoolTimeout) as error:
            raise explained(error, self._database.url) from error
        except DatabaseError as error:
            if getattr(error.orig, "sqlstate", None) not in AWAY:
                raise
            raise explained(error, self._database.url) from error

    async def now(self) -> datetime:
        """The database's time: leases and slots are compared by it, whatever a host's clock says."""
        if self._time is not None:
            return self._time()
        async with self.reading() as tx:
            return await tx.now()

    async def version(self) -> str | None:
        """The migration that the database is at; None where it was never migrated. Raises StoreError."""
        try:
            async with self._database.connect() as connection:
                return await connection.run_sync(migrations.current)
        except (OSError, SQLAlchemyError) as error:
            raise explained(error, self._database.url) from error

    async def check(self) -> None:
        """Return when the database answers and has this version's tables; raises StoreError in any other case.

        A newer release may have migrated it since it was opened. That only adds, so whoever runs goes on."""
        version = await self.version()
        if version is None or version < migrations.HEAD:
            raise StoreError(f"the database is at version {version}, not {migrations.HEAD}; run `paperlark migrate`")

    async def connections_allowed(self) -> int | None:
        """How many connections the server lets us have, all processes together; None on SQLite. Raises StoreError."""
        if not self.postgres:
            return None
        async with self.reading() as tx:
            return (await tx.execute(text(_ALLOWED))).scalar_one()  # type: ignore[no-any-return]

    async def migrate(self) -> None:
        """Bring the database to this version's tables, under a lock; safe to run from several processes at once."""
        try:
            async with self._database.connect() as connection:
                await connection.execution_options(writing=True)
                async with connection.begin():
                    if self.postgres:
                        await connection.execute(text("SELECT pg_advisory_xact_lock(7226001)"))
                        # Who waits for a table holds up all who come after: then rather none of it, and once more.
                        await connection.execute(text(f"SET LOCAL lock_timeout = '{TABLE_SECONDS}s'"))
                    await connection.run_sync(_upgrade_unless_newer)
        except (OperationalError, DatabaseError) as error:
            raise explained(error, self._database.url) from error

    async def close(self) -> None:
        """Let go of every connection."""
        await self._glance.close()
        await self._database.dispose()


def _upgrade_unless_newer(connection: Connection) -> None:
    refuse_newer(migrations.current(connection))
    migrations.upgrade(connection)


def refuse_newer(version: str | None, remedy: str = "install that version, or restore a backup") -> None:
    """Raise StoreError when the database was migrated by a newer paperlark than this one. remedy: what to do then."""
    if version is not None and version not in migrations.known():
        raise StoreError(
            f"the database is at version {version}, which this paperlark does not know: it was used by a newer one; "
            f"{remedy}"
        )


async def open_store(
    url: str,
    *,
    connections: int = CONNECTIONS,
    clock: Callable[[], datetime] | None = None,
    keys: Sequence[str] = (),
) -> Store:
    """Open the store at an SQLAlchemy address (`sqlite+aiosqlite:///file` or `postgresql+psycopg://…`).

    connections: how many of PostgreSQL's it may hold at most, 2 or more; each is opened when it is first needed.

    A SQLite store is made and migrated on the way: it is one file of one person. PostgreSQL is migrated by
    `paperlark migrate` only. keys: what is sealed by the first and opened by any of them (`sealed`). Raises StoreError:
    unreachable, read-only, not migrated, from a newer version.
    """
    store = _store_at(url, connections, clock, keys)
    try:
        await _check_version(store)
    except StoreError:
        await store.close()
        raise
    except (OSError, SQLAlchemyError) as error:
        await store.close()
        raise explained(error, make_url(url)) from error
    return store


async def _check_version(store: Store) -> None:
    version = await store.version()
    refuse_newer(version)
    if version == migrations.HEAD:
        return
    if store.postgres:
        state = "has no tables yet" if version is None else f"is at version {version}"
        raise StoreError(f"the database {state}; run `paperlark migrate` first")
    await store.migrate()


def open_unchecked(url: str, *, keys: Sequence[str] = ()) -> Store:
    """A store whose version is not looked at: for whoever looks after it."""
    return _store_at(url, RELEASING, None, keys)


def _store_at(url: str, connections: int, clock: Callable[[], datetime] | None, keys: Sequence[str]) -> Store:
    glances = -(-connections // 3)
    database = _database_at(url, connections - glances)
    sealed.give(database.dialect, sealed.Seals(keys) if keys else None)
    return Store(database, clock, glances=glances)


def _database_at(url: str, connections: int) -> AsyncEngine:
    try:
        address = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise StoreError("PAPERLARK_DATABASE_URL is no database address (sqlite:///file or postgresql://…)") from error
    if address.get_backend_name() == "sqlite":
        _prepare_file(address)
        # Last in, first out: the connection that just wrote has the pages that the next one needs.
        database = create_async_engine(
            address,
            pool_size=SQLITE_POOL_SIZE,
            max_overflow=SQLITE_OVERFLOW,
            pool_use_lifo=True,
            connect_args={"timeout": BUSY_SECONDS, "factory": _Connection},
        )
        _speak_sqlite(database)
        return database
    if address.get_backend_name() != "postgresql":
        raise StoreError(f"paperlark keeps its store in SQLite or PostgreSQL, not in {address.get_backend_name()}")
    database = create_async_engine(
        address,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS,
        pool_use_lifo=True,
        connect_args={"connect_timeout": CONNECT_SECONDS, "prepare_threshold": None},
    )
    _try_rested(database)
    return database


def _try_rested(database: AsyncEngine) -> None:
    """A connection that has rested for a while may be gone (a restart, a firewall): it is tried before it is used. One
    that was used a moment ago is not: that would be a second journey for each."""

    @event.listens_for(database.sync_engine, "checkin")
    def note(_connection: Any, record: ConnectionPoolEntry) -> None:
        record.info["rests_since"] = time.monotonic()

    @event.listens_for(database.sync_engine, "checkout")
    def attempt(connection: Any, record: ConnectionPoolEntry, _checked_out: Any) -> None:
        since = record.info.get("rests_since")
        if since is None or time.monotonic() - since < RESTED_SECONDS:
            return
        try:
            database.dialect.do_ping(connection)
        except database.dialect.loaded_dbapi.Error as error:
            raise DisconnectionError("the database has closed a connection that rested") from error


def _glance_at(address: URL, connections: int) -> Glance:
    if address.get_backend_name() == "sqlite":
        return SqliteGlance(str(address.database))
    # Imported here: psycopg takes 9 MB, which a process with SQLite need not hold.
    from paperlark.store.glance_postgres import PostgresGlance

    return PostgresGlance(address, connections)


def _prepare_file(address: URL) -> None:
    if not address.database or address.database == ":memory:":
        raise StoreError("paperlark needs a database file: a store in memory would forget what was told")
    folder = Path(address.database).absolute().parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot make the folder {folder} for the database: {error.strerror}") from error
    # Tried here because aiosqlite leaves a thread behind that complains at exit where a file cannot be opened.
    try:
        sqlite3.connect(address.database).close()
    except sqlite3.Error as error:
        raise explained(error, address) from error


class _Connection(sqlite3.Connection):
    """Closed, it holds nothing. SQLite keeps a closed connection's transaction for as long as one of its statements
    has rows to tell (https://sqlite.org/c3ref/close.html), and a task that was cancelled leaves such a statement to the
    garbage collector: until then nobody could write."""

    def close(self) -> None:
        with suppress(sqlite3.ProgrammingError):  # it is closed already
            self.rollback()
        super().close()


def _speak_sqlite(database: AsyncEngine) -> None:
    """Our own BEGIN (the driver's would take the write lock late and fail), WAL, and patience with other processes."""

    @event.listens_for(database.sync_engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout = {BUSY_SECONDS * 1000}",
            "journal_mode = WAL",
            "synchronous = FULL",  # what was acknowledged survives a power cut too
            "foreign_keys = ON",
            "cache_size = -2000",  # KiB, for each connection: what is not there is in the system's cache
            "wal_autocheckpoint = 4000",  # pages: what is written again and again is carried over once
            "temp_store = MEMORY",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(database.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get("writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def explained(error: Exception, address: URL) -> StoreError:
    """A driver's error in one plain line; the password is never in it."""
    cause = str(getattr(error, "orig", None) or error).strip().splitlines() or [type(error).__name__]
    if address.get_backend_name() == "sqlite":
        first = cause[0]
        problem = OutageError if any(said in first for said in SQLITE_OUTAGES) else StoreError
        if "readonly" in first or "unable to open" in first:
            return problem(f"cannot write the database {address.database}: the file or its folder is read-only")
        if "not a database" in first:
            return StoreError(f"{address.database} is not a paperlark database (it is some other kind of file)")
        return problem(f"the database {address.database} cannot be used: {first}")
    state = getattr(getattr(error, "orig", None), "sqlstate", None)
    problem = OutageError if state is None or state.startswith(OUTAGES) else StoreError
    place = f"{address.host or 'local socket'}:{address.port or 5432}/{address.database or ''}"
    if isinstance(error, OperationalError | InterfaceError | OSError):
        said = re.sub(r"^.* port \d+ failed: ", "", cause[0])  # libpq repeats where it tried
        return problem(f"cannot reach the database at {place}: {said}")
    return problem(f"the database at {place} cannot be used: {cause[0]}")
