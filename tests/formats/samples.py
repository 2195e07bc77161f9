"""Papers to write down: ordinary ones, and such as somebody would make up to break a reader."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from paperlark.formats.feed import Feed, entry, feed_id
from paperlark.model.messages import DigestPaper, Reason, Span
from paperlark.model.papers import Alias, StoredPaper, arxiv_alias, doi_alias

DAY = datetime(2026, 3, 4, 6, 30, 15, 250_000, tzinfo=UTC)
HOME = "https://papers.example.org"
PROFILE = 7_000_000_000_001

HOSTILE = (
    "<script>alert(1)</script> & friends",
    "A < B, C > D and p<0.05 in R&D",
    "AT&amp;T said &lt;b&gt;bold&lt;/b&gt; and &#60;i&#62;",
    "]]> ends <![CDATA[ nothing",
    "Tabs\tand\nnew lines\r\nand \x00 \x0b \x1f \x7f \x85 controls",
    "Half a pair \ud800, no characters \ufffe \uffff",
    "\u202etfel ot thgir\u202c and \u200fhidden\u200b marks",
    "עופרונים בשמיים: larks over שדות",
    "Larks 🐦‍⬛ of 👩🏽‍🔬 and e\u0301clairs",
    r"$\beta$-larks at 100\% of $O(n \log n)$ {\bf flights}",
    "\"Quotes\" 'and' `ticks` -- all --- of them",
)


def paper(title: str = "Larks over the valley", abstract: str = "We watch larks fly.", **fields: Any) -> StoredPaper:
    """A paper of the archive. `arxiv` and `doi` are short for its aliases."""
    number = fields.pop("id", 1_000_000_001)
    names = [arxiv_alias(fields.pop("arxiv", "")), doi_alias(fields.pop("doi", ""))]
    usual: dict[str, Any] = {
        "authors": ("Ada Finch", "Ludwig van Wren"),
        "author_count": None,
        "organisation": None,
        "categories": ("cs.CL", "q-bio.PE"),
        "keywords": (),
        "aliases": (*fields.pop("aliases", ()), *(name for name in names if name)),
        "url": None,
        "code_url": None,
        "published_at": None,
        "first_seen": DAY,
        "announced_at": DAY,
        "sources": ("arxiv:cs.CL",),
        "signals": {},
    }
    return StoredPaper(id=number, title=title, abstract=abstract, **usual | fields)


def papers(*titles: str) -> list[StoredPaper]:
    """Papers that differ in their titles and names."""
    return [
        paper(title, f"About this: {title}", id=1_000_000_001 + n, aliases=(Alias("arxiv", f"2603.{n:05}"),))
        for n, title in enumerate(titles)
    ]


def feed(some: Sequence[StoredPaper], *, name: str = "larks", word: str = "", **fields: Any) -> Feed:
    """A profile's feed of these papers, the first met last; every `word` of an abstract is why it came."""
    entries = []
    for n, each in enumerate(some):
        reason = Reason(name, tuple(_spans(each.abstract, word)) if word else ())
        entries.append(entry(PROFILE, DigestPaper.of(each, [reason]), DAY - timedelta(minutes=n), HOME))
    own = f"{HOME}/feeds/pl_feed_x.atom"
    about, updated = f"Papers that met “{name}”", entries[0].at if entries else DAY
    return Feed(feed_id(PROFILE), name, about, f"{HOME}/", own, updated, tuple(entries), **fields)


def _spans(abstract: str, word: str) -> list[Span]:
    starts = [at for at in range(len(abstract)) if abstract.startswith(word, at)]
    return [Span("abstract", at, at + len(word), word) for at in starts]
