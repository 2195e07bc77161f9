"""Trending in the store: the list with its reasons, the digest for who has no profile, the order of any digest."""

import asyncio
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

import pytest

from paperlark.model.messages import Digest, Payload
from paperlark.model.problems import DeliveryError, QueryError, ReaderError
from paperlark.model.readers import TRENDING, Cadence, EmptyPolicy, Rhythm
from paperlark.pipeline.planning import plan
from paperlark.readers.subscribe import Wish, subscribe_trending, subscriptions, unsubscribe
from paperlark.readers.trending import DAYS_LIMIT, LIMIT, Place, Trending, trending
from paperlark.store import accounts, merges
from paperlark.store.database import Store
from paperlark.testing.channels import FakeChannel
from paperlark.testing.clock import FakeClock
from paperlark.testing.kills import LABELS
from tests.builders import (
    MONDAY,
    Killed,
    Reader,
    deliver,
    deliverer,
    deliveries,
    dies_at,
    owed,
    percolate,
    reader,
    record,
    told,
)

DAY = timedelta(days=1)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MONDAY)


@pytest.fixture
def channel() -> FakeChannel:
    return FakeChannel()


async def counted(
    store: Store, votes: Sequence[int], *, at: datetime, source: str = "hf_daily", start: int = 0, topic: str = "larks"
) -> tuple[int, ...]:
    """Papers that a source told of at a moment, each with so many upvotes; the same again brings new counts."""
    told_now = [
        told(f"Study {n} of {topic} at large", f"Number {n} tells of {topic}.", arxiv=f"2603.{n:05d}", at=at,
             signals={"upvotes": number})
        for n, number in enumerate(votes, start)
    ]  # fmt: skip
    return (await record(store, *told_now, source=source, owes=True)).papers


async def ids(store: Store, clock: FakeClock, **asked: object) -> list[int]:
    found: Trending = await trending(store, now=clock(), **asked)  # type: ignore[arg-type]
    return [trend.paper.id for trend in found.trends]


# ── the list ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_most_trending_come_first_each_with_its_reason(store: Store, clock: FakeClock) -> None:
    papers = await counted(store, [3, 40, 5, 4, 0], at=MONDAY)
    found = (await trending(store, now=clock())).trends
    assert [trend.paper.id for trend in found] == [papers[1], papers[2], papers[3], papers[0]]
    assert found[0].reason == "40 upvotes, the most of its day; less than a day old"
    assert [trend.points for trend in found] == sorted((trend.points for trend in found), reverse=True)


async def test_what_rises_late_overtakes_and_what_rests_goes_down(store: Store, clock: FakeClock) -> None:
    papers = await counted(store, [30, 6, 5, 4], at=MONDAY)
    assert (await ids(store, clock))[0] == papers[0]
    clock.advance(hours=60)
    await counted(store, [30, 28, 5, 4], at=MONDAY)
    first, *_ = (await trending(store, now=clock())).trends
    assert (first.paper.id, first.reason) == (papers[1], "28 upvotes, the 2nd most of its day; 2 days old")
    clock.advance(hours=24)
    await counted(store, [30, 33, 5, 4], at=MONDAY)
    first, *_ = (await trending(store, now=clock())).trends
    assert first.reason == "33 upvotes, the most of its day; 5 of them since yesterday; 3 days old"


async def test_a_busy_day_does_not_drown_a_quiet_one(store: Store, clock: FakeClock) -> None:
    busy = await counted(store, [900, 300, 200, 100, 80], at=MONDAY)
    quiet = await counted(store, [9, 3, 2, 1, 1], at=MONDAY + DAY, start=10)
    clock.advance(days=1)
    assert (await ids(store, clock))[:2] == [quiet[0], busy[0]]


async def test_a_source_is_compared_with_itself_only(store: Store, clock: FakeClock) -> None:
    loud = await counted(store, [500, 400, 300], at=MONDAY, source="rss:loud")
    small = await counted(store, [9, 2, 1], at=MONDAY, source="rss:small", start=10)
    assert (await ids(store, clock))[0] == small[0] and loud[0] in await ids(store, clock)


async def test_a_second_source_makes_a_paper_trend_without_any_count(store: Store, clock: FakeClock) -> None:
    twice, once = told(arxiv="2603.00001"), told("Wrens in the hedge all winter", arxiv="2603.00002")
    found = await record(store, twice, once)
    assert await ids(store, clock) == []
    await record(store, twice, source="biorxiv")
    (trend,) = (await trending(store, now=clock())).trends
    assert (trend.paper.id, trend.reason) == (found.papers[0], "in 2 sources; less than a day old")


