"""How well a search by meaning finds, and what it costs.

The truth is hidden from the search: the keywords that papers of the Hugging Face digest carry (`ai_keywords`). A
keyword that three papers or more carry is asked for as a reader would type it, and those papers are what should be
found; papers without keywords are left out. What was chosen by trial was chosen on the keywords that two papers carry.

Beside it: BM25 over any of the words. Papers that lack a word of the keyword are few or many by what a word is, because
keywords are mostly taken from abstracts; so each recall stands beside a BM25 that reads words in the same way, and of
how many pairs of a keyword and a paper it is, is printed with it:

`stems`        our own BM25: only ten pairs lack a stem, and what they show is hardly more than chance
`written`      words as they are written, folded ("generalizable" is not "generalization"): plain BM25, and our own,
               which finds those by their stems; 23 pairs
`white space`  what stands between white space ("fine-tuning," is not "fine-tuning"): plain BM25, the nearest to the
               0.431 of a first trial; most of what these pairs lack is a comma less
`other names`  stems again, of papers that carry the keyword or another name of it, as keywords tell that hold both:
               "large language models (LLMs)". What it is to find other words for the same

Similar papers are those that have a keyword in common, beside TF-IDF (cosine, plain) and beside chance.
"""

import asyncio
import math
import re
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from paperlark.interpreter import tune_python
from paperlark.matching.acronyms import acronyms
from paperlark.matching.explained import Stems, stems_of
from paperlark.matching.query import Query
from paperlark.matching.text import stem, tokenise
from paperlark.matching.tree import Node, Term, any_of
from paperlark.model.papers import Page, StoredPaper
from paperlark.model.problems import SourceError
from paperlark.pipeline import ingest
from paperlark.readers import meaning, search, similar
from paperlark.sources import hf_daily
from paperlark.sources.base import Saved
from paperlark.store import archive, directions, papers
from paperlark.store.database import Store, open_store
from tests.bench.importing import CAPTURED_ON
from tests.databases import sqlite_databases

LEAST = 3  # papers that carry a keyword that is asked for
TOP, DEEP = 10, 50

Say = Callable[[str], None]
Numbers = Sequence[int]


class Asked(NamedTuple):
    """A keyword as it is typed, and the papers that carry it."""

    text: str
    relevant: frozenset[int]


def measure(data: Path, say: Say) -> list[dict[str, Any]]:
    """Quality over the papers with keywords."""
    with tempfile.TemporaryDirectory() as folder, sqlite_databases(Path(folder)) as fresh:
        return asyncio.run(_measured(fresh(), data, say))


async def _measured(address: str, data: Path, say: Say) -> list[dict[str, Any]]:
    store = await open_store(address)
    try:
        await ingest.take(store, "hf_daily", hf_daily.HfDaily.authority, _pages(data), owes=False)
        tune_python()
        await directions.fill(store)
        async with store.reading() as tx:
            known = await papers.load(tx, await archive.newest(tx))
        rows = await _of_searches(store, known, say)
        return [*rows, await _of_similar(store, known, say)]
    finally:
        await store.close()


async def _pages(data: Path) -> AsyncIterator[Page]:
    for file in sorted((data / "hf_daily_api").glob("*.json")):
        try:
            page = hf_daily.parse_saved(Saved(file.name, file.read_bytes(), CAPTURED_ON))
        except SourceError:
            continue  # one of the corrupt days
        yield replace(page, announcements=tuple(each for each in page.announcements if each.paper.keywords))


