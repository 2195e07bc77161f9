"""Percolation from a paper's text to the numbers of the queries that it meets, beside whoever else could do it.

One thread, one paper a call. Profiles are written by `standing.Writer`; the papers that are matched are others than
those whose words they are made of. Ours and the peers take turns, three rounds, and the median counts. Above ten
thousand profiles a peer runs a sample of them, and its time is scaled; the row says so.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from paperlark.matching.core import FASTEST, PLAIN, Core
from paperlark.matching.document import Analysed, Document, analyse
from paperlark.matching.query import Query
from paperlark.matching.standing import Standing
from tests.bench.standing import Writer, papers

SIZES = (1_000, 10_000, 100_000)
SAMPLED = 5_000  # of more than ten thousand queries, those that a peer runs
LEAN = 0.75
LEARNED, TAUGHT, TIMED = 8_000, 14_000, 1_000
ROUNDS = 3

Say = Callable[[str], None]


def measure(data: Path, say: Say) -> list[dict[str, Any]]:
    """A row for each size and peer: papers a second."""
    documents = papers(data)
    writer = Writer(documents[:LEARNED], LEAN)
    queries = list(writer.queries(SIZES[-1]))
    return [row for size in SIZES for row in _at(size, queries[:size], documents, say)]


def _at(size: int, queries: Sequence[Query], documents: Sequence[Document], say: Say) -> list[dict[str, Any]]:
    from tests.bench.peers import PEERS

    ours, share = _filled(queries, documents, FASTEST)
    theirs = {"numpy alone": (_standing_match(_filled(queries, documents, PLAIN)[0]), False, 300, 1.0)}
    for name, (make, complete, number) in PEERS.items():
        step = max(1, size // SAMPLED) if size > 10_000 else 1
        theirs[name] = (make(queries[::step]), complete, number, len(queries[::step]) / size)
    say(f"{size:,} profiles, {len(ours):,} distinct; a paper meets {share:.2%} of them")
    own = _standing_match(ours)
    times: dict[str, list[float]] = {name: [] for name in ("", *theirs)}
    for turn in range(ROUNDS):
        some = documents[TAUGHT + turn * TIMED :][:TIMED]
        for name, (match, _, number, part) in theirs.items():
            times[""].append(_seconds(own, some))
            times[name].append(_seconds(match, some[:number]) / part)
    best = statistics.median(times[""])
    rows = []
    for name, (_, complete, _, part) in theirs.items():
        per_paper = statistics.median(times[name])
        what = f"{name}{'' if part == 1 else f', {part * size:,.0f} queries, scaled'}"
        rows.append(
            {
                "name": f"percolate {size}",
                "ours": round(1 / best),
                "unit": "papers/s",
                "beside": round(1 / per_paper, 1),
                "what_beside": what,
                "ratio": round(per_paper / best, 1),
                "complete": complete,
                "share": round(share, 4),
            }
        )
        say(f"  {name}: {1 / per_paper:,.1f} papers/s, ours {1 / best:,.0f}: {per_paper / best:.1f}x")
    return rows


def _standing_match(standing: Standing) -> Callable[[Sequence[Analysed]], int]:
    return lambda some: sum(len(standing.match([paper])[0]) for paper in some)


def _filled(queries: Sequence[Query], documents: Sequence[Document], core: Core) -> tuple[Standing, float]:
    """The queries held, in order, taught by the papers that their words are from; and the share that a paper meets."""
    standing = Standing(core)
    numbers = np.array([standing.hold(query) for query in queries])
    for document in documents[LEARNED : LEARNED + 1_000]:
        standing.match([analyse(document)])
    held = np.bincount(standing.compact()[numbers], minlength=len(standing))
    met = 0
    taught = documents[LEARNED:TAUGHT] if core is FASTEST else documents[LEARNED : LEARNED + 500]
    for document in taught:
        met += int(held[standing.match([analyse(document)])[0]].sum())
    return standing, met / len(taught) / len(queries)


def _seconds(match: Callable[[Sequence[Analysed]], int], some: Sequence[Document]) -> float:
    """A paper, from its text on: nothing of it is known before."""
    fresh = [analyse(document) for document in some]
    start = time.perf_counter()
    match(fresh)
    return (time.perf_counter() - start) / len(some)
