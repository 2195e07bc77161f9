"""Papers as rows whose JSON is text already: for lists that are asked for all the time.

Here nothing becomes an object on its way to a reader: the database makes the JSON of a paper's own row; names, and what
sources told, it puts together in one look at each. What a row says is what `papers.load` says.

Own rows that were asked for lately are at hand (`Prints`), for a paper's words hardly ever change. Nobody is told one
without looking: each time the database says which revision of each paper there is, and what it is named and told.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import TextClause, text

from paperlark.model.papers import Alias, StoredPaper
from paperlark.store.database import Store
from paperlark.store.prints import Own

UNIT, FIELD, ROW = "\x1d", "\x1f", "\x1e"  # what parts units of a field, fields, and rows: JSON holds none as it is
ROW_OF_TOLD = "\x1c"

_SQLITE = {
    "quoted": "json_quote({})",
    "json": "{}",
    "authors": "max(coalesce(p.author_count, 0), json_array_length(p.authors))",
    "moment": "replace(replace({}, ' ', 'T'), '.000000', '') || 'Z'",
    "printed": "printf('{}', {})",
    "together": "group_concat({}, '{}')",
    "in": "IN (SELECT value FROM json_each(:ids))",
    "gathered": "group_concat({value}, '{between}')",
    "alias": "json_quote(n.scheme || ':' || n.value)",
    "counts": "s.counts",
    "by_alias": "",
    "by_told": "",
}
_POSTGRES = {
    "quoted": "CAST(to_json({}) AS text)",
    "json": "CAST({} AS text)",
    "authors": "greatest(coalesce(p.author_count, 0), jsonb_array_length(p.authors))",
    "moment": """replace(to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), '.000000', '') || 'Z'""",
    "printed": "format('{}', {})",
    "together": "string_agg({}, '{}')",
    "in": "= ANY(:ids)",
    "gathered": "string_agg({value}, '{between}' {order})",
    "alias": "CAST(to_json(n.scheme || ':' || n.value) AS text)",
    "counts": "CAST(s.counts AS text)",
    "by_alias": 'ORDER BY n.scheme COLLATE "C", n.value COLLATE "C"',
    "by_told": "ORDER BY a.id, s.at",
}


class Telling(NamedTuple):
    """What sources told of a paper: when the first announced it, which did, in order, and what was counted, as JSON,
    the latest last."""

    announced_at: str | None
    sources: Sequence[str]
    counts: Sequence[str]

    @property
    def signals(self) -> dict[str, int]:
        """The latest count of each kind."""
        signals: dict[str, int] = {}
        for each in self.counts:
            signals |= json.loads(each)
        return signals


class Printed(NamedTuple):
    """A paper. aliases: JSON, or "" for none. told: rows, in no order, one for each reading of counts and each
    announcement that has none, of five units: its id, source and moment, the reading's moment and counts. Moments are
    as the database writes them."""

    own: Own
    aliases: str
    told: str

    def telling(self) -> Telling:
        """What sources told of it."""
        if ROW_OF_TOLD not in self.told:  # by far the commonest
            if not self.told:
                return Telling(None, (), ())
            _, source, announced_at, _, counts = self.told.split(UNIT)
            return Telling(announced_at, (source,), (counts,) if counts else ())
        told = sorted([each.split(UNIT) for each in self.told.split(ROW_OF_TOLD)], key=_by_announcement)
        return Telling(
            min([each[2] for each in told]),
            list(dict.fromkeys([each[1] for each in told])),
            [counts for _, counts in sorted((at, counts) for *_, at, counts in told if counts)],
        )

    def stored(self) -> StoredPaper:
        """The same as an object."""
        own, told = self.own, self.telling()
        shown = json.loads(f"{{{own.shown}}}")
        first_seen, published_at = moment(own.first_seen), shown["published_at"]
        return StoredPaper(
            id=int(own.id),
            title=shown["title"],
            abstract=shown["abstract"],
            authors=tuple(shown["authors"]),
            author_count=int(own.author_count) if own.author_count else None,
            organisation=shown["organisation"],
            categories=tuple(shown["categories"]),
            keywords=tuple(shown["keywords"]),
            aliases=tuple(sorted(Alias(*name.split(":", 1)) for name in json.loads(self.aliases or "[]"))),
            url=json.loads(own.url or "null"),
            code_url=json.loads(own.code_url or "null"),
            published_at=moment(published_at) if published_at else None,
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
    ((together,),) = await store.glance(_papers(store.postgres), ids=_ids(store, paper_ids))
    read = rows(together)
    own = await own_rows(store, [version for *version, _, _ in read])
    found = {int(number): Printed(own[number], *others) for number, _, *others in read if number in own}
    return {number: found[number] for number in paper_ids if number in found}


async def load(store: Store, paper_ids: Sequence[int]) -> dict[int, StoredPaper]:
    """The same as objects: what `papers.load` gives, at a quarter of the price, and outside of any transaction."""
    return {number: row.stored() for number, row in (await papers(store, paper_ids)).items()}


async def own_rows(store: Store, versions: Iterable[Sequence[str]]) -> dict[str, Own]:
    """The own rows of papers by their ids. versions: of each its id and the revision that it has, or had a moment ago;
    what ended since is left out."""
    found, missing = store.prints.of(versions)
    if missing:
        ((together,),) = await store.glance(_own_rows(store.postgres), ids=_ids(store, list(map(int, missing))))
        read = [Own._make(row) for row in rows(together)]
        store.prints.keep(read)
        found |= {each.id: each for each in read}
    return found


def _ids(store: Store, paper_ids: Sequence[int]) -> Any:
    """Ids as a statement takes them."""
    return list(paper_ids) if store.postgres else json.dumps(list(paper_ids))


# ── many rows as one text ──────────────────────────────────────────────────────────────────────────────────────────
#
# A driver takes a while for each row, and for each value of it; Python's lock is taken as often, which other requests
# hold. One text is one step, and the work for it is the database's, beside us.


def together(fields: Sequence[str], *, postgres: bool) -> str:
    """What a statement selects to have many rows as one text. fields: SQL for text; NULL becomes ""."""
    words = _POSTGRES if postgres else _SQLITE
    return words["together"].format(_printed(FIELD.join(["%s"] * len(fields)), fields, words), ROW)


def _printed(template: str, values: Sequence[str], words: Mapping[str, str]) -> str:
    return words["printed"].format(template, ", ".join(values))


def moments(column: str, *, postgres: bool) -> str:
    """SQL for a column's moment in RFC 3339, as `web.api.papers.moment` writes it."""
    return (_POSTGRES if postgres else _SQLITE)["moment"].format(column)


