"""Feeds: addresses by which other programs read what a profile met, and what they read there.

An address is unguessable, shown once, and read-only; whoever has it needs nothing else. It is of one profile, or of all
of an account's profiles, also those that are made later. A feed holds what its reader hears of by messages too: nothing
that is muted or dismissed.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from paperlark.matching.document import analyse
from paperlark.matching.explain import spans
from paperlark.matching.mutes import muted
from paperlark.matching.near import aimed
from paperlark.matching.query import Query, parse
from paperlark.model.messages import Reason
from paperlark.model.papers import StoredPaper
from paperlark.model.problems import QueryError, ReaderError
from paperlark.model.readers import Mute, Profile
from paperlark.readers import follow
from paperlark.store import causes, directions, mutes, papers, profiles
from paperlark.store import feeds as stored
from paperlark.store.database import Store
from paperlark.store.feeds import NOTED_EVERY, Address, Met

ENTRIES = 50  # of one page of a feed
BITES = 8  # pages that are looked through for as many papers as are not muted
ADDRESSES_LIMIT = 1_000  # of one account

Place = tuple[datetime, int]
"""Where the reader of a feed stands: behind the paper of this id, which was met at this moment."""


@dataclass(frozen=True, slots=True)
class Made:
    """A new address and its secret part, which is seen this once. profile: None where it is of all of them."""

    address: Address
    secret: str
    profile: Profile | None


@dataclass(frozen=True, slots=True)
class Known:
    """An address as far as it is kept. profile: None where it is of all of them."""

    address: Address
    profile: Profile | None


@dataclass(frozen=True, slots=True)
class Told:
    """A paper that a profile met, the profile with the words that met it, and when that was."""

    paper: StoredPaper
    reason: Reason
    at: datetime


@dataclass(frozen=True, slots=True)
class Issue:
    """What a feed holds now: a profile's papers, the last met first; and where those before them begin, or None."""

    profile: Profile
    told: tuple[Told, ...]
    before: Place | None


# ── addresses ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def make(store: Store, account_id: int, wanted: str | None = None) -> Made:
    """A new address of a profile (given by name or id), or of all of an account's profiles.

    Raises ReaderError: no such profile, somebody else's, or too many addresses.
    """
    profile = (await follow.show(store, account_id, wanted))[0] if wanted is not None else None
    async with store.transaction() as tx:
        if len(await stored.listed(tx, account_id)) >= ADDRESSES_LIMIT:
            raise ReaderError(f"an account has at most {ADDRESSES_LIMIT:,} addresses of feeds; revoke one first")
        address, secret = await stored.add(tx, account_id, profile.id if profile else None, await tx.now())
    return Made(address, secret, profile)


async def listed(store: Store, account_id: int) -> list[Known]:
    """An account's addresses, oldest first."""
    async with store.reading() as tx:
        mine = {profile.id: profile for profile in await profiles.listed(tx, account_id)}
        found = await stored.listed(tx, account_id)
    # Between the two a profile may have come or gone.
    there = (each for each in found if each.profile_id is None or each.profile_id in mine)
    return [Known(each, mine[each.profile_id] if each.profile_id is not None else None) for each in there]


async def revoke(store: Store, account_id: int, address_id: int) -> None:
    """End an address: nobody reads anything there any more. Raises ReaderError: no such address, or somebody else's."""
    async with store.transaction() as tx:
        if not await stored.remove(tx, account_id, address_id):
            raise ReaderError("you have no such address of a feed")


# ── what is read there ─────────────────────────────────────────────────────────────────────────────────────────────


async def opened(store: Store, secret: str, profile_id: int | None = None) -> Profile | None:
    """The profile that an address gives to read; None where it is no more, or its profile. Nobody learns which.

    profile_id: which of the profiles, where the address is of all of them, and only there.
    """
    address = await _address(store, secret)
    if address is None or (address.profile_id is None) == (profile_id is None):
        return None
    async with store.reading() as tx:
        named = await profiles.named(tx, address.account_id, [address.profile_id or profile_id or 0])
    return next(iter(named.values()), None)


