"""Narrower readings of a query: what a reader may ask instead, where it brings too much. Pure.

A word that is good to add stands in about as many of the query's papers as the reader may want to read, and oftener in
them than elsewhere. Both are measured: on a sample of what the query brings, and on a background of whatever papers.
Its weight is the log of the ratio of the two shares (Sparck Jones 1972, "A statistical interpretation of term
specificity and its application in retrieval").
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Literal, NamedTuple

from paperlark.matching.lean import Lean
from paperlark.matching.query import Query, parse
from paperlark.matching.text import stem
from paperlark.matching.tree import And, Node, Not, Number, Or, Reading, Term, all_of, any_of
from paperlark.model.problems import QueryError

Kind = Literal["added", "excluded", "title", "without", "threshold"]

ADDED = 3  # readings with a second term
FEW = 3  # papers of the sample: what fewer hold is chance
SPECIFIC = 1.3  # times as often as in the background: less is everybody's word
SHORTEST = 3  # letters of a word to add
HALF = 0.5
THRESHOLDS = (2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000)
COUNTED = 0.1  # of the sample must have upvotes: else the threshold would ask for the source, not for the paper


class Narrowed(NamedTuple):
    """A narrower reading, and in which way it is: a term added, one excluded, the title only, without a part, or from
    so many upvotes on. further: what is left to ask of a paper that meets the wider query."""

    kind: Kind
    query: Query
    further: Query


def narrowed(
    query: Query, sample: Sequence[Lean], background: Sequence[Lean], *, aim: float, noisiest: Node | None
) -> list[Narrowed]:
    """The readings to propose. Each meets only papers that the query meets.

    sample: some papers that it meets. aim: the share of its papers that a reader would do with, at most a half.
    noisiest: the part of it to leave out, if one stands out.
    """
    words = _Words(query, sample, background)
    further: list[tuple[Kind, Node | None]] = [
        *(("added", word) for word in words.splitting(aim, ADDED)),
        *(("excluded", Not(word)) for word in words.splitting(HALF, 1)),
        ("threshold", _upvotes(sample, aim)),
    ]
    instead: list[tuple[Kind, Node | None]] = [
        ("title", _in_titles(query.tree)),
        ("without", without(query.tree, noisiest) if noisiest is not None else None),
    ]
    found = [Narrowed(kind, Query(all_of([query.tree, node])), Query(node)) for kind, node in further if node]
    found += [Narrowed(kind, Query(tree), Query(tree)) for kind, tree in instead if tree]
    return [each for each in found if each.query != query and _readable(each.query)]


def _readable(query: Query) -> bool:
    """A query may be as long as the language allows, and then no word can be added."""
    try:
        parse(str(query))
    except QueryError:
        return False
    return True


# ── words that split ───────────────────────────────────────────────────────────────────────────────────────────────


class _Words:
    """The words of the sample, and how often they stand there and elsewhere."""

    def __init__(self, query: Query, sample: Sequence[Lean], background: Sequence[Lean]) -> None:
        said = [_said(paper) for paper in sample]
        own = Counter(found for stems in said for found in set(stems.values()))
        usual = Counter(found for paper in background for found in set(_read(paper, Reading.STEMMED)))
        titled = Counter(found for paper in sample for found in set(paper.title.open(Reading.STEMMED)))
        asked = {stem(word) for leaf in query.terms if isinstance(leaf, Term) for word in leaf.words}
        self._stems = {word: found for each in said for word, found in each.items()}
        self._written = Counter(word for each in said for word in each)
        self._shares = {
            found: (own[found] / len(said), (usual[found] + 1) / (len(background) + 2))
            for found, titles in titled.items()
            # What stands in titles too is what papers are about; the rest is how people write.
            if titles >= FEW and own[found] < len(said) and found not in asked
        }

    def splitting(self, share: float, number: int) -> list[Term]:
        """The words that best tell a share of the sample from the rest of it and from the background, best first."""

        def worth(found: str) -> float:
            own, usual = self._shares[found]
            return min(own / share, share / own) * math.log(own / usual)

        known = [found for found, (own, usual) in self._shares.items() if own > SPECIFIC * usual]
        best = sorted(known, key=lambda found: (-worth(found), found))
        words = filter(None, map(self._as_written, best))
        return [Term((word,)) for word in islice(words, number)]

    def _as_written(self, stemmed: str) -> str | None:
        """The commonest word with a stem; None where it is no plain word."""
        if len(stemmed) < SHORTEST or not (stemmed.isascii() and stemmed.isalpha()):
            return None
        words = [word for word, found in self._stems.items() if found == stemmed]
        return min(words, key=lambda word: (-self._written[word], word))


def _said(paper: Lean) -> dict[str, str]:
    """A paper's words, each with its stem."""
    return dict(zip(_read(paper, Reading.PHRASE), _read(paper, Reading.STEMMED), strict=True))


def _read(paper: Lean, reading: Reading) -> list[str]:
    return paper.title.open(reading) + paper.abstract.open(reading)


# ── the tree, changed ──────────────────────────────────────────────────────────────────────────────────────────────


def _in_titles(node: Node) -> Node:
    """The same, its words asked for in titles only; what is excluded stays excluded everywhere."""
    match node:
        case And(parts):
            return all_of([_in_titles(part) for part in parts])
        case Or(parts):
            return any_of([_in_titles(part) for part in parts])
        case Term(words, reading, prefix, None):
            return Term(words, reading, prefix, "title")
        case _:
            return node


def without(node: Node, part: Node) -> Node | None:
    """What is left where a part that is asked for can never be had; None where nothing is."""
    if node == part:
        return None
    match node:
        case Or(parts):
            left = [each for each in (without(each, part) for each in parts) if each is not None]
            return any_of(left) if left else None
        case And(parts):
            kept = [each for each in (without(each, part) for each in parts) if each is not None]
            return all_of(kept) if len(kept) == len(parts) else None
        case _:
            return node


def competing(node: Node) -> Iterator[Node]:
    """The parts between which a query leaves the choice: its alternatives, or those within its conjunction."""
    match node:
        case Or(parts):
            yield from parts
        case And(parts):
            for part in parts:
                yield from competing(part)


def _upvotes(sample: Sequence[Lean], share: float) -> Node | None:
    """As many upvotes as leave a share of the sample, where upvotes are told at all."""
    upvotes = [count for paper in sample if (count := paper.document.signals.get("upvotes")) is not None]
    if len(upvotes) < max(FEW, COUNTED * len(sample)):
        return None
    most = share * len(sample)
    enough = (least for least in THRESHOLDS if 0 < sum(count >= least for count in upvotes) <= most)
    least = next(enough, None)
    return Number("upvotes", ">=", least) if least is not None else None
