"""What many deliveries say: read together, composed and rendered in a thread, sealed in one transaction.

A fault in one of them (a paper that cannot be rendered) stops no other: then each is made by itself.
"""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from paperlark.channels.base import Channel
from paperlark.health import judge
from paperlark.links import Links
from paperlark.matching.rank import Statistics
from paperlark.model.papers import StoredPaper
from paperlark.model.readers import Mute, Opinion, Profile
from paperlark.model.sources import Health
from paperlark.pipeline import At, rising
from paperlark.pipeline.compose import OPINIONS_FOR, Explanations, compose, fates_of, unheard, with_links
from paperlark.pipeline.rising import Risen
from paperlark.pipeline.tastes import Taste, Tastes
from paperlark.ranking.trending import Score
from paperlark.store import analysed, directions, marks, papers, recipients, sealing, sources
from paperlark.store import search as full_text
from paperlark.store.database import Store, Transaction
from paperlark.store.outbox import Delivery, Fate, MovedError, OwedPaper
from paperlark.store.recipients import Place
from paperlark.store.sealing import Content


@dataclass(frozen=True, slots=True)
class Matter:
    """All that one delivery is made of."""

    delivery: Delivery
    place: Place
    owed: Sequence[OwedPaper]
    scores: Mapping[int, Score]
    stored: Mapping[int, StoredPaper]
    named: Mapping[int, Profile]
    muted: Sequence[Mute]
    dismissed: frozenset[int]
    opinions: Sequence[Opinion]
    learned: Taste | None
    healths: Sequence[tuple[str, Health | None]]
    now: datetime


@dataclass(frozen=True, slots=True)
class Order:
    """What the order of papers in several deliveries is made of, beside each reader's own."""

    explanations: Explanations
    statistics: Statistics | None


@dataclass(frozen=True, slots=True)
class Nothing:
    """A delivery with nothing to tell, and why."""

    delivery: Delivery
    reason: str
    owed: tuple[OwedPaper, ...]
    fates: Mapping[int, Fate]


@dataclass(slots=True)
class Said:
    """What came of it: what deliveries are sealed with, by their ids; those dropped; those that must be read again
    later, because papers became one meanwhile; and those that a fault kept from being made."""

    sealed: dict[int, Content]
    dropped: list[Nothing]
    moved: list[Delivery]
    faults: list[tuple[Delivery, BaseException]]


