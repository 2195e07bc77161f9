"""What a million profiles cost beside the time of a paper: memory, start, changes, the loop's lag, old papers.

In a process of its own, so that its memory is the index's and nobody else's. It reads the index from a folder, as every
process that starts does, and the profiles that come later from a file beside it.
"""

import asyncio
import ctypes
import gc
import json
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from paperlark.interpreter import tune_python
from paperlark.matching.document import Document, analyse
from paperlark.matching.query import Query
from paperlark.matching.standing import Standing
from tests.bench.standing import papers

WARM, TIMED = 14_000, 17_000  # papers: seen before, timed
CHANGES = 6_000
LATER = "later"  # their file
BATCH = 64
BEAT = 0.002  # seconds between two looks at the loop
WATCHED = 8.0  # seconds

BARS: dict[str, tuple[str, float, bool]] = {
    "memory, own count": ("MB", 150, False),
    "memory, resident": ("MB", 150, False),
    "memory, own count, after changes": ("MB", 150, False),
    "memory, resident, after changes": ("MB", 150, False),
    "cold start": ("s", 1.5, False),
    "one paper, p50": ("ms", 1, False),
    "one paper, p99": ("ms", 1, False),
    "add, mean": ("us", 100, False),
    "remove, mean": ("us", 20, False),
    "loop lag, p99": ("ms", 5, False),
    "old papers, two threads": ("papers/s", 5_000, True),
}
"""By name: the unit, what the issue of a million profiles asks for, and whether that is the least or the most."""

Say = Callable[[str], None]


def measure(data: Path, index: Path, changes: Sequence[Query], say: Say) -> list[dict[str, Any]]:
    """A row for each bar, of the index in a folder. changes: what is asked for later, and then no longer."""
    (index / LATER).write_bytes(pickle.dumps(changes))
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.million", str(data), str(index)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=1_200,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return [bar(f"a million: {name}", found[name], *BARS[name][:2], say, least=BARS[name][2]) for name in BARS]


def bar(name: str, found: float, unit: str, asked: float, say: Say, *, least: bool) -> dict[str, Any]:
    """A row that says whether a figure is as good as it must be."""
    good = found >= asked if least else found <= asked
    say(
        f"  {name}: {found:,.4g} {unit}, {'at least' if least else 'at most'} {asked:,g}: {'met' if good else 'MISSED'}"
    )
    return {
        "name": name,
        "ours": round(found, 3),
        "unit": unit,
        "beside": asked,
        "what_beside": f"{'at least' if least else 'at most'}: {'met' if good else 'missed'}",
        "ratio": round(found / asked, 2),
    }


def _all(data: Path, index: Path) -> dict[str, float]:
    documents = papers(data)
    tune_python()  # as the service does
    changes: list[Query] = pickle.loads((index / LATER).read_bytes())
    gc.collect()
    with suppress(AttributeError):  # else what was freed by now would hide some of what comes
        ctypes.CDLL(None).malloc_trim(0)
    before = _resident()
    start = time.perf_counter()
    standing, _ = Standing.load(index)
    found = {"cold start": time.perf_counter() - start}
    for document in documents[WARM - 3_000 : WARM]:
        standing.match([analyse(document)])
    found["memory, own count"] = standing.memory / 1e6
    found["memory, resident"] = _resident() - before
    taken = np.array([_seconds(standing, document) for document in documents[WARM:TIMED]]) * 1e3
    found["one paper, p50"], found["one paper, p99"] = np.percentile(taken, (50, 99)).tolist()
    start = time.perf_counter()
    numbers = [standing.hold(query) for query in changes]
    found["add, mean"] = (time.perf_counter() - start) / len(changes) * 1e6
    found["memory, own count, after changes"] = standing.memory / 1e6
    found["memory, resident, after changes"] = _resident() - before
    start = time.perf_counter()
    for number in numbers:
        standing.release(number)
    found["remove, mean"] = (time.perf_counter() - start) / len(changes) * 1e6
    found["loop lag, p99"] = asyncio.run(_lag(standing, documents[TIMED:]))
    found["old papers, two threads"] = _old_papers(standing, documents)
    return found


def _resident() -> float:
    """Megabytes of memory that this process has."""
    with Path("/proc/self/smaps_rollup").open() as lines:
        return sum(int(line.split()[1]) for line in lines if line.startswith("Rss:")) / 1e3


def _seconds(standing: Standing, document: Document) -> float:
    fresh = analyse(document)
    start = time.perf_counter()
    standing.match([fresh])
    return time.perf_counter() - start


async def _lag(standing: Standing, documents: Sequence[Document]) -> float:
    """Milliseconds that the loop is late, p99, while a thread matches flat out."""
    stopped = False

    def match() -> None:
        while not stopped:
            for document in documents:
                standing.match([analyse(document)])
                if stopped:
                    return

    with ThreadPoolExecutor(1) as thread:
        matching = asyncio.get_running_loop().run_in_executor(thread, match)
        late = []
        end = time.perf_counter() + WATCHED
        while (start := time.perf_counter()) < end:
            await asyncio.sleep(BEAT)
            late.append(time.perf_counter() - start - BEAT)
        stopped = True
        await matching
    return float(np.percentile(late, 99)) * 1e3


def _old_papers(standing: Standing, documents: Sequence[Document]) -> float:
    """Papers a second that two threads match, from their text on, while nothing changes."""
    batches = [documents[at : at + BATCH] for at in range(0, len(documents), BATCH)]

    def match(some: Sequence[Sequence[Document]]) -> int:
        reader = standing.reader()
        return sum(len(numbers) for batch in some for numbers in reader.match([analyse(each) for each in batch]))

    with ThreadPoolExecutor(2) as threads:
        start = time.perf_counter()
        sum(threads.map(match, (batches[::2], batches[1::2])))
        return len(documents) / (time.perf_counter() - start)


if __name__ == "__main__":
    print(json.dumps(_all(Path(sys.argv[1]), Path(sys.argv[2]))))
