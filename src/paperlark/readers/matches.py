"""What matched: a reader's list of papers, unread first of all; how many are unread; what is new since a mark.

A paper stands once in every list, at its first match. Muted papers are left out of lists and counts. `since` a mark:
everything that was written after it is told, also what was written early and committed late; what the list that gave
the mark had shown already may be told again.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from paperlark.matching.judge import judge
from paperlark.matching.mutes import keeping_away, muted_there
from paperlark.matching.rank import Statistics
from paperlark.model.problems import ReaderError
from paperlark.model.readers import Mute, MuteKind
from paperlark.readers.search import LARGEST_ID
from paperlark.store import analysed, matches, mutes, papers, profiles
from paperlark.store.database import Store, Transaction
from paperlark.store.matches import COUNTED, Head, Matched, Position, State, Wanted, newer

__all__ = [
    "COUNTED",
    "Complete",
    "Heads",
    "Listed",
    "Position",
    "State",
    "listed",
    "new_since",
    "newer",
    "position",
    "unread",
]

STRETCH = 1_000  # papers looked at together for what is muted
STRETCHES = 5  # at most: who mutes nearly everything gets a short list, and reads on

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)  # nothing matched before
HEADS = 10_000  # accounts remembered at most
NO_WORDS = Statistics(1, 1.0, {})  # for questions that rank nothing


@dataclass(frozen=True, slots=True)
class Listed:
    """Some papers that matched. after: where the next ones begin, None at the end. unread: at most COUNTED."""

    rows: tuple[Matched, ...]
    after: Position | None
    unread: int


async def listed(
    store: Store,
    account_id: int,
    *,
    state: State = State.UNREAD,
    profile: str | None = None,
    limit: int,
    before: Position | None = None,
    heads: "Heads | None" = None,
) -> Listed:
    """The papers that matched, newest first. What matches meanwhile moves nothing: read on with `before`.

    profile: the id of one alone. heads: what this process knows already. Raises ReaderError: no such profile.
    """
    wanted = Wanted(account_id, state, await _profile(store, account_id, profile), before=before)
    head = await (heads or Heads(store)).of(account_id)
    if head.muting:
        return await _unmuted(store, wanted, limit)
    return _page(await matches.listed(store, wanted, limit + 1), limit, head.unread)


async def unread(store: Store, account_id: int, *, heads: "Heads | None" = None) -> int:
    """How many papers are unread; COUNTED means that many or more."""
    return await _count(store, account_id, await (heads or Heads(store)).of(account_id))


async def new_since(
    store: Store,
    account_id: int,
    since: Position,
    complete: datetime,
    *,
    state: State = State.UNREAD,
    profile: str | None = None,
    limit: int,
) -> Listed:
    """What matched after a mark, oldest first; `after` is the next mark. complete: as `Complete.before` gave it, before
    this was asked. Raises ReaderError: no such profile."""
    until = max(complete, since.at)
    wanted = Wanted(account_id, state, await _profile(store, account_id, profile), after=since, until=until)
    head, rows = await matches.head(store, account_id), await matches.listed(store, wanted, limit)
    mark = position(rows[-1]) if len(rows) == limit else max(since, Position(until), key=lambda each: each.at)
    if head.muting and rows:
        async with store.reading() as tx:
            silent = await _muted(tx, await mutes.listed(tx, account_id), [row.met.paper_id for row in rows])
        rows = [row for row in rows if row.met.paper_id not in silent]
    return Listed(tuple(row for row in rows if row.paper), mark, await _count(store, account_id, head))


class Complete:
    """Up to when the matches of every account are surely complete: found out once for many in a process.

    ticks: seconds of a clock that never goes back.
    """

    def __init__(self, store: Store, ticks: Callable[[], float]) -> None:
        self._store = store
        self._ticks = ticks
        self._asking = asyncio.Lock()
        self._asked_at = float("-inf")
        self._before: datetime | None = None

    async def before(self, *, old: float = 1.0) -> datetime:
        """The moment before which nothing will be added; found out at most `old` seconds ago. Who asks while somebody
        else does waits for the next answer, which is everyone's."""
        wanted_at = self._ticks() - old
        async with self._asking:
            if self._before is None or self._asked_at < wanted_at:
                asked_at, found = self._ticks(), await self._find()
                self._before = found if self._before is None else max(self._before, found)
                self._asked_at = asked_at
            return self._before

    async def _find(self) -> datetime:
        if self._store.postgres:
            async with self._store.reading() as tx:
                return await matches.complete_before(tx)
        if self._store.writing:
            # Whoever writes has begun after the newest match was written, and writes none from before that.
            return await matches.newest(self._store) or LONG_AGO
        async with self._store.transaction() as tx:
            return await matches.complete_before(tx)


