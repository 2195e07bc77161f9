"""How a reply looks in Telegram. Pure.

Words become HTML mode's mark-up, papers are shown by the channel's own `render`, and what is too long for one message
goes into several, cut between lines.
"""

import html
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from paperlark.bots.reply import Line, Reply, Said
from paperlark.channels import letters, marked, text
from paperlark.channels.buttons import written
from paperlark.channels.telegram import (
    BYTES,
    EMPTY,
    ENTITIES,
    UNITS,
    Markup,
    escaped,
    payload,
    plain,
    rows_of,
    tag,
    utf16,
)
from paperlark.channels.telegram import lines as joined
from paperlark.model.messages import Digest, DigestPaper, Payload
from paperlark.model.papers import StoredPaper

PIECE = 1000  # code points of a line that is too long for a message: at most 2,000 units
TAGS = {"bold": "b", "italic": "i"}
COMMAND = re.compile(r"/[a-z0-9_]{1,32}")  # alone it is left as text, which Telegram makes a link that sends it
UNSENDABLE = re.compile("[\x00\ud800-\udfff]")
TITLE, SAID = 120, 200  # code points of what a list of inline results shows
ROOM = (UNITS, ENTITIES, BYTES)


def messages(reply: Reply, render: Callable[[Digest], list[Payload]]) -> list[Payload]:
    """A reply as the messages that say it, in order; its buttons are under the last. Empty where nothing is said.

    A button may stand for a query that its message shows. Where one message cannot hold all those that are shown, there
    are no buttons: the commands that they stand for can be typed.
    """
    first = next((at for at, line in enumerate(reply.lines) if any(said.style == "code" for said in line)), None)
    cut = first if reply.buttons and len(split(reply.lines)) > 1 else None
    rest = split(reply.lines[cut:])
    parts = [payload(part) for part in (*split(reply.lines[: cut or 0]), *rest)]
    parts += render(reply.digest) if reply.digest is not None else []
    if parts and reply.buttons and (cut is None or len(rest) == 1):
        last = dict(parts[-1].content)
        parts[-1] = Payload({**last, "buttons": [*last.get("buttons", ()), *rows_of(reply.buttons)]})
    return parts


def split(whole: Sequence[Line]) -> list[list[Markup]]:
    """Lines in as many messages as they need, with no gap at a message's ends."""
    parts: list[list[Markup]] = [[]]
    for piece in (piece for line in whole for piece in _fitting(line)):
        if not _fits(joined([*parts[-1], piece])):
            parts.append([])
        if parts[-1] or not _blank(piece):
            parts[-1].append(piece)
    for part in parts:
        while part and _blank(part[-1]):
            part.pop()
    return [part for part in parts if part]


def _fitting(line: Line) -> Iterator[Markup]:
    """The line, or where no message could hold it, line by line what is in it."""
    found = sum(map(_marked, line), EMPTY)
    if _fits(found):
        yield found
        return
    for said in line:
        for start in range(0, len(said.text), PIECE):
            yield _marked(Said(said.text[start : start + PIECE], said.style))


def _marked(said: Said) -> Markup:
    if said.style == "code" and not COMMAND.fullmatch(said.text):
        # To be copied as it is; in code Telegram mentions nobody.
        query = UNSENDABLE.sub("\ufffd", said.text)
        return tag("code", Markup(html.escape(query, quote=False), utf16(query)))
    words = escaped(_loose(said.text))
    return tag(TAGS[said.style], words) if said.style in TAGS and said.text.strip() else words


def _loose(words: str) -> str:
    """Legible, and as far from its neighbours as it was."""
    kept = letters.one_line(words)
    return f"{' ' if words[:1].isspace() else ''}{kept}{' ' if kept and words[-1:].isspace() else ''}"


def _blank(markup: Markup) -> bool:
    return not plain(markup.html).strip()


def _fits(markup: Markup) -> bool:
    return all(size <= room for size, room in zip(markup.size, ROOM, strict=True))


# ── papers in passing ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Result:
    """A paper in the list of an inline query: what the list shows, and the message that a choice sends."""

    id: str
    title: str
    said: str
    message: Payload


def result(paper: StoredPaper, today: date, render: Callable[[Digest], list[Payload]]) -> Result:
    """A paper that was found, told as an alert tells it."""
    told = DigestPaper.of(paper)
    listed = text.show(told, today, abstract=0)
    [message] = render(Digest("", today, (told,)))
    said = " · ".join(filter(None, (listed.byline, listed.facts)))
    return Result(written(paper.id), letters.cut(marked.plain(listed.title), TITLE), letters.cut(said, SAID), message)
