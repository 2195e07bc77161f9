"""Small builders of model values and of a filled store, for all tests."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from random import Random
from typing import Any

from sqlalchemy import Executable, func, select, text

from paperlark.channels.base import Channel
from paperlark.model.papers import Alias, Announcement, Page, Paper, StoredPaper, arxiv_alias, doi_alias
from paperlark.model.readers import (
    USUAL_WISHES,
    Cadence,
    Destination,
    EmptyPolicy,
    Profile,
    QuietHours,
    Rhythm,
    Subscription,
)
from paperlark.pipeline import At, nobody
from paperlark.pipeline.deliver import Deliverer, Outcome
from paperlark.pipeline.lane import Lane
from paperlark.pipeline.percolate import Percolator
from paperlark.pipeline.planning import plan
from paperlark.store import accounts, papers, profiles, recording
from paperlark.store.database import Store
from paperlark.store.recording import Recorded
from paperlark.store.tables import ANNOUNCEMENT, DELIVERY, MATCH, METADATA, OWED, PAPER

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LEASE = timedelta(minutes=2)
LONG_ABSTRACT = (
    "We study how small birds carry folded letters across a wide valley when the wind turns against them, and show "
    "that a flock which shares its map arrives sooner, loses fewer letters and needs less rest than any single bird "
    "of the same strength, on nine routes in three seasons."
)


def paper(title: str = "Larks in flight over the valley", abstract: str = LONG_ABSTRACT, **fields: Any) -> Paper:
    """A paper; `arxiv`, `doi`, `hf` and `address` are short for its aliases."""
    aliases = list(fields.pop("aliases", ()))
    aliases += [a for a in (arxiv_alias(fields.pop("arxiv", "")), doi_alias(fields.pop("doi", ""))) if a is not None]
    aliases += [Alias("hf", value) for value in [fields.pop("hf", None)] if value]
    aliases += [Alias("url", value) for value in [fields.pop("address", None)] if value]
    return Paper(title=title, abstract=abstract, aliases=tuple(aliases), **fields)


def told(
    title: str = "Larks in flight over the valley",
    abstract: str = LONG_ABSTRACT,
    *,
    at: datetime = MONDAY,
    occasion: str = "first",
    type: str = "new",
    signals: Mapping[str, int] | None = None,
    said: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Announcement:
    """An announcement of a paper."""
    return Announcement(
        paper(title, abstract, **fields), at, occasion=occasion, type=type, signals=signals or {}, said=said or {}
    )


def numbered(count: int, topic: str = "larks", *, start: int = 0, at: datetime = MONDAY) -> list[Announcement]:
    """Announcements of distinct papers about a topic, each with an arXiv id."""
    return [
        told(f"Study {n} of {topic} at large", f"Number {n} tells of {topic}.", arxiv=f"2603.{n:05d}", at=at)
        for n in range(start, start + count)
    ]


def page(*announcements: Announcement, **fields: Any) -> Page:
    """A page of announcements."""
    return Page(tuple(announcements), **fields)


async def record(
    store: Store, *announcements: Announcement, source: str = "arxiv", authority: int = 90, owes: bool = True
) -> Recorded:
    """Record one page."""
    prepared = recording.prepare(source, announcements)
    async with store.transaction() as tx:
        return await recording.record(tx, source, authority, prepared, owes=owes, now=await tx.now())


async def stored(store: Store, *paper_ids: int) -> list[StoredPaper]:
    """Papers as the archive holds them; all of them, by id, where none is named."""
    async with store.reading() as tx:
        wanted = paper_ids or tuple(sorted((await tx.execute(select(PAPER.c.id))).scalars()))
        return list((await papers.load(tx, wanted)).values())


@dataclass(frozen=True, slots=True)
class Reader:
    """An account, one profile of it, and the destination that is told of the profile's papers."""

    account_id: int
    profile: Profile
    destination: Destination
    subscription: Subscription

    @property
    def address(self) -> str:
        """Where this reader is told."""
        return self.destination.address


