"""One Hugging Face paper record, as the API's answers and the listing page's own data both hold it.

The record has an outer and an inner part and grew over the years; only title, authors, summary, dates, upvotes and
comments were always there, and even those are not promised. So each field is looked for in both parts.
https://huggingface.co/.well-known/openapi.json
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any
from urllib.parse import quote

from paperlark.model.papers import Alias, Announcement, Paper, Reject, arxiv_alias, at_midnight
from paperlark.sources._reading import fold, folded, keep, moment, web_link

PAPER_PAGE = "https://huggingface.co/papers/"
COUNT_LIMIT = 2**31 - 1  # what a database column bears


def read_records(
    records: Iterable[Any], *, day: date | None, where: str, until: datetime | None = None
) -> tuple[tuple[Announcement, ...], tuple[Reject, ...]]:
    """The announcements in a list of records, and a reject for each that is none.

    day: the digest day, for records that do not state one. until: no announcement is later (a capture's own day).
    """
    announcements: list[Announcement] = []
    rejects: list[Reject] = []
    for number, record in enumerate(records, 1):
        read = _announcement(record, day, until)
        if isinstance(read, Announcement):
            announcements.append(read)
        else:
            rejects.append(Reject(f"{where}: record {number}", read))
    return tuple(announcements), tuple(rejects)


def _announcement(record: Any, day: date | None, until: datetime | None) -> Announcement | str:
    """The announcement, or why there is none."""
    if not isinstance(record, Mapping):
        return f"a {_json_name(record)} stands in place of a record"
    inner = record.get("paper")
    parts = (inner, record) if isinstance(inner, Mapping) else (record,)
    title = _first_text(parts, "title")  # the inner title first: its TeX is cleaned where the outer one's is raw
    if not title:
        return "the record has no title"
    published = moment(_first(parts, "publishedAt"))
    announced = moment(_first(parts, "submittedOnDailyAt")) or (at_midnight(day) if day else published)
    if announced is None:
        return "the record says no day, and none was asked for"
    if until is not None and announced > until:
        announced = until

    paper_id = _first_text(parts, "id")
    if " " in paper_id:  # no name that anybody could look up
        paper_id = ""
    authors = _first(parts, "authors")
    names = tuple(_names(authors)) if isinstance(authors, list) else ()
    paper = Paper(
        title=title,
        abstract=_first_text(parts, "summary"),
        authors=names,
        author_count=len(names) or None,
        organisation=_organisation(parts),
        keywords=tuple(_texts(_first(parts, "ai_keywords"))),
        aliases=_aliases(paper_id),
        url=web_link(PAPER_PAGE + quote(paper_id)) if paper_id else None,
        code_url=web_link(_first(parts, "githubRepo")),
        published_at=published,
    )
    counted = {
        "upvotes": _first(parts, "upvotes"),
        "comments": _first(tuple(reversed(parts)), "numComments"),
        "stars": _first(parts, "githubStars"),
    }
    signals = {name: count for name, count in counted.items() if type(count) is int and 0 <= count <= COUNT_LIMIT}
    return Announcement(paper, announced, signals=signals, said=_said(record))


def _first(parts: tuple[Mapping[str, Any], ...], key: str) -> Any:
    return next((part[key] for part in parts if part.get(key) not in (None, "", [], {})), None)


def _first_text(parts: tuple[Mapping[str, Any], ...], key: str) -> str:
    return next((text for text in (folded(part.get(key)) for part in parts) if text), "")


def _texts(value: Any) -> list[str]:
    return [text for text in map(folded, value) if text] if isinstance(value, list) else []


def _names(authors: list[Any]) -> Iterable[str]:
    """Names that are shown. Text scraped off listings leaves a comma behind some of them."""
    for author in authors:
        if isinstance(author, Mapping) and author.get("hidden") is True:
            continue
        name = folded(author.get("name") if isinstance(author, Mapping) else author).strip(" ,")
        if name:
            yield name


def _organisation(parts: tuple[Mapping[str, Any], ...]) -> str | None:
    """`submitterOrganization` for three days in autumn 2025, `organization` in either part from then on."""
    for key in ("organization", "submitterOrganization"):
        found = _first(parts, key)
        if isinstance(found, Mapping) and (name := folded(found.get("fullname")) or folded(found.get("name"))):
            return name
    return None


def _aliases(paper_id: str) -> tuple[Alias, ...]:
    """Ids are bare arXiv ids so far; any other is kept as Hugging Face's own."""
    if not paper_id:
        return ()
    arxiv = arxiv_alias(paper_id)
    return (arxiv, Alias("hf", arxiv.value)) if arxiv else (Alias("hf", paper_id.lower()),)


def _said(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record without the people's pictures and accounts, and without what is there twice."""
    inner = record.get("paper")
    slim = {key: _slim(key, value) for key, value in record.items() if key != "paper"}
    if isinstance(inner, Mapping):
        slim["paper"] = {key: _slim(key, value) for key, value in inner.items()}
        for key in ("title", "summary"):
            if folded(slim.get(key)) == folded(inner.get(key)):
                slim.pop(key, None)
    kept = keep(slim)
    assert isinstance(kept, dict)
    return kept


def _slim(key: str, value: Any) -> Any:
    if key == "authors" and isinstance(value, list):
        return list(_names(value))
    if isinstance(value, Mapping) and ("avatarUrl" in value or "isPro" in value):
        return value.get("name") or value.get("user") or value.get("fullname")
    if isinstance(value, Mapping):
        return {inner: kept for inner, kept in value.items() if inner != "avatar"}
    return value


def _json_name(value: Any) -> str:
    names = {str: "string", int: "number", float: "number", bool: "truth value", list: "list", type(None): "null"}
    return names.get(type(value), fold(type(value).__name__))
