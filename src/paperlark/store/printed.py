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

UNIT, FIELD, ROW = "\x1d", "\x1f", "\x1e"  # what parts units of a field, fields, and rows: JSON holds none as it is

_SQLITE = {
    "quoted": "json_quote({})",
    "json": "{}",
    "length": "json_array_length(p.authors)",
    "together": "group_concat(printf('{}', {}), '{}')",
    "in": "IN (SELECT value FROM json_each(:ids))",
    "gathered": "group_concat({paper} || '{field}' || {value}, '{row}')",
    "alias": "json_quote(n.scheme || ':' || n.value)",
    "counts": "s.counts",
    "by_alias": "",
    "by_told": "",
}
_POSTGRES = {
    "quoted": "CAST(to_json({}) AS text)",
    "json": "CAST({} AS text)",
    "length": "jsonb_array_length(p.authors)",
    "together": "string_agg(format('{}', {}), '{}')",
    "in": "= ANY(:ids)",
    "gathered": "string_agg({paper} || '{field}' || {value}, '{row}' {order})",
    "alias": "CAST(to_json(n.scheme || ':' || n.value) AS text)",
    "counts": "CAST(s.counts AS text)",
    "by_alias": 'ORDER BY n.scheme COLLATE "C", n.value COLLATE "C"',
    "by_told": "ORDER BY a.id, s.at",
}


class Telling(NamedTuple):
    """What sources told of a paper: when the first announced it, which did, in order, and the latest count of each
    kind."""

    announced_at: str | None
    sources: Sequence[str]
    signals: dict[str, int]


class Printed(NamedTuple):
    """A paper. title, abstract, authors, organisation, categories, keywords, addresses and aliases are JSON; "" stands
    for a number, a moment or aliases that are not there. told: rows, in no order, one for each reading of counts and
    each announcement that has none, of five units: its id, source and moment, the reading's moment and counts. Moments
    are as the database writes them.

    revised: another one as soon as anything else than aliases and told is.
    """

    id: str
    revised: str
    title: str
    abstract: str
    authors: str
    author_count: str
    named: str
    organisation: str
    categories: str
    keywords: str
    url: str
    code_url: str
    published_at: str
    first_seen: str
    aliases: str
    told: str

    @property
    def stamp(self) -> str:
        """Another one as soon as anything of the row is, and short."""
        return f"{self.id} {self.revised} {self.aliases} {self.told}"

    def telling(self) -> Telling:
        """What sources told of it."""
        told = [each.split(UNIT) for each in self.told.split(ROW)] if self.told else []
        if len(told) == 1:  # by far the commonest
            [(_, source, announced_at, _, counts)] = told
            return Telling(announced_at, (source,), json.loads(counts) if counts else {})
        told.sort(key=_by_announcement)
        signals: dict[str, int] = {}
        for _, counts in sorted((at, counts) for *_, at, counts in told if counts):
            signals |= json.loads(counts)
        return Telling(
            min([each[2] for each in told], default=None), list(dict.fromkeys([each[1] for each in told])), signals
        )

    def stored(self) -> StoredPaper:
        """The same as an object."""
        first_seen, told = moment(self.first_seen), self.telling()
        return StoredPaper(
            id=int(self.id),
            title=json.loads(self.title),
            abstract=json.loads(self.abstract),
            authors=tuple(json.loads(self.authors)),
            author_count=int(self.author_count) if self.author_count else None,
            organisation=json.loads(self.organisation or "null"),
            categories=tuple(json.loads(self.categories)),
            keywords=tuple(json.loads(self.keywords)),
            aliases=tuple(sorted(Alias(*name.split(":", 1)) for name in json.loads(self.aliases or "[]"))),
            url=json.loads(self.url or "null"),
            code_url=json.loads(self.code_url or "null"),
            published_at=moment(self.published_at) if self.published_at else None,
            first_seen=first_seen,
            announced_at=moment(told.announced_at) if told.announced_at else first_seen,
            sources=tuple(told.sources),
            signals=told.signals,
        )


def _by_announcement(told: Sequence[Any]) -> int:
    return int(told[0])


async def papers(store: Store, paper_ids: Sequence[int]) -> dict[int, Printed]:
    """Papers by id, in the order asked for; unknown ids are left out. At most a few hundred at a time."""
    if not paper_ids:
        return {}
    ids: Any = list(paper_ids) if store.postgres else json.dumps(list(paper_ids))
    ((together, *others),) = await store.glance(_papers(store.postgres), ids=ids)
    beside = Beside.read(*others)
    found = {int(row[0]): beside.printed(row) for row in rows(together)}
    return {number: found[number] for number in paper_ids if number in found}


