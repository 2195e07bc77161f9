"""The W3C feed validator's rules, as far as they touch what we write: each by the name of its message.

https://github.com/w3c/feedvalidator states its rules case by case; these are read from the cases, and held against them
by `test_feed_rules`. A rule looks at a whole document and says whether it is broken anywhere.
"""

import codecs
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from html.entities import html5
from html.parser import HTMLParser
from urllib.parse import urlsplit

from lxml import etree

ATOM = "{http://www.w3.org/2005/Atom}"
KNOWN = {
    "http://www.w3.org/2005/Atom",
    "http://purl.org/dc/elements/1.1/",
    "http://www.w3.org/1999/xhtml",
}
Element = etree._Element
Rule = Callable[[Element], bool]


def broken(body: bytes) -> set[str]:
    """The messages that the document deserves."""
    if body.startswith(codecs.BOM_UTF8) and b"encoding=" in body[:60] and b"utf-8" not in body[:60].lower():
        return {"UnicodeError"}
    try:
        root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
    except (etree.XMLSyntaxError, ValueError):
        return {"SAXError", "UndefinedElement"}
    return {name for name, rule in RULES.items() if rule(root)}


# ── what is looked at ──────────────────────────────────────────────────────────────────────────────────────────────


def _all(root: Element, *tags: str) -> Iterator[Element]:
    wanted = set(tags)
    return (each for each in root.iter() if isinstance(each.tag, str) and each.tag in wanted)


def _atom(root: Element, *tags: str) -> Iterator[Element]:
    return _all(root, *(ATOM + tag for tag in tags))


def _said(element: Element) -> str:
    return "".join(str(part) for part in element.itertext())


def _twice(root: Element, parents: tuple[str, ...], tags: tuple[str, ...]) -> bool:
    return any(sum(child.tag == tag for child in parent) > 1 for parent in _all(root, *parents) for tag in tags)


def _lacks(root: Element, parents: tuple[str, ...], tags: tuple[str, ...]) -> bool:
    return any(all(child.tag != tag for child in parent) for parent in _all(root, *parents) for tag in tags)


# ── names ──────────────────────────────────────────────────────────────────────────────────────────────────────────

TAG_URI = re.compile(
    r"tag:([a-z0-9][a-z0-9.-]*|[\w.+-]+@[a-z0-9.-]+),\d{4}(-(0[1-9]|1[012])(-(0[1-9]|[12]\d|3[01]))?)?:[^\s<>]*",
    re.IGNORECASE | re.ASCII,
)
URN = re.compile(r"urn:[a-z0-9][a-z0-9-]{1,31}:[^\s<>]+", re.IGNORECASE)


def _ids(root: Element) -> Iterator[str]:
    return (_said(each).strip() for each in _atom(root, "id"))


def _bad_tag(root: Element) -> bool:
    return any(each.lower().startswith("tag:") and not TAG_URI.fullmatch(each) for each in _ids(root))


def _bad_urn(root: Element) -> bool:
    return any(each.lower().startswith("urn:") and not URN.fullmatch(each) for each in _ids(root))


def _bad_full_link(root: Element) -> bool:
    return any(not urlsplit(each).scheme for each in _ids(root))


def _not_canonical(root: Element) -> bool:
    parts = [urlsplit(each) for each in _ids(root) if each.lower().startswith("http")]
    return any(
        part.netloc != part.netloc.lower()
        or not part.path
        or part.netloc.endswith((":", ":80", ":443"))
        or "/../" in part.path
        for part in parts
    )


def _spaced(root: Element) -> bool:
    return any(_said(each) != _said(each).strip() for each in _atom(root, "id", "updated", "published", "uri"))


# ── moments ────────────────────────────────────────────────────────────────────────────────────────────────────────

RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
RFC2822 = re.compile(
    r"((Mon|Tue|Wed|Thu|Fri|Sat|Sun), )?\d\d? (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} "
    r"\d\d:\d\d(:\d\d)? ([+-]\d{4}|[A-Z]{1,3})"
)
YEARS = range(1970, 2100)


def _atom_moments(root: Element) -> Iterator[str]:
    return (_said(each) for each in _atom(root, "updated", "published"))


def _is_3339(text: str) -> bool:
    try:
        return bool(RFC3339.fullmatch(text) and datetime.fromisoformat(text))
    except ValueError:
        return False


def _bad_3339(root: Element) -> bool:
    return not all(map(_is_3339, _atom_moments(root)))


def _implausible(root: Element) -> bool:
    return any(_is_3339(text) and int(text[:4]) not in YEARS for text in _atom_moments(root))


def _bad_2822(root: Element) -> bool:
    for each in _all(root, "pubDate", "lastBuildDate"):
        try:
            if not RFC2822.fullmatch(_said(each)) or parsedate_to_datetime(_said(each)) is None:
                return True
        except ValueError:
            return True
    return False


