"""The words of some thousand papers the other way round: for each stem the papers that say it, and how often.

`judge` asks of each paper what it says; that is quick for a few hundred. Where a search has thousands of candidates,
one look at a stem's postings answers for all of them, and numpy adds up the scores. What postings cannot say (phrases,
exact case, open ends) they narrow to the papers that may hold it, and the judge's own functions decide on those. The
answers are the judge's, to the last digit.
"""

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from paperlark.matching import rank
from paperlark.matching.judge import Column, column_of
from paperlark.matching.lean import COMPOUND, Lean, coded
from paperlark.matching.names import Name, initial, read_name, same_person
from paperlark.matching.query import Query
from paperlark.matching.rank import Statistics
from paperlark.matching.reference import code_meets, number_holds
from paperlark.matching.text import CLOSED_PARTS, fold, stem
from paperlark.matching.tree import And, Author, Code, Leaf, Node, Not, Number, Or, Reading, Term

SEGMENT = 4_096  # papers that are kept together

# A posting is one number: the paper's place, how often its title says the stem, how often its abstract does.
_TITLE_BITS, _ABSTRACT_BITS = 12, 20
_MOST_IN_TITLE, _MOST_IN_ABSTRACT = (1 << _TITLE_BITS) - 1, (1 << _ABSTRACT_BITS) - 1

# Which stems follow one another in a paper is kept as a Bloom filter (Bloom 1970, "Space/time trade-offs in hash coding
# with allowable errors"): of 250 pairs in 2,048 bits, one in thirty that are not there seems to be.
_PAIR_BYTES, _PAIR_HASHES, _HASH_BITS = 256, 3, 11

GONE = -1  # is no paper's id

Places = NDArray[np.int64]
Often = NDArray[np.float64]
Held = NDArray[np.bool_]


class Row(NamedTuple):
    """A paper made ready to be posted: that is most of the work, and needs no lock."""

    paper: Lean
    stems: Sequence[tuple[str, int]]
    pairs: bytes
    families: Sequence[tuple[str, Name]]


def row(paper: Lean) -> Row:
    """What is posted of a paper."""
    title, abstract = paper.title.often(), paper.abstract.often()
    stems = [
        (said, min(title[said], _MOST_IN_TITLE) << _ABSTRACT_BITS | min(abstract[said], _MOST_IN_ABSTRACT))
        for said in title.keys() | abstract.keys()
    ]
    names = filter(None, map(read_name, paper.document.authors))
    pairs = _pairs(paper.title.open(Reading.STEMMED)) | _pairs(paper.abstract.open(Reading.STEMMED))
    return Row(paper, stems, pairs.to_bytes(_PAIR_BYTES, "little"), [(name.family[-1], name) for name in names])


def _pairs(stems: Sequence[str]) -> int:
    """The filter of every two stems in a row."""
    bits = 0
    for pair in set(pairwise(stems)):
        for at in _places_of(pair):
            bits |= 1 << at
    return bits


def _places_of(pair: tuple[str, str]) -> Iterator[int]:
    hashed = hash(pair)
    return ((hashed >> _HASH_BITS * turn) & (8 * _PAIR_BYTES - 1) for turn in range(_PAIR_HASHES))


