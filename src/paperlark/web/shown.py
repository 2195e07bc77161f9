"""A paper in the words of the page, and what the page says of days and of queries that cannot be read. Pure.

The words are those that messages use (`channels.text`): TeX as Unicode, nothing hidden in a title, long lists of
authors shortened with their true number, and links to http(s) only.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from paperlark.channels import text
from paperlark.channels.text import Run
from paperlark.model.messages import DigestPaper, Reason, Span
from paperlark.model.papers import StoredPaper
from paperlark.model.problems import QueryError

EXCERPT = 260  # code points of an abstract that stand under a title; the rest folds out
_SITES = {"arxiv.org": "arXiv", "huggingface.co": "Hugging Face", "doi.org": "DOI", "github.com": "GitHub"}
_PAGES = {"arxiv": "https://arxiv.org/abs/", "doi": "https://doi.org/"}


class Link(NamedTuple):
    """An address elsewhere, http or https, and what it is called."""

    label: str
    address: str


@dataclass(frozen=True, slots=True)
class Card:
    """A paper as the page shows it; matched words are marked in title, abstract and excerpt.

    authors: the first three and how many more. why: what met a query elsewhere than in title and abstract.
    excerpt: the abstract's beginning, or the stretch around the first match. upvotes: None where nobody counts them.
    facts: other counts, and where it was seen. link: where the title leads, "" where the paper has no page elsewhere.
    """

    id: str
    title: tuple[Run, ...]
    authors: str
    organisation: str
    why: str
    excerpt: tuple[Run, ...]
    abstract: tuple[Run, ...]
    upvotes: int | None
    facts: tuple[str, ...]
    day: date
    link: str
    links: tuple[Link, ...]

    @property
    def whole(self) -> bool:
        """The excerpt is all of the abstract."""
        return self.excerpt == self.abstract


def card(paper: StoredPaper, matched: Sequence[Span] = ()) -> Card:
    """A stored paper for a list, with the words that met a query."""
    told = _told(paper, matched)
    abstract = text.mark(paper.abstract, (span for span in matched if span.field == "abstract"))
    elsewhere = tuple(span for span in matched if span.field not in ("title", "abstract"))
    links = tuple(_links(paper))
    return Card(
        id=str(paper.id),
        title=text.mark(paper.title, (span for span in matched if span.field == "title")) or (Run("(untitled)"),),
        authors=text.byline(told),
        organisation=text.isolate(text.cut(text.legible(paper.organisation or ""), text.ORGANISATION)),
        why=text.because(Reason("", elsewhere), told),
        excerpt=text.excerpt(abstract, EXCERPT),
        abstract=abstract,
        upvotes=paper.signals.get("upvotes"),
        facts=tuple(_facts(paper)),
        day=paper.announced_at.date(),
        link=text.link(told) or text.own_page(paper.url) or "",
        links=links,
    )


def _told(paper: StoredPaper, matched: Sequence[Span]) -> DigestPaper:
    """The paper as messages know it; the organisation has a place of its own on the page."""
    return DigestPaper(
        id=paper.id,
        title=paper.title,
        abstract=paper.abstract,
        authors=paper.authors,
        author_count=paper.author_count,
        organisation=None,
        categories=paper.categories,
        aliases=paper.aliases,
        url=paper.url,
        code_url=paper.code_url,
        announced_at=paper.announced_at,
        sources=paper.sources,
        signals=paper.signals,
        reasons=(Reason("", tuple(matched)),) if matched else (),
    )


def _facts(paper: StoredPaper) -> Iterator[str]:
    for name, noun in (("comments", "comment"), ("stars", "star")):
        if paper.signals.get(name, 0) > 0:
            yield text.count(paper.signals[name], noun)
    if paper.sources:
        yield f"seen in {_seen_in(paper)}"


def _seen_in(paper: StoredPaper) -> str:
    return text.listed(tuple(dict.fromkeys(text.source_name(source) for source in paper.sources)))


def _links(paper: StoredPaper) -> Iterator[Link]:
    """Every page of the paper elsewhere, each once."""
    addresses = [paper.url] + [_PAGES[a.scheme] + quote(a.value) for a in paper.aliases if a.scheme in _PAGES]
    seen = set()
    for address in filter(None, map(text.own_page, addresses)):
        label = _site(address)
        if label not in seen:
            seen.add(label)
            yield Link(label, address)
    code = text.own_page(paper.code_url)
    if code:
        yield Link("Code", code)


def _site(address: str) -> str:
    host = (urlsplit(address).hostname or "").removeprefix("www.")
    return _SITES.get(host, host)


# ── one paper ──────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a paper's own page says beside its card: every author, and its facts as (name, value)."""

    authors: tuple[str, ...]
    unnamed: int
    facts: tuple[tuple[str, str], ...]


def sheet(paper: StoredPaper) -> Sheet:
    """All that is known of a paper, in words."""
    authors = tuple(filter(None, (text.isolate(text.legible(author)) for author in paper.authors)))
    facts = (
        ("Announced", long_day(paper.announced_at.date())),
        ("Published", long_day(paper.published_at.date()) if paper.published_at else ""),
        ("Seen in", _seen_in(paper)),
        ("Categories", ", ".join(map(text.legible, paper.categories))),
        ("Keywords", ", ".join(map(text.legible, paper.keywords))),
        ("Known as", ", ".join(text.legible(str(alias)) for alias in paper.aliases if alias.scheme != "url")),
    )
    unnamed = max((paper.author_count or 0) - len(authors), 0)
    return Sheet(authors, unnamed, tuple((name, value) for name, value in facts if value))


# ── days, and queries that cannot be read ──────────────────────────────────────────────────────────────────────────


def long_day(day: date) -> str:
    """ "Saturday 21 November 2026"."""
    return f"{day:%A} {day.day} {day:%B} {day.year}"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A query that cannot be read: what is wrong and where in words, the text around the place, and what would do."""

    message: str
    where: str
    before: str
    at: str
    after: str
    suggestion: str


def unreadable(query: str, error: QueryError) -> Unreadable:
    """What to say of a query that could not be parsed."""
    place = len(query)
    if error.at is not None:
        lines = query.split("\n")
        place = sum(len(line) + 1 for line in lines[: error.at.line - 1]) + error.at.column - 1
    start = max(place - 60, 0)
    return Unreadable(
        message=error.message,
        where="" if error.at is None else f"at column {error.at.column}",
        before=("…" if start else "") + query[start:place],
        at=query[place : place + 1] or " ",
        after=query[place + 1 : place + 60],
        suggestion=error.suggestion or "",
    )
