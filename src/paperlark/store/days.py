"""What was announced when, as pages list it: a day's papers in their order, stretches of days by their counts.

Statements for `Store.glance`: each is one step to the database and back, and its rows are short. Of a paper's counts
the last reading of each announcement is looked at; of an abstract its opening, which is all that a list shows.
"""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import reduce
from typing import Any, NamedTuple

from sqlalchemy import (
    CTE,
    BigInteger,
    BindParameter,
    ColumnElement,
    Label,
    ScalarSelect,
    Select,
    Text,
    and_,
    bindparam,
    cast,
    func,
    literal,
    or_,
    select,
)

from paperlark.model.papers import Alias, StoredPaper, at_midnight
from paperlark.store.database import Store
from paperlark.store.papers import INTERNAL
from paperlark.store.tables import ALIAS, ANNOUNCEMENT, PAPER, SIGNAL

OPENING = 640  # code points of an abstract: twice what a list shows of it
MOST = 2**62  # upvotes
BREAK = "\n"  # between the parts of a text that is many put together


class Line(NamedTuple):
    """A paper as lists show it, in the database's own words.

    opening: of its abstract. authors: as JSON. names: `scheme:value` a line. told: a line for each announcement, its
    id, day and source. counted: a line for each that was counted, a moment and what was counted then, as JSON.
    """

    id: int
    title: str
    opening: str
    authors: str
    author_count: int | None
    organisation: str | None
    url: str | None
    code_url: str | None
    names: str | None
    told: str | None
    counted: str | None

    def paper(self) -> StoredPaper:
        """The paper, as far as a list shows it: without categories and keywords, days in place of moments."""
        told = [each.split(" ", 2) for each in sorted((self.told or "").splitlines(), key=_first_number)]
        first = at_midnight(min((date.fromisoformat(day) for _, day, _ in told), default=date.min))
        signals: dict[str, int] = {}
        for _, brace, counts in sorted(each.partition("{") for each in (self.counted or "").splitlines()):
            signals |= json.loads(brace + counts)
        return StoredPaper(
            id=self.id,
            title=self.title,
            abstract=self.opening,
            authors=tuple(json.loads(self.authors)),
            author_count=self.author_count,
            organisation=self.organisation,
            categories=(),
            keywords=(),
            aliases=tuple(sorted(Alias(*name.split(":", 1)) for name in (self.names or "").splitlines())),
            url=self.url,
            code_url=self.code_url,
            published_at=None,
            first_seen=first,
            announced_at=first,
            sources=tuple(dict.fromkeys(source for _, _, source in told)),
            signals=signals,
        )


def _first_number(told: str) -> int:
    return int(told.partition(" ")[0])


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


async def lines(store: Store, since: date, until: date, *, limit: int, after: int = 0) -> tuple[list[Line], int]:
    """Papers announced from `since` until before `until`, most upvoted first, of equals the newer; and how many there
    are in all, 0 where `after` leaps over the last of them."""
    found = await store.glance(_LINES, since=at_midnight(since), until=at_midnight(until), limit=limit, after=after)
    return [Line(*row[:-1]) for row in found], found[0][-1] if found else 0


async def liked(
    store: Store, since: date, until: date, *, limit: int, behind: tuple[int, int] | None = None
) -> list[tuple[int, int]]:
    """The ids of papers announced from `since` until before `until`, in the same order, each with its upvotes; from
    right behind one on."""
    votes, paper_id = behind or (MOST, 0)
    within = {"since": at_midnight(since), "until": at_midnight(until)}
    rows = await store.glance(_LIKED, **within, votes=votes, paper_id=paper_id, limit=limit)
    return [(number, upvotes) for number, upvotes in rows]


async def some(store: Store, paper_ids: Sequence[int]) -> list[Line]:
    """Papers by their ids, at most a hundred or so, in the order asked for; unknown ones are left out."""
    found = {row[0]: Line(*row) for paper_id in paper_ids for row in await store.glance(_ONE, paper_id=paper_id)}
    return [found[number] for number in paper_ids if number in found]


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