class Postings:
    """Some papers, each in a place of its own. Whoever leaves leaves it empty."""

    def __init__(self) -> None:
        self.papers: list[Lean | None] = []
        self.held = 0
        self._numbers = array("q")
        self._stems: dict[str, array[int]] = defaultdict(lambda: array("Q"))
        self._families: dict[str, dict[str, list[tuple[int, Name]]]] = defaultdict(lambda: defaultdict(list))
        self._categories: dict[str, array[int]] = defaultdict(lambda: array("Q"))
        self._pairs = np.zeros((_PAIR_BYTES, SEGMENT), np.uint8)  # a row for each byte of the filters
        self._lengths = array("q")
        self._authors = array("q")  # how many; -1 where nobody knows

    @property
    def is_full(self) -> bool:
        """Whether the next paper must go elsewhere."""
        return len(self.papers) >= SEGMENT

    def add(self, number: int, found: Row) -> int:
        """Post a paper under its id; returns its place."""
        place = len(self.papers)
        self._numbers.append(number)
        for said, often in found.stems:
            self._stems[said].append(place << (_TITLE_BITS + _ABSTRACT_BITS) | often)
        for family, name in found.families:
            self._families[family][initial(name)].append((place, name))
        for category in found.paper.document.categories:
            self._categories[category].append(place)
        self._pairs[:, place] = np.frombuffer(found.pairs, np.uint8)
        authors = found.paper.document.count("authors")
        self._authors.append(-1 if authors is None else authors)
        self._lengths.append(found.paper.length)
        # Last: whoever judges meanwhile goes by the papers that are here.
        self.papers.append(found.paper)
        self.held += 1
        return place

    def drop(self, place: int) -> None:
        """Let go of a paper."""
        self.papers[place] = None
        self._numbers[place] = GONE
        self.held -= 1

    @property
    def numbers(self) -> Places:
        """The ids of the papers, by place; GONE for one that has left."""
        return np.array(self._numbers)

    def saying(self, stemmed: str) -> int:
        """How many papers say a stem, those that have left among them."""
        return len(self._stems.get(stemmed, _NOBODY))

    @property
    def length(self) -> int:
        """How long all papers are together, in words between white space."""
        return sum(self._lengths)

    # ── what a judge asks ──────────────────────────────────────────────────────────────────────────────────────────

    def lengths(self, at: Places) -> Often:
        """How long the papers are."""
        return np.array(self._lengths, dtype=np.float64)[at]

    def often(self, stemmed: str, field: str | None, size: int) -> Often:
        """How often each of the first `size` papers says a stem, weighed as `rank.often` does."""
        found = np.zeros(size)
        posted = np.array(self._stems.get(stemmed, _NOBODY), dtype=np.uint64)
        places = (posted >> np.uint64(_TITLE_BITS + _ABSTRACT_BITS)).astype(np.int64)
        here = places < size
        places, posted = places[here], posted[here]
        if field != "abstract":
            in_title = (posted >> np.uint64(_ABSTRACT_BITS)) & np.uint64(_MOST_IN_TITLE)
            found[places] += in_title.astype(np.float64) * rank.TITLE_WEIGHT
        if field != "title":
            found[places] += (posted & np.uint64(_MOST_IN_ABSTRACT)).astype(np.float64)
        return found

    def may_say(self, phrase: Term, size: int) -> tuple[Held, Held]:
        """The papers that say all words of a phrase, in any order, open or closed: all that say the phrase are among
        them. And those where some of its words, or one, are written as a compound, so that only a walk can tell."""
        together, closed = np.ones(size, dtype=np.bool_), np.zeros(size, dtype=np.bool_)
        words = _folded(phrase)
        says = {
            (first, until): self.often(stem("".join(words[first:until])), None, size) > 0
            for first in range(len(words))
            for until in range(first + 1, min(first + CLOSED_PARTS, len(words)) + 1)
        }
        for at, word in enumerate(words):
            together &= reduce(np.logical_or, [held for (a, b), held in says.items() if a <= at < b])
            closed |= self.often(COMPOUND + stem(word), None, size) > 0
        for (first, until), held in says.items():
            if until > first + 1:
                closed |= held
        return together, together & closed

    def in_a_row(self, stems: Sequence[str], places: Places) -> Places:
        """Those of the papers that say each two of the stems in a row, and few others."""
        for at in {at for pair in pairwise(stems) for at in _places_of(pair)}:
            places = places[(self._pairs[at // 8, places] & (1 << at % 8)) != 0]
        return places

    def by(self, wanted: Name, size: int) -> Held:
        """The papers by somebody. Who is the same person has the last word of the family name in common."""
        found = np.zeros(size, dtype=np.bool_)
        for first, posted in list(self._families.get(wanted.family[-1], {}).items()):
            if not initial(wanted) or first in ("", initial(wanted)):
                found[[place for place, name in posted if place < size and same_person(wanted, name)]] = True
        return found

    def in_category(self, code: Code, size: int) -> Held:
        """The papers of a category, or of one under it."""
        found = np.zeros(size, dtype=np.bool_)
        for category, posted in list(self._categories.items()):
            if code_meets(code, category):
                places = np.array(posted, dtype=np.int64)
                found[places[places < size]] = True
        return found

    def with_authors(self, number: Number, size: int) -> Held:
        """The papers with so many authors."""
        counts = np.array(self._authors)[:size]
        passing = [each for each in np.unique(counts).tolist() if each >= 0 and number_holds(number, each)]
        return np.isin(counts, passing)


_NOBODY = array("Q")


Judge = Callable[[Postings, Places], tuple[Held, Often]]


def judge_posted(query: Query | None, text: Query | None, statistics: Statistics) -> Judge:
    """As `judge.judge`, for papers that are posted, given by their places: which of them meet the query, and how well
    all of them answer the text, not rounded yet. A paper that has left meets nothing. What postings say of all papers
    at once is remembered: asked of other places a moment later, it costs next to nothing."""
    asked = rank.weights(text, statistics) if text is not None else []
    leaves = dict.fromkeys([*(query.terms if query is not None else ()), *(leaf for leaf, _ in asked)])
    columns = {leaf: column_of(leaf) for leaf in leaves}
    remembered: dict[tuple[Postings, int], dict[Leaf, Often]] = defaultdict(dict)

    def judged(posted: Postings, at: Places) -> tuple[Held, Often]:
        papers = list(posted.papers)  # as they are now: some may leave meanwhile
        said = remembered[posted, len(papers)]
        often = {leaf: _often(leaf, column, posted, papers, at, said) for leaf, column in columns.items()}
        met = posted.numbers[at] != GONE
        if query is not None:
            met &= _met(query.tree, often)
        points = np.zeros(len(at))
        if asked:
            damping = rank.damping(posted.lengths(at), statistics)
            for leaf, weight in asked:
                points += rank.points(weight, often[leaf], damping)
        return met, points

    return judged


def _met(node: Node, often: dict[Leaf, Often]) -> Held:
    match node:
        case And(parts):
            return reduce(np.logical_and, [_met(part, often) for part in parts])
        case Or(parts):
            return reduce(np.logical_or, [_met(part, often) for part in parts])
        case Not(part):
            return ~_met(part, often)
        case _:
            return often[node] > 0


def _often(
    leaf: Leaf,
    column: Column,
    posted: Postings,
    papers: Sequence[Lean | None],
    at: Places,
    said: dict[Leaf, Often],
) -> Often:
    """How often each of the papers says it, as `rank.often` counts. said: what is known of all papers."""
    if leaf not in said:
        of_all = _of_all(leaf, column, posted, papers)
        if of_all is None:
            found = np.zeros(len(papers))
            _ask(column, papers, at.tolist(), found)
            return found[at]
        said[leaf] = of_all
    return said[leaf][at]


def _of_all(leaf: Leaf, column: Column, posted: Postings, papers: Sequence[Lean | None]) -> Often | None:
    """The same of all papers; None where postings do not say it."""
    size = len(papers)
    match leaf:
        case Term((word,), Reading.STEMMED, prefix=False, field=None | "title" | "abstract" as field):
            return posted.often(stem(word), field, size)
        case Term(prefix=False, field=None | "title" | "abstract"):
            return _of_phrase(leaf, column, posted, papers)
        case Author(wanted):
            return posted.by(wanted, size).astype(np.float64)
        case Code(field="cat"):
            return posted.in_category(leaf, size).astype(np.float64)
        case Number("authors"):
            return posted.with_authors(leaf, size).astype(np.float64)
        case _:
            return None


def _ask(column: Column, papers: Sequence[Lean | None], places: Sequence[int], found: Often) -> None:
    """Let the judge answer for some papers."""
    here = [(place, paper) for place in places if (paper := papers[place]) is not None]
    if here:
        found[[place for place, _ in here]] = column([paper for _, paper in here])


def _folded(term: Term) -> Sequence[str]:
    return list(map(fold, term.words)) if term.reading is Reading.EXACT else term.words


def _of_phrase(phrase: Term, column: Column, posted: Postings, papers: Sequence[Lean | None]) -> Often:
    """How often each paper says a phrase, or a word that is not read by its stem."""
    found = np.zeros(len(papers))
    together, closed = posted.may_say(phrase, len(papers))
    stems = [stem(word) for word in _folded(phrase)]
    sought = coded(stems)
    # Where it is written open, the stems of its words stand in a row.
    said = [
        place
        for place in posted.in_a_row(stems, np.flatnonzero(together & ~closed)).tolist()
        if (paper := papers[place]) is not None and (sought in paper.abstract.stems or sought in paper.title.stems)
    ]
    plain = column_of(phrase, closed=False)
    _ask(plain, papers, said, found)
    _ask(column, papers, np.flatnonzero(closed).tolist(), found)
    return found
