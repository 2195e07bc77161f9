"""What matched, as its reader reads it: each paper once, where it first matched a profile that is still there.

**Positions.** A paper stands at the moment of its first match, and stays there whatever matches later: a list that is
read on from a position neither repeats nor leaves out a paper that was there.

**What is surely complete.** A match carries the time of its transaction, and a transaction that began early may commit
late. So who asks again and again asks only for what lies before `complete_before`: no transaction that is under way, or
still to begin, can write a match from before that moment.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import TextClause, bindparam, text

from paperlark.store import printed
from paperlark.store.columns import Moment
from paperlark.store.database import Store, Transaction
from paperlark.store.printed import FIELD, ROW
from paperlark.store.prints import Printed

COUNTED = 1_000  # unread papers; more are not counted
LOOKED_AT = 1_500  # matches that usually are as many papers
LONGEST = timedelta(minutes=10)  # of a transaction that writes matches; those take a fraction of a second


class State(StrEnum):
    """What a reader did with a paper that matched. Unread: nothing yet; any: whatever it was."""

    UNREAD = "unread"
    READ = "read"
    SAVED = "saved"
    DISMISSED = "dismissed"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Position:
    """Right behind this paper, which first matched at this moment. paper 0: before all that matched at it."""

    at: datetime
    paper: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose papers, and which: in a state, of one profile alone (None: of all). before: only those older than a
    position, newest first; after: only those newer than a position and older than `until`, oldest first."""

    account_id: int
    state: State = State.UNREAD
    profile_id: int | None = None
    before: Position | None = None
    after: Position | None = None
    until: datetime | None = None


class Matched(NamedTuple):
    """A paper that matched. profiles and marks are JSON text: a list of {id, name, matched_at}, an object of moments by
    kind, "" for none. matched_at: as the database writes it. paper: None where it ended this moment. said: the row as
    it was read, another one as soon as anything of it or of the paper is."""

    paper_id: int
    matched_at: str
    profiles: str
    marks: str
    paper: Printed | None
    said: str


class Head(NamedTuple):
    """How many papers are unread (at most COUNTED), and whether anything is muted: if so, it is still among them."""

    unread: int
    muting: bool


async def listed(store: Store, wanted: Wanted, limit: int) -> list[Matched]:
    """Some of the papers that matched, in order."""
    ((together,),) = await store.glance(_listed(store.postgres, *_shape(wanted)), **_values(wanted), limit=limit)
    return await _in_order(store, together, wanted)


async def named(store: Store, wanted: Wanted, paper_ids: Collection[int]) -> list[Matched]:
    """Those of some papers that matched, in the same order."""
    ids: Any = list(paper_ids) if store.postgres else json.dumps(list(paper_ids))
    ((together,),) = await store.glance(_named(store.postgres, *_shape(wanted)), **_values(wanted), ids=ids)
    return await _in_order(store, together, wanted)


async def _in_order(store: Store, together: str | None, wanted: Wanted) -> list[Matched]:
    read = [(row, row.split(FIELD)) for row in together.split(ROW)] if together else []
    papers = await printed.in_version(store, [fields[4:] for _, fields in read if fields[4]])
    found = [
        Matched(int(number), matched_at, profiles, marks, papers.get(number), row)
        for row, (number, matched_at, profiles, marks, _, _) in read
    ]
    return sorted(found, key=_PLACE, reverse=wanted.after is None)


_PLACE = itemgetter(1, 0)


async def standing(store: Store, wanted: Wanted, limit: int) -> list[tuple[int, datetime]]:
    """The ids alone of the papers that matched, in the same order, and when."""
    rows = await store.glance(_standing(store.postgres, *_shape(wanted)), **_values(wanted), limit=limit)
    return [(number, moment_of(at)) for number, at in rows]


async def head(store: Store, account_id: int) -> Head:
    """What is said above every list."""
    ((counted, muting),) = await store.glance(_head(store.postgres), account=account_id)
    seen, papers = map(int, counted.split())
    if papers < COUNTED and seen == LOOKED_AT:
        # Many profiles for each paper: rare, and worth a longer look.
        ((papers,),) = await store.glance(_counted(store.postgres), account=account_id)
    return Head(min(papers, COUNTED), bool(muting))


async def newer(store: Store, account_ids: Collection[int], since: datetime, until: datetime) -> set[int]:
    """Which of these accounts something matched at or after `since` and before `until`."""
    if store.postgres:
        rows = await store.glance(_NEWER_POSTGRES, accounts=list(account_ids), since=since, until=until)
    else:
        rows = await store.glance(_NEWER_SQLITE, accounts=json.dumps(list(account_ids)), since=since, until=until)
    return {row[0] for row in rows}


async def newest(store: Store) -> datetime | None:
    """When anything last matched for anybody, as far as it is committed."""
    ((at,),) = await store.glance(_NEWEST)
    return moment_of(at) if at is not None else None