# ── searches ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def _of_searches(store: Store, known: Mapping[int, StoredPaper], say: Say) -> list[dict[str, Any]]:
    carried: dict[str, set[int]] = defaultdict(set)
    for paper in known.values():
        for keyword in paper.keywords:
            carried[_plain(keyword)].add(paper.id)
    name_of = _name_of(keyword for paper in known.values() for keyword in paper.keywords)
    named: dict[Stems, set[int]] = defaultdict(set)
    for keyword, found in carried.items():
        named[name_of(keyword)] |= found
    wanted = {keyword: found for keyword, found in carried.items() if len(found) >= LEAST}
    asked = [Asked(_typed(keyword), frozenset(found)) for keyword, found in wanted.items()]
    wider = [Asked(_typed(keyword), frozenset(named[name_of(keyword)])) for keyword in wanted]
    took: list[float] = []
    fused: list[Numbers] = []
    for each in asked:
        began = time.perf_counter()
        stretch = await meaning.stretch(store, each.text, limit=DEEP)
        took.append((time.perf_counter() - began) * 1000)
        fused.append([one.paper.id for one in stretch.found])
    stems = [await _by_any_word(store, each.text) for each in asked]
    written, spaced = Plain(known, _folded), Plain(known, _spaced)
    by_written = [written.best(each.text) for each in asked]
    by_spaced = [spaced.best(keyword) for keyword in wanted]
    say(
        f"{len(asked)} keywords over {len(known)} papers, {sum(' ' in each.text for each in asked)} of several words; "
        f"a search took {np.median(took):.1f} ms, p99 {np.quantile(took, 0.99):.1f} ms"
    )
    besides = {"BM25, any word": stems, "BM25 as written": by_written, "BM25, white space": by_spaced}
    ours = [_ndcg(*pair) for pair in zip(fused, asked, strict=True)]
    rows = [
        _row("nDCG@10", "mean", ours, [_ndcg(*pair) for pair in zip(found, asked, strict=True)], name)
        for name, found in besides.items()
    ]
    stemmed = Plain(known, _stemmed)
    by_stems = [stemmed.lacking(each, each.text) for each in asked]
    as_written = [written.lacking(each, each.text) for each in asked]
    by_space = [spaced.lacking(each, keyword) for each, keyword in zip(asked, wanted, strict=True)]
    by_name = [stemmed.lacking(each, each.text) for each in wider]
    recalls: list[tuple[str, Sequence[Iterable[int]], str]] = [
        ("lacks a word by stems", by_stems, "BM25, any word"),
        ("lacks it as written", as_written, "BM25 as written"),
        ("lacks it as written", as_written, "BM25, any word"),
        ("lacks it, white space", by_space, "BM25, white space"),
        ("lacks it, other names", by_name, "BM25, any word"),
        ("any that carries it", [each.relevant for each in asked], "BM25, any word"),
    ]
    return rows + [
        _row(f"recall@50, {name}", f"{sum(len(list(each)) for each in some)} pairs", _recalls(fused, some),
             _recalls(besides[beside], some), beside)
        for name, some, beside in recalls
    ]  # fmt: skip


def _row(name: str, unit: str, ours: Sequence[float], beside: Sequence[float], what: str) -> dict[str, Any]:
    one, other = float(np.mean(ours)), float(np.mean(beside))
    return {"name": name, "ours": round(one, 4), "beside": round(other, 4), "what_beside": what,
            "unit": unit, "ratio": round(one / other, 3) if other else None if one else 1.0}  # fmt: skip


def _plain(keyword: str) -> str:
    return " ".join(keyword.lower().split())


def _typed(keyword: str) -> str:
    return " ".join(_folded(keyword))


def _name_of(keywords: Iterable[str]) -> Callable[[str], Stems]:
    """A keyword's name: what its short form stands for, where the keywords explain that, and never otherwise."""
    explained: dict[Stems, set[Stems]] = defaultdict(set)
    for keyword in keywords:
        for short, long in acronyms(keyword):
            explained[stems_of(short)].add(stems_of(long))

    def name(keyword: str) -> Stems:
        both = re.fullmatch(r"(.*?)\s*\([^()]+\)", keyword)
        own = stems_of(both[1] if both else keyword)
        longs = explained.get(own, set())
        return next(iter(longs)) if len(longs) == 1 else own

    return name


# What a word is.


def _folded(text: str) -> list[str]:
    return [token.word for token in tokenise(text)]


def _stemmed(text: str) -> list[str]:
    return list(map(stem, _folded(text)))


def _spaced(text: str) -> list[str]:
    return text.lower().split()


