"""Sentences of a bot: plain text becomes words with a style, and commands are named as this platform names them."""

import re
from collections.abc import Iterable
from datetime import datetime

from paperlark.bots.reply import Line, Said
from paperlark.channels.letters import cut, legible
from paperlark.model.problems import PaperlarkError
from paperlark.schedule import zone

NAME = 80  # characters of a profile's name or a title in a list
QUERY = 120  # of a query in a list

HERE = {
    "paperlark profiles list": "/list",
    "paperlark profiles add QUERY": "/follow QUERY",
    "paperlark subscribe": "/follow QUERY",
    "paperlark mutes": "/mutes",
    "paperlark sources": "/status",
    "paperlark outbox": "/status",
}
"""What readers type here in the place of a command line that an error names."""

_QUOTED = re.compile(r"`([^`]*)`")


def line(text: str, prefix: str = "/") -> Line:
    """A line of plain text; what stands between backticks is code. A command in it is named as readers type it here:
    `/list` with the platform's own prefix, and never as a command line names it."""
    pieces = _QUOTED.split(text)
    said = (Said(_command(piece, prefix), "code") if at % 2 else Said(piece) for at, piece in enumerate(pieces))
    return tuple(each for each in said if each.text)


def complaint(error: PaperlarkError, prefix: str = "/") -> Line:
    """An error's one line, as a sentence that ends with what to do."""
    text = str(error)
    return line(f"{text[:1].upper()}{text[1:]}{'' if text[-1:] in '.!?…' else '.'}", prefix)


def title(text: str) -> str:
    """A paper's title in a line of other words."""
    return cut(legible(text), NAME)


def quoted(name: str) -> str:
    """A name that a reader gave."""
    return f"“{cut(legible(name), NAME)}”"


def code(query: str) -> Said:
    """A query, whole: it can be copied, and a button can follow it."""
    return Said(query, "code")


def listed(words: Iterable[str]) -> str:
    """Words in a sentence: "a", "a and b", "a, b and c"."""
    *some, last = list(words) or [""]
    return f"{', '.join(some)} and {last}" if some else last


def day_and_hour(at: datetime, zone_name: str, now: datetime) -> str:
    """A moment on a reader's clock, as one says it today: "today at 08:00", "Mon 2 Mar at 08:00"."""
    local, here = at.astimezone(zone(zone_name)), now.astimezone(zone(zone_name))
    days = (local.date() - here.date()).days
    named = {-1: "yesterday", 0: "today", 1: "tomorrow"}.get(days)
    return f"{named or f'{_DAYS[local.weekday()]} {local.day} {_MONTHS[local.month - 1]}'} at {local:%H:%M}"


def _command(piece: str, prefix: str) -> str:
    piece = HERE.get(piece, piece)
    return f"{prefix}{piece[1:]}" if piece.startswith("/") else piece


# Not strftime's: those are in the machine's language.
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
