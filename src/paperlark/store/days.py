"""What was announced when, as pages list it: a day's papers in their order, stretches of days by their counts.

Statements for `Store.glance`: each is one step to the database and back, and its rows are short. Of a paper's counts
the last reading of each announcement is looked at.
"""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, ColumnElement, Text, TextClause, and_, bindparam, cast, func, select, text

from paperlark.model.papers import at_midnight
from paperlark.store import printed
from paperlark.store.columns import Moment
from paperlark.store.database import Store
from paperlark.store.prints import Order, Voted
from paperlark.store.tables import ANNOUNCEMENT, SIGNAL


class Counted(NamedTuple):
    """A count of a paper: who told of it, when, and what was counted last, as JSON."""

    paper_id: int
    source: str
    announced_at: datetime
    counts: str


async def newest(store: Store) -> date | None:
    """The newest day on which anything was announced."""
    ((found,),) = await store.glance(_NEWEST)
    return _day(found)


async def around(store: Store, since: date, until: date) -> tuple[date | None, date | None]:
    """The nearest days before `since`, and at or after `until`, on which anything was announced."""
    ((earlier, later),) = await store.glance(_AROUND, since=at_midnight(since), until=at_midnight(until))
    return _day(earlier), _day(later)


class Liked(NamedTuple):
    """The papers of a stretch, most upvoted first, of equals the newer. earlier, later: the nearest days around it on
    which anything was announced; newest: the newest of all."""

    papers: Sequence[Voted]
    earlier: date | None
    later: date | None
    newest: date | None


async def liked(store: Store, since: date, until: date) -> Liked:
    """The papers announced from `since` until before `until`.

    All of them, for their order is ours to find: to have a database look at each one's votes costs it three times
    as long as to hand them over. While no paper of a stretch has another version, nor one more is in it, its order is
    what it was when somebody asked for it last.
    """
    given = {"since": at_midnight(since), "until": at_midnight(until)}
    ((together, earlier, later, latest),) = await store.glance(_stretch(store.postgres), **given)
    kept = store.orders.get((since, until))
    if kept is None or kept.versions != together:
        ((told,),) = await store.glance(_readings(store.postgres), **given)
        kept = Order(together, await asyncio.to_thread(_most_upvoted_first, together, told))
        store.orders.keep((since, until), kept)
    return Liked(kept.papers, _day(earlier), _day(later), _day(latest))


def _most_upvoted_first(together: str | None, told: str | None) -> Sequence[Voted]:
    """Papers and their votes, of rows of versions, and of rows of readings."""
    versions = dict(printed.rows(together))
    latest: dict[str, tuple[str, int]] = {}
    for number, at, counts in printed.rows(told):
        votes = json.loads(counts).get("upvotes") if counts else None
        before = latest.setdefault(number, ("", 0))
        if votes is not None and at > before[0]:
            latest[number] = (at, int(votes))
    found = [Voted(int(number), votes, versions.get(number, "")) for number, (_, votes) in latest.items()]
    return tuple(sorted(found, key=lambda paper: (paper.votes, paper.paper_id), reverse=True))


async def per_day(store: Store, since: date, until: date) -> dict[date, int]:
    """How many papers were announced on each day from `since` until before `until`; days without any are left out."""
    found = await store.glance(_PER_DAY, since=at_midnight(since), until=at_midnight(until))
    return {date.fromisoformat(day): papers for day, papers in found}


async def counted(store: Store, since: date, until: date) -> list[Counted]:
    """What was counted last of each announcement from `since` until before `until`."""
    found = await store.glance(_COUNTED, since=at_midnight(since), until=at_midnight(until))
    return [Counted(paper_id, source, _moment(at), counts) for paper_id, source, at, counts in found]


def _moment(told: str | datetime) -> datetime:
    """A moment, however the driver tells it."""
    return datetime.fromisoformat(told).replace(tzinfo=UTC) if isinstance(told, str) else told.astimezone(UTC)


def _day(told: str | datetime | None) -> date | None:
    return _moment(told).date() if told is not None else None


# ── the statements ─────────────────────────────────────────────────────────────────────────────────────────────────


def _given(name: str) -> BindParameter[Any]:
    """What is given with each reading."""
    return bindparam(name, required=False)


def _within(announcement: Any) -> ColumnElement[bool]:
    at = announcement.c.announced_at
    return and_(at >= _given("since"), at < _given("until"))


_AT = ANNOUNCEMENT.c.announced_at
_DAY = func.substr(cast(_AT, Text), 1, 10, type_=Text)
_NEWEST = select(func.max(_AT))
_AROUND = select(
    select(func.max(_AT)).where(_given("since") > _AT).scalar_subquery(),
    select(func.min(_AT)).where(_given("until") <= _AT).scalar_subquery(),
)
_LAST = SIGNAL.alias("last")
_LAST_READING = and_(
    SIGNAL.c.announcement_id == ANNOUNCEMENT.c.id,
    SIGNAL.c.at == select(func.max(_LAST.c.at)).where(_LAST.c.announcement_id == ANNOUNCEMENT.c.id).scalar_subquery(),
)
_PER_DAY = select(_DAY, func.count(ANNOUNCEMENT.c.paper_id.distinct())).where(_within(ANNOUNCEMENT)).group_by(_DAY)
_COUNTED = (
    select(ANNOUNCEMENT.c.paper_id, ANNOUNCEMENT.c.source, _AT, cast(SIGNAL.c.counts, Text))
    .select_from(ANNOUNCEMENT)
    .join(SIGNAL, _LAST_READING)
    .where(_within(ANNOUNCEMENT))
)


_LAST_SQLITE = """LEFT JOIN signal s ON s.announcement_id = a.id
    AND s.at = (SELECT max(l.at) FROM signal l WHERE l.announcement_id = a.id)"""
# Else PostgreSQL reads every reading that there is.
_LAST_POSTGRES = """LEFT JOIN LATERAL (
    SELECT l.at, l.counts FROM signal l WHERE l.announcement_id = a.id ORDER BY l.at DESC LIMIT 1) s ON true"""


_WITHIN = "SELECT paper_id FROM announcement WHERE announced_at >= :since AND announced_at < :until"


def _timed(words: str) -> TextClause:
    return text(words).bindparams(bindparam("since", type_=Moment()), bindparam("until", type_=Moment()))


@cache
def _stretch(postgres: bool) -> TextClause:
    """The versions of a stretch's papers, and what is around it."""
    # PostgreSQL looks a list up three times as fast as what it joins.
    those = f"= ANY(ARRAY({_WITHIN}))" if postgres else f"IN ({_WITHIN})"
    return _timed(f"""
        SELECT (SELECT {printed.together(printed.VERSION, postgres=postgres)} FROM paper p WHERE p.id {those}),
            (SELECT max(announced_at) FROM announcement WHERE announced_at < :since),
            (SELECT min(announced_at) FROM announcement WHERE announced_at >= :until),
            (SELECT max(announced_at) FROM announcement)""")


@cache
def _readings(postgres: bool) -> TextClause:
    """Of each paper of a stretch, whoever announced it and when: the last reading of its counts, if there is any."""
    told = [f"coalesce({each}, '')" for each in ("CAST(s.at AS text)", "CAST(s.counts AS text)")]
    together = printed.together(["CAST(a.paper_id AS text)", *told], postgres=postgres)
    return _timed(f"""
        SELECT {together} FROM announcement a {_LAST_POSTGRES if postgres else _LAST_SQLITE}
        WHERE a.paper_id IN ({_WITHIN})""")
