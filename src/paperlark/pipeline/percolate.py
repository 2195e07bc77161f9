"""What was recorded meets the profiles. Every recorded announcement is percolated, whatever dies.

Documents are analysed and matched by the one thread that owns the index (`indexed`). A batch is taken by lease; matches
and owed rows are written in bounded chunks in account order; the batch is finished last. All of it is idempotent.

**A profile that is applied late.** A batch notes the mark of the change log that its index had seen. When a change at
or above that mark is applied, its profile alone is checked against what was recorded since it was made.

**Signals.** Refreshed counts concern only profiles with number checks, and owe only where the check became true after
that version of the profile began: a profile made today is not owed ten days of papers. They are taken once the index
has seen every profile that they may concern.

**What the database refuses**, though it answers, waits, longer each time; what stood beside it is tried again by fewer
and fewer, until it stands alone.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from paperlark import tracing
from paperlark.matching.document import Analysed, analyse
from paperlark.matching.holders import Held
from paperlark.matching.index import Index
from paperlark.matching.near import aimed
from paperlark.matching.query import parse
from paperlark.model.papers import StoredPaper
from paperlark.model.problems import OutageError, QueryError, StoreError
from paperlark.model.readers import Cadence, Profile, Subscription, wish_of
from paperlark.pipeline import At, coldstart, nobody
from paperlark.pipeline.giving_back import Patience, given_back, given_back_while_stopping, note_refused
from paperlark.pipeline.indexed import Indexed, Looked, counts_since
from paperlark.pipeline.planning import plan_owed
from paperlark.pipeline.recent import Recent
from paperlark.store import directions, merges, papers, percolation, profiles
from paperlark.store.database import Store, Transaction
from paperlark.store.percolation import Batch, FreshSignal, SignalKey, Told
from paperlark.store.profiles import Change

BATCH = 512  # announcements percolated together: an account's page of matches is written once for all of them
MATCHES = 250_000  # that a batch is to have at most, or about: a hundred megabytes until they are written
LIKELY = 0.02  # of all profiles, those that a paper meets, as long as no batch has told
CHUNK = 10_000  # matches written in one transaction
FEWER = 8  # times fewer are tried together after each time that they were refused
PLANNED_AT_ONCE = 1_000  # rows owed in one transaction, from which on it plans them: whoever plans would look again
URGENCY = {cadence: rank for rank, cadence in enumerate(Cadence)}

Key = tuple[int, int]  # (account, profile)


class Hit(NamedTuple):
    """A profile, at a version, met the paper of an announcement."""

    account_id: int
    profile_id: int
    version: int
    told: Told


class Percolator:
    """The index of one process, kept up to date, and the steps that use it."""

    def __init__(
        self,
        store: Store,
        *,
        lease: timedelta,
        recent: Recent | None = None,
        folder: Path | None = None,
        most: int = MATCHES,
        jitter: Random | None = None,
        at: At = nobody,
    ) -> None:
        """folder: where the index is kept between starts; None: nowhere. most: matches that a batch is to have, or
        about: what is waiting beyond them another worker may take."""
        self._store = store
        self._folder = folder
        self._recent = Recent() if recent is None else recent
        self._lease = lease
        self._matches = most
        self._at = at
        jitter = jitter or Random()
        self._patience, self._with_signals = Patience("announcement", jitter), Patience("signal", jitter)
        self._resting: dict[SignalKey, datetime] = {}  # signals that were refused, and until when
        self._index = Indexed()
        self._mark: int | None = None
        self._met: float | None = None  # profiles that a paper of the last batch met
        self._catching_up = asyncio.Lock()
        self._ordering: asyncio.Task[bool] | None = None

    async def close(self) -> None:
        """End the index's thread, and the process that may be putting the index in order."""
        if self._ordering is not None:
            self._ordering.cancel()
            await asyncio.gather(self._ordering, return_exceptions=True)
        await self._index.close()

    async def run(self, *, limit: int | None = None) -> int:
        """Percolate until nothing is open (or `limit` batches are done). Returns how many announcements."""
        done = batches = 0
        while limit is None or batches < limit:
            number = await self.run_batch()
            if not number:
                break
            done += number
            batches += 1
        return done

    async def run_when_full(self) -> None:
        """Percolate where as many announcements as one batch holds were just recorded here: in the course of a long
        import, whose end calls `run`."""
        if len(self._recent) >= BATCH:
            await self.run()

    async def run_batch(self) -> int:
        """Percolate one batch. Returns how many announcements it held; 0 when nothing was open."""
        batch = await self._claim()
        if batch is None:
            return 0
        self._at("percolate: batch claimed")
        try:
            with tracing.span("percolate", announcements=len(batch.announcements)):
                await self._percolate(batch)
        except asyncio.CancelledError:
            await given_back_while_stopping(self._store, partial(_release, batch))
            raise
        except StoreError as fault:
            release, works, patience = partial(_release, batch), batch.ids, self._patience
            await given_back(self._store, release, within=self._lease, works=works, patience=patience, fault=fault)
            raise
        self._patience.done(batch.ids)
        return len(batch.announcements)

    async def _claim(self) -> Batch | None:
        while True:
            mark = await self.catch_up()
            async with self._store.reading() as tx:
                if not await percolation.anything_open(tx):
                    return None
            async with self._store.transaction() as tx:
                if await percolation.barrier(tx) > mark:
                    continue  # somebody has seen a newer change than our index: look again
                now, limit = await tx.now(), self._most()
                if self._patience:
                    limit = fewer(limit, self._patience.times(await percolation.next_up(tx, now)))
                return await percolation.claim(tx, mark=mark, now=now, lease=self._lease, limit=limit)

    def _most(self) -> int:
        """How many announcements a batch holds: where readers are very many, as many as can be expected to have no more
        matches than a batch is to have."""
        expected = LIKELY * len(self._index) if self._met is None else self._met
        return max(1, min(BATCH, int(self._matches / max(expected, 1))))

    async def _percolate(self, batch: Batch) -> None:
        known = {told.id: analysed for told in batch.announcements if (analysed := self._recent.take(told.id))}
        if known:
            async with self._store.reading() as tx:
                same = await percolation.as_recorded(tx, [told for told in batch.announcements if told.id in known])
            known = {number: analysed for number, analysed in known.items() if number in same}
        documents: list[tuple[Told, StoredPaper | Analysed]] = [
            (told, known[told.id]) for told in batch.announcements if told.id in known
        ]
        documents += await self._documents([told for told in batch.announcements if told.id not in known])
        hits = await self._match(documents)
        self._at("percolate: batch matched")
        async for _ in self._write(hits):
            async with self._store.transaction() as tx:
                if not await percolation.keep(tx, batch, await tx.now() + self._lease):
                    return  # another worker has taken it over: it writes the same rows
        self._at("percolate: batch written")
        async with self._store.transaction() as tx:
            await percolation.finish(tx, batch, await tx.now())
            self._at("percolate: before a batch commits")
        self._at("percolate: batch committed")

    async def _documents(self, announcements: Sequence[Told]) -> list[tuple[Told, StoredPaper]]:
        async with self._store.reading() as tx:
            stored = await papers.load(tx, [told.paper_id for told in announcements])
        return [(told, stored[told.paper_id]) for told in announcements if told.paper_id in stored]

    async def _match(self, documents: Sequence[tuple[Told, StoredPaper | Analysed]]) -> list[Hit]:
        found = await self._index.match(documents, _ready)
        if documents:
            self._met = sum(map(len, found)) / len(documents)
        return await asyncio.to_thread(_hits, [told for told, _ in documents], found)

    async def _write(self, hits: Sequence[Hit]) -> Any:
        """Write matches and owed rows, a chunk in a transaction, in account order; yields between chunks."""
        for number, chunk in enumerate(await asyncio.to_thread(lambda: list(in_account_order(hits)))):
            if number:
                yield
            async with self._store.transaction() as tx:
                now = await tx.now()
                chunk = await _as_it_stands(tx, chunk)
                subscriptions = await profiles.subscriptions_of(tx, {(hit.account_id, hit.profile_id) for hit in chunk})
                matched, owing = await asyncio.to_thread(_written, chunk, subscriptions, now)
                await percolation.write_matches(tx, matched)
                self._at("percolate: matches written")
                await percolation.write_owed(tx, owing)
                if len(owing) >= PLANNED_AT_ONCE:
                    places = {(row["account_id"], row["destination_id"], row["cadence"]) for row in owing}
                    await plan_owed(tx, places, now)
                self._at("percolate: before a chunk commits")

    # ── the index ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def catch_up(self) -> int:
        """Apply every surely complete change of profiles, and check what was percolated without it. Returns the mark.

        Another worker's batch must not slip in between: the barrier is raised first, and no batch is claimed by an
        index that has seen less than the barrier, so the check meets every batch that has not seen a change.
        """
        async with self._catching_up:
            return await self._catch_up()

    async def _catch_up(self) -> int:
        if self._mark is None:
            self._mark = await coldstart.begin(self._store, self._index, self._folder)
        async with self._store.reading() as tx:
            checked = await percolation.caught_up_to(tx)  # first: what others checked meanwhile lies below our boundary
            until = await profiles.boundary(tx)
            if until == self._mark == checked:
                self._keep_in_order()
                return until
            restored = until < checked  # a restored database begins to count again
            since = 0 if restored else checked
            changes = await profiles.changes(tx, min(self._mark, since), until)
            likes = await directions.likes(tx, [change.profile.text for change in changes if change.profile])
        fresh = [change for change in changes if change.mark >= self._mark]
        await self._index.look_at([Looked(each.account_id, each.profile_id, each.profile) for each in fresh], likes)
        self._mark = until
        self._keep_in_order()
        unchecked = [change for change in changes if change.mark >= since]
        if unchecked or restored:
            await self._check(unchecked, until=until, restored=restored)
        return until

    async def _check(self, changes: Sequence[Change], *, until: int, restored: bool) -> None:
        async with self._store.transaction() as tx:
            if restored:
                await percolation.begin_again(tx)
            await percolation.raise_barrier(tx, until)
        async with self._store.reading() as tx:
            oldest = await percolation.oldest_mark(tx)
        for change in changes:
            if change.profile is not None and oldest is not None and oldest <= change.mark:
                await self._check_overlooked(change.profile, change.at, change.mark)
        async with self._store.transaction() as tx:
            await percolation.set_caught_up(tx, until)

    def _keep_in_order(self) -> None:
        """Put the index in order, beside everything else, where it is due."""
        if self._ordering is not None and self._ordering.done():
            ordered, self._ordering = self._ordering, None  # first: it is tried again, whatever came of it
            ordered.result()  # what nobody expected is told at the loop's edge
        if self._ordering is None and self._index.is_due:
            self._ordering = asyncio.create_task(self._put_in_order())

    async def _put_in_order(self) -> bool:
        assert self._mark is not None
        facts = await coldstart.facts(self._store, self._mark)
        return await self._index.put_in_order(self._folder, facts)

    async def _check_overlooked(self, profile: Profile, since: datetime, mark: int) -> None:
        """Percolate one profile against what was recorded since it was made and percolated without it."""
        after = 0
        async with self._store.reading() as tx:
            likes = await directions.likes(tx, [profile.text])
        while True:
            async with self._store.reading() as tx:
                missed = await percolation.overlooked(tx, since=since, mark=mark, after=after, limit=BATCH)
            if not missed:
                return
            documents = await self._documents(missed)
            hits = await asyncio.to_thread(_match_one, profile, documents, likes)
            async for _ in self._write(hits):
                pass
            after = missed[-1].id

    # ── signals ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def run_signals(self, limit: int = 200) -> int:
        """Percolate refreshed counts. Returns how many, at most `limit`; 0 when none were open, or all must wait."""
        done = await self._run_signals(limit)
        while self._with_signals and done < limit and (more := await self._run_signals(limit - done)):
            done += more
        return done

    async def _run_signals(self, limit: int) -> int:
        mark = await self.catch_up()
        async with self._store.reading() as tx:
            fresh = await percolation.fresh_signals(tx, limit, mark=mark, but=self._at_rest(await tx.now()))
            fresh = fresh[: fewer(limit, self._with_signals.times(fresh[0].key))] if fresh else []
            stored = await papers.load(tx, [signal.told.paper_id for signal in fresh])
            before = [await percolation.counts_before(tx, signal.told.paper_id, signal.at) for signal in fresh]
        if not fresh:
            return 0
        keys = [signal.key for signal in fresh]
        try:
            await self._write_signals(fresh, await self._match_signals(fresh, before, stored))
        except OutageError:
            raise
        except StoreError:
            wait = self._with_signals.wait(keys[0])
            async with self._store.transaction() as tx:  # where the store does not answer, they were not refused
                self._resting |= dict.fromkeys(keys, await tx.now() + wait)
            note_refused(keys, wait, self._with_signals)
            raise
        self._with_signals.done(keys)
        return len(fresh)

    def _at_rest(self, now: datetime) -> list[SignalKey]:
        self._resting = {key: until for key, until in self._resting.items() if until > now}
        return list(self._resting)

    async def _write_signals(self, fresh: Sequence[FreshSignal], hits: Sequence[tuple[Hit, datetime]]) -> None:
        async with self._store.transaction() as tx:
            now = await tx.now()
            found = await _as_it_stands(tx, [hit for hit, _ in hits])
            hits = [(hit, at) for hit, (_, at) in zip(found, hits, strict=True)]
            subscriptions = await profiles.subscriptions_of(tx, {(hit.account_id, hit.profile_id) for hit in found})
            await percolation.write_matches(tx, list(match_rows(found, now)))
            await percolation.write_owed(tx, list(risen_rows(hits, subscriptions, now)))
            await percolation.finish_signals(tx, fresh, now)
            self._at("percolate: before signals commit")

    async def _match_signals(
        self,
        fresh: Sequence[FreshSignal],
        before: Sequence[Mapping[str, int]],
        stored: Mapping[int, StoredPaper],
    ) -> list[tuple[Hit, datetime]]:
        """The profiles whose check became true with these counts, and when it did."""
        known = [
            (signal, earlier) for signal, earlier in zip(fresh, before, strict=True) if signal.told.paper_id in stored
        ]
        papers_then_now = [
            (signal.told, stored[signal.told.paper_id], counts)
            for signal, earlier in known
            for counts in (earlier, {**earlier, **signal.counts})
        ]
        found = await self._index.match(papers_then_now, _ready_with_counts, counted=True)
        hits: list[tuple[Hit, datetime]] = []
        for (signal, _), was, now_met in zip(known, found[::2], found[1::2], strict=True):
            already = {(held.account_id, held.profile_id) for held in was}
            hits += (
                (Hit(held.account_id, held.profile_id, held.version, signal.told), signal.at)
                for held in now_met
                if (held.account_id, held.profile_id) not in already and counts_since(held) <= signal.at
            )
        return hits


