"""`glance` on PostgreSQL: psycopg's own connections, its prepared statements, and poolers in between."""

import asyncio
from contextlib import nullcontext
from typing import ClassVar

import psycopg
from sqlalchemy import Executable
from sqlalchemy.engine import URL

from paperlark.store.glance import BY_INDEX, Row, Values, wants_index, words_of

CONNECT_SECONDS = 5
BEGIN = "SELECT pg_backend_pid(), set_config('TimeZone', 'UTC', false)"

_POOLED = psycopg.errors.InvalidSqlStatementName, psycopg.errors.DuplicatePreparedStatement
"""What is said where a pooler that was not noticed gives a statement another connection of its own."""


class PostgresGlance:
    """Connections of psycopg's own, where each statement stands for itself: so many read at a time, the rest wait."""

    errors: ClassVar[type[Exception]] = psycopg.Error

    def __init__(self, address: URL, connections: int) -> None:
        self._address = address.set(drivername="postgresql").render_as_string(hide_password=False)
        self._turns = asyncio.Semaphore(connections)
        self._preparing = True
        self._free: list[psycopg.AsyncConnection[Row]] = []

    async def rows(self, statement: Executable, values: Values) -> list[Row]:
        """See `Glance`."""
        words = words_of(statement, postgres=True)
        return await self._run(words.text, words.values(values), by_index=wants_index(statement))

    async def state(self) -> str:
        """See `Glance`. A snapshot names what is committed and what is under way (PostgreSQL, section 9.28.9)."""
        return str((await self._run("SELECT CAST(pg_current_snapshot() AS text)", {}))[0][0])

    async def _run(self, words: str, values: Values, *, by_index: bool = False) -> list[Row]:
        async with self._turns:
            while True:
                kept = bool(self._free)
                connection = self._free.pop() if kept else await self._open()
                try:
                    async with connection.transaction() if by_index else nullcontext():
                        if by_index:
                            await connection.execute(BY_INDEX, prepare=self._preparing)
                        asked = await connection.execute(words.encode(), values or None, prepare=self._preparing)
                        rows = await asked.fetchall()
                except _POOLED:
                    self._preparing = False
                    await connection.close()
                    continue
                except psycopg.errors.FeatureNotSupported:
                    await connection.close()
                    if not kept:
                        raise
                    continue  # the tables changed since it was prepared
                except psycopg.OperationalError:
                    lost = connection.closed
                    await connection.close()
                    if not (kept and lost):
                        raise
                    continue  # the server let it go while nobody looked: another one will do
                except BaseException:
                    await connection.close()
                    raise
                self._free.append(connection)
                return rows

    async def _open(self) -> psycopg.AsyncConnection[Row]:
        connection = await psycopg.AsyncConnection.connect(
            self._address,
            autocommit=True,
            prepare_threshold=0,  # planning costs as much as reading
            connect_timeout=CONNECT_SECONDS,
        )
        begun = await connection.execute(BEGIN, prepare=False)
        process = (await begun.fetchall())[0][0]
        if process != connection.info.backend_pid:
            # A pooler is in between, and may give each statement another connection of its own. A statement that was
            # prepared on one of them is unknown on the next, or is somebody else's of the same name.
            self._preparing = False
        return connection

    async def close(self) -> None:
        """See `Glance`."""
        while self._free:
            await self._free.pop().close()