async def test_the_list_looks_back_so_many_days(store: Store, clock: FakeClock) -> None:
    old = await counted(store, [5, 6], at=MONDAY)
    clock.advance(days=4)
    new = await counted(store, [5], at=MONDAY + 4 * DAY, start=10)
    assert await ids(store, clock, days=3) == [new[0]]
    assert set(await ids(store, clock)) == {*old, *new}


async def test_a_query_narrows_the_list(store: Store, clock: FakeClock) -> None:
    await counted(store, [50, 40], at=MONDAY)
    wrens = await counted(store, [3, 2], at=MONDAY, start=10, topic="wrens", source="rss:birds")
    assert await ids(store, clock, query="wrens") == list(wrens)
    assert await ids(store, clock, query="source:rss", limit=1) == [wrens[0]]
    assert await ids(store, clock, query="owls") == []


async def test_reading_on_shows_each_paper_once_whatever_comes_meanwhile(store: Store, clock: FakeClock) -> None:
    await counted(store, [30, 3, 3, 3, 9, 12, 1], at=MONDAY)
    whole = await ids(store, clock)
    shown: list[int] = []
    after: Place | None = None
    for step in range(10):
        found = await trending(store, now=clock(), limit=2, after=after)
        shown += [trend.paper.id for trend in found.trends]
        clock.advance(hours=1)
        await counted(store, [30, 3, 300, 3, 9, 700, 1], at=MONDAY)
        await counted(store, [500], at=MONDAY, start=100 + step)
        after = found.after
        if after is None:
            break
    assert shown == whole


@pytest.mark.parametrize(("days", "limit"), [(0, 20), (DAYS_LIMIT + 1, 20), (7, 0), (7, LIMIT + 1)])
async def test_days_and_limit_have_bounds(light: Store, clock: FakeClock, days: int, limit: int) -> None:
    with pytest.raises(ReaderError, match="trending l"):
        await trending(light, now=clock(), days=days, limit=limit)


async def test_a_query_that_cannot_be_read_is_refused(light: Store, clock: FakeClock) -> None:
    with pytest.raises(QueryError):
        await trending(light, now=clock(), query="(larks")


# ── the digest for readers without a profile ─────────────────────────────────────────────────────────────────────────


async def account(store: Store, clock: FakeClock, name: str = "ann") -> int:
    async with store.transaction() as tx:
        return await accounts.account_of(tx, "test", name, name=name, now=clock())


async def hears_trending(
    store: Store,
    clock: FakeClock,
    address: str = "ann",
    *,
    cadence: Cadence = Cadence.DAILY,
    cap: int = 20,
    empty: EmptyPolicy = EmptyPolicy.SILENT,
) -> int:
    """A reader who asked for what is trending only; returns the account."""
    me = await account(store, clock, address)
    wish = Wish(cadence=cadence, rhythm=Rhythm(digest_at=time(12)), cap=cap, empty=empty)
    await subscribe_trending(store, me, channel="fake", address=address, wish=wish)
    return me


async def at_noon(store: Store, clock: FakeClock, channel: FakeChannel, address: str = "ann") -> list[int]:
    """Go to the next noon and deliver; returns the papers that this brought, in their order."""
    before = len(channel.papers_at(address))
    await plan(store)
    clock.advance(
        seconds=(datetime.combine(clock().date(), time(12), clock().tzinfo) - clock()).total_seconds() % 86400
    )
    await deliver(store, channel)
    after = list(channel.papers_at(address)[before:])
    clock.advance(hours=1)
    return after


async def test_trending_papers_come_once_a_day_and_none_twice(
    store: Store, clock: FakeClock, channel: FakeChannel
) -> None:
    await hears_trending(store, clock)
    monday = await counted(store, [4, 40, 5], at=MONDAY)
    assert await at_noon(store, clock, channel) == [monday[1], monday[2], monday[0]]
    tuesday = await counted(store, [7, 3], at=MONDAY + DAY, start=10)
    await counted(store, [4, 80, 5], at=MONDAY)
    assert await at_noon(store, clock, channel) == list(tuesday)
    assert await at_noon(store, clock, channel) == []
    assert [row["state"] for row in await deliveries(store)] == ["sent", "sent", "dropped"]
    assert {row["occasion"] for row in await owed(store)} == {"first"}
    assert all(row["delivery_id"] for row in await owed(store))


async def test_the_reader_is_told_why(store: Store, clock: FakeClock, channel: FakeChannel) -> None:
    await hears_trending(store, clock)
    await counted(store, [4], at=MONDAY)
    await at_noon(store, clock, channel)
    (sent,) = channel.sent
    assert [paper["why"] for paper in sent.payload.content["papers"]] == [["trending"]]


