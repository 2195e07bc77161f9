"""Pace over processes: one host is asked in turns, and one process at a time sends on a channel."""

import asyncio
import sys
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

from paperlark.store import pace
from paperlark.store.database import Store, open_store
from paperlark.store.pace import LaneTaken, StorePace
from paperlark.testing.clock import FakeClock
from tests.builders import LEASE, MONDAY

ROOT = Path(__file__).parents[2]


Turn = tuple[float, float]
"""When a turn began and ended, by the loop's clock."""


async def test_turns_begin_apart_and_never_overlap_whoever_takes_them(store_url: str) -> None:
    stores = [await open_store(store_url) for _ in range(2)]
    turns: list[Turn] = []
    clock = asyncio.get_running_loop().time

    async def take(pace: StorePace, lasting: float) -> None:
        async with pace.turn("export.example", seconds_apart=0.2, at_most=5):
            began = clock()
            await asyncio.sleep(lasting)
            turns.append((began, clock()))

    lasting = (0.0, 0.3, 0.05)  # less than what lies between two, and more
    await asyncio.gather(*(take(StorePace(store), seconds) for store in stores for seconds in lasting))
    turns.sort()
    assert len(turns) == 6
    assert all(begin >= end for (_, end), (begin, _) in pairwise(turns))
    assert turns[-1][0] - turns[0][0] >= 5 * 0.2 - 0.05
    for store in stores:
        await store.close()


async def test_who_comes_late_and_who_asks_another_host_waits_for_nobody(store_url: str) -> None:
    clock = FakeClock(MONDAY)
    store = await open_store(store_url, clock=clock)
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.advance(seconds=seconds)

    pace = StorePace(store, sleep)
    for what, seconds_later in (("a.example", 0), ("b.example", 0), ("a.example", 3)):
        clock.advance(seconds=seconds_later)
        async with pace.turn(what, seconds_apart=3, at_most=25):
            assert slept == []
    async with pace.turn("a.example", seconds_apart=3, at_most=25):
        assert clock() == MONDAY + timedelta(seconds=6)
    await store.close()


async def test_a_turn_whose_process_died_ends_when_it_had_to(store_url: str) -> None:
    clock = FakeClock(MONDAY)
    store = await open_store(store_url, clock=clock)

    async def sleep(seconds: float) -> None:
        clock.advance(seconds=seconds)

    pace = StorePace(store, sleep)
    dead = pace.turn("a.example", seconds_apart=3, at_most=25)
    await dead.__aenter__()  # and never left
    async with pace.turn("a.example", seconds_apart=3, at_most=25):
        assert clock() == MONDAY + timedelta(seconds=25)
        await dead.__aexit__(None, None, None)  # not dead, it shows, but far too slow: the turn is no longer its own
        async with pace.turn("a.example", seconds_apart=3, at_most=25):
            assert clock() == MONDAY + timedelta(seconds=50)
    await store.close()


HOSTS = ("rss.arxiv.org", "export.arxiv.org", "oaipmh.arxiv.org", "arxiv.org")


class Counted:
    """A site that knows when each host was asked, and how many connections were open at a time.

    Its answers take 0.1 s, those of OAI half a second; whoever asks mirror.example is sent to arXiv.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[float, str]] = []
        self.open: set[asyncio.StreamWriter] = set()
        self.most_open = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        host = request.partition("Host: ")[2].partition(":")[0]
        if host == "mirror.example":
            port = writer.get_extra_info("sockname")[1]
            writer.write(f"HTTP/1.1 302 Found\r\nLocation: http://arxiv.org:{port}/\r\n".encode())
            writer.write(b"Content-Length: 0\r\n\r\n")
        else:
            self.open.add(writer)
            self.most_open = max(self.most_open, len(self.open))
            self.asked.append((asyncio.get_running_loop().time(), host))
            await asyncio.sleep(0.5 if host.startswith("oai") else 0.1)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        await writer.drain()
        await reader.read()  # until they hang up
        self.open.discard(writer)
        writer.close()


async def test_two_processes_ask_all_hosts_of_arxiv_in_one_turn_over_one_connection(store_url: str) -> None:
    site, seconds = Counted(), 0.4
    server = await asyncio.start_server(site, "127.0.0.1", 0)
    port = str(server.sockets[0].getsockname()[1])
    places = [f"{host}/" for host in HOSTS[:3]] + ["mirror.example/"]
    command = (sys.executable, "-m", "tests.store.asking", store_url, port, str(seconds), *places)
    processes = [await asyncio.create_subprocess_exec(*command, cwd=ROOT) for _ in range(2)]
    assert [await process.wait() for process in processes] == [0, 0]
    server.close()
    assert sorted(host for _, host in site.asked) == sorted(HOSTS * 2)
    assert site.most_open == 1
    # Each begins at least so long after the last; what a request needs to arrive counts at the two ends only.
    assert site.asked[-1][0] - site.asked[0][0] >= 7 * seconds - 0.2


async def test_a_lane_is_one_holders_until_its_lease_ends_or_it_is_given_back(store: Store) -> None:
    async def take(token: str | None, now: datetime, channel: str = "fake") -> str | None:
        async with store.transaction() as tx:
            taken = await pace.take_lane(tx, channel, token, now, LEASE)
            return None if taken is None else taken.token

    mine = await take(None, MONDAY)
    assert mine is not None
    assert await take(None, MONDAY + LEASE) is None
    assert await take(mine, MONDAY + LEASE) == mine, "kept, for another lease"
    assert await take(None, MONDAY + LEASE * 2) is None
    assert await take(None, MONDAY, channel="other") is not None
    theirs = await take(None, MONDAY + LEASE * 2 + timedelta(seconds=1))
    assert theirs not in (None, mine)
    assert await take(mine, MONDAY + LEASE * 2 + timedelta(seconds=2)) is None
    async with store.transaction() as tx:
        await pace.leave_lane(tx, "fake", mine, {}, MONDAY)  # no longer mine to give
    assert await take(None, MONDAY + LEASE * 2) is None
    async with store.transaction() as tx:
        await pace.leave_lane(tx, "fake", str(theirs), {}, MONDAY)
    assert await take(None, MONDAY + LEASE * 2) is not None


async def test_who_takes_a_lane_learns_what_its_last_holder_knew_or_how_long_it_may_have_sent(store: Store) -> None:
    async def take(token: str | None, now: datetime) -> LaneTaken:
        async with store.transaction() as tx:
            taken = await pace.take_lane(tx, "fake", token, now, LEASE)
        assert taken is not None
        return taken

    first = await take(None, MONDAY)
    assert (first.mine, first.recent) == (False, {}), "nobody was here before"
    assert (await take(first.token, MONDAY)).mine
    async with store.transaction() as tx:
        await pace.leave_lane(tx, "fake", first.token, {"sent": {"ann": [0.5]}}, MONDAY)
    second = await take(None, MONDAY + timedelta(seconds=9))
    assert (second.recent, second.until) == ({"sent": {"ann": [0.5]}}, MONDAY)
    third = await take(None, MONDAY + 3 * LEASE)
    assert (third.recent, third.until) == (None, MONDAY + timedelta(seconds=9) + LEASE), "it died: nobody knows"


async def test_of_many_who_want_a_lane_one_gets_it(store: Store) -> None:
    async def take() -> str | None:
        async with store.transaction() as tx:
            taken = await pace.take_lane(tx, "fake", None, MONDAY, LEASE)
            return None if taken is None else taken.token

    taken = await asyncio.gather(*(take() for _ in range(6)))
    assert len([token for token in taken if token is not None]) == 1
