"""How a process's index begins: from what was kept of it and what has changed since, or from every profile.

What was kept is a copy, and never the truth. It counts only where it was saved from this very database: the change log
says the same just below its mark, and lacks nothing since.
"""

from pathlib import Path
from typing import Any

import structlog

from paperlark.pipeline.indexed import Indexed, Looked
from paperlark.store import directions, profiles
from paperlark.store.database import Store, Transaction

log = structlog.get_logger()

READ = 1_000  # profiles read in one go


async def begin(store: Store, index: Indexed, folder: Path | None) -> int:
    """Fill an index. Returns the mark of the change log below which it has seen every change. Raises StoreError."""
    facts = await index.load(folder) if folder is not None else None
    if facts is not None:
        async with store.reading() as tx:
            if await _is_ours(tx, facts):
                log.info("the index was kept", profiles=len(index))
                return int(facts["mark"])
        log.info("the index is compiled anew", reason="what was kept is of another database, or from too long ago")
        await index.forget()
    return await _compile(store, index)


async def facts(store: Store, mark: int) -> dict[str, Any]:
    """What is kept beside an index that has seen every change below a mark."""
    async with store.reading() as tx:
        return {"mark": mark, "last": await profiles.told_last(tx, mark)}


async def _is_ours(tx: Transaction, facts: dict[str, Any]) -> bool:
    mark, last = facts.get("mark"), facts.get("last")
    if not isinstance(mark, int) or last is None:
        return False
    within = await profiles.forgotten(tx) < mark <= await profiles.boundary(tx)
    return within and await profiles.told_last(tx, mark) == last


async def _compile(store: Store, index: Indexed) -> int:
    async with store.reading() as tx:
        mark = await profiles.boundary(tx)  # first: what changes from here on is looked at again
    after = (0, 0)
    while True:
        async with store.reading() as tx:
            some = await profiles.everyone(tx, after, READ)
            likes = await directions.likes(tx, [profile.text for profile in some])
        if not some:
            return mark
        await index.look_at([Looked(each.account_id, each.id, each) for each in some], likes)
        after = some[-1].account_id, some[-1].id