class Sealer:
    """Seals deliveries of one channel."""

    def __init__(
        self, store: Store, channel: Channel, *, page_url: str | None, links: Links | None = None, at: At
    ) -> None:
        """links: by which owners of addresses change and end what comes; None where the channel needs none."""
        self._store = store
        self._channel = channel
        self._page_url = page_url
        self._links = links
        self._at = at
        self._tastes = Tastes()

    async def seal(self, deliveries: Sequence[tuple[Delivery, Place]]) -> Said:
        """Fix what each of them says."""
        said = Said({}, [], [], [])
        if not deliveries:
            return said
        matters, order = await self._read(deliveries)
        made = await self._made(matters, order, said)
        contents = [each for each in made if isinstance(each, Content)]
        self._at("deliver: rendered")
        await self._seal(contents, said)
        for nothing in [each for each in made if isinstance(each, Nothing)]:
            async with self._store.transaction() as tx:
                now = await tx.now()
                if await sealing.drop(tx, nothing.delivery, nothing.owed, nothing.reason, now, fates=nothing.fates):
                    said.dropped.append(nothing)
        return said

    async def _read(self, deliveries: Sequence[tuple[Delivery, Place]]) -> tuple[list[Matter], Order]:
        async with self._store.reading() as tx:
            now = await tx.now()
            owed = await sealing.owed_by(tx, [delivery for delivery, _ in deliveries])
            risen = await rising.found(tx, deliveries, owed, now)
            wanted = {
                (delivery.account_id, paper.paper_id)
                for delivery, _ in deliveries
                for paper in risen[delivery.id].owed
                if paper.profiles
            }
            asked = {
                (delivery.account_id, profile_id)
                for delivery, _ in deliveries
                for paper in risen[delivery.id].owed
                for profile_id in paper.profiles
            }
            stored = await papers.load(tx, sorted({paper_id for _, paper_id in wanted}))
            named = await recipients.named(tx, asked)
            muted = await recipients.muted(tx, {delivery.account_id for delivery, _ in deliveries})
            dismissed = await recipients.dismissed(tx, wanted)
            opinions = await marks.opinions(tx, {delivery.account_id for delivery, _ in deliveries}, now - OPINIONS_FOR)
            healths = [(source.name, judge(source.standing, now)) for source in await sources.listed(tx)]
            likes = await directions.likes(tx, {profile.text for profile in named.values()})
            several = _of_several(deliveries, risen)
            tastes = await self._tastes.of(
                tx, {account_id: opinions[account_id] for account_id in several if account_id in opinions}, several
            )
            order = await _order(
                tx, {named[number].text for _, number in asked if number in named} if several else (), likes
            )
        matters = [
            Matter(
                delivery,
                place,
                risen[delivery.id].owed,
                risen[delivery.id].scores,
                stored,
                named,
                muted.get(delivery.account_id, ()),
                frozenset(dismissed.get(delivery.account_id, ())),
                opinions.get(delivery.account_id, ()),
                tastes.get(delivery.account_id),
                healths,
                now,
            )
            for delivery, place in deliveries
        ]
        return matters, order

    async def _made(self, matters: Sequence[Matter], order: Order, said: Said) -> list[Content | Nothing]:
        (together,) = await asyncio.gather(asyncio.to_thread(self._make_all, matters, order), return_exceptions=True)
        if not isinstance(together, Exception):
            if isinstance(together, BaseException):
                raise together
            return together
        made: list[Content | Nothing] = []
        for matter in matters:
            (one,) = await asyncio.gather(asyncio.to_thread(self._make, matter, order), return_exceptions=True)
            if isinstance(one, BaseException):
                said.faults.append((matter.delivery, one))
            else:
                made.append(one)
        return made

    def _make_all(self, matters: Sequence[Matter], order: Order) -> list[Content | Nothing]:
        return [self._make(matter, order) for matter in matters]

    def _make(self, matter: Matter, order: Order) -> Content | Nothing:
        """Compose and render one delivery. Pure, and slow enough for a thread."""
        wanted = [paper for paper in matter.owed if paper.profiles]
        left_out = unheard(wanted, matter.stored, mutes=matter.muted, dismissed=matter.dismissed)
        digest = compose(
            matter.delivery,
            matter.place.destination,
            [paper for paper in wanted if paper.paper_id not in left_out],
            matter.stored,
            matter.named,
            now=matter.now,
            page_url=self._page_url,
            healths=matter.healths,
            scores=matter.scores,
            explanations=order.explanations,
            statistics=order.statistics,
            opinions=matter.opinions,
            learned=matter.learned,
        )
        fates = fates_of(matter.owed, digest, left_out)
        if digest is None:
            reason = max(left_out.values(), default="nothing to tell")  # muted before dismissed
            return Nothing(matter.delivery, reason, tuple(matter.owed), fates)
        if self._links is not None:
            digest = with_links(digest, matter.place.destination, self._links)
        parts = tuple(payload.content for payload in self._channel.render(digest))
        return Content(matter.delivery, parts, tuple(matter.owed), len(digest.papers) + digest.more, fates)

    async def _seal(self, contents: Sequence[Content], said: Said) -> None:
        """Seal them together; where papers became one meanwhile, each by itself, to find whose they were."""
        if not contents:
            return
        try:
            async with self._store.transaction() as tx:
                sealed = await sealing.seal(tx, contents)
                self._at("deliver: before a seal commits")
        except MovedError:
            if len(contents) == 1:
                said.moved.append(contents[0].delivery)
                return
            for content in contents:
                await self._seal([content], said)
            return
        self._at("deliver: sealed")
        said.sealed |= {content.delivery.id: content for content in contents if content.delivery.id in sealed}


def _of_several(
    deliveries: Sequence[tuple[Delivery, Place]], risen: Mapping[int, Risen]
) -> Mapping[int, Collection[int]]:
    """The papers of each account's deliveries that tell of several: one paper alone has no order."""
    found: dict[int, set[int]] = defaultdict(set)
    for delivery, _ in deliveries:
        told = {paper.paper_id for paper in risen[delivery.id].owed if paper.profiles}
        if len(told) > 1:
            found[delivery.account_id] |= told
    return found


async def _order(tx: Transaction, texts: Collection[str], likes: Mapping[str, bytes]) -> Order:
    """texts: of the profiles whose papers are ordered."""
    explanations = Explanations(likes)
    if not texts:
        return Order(explanations, None)
    words = await asyncio.to_thread(explanations.words, texts)
    await analysed.refresh(tx)
    return Order(explanations, await full_text.statistics(tx, sorted(words)))
