"""Small things every statement needs: long lists in bounded bites, and one column of a result."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import ARRAY, ColumnElement, Executable, Select, String, cast, func, literal, select, true, tuple_

from paperlark.store.bulk import array_text
from paperlark.store.database import Transaction

BITE = 400  # values in one IN list: SQLite bears 32,766, plans stay small
MANY = 10_000  # rows in one `looked_up`

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


def looked_up(
    tx: Transaction, wanted: Select[Any], columns: Sequence[ColumnElement[Any]], rows: Sequence[Sequence[Any]]
) -> Select[Any]:
    """What is wanted of the rows in which these columns together are one of thousands, numbers and texts; one at least.

    PostgreSQL is handed them as arrays, and looks each up by an index that begins with the columns, whatever it thinks
    of the table: one that was empty when it was last looked at would be read from end to end for each of them.
    """
    if not tx.postgres:
        return wanted.where(among(tx, columns, rows))
    arrays = (
        cast(literal(array_text(values), String), ARRAY(column.type))
        for column, values in zip(columns, zip(*rows, strict=True), strict=True)
    )
    keys = func.unnest(*arrays).table_valued(*(f"key{place}" for place in range(len(columns)))).render_derived()
    same = (column == key for column, key in zip(columns, keys.c, strict=True))
    found = wanted.where(*same).offset(0).lateral("found")
    return select(*found.c).select_from(keys.join(found, true()))


def chunks(values: Sequence[T], size: int = BITE) -> Iterator[Sequence[T]]:
    """The values, in order, at most `size` at a time."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


async def scalars(tx: Transaction, statement: Executable) -> list[Any]:
    """The first column of a result."""
    return list((await tx.execute(statement)).scalars())
