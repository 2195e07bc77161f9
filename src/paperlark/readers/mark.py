"""What a reader did with a paper: mark it read, saved or dismissed; take a mark off; list what is saved.

A paper is saved or dismissed, never both: the later word counts. Either may be read as well. A dismissed paper is not
told again, whatever becomes of it; what a digest said already stays said.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from paperlark.model.papers import StoredPaper
from paperlark.model.readers import MarkKind
from paperlark.readers.search import one
from paperlark.store import marks, merges, papers
from paperlark.store.database import Store


@dataclass(frozen=True, slots=True)
class Marked:
    """A paper, and since when its reader has it marked as what."""

    paper: StoredPaper
    marks: Mapping[MarkKind, datetime]


@dataclass(frozen=True, slots=True)
class Kept:
    """A saved paper, and when it was saved."""

    paper: StoredPaper
    at: datetime


@dataclass(frozen=True, slots=True)
class Shelf:
    """Some saved papers, newest first. after: where the next ones begin, for `saved`; None at the end."""

    kept: tuple[Kept, ...]
    after: tuple[datetime, int] | None


async def mark(store: Store, account_id: int, paper: str, kind: MarkKind) -> Marked:
    """Mark a paper (given by id or any name); returns it with all its marks. The same again changes nothing.

    Raises ReaderError when the archive holds none such.
    """
    found = await one(store, paper)
    async with store.transaction() as tx:
        paper_id = (await merges.heirs(tx, [found.id])).get(found.id, found.id)
        await marks.put(tx, account_id, paper_id, kind, await tx.now())
        return Marked(found, await marks.of(tx, account_id, paper_id))


async def unmark(store: Store, account_id: int, paper: str, kind: MarkKind | None = None) -> Marked:
    """Take a mark, or every mark, off a paper (given by id or any name); returns it with the marks that stay."""
    found = await one(store, paper)
    async with store.transaction() as tx:
        paper_id = (await merges.heirs(tx, [found.id])).get(found.id, found.id)
        await marks.remove(tx, account_id, paper_id, MarkKind if kind is None else [kind])
        return Marked(found, await marks.of(tx, account_id, paper_id))


async def marked(store: Store, account_id: int, paper: str) -> Marked:
    """A paper (given by id or any name) with its reader's marks."""
    found = await one(store, paper)
    async with store.reading() as tx:
        return Marked(found, await marks.of(tx, account_id, found.id))


async def saved(store: Store, account_id: int, *, limit: int = 50, after: tuple[datetime, int] | None = None) -> Shelf:
    """The papers that an account saved, newest first. What is saved meanwhile moves nothing: read on with `after`,
    and each paper that was there is read exactly once."""
    async with store.reading() as tx:
        found = await marks.saved(tx, account_id, limit=limit + 1, after=after)
        stored = await papers.load(tx, [paper_id for _, paper_id in found[:limit]])
    kept = tuple(Kept(stored[paper_id], at) for at, paper_id in found[:limit] if paper_id in stored)
    return Shelf(kept, found[limit - 1] if len(found) > limit else None)