async def complete_before(tx: Transaction) -> datetime:
    """Every match from before this moment is surely there, and none will be added before it. On SQLite only in a
    transaction that writes, because there is one at a time.

    On PostgreSQL a transaction's time is never before the beginning of the transaction, so the oldest that is under way
    bounds all of them. What we may not see of other sessions (another role's) could be as old as LONGEST; older ones
    (a backup) are none of ours. Ask before reading: what commits in between is then seen.
    """
    now = await tx.now()
    if not tx.postgres:
        return now
    oldest: datetime = (await tx.execute(_OLDEST, {"longest": LONGEST})).scalar_one()
    return min(now, oldest.astimezone(UTC))


def moment_of(value: datetime | str) -> datetime:
    """A moment as a driver gave it."""
    if isinstance(value, str):
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    return value.astimezone(UTC)


# ── the statements ─────────────────────────────────────────────────────────────────────────────────────────────────

_MOMENTS = ("at", "until", "since")


def _typed(words: str) -> TextClause:
    """A statement whose parameters that are moments are told as such."""
    statement = text(words)
    moments = [bindparam(name, type_=Moment()) for name in _MOMENTS if name in statement.compile().params]
    return statement.bindparams(*moments)


Shape = tuple[State, bool, bool, bool]
"""What decides the words of a statement: the state, whether one profile is asked for, `before` and `after`."""

# What is limited is looked up row by row: neither database then joins all of it to read the first few.
_MARKED = "EXISTS (SELECT 1 FROM mark k WHERE k.account_id = :account AND k.paper_id = m.paper_id{} LIMIT 1 OFFSET 0)"
_READ, _SAVED, _DISMISSED = (_MARKED.format(f" AND k.kind = '{kind}'") for kind in ("read", "saved", "dismissed"))
_STATES = {
    State.UNREAD: f"AND NOT {_MARKED.format('')}",
    State.READ: f"AND {_READ}",
    State.SAVED: f"AND {_SAVED}",
    State.DISMISSED: f"AND {_DISMISSED} AND NOT {_SAVED}",
    State.ANY: "",
}

_SAID = {
    "profile": "json_object('id', CAST(f.id AS text), 'name', f.name, 'matched_at', {at})",
    "by_profile": "",
    "mark": """json_quote(r.kind) || ': "' || {at} || '"'""",
    "by_mark": "",
    "ids": "m.paper_id IN (SELECT value FROM json_each(:ids))",
}
_SAID_POSTGRES = {
    "profile": """CAST(json_build_object('id', CAST(f.id AS text), 'name', f.name, 'matched_at', {at}) AS text)""",
    "by_profile": "ORDER BY f.id",
    "mark": """'"' || r.kind || '": "' || {at} || '"'""",
    "by_mark": "ORDER BY r.kind",
    "ids": "m.paper_id = ANY(:ids)",
}


def _shape(wanted: Wanted) -> Shape:
    return wanted.state, wanted.profile_id is not None, wanted.before is not None, wanted.after is not None


def _values(wanted: Wanted) -> dict[str, Any]:
    values: dict[str, Any] = {"account": wanted.account_id}
    if wanted.profile_id is not None:
        values["profile"] = wanted.profile_id
    for position in filter(None, (wanted.before, wanted.after)):
        values |= {"at": position.at, "paper": position.paper}
    if wanted.after is not None:
        values["until"] = wanted.until
    return values


def _those(postgres: bool, state: State, one_profile: bool) -> str:
    """What met profiles that are there, of papers in a state."""
    return f"FROM match m WHERE m.account_id = :account AND {_mine(postgres, 'm', one_profile)} {_STATES[state]}"


def _first(postgres: bool, state: State, one_profile: bool) -> str:
    """The same, of each paper only the first match."""
    return f"""{_those(postgres, state, one_profile)}
        AND NOT EXISTS (SELECT 1 FROM {_of_paper(postgres)} WHERE e.paper_id = m.paper_id AND e.account_id = :account
            AND (e.matched_at, e.profile_id, e.version) < (m.matched_at, m.profile_id, m.version)
            AND {_mine(postgres, "e", one_profile)} LIMIT 1 OFFSET 0)"""


def _of_paper(postgres: bool) -> str:
    """Matches of one paper: SQLite, which keeps no statistics, is told by which index they are few."""
    return "match e" if postgres else "match e INDEXED BY ix_match_paper"


def _mine(postgres: bool, name: str, one_profile: bool) -> str:
    only = " AND f.id = :profile" if one_profile else ""
    mine = f"SELECT f.id FROM profile f WHERE f.account_id = :account AND f.removed_at IS NULL{only}"
    # The plus keeps both databases from reading profile by profile what is wanted newest first.
    return f"+{name}.profile_id = ANY(ARRAY({mine}))" if postgres else f"+{name}.profile_id IN ({mine})"


def _keys(postgres: bool, state: State, one_profile: bool, before: bool, after: bool) -> str:
    place = "AND (m.matched_at, m.paper_id) < (:at, :paper)" if before else ""
    if after:
        place += "AND (m.matched_at, m.paper_id) > (:at, :paper) AND m.matched_at < :until"
    return f"SELECT m.paper_id, m.matched_at {_first(postgres, state, one_profile)} {place}"


