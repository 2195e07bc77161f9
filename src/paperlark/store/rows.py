"""Small things every statement needs: long lists in bounded bites, and one column of a result."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import ARRAY, ColumnElement, Executable, func, literal, select, tuple_

from paperlark.store.database import Transaction

BITE = 400  # values in one IN list: SQLite bears 32,766, plans stay small
MANY = 10_000  # rows named in one statement by `among`

T = TypeVar("T")


def among(tx: Transaction, columns: Sequence[ColumnElement[Any]], rows: Sequence[Sequence[Any]]) -> ColumnElement[bool]:
    """Have these columns together one of these rows of numbers and texts? Found by an index that begins with them.

    PostgreSQL is handed the rows column by column, one array each: a list of thousands is read as fast as one of two.
    SQLite reads a list of rows as a table without order, and the whole other table against it, unless the list is a
    query of its own.
    """
    if tx.postgres:
        arrays = (
            literal(list(values), ARRAY(column.type))
            for column, values in zip(columns, _turned(rows, columns), strict=True)
        )
        names = [f"c{number}" for number in range(len(columns))]
        return tuple_(*columns).in_(select(*func.unnest(*arrays).table_valued(*names).render_derived().c))
    each = func.json_each(json.dumps([list(row) for row in rows])).table_valued("value")
    fields = (func.json_extract(each.c.value, f"$[{number}]") for number in range(len(columns)))
    return tuple_(*columns).in_(select(*fields))


def _turned(rows: Sequence[Sequence[Any]], columns: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """The rows' values, column by column."""
    return iter(list(zip(*rows, strict=True)) or [()] * len(columns))


def chunks(values: Sequence[T], size: int = BITE) -> Iterator[Sequence[T]]:
    """The values, in order, at most `size` at a time."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


async def scalars(tx: Transaction, statement: Executable) -> list[Any]:
    """The first column of a result."""
    return list((await tx.execute(statement)).scalars())
