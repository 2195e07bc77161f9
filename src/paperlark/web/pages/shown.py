"""A paper in the words of the page, and what the page says of queries that cannot be read. Pure.

The words are those that messages use (`channels.text`): TeX as Unicode, nothing hidden in a title, long lists of
authors shortened with their true number, and links to http(s) only.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from markupsafe import Markup

from paperlark.channels import letters, marked, text
from paperlark.channels.marked import Run
from paperlark.model.messages import DigestPaper, Reason, Span
from paperlark.model.papers import StoredPaper
from paperlark.model.problems import QueryError

EXCERPT = 260  # code points of an abstract that stand under a title
_SITES = {"arxiv.org": "arXiv", "huggingface.co": "Hugging Face", "doi.org": "DOI", "github.com": "GitHub"}
_PAGES = {"arxiv": "https://arxiv.org/abs/", "doi": "https://doi.org/"}


class Link(NamedTuple):
    """An address elsewhere, http or https, and what it is called."""

    label: str
    address: str


@dataclass(frozen=True, slots=True)
class Card:
    """A paper as lists show it. Title and excerpt are HTML, with the matched words marked; all else is text.

    name: the title in plain words. authors: the first three and how many more. why: what met a query elsewhere than in
    title and abstract. excerpt: the abstract's beginning, or the stretch around the first match. upvotes: None where
    nobody counts them. facts: other counts, and where it was seen. link: where the title leads, "" where the paper has
    no page elsewhere.
    """

    id: str
    title: Markup
    name: str
    authors: str
    organisation: str
    why: str
    excerpt: Markup
    upvotes: int | None
    facts: str
    day: date
    link: str
    links: tuple[Link, ...]


def card(paper: StoredPaper, matched: Sequence[Span] = ()) -> Card:
    """A stored paper for a list, with the words that met a query."""
    told = DigestPaper.of(paper, (Reason("", tuple(matched)),) if matched else ())
    title = marked.mark(paper.title, (span for span in matched if span.field == "title")) or (Run("(untitled)"),)
    abstract = marked.mark(paper.abstract, (span for span in matched if span.field == "abstract"))
    elsewhere = tuple(span for span in matched if span.field not in ("title", "abstract"))
    return Card(
        id=str(paper.id),
        title=dressed(title),
        name=marked.plain(title),
        authors=text.byline(replace(told, organisation=None)),
        organisation=letters.isolate(letters.cut(letters.legible(paper.organisation or ""), text.ORGANISATION)),
        why=text.because(Reason("", elsewhere), told),
        excerpt=dressed(marked.excerpt(abstract, EXCERPT)),
        upvotes=paper.signals.get("upvotes"),
        facts=" · ".join(_facts(paper)),
        day=paper.announced_at.date(),
        link=text.link(told) or text.own_page(paper.url) or "",
        links=tuple(_links(paper)),
    )


def dressed(runs: Iterable[Run]) -> Markup:
    """Runs as HTML."""
    return Markup("").join(Markup("<mark>{}</mark>").format(run.text) if run.marked else run.text for run in runs)


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


# ── queries that cannot be read ────────────────────────────────────────────────────────────────────────────────────


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