async def reader(
    store: Store,
    query: str = "larks",
    address: str = "ann",
    *,
    account: str | None = None,
    cadence: Cadence = Cadence.INSTANT,
    occasions: Sequence[str] = USUAL_WISHES,
    zone: str = "UTC",
    digest_at: time = time(8, 0),
    weekday: int = 0,
    quiet: QuietHours | None = None,
    cap: int = 20,
    empty: EmptyPolicy = EmptyPolicy.SILENT,
    channel: str = "fake",
) -> Reader:
    """A reader (`account`, else one named like the address) who follows a query at an address from now on."""
    async with store.transaction() as tx:
        now = await tx.now()
        name = account or address
        account_id = await accounts.account_of(tx, "test", name, name=name, now=now)
        profile = await profiles.add(tx, account_id, query, query, now)
        destination = await profiles.put_destination(
            tx,
            account_id,
            channel,
            address,
            rhythm=Rhythm(zone, digest_at, weekday, quiet),
            cap=cap,
            empty=empty,
            now=now,
        )
        subscription = await profiles.subscribe(
            tx, account_id, profile.id, destination.id, cadence=cadence, occasions=occasions, now=now
        )
    return Reader(account_id, profile, destination, subscription)


async def percolate(store: Store) -> int:
    """Percolate everything that is open, announcements and refreshed counts, with a fresh index."""
    percolator = Percolator(store, lease=LEASE)
    try:
        done = await percolator.run()
        while fresh := await percolator.run_signals():
            done += fresh
        return done
    finally:
        await percolator.close()


def deliverer(store: Store, channel: Channel, *, at: At = nobody) -> Deliverer:
    """One process's lane of a channel, which runs on the store's time; its jitter never changes."""
    return Deliverer(store, channel, lease=LEASE, jitter=Random(0), lane=lane(store, channel), at=at)


def lane(store: Store, channel: Channel) -> Lane:
    """A channel's lane in one process, on the store's time where that stands still."""
    clock = store._clock
    if clock is None:
        return Lane(store, channel, lease=LEASE)
    return Lane(store, channel, lease=LEASE, clock=lambda: clock().timestamp())


async def deliver(store: Store, channel: Channel) -> Outcome:
    """Plan what is owed, send what is due, and give the lane back."""
    await plan(store)
    lane = deliverer(store, channel)
    try:
        return await lane.run()
    finally:
        await lane.leave()


async def rows(store: Store, statement: Executable) -> list[dict[str, Any]]:
    """A query's rows as dictionaries."""
    async with store.reading() as tx:
        return [dict(row._mapping) for row in await tx.execute(statement)]


async def deliveries(store: Store) -> list[dict[str, Any]]:
    """Every delivery, in the order of their making."""
    return await rows(store, select(DELIVERY).order_by(DELIVERY.c.id))


async def owed(store: Store) -> list[dict[str, Any]]:
    """Everything owed, told or not."""
    return await rows(store, select(OWED).order_by(OWED.c.account_id, OWED.c.paper_id, OWED.c.occasion))


async def matches(store: Store) -> list[dict[str, Any]]:
    """Every match."""
    return await rows(store, select(MATCH).order_by(MATCH.c.account_id, MATCH.c.profile_id, MATCH.c.paper_id))


async def announcements(store: Store) -> list[dict[str, Any]]:
    """Every announcement, oldest first."""
    return await rows(store, select(ANNOUNCEMENT).order_by(ANNOUNCEMENT.c.id))


async def count(store: Store, table: Any) -> int:
    """How many rows a table holds."""
    async with store.reading() as tx:
        found: int = (await tx.execute(select(func.count()).select_from(table))).scalar_one()
        return found


async def dump(store: Store, *, without: Iterable[str] = ()) -> dict[str, list[str]]:
    """Every row of every table, and the full text index's, in an order that does not depend on the writing. That a
    paper was revised shows in its words, not in when."""
    skipped = set(without)
    async with store.reading() as tx:
        tables = {
            table.name: sorted(
                repr(sorted(row._mapping.items()))
                for row in await tx.execute(select(*(column for column in table.c if column is not PAPER.c.revised)))
            )
            for table in METADATA.sorted_tables
            if table.name not in skipped
        }
        # SQLite's index holds words without their order, so that a word's papers are what can be compared.
        index = (
            "SELECT paper_id, words::text FROM paper_words" if tx.postgres else "SELECT term, doc FROM paper_vocabulary"
        )
        tables["index"] = sorted(repr(tuple(row)) for row in await tx.execute(text(index)))
    return tables


class Killed(BaseException):
    """The process died here, as far as its tasks can tell: nothing that it would have done afterwards is done."""


def dies_at(label: str, nth: int = 1) -> At:
    """Listens to the pipeline's labels, and dies the `nth` time that this one is reached."""
    left = nth

    def at(reached: str) -> None:
        nonlocal left
        if reached == label:
            left -= 1
            if left == 0:
                raise Killed(label)

    return at
