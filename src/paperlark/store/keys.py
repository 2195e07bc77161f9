"""Secrets that are made here, once, where nobody set one."""

import secrets
from datetime import datetime

from sqlalchemy import select

from paperlark.store.database import Transaction
from paperlark.store.tables import SECRET


async def known(tx: Transaction, name: str) -> str | None:
    """The secret of that name, if it was made."""
    value: str | None = (await tx.execute(select(SECRET.c.value).where(SECRET.c.name == name))).scalar()
    return value


async def kept(tx: Transaction, name: str, now: datetime) -> str:
    """The secret of that name, 256 bits as text; made on first use, and then always the same, for all processes."""
    await tx.insert_new(SECRET, [{"name": name, "value": secrets.token_urlsafe(32), "made_at": now}])
    value = await known(tx, name)
    assert value is not None
    return value
