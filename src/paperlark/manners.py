"""What the headers of an answer say of when to ask again. Pure.

How long it stays good: Cache-Control and Expires (RFC 9111 §4.2, §5.2, §5.3), as a cache of one's own reads them. How
long to wait after a refusal: Retry-After (RFC 9110 §10.2.3), or a rate limit that is used up. Moments are read against
the answer's own `Date`, so that no clock need agree with another.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from multidict import MultiMapping

LONGEST_WAIT = timedelta(days=1)  # that a refusal may ask for
LONGEST_FRESH = timedelta(days=366)

_DIRECTIVE = re.compile(r'([^\s=,"]+)(?:\s*=\s*(?:"([^"]*)"|([^\s,"]*)))?')


def fresh_for(headers: Mapping[str, str]) -> timedelta | None:
    """How much longer an answer stays good, from nothing to a year; None where it does not say.

    `no-cache` and `no-store` are nothing, and so is what cannot be read; `max-age` counts before `Expires`; `Age`, the
    time it already spent in caches, is taken off.
    """
    directives = _directives(headers)
    if "no-cache" in directives or "no-store" in directives:
        return timedelta()
    if "max-age" in directives:
        lifetime = _seconds(directives["max-age"]) or timedelta()
    elif "Expires" in headers:
        expires, said_at = _moment(headers["Expires"]), _moment(headers.get("Date", ""))
        if expires is None:
            return timedelta()  # "0", as many write it, and all else that is no date: already over
        if said_at is None:
            return None
        lifetime = expires - said_at
    else:
        return None
    age = _seconds(headers.get("Age", "")) or timedelta()
    return min(max(lifetime - age, timedelta()), LONGEST_FRESH)


def retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """The wait that a refusal asks for: `Retry-After` in seconds or as a date, else the time to reset of a used-up
    `RateLimit` (`"api";r=0;t=137`, as Hugging Face sends it). At most a day; None where nothing was asked or nothing
    can be read.
    """
    asked = headers.get("Retry-After", "")
    wait = _seconds(asked)
    if wait is None:
        until, said_at = _moment(asked), _moment(headers.get("Date", ""))
        wait = max(until - said_at, timedelta()) if until and said_at else _reset(headers)
    return None if wait is None else min(wait, LONGEST_WAIT)


def _directives(headers: Mapping[str, str]) -> dict[str, str]:
    """The directives of Cache-Control, over all its lines; of one that is repeated, the first counts."""
    found: dict[str, str] = {}
    for name, quoted, bare in _DIRECTIVE.findall(_lines(headers, "Cache-Control")):
        found.setdefault(name.lower(), quoted or bare)
    return found


def _reset(headers: Mapping[str, str]) -> timedelta | None:
    """When a rate limit of which nothing is left begins anew."""
    for policy in _lines(headers, "RateLimit").split(","):
        terms = dict(term.strip().partition("=")[::2] for term in policy.split(";"))
        if terms.get("r") == "0":
            return _seconds(terms.get("t", ""))
    return None


def _lines(headers: Mapping[str, str], name: str) -> str:
    """A header that is a list, which may come in several lines (RFC 9110 §5.3)."""
    if isinstance(headers, MultiMapping):
        return ", ".join(headers.getall(name, []))
    return headers.get(name, "")


def _seconds(text: str) -> timedelta | None:
    text = text.strip()
    return timedelta(seconds=int(text[:9])) if text.isascii() and text.isdigit() else None


def _moment(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None
