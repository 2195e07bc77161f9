"""Profiles as many readers would write them, drawn with a seed from the words of real papers.

The mixture is that of a service with a million of them: a third one term, a quarter two to four alternatives, the rest
conjunctions, exclusions and both together. Terms come from one pool, in which each is of a kind (words anywhere, in
titles, with an open end, by their stems; authors; organisations) and popular by Zipf's law; some of them no paper has.
What is common in papers is popular, but for a whim: the greater, the rarer is what most readers ask for.
"""

import gzip
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import accumulate, islice
from math import log
from pathlib import Path
from random import Random

from paperlark.matching.document import Document
from paperlark.matching.names import read_name
from paperlark.matching.query import Query
from paperlark.matching.text import columns
from paperlark.matching.tree import And, Author, Code, Node, Not, Or, Reading, Term, all_of, any_of

SEED = 20_251_121
WHIM = 2.8
"""By what factor popularity strays from how common a term is: e to this, as often as not. So much that a paper meets
1.5 to 2 of a hundred profiles on average; the bench prints how many it met."""
DAY = datetime(2025, 7, 17, tzinfo=UTC)
STOP = frozenset(
    re.findall(
        r"\w+",
        "the and for that with this are from which can our have has not been these their into such than a an of in to "
        "we on is by as be it at or its also via both while using",
    )
)
POOL = {1: 30_000, 2: 200_000, 3: 120_000, 4: 50_000}
"""Distinct terms of so many words."""
AUTHORS, ORGANISATIONS = 25_000, 15_000
"""Distinct terms that ask for those."""
ZIPF, HEAD = 0.95, 3
"""The term of rank r is drawn with a weight of 1 / (r + HEAD) ** ZIPF."""


def papers(data: Path) -> list[Document]:
    """The 20,000 real papers, in the order of their announcement."""
    [bulk] = (data / "arxiv_bulk").glob("*.jsonl.gz")
    with gzip.open(bulk, "rt", encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    return [
        Document(
            title=" ".join(record["title"].split()),
            abstract=" ".join(record["summary"].split()),
            announced_at=DAY,
            authors=tuple(record["authors"]),
            categories=tuple(record["categories"]),
            sources=("arxiv:bulk",),
        )
        for record in records
    ]


class Writer:
    """Writes profiles. The same papers, whim and seed give the same profiles."""

    def __init__(self, learned: Sequence[Document], whim: float = WHIM, seed: int = SEED) -> None:
        """learned: the papers whose words are used."""
        self._chance = Random(seed)
        said = [*self._phrases(learned), *self._authors(learned), *self._organisations(learned)]
        popular = sorted(said, key=lambda each: log(each[1]) + self._chance.gauss(0, whim), reverse=True)
        self._pool = [term for term, _ in popular]
        self._weights = list(accumulate((rank + HEAD) ** -ZIPF for rank in range(len(self._pool))))
        self._categories = sorted({category for paper in learned for category in paper.categories})

    def queries(self, number: int) -> Iterator[Query]:
        """So many of them, repeats among them as readers repeat one another."""
        shapes, weights = zip(*self._shapes(), strict=True)
        for _ in range(number):
            node: Node | None = None
            while node is None:
                [shape] = self._chance.choices(shapes, weights)
                node = _sensible(shape())
            yield Query(node)

    def _shapes(self) -> Sequence[tuple[Callable[[], Node], float]]:
        any_term, chance = self._term, self._chance

        def some(fewest: int, most: int) -> list[Node]:
            return [any_term() for _ in range(chance.randint(fewest, most))]

        def either() -> Node:
            return any_of(some(2, 2))

        return (
            (any_term, 35),
            (lambda: any_of(some(2, 4)), 25),
            (lambda: all_of(some(2, 2)), 12),
            (lambda: all_of([any_term(), Code("cat", chance.choice(self._categories).casefold())]), 5),
            (lambda: all_of([either(), any_term()]), 7),
            (lambda: all_of([any_term(), Not(any_term())]), 7),
            (lambda: all_of([either(), either(), Not(any_term()), Not(any_term())]), 4),
            (lambda: any_of([all_of(some(2, 2)), all_of([any_term(), Not(any_term())])]), 3),
            (lambda: any_of([all_of([*some(2, 4), Not(any_term())]) for _ in range(3)]), 2),
        )

    def _term(self) -> Node:
        return self._chance.choices(self._pool, cum_weights=self._weights)[0]

    # -- the pool: terms, and how often papers say them ---------------------------------------------------------------

    def _phrases(self, learned: Sequence[Document]) -> Iterator[tuple[Node, int]]:
        chance = self._chance
        for length, limit in POOL.items():
            for words, times in islice(_said(learned, length), limit):
                [kind] = chance.choices(("anywhere", "title", "begins", "stems"), (70, 8, 7, 7))
                if chance.random() < 0.1:  # what no paper says
                    yield Term((*words[:-1], f"{words[-1]}{chance.choice('qxz')}"), Reading.PHRASE), times
                elif kind == "title":
                    yield Term(words, Reading.PHRASE, field="title"), times
                elif kind == "begins" and len(words[-1]) > 5:
                    yield Term((*words[:-1], words[-1][:-2]), Reading.PHRASE, prefix=True), times
                else:
                    yield Term(words, Reading.STEMMED if kind == "stems" else Reading.PHRASE), times

    def _authors(self, learned: Sequence[Document]) -> Iterator[tuple[Node, int]]:
        written = Counter(author for paper in learned for author in paper.authors)
        for author in self._chance.sample(sorted(written), min(AUTHORS, len(written))):
            name = read_name(author)
            if name is not None:
                known = Author(name) if name.given else Term(name.family[-1:], Reading.PHRASE, field="author")
                yield known, written[author]

    def _organisations(self, learned: Sequence[Document]) -> Iterator[tuple[Node, int]]:
        for words, times in islice(_said(learned, 2), ORGANISATIONS):
            yield Term(words, Reading.PHRASE, field="org"), times


def _said(learned: Sequence[Document], length: int) -> Iterator[tuple[tuple[str, ...], int]]:
    """What the papers say in so many words, and how many papers do; the commonest first."""
    said: Counter[tuple[str, ...]] = Counter()
    for paper in learned:
        for text in (paper.title, paper.abstract):
            every = columns(text).words
            phrases = zip(*(every[at:] for at in range(length)), strict=False)
            said.update(list(dict.fromkeys(phrases)))  # a set has an order of its own in each process
    for words, times in said.most_common():
        if STOP.isdisjoint((words[0], words[-1])) and len(words[0]) > 2:
            yield words, times


def _sensible(node: Node) -> Node | None:
    """None for what the draw made by chance and nobody would: `a -a`."""
    denied = {each.part for each in node.parts if isinstance(each, Not)} if isinstance(node, And) else set()
    if isinstance(node, And | Or) and any(_sensible(part) is None for part in node.parts):
        return None
    return None if isinstance(node, And) and denied & set(node.parts) else node
