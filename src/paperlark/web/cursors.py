"""Where a reader of a list stands, as opaque text that is checked when it comes back. Pure.

A cursor holds a place and belongs to one query: the digest in front tells a cursor that was cut, altered, or given
with another query. It is no signature, because there is nothing to gain: whoever forges one only begins to read
elsewhere, and what it holds is checked like any other input.
"""

import base64
import binascii
import dataclasses
import hashlib
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from paperlark.matching.rank import Statistics
from paperlark.readers.search import LARGEST_ID, Place
from paperlark.web.problems import bad_parameter

DIGEST = 9  # bytes; a multiple of three keeps base64 without padding in front
LONGEST = 7_000  # characters; a whole request line may have 8,190
YEARS = range(2000, 2201)  # those in which a moment of ours can lie

P = TypeVar("P")


def written(place: Any, query: str) -> str:
    """A place among the answers to a query ("" for none), as text that may stand in an address.

    place: a frozen dataclass of numbers, texts and moments, and of such ones.
    """
    body = _adapter(type(place)).dump_json(place)
    return base64.urlsafe_b64encode(_digest(body, query) + body).rstrip(b"=").decode()


def read(cursor: str, query: str, kind: type[P]) -> P:
    """The place of this kind that `written` wrote for this query. Raises ValueError for any other text.

    Its numbers are such as the databases hold, and its moments such as we know of.
    """
    if len(cursor) > LONGEST:
        raise ValueError("too long")
    try:
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        digest, body = packed[:DIGEST], packed[DIGEST:]
        if digest != _digest(body, query):
            raise ValueError("of another query, or altered")
        place: P = _adapter(kind).validate_json(body, strict=True)
    except (binascii.Error, ValidationError) as error:
        raise ValueError("not a cursor") from error
    if not _possible(place):
        raise ValueError("no such place")
    return place


def follow(cursor: str | None, query: str, kind: type[P]) -> P | None:
    """Where the parameter `cursor` points, None for the beginning. Raises Problem: 400."""
    if not cursor:
        return None
    try:
        return read(cursor, query, kind)
    except ValueError as error:
        raise bad_parameter("cursor", "this cursor is not one of this query's; begin again without one") from error


_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}


def _adapter(kind: Any) -> TypeAdapter[Any]:
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def _possible(value: Any) -> bool:
    match value:
        case bool() | None:
            return True
        case Place(paper_id, _, known) if paper_id < 1 or (known is not None and _least(known) < 0):
            return False
        case int():
            return abs(value) <= LARGEST_ID
        case float():
            return math.isfinite(value)
        case datetime():
            return value.tzinfo is not None and value.year in YEARS
        case str():
            return "\0" not in value
        case Mapping():
            return all(map(_possible, (*value.keys(), *value.values())))
        case Sequence():
            return all(map(_possible, value))
    return all(_possible(getattr(value, field.name)) for field in dataclasses.fields(value))


def _least(known: Statistics) -> float:
    return min((known.papers, known.length, *known.frequencies.values()))


def _digest(body: bytes, query: str) -> bytes:
    return hashlib.blake2b(body + b"\0" + query.encode(), digest_size=DIGEST, person=b"paperlark").digest()
