"""A small world for asking why not: a store whose clock stands still, a channel, and what happens there."""

from dataclasses import dataclass, field
from datetime import timedelta

from paperlark.model.readers import MarkKind, MuteKind
from paperlark.readers.why_not import Verdict, why_not
from paperlark.store import marks, mutes, profiles
from paperlark.store.database import Store
from paperlark.testing.channels import FakeChannel
from paperlark.testing.clock import FakeClock
from tests.builders import Reader, deliver, percolate, record, told

PAPER = "2603.00001"


@dataclass
class World:
    """One reader's surroundings."""

    store: Store
    clock: FakeClock
    channel: FakeChannel = field(default_factory=FakeChannel)

    async def tell(self, title: str = "Larks over the valley", abstract: str = "", **fields: object) -> int:
        """A source announces a paper, five minutes after whatever was before; returns its id. It is percolated."""
        source, owes = str(fields.pop("source", "arxiv")), bool(fields.pop("owes", True))
        self.clock.advance(minutes=5)
        announcement = told(title, abstract, **{"arxiv": PAPER, "at": self.clock(), **fields})  # type: ignore[arg-type]
        recorded = await record(self.store, announcement, source=source, owes=owes)
        await percolate(self.store)
        return recorded.papers[0]

    async def deliver(self, *, after: timedelta = timedelta()) -> None:
        """Time goes by, and what is due is sent."""
        self.clock.advance(after)
        await deliver(self.store, self.channel)

    async def pause(self, ann: Reader, reason: str) -> None:
        async with self.store.transaction() as tx:
            await profiles.pause_destination(tx, ann.account_id, ann.destination.id, reason, self.clock())

    async def mute(self, ann: Reader, kind: MuteKind, value: str) -> None:
        async with self.store.transaction() as tx:
            await mutes.add(tx, ann.account_id, kind, value, self.clock())

    async def dismiss(self, ann: Reader, paper_id: int) -> None:
        async with self.store.transaction() as tx:
            await marks.put(tx, ann.account_id, paper_id, MarkKind.DISMISSED, self.clock())

    async def unsubscribe(self, ann: Reader) -> None:
        async with self.store.transaction() as tx:
            await profiles.unsubscribe(tx, ann.account_id, ann.subscription.id)

    async def verdict(self, ann: Reader, wanted: str | int = PAPER) -> Verdict:
        """What became of a paper for this reader's one profile, at its one destination."""
        (verdict,) = (await why_not(self.store, ann.account_id, str(wanted), profile=str(ann.profile.id))).verdicts
        return verdict
