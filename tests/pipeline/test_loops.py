"""The jobs that make it go round: a fault in one round ends no service, and stopping gives everything back in time."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from structlog.testing import capture_logs

from paperlark.channels.base import Channel
from paperlark.model.papers import Cursor, Page
from paperlark.model.problems import PaperlarkError, StoreError
from paperlark.pipeline import At, loops, nobody
from paperlark.pipeline.deliver import Deliverer
from paperlark.pipeline.loops import Loops, MakeSource, Parts
from paperlark.pipeline.percolate import Percolator
from paperlark.sources.base import Source
from paperlark.store import sources
from paperlark.store.database import Store, open_store
from paperlark.store.sources import Configured
from paperlark.store.tables import LANE, SOURCE, TALLY
from paperlark.testing.channels import FakeChannel, Options
from paperlark.testing.clock import FakeClock
from paperlark.testing.sources import FakeSource
from tests.builders import LEASE, MONDAY, numbered, owed, page, percolate, reader, record, rows


class Broken(Percolator):
    """A percolator whose first round fails."""

    rounds = 0

    async def run(self, *, limit: int | None = None) -> int:
        self.rounds += 1
        if self.rounds == 1:
            raise ZeroDivisionError("a fault")
        return await super().run(limit=limit)


class Counting(Percolator):
    """A percolator that only counts its rounds."""

    rounds = 0

    async def run(self, *, limit: int | None = None) -> int:
        self.rounds += 1
        return 0


class Stuck(FakeSource):
    """A source that never answers."""

    def __init__(self) -> None:
        super().__init__("stuck")
        self.asked = asyncio.Event()

    async def poll(self, cursor: Cursor, now: datetime) -> AsyncIterator[Page]:
        self.asked.set()
        await asyncio.sleep(3600)
        yield page()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals and drain that a test can wait for; constants only."""
    for name in ("POLL_EVERY", "PERCOLATE_EVERY", "DELIVER_EVERY", "SIGNALS_EVERY"):
        monkeypatch.setattr(loops, name, 0.05)
    monkeypatch.setattr(loops, "DRAIN", 0.3)


def no_source(configured: Configured) -> Source:
    raise PaperlarkError(f"there is no source kind {configured.kind}")


def parts(
    store: Store,
    *channels: Channel,
    make: MakeSource = no_source,
    percolator: Percolator | None = None,
    wall: Callable[[], float] = time.time,
    at: At = nobody,
) -> Parts:
    return Parts(
        store=store,
        make_source=make,
        percolator=percolator or Percolator(store, lease=LEASE),
        deliverers=[Deliverer(store, channel, lease=LEASE, jitter=Random(0)) for channel in channels],
        lease=LEASE,
        jitter=Random(0),
        wall=wall,
        at=at,
    )


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for something that no signal tells of."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        await asyncio.sleep(0.01)


async def add_source(store: Store, name: str, kind: str = "fake") -> None:
    async with store.transaction() as tx:
        await sources.add(tx, name, kind, {}, await tx.now())


async def test_papers_go_all_the_way_from_a_source_to_a_reader(store: Store) -> None:
    await reader(store)
    await add_source(store, "fake")
    async with store.transaction() as tx:
        now = await tx.now()
        await tx.execute(SOURCE.update().values(baseline_at=now - timedelta(days=1)))
    channel, source = FakeChannel(), FakeSource(script=[page(*numbered(3, at=now))])
    running = Loops(parts(store, channel, make=lambda _: source))
    running.start()
    await until(lambda: len(channel.papers_at("ann")) == 3)
    await running.stop()
    (lane,) = await rows(store, LANE.select())
    assert lane["lease_token"] == "", "the lane is given back"


