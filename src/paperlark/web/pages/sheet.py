"""A paper's own page in words: all that is known of it, and what was told of it over time. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from math import ceil
from typing import NamedTuple

from markupsafe import Markup

from paperlark.channels import letters, text
from paperlark.model.papers import StoredPaper
from paperlark.readers.past import Past, Telling
from paperlark.web.pages.calendar import long_day
from paperlark.web.pages.tex import formulas

WIDE, HIGH = 240, 48  # units of the drawing of its votes
FOLLOWED = 3  # authors, and as many categories, that are offered to be followed


class Wish(NamedTuple):
    """What may be followed: in words, and as text of the profile language."""

    words: str
    query: str


class Told(NamedTuple):
    """Something that was told of the paper: by whom, what, and when."""

    source: str
    what: str
    day: date


@dataclass(frozen=True, slots=True)
class Plot:
    """Its votes over time as a line: the points of an SVG `polyline` in WIDE by HIGH units, and what it says."""

    points: str
    said: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a paper's own page says beside its card. title, abstract: HTML, formulas drawn. unnamed: how many authors
    nobody names. facts: (name, value). seen: where it was announced; versions: what became of it since."""

    title: Markup
    abstract: Markup
    authors: tuple[str, ...]
    unnamed: int
    facts: tuple[tuple[str, str], ...]
    seen: tuple[Told, ...]
    versions: tuple[Told, ...]
    votes: Plot | None
    wishes: tuple[Wish, ...]


def sheet(paper: StoredPaper, past: Past) -> Sheet:
    """All that is known of a paper."""
    authors = tuple(filter(None, (letters.isolate(letters.legible(author)) for author in paper.authors)))
    facts = (
        ("Published", long_day(paper.published_at.date()) if paper.published_at else ""),
        ("Categories", ", ".join(map(letters.legible, paper.categories))),
        ("Keywords", ", ".join(map(letters.legible, paper.keywords))),
        ("Known as", ", ".join(letters.legible(str(alias)) for alias in paper.aliases if alias.scheme != "url")),
    )
    return Sheet(
        title=formulas(paper.title) or Markup("(untitled)"),
        abstract=formulas(paper.abstract),
        authors=authors,
        unnamed=max((paper.author_count or 0) - len(authors), 0),
        facts=tuple((name, value) for name, value in facts if value),
        seen=tuple(_told(each) for each in past.tellings if each.occasion == "first"),
        versions=tuple(_told(each) for each in past.tellings if each.occasion != "first"),
        votes=plot(past.votes),
        wishes=tuple(_wishes(paper)),
    )


def _told(telling: Telling) -> Told:
    return Told(text.source_name(telling.source), occasion(telling.occasion), telling.at.date())


def occasion(said: str) -> str:
    """An announcement's occasion in words: "version 2", "published as 10.1000/x", "withdrawn"; "" for the first."""
    kind, _, detail = letters.legible(said).partition(":")
    match kind:
        case "first":
            return ""
        case "replaced":
            return f"version {detail.removeprefix('v')}" if detail else "revised"
        case "published":
            return f"published as {letters.isolate(detail)}" if detail else "published"
    return letters.isolate(letters.cut(letters.legible(said), text.OCCASION))


def _wishes(paper: StoredPaper) -> Iterator[Wish]:
    """Its authors, its organisation, its categories, each as a profile of its own."""
    for author in paper.authors[:FOLLOWED]:
        if query := _quoted("author", author):
            yield Wish(letters.isolate(letters.cut(letters.legible(author), text.NAME)), query)
    if paper.organisation and (query := _quoted("org", paper.organisation)):
        yield Wish(letters.isolate(letters.cut(letters.legible(paper.organisation), text.ORGANISATION)), query)
    for category in paper.categories[:FOLLOWED]:
        if query := _quoted("cat", category):
            yield Wish(letters.legible(category), query)


def _quoted(field: str, value: str) -> str:
    """A check of a field; "" for a value that cannot stand between quotes, or that says nothing."""
    said = " ".join(letters.legible(value).split())
    return f'{field}:"{said}"' if any(map(str.isalnum, said)) and '"' not in said and len(said) <= 120 else ""


def plot(votes: Sequence[tuple[datetime, int]]) -> Plot | None:
    """Votes over time, oldest first; None where they were not counted twice, or never came."""
    most = max((number for _, number in votes), default=0)
    if len(votes) < 2 or not most or votes[0][0] == votes[-1][0]:
        return None
    (began, first), (ended, last) = votes[0], votes[-1]
    step = ceil(len(votes) / WIDE)  # no more points than units
    shown = [*votes[:-1:step], votes[-1]]
    points = " ".join(
        f"{(at - began) / (ended - began) * WIDE:.0f},{HIGH - number / most * HIGH:.1f}" for at, number in shown
    )
    said = f"from {text.count(first, 'upvote')} on {long_day(began.date())} to {last:,} on {long_day(ended.date())}"
    return Plot(points, said)
