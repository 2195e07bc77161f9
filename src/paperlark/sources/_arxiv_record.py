"""One OAI-PMH record of arXiv: what its metadata, in any of three formats, says has happened to a paper, and when.

A record says what is so now. What happened is inferred: from the versions and their dates (`arXivRaw` has all of them
with their numbers, `arXiv` and `oai_dc` the dates of the first and the newest one), and from the datestamp, the day on
which anything in the metadata was last modified. https://info.arxiv.org/help/oa/index.html
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from lxml import etree

from paperlark.model.papers import Alias, Announcement, Paper, at_midnight, doi_alias
from paperlark.sources._arxiv_names import AUTHORS_KEPT, ArxivId, read_id, split_authors, unturned
from paperlark.sources._reading import fold, keep, moment

PROMPT = timedelta(days=7)  # between a version's submission and its announcement, as a rule
FORMATS = frozenset({"arXiv", "arXivRaw", "dc"})
WITHDRAWN = re.compile(
    r"(?:this|the) (?:paper|article|manuscript|submission|work|preprint|version|note)s? (?:has been|have been|was|is)"
    r" withdrawn\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Version:
    """One version of a paper. number: None where the format does not say. withdrawn: its source was taken back."""

    number: int | None
    submitted: datetime
    withdrawn: bool = False


def datestamp(record: etree._Element) -> date | None:
    """The day on which a record was last modified."""
    return read_day(text_of(record.find("{*}header/{*}datestamp")))


def read_record(record: etree._Element, now: datetime) -> list[Announcement] | str:
    """The announcements that a record amounts to, none of them later than `now`; or why there are none."""
    stamp = datestamp(record)
    header = record.find("{*}header")
    if header is not None and header.get("status") == "deleted":
        return "the record is marked as deleted"
    metadata = record.find("{*}metadata")
    fields = next(iter(metadata), None) if metadata is not None else None
    if fields is None:
        return "the record has no metadata"
    name = name_of(fields)
    if name not in FORMATS:
        return f"the record is in a format that is not read here ({name[:40]})"
    said = _dublin_core(record, fields) if name == "dc" else _own(fields)
    identifier = read_id(said["id"]) or read_id(text_of(record.find("{*}header/{*}identifier")))
    if identifier is None:
        return "the record has no arXiv id"
    if not said["title"]:
        return "the record has no title"
    versions = _versions(said)
    if not versions and stamp is None:
        return "the record has no date"

    paper = _paper(identifier, said, versions)
    stated = {"stamp": stamp.isoformat() if stamp else None, "format": name, **said}
    kept: dict[str, Any] = keep({key: value for key, value in stated.items() if value})
    return [
        Announcement(paper, min(at, now), occasion, kind, said=kept)
        for occasion, kind, at in _occasions(said, versions, stamp)
    ]


def _occasions(
    said: Mapping[str, Any], versions: list[_Version], stamp: date | None
) -> Iterator[tuple[str, str, datetime]]:
    """Occasion, type and moment of each announcement that a record amounts to."""
    modified = at_midnight(stamp) if stamp else None

    def announced(version: _Version) -> datetime:
        """The datestamp, where it is soon enough after the version to be its announcement; else the version's own."""
        prompt = modified is not None and timedelta(days=-1) <= modified - version.submitted <= PROMPT
        return modified if prompt and modified else version.submitted

    if not versions:
        assert modified is not None
        yield "first", "new", modified
        return
    first, newest = versions[0], versions[-1]
    if newest.withdrawn or _speaks_of_withdrawal(said):
        yield "withdrawn", "withdrawn", announced(newest)
        return
    if first.number in (None, 1):
        yield "first", "new", announced(first)
    if newest.number is not None and newest.number > 1:
        yield f"replaced:v{newest.number}", "replace", announced(newest)
    doi = _doi(said)
    if doi and modified and modified - newest.submitted > PROMPT:
        yield f"published:{doi.value}", "published", modified


def _speaks_of_withdrawal(said: Mapping[str, Any]) -> bool:
    """Authors say so at the beginning of the comments or of the abstract."""
    return bool(
        said["comments"].lower().startswith("withdrawn")
        or WITHDRAWN.match(said["comments"])
        or WITHDRAWN.match(said["abstract"])
    )


