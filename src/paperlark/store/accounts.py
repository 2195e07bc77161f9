"""Accounts, their linked identities, and their tokens.

A token is a program's, or a session of a browser: then it also ends when it is not used for so long (`IDLE`). Its first
letters say which. It is shown once and kept as its SHA-256 only: with 256 random bits a fast hash is enough (ASVS 5.0,
11.5.1).

An identity is kept sealed where there are keys, and perhaps in clear or under another key as yet (`sealed`): it is
looked up in all its forms, the oldest row first, so that nobody becomes a second reader while keys change.
"""

import hashlib
import secrets
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select, true, update

from paperlark.model.ids import new_id
from paperlark.model.problems import StoreError
from paperlark.store.database import Transaction
from paperlark.store.sealed import OPENING, UNKNOWN_KEY, as_kept
from paperlark.store.tables import ACCOUNT, IDENTITY, PAIRING_CODE, TOKEN

PLACE = "identity.external_id"
LOCAL = ("local", "command-line")
ID_LENGTH = 16  # characters of a token's hash that are its id
PREFIX = "pl_live_"  # with the checksum it lets secret scanners know a leaked token for what it is
SESSION = "pl_session_"  # the same, of a session
IDLE = timedelta(days=14)  # after which a session that nobody used ends
LETTERS_KEPT = 4  # after the prefix: by them its owner knows a token again


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whose token this is, what it may do, and until when."""

    account_id: int
    scopes: frozenset[str]
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A token as its owner knows it again. prefix: its first letters, "" of one made before they were kept."""

    id: str
    name: str
    prefix: str
    scopes: tuple[str, ...]
    created_at: datetime
    used_at: datetime | None
    expires_at: datetime | None

    def is_of(self, token: str) -> bool:
        """Whether it is this token's."""
        return hashed(token).startswith(self.id)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who an account is elsewhere."""

    platform: str
    external_id: str
    linked_at: datetime


async def known(tx: Transaction, platform: str, external_id: str) -> int | None:
    """The account behind an identity, if there is one."""
    return await _behind(tx, platform, external_id)


async def _behind(tx: Transaction, platform: str, external_id: str, *, held: bool = False) -> int | None:
    """The same; held: until this transaction ends."""
    # There can be two rows where two processes with different keys in front saw somebody first at the same moment.
    oldest = (IDENTITY.c.linked_at, IDENTITY.c.account_id)
    wanted = select(IDENTITY.c.account_id).where(await _is(tx, platform, external_id)).order_by(*oldest).limit(1)
    found: int | None = (await tx.execute(wanted.with_for_update() if held else wanted)).scalar()
    return found


async def _is(tx: Transaction, platform: str, external_id: str) -> ColumnElement[bool]:
    """Is it this identity's row, whatever it is sealed by?"""
    seals = await tx.seals()
    forms = (external_id,) if seals is None else seals.forms(external_id, PLACE)
    return and_(IDENTITY.c.platform == platform, as_kept(IDENTITY.c.external_id).in_(forms))


async def _put(tx: Transaction, account_id: int, platform: str, external_id: str, now: datetime) -> None:
    """Have an identity that was not found be this account's, unless it is somebody's since a moment ago.

    Raises StoreError where identities are sealed by a key that we do not have: it may be one of them, and its reader
    would be taken for a new one.
    """
    if PLACE not in tx.openable:  # the whole directory is read for it: once is enough
        seals, kept = await tx.seals(), as_kept(IDENTITY.c.external_id)
        opened = () if seals is None else seals.openings
        strange = kept.startswith(OPENING) & and_(true(), *(~kept.startswith(each) for each in opened))
        if (await tx.execute(select(exists().where(strange)))).scalar():
            raise StoreError(UNKNOWN_KEY.format(PLACE))
        tx.openable.add(PLACE)
    row = {"platform": platform, "external_id": external_id, "account_id": account_id, "linked_at": now}
    await tx.insert_new(IDENTITY, [row])


async def account_of(tx: Transaction, platform: str, external_id: str, *, name: str, now: datetime) -> int:
    """The account behind an identity; made on first sight."""
    already = await known(tx, platform, external_id)
    if already is not None:
        return already
    account_id = new_id()
    await _put(tx, account_id, platform, external_id, now)
    winner = await known(tx, platform, external_id)
    if winner == account_id:
        await tx.insert_new(ACCOUNT, [{"account_id": account_id, "name": name, "created_at": now}])
    assert winner is not None
    return winner


async def join(tx: Transaction, account_id: int, platform: str, external_id: str, now: datetime) -> int:
    """The account behind an identity, held until this transaction ends; the given one, where it had none before."""
    found = await _behind(tx, platform, external_id, held=True)
    if found is None:
        await _put(tx, account_id, platform, external_id, now)
        found = await _behind(tx, platform, external_id, held=True)
    assert found is not None
    return found


