"""What parameters and bodies of the API are made of."""

import re
from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints, WithJsonSchema

from paperlark.matching.reading import LENGTH
from paperlark.web import cursors

LIMIT = 20
LIMIT_AT_MOST = 100
NO_NUL = r"^[^\x00]*$"  # PostgreSQL keeps no such text

Text = Annotated[str, StringConstraints(pattern=NO_NUL, max_length=10_000)]


def _number(value: Any) -> Any:
    """A decimal number as written by hand. Raises ValueError for what only Python takes for one."""
    if isinstance(value, str) and not re.fullmatch(r"-?[0-9]{1,9}", value, re.ASCII):
        raise ValueError("a whole number, in digits")
    return value


def read_day(value: Any) -> date:
    """A day as text. Raises ValueError."""
    try:
        if isinstance(value, str) and re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", value, re.ASCII):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise ValueError("a day is written like 2026-01-31")


def _flag(value: Any) -> Any:
    if value in ("true", "false"):
        return value == "true"
    raise ValueError("true or false")


IN_DIGITS = BeforeValidator(_number)
"""For numbers; after `Field(ge=…, le=…)`, so that the document knows the bounds."""

Limit = Annotated[int, Field(ge=1, le=LIMIT_AT_MOST, description="how many at most"), IN_DIGITS]
Cursor = Annotated[
    str,
    StringConstraints(pattern="^[A-Za-z0-9_-]*$", max_length=cursors.LONGEST),
    Field(description="`next` of the answer before: go on from there"),
]
Day = Annotated[date, BeforeValidator(read_day), WithJsonSchema({"type": "string", "format": "date"})]
Flag = Annotated[bool, BeforeValidator(_flag)]
Id = Annotated[str, StringConstraints(pattern=NO_NUL, max_length=100)]
QueryText = Annotated[
    str,
    StringConstraints(pattern=NO_NUL, max_length=LENGTH),
    Field(description="in the profile language", json_schema_extra={"format": "profile-query"}),
]
"""A query as a parameter or a member. Whether it can be read is a question of its grammar, not of its form."""


class Paged(BaseModel):
    """A list, some at a time."""

    cursor: Cursor | None = None
    limit: Limit = LIMIT
