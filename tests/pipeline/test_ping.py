"""The dead man's switch: told that all is well while it is, that it is not as soon as it is not, and of nobody."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import text
from structlog.testing import capture_logs

from paperlark.http import HostPace, Http
from paperlark.pipeline.ping import STUCK, Ping
from paperlark.pipeline.planning import plan
from paperlark.store import sources
from paperlark.store.database import Store
from paperlark.store.tables import SOURCE
from paperlark.testing.clock import FakeClock
from tests.builders import MONDAY, numbered, percolate, reader, record


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MONDAY)


class Outside:
    """Somebody who is told how we are, as healthchecks.io is."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.status = 200
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.told.append((request.path_qs, await request.text()))
        return web.Response(status=self.status, text="OK")

    @property
    def last(self) -> tuple[str, str]:
        return self.told[-1]


@pytest.fixture
async def outside() -> AsyncIterator[Outside]:
    listening = Outside()
    app = web.Application()
    app.add_routes([web.route("*", "/{rest:.*}", listening.answer)])
    async with TestServer(app) as server:
        listening.url = str(server.make_url("/1f7c-uuid"))
        yield listening


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    async with Http("mailto:operator@example.org", HostPace(), allow_private=True) as door:
        yield door


async def test_it_begins_and_then_all_is_well(light: Store, http: Http, outside: Outside) -> None:
    ping = Ping(light, http, outside.url)
    await ping.run([])
    await ping.run([])
    assert [at for at, _ in outside.told] == ["/1f7c-uuid/start", "/1f7c-uuid", "/1f7c-uuid"]


async def test_what_belongs_to_the_address_stays_with_it(light: Store, http: Http, outside: Outside) -> None:
    await Ping(light, http, f"{outside.url}?create=1").run(["the last 3 rounds of poll-0 failed"])
    assert [at for at, _ in outside.told] == ["/1f7c-uuid/start?create=1", "/1f7c-uuid/fail?create=1"]


async def test_rounds_that_fail_are_told(light: Store, http: Http, outside: Outside) -> None:
    await Ping(light, http, outside.url).run(["the last 3 rounds of poll-0 failed"])
    assert outside.last == ("/1f7c-uuid/fail", "the last 3 rounds of poll-0 failed")


async def test_an_outbox_that_is_stuck_is_told_without_a_name(
    light: Store, clock: FakeClock, http: Http, outside: Outside
) -> None:
    await reader(light, address="ann")
    clock.advance(minutes=5)
    await record(light, *numbered(1))
    await percolate(light)
    await plan(light)
    ping = Ping(light, http, outside.url)
    await ping.run([])
    assert outside.last[0] == "/1f7c-uuid"
    clock.advance(minutes=10 + STUCK / timedelta(minutes=1))
    await ping.run([])
    at, words = outside.last
    assert at.endswith("/fail") and words.startswith("fake: a delivery waits for ") and "ann" not in words


async def test_announcements_that_nobody_percolates_are_told(
    light: Store, clock: FakeClock, http: Http, outside: Outside
) -> None:
    await record(light, *numbered(1))
    clock.advance(minutes=1 + STUCK / timedelta(minutes=1))
    await Ping(light, http, outside.url).run([])
    assert outside.last == ("/1f7c-uuid/fail", "an announcement waits for 16 minutes to be percolated")


async def test_one_broken_source_is_no_alarm_and_all_of_them_are(
    light: Store, clock: FakeClock, http: Http, outside: Outside
) -> None:
    async with light.transaction() as tx:
        for name in ("a", "b"):
            await sources.add(tx, name, "fake", {}, clock())
        await tx.execute(SOURCE.update().values(polled_at=clock(), good_at=clock()))
        await tx.execute(SOURCE.update().where(SOURCE.c.name == "a").values(failures=5))
    clock.advance(minutes=125)
    async with light.transaction() as tx:
        await tx.execute(SOURCE.update().where(SOURCE.c.name == "b").values(good_at=clock()))
    ping = Ping(light, http, outside.url)
    await ping.run([])
    assert outside.last[0] == "/1f7c-uuid"
    clock.advance(minutes=125)
    await ping.run([])
    assert outside.last == ("/1f7c-uuid/fail", "no source had a good poll for more than two intervals")


async def test_a_database_that_does_not_answer_is_told(light: Store, http: Http, outside: Outside) -> None:
    async with light.transaction() as tx:
        await tx.execute(text("DROP TABLE tally"))
    await Ping(light, http, outside.url).run([])
    assert outside.last == ("/1f7c-uuid/fail", "the database does not answer")


async def test_whoever_refuses_to_hear_stops_nothing_and_the_log_does_not_name_them(
    light: Store, http: Http, outside: Outside
) -> None:
    outside.status = 404
    with capture_logs() as lines:
        await Ping(light, http, outside.url).run([])
    assert {line["event"] for line in lines if line["log_level"] == "warning"} == {"nobody could be told how we are"}
    assert "uuid" not in str(lines) and "404" in str(lines)
