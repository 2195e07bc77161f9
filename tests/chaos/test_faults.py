"""The short form of `make chaos ARGS=faults`, and what its verdicts and the soak's are drawn from."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos import flow
from tests.chaos.faults import LEASE, Stretch, Verdict, grounds
from tests.chaos.soak import Sample, growth
from tests.chaos.strikes import FAULTS, Fault
from tests.chaos.world import Line

SHORT = Stretch(begin=20.0, settle=0.5, before=1.0, after=2.0, last=60.0)
RATE, SHORT_LEASE = 5.0, 5.0
WELL = Verdict("cut", "postgres", 10.0, 10.0, 0.0, 10.0, recovery=3.0, lost=0, dead=0, marked=0, unmarked=0, ended=0)


def fault(name: str, seconds: float) -> Fault:
    """One of the faults, for so long."""
    return replace(next(each for each in FAULTS if each.name == name), seconds=seconds)


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("name", "database", "seconds"), [("restart", "postgres", 1.0), ("kills", "sqlite", 1.0)])
async def test_a_fault_loses_nothing_and_what_it_held_up_is_told_soon_after_it(
    name: str, database: str, seconds: float, tmp_path: Path
) -> None:
    with grounds(tmp_path, rate=RATE, longest=40.0, lease=SHORT_LEASE) as found:
        verdict = await found.strike(fault(name, seconds), database, SHORT)
    assert not (verdict.lost or verdict.dead or verdict.unmarked or verdict.faults or verdict.ended), verdict
    assert verdict.recovery <= 2 * LEASE, "twice the two leases that it may take: a machine that runs a suite is slow"


@pytest.mark.parametrize(
    "change",
    [{"lost": 1}, {"dead": 1}, {"unmarked": 1}, {"ended": 1}, {"faults": ("KeyError: 1",)}, {"after": 9.4},
     {"recovery": 2 * LEASE + 0.1}],
)  # fmt: skip
def test_a_verdict_is_good_only_where_nothing_is_wrong(change: dict[str, object]) -> None:
    assert WELL.good and replace(WELL, marked=1).good
    assert not replace(WELL, **change).good  # type: ignore[arg-type]


def test_what_was_held_up_counts_for_no_pace() -> None:
    assert replace(WELL, after=20.0).ratio == 1.0
    assert round(replace(WELL, before=14.0, after=9.8).ratio, 2) == 0.98


async def test_a_line_that_was_cut_or_fell_silent_carries_what_comes_after_it_is_mended() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            writer.write(data)
        writer.close()

    async def heard(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"hello")
        async with asyncio.timeout(0.3):
            return await reader.read(100)

    far = await asyncio.start_server(echo, "127.0.0.1", 0)
    line = Line(far.sockets[0].getsockname()[1])
    await line.open()
    first = await asyncio.open_connection("127.0.0.1", line.port)
    assert await heard(*first) == b"hello"
    line.fall_silent()
    with pytest.raises(TimeoutError):
        await heard(*first)
    await line.cut()
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", line.port)
    await line.open()
    second = await asyncio.open_connection("127.0.0.1", line.port)
    assert await heard(*second) == b"hello"
    for _, writer in (first, second):
        writer.close()
    await line.cut()
    far.close()


def test_each_reader_of_the_flow_follows_a_word_of_their_own() -> None:
    assert len({flow.word_of(number) for number in range(5_000)}) == 5_000
    assert flow.numbers_in("Paper 7 of the larkx\n2. Paper 12 of\nthe larky") == [7, 12]


def test_growth_is_the_slope_after_the_warm_up() -> None:
    warm = [Sample(10.0 * n, 100.0 + n, 20, 10, 8) for n in range(25)]
    flat = [Sample(10.0 * n, 125.0, 20, 10, 8) for n in range(25, 100)]
    assert growth([*warm, *flat]).good
    leaking = [replace(sample, memory=125.0 + sample.at / 1800) for sample in flat]
    found = growth([*warm, *leaking])
    assert round(found.memory, 3) == 2.0 and not found.good
    for steady, good in ((flat, True), (leaking, False)):  # what is given back now and then hides neither
        dipping = [replace(each, memory=each.memory - 12 * (n % 28 == 0)) for n, each in enumerate(steady)]
        assert growth([*warm, *dipping]).good is good
    tasks = [replace(sample, tasks=10 + number // 10) for number, sample in enumerate(flat)]
    assert not growth([*warm, *tasks]).good
