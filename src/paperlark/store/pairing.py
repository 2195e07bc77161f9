"""Pairing codes: a few letters that say, typed in one place, that its user is the reader of another place.

A code lives for ten minutes, is used once, and is kept as its SHA-256. It is short enough to be typed, so guessing is
counted here, over all processes: OWASP ASVS 5.0, 6.5.1, 6.5.4, 6.5.5 and 6.6.3.
"""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update

from paperlark.store.accounts import hashed
from paperlark.store.database import Transaction
from paperlark.store.tables import PACE, PAIRING_CODE

LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: I, L and O are read as 1, 1 and 0; there is no U
LENGTH = 8  # of 32 letters: 40 bits
LIFE = timedelta(minutes=10)
ATTEMPTS = 5  # of one account or identity, in a minute
MINUTE = timedelta(minutes=1)
_LOOK_ALIKE = str.maketrans("ILO", "110", " -")
_COUNTED = "pairing:"


@dataclass(frozen=True, slots=True)
class Code:
    """A code as it is shown, `7KQ2-M9XD`; this is the only time that it is seen."""

    text: str
    expires_at: datetime


async def make(tx: Transaction, account_id: int, purpose: str, now: datetime) -> Code:
    """A new code of an account. It ends the one before, and sweeps out those whose time is over."""
    mine = (PAIRING_CODE.c.account_id == account_id) & (PAIRING_CODE.c.purpose == purpose)
    await tx.execute(delete(PAIRING_CODE).where(mine | (PAIRING_CODE.c.expires_at <= now)))
    letters = "".join(secrets.choice(LETTERS) for _ in range(LENGTH))
    row = {"code_hash": hashed(letters), "account_id": account_id, "purpose": purpose, "expires_at": now + LIFE}
    await tx.execute(insert(PAIRING_CODE), [row])
    return Code(f"{letters[:4]}-{letters[4:]}", now + LIFE)


async def use(tx: Transaction, typed: str, purpose: str, now: datetime) -> int | None:
    """The account that a code is of, which it now was used for; None where it is no code of this purpose, or no longer.

    Upper or lower case, with dashes and spaces or without: all the same.
    """
    wanted = hashed(typed.upper().translate(_LOOK_ALIKE))
    row = (await tx.execute(select(PAIRING_CODE).where(PAIRING_CODE.c.code_hash == wanted).with_for_update())).first()
    # The index has compared hashes, of which nobody can choose the beginning; what decides takes the same time always.
    if row is None or not hmac.compare_digest(row.code_hash, wanted):
        return None
    if row.purpose != purpose or row.used_at is not None or row.expires_at <= now:
        return None
    await tx.execute(update(PAIRING_CODE).where(PAIRING_CODE.c.code_hash == wanted).values(used_at=now))
    account_id: int = row.account_id
    return account_id


async def attempt(
    tx: Transaction, who: str, now: datetime, *, allowed: int = ATTEMPTS, within: timedelta = MINUTE
) -> timedelta | None:
    """Count an attempt of somebody. None: it is allowed; else how long to wait. Commit it whatever follows.

    A bucket of `allowed` that fills again `within` that time, kept as the moment at which it will be full (the generic
    cell rate algorithm, ITU-T I.371). Who it was is kept as a hash, and for an hour.
    """
    what = _COUNTED + hashed(who)
    await tx.execute(delete(PACE).where(PACE.c.what.startswith(_COUNTED), PACE.c.free_at < now - timedelta(hours=1)))
    await tx.insert_new(PACE, [{"what": what, "free_at": now}])
    held = select(PACE.c.free_at).where(PACE.c.what == what).with_for_update()
    full_at: datetime = (await tx.execute(held)).scalar_one()
    apart = within / allowed
    wait = full_at - (allowed - 1) * apart - now
    if wait > timedelta(0):
        return wait
    await tx.execute(update(PACE).where(PACE.c.what == what).values(free_at=max(full_at, now) + apart))
    return None
