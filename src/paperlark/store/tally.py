"""What was counted, in all processes together, since the database was made: so any of them can tell it.

A web process is asked how deliveries come along and has sent none. So a worker's counts (`pipeline.counts`) are added
up here, every few seconds; one that is killed takes with it what it counted since. The promise hangs on none of this.
"""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import select

from paperlark.store.database import Transaction
from paperlark.store.tables import TALLY

EVERY = ""
SUM = "sum"
BEYOND = "+Inf"


class Counted(NamedTuple):
    """One count. what: the measure's name; which: its labels' values, parted by spaces; upto: how many seconds at most
    it took, of a measure of time (`BEYOND` for any number, `SUM` for all of them together, in milliseconds)."""

    what: str
    which: str
    upto: str = EVERY


async def add(tx: Transaction, counted: Mapping[Counted, int]) -> None:
    """Add to what is counted. In one order, whoever adds: so nobody waits for one who waits for them."""
    insert = tx.insert(TALLY)
    added = insert.on_conflict_do_update(
        index_elements=["what", "which", "upto"], set_={"number": TALLY.c.number + insert.excluded.number}
    )
    for each in sorted(counted):
        await tx.execute(added, each._asdict() | {"number": counted[each]})


async def known(tx: Transaction) -> dict[Counted, int]:
    """Everything that was ever counted: a few hundred rows."""
    rows = await tx.execute(select(TALLY.c.what, TALLY.c.which, TALLY.c.upto, TALLY.c.number))
    return {Counted(row.what, row.which, row.upto): row.number for row in rows}
