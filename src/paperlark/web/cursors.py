"""Where a reader of the papers stands, as opaque text that is checked when it comes back. Pure.

A cursor holds a `Place` and belongs to one query: the digest in front tells a cursor that was cut, altered, or given
with another query. It is no signature, because there is nothing to gain: whoever forges one only begins to read
elsewhere, and what it holds is checked like any other input.
"""

import base64
import binascii
import hashlib
import math

from pydantic import TypeAdapter, ValidationError

from paperlark.readers.search import LARGEST_ID, Place

DIGEST = 9  # bytes; a multiple of three keeps base64 without padding in front
LONGEST = 7_000  # characters; a whole request line may have 8,190

_PLACE = TypeAdapter(Place)


def written(place: Place, query: str) -> str:
    """A place among the answers to a query ("" for none), as text that may stand in an address."""
    body = _PLACE.dump_json(place)
    return base64.urlsafe_b64encode(_digest(body, query) + body).rstrip(b"=").decode()


def read(cursor: str, query: str) -> Place:
    """The place that `written` wrote for this query. Raises ValueError for any other text."""
    if len(cursor) > LONGEST:
        raise ValueError("too long")
    try:
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        digest, body = packed[:DIGEST], packed[DIGEST:]
        if digest != _digest(body, query):
            raise ValueError("of another query, or altered")
        place = _PLACE.validate_json(body, strict=True)
    except (binascii.Error, ValidationError) as error:
        raise ValueError("not a cursor") from error
    if not _possible(place):
        raise ValueError("no such place")
    return place


def _possible(place: Place) -> bool:
    known = place.statistics
    numbers = (known.papers, known.length, *known.frequencies.values()) if known else ()
    return (
        0 < place.paper_id <= LARGEST_ID
        and math.isfinite(place.score)
        and all(0 <= number <= LARGEST_ID for number in numbers)  # NaN is in no range
    )


def _digest(body: bytes, query: str) -> bytes:
    return hashlib.blake2b(body + b"\0" + query.encode(), digest_size=DIGEST, person=b"paperlark").digest()
