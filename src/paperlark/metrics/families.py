"""How everything stands in the store, as Prometheus's metrics. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family

from paperlark.metrics import names
from paperlark.metrics.names import Metric
from paperlark.pipeline import counts
from paperlark.store.overview import LaneState, Overview, Waiting
from paperlark.store.tally import BEYOND, EVERY, SUM, Counted

Labelled = Mapping[Any, float]
"""A value for each tuple of labels."""

COUNTERS = {
    counts.DELIVERIES: names.DELIVERIES,
    counts.POLLS: names.POLLS,
    counts.ASKED_TO_WAIT: names.ASKED_TO_WAIT,
    counts.RUN_OUT: names.RUN_OUT,
}
HISTOGRAMS = {counts.DUE_TO_SENT: names.DUE_TO_SENT, counts.ANNOUNCED_TO_SENT: names.ANNOUNCED_TO_SENT}
NOTHING, NOBODY = Waiting(0, 0, timedelta(0)), LaneState(held=False, broken=False, rests=False)


def families(found: Overview | None, channels: Collection[str]) -> Iterator[Family]:
    """Everything that the store knows; None: that it could not be asked. channels: that are configured here: of these
    zero is told too, so that a rise from nothing can be seen."""
    yield _gauge(names.STORE_UP, {(): float(found is not None)})
    if found is None:
        return
    yield from _of_channels(found, sorted({*channels, *found.outbox, *found.lanes, *found.dead}))
    yield _gauge(names.SILENT, found.silent)
    yield _gauge(names.LEASES, {(what,): number for what, number in found.leases.items()})
    waiting, oldest = found.unpercolated
    yield _gauge(names.UNPERCOLATED, {(): waiting})
    yield _gauge(names.UNPERCOLATED_OLDEST, {(): oldest.total_seconds()})
    yield from _of_sources(found)
    yield from _tallies(found.tallies)


def _of_channels(found: Overview, channels: Iterable[str]) -> Iterator[Family]:
    waiting = {(kind,): found.outbox.get(kind, NOTHING) for kind in channels}
    lanes = {key: found.lanes.get(key[0], NOBODY) for key in waiting}
    yield _gauge(names.OPEN, {key: each.open for key, each in waiting.items()})
    yield _gauge(names.DUE, {key: each.due for key, each in waiting.items()})
    yield _gauge(names.OLDEST, {key: each.oldest.total_seconds() for key, each in waiting.items()})
    yield _gauge(names.DEAD, {key: found.dead.get(key[0], 0) for key in waiting})
    yield _gauge(names.LANE, {key: lane.held for key, lane in lanes.items()})
    yield _gauge(names.CIRCUIT, {key: lane.broken for key, lane in lanes.items()})
    yield _gauge(names.RESTING, {key: lane.rests for key, lane in lanes.items()})


def _of_sources(found: Overview) -> Iterator[Family]:
    by_health: dict[tuple[str, ...], float] = {}
    overdue: dict[tuple[str, ...], float] = {}
    ages: dict[tuple[str, ...], list[float]] = {}
    for source in found.sources:
        kind = (source.kind,)
        by_health[source.kind, source.state] = by_health.get((source.kind, source.state), 0) + 1
        overdue[kind] = overdue.get(kind, 0) + source.overdue
        if source.good_at is not None:
            ages.setdefault(kind, []).append(max((found.now - source.good_at).total_seconds(), 0.0))
    yield _gauge(names.SOURCES, by_health)
    yield _gauge(names.OVERDUE, overdue)
    yield _gauge(names.NEWEST_POLL, {kind: min(those) for kind, those in ages.items()})
    yield _gauge(names.OLDEST_POLL, {kind: max(those) for kind, those in ages.items()})


def _tallies(tallies: Mapping[Counted, int]) -> Iterator[Family]:
    for what, metric in COUNTERS.items():
        counter = CounterMetricFamily(metric.name, metric.says, labels=metric.labels)
        for counted, number in sorted(tallies.items()):
            if counted.what == what and counted.upto == EVERY:
                counter.add_metric(counted.which.split(" "), number)
        yield counter
    for what, metric in HISTOGRAMS.items():
        histogram = HistogramMetricFamily(metric.name, metric.says, labels=metric.labels)
        for which in sorted({counted.which for counted in tallies if counted.what == what}):
            reached, told = 0, list[tuple[str, float]]()
            for upto in (*map(str, counts.BUCKETS[what]), BEYOND):
                reached += tallies.get(Counted(what, which, upto), 0)
                told.append((upto if upto == BEYOND else f"{float(upto)}", reached))
            seconds = tallies.get(Counted(what, which, SUM), 0) / 1000
            histogram.add_metric(which.split(" "), buckets=told, sum_value=seconds)
        yield histogram


def _gauge(metric: Metric, values: Labelled) -> Family:
    gauge = GaugeMetricFamily(metric.name, metric.says, labels=metric.labels)
    for labels, value in sorted(values.items()):
        gauge.add_metric(labels, value)
    return gauge
