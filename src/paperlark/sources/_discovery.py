"""A web page given instead of its feed: the feed that it names.

Pages name their feeds by `<link rel="alternate" type="…">` (https://html.spec.whatwg.org/#rel-alternate), the one that
belongs to the page first. Looked for in the worker process, in the beginning of the page only.
"""

import re
from collections.abc import Iterator
from urllib.parse import urljoin

from lxml import etree

from paperlark.sources._feedlooks import WebPageError
from paperlark.sources._reading import fold, web_link

SEARCHED = 512 * 1024  # bytes of a page; a head is there or nowhere
HEAD = 16 * 1024  # bytes in which a page's first tag stands
PAGE_TYPES = ("text/html", "application/xhtml+xml")
OFFERS = 50  # feeds of one page that are looked at
TYPES = {
    "application/atom+xml": 0,
    "application/rss+xml": 0,
    "application/rdf+xml": 0,
    "application/feed+json": 1,
    "application/json": 2,  # many a page's `application/json` is its blog's programming interface
}
"""Feed types, the better ones lower: XML feeds of one page are equals, and its order decides."""

# Atomic throughout: what was taken for a comment is never tried as anything else.
PAGE = re.compile(rb"(?>\s|<\?xml[^>]*>|<!--.*?-->)*+<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
COMMENTS = re.compile(r"\b(?:comments?|replies|trackbacks?|kommentare?|commentaires?|comentarios)\b", re.IGNORECASE)
PROGRAMMING = re.compile(r"/wp-json/|/oembed", re.IGNORECASE)


def refuse_page(body: bytes, *, where: str, content_type: str = "", address: str = "") -> None:
    """Raises WebPageError where the bytes are a web page, or served as one. address: for relative links in it."""
    if PAGE.match(body, 0, HEAD) is None and not content_type.lower().startswith(PAGE_TYPES):
        return
    feed = find_feed(body, address)
    if feed is None:
        words = "this is a web page, not a feed, and it names none; give the feed's own address"
    else:
        words = f"this is a web page, not a feed; the feed that it names is {feed}"
    raise WebPageError(f"rss: {where}: {words}", feed)


def find_feed(page: bytes, address: str = "") -> str | None:
    """The address of the best feed that a page names: not that of its comments where there is another."""
    lenient = etree.HTMLParser(no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(page[:SEARCHED], lenient)
    except etree.XMLSyntaxError:  # nothing in it at all
        return None
    if root is None:
        return None
    offers = [offer for offer, _ in zip(_offers(root, address), range(OFFERS), strict=False)]
    return min(offers, key=lambda offer: offer[0])[1] if offers else None  # the first of equals


def _offers(root: etree._Element, address: str) -> Iterator[tuple[tuple[bool, int], str]]:
    """How little it commends itself, and its address, of each feed that is named."""
    base = next((given for given in (found.get("href") for found in root.iter("base")) if given), "")
    for link in root.iter("link"):
        kind = (link.get("type") or "").partition(";")[0].strip().lower()
        if "alternate" not in (link.get("rel") or "").lower().split() or kind not in TYPES:
            continue
        href = fold(link.get("href") or "")
        try:
            found = web_link(urljoin(urljoin(address, base), href)) if href else None
        except ValueError:
            continue
        if found is None or PROGRAMMING.search(found):
            continue
        of_comments = COMMENTS.search(f"{link.get('title') or ''} {href}") is not None
        yield (of_comments, TYPES[kind]), found
