"""What bioRxiv and medRxiv tell of preprints: the envelope around every answer, and the two shapes of a record in it.

`details` has one record a *version*; all versions have one DOI, and the highest is the paper. `pubs` has one record a
preprint that a journal has published. Records differ from what is documented in every way that was ever seen: counts
and versions as strings, dates without their zeros, "NA" for nothing, and text that was flattened out of JATS.
https://api.biorxiv.org/
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import quote

from paperlark.model.papers import Alias, Announcement, Paper, Reject, at_midnight, doi_alias
from paperlark.model.problems import SourceError
from paperlark.sources._flattened import text_of
from paperlark.sources._reading import folded, keep, web_link

AUTHORS_KEPT = 2_000  # names of one paper
DOI_LIMIT = 300  # characters; longer ones name nothing
VERSION_LIMIT = 9_999

NOTHING = re.compile(r"no (?:posts|articles|papers|results) found\b", re.IGNORECASE)
DAY = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")  # "2026-6-30" occurs: never compare as text
WITHDRAWN = re.compile(
    r"(?:withdraw(?:n|al statement)\b|the authors? (?:have|has) withdrawn"
    r"|this (?:manuscript|preprint|article|paper) (?:has been|was|is) withdrawn)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the API: its records as they came, how many there are of them in all (where it says so), and the
    category by which it filtered ("all" where it did not, "" where it does not say)."""

    records: tuple[Any, ...]
    total: int | None = None
    category: str = ""

    @property
    def of_publications(self) -> bool:
        """True where the records are of `pubs`."""
        return any(isinstance(record, Mapping) and "preprint_doi" in record for record in self.records)


@dataclass(frozen=True, slots=True)
class Told:
    """What some records say, and those that say nothing that can be used."""

    announcements: tuple[Announcement, ...]
    rejects: tuple[Reject, ...]


def read_answer(body: bytes, *, kind: str, where: str) -> Answer:
    """The records in an answer. "no posts found" is an answer without any.

    kind, where: what the errors open with. Raises SourceError when it is none of the API's answers, or an error.
    """

    def unwell(what: str) -> SourceError:
        return SourceError(f"{kind}: {where}: {what}")

    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        what = "a web page" if body.lstrip()[:1] == b"<" else "empty" if not body.strip() else "not JSON"
        raise unwell(f"the answer is {what}; a list of preprints was expected") from None
    records = answer.get("collection") if isinstance(answer, dict) else None
    messages = answer.get("messages") if isinstance(answer, dict) else None
    message = messages[0] if isinstance(messages, list) and messages and isinstance(messages[0], Mapping) else {}
    status = folded(message.get("status"))
    if not isinstance(records, list):
        raise unwell(f"the API says: {status[:200]}" if status else "the answer is JSON, but no list of preprints")
    if not records and status.lower() != "ok" and not NOTHING.match(status):
        raise unwell(f"the API says: {status[:200]}" if status else "the answer is empty and says nothing of why")
    return Answer(tuple(records), _count(message.get("total")), folded(message.get("category")))


def _count(value: Any) -> int | None:
    """A count as a number or as text; None where there is none."""
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        return int(value.strip()[:9])
    return value if type(value) is int and value >= 0 else None


# ── records of `details` ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Version:
    """One record of `details`, as far as it decides what is told."""

    doi: Alias
    number: int
    posted: date
    record: Mapping[str, Any]


def read_versions(records: Iterable[Any], *, kind: str, where: str, day: date | None = None) -> Told:
    """The announcements in records of `details`, folded by DOI: the paper is that of the highest version.

    A first version is `first`. A later one is `replaced:vN` (`withdrawn` where it says so) and never `first`, also
    where the first version was never seen: that one was posted before anybody here asked, and what is old is not to be
    told as new. A journal's DOI is `published:DOI`, and from then on a name of the paper too.
    day: the day that was asked for, of records that do not state theirs.
    """
    versions: dict[Alias, list[_Version]] = {}
    rejects: list[Reject] = []
    for number, record in enumerate(records, 1):
        read = _version(record, day)
        if isinstance(read, _Version):
            versions.setdefault(read.doi, []).append(read)
        else:
            rejects.append(Reject(f"{where}: record {number}", read))
    told = tuple(one for of_one in versions.values() for one in _announcements(of_one, kind))
    return Told(told, tuple(rejects))


def _version(record: Any, day: date | None) -> _Version | str:
    """The version, or why it is none."""
    if not isinstance(record, Mapping):
        return "what stands here is no record"
    doi = _doi(record.get("doi"))
    if doi is None:
        return "the record has no DOI"
    if not text_of(record.get("title")):
        return "the record has no title"
    posted = day_in(record.get("date")) or day
    if posted is None:
        return "the record says no day, and none was asked for"
    number = _count(record.get("version"))
    return _Version(doi, min(number, VERSION_LIMIT) if number else 1, posted, record)


