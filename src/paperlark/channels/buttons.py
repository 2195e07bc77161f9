"""Buttons under a message, and what they say when they are pressed. Pure.

Everything that a button means stands in the button: `v1:action:value`. So a button pressed a year later, or after any
number of restarts, still does what it says; and one that an older or a newer paperlark made is told from nonsense.

A keyboard is rows of buttons. Under one paper stands its row of actions. Under several stands a number for each, and
beneath the numbers the row of the paper whose number was pressed last: the message itself is all that is remembered.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from paperlark.model.readers import MarkKind

VERSION = "v1"
BYTES = 64  # of Telegram's callback_data; Discord's custom_id takes 100 characters
A_ROW = 8  # numbers side by side: as many as a telephone shows legibly

ACTIONS = frozenset({
    "save", "unsave", "dismiss", "restore", "mute", "why", "open",  # a paper's id
    "mute-word", "unmute-word", "mute-author", "unmute-author", "mute-source", "unmute-source",  # what is muted
    "follow",  # which of the queries that the message shows as code, and how often: "1", "2:instant"
    "edit",  # the same, and for which profile: "1:PROFILE"
    "delete",  # an account's id
    "cancel",  # nothing: the message has had its say
})  # fmt: skip

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_LARGEST = 2**63 - 1  # of an id


@dataclass(frozen=True, slots=True)
class Button:
    """What a button shows, and what it says when it is pressed (of `encode`)."""

    label: str
    data: str


class Pressed(NamedTuple):
    """What a button said: one of ACTIONS, and upon what."""

    action: str
    value: str


Rows = tuple[tuple[Button, ...], ...]


def encode(action: str, value: str = "") -> str:
    """A button's data. Raises ValueError for an action that is none, and where it would be too long for a platform."""
    if action not in ACTIONS:
        raise ValueError(f"{action!r} is no action of a button")
    data = f"{VERSION}:{action}:{value}"
    if len(data.encode()) > BYTES:
        raise ValueError(f"a button holds at most {BYTES} bytes, not {data!r}")
    return data


def decode(data: str) -> Pressed | None:
    """What a button said; None where it is none of ours, or none that this version knows."""
    version, _, rest = data.partition(":")
    action, colon, value = rest.partition(":")
    if version != VERSION or not colon or action not in ACTIONS:
        return None
    return Pressed(action, value)


def button(label: str, action: str, value: str = "") -> Button | None:
    """A button, or None where its value does not fit into one."""
    try:
        return Button(label, encode(action, value))
    except ValueError:
        return None


# ── ids ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def written(number: int) -> str:
    """An id in base 36: at most thirteen characters. Raises ValueError for a negative one."""
    if number < 0:
        raise ValueError(f"an id is not negative: {number}")
    letters = ""
    while number:
        number, digit = divmod(number, 36)
        letters = _DIGITS[digit] + letters
    return letters or "0"


def read(value: str) -> int | None:
    """The id that was `written`, or None where none was."""
    if not value or len(value) > 13 or not set(value) <= set(_DIGITS):
        return None
    number = int(value, 36)
    return number if number <= _LARGEST else None


# ── keyboards ──────────────────────────────────────────────────────────────────────────────────────────────────────


def of_paper(paper_id: int, *, marks: Collection[MarkKind] = ()) -> list[Button]:
    """A paper's own row. What is done already shows as done, and its button undoes it."""
    number = written(paper_id)
    saved, dismissed = MarkKind.SAVED in marks, MarkKind.DISMISSED in marks
    return [
        Button("Saved ✓", encode("unsave", number)) if saved else Button("Save", encode("save", number)),
        Button("Restore", encode("restore", number))
        if dismissed
        else Button("Not relevant", encode("dismiss", number)),
        Button("Mute…", encode("mute", number)),
        Button("Why?", encode("why", number)),
    ]


def of_digest(paper_ids: Sequence[int], *, first: int = 1) -> list[list[Button]]:
    """The keyboard of a message that tells of these papers: one paper's own row, or a number for each.

    first: the number that the first paper has in the message, where a digest is more than one.
    """
    if len(paper_ids) == 1 and first == 1:
        return [of_paper(paper_ids[0])]
    numbers = [Button(str(at), encode("open", written(number))) for at, number in enumerate(paper_ids, start=first)]
    return [numbers[at : at + A_ROW] for at in range(0, len(numbers), A_ROW)]


def beneath(keyboard: Sequence[Sequence[Button]], rows: Sequence[Sequence[Button]]) -> Rows:
    """The keyboard with these rows in the place of whatever stood beneath its numbers."""
    numbers = [row for row in (tuple(filter(_is_number, row)) for row in keyboard) if row]
    return (*numbers, *(tuple(row) for row in rows))


def turned(keyboard: Sequence[Sequence[Button]], data: str, into: Button) -> Rows:
    """The keyboard with one button turned into another, wherever it stands; alone, where it does not."""
    if not any(each.data == data for row in keyboard for each in row):
        return beneath(keyboard, [[into]])
    return tuple(tuple(into if each.data == data else each for each in row) for row in keyboard)


def _is_number(button: Button) -> bool:
    pressed = decode(button.data)
    return pressed is not None and pressed.action == "open" and button.label.isdecimal()
