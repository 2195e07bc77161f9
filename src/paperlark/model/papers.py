"""A paper, what names it, and what a source told of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from paperlark.model.sources import Completeness as Completeness
from paperlark.model.sources import Manners

Cursor = Mapping[str, Any]
"""A source's opaque bookmark: what JSON can hold. The empty mapping is the beginning."""

ARXIV_ID = re.compile(
    r"(?:(?P<id>\d{4}\.\d{4,5})|(?P<archive>[a-z-]+)(?:\.[A-Z]{2})?/(?P<number>\d{7}))(?P<version>v\d+)?", re.IGNORECASE
)
DOI = re.compile(r"10\.\d{4,9}/\S+")


@dataclass(frozen=True, slots=True, order=True)
class Alias:
    """A name of a paper that somebody gave out: `scheme:value`, lower case where the scheme ignores case.

    Schemes: `arxiv` (no version), `doi`, `hf`, `url`, and `entry` (of a feed that gives no better name; it is never
    shown). A paper has at most one name in each of the *hard* schemes
    unless a source itself says that two belong together; two papers whose names differ in one never merge by title.
    """

    scheme: str
    value: str

    def __str__(self) -> str:
        return f"{self.scheme}:{self.value}"

    @property
    def hard(self) -> bool:
        """True where a different value means a different paper. Addresses are soft: publishers have many for one."""
        return self.scheme in ("arxiv", "doi")


def arxiv_alias(text: str) -> Alias | None:
    """The alias of an arXiv id in any of its spellings (`2510.02283v2`, `hep-th/9901001`, `math.GT/0309136`, which is
    `math/0309136`), or None."""
    found = ARXIV_ID.fullmatch(text.strip().removeprefix("arXiv:").removeprefix("arxiv:"))
    if not found:
        return None
    return Alias("arxiv", found["id"] or f"{found['archive'].lower()}/{found['number']}")


def doi_alias(text: str) -> Alias | None:
    """The alias of a DOI in any of its spellings; arXiv's own DOIs (`10.48550/arXiv.ID`) are arXiv ids."""
    found = DOI.search(text.strip())
    if not found:
        return None
    value = found[0].rstrip(".,;)").lower()
    if value.startswith("10.48550/arxiv."):
        return arxiv_alias(value.removeprefix("10.48550/arxiv."))
    return Alias("doi", value)


@dataclass(frozen=True, slots=True)
class Paper:
    """One work as one source tells of it: whole, frozen, white space folded, zones known. Past `parse()` no "maybe".

    title and abstract are plain text (TeX kept as written); abstract is "" where the source has none.
    author_count is the number the source states, which may exceed the names that it lists (captures state only it).
    """

    title: str
    abstract: str = ""
    authors: tuple[str, ...] = ()
    author_count: int | None = None
    organisation: str | None = None
    categories: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    aliases: tuple[Alias, ...] = ()
    url: str | None = None
    code_url: str | None = None
    published_at: datetime | None = None  # the work's own date, timezone-aware

    def __post_init__(self) -> None:
        if not self.title.strip():
            raise ValueError("a paper needs a title")
        if self.published_at is not None and self.published_at.tzinfo is None:
            raise ValueError("published_at needs a zone")

    @property
    def stated_authors(self) -> int | None:
        """How many authors the paper has, as far as anybody said."""
        return max(self.author_count or 0, len(self.authors)) or None


@dataclass(frozen=True, slots=True)
class Announcement:
    """A source told of a paper, at a time.

    occasion: `first`, `replaced:vN`, `published:DOI` or `withdrawn`; with source and paper it is unique.
    type: what a query's `type:` sees: new, cross, replace, replace-cross, published, withdrawn.
    announced_at: when the source says that it announced (a date alone is that day's midnight UTC).
    signals: counts at this moment: upvotes, comments, stars, rank.
    said: the record as the source said it (what JSON can hold), kept for later readings.
    """

    paper: Paper
    announced_at: datetime
    occasion: str = "first"
    type: str = "new"
    signals: Mapping[str, int] = field(default_factory=dict)
    said: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.announced_at.tzinfo is None:
            raise ValueError("announced_at needs a zone")


@dataclass(frozen=True, slots=True)
class Reject:
    """One entry that could not become a paper: where it stands (file, entry number, id) and why, for a person."""

    where: str
    reason: str


@dataclass(frozen=True, slots=True)
class Page:
    """One bite of a poll: announcements, the cursor after them, what could not be read, and the source's own account.

    The store commits a page and its cursor together: a crash repeats at most one page. unchanged: the far side said
    that nothing has changed since the cursor (304), so that no announcements is no news. manners: when it wants to be
    asked again; the last page that states them counts.
    """

    announcements: tuple[Announcement, ...]
    cursor: Cursor = field(default_factory=dict)
    rejects: tuple[Reject, ...] = ()
    stated: Completeness | None = None
    unchanged: bool = False
    manners: Manners | None = None


def at_midnight(day: date) -> datetime:
    """A day as a moment: its midnight in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class StoredPaper:
    """A paper as the archive holds it: the merged word of its sources, and all that was seen of it.

    announced_at: of its first announcement. signals: the latest count of each kind, over all sources.
    """

    id: int
    title: str
    abstract: str
    authors: tuple[str, ...]
    author_count: int | None
    organisation: str | None
    categories: tuple[str, ...]
    keywords: tuple[str, ...]
    aliases: tuple[Alias, ...]
    url: str | None
    code_url: str | None
    published_at: datetime | None
    first_seen: datetime
    announced_at: datetime
    sources: tuple[str, ...]
    signals: Mapping[str, int]
