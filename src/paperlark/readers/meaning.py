"""The archive by meaning: what is about what was asked, in these words or in others.

The rules are `matching.fused`'s. A paper is looked at if it has all of the words, or a rare one, or another name for
them, or is among those closest to what was asked. Without the extra the words alone decide, and the answer says so.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from paperlark.matching import candidates, fused, meaning
from paperlark.matching.explained import NAMES
from paperlark.matching.fused import Wish
from paperlark.matching.postings import Judge, judge_posted
from paperlark.matching.rank import Statistics
from paperlark.readers import search
from paperlark.readers.narrowing import NOTHING, Narrowing
from paperlark.readers.search import Place, Ranking, Stretch
from paperlark.store import analysed, directions, printed
from paperlark.store import search as full_text
from paperlark.store.compass import Compass
from paperlark.store.database import Store, Transaction

CLOSEST = 1_000  # papers that are looked at for their closeness
FILLED = 2_000  # directions that a search may have to find before it: the others wait for the next one

WORDS_ALONE = (
    f"search by meaning is not installed here (`pip install '{meaning.EXTRA}'`): papers are found by their words alone"
)


def note() -> str:
    """What must be said of a search by meaning here; "" where it is as it should be."""
    return "" if meaning.installed() else WORDS_ALONE


@dataclass(frozen=True, slots=True)
class _Closest:
    """Every paper that has a direction, by ids in rising order, with its closeness to what was asked."""

    numbers: NDArray[np.int64]
    closeness: NDArray[np.float64]

    def of(self, numbers: NDArray[np.int64]) -> NDArray[np.float64]:
        """The closeness of some papers, 0 for those that have no direction."""
        if not len(self.numbers):
            return np.zeros(len(numbers))
        at = _places(numbers, self.numbers)
        return np.where(self.numbers[at] == numbers, self.closeness[at], 0.0)

    def best(self, limit: int, among: NDArray[np.int64] | None) -> NDArray[np.int64]:
        """The closest papers, of some (by ids in rising order) or of all."""
        here = self.closeness > 0
        if among is not None:
            here &= _are_in(self.numbers, among)
        numbers, closeness = self.numbers[here], self.closeness[here]
        if len(numbers) <= limit:
            return numbers
        return numbers[np.argpartition(-closeness, limit)[:limit]]


def _are_in(ids: NDArray[np.int64], known: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of some ids are among others, which are in rising order: five times as fast as numpy's `isin`."""
    return known[_places(ids, known)] == ids if len(known) else np.zeros(len(ids), np.bool_)


def _places(ids: NDArray[np.int64], known: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each stands among others, which are in rising order, or would."""
    return np.minimum(np.searchsorted(known, ids), len(known) - 1)


NOTHING_NEAR = _Closest(np.empty(0, np.int64), np.empty(0))


async def stretch(
    store: Store, text: str | None, *, limit: int, narrowing: Narrowing = NOTHING, after: Place | None = None
) -> Stretch:
    """The next papers that are about a text, best first. Nobody counts how many there are: the last ones are hardly
    about it.

    Where the text asks for no word this is `search.stretch`. `after` as there; raises as that does.
    """
    asked = search.understood(text, narrowing)
    wish = fused.wish(asked.query) if asked.query is not None else None
    if wish is None or wish.words is None:
        return await search.stretch(store, text, narrowing=narrowing, limit=limit, after=after)
    compass = await directions.up_to_date(store, limit=FILLED)
    async with store.reading() as tx:
        await analysed.refresh(tx)
        names = after.names[:NAMES] if after is not None else tx.shelf.names(wish.rows)
        wish = fused.with_names(wish, names)
        known = after.statistics if after is not None else None
        statistics = known or await search.statistics_for(tx, wish.words)
        ranking, leads = await _ranked(compass, tx, wish, statistics, after.leads if after is not None else None)
    best = ranking.best(limit + 1, after)
    stored = await printed.load(store, [number for number, _ in best[:limit]])
    found = await asyncio.to_thread(search.explained, wish.words, best[:limit], stored)
    last = Place(*best[limit - 1], statistics, leads, names) if len(best) > limit else None
    return Stretch(found, None, last)


async def _ranked(
    compass: Compass, tx: Transaction, wish: Wish, statistics: Statistics, leads: Sequence[int] | None
) -> tuple[Ranking, tuple[int, ...]]:
    """The papers worth a look with their scores; and those that led, which are found where none are given."""
    assert wish.words is not None
    among = None
    if wish.must is not None:
        among = np.sort((await search.ranked(tx, wish.must, None, statistics)).numbers)
    looked_at = candidates.wanted(fused.looked_at(wish, statistics))
    posted = judge_posted(None, wish.words, statistics)
    said = await _by_words(tx, wish, await full_text.candidates(tx, looked_at), among, statistics, posted)
    if leads is None:
        leads = fused.leads(said.numbers, said.points)
    near = await asyncio.to_thread(_near, compass, wish.said, leads)
    closest = near.best(CLOSEST, among)
    more = await _by_words(tx, wish, np.setdiff1d(closest, said.numbers), among, statistics, posted)
    together = said.and_also(more)
    scores = fused.fused(together.points, near.of(together.numbers))
    return Ranking(together.numbers, scores), tuple(leads)


async def _by_words(
    tx: Transaction,
    wish: Wish,
    ids: NDArray[np.int64],
    among: NDArray[np.int64] | None,
    statistics: Statistics,
    posted: Judge,
) -> Ranking:
    """What some papers have by their words, as shares of the most; those that must not be are left out."""
    assert wish.words is not None
    if among is not None:
        ids = ids[_are_in(ids, among)]
    judged = await search.judged(tx, ids, None, wish.words, statistics, posted)
    return Ranking(judged.numbers, fused.shares(judged.points, wish.words, statistics))


def _near(compass: Compass, said: str, leads: Sequence[int]) -> _Closest:
    asked = meaning.direction(said)
    if asked is None:
        return NOTHING_NEAR
    numbers, closeness = compass.closest(meaning.towards(asked, compass.of(leads), fused.PULL))
    order = np.argsort(numbers)
    return _Closest(numbers[order], closeness[order])
