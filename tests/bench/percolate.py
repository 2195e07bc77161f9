"""Percolation from a paper's text to the numbers of the queries that it meets, beside whoever else could do it.

One thread, one paper a call. Profiles are written by `standing.Writer`; the papers that are matched are others than
those whose words they are made of. Ours and the peers take turns, three rounds, and the median counts. Above ten
thousand profiles a peer runs a sample of them, and its time is scaled; the row says so. What a million profiles cost
otherwise, `million` measures.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from paperlark.interpreter import tune_python
from paperlark.matching.core import FASTEST, PLAIN, Core
from paperlark.matching.document import Analysed, Document, analyse
from paperlark.matching.query import Query
from paperlark.matching.standing import Standing
from tests.bench import million
from tests.bench.standing import Writer, papers

SIZES = (1_000, 10_000, 100_000, 1_000_000)
WHOLE = 10_000  # profiles up to which peers run all of them, and the numpy core is among the peers
SAMPLED = 5_000  # of more queries, those that a peer runs
LEARNED, TAUGHT, TIMED = 8_000, 14_000, 1_000
ROUNDS = 3
NUMPY_BAR = 1_000  # papers a second, of the numpy core at 10,000 profiles
AHEAD = {1_000: 3, 10_000: 5, 100_000: 25, 1_000_000: 80}
"""How many times as fast as the best complete peer the issue of a million profiles asks us to be, by size."""
SHARES = (0.015, 0.020)
"""Of all profiles, those that a paper is to meet on average: the least and the most."""

Say = Callable[[str], None]


def measure(data: Path, say: Say) -> list[dict[str, Any]]:
    """A row for each size and peer: papers a second; and one for each bar at the largest size."""
    documents = papers(data)
    tune_python()  # as the service does; it is the same for all
    queries = Writer(documents[:LEARNED]).queries(SIZES[-1] + million.CHANGES)
    ours, first, rows = _Held(FASTEST), list[Query](), []
    for size in SIZES:
        step = size // SAMPLED if size > WHOLE else 1
        sample = first[::step]
        for place, query in enumerate(islice(queries, size - len(ours)), len(ours)):
            ours.hold(query)
            if place % step == 0:
                sample.append(query)
            if place < WHOLE:
                first.append(query)
        if size > WHOLE:  # the first are a sample that was written down already
            sample = _thinned(sample, SAMPLED)
        rows += _at(size, ours, sample, documents, say)
    with tempfile.TemporaryDirectory() as folder:
        ours.standing.save(Path(folder) / "index")
        del ours, first
        rows += million.measure(data, Path(folder) / "index", list(queries), say)
    return rows


class _Held:
    """A standing index that grows, and the number of each profile's query."""

    def __init__(self, core: Core) -> None:
        self.standing = Standing(core)
        self._numbers: list[int] = []

    def __len__(self) -> int:
        return len(self._numbers)

    def hold(self, query: Query) -> None:
        self._numbers.append(self.standing.hold(query))

    def teach(self, some: Sequence[Document], then: Sequence[Document]) -> float:
        """Put it in order, taught by some papers; the share of the profiles that a paper of the others meets."""
        for document in some:
            self.standing.match([analyse(document)])
        places = self.standing.compact()
        self._numbers = places[np.array(self._numbers)].tolist()
        held = np.bincount(self._numbers, minlength=len(self.standing))
        met = sum(int(held[self.standing.match([analyse(document)])[0]].sum()) for document in then)
        return met / len(then) / len(self._numbers)


def _at(
    size: int, ours: _Held, sample: Sequence[Query], documents: Sequence[Document], say: Say
) -> list[dict[str, Any]]:
    from tests.bench.peers import PEERS

    share = ours.teach(documents[LEARNED : LEARNED + 1_000], documents[LEARNED + 1_000 : TAUGHT])
    distinct = len(ours.standing)
    say(
        f"{size:,} profiles, {distinct:,} distinct ({1 - distinct / size:.1%} repeat others); a paper meets {share:.2%}"
    )
    theirs: dict[str, tuple[Callable[[Sequence[Analysed]], int], bool, int, float]] = {}
    if size <= WHOLE:
        plain = _Held(PLAIN)
        for query in sample:
            plain.hold(query)
        plain.teach(documents[LEARNED : LEARNED + 500], documents[LEARNED + 500 : LEARNED + 1_500])
        theirs["numpy alone"] = (_standing_match(plain.standing), False, TIMED, 1.0)
    for name, (make, complete, number) in PEERS.items():
        theirs[name] = (make(sample), complete, number, len(sample) / size)
    own = _standing_match(ours.standing)
    times: dict[str, list[float]] = {name: [] for name in ("", *theirs)}
    for turn in range(ROUNDS):
        some = documents[TAUGHT + turn * TIMED :][:TIMED]
        for name, (match, _, number, part) in theirs.items():
            times[""].append(_seconds(own, some))
            times[name].append(_seconds(match, some[:number]) / part)
    return list(_rows(size, share, theirs, {name: statistics.median(taken) for name, taken in times.items()}, say))


def _rows(
    size: int, share: float, theirs: dict[str, Any], taken: dict[str, float], say: Say
) -> Iterator[dict[str, Any]]:
    """taken: seconds a paper, by name; ours under the empty one."""
    ratios = {name: taken[name] / taken[""] for name in theirs}
    for name, (_, complete, _, part) in theirs.items():
        yield {
            "name": f"percolate {size}",
            "ours": round(1 / taken[""]),
            "unit": "papers/s",
            "beside": round(1 / taken[name], 1),
            "what_beside": f"{name}{'' if part == 1 else f', {part * size:,.0f} queries, scaled'}",
            "ratio": round(ratios[name], 1),
            "complete": complete,
            "share": round(share, 4),
        }
        say(f"  {name}: {1 / taken[name]:,.1f} papers/s, ours {1 / taken['']:,.0f}: {ratios[name]:.1f}x")
        if name == "numpy alone" and size == WHOLE:
            yield million.bar("numpy alone at 10,000", 1 / taken[name], "papers/s", NUMPY_BAR, say, least=True)
    nearest = min(ratios[name] for name, (_, complete, *_) in theirs.items() if complete)
    yield million.bar(f"percolate {size}: the best complete peer", nearest, "times", AHEAD[size], say, least=True)
    yield million.bar(f"percolate {size}: the best peer of all", min(ratios.values()), "times", 1, say, least=True)
    yield million.bar(f"percolate {size}: share matched", share, "of all", SHARES[0], say, least=True)
    yield million.bar(f"percolate {size}: share matched", share, "of all", SHARES[1], say, least=False)


def _thinned(sample: Sequence[Query], number: int) -> list[Query]:
    """So many of them, evenly."""
    return [sample[place * len(sample) // number] for place in range(number)]


def _standing_match(standing: Standing) -> Callable[[Sequence[Analysed]], int]:
    return lambda some: sum(len(standing.match([paper])[0]) for paper in some)


def _seconds(match: Callable[[Sequence[Analysed]], int], some: Sequence[Document]) -> float:
    """A paper, from its text on: nothing of it is known before."""
    fresh = [analyse(document) for document in some]
    start = time.perf_counter()
    match(fresh)
    return (time.perf_counter() - start) / len(some)
