"""Many new rows at once: the driver is handed the values itself, past what the ORM does for each row."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Dialect, Table
from sqlalchemy.dialects import postgresql, sqlite


class Bulk(NamedTuple):
    """An INSERT of one row that leaves what is there, and how each column's value is told to the driver."""

    statement: str
    columns: tuple[tuple[str, Callable[[Any], Any] | None], ...]

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
    insert = postgresql.insert(into) if dialect.name == "postgresql" else sqlite.insert(into)
    compiled = insert.on_conflict_do_nothing().compile(dialect=dialect, column_keys=list(names))
    order = compiled.positiontup or names
    return Bulk(
        str(compiled), tuple((name, into.c[name].type.dialect_impl(dialect).bind_processor(dialect)) for name in order)
    )