def _announcements(versions: list[_Version], kind: str) -> Iterator[Announcement]:
    latest = max(versions, key=lambda version: version.number)
    record = latest.record
    journal = _doi(record.get("published"))
    paper = _paper(record, kind, latest.doi, journal, posted=min(version.posted for version in versions))
    said = keep(record)
    for version in versions:
        if version.number == 1:
            yield Announcement(paper, at_midnight(version.posted), said=said)
            break
    if latest.number > 1:
        withdrawn = WITHDRAWN.match(paper.title) or WITHDRAWN.match(paper.abstract)
        occasion, type = ("withdrawn", "withdrawn") if withdrawn else (f"replaced:v{latest.number}", "replace")
        yield Announcement(paper, at_midnight(latest.posted), occasion, type, said=said)
    if journal is not None and journal != latest.doi:
        yield Announcement(paper, at_midnight(latest.posted), f"published:{journal.value}", "published", said=said)


# ── records of `pubs` ────────────────────────────────────────────────────────────────────────────────────────────


def read_publications(records: Iterable[Any], *, kind: str, where: str, category: str = "") -> Told:
    """The announcements in records of `pubs`: preprints that a journal has published, dated by the journal.

    category: only those of it, if one is named; the API cannot filter here.
    """
    announcements: list[Announcement] = []
    rejects: list[Reject] = []
    for number, record in enumerate(records, 1):
        read = _publication(record, kind)
        if isinstance(read, str):
            rejects.append(Reject(f"{where}: record {number}", read))
        elif not category or category in map(slug, read.paper.categories):
            announcements.append(read)
    return Told(tuple(announcements), tuple(rejects))


def _publication(record: Any, kind: str) -> Announcement | str:
    """The announcement, or why there is none."""
    if not isinstance(record, Mapping):
        return "what stands here is no record"
    preprint = {key.removeprefix("preprint_"): value for key, value in record.items() if isinstance(key, str)}
    doi, journal = _doi(preprint.get("doi")), _doi(record.get("published_doi"))
    if doi is None or journal is None:
        return "the record has no DOI of the preprint" if doi is None else "the record has no DOI of the journal"
    if not text_of(preprint.get("title")):
        return "the record has no title"
    posted = day_in(preprint.get("date"))
    published = day_in(record.get("published_date")) or posted
    if published is None:
        return "the record says no day"
    paper = _paper(preprint, kind, doi, journal, posted=posted)
    return Announcement(paper, at_midnight(published), f"published:{journal.value}", "published", said=keep(record))


# ── what both have ───────────────────────────────────────────────────────────────────────────────────────────────


def _paper(record: Mapping[str, Any], kind: str, doi: Alias, journal: Alias | None, *, posted: date | None) -> Paper:
    authors = tuple(names_in(_given(record.get("authors"))))[:AUTHORS_KEPT]
    category = _given(record.get("category"))
    return Paper(
        title=text_of(record.get("title")),
        abstract=text_of(record.get("abstract")),
        authors=authors,
        author_count=len(authors) or None,
        organisation=_given(record.get("author_corresponding_institution")) or None,
        categories=(category,) if category else (),
        aliases=(doi, journal) if journal is not None and journal != doi else (doi,),
        # without a version: the site shows the latest one
        url=web_link(f"https://www.{kind}.org/content/{quote(doi.value, safe='/()')}"),
        published_at=at_midnight(posted) if posted else None,
    )


def _given(value: Any) -> str:
    """A field's text; "" for what is none and for "NA"."""
    text = folded(value)
    return "" if text.upper() in ("NA", "N/A") else text


def _doi(value: Any) -> Alias | None:
    """The DOI in a field, if it is one; arXiv's ids are not."""
    text = _given(value)
    alias = doi_alias(text) if len(text) <= DOI_LIMIT else None
    return alias if alias is not None and alias.scheme == "doi" else None


def day_in(value: Any) -> date | None:
    """The day of "2026-06-30" or "2026-6-30"; None for what is no day."""
    found = DAY.match(value.strip()) if isinstance(value, str) else None
    try:
        return date(*map(int, found.groups())) if found else None
    except ValueError:
        return None


def slug(category: str) -> str:
    """A category as the API takes it: "Cell Biology" -> "cell_biology"."""
    return "_".join(category.lower().replace("_", " ").split())


def names_in(authors: str) -> Iterator[str]:
    """The names in "Lovelace, A. K.; Turing, A.; The Engine Group", each in the order in which it is spoken."""
    for name in authors.split(";"):
        surname, _, given = name.strip(" ,").partition(",")
        given, _, suffix = given.strip(" ,").partition(",")
        if spoken := " ".join(filter(None, (given.strip(), surname.strip(), suffix.strip()))):
            yield spoken