async def state_of(
    store: Store, profile: Profile, *, before: Place | None = None, limit: int = ENTRIES
) -> tuple[str, datetime]:
    """A text that is the same only as long as the feed's page holds the same, and when its profile last met a paper
    (began, where it has met none). Costs a tenth of the page."""
    async with store.reading() as tx:
        met = await stored.met(tx, profile.account_id, profile.id, limit=limit + 1, before=before)
        known = await stored.known_of(tx, met)
        silenced = await mutes.listed(tx, profile.account_id)
    return repr((profile, met, known, silenced)), met[0].at if met else profile.began_at


async def all_of(store: Store, secret: str) -> list[Profile] | None:
    """The profiles that an address of all of them gives to read, oldest first; None where it is none, or no more."""
    address = await _address(store, secret)
    if address is None or address.profile_id is not None:
        return None
    async with store.reading() as tx:
        return await profiles.listed(tx, address.account_id)


async def issue_of(store: Store, profile: Profile, *, before: Place | None = None, limit: int = ENTRIES) -> Issue:
    """What a profile met, the last first, but what its reader has muted or dismissed."""
    found: list[Told] = []
    for _ in range(BITES):
        async with store.reading() as tx:
            account_id = profile.account_id
            met = await stored.met(tx, account_id, profile.id, limit=limit + 1, before=before)
            there = await papers.load(tx, (each.paper_id for each in met))
            heard = await stored.heard(tx, there.keys())
            silenced = await mutes.listed(tx, account_id)
            texts = {each.version: each.text for each in (await causes.versions(tx, account_id)).get(profile.id, ())}
            likes = await directions.likes(tx, texts.values())
        found += await asyncio.to_thread(_told, profile, met, there, heard, silenced, texts, likes)
        if len(found) > limit:
            return Issue(profile, tuple(found[:limit]), (found[limit - 1].at, found[limit - 1].paper.id))
        if len(met) <= limit:
            return Issue(profile, tuple(found), None)
        before = (met[-1].at, met[-1].paper_id)
    return Issue(profile, tuple(found), before)


async def _address(store: Store, secret: str) -> Address | None:
    """What an address is of; that it was asked for is noted once a day."""
    if not stored.is_whole(secret):
        return None
    async with store.reading() as tx:
        address, now = await stored.whose(tx, secret), await tx.now()
    if address is not None and (address.read_at is None or now - address.read_at >= NOTED_EVERY):
        async with store.transaction() as tx:
            await stored.was_read(tx, address, now)
    return address


def _told(
    profile: Profile,
    met: Sequence[Met],
    there: Mapping[int, StoredPaper],
    heard: Mapping[int, Sequence[tuple[str, datetime]]],
    silenced: Sequence[Mute],
    texts: Mapping[int, str],
    likes: Mapping[str, bytes],
) -> list[Told]:
    """In the order of `met`, each with the words that met the text that the profile had then."""
    queries = {version: _read(text, likes) for version, text in texts.items()}
    found = []
    for each in met:
        paper = there.get(each.paper_id)
        if paper is None or (silenced and muted(silenced, analyse(papers.document(paper)))):
            continue
        reason = _reason(profile, queries.get(each.version), paper, heard[paper.id])
        found.append(Told(paper, reason, each.at))
    return found


def _reason(profile: Profile, query: Query | None, paper: StoredPaper, heard: Sequence[tuple[str, datetime]]) -> Reason:
    """By the first announcement with which the paper met the query; without words where it meets it no more."""
    if query is None:
        return Reason(profile.name)
    announced = (analyse(papers.document(paper, type=kind, announced_at=at)) for kind, at in dict.fromkeys(heard))
    return Reason(profile.name, next(filter(None, (spans(query, each) for each in announced)), ()))


def _read(text: str, likes: Mapping[str, bytes]) -> Query | None:
    try:
        return aimed(parse(text), likes)
    except QueryError:  # the language has changed under it
        return None