def rows(together: str | None) -> list[list[str]]:
    """The rows, and their fields, of such a text; in no order."""
    return [row.split(FIELD) for row in together.split(ROW)] if together else []


def gathered(value: str, *, postgres: bool, between: str = ", ", order: str = "") -> str:
    """What a statement selects to have the values of a group as one text."""
    return (_POSTGRES if postgres else _SQLITE)["gathered"].format(value=value, between=between, order=order)


def beside(paper: str, those: str, *, postgres: bool) -> str:
    """SQL that joins what belongs to papers beside their own rows, for the fields `BESIDE`: each in one look for all of
    them. To ask for it paper by paper, in sub-selects, takes the databases five times as long. paper: the column of a
    paper's id; those: a condition, but for the column that it follows."""
    words = _POSTGRES if postgres else _SQLITE
    aliases = gathered(words["alias"], postgres=postgres, order=words["by_alias"])
    units = (
        "a.id",
        "a.source",
        "a.announced_at",
        "coalesce(CAST(s.at AS text), '')",
        f"coalesce({words['counts']}, '')",
    )
    told = gathered(f" || '{UNIT}' || ".join(units), postgres=postgres, between=ROW_OF_TOLD, order=words["by_told"])
    return f"""
        LEFT JOIN (SELECT n.paper_id, '[' || {aliases} || ']' AS all_of_it
            FROM (SELECT * FROM alias n WHERE n.paper_id {those}
                AND n.scheme NOT IN ('title', 'entry') ORDER BY n.paper_id, n.scheme, n.value) n
            GROUP BY n.paper_id) aliases ON aliases.paper_id = {paper}
        LEFT JOIN (SELECT a.paper_id, {told} AS all_of_it
            FROM announcement a LEFT JOIN signal s ON s.announcement_id = a.id WHERE a.paper_id {those}
            GROUP BY a.paper_id) told ON told.paper_id = {paper}"""


BESIDE = ["aliases.all_of_it", "told.all_of_it"]

SHOWN = (
    '"id": "%s", "title": %s, "abstract": %s, "authors": %s, "author_count": %s, "organisation": %s, '
    '"categories": %s, "keywords": %s, "published_at": %s, "first_seen": "%s"'
)


def version() -> list[str]:
    """The fields of `p`, a paper, that `own_rows` asks by."""
    return ["CAST(p.id AS text)", "CAST(p.revised AS text)"]


def _own(*, postgres: bool) -> list[str]:
    """The fields of `p`, a paper, for an `Own`. To make JSON of it is the database's work, beside us."""
    words = _POSTGRES if postgres else _SQLITE

    def quoted(name: str) -> str:
        return words["quoted"].format(f"p.{name}")

    def moment_of(name: str) -> str:
        return moments(f"p.{name}", postgres=postgres)

    shown = [
        "CAST(p.id AS text)",
        quoted("title"),
        quoted("abstract"),
        words["json"].format("p.authors"),
        f"coalesce(CAST(nullif({words['authors']}, 0) AS text), 'null')",
        f"coalesce({quoted('organisation')}, 'null')",
        words["json"].format("p.categories"),
        words["json"].format("p.keywords"),
        f"""coalesce('"' || {moment_of("published_at")} || '"', 'null')""",
        moment_of("first_seen"),
    ]
    return [
        *version(),
        _printed(SHOWN, shown, words),
        "CAST(p.author_count AS text)",
        *(quoted("url"), quoted("code_url")),
        "CAST(p.first_seen AS text)",
    ]


@cache
def _papers(postgres: bool) -> TextClause:
    those = (_POSTGRES if postgres else _SQLITE)["in"]
    papers = together([*version(), *BESIDE], postgres=postgres)
    return text(f"SELECT {papers} FROM paper p {beside('p.id', those, postgres=postgres)} WHERE p.id {those}")


@cache
def _own_rows(postgres: bool) -> TextClause:
    those = (_POSTGRES if postgres else _SQLITE)["in"]
    return text(f"SELECT {together(_own(postgres=postgres), postgres=postgres)} FROM paper p WHERE p.id {those}")


def moment(told: str) -> datetime:
    """A moment as the database writes it (`2026-03-04 06:00:00.000000` SQLite, `2026-03-04 06:00:00+00` PostgreSQL), or
    as it is shown."""
    found = datetime.fromisoformat(told)
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
