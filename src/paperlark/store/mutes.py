"""What accounts have muted."""

from datetime import datetime

from sqlalchemy import delete, select

from paperlark.model.readers import Mute, MuteKind
from paperlark.store.database import Transaction
from paperlark.store.tables import MUTE


async def listed(tx: Transaction, account_id: int) -> list[Mute]:
    """What an account has muted, oldest first."""
    wanted = select(MUTE).where(MUTE.c.account_id == account_id).order_by(MUTE.c.at, MUTE.c.kind, MUTE.c.value)
    return [Mute(MuteKind(row.kind), row.value, row.at) for row in await tx.execute(wanted)]


async def add(tx: Transaction, account_id: int, kind: MuteKind, value: str, now: datetime) -> None:
    """Mute something, given in its one spelling; what is muted already stays as it is."""
    await tx.insert_new(MUTE, [{"account_id": account_id, "kind": str(kind), "value": value, "at": now}])


async def remove(tx: Transaction, account_id: int, kind: MuteKind, value: str) -> bool:
    """Unmute something. False where it was not muted."""
    mine = (MUTE.c.account_id == account_id) & (MUTE.c.kind == str(kind)) & (MUTE.c.value == value)
    return (await tx.execute(delete(MUTE).where(mine))).rowcount == 1
