"""How well a search by meaning finds, and what it costs.

The truth is hidden from the search: the keywords that papers of the Hugging Face digest carry (`ai_keywords`). A
keyword that three papers or more carry is asked for as a reader would type it, and those papers are what should be
found; papers without keywords are left out. What was chosen by trial was chosen on the keywords that two papers carry.

Beside it: our own BM25 over any of the words, with the same stems and the same weights. Papers that lack a word of the
keyword are few, because keywords are mostly taken from abstracts: how many pairs a figure is of is printed with it. So
they are counted by stems, as BM25 reads them, by words as written, and under a keyword's other names ("LLMs", "large
language models"), as those keywords tell them that hold both: "large language models (LLMs)".

Similar papers are those that have a keyword in common, beside TF-IDF (cosine, plain) and beside chance.
"""

import asyncio
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
    """A keyword as it is typed, the papers that carry it, and those of them that lack one of its words: in any form,
    and as it is written."""

    text: str
    relevant: frozenset[int]
    lacking: frozenset[int]
    unwritten: frozenset[int]


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
            carried[" ".join(keyword.lower().split())].add(paper.id)
    wanted = {keyword: found for keyword, found in carried.items() if len(found) >= LEAST}
    named = _under_other_names(carried)
    asked = [_asked(keyword, found, known) for keyword, found in wanted.items()]
    wider = [_asked(keyword, named[_name(keyword)], known) for keyword in wanted]
    took: list[float] = []
    fused: list[Numbers] = []
    words: list[Numbers] = []
    for each in asked:
        began = time.perf_counter()
        found = await meaning.stretch(store, each.text, limit=DEEP)
        took.append((time.perf_counter() - began) * 1000)
        fused.append([one.paper.id for one in found.found])
        words.append(await _by_any_word(store, each.text))
    rows = [
        _row("nDCG@10", "mean", [_ndcg(*pair) for pair in zip(fused, asked, strict=True)],
             [_ndcg(*pair) for pair in zip(words, asked, strict=True)]),
    ]  # fmt: skip
    lacking = {
        "lacks a word": [each.lacking for each in asked],
        "lacks it as written": [each.unwritten for each in asked],
        "lacks a word, all names": [each.lacking for each in wider],
        "any that carries it": [each.relevant for each in asked],
    }
    rows += [
        _row(f"recall@50, {name}", f"{sum(map(len, some))} pairs", _recalls(fused, some), _recalls(words, some))
        for name, some in lacking.items()
    ]
    say(
        f"{len(asked)} keywords over {len(known)} papers, {sum(' ' in each.text for each in asked)} of several words; "
        f"a search took {np.median(took):.1f} ms, p99 {np.quantile(took, 0.99):.1f} ms"
    )
    return rows


def _row(name: str, unit: str, ours: Sequence[float], beside: Sequence[float]) -> dict[str, Any]:
    one, other = float(np.mean(ours)), float(np.mean(beside))
    return {"name": name, "ours": round(one, 4), "beside": round(other, 4), "what_beside": "BM25, any word",
            "unit": unit, "ratio": round(one / other, 3) if other else float(one == other)}  # fmt: skip


def _asked(keyword: str, relevant: Iterable[int], known: Mapping[int, StoredPaper]) -> Asked:
    words = [token.word for token in tokenise(keyword)]
    stems = {stem(word) for word in words}
    said = {number: _words(known[number]) for number in relevant}
    lacking = (number for number in relevant if stems - set(map(stem, said[number])))
    unwritten = (number for number in relevant if set(words) - said[number])
    return Asked(" ".join(words), frozenset(relevant), frozenset(lacking), frozenset(unwritten))


def _words(paper: StoredPaper) -> set[str]:
    return {token.word for text in (paper.title, paper.abstract) for token in tokenise(text)}


def _under_other_names(carried: Mapping[str, set[int]]) -> dict[str, set[int]]:
    """The papers of every keyword, by its name: names that one keyword holds both of are one."""
    same: dict[str, str] = {}

    def first(name: str) -> str:
        while same.setdefault(name, name) != name:
            name = same[name]
        return name

    for keyword in carried:
        for name in _names(keyword):
            same[first(name)] = first(_name(keyword))
    together: dict[str, set[int]] = defaultdict(set)
    for keyword, found in carried.items():
        together[first(_name(keyword))] |= found
    return {_name(keyword): together[first(_name(keyword))] for keyword in carried}


def _names(keyword: str) -> list[str]:
    both = re.fullmatch(r"(.*?)\s*\(([^()]+)\)", keyword)
    return [" ".join(stem(token.word) for token in tokenise(name)) for name in (both.groups() if both else [keyword])]


def _name(keyword: str) -> str:
    return _names(keyword)[0]


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
