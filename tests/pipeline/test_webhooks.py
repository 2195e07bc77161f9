"""A webhook's whole way: owed, sealed, kept by each database, signed, sent, tried again as the standard says."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from sqlalchemy import select
from standardwebhooks import Webhook as Receiver
from standardwebhooks.webhooks import WebhookVerificationError

from paperlark.channels.webhook import Options, Webhook
from paperlark.http import HostPace, Http
from paperlark.pipeline.deliver import Deliverer
from paperlark.pipeline.planning import plan
from paperlark.readers import webhook
from paperlark.store.database import Store, open_store
from paperlark.store.tables import DESTINATION
from paperlark.testing.clock import FakeClock
from paperlark.testing.sites import Reply, Site
from tests.builders import LEASE, MONDAY, deliveries, numbered, percolate, reader, record, rows

KEY = "a key of this paperlark"


class World:
    """A store whose clock stands still, a server that receives, and the lane to it."""

    def __init__(self, store: Store, clock: FakeClock, site: Site) -> None:
        self.store, self.clock, self.site = store, clock, site
        http = Http("https://paperlark.example.org", HostPace(), allow_private=True)
        self.channel = Webhook(Options(http, self._secrets, lambda: datetime.now(UTC), insecure=True))

    async def _secrets(self, to: str) -> Sequence[str]:
        account_id, destination_id = map(int, to.split("."))
        return await webhook.signing(self.store, account_id, destination_id, key=KEY)

    async def tell(self, papers: int = 1) -> None:
        await record(self.store, *numbered(papers, at=self.clock()))
        await percolate(self.store)

    async def deliver(self) -> None:
        """Send what is due."""
        while await plan(self.store):
            pass
        lane = Deliverer(self.store, self.channel, lease=LEASE, jitter=Random(0))
        try:
            await lane.run()
        finally:
            await lane.leave()


@pytest.fixture
async def world(store_url: str) -> AsyncIterator[World]:
    clock = FakeClock(MONDAY)
    store = await open_store(store_url, clock=clock)
    async with Site() as site:
        site.answers("/hook", Reply(status=204))
        world = World(store, clock, site)
        await world.channel.open()
        yield world
        await world.channel.close()
    await store.close()


async def test_what_either_database_kept_can_be_verified(world: World) -> None:
    ann = await reader(world.store, address=f"{world.site.url}/hook", channel="webhook")
    await world.tell(15)
    await world.deliver()
    secret = await webhook.secret(world.store, ann.account_id, ann.destination.id, key=KEY)
    said = [Receiver(secret).verify(asked.body, dict(asked.headers))["data"] for asked in world.site.asked]
    titles = [each["title"] for data in said for each in data["papers"]]
    assert sorted(titles) == sorted(f"Study {n} of larks at large" for n in range(15))
    assert [asked.headers["webhook-id"].rpartition("-")[2] for asked in world.site.asked] == [
        str(number) for number in range(len(said))
    ]


async def test_two_readers_at_one_address_have_secrets_of_their_own(world: World) -> None:
    both = [
        await reader(world.store, address=f"{world.site.url}/hook", channel="webhook", account=name)
        for name in ("ann", "bob")
    ]
    await world.tell()
    await world.deliver()
    good = 0
    for who in both:
        secret = await webhook.secret(world.store, who.account_id, who.destination.id, key=KEY)
        for asked in world.site.asked:
            with suppress(WebhookVerificationError):
                Receiver(secret).verify(asked.body, dict(asked.headers))
                good += 1
    assert (good, len(world.site.asked)) == (2, 2)


async def test_what_fails_is_tried_again_as_the_standard_says_with_the_same_id_and_body(world: World) -> None:
    await reader(world.store, address=f"{world.site.url}/hook", channel="webhook")
    world.site.answers("/hook", Reply(status=500))
    await world.tell()
    waits: list[timedelta] = []
    for _ in range(20):
        await world.deliver()
        (row,) = await deliveries(world.store)
        if row["state"] == "dead":
            break
        waits.append(row["due_at"] - world.clock())
        world.clock.advance(row["due_at"] - world.clock())
    assert len(waits) == len(Webhook.retries) == 9
    for waited, stated in zip(waits[:4], Webhook.retries, strict=False):  # later an address that fails rests besides
        assert stated <= waited <= stated * 1.1
    assert row["reason"].startswith("given up after 10 attempts: webhook: 500")
    assert len({(asked.headers["webhook-id"], asked.body) for asked in world.site.asked}) == 1
    assert len(world.site.asked) == 10


async def test_410_pauses_the_address_and_says_why(world: World) -> None:
    await reader(world.store, address=f"{world.site.url}/hook", channel="webhook")
    world.site.answers("/hook", Reply(status=410))
    await world.tell()
    await world.deliver()
    (row,) = await deliveries(world.store)
    assert (row["state"], row["reason"]) == ("dead", "webhook: 410 Gone")
    (place,) = await rows(world.store, select(DESTINATION.c.paused_reason))
    assert place["paused_reason"] == "webhook: 410 Gone"


async def test_a_body_says_when_it_was_sealed_however_late_it_comes(world: World) -> None:
    await reader(world.store, address=f"{world.site.url}/hook", channel="webhook")
    world.site.answers("/hook", Reply(status=503, headers={"Retry-After": "3600"}), Reply())
    await world.tell()
    await world.deliver()
    world.clock.advance(timedelta(hours=1, minutes=1))
    await world.deliver()
    assert [json.loads(asked.body)["timestamp"] for asked in world.site.asked] == ["2026-03-02T09:00:00Z"] * 2