class Plain:
    """BM25 as it stands in books: one text of title and abstract, k1 1.5, b 0.75."""

    def __init__(self, known: Mapping[int, StoredPaper], words: Callable[[str], list[str]]) -> None:
        self._words = words
        self._said = {number: Counter(words(f"{each.title} {each.abstract}")) for number, each in known.items()}
        self._held = Counter(word for said in self._said.values() for word in said)
        self._length = {number: said.total() for number, said in self._said.items()}
        self._average = sum(self._length.values()) / len(known)

    def lacking(self, asked: Asked, text: str) -> set[int]:
        """The relevant papers that lack a word of a text."""
        return {number for number in asked.relevant if set(self._words(text)) - self._said[number].keys()}

    def best(self, text: str) -> Numbers:
        """The best for any of the words; of equal ones the newer."""
        points: dict[int, float] = defaultdict(float)
        for word in self._words(text):
            weight = math.log(1 + (len(self._said) - self._held[word] + 0.5) / (self._held[word] + 0.5))
            for number, said in self._said.items():
                if often := said[word]:
                    damping = 1.5 * (0.25 + 0.75 * self._length[number] / self._average)
                    points[number] += weight * often * 2.5 / (often + damping)
        return sorted(points, key=lambda number: (-points[number], -number))[:DEEP]


async def _by_any_word(store: Store, text: str) -> Numbers:
    """The best by BM25 over any of the words."""
    words: list[Node] = [Term((token.word,)) for token in tokenise(text)]
    if not words:
        return []
    query = Query(any_of(words))
    async with store.reading() as tx:
        ranking = await search.ranked(tx, query, query, await search.statistics_for(tx, query))
    return [number for number, _ in ranking.best(DEEP)]


def _ndcg(found: Numbers, asked: Asked) -> float:
    """Jarvelin and Kekalainen 2002, with a gain of one for each paper that carries the keyword."""
    gained = sum(1 / np.log2(place + 2) for place, number in enumerate(found[:TOP]) if number in asked.relevant)
    return float(gained / sum(1 / np.log2(place + 2) for place in range(min(TOP, len(asked.relevant)))))


def _recalls(found: Sequence[Numbers], wanted: Sequence[Iterable[int]]) -> list[float]:
    """For each pair of a keyword and a paper that should be found for it, whether it was."""
    return [float(number in set(numbers)) for numbers, some in zip(found, wanted, strict=True) for number in some]


# ── similar papers ─────────────────────────────────────────────────────────────────────────────────────────────────


async def _of_similar(store: Store, known: Mapping[int, StoredPaper], say: Say) -> dict[str, Any]:
    numbers = list(known)
    keywords = {number: {word.lower() for word in known[number].keywords} for number in numbers}
    common = np.array([[bool(keywords[one] & keywords[other]) for other in numbers] for one in numbers])
    np.fill_diagonal(common, False)
    chance = float(common.sum()) / (len(numbers) * (len(numbers) - 1))
    beside = _tf_idf([known[number] for number in numbers])
    np.fill_diagonal(beside, -1)
    theirs = np.mean([common[at][np.argsort(-beside[at], kind="stable")[:TOP]].mean() for at in range(len(numbers))])
    place = {number: at for at, number in enumerate(numbers)}
    shares = []
    for at, number in enumerate(numbers):
        found = await similar.similar(store, str(number), limit=TOP)
        shares.append(np.mean([common[at][place[each.paper.id]] for each in found.papers]))
    ours = float(np.mean(shares))
    say(f"similar papers: {ours:.1%} of the ten first share a keyword, by TF-IDF {theirs:.1%}, by chance {chance:.1%}")
    return {"name": "similar, share", "ours": round(ours, 4), "beside": round(float(theirs), 4),
            "what_beside": f"TF-IDF; chance {chance:.3f}", "unit": "of ten",
            "ratio": round(ours / float(theirs), 3)}  # fmt: skip


def _tf_idf(some: Sequence[StoredPaper]) -> NDArray[np.float64]:
    """The cosine of every two papers: stems, how often times the log of how rare."""
    said = [
        Counter(stem(token.word) for text in (paper.title, paper.abstract) for token in tokenise(text))
        for paper in some
    ]
    held = Counter(word for each in said for word in each)
    column = {word: at for at, word in enumerate(held)}
    table = np.zeros((len(some), len(column)))
    for row, each in enumerate(said):
        for word, times in each.items():
            table[row, column[word]] = times * np.log(len(some) / held[word])
    table /= np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-9)
    found: NDArray[np.float64] = table @ table.T
    return found
