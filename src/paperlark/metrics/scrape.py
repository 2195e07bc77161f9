"""All metrics as text, for whoever scrapes this process."""

import asyncio
import time
from collections.abc import Callable, Collection, Iterator

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family

from paperlark.metrics.families import families
from paperlark.metrics.process import Process
from paperlark.model.problems import StoreError
from paperlark.store.database import Store
from paperlark.store.overview import Overview, overview

log = structlog.get_logger()

KEPT_SECONDS = 5.0


class Watched:
    """What this process tells whoever scrapes it."""

    def __init__(
        self,
        store: Store,
        channels: Collection[str],
        registry: CollectorRegistry,
        *,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        """channels: by kind, those that are configured here. registry: for what the process knows of itself. ticks:
        seconds of a clock that never goes back."""
        self.process = Process(registry, store)
        self._store = store
        self._channels = channels
        self._registry = registry
        self._ticks = ticks
        self._asking = asyncio.Lock()
        self._found: Overview | None = None
        self._until = float("-inf")

    async def told(self, accept: str = "") -> tuple[bytes, str]:
        """Everything, and its content type, as `accept` (the header) wishes it. A database that does not answer is told
        of as one of the metrics."""
        found = await self._overview()
        encode, content_type = choose_encoder(accept)
        return encode(_Together(self._registry, found, self._channels)), content_type

    async def _overview(self) -> Overview | None:
        """How everything stands, or stood `KEPT_SECONDS` ago: many may ask, and it takes counting the whole outbox."""
        async with self._asking:
            if self._ticks() >= self._until:
                try:
                    self._found = await overview(self._store)
                except StoreError as error:
                    log.warning("nothing can be told of how everything stands", reason=str(error))
                    self._found = None
                self._until = self._ticks() + KEPT_SECONDS
            return self._found


class _Together(CollectorRegistry):
    """The process's registry and what the store says, for one scrape."""

    def __init__(self, registry: CollectorRegistry, found: Overview | None, channels: Collection[str]) -> None:
        super().__init__(auto_describe=False)
        self._process, self._found, self._channels = registry, found, channels

    def collect(self) -> Iterator[Family]:
        """Every metric once."""
        yield from self._process.collect()
        yield from families(self._found, self._channels)
