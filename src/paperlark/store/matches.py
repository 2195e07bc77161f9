"""What matched, as its reader reads it: each paper once, where it first matched a profile that is still there.

**Positions.** A paper stands at the moment of its first match, and stays there whatever matches later: a list that is
read on from a position neither repeats nor leaves out a paper that was there.

**What is surely complete.** A match carries the time of its transaction, and a transaction that began early may commit
late. So who asks again and again asks only for what lies before `complete_before`: no transaction that is under way, or
still to begin, can write a match from before that moment.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache, lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import TextClause, bindparam, text

from paperlark.store import printed
from paperlark.store.columns import Moment
from paperlark.store.database import Store, Transaction
from paperlark.store.printed import FIELD, ROW
from paperlark.store.prints import UNIT, Printed, rfc3339

COUNTED = 1_000  # unread papers; more are not counted
LOOKED_AT = 1_500  # matches that usually are as many papers
KEPT = 2_000  # rows as they are told, some 500 bytes each
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


class Met(NamedTuple):
    """A paper that matched, by what the reader's own rows say of it. profiles and marks are JSON text: a list of {id,
    name, matched_at}, by id, and an object of moments by kind. matched_at: as the database writes it. version: of the
    paper, None where it ended this moment."""

    paper_id: int
    matched_at: str
    profiles: str
    marks: str
    version: tuple[str, str] | None


class Matched(NamedTuple):
    """A paper that matched, and the paper."""

    met: Met
    paper: Printed | None


class Head(NamedTuple):
    """How many papers are unread (at most COUNTED), and whether anything is muted: if so, it is still among them."""

    unread: int
    muting: bool


async def listed(store: Store, wanted: Wanted, limit: int) -> list[Matched]:
    """Some of the papers that matched, in order."""
    ((together, named),) = await store.glance(_listed(store.postgres, *_shape(wanted)), **_values(wanted), limit=limit)
    return await _in_order(store, together, named, wanted)


async def named(store: Store, wanted: Wanted, paper_ids: Collection[int]) -> list[Matched]:
    """Those of some papers that matched, in the same order."""
    ids: Any = list(paper_ids) if store.postgres else json.dumps(list(paper_ids))
    ((together, named),) = await store.glance(_named(store.postgres, *_shape(wanted)), **_values(wanted), ids=ids)
    return await _in_order(store, together, named, wanted)


async def _in_order(store: Store, together: str | None, named: str | None, wanted: Wanted) -> list[Matched]:
    found = [_met(row, named or "") for row in together.split(ROW)] if together else []
    papers = await printed.in_version(store, [met.version for met in found if met.version])
    found.sort(key=_PLACE, reverse=wanted.after is None)
    return [Matched(met, papers.get(met.version[0]) if met.version else None) for met in found]


_PLACE = itemgetter(1, 0)


@lru_cache(maxsize=KEPT)
def _met(row: str, named: str) -> Met:
    """A row as it is told. Remembered for those that were read last: it depends on nothing but its text, and that of
    the profiles' names."""
    number, matched_at, met, marked, paper, version = row.split(FIELD)
    names = _names(named)
    first: dict[str, str] = {}
    for profile, at in _pairs(met, UNIT):
        if profile in names and at < first.get(profile, "~"):
            first[profile] = at
    profiles = [
        f'{{"id": "{profile}", "name": {names[profile]}, "matched_at": "{rfc3339(first[profile])}"}}'
        for profile in sorted(first, key=int)
    ]
    marks = {kind: rfc3339(at) for kind, at in sorted(_pairs(marked, UNIT))}
    if "saved" in marks:
        marks.pop("dismissed", None)
    return Met(
        int(number), matched_at, f"[{', '.join(profiles)}]", json.dumps(marks), (paper, version) if paper else None
    )


@lru_cache(maxsize=1_000)
def _names(named: str) -> Mapping[str, str]:
    """The profiles' names, as JSON, by their ids."""
    return dict(_pairs(named, ROW))


def _pairs(together: str, between: str) -> Iterator[tuple[str, str]]:
    """What two words say of one another, of such texts."""
    for each in together.split(between) if together else ():
        one, _, other = each.partition(" ")
        yield one, other


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
    oldest = await oldest_under_way(tx)
    return now if oldest is None else min(now, oldest)


async def oldest_under_way(tx: Transaction) -> datetime | None:
    """When the oldest of the other transactions that are under way began, at most LONGEST ago; None where there is
    none, and always on SQLite, where one at a time writes."""
    if not tx.postgres:
        return None
    oldest: datetime | None = (await tx.execute(_OLDEST, {"longest": LONGEST})).scalar_one()
    return None if oldest is None else oldest.astimezone(UTC)


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

_IDS = "m.paper_id IN (SELECT value FROM json_each(:ids))"
_IDS_POSTGRES = "m.paper_id = ANY(:ids)"


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
    """What is told of `k`, the papers that matched and when, and the names of profiles; join: how they find their own
    rows. A paper has few matches and marks: they are looked up paper by paper, and put in order by who reads them."""

    def gathered(one: str, other: str, rows: str, between: str = UNIT) -> str:
        pair = f"{one} || ' ' || {other}"
        return f"(SELECT {printed.gathered(pair, postgres=postgres, between=between)} FROM {rows})"

    mine = "{0}.account_id = :account AND {0}.paper_id = k.paper_id"
    fields = [
        "CAST(k.paper_id AS text)",
        "CAST(k.matched_at AS text)",
        gathered("e.profile_id", "e.matched_at", f"{_of_paper(postgres)} WHERE {mine.format('e')}"),
        # What is unread has no marks.
        "''" if state is State.UNREAD else gathered("r.kind", "r.at", f"mark r WHERE {mine.format('r')}"),
        *printed.VERSION,
    ]
    name = printed.quoted("f.name", postgres=postgres)
    names = gathered("f.id", name, "profile f WHERE f.account_id = :account AND f.removed_at IS NULL", ROW)
    together = printed.together(fields, postgres=postgres)
    return f"{together}, {names} FROM k {join} paper p ON p.id = k.paper_id"


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
    keys, those = _keys(postgres, state, one_profile, before, after), _IDS_POSTGRES if postgres else _IDS
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
    SELECT CASE WHEN count(*) > 0 THEN greatest(min(began), clock_timestamp() - :longest) END FROM (
        SELECT CASE WHEN state = 'disabled' OR query = '<insufficient privilege>' THEN clock_timestamp() - :longest
            ELSE xact_start END AS began
        FROM pg_stat_activity
        WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()) s
    WHERE began IS NOT NULL""")
