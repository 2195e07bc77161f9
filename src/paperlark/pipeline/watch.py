"""Looks after the sources: remembers since when one is ill, tells the operator once, and once when it is well again.

What the operator is told goes through the outbox like everything else: it is owed with the note of it in one
transaction, so a crash tells it neither twice nor never.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from paperlark import health
from paperlark.channels.base import Channel
from paperlark.model.messages import Digest
from paperlark.model.readers import Destination, EmptyPolicy, Rhythm
from paperlark.store import accounts, outbox, profiles, sources
from paperlark.store.database import Store, Transaction
from paperlark.store.sources import Configured

log = structlog.get_logger()

IDENTITY = ("operator", "operator")
BITE = 200  # sources looked at in one go: there may be thousands


@dataclass(frozen=True, slots=True)
class Operator:
    """Who is told of the sources' health, and how."""

    channel: Channel
    address: str


async def watch(store: Store, operator: Operator | None) -> int:
    """Look at every source once. Returns how many notices were made."""
    made, after = 0, ""
    while True:
        async with store.reading() as tx:
            now, found = await tx.now(), await sources.some(tx, after=after, limit=BITE)
        if not found:
            return made
        made += await _look(store, operator, found, now)
        after = found[-1].name


async def _look(store: Store, operator: Operator | None, found: Sequence[Configured], now: datetime) -> int:
    made = 0
    for source in found:
        evidence, words = health.illness(source.evidence, health.judge(source.standing, now), now)
        if evidence == source.evidence:
            continue
        async with store.transaction() as tx:
            if not await sources.note_health(tx, source, evidence):
                continue
            if words is not None and operator is not None:
                await _tell(tx, operator, source, words, now)
        if words is not None:
            log.warning("source health", source=source.name, reason=words)
            made += 1
    return made


async def _tell(tx: Transaction, operator: Operator, source: Configured, words: str, now: datetime) -> None:
    place = await _place(tx, operator, now)
    digest = Digest(
        title=f"Source {source.name}",
        day=now.date(),
        papers=(),
        note=f"{source.name} {words}",
        sealed_at=now,
        destination=(place.account_id, place.id),
    )
    parts = [payload.content for payload in operator.channel.render(digest)]
    slot = f"notice of {source.name} at {now:%Y-%m-%dT%H:%M:%SZ}"
    await outbox.notice(tx, place, slot, parts, now=now)


async def _place(tx: Transaction, operator: Operator, now: datetime) -> Destination:
    account = await accounts.account_of(tx, *IDENTITY, name="operator", now=now)
    return await profiles.put_destination(
        tx,
        account,
        operator.channel.kind,
        operator.address,
        rhythm=Rhythm(),
        cap=1,
        empty=EmptyPolicy.SILENT,
        now=now,
    )