async def _release(batch: Batch, tx: Transaction, wait: timedelta) -> None:
    await percolation.release(tx, batch, await tx.now() + wait)


def _hits(told: Sequence[Told], found: Sequence[Sequence[Held]]) -> list[Hit]:
    return [
        Hit(held.account_id, held.profile_id, held.version, each)
        for each, those in zip(told, found, strict=True)
        for held in those
    ]


async def _as_it_stands(tx: Transaction, hits: Sequence[Hit]) -> list[Hit]:
    """The hits, those of a paper that became one with another since it was read as hits of that one. No paper among
    them becomes one with another before this transaction ends: what is owed must not be owed of a paper that is gone.
    """
    heirs = await merges.heirs(tx, {hit.told.paper_id for hit in hits})
    return [
        hit._replace(told=replace(hit.told, paper_id=heirs[hit.told.paper_id])) if hit.told.paper_id in heirs else hit
        for hit in hits
    ]


# ── pure ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def fewer(number: int, refused: int) -> int:
    """How many are tried together, beginning with one that was refused so often."""
    return max(1, number // int(FEWER ** min(refused, 9)))


def in_account_order(hits: Iterable[Hit]) -> Iterator[list[Hit]]:
    """The hits, account by account, in chunks of about `CHUNK`. No account's hits are parted: what several profiles of
    one reader owe to one destination is weighed together."""
    by_account: dict[int, list[Hit]] = {}
    for hit in hits:
        by_account.setdefault(hit.account_id, []).append(hit)
    chunk: list[Hit] = []
    for account_id in sorted(by_account):
        chunk += by_account[account_id]
        if len(chunk) >= CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _written(
    hits: Sequence[Hit], subscriptions: Sequence[Subscription], now: datetime
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    return list(match_rows(hits, now)), list(owed_rows(hits, subscriptions, now))


def match_rows(hits: Iterable[Hit], now: datetime) -> Iterator[dict[str, Any]]:
    """The match of each hit."""
    for hit in hits:
        yield {"account_id": hit.account_id, "profile_id": hit.profile_id, "paper_id": hit.told.paper_id,
               "version": hit.version, "matched_at": now}  # fmt: skip


def owed_rows(hits: Iterable[Hit], subscriptions: Iterable[Subscription], now: datetime) -> Iterator[dict[str, Any]]:
    """What hits owe: to each destination subscribed to the profile before the announcement was first seen, where it
    wants announcements of such a type; in its most urgent cadence, where several profiles meet there.

    The type decides whether, the occasion whether again: who wants only what is new, and was not told of a paper when
    it was a cross-list somewhere, is told when another source announces it as new; who was told then is not. What was
    late when it was first seen rings nobody: it waits for the next digest."""
    owing = [(hit, hit.told.first_seen) for hit in hits if hit.told.owes]
    return _rows(owing, subscriptions, now, late_waits=True)


def risen_rows(
    hits: Iterable[tuple[Hit, datetime]], subscriptions: Iterable[Subscription], now: datetime
) -> Iterator[dict[str, Any]]:
    """What hits owe that came true at a moment: to those who had subscribed by then."""
    return _rows(hits, subscriptions, now, late_waits=False)


def _rows(
    hits: Iterable[tuple[Hit, datetime]], subscriptions: Iterable[Subscription], now: datetime, *, late_waits: bool
) -> Iterator[dict[str, Any]]:
    by_profile: dict[Key, list[Subscription]] = {}
    for subscription in subscriptions:
        by_profile.setdefault((subscription.account_id, subscription.profile_id), []).append(subscription)
    urgent: dict[tuple[int, int, int, str], tuple[Cadence, Told]] = {}
    for hit, moment in hits:
        wanted = wish_of(hit.told.type)
        for subscription in by_profile.get((hit.account_id, hit.profile_id), ()):
            if wanted not in subscription.occasions or subscription.began_at > moment:
                continue
            key = (hit.account_id, subscription.destination_id, hit.told.paper_id, hit.told.occasion)
            waits = late_waits and hit.told.late and subscription.cadence is Cadence.INSTANT
            cadence = Cadence.DAILY if waits else subscription.cadence
            if key not in urgent or URGENCY[cadence] < URGENCY[urgent[key][0]]:
                urgent[key] = (cadence, hit.told)
    for (account_id, destination_id, paper_id, occasion), (cadence, told) in urgent.items():
        yield {"account_id": account_id, "destination_id": destination_id, "paper_id": paper_id, "occasion": occasion,
               "announcement_id": told.id, "cadence": str(cadence), "owed_at": now}  # fmt: skip


def _match_one(
    profile: Profile, documents: Iterable[tuple[Told, StoredPaper]], likes: Mapping[str, bytes]
) -> list[Hit]:
    index: Index[int] = Index()
    try:
        index.put(profile.id, aimed(parse(profile.text), likes))
    except QueryError:
        return []
    return [
        Hit(profile.account_id, profile.id, profile.version, told)
        for told, stored in documents
        if index.percolate(_analysed(told, stored))
    ]


def _ready(document: tuple[Told, StoredPaper | Analysed]) -> Analysed:
    told, paper = document
    return paper if isinstance(paper, Analysed) else _analysed(told, paper)


def _ready_with_counts(document: tuple[Told, StoredPaper, Mapping[str, int]]) -> Analysed:
    told, paper, counts = document
    return _analysed(told, paper).with_signals(counts)


def _analysed(told: Told, stored: StoredPaper) -> Analysed:
    return analyse(papers.document(stored, type=told.type, announced_at=told.announced_at))
