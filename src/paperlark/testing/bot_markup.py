"""What Telegram makes of HTML: the text and the entities that readers see. https://core.telegram.org/bots/api#html-style

A reading of our own, so that the fake needs no library; tests hold it against TDLib, the library of Telegram's own
clients. Its errors say what Telegram says.
"""

import re
from typing import NamedTuple
from urllib.parse import urlsplit

MAX_ENTITIES = 100


class Entity(NamedTuple):
    """A stretch of a message's text that is shown in some way; offset and length in UTF-16 units."""

    type: str
    offset: int
    length: int
    url: str | None = None


class MarkupError(Exception):
    """Text that Telegram cannot parse; `str()` is the end of its own sentence."""


class _Open(NamedTuple):
    """A tag that waits for its end."""

    name: str
    attributes: dict[str, str]
    offset: int  # in UTF-16 units
    written: int  # how much text there was before it


_TYPES = {
    "a": "text_link",
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "tg-emoji": "custom_emoji",
    "tg-time": "date_time",
}
_ORDER = ("expandable_blockquote", "blockquote", "pre", "code", "text_link", "mention", "bold", "italic", "underline",
          "strikethrough", "spoiler", "custom_emoji", "date_time")  # fmt: skip
"""Which of two entities comes first that begin and end alike."""

_SPACE = " \t\r\n\v\0"
_NAME = re.compile(rf"[^{_SPACE}>]*")
_ATTRIBUTE = re.compile(rf"[^{_SPACE}=>]*")
_TOKEN = re.compile(r"[A-Za-z0-9.-]*")
_CHARACTER = re.compile(r"&(?:(?P<name>[A-Za-z]+)|#(?P<decimal>\d+)|#x(?P<hex>[0-9A-Fa-f]+));?")
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_MENTION = re.compile(r"(?<![\w@])@[A-Za-z]\w{3,31}")
_UNREAD = ("code", "pre", "text_link")  # within these Telegram looks for nobody who is mentioned


def parse_html(markup: str) -> tuple[str, list[Entity]]:
    """The text and the entities of HTML mode, white space trimmed at the ends. Raises MarkupError."""
    shown: list[str] = []
    entities: list[Entity] = []
    open_tags: list[_Open] = []
    at = units = 0
    while (tag := markup.find("<", at)) >= 0:
        shown.append(_characters(markup[at:tag]))
        units += utf16(shown[-1])
        if markup.startswith("</", tag):
            at, name = _end_tag(markup, tag, bool(open_tags))
            begun = open_tags.pop()
            if name and name != begun.name:
                where = f"at byte offset {_bytes(markup, tag)}"
                raise MarkupError(f'Unmatched end tag {where}, expected "</{begun.name}>", found "</{name}>"')
            if units > begun.offset and (found := _entity(begun, units, "".join(shown)[begun.written :])):
                entities.append(found)
        else:
            at, name, attributes = _start_tag(markup, tag)
            open_tags.append(_Open(name, attributes, units, len("".join(shown))))
    if open_tags:
        raise MarkupError(f'Can\'t find end tag corresponding to start tag "{open_tags[-1].name}"')
    return finished("".join(shown) + _characters(markup[at:]), entities)


def finished(text: str, entities: list[Entity]) -> tuple[str, list[Entity]]:
    """Trimmed, with the mentions that Telegram finds by itself; the first hundred entities."""
    trimmed = text.strip()
    shift = utf16(text[: len(text) - len(text.lstrip())])
    length = utf16(trimmed)
    kept = []
    for entity in entities:
        start, end = max(entity.offset - shift, 0), min(entity.offset + entity.length - shift, length)
        if start < end:
            kept.append(entity._replace(offset=start, length=end - start))
    for found in _MENTION.finditer(trimmed):
        start, size = utf16(trimmed[: found.start()]), utf16(found[0])
        if not any(e.type in _UNREAD and e.offset <= start < e.offset + e.length for e in kept):
            kept.append(Entity("mention", start, size))
    kept.sort(key=lambda e: (e.offset, -e.length, _ORDER.index(e.type)))
    return trimmed, kept[:MAX_ENTITIES]


