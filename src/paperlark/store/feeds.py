"""Addresses of feeds, and what a profile met, newest first.

An address is shown once and kept as its SHA-256 only: with 192 random bits a fast hash is enough (ASVS 5.0, 11.5.1).
A checksum at its end tells one that was never made from one that is no more, without a look at the database.
"""

import secrets
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, exists, func, select, tuple_, update

from paperlark.model.ids import new_id
from paperlark.model.readers import MarkKind
from paperlark.store.accounts import hashed
from paperlark.store.database import Transaction
from paperlark.store.rows import chunks
from paperlark.store.tables import ANNOUNCEMENT, FEED_ADDRESS, MARK, MATCH, PAPER, PROFILE

PREFIX = "pl_feed_"  # lets secret scanners know a leaked address for what it is
RANDOM = 24  # bytes
CHECKSUM = 8  # hexadecimal digits
NOTED_EVERY = timedelta(days=1)  # how exactly it is remembered when an address was last asked for


@dataclass(frozen=True, slots=True)
class Address:
    """An address of a feed, as far as it is kept. profile_id: None where it is of all of the account's profiles.

    read_at: when it was last asked for, to the day; None: never.
    """

    account_id: int
    id: int
    profile_id: int | None
    created_at: datetime
    read_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Met:
    """A paper that a profile met: last when, and at which version."""

    paper_id: int
    version: int
    at: datetime


# ── addresses ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def add(tx: Transaction, account_id: int, profile_id: int | None, now: datetime) -> tuple[Address, str]:
    """A new address, and its secret part: this is the only time that it is seen."""
    random = secrets.token_urlsafe(RANDOM)
    secret = f"{PREFIX}{random}{_checksum(random)}"
    made = Address(account_id, new_id(), profile_id, now)
    row = {"address_hash": hashed(secret), "account_id": account_id, "id": made.id, "profile_id": profile_id,
           "created_at": now}  # fmt: skip
    await tx.insert_new(FEED_ADDRESS, [row])
    return made, secret


async def listed(tx: Transaction, account_id: int) -> list[Address]:
    """An account's addresses, oldest first; those of profiles that are gone are left out."""
    there = exists().where(
        PROFILE.c.account_id == FEED_ADDRESS.c.account_id,
        PROFILE.c.id == FEED_ADDRESS.c.profile_id,
        PROFILE.c.removed_at.is_(None),
    )
    mine = select(FEED_ADDRESS).where(FEED_ADDRESS.c.account_id == account_id)
    wanted = mine.where(FEED_ADDRESS.c.profile_id.is_(None) | there).order_by(FEED_ADDRESS.c.id)
    return [
        Address(row.account_id, row.id, row.profile_id, row.created_at, row.read_at) for row in await tx.execute(wanted)
    ]


async def remove(tx: Transaction, account_id: int, address_id: int) -> bool:
    """Revoke an address. False where the account has none such."""
    mine = (FEED_ADDRESS.c.account_id == account_id) & (FEED_ADDRESS.c.id == address_id)
    return (await tx.execute(delete(FEED_ADDRESS).where(mine))).rowcount == 1


def is_whole(secret: str) -> bool:
    """Could this be the secret part of an address that was made here, once? What was cut off or made up could not."""
    random, checksum = secret.removeprefix(PREFIX)[:-CHECKSUM], secret[-CHECKSUM:]
    return secret.startswith(PREFIX) and secret.isascii() and checksum == _checksum(random)


async def whose(tx: Transaction, secret: str) -> Address | None:
    """What an address is of; None where it is no more."""
    row = (await tx.execute(select(FEED_ADDRESS).where(FEED_ADDRESS.c.address_hash == hashed(secret)))).one_or_none()
    return row and Address(row.account_id, row.id, row.profile_id, row.created_at, row.read_at)


async def was_read(tx: Transaction, address: Address, now: datetime) -> None:
    """Remember when an address was last asked for."""
    mine = (FEED_ADDRESS.c.account_id == address.account_id) & (FEED_ADDRESS.c.id == address.id)
    await tx.execute(update(FEED_ADDRESS).where(mine).values(read_at=now))


def _checksum(random: str) -> str:
    return f"{zlib.crc32(random.encode()):0{CHECKSUM}x}"


# ── what a profile met ─────────────────────────────────────────────────────────────────────────────────────────────


async def met(
    tx: Transaction, account_id: int, profile_id: int, *, limit: int, before: tuple[datetime, int] | None = None
) -> list[Met]:
    """The papers that a profile met, the last first, each once; only those before such a moment and paper, where they
    are given. Papers that its reader dismissed are left out."""
    later = MATCH.alias("later")
    again = exists().where(
        later.c.account_id == MATCH.c.account_id,
        later.c.profile_id == MATCH.c.profile_id,
        later.c.paper_id == MATCH.c.paper_id,
        later.c.version > MATCH.c.version,
    )
    wanted = (
        select(MATCH.c.paper_id, MATCH.c.version, MATCH.c.matched_at)
        .where(MATCH.c.account_id == account_id, MATCH.c.profile_id == profile_id, ~again, ~_dismissed())
        .order_by(MATCH.c.matched_at.desc(), MATCH.c.paper_id.desc())
        .limit(limit)
    )
    if before is not None:
        wanted = wanted.where(tuple_(MATCH.c.matched_at, MATCH.c.paper_id) < before)
    return [Met(row.paper_id, row.version, row.matched_at) for row in await tx.execute(wanted)]


async def known_of(tx: Transaction, met: Sequence[Met]) -> list[tuple[int, int | None, int | None]]:
    """What else can change of papers that were met: for each its id, its last revision and its last announcement."""
    found: list[tuple[int, int | None, int | None]] = []
    last = select(func.max(ANNOUNCEMENT.c.id)).where(ANNOUNCEMENT.c.paper_id == PAPER.c.id).scalar_subquery()
    for chunk in chunks(sorted(each.paper_id for each in met)):
        rows = await tx.execute(select(PAPER.c.id, PAPER.c.revised, last.label("last")).where(PAPER.c.id.in_(chunk)))
        found += ((row.id, row.revised, row.last) for row in rows)
    return sorted(found)


async def heard(tx: Transaction, paper_ids: Collection[int]) -> dict[int, list[tuple[str, datetime]]]:
    """As what each paper was announced, and when, in the order in which it was heard."""
    found: dict[int, list[tuple[str, datetime]]] = {number: [] for number in paper_ids}
    for chunk in chunks(sorted(found)):
        told = select(ANNOUNCEMENT.c.paper_id, ANNOUNCEMENT.c.type, ANNOUNCEMENT.c.announced_at)
        for row in await tx.execute(told.where(ANNOUNCEMENT.c.paper_id.in_(chunk)).order_by(ANNOUNCEMENT.c.id)):
            found[row.paper_id].append((row.type, row.announced_at))
    return found


def _dismissed() -> ColumnElement[bool]:
    """Did the reader dismiss the paper, and not save it?"""

    def marked(kind: MarkKind) -> ColumnElement[bool]:
        mark = MARK.alias(f"mark_{kind}")
        return exists().where(
            mark.c.account_id == MATCH.c.account_id, mark.c.paper_id == MATCH.c.paper_id, mark.c.kind == str(kind)
        )

    return marked(MarkKind.DISMISSED) & ~marked(MarkKind.SAVED)
