"""Writes down how deliveries under way are coming along: all that has come together in one transaction.

Many messages are sent at the same time, and each is noted before it is sent and after it was answered. A commit costs
about as much for fifty notes as for one, and while one commits the next ones gather.

What has arrived is known to nobody else: where the database is away, its note is tried again and again, for it would be
sent a second time without. What is about to be sent is not: nothing was sent.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

import structlog

from paperlark.model.problems import StoreError
from paperlark.pipeline import At
from paperlark.pipeline.counts import ANNOUNCED_TO_SENT, DUE_TO_SENT, Counts
from paperlark.store import outbox, recipients
from paperlark.store.database import Store
from paperlark.store.outbox import Delivery
from paperlark.store.recipients import Place

log = structlog.get_logger()

AGAIN = 1.0  # seconds between tries to note what has arrived
KEPT = 600.0  # seconds for which they go on

Kind = Literal["flying", "part", "last"]


@dataclass(eq=False, slots=True)
class Note:
    """What is to be written of a delivery; `written` gets whether the delivery was still ours."""

    kind: Kind
    delivery: Delivery
    place: Place
    made: float  # seconds on the loop's clock
    written: asyncio.Future[bool] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Ledger:
    """One deliverer's notes of what is under way."""

    def __init__(self, store: Store, counts: Counts, *, lease: timedelta, at: At) -> None:
        self._store = store
        self._counts = counts
        self._lease = lease
        self._at = at
        self._notes: list[Note] = []
        self._writing: asyncio.Task[None] | None = None

    async def flying(self, delivery: Delivery, place: Place) -> bool:
        """The next part is about to be sent. False when the lease was lost: send nothing."""
        return await self._write("flying", delivery, place)

    async def arrived(self, delivery: Delivery, place: Place, *, last: bool) -> bool:
        """The next part has arrived; with the last one the delivery is sent. False when the lease was lost."""
        return await self._write("last" if last else "part", delivery, place)

    async def close(self) -> None:
        """Return when everything is written, even what nobody waits for any more."""
        while self._writing is not None:
            await asyncio.gather(self._writing, return_exceptions=True)

    async def _write(self, kind: Kind, delivery: Delivery, place: Place) -> bool:
        note = Note(kind, delivery, place, asyncio.get_running_loop().time())
        self._notes.append(note)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all(), name="ledger")
        return await note.written

    async def _write_all(self) -> None:
        while self._notes:
            notes, self._notes = self._notes, []
            # A fault is everybody's whose note was among them: they wait for it, and tell it.
            (ours,) = await asyncio.gather(self._commit(notes), return_exceptions=True)
            for note in notes:
                if note.written.done():
                    continue
                if isinstance(ours, StoreError) and self._must_be_known(note):
                    self._notes.append(note)
                elif isinstance(ours, BaseException):
                    note.written.set_exception(ours)
                else:
                    note.written.set_result(note.delivery.id in ours)
            if isinstance(ours, StoreError) and self._notes:
                log.warning("what has arrived could not be noted", notes=len(self._notes), reason=str(ours))
                await asyncio.sleep(AGAIN)
        self._writing = None

    @staticmethod
    def _must_be_known(note: Note) -> bool:
        return note.kind != "flying" and asyncio.get_running_loop().time() < note.made + KEPT

    async def _commit(self, notes: list[Note]) -> set[int]:
        flying = [note.delivery for note in notes if note.kind == "flying"]
        parts = [note.delivery for note in notes if note.kind == "part"]
        last = [note.delivery for note in notes if note.kind == "last"]
        async with self._store.transaction() as tx:
            now = await tx.now()
            ours = await outbox.flying(tx, flying, now, self._lease)
            ours |= await outbox.part_sent(tx, parts, now, self._lease)
            ours |= await outbox.sent(tx, last, now)
            if parts or last:
                await recipients.went_well(tx, [note.place for note in notes if note.kind != "flying"])
                self._at("deliver: before a receipt commits")
        if parts or last:
            self._at("deliver: receipt committed")
        for delivery in last:
            if delivery.id in ours:
                self._count_sent(delivery, now)
        return ours

    def _count_sent(self, delivery: Delivery, now: datetime) -> None:
        self._counts.took(DUE_TO_SENT, delivery.channel, delivery.cadence, time=now - delivery.first_due)
        if delivery.announced_at is not None:
            self._counts.took(ANNOUNCED_TO_SENT, delivery.channel, delivery.cadence, time=now - delivery.announced_at)
