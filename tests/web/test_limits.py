"""How often the API may be asked: by each token so often, in memory that does not grow."""

import asyncio

import pytest
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st

from paperlark.store.database import Store
from paperlark.web import make_web
from paperlark.web.api.limits import WITHIN, Limits
from tests.web.archive import token
from tests.web.fitting import FittingClient

PROFILES = "/api/v1/profiles"


class Ticks:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_so_many_at_once_and_then_one_by_one() -> None:
    ticks = Ticks()
    limits = Limits(3, ticks)
    assert [limits.count("ada").left for _ in range(3)] == [2, 1, 0]
    refused = limits.count("ada")
    assert refused.left == 0
    assert refused.wait == pytest.approx(20)
    assert refused.full_in == pytest.approx(60)
    assert limits.count("eve").left == 2
    ticks.now += 20
    assert not limits.count("ada").wait
    assert limits.count("ada").wait == pytest.approx(20)
    ticks.now += WITHIN
    assert limits.count("ada").headers == {
        "RateLimit-Policy": '"default";q=3;w=60', "RateLimit": '"default";r=2;t=20'}  # fmt: skip


@given(st.integers(1, 50), st.lists(st.floats(0, 30), max_size=200))
def test_no_minute_has_more_than_twice_the_quota_and_whoever_waits_is_let_in(quota: int, pauses: list[float]) -> None:
    ticks = Ticks()
    limits = Limits(quota, ticks)
    let_in: list[float] = []
    for pause in pauses:
        ticks.now += pause
        rate = limits.count("ada")
        if not rate.wait:
            let_in.append(ticks.now)
        else:
            ticks.now += rate.wait
            assert not limits.count("ada").wait
            let_in.append(ticks.now)
    for begun in let_in:
        assert sum(begun <= each < begun + WITHIN for each in let_in) <= 2 * quota


def test_only_so_many_askers_are_remembered() -> None:
    limits = Limits(1, Ticks(), known_at_most=3)
    for asker in "abc":
        assert not limits.count(asker).wait
    assert limits.count("a").wait  # still known, and now the one that asked last
    limits.count("d")
    assert limits.count("a").wait
    assert not limits.count("b").wait  # forgotten, as it has not asked for longest


async def test_a_token_that_asks_too_often_is_told_when_to_come_back(sqlite_store: Store) -> None:
    ticks = Ticks()
    web = make_web(sqlite_store, {}, requests_a_minute=2, ticks=ticks)
    ada, eve = await token(sqlite_store), await token(sqlite_store, "eve")
    async with FittingClient(TestServer(web)) as client:
        for left in (1, 0):
            async with client.get(PROFILES, headers=ada) as answer:
                assert (answer.status, answer.headers["RateLimit"]) == (200, f'"default";r={left};t={60 - 30 * left}')
                assert answer.headers["RateLimit-Policy"] == '"default";q=2;w=60'
        async with client.get(PROFILES, headers=ada) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (429, "30")
            assert answer.headers["RateLimit"] == '"default";r=0;t=60'
            assert (await answer.json())["type"] == "urn:paperlark:problem:too-many-requests"
        async with client.get(PROFILES, headers=eve) as answer:
            assert answer.status == 200
        ticks.now += 30
        async with client.get(PROFILES, headers=ada) as answer:
            assert answer.status == 200


async def test_who_shows_no_good_token_is_counted_by_where_they_ask_from(sqlite_store: Store) -> None:
    web = make_web(sqlite_store, {}, requests_a_minute=3, ticks=Ticks())
    ada = await token(sqlite_store)
    async with FittingClient(TestServer(web)) as client:

        async def status(path: str, **headers: str) -> int:
            async with client.get(path, headers=headers) as answer:
                return answer.status

        found = await asyncio.gather(
            status("/api/v1/papers"), status(PROFILES), status(PROFILES, Authorization="Bearer pl_live_x")
        )
        assert list(found) == [200, 401, 401]
        assert [await status("/api/v1/papers"), await status(PROFILES)] == [429, 429]
        assert await status(PROFILES, **ada) == 200
        assert await status("/") == 200  # pages are no part of the API
