"""Profiles: follow, edit, unfollow, list."""

from paperlark.matching.near import refuse_unmeant
from paperlark.matching.query import Query, parse
from paperlark.matching.standing import ALONE, TOO_MANY_ALONE, lines_alone
from paperlark.model.problems import ReaderError
from paperlark.model.readers import Profile, Subscription
from paperlark.store import profiles
from paperlark.store.database import Store, Transaction

NAME_LIMIT = 80
PROFILES_LIMIT = 500  # of one account


async def follow(store: Store, account_id: int, text: str, *, name: str | None = None) -> Profile:
    """Keep a new profile, which counts from now on.

    Raises QueryError where the text cannot be read; ReaderError for a name that is taken or too long, or where one more
    such text cannot be held.
    """
    text = text.strip()
    query = parse(text)
    refuse_unmeant(query)
    chosen = checked_name(name if name is not None else " ".join(text.split())[:NAME_LIMIT])
    async with store.transaction() as tx:
        mine = await profiles.listed(tx, account_id)
        if len(mine) >= PROFILES_LIMIT:
            raise ReaderError(f"an account has at most {PROFILES_LIMIT} profiles; remove one first")
        _refuse_taken(chosen, mine)
        alone = await room_for(tx, query)
        return await profiles.add(tx, account_id, chosen, text, await tx.now(), alone=alone)


async def edit(
    store: Store, account_id: int, wanted: str, *, text: str | None = None, name: str | None = None
) -> Profile:
    """Change a profile (given by name or id); a new text is a new version, which counts from now on. Raises as `follow`
    does."""
    if text is not None:
        refuse_unmeant(parse(text.strip()))
    async with store.transaction() as tx:
        mine = await profiles.listed(tx, account_id)
        before = _pick(wanted, mine)
        chosen = before.name if name is None else checked_name(name)
        _refuse_taken(chosen, [profile for profile in mine if profile.id != before.id])
        query = before.text if text is None else text.strip()
        alone = await room_for(tx, parse(query), but=before.id) if query != before.text else ()
        now = await tx.now()
        return await profiles.edit(tx, account_id, before.id, name=chosen, query=query, now=now, alone=alone)


async def unfollow(store: Store, account_id: int, wanted: str) -> Profile:
    """End a profile (given by name or id) and its subscriptions."""
    async with store.transaction() as tx:
        profile = _pick(wanted, await profiles.listed(tx, account_id))
        await profiles.remove(tx, account_id, profile.id, await tx.now())
        return profile


async def listed(store: Store, account_id: int) -> list[tuple[Profile, list[Subscription]]]:
    """An account's profiles, oldest first, each with its subscriptions."""
    async with store.reading() as tx:
        mine = await profiles.listed(tx, account_id)
        subscribed = await profiles.subscriptions(tx, account_id)
    return [(profile, [s for s in subscribed if s.profile_id == profile.id]) for profile in mine]


async def show(store: Store, account_id: int, wanted: str) -> tuple[Profile, list[Subscription]]:
    """One profile (given by name or id) with its subscriptions. Raises ReaderError: unknown, or somebody else's."""
    everything = await listed(store, account_id)
    profile = _pick(wanted, [each for each, _ in everything])
    return next(each for each in everything if each[0].id == profile.id)


async def room_for(tx: Transaction, query: Query, *, but: int | None = None) -> frozenset[str]:
    """A query's lines of numbers alone, each of which every paper is held against. Raises ReaderError where they
    are more than can be held beside those of all profiles (but one)."""
    lines = frozenset(map(str, lines_alone(query)))
    if lines:
        others = await profiles.lines_alone(tx, but=but)
        if not lines <= others and len(lines | others) > ALONE:
            raise ReaderError(TOO_MANY_ALONE)
    return lines


def _pick(wanted: str, mine: list[Profile]) -> Profile:
    for profile in mine:
        if wanted == str(profile.id) or wanted.casefold() == profile.name.casefold():
            return profile
    raise ReaderError(f"you have no profile {wanted!r}; `paperlark profiles list` shows yours")


def checked_name(name: str) -> str:
    """A profile's name, its white space folded. Raises ReaderError: none, or too long."""
    chosen = " ".join(name.split())
    if not chosen:
        raise ReaderError("a profile needs a name")
    if len(chosen) > NAME_LIMIT:
        raise ReaderError(f"a profile's name has at most {NAME_LIMIT} characters, this one has {len(chosen)}")
    return chosen


def _refuse_taken(name: str, mine: list[Profile]) -> None:
    if any(name.casefold() == profile.name.casefold() for profile in mine):
        raise ReaderError(f"you already have a profile named {name!r}; choose another name, or edit that one")
