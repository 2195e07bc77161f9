"""A store full of readers, written in bulk, and the index of their profiles as a process keeps it: for measuring what
very many readers cost.

Each has an account, a profile, a destination and a subscription. Most want a digest, as every channel does by itself;
they live where people live, and three of ten do not want to be rung at night.
"""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from paperlark.matching.document import Document, analyse
from paperlark.matching.holders import Held
from paperlark.matching.query import Query
from paperlark.matching.register import Register
from paperlark.pipeline import coldstart
from paperlark.pipeline.indexed import NAME
from paperlark.store.database import Store
from paperlark.store.percolation import CATCH_UP
from paperlark.store.tables import (
    ACCOUNT,
    DESTINATION,
    IDENTITY,
    PROFILE,
    PROFILE_CHANGE,
    PROFILE_VERSION,
    PROGRESS,
    SUBSCRIPTION,
)
from tests.bench.api import Bulk

CADENCES = {"instant": 20, "daily": 70, "weekly": 10}  # of a hundred readers
CHANNELS = {"telegram": 60, "email": 25, "discord": 15}
HOURS = {"08:00": 50, "07:00": 25, "18:00": 25}
QUIET = {None: 70, "22:00-07:00": 30}
ZONES = {
    "Asia/Shanghai": 25, "America/New_York": 15, "Europe/Berlin": 15, "America/Los_Angeles": 10, "Asia/Kolkata": 10,
    "Europe/London": 8, "Asia/Tokyo": 7, "America/Sao_Paulo": 5, "Australia/Sydney": 3, "Asia/Seoul": 2,
}  # fmt: skip
BEGAN = datetime(2026, 1, 5, 12, tzinfo=UTC)
MARK = 1  # in the change log, of all of them: far below any that comes
SEED = 7


class Who(NamedTuple):
    """The ids of one reader."""

    account: int
    profile: int
    destination: int
    subscription: int


def who(number: int) -> Who:
    """The ids of the reader of this number: ids rise with time, and one reader's were made together."""
    first = (number + 1) << 22
    return Who(first, first + 1, first + 2, first + 3)


def fill(store: Store, queries: Sequence[Query]) -> None:
    """Write as many readers as there are queries. Blocks."""
    bulk, chance = Bulk(store), Random(SEED)
    everyone = [who(number) for number in range(len(queries))]
    texts = [str(query) for query in queries]
    bulk.write(ACCOUNT, ({"account_id": each.account, "name": "Reader", "created_at": BEGAN} for each in everyone))
    bulk.write(IDENTITY, (
        {"platform": "telegram", "external_id": str(number), "account_id": each.account, "linked_at": BEGAN}
        for number, each in enumerate(everyone)
    ))  # fmt: skip
    bulk.write(PROFILE, (
        {"account_id": each.account, "id": each.profile, "version": 1, "name": text[:40], "text": text,
         "created_at": BEGAN, "began_at": BEGAN}
        for each, text in zip(everyone, texts, strict=True)
    ))  # fmt: skip
    bulk.write(PROFILE_VERSION, (
        {"account_id": each.account, "profile_id": each.profile, "version": 1, "text": text, "began_at": BEGAN}
        for each, text in zip(everyone, texts, strict=True)
    ))  # fmt: skip
    bulk.write(PROFILE_CHANGE, (
        {"account_id": each.account, "mark": MARK, "profile_id": each.profile, "version": 1, "at": BEGAN}
        for each in everyone
    ))  # fmt: skip
    bulk.write(DESTINATION, _destinations(everyone, chance))
    bulk.write(SUBSCRIPTION, (
        {"account_id": each.account, "id": each.subscription, "profile_id": each.profile,
         "destination_id": each.destination, "cadence": _one_of(chance, CADENCES), "occasions": ["cross", "new"],
         "began_at": BEGAN}
        for each in everyone
    ))  # fmt: skip
    bulk.write(PROGRESS, [{"what": CATCH_UP, "mark": MARK + 1}])
    bulk.end()


def _destinations(everyone: Sequence[Who], chance: Random) -> Iterator[dict[str, Any]]:
    for each in everyone:
        yield {
            "account_id": each.account, "id": each.destination, "channel": _one_of(chance, CHANNELS),
            "address": str(each.account), "zone": _one_of(chance, ZONES), "digest_at": _one_of(chance, HOURS),
            "weekday": chance.randrange(7), "quiet": _one_of(chance, QUIET), "cap": 20, "empty": "silent",
            "created_at": BEGAN,
        }  # fmt: skip


def _one_of(chance: Random, weights: dict[Any, int]) -> Any:
    return chance.choices(tuple(weights), tuple(weights.values()))[0]


async def keep_index(store: Store, queries: Sequence[Query], learned: Sequence[Document], folder: Path) -> Register:
    """Keep the index of these readers' profiles where each process that starts looks for it, put in order as one is
    that has seen some papers. Texts are not read again for it: a million take many minutes."""
    begun = int(BEGAN.timestamp() * 1_000_000)
    register = Register()
    for number, query in enumerate(queries):
        register.put(Held(who(number).account, who(number).profile, 1, begun), query)
    for document in learned:
        register.match(analyse(document))
    register.compact()
    facts = await coldstart.facts(store, MARK + 1)
    await asyncio.to_thread(register.save, folder / NAME, facts)
    return register