# ── text and HTML ──────────────────────────────────────────────────────────────────────────────────────────────────

MARKED_UP = re.compile(r"</?[A-Za-z][^<>]*>|&#\d|&#x[0-9A-Fa-f]")
ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]*)")
SAFE = {
    "p",
    "strong",
    "em",
    "b",
    "i",
    "a",
    "br",
    "div",
    "span",
    "ul",
    "ol",
    "li",
    "code",
    "pre",
    "blockquote",
    "sup",
    "sub",
}
SAFE_ATTRIBUTES = {"href", "title", "style", "xmlns"}


def _like_html(text: str) -> bool:
    return bool(MARKED_UP.search(text)) or any(f"{name};" in html5 for name in ENTITY.findall(text))


def _contains_html(root: Element) -> bool:
    # The cases leave a title alone that names a thing which is no element of HTML: <gorilla>.
    texts = [_said(each) for each in _all(root, "title", "category", "{http://purl.org/dc/elements/1.1/}creator")]
    texts += [_said(each) for each in _atom(root, "name")]
    texts += [_said(each) for parent in _all(root, "image", "textInput") for each in _all(parent, "description")]
    unknown = re.compile(
        r"</?(?!(?:script|b|i|a|p|em|strong|br|img|div|span|u|font|h\d)\b)[A-Za-z]+[^<>]*>", re.IGNORECASE
    )
    return any(_like_html(unknown.sub("", text)) for text in texts)


def _undeclared_html(root: Element) -> bool:
    texts = _atom(root, "title", "subtitle", "summary", "rights")
    return any(each.get("type", "text") == "text" and MARKED_UP.search(_said(each)) for each in texts)


