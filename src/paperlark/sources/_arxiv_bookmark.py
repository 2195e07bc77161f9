"""What the arXiv source remembers from one page to the next: its cursor, read and written. Pure.

A poll may be killed after any page and goes on from the cursor of that page; so everything that is still to be asked
stands here: the ids whose details are wanted, the days that were missed, how far the back-fill has come.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from paperlark.http import Validators
from paperlark.model.papers import Cursor
from paperlark.sources._arxiv_calendar import missed
from paperlark.sources._arxiv_feed import TYPES
from paperlark.sources._reading import moment

WANTED = 4_000  # ids whose details are wanted at most; two full days
PATIENCE = timedelta(days=7)  # with the API about an id, and with OAI-PMH about a missed day


@dataclass(frozen=True, slots=True)
class Wanted:
    """A paper to ask the API about. name: its id, with the version that the feed announced, or without one where only
    the listing named it, so that it is still untold. type: as it is listed. day: whose announcement it is."""

    name: str
    type: str
    day: date

    @property
    def untold(self) -> bool:
        return id_of(self.name) == self.name


@dataclass(frozen=True, slots=True)
class Bookmark:
    """Where the source stands.

    url, etag, last_modified: the feed that was asked, and its validators. day: the newest day that was told of; told:
    what the feed announced of it, id with version. listed: the newest day that was compared with the listing, which
    said that it has `expected` entries. wanted: see `Wanted`. again_at: before it, what went wrong beside the feed is
    not asked again. gap: the first and the last day missed; harvest: how far OAI-PMH has filled it. fill: the next day
    of the back-fill, or None.
    """

    url: str = ""
    etag: str | None = None
    last_modified: str | None = None
    day: date | None = None
    told: tuple[str, ...] = ()
    listed: date | None = None
    expected: int | None = None
    wanted: tuple[Wanted, ...] = ()
    again_at: datetime | None = None
    gap: tuple[date, date] | None = None
    harvest: Mapping[str, Any] = field(default_factory=dict)
    fill: date | None = None

    @property
    def validators(self) -> Validators:
        """What to send with the next request for the feed."""
        return self.etag, self.last_modified

    @property
    def cursor(self) -> Cursor:
        """As JSON holds it, without what is empty."""
        everything = {
            "url": self.url,
            "etag": self.etag,
            "last_modified": self.last_modified,
            "day": _written(self.day),
            "told": list(self.told),
            "listed": _written(self.listed),
            "expected": self.expected,
            "wanted": [[one.name, one.type, one.day.isoformat()] for one in self.wanted],
            "again_at": _written(self.again_at),
            "gap": [day.isoformat() for day in self.gap or ()],
            "harvest": dict(self.harvest),
            "fill": _written(self.fill),
        }
        return {name: value for name, value in everything.items() if value not in (None, [], {}, "")}

    def on(self, day: date) -> "Bookmark":
        """A newer day has begun: nothing of it is told yet, and the days between are missed."""
        between = missed(self.day, day) if self.day else []
        gap = self.gap
        if between:
            gap = (gap[0] if gap else between[0], between[-1])
        harvest = self.harvest if gap == self.gap else {}
        return replace(self, day=day, told=(), expected=None, gap=gap, harvest=harvest)

    def telling(self, names: Iterable[str]) -> "Bookmark":
        """The same, with these told of its day too."""
        return replace(self, told=tuple(dict.fromkeys((*self.told, *names))))

    def wanting(self, more: Iterable[Wanted], today: date) -> "Bookmark":
        """The same, wanting these too; what has been wanted for too long is let go."""
        kept = {one.name: one for one in (*self.wanted, *more) if today - one.day <= PATIENCE}
        return replace(self, wanted=tuple(kept.values())[-WANTED:])

    @property
    def complete(self) -> int | None:
        """How many of the day's `expected` entries were told of; None where nobody said how many there are."""
        if self.expected is None:
            return None
        return self.expected - sum(one.untold and one.day == self.day for one in self.wanted)


def id_of(name: str) -> str:
    """The id without its version."""
    bare, _, version = name.rpartition("v")
    return bare if version.isdigit() and bare else name


def read_bookmark(cursor: Cursor, url: str) -> Bookmark:
    """The bookmark that a cursor holds; what cannot be read of it is as if it were not there. The validators of
    another feed are nobody's."""
    same = cursor.get("url") == url
    gap = [day for day in map(_day, _list(cursor, "gap")) if day]
    harvest = cursor.get("harvest")
    expected = cursor.get("expected")
    return Bookmark(
        url=url,
        etag=_text(cursor.get("etag")) if same else None,
        last_modified=_text(cursor.get("last_modified")) if same else None,
        day=_day(cursor.get("day")),
        told=tuple(name for name in _list(cursor, "told") if isinstance(name, str)),
        listed=_day(cursor.get("listed")),
        expected=expected if isinstance(expected, int) else None,
        wanted=tuple(one for one in map(_wanted, _list(cursor, "wanted")) if one),
        again_at=moment(cursor.get("again_at")),
        gap=(gap[0], gap[1]) if len(gap) == 2 else None,
        harvest=harvest if isinstance(harvest, Mapping) else {},
        fill=_day(cursor.get("fill")),
    )


def _wanted(written: Any) -> Wanted | None:
    if not isinstance(written, list | tuple) or len(written) != 3:
        return None
    name, type, day = written[0], written[1], _day(written[2])
    return Wanted(name, type, day) if isinstance(name, str) and type in TYPES and day else None


def _written(moment_or_day: date | None) -> str | None:
    return moment_or_day.isoformat() if moment_or_day else None


def _day(value: Any) -> date | None:
    found = moment(value)
    return found.date() if found else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _list(cursor: Cursor, name: str) -> list[Any]:
    value = cursor.get(name)
    return list(value) if isinstance(value, list | tuple) else []
