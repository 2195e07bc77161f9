"""The promise: everything owed is sent at least once or ends visibly dead, and nobody is told twice. A second copy only
where the platform's answer was lost, at most one, marked; none where the platform knows a message's key. Per address
everything comes in order.

Hypothesis makes up what happens, on both databases: papers, refusals, named waits, lost answers, workers that hang or
die at any labelled point, pauses, chats that move, and time going by. The model is the multiset of what is owed.
"""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from paperlark.channels.base import Channel
from paperlark.model.problems import DeliveryError
from paperlark.model.readers import Cadence
from paperlark.pipeline.planning import plan
from paperlark.store import outbox, profiles
from paperlark.store.database import Store, open_store
from paperlark.store.sealing import JOINED
from paperlark.testing.channels import Failure, FakeChannel, KnowingChannel, Options
from paperlark.testing.clock import FakeClock
from paperlark.testing.kills import LABELS
from tests.amounts import examples
from tests.builders import (
    LEASE,
    MONDAY,
    Killed,
    Reader,
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

T = TypeVar("T")

A_PART = 7
MOST = 70  # papers in one example: within what a digest shows, so that each can be looked for
DELIVER_LABELS = [label for label in LABELS if label.startswith("deliver: ") and label != "deliver: draining"]
ADDRESSES = ("ann", "bob", "carl")
FAILURES = {
    "down": Failure(DeliveryError("fake: 502")),
    "slow": Failure(DeliveryError("fake: 429", retry_after=timedelta(minutes=7))),
    "slow here": Failure(DeliveryError("fake: 429", retry_after=timedelta(minutes=7), of_address=True)),
    "barred": Failure(DeliveryError("fake: 401", channel=True)),
    "refused": Failure(DeliveryError("fake: bad mark-up", refused=True)),
    "gone": Failure(DeliveryError("fake: blocked", permanent=True)),
    "doubted": Failure(DeliveryError("fake: cannot send to this person", doubtful=True)),
    "lost": Failure(DeliveryError("fake: no answer", ambiguous=True)),
    "lost on the way back": Failure(DeliveryError("fake: no answer", ambiguous=True), arrived=True),
}
LOST = ["lost", "lost on the way back", "lost on the way back"]  # the hard ones come more often
troubles = st.lists(
    st.tuples(
        st.sampled_from((*ADDRESSES, "carl-2")),
        st.lists(st.sampled_from([*sorted(FAILURES), *LOST]), min_size=1, max_size=3),
    ),
    max_size=3,
)
HEALTH = [HealthCheck.too_slow, HealthCheck.filter_too_much]


class Promise(RuleBasedStateMachine):
    """Three readers: Ann hears at once, Bob once a day, Carl in two chats, one of which may become the other."""

    fresh: Fresh
    knowing: bool

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = FakeClock(MONDAY)
        self.made = 0
        self.channel: FakeChannel

    def do(self, what: Coroutine[Any, Any, T]) -> T:
        """Let something happen."""
        return self.loop.run_until_complete(what)

    @initialize()
    def begin(self) -> None:
        """Readers who are there before the first paper."""
        options = Options(papers_a_part=A_PART)
        self.channel = KnowingChannel(options, clock=self.clock) if self.knowing else FakeChannel(options)
        self.store: Store = self.do(open_store(self.fresh(), clock=self.clock))
        self.readers: list[Reader] = [
            self.do(reader(self.store, address="ann", cap=MOST)),
            self.do(reader(self.store, address="bob", cadence=Cadence.DAILY, cap=MOST)),
            self.do(reader(self.store, address="carl", cap=MOST)),
            self.do(reader(self.store, address="carl-2", account="carl", cap=MOST)),
        ]
        self.clock.advance(minutes=1)
        self.lane = deliverer(self.store, self._channel())
        self.owe(3)

    def _channel(self) -> Channel:
        return self.channel

    # ── what happens ───────────────────────────────────────────────────────────────────────────────────────────────

    @rule(number=st.integers(1, 5))
    def owe(self, number: int) -> None:
        """Papers come that all of them follow."""
        number = min(number, MOST - self.made)
        self.do(record(self.store, *numbered(number, start=self.made)))
        self.made += number
        self.do(percolate(self.store))

    @rule(minutes=st.sampled_from([0.5, 6.0, 6.0, 61.0, 24 * 60.0]), troubles=troubles)
    def send(self, minutes: float, troubles: list[tuple[str, list[str]]]) -> None:
        """One round of the deliverer, some time later; the next messages to some addresses meet failures."""
        for address, failures in troubles:
            self.channel.fail(address, *(FAILURES[failure] for failure in failures))
        self.clock.advance(minutes=minutes)
        self.do(plan(self.store))
        self.do(self.lane.run())

    @rule(minutes=st.sampled_from([6.0, 61.0]), number=st.integers(1, 3), troubles=troubles)
    def owe_and_send(self, minutes: float, number: int, troubles: list[tuple[str, list[str]]]) -> None:
        """Papers come, and are told of."""
        self.owe(number)
        self.send(minutes, troubles)

    @rule(label=st.sampled_from(DELIVER_LABELS), nth=st.integers(1, 4))
    def crash(self, label: str, nth: int) -> None:
        """A paper comes, another process takes the lane, and may die at a point; its leases stay as they are."""
        self.owe(1)
        self.clock.advance(minutes=6)

        async def die() -> None:
            await plan(self.store)
            await self.lane.leave()
            dying = deliverer(self.store, self._channel(), at=dies_at(label, nth))
            try:
                await dying.run()
                await dying.leave()
            except Killed:
                if dying.lane._keeper is not None:
                    dying.lane._keeper.cancel()

        self.do(die())

    @rule()
    def hang(self) -> None:
        """A worker claims something, and is never heard of again."""

        async def claim() -> None:
            async with self.store.transaction() as tx:
                await outbox.claim(tx, "fake", now=self.clock(), lease=LEASE, limit=1)

        self.do(claim())

    @rule()
    def expire(self) -> None:
        """Every lease runs out."""
        self.clock.advance(LEASE + timedelta(seconds=1))

    @rule()
    def migrate(self) -> None:
        """Carl's first chat becomes his second."""
        self.channel.fail("carl", DeliveryError("fake: moved", new_address="carl-2"))

    @rule(who=st.integers(0, 3))
    def pause(self, who: int) -> None:
        """A reader is away."""
        self.do(self._pause(who))

    async def _pause(self, who: int) -> None:
        async with self.store.transaction() as tx:
            one = self.readers[who]
            await profiles.pause_destination(tx, one.account_id, one.destination.id, "away", self.clock())

    @rule()
    def resume(self) -> None:
        """All of them are back."""
        self.do(self._resume())

    async def _resume(self) -> None:
        async with self.store.transaction() as tx:
            for one in self.readers:
                await profiles.resume_destination(tx, one.account_id, one.destination.id)

    # ── what holds ─────────────────────────────────────────────────────────────────────────────────────────────────

    @invariant()
    def no_third_copy_and_no_unmarked_second(self) -> None:
        """A second copy is the same part again, under the same key, marked; a platform that knows keys has none."""
        if self.made == 0:
            return
        copies = Counter(message.key for message in self.channel.sent)
        assert max(copies.values(), default=0) <= (1 if self.knowing else 2)
        for key in [key for key, times in copies.items() if times == 2]:
            first, second = (message.payload for message in self.channel.sent if message.key == key)
            assert second == self.channel.again(first)

    def teardown(self) -> None:
        """Let all be well for a week, and hold the result to the promise."""
        try:
            if hasattr(self, "lane"):
                self.do(self._live_on())
                self.do(self._hold())
                self.do(self.store.close())
        finally:
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
            self.loop.run_until_complete(asyncio.sleep(0))
            self.loop.close()

    async def _live_on(self) -> None:
        self.channel._failures.clear()
        for _ in range(7):
            await self._resume()
            self.clock.advance(days=1)
            await plan(self.store)
            await self.lane.run()
        await self.lane.leave()

    async def _hold(self) -> None:
        ended = await deliveries(self.store)
        states = {delivery["id"]: delivery["state"] for delivery in ended}
        joined = {delivery["id"] for delivery in ended if delivery["reason"] == JOINED}
        empty = {delivery["id"] for delivery in ended if delivery["reason"] == "nothing to tell"}
        assert {states[number] for number in states if number not in joined | empty} <= {"sent", "dead"}
        assert all(delivery["reason"] for delivery in ended if delivery["state"] == "dead")
        owing = await owed(self.store)
        assert not [row for row in owing if row["delivery_id"] is None], "all that was owed came to an end"
        for one in self.readers[:2]:
            mine = {r["paper_id"]: states[r["delivery_id"]] for r in owing if r["account_id"] == one.account_id}
            assert len(mine) == self.made, "every match owes, once"
            shown = Counter(self.channel.papers_at(one.address))
            assert set(shown) <= set(mine), "nobody is told what is not theirs"
            assert not [paper for paper, state in mine.items() if state != "dead" and not shown[paper]]
            copies = Counter(message.key for message in self.channel.messages_at(one.address))
            assert sum(shown.values()) - len(shown) <= A_PART * sum(times == 2 for times in copies.values())
            self._in_order(one.address, {delivery["id"]: delivery["first_due"] for delivery in ended})
        carl = {r["paper_id"] for r in owing if r["account_id"] == self.readers[2].account_id}
        told = set(self.channel.papers_at("carl")) | set(self.channel.papers_at("carl-2"))
        dead = {r["paper_id"] for r in owing if states[r["delivery_id"]] == "dead"}
        assert len(carl) == self.made and carl <= told | dead

    def _in_order(self, address: str, first_due: dict[int, Any]) -> None:
        """What an address saw came as it was due, part after part."""
        seen = list(dict.fromkeys(message.key for message in self.channel.messages_at(address)))
        order = []
        for key in seen:
            number, _, part = key.partition("-")
            order.append((first_due[int(number, 16)], int(number, 16), int(part)))
        assert order == sorted(order)


def live(fresh: Fresh, *, knowing: bool, number: int) -> None:
    """So many lives, or more."""
    machine = type("Life", (Promise,), {"fresh": staticmethod(fresh), "knowing": knowing})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples(number), stateful_step_count=20, deadline=None, suppress_health_check=HEALTH
        ),
    )


def test_whatever_happens_nothing_is_lost_and_nobody_is_told_twice(sqlite: Fresh) -> None:
    live(sqlite, knowing=False, number=8)


def test_a_platform_that_knows_keys_never_shows_a_second_copy(sqlite: Fresh) -> None:
    live(sqlite, knowing=True, number=6)


def test_and_so_on_postgres(postgres: Fresh) -> None:
    live(postgres, knowing=False, number=2)


def test_and_so_on_postgres_where_keys_are_known(postgres: Fresh) -> None:
    live(postgres, knowing=True, number=2)
