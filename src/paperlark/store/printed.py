"""Papers as rows whose JSON is text already: for lists that are asked for all the time.

Here nothing becomes an object on its way to a reader: authors, categories and keywords are kept as JSON, and so they
come out; names, and what sources told, are put together by the database in one look at each. What a row says is what
`papers.load` says.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import TextClause, text

from paperlark.model.papers import Alias, StoredPaper
from paperlark.store.database import Store

_SQLITE = {
    "json": "p.{}",
    "length": "json_array_length(p.authors)",
    "ids": "p.id IN (SELECT value FROM json_each(:ids))",
    "aliases": """(SELECT json_group_array(name) FROM (
        SELECT n.scheme || ':' || n.value AS name FROM alias n
        WHERE n.paper_id = p.id AND n.scheme NOT IN ('title', 'entry') ORDER BY n.scheme, n.value))""",
    "told": """(SELECT group_concat('[' || a.id || ',' || json_quote(a.source) || ',"' || a.announced_at || '",'
            || coalesce('"' || s.at || '",' || s.counts, 'null,null') || ']')
        FROM announcement a LEFT JOIN signal s ON s.announcement_id = a.id WHERE a.paper_id = p.id)""",
}
_POSTGRES = {
    "json": "CAST(p.{} AS text)",
    "length": "jsonb_array_length(p.authors)",
    "ids": "p.id = ANY(:ids)",
    "aliases": """(SELECT CAST(json_agg(n.scheme || ':' || n.value
        ORDER BY n.scheme COLLATE "C", n.value COLLATE "C") AS text)
        FROM alias n WHERE n.paper_id = p.id AND n.scheme NOT IN ('title', 'entry'))""",
    "told": """(SELECT string_agg('[' || a.id || ',' || CAST(to_json(a.source) AS text)
            || ',"' || a.announced_at || '",'
            || coalesce('"' || s.at || '",' || CAST(s.counts AS text), 'null,null') || ']', ',')
        FROM announcement a LEFT JOIN signal s ON s.announcement_id = a.id WHERE a.paper_id = p.id)""",
}


class Telling(NamedTuple):
    """What sources told of a paper: when the first announced it, which did, in order, and the latest count of each
    kind."""

    announced_at: datetime | str | None
    sources: Sequence[str]
    signals: dict[str, int]


class Printed(NamedTuple):
    """A paper. authors, categories, keywords and aliases are the text of JSON lists (aliases None for none). told:
    lists with commas between them, in no order, one for each reading of counts and each announcement that has none:
    its id, source and moment, the reading's moment and counts. Moments are as the driver gives them.

    revised: another one as soon as anything else than aliases and told is.
    """

    id: int
    revised: int | None
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
    aliases: str | None
    told: str | None

    @property
    def stamp(self) -> str:
        """Another one as soon as anything of the row is, and short."""
        return f"{self.id} {self.revised} {self.aliases} {self.told}"

    def telling(self) -> Telling:
        """What sources told of it."""
        told: list[tuple[int, str, str, str | None, dict[str, int] | None]] = json.loads(f"[{self.told or ''}]")
        if len(told) == 1:  # by far the commonest
            [(_, source, announced_at, _, counts)] = told
            return Telling(announced_at, (source,), counts or {})
        told.sort(key=_by_announcement)
        signals: dict[str, int] = {}
        for _, counts in sorted(((at, counts) for *_, at, counts in told if at and counts), key=_moment_first):
            signals |= counts
        return Telling(
            min([each[2] for each in told], default=None), list(dict.fromkeys([each[1] for each in told])), signals
        )


def _by_announcement(told: Sequence[Any]) -> int:
    return int(told[0])


def _moment_first(read: tuple[str, Any]) -> str:
    return read[0]


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


def columns(*, postgres: bool) -> str:
    """What a statement selects of `p`, a paper, for a `Printed`."""
    words = _POSTGRES if postgres else _SQLITE
    authors, categories, keywords = (words["json"].format(name) for name in ("authors", "categories", "keywords"))
    return f"""p.id, p.revised, p.title, p.abstract, {authors}, p.author_count, {words["length"]}, p.organisation,
            {categories}, {keywords}, p.url, p.code_url, p.published_at, p.first_seen,
            {words["aliases"]}, {words["told"]}"""


def _stored(row: Printed) -> StoredPaper:
    first_seen, told = _moment(row.first_seen), row.telling()
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
        announced_at=_moment(told.announced_at) if told.announced_at else first_seen,
        sources=tuple(told.sources),
        signals=told.signals,
    )


def _moment(told: datetime | str) -> datetime:
    found = datetime.fromisoformat(told) if isinstance(told, str) else told
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


@cache
def _papers(postgres: bool) -> TextClause:
    words = _POSTGRES if postgres else _SQLITE
    return text(f"SELECT {columns(postgres=postgres)} FROM paper p WHERE {words['ids']}")
