"""How a reply looks on Discord. Pure.

Words become Discord's Markdown, papers are shown by the channel's own `render`, and what is too long for one message
goes into several, cut between lines.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from paperlark.bots.reply import Line, Reply, Said
from paperlark.channels.buttons import Button, Rows
from paperlark.channels.discord import CONTENT, code, data_of, dressed, escaped, units
from paperlark.model.messages import Digest, Payload

MESSAGES = 5  # that answer one command: an app that only its user installed may follow up so often
PIECE = 900  # code points of a line that is too long for a message
SHORT = {"/papers delete_my_data": "/papers delete"}  # commands that have a shorter name on Discord

_AROUND = {"bold": "**", "italic": "*"}


@dataclass(frozen=True, slots=True)
class Message:
    """One message of an answer: Markdown, embeds as Discord takes them, and the buttons under it."""

    content: str = ""
    embeds: tuple[Mapping[str, Any], ...] = ()
    rows: Rows = ()


def messages(reply: Reply, render: Callable[[Digest], list[Payload]]) -> list[Message]:
    """A reply as the messages that say it, in order; its buttons are under the last. Empty where nothing is said."""
    said = [Message(content) for content in split(map(markup, reply.lines))]
    papers = [_shown(payload) for payload in render(reply.digest)] if reply.digest is not None else []
    if said and papers and not papers[0].content:
        papers[0] = replace(papers[0], content=said.pop().content)
    parts = (said + papers)[:MESSAGES]
    if parts and reply.buttons:
        parts[-1] = replace(parts[-1], rows=(*parts[-1].rows, *reply.buttons))
    return parts


def markup(line: Line) -> str:
    """A line as Markdown."""
    return "".join(map(_marked, line))


def split(lines: Iterable[str]) -> list[str]:
    """Lines in as many messages as they need, with no gap at a message's ends."""
    parts = [""]
    for line in (piece for whole in lines for piece in _fitting(whole)):
        longer = f"{parts[-1]}\n{line}" if parts[-1] else line
        if units(longer) > CONTENT:
            parts.append(line)
        else:
            parts[-1] = longer
    return [part.strip("\n") for part in parts if part.strip()]


def keyboard(rows: Sequence[Sequence[tuple[str | None, str | None]]]) -> Rows:
    """The buttons that stand under a message, from (label, custom id)."""
    found = (tuple(Button(label or "", data_of(named)) for label, named in row if named is not None) for row in rows)
    return tuple(row for row in found if row)


def _fitting(line: str) -> list[str]:
    if units(line) <= CONTENT:
        return [line]
    return [line[start : start + PIECE] for start in range(0, len(line), PIECE)]


def _marked(said: Said) -> str:
    words = said.text
    if said.style == "code":
        return code(SHORT.get(words, words))
    return dressed(words, _AROUND[said.style]) if said.style else escaped(words)


def _shown(payload: Payload) -> Message:
    rows = tuple(tuple(Button(label, data) for label, data in row) for row in payload.content.get("buttons", ()))
    return Message(payload.content["content"], tuple(payload.content["embeds"]), rows)
