"""A search by meaning: any of the words may do, and so may other words for the same. Pure.

Two measures of a paper are added up. The first is BM25 over any of the words, and over the words together where they
stand as they were asked for (Metzler and Croft 2005, "A Markov random field model for term dependencies"), as a share
of the most that a paper could have. The second is closeness to what was asked (`meaning`), which is turned towards the
first few papers by the first measure (Rocchio 1971, "Relevance feedback in information retrieval"): a few words point
vaguely, papers that say them do not. What is asked besides words (authors, categories, days, exclusions) must hold.
Where abstracts explain that the words have another name ("large language models (LLMs)"), that is looked for as well.

Sums were better than reciprocal ranks (Cormack and others 2009), and a sum does not change when other papers come.
What the figures below are was chosen on keywords that two papers of the test data carry; those that more carry are what
the bench measures by, and had no part in it.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from paperlark.matching import rank
from paperlark.matching.candidates import leaf_words, words_of
from paperlark.matching.query import Query
from paperlark.matching.rank import Statistics
from paperlark.matching.text import fold, stem, tokenise
from paperlark.matching.tree import And, Leaf, Node, Not, Or, Reading, Term, all_of, any_of

TOGETHER = 4  # words in a row that are asked for together too: more hardly ever stand so
CLOSENESS = 0.5  # what closeness counts beside the words
LEADS = 5  # papers that lead the direction on
PULL = 2.0  # what they count beside what was asked
ENOUGH = 5_000  # papers that are looked at for their words, beside those that have all of them

Points = NDArray[np.float64]


class Wish(NamedTuple):
    """What is asked. words: any of them, None where there are none. must: what a paper must meet whatever its words
    are, None for anything. said: the text whose direction is looked for; "" where there are no words. rows: the stems
    of each alternative's words in a row, which may have other names. also: those names, which `words` asks for too."""

    words: Query | None
    must: Query | None
    said: str
    rows: tuple[tuple[str, ...], ...]
    also: tuple[Term, ...] = ()


def wish(query: Query) -> Wish:
    """A query, read so that its words need not all be there."""
    must = _must(query.tree)
    terms = list(_terms(query.tree))
    asked: list[Node] = [*_together(query.tree), *terms]
    for term in terms:
        asked += [Term((word,), _open(term.reading)) for word in term.words] if len(term.words) > 1 else []
    return Wish(
        Query(any_of(asked)) if asked else None,
        Query(must) if must is not None else None,
        " ".join(word for term in terms for word in term.words),
        tuple(dict.fromkeys(_rows(query.tree))),
    )


def with_names(wish: Wish, names: Iterable[str]) -> Wish:
    """The same wish, with other names for its words."""
    if wish.words is None:
        return wish
    asked = wish.words.tree.parts if isinstance(wish.words.tree, Or) else (wish.words.tree,)
    rows = (tuple(token.word for token in tokenise(name)) for name in names)
    also = tuple(term for row in rows if row and (term := Term(row)) not in asked)
    return wish._replace(words=Query(any_of([*asked, *also])), also=also)


def looked_at(wish: Wish, statistics: Statistics) -> Query:
    """A query that finds those papers whose words are worth a look: all that have every word, and those that have one
    of the rarer ones, or another name, which together are not many more than ENOUGH."""
    terms = [leaf for leaf in wish.words.terms if isinstance(leaf, Term)] if wish.words is not None else []
    single = [leaf for leaf in terms if len(leaf.words) == 1 and leaf not in wish.also]
    chosen: list[Node] = [all_of(list(single))]
    found = 0
    for leaf in sorted([*single, *wish.also], key=lambda leaf: _held(leaf, statistics)):
        found += _held(leaf, statistics)
        if found > ENOUGH:
            break
        chosen.append(leaf)
    return Query(any_of(chosen))


def shares(points: Points, words: Query, statistics: Statistics) -> Points:
    """BM25's points as shares of what a paper would have that says everything without end."""
    most = sum(weight for _, weight in rank.weights(words, statistics)) * (rank.SATURATION + 1)
    return points / most if most > 0 else points


def fused(shares: Points, closeness: Points) -> Points:
    """Both measures as one score, to 6 decimals."""
    return np.round(shares + CLOSENESS * closeness, 6)


def leads(numbers: NDArray[np.int64], shares: Points) -> tuple[int, ...]:
    """The papers that lead: the best by their words, of equal ones the newer."""
    order = np.lexsort((-numbers, -shares))[:LEADS]
    return tuple(int(numbers[at]) for at in order if shares[at] > 0)


# ── from the tree ──────────────────────────────────────────────────────────────────────────────────────────────────


def _is_word(node: Node) -> bool:
    """Whether other words may stand for it: not for a name, nor for a word with an open end."""
    return isinstance(node, Term) and node.field not in ("author", "org") and not node.prefix


def _must(node: Node) -> Node | None:
    match node:
        case And(parts):
            kept = [must for part in parts if (must := _must(part)) is not None]
            return all_of(kept) if kept else None
        case Or(parts):
            each = [_must(part) for part in parts]
            required = [must for must in each if must is not None]
            return any_of(required) if len(required) == len(each) else None
        case _:
            return None if _is_word(node) else node


def _terms(node: Node) -> Iterator[Term]:
    """The words that are asked for, in the order of writing, each once where it is asked for twice."""
    seen: set[Leaf] = set()
    for leaf in _asked(node):
        if isinstance(leaf, Term) and _is_word(leaf) and leaf not in seen:
            seen.add(leaf)
            yield leaf


def _asked(node: Node) -> Iterator[Leaf]:
    if isinstance(node, And | Or):
        for part in node.parts:
            yield from _asked(part)
    elif not isinstance(node, Not):
        yield node


def _together(node: Node) -> Iterator[Term]:
    """The words of each alternative in a row, where they are few."""
    if isinstance(node, Or):
        for part in node.parts:
            yield from _together(part)
    elif isinstance(node, And):
        plain = [part.words[0] for part in node.parts if isinstance(part, Term) and _is_plain(part)]
        if 1 < len(plain) <= TOGETHER:
            yield Term(tuple(plain))


def _rows(node: Node) -> Iterator[tuple[str, ...]]:
    """The stems of the plain words of each alternative in a row."""
    if isinstance(node, Or):
        for part in node.parts:
            yield from _rows(part)
    elif not isinstance(node, Not):
        parts = node.parts if isinstance(node, And) else (node,)
        plain = [part for part in parts if isinstance(part, Term) and _is_word(part) and part.field is None]
        if plain:
            yield tuple(stem(fold(word)) for term in plain for word in term.words)
        for part in parts:
            if isinstance(part, Or):
                yield from _rows(part)


def _is_plain(term: Term) -> bool:
    return _is_word(term) and len(term.words) == 1 and term.reading is Reading.STEMMED and term.field is None


def _open(reading: Reading) -> Reading:
    return Reading.EXACT if reading is Reading.EXACT else Reading.STEMMED


def _held(leaf: Term, statistics: Statistics) -> int:
    """In how many papers it stands, at most."""
    words = words_of(leaf_words(leaf, closed=False))
    return min((statistics.frequencies.get(word.text, 0) for word in words), default=0)
