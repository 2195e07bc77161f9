"""One worker of the scale bench, in a process of its own: the loops of `paperlark worker` without sources or channels.

    python -m tests.bench.scale_worker DATABASE FOLDER MATCHES

It says that it is ready when its index is, and ends when nothing holds its standard input any more.
"""

import asyncio
import sys
import time
from datetime import timedelta
from pathlib import Path
from random import Random

from paperlark.interpreter import tune_python
from paperlark.log import set_up
from paperlark.model.problems import SourceError
from paperlark.pipeline.loops import Loops, Parts
from paperlark.pipeline.percolate import Percolator
from paperlark.sources.base import Source
from paperlark.store.database import open_store
from paperlark.store.sources import Configured

LEASE = timedelta(minutes=2)
READY = "ready"


async def work(address: str, folder: Path, most: int) -> None:
    """Take part in whatever is to be done until whoever began this lets go of it. most: matches of a batch."""
    store = await open_store(address)
    percolator = Percolator(store, lease=LEASE, folder=folder, most=most)
    await percolator.catch_up()
    tune_python()  # as the service does
    loops = Loops(Parts(store, _no_source, percolator, deliverers=(), lease=LEASE, jitter=Random(), wall=time.time))
    loops.start()
    print(READY, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await loops.stop()
    await store.close()


def _no_source(configured: Configured) -> Source:
    raise SourceError(f"no source is polled here: {configured.name}")


if __name__ == "__main__":
    set_up(level="error")
    asyncio.run(work(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