async def hand_over(tx: Transaction, before: int, account_id: int) -> None:
    """Give every identity of an account that owns nothing to another account, and end it."""
    await tx.execute(update(IDENTITY).where(IDENTITY.c.account_id == before).values(account_id=account_id))
    await tx.execute(delete(PAIRING_CODE).where(PAIRING_CODE.c.account_id == before))
    await tx.execute(delete(ACCOUNT).where(ACCOUNT.c.account_id == before))


async def identities(tx: Transaction, account_id: int) -> list[Identity]:
    """Who an account is elsewhere, oldest first."""
    wanted = select(IDENTITY).where(IDENTITY.c.account_id == account_id)
    order = (IDENTITY.c.linked_at, IDENTITY.c.platform, IDENTITY.c.external_id)
    return [Identity(row.platform, row.external_id, row.linked_at) for row in await tx.execute(wanted.order_by(*order))]


async def part(tx: Transaction, account_id: int, platform: str, external_id: str) -> bool:
    """Let an identity be nobody's. False where it is none of this account's."""
    mine = (IDENTITY.c.account_id == account_id) & await _is(tx, platform, external_id)
    return (await tx.execute(delete(IDENTITY).where(mine))).rowcount > 0


async def local_account(tx: Transaction, now: datetime) -> int:
    """The one account of whoever sits at this command line."""
    return await account_of(tx, *LOCAL, name="me", now=now)


async def new_token(
    tx: Transaction,
    account_id: int,
    *,
    name: str,
    scopes: Sequence[str],
    now: datetime,
    expires_at: datetime | None,
    kind: str = PREFIX,
) -> str:
    """Make a token for an account and return it: this is the only time that it is seen. kind: `PREFIX` or `SESSION`."""
    secret = secrets.token_urlsafe(32)
    token = f"{kind}{secret}{zlib.crc32(secret.encode()):08x}"
    row = {"token_hash": hashed(token), "account_id": account_id, "name": name,
           "prefix": token[: len(kind) + LETTERS_KEPT], "scopes": list(scopes), "created_at": now,
           "expires_at": expires_at}  # fmt: skip
    await tx.insert_new(TOKEN, [row])
    return token


async def bearer(tx: Transaction, token: str, now: datetime) -> Bearer | None:
    """Whose token this is; None when nobody's, or it has ended."""
    wanted = select(TOKEN).where(TOKEN.c.token_hash == hashed(token), ~_ended(now))
    row = (await tx.execute(wanted)).one_or_none()
    return None if row is None else Bearer(row.account_id, frozenset(row.scopes), row.expires_at)


async def token_used(tx: Transaction, token: str, now: datetime) -> None:
    """Remember when a token was last used."""
    await tx.execute(update(TOKEN).where(TOKEN.c.token_hash == hashed(token)).values(used_at=now))


async def end_token(tx: Transaction, token: str) -> None:
    """Whoever has this token speaks for nobody from now on."""
    await tx.execute(delete(TOKEN).where(TOKEN.c.token_hash == hashed(token)))


async def end_tokens(tx: Transaction, account_id: int | None) -> int:
    """Nobody speaks for this account from now on (None: for any), nor comes in by a code that was shown. Returns how
    many tokens that were."""
    ended = [
        await tx.execute(delete(table) if account_id is None else delete(table).where(table.c.account_id == account_id))
        for table in (PAIRING_CODE, TOKEN)
    ]
    return ended[-1].rowcount


async def tokens(tx: Transaction, account_id: int, now: datetime) -> list[Kept]:
    """The tokens of an account that are good, oldest first."""
    mine = select(TOKEN).where(TOKEN.c.account_id == account_id, ~_ended(now))
    wanted = mine.order_by(TOKEN.c.created_at, TOKEN.c.token_hash)
    return [
        Kept(row.token_hash[:ID_LENGTH], row.name, row.prefix, tuple(row.scopes), row.created_at, row.used_at,
             row.expires_at)
        for row in await tx.execute(wanted)
    ]  # fmt: skip


async def sweep_tokens(tx: Transaction, account_id: int, now: datetime) -> None:
    """Let go of the tokens of an account that have ended."""
    await tx.execute(delete(TOKEN).where(TOKEN.c.account_id == account_id, _ended(now)))


def _ended(now: datetime) -> ColumnElement[bool]:
    """Those that have expired, and sessions that nobody used for long."""
    idle = and_(
        TOKEN.c.prefix.startswith(SESSION, autoescape=True),
        func.coalesce(TOKEN.c.used_at, TOKEN.c.created_at) <= now - IDLE,
    )
    return or_(and_(TOKEN.c.expires_at.is_not(None), TOKEN.c.expires_at <= now), idle)


async def revoke_token(tx: Transaction, account_id: int, token_id: str) -> bool:
    """End a token, by its id. False where it is none of this account's."""
    if len(token_id) != ID_LENGTH or not token_id.isalnum():
        return False
    mine = (TOKEN.c.account_id == account_id) & TOKEN.c.token_hash.startswith(token_id)
    return (await tx.execute(delete(TOKEN).where(mine))).rowcount == 1


def hashed(secret: str) -> str:
    """How a secret is kept."""
    return hashlib.sha256(secret.encode()).hexdigest()
