"""What a query would have brought: papers a day, examples, the noisiest term, and what narrower readings would leave.

The full-text index gives candidates that are a proven superset, narrowed by date; the exact check decides, and
`lookback` says which of them a reader would have been told, and for which day. All counting is of tellings: of papers,
each once (with `occasions` beyond the first, a paper may be told again).
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from paperlark.matching.candidates import wanted
from paperlark.matching.document import analyse
from paperlark.matching.explain import spans
from paperlark.matching.lean import Lean
from paperlark.matching.near import aimed, asks_near, refuse_unmeant
from paperlark.matching.query import Query, parse
from paperlark.model.messages import Span
from paperlark.model.papers import StoredPaper, at_midnight
from paperlark.model.problems import ReaderError
from paperlark.model.readers import USUAL_WISHES
from paperlark.readers.lookback import Asked, Past, Telling
from paperlark.readers.narrower import Kind
from paperlark.readers.sparkline import sparkline
from paperlark.readers.tally import COMFORT, FLOOD_ON_A_DAY, Share, Tally, Volume, Window
from paperlark.store import analysed, archive, directions, heard, marks, papers
from paperlark.store.database import Store, Transaction
from paperlark.store.rows import chunks

DAYS = 30
DAYS_LIMIT = 366
BITE = 1_000  # papers judged at a time: bounds memory, and how long the loop waits for a thread's turn
BACKGROUND = 150  # papers, the newest: what is usual
SAVED = 500  # of a reader's saved papers, the newest
BEGINNING = at_midnight(date(1900, 1, 1))  # before any announcement


@dataclass(frozen=True, slots=True)
class Narrower:
    """A narrower reading: its text, in which way it is narrower, what it would leave, and how many of the reader's
    saved papers it would miss."""

    kind: Kind
    text: str
    volume: Volume
    missed: int

    def __str__(self) -> str:
        return f"`{self.text}` leaves {self.volume}"


@dataclass(frozen=True, slots=True)
class Example:
    """A paper that the query would have brought, and the words that met it."""

    paper: StoredPaper
    matched: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """A query against the last days of the archive.

    per_day: every day (UTC), oldest first, with how many papers it would have brought. volume: over those days since
    the archive began. examples: newest first. terms: what the query asks for, in the order of writing. noisiest: of the
    parts between which the query leaves a choice, the one that brings most alone; None where none does.
    narrower: what to ask instead, the reading that suits best first. saved, missed: of the reader's saved papers, how
    many there are, and how many of them the query does not meet.
    """

    per_day: tuple[tuple[date, int], ...]
    volume: Volume
    examples: tuple[Example, ...]
    terms: tuple[Share, ...]
    noisiest: Share | None
    narrower: tuple[Narrower, ...]
    saved: int
    missed: int

    @property
    def days(self) -> int:
        """How many days it looks back."""
        return len(self.per_day)

    @property
    def total(self) -> int:
        """Papers in all."""
        return self.volume.total

    @property
    def sentence(self) -> str:
        """In words: "about 3 papers a day; 'agent' alone brings 2"."""
        if not self.total:
            return f"no paper of the last {self.days} days meets this"
        if self.noisiest is None:
            return str(self.volume)
        name, alone = _quoted(self.noisiest.text), self.noisiest.alone
        if self.volume.a_day < 1.5 or alone / self.volume.days < 1:
            return f"{self.volume}; {name} alone brings {alone} of {self.total}"
        return f"{self.volume}; {name} alone brings {alone / self.volume.days:.0f}"

    def drawn(self, width: int) -> tuple[str, int]:
        """The days as a line of at most `width` bars, and how many days each bar adds up."""
        return sparkline([papers for _, papers in self.per_day], width)

    @property
    def warning(self) -> str:
        """That the query would flood its reader, and what to ask instead; "" where it would not."""
        if not self.volume.floods:
            return ""
        day, most = max(self.per_day, key=lambda each: each[1])
        peak = f", {most} on {day}" if most > FLOOD_ON_A_DAY else ""
        instead = f"; {self.narrower[0]}" if self.narrower else ""
        return f"this would flood you: {self.volume}{peak}{instead}"


def _quoted(text: str) -> str:
    return text if '"' in text else f"'{text}'"


async def preview(
    store: Store,
    text: str,
    *,
    days: int = DAYS,
    now: datetime,
    account_id: int | None = None,
    occasions: Collection[str] = USUAL_WISHES,
) -> Preview:
    """Hold a query against the papers of the last `days` days, today (UTC) among them.

    account_id: whose saved papers are looked at. occasions: what is told of, some of WISHES. Raises QueryError, and
    ReaderError for days that cannot be.
    """
    if not 1 <= days <= DAYS_LIMIT:
        raise ReaderError(f"a preview looks back between 1 and {DAYS_LIMIT} days, not {days}")
    query = parse(text)
    if asks_near(query):
        refuse_unmeant(query)
        await directions.up_to_date(store)
    today = now.astimezone(UTC).date()
    first = today - timedelta(days=days - 1)
    since, until = at_midnight(first), at_midnight(today + timedelta(days=1))
    async with store.reading() as tx:
        await analysed.refresh(tx)
        query = aimed(query, await directions.likes(tx, [text]))
        told = await heard.between(tx, wanted(query), since, until)
        counted = await heard.counted(tx, list(told))
        began = await archive.first_announced(tx, since=BEGINNING)
        usual = await _lean(tx, query, await heard.newest(tx, since, until, BACKGROUND))
        saved = await _saved(tx, query, account_id)
        covered = (today - max(first, began.astimezone(UTC).date())).days + 1 if began and began < until else days
        tally = Tally(
            Asked(query),
            Window(first, today, covered),
            occasions=occasions,
            candidates=len(told),
            background=list(usual.values()),
        )
        for bite in chunks(list(told), BITE):
            found = await _lean(tx, query, bite)
            # The shelf's papers come first: the newest must.
            pasts = [Past(found[number], told[number], counted.get(number, ())) for number in bite if number in found]
            await asyncio.to_thread(tally.take, pasts)
        await asyncio.to_thread(tally.end)
        stored = await papers.load(tx, [telling.heard.paper_id for telling in tally.newest])
    return await asyncio.to_thread(_summed_up, tally, saved, stored)


async def _lean(tx: Transaction, query: Query, ids: Sequence[int]) -> dict[int, Lean]:
    """Some papers, with what they are about where that is asked."""
    found = await analysed.load_lean(tx, ids)
    return await analysed.with_directions(tx, found) if asks_near(query) else found


async def _saved(tx: Transaction, query: Query, account_id: int | None) -> list[Lean]:
    """The papers that an account saved, the newest, as they are now."""
    if account_id is None:
        return []
    newest = [paper_id for _, paper_id in await marks.saved(tx, account_id, limit=SAVED)]
    return list((await analysed.with_told(tx, await _lean(tx, query, newest))).values())


def _summed_up(tally: Tally, saved: Sequence[Lean], stored: Mapping[int, StoredPaper]) -> Preview:
    asked, noisiest = tally.asked, tally.shares.noisiest()
    readings = [
        Narrower(kind, str(each.query), tally.volume(counts), _missed(each, saved))
        for kind, each, counts in tally.readings
        if counts.total() < tally.per_day.total()
    ]
    return Preview(
        per_day=tuple((day, tally.per_day[day]) for day in tally.window),
        volume=tally.volume(tally.per_day),
        examples=tuple(
            _example(asked.query, telling, stored[telling.heard.paper_id])
            for telling in tally.newest
            if telling.heard.paper_id in stored
        ),
        terms=tally.shares.of_terms(),
        noisiest=noisiest[1] if noisiest else None,
        narrower=tuple(sorted(readings, key=_suits)),
        saved=len(saved),
        missed=_missed(asked, saved),
    )


def _example(query: Query, telling: Telling, stored: StoredPaper) -> Example:
    """The words that met the query, in the paper as it stood when it would have been told."""
    then = replace(telling.paper.document, title=stored.title, abstract=stored.abstract)
    return Example(stored, spans(query, analyse(then)))


def _missed(asked: Asked, saved: Iterable[Lean]) -> int:
    return sum(not asked.meets(paper) for paper in saved)


def _suits(reading: Narrower) -> tuple[bool, int, float]:
    """First what does not flood, then what misses least of what the reader saved, then what comes near to comfort."""
    a_day = max(reading.volume.a_day, 0.01)
    return reading.volume.floods or not reading.volume.total, reading.missed, max(a_day / COMFORT, COMFORT / a_day)
