"""A paused destination is told nothing until it is resumed, or its pause ends."""

from datetime import UTC, datetime, timedelta

import pytest

from paperlark.model.problems import ReaderError
from paperlark.pipeline.planning import lapse
from paperlark.readers.subscribe import AT_YOUR_WISH, destinations, pause, resume
from paperlark.store import profiles
from paperlark.store.database import Store
from paperlark.testing.channels import FakeChannel
from paperlark.testing.clock import FakeClock
from tests.builders import MONDAY, deliver, deliveries, percolate, reader, record, told


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MONDAY)


def local(written: str) -> datetime:
    """A moment by whatever clock hangs there: without a zone."""
    return datetime.fromisoformat(written)


async def announce(store: Store, number: int) -> None:
    await record(store, told(f"Study {number} of larks", arxiv=f"2603.{number:05d}"))
    await percolate(store)


async def test_what_is_owed_waits_and_comes_when_it_is_resumed(store: Store, clock: FakeClock) -> None:
    ann, channel = await reader(store), FakeChannel()
    await pause(store, ann.account_id, ann.destination.id, reason=" on  holiday ")
    await announce(store, 1)
    await deliver(store, channel)
    clock.advance(days=1)
    await deliver(store, channel)
    assert (channel.sent, [place.paused_reason for place in await destinations(store, ann.account_id)]) == (
        [],
        ["on holiday"],
    )
    assert [place.id for place in await resume(store, ann.account_id)] == [ann.destination.id]
    await deliver(store, channel)
    assert len(channel.sent) == 1


async def test_a_pause_ends_by_itself_by_the_destinations_clock(store: Store, clock: FakeClock) -> None:
    ann, channel = await reader(store, zone="Asia/Tokyo"), FakeChannel()
    (paused,) = await pause(store, ann.account_id, until=local("2026-03-05"))
    assert paused.paused_until == datetime(2026, 3, 4, 15, tzinfo=UTC)
    await announce(store, 1)
    clock.advance(datetime(2026, 3, 4, 14, 59, tzinfo=UTC) - clock())
    await deliver(store, channel)
    assert channel.sent == []
    clock.advance(minutes=1)
    await deliver(store, channel)
    assert len(channel.sent) == 1
    assert await destinations(store, ann.account_id) == [ann.destination]


async def test_what_waited_for_more_than_seven_days_lapses(store: Store, clock: FakeClock) -> None:
    ann, channel = await reader(store), FakeChannel()
    await pause(store, ann.account_id, until=MONDAY + timedelta(days=30))
    await announce(store, 1)
    await deliver(store, channel)
    clock.advance(days=8)
    assert await lapse(store) == 1
    assert [row["state"] for row in await deliveries(store)] == ["dropped"]


async def test_pausing_again_changes_reason_and_end_and_not_since_when(store: Store, clock: FakeClock) -> None:
    ann, channel = await reader(store), FakeChannel()
    await pause(store, ann.account_id, ann.destination.id)
    await announce(store, 1)
    await deliver(store, channel)
    clock.advance(days=6)
    (again,) = await pause(store, ann.account_id, ann.destination.id, reason="still away", until=local("2026-04-01"))
    assert (again.paused_reason, again.paused_until) == ("still away", datetime(2026, 4, 1, tzinfo=UTC))
    clock.advance(days=2)
    assert await lapse(store) == 1


async def test_pausing_everything_leaves_alone_what_a_platform_refused(store: Store, clock: FakeClock) -> None:
    ann, home = await reader(store, address="ann"), await reader(store, "larks home", "home", account="ann")
    async with store.transaction() as tx:
        await profiles.pause_destination(tx, ann.account_id, ann.destination.id, "blocked", clock())
    paused = await pause(store, ann.account_id, until=local("2026-03-04"))
    assert [(place.id, place.paused_reason) for place in paused] == [(home.destination.id, AT_YOUR_WISH)]
    clock.advance(days=5)
    await deliver(store, FakeChannel())
    assert [place.paused_reason for place in await destinations(store, ann.account_id)] == ["blocked", None]


async def test_a_platforms_refusal_outlasts_the_end_of_a_readers_pause(store: Store, clock: FakeClock) -> None:
    ann = await reader(store)
    await pause(store, ann.account_id, until=local("2026-03-04"))
    async with store.transaction() as tx:
        await profiles.pause_destination(tx, ann.account_id, ann.destination.id, "blocked", clock())
    clock.advance(days=5)
    await deliver(store, FakeChannel())
    assert [place.paused_reason for place in await destinations(store, ann.account_id)] == ["blocked"]


async def test_a_pause_that_has_ended_before_it_began_is_refused(store: Store) -> None:
    ann = await reader(store, zone="Europe/Berlin")
    with pytest.raises(ReaderError, match="a pause ends in the future, and 2026-03-02 10:00 CET is past"):
        await pause(store, ann.account_id, until=local("2026-03-02T10:00"))
    assert await destinations(store, ann.account_id) == [ann.destination]
