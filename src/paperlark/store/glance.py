"""One statement that only reads, at the price of the driver alone: for pages and lists that are asked for all the time.

A transaction of the ORM's pool costs more than most of the statements that it is made for. Here a statement goes
straight to the driver, on connections that do nothing else, and its rows come back as the driver gives them: on SQLite
moments and JSON are text. Moments as text are in UTC. `state` says cheaply whether anything was written since.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, ClassVar, NamedTuple, Protocol, cast

from sqlalchemy import ClauseElement, Executable
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.compiler import SQLCompiler

AT_HAND = 2  # statements that its thread on SQLite has at hand: while one is answered, the next is read
BUSY_SECONDS = 10

Row = tuple[Any, ...]
Values = Mapping[str, Any]

_SQLITE = sqlite.dialect(paramstyle="named")
_POSTGRES = postgresql.psycopg.dialect()  # type: ignore[no-untyped-call]


BY_INDEX = "SET LOCAL enable_seqscan = off"
"""PostgreSQL's planner takes reading every tsvector for cheap, and unpacks them all where a word is common: ten times
the work. From here to the end of a transaction everything is asked by index."""


def wants_index(statement: Executable) -> bool:
    """Is it one to be asked by index? It says so by its execution option `by_index`."""
    return bool(statement.get_execution_options().get("by_index"))


class Glance(Protocol):
    """What reads. Its connections are opened when they are first needed. errors: what the driver raises."""

    errors: ClassVar[type[Exception]]

    async def rows(self, statement: Executable, values: Values) -> list[Row]:
        """The rows of a statement whose parameters are named and not `required` (they are given later); keep the
        statement: it is put into words once. Raises the driver's errors."""

    async def state(self) -> str:
        """The same text as before only where nothing was committed in between, by whichever process."""

    async def close(self) -> None:
        """Let go of every connection."""


class Together:
    """A question that many ask at the same time, asked once for all of them. Who comes while it is being asked waits
    for the next answer: something may have changed since that question went out."""

    def __init__(self, ask: Callable[[], Awaitable[str]]) -> None:
        self._ask = ask
        self._turn = asyncio.Lock()
        self._begun = self._answered = 0  # questions
        self._answer = ""

    async def answer(self) -> str:
        """The answer to a question that was asked after this call. Raises what asking raises."""
        wanted = self._begun + 1
        async with self._turn:
            if self._answered < wanted:
                self._begun = number = self._begun + 1
                self._answer = await self._ask()
                self._answered = number
            return self._answer


class Words(NamedTuple):
    """A statement as the driver takes it: the values that stand in it already, and how others are told."""

    text: str
    known: Values
    telling: Mapping[str, Callable[[Any], Any]]

    def values(self, given: Values) -> Values:
        """All its values, as the driver takes them."""
        telling = self.telling
        told = {name: telling[name](value) if name in telling else value for name, value in given.items()}
        return {**self.known, **told}


@lru_cache(maxsize=256)
def words_of(statement: Executable, *, postgres: bool) -> Words:
    """A statement for the driver; it is put into words once."""
    dialect = _POSTGRES if postgres else _SQLITE
    compile_for = cast(ClauseElement, statement).compile
    compiled = cast(SQLCompiler, compile_for(dialect=dialect, compile_kwargs={"render_postcompile": True}))
    telling = {
        name: tell
        for name, bind in compiled.binds.items()
        if (tell := bind.type.dialect_impl(dialect).bind_processor(dialect)) is not None
    }
    known = {name: value for name, value in compiled.params.items() if value is not None}
    return Words(str(compiled), Words("", {}, telling).values(known), telling)


class SqliteGlance:
    """On SQLite: a thread of its own, so that a statement is one step into it and back. More threads would share one
    allocator and Python's lock: measured, a list cost 5.2 ms of processor time with one, 7.6 with two, 8.9 with four.
    """

    errors: ClassVar[type[Exception]] = sqlite3.Error

    def __init__(self, file: str) -> None:
        self._reader = _Reader(file)
        self._turns = asyncio.Semaphore(AT_HAND)
        self._watch = _Reader(file)  # what it counts as new is new to this one connection

    async def rows(self, statement: Executable, values: Values) -> list[Row]:
        """See `Glance`."""
        words = words_of(statement, postgres=False)
        async with self._turns:
            return await self._reader.run(words.text, _plain(words.values(values)))

    async def state(self) -> str:
        """See `Glance`; https://sqlite.org/pragma.html#pragma_data_version."""
        return str((await self._watch.run("PRAGMA data_version", {}))[0][0])

    async def close(self) -> None:
        """See `Glance`."""
        await self._reader.close()
        await self._watch.close()


class _Question:
    """A statement, and who waits for its rows."""

    def __init__(self, words: str, values: Values) -> None:
        self.words = words
        self.values = values
        self._loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[list[Row]] = self._loop.create_future()

    def tell(self, rows: list[Row] | None, fault: BaseException | None) -> None:
        """From the thread that read. Nobody may wait any more, nor the loop run."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._told, rows, fault)

    def _told(self, rows: list[Row] | None, fault: BaseException | None) -> None:
        if self.answer.done():
            return
        if fault is not None:
            self.answer.set_exception(fault)
        else:
            self.answer.set_result(rows or [])


class _Reader:
    """A connection and the one thread that uses it. An executor's threads would do; but what it keeps of each call, and
    passes from one kind of future to another, costs as much as a small statement."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._asked: SimpleQueue[_Question | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._connection: sqlite3.Connection | None = None
        self._changing = Lock()
        self._reading: _Question | None = None

    async def run(self, words: str, values: Values) -> list[Row]:
        """A statement's rows. Who stops waiting stops the statement."""
        if self._thread is None:
            self._thread = Thread(target=self._read_all, name="glance", daemon=True)
            self._thread.start()
        question = _Question(words, values)
        self._asked.put(question)
        try:
            return await question.answer
        except asyncio.CancelledError:
            with self._changing:
                if self._reading is question and self._connection is not None:
                    self._connection.interrupt()
            raise

    def _read_all(self) -> None:
        while (question := self._asked.get()) is not None:
            if question.answer.cancelled():
                continue
            try:
                rows = self._read(question)
            except BaseException as fault:  # whatever it is, whoever asked is told
                question.tell(None, fault)
            else:
                question.tell(rows, None)
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _read(self, question: _Question) -> list[Row]:
        if self._connection is None:
            self._connection = sqlite3.connect(
                self._file, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA query_only = ON")
        with self._changing:
            self._reading = question
        try:
            return self._connection.execute(question.words, question.values).fetchall()
        finally:
            with self._changing:
                self._reading = None

    async def close(self) -> None:
        """Let go of the connection, when what was asked before is answered."""
        if self._thread is not None:
            self._asked.put(None)
            await asyncio.to_thread(self._thread.join)
            self._thread = None


def _plain(values: Values) -> Values:
    """Moments as `columns.Moment` keeps them, where a statement in words of our own did not say that they are some."""
    if not any(isinstance(value, datetime) for value in values.values()):
        return values
    return {name: _kept(value) if isinstance(value, datetime) else value for name, value in values.items()}


def _kept(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
