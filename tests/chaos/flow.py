"""A steady flow: so many papers a second, each for one reader in turn, from a source that is a third party's adapter.

A paper is told by its number alone, and by when the flow began on this machine's own clock: every process that polls
the source tells the same, wherever the last one fell. A reader is concerned once in five minutes at most, so that each
alert is due at once; what is measured is paperlark's pace, not a slot's.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from random import Random
from typing import Any, ClassVar

from paperlark.http import Http
from paperlark.model.papers import Alias, Announcement, Cursor, Page, Paper
from paperlark.model.readers import Cadence, EmptyPolicy, Rhythm
from paperlark.pipeline import ingest
from paperlark.store import accounts, profiles, sources
from paperlark.store.database import Store, Transaction, open_store

NAME = "flow"
LOOK = 0.25  # seconds between pages
PAGE = 256  # papers in one
ONE_POLL = 0.8 * ingest.POLL_LIMIT.total_seconds()  # before it is given up
WORDS = "the tide carries every boat past the long stone pier before the watch is changed again "
TITLE = re.compile(r"Paper (\d+) of the")


class Flow:
    """Papers as they become due, in polls that go on for as long as one may.

    Options: `began` (seconds of this machine's monotonic clock), `rate` (papers a second), `papers` (how many in all).
    """

    kind: ClassVar[str] = "tests.chaos.flow:Flow"
    authority: ClassVar[int] = 50

    def __init__(self, name: str, options: Mapping[str, Any], _http: Http) -> None:
        self.name = name
        self._began, self._rate = float(options["began"]), float(options["rate"])
        self._papers = int(options["papers"])
        self._readers = int(options["readers"])

    async def poll(self, cursor: Cursor, now: Any) -> AsyncIterator[Page]:
        """Whatever is due after `cursor`, page by page."""
        told: int = cursor.get("told", 0)
        end = time.monotonic() + ONE_POLL
        while told < self._papers and time.monotonic() < end:
            due = min(int((time.monotonic() - self._began) * self._rate), told + PAGE, self._papers)
            if due > told:
                yield Page(tuple(_announced(number, self._readers, now) for number in range(told, due)), {"told": due})
                told = due
            await asyncio.sleep(LOOK)


def _announced(number: int, readers: int, now: Any) -> Announcement:
    word = word_of(number % readers)
    paper = Paper(
        title=f"Paper {number} of the {word}",
        abstract=f"About the {word}. {WORDS * 4}",
        aliases=(Alias("arxiv", f"{2401 + number // 90_000}.{number % 90_000:05}"),),
    )
    return Announcement(paper, now)


def numbers_in(text: str) -> list[int]:
    """The papers that a message tells of."""
    return [int(number) for number in TITLE.findall(" ".join(text.split()))]


def word_of(reader: int) -> str:
    """What a reader follows."""
    letters = ""
    for _ in range(4):
        reader, letter = divmod(reader, 20)
        letters += "bcdfghjklmnpqrstvwxz"[letter]
    return f"lark{letters}"


def readers_for(rate: float, seconds: float) -> int:
    """How many readers it takes, so that none is concerned twice."""
    return int(rate * seconds) + 1


async def archive(store: Store, papers: int) -> None:
    """Record papers of before, which concern nobody."""

    async def pages() -> AsyncIterator[Page]:
        now, dice = await store.now(), Random(1)
        for start in range(0, papers, PAGE):
            told = range(start, min(start + PAGE, papers))
            yield Page(tuple(Announcement(_earlier(number, dice), now) for number in told))

    await ingest.take(store, "before", 50, pages(), owes=False)


def _earlier(number: int, dice: Random) -> Paper:
    words = [f"{word}{dice.randrange(200)}" for word in WORDS.split()] * 6
    dice.shuffle(words)
    return Paper(
        title=f"Archived {number} {' '.join(words[:8])}",
        abstract=" ".join(words),
        aliases=(Alias("arxiv", f"{2301 + number // 90_000}.{number % 90_000:05}"),),
    )


async def furnish(url: str, readers: int, *, channel: str = "telegram") -> None:
    """Readers who each follow a word of their own, told at once, each in a chat of the same number."""
    store = await open_store(url)
    try:
        async with store.transaction() as tx:
            now = await tx.now()
            for number in range(readers):
                chat = str(chat_of(number))
                account = await accounts.account_of(tx, "test", chat, name=chat, now=now)
                profile = await profiles.add(tx, account, "mine", word_of(number), now)
                place = await profiles.put_destination(
                    tx, account, channel, chat, rhythm=Rhythm(), cap=50, empty=EmptyPolicy.SILENT, now=now
                )
                await profiles.subscribe(
                    tx, account, profile.id, place.id, cadence=Cadence.INSTANT, occasions=["new"], now=now
                )
            await _only(tx)
    finally:
        await store.close()


async def _only(tx: Transaction) -> None:
    """No source asks the network."""
    await sources.add(tx, "hf_daily", "hf_daily", {}, await tx.now())
    await sources.pause(tx, "hf_daily", "not here")


def chat_of(reader: int) -> int:
    """The chat in which a reader is told."""
    return 1_000 + reader


async def begin(store: Store, *, rate: float, papers: int, readers: int, ahead: int = 0) -> float:
    """Configure the source, its baseline over. ahead: of the papers, how many are told at once. Returns when the flow
    begins, on the monotonic clock: now, or when it would have begun to have told as many."""
    began = time.monotonic() - ahead / rate
    options = {"began": began, "rate": rate, "papers": papers, "readers": readers}
    async with store.transaction() as tx:
        now = await tx.now()
        await sources.add(tx, NAME, Flow.kind, options, now)
    async with store.transaction() as tx:
        (claimed,) = await sources.claim_due(tx, now, timedelta(minutes=1), limit=1, only=NAME)
        await sources.finish_poll(tx, claimed, claimed.evidence, options=options, now=now, next_poll_at=now)
    return began
