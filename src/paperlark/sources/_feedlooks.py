"""What a feed looks like before it is read, and what may stand in its place: all that a process needs to know whose
child reads them."""

import re

from paperlark.model.problems import SourceError

BYTES = 5 * 1024 * 1024  # of one feed, decompressed
HEAD = 16 * 1024  # bytes in which a feed's first tag stands
GZIP = b"\x1f\x8b"
ROOT = re.compile(rb"<(?:rss|(?:[\w.-]+:)?RDF|(?:[\w.-]+:)?feed|channel)[\s>]", re.IGNORECASE)
FIRST_TAG = re.compile(rb"<(?=[A-Za-z])")


class WebPageError(SourceError):
    """A web page stands where a feed was asked for. feed: the address of the feed that it names, if it names one."""

    def __init__(self, message: str, feed: str | None = None) -> None:
        super().__init__(message)
        self.feed = feed


def begins_as_feed(head: bytes) -> bool:
    """Is the first tag that of a feed of any kind?"""
    first = FIRST_TAG.search(head, 0, HEAD)
    return first is not None and ROOT.match(head, first.start()) is not None
