"""What the index can hold is known when a profile is saved, and said then."""

import pytest

from paperlark.matching.clauses import CLAUSES, clauses
from paperlark.matching.query import parse
from paperlark.model.problems import QueryError, ReaderError
from paperlark.pipeline.percolate import Percolator
from paperlark.readers import follow
from paperlark.store import accounts, profiles
from paperlark.store.database import Store
from paperlark.testing.clock import FakeClock
from tests.builders import LEASE, MONDAY, matches, record, told


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MONDAY)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three lines of numbers alone are all that can be held."""
    for place in ("paperlark.readers.follow", "paperlark.matching.standing"):
        monkeypatch.setattr(f"{place}.ALONE", 3)


async def account(store: Store, name: str = "ann") -> int:
    async with store.transaction() as tx:
        return await accounts.account_of(tx, "test", name, name=name, now=await tx.now())


async def known(store: Store) -> set[str]:
    async with store.reading() as tx:
        return await profiles.known_alone(tx)


@pytest.mark.usefixtures("few")
async def test_one_line_of_numbers_too_many_is_refused_when_it_is_saved(store: Store) -> None:
    ann, bob = await account(store), await account(store, "bob")
    await follow.follow(store, ann, "upvotes:>=1, larks upvotes:>=9")
    both = await follow.follow(store, ann, "upvotes:>=2, stars:>3", name="both")
    assert await known(store) == {"upvotes:>=1", "upvotes:>=2", "stars:>3"}
    with pytest.raises(ReaderError, match=r"different lines of numbers alone already.*add a word"):
        await follow.follow(store, bob, "comments:>=4")
    same = await follow.follow(store, bob, "stars:>3, owls", name="same")
    await follow.follow(store, bob, "owls comments:>=4", name="with a word")
    with pytest.raises(ReaderError, match="lines of numbers alone"):
        await follow.edit(store, bob, "same", text="comments:>=4")
    await follow.edit(store, ann, "both", text="upvotes:>=8, stars:>3")
    await follow.edit(store, ann, "both", name="renamed")
    assert await known(store) == {"upvotes:>=1", "upvotes:>=8", "stars:>3"}
    await follow.unfollow(store, ann, str(both.id))
    await follow.follow(store, bob, "comments:>=4")
    assert await known(store) == {"upvotes:>=1", "stars:>3", "comments:>=4"}
    assert (await follow.show(store, bob, str(same.id)))[0].text == "stars:>3, owls"


@pytest.mark.usefixtures("few")
async def test_whatever_may_be_saved_is_matched_though_others_came_and_went(store: Store, clock: FakeClock) -> None:
    """The index counts as the store does: no profile is lost between the two."""
    ann = await account(store)
    percolator = Percolator(store, lease=LEASE)
    for value in range(1, 8):
        made = await follow.follow(store, ann, f"upvotes:>={value}")
        await percolator.catch_up()
        if value < 6:
            await follow.unfollow(store, ann, str(made.id))
    clock.advance(minutes=1)
    await record(store, told("Larks", signals={"upvotes": 9}))
    assert await percolator.run() == 1
    await percolator.close()
    assert len(await matches(store)) == 2


async def test_exclusions_alone_are_refused_with_what_would_do(store: Store) -> None:
    ann = await account(store)
    with pytest.raises(QueryError, match="not only exclude") as refused:
        await follow.follow(store, ann, "larks\n-owls")
    assert (refused.value.at and refused.value.at.line, refused.value.suggestion) == (2, "larks -owls")
    with pytest.raises(QueryError, match="not only exclude"):
        await follow.follow(store, ann, "-owls")
    assert await follow.listed(store, ann) == []


async def test_what_has_very_many_clauses_is_held_and_answered_exactly(store: Store, clock: FakeClock) -> None:
    ann = await account(store)
    wide = " ".join(f"(a{n} OR b{n})" for n in range(9)) + " -zebras"
    assert len(clauses(parse(wide).tree).alternatives) <= CLAUSES
    assert not clauses(parse(wide).tree).exact
    await follow.follow(store, ann, wide, name="wide")
    clock.advance(minutes=1)
    some = "a0 a1 a2 a3 b4 b5 b6 b7"
    met = await record(store, told(f"{some} b8", arxiv="2603.00001"))
    await record(store, told(some, arxiv="2603.00002"), told(f"{some} a8 zebras", arxiv="2603.00003"))
    percolator = Percolator(store, lease=LEASE)
    await percolator.run()
    await percolator.close()
    assert [match["paper_id"] for match in await matches(store)] == list(met.papers)
