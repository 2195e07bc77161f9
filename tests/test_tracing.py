"""Traces, with the real library and an exporter that keeps what it is told."""

from collections.abc import Iterator
from datetime import timedelta
from random import Random

import pytest
from aiohttp.test_utils import TestClient, TestServer
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from paperlark import tracing
from paperlark.model.problems import DeliveryError
from paperlark.pipeline import ingest
from paperlark.pipeline.planning import plan
from paperlark.store import sources
from paperlark.store.database import Store
from paperlark.store.tables import SOURCE
from paperlark.testing.channels import FakeChannel
from paperlark.testing.clock import FakeClock
from paperlark.testing.sources import FakeSource
from paperlark.web import make_web
from tests.builders import LEASE, MONDAY, deliverer, numbered, page, percolate, reader


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MONDAY)


class Collected:
    """What a collector was told."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    def __call__(self) -> dict[str, ReadableSpan]:
        """Every span by its name, once all are told."""
        tracing.end()
        return {span.name: span for span in self._exporter.get_finished_spans()}


@pytest.fixture
def collected() -> Iterator[Collected]:
    exporter = InMemorySpanExporter()
    assert tracing.set_up("http://127.0.0.1:9", exporter=exporter)
    yield Collected(exporter)
    tracing.end()


async def test_the_way_of_a_paper_is_traced_and_a_message_belongs_to_what_sent_it(
    light: Store, clock: FakeClock, collected: Collected
) -> None:
    await reader(light, address="zebedee")
    source = FakeSource(script=[page(*numbered(1, at=clock() + timedelta(minutes=1)))])
    async with light.transaction() as tx:
        await sources.add(tx, source.name, source.kind, {}, clock())
        await tx.execute(SOURCE.update().values(baseline_at=clock()))
    clock.advance(minutes=5)
    (claimed,) = await ingest.due_sources(light, lease=LEASE, limit=1, only=source.name)
    await ingest.poll(light, claimed, source, lease=LEASE, jitter=Random(0))
    await percolate(light)
    await plan(light)
    clock.advance(minutes=5)
    assert (await deliverer(light, FakeChannel()).run()).sent == 1
    told = collected()
    assert {"poll", "percolate", "deliver", "send"} <= set(told)
    assert dict(told["poll"].attributes or {}) == {"source": "fake", "kind": "fake"}
    parent, deliver = told["send"].parent, told["deliver"].context
    assert parent is not None and deliver is not None and parent.span_id == deliver.span_id
    assert "zebedee" not in str([(span.name, dict(span.attributes or {})) for span in told.values()])
    assert told["send"].resource.attributes["service.name"] == "paperlark"


async def test_a_request_is_traced_by_its_routes_template(light: Store, collected: Collected) -> None:
    async with TestClient(TestServer(make_web(light, {}))) as client:
        await client.get("/api/v1/papers/2510.04711")
    (span,) = collected().values()
    assert span.name == "GET /api/v1/papers/{id}"
    assert (span.attributes or {})["http.response.status_code"] == 404
    assert "4711" not in str(dict(span.attributes or {}))


async def test_of_a_fault_only_its_kind_is_told(light: Store, clock: FakeClock, collected: Collected) -> None:
    with pytest.raises(DeliveryError), tracing.span("send", channel="fake"):
        raise DeliveryError("ann@example.org is gone")
    (span,) = collected().values()
    assert not span.status.is_ok and span.status.description == "DeliveryError" and not span.events


def test_nothing_is_traced_where_nobody_asked_for_it() -> None:
    exporter = InMemorySpanExporter()
    with tracing.span("poll", source="x"):
        tracing.note(seen=1)
    assert exporter.get_finished_spans() == ()
    assert tracing.span("poll") is not None
