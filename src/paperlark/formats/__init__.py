"""Papers as other programs read them: feeds to subscribe to, references to cite by. Pure: values in, text out.

`feed`       a feed and its entries, and what an entry says, before any format
`atom`       Atom 1.0
`rss`        RSS 2.0
`json_feed`  JSON Feed 1.1
`opml`       OPML 2.0: a list of feeds
`cited`      a paper as it is cited: its key, its people, its day
`bibtex`     BibTeX
`ris`        RIS, for Zotero, EndNote, Mendeley
`csl`        CSL-JSON, for citation processors
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from paperlark.formats import atom, bibtex, csl, json_feed, ris, rss
from paperlark.formats.feed import Feed
from paperlark.model.papers import StoredPaper


class FeedFormat(NamedTuple):
    """How a feed is written, and what it is then."""

    name: str
    media: str
    write: Callable[[Feed], bytes]


class CitedFormat(NamedTuple):
    """How papers are written to be cited, and what that is then. suffix: how such a file's name ends."""

    name: str
    suffix: str
    media: str
    write: Callable[[Iterable[StoredPaper]], str]


FEEDS = {
    "atom": FeedFormat("Atom", atom.MEDIA, atom.write),
    "rss": FeedFormat("RSS", rss.MEDIA, rss.write),
    "json": FeedFormat("JSON Feed", json_feed.MEDIA, json_feed.write),
}
"""By the end of their address."""

CITED = {
    "bibtex": CitedFormat("BibTeX", "bib", bibtex.MEDIA, bibtex.write),
    "ris": CitedFormat("RIS", "ris", ris.MEDIA, ris.write),
    "csl": CitedFormat("CSL-JSON", "json", csl.MEDIA, csl.write),
}
"""By what the command line calls them."""
