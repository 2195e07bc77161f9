"""Many new rows at once: the driver is handed the values itself, past what the ORM does for each row."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Dialect, Table
from sqlalchemy.dialects import sqlite


class Bulk(NamedTuple):
    """An INSERT of one row that leaves what is there, how each column's value is told to the driver, and the names of
    the columns' types."""

    statement: str
    columns: tuple[tuple[str, Callable[[Any], Any] | None], ...]
    types: tuple[str, ...]

    def told(self, rows: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
        """The rows' values as the driver takes them, column by column."""
        return [
            [row[name] for row in rows] if tell is None else _told([row[name] for row in rows], tell)
            for name, tell in self.columns
        ]

    def statement_for(self, rows: int) -> str:
        """The same INSERT for many rows; placeholders by position."""
        head, _, rest = self.statement.partition(" VALUES (")
        one, _, tail = rest.partition(")")
        return f"{head} VALUES {', '.join([f'({one})'] * rows)}{tail}"

    def by_column(self, columns: Sequence[list[Any]]) -> tuple[str, tuple[Any, ...]]:
        """The same INSERT for PostgreSQL, and its parameters: a column is handed over as one array, or as one value
        where all of its values are the very same. A statement that names each row costs ten times as much."""
        same = [all(value is column[0] for value in column) for column in columns]
        same[0] = False  # so that there is an array to count rows by
        wanted, arrays, single, given = [], [], [], []
        for place, (column, type, alike) in enumerate(zip(columns, self.types, same, strict=True)):
            wanted.append(f"%s::{type}" if alike else f"u.c{place}")
            if alike:
                single.append(column[0])
            else:
                arrays.append(f"%s::{type}[]")
                given.append(array_text(column) if type in _WRITTEN else column)
        names = ", ".join(f"c{place}" for place, alike in enumerate(same) if not alike)
        rows = f"unnest({', '.join(arrays)}) AS u({names})"
        head = self.statement.partition(" VALUES (")[0]
        return f"{head} SELECT {', '.join(wanted)} FROM {rows} ON CONFLICT DO NOTHING", (*single, *given)


_WRITTEN = ("BIGINT", "INTEGER", "VARCHAR")
"""Types whose arrays we write ourselves: the driver takes ten times as long."""


def array_text(values: Sequence[int | str | None]) -> str:
    """Numbers and texts as PostgreSQL writes an array
    (https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO)."""
    if all(type(value) is int for value in values):
        return f"{{{','.join(map(str, values))}}}"
    written = {value: _element(value) for value in set(values)}
    return f"{{{','.join(map(written.__getitem__, values))}}}"


def _element(value: int | str | None) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(value)
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _told(values: list[Any], tell: Callable[[Any], Any]) -> list[Any]:
    """Many rows share one moment: what was just converted is not converted again."""
    told, last, last_told = [], object(), None
    for value in values:
        if value is not last:
            last, last_told = value, tell(value)
        told.append(last_told)
    return told


@lru_cache(maxsize=256)
def bulk_insert(dialect: Dialect, into: Table, names: tuple[str, ...]) -> Bulk:
    """For rows of these columns."""
    if dialect.name == "postgresql":
        # The columns in the rows' own order, whatever defaults the others have: values are told by their place.
        quoted = ", ".join(map(dialect.identifier_preparer.quote, names))
        holes = ", ".join(["%s"] * len(names))
        table = dialect.identifier_preparer.format_table(into)
        statement, order = f"INSERT INTO {table} ({quoted}) VALUES ({holes}) ON CONFLICT DO NOTHING", names
    else:
        compiled = sqlite.insert(into).on_conflict_do_nothing().compile(dialect=dialect, column_keys=list(names))
        statement, order = str(compiled), tuple(compiled.positiontup or names)
    return Bulk(
        statement,
        tuple((name, into.c[name].type.dialect_impl(dialect).bind_processor(dialect)) for name in order),
        tuple(into.c[name].type.compile(dialect) for name in order),
    )
