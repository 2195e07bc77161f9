"""One Hugging Face paper record, as the API's answers and the listing page's own data both hold it.

The record has an outer and an inner part and grew over the years; only title, authors, summary, dates, upvotes and
comments were always there, and even those are not promised. So each field is looked for in both parts.
https://huggingface.co/.well-known/openapi.json
"""

from collections.abc import Iterable
from datetime import date, datetime
from itertools import islice
from typing import Any
from urllib.parse import quote

from paperlark.model.papers import Alias, Announcement, Paper, Reject, arxiv_alias, at_midnight
from paperlark.sources._reading import ENTRIES_KEPT, fold, folded, keep, moment, web_link

PAPER_PAGE = "https://huggingface.co/papers/"
ID_LIMIT = 100  # characters
COUNT_LIMIT = 2**31 - 1  # what a database column bears

Record = dict[str, Any]
Parts = tuple[Record, ...]
"""Where a field is looked for, in this order: the inner part, then the outer one; older records may lack the inner."""


def read_records(
    records: Iterable[Any], *, day: date | None, where: str, until: datetime | None = None
) -> tuple[tuple[Announcement, ...], tuple[Reject, ...]]:
    """The announcements in a list of records, and a reject for each that is none.

    day: the digest day, for records that do not state one. until: no announcement is later (a capture's own day).
    """
    announcements: list[Announcement] = []
    rejects: list[Reject] = []
    asked_for = at_midnight(day) if day else None
    for number, record in enumerate(records, 1):
        read = _announcement(record, asked_for, until)
        if isinstance(read, Announcement):
            announcements.append(read)
        else:
            rejects.append(Reject(f"{where}: record {number}", read))
    return tuple(announcements), tuple(rejects)


def _announcement(record: Any, asked_for: datetime | None, until: datetime | None) -> Announcement | str:
    """The announcement, or why there is none. A record with `withdrawnAt` tells of the withdrawal alone: a paper that
    is gone is no news to those who wait for new ones."""
    if not isinstance(record, dict):
        return f"a {_json_name(record)} stands in place of a record"
    inner = record.get("paper")
    parts: Parts = (inner, record) if isinstance(inner, dict) else (record,)
    title = _first_text(parts, "title")  # the inner title first: its TeX is cleaned where the outer one's is raw
    if not title:
        return "the record has no title"
    published = moment(_first(parts, "publishedAt"))
    announced = moment(_first(parts, "submittedOnDailyAt")) or asked_for or published
    withdrawn = _first(parts, "withdrawnAt")
    if withdrawn:
        announced = moment(withdrawn) or announced
    if announced is None:
        return "the record says no day, and none was asked for"
    if until is not None and announced > until:
        announced = until

    paper_id = _first_text(parts, "id")
    if " " in paper_id or len(paper_id) > ID_LIMIT:  # no name that anybody could look up
        paper_id = ""
    names = _names(_first(parts, "authors"))
    paper = Paper(
        title=title,
        abstract=_first_text(parts, "summary"),
        authors=names,
        author_count=len(names) or None,
        organisation=_organisation(parts),
        keywords=_texts(_first(parts, "ai_keywords")),
        aliases=_aliases(paper_id),
        url=PAPER_PAGE + quote(paper_id) if paper_id else None,
        code_url=web_link(_first(parts, "githubRepo")),
        published_at=published,
    )
    occasion, sort = ("withdrawn", "withdrawn") if withdrawn else ("first", "new")
    return Announcement(paper, announced, occasion, sort, _signals(parts), _said(parts, paper))


def _first(parts: Parts, key: str) -> Any:
    """What the first part that says anything says; 0 and false are something."""
    for part in parts:
        value = part.get(key)
        if value or value == 0:
            return value
    return None


def _first_text(parts: Parts, key: str) -> str:
    for part in parts:
        if text := folded(part.get(key)):
            return text
    return ""


def _names(authors: Any) -> tuple[str, ...]:
    """Names that are shown. Text scraped off listings leaves a comma behind some of them."""
    if not isinstance(authors, list):
        return ()
    names = _texts(
        [
            author.get("name") if isinstance(author, dict) else author
            for author in authors
            if not (isinstance(author, dict) and author.get("hidden") is True)
        ]
    )
    if "," not in "".join(names):
        return names
    return tuple(bare for name in names if (bare := name.strip(" ,")))


def _texts(values: Any) -> tuple[str, ...]:
    """The texts of a list, folded. All are looked at in one go first: mostly there is nothing to fold, and some papers
    have hundreds of authors. White space at either end of any text would stand double beside the bar."""
    if not isinstance(values, list):
        return ()
    try:
        line = " | ".join(values)
    except TypeError:  # something there is no text
        line = ""
    if line and fold(line) == line:
        return tuple(values)
    return tuple(text for text in map(folded, values) if text)


def _organisation(parts: Parts) -> str | None:
    """`submitterOrganization` for three days in autumn 2025, `organization` in either part from then on."""
    for key in ("organization", "submitterOrganization"):
        found = _first(parts, key)
        if isinstance(found, dict) and (name := folded(found.get("fullname")) or folded(found.get("name"))):
            return name
    return None


def _aliases(paper_id: str) -> tuple[Alias, ...]:
    """Ids are bare arXiv ids so far; any other is kept as Hugging Face's own."""
    if not paper_id:
        return ()
    arxiv = arxiv_alias(paper_id)
    return (arxiv, Alias("hf", arxiv.value)) if arxiv else (Alias("hf", paper_id.lower()),)


def _signals(parts: Parts) -> dict[str, int]:
    """Comments stand in the outer part, upvotes and stars in the inner one; either may have them."""
    counted = {
        "upvotes": _first(parts, "upvotes"),
        "comments": _first(parts[::-1], "numComments"),
        "stars": _first(parts, "githubStars"),
    }
    return {name: count for name, count in counted.items() if type(count) is int and 0 <= count <= COUNT_LIMIT}


# ── what is kept as it was said ──────────────────────────────────────────────────────────────────────────────────

READ_WHOLE = frozenset(["paper", "title", "summary", "authors", "ai_keywords", "upvotes", "numComments", "githubStars"])
"""Not kept a second time: the paper and the announcement's signals hold them."""


def _said(parts: Parts, paper: Paper) -> Record:
    """What the paper has no field for (submitter, AI summary, project page, media, …), without people's pictures and
    accounts. Of the outer title and summary only what says something else than the paper's."""
    inner, outer = parts[0], parts[-1]
    said = _kept(outer)
    if inner is not outer:
        said["paper"] = _kept(inner)
    for key, held in (("title", paper.title), ("summary", paper.abstract)):
        words = outer.get(key)
        if words != inner.get(key) and folded(words) not in ("", held):
            said[key] = keep(words)
    return said


def _kept(part: Record) -> Record:
    return {
        key if key.isprintable() else keep(key): keep(_named(value) if type(value) is dict else value)
        for key, value in islice(part.items(), ENTRIES_KEPT)
        if key not in READ_WHOLE
    }


def _named(value: Record) -> Any:
    """An account's name in place of the account; anything else as it is, without its picture."""
    if "avatarUrl" in value or "isPro" in value:
        return value.get("name") or value.get("user") or value.get("fullname")
    return {key: kept for key, kept in value.items() if key != "avatar"}


def _json_name(value: Any) -> str:
    names = {str: "string", int: "number", float: "number", bool: "truth value", list: "list", type(None): "null"}
    return names.get(type(value), fold(type(value).__name__))
