"""Profiles as many readers would write them, drawn with a seed from the words of real papers.

The mixture is that of a service with a million of them: a third one term, a quarter two to four alternatives, the rest
conjunctions, exclusions and both together; terms of one to four words, popular ones by far the most, some that no
paper has; fields, prefixes, stems, categories, authors. A first draw is held against some papers, and what is drawn
after it leans to rarer or commoner terms, until a paper meets the wanted share of the profiles on average.
"""

import gzip
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import accumulate, islice
from pathlib import Path
from random import Random

from paperlark.matching.document import Document
from paperlark.matching.names import read_name
from paperlark.matching.query import Query
from paperlark.matching.text import columns
from paperlark.matching.tree import And, Author, Code, Node, Not, Or, Reading, Term, all_of, any_of

SEED = 20_251_121
SHARE = 0.0175
"""Of all profiles, those that a paper meets on average."""
DAY = datetime(2025, 7, 17, tzinfo=UTC)
STOP = frozenset(
    re.findall(
        r"\w+",
        "the and for that with this are from which can our have has not been these their into such than a an of in to "
        "we on is by as be it at or its also via both while using",
    )
)
POOL = {1: 12_000, 2: 160_000, 3: 90_000, 4: 40_000}  # distinct terms by their number of words


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
    """Writes profiles. The same papers, seed and lean give the same profiles."""

    def __init__(self, learned: Sequence[Document], lean: float, seed: int = SEED) -> None:
        """learned: the papers whose words are used. lean: the exponent of Zipf's law by which terms are popular; the
        greater, the commoner are the terms that most profiles use."""
        self._chance = Random(seed)
        self._terms = {length: _phrases(learned, length, limit) for length, limit in POOL.items()}
        self._popular = {length: _weights(len(terms), lean) for length, terms in self._terms.items()}
        names = map(read_name, dict.fromkeys(author for paper in learned for author in paper.authors))
        self._authors = [name for name in names if name is not None]
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
        chance = self._chance
        [kind] = chance.choices(("phrase", "title", "author", "org", "begins", "stems"), (70, 8, 5, 3, 7, 7))
        if kind == "author":
            name = chance.choice(self._authors)
            return Author(name) if name.given else Term(name.family[-1:], Reading.PHRASE, field="author")
        words = self._words()
        if chance.random() < 0.1:  # what no paper says
            words = (*words[:-1], f"{words[-1]}{chance.choice('qxz')}{chance.choice('qxz')}")
        match kind:
            case "title":
                return Term(words, Reading.PHRASE, field="title")
            case "org":
                return Term(words, Reading.PHRASE, field="org")
            case "begins" if len(words[-1]) > 5:
                return Term((*words[:-1], words[-1][:-2]), Reading.PHRASE, prefix=True)
            case "stems":
                return Term(words)
        return Term(words, Reading.PHRASE)

    def _words(self) -> tuple[str, ...]:
        [length] = self._chance.choices((1, 2, 3, 4), (25, 45, 22, 8))
        return self._chance.choices(self._terms[length], cum_weights=self._popular[length])[0]


def _phrases(learned: Sequence[Document], length: int, limit: int) -> list[tuple[str, ...]]:
    """What the papers say in so many words, the commonest first."""
    said: Counter[tuple[str, ...]] = Counter()
    for paper in learned:
        for text in (paper.title, paper.abstract):
            words = columns(text).words
            said.update(set(zip(*(words[at:] for at in range(length)), strict=False)))
    good = (each for each, _ in said.most_common() if STOP.isdisjoint((each[0], each[-1])) and len(each[0]) > 2)
    return list(islice(good, limit))


def _weights(number: int, lean: float) -> list[float]:
    """Cumulated: the term of rank r is chosen with a weight of 1 / (r + 10) ** lean."""
    return list(accumulate((rank + 10) ** -lean for rank in range(number)))


def _sensible(node: Node) -> Node | None:
    """None for what the draw made by chance and nobody would: `a -a`."""
    denied = {each.part for each in node.parts if isinstance(each, Not)} if isinstance(node, And) else set()
    if isinstance(node, And | Or) and any(_sensible(part) is None for part in node.parts):
        return None
    return None if isinstance(node, And) and denied & set(node.parts) else node
