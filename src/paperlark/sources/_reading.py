"""What all parsers of sources share: folding text, reading moments and links, keeping what was said, choosing options.

All pure. Past these functions no text holds what a database refuses (NUL, lone surrogates) or a hidden line break.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import MISSING, fields
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from itertools import islice
from math import isfinite
from typing import Any, TypeVar
from urllib.parse import urlsplit

from paperlark.model.problems import SourceError

TEXT_KEPT = 20_000  # characters of one string in what a source said
ENTRIES_KEPT = 1_000  # entries of one list or mapping there
DEPTH_KEPT = 6
LINK_LIMIT = 2_000  # characters; longer addresses are not links that anybody follows

_UNSAYABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")

# A whole tag only: "$x<y$" and "p < 0.05" are no tags. Scripts and styles go with what they hold.
_HIDDEN = re.compile(r"<!--.*?(?:-->|\Z)|<(script|style)\b[^<>]*>.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_BLOCK = re.compile(
    r"</?(?:p|div|br|hr|li|ul|ol|dl|dt|dd|tr|td|th|table|h[1-6]|section|article|blockquote|jats:\w+)(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_INLINE = re.compile(r"</?[A-Za-z][\w:-]*(?:\s[^<>]*)?/?>")


def fold(text: str) -> str:
    """One line: white space folded to single spaces, control characters and broken code points left out."""
    line = text.replace("\n", " ")
    if "  " not in line and line.isprintable():  # most texts; the only printable white space is the space
        return line.strip()
    line = " ".join(text.split())
    return line if line.isprintable() else " ".join(_UNSAYABLE.sub("", line).split())


def plain(marked_up: str) -> str:
    """The text of a piece of HTML, on one line, entities resolved; what is not mark-up (TeX, inequalities) stays.

    For reading, not for safety: the result may hold `<`, and whoever shows it escapes it.
    """
    if "<" in marked_up:
        marked_up = _INLINE.sub("", _BLOCK.sub(" ", _HIDDEN.sub(" ", marked_up)))
    if "&" in marked_up:
        marked_up = html.unescape(marked_up)
    return fold(marked_up)


def folded(value: Any) -> str:
    """`fold` of a string; "" for anything that is none."""
    return fold(value) if isinstance(value, str) else ""


def moment(value: Any) -> datetime | None:
    """A moment from ISO 8601 or RFC 5322 text, in UTC (a date alone is its midnight); None where it cannot be read."""
    if not isinstance(value, str) or not value.strip():
        return None
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            found = read(value.strip())
            return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    return None


def web_link(value: Any) -> str | None:
    """The address when it is one of http or https with a host and nobody's password in it, else None."""
    if not isinstance(value, str) or len(value) > LINK_LIMIT:
        return None
    link = fold(value).replace(" ", "%20")  # some publishers leave spaces in
    try:
        parts = urlsplit(link)
    except ValueError:
        return None
    good = parts.scheme.lower() in ("http", "https") and parts.hostname and "@" not in parts.netloc
    return link if good else None


def keep(value: Any, depth: int = DEPTH_KEPT) -> Any:
    """What a source said, as JSON can hold it and a database can store it: cleaned, and bounded in every direction."""
    if isinstance(value, str):
        cut = value if len(value) <= TEXT_KEPT else value[:TEXT_KEPT]
        return cut if cut.isprintable() else _UNSAYABLE.sub("", cut)
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else None
    if depth <= 0:
        return None
    if type(value) is dict or isinstance(value, Mapping):  # the exact type first: it is the quick question
        some = islice(value.items(), ENTRIES_KEPT)
        return {keep(str(key)): keep(kept, depth - 1) for key, kept in some}
    if isinstance(value, list | tuple):
        return [keep(kept, depth - 1) for kept in value[:ENTRIES_KEPT]]
    return fold(str(value))[:TEXT_KEPT]


def day_of(value: Any) -> date:
    """A day from `date` or "YYYY-MM-DD". Raises ValueError with words for a person."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError(f"{value!r} is no day: write it as 2025-03-31") from None


Chosen = TypeVar("Chosen")


def choose(kind: str, options: type[Chosen], given: Mapping[str, Any]) -> Chosen:
    """The adapter's options from what the operator gave. Raises SourceError that names the option at fault."""
    known = {option.name: option for option in fields(options)}  # type: ignore[arg-type]
    for name in given:
        if name not in known:
            raise SourceError(f"{kind}: there is no option {name!r}; there are: {', '.join(sorted(known))}")
    for name, option in known.items():
        if name not in given and option.default is MISSING and option.default_factory is MISSING:
            raise SourceError(f"{kind}: the option {name!r} is missing")
    try:
        return options(**given)
    except (TypeError, ValueError) as problem:
        raise SourceError(f"{kind}: {problem}") from None
