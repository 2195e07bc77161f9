"""What is usual in the archive: how many of its newest papers hold each word and pair of words, and name each author.

Counted in memory, once for many questions, and again when a tenth of those papers are others.
"""

import asyncio

from paperlark.matching.terms import Usual, count
from paperlark.store import analysed, archive
from paperlark.store.database import Transaction

LOOKED_AT = 1_000  # papers, the newest: a share of one in fifty is told to within a quarter of itself
STALE = 0.1  # of them


async def usual(tx: Transaction) -> Usual:
    """As of a short while ago."""
    newest = await archive.newest(tx, limit=LOOKED_AT)
    kept = tx.shelf.usual
    if kept is not None and len(kept[0].symmetric_difference(newest)) <= STALE * len(newest):
        return kept[1]
    papers = await analysed.load_lean(tx, newest)
    counted = await asyncio.to_thread(count, list(papers.values()))
    tx.shelf.usual = frozenset(newest), counted
    return counted
