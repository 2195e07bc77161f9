"""What one process knows of itself: its answers, how late its event loop is, its memory, its connections."""

import asyncio
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector

from paperlark.metrics import names
from paperlark.store.database import Store

LOOK_EVERY = 0.25  # seconds between two looks at the event loop
LATE = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)  # seconds
ANSWERED = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 20)  # seconds


class Process:
    """The metrics of this process, in a registry of the caller's."""

    def __init__(self, registry: CollectorRegistry, store: Store) -> None:
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self._answers = Counter(names.HTTP.name, names.HTTP.says, names.HTTP.labels, registry=registry)
        self._seconds = Histogram(names.HTTP_SECONDS.name, names.HTTP_SECONDS.says, registry=registry, buckets=ANSWERED)
        self._lag = Histogram(names.LAG.name, names.LAG.says, registry=registry, buckets=LATE)
        pool = Gauge(names.POOL.name, names.POOL.says, names.POOL.labels, registry=registry)
        pool.labels("used").set_function(lambda: store.connections.used)
        pool.labels("most").set_function(lambda: store.connections.most)
        Gauge(names.VERSION.name, names.VERSION.says, names.VERSION.labels, registry=registry).labels(
            version("paperlark")
        ).set(1)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered. route: its template, of which there are so many; never its path."""
        self._answers.labels(method, route, str(status)).inc()
        self._seconds.observe(seconds)

    def was_late(self, seconds: float) -> None:
        """The event loop woke somebody so much later than was asked for."""
        self._lag.observe(max(seconds, 0.0))

    async def watch_loop(self) -> None:
        """Look at the event loop until cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + LOOK_EVERY
            await asyncio.sleep(LOOK_EVERY)
            self.was_late(clock() - due)