def _order(name: str, after: bool) -> str:
    way = "ASC" if after else "DESC"
    return f"ORDER BY {name}.matched_at {way}, {name}.paper_id {way}"


def _told(postgres: bool, state: State, join: str) -> str:
    """What is told of `k`, the papers that matched and when; join: how they find their own rows."""
    said, those = (_SAID_POSTGRES if postgres else _SAID), "IN (SELECT paper_id FROM k)"
    # What is unread has no marks.
    marked = "''" if state is State.UNREAD else "marks.all_of_it"
    fields = ["CAST(k.paper_id AS text)", "CAST(k.matched_at AS text)", "profiles.all_of_it", marked]
    profile = said["profile"].format(at=printed.moments("x.at", postgres=postgres))
    profiles = f"""LEFT JOIN (SELECT x.paper_id,
            '[' || {printed.gathered(profile, postgres=postgres, order=said["by_profile"])} || ']' AS all_of_it
        FROM (SELECT e.paper_id, e.profile_id, min(e.matched_at) AS at FROM {_of_paper(postgres)}
            WHERE e.paper_id {those} AND e.account_id = :account
            GROUP BY e.paper_id, e.profile_id ORDER BY e.paper_id, e.profile_id) x
        JOIN profile f ON f.account_id = :account AND f.id = x.profile_id AND f.removed_at IS NULL
        GROUP BY x.paper_id) profiles ON profiles.paper_id = k.paper_id"""
    mark = said["mark"].format(at=printed.moments("r.at", postgres=postgres))
    marks = f"""LEFT JOIN (SELECT r.paper_id,
            '{{' || {printed.gathered(mark, postgres=postgres, order=said["by_mark"])} || '}}' AS all_of_it
        FROM mark r WHERE r.account_id = :account AND r.paper_id {those} AND NOT (r.kind = 'dismissed' AND EXISTS (
            SELECT 1 FROM mark s WHERE s.account_id = :account AND s.paper_id = r.paper_id AND s.kind = 'saved'))
        GROUP BY r.paper_id) marks ON marks.paper_id = k.paper_id"""
    told = printed.together([*fields, *printed.VERSION], postgres=postgres)
    return f"{told} FROM k {join} paper p ON p.id = k.paper_id {profiles} {'' if state is State.UNREAD else marks}"


@cache
def _head(postgres: bool) -> TextClause:
    """Of the newest ones, how many there are, and how many different papers."""
    return text(f"""
        SELECT (SELECT count(*) || ' ' || count(DISTINCT u.paper_id) FROM (
            SELECT m.paper_id {_those(postgres, State.UNREAD, False)}
            ORDER BY m.matched_at DESC, m.paper_id DESC LIMIT {LOOKED_AT}) u),
            EXISTS (SELECT 1 FROM mute u WHERE u.account_id = :account)""")


@cache
def _counted(postgres: bool) -> TextClause:
    unread = f"SELECT m.paper_id {_first(postgres, State.UNREAD, False)} ORDER BY m.matched_at DESC, m.paper_id DESC"
    return text(f"SELECT count(*) FROM ({unread} LIMIT {COUNTED}) u")


@cache
def _listed(postgres: bool, state: State, one_profile: bool, before: bool, after: bool) -> TextClause:
    keys = _keys(postgres, state, one_profile, before, after)
    return _typed(f"""
        WITH k AS MATERIALIZED ({keys} {_order("m", after)} LIMIT :limit)
        SELECT {_told(postgres, state, "LEFT JOIN")}""")


@cache
def _named(postgres: bool, state: State, one_profile: bool, before: bool, after: bool) -> TextClause:
    keys, those = _keys(postgres, state, one_profile, before, after), (_SAID_POSTGRES if postgres else _SAID)["ids"]
    return _typed(f"""
        WITH k AS MATERIALIZED ({keys} AND {those})
        SELECT {_told(postgres, state, "JOIN")}""")


@cache
def _standing(postgres: bool, state: State, one_profile: bool, before: bool, after: bool) -> TextClause:
    return _typed(f"{_keys(postgres, state, one_profile, before, after)} {_order('m', after)} LIMIT :limit")


_NEWER = "SELECT DISTINCT m.account_id FROM match m WHERE m.matched_at >= :since AND m.matched_at < :until AND {}"
_NEWER_SQLITE = _typed(_NEWER.format("m.account_id IN (SELECT value FROM json_each(:accounts))"))
_NEWER_POSTGRES = _typed(_NEWER.format("m.account_id = ANY(:accounts)"))

_NEWEST = text("SELECT max(matched_at) FROM match")

_OLDEST = text("""
    SELECT greatest(coalesce(min(began), clock_timestamp()), clock_timestamp() - :longest) FROM (
        SELECT CASE WHEN state = 'disabled' OR query = '<insufficient privilege>' THEN clock_timestamp() - :longest
            ELSE xact_start END AS began
        FROM pg_stat_activity
        WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()) s
    WHERE began IS NOT NULL""")
