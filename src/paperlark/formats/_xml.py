"""What the XML formats share: an element with text that XML can hold."""

import re
from collections.abc import Mapping
from typing import Any

from lxml import etree

_IMPOSSIBLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def root(tag: str, namespaces: Mapping[str | None, str] | None = None, **attributes: str) -> etree._Element:
    """A document's first element. namespaces: by prefix, None for the one without."""
    nsmap: Any = dict(namespaces or {})
    return etree.Element(tag, attributes, nsmap=nsmap)


def add(parent: etree._Element, tag: str, said: str = "", **attributes: str) -> etree._Element:
    """A new child, with text and attributes as far as XML can hold them."""
    child = etree.SubElement(parent, tag, {name: possible(value) for name, value in attributes.items()})
    if said:
        child.text = possible(said)
    return child


def document(whole: etree._Element) -> bytes:
    """The whole, in UTF-8."""
    return etree.tostring(whole, encoding="utf-8", xml_declaration=True)


def possible(said: str) -> str:
    """The text without what no XML document can hold: its `Char`, https://www.w3.org/TR/xml/#charsets."""
    return _IMPOSSIBLE.sub("", said)
