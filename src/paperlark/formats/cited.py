"""A paper as it is cited: its key, the people who wrote it, its day, its names. What the reference formats share."""

import re
from dataclasses import dataclass
from datetime import date

from paperlark.channels import letters, text
from paperlark.formats._xml import possible
from paperlark.formats.feed import UNTITLED, legible
from paperlark.model.messages import DigestPaper
from paperlark.model.papers import StoredPaper

PREPRINT_SOURCES = ("arxiv", "biorxiv", "medrxiv", "hf_daily", "capture")
ARXIV_CATEGORY = re.compile(r"[a-z]+(?:-[a-z]+)*(?:\.[A-Za-z]{2,}(?:-[a-z]+)?)?")

_SUFFIX = re.compile(r"(?:Jr|Sr)\.?|II|III|IV", re.IGNORECASE)
_BODY = re.compile(
    r"\b(?:Collaborations?|Consortium|Team|Group|Initiative|Project|Committee|Alliance|Network)\b", re.IGNORECASE
)
_PLAIN_IN_KEY = re.compile(r"[^A-Za-z0-9./:-]")


@dataclass(frozen=True, slots=True)
class Person:
    """Who wrote a paper, legible. A body (a collaboration, or a name that nobody can take apart) has its whole name as
    `family` and nothing else."""

    family: str
    given: str = ""
    suffix: str = ""
    body: bool = False


@dataclass(frozen=True, slots=True)
class Cited:
    """What is cited of a paper. Title and people are legible text; `raw_title` and `raw_abstract` have their TeX.

    key: of letters, digits and `.:/-_`, the same in every export, and of no other paper. unnamed: how many authors are
    not among the people. preprint: it was seen where preprints are.
    """

    key: str
    title: str
    raw_title: str
    abstract: str
    raw_abstract: str
    people: tuple[Person, ...]
    unnamed: int
    day: date
    arxiv: str | None
    primary: str | None
    doi: str | None
    url: str | None
    keywords: tuple[str, ...]
    preprint: bool


def cited(paper: StoredPaper) -> Cited:
    """What is cited of a paper of the archive."""
    named = {alias.scheme: alias.value for alias in reversed(paper.aliases)}
    people = tuple(person for author in paper.authors if (person := read_person(author)))
    arxiv = named.get("arxiv")
    first = paper.categories[0] if paper.categories else ""
    return Cited(
        key=key(paper),
        title=legible(paper.title) or UNTITLED,
        raw_title=letters.one_line(possible(paper.title)) or UNTITLED,
        abstract=legible(paper.abstract),
        raw_abstract=letters.one_line(possible(paper.abstract)),
        people=people,
        unnamed=max((paper.author_count or 0) - len(people), 0),
        day=(paper.published_at or paper.announced_at).date(),
        arxiv=arxiv,
        primary=first if arxiv and ARXIV_CATEGORY.fullmatch(first) else None,
        doi=named.get("doi"),
        url=text.link(DigestPaper.of(paper)),
        keywords=tuple(dict.fromkeys(filter(None, map(legible, (*paper.categories, *paper.keywords))))),
        preprint=arxiv is not None or any(each.partition(":")[0] in PREPRINT_SOURCES for each in paper.sources),
    )


def key(paper: StoredPaper) -> str:
    """What a paper is cited by: `arXiv:2510.02283`, `doi:10.1101/2025.01.02`, else its id in the archive.

    Names of people and words of the title say more, but may come late or change, and a key in somebody's manuscript may
    not. What a key cannot hold is written as its code point, so that two names never become one.
    """
    named = {alias.scheme: alias.value for alias in reversed(paper.aliases)}
    if "arxiv" in named:
        return f"arXiv:{_in_key(named['arxiv'])}"
    return f"doi:{_in_key(named['doi'])}" if "doi" in named else f"paperlark:{paper.id}"


def _in_key(name: str) -> str:
    return _PLAIN_IN_KEY.sub(lambda found: f"_{ord(found[0]):x}_", name)


def read_person(author: str) -> Person | None:
    """The parts of a name: "Song, Yang", "Yang Song", "Ludwig van Beethoven", "King, Martin Luther, Jr.", "The ATLAS
    Collaboration". None where there is no name.

    Without a comma the last word is the family name, with the particles in lower case before it.
    """
    name = legible(author).strip(" ,;")
    if not name:
        return None
    if _BODY.search(name):
        return Person(name, body=True)
    family, *rest = (part.strip() for part in name.split(","))
    suffixes = [part for part in rest if _SUFFIX.fullmatch(part)]
    given = [part for part in rest if part and part not in suffixes]
    if len(given) > 1 or len(suffixes) > 1 or not family:
        return Person(name, body=True)
    suffix = suffixes[0] if suffixes else ""
    if given:
        return Person(family, given[0], suffix)
    return _read_in_order(family, suffix)


def _read_in_order(name: str, suffix: str) -> Person:
    words = name.split()
    if len(words) > 2 and not suffix and _SUFFIX.fullmatch(words[-1]):
        suffix = words.pop()
    at = next((n for n, word in enumerate(words[:-1]) if n and word[0].islower()), len(words) - 1)
    return Person(" ".join(words[at:]), " ".join(words[:at]), suffix)