class Heads:
    """How many papers are unread, as this process counted it last: it is counted again as soon as anything was written
    to the database, by whomever (`Store.state`). Counting costs more than all else that is said of a list."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: dict[int, tuple[str, Head]] = {}

    async def of(self, account_id: int) -> Head:
        """An account's, as it is now."""
        state = await self._store.state()
        kept = self._kept.get(account_id)
        if kept is not None and kept[0] == state:
            return kept[1]
        head = await matches.head(self._store, account_id)
        if len(self._kept) >= HEADS:
            self._kept.clear()
        self._kept[account_id] = state, head
        return head


def _page(rows: Sequence[Matched], limit: int, unread: int) -> Listed:
    after = position(rows[limit - 1]) if len(rows) > limit else None
    return Listed(tuple(row for row in rows[:limit] if row.paper), after, unread)


def position(row: Matched) -> Position:
    """Right behind a paper that is listed."""
    return Position(matches.moment_of(row.met.matched_at), row.met.paper_id)


async def _profile(store: Store, account_id: int, profile: str | None) -> int | None:
    if profile is None:
        return None
    known = profile.isascii() and profile.isdecimal() and len(profile) < 20 and int(profile) <= LARGEST_ID
    if not known:
        raise ReaderError(profiles.NO_PROFILE)
    async with store.reading() as tx:
        return (await profiles.get(tx, account_id, int(profile))).id


# ── where something is muted ───────────────────────────────────────────────────────────────────────────────────────


async def _unmuted(store: Store, wanted: Wanted, limit: int) -> Listed:
    standing, further = await _standing(store, wanted, limit + 1)
    shown = standing[:limit]
    rows = await matches.named(store, wanted, [paper_id for paper_id, _ in shown])
    count = await _count(store, wanted.account_id, Head(0, True))
    if len(standing) > limit or further:
        paper_id, at = shown[-1] if len(standing) > limit else (further or standing[-1])
        return Listed(tuple(rows), Position(at, paper_id), count)
    return Listed(tuple(rows), None, count)


async def _count(store: Store, account_id: int, head: Head) -> int:
    if not head.muting:
        return head.unread
    standing, _ = await _standing(store, Wanted(account_id), COUNTED)
    return len(standing[:COUNTED])


async def _standing(
    store: Store, wanted: Wanted, enough: int
) -> tuple[list[tuple[int, datetime]], tuple[int, datetime] | None]:
    """Papers that are not muted, in order, as many as are enough; and the last that was looked at, where looking ended
    before the papers did."""
    found: list[tuple[int, datetime]] = []
    last: tuple[int, datetime] | None = None
    async with store.reading() as tx:
        mine = await mutes.listed(tx, wanted.account_id)
        for _ in range(STRETCHES):
            stretch = await matches.standing(store, wanted, STRETCH)
            silent = await _muted(tx, mine, [paper_id for paper_id, _ in stretch])
            found += [(paper_id, at) for paper_id, at in stretch if paper_id not in silent]
            if len(stretch) < STRETCH:
                return found, None
            last = stretch[-1]
            if len(found) >= enough:
                break
            wanted = replace(wanted, before=Position(last[1], last[0]))
    return found, last


async def _muted(tx: Transaction, mine: Collection[Mute], paper_ids: Sequence[int]) -> set[int]:
    """Which of these papers a reader's mutes keep away: as `matching.mutes.muted` says, many at a time."""
    if not paper_ids:
        return set()
    silent: set[int] = set()
    query = keeping_away(mine)
    if query is not None:
        found = await analysed.load_lean(tx, paper_ids)
        judged = judge(query, None, NO_WORDS)
        points = await asyncio.to_thread(judged, list(found.values()))
        silent |= {number for number, met in zip(found, points, strict=True) if met is not None}
    sources = [mute for mute in mine if mute.kind is MuteKind.SOURCE]
    if sources:
        for number, told in (await papers.told(tx, paper_ids)).items():
            if muted_there(sources, told.sources) is not None:
                silent.add(number)
    return silent
