"""New matches as they come: nothing missed, nothing kept, and an end."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestServer

from paperlark.readers import tokens
from paperlark.store import accounts
from paperlark.store.database import Store
from paperlark.web import make_web
from paperlark.web.access import BEARERS, MATCHES_READ
from paperlark.web.api import stream
from paperlark.web.api.matches import COMPLETE
from tests.builders import Reader, numbered, percolate, reader, record, told
from tests.web.archive import Client
from tests.web.fitting import FittingClient

STREAM = "/api/v1/matches/stream"
PATIENCE = 20.0  # seconds


@pytest.fixture
async def application(store: Store) -> web.Application:
    return make_web(store, {})


@pytest.fixture
async def client(application: web.Application) -> AsyncIterator[Client]:
    async with FittingClient(TestServer(application)) as speaking:
        yield speaking


async def token(store: Store, ann: Reader) -> dict[str, str]:
    async with store.transaction() as tx:
        made = await accounts.new_token(
            tx, ann.account_id, name="test", scopes=[MATCHES_READ], now=await tx.now(), expires_at=None
        )
    return {"Authorization": f"Bearer {made}"}


async def tell(store: Store, *announcements: object) -> list[str]:
    recorded = await record(store, *announcements)  # type: ignore[arg-type]
    await percolate(store)
    await asyncio.sleep(0.005)
    return [str(number) for number in recorded.papers]


async def event(answer: ClientResponse) -> dict[str, str]:
    """The next one; comments are passed over, but for what ends a stream."""
    async with asyncio.timeout(PATIENCE):
        said: dict[str, str] = {}
        async for line in answer.content:
            name, colon, value = line.decode().rstrip("\n").partition(": ")
            if colon and name:
                said[name] = value
            elif said:
                return said
    return said


async def match(answer: ClientResponse) -> dict[str, Any]:
    """The next one, its data read."""
    while (found := await event(answer)).get("event") != "match":
        assert found, "the stream has ended"
    return {"id": found["id"], **json.loads(found["data"])}


async def test_new_matches_come_by_themselves_and_are_those_of_the_list(client: Client, store: Store) -> None:
    ann = await reader(store, "larks")
    headers = await token(store, ann)
    await tell(store, told("Larks of before", "", arxiv="2603.00001"))
    async with client.get(STREAM, headers=headers) as answer:
        assert (answer.status, answer.content_type) == (200, "text/event-stream")
        assert await event(answer) == {"retry": "2000"}
        (new,) = await tell(store, told("Larks", "", arxiv="2603.00002"))
        await tell(store, told("Owls", "", arxiv="2603.00003"))
        found = await match(answer)
        assert found["paper"]["id"] == new
        async with client.get("/api/v1/matches", headers=headers) as listed:
            first = (await listed.json())["data"][0]
        assert {name: found[name] for name in first} == first
    # Another one later goes on from there.
    later = await tell(store, *numbered(2, start=10))
    async with client.get(STREAM, headers=headers | {"Last-Event-ID": found["id"]}) as answer:
        again = [await match(answer), await match(answer)]
        assert sorted(each["paper"]["id"] for each in again) == sorted(later)
        (last,) = await tell(store, *numbered(1, start=20))
        assert (await match(answer))["paper"]["id"] == last


async def test_each_reader_hears_of_their_own(client: Client, store: Store) -> None:
    ann, bob = await reader(store, "larks", "ann"), await reader(store, "owls", "bob")
    async with (
        client.get(STREAM, headers=await token(store, ann)) as hers,
        client.get(STREAM, headers=await token(store, bob)) as his,
    ):
        await event(hers), await event(his)
        larks, owls = await tell(store, told("Larks", "", arxiv="2603.00001"), told("Owls", "", arxiv="2603.00002"))
        assert ((await match(hers))["paper"]["id"], (await match(his))["paper"]["id"]) == (larks, owls)


async def test_more_than_five_streams_of_a_reader_are_refused(client: Client, store: Store) -> None:
    headers = await token(store, await reader(store, "larks"))
    open_ones = [await client.get(STREAM, headers=headers) for _ in range(stream.OF_ACCOUNT)]
    async with client.get(STREAM, headers=headers) as refused:
        assert (refused.status, refused.headers["Retry-After"]) == (429, "30")
    for answer in open_ones:
        answer.close()
    async with asyncio.timeout(PATIENCE):
        while True:  # a server notices when it next looks
            async with client.get(STREAM, headers=headers) as answer:
                if answer.status == 200:
                    return
            await asyncio.sleep(0.1)


async def test_who_has_no_good_mark_or_token_gets_no_stream(client: Client, store: Store) -> None:
    headers = await token(store, await reader(store, "larks"))
    for wrong, status in (({}, 401), (headers | {"Last-Event-ID": "x"}, 400)):
        async with client.get(STREAM, headers=wrong) as answer:
            assert answer.status == status
    async with client.get(f"{STREAM}?since=x", headers=headers) as answer:
        assert answer.status == 400


async def test_streams_end_when_the_server_does(application: web.Application, store: Store) -> None:
    headers = await token(store, await reader(store, "larks"))
    async with FittingClient(TestServer(application)) as client:
        answer = await client.get(STREAM, headers=headers)
        assert await event(answer) == {"retry": "2000"}
        async with asyncio.timeout(PATIENCE):
            await application.shutdown()
            assert await event(answer) == {"retry": "2000"}
            assert await answer.content.read() == b""
        async with client.get(STREAM, headers=headers) as late:
            assert late.status == 503


async def test_a_stream_says_that_it_is_alive_and_ends_with_its_token(store: Store) -> None:
    ann = await reader(store, "larks")
    headers = await token(store, ann)
    application = make_web(store, {})
    application[stream.STREAMS] = stream.Streams(store, application[COMPLETE], heartbeat=0.05)
    async with FittingClient(TestServer(application)) as client, client.get(STREAM, headers=headers) as answer:
        assert await event(answer) == {"retry": "2000"}
        async with asyncio.timeout(PATIENCE):
            assert await answer.content.readline() == b":\n"
            (kept,) = await tokens.listed(store, ann.account_id)
            await tokens.revoke(store, ann.account_id, kept.id)
            application[BEARERS].forget(ann.account_id)
            assert (await answer.content.read()).endswith(b"retry: 2000\n\n")
