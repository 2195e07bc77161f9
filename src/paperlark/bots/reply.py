"""What a bot answers, before any platform's mark-up."""

from dataclasses import dataclass
from typing import Literal

from paperlark.channels.buttons import Rows
from paperlark.model.messages import Digest

NOTICE = 200  # characters: what Telegram shows in answer to a pressed button

Style = Literal["", "bold", "italic", "code"]


@dataclass(frozen=True, slots=True)
class Said:
    """Some words of one style. They are plain text: the front end escapes them, and makes them legible."""

    text: str
    style: Style = ""


Line = tuple[Said, ...]


@dataclass(frozen=True, slots=True)
class File:
    """A file to hand over."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What a bot answers to a command or a pressed button.

    lines: what is said; an empty line is a gap. digest: papers to show as alerts show them, by the channel's own
    `render`, after the lines. buttons: under the message; after a press, the whole new keyboard of the message that
    was pressed, and () leaves it as it is. file: goes with the answer. notice: at most NOTICE characters, said at once
    to who pressed. ended: the message that was pressed has had its say, and loses its buttons.
    """

    lines: tuple[Line, ...] = ()
    digest: Digest | None = None
    buttons: Rows = ()
    file: File | None = None
    notice: str = ""
    ended: bool = False
