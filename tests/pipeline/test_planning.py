"""Workers plan side by side: a slot has one delivery, and what another worker has just planned is not planned again."""

from collections.abc import Sequence
from datetime import datetime

import pytest
from sqlalchemy import select

from paperlark.model.readers import Cadence
from paperlark.pipeline import planning
from paperlark.store import outbox
from paperlark.store.database import Transaction, open_store
from paperlark.store.outbox import Unplanned
from paperlark.store.tables import DELIVERY
from paperlark.testing.clock import FakeClock
from tests.builders import MONDAY, reader
from tests.databases import Fresh


@pytest.mark.parametrize("cadence", [Cadence.DAILY, Cadence.INSTANT, Cadence.WEEKLY])
async def test_what_another_worker_plans_between_two_looks_is_not_given_the_next_slot_as_well(
    postgres: Fresh, monkeypatch: pytest.MonkeyPatch, cadence: Cadence
) -> None:
    store = await open_store(postgres(), clock=FakeClock(MONDAY))
    ann = await reader(store, "larks", cadence=cadence)
    owing = [(ann.account_id, ann.destination.id, str(cadence))]
    looked = outbox.slots_taken

    async def after_the_other(tx: Transaction, found: Sequence[Unplanned], now: datetime) -> object:
        monkeypatch.setattr(outbox, "slots_taken", looked)
        async with store.transaction() as other:
            await planning.plan_owed(other, owing, now)
        return await looked(tx, found, now)

    monkeypatch.setattr(outbox, "slots_taken", after_the_other)
    async with store.transaction() as tx:
        await planning.plan_owed(tx, owing, await tx.now())
    async with store.reading() as tx:
        assert len((await tx.execute(select(DELIVERY.c.slot))).all()) == 1
    await store.close()