def _put_together(part: ColumnElement[Any], where: ColumnElement[bool]) -> ScalarSelect[Any]:
    """All of a column that belongs to a paper, as one text: a line each, in no order."""
    return select(func.aggregate_strings(part, BREAK)).where(where).correlate(PAPER).scalar_subquery()


def _spaced(*columns: ColumnElement[Any]) -> ColumnElement[Any]:
    """Columns as one text, a space between them."""
    first, *others = (cast(column, Text) for column in columns)
    return reduce(lambda told, column: told + literal(" ") + column, others, first)


_LAST = SIGNAL.alias("last")
_LAST_READING = and_(
    SIGNAL.c.announcement_id == ANNOUNCEMENT.c.id,
    SIGNAL.c.at == select(func.max(_LAST.c.at)).where(_LAST.c.announcement_id == ANNOUNCEMENT.c.id).scalar_subquery(),
)
_LINE: tuple[ColumnElement[Any], ...] = (
    PAPER.c.id,
    PAPER.c.title,
    func.substr(PAPER.c.abstract, literal(1), literal(OPENING)),
    cast(PAPER.c.authors, Text),
    PAPER.c.author_count,
    PAPER.c.organisation,
    PAPER.c.url,
    PAPER.c.code_url,
    _put_together(
        ALIAS.c.scheme + literal(":") + ALIAS.c.value,
        and_(ALIAS.c.paper_id == PAPER.c.id, ALIAS.c.scheme.not_in(INTERNAL)),
    ),
    _put_together(_spaced(ANNOUNCEMENT.c.id, _DAY, ANNOUNCEMENT.c.source), ANNOUNCEMENT.c.paper_id == PAPER.c.id),
    _put_together(_spaced(SIGNAL.c.at, SIGNAL.c.counts), and_(ANNOUNCEMENT.c.paper_id == PAPER.c.id, _LAST_READING)),
)
_ONE = select(*_LINE).where(PAPER.c.id == _given("paper_id"))


def _with_votes() -> tuple[CTE, Label[int]]:
    """The papers of a stretch by their ids, and the upvotes of each."""
    heard = select(ANNOUNCEMENT.c.paper_id).where(_within(ANNOUNCEMENT)).distinct().cte("heard")
    votes = cast(SIGNAL.c.counts["upvotes"].as_string(), BigInteger)
    last = (
        select(votes)
        .where(ANNOUNCEMENT.c.paper_id == heard.c.paper_id, _LAST_READING, votes.is_not(None))
        .order_by(SIGNAL.c.at.desc())
        .limit(1)
        .correlate(heard)
        .scalar_subquery()
    )
    return heard, func.coalesce(last, 0).label("liked")


def _ordered() -> Select[Any]:
    """The papers of a stretch: which are shown, and in which order, is known before anything of them is read."""
    heard, liked = _with_votes()
    shown = (
        select(heard.c.paper_id, liked, func.count().over().label("total"))
        .order_by(liked.desc(), heard.c.paper_id.desc())
        .limit(_given("limit"))
        .offset(_given("after"))
        .cte("shown")
    )
    return (
        select(*_LINE, shown.c.total)
        .join(shown, shown.c.paper_id == PAPER.c.id)
        .order_by(shown.c.liked.desc(), PAPER.c.id.desc())
    )


_LINES = _ordered()


def _behind() -> Select[Any]:
    """The same, only their ids, from a place on."""
    heard, liked = _with_votes()
    found = select(heard.c.paper_id, liked).subquery()
    votes, number = found.c.liked, found.c.paper_id
    behind = or_(votes < _given("votes"), and_(votes == _given("votes"), number < _given("paper_id")))
    return select(number, votes).where(behind).order_by(votes.desc(), number.desc()).limit(_given("limit"))


_LIKED = _behind()


_PER_DAY = select(_DAY, func.count(ANNOUNCEMENT.c.paper_id.distinct())).where(_within(ANNOUNCEMENT)).group_by(_DAY)
_COUNTED = (
    select(ANNOUNCEMENT.c.paper_id, ANNOUNCEMENT.c.source, _AT, cast(SIGNAL.c.counts, Text))
    .select_from(ANNOUNCEMENT)
    .join(SIGNAL, _LAST_READING)
    .where(_within(ANNOUNCEMENT))
)
