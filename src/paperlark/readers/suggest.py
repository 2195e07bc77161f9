"""Suggestions for a profile: what to ask for instead, or besides, and why; what that would bring; the changed text.

Learned from the papers of the archive that meet the profile: words that go with them, acronyms and long forms that
their abstracts explain, authors and organisations that recur among them and among what the reader saved; and words that
the archive hardly knows. Nothing is changed here: whoever likes a suggestion follows its text (`follow.edit`).
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from paperlark.matching.candidates import Word, wanted
from paperlark.matching.document import stored
from paperlark.matching.judge import Leaves
from paperlark.matching.lean import Lean
from paperlark.matching.query import Query, parse
from paperlark.matching.text import stem
from paperlark.matching.tree import Reading
from paperlark.model.readers import Profile
from paperlark.ranking.spelling import likelier, variants
from paperlark.readers import follow
from paperlark.readers.compared import volumes
from paperlark.readers.lookback import asks_what_was_told
from paperlark.readers.preview import DAYS
from paperlark.readers.proposals import KINDS, Kind, Material, Proposal, proposals, words_asked_for
from paperlark.readers.tally import COMFORT, Volume
from paperlark.store import analysed, marks, papers
from paperlark.store import search as full_text
from paperlark.store.database import Store, Transaction
from paperlark.store.rows import chunks
from paperlark.store.usual import usual

MATCHED = 300  # papers that meet the profile, the newest
SAVED = 500  # of a reader's saved papers, the newest
BITE = 500  # papers judged at a time
VARIANTS_LOOKED_AT = 3  # of a misspelt word, the commonest
PAPERS_LOOKED_AT = 20  # in which a variant may stand as a word
COMPARED = 24  # changed texts of which it is counted what they bring
MOST: Mapping[Kind, int] = {"spelling": 3, "acronym": 3, "term": 5, "author": 2, "organisation": 1}
FOCUS = 0.1  # of what a word or a name brings must be the profile's own: else it is another profile


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A changed text for a profile, and why.

    what: the word, phrase or name it is about. reason: a clause, as for a person: "stands in 14 of your 40 matches, 1
    in 50 of all papers". volume: what the text would bring; more: how many papers more than now (fewer below 0), over
    the same days.
    """

    kind: Kind
    what: str
    reason: str
    text: str
    volume: Volume
    more: int

    @property
    def effect(self) -> str:
        """What it would add or leave: "adds about 2 papers a day"."""
        if self.more < 0:
            return f"leaves {self.volume}"
        return f"adds {Volume(self.more, self.volume.days, 0)}"


@dataclass(frozen=True, slots=True)
class Suggested:
    """What a profile's text brings now, over the days looked back, and what may be asked instead, the best first."""

    text: str
    volume: Volume
    suggestions: tuple[Suggestion, ...]


async def suggest(
    store: Store, text: str, *, now: datetime, days: int = DAYS, account_id: int | None = None
) -> Suggested:
    """Suggestions for a text. days: over which it is counted what they would bring. account_id: whose saved papers are
    looked at. Raises QueryError."""
    query = parse(text)
    async with store.reading() as tx:
        material = await _material(tx, text, query, account_id)
        offered = (await asyncio.to_thread(proposals, material))[:COMPARED]
        brought = await volumes(tx, [query, *(parse(each.text) for each in offered)], days=days, now=now)
    return Suggested(text, brought[0], tuple(_chosen(brought[0], offered, brought[1:])))


async def suggest_for(store: Store, account_id: int, wanted: str, *, now: datetime) -> tuple[Profile, Suggested]:
    """Suggestions for a profile of an account (given by name or id). Raises ReaderError: no such profile."""
    profile, _ = await follow.show(store, account_id, wanted)
    return profile, await suggest(store, profile.text, now=now, account_id=account_id)