async def test_a_fault_in_one_round_is_logged_and_the_next_round_runs(sqlite_store: Store) -> None:
    broken = Broken(sqlite_store, lease=LEASE)
    await record(sqlite_store, *numbered(2))
    running = Loops(parts(sqlite_store, percolator=broken))
    with capture_logs() as told:
        running.start()
        await until(lambda: broken.rounds >= 3)
        await running.stop()
    (fault,) = (line for line in told if line["event"] == "round failed")
    assert fault["log_level"] == "error" and fault["exc_info"] and "percolate" in fault["loop"]
    assert await percolate(sqlite_store) == 0, "percolated by the rounds after it"


async def test_a_source_that_cannot_be_made_stops_no_other(sqlite_store: Store) -> None:
    await add_source(sqlite_store, "a-broken", "gone")
    await add_source(sqlite_store, "fake")
    source = FakeSource(script=[page(*numbered(1))])
    running = Loops(parts(sqlite_store, make=lambda c: source if c.kind == "fake" else no_source(c)))
    running.start()
    await until(lambda: bool(source.polls))
    await running.stop()
    async with sqlite_store.reading() as tx:
        broken = await sources.get(tx, "a-broken")
    assert (broken.failures, broken.last_error) == (1, "there is no source kind gone")


async def test_a_job_never_runs_twice_at_the_same_time(sqlite_store: Store) -> None:
    class Slow(Percolator):
        running = rounds = 0

        async def run(self, *, limit: int | None = None) -> int:
            assert self.running == 0
            self.running += 1
            await asyncio.sleep(0.15)
            self.running -= 1
            self.rounds += 1
            return 0

    slow = Slow(sqlite_store, lease=LEASE)
    running = Loops(parts(sqlite_store, percolator=slow))
    with capture_logs() as told:
        running.start()
        await until(lambda: slow.rounds >= 3)
        await running.stop()
    assert not [line for line in told if line["event"] == "round failed"]


async def test_a_source_that_does_not_answer_holds_up_no_other(sqlite_store: Store) -> None:
    stuck, source = Stuck(), FakeSource(script=[page(*numbered(1))])
    await add_source(sqlite_store, "stuck")
    running = Loops(parts(sqlite_store, make=lambda c: stuck if c.name == "stuck" else source))
    running.start()
    await stuck.asked.wait()
    await add_source(sqlite_store, "fake")
    await until(lambda: bool(source.polls))
    await running.stop()


async def test_a_source_whose_pages_the_database_refuses_is_not_asked_again_and_again(store_url: str) -> None:
    def at(label: str) -> None:
        if label == "record: page written":
            raise StoreError("cannot reach the database: canceling statement due to statement timeout")

    refused = FakeSource(script=[page(*numbered(1))])
    clock = FakeClock(MONDAY)
    store = await open_store(store_url, clock=clock)
    await add_source(store, "refused")
    counting = Counting(store, lease=LEASE)
    running = Loops(parts(store, make=lambda _: refused, percolator=counting, at=at))
    with capture_logs() as told:
        running.start()
        await until(lambda: len(refused.polls) >= 2)
        before = counting.rounds
        await until(lambda: counting.rounds >= before + 20, seconds=60)
        assert len(refused.polls) == 2, "it waits, and time stands still"
        clock.advance(seconds=2)
        await until(lambda: len(refused.polls) >= 3)
        await running.stop()
    waits = [(line["first"], line["times"]) for line in told if line["event"].startswith("the database answers")]
    assert waits == [("refused", 1), ("refused", 2), ("refused", 3)]
    await store.close()


async def test_a_clock_that_is_set_back_holds_up_no_loop(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "CLOCK_EVERY", 0.05)
    back = 0.0

    counting = Counting(sqlite_store, lease=LEASE)
    running = Loops(parts(sqlite_store, percolator=counting, wall=lambda: time.time() - back))
    running.start()
    await until(lambda: counting.rounds >= 2)
    back = 30.0
    for job in running._scheduler.get_jobs():  # what that means to the scheduler
        job.modify(next_run_time=datetime.now(UTC) + timedelta(seconds=30))
    before = counting.rounds
    await until(lambda: counting.rounds >= before + 2, seconds=5)
    await running.stop()


