"""The order of a digest's papers, as it is sent: how well each answers, what is trending, what its reader marked."""

from datetime import timedelta

import pytest

from paperlark.model.readers import Cadence, MarkKind
from paperlark.pipeline.planning import plan
from paperlark.store import marks
from paperlark.store.database import Store
from paperlark.testing.channels import FakeChannel
from paperlark.testing.clock import FakeClock
from tests.builders import MONDAY, deliver, percolate, reader, record, told


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MONDAY)


async def digest(store: Store, clock: FakeClock) -> list[tuple[str, list[str]]]:
    """The titles of the next one, in order, each with its reasons."""
    await percolate(store)
    await plan(store)
    clock.advance(days=1)
    channel = FakeChannel()
    await deliver(store, channel)
    (message,) = channel.sent
    return [(each["title"], each["why"]) for each in message.payload.content["papers"]]


async def test_what_answers_better_comes_first(store: Store, clock: FakeClock) -> None:
    await reader(store, "larks", cadence=Cadence.DAILY)
    clock.advance(minutes=5)
    await record(
        store,
        told("Larks and larks again", "Larks, larks.", arxiv="2603.00001", at=clock() - timedelta(hours=2)),
        told("On song", "Of birds and many other things; larks are among those seen.", arxiv="2603.00002", at=clock()),
    )
    assert [title for title, _ in await digest(store, clock)] == ["Larks and larks again", "On song"]


async def test_a_trend_that_lifts_a_paper_is_told(store: Store, clock: FakeClock) -> None:
    await reader(store, "larks", cadence=Cadence.DAILY)
    clock.advance(minutes=5)
    await record(
        store,
        told("Larks and larks again", "Larks, larks.", arxiv="2603.00001", at=clock(), signals={"upvotes": 1}),
        told("On song", "Among others, larks.", arxiv="2603.00002", at=clock(), signals={"upvotes": 90}),
        *(told(f"Wrens {n}", arxiv=f"2603.0001{n}", at=clock(), signals={"upvotes": 2}) for n in range(4)),
    )
    (first, why), (second, _) = await digest(store, clock)
    assert (first, second) == ("On song", "Larks and larks again")
    assert why == ["larks", "shown first"]


async def test_ten_marks_teach_what_comes_first_and_the_words_are_told(store: Store, clock: FakeClock) -> None:
    ann = await reader(store, "larks", cadence=Cadence.DAILY)
    old = [
        told(f"Larks {n}", f"Larks: the {topic} of larks, {n} times.", arxiv=f"2602.{n:05d}", at=clock())
        for n, topic in enumerate(["song at dawn"] * 6 + ["maps and routes"] * 6)
    ]
    marked = (await record(store, *old, owes=False)).papers
    async with store.transaction() as tx:
        for n, number in enumerate(marked):
            await marks.put(tx, ann.account_id, number, MarkKind.SAVED if n < 6 else MarkKind.DISMISSED, clock())
    clock.advance(minutes=5)
    await record(
        store,
        told("Larks by maps", "Larks: maps, routes.", arxiv="2603.00001", at=clock()),
        told("Larks by number", "Larks are counted.", arxiv="2603.00002", at=clock()),
        told("Larks by song", "Larks: a song at dawn.", arxiv="2603.00003", at=clock() - timedelta(hours=3)),
    )
    found = await digest(store, clock)
    assert [title for title, _ in found] == ["Larks by song", "Larks by number", "Larks by maps"]
    assert [why for _, why in found] == [["larks", "shown first"], ["larks"], ["larks", "shown last"]]