async def test_the_cap_leaves_the_rest_for_tomorrow_and_what_nobody_votes_for_is_not_told(
    light: Store, clock: FakeClock, channel: FakeChannel
) -> None:
    await hears_trending(light, clock, cap=2)
    papers = await counted(light, [50, 44, 48, 46, 0], at=MONDAY)
    assert await at_noon(light, clock, channel) == [papers[0], papers[2]]
    assert await at_noon(light, clock, channel) == [papers[3], papers[1]]
    assert await at_noon(light, clock, channel) == []
    assert [sent.payload.content["more"] for sent in channel.sent] == [0, 0]


async def test_votes_that_came_long_ago_are_not_worth_a_digest(
    light: Store, clock: FakeClock, channel: FakeChannel
) -> None:
    await counted(light, [9, 8, 7], at=MONDAY)
    clock.advance(days=5)
    await hears_trending(light, clock)
    assert await at_noon(light, clock, channel) == []


async def test_a_weekly_digest_hears_of_the_whole_week(light: Store, clock: FakeClock, channel: FakeChannel) -> None:
    await hears_trending(light, clock, cadence=Cadence.WEEKLY)
    clock.advance(days=1)
    papers = await counted(light, [40, 30, 25], at=MONDAY + DAY)
    for _ in range(7):
        await at_noon(light, clock, channel)
    assert len(channel.sent) == 1 and set(channel.papers_at("ann")) == set(papers)


async def test_one_paper_one_alert_whether_a_profile_or_trending_led_to_it(
    store: Store, clock: FakeClock, channel: FakeChannel
) -> None:
    ann = await reader(store, "wrens", cadence=Cadence.DAILY, digest_at=time(12))
    wish = Wish(rhythm=Rhythm(digest_at=time(12)))
    await subscribe_trending(store, ann.account_id, channel="fake", address="ann", wish=wish)
    clock.advance(minutes=1)
    larks = await counted(store, [30], at=MONDAY)
    wrens = await counted(store, [50], at=MONDAY, start=10, topic="wrens")
    await percolate(store)
    assert set(await at_noon(store, clock, channel)) == {*larks, *wrens}
    why = {paper["id"]: paper["why"] for paper in channel.sent[-1].payload.content["papers"]}
    assert why == {larks[0]: ["trending"], wrens[0]: ["wrens", "trending"]}
    # The profile meets the lark by what another source says of it: it was told already.
    await record(store, told("Study 0 of larks at large", "Of wrens, too.", arxiv="2603.00000", at=clock()))
    await percolate(store)
    assert await at_noon(store, clock, channel) == []


async def test_profiles_papers_take_their_places_under_the_cap_first(
    light: Store, clock: FakeClock, channel: FakeChannel
) -> None:
    ann = await reader(light, "wrens", cadence=Cadence.DAILY, digest_at=time(12), cap=2)
    wish = Wish(rhythm=Rhythm(digest_at=time(12)), cap=2)
    await subscribe_trending(light, ann.account_id, channel="fake", address="ann", wish=wish)
    clock.advance(minutes=1)
    larks = await counted(light, [90, 80], at=MONDAY)
    wrens = await counted(light, [1], at=MONDAY, start=10, topic="wrens", source="rss:birds")
    await percolate(light)
    assert set(await at_noon(light, clock, channel)) == {larks[0], wrens[0]}


async def test_a_destination_that_wants_word_of_an_empty_day_gets_it(
    light: Store, clock: FakeClock, channel: FakeChannel
) -> None:
    await hears_trending(light, clock, empty=EmptyPolicy.NOTE)
    assert await at_noon(light, clock, channel) == []
    assert len(channel.sent) == 1 and channel.sent[0].payload.content["note"]


async def test_it_can_be_ended_and_others_cannot_end_it(light: Store, clock: FakeClock, channel: FakeChannel) -> None:
    me, other = await hears_trending(light, clock), await account(light, clock, "bob")
    ((subscription, place),) = await subscriptions(light, me)
    assert (subscription.profile_id, place.address) == (TRENDING, "ann")
    with pytest.raises(ReaderError) as foreign:
        await unsubscribe(light, other, subscription.id)
    await unsubscribe(light, me, subscription.id)
    with pytest.raises(ReaderError) as gone:
        await unsubscribe(light, me, subscription.id)
    assert str(foreign.value) == str(gone.value)
    await counted(light, [9], at=MONDAY)
    assert await at_noon(light, clock, channel) == []


async def test_the_same_again_changes_how_and_instant_alerts_are_refused(light: Store, clock: FakeClock) -> None:
    me = await hears_trending(light, clock)
    ((first, _),) = await subscriptions(light, me)
    clock.advance(hours=1)
    await hears_trending(light, clock, cadence=Cadence.WEEKLY, cap=3)
    ((again, place),) = await subscriptions(light, me)
    assert (again.id, again.began_at, again.cadence, place.cap) == (first.id, first.began_at, Cadence.WEEKLY, 3)
    with pytest.raises(ReaderError, match="daily or weekly"):
        await hears_trending(light, clock, cadence=Cadence.INSTANT)


