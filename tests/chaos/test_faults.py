"""The short form of `make chaos ARGS=faults`, and what its verdicts and the soak's are drawn from.

The short form asks for no pace: a machine that runs a suite has none of its own. Only `make chaos` does.
"""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos import flow
from tests.chaos.__main__ import struck
from tests.chaos.faults import LEASE, Grounds, Stretch, Verdict, grounds, pace
from tests.chaos.soak import Sample, growth
from tests.chaos.strikes import FAULTS, Fault
from tests.chaos.world import Line

SHORT = Stretch(begin=20.0, settle=0.5, before=1.0, after=2.0, grace=0.5, last=60.0)
RATE, SHORT_LEASE = 5.0, 5.0
WELL = Verdict("cut", "postgres", 10.0, 0.0, 10.0, recovery=3.0, lost=0, dead=0, marked=0, unmarked=0, ended=0)


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


BEGAN, STRUCK, OVER, END = 1_000.0, 1_020.0, 1_050.0, 1_090.0
"""When the flow began (ten papers a second), when the fault did, when it ended, and the end of what is looked at."""
WAY = 6.0  # seconds of a paper that nothing holds up


def ratio(told: dict[int, float]) -> float:
    """The pace after the fault of that before it, where papers were told at these moments after the flow began."""
    moments = {number: BEGAN + moment for number, moment in told.items()}
    before, after = (
        pace(moments, BEGAN, 10.0, start, end, grace=Stretch().grace) for start, end in ((BEGAN, STRUCK), (OVER, END))
    )
    return replace(WELL, before=before, after=after).ratio


def in_turn(*stretches: tuple[float, float]) -> dict[int, float]:
    """When each of the papers of 90 s is told: on its way when its turn has come. stretches: from when on (seconds),
    and how many a second have their turn at most."""
    told, free = dict[int, float](), 0.0
    for number in range(900):
        moment = max(number / 10, free)
        fastest = [rate for since, rate in stretches if since <= moment][-1]
        if fastest == 0:
            moment, fastest = next((since, rate) for since, rate in stretches if since > moment)
        free = moment + 1 / fastest
        told[number] = moment + WAY
    return told


def test_a_steady_flow_keeps_its_pace() -> None:
    assert ratio(in_turn((0, 30))) == pytest.approx(1, abs=0.01)


def test_what_a_fault_held_up_counts_for_no_pace() -> None:
    """Half a minute's papers wait when it is over: they are told thirty a second beside those that come."""
    told = in_turn((0, 30), (20, 0), (50, 30))
    assert sum(50 <= moment < 90 for moment in told.values()) / 40 > 15, "more are told than are announced"
    assert ratio(told) == pytest.approx(1, abs=0.01)


def test_no_backlog_hides_a_slump() -> None:
    """More is told than announced, yet every fifth paper is not; or all in turn, but it does not catch up."""
    gaps = {number: number / 10 + WAY for number in range(900) if number < 500 or number % 5}
    gaps |= {number: 51 + (number - 200) / 100 for number in range(200, 500)}
    late = in_turn((0, 30), (20, 0), (50, 14))
    for told in (gaps, late):
        assert sum(50 <= moment < 90 for moment in told.values()) / 40 > 11
        assert ratio(told) < 0.95
    assert ratio(gaps) == pytest.approx(0.8, abs=0.02)


async def test_a_fault_that_this_machine_does_not_allow_is_not_good(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    diskless = Grounds(None, tmp_path, RATE, 40.0, SHORT_LEASE)
    assert await struck(diskless, [fault("disk", 1.0)]) == 1
    printed = capsys.readouterr().out.splitlines()
    assert "not tried: a disk" in printed[-2]
    assert printed[-1].endswith("good 0 untried 1")


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
