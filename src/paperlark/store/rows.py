"""Small things every statement needs: long lists in bounded bites, and one column of a result."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import Executable

from paperlark.store.database import Transaction

BITE = 400  # values in one IN list: SQLite bears 32,766, plans stay small

T = TypeVar("T")


def chunks(values: Sequence[T], size: int = BITE) -> Iterator[Sequence[T]]:
    """The values, in order, at most `size` at a time."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


async def scalars(tx: Transaction, statement: Executable) -> list[Any]:
    """The first column of a result."""
    return list((await tx.execute(statement)).scalars())
