"""Small things every statement needs: long lists in bounded bites, and one column of a result."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Executable, func, select, tuple_

from paperlark.store.database import Transaction

BITE = 400  # values in one IN list: SQLite bears 32,766, plans stay small

T = TypeVar("T")


def among(tx: Transaction, columns: Sequence[ColumnElement[Any]], rows: Sequence[Sequence[Any]]) -> ColumnElement[bool]:
    """Have these columns together one of these rows of numbers and texts? Found by an index that begins with them.

    SQLite reads a list of rows as a table without order, and the whole other table against it, unless the list is a
    query of its own.
    """
    if tx.postgres:
        return tuple_(*columns).in_(rows)
    each = func.json_each(json.dumps([list(row) for row in rows])).table_valued("value")
    fields = (func.json_extract(each.c.value, f"$[{number}]") for number in range(len(columns)))
    return tuple_(*columns).in_(select(*fields))


def chunks(values: Sequence[T], size: int = BITE) -> Iterator[Sequence[T]]:
    """The values, in order, at most `size` at a time."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


async def scalars(tx: Transaction, statement: Executable) -> list[Any]:
    """The first column of a result."""
    return list((await tx.execute(statement)).scalars())
