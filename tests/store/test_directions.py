"""Directions of papers: found once, kept, found anew where words change, and at hand."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Row, delete, insert, select, update

from paperlark.matching import meaning
from paperlark.store import directions, merges
from paperlark.store.compass import BLOCK, Compass
from paperlark.store.database import Store, Transaction, open_store
from paperlark.store.tables import DIRECTION
from tests.builders import numbered, record, stored, told


async def kept(store: Store) -> dict[int, bytes]:
    async with store.reading() as tx:
        return {row.paper_id: bytes(row.direction) for row in await tx.execute(select(DIRECTION))}


async def right(store: Store) -> dict[int, bytes | None]:
    return {paper.id: meaning.of_paper(paper.title, paper.abstract) for paper in await stored(store)}


async def test_every_paper_gets_its_direction_once(store: Store) -> None:
    await record(store, *numbered(7))
    assert await directions.fill(store, limit=1) == (7, False)  # a bite at a time
    assert await directions.fill(store) == (0, True)
    assert await kept(store) == await right(store)
    await record(store, told("Owls by night", "They hunt.", arxiv="2603.99999"))
    assert await directions.fill(store) == (1, True)
    assert await kept(store) == await right(store)


async def test_changed_words_are_found_anew_and_a_paper_that_ended_is_forgotten(store: Store) -> None:
    await record(store, told("Larks in flight over the valley", "Old words.", arxiv="2603.00001"), authority=10)
    await directions.up_to_date(store)
    before = await kept(store)
    await record(
        store, told("Larks in flight over the valley", "New words of owls.", arxiv="2603.00001"), source="other"
    )
    compass = await directions.up_to_date(store)
    assert await kept(store) == await right(store) != before
    assert len(compass) == 1
    recorded = await record(store, told("Another paper on quantum gates", "Qubits.", arxiv="2603.00002"))
    await directions.up_to_date(store)
    (first, second) = sorted([*before, *recorded.papers])
    async with store.transaction() as tx:
        await merges.merge(tx, first, second, reason="a test", now=await tx.now())
    assert set(await kept(store)) == {first}


async def test_another_process_reads_what_one_has_found(store: Store, store_url: str) -> None:
    await record(store, *numbered(5))
    await directions.fill(store)
    other = await open_store(store_url)
    try:
        compass = await directions.up_to_date(other)
        target = meaning.direction("Study 3 of larks at large. Number 3 tells of larks.")
        assert target is not None
        numbers, closeness = compass.closest(target)
        best = int(numbers[np.argmax(closeness)])
        assert [paper.title for paper in await stored(other, best)] == ["Study 3 of larks at large"]
        await record(store, told("Owls by night", "They hunt.", arxiv="2603.99999"))
        assert len(await directions.up_to_date(other)) == 6
    finally:
        await other.close()


async def test_two_at_once_find_each_direction_once_and_agree(store: Store, store_url: str) -> None:
    await record(store, *numbered(9))
    other = await open_store(store_url)
    try:
        await asyncio.gather(directions.up_to_date(store), directions.up_to_date(other))
        assert await kept(store) == await right(store)
        assert len(store.compass) == len(other.compass) == 9
    finally:
        await other.close()


async def test_papers_are_named_as_readers_name_them(store: Store) -> None:
    recorded = await record(store, told("Larks", "They sing.", arxiv="2603.00001", doi="10.1000/lark"))
    texts = ["like:2603.00001v2, owls", f"like:{recorded.papers[0]}", "like:10.1000/LARK", "like:2603.77777", "like:("]
    async with store.reading() as tx:
        found = await directions.likes(tx, [*texts, "likelihood"])
    assert set(found) == {"2603.00001", str(recorded.papers[0]), "10.1000/lark"}
    assert set(found.values()) == {meaning.of_paper("Larks", "They sing.")}


async def test_without_new_papers_nothing_is_asked_but_whether_there_are_any(store: Store) -> None:
    await record(store, *numbered(3))
    await directions.up_to_date(store)
    await directions.up_to_date(store)
    assert store.compass.state == await store.state()


def test_a_compass_tells_the_newest_direction_of_each_paper() -> None:
    chance = np.random.default_rng(0)
    rows = chance.integers(-127, 128, (2 * BLOCK + 10, meaning.DIMENSIONS), dtype=np.int8)
    newest: dict[int, bytes] = {}
    compass = Compass()
    for numbers in (range(1, 11), range(5, BLOCK + 20), range(BLOCK, 2 * BLOCK), [3], range(9, 12)):
        packed = [rows[chance.integers(len(rows))].tobytes() for _ in numbers]
        compass.take(list(numbers), [1] * len(numbers), packed)
        newest |= dict(zip(numbers, packed, strict=True))
    assert len(compass) == len(newest)
    target = meaning.read(rows[0].tobytes())
    found = dict(zip(*(each.tolist() for each in compass.closest(target)), strict=True))
    assert found.keys() == newest.keys()
    assert all(abs(found[n] - float(meaning.read(newest[n]) @ target)) < 1e-5 for n in newest)
    (own,) = compass.of([7])
    assert np.allclose(own, meaning.read(newest[7]), atol=1e-6)


def test_the_weights_come_without_a_network() -> None:
    """They are two files of a package, and nothing else of that package is imported."""
    text = Path(meaning.__file__).read_text()
    assert "import wordllama" not in text


def test_a_compass_has_no_room_for_what_has_newer_directions() -> None:
    rows = np.random.default_rng(0).integers(-127, 128, (BLOCK, meaning.DIMENSIONS), dtype=np.int8)
    compass = Compass()
    for _ in range(20):
        for start in (0, BLOCK, 5 * BLOCK // 2):
            compass.take(list(range(start, start + BLOCK)), [1] * BLOCK, [row.tobytes() for row in rows])
    assert len(compass) == 3 * BLOCK
    assert sum(len(block.numbers) for block in compass._blocks) <= 2 * len(compass)


async def test_a_direction_is_read_once_however_many_were_made_lately(
    store: Store, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    rows = directions._rows

    async def watched(tx: Transaction, *which: Any) -> Sequence[Row[Any]]:
        found = await rows(tx, *which)
        read.extend(row.paper_id for row in found)
        return found

    monkeypatch.setattr(directions, "_rows", watched)
    await record(store, *numbered(9))
    await directions.fill(store)
    other = await open_store(store_url)
    try:
        for number in range(3):
            await record(store, told(f"Owls {number} by night", "They hunt.", arxiv=f"2603.9999{number}"))
            await directions.up_to_date(other)
        assert len(read) == len(set(read)) == len(other.compass) == 12
    finally:
        await other.close()


async def test_what_is_written_late_is_read_all_the_same(store: Store) -> None:
    """By a process whose transaction ended after that of another, which began later."""
    await record(store, *numbered(5))
    compass = await directions.up_to_date(store)
    one, two, three, *_ = sorted(await right(store))
    of_one = DIRECTION.c.paper_id == one
    async with store.transaction() as tx:
        late = dict((await tx.execute(select(DIRECTION).where(of_one))).one()._mapping)
        await tx.execute(delete(DIRECTION).where(of_one))
    await directions._refresh(store)
    assert len(compass) == 4, "a paper that has ended is let go of"
    async with store.transaction() as tx:
        await tx.execute(insert(DIRECTION), [late])
    await directions._refresh(store)
    assert len(compass) == 5
    async with store.transaction() as tx:
        for number, before in ((two, 5), (three, 7)):
            moved = update(DIRECTION).where(DIRECTION.c.paper_id == number)
            await tx.execute(moved.values(made=DIRECTION.c.made - before))
    await directions._refresh(store)
    async with store.reading() as tx:
        there = {row.paper_id: row.made for row in await tx.execute(select(DIRECTION))}
    numbers, made = compass.between(0, compass.read_to)
    assert dict(zip(numbers.tolist(), made.tolist(), strict=True)) == there


@pytest.mark.parametrize("read", [1, 2, 3, 100])
async def test_however_few_are_read_in_one_go_all_of_them_are_held(
    store: Store, read: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directions, "READ", read)
    monkeypatch.setattr(directions, "BITE", 3)
    await record(store, *numbered(11))
    compass = await directions.up_to_date(store)
    numbers, _ = compass.between(0, compass.read_to)
    assert sorted(numbers.tolist()) == sorted(await right(store))
