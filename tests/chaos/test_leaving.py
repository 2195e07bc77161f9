"""Whole processes, in the middle of a storm, through a Bot API that keeps Telegram's limits: one is told to stop, and
two overlap as they do when a new release takes over."""

import asyncio
import json
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from paperlark.store import sources
from paperlark.store.database import Store, open_store
from paperlark.testing.bot_api import TOKEN, BotApi
from paperlark.testing.windows import Windows
from tests.bench.sending import furnish
from tests.builders import deliveries
from tests.cli.conftest import begun
from tests.databases import Fresh
from tests.loglines import faults_in

READERS = 110  # some seconds of a storm

Process = subprocess.Popen[str]


async def furnished(url: str) -> Store:
    """A store in which everybody is owed something, and no source asks the network."""
    store = await open_store(url)
    async with store.transaction() as tx:
        await sources.add(tx, "hf_daily", "hf_daily", {}, await tx.now())
        await sources.pause(tx, "hf_daily", "not in a test")
    await furnish(store, READERS)
    return store


@contextmanager
def service(home: Path, url: str, api: BotApi) -> Iterator[Process]:
    """`paperlark run` on the store, with the fake Bot API. It logs all that can be logged."""
    telegram = {"PAPERLARK_TELEGRAM_TOKEN": TOKEN, "PAPERLARK_TELEGRAM_API": api.url, "PAPERLARK_LEASE_SECONDS": "20"}
    telegram |= {"PAPERLARK_LOG_LEVEL": "debug", "PAPERLARK_LOG_FORMAT": "json"}
    with begun(home, "run", "--port", "0", "--json", database=url, PYTHONUNBUFFERED="1", **telegram) as process:
        yield process


async def until(condition: Callable[[], bool], process: Process, seconds: float = 60) -> None:
    """Wait for something that no signal tells of, while a process lives."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        assert process.poll() is None, process.stderr and process.stderr.read()
        await asyncio.sleep(0.02)


async def ended(process: Process) -> float:
    """Tell a process to stop. Returns how many seconds it took."""
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    out, err = await asyncio.to_thread(process.communicate, timeout=40)
    assert process.returncode == 0, err
    assert "Traceback" not in err + out and faults_in(out) == []
    assert json.loads(err.splitlines()[0])["timestamp"]
    return time.monotonic() - began


@pytest.mark.timeout(180)
async def test_sigterm_in_a_storm_ends_it_soon_and_the_next_process_sends_the_rest(
    sqlite: Fresh, tmp_path: Path
) -> None:
    url = sqlite()
    store = await furnished(url)
    async with BotApi(windows=Windows()) as api:
        with service(tmp_path, url, api) as first:
            await until(lambda: len(api.seen) >= 40, first)
            assert await ended(first) < 20
        seen = len(api.seen)
        assert seen < READERS
        with service(tmp_path, url, api) as second:
            await until(lambda: len(api.seen) >= READERS, second)
            await ended(second)
        told = Counter(message.chat for message in api.seen)
    assert len(told) == READERS and set(told.values()) == {1}, "nothing lost, nothing twice"
    assert {delivery["state"] for delivery in await deliveries(store)} == {"sent"}
    assert api.windows is not None and api.windows.refused <= 1, "who comes next keeps to what was sent before"
    await store.close()


@pytest.mark.timeout(180)
async def test_two_processes_that_overlap_send_nothing_twice(fresh: Fresh, tmp_path: Path) -> None:
    url = fresh()
    store = await furnished(url)
    async with BotApi(windows=Windows()) as api:
        with ExitStack() as running:
            old = running.enter_context(service(tmp_path, url, api))
            await until(lambda: len(api.seen) >= 20, old)
            new = running.enter_context(service(tmp_path, url, api))
            assert new.stdout is not None
            await asyncio.to_thread(new.stdout.readline)  # it is up
            await until(lambda: len(api.seen) >= 60, old)
            await ended(old)
            await until(lambda: len(api.seen) >= READERS, new)
            await ended(new)
        told = Counter(message.chat for message in api.seen)
    assert len(told) == READERS and set(told.values()) == {1}
    assert {delivery["state"] for delivery in await deliveries(store)} == {"sent"}
    assert api.windows is not None and api.windows.refused <= 1
    await store.close()
