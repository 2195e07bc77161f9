"""What Prometheus is told: the truth, whichever process is asked, to nobody but those who may, and of nobody."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from random import Random

import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from paperlark.metrics.names import METRICS
from paperlark.metrics.scrape import KEPT_SECONDS, Watched
from paperlark.model.problems import DeliveryError, SourceError
from paperlark.model.readers import Cadence
from paperlark.pipeline import ingest
from paperlark.pipeline.deliver import Deliverer
from paperlark.pipeline.planning import plan
from paperlark.pipeline.settle import CHANNEL_REST
from paperlark.store import outbox, pace, profiles, sources
from paperlark.store.database import Store
from paperlark.testing.channels import FakeChannel
from paperlark.testing.clock import FakeClock
from paperlark.testing.sources import FakeSource
from paperlark.web import make_web
from paperlark.web.application import make_watch
from tests.builders import LEASE, MONDAY, deliverer, lane, numbered, page, percolate, reader, record

OPERATOR = "an-operators-token-of-32-characters!"
ORDER = [
    *(
        "channel",
        "kind",
        "method",
        "route",
        "status",
        "cadence",
        "outcome",
        "reason",
        "result",
        "health",
        "of",
        "state",
    ),
    *("version", "le", "implementation", "major", "minor", "patchlevel"),
]
Told = dict[str, dict[tuple[str, ...], float]]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MONDAY)


class Ticking:
    """Seconds, as many as a test says."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def watched(store: Store, ticks: Ticking | None = None) -> Watched:
    return Watched(store, ["fake"], CollectorRegistry(), ticks=ticks or Ticking())


async def scraped(of: Store | Watched) -> Told:
    """What another process than the one that did the work tells."""
    body, _ = await (of if isinstance(of, Watched) else watched(of)).told()
    told: Told = {}
    for family in text_string_to_metric_families(body.decode()):
        for sample in family.samples:
            labels = sorted(sample.labels.items(), key=lambda label: ORDER.index(label[0]))
            told.setdefault(sample.name, {})[tuple(value for _, value in labels)] = sample.value
    return told


async def kept(by: Deliverer, store: Store) -> None:
    await by.lane.counts.keep(store)


async def owe(store: Store, clock: FakeClock, number: int = 1, *, start: int = 0) -> None:
    clock.advance(minutes=5)
    await record(store, *numbered(number, start=start, at=clock() - timedelta(minutes=30)))
    await percolate(store)
    await plan(store)


# ── what is told ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_empty_store_tells_zero_of_every_channel_that_is_configured(light: Store) -> None:
    told = await scraped(light)
    for name in ("outbox_deliveries", "outbox_oldest_seconds", "dead_letters", "channel_circuit_open"):
        assert told[f"paperlark_{name}"] == {("fake",): 0}
    assert told["paperlark_store_up"] == {(): 1}


async def test_what_waits_is_told_by_channel_with_the_age_of_what_could_be_sent(store: Store, clock: FakeClock) -> None:
    await reader(store, address="ann")
    await reader(store, address="bob", cadence=Cadence.DAILY)
    await owe(store, clock)
    clock.advance(minutes=20)
    told = await scraped(store)
    assert told["paperlark_outbox_deliveries"] == {("fake",): 2}
    assert told["paperlark_outbox_due_deliveries"] == {("fake",): 1}
    assert told["paperlark_outbox_oldest_seconds"][("fake",)] == pytest.approx(20 * 60, abs=5 * 60)


async def test_what_a_paused_destination_holds_back_raises_no_alarm(store: Store, clock: FakeClock) -> None:
    ann = await reader(store)
    await owe(store, clock)
    async with store.transaction() as tx:
        await profiles.pause_destination(tx, ann.account_id, ann.destination.id, "at your wish", clock())
    clock.advance(hours=5)
    told = await scraped(store)
    assert told["paperlark_outbox_due_deliveries"] == {("fake",): 1}
    assert told["paperlark_outbox_oldest_seconds"] == {("fake",): 0}


async def test_what_was_sent_is_timed_from_its_slot_and_from_the_oldest_announcement(
    store: Store, clock: FakeClock
) -> None:
    await reader(store)
    await owe(store, clock, 2)
    clock.advance(minutes=10)
    sending = deliverer(store, FakeChannel())
    await sending.run()
    await kept(sending, store)
    told = await scraped(store)
    key = ("fake", "instant")
    assert told["paperlark_deliveries_total"][("fake", "sent")] == 1
    assert told["paperlark_due_to_sent_seconds_count"] == {key: 1}
    assert 5 * 60 <= told["paperlark_due_to_sent_seconds_sum"][key] <= 15 * 60
    assert told["paperlark_due_to_sent_seconds_bucket"][(*key, "60.0")] == 0
    assert told["paperlark_due_to_sent_seconds_bucket"][(*key, "900.0")] == 1
    assert told["paperlark_announced_to_sent_seconds_sum"][key] == pytest.approx(40 * 60)


