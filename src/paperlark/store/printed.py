"""Papers as rows whose JSON is text already: for lists that are asked for all the time.

Here nothing becomes an object on its way to a reader: the database makes the JSON of a paper's own row; names, and what
sources told, it puts together in one look at each. What a row says is what `papers.load` says.

Papers that were asked for lately are at hand (`Prints`), for what is told of a paper changes a few times in its life.
Nobody is told one without looking: each time the database says which version of each paper there is.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import TextClause, text

from paperlark.model.papers import StoredPaper
from paperlark.store.database import Store
from paperlark.store.prints import ROW_OF_TOLD, UNIT, Printed

FIELD, ROW = "\x1f", "\x1e"  # what parts fields, and rows: JSON holds none as it is

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


async def papers(store: Store, paper_ids: Sequence[int]) -> dict[int, Printed]:
    """Papers by id, in the order asked for; unknown ids are left out. At most a few hundred at a time."""
    if not paper_ids:
        return {}
    ((together,),) = await store.glance(_versions(store.postgres), ids=_ids(store, paper_ids))
    found = await in_version(store, [(number, version) for number, version in rows(together)])
    return {number: found[str(number)] for number in paper_ids if str(number) in found}


async def load(store: Store, paper_ids: Sequence[int]) -> dict[int, StoredPaper]:
    """The same as objects: what `papers.load` gives, at a quarter of the price, and outside of any transaction."""
    return {number: row.stored() for number, row in (await papers(store, paper_ids)).items()}


async def in_version(store: Store, versions: Iterable[tuple[str, str]]) -> dict[str, Printed]:
    """Papers by their ids as text. versions: of each its id and the version that it has, or had a moment ago; what
    ended since is left out."""
    found, missing = store.prints.of(versions)
    if missing:
        ((together,),) = await store.glance(_whole(store.postgres), ids=_ids(store, list(map(int, missing))))
        read = [Printed._make(row) for row in rows(together)]
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


def rows(together: str | None) -> list[list[str]]:
    """The rows, and their fields, of such a text; in no order."""
    return [row.split(FIELD) for row in together.split(ROW)] if together else []


def quoted(value: str, *, postgres: bool) -> str:
    """SQL for a text as JSON."""
    return (_POSTGRES if postgres else _SQLITE)["quoted"].format(value)


def gathered(value: str, *, postgres: bool, between: str = ", ", order: str = "") -> str:
    """What a statement selects to have the values of a group as one text."""
    return (_POSTGRES if postgres else _SQLITE)["gathered"].format(value=value, between=between, order=order)


SHOWN = (
    '"id": "%s", "title": %s, "abstract": %s, "authors": %s, "author_count": %s, "organisation": %s, '
    '"categories": %s, "keywords": %s, "published_at": %s, "first_seen": "%s"'
)


VERSION = ["CAST(p.id AS text)", "coalesce(p.revised, 0) || ' ' || coalesce(p.retold, 0)"]
"""The fields of `p`, a paper, that `in_version` asks by."""


def _fields(*, postgres: bool) -> list[str]:
    """The fields of `p`, a paper, for a `Printed`. To make JSON of it is the database's work, beside us."""
    words = _POSTGRES if postgres else _SQLITE

    def json_of(name: str) -> str:
        return quoted(f"p.{name}", postgres=postgres)

    def moment_of(name: str) -> str:  # in RFC 3339, as `web.api.papers.moment` writes it
        return words["moment"].format(f"p.{name}")

    shown = [
        "CAST(p.id AS text)",
        json_of("title"),
        json_of("abstract"),
        words["json"].format("p.authors"),
        f"coalesce(CAST(nullif({words['authors']}, 0) AS text), 'null')",
        f"coalesce({json_of('organisation')}, 'null')",
        words["json"].format("p.categories"),
        words["json"].format("p.keywords"),
        f"""coalesce('"' || {moment_of("published_at")} || '"', 'null')""",
        moment_of("first_seen"),
    ]
    return [
        *VERSION,
        _printed(SHOWN, shown, words),
        "CAST(p.author_count AS text)",
        *(json_of("url"), json_of("code_url")),
        "CAST(p.first_seen AS text)",
        *("aliases.all_of_it", "told.all_of_it"),
    ]


def _beside(those: str, *, postgres: bool) -> str:
    """SQL that joins to `p`, papers, their names and what was told of them: each in one look for all of them. To ask
    paper by paper, in sub-selects, takes the databases five times as long. those: a condition, but for the column."""
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
            GROUP BY n.paper_id) aliases ON aliases.paper_id = p.id
        LEFT JOIN (SELECT a.paper_id, {told} AS all_of_it
            FROM announcement a LEFT JOIN signal s ON s.announcement_id = a.id WHERE a.paper_id {those}
            GROUP BY a.paper_id) told ON told.paper_id = p.id"""


@cache
def _versions(postgres: bool) -> TextClause:
    those = (_POSTGRES if postgres else _SQLITE)["in"]
    return text(f"SELECT {together(VERSION, postgres=postgres)} FROM paper p WHERE p.id {those}")


@cache
def _whole(postgres: bool) -> TextClause:
    those = (_POSTGRES if postgres else _SQLITE)["in"]
    papers = together(_fields(postgres=postgres), postgres=postgres)
    return text(f"SELECT {papers} FROM paper p {_beside(those, postgres=postgres)} WHERE p.id {those}")
