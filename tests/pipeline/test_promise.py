"""The promise: everything owed is sent at least once or ends visibly dead, nobody is told twice; a second copy only
where the platform's answer was lost, at most one, marked.

Hypothesis makes up what happens: papers, refusals, lost answers, crashes at any labelled point, and time going by.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Literal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paperlark.model.problems import DeliveryError
from paperlark.model.readers import Cadence
from paperlark.pipeline.planning import plan
from paperlark.store.database import open_store
from paperlark.testing.channels import Failure, FakeChannel, Options
from paperlark.testing.clock import FakeClock
from paperlark.testing.kills import LABELS
from tests.builders import (
    MONDAY,
    Killed,
    deliverer,
    deliveries,
    dies_at,
    numbered,
    owed,
    percolate,
    reader,
    record,
)
from tests.databases import Fresh

ADDRESSES = ("ann", "bob")
A_PART = 7
MOST = 70  # papers in one example: within what a digest shows, so that each can be looked for
DELIVER_LABELS = [label for label in LABELS if label.startswith("deliver: ")]

Step = (
    tuple[Literal["owe"], int]
    | tuple[Literal["deliver"]]
    | tuple[Literal["crash"], str, int]
    | tuple[Literal["fail"], str, str]
    | tuple[Literal["wait"], float]
)
FAILURES = {
    "down": Failure(DeliveryError("fake: 502")),
    "slow": Failure(DeliveryError("fake: 429", retry_after=timedelta(minutes=7))),
    "barred": Failure(DeliveryError("fake: 401", channel=True)),
    "refused": Failure(DeliveryError("fake: bad mark-up", refused=True)),
    "lost": Failure(DeliveryError("fake: no answer", ambiguous=True)),
    "lost on the way back": Failure(DeliveryError("fake: no answer", ambiguous=True), arrived=True),
}
steps: st.SearchStrategy[list[Step]] = st.lists(
    st.one_of(
        st.tuples(st.just("owe"), st.integers(1, 5)),
        st.tuples(st.just("deliver")),
        st.tuples(st.just("crash"), st.sampled_from(DELIVER_LABELS), st.integers(1, 4)),
        st.tuples(st.just("fail"), st.sampled_from(ADDRESSES), st.sampled_from(sorted(FAILURES))),
        st.tuples(st.just("wait"), st.sampled_from([1.0, 3.0, 6.0, 60.0, 24 * 60.0])),
    ),
    min_size=3,
    max_size=14,
)


async def live_through(url: str, what: Iterable[Step]) -> None:
    """Do what is told, then let all be well for a week, and hold the result to the promise."""
    clock = FakeClock(MONDAY)
    store = await open_store(url, clock=clock)
    channel = FakeChannel(Options(papers_a_part=A_PART))
    await reader(store, address="ann", cap=MOST)
    await reader(store, address="bob", cadence=Cadence.DAILY, cap=MOST)
    clock.advance(minutes=1)
    made = 0
    lane = deliverer(store, channel)
    for step in what:
        match step:
            case ("owe", int(number)):
                await record(store, *numbered(number, start=made))
                made += number
                await percolate(store)
            case ("deliver",):
                await plan(store)
                await lane.run()
            case ("crash", str(label), int(nth)):
                await plan(store)
                await lane.leave()
                dying = deliverer(store, channel, at=dies_at(label, nth))
                try:
                    await dying.run()
                    await dying.leave()
                except Killed:
                    pass  # and its leases stay as they are
            case ("fail", str(address), str(failure)):
                channel.fail(address, FAILURES[failure])
            case ("wait", float(minutes)):
                clock.advance(minutes=minutes)
    for _ in range(20):
        clock.advance(hours=8)
        await plan(store)
        await lane.run()
    try:
        hold_to_the_promise(await owed(store), await deliveries(store), channel, made)
    finally:
        await store.close()


def hold_to_the_promise(
    owing: list[dict[str, Any]], outbox: list[dict[str, Any]], channel: FakeChannel, made: int
) -> None:
    states = {delivery["id"]: delivery["state"] for delivery in outbox}
    accounts = sorted({row["account_id"] for row in owing}, key=str)
    assert len(owing) == made * len(ADDRESSES), "every match owes, once"
    assert set(states.values()) <= {"sent", "dead"}, "nothing is left undecided"
    assert all(delivery["reason"] for delivery in outbox if delivery["state"] == "dead")
    for account, address in zip(accounts, ADDRESSES, strict=False):
        shown = Counter(channel.papers_at(address))
        mine: dict[int, str | None] = {
            row["paper_id"]: states.get(row["delivery_id"]) for row in owing if row["account_id"] == account
        }
        assert set(shown) <= set(mine), "nobody is told what is not theirs"
        lost = [paper for paper, state in mine.items() if state != "dead" and not shown[paper]]
        assert not lost, "sent, or visibly dead"
        # A second copy is the same part again, under the same key, marked; a third never comes.
        copies = Counter(message.key for message in channel.messages_at(address))
        assert max(copies.values(), default=0) <= 2
        for key in [key for key, times in copies.items() if times == 2]:
            first, second = (message.payload for message in channel.messages_at(address) if message.key == key)
            assert second == channel.again(first)
        assert sum(shown.values()) - len(shown) <= A_PART * sum(times == 2 for times in copies.values())


HEALTH = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@given(steps)
@settings(max_examples=20, deadline=None, suppress_health_check=HEALTH)
def test_whatever_happens_nothing_is_lost_and_nobody_is_told_twice(sqlite: Fresh, what: list[Step]) -> None:
    asyncio.run(live_through(sqlite(), what))


@given(steps)
@settings(max_examples=4, deadline=None, suppress_health_check=HEALTH)
def test_and_so_on_postgres(postgres: Fresh, what: list[Step]) -> None:
    asyncio.run(live_through(postgres(), what))