async def test_the_times_add_up_over_processes(store: Store, clock: FakeClock) -> None:
    await reader(store)
    for number in range(2):
        await owe(store, clock, start=number)
        clock.advance(minutes=5)
        sending = deliverer(store, FakeChannel())
        await sending.run()
        await sending.leave()
        await kept(sending, store)
    assert (await scraped(store))["paperlark_due_to_sent_seconds_count"] == {("fake", "instant"): 2}


async def test_a_channel_that_is_out_of_order_is_told_of_until_it_takes_a_message(
    store: Store, clock: FakeClock
) -> None:
    await reader(store)
    await owe(store, clock)
    clock.advance(minutes=5)
    channel = FakeChannel()
    channel.fail("ann", DeliveryError("fake: the token is not accepted", channel=True))
    first = deliverer(store, channel)
    await first.run()
    await first.leave()
    told = await scraped(store)
    assert told["paperlark_channel_circuit_open"] == told["paperlark_channel_resting"] == {("fake",): 1}
    clock.advance(minutes=1 + CHANNEL_REST / timedelta(minutes=1))
    told = await scraped(store)
    assert told["paperlark_channel_circuit_open"] == {("fake",): 1}, "until it is known to be well"
    other = deliverer(store, channel)
    await other.lane.hold()
    assert other.lane.broken, "whoever takes it over begins with one delivery"
    assert (await other.run()).sent == 1
    assert not other.lane.broken
    assert (await scraped(store))["paperlark_channel_circuit_open"] == {("fake",): 0}


async def test_dead_letters_and_silent_destinations_are_told_by_what_made_them_so(
    store: Store, clock: FakeClock
) -> None:
    await reader(store, address="ann")
    bob, cid = await reader(store, address="bob"), await reader(store, address="cid")
    await owe(store, clock)
    clock.advance(minutes=5)
    channel = FakeChannel()
    channel.fail("ann", DeliveryError("fake: blocked by ann@example.org", permanent=True))
    async with store.transaction() as tx:
        await profiles.pause_destination(tx, bob.account_id, bob.destination.id, "a holiday", clock())
        said = "mail came back: no such mailbox"
        await profiles.pause_destination(tx, cid.account_id, cid.destination.id, said, clock())
    sending = deliverer(store, channel)
    await sending.run()
    await kept(sending, store)
    told = await scraped(store)
    assert told["paperlark_dead_letters"] == {("fake",): 1}
    assert told["paperlark_deliveries_total"][("fake", "dead")] == 1
    assert told["paperlark_silent_destinations"] == {
        ("fake", "refused"): 1,
        ("fake", "wish"): 1,
        ("fake", "returned"): 1,
    }


async def test_who_fell_silent_is_counted_by_whoever_takes_over(store: Store, clock: FakeClock) -> None:
    await reader(store)
    await owe(store, clock)
    clock.advance(minutes=5)
    async with store.transaction() as tx:  # a process that claims, and dies
        await pace.take_lane(tx, "fake", None, clock(), LEASE)
        assert len(await outbox.claim(tx, "fake", now=clock(), lease=LEASE, limit=1)) == 1
    told = await scraped(store)
    assert told["paperlark_lane_held"] == {("fake",): 1} and told["paperlark_leases"][("delivery",)] == 1
    clock.advance(minutes=10)
    assert (await scraped(store))["paperlark_lane_held"] == {("fake",): 0}
    sending = deliverer(store, FakeChannel())
    assert (await sending.run()).sent == 1
    await kept(sending, store)
    assert (await scraped(store))["paperlark_leases_run_out_total"] == {("delivery",): 1, ("lane",): 1}


async def test_a_platform_that_asks_to_wait_is_counted(light: Store, clock: FakeClock) -> None:
    await reader(light)
    await owe(light, clock)
    clock.advance(minutes=5)
    channel = FakeChannel()
    channel.fail("ann", DeliveryError("fake: 429", retry_after=timedelta(seconds=30)))
    sending = deliverer(light, channel)
    await sending.run()
    await kept(sending, light)
    assert (await scraped(light))["paperlark_asked_to_wait_total"] == {("fake",): 1}


async def test_polls_are_counted_by_result_and_sources_by_health(store: Store, clock: FakeClock) -> None:
    counts = lane(store, FakeChannel()).counts
    source = FakeSource()
    async with store.transaction() as tx:
        await sources.add(tx, source.name, source.kind, {}, clock())
    asked = [SourceError("fake: 429", asked_to_wait=True)]
    for script in ([page(*numbered(1))], [], [SourceError("fake: 502")], [SourceError("fake: 502")], asked):
        source.add(*script)
        (claimed,) = await ingest.due_sources(store, lease=LEASE, limit=1, only=source.name)
        await ingest.poll(store, claimed, source, lease=LEASE, jitter=Random(0), counts=counts)
        clock.advance(minutes=70)
    await counts.keep(store)
    told = await scraped(store)
    assert told["paperlark_polls_total"] == {
        (source.kind, "new"): 1,
        (source.kind, "unchanged"): 1,
        (source.kind, "failed"): 2,
        (source.kind, "asked_to_wait"): 1,
    }
    assert told["paperlark_sources_overdue"] == {(source.kind,): 1}, "four and a half hours without a good poll"
    assert told["paperlark_newest_good_poll_seconds"][(source.kind,)] == pytest.approx(4 * 70 * 60)
    assert sum(told["paperlark_sources"].values()) == 1


