"""What is forgotten, and when: each rule alone, in batches; what a reader saved stays."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select

from paperlark.store import retention
from paperlark.store.database import Store
from paperlark.store.tables import DELIVERY, MARK, MATCH, OWED, PERCOLATION_BATCH, SIGNAL
from tests.builders import MONDAY, count, rows

ACCOUNT = 1


def ago(days: float) -> datetime:
    return MONDAY - timedelta(days=days)


async def keep(store: Store, table: Any, *new: dict[str, Any]) -> None:
    async with store.transaction() as tx:
        await tx.execute(insert(table), list(new))


async def forget(store: Store, limit: int = 1000) -> retention.Forgotten:
    async with store.transaction() as tx:
        return await retention.forget(tx, MONDAY, limit)


def match(paper: int, days: float) -> dict[str, Any]:
    return {"account_id": ACCOUNT, "profile_id": 1, "paper_id": paper, "version": 1, "matched_at": ago(days)}


def delivery(number: int, state: str, days: float | None) -> dict[str, Any]:
    return {"account_id": ACCOUNT, "id": number, "destination_id": 1, "channel": "fake", "cadence": "daily",
            "slot": str(number), "state": state, "first_due": ago(500), "due_at": ago(500), "attempts": 0,
            "unconfirmed": 0, "in_flight": False, "parts_sent": 0, "papers": 1,
            "ended_at": None if days is None else ago(days)}  # fmt: skip


def owed(paper: int, days: float, delivery_id: int | None) -> dict[str, Any]:
    return {"account_id": ACCOUNT, "destination_id": 1, "paper_id": paper, "occasion": "first",
            "announcement_id": paper, "cadence": "daily", "owed_at": ago(days), "delivery_id": delivery_id}  # fmt: skip


async def test_matches_go_after_ninety_days_and_saved_ones_stay(store: Store) -> None:
    await keep(store, MATCH, match(1, 91), match(2, 89), match(3, 400), match(4, 400))
    await keep(
        store,
        MARK,
        {"account_id": ACCOUNT, "paper_id": 3, "kind": "saved", "at": ago(400)},
        {"account_id": ACCOUNT, "paper_id": 4, "kind": "read", "at": ago(400)},
        {"account_id": ACCOUNT + 1, "paper_id": 4, "kind": "saved", "at": ago(400)},
    )
    assert (await forget(store)).matches == 2
    assert [row["paper_id"] for row in await rows(store, select(MATCH).order_by(MATCH.c.paper_id))] == [2, 3]


async def test_ended_deliveries_go_after_half_a_year_and_open_ones_never(store: Store) -> None:
    await keep(
        store,
        DELIVERY,
        *(delivery(number, state, 181) for number, state in enumerate(("sent", "dead", "dropped"))),
        delivery(10, "sent", 179),
        delivery(11, "pending", None),
        delivery(12, "claimed", None),
    )
    assert (await forget(store)).deliveries == 3
    assert sorted(row["id"] for row in await rows(store, select(DELIVERY))) == [10, 11, 12]


async def test_told_keys_go_after_four_hundred_days_and_what_is_not_told_never(store: Store) -> None:
    await keep(store, OWED, owed(1, 401, 9), owed(2, 399, 9), owed(3, 401, None))
    assert (await forget(store)).told_keys == 1
    assert sorted(row["paper_id"] for row in await rows(store, select(OWED))) == [2, 3]


async def test_old_counts_are_thinned_to_the_last_of_each_day(store: Store) -> None:
    def counted(announcement: int, moment: datetime, upvotes: int, done: bool = True) -> dict[str, Any]:
        percolated = moment if done else None
        counts = {"upvotes": upvotes}
        return {"announcement_id": announcement, "at": moment, "counts": counts, "percolated_at": percolated}

    old, noon = ago(40), timedelta(hours=2)
    await keep(
        store,
        SIGNAL,
        *(counted(1, old + timedelta(minutes=minute), minute) for minute in range(5)),
        counted(1, old + timedelta(days=1), 50),
        counted(2, old, 7),
        counted(3, old, 1, done=False),
        counted(3, old + noon, 2),
        *(counted(4, ago(3) + timedelta(minutes=minute), minute) for minute in range(3)),
    )
    assert (await forget(store)).signals == 4
    left = await rows(store, select(SIGNAL).order_by(SIGNAL.c.announcement_id, SIGNAL.c.at))
    assert [(row["announcement_id"], row["counts"]["upvotes"]) for row in left] == [
        (1, 4), (1, 50), (2, 7), (3, 1), (3, 2), (4, 0), (4, 1), (4, 2),
    ]  # fmt: skip


async def test_percolation_batches_go_after_a_month_unless_they_are_open(store: Store) -> None:
    def batch(number: int, days: float | None) -> dict[str, Any]:
        done = None if days is None else ago(days)
        return {"id": number, "mark": 1, "lease_token": "x", "lease_until": ago(60), "done_at": done}

    await keep(store, PERCOLATION_BATCH, batch(1, 32), batch(2, 30), batch(3, None))
    assert (await forget(store)).percolation_batches == 1
    assert await count(store, PERCOLATION_BATCH) == 2


async def test_forgetting_goes_in_batches_until_nothing_is_left(store: Store) -> None:
    await keep(store, MATCH, *(match(paper, 100) for paper in range(25)))
    totals = []
    while total := (await forget(store, limit=10)).total:
        totals.append(total)
    assert totals == [10, 10, 5]
