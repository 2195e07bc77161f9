"""What is forgotten, and when.

Unsaved matches after 90 days, ended deliveries after 180, told-keys after 400 (as long as a source may repeat itself),
and signals are thinned to one a day after a month. Addresses that nobody confirmed go after ten days (`mailboxes`),
what platforms told us after two (`inbound`), the answers to named requests after one (`idempotency`).
What belonged to deleted accounts goes as soon as it is seen (`belongings`). In batches, so that nothing waits long.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import exists, func

from paperlark.store import belongings, idempotency, inbound, mailboxes
from paperlark.store.database import Transaction
from paperlark.store.tables import DELIVERY, MARK, MATCH, OWED, PERCOLATION_BATCH, SIGNAL

MATCHES_FOR = timedelta(days=90)
DELIVERIES_FOR = timedelta(days=180)
TOLD_KEYS_FOR = timedelta(days=400)
SIGNALS_WHOLE_FOR = timedelta(days=31)
BATCHES_FOR = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many rows one batch of forgetting took, by table."""

    matches: int
    deliveries: int
    told_keys: int
    signals: int
    percolation_batches: int
    of_deleted_accounts: int = 0
    mail: int = 0
    inbound_updates: int = 0
    idempotency_keys: int = 0

    @property
    def total(self) -> int:
        """All of them; zero means that nothing is left to forget."""
        ours = self.matches + self.deliveries + self.told_keys + self.signals + self.percolation_batches
        return ours + self.of_deleted_accounts + self.mail + self.inbound_updates + self.idempotency_keys


async def forget(tx: Transaction, now: datetime, limit: int = 1000) -> Forgotten:
    """One batch: at most `limit` rows of each kind. Call it until its total is zero."""
    return Forgotten(
        matches=await _old_matches(tx, now, limit),
        deliveries=await _old_deliveries(tx, now, limit),
        told_keys=await _old_told_keys(tx, now, limit),
        signals=await _surplus_signals(tx, now, limit),
        percolation_batches=await _old_batches(tx, now, limit),
        of_deleted_accounts=await belongings.forget_leaving(tx, now, limit),
        mail=await mailboxes.forget(tx, now, limit),
        inbound_updates=await inbound.forget(tx, now, limit),
        idempotency_keys=await idempotency.forget(tx, now, limit),
    )


async def _old_matches(tx: Transaction, now: datetime, limit: int) -> int:
    saved = exists().where(
        MARK.c.account_id == MATCH.c.account_id, MARK.c.paper_id == MATCH.c.paper_id, MARK.c.kind == "saved"
    )
    return await tx.delete_some(MATCH, MATCH.c.matched_at < now - MATCHES_FOR, ~saved, limit=limit)


async def _old_deliveries(tx: Transaction, now: datetime, limit: int) -> int:
    ended = DELIVERY.c.state.in_(("sent", "dropped", "dead"))
    return await tx.delete_some(DELIVERY, ended, DELIVERY.c.ended_at < now - DELIVERIES_FOR, limit=limit)


async def _old_told_keys(tx: Transaction, now: datetime, limit: int) -> int:
    old = OWED.c.owed_at < now - TOLD_KEYS_FOR
    return await tx.delete_some(OWED, old, OWED.c.delivery_id.is_not(None), limit=limit)


async def _surplus_signals(tx: Transaction, now: datetime, limit: int) -> int:
    """Of each day older than a month the last count stays: it is what the next day starts from."""
    later = SIGNAL.alias("later")
    surplus = exists().where(
        later.c.announcement_id == SIGNAL.c.announcement_id,
        later.c.at > SIGNAL.c.at,
        func.date(later.c.at) == func.date(SIGNAL.c.at),
    )
    old = SIGNAL.c.at < now - SIGNALS_WHOLE_FOR
    return await tx.delete_some(SIGNAL, old, SIGNAL.c.percolated_at.is_not(None), surplus, limit=limit)


async def _old_batches(tx: Transaction, now: datetime, limit: int) -> int:
    return await tx.delete_some(PERCOLATION_BATCH, PERCOLATION_BATCH.c.done_at < now - BATCHES_FOR, limit=limit)
