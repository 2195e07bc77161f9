"""When a destination is told: cadences, local days, quiet hours, and what a day without papers says."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta

import pytest

from paperlark.model.problems import DeliveryError
from paperlark.model.readers import Cadence, EmptyPolicy, QuietHours
from paperlark.pipeline.planning import plan
from paperlark.store.database import Store, open_store
from paperlark.testing.channels import FakeChannel
from paperlark.testing.clock import FakeClock
from tests.builders import MONDAY, deliver, deliveries, numbered, percolate, reader, record
from tests.databases import Fresh


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MONDAY)


@pytest.fixture
async def store(sqlite: Fresh, clock: FakeClock) -> AsyncIterator[Store]:
    """A fresh store whose time stands still. Hours are `schedule`'s story, and its are not the database's."""
    opened = await open_store(sqlite(), clock=clock)
    yield opened
    await opened.close()


@pytest.fixture
def channel() -> FakeChannel:
    return FakeChannel()


async def owe(store: Store, clock: FakeClock, number: int = 1, *, start: int = 0) -> None:
    clock.advance(minutes=1)
    await record(store, *numbered(number, start=start))
    await percolate(store)


async def hours(store: Store, clock: FakeClock, channel: FakeChannel, number: int) -> list[datetime]:
    """Let so many hours go by, delivering every half hour; returns when messages went out."""
    sent = []
    for _ in range(2 * number):
        before = len(channel.sent)
        await deliver(store, channel)
        sent += [clock()] * (len(channel.sent) - before)
        clock.advance(minutes=30)
    return sent


async def test_instant_papers_of_five_minutes_make_one_message(
    store: Store, clock: FakeClock, channel: FakeChannel
) -> None:
    ann = await reader(store)
    await owe(store, clock)
    await deliver(store, channel)
    await owe(store, clock, start=10)
    await deliver(store, channel)
    await owe(store, clock, start=20)
    await deliver(store, channel)
    assert len(channel.papers_at(ann.address)) == 1
    clock.advance(minutes=5)
    await deliver(store, channel)
    assert len(channel.papers_at(ann.address)) == 3 and len(channel.sent) == 2


async def test_a_daily_digest_comes_once_a_local_day_at_its_hour(
    store: Store, clock: FakeClock, channel: FakeChannel
) -> None:
    await reader(store, cadence=Cadence.DAILY, zone="Asia/Tokyo", digest_at=time(7, 0))
    sent = []
    for day in range(4):
        await owe(store, clock, start=100 * day)
        sent += await hours(store, clock, channel, 12)
        await owe(store, clock, start=100 * day + 50)
        sent += await hours(store, clock, channel, 12)
    assert [moment.hour for moment in sent] == [22] * 4, "seven in Tokyo"
    days = [delivery["slot"] for delivery in await deliveries(store)]
    assert days == sorted(set(days))


async def test_the_slot_of_a_day_is_used_once_even_if_more_is_owed_that_day(
    store: Store, clock: FakeClock, channel: FakeChannel
) -> None:
    ann = await reader(store, cadence=Cadence.DAILY, digest_at=time(9, 10))
    await owe(store, clock)
    await plan(store)
    clock.advance(minutes=10)
    await deliver(store, channel)
    await owe(store, clock, start=50)
    sent = await hours(store, clock, channel, 30)
    assert len(channel.papers_at(ann.address)) == 2
    assert [moment.day for moment in sent] == [3], "the second waits for the next day's"


async def test_a_weekly_digest_comes_on_its_weekday(store: Store, clock: FakeClock, channel: FakeChannel) -> None:
    await reader(store, cadence=Cadence.WEEKLY, weekday=3, digest_at=time(8, 0))
    await owe(store, clock)
    sent = await hours(store, clock, channel, 24 * 8)
    assert [(moment.weekday(), moment.hour) for moment in sent] == [(3, 8)]


async def test_two_cadences_of_one_destination_have_a_message_each(
    store: Store, clock: FakeClock, channel: FakeChannel
) -> None:
    await reader(store, "larks", cadence=Cadence.INSTANT)
    await reader(store, "owls", cadence=Cadence.DAILY)
    clock.advance(minutes=1)
    await record(store, *numbered(1), *numbered(1, "owls", start=50))
    await percolate(store)
    await hours(store, clock, channel, 24)
    titles = [message.payload.content["title"] for message in channel.sent]
    assert titles == ["New for you", "Your papers today"]


async def test_quiet_hours_delay_and_never_drop(store: Store, clock: FakeClock, channel: FakeChannel) -> None:
    ann = await reader(store, quiet=QuietHours(time(8, 0), time(17, 0)))
    await owe(store, clock, 2)
    sent = await hours(store, clock, channel, 12)
    assert len(channel.papers_at(ann.address)) == 2
    assert [moment.time() >= time(17, 0) for moment in sent] == [True]


async def test_what_was_late_or_is_tried_again_does_not_come_in_quiet_hours(
    store: Store, clock: FakeClock, channel: FakeChannel
) -> None:
    ann = await reader(store, quiet=QuietHours(time(9, 30), time(17, 0)))
    await owe(store, clock, 1)
    channel.fail(ann.address, DeliveryError("fake: 502"))
    await deliver(store, channel)
    assert len(channel.attempts) == 1
    clock.advance(minutes=45)
    await deliver(store, channel)
    (delivery,) = await deliveries(store)
    assert (len(channel.attempts), delivery["attempts"], delivery["reason"]) == (1, 1, "quiet hours")
    assert delivery["due_at"] == datetime(2026, 3, 2, 17, 0, tzinfo=UTC)
    clock.advance(hours=8)
    await deliver(store, channel)
    assert len(channel.papers_at(ann.address)) == 1


@pytest.mark.parametrize(
    ("cadence", "empty", "notes"),
    [
        (Cadence.DAILY, EmptyPolicy.SILENT, 0),
        (Cadence.DAILY, EmptyPolicy.NOTE, 14),
        (Cadence.DAILY, EmptyPolicy.WEEKLY, 2),
        (Cadence.WEEKLY, EmptyPolicy.NOTE, 2),
        (Cadence.WEEKLY, EmptyPolicy.SILENT, 0),
        (Cadence.INSTANT, EmptyPolicy.NOTE, 0),
    ],
)
async def test_days_without_papers_say_what_the_reader_wishes(
    store: Store, clock: FakeClock, channel: FakeChannel, cadence: Cadence, empty: EmptyPolicy, notes: int
) -> None:
    await reader(store, cadence=cadence, empty=empty, digest_at=time(18, 0), weekday=2)
    await plan(store)
    for _ in range(14):
        clock.advance(timedelta(days=1) - timedelta(hours=clock().hour) + timedelta(hours=18))
        await deliver(store, channel)
    assert len(channel.sent) == notes
    assert all(message.payload.content["papers"] == [] for message in channel.sent)
    assert all("Nothing is broken" in message.payload.content["note"] for message in channel.sent)


async def test_a_day_with_papers_says_no_note(store: Store, clock: FakeClock, channel: FakeChannel) -> None:
    await reader(store, cadence=Cadence.DAILY, empty=EmptyPolicy.NOTE, digest_at=time(18, 0))
    await plan(store)
    await owe(store, clock, 3)
    await hours(store, clock, channel, 15)
    assert [len(message.payload.content["papers"]) for message in channel.sent] == [3]
    assert channel.sent[0].payload.content["note"] == ""