async def load(store: Store, paper_ids: Sequence[int]) -> dict[int, StoredPaper]:
    """The same as objects: what `papers.load` gives, at a quarter of the price, and outside of any transaction."""
    return {number: row.stored() for number, row in (await papers(store, paper_ids)).items()}


# ── many rows as one text ──────────────────────────────────────────────────────────────────────────────────────────
#
# A driver takes a while for each row, and for each value of it; Python's lock is taken as often, which other requests
# hold. One text is one step, and the work for it is the database's, beside us.


def together(fields: Sequence[str], *, postgres: bool) -> str:
    """What a statement selects to have many rows as one text. fields: SQL for text; NULL becomes ""."""
    words = _POSTGRES if postgres else _SQLITE
    return words["together"].format(FIELD.join(["%s"] * len(fields)), ", ".join(fields), ROW)


def rows(together: str | None) -> list[list[str]]:
    """The rows, and their fields, of such a text; in no order."""
    return [row.split(FIELD) for row in together.split(ROW)] if together else []


def gathered(paper: str, value: str, *, postgres: bool, order: str = "") -> str:
    """What a statement selects to have something of many papers as one text, for `by_paper`. To ask for it paper by
    paper, each in a sub-select of its own, takes the databases five times as long."""
    words = _POSTGRES if postgres else _SQLITE
    return words["gathered"].format(paper=paper, value=value, field=FIELD, row=ROW, order=order)


def by_paper(gathered: str | None, between: str = ", ") -> dict[str, str]:
    """The values of each paper, by its id, together."""
    found: dict[str, str] = {}
    for row in gathered.split(ROW) if gathered else ():
        paper, _, value = row.partition(FIELD)
        found[paper] = f"{found[paper]}{between}{value}" if paper in found else value
    return found


class Beside(NamedTuple):
    """What belongs to papers beside their own rows, by their ids: aliases, and what sources told."""

    aliases: dict[str, str]
    told: dict[str, str]

    @classmethod
    def read(cls, aliases: str | None, told: str | None) -> "Beside":
        """Of what `beside` selected."""
        return cls(by_paper(aliases), by_paper(told, ROW))

    def printed(self, row: Sequence[str]) -> Printed:
        """A paper, of its `fields`."""
        aliases = self.aliases.get(row[0])
        return Printed._make([*row, f"[{aliases}]" if aliases else "", self.told.get(row[0], "")])


def beside(those: str, *, postgres: bool) -> list[str]:
    """SQL for a `Beside`. those: a condition, but for the column of the paper's id that it follows."""
    words = _POSTGRES if postgres else _SQLITE
    units = (
        "a.id",
        "a.source",
        "a.announced_at",
        "coalesce(CAST(s.at AS text), '')",
        f"coalesce({words['counts']}, '')",
    )
    told = f" || '{UNIT}' || ".join(units)
    aliases = gathered("n.paper_id", words["alias"], postgres=postgres, order=words["by_alias"])
    return [
        f"""(SELECT {aliases} FROM (SELECT * FROM alias n WHERE n.paper_id {those}
            AND n.scheme NOT IN ('title', 'entry') ORDER BY n.paper_id, n.scheme, n.value) n)""",
        f"""(SELECT {gathered("a.paper_id", told, postgres=postgres, order=words["by_told"])}
            FROM announcement a LEFT JOIN signal s ON s.announcement_id = a.id WHERE a.paper_id {those})""",
    ]


def fields(*, postgres: bool) -> list[str]:
    """The fields of `p`, a paper, for `Beside.printed`."""
    words = _POSTGRES if postgres else _SQLITE

    def text_of(*names: str, told: str = "CAST(p.{} AS text)") -> list[str]:
        return [told.format(name) for name in names]

    quoted, as_json = words["quoted"].format("p.{}"), words["json"].format("p.{}")
    return [
        *text_of("id", "revised"),
        *text_of("title", "abstract", told=quoted),
        *text_of("authors", told=as_json),
        *text_of("author_count"),
        f"CAST({words['length']} AS text)",
        *text_of("organisation", told=quoted),
        *text_of("categories", "keywords", told=as_json),
        *text_of("url", "code_url", told=quoted),
        *text_of("published_at", "first_seen"),
    ]


@cache
def _papers(postgres: bool) -> TextClause:
    those = (_POSTGRES if postgres else _SQLITE)["in"]
    papers = f"(SELECT {together(fields(postgres=postgres), postgres=postgres)} FROM paper p WHERE p.id {those})"
    return text(f"SELECT {', '.join([papers, *beside(those, postgres=postgres)])}")


def moment(told: str) -> datetime:
    """A moment as the database writes it: `2026-03-04 06:00:00.000000` SQLite, `2026-03-04 06:00:00+00` PostgreSQL."""
    found = datetime.fromisoformat(told)
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