def _paper(identifier: ArxivId, said: Mapping[str, Any], versions: list[_Version]) -> Paper:
    doi = _doi(said)
    authors = tuple(said["authors"])
    return Paper(
        title=said["title"],
        abstract=said["abstract"],
        authors=authors,
        author_count=len(authors) or None,
        categories=tuple(said["categories"]),
        aliases=(identifier.alias, doi) if doi else (identifier.alias,),
        url=identifier.page,
        published_at=versions[0].submitted if versions else None,
    )


def _doi(said: Mapping[str, Any]) -> Alias | None:
    """The publisher's DOI; of several, the first. arXiv's own is its id over again."""
    alias = doi_alias(said["doi"])
    return alias if alias and alias.scheme == "doi" else None


def _versions(said: Mapping[str, Any]) -> list[_Version]:
    """The versions that a record speaks of, the oldest first: all in `arXivRaw`, else the first and the newest."""
    if said["versions"]:
        found = [
            _Version(version["number"], submitted, "I" in version["source"])
            for version in said["versions"]
            if (submitted := moment(version["date"]))
        ]
        return sorted(found, key=lambda version: version.number or 0)
    dates = [submitted for day in (said["created"], said["updated"]) if (submitted := moment(day))]
    return [_Version(None, submitted) for submitted in dates]


# ── the formats ──────────────────────────────────────────────────────────────────────────────────────────────────


def _own(fields: etree._Element) -> dict[str, Any]:
    """What `arXiv` and `arXivRaw` say. The authors are a list in one, and a line in the other."""
    authors = fields.find("{*}authors")
    people = authors.findall("{*}author") if authors is not None else []
    said: dict[str, Any] = {
        name.replace("-", "_"): text_of(fields.find(f"{{*}}{name}"))
        for name in (
            *("id", "title", "abstract", "comments", "journal-ref", "doi", "license", "created", "updated"),
            *("submitter", "report-no", "msc-class", "acm-class", "proxy"),
        )
    }
    said["authors"] = [name for name in map(_person, people) if name][:AUTHORS_KEPT] or split_authors(text_of(authors))
    said["affiliations"] = {_person(person): found for person in people if (found := _texts(person, "affiliation"))}
    said["categories"] = text_of(fields.find("{*}categories")).split()
    said["versions"] = [
        {
            "number": int(number[1]),
            "date": text_of(version.find("{*}date")),
            "source": text_of(version.find("{*}source_type")),
        }
        for version in fields.findall("{*}version")
        if (number := re.fullmatch(r"v?(\d{1,4})", version.get("version", ""), re.ASCII))
    ]
    return said


def _person(author: etree._Element) -> str:
    return " ".join(
        part for name in ("forenames", "keyname", "suffix") if (part := text_of(author.find(f"{{*}}{name}")))
    )


def _dublin_core(record: etree._Element, fields: etree._Element) -> dict[str, Any]:
    """What `oai_dc` says. Its subjects are names in words, so the categories are read off the record's sets."""
    described = [*_texts(fields, "description"), "", ""]
    dates = [*_texts(fields, "date"), "", ""]
    identifiers = _texts(fields, "identifier")
    sets = [text_of(each).split(":") for each in record.findall("{*}header/{*}setSpec")]
    return {
        "id": next((each for each in identifiers if read_id(each)), ""),
        "title": next(iter(_texts(fields, "title")), ""),
        "abstract": described[0],
        "comments": described[1].removeprefix("Comment: "),
        "authors": [name for name in map(unturned, _texts(fields, "creator")) if name][:AUTHORS_KEPT],
        "categories": [".".join(each[1:3]) for each in sets if len(each) > 1],
        "doi": next((each for each in identifiers if each.lower().startswith(("doi:", "10."))), ""),
        "created": dates[0],
        "updated": dates[1],
        "versions": [],
        "subjects": _texts(fields, "subject"),
    }


def _texts(parent: etree._Element, name: str) -> list[str]:
    return [text for child in parent.findall(f"{{*}}{name}") if (text := text_of(child))]


def text_of(element: etree._Element | None) -> str:
    """All text inside an element, on one line; "" where there is none."""
    return "" if element is None else fold("".join(map(str, element.itertext())))


def name_of(element: etree._Element) -> str:
    """The name without its namespace; "" of what is no element."""
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def read_day(text: Any) -> date | None:
    """The day in a datestamp of either granularity (a day, a second), or None."""
    found = moment(text)
    return found.date() if found else None
