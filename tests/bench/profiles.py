"""Seeded profiles, drawn from what real papers say, that match a wanted share of them.

The kinds are mixed as readers write them: single words, alternatives, conjunctions, phrases, titles, exclusions,
prefixes, categories. A first draw is measured on a sample, then profiles are chosen so that their mean share of
matching papers is the wanted one.
"""

import itertools
import random
from collections import Counter
from collections.abc import Callable, Sequence

from paperlark.matching.document import Document, analyse
from paperlark.matching.index import Index
from paperlark.matching.query import parse
from paperlark.matching.text import tokenise
from paperlark.model.problems import QueryError

SEED = 20_250_718
STOP = frozenset(
    [
        "the",
        "and",
        "for",
        "that",
        "with",
        "this",
        "are",
        "from",
        "which",
        "can",
        "our",
        "have",
        "has",
        "not",
        "been",
        "these",
        "their",
        "into",
        "such",
        "than",
    ]
)


def drawn(papers: Sequence[Document], number: int, share: float) -> list[str]:
    """`number` profile texts of which a paper meets `share` on average, as measured on `papers` themselves."""
    chance = random.Random(SEED)
    pool = list(dict.fromkeys(filter(_readable, (_text(chance, *_terms(papers)) for _ in range(number * 4)))))
    met: Counter[int] = Counter()
    index: Index[int] = Index()
    for key, text in enumerate(pool):
        index.put(key, parse(text))
    for paper in papers:
        met.update(int(str(key)) for key in index.percolate(analyse(paper)))
    shares = {key: met[key] / len(papers) for key in range(len(pool))}
    chosen: list[int] = []
    total = 0.0
    waiting = sorted(shares, key=lambda key: chance.random())
    while len(chosen) < number:
        # What is still missing on average decides which of the next few is taken.
        missing = (share * number - total) / (number - len(chosen))
        key = min(waiting[:8], key=lambda each: abs(shares[each] - missing))
        waiting.remove(key)
        chosen.append(key)
        total += shares[key]
    return [pool[key] for key in chosen]


def _readable(text: str) -> bool:
    """False for words alone that nearly every paper has, which the language refuses."""
    try:
        parse(text)
    except QueryError:
        return False
    return True


_known: dict[int, tuple[list[str], list[int], list[str], list[str]]] = {}


def _terms(papers: Sequence[Document]) -> tuple[list[str], list[int], list[str], list[str]]:
    """Words with their weights, two-word phrases, and categories, as the papers have them."""
    if id(papers) not in _known:
        words: Counter[str] = Counter()
        phrases: Counter[str] = Counter()
        categories: Counter[str] = Counter()
        for paper in papers:
            tokens = [token.word for token in tokenise(f"{paper.title}. {paper.abstract}")]
            words.update({word for word in tokens if len(word) > 3 and word.isalpha() and word not in STOP})
            phrases.update({f"{a} {b}" for a, b in itertools.pairwise(tokens) if len(a) > 3 and len(b) > 3})
            categories.update(c for c in paper.categories if c.replace(".", "").replace("-", "").isalpha())
        common = [(word, count) for word, count in words.most_common(6000) if count >= 3]
        paired = [phrase for phrase, count in phrases.most_common(6000) if count >= 3]
        listed = [word for word, _ in common]
        _known[id(papers)] = (listed, [count for _, count in common], paired, sorted(categories))
    return _known[id(papers)]


def _text(
    chance: random.Random, words: list[str], weights: list[int], phrases: list[str], categories: list[str]
) -> str:
    def word() -> str:
        return chance.choices(words, weights)[0]

    def phrase() -> str:
        return f'"{chance.choice(phrases)}"'

    def term() -> str:
        kinds = (word, phrase, lambda: f"title:{word()}", lambda: f"{word()[:6]}*")
        return chance.choices(kinds, (4, 4, 1.5, 0.5))[0]()

    shapes: tuple[tuple[int, Callable[[], str]], ...] = (
        (30, lambda: phrase()),
        (10, lambda: f"title:{word()}"),
        (20, lambda: " OR ".join(phrase() for _ in range(chance.randint(2, 3)))),
        (20, lambda: f"{word()} {word()}"),
        (5, lambda: f"{word()} {term()} cat:{chance.choice(categories)}"),
        (8, lambda: f"({word()} OR {term()}) {word()}"),
        (7, lambda: f"{phrase()} -{word()}"),
    )
    (shape,) = chance.choices([make for _, make in shapes], [weight for weight, _ in shapes])
    return shape()
