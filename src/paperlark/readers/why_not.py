"""Why was I told of this paper, or why not? For any paper, profile and destination of an account.

What the causes are, and which of them decides, is the story of `way`.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from paperlark.health import judge
from paperlark.model.papers import StoredPaper, arxiv_alias, doi_alias
from paperlark.model.problems import ReaderError
from paperlark.model.readers import TRENDING, Cadence, Destination, MarkKind, Profile, Subscription
from paperlark.readers.follow import listed, show
from paperlark.readers.search import one
from paperlark.readers.way import Because, Case, Cause, causes
from paperlark.schedule import slots
from paperlark.store import causes as known
from paperlark.store import directions, marks, mutes, outbox, profiles, sources
from paperlark.store.causes import Owed
from paperlark.store.database import Store, Transaction
from paperlark.store.outbox import Unplanned


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a paper for one profile at one destination: the cause that decides, and all others that are true.

    destination is None where the profile is told nowhere; profile is None where the archive does not hold the paper,
    and where it was told as one that is trending.
    """

    profile: Profile | None
    destination: Destination | None
    because: Because
    also: tuple[Because, ...] = ()

    @property
    def told(self) -> bool:
        """Whether the reader counts as told there."""
        return self.because.cause.told


@dataclass(frozen=True, slots=True)
class Told:
    """The answer for one paper: a verdict for each profile and destination, profile by profile. paper is None where the
    archive does not hold it."""

    paper: StoredPaper | None
    verdicts: tuple[Verdict, ...]


async def why_not(store: Store, account_id: int, wanted: str, *, profile: str | None = None) -> Told:
    """What became of a paper (given by id or any name) for an account's profiles, or one of them (by name or id).

    A paper that the archive does not hold is answered too, where it is asked for by an arXiv id, a DOI or an address.
    Raises ReaderError: no such paper, no such profile, or no profile at all.
    """
    mine = [await show(store, account_id, profile)] if profile is not None else await listed(store, account_id)
    chosen = [each for each, _ in mine]
    try:
        paper = await one(store, wanted)
    except ReaderError:
        if not _is_name(wanted.strip()):
            raise
        return Told(None, (await _absent(store, wanted.strip()),))
    async with store.reading() as tx:
        cases = await _cases(tx, account_id, paper, chosen, trending=profile is None)
    if not cases:
        raise ReaderError("you have no profiles yet; `paperlark profiles add QUERY` makes one")
    verdicts = await asyncio.to_thread(lambda: [_verdict(case) for case in cases])
    return Told(paper, tuple(verdicts))


def _verdict(case: Case) -> Verdict:
    because, *also = causes(case)
    return Verdict(case.profile if case.profile.id != TRENDING else None, case.destination, because, tuple(also))


def _is_name(wanted: str) -> bool:
    return bool(arxiv_alias(wanted) or doi_alias(wanted) or wanted.startswith(("https://", "http://", "hf:")))


async def _absent(store: Store, wanted: str) -> Verdict:
    """The archive does not hold it: that may be a source's fault."""
    async with store.reading() as tx:
        now = await tx.now()
        healths = [(source.name, judge(source.standing, now)) for source in await sources.listed(tx)]
    ill = [
        Because(Cause.SOURCE_ILL, f"{name} is {health.state}: {health.because}.")
        for name, health in healths
        if health is not None and not health.well
    ]
    absent = Because(Cause.ABSENT, f"No source has told of {wanted} so far.")
    first, *others = [*ill, absent]
    return Verdict(None, None, first, tuple(others))


# ── what is known ──────────────────────────────────────────────────────────────────────────────────────────────────


async def _cases(
    tx: Transaction, account_id: int, paper: StoredPaper, chosen: list[Profile], *, trending: bool
) -> list[Case]:
    """A case for each profile and each destination that is told of it, or was owed the paper by it; with `trending`
    also for each destination that was owed the paper by no profile."""
    now = await tx.now()
    met = await known.met(tx, account_id, paper.id)
    versions = await known.versions(tx, account_id)
    owed = await known.owed(tx, account_id, paper.id)
    subscribed = await profiles.subscriptions(tx, account_id)
    places = {place.id: place for place in await profiles.destinations(tx, account_id)}
    heard, counted = await known.heard(tx, paper.id), await known.counted(tx, paper.id)
    muted = await mutes.listed(tx, account_id)
    dismissed_at = (await marks.of(tx, account_id, paper.id)).get(MarkKind.DISMISSED)
    due = await _due(tx, account_id, owed, places, now)
    texts = [each.text for profile in chosen for each in versions.get(profile.id, ())]
    likes = await directions.likes(tx, [*texts, *(profile.text for profile in chosen)])
    asking = {each.destination_id for each in subscribed if each.profile_id in met}

    def case(profile: Profile, subscription: Subscription | None, place: Destination | None) -> Case:
        there = place.id if place else None
        return Case(
            paper=paper,
            heard=tuple(heard),
            counted=tuple(counted),
            profile=profile,
            versions=tuple(versions.get(profile.id, ())),
            met=met.get(profile.id, frozenset({0}) if profile.id == TRENDING else frozenset()),
            subscription=subscription,
            destination=place,
            owed=tuple(each for each in owed if each.destination_id == there),
            due={cadence: at for (number, cadence), at in due.items() if number == there},
            wanted=there in asking,
            mutes=tuple(muted),
            dismissed_at=dismissed_at,
            now=now,
            likes=likes,
        )

    cases = []
    for profile in chosen:
        told = {each.destination_id: each for each in subscribed if each.profile_id == profile.id}
        was_owed = {each.destination_id for each in owed} if profile.id in met else set()
        there = sorted(number for number in told.keys() | was_owed if number in places)
        cases += [case(profile, told.get(number), places[number]) for number in there] or [case(profile, None, None)]
    if trending and not met:
        risen = Profile(account_id, TRENDING, 0, "trending", "", now)
        cases += [case(risen, None, places[n]) for n in sorted({each.destination_id for each in owed} & places.keys())]
    return cases


async def _due(
    tx: Transaction, account_id: int, owed: list[Owed], places: dict[int, Destination], now: datetime
) -> dict[tuple[int, Cadence], datetime]:
    """When what is owed and in no delivery yet will come: with the delivery that waits for it, else with the one that
    will be planned for the next free slot; never in quiet hours."""
    due = {}
    for number, cadence in {(each.destination_id, each.cadence) for each in owed if not each.sealed}:
        place = places[number]
        at = await known.waiting_for(tx, account_id, number, cadence)
        if at is None:
            unplanned = Unplanned(account_id, number, place.channel, cadence, place.rhythm)
            taken = await outbox.taken_slots(tx, unplanned)
            at = next(slot.due_at for slot in slots(cadence, place.rhythm, now) if slot.key not in taken)
        due[number, cadence] = next(slots(Cadence.INSTANT, place.rhythm, max(at, now))).due_at
    return due
