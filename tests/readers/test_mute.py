"""Muted papers are left out of what is told, for good; and what may be muted."""

import pytest

from paperlark.model.problems import ReaderError
from paperlark.model.readers import Cadence, EmptyPolicy, MarkKind, MuteKind
from paperlark.readers.mark import mark, unmark
from paperlark.readers.mute import MUTES_LIMIT, mute, muted, unmute
from paperlark.store import sources as stored
from paperlark.store.database import Store
from paperlark.store.tables import MUTE
from paperlark.testing.channels import FakeChannel
from paperlark.testing.clock import FakeClock
from tests.builders import MONDAY, deliver, deliveries, owed, percolate, reader, record, told

WORD, AUTHOR, SOURCE = MuteKind.WORD, MuteKind.AUTHOR, MuteKind.SOURCE


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MONDAY)


async def tell(store: Store, clock: FakeClock, channel: FakeChannel, *announcements: object, **source: str) -> None:
    """Record, percolate, and deliver what falls due within the next five minutes."""
    await record(store, *announcements, **source)  # type: ignore[arg-type]
    await percolate(store)
    await deliver(store, channel)
    clock.advance(minutes=5)
    await deliver(store, channel)


def titles(channel: FakeChannel) -> list[str]:
    return [paper["title"] for sent in channel.sent for paper in sent.payload.content["papers"]]


async def test_a_muted_paper_is_left_out_and_counted_nowhere(store: Store, clock: FakeClock) -> None:
    ann, channel = await reader(store, "larks", cap=1), FakeChannel()
    await mute(store, ann.account_id, WORD, "owls")
    await tell(store, clock, channel, told("Larks", arxiv="2603.1"), told("Larks and an owl", arxiv="2603.00002"))
    assert titles(channel) == ["Larks"]
    assert channel.sent[0].payload.content["more"] == 0
    assert [row["papers"] for row in await deliveries(store)] == [1]


async def test_what_was_muted_is_not_told_after_it_is_unmuted(store: Store, clock: FakeClock) -> None:
    ann, channel = await reader(store, "larks"), FakeChannel()
    await mute(store, ann.account_id, AUTHOR, "Lark, Ann")
    await tell(store, clock, channel, told("Larks at dawn", authors=("A. Lark",), arxiv="2603.00001"))
    assert [(row["state"], row["reason"]) for row in await deliveries(store)] == [("dropped", "muted")]
    assert all(row["delivery_id"] is not None for row in await owed(store))
    await unmute(store, ann.account_id, AUTHOR, "Ann Lark")
    await tell(store, clock, channel, told("Larks at noon", authors=("A. Lark",), arxiv="2603.00002"))
    assert titles(channel) == ["Larks at noon"]


async def test_a_mute_is_its_own_accounts_alone(store: Store, clock: FakeClock) -> None:
    ann, bob, channel = await reader(store, "larks", "ann"), await reader(store, "larks", "bob"), FakeChannel()
    await mute(store, ann.account_id, WORD, "larks")
    await tell(store, clock, channel, told("Larks at dawn", arxiv="2603.00001"))
    assert [sent.address for sent in channel.sent] == ["bob"]
    assert await muted(store, bob.account_id) == []


async def test_a_muted_source_is_silent_until_another_tells_of_the_paper(store: Store, clock: FakeClock) -> None:
    ann, channel = await reader(store, "larks"), FakeChannel()
    async with store.transaction() as tx:
        await stored.add(tx, "rss:blog", "rss", {}, clock())
    await mute(store, ann.account_id, SOURCE, "RSS")
    await tell(store, clock, channel, told("Larks alone", doi="10.1000/1"), source="rss:blog")
    assert titles(channel) == []
    await record(store, told("Larks of many", doi="10.1000/2"), source="rss:blog")
    await tell(store, clock, channel, told("Larks of many", doi="10.1000/2"), source="arxiv")
    assert titles(channel) == ["Larks of many"]


async def test_a_day_of_muted_papers_is_an_empty_day_for_who_wants_to_hear_of_those(
    store: Store, clock: FakeClock
) -> None:
    ann, channel = await reader(store, "larks", cadence=Cadence.DAILY, empty=EmptyPolicy.NOTE), FakeChannel()
    await mute(store, ann.account_id, WORD, "larks")
    await record(store, told("Larks at dawn", arxiv="2603.00001"))
    await percolate(store)
    await deliver(store, channel)
    clock.advance(days=1)
    await deliver(store, channel)
    assert [(sent.payload.content["papers"], bool(sent.payload.content["note"])) for sent in channel.sent] == [
        ([], True)
    ]


async def test_a_dismissed_paper_is_not_told_again(store: Store, clock: FakeClock) -> None:
    ann, channel = await reader(store, "larks", occasions=("new", "replace")), FakeChannel()
    await tell(store, clock, channel, told("Larks", arxiv="2603.00001"))
    await mark(store, ann.account_id, "2603.00001", MarkKind.DISMISSED)
    revised = [told("Larks", arxiv="2603.00001", occasion=f"replaced:v{n}", type="replace") for n in (2, 3)]
    await tell(store, clock, channel, revised[0])
    assert titles(channel) == ["Larks"]
    assert [row["reason"] for row in await deliveries(store)] == [None, "dismissed"]
    await unmark(store, ann.account_id, "2603.00001")
    await tell(store, clock, channel, revised[1])
    assert titles(channel) == ["Larks", "Larks"]


async def test_muting_again_changes_nothing_and_unmuting_takes_any_spelling(store: Store, clock: FakeClock) -> None:
    ann = (await reader(store)).account_id
    first = await mute(store, ann, AUTHOR, "Yang Song")
    clock.advance(hours=1)
    assert await mute(store, ann, AUTHOR, "Song, Yang") == first
    phrase = await mute(store, ann, WORD, "mixture of experts")
    assert await muted(store, ann) == [first, phrase]
    await unmute(store, ann, AUTHOR, "SONG, YANG")
    assert await muted(store, ann) == [phrase]
    with pytest.raises(ReaderError, match="is not muted; `paperlark mutes` lists what is"):
        await unmute(store, ann, AUTHOR, "Yang Song")


async def test_a_source_that_is_not_there_cannot_be_muted(store: Store) -> None:
    ann = (await reader(store)).account_id
    with pytest.raises(ReaderError, match="there is no source 'arxvi'; `paperlark sources` shows them"):
        await mute(store, ann, SOURCE, "arxvi")


async def test_mutes_are_bounded(store: Store, clock: FakeClock) -> None:
    ann = (await reader(store)).account_id
    async with store.transaction() as tx:
        words = [f"word{number}" for number in range(MUTES_LIMIT)]
        await tx.insert_new(MUTE, [{"account_id": ann, "kind": "word", "value": word, "at": clock()} for word in words])
    with pytest.raises(ReaderError, match="at most 500 mutes"):
        await mute(store, ann, WORD, "larks")
    assert (await mute(store, ann, WORD, "word7")).value == "word7"
