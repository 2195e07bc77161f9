"""How well a paper answers a query: BM25 (Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework"), ours.

The same on every database and for every caller: it sees the paper's own words and three figures of the archive. What a
title says counts more than what an abstract says. Exclusions, numbers, dates and sources say who is in, not who comes
first.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from paperlark.matching.candidates import Word, leaf_words, words_of
from paperlark.matching.document import Analysed
from paperlark.matching.query import Query
from paperlark.matching.reference import holds, passages, runs
from paperlark.matching.tree import And, Code, Leaf, Near, Node, Not, Number, Or, Since, Term

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SATURATION = 1.2  # k1: how soon saying it again adds nothing
LENGTH_WEIGHT = 0.75  # b: how much a long text has to say it more often
TITLE_WEIGHT = 3.0  # once in the title is worth this many times in the abstract
OPEN_END_SHARE = 0.02  # papers that an open end (`flow*`) is taken to find: no database counts those


@dataclass(frozen=True, slots=True)
class Statistics:
    """Of the archive: its papers, the average length of title and abstract (words between white space), and how many
    papers hold each of the stored words that `query_words` names; a word that is absent stands in none."""

    papers: int
    length: float
    frequencies: Mapping[str, int]


def query_words(query: Query) -> tuple[str, ...]:
    """The stored words whose frequencies `score` needs for this query."""
    words = (word for leaf in _asked(query.tree) for word in words_of(leaf_words(leaf)) if not word.prefix)
    return tuple(dict.fromkeys(word.text for word in words))


def score(query: Query, paper: Analysed, statistics: Statistics) -> float:
    """How well the paper answers; higher is better, 0 where the query has no words. Deterministic, to 6 decimals."""
    length = len(paper.document.title.split()) + len(paper.document.abstract.split())
    damped = damping(length, statistics)
    asked = ((weight, often(leaf, paper)) for leaf, weight in weights(query, statistics))
    return round(sum((points(weight, times, damped) for weight, times in asked if times), 0.0), 6)


def weights(query: Query, statistics: Statistics) -> list[tuple[Leaf, float]]:
    """What the query asks for, and how much each counts: its inverse document frequency."""
    return [(leaf, _surprise(leaf, statistics)) for leaf in dict.fromkeys(_asked(query.tree))]


Figure = TypeVar("Figure", float, "NDArray[np.float64]")
"""A number, or a column of them."""


def damping(length: Figure, statistics: Statistics) -> Figure:
    """How much a paper of so many words between white space is held down."""
    share = length / statistics.length if statistics.length > 0 else length * 0 + 1.0
    return SATURATION * (1 - LENGTH_WEIGHT + LENGTH_WEIGHT * share)


def points(weight: float, often: Figure, damping: Figure) -> Figure:
    """What one leaf adds to the score of a paper that says it so often."""
    return weight * often * (SATURATION + 1) / (often + damping)


def _asked(node: Node) -> Iterator[Leaf]:
    """The leaves that ask for words."""
    if isinstance(node, And | Or):
        for part in node.parts:
            yield from _asked(part)
    elif not isinstance(node, Not | Number | Since | Near) and not (isinstance(node, Code) and node.field == "source"):
        yield node


def often(leaf: Leaf, paper: Analysed) -> float:
    """How often the paper says it, the title's times weighing more. Names and codes are there or not."""
    if not isinstance(leaf, Term) or leaf.field in ("author", "org"):
        return float(holds(leaf, paper))
    times = 0.0
    for field, text in passages(leaf, paper):
        times += sum(1 for _ in runs(leaf, text.open)) * (TITLE_WEIGHT if field == "title" else 1.0)
    return times


def _surprise(leaf: Leaf, statistics: Statistics) -> float:
    """The inverse document frequency of what a leaf asks for; a phrase is as rare as its words together."""
    open_words = words_of(leaf_words(leaf, closed=False))
    return sum(_rarity(word, statistics) for word in open_words) or _rarity(Word("", prefix=True), statistics)


def _rarity(word: Word, statistics: Statistics) -> float:
    papers = max(statistics.papers, 1)
    held = papers * OPEN_END_SHARE if word.prefix else min(statistics.frequencies.get(word.text, 0), papers)
    return math.log(1 + (papers - held + 0.5) / (held + 0.5))