async def test_the_store_is_asked_once_in_five_seconds_however_many_scrape(light: Store, clock: FakeClock) -> None:
    ticks = Ticking()
    told = watched(light, ticks)
    await scraped(told)
    await reader(light)
    await owe(light, clock)
    assert (await scraped(told))["paperlark_outbox_deliveries"] == {("fake",): 0}
    ticks.now = KEPT_SECONDS
    assert (await scraped(told))["paperlark_outbox_deliveries"] == {("fake",): 1}


async def test_a_store_that_cannot_be_asked_is_told_of_and_the_process_still_tells_of_itself(light: Store) -> None:
    async with light.transaction() as tx:
        await tx.execute(text("DROP TABLE tally"))
    told = await scraped(light)
    assert told["paperlark_store_up"] == {(): 0}
    assert "paperlark_outbox_deliveries" not in told
    assert told["paperlark_pool_connections"][("most",)] > 0


async def test_every_metric_is_told_and_none_names_anybody(store: Store, clock: FakeClock) -> None:
    ann = await reader(store, address="zebedee")
    await owe(store, clock)
    async with TestClient(TestServer(make_web(store, {}, watched=(seen := watched(store))))) as client:
        await client.get(f"/api/v1/papers/{ann.account_id}?q=lark")
    clock.advance(minutes=5)
    sending = deliverer(store, FakeChannel())
    await sending.run()
    await kept(sending, store)
    body, _ = await seen.told()
    for metric in METRICS:
        assert f"# TYPE {metric.name.removesuffix('_total')}" in body.decode(), metric.name
    labels = " ".join(re.findall(r"\{(.*?)\}", body.decode()))
    for of_somebody in ("zebedee", "larks", str(ann.account_id), str(ann.destination.id)):
        assert of_somebody not in labels


# ── who is told ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def open_to_here(light: Store) -> AsyncIterator[TestClient[Request, Application]]:
    async with TestClient(TestServer(make_watch(light, watched(light)))) as client:
        yield client


@pytest.fixture
async def guarded(light: Store) -> AsyncIterator[TestClient[Request, Application]]:
    app = make_web(light, {}, watched=watched(light), metrics_token=OPERATOR)
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_without_a_token_this_machine_is_told_and_nobody_behind_a_proxy(
    open_to_here: TestClient[Request, Application],
) -> None:
    async with open_to_here.get("/metrics") as answer:
        assert answer.status == 200 and "paperlark_store_up 1.0" in await answer.text()
        assert answer.headers["Cache-Control"] == "no-store"
    for header in ("X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"):
        async with open_to_here.get("/metrics", headers={header: "127.0.0.1"}) as answer:
            assert answer.status == 404, header


async def test_with_a_token_only_its_bearer_is_told_wherever_they_are(
    guarded: TestClient[Request, Application],
) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {OPERATOR}"}):
        async with guarded.get("/metrics", headers=headers) as answer:
            assert answer.status == 401 and "paperlark_store_up" not in await answer.text()
    bearing = {"Authorization": f"Bearer {OPERATOR}", "X-Forwarded-For": "203.0.113.7"}
    async with guarded.get("/metrics", headers=bearing) as answer:
        assert answer.status == 200


async def test_openmetrics_is_told_to_whoever_asks_for_it(open_to_here: TestClient[Request, Application]) -> None:
    asked = {"Accept": "application/openmetrics-text; version=1.0.0"}
    async with open_to_here.get("/metrics", headers=asked) as answer:
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
        assert (await answer.text()).endswith("# EOF\n")


async def test_a_process_without_a_page_tells_of_its_health_and_nothing_else(
    open_to_here: TestClient[Request, Application],
) -> None:
    for path, status in {"/healthz": 200, "/readyz": 200, "/": 404, "/api/v1/papers": 404}.items():
        async with open_to_here.get(path) as answer:
            assert answer.status == status, path


async def test_answers_are_counted_by_the_template_of_their_route(light: Store) -> None:
    seen = watched(light)
    async with TestClient(TestServer(make_web(light, {}, watched=seen))) as client:
        for path in ("/api/v1/papers/1", "/api/v1/papers/2", "/nowhere/at/all", "/healthz"):
            await client.get(path)
        await client.request("PROPFIND", "/healthz")
    told = (await scraped(seen))["paperlark_http_answers_total"]
    assert told[("GET", "/api/v1/papers/{id}", "404")] == 2
    assert told[("GET", "none", "404")] == 1 and told[("GET", "/healthz", "200")] == 1
    assert {method for method, _, _ in told} == {"GET", "other"}


async def test_the_loops_lag_is_looked_at(light: Store) -> None:
    seen = watched(light)
    seen.process.was_late(0.03)
    told = await scraped(seen)
    assert told["paperlark_loop_lag_seconds_bucket"][("0.025",)] == 0
    assert told["paperlark_loop_lag_seconds_bucket"][("0.05",)] == 1