def _chosen(before: Volume, offered: Sequence[Proposal], brought: Sequence[Volume]) -> list[Suggestion]:
    """Those worth a reader's time, the best of each kind first, each word and name once."""
    chosen: dict[tuple[Kind, str], Suggestion] = {}
    for each, after in zip(offered, brought, strict=True):
        if (each.kind, each.what) not in chosen and _helps(each, before, after):
            more = after.total - before.total
            chosen[each.kind, each.what] = Suggestion(each.kind, each.what, each.reason, each.text, after, more)
    return [each for kind in KINDS for each in [one for one in chosen.values() if one.kind == kind][: MOST[kind]]]


def _helps(each: Proposal, before: Volume, after: Volume) -> bool:
    """What says the same in other words always helps. Of who gets more than is comfortable words narrow the profile, of
    all others they widen it: by something, not by a flood, and not by what has little to do with it."""
    if each.kind in ("spelling", "acronym"):
        return True
    more = after.total - before.total
    if each.narrower:
        return before.a_day > COMFORT and 0 < after.total < before.total
    common = each.share * before.total
    return before.a_day <= COMFORT and not after.floods and more > 0 and common >= FOCUS * (common + more)


# ── what is looked at ──────────────────────────────────────────────────────────────────────────────────────────────


async def _material(tx: Transaction, text: str, query: Query, account_id: int | None) -> Material:
    await analysed.refresh(tx)
    matched, all_of_them = await _meeting(tx, query)
    saved: dict[int, Lean] = {}
    if account_id is not None:
        newest = [number for _, number in await marks.saved(tx, account_id, limit=SAVED)]
        saved = await analysed.load_lean(tx, newest)
    abstracts = await papers.abstracts(tx, list(matched))
    return Material(
        text,
        query,
        matched,
        all_of_them,
        abstracts,
        saved,
        await usual(tx),
        await _misspelt(tx, words_asked_for(query)),
    )


async def _meeting(tx: Transaction, query: Query) -> tuple[dict[int, Lean], bool]:
    """The newest papers that meet a query, and whether these are all of them."""
    ids = sorted((await full_text.candidates(tx, wanted(query))).tolist(), reverse=True)
    meets, facts = Leaves().checker(query), asks_what_was_told(query)
    found: dict[int, Lean] = {}
    for bite in chunks(ids, BITE):
        read = await analysed.load_lean(tx, bite)
        if facts:
            read = await analysed.with_told(tx, read)
        met = await asyncio.to_thread(_kept, meets, read)
        found |= {number: met[number] for number in bite if number in met}
        if len(found) > MATCHED:
            return dict(list(found.items())[:MATCHED]), False
    return found, True


def _kept(meets: Callable[[Lean], bool], read: Mapping[int, Lean]) -> dict[int, Lean]:
    return {number: paper for number, paper in read.items() if meets(paper)}


async def _misspelt(tx: Transaction, words: Sequence[str]) -> dict[str, tuple[str, int, int]]:
    """Of some words those that the archive hardly knows: each with a common word that is one edit away, and in how many
    papers each of the two stands."""
    found: dict[str, tuple[str, int, int]] = {}
    held = await full_text.known(tx, [stored(each) for word in words for each in (word, stem(word))])
    for word in words:
        papers_with = max(held.get(stored(word), 0), held.get(stored(stem(word)), 0))
        tried = [each for each in variants(word) if stem(each) != stem(word)]
        if not likelier(papers_with, dict.fromkeys(tried, 1_000_000)):
            continue  # the word is known: nothing need be looked up
        known = await full_text.known(tx, tried)
        for instead in likelier(papers_with, known)[:VARIANTS_LOOKED_AT]:
            if await _is_a_word(tx, instead):
                found[word] = instead, papers_with, known[instead]
                break
    return found


async def _is_a_word(tx: Transaction, word: str) -> bool:
    """Whether somebody writes it so: the archive keeps stems too, which nobody writes."""
    ids = sorted((await full_text.candidates(tx, Word(word))).tolist(), reverse=True)[:PAPERS_LOOKED_AT]
    read = await analysed.load_lean(tx, ids)
    return any(word in said.open(Reading.PHRASE) for paper in read.values() for said in (paper.title, paper.abstract))
