"""Papers as rows whose JSON is text already: for lists that are asked for all the time.

Here nothing becomes an object on its way to a reader: authors, categories and keywords are kept as JSON, and so they
come out; names and sources are put together by the database. What a row says is what `papers.load` says. `STAMP`
is another one as soon as anything of a row is, and costs less.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import TextClause, text

from paperlark.model.papers import Alias, StoredPaper
from paperlark.store.database import Store

SQLITE = {
    "json": "p.{}",
    "length": "json_array_length(p.authors)",
    "ids": "p.id IN (SELECT value FROM json_each(:ids))",
    "aliases": """(SELECT json_group_array(name) FROM (
        SELECT n.scheme || ':' || n.value AS name FROM alias n
        WHERE n.paper_id = p.id AND n.scheme NOT IN ('title', 'entry') ORDER BY n.scheme, n.value))""",
    "sources": """(SELECT json_group_array(source) FROM (
        SELECT a.source FROM announcement a WHERE a.paper_id = p.id GROUP BY a.source ORDER BY min(a.id)))""",
    "signals": """(SELECT group_concat(counts) FROM (
        SELECT s.counts FROM announcement a JOIN signal s ON s.announcement_id = a.id
        WHERE a.paper_id = p.id ORDER BY s.at, a.id))""",
}
POSTGRES = {
    "json": "CAST(p.{} AS text)",
    "length": "jsonb_array_length(p.authors)",
    "ids": "p.id = ANY(:ids)",
    "aliases": """(SELECT CAST(json_agg(n.scheme || ':' || n.value
        ORDER BY n.scheme COLLATE "C", n.value COLLATE "C") AS text)
        FROM alias n WHERE n.paper_id = p.id AND n.scheme NOT IN ('title', 'entry'))""",
    "sources": """(SELECT CAST(json_agg(f.source ORDER BY f.first) AS text) FROM (
        SELECT a.source, min(a.id) AS first FROM announcement a WHERE a.paper_id = p.id GROUP BY a.source) f)""",
    "signals": """(SELECT string_agg(CAST(s.counts AS text), ',' ORDER BY s.at, a.id)
        FROM announcement a JOIN signal s ON s.announcement_id = a.id WHERE a.paper_id = p.id)""",
}

STAMP = """(coalesce(p.revised, 0) || ' '
    || (SELECT count(*) FROM alias n WHERE n.paper_id = p.id) || ' '
    || (SELECT count(*) || ' ' || count(s.at) || ' ' || coalesce(CAST(max(s.at) AS text), '')
        FROM announcement a LEFT JOIN signal s ON s.announcement_id = a.id WHERE a.paper_id = p.id))"""
"""What `p`, a paper, is at: its words, its names, and what sources told of it and counted."""


class Printed(NamedTuple):
    """A paper. authors, categories, keywords, aliases and sources are the text of JSON lists; signals is the text of
    objects with commas between them, the latest last, and is None or empty where nothing was counted. Moments are as
    the driver gives them."""

    id: int
    title: str
    abstract: str
    authors: str
    author_count: int | None
    named: int
    organisation: str | None
    categories: str
    keywords: str
    url: str | None
    code_url: str | None
    published_at: datetime | str | None
    first_seen: datetime | str
    announced_at: datetime | str | None
    aliases: str | None
    sources: str | None
    signals: str | None


async def papers(store: Store, paper_ids: Sequence[int]) -> dict[int, Printed]:
    """Papers by id, in the order asked for; unknown ids are left out. At most a few hundred at a time."""
    if not paper_ids:
        return {}
    ids: Any = list(paper_ids) if store.postgres else json.dumps(list(paper_ids))
    found = {row[0]: Printed._make(row) for row in await store.glance(_papers(store.postgres), ids=ids)}
    return {number: found[number] for number in paper_ids if number in found}


async def load(store: Store, paper_ids: Sequence[int]) -> dict[int, StoredPaper]:
    """The same as objects: what `papers.load` gives, at a quarter of the price, and outside of any transaction."""
    return {number: _stored(row) for number, row in (await papers(store, paper_ids)).items()}


def _stored(row: Printed) -> StoredPaper:
    first_seen = _moment(row.first_seen)
    signals: dict[str, int] = {}
    for counts in json.loads(f"[{row.signals or ''}]"):
        signals |= counts
    return StoredPaper(
        id=row.id,
        title=row.title,
        abstract=row.abstract,
        authors=tuple(json.loads(row.authors)),
        author_count=row.author_count,
        organisation=row.organisation,
        categories=tuple(json.loads(row.categories)),
        keywords=tuple(json.loads(row.keywords)),
        aliases=tuple(sorted(Alias(*name.split(":", 1)) for name in json.loads(row.aliases or "[]"))),
        url=row.url,
        code_url=row.code_url,
        published_at=_moment(row.published_at) if row.published_at else None,
        first_seen=first_seen,
        announced_at=_moment(row.announced_at) if row.announced_at else first_seen,
        sources=tuple(json.loads(row.sources or "[]")),
        signals=signals,
    )


def _moment(told: datetime | str) -> datetime:
    return datetime.fromisoformat(told).replace(tzinfo=UTC) if isinstance(told, str) else told.astimezone(UTC)


@cache
def _papers(postgres: bool) -> TextClause:
    words = POSTGRES if postgres else SQLITE
    authors, categories, keywords = (words["json"].format(name) for name in ("authors", "categories", "keywords"))
    return text(f"""
        SELECT p.id, p.title, p.abstract, {authors}, p.author_count, {words["length"]}, p.organisation,
            {categories}, {keywords}, p.url, p.code_url, p.published_at, p.first_seen,
            (SELECT min(a.announced_at) FROM announcement a WHERE a.paper_id = p.id),
            {words["aliases"]}, {words["sources"]}, {words["signals"]}
        FROM paper p WHERE {words["ids"]}""")
