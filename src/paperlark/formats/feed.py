"""A feed and its entries, before any format; and what an entry says of a paper.

Every name here is a *tag* URI (RFC 4151): made of a profile's and a paper's ids alone, so that it stays the same
whatever address the feed is read at, and however this paperlark is called. Its authority is a name that nobody can own
(RFC 2606), because the ids themselves are made not to meet elsewhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from html import escape

from paperlark.channels import letters, marked, text
from paperlark.channels.marked import Run
from paperlark.formats._xml import possible
from paperlark.model.messages import DigestPaper

AUTHORITY = "tag:paperlark.invalid,2026"
PUBLISHER = "paperlark"
UNTITLED = "(untitled)"
AUTHORS = 500  # of one entry: a collaboration of thousands is no reading
TAGS = 50


@dataclass(frozen=True, slots=True)
class Entry:
    """A paper in a feed: plain text, but for `html`, which holds paragraphs, emphasis and links to https only.

    link: where it is read. code: where its code is, or None. at: when it met the profile (zone known), by which
    readers of feeds sort. why: in words, or "".
    """

    id: str
    title: str
    link: str
    at: datetime
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    html: str = ""
    why: str = ""
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Feed:
    """A profile's papers, newest first. own: the address that it is read at. home: that of the page it belongs to.
    following: where the papers before these are, or None. updated: when its newest entry came, or the profile began."""

    id: str
    title: str
    about: str
    home: str
    own: str
    updated: datetime
    entries: tuple[Entry, ...] = ()
    following: str | None = None


def feed_id(profile_id: int) -> str:
    """What a profile's feed is called, in every format."""
    return f"{AUTHORITY}:profile/{profile_id}"


def entry(profile_id: int, paper: DigestPaper, at: datetime, home: str) -> Entry:
    """A paper that met a profile, with the reasons that it bears. home: this paperlark's address without a slash at its
    end, for a paper that has no page elsewhere."""
    return Entry(
        id=f"{feed_id(profile_id)}/paper/{paper.id}",
        title=legible(paper.title) or UNTITLED,
        link=text.link(paper) or f"{home}/papers/{paper.id}",
        at=at,
        authors=tuple(filter(None, map(legible, paper.authors[:AUTHORS]))),
        categories=tuple(dict.fromkeys(filter(None, map(legible, paper.categories[:TAGS])))),
        html="".join(f"<p>{part}</p>" for part in _paragraphs(paper) if part),
        why=possible(marked.plain(text.why(paper))),
        code=text.https(paper.code_url),
    )


def legible(said: str) -> str:
    """Text as people read it, and as every format can hold it."""
    return letters.legible(possible(said))


def _paragraphs(paper: DigestPaper) -> Iterator[str]:
    """The abstract, its matched words strong; why it came; where and when it was seen, and where its code is.

    Nothing that is counted: what changes all the time would make every reader read it all again.
    """
    spans = (span for reason in paper.reasons for span in reason.spans if span.field == "abstract")
    yield _dressed(marked.mark(paper.abstract, spans))
    yield _dressed(text.why(paper))
    code = text.https(paper.code_url)
    facts = [escape(text.facts(replace(paper, signals={}), date.min))]
    facts += [f'<a href="{escape(code)}">code</a>'] if code else []
    yield " · ".join(filter(None, facts))


def _dressed(runs: tuple[Run, ...]) -> str:
    words = ((escape(possible(run.text), quote=False), run.marked) for run in runs)
    return "".join(f"<strong>{said}</strong>" if marked else said for said, marked in words)
