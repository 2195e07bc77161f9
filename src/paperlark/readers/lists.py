"""The papers of a list, one after the other: for what writes them all down, such as an export of references."""

from collections.abc import AsyncGenerator, Iterable
from datetime import date

from paperlark.model.papers import StoredPaper
from paperlark.readers import follow, mark, search
from paperlark.readers.feeds import Place, issue_of
from paperlark.readers.narrowing import NOTHING, Narrowing
from paperlark.store.database import Store

BITE = 200  # papers read at a time

Papers = AsyncGenerator[StoredPaper, None]


async def found(store: Store, query: str | None, *, narrowing: Narrowing = NOTHING, limit: int | None = None) -> Papers:
    """What meets a query, best first; newest first, where there is none. Raises QueryError, ReaderError."""
    async for each in search.search(store, query, narrowing=narrowing, limit=limit):
        yield each.paper


async def of_day(store: Store, day: date) -> Papers:
    """What was announced on a day (UTC), most upvoted first."""
    for paper in await search.of_day(store, day):
        yield paper


async def named(store: Store, wanted: Iterable[str]) -> Papers:
    """Papers by their ids or any of their names. Raises ReaderError: the archive holds none such."""
    for each in wanted:
        yield await search.one(store, each)


async def saved(store: Store, account_id: int) -> Papers:
    """What an account saved, the last first."""
    shelf = await mark.saved(store, account_id, limit=BITE)
    while True:
        for kept in shelf.kept:
            yield kept.paper
        if shelf.after is None:
            return
        shelf = await mark.saved(store, account_id, limit=BITE, after=shelf.after)


async def met(store: Store, account_id: int, wanted: str) -> Papers:
    """What a profile (given by name or id) met, the last first, but what its reader muted or dismissed.

    Raises ReaderError: no such profile, or somebody else's.
    """
    profile, _ = await follow.show(store, account_id, wanted)
    before: Place | None = None
    while True:
        issue = await issue_of(store, profile, before=before, limit=BITE)
        for each in issue.told:
            yield each.paper
        before = issue.before
        if before is None:
            return
