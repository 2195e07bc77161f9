"""TDLib's own reading of Telegram's HTML: what the platform makes of a message, without the platform.

https://core.telegram.org/tdlib/docs/classtd_1_1td__api_1_1parse_text_entities.html
"""

import json
from typing import Any

import tdjson

from paperlark.testing.bot_markup import Entity

_TYPES = {
    "textEntityTypeBold": "bold",
    "textEntityTypeItalic": "italic",
    "textEntityTypeUnderline": "underline",
    "textEntityTypeStrikethrough": "strikethrough",
    "textEntityTypeSpoiler": "spoiler",
    "textEntityTypeCode": "code",
    "textEntityTypePre": "pre",
    "textEntityTypeTextUrl": "text_link",
    "textEntityTypeBlockQuote": "blockquote",
    "textEntityTypeExpandableBlockQuote": "expandable_blockquote",
    "textEntityTypeMention": "mention",
}


class RefusedError(Exception):
    """TDLib cannot read it; `str()` is what Telegram's servers say too."""


def asked(query: dict[str, Any]) -> dict[str, Any]:
    """TDLib's answer to a question that it answers without a network."""
    answer: dict[str, Any] = json.loads(tdjson.td_execute(json.dumps(query).encode()) or b"{}")
    return answer


asked({"@type": "setLogVerbosityLevel", "new_verbosity_level": 0})


def parsed(markup: str) -> tuple[str, list[Entity]]:
    """The text and the entities of HTML mode; nothing is trimmed. Raises RefusedError."""
    html = {"@type": "textParseModeHTML"}
    answer = asked({"@type": "parseTextEntities", "text": markup, "parse_mode": html})
    if answer["@type"] == "error":
        raise RefusedError(answer["message"])
    return answer["text"], [_entity(each) for each in answer["entities"]]


def mentioned(text: str) -> list[Entity]:
    """Whom Telegram would find mentioned in a text, and tell of it."""
    found = asked({"@type": "getTextEntities", "text": text})["entities"]
    return [_entity(each) for each in found if each["type"]["@type"] == "textEntityTypeMention"]


def _entity(found: dict[str, Any]) -> Entity:
    kind = found["type"]
    return Entity(_TYPES[kind["@type"]], found["offset"], found["length"], kind.get("url"))