class _Html(HTMLParser):
    """Notes what is used and whether it closes."""

    def __init__(self) -> None:
        super().__init__()
        self.used: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.crossed = False
        self.cut = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.used.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in ("br", "img", "hr", "input", "meta", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self.crossed |= not self.open or self.open.pop() != tag


def _html(root: Element) -> Iterator[_Html]:
    texts = [_said(each) for each in _atom(root, "content", "summary", "title") if each.get("type") == "html"]
    texts += [_said(each) for each in _all(root, "description", "{http://purl.org/rss/1.0/modules/content/}encoded")]
    for text in texts:
        parser = _Html()
        parser.feed(text)
        parser.cut = re.search(r"<[A-Za-z][^<>]*$", text) is not None
        parser.close()
        yield parser


def _not_html(root: Element) -> bool:
    known = SAFE | {"script", "img", "table", "tr", "td", "body", "html", "form", "input", "object", "h1", "h2", "h3"}
    foreign = {etree.QName(each).localname for each in root.iter("{http://www.w3.org/1999/xhtml}*")}
    return bool(foreign - known) or any(
        each.used - known or each.crossed or each.open or each.cut for each in _html(root)
    )


def _risky(root: Element) -> bool:
    found = any(each.used & {"script", "object", "embed", "iframe", "meta"} for each in _html(root))
    found |= any(name.startswith("on") for each in _html(root) for name in each.attributes)
    foreign = (each for each in root.iter("{http://www.w3.org/1999/xhtml}*"))
    return found or any(
        etree.QName(each).localname == "script" or any(str(name).startswith("on") for name in each.attrib)
        for each in foreign
    )


# ── elements ───────────────────────────────────────────────────────────────────────────────────────────────────────

OF_FEED = ("id", "title", "subtitle", "updated", "link", "author", "contributor", "category", "generator", "icon",
           "logo", "rights", "entry")  # fmt: skip
OF_ITEM = ("title", "link", "description", "author", "category", "comments", "enclosure", "guid", "pubDate", "source")
OF_CHANNEL = ("title", "link", "description", "language", "copyright", "managingEditor", "webMaster", "pubDate",
              "lastBuildDate", "category", "generator", "docs", "cloud", "ttl", "image", "rating", "textInput",
              "skipHours", "skipDays", "item")  # fmt: skip


def _plain_children(root: Element, parent: str) -> Iterator[str]:
    return (str(child.tag) for each in _all(root, parent) for child in each if isinstance(child.tag, str))


def _undefined(root: Element) -> bool:
    atom = [tag for tag in _plain_children(root, f"{ATOM}feed") if tag.startswith(ATOM)]
    rss = [tag for tag in _plain_children(root, "item") if "{" not in tag and tag not in OF_ITEM]
    rss += [tag for tag in _plain_children(root, "channel") if "{" not in tag and tag not in OF_CHANNEL]
    return (
        root.tag not in (f"{ATOM}feed", f"{ATOM}entry", "rss")
        or bool(rss)
        or any(tag.removeprefix(ATOM) not in OF_FEED for tag in atom)
    )


def _alternates(root: Element) -> Iterator[list[tuple[str | None, str | None]]]:
    for parent in _atom(root, "feed", "entry"):
        links = [each for each in parent if each.tag == f"{ATOM}link" and each.get("rel", "alternate") == "alternate"]
        yield [(each.get("type"), each.get("hreflang")) for each in links]


def _neither(root: Element) -> bool:
    return any(
        all(child.tag != f"{ATOM}content" for child in entry)
        and not any(child.tag == f"{ATOM}link" and child.get("rel", "alternate") == "alternate" for child in entry)
        for entry in _atom(root, "entry")
    )


def _foreign(root: Element) -> bool:
    used = {etree.QName(each).namespace for each in root.iter() if isinstance(each.tag, str)}
    return bool({name for name in used if name} - KNOWN)


ONCE = ("id", "title", "content", "summary", "updated", "published", "subtitle", "generator")
ONCE_IN_CHANNEL = ("title", "description", "generator", "textInput", "ttl", "lastBuildDate")


def _twice_anywhere(root: Element) -> bool:
    return (
        _twice(root, (f"{ATOM}feed", f"{ATOM}entry", f"{ATOM}source"), tuple(ATOM + tag for tag in ONCE))
        or _twice(root, ("item",), ("title", "link", "description", "guid", "pubDate"))
        or _twice(root, ("channel",), ONCE_IN_CHANNEL)
        or _twice(root, ("image",), ("title",))
    )


def _same_values(root: Element) -> bool:
    told = [(each.tag, _said(each)) for each in _all(root, "guid", "day", "hour")]
    told += [(each.tag, _said(each)) for entry in _atom(root, "entry") for each in entry if each.tag == f"{ATOM}id"]
    return len(told) != len(set(told))


def _bad_guids(root: Element) -> bool:
    links = [_said(each) for each in _all(root, "guid") if each.get("isPermaLink", "true") == "true"]
    return any(urlsplit(each).scheme not in ("http", "https") for each in links)


def _media(root: Element) -> bool:
    elsewhere = re.compile(r"[\w.+-]+/[\w.+-]+")
    inline = re.compile(f"text|html|xhtml|{elsewhere.pattern}")
    return any(
        not (elsewhere if each.get("src") else inline).fullmatch(each.get("type", "text"))
        for each in _atom(root, "content", "summary")
    )


def _text_types(root: Element) -> bool:
    return any(
        each.get("type", "text") not in ("text", "html", "xhtml")
        for each in _atom(root, "title", "summary", "rights", "subtitle")
    )


RULES: dict[str, Rule] = {
    "AvoidNamespacePrefix": lambda root: root.prefix is not None and root.tag == f"{ATOM}feed",
    "ContainsHTML": _contains_html,
    "ContainsUndeclaredHTML": _undeclared_html,
    "DuplicateAtomLink": lambda root: any(len(each) != len(set(each)) for each in _alternates(root)),
    "DuplicateElement": _twice_anywhere,
    "DuplicateValue": _same_values,
    "ImplausibleDate": _implausible,
    "InvalidFullLink": _bad_full_link,
    "InvalidHttpGUID": _bad_guids,
    "InvalidInteger": lambda root: any(not re.fullmatch(r"[0-9]+", _said(each)) for each in _all(root, "ttl")),
    "InvalidMIMEType": _media,
    "InvalidRFC2822Date": _bad_2822,
    "InvalidRFC3339Date": _bad_3339,
    "InvalidTAG": _bad_tag,
    "InvalidTextType": _text_types,
    "InvalidURN": _bad_urn,
    "MissingContentOrAlternate": _neither,
    "MissingElement": lambda root: (
        _lacks(root, (f"{ATOM}author", f"{ATOM}contributor"), (f"{ATOM}name",))
        or _lacks(root, (f"{ATOM}entry",), (f"{ATOM}id", f"{ATOM}title", f"{ATOM}updated"))
        or _lacks(root, ("channel",), ("title", "link", "description"))
    ),
    "MissingGuid": lambda root: _lacks(root, ("item",), ("guid",)),
    "MissingHref": lambda root: any(each.get("href") is None for each in _atom(root, "link")),
    "MissingSelf": lambda root: not any(each.get("rel") == "self" for each in _atom(root, "link")),
    "NonCanonicalURI": _not_canonical,
    "NotBlank": lambda root: any(not _said(each).strip() for each in _atom(root, "id", "title", "name")),
    "NotHtml": _not_html,
    "SecurityRisk": _risky,
    "UndefinedElement": _undefined,
    "UnexpectedWhitespace": _spaced,
    "UnsupportedNamespace": _foreign,
}  # fmt: skip
"""By the validator's own names."""
