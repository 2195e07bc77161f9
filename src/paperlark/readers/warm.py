"""What the first searches and suggestions of a process would wait for, read before anybody asks: what papers are about,
and the words of the newest ones. Searches work meanwhile; they are slow, and say so where `note` is shown.
"""

import structlog

from paperlark.model.problems import StoreError
from paperlark.store import analysed, archive, directions
from paperlark.store.database import Store
from paperlark.store.shelf import CAPACITY
from paperlark.store.usual import usual

log = structlog.get_logger()

BITE = 200  # papers read in one transaction: a tenth of a second
DIRECTIONS = 5_000  # found where they are missing; a process that polls finds the others

NOTE = "what searches and suggestions look at is still being read: the first ones take some seconds"


class Warming:
    """Runs once, in a task of its owner's."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.papers = 0
        """How many papers were read so far."""
        self.done = False

    @property
    def note(self) -> str:
        """What is to be said of it now; "" once it has come to its end."""
        return "" if self.done else NOTE

    async def run(self) -> None:
        """Read it all, the newest first. A store that fails ends it: who asks later will be told."""
        try:
            await directions.up_to_date(self._store, limit=DIRECTIONS)
            await self._read_newest()
            async with self._store.reading() as tx:
                await usual(tx)
        except StoreError as error:
            log.warning("the archive could not be read beforehand", reason=str(error))
        finally:
            self.done = True

    async def _read_newest(self) -> None:
        before: int | None = None
        while self.papers < CAPACITY:
            async with self._store.reading() as tx:
                ids = await archive.newest(tx, limit=BITE, before=before)
                await analysed.load_lean(tx, ids)
            self.papers += len(ids)
            if len(ids) < BITE:
                return
            before = ids[-1]