async def test_stopping_waits_for_the_message_in_flight(sqlite_store: Store) -> None:
    await reader(sqlite_store)
    await record(sqlite_store, *numbered(1))
    await percolate(sqlite_store)
    channel = FakeChannel(Options(seconds=0.1))
    running = Loops(parts(sqlite_store, channel))
    running.start()
    await until(lambda: bool(channel.attempts))
    assert not channel.sent
    await running.stop()
    assert len(channel.sent) == 1
    (row,) = await rows(sqlite_store, SOURCE.metadata.tables["delivery"].select())
    assert row["state"] == "sent"


async def test_stopping_cancels_what_is_late_and_gives_its_leases_back(store: Store) -> None:
    await add_source(store, "stuck")
    stuck = Stuck()
    running = Loops(parts(store, FakeChannel(), make=lambda _: stuck))
    running.start()
    await stuck.asked.wait()
    began = time.monotonic()
    await running.stop()
    assert time.monotonic() - began < 5
    async with store.reading() as tx:
        left = await sources.get(tx, "stuck")
    assert (left.lease_token, left.failures) == (None, 0), "no word on its health: we stopped"
    assert all(row["lease_token"] == "" for row in await rows(store, LANE.select()))


async def test_a_lane_that_cannot_be_given_back_keeps_no_other_from_it(store: Store) -> None:
    class Away(Deliverer):
        async def leave(self) -> None:
            raise StoreError("the database is away")

    class Other(FakeChannel):
        kind = "other"

    made = parts(store, Other())
    away = Away(store, FakeChannel(), lease=LEASE, jitter=Random(0))
    running = Loops(replace(made, deliverers=[away, *made.deliverers]))
    running.start()
    assert await made.deliverers[0].lane.hold()
    with capture_logs() as said:
        await running.stop()
    await away.lane.leave()
    (lane,) = await rows(store, LANE.select().where(LANE.c.channel == "other"))
    assert lane["lease_token"] == ""
    assert [line["channel"] for line in said if line["event"] == "lane was not given back"] == ["fake"]


async def test_stopping_in_the_middle_of_a_batch_leaves_it_for_another_at_once(sqlite_store: Store) -> None:
    claimed = asyncio.Event()

    class Endless(Percolator):
        async def _percolate(self, batch: object) -> None:
            claimed.set()
            await asyncio.sleep(3600)

    await reader(sqlite_store)
    await record(sqlite_store, *numbered(2))
    running = Loops(parts(sqlite_store, percolator=Endless(sqlite_store, lease=LEASE)))
    running.start()
    await claimed.wait()
    await running.stop()
    assert await percolate(sqlite_store) == 2
    assert len(await owed(sqlite_store)) == 2


async def test_rounds_that_fail_again_and_again_are_ailing_until_one_goes_well(sqlite_store: Store) -> None:
    class Failing(Percolator):
        rounds, well = 0, False

        async def run(self, *, limit: int | None = None) -> int:
            self.rounds += 1
            if self.well:
                return 0
            raise PaperlarkError("no room")

    failing = Failing(sqlite_store, lease=LEASE)
    running = Loops(parts(sqlite_store, percolator=failing))
    with capture_logs():
        running.start()
        await until(lambda: failing.rounds >= 4)
        (said,) = running.ailing()
        assert "rounds of percolate" in said and "failed" in said
        failing.well = True
        await until(lambda: running.ailing() == [])
        await running.stop()


async def test_what_the_rounds_counted_is_kept_every_few_seconds(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loops, "TALLY_EVERY", 0.05)
    await add_source(sqlite_store, "fake")
    source = FakeSource(script=[page(*numbered(1))])
    running = Loops(parts(sqlite_store, make=lambda _: source))
    running.start()
    end = time.monotonic() + 10
    while not await rows(sqlite_store, TALLY.select()):
        assert time.monotonic() < end, "it was never kept"
        await asyncio.sleep(0.05)
    await running.stop()
    assert [(row["what"], row["which"], row["number"]) for row in await rows(sqlite_store, TALLY.select())] == [
        ("polls", "fake new", 1)
    ]
