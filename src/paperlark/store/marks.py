"""What readers did with papers: read, saved, dismissed.

Saved and dismissed exclude each other. Where two papers became one, of which one was saved and the other dismissed,
the saved one counts.
"""

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import and_, delete, select, tuple_

from paperlark.model.readers import MarkKind, Opinion
from paperlark.store.database import Transaction
from paperlark.store.rows import chunks, scalars
from paperlark.store.tables import MARK, MATCH, PAPER

RIVALS = {MarkKind.SAVED: MarkKind.DISMISSED, MarkKind.DISMISSED: MarkKind.SAVED}


async def put(tx: Transaction, account_id: int, paper_id: int, kind: MarkKind, now: datetime) -> None:
    """Mark a paper; one that is marked so already keeps its moment."""
    if kind in RIVALS:
        await remove(tx, account_id, paper_id, [RIVALS[kind]])
    await tx.insert_new(MARK, [{"account_id": account_id, "paper_id": paper_id, "kind": str(kind), "at": now}])


async def remove(tx: Transaction, account_id: int, paper_id: int, kinds: Iterable[MarkKind]) -> None:
    """Take marks off a paper."""
    await tx.execute(
        delete(MARK).where(
            MARK.c.account_id == account_id, MARK.c.paper_id == paper_id, MARK.c.kind.in_([str(kind) for kind in kinds])
        )
    )


async def of(tx: Transaction, account_id: int, paper_id: int) -> dict[MarkKind, datetime]:
    """An account's marks of one paper."""
    wanted = select(MARK).where(MARK.c.account_id == account_id, MARK.c.paper_id == paper_id).order_by(MARK.c.kind)
    found = {MarkKind(row.kind): row.at for row in await tx.execute(wanted)}
    if MarkKind.SAVED in found:
        found.pop(MarkKind.DISMISSED, None)
    return found


async def dismissed(tx: Transaction, account_id: int, paper_ids: Iterable[int]) -> frozenset[int]:
    """Which of these papers an account does not want to hear of again."""
    kinds: dict[int, set[str]] = {}
    for chunk in chunks(sorted(set(paper_ids))):
        wanted = select(MARK.c.paper_id, MARK.c.kind).where(MARK.c.account_id == account_id, MARK.c.paper_id.in_(chunk))
        for row in await tx.execute(wanted):
            kinds.setdefault(row.paper_id, set()).add(row.kind)
    return frozenset(
        paper_id for paper_id, those in kinds.items() if MarkKind.DISMISSED in those and MarkKind.SAVED not in those
    )


async def saved(
    tx: Transaction, account_id: int, *, limit: int | None = None, after: tuple[datetime, int] | None = None
) -> list[tuple[datetime, int]]:
    """The moments and papers that an account saved, newest first; only what comes after such a pair, where one is
    given. Papers that are gone are left out."""
    wanted = (
        select(MARK.c.at, MARK.c.paper_id)
        .join(PAPER, PAPER.c.id == MARK.c.paper_id)
        .where(MARK.c.account_id == account_id, MARK.c.kind == str(MarkKind.SAVED))
        .order_by(MARK.c.at.desc(), MARK.c.paper_id.desc())
        .limit(limit)
    )
    if after is not None:
        wanted = wanted.where(tuple_(MARK.c.at, MARK.c.paper_id) < after)
    return [(row.at, row.paper_id) for row in await tx.execute(wanted)]


async def saved_ids(tx: Transaction, account_id: int) -> list[int]:
    """The papers that an account saved."""
    return await scalars(
        tx, select(MARK.c.paper_id).where(MARK.c.account_id == account_id, MARK.c.kind == str(MarkKind.SAVED))
    )


async def opinions(tx: Transaction, account_ids: Collection[int], since: datetime) -> dict[int, list[Opinion]]:
    """What some accounts saved and dismissed from a moment on, by account; one that did neither is absent."""
    found: dict[tuple[int, int], tuple[bool, tuple[str, ...], datetime]] = {}
    met: dict[tuple[int, int], set[int]] = {}
    for chunk in chunks(sorted(account_ids)):
        lately = and_(MARK.c.account_id.in_(chunk), MARK.c.kind.in_(map(str, RIVALS)), MARK.c.at >= since)
        marked = select(MARK, PAPER.c.authors).join(PAPER, PAPER.c.id == MARK.c.paper_id).where(lately)
        for row in await tx.execute(marked):
            key, saved = (row.account_id, row.paper_id), row.kind == MarkKind.SAVED
            found[key] = (saved or (key in found and found[key][0]), tuple(row.authors), row.at)
        if not found:
            continue
        same = and_(MATCH.c.account_id == MARK.c.account_id, MATCH.c.paper_id == MARK.c.paper_id)
        led = select(MATCH.c.account_id, MATCH.c.paper_id, MATCH.c.profile_id).join(MARK, same).where(lately)
        for row in await tx.execute(led):
            met.setdefault((row.account_id, row.paper_id), set()).add(row.profile_id)
    by_account: dict[int, list[Opinion]] = {}
    for key, (saved, authors, at) in found.items():
        profiles = frozenset(met.get(key, ()))
        by_account.setdefault(key[0], []).append(Opinion(saved, authors, profiles, key[1], at))
    return by_account