def utf16(text: str) -> int:
    """How many UTF-16 units a text has."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _start_tag(markup: str, tag: int) -> tuple[int, str, dict[str, str]]:
    """Where the tag that begins at `tag` is over, its name, and what it carries."""
    where = f"at byte offset {_bytes(markup, tag)}"
    written = _matched(_NAME, markup, tag + 1)
    at, name = tag + 1 + len(written), written.lower()
    if at == len(markup):
        raise MarkupError(f"Unclosed start tag {where}")
    if name not in _TYPES:
        raise MarkupError(f'Unsupported start tag "{name}" {where}')
    attributes: dict[str, str] = {}
    while not markup.startswith(">", at := _skip_space(markup, at)):
        attribute = _matched(_ATTRIBUTE, markup, at)
        if not attribute:
            raise MarkupError(f'Empty attribute name in the tag "{name}" {where}')
        at = _skip_space(markup, at + len(attribute))
        value = ""
        if at == len(markup):
            raise MarkupError(f'Unclosed start tag "{name}" {where}')
        if markup[at] == "=":
            at, value = _value(markup, _skip_space(markup, at + 1), name, where)
        if at >= len(markup):
            raise MarkupError(f"Unclosed start tag {where}")
        attributes[attribute.lower()] = value
    if name == "span" and attributes.get("class") != "tg-spoiler":
        raise MarkupError(f'Tag "span" must have class "tg-spoiler" {where}')
    return at + 1, name, attributes


def _value(markup: str, at: int, name: str, where: str) -> tuple[int, str]:
    """Where an attribute's value is over, and the value: in quotes of either kind, or a bare word."""
    if at == len(markup):
        raise MarkupError(f'Unclosed start tag "{name}" {where}')
    if markup[at] in "'\"":
        end = markup.find(markup[at], at + 1)
        end = len(markup) if end < 0 else end
        return end + 1, _characters(markup[at + 1 : end])
    token = _matched(_TOKEN, markup, at)
    at += len(token)
    if at < len(markup) and markup[at] not in f"{_SPACE}>":
        raise MarkupError(f"Unexpected end of name token at byte offset {_bytes(markup, at - len(token))}")
    return at, token.lower()


def _end_tag(markup: str, tag: int, expected: bool) -> tuple[int, str]:
    """Where the end tag at `tag` is over, and its name."""
    where = f"at byte offset {_bytes(markup, tag)}"
    if not expected:
        raise MarkupError(f"Unexpected end tag {where}")
    name = _matched(_NAME, markup, tag + 2)
    at = _skip_space(markup, tag + 2 + len(name))
    if not markup.startswith(">", at):
        raise MarkupError(f"Unclosed end tag {where}")
    return at + 1, name.lower()


def _entity(tag: _Open, end: int, inside: str) -> Entity | None:
    """What a tag makes of its text; None for a link to nowhere."""
    kind, url = _TYPES[tag.name], None
    if kind == "blockquote" and "expandable" in tag.attributes:
        kind = "expandable_blockquote"
    if kind == "text_link":
        url = _address(tag.attributes.get("href") or inside)
        if url is None:
            return None
    return Entity(kind, tag.offset, end - tag.offset, url)


def _address(written: str) -> str | None:
    try:
        parts = urlsplit(written)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or "." not in parts.hostname:
        return None
    return written if parts.path or parts.query or parts.fragment else f"{written}/"


def _characters(text: str) -> str:
    """Only these references are read; any other stays as it is written."""

    def read(found: re.Match[str]) -> str:
        if found["name"]:
            return _NAMED.get(found["name"], found[0])
        number = int(found["decimal"]) if found["decimal"] else int(found["hex"], 16)
        return chr(number) if 0 < number < 0x110000 else found[0]

    return _CHARACTER.sub(read, text)


def _matched(pattern: re.Pattern[str], markup: str, at: int) -> str:
    found = pattern.match(markup, at)
    return found[0] if found else ""


def _skip_space(markup: str, at: int) -> int:
    while at < len(markup) and markup[at] in _SPACE:
        at += 1
    return at


def _bytes(markup: str, at: int) -> int:
    return len(markup[:at].encode())