# ── what dies on the way ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("label", [label for label in LABELS if label.startswith("deliver: ")])
async def test_a_crash_neither_loses_nor_repeats_a_trending_paper(store: Store, clock: FakeClock, label: str) -> None:
    channel = FakeChannel()
    await hears_trending(store, clock)
    papers = await counted(store, [9, 8], at=MONDAY)
    await plan(store)
    clock.advance(hours=3, minutes=1)
    with suppress(Killed):
        await deliverer(store, channel, at=dies_at(label)).run()
    for _ in range(6):
        clock.advance(hours=1)
        await deliver(store, channel)
    assert set(channel.papers_at("ann")) == set(papers)
    assert len({message.key for message in channel.sent}) == 1, "the same message, not another one with the same papers"
    assert len(channel.sent) <= (2 if label in ("deliver: sent", "deliver: before a receipt commits") else 1)
    assert len(await owed(store)) == 2


async def test_a_retry_sends_what_was_sealed_and_the_next_digest_does_not_repeat_it(
    light: Store, clock: FakeClock, channel: FakeChannel
) -> None:
    await hears_trending(light, clock)
    papers = await counted(light, [9, 8], at=MONDAY)
    channel.fail("ann", DeliveryError("fake: 502"))
    assert await at_noon(light, clock, channel) == []
    await counted(light, [700], at=MONDAY, start=10)
    await deliver(light, channel)
    assert set(channel.papers_at("ann")) == set(papers)


@dataclass
class Waiting(FakeChannel):
    """A channel that takes its time to render, for the first digest: what happens meanwhile happens before the seal."""

    rendering: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def render(self, digest: Digest) -> list[Payload]:
        self.rendering.set()
        self.go_on.wait(10)
        return FakeChannel.render(self, digest)


async def test_a_paper_that_becomes_one_with_another_before_the_seal_is_told_once(
    store: Store, clock: FakeClock
) -> None:
    channel = Waiting()
    await hears_trending(store, clock)
    kept, gone = await counted(store, [9, 8], at=MONDAY)
    sending = asyncio.create_task(at_noon(store, clock, channel))
    await asyncio.to_thread(channel.rendering.wait, 10)
    async with store.transaction() as tx:
        await merges.merge(tx, kept, gone, reason="the same work", now=clock())
    channel.go_on.set()
    assert await sending == [kept]
    assert [row["paper_id"] for row in await owed(store)] == [kept]


async def test_a_profile_that_meets_a_paper_before_the_seal_does_not_make_it_told_twice(
    store: Store, clock: FakeClock
) -> None:
    channel = Waiting()
    await hears_trending(store, clock)
    await reader(store, "larks", "ann", cadence=Cadence.DAILY, digest_at=time(12))
    clock.advance(minutes=1)
    papers = await counted(store, [9, 8], at=MONDAY)
    sending = asyncio.create_task(at_noon(store, clock, channel))
    await asyncio.to_thread(channel.rendering.wait, 10)
    await percolate(store)
    channel.go_on.set()
    assert await sending == list(papers)
    assert await at_noon(store, clock, channel) == []


# ── the order of any digest ──────────────────────────────────────────────────────────────────────────────────────────


async def mixed(store: Store, clock: FakeClock) -> Reader:
    ann = await reader(store, "larks", cadence=Cadence.DAILY, digest_at=time(12), cap=3)
    clock.advance(minutes=1)
    return ann


async def test_a_capped_digest_shows_what_is_trending_and_not_what_has_most_votes(
    store: Store, clock: FakeClock, channel: FakeChannel
) -> None:
    await mixed(store, clock)
    busy = await counted(store, [900, 500, 400, 300], at=MONDAY)
    quiet = await counted(store, [60, 2, 1], at=MONDAY, source="rss:quiet", start=10)
    await percolate(store)
    shown = await at_noon(store, clock, channel)
    assert shown[0] == quiet[0] and busy[0] in shown
    assert channel.sent[-1].payload.content["more"] == 4


async def test_without_any_signals_the_newest_come_first_as_ever(
    light: Store, clock: FakeClock, channel: FakeChannel
) -> None:
    await mixed(light, clock)
    announced = [told(f"Study {n} of larks at large", arxiv=f"2603.{n:05d}", at=MONDAY - n * DAY) for n in range(3)]
    found = await record(light, *announced)
    await percolate(light)
    assert await at_noon(light, clock, channel) == list(found.papers)
