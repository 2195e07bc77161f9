"""Lists of feeds, as feed readers hand them to one another: OPML 1.0 to 2.0 (http://opml.org/spec2.opml). Pure."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from lxml import etree

from paperlark.model.problems import SourceError
from paperlark.sources._reading import fold, web_link

BYTES = 5 * 1024 * 1024
FEEDS = 5_000  # of one list
NAME_LIMIT = 60  # characters

UNNAMEABLE = re.compile(r"[^\w:.]+")


@dataclass(frozen=True, slots=True)
class Listed:
    """One feed of a list: what it is called there, and its address as it stands there; folded, not yet judged."""

    title: str
    url: str

    @property
    def askable(self) -> bool:
        """Is the address one of the web?"""
        return web_link(self.url) is not None


def parse(body: bytes, *, where: str) -> list[Listed]:
    """The feeds of a list, in its order and whatever folders they stand in, each address once.

    where: what errors call it. Raises SourceError when it is no such list, or a trap.
    """
    if len(body) > BYTES:
        raise SourceError(f"rss: {where}: larger than {BYTES // 1024**2} MiB")
    if b"<!entity" in body.replace(b"\0", b"").lower():
        raise SourceError(f"rss: {where}: the list defines entities of its own, which is refused")
    try:
        root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True, recover=True))
    except etree.XMLSyntaxError:
        root = None
    if root is None or str(root.tag).lower() != "opml":
        raise SourceError(f"rss: {where}: this is not a list of feeds (OPML)")
    found: dict[str, Listed] = {}
    for outline in root.iter("outline"):
        try:
            said = {str(name).lower(): fold(str(value)) for name, value in outline.attrib.items()}
        except UnicodeDecodeError as error:  # a reference to half a character
            raise SourceError(f"rss: {where}: line {outline.sourceline} of the list is not text") from error
        url = said.get("xmlurl", "")
        if url:
            found.setdefault(url, Listed(said.get("text") or said.get("title") or url, url))
    if len(found) > FEEDS:
        raise SourceError(f"rss: {where}: more than {FEEDS:,} feeds; import them in parts")
    return list(found.values())


def write(feeds: Iterable[Listed], *, title: str, created: datetime) -> bytes:
    """A list that every feed reader takes (OPML 2.0), in UTF-8."""
    root = etree.Element("opml", version="2.0")
    head = etree.SubElement(root, "head")
    etree.SubElement(head, "title").text = title
    etree.SubElement(head, "dateCreated").text = format_datetime(created)
    body = etree.SubElement(root, "body")
    for feed in feeds:
        etree.SubElement(body, "outline", type="rss", text=feed.title, title=feed.title, xmlUrl=feed.url)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def source_name(title: str, taken: Collection[str]) -> str:
    """A name for a source that a person can type and nobody has yet: "Journal of Larks" is Journal-of-Larks."""
    plainly = UNNAMEABLE.sub("-", title).strip("-.:")[:NAME_LIMIT] or "feed"
    name, number = plainly, 1
    while name in taken:
        number += 1
        name = f"{plainly}-{number}"
    return name
