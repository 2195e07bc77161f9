"""Papers like one: close to it by what they are about, and by the words that are characteristic of it.

Those closest to it (`store.directions`) are held against its most characteristic words by BM25, and both measures are
added up. Without the extra the papers are looked at that have some of those words, and the words alone decide.
What a word is worth is counted on the papers that this process has at hand: no database need be asked of each.
"""

import asyncio
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from paperlark.matching import candidates, fused
from paperlark.matching.document import stored
from paperlark.matching.lean import COMPOUND, Lean
from paperlark.matching.query import Query
from paperlark.matching.rank import Statistics
from paperlark.matching.reading import says_nothing
from paperlark.matching.text import stem
from paperlark.matching.tree import Node, Reading, Term, any_of
from paperlark.model.papers import StoredPaper
from paperlark.readers import search
from paperlark.readers.meaning import FILLED, note
from paperlark.store import analysed, archive, directions, papers
from paperlark.store import search as full_text
from paperlark.store import shelf as shelves
from paperlark.store.compass import Compass
from paperlark.store.database import Store, Transaction

SHOWN = 10
CLOSEST = 500  # papers that are held against the words
WORDS = 50  # that are characteristic
SOUGHT = 10  # of them by which papers are found where there are no directions
CLOSENESS = 0.4  # what closeness counts beside the words
USUAL = 500  # papers at least by which it is known how rare a word is
TITLE_TIMES = 3  # once in the title says as much as this many times in the abstract
SAID = 4  # words in common that are named
REMEMBERED = 1_000  # papers whose like are remembered


@dataclass(frozen=True, slots=True)
class Similar:
    """A paper like another. closeness: None without the extra. words: characteristic ones that both have."""

    paper: StoredPaper
    score: float
    closeness: float | None
    words: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """Why, without a full stop."""
        near = f"reads alike, {self.closeness:.2f}" if self.closeness is not None else ""
        both = f"both have {', '.join(f'“{word}”' for word in self.words)}" if self.words else ""
        return "; ".join(filter(None, (near, both)))


@dataclass(frozen=True, slots=True)
class Alike:
    """The papers most like one, best first. note: what must be said of how they were found, "" where nothing."""

    of: StoredPaper
    papers: tuple[Similar, ...]
    note: str


class _Found(NamedTuple):
    """A paper like another, as it is remembered."""

    paper_id: int
    score: float
    closeness: float | None
    words: tuple[str, ...]


async def similar(store: Store, wanted: str, *, limit: int = SHOWN) -> Alike:
    """The papers most like one (given by id or any name). Raises ReaderError: no such paper.

    Asked again of the same paper, it costs next to nothing while no paper comes or changes.
    """
    paper = await search.one(store, wanted)
    compass = await directions.up_to_date(store, limit=FILLED)
    async with store.reading() as tx:
        await analysed.refresh(tx)
        remembered = _remembered(tx, compass)
        found = remembered.get((paper.id, limit))
        if found is None:
            found = await _find(tx, compass, paper.id, limit)
            if len(remembered) >= REMEMBERED:
                remembered.clear()
            remembered[paper.id, limit] = found
        loaded = await papers.load(tx, [each.paper_id for each in found])
    alike = (Similar(loaded[each.paper_id], *each[1:]) for each in found if each.paper_id in loaded)
    return Alike(paper, tuple(alike), note())


def _remembered(tx: Transaction, compass: Compass) -> dict[tuple[int, int], Sequence[_Found]]:
    """What was found while the archive was as it is."""
    shelf = tx.shelf
    state = shelf.newest, shelf.revised, compass.read_to
    if shelf.alike.state != state:
        shelf.alike = shelves.Remembered(state)
    return shelf.alike.found


async def _find(tx: Transaction, compass: Compass, paper_id: int, limit: int) -> list[_Found]:
    await analysed.load_lean(tx, await archive.newest(tx, limit=USUAL))
    own = (await analysed.load_lean(tx, [paper_id])).get(paper_id)
    terms, statistics = await asyncio.to_thread(_characteristic, tx, own) if own is not None else ([], _NOBODY)
    near = await asyncio.to_thread(_near, compass, paper_id)
    ids = await _worth_a_look(tx, terms, near)
    ids = ids[ids != paper_id]
    best = await _best(tx, ids, terms, statistics, near, limit)
    read = await analysed.load_lean(tx, [number for number, _ in best])
    return [_Found(number, score, near.get(number), _in_common(terms, read.get(number))) for number, score in best]


_NOBODY = Statistics(0, 0.0, {})


def _characteristic(tx: Transaction, paper: Lean) -> tuple[list[Term], Statistics]:
    """A paper's most characteristic words, the most telling first, and how rare they are."""
    said: Counter[str] = Counter()
    stems: dict[str, str] = {}
    for text, times in ((paper.title, TITLE_TIMES), (paper.abstract, 1)):
        for word, stemmed in zip(text.open(Reading.PHRASE), text.open(Reading.STEMMED), strict=True):
            said[stemmed] += times
            stems.setdefault(stemmed, word)
    size, held = tx.shelf.holding(said)
    telling = {
        each: (1 + math.log(times)) * math.log(1 + (size - held[each] + 0.5) / (held[each] + 0.5))
        for each, times in said.items()
    }
    saying = [each for each in said if not says_nothing(Term((stems[each],)))]
    best = sorted(saying, key=lambda each: (-telling[each], each))[:WORDS]
    frequencies = {stored(each): held[each] for each in best}
    return [Term((stems[each],)) for each in best], Statistics(size, tx.shelf.length(), frequencies)


def _near(compass: Compass, paper_id: int) -> Mapping[int, float]:
    """The closest papers, with their closeness; none where nobody knows what this one is about."""
    own = compass.of([paper_id])
    if not own:
        return {}
    numbers, closeness = compass.closest(own[0])
    order = np.argsort(-closeness, kind="stable")[: CLOSEST + 1]
    return dict(zip(numbers[order].tolist(), np.round(closeness[order], 4).tolist(), strict=True))


async def _worth_a_look(tx: Transaction, terms: Sequence[Term], near: Mapping[int, float]) -> NDArray[np.int64]:
    """The closest papers; where there are none, the newest that have a word of the most characteristic ones."""
    if near or not terms:
        return np.array(list(near), np.int64)
    sought: list[Node] = list(terms[:SOUGHT])
    found = await full_text.candidates(tx, candidates.wanted(Query(any_of(sought))))
    return np.sort(found)[-2 * CLOSEST :]


async def _best(
    tx: Transaction,
    ids: NDArray[np.int64],
    terms: Sequence[Term],
    statistics: Statistics,
    near: Mapping[int, float],
    limit: int,
) -> list[tuple[int, float]]:
    if not terms:
        return [(number, round(CLOSENESS * near[number], 6)) for number in ids[:limit].tolist()]
    asked: list[Node] = list(terms)
    words = Query(any_of(asked))
    judged = await search.judged(tx, ids, None, words, statistics)
    closeness = np.array([near.get(number, 0.0) for number in judged.numbers.tolist()])
    shares = fused.shares(judged.points, words, statistics)
    scores = np.round(shares + CLOSENESS * closeness, 6)
    return search.Ranking(judged.numbers, scores).best(limit)


def _in_common(terms: Sequence[Term], paper: Lean | None) -> tuple[str, ...]:
    """The most telling of some words that a paper has."""
    if paper is None:
        return ()
    has = {each.removeprefix(COMPOUND) for text in (paper.title, paper.abstract) for each in text.often()}
    return tuple(term.words[0] for term in terms if stem(term.words[0]) in has)[:SAID]
