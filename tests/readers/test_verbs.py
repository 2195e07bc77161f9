"""Every verb: what is another account's is refused as if it did not exist, in the same words, and is not touched.

The three tables below name every public verb of `paperlark.readers`; a new verb that stands in none of them fails.
"""

import asyncio
import importlib
import inspect
import pkgutil
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from paperlark import readers
from paperlark.model.papers import StoredPaper
from paperlark.model.problems import ReaderError
from paperlark.model.readers import Cadence, MarkKind, MuteKind
from paperlark.pipeline.planning import plan
from paperlark.readers import (
    account,
    choices,
    feeds,
    follow,
    link,
    lists,
    mark,
    matches,
    mute,
    place,
    preview,
    search,
    subscribe,
    suggest,
    tokens,
    webhook,
    why,
    why_not,
)
from paperlark.readers import deliveries as outbox
from paperlark.store.accounts import ID_LENGTH
from paperlark.store.database import Store, open_store
from paperlark.store.matches import Position
from paperlark.testing.channels import FakeChannel
from paperlark.testing.clock import FakeClock
from tests.builders import MONDAY, deliver, deliveries, percolate, reader, record, told
from tests.databases import Fresh

PAPER = "2603.00001"
WISH = subscribe.Wish()

Call = Callable[[Store, int, Any], Any]
"""A verb, called for an account with an id (or None), and all that it gives awaited."""


class Taking(NamedTuple):
    """A verb that takes an id: of what, and how it is called."""

    verb: str
    of: str
    call: Call


TAKE_AN_ID = [
    Taking("follow.edit", "profile", lambda s, me, its: follow.edit(s, me, str(its), name="taken")),
    Taking("follow.unfollow", "profile", lambda s, me, its: follow.unfollow(s, me, str(its))),
    Taking("follow.show", "profile", lambda s, me, its: follow.show(s, me, str(its))),
    Taking(
        "subscribe.subscribe",
        "profile",
        lambda s, me, its: subscribe.subscribe(s, me, str(its), channel="fake", address="me", wish=WISH),
    ),
    Taking("subscribe.unsubscribe", "subscription", subscribe.unsubscribe),
    Taking("subscribe.pause", "destination", subscribe.pause),
    Taking("subscribe.resume", "destination", subscribe.resume),
    Taking("why.why_told", "delivery", why.why_told),
    Taking("deliveries.one", "delivery", outbox.one),
    Taking("deliveries.retry", "waiting", outbox.retry),
    Taking("deliveries.drop", "waiting", outbox.drop),
    Taking("webhook.secret", "webhook", lambda s, me, its: webhook.secret(s, me, its, key="key")),
    Taking("webhook.new_secret", "webhook", lambda s, me, its: webhook.new_secret(s, me, its, key="key")),
    Taking("webhook.signing", "webhook", lambda s, me, its: webhook.signing(s, me, its, key="key")),
    Taking("why_not.why_not", "profile", lambda s, me, its: why_not.why_not(s, me, PAPER, profile=str(its))),
    Taking("place.change", "subscription", lambda s, me, its: place.change(s, me, its, WISH)),
    Taking("feeds.make", "profile", lambda s, me, its: feeds.make(s, me, str(its))),
    Taking("feeds.revoke", "feed", feeds.revoke),
    Taking("lists.met", "profile", lambda s, me, its: drained(lists.met(s, me, str(its)))),
    Taking("matches.listed", "profile", lambda s, me, its: matches.listed(s, me, profile=str(its), limit=5)),
    Taking(
        "matches.new_since",
        "profile",
        lambda s, me, its: matches.new_since(s, me, Position(MONDAY), MONDAY, profile=str(its), limit=5),
    ),
    Taking("suggest.suggest_for", "profile", lambda s, me, its: suggest.suggest_for(s, me, str(its), now=MONDAY)),
    Taking("tokens.revoke", "token", lambda s, me, its: tokens.revoke(s, me, f"{its:0{ID_LENGTH}x}")),
]

OF_ONES_OWN: dict[str, Call] = {
    "account.about": lambda s, me, _: account.about(s, me),
    "account.part": lambda s, me, _: account.part(s, me, "test", "nobody"),
    "account.export": lambda s, me, _: told_whole(account.export(s, me)),
    "account.delete": lambda s, me, _: account.delete(s, me),
    "deliveries.listed": lambda s, me, _: outbox.listed(s, me),
    "follow.follow": lambda s, me, _: follow.follow(s, me, "owls", name="owls"),
    "follow.listed": lambda s, me, _: follow.listed(s, me),
    "feeds.listed": lambda s, me, _: feeds.listed(s, me),
    "lists.saved": lambda s, me, _: drained(lists.saved(s, me)),
    "link.begin": lambda s, me, _: link.begin(s, me),
    "mark.mark": lambda s, me, _: mark.mark(s, me, PAPER, MarkKind.DISMISSED),
    "mark.unmark": lambda s, me, _: mark.unmark(s, me, PAPER),
    "mark.marked": lambda s, me, _: mark.marked(s, me, PAPER),
    "mark.saved": lambda s, me, _: mark.saved(s, me),
    "matches.listed": lambda s, me, _: matches.listed(s, me, limit=5),
    "matches.unread": lambda s, me, _: matches.unread(s, me),
    "mute.mute": lambda s, me, _: mute.mute(s, me, MuteKind.WORD, "finches"),
    "mute.unmute": lambda s, me, _: mute.unmute(s, me, MuteKind.WORD, "starlings"),
    "mute.muted": lambda s, me, _: mute.muted(s, me),
    "choices.choices": lambda s, me, _: choices.choices(s, me, PAPER),
    "place.at": lambda s, me, _: place.at(s, me, "fake", "strangers"),
    "place.arrange": lambda s, me, _: place.arrange(s, me, "fake", "strangers", WISH, cadence=Cadence.WEEKLY),
    "place.hasten": lambda s, me, _: place.hasten(s, me, "fake", "strangers"),
    "place.moved": lambda s, me, _: place.moved(s, me, "fake", "strangers", "elsewhere", ("test", "elsewhere")),
    "preview.preview": lambda s, me, _: preview.preview(s, "larks", now=MONDAY, account_id=me),
    "suggest.suggest": lambda s, me, _: suggest.suggest(s, "larks", now=MONDAY, account_id=me),
    "subscribe.subscribe_trending": lambda s, me, _: subscribe.subscribe_trending(
        s, me, channel="fake", address="strangers", wish=WISH
    ),
    "subscribe.subscriptions": lambda s, me, _: subscribe.subscriptions(s, me),
    "subscribe.destinations": lambda s, me, _: subscribe.destinations(s, me),
    "subscribe.pause": lambda s, me, _: subscribe.pause(s, me),
    "subscribe.resume": lambda s, me, _: subscribe.resume(s, me),
    "subscribe.is_theirs": lambda s, me, _: subscribe.is_theirs(s, me, "telegram", "42"),
    "tokens.listed": lambda s, me, _: tokens.listed(s, me),
    "tokens.make": lambda s, me, _: tokens.make(s, me, name="mine", scopes=["matches:read"]),
    "why.why": lambda s, me, _: why.why(s, me, PAPER),
    "why.why_each": lambda s, me, _: led_to_the_paper(s, me),
    "why_not.why_not": lambda s, me, _: why_not.why_not(s, me, PAPER),
}
"""Verbs that take an account and nothing of it: they show and touch what is its own."""

OF_NOBODY = {
    "compared.volumes",
    "follow.room_for",
    # A code, a token or the secret part of an address is all that these take; see test_link, and web/test_session,
    # test_account and test_feeds.
    "link.redeem",
    "session.sign_in",
    "session.begin_here",
    "session.end",
    # The operator's: see cli/test_account.
    "tokens.end_all",
    "tokens.end_everyones",
    "tokens.pair",
    "tokens.new_account",
    "feeds.opened",
    "feeds.all_of",
    "feeds.state_of",
    "feeds.issue_of",
    # A mailbox, or a link signed for one, is all that these take; see test_mailbox and web/test_mail.
    "mailbox.sign_up",
    "mailbox.question",
    "mailbox.confirm",
    "mailbox.preferences",
    "mailbox.change",
    "mailbox.unsubscribe",
    "mailbox.bounced",
    "days.newest",
    "days.of_day",
    "days.stretch",
    "days.whole",
    "lists.found",
    "lists.named",
    "lists.of_day",
    "names.similar",
    "meaning.stretch",
    "past.of_paper",
    "search.search",
    "search.stretch",
    "search.one",
    "search.of_day",
    "search.ranked",
    "search.judged",
    "search.statistics_for",
    "similar.similar",
    "status.sources",
    "trending.trending",
    "why.explain",
}
"""Verbs over the archive and the sources, which are everybody's."""


async def told_whole(pieces: AsyncIterator[str]) -> str:
    return "".join([piece async for piece in pieces])


async def drained(papers: AsyncIterator[StoredPaper]) -> list[StoredPaper]:
    return [paper async for paper in papers]


async def led_to_the_paper(store: Store, account_id: int) -> object:
    return await why.why_each(store, account_id, [await search.one(store, PAPER)])


def verbs() -> dict[str, inspect.Signature]:
    """Every public coroutine and generator of the package, where it is defined."""
    found = {}
    for module in pkgutil.iter_modules(readers.__path__, "paperlark.readers."):
        for name, verb in vars(importlib.import_module(module.name)).items():
            if name.startswith("_") or getattr(verb, "__module__", "") != module.name:
                continue
            if inspect.iscoroutinefunction(verb) or inspect.isasyncgenfunction(verb):
                found[f"{module.name.rpartition('.')[2]}.{name}"] = inspect.signature(verb)
    return found


class World(NamedTuple):
    """Somebody with something of everything, by what it is called; and a stranger, who has as much."""

    owner: int
    stranger: int
    theirs: dict[str, int]
    names: tuple[str, ...]


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    opened = await open_store(store_url, clock=FakeClock(MONDAY))
    yield opened
    await opened.close()


async def world(store: Store) -> World:
    """Both of them, each told of a paper."""
    clock = store._clock
    assert isinstance(clock, FakeClock)
    owner, stranger = await reader(store, "larks nest", "ownershouse"), await reader(store, "larks", "strangers")
    await record(store, told("Larks that nest", arxiv=PAPER))
    await percolate(store)
    await deliver(store, FakeChannel())
    clock.advance(minutes=5)
    await deliver(store, FakeChannel())
    await mute.mute(store, owner.account_id, MuteKind.WORD, "starlings")
    await mark.mark(store, owner.account_id, PAPER, MarkKind.SAVED)
    (delivery,) = [row for row in await deliveries(store) if row["account_id"] == owner.account_id]
    for who in (owner, stranger):
        hook = {"channel": "webhook", "address": f"https://example.org/{who.account_id}"}
        await subscribe.subscribe(store, who.account_id, str(who.profile.id), **hook, wish=WISH)
    await record(store, told("Larks that nest again", arxiv="2603.00002"))
    await percolate(store)
    await plan(store)
    mine = [row for row in await deliveries(store) if row["account_id"] == owner.account_id]
    key = await tokens.make(store, owner.account_id, name="ownershouse", scopes=["matches:read"])
    theirs = {
        "token": int(key.kept.id, 16),
        "feed": (await feeds.make(store, owner.account_id)).address.id,
        "waiting": next(row["id"] for row in mine if row["state"] == "pending"),
        "webhook": (await subscribe.destinations(store, owner.account_id))[-1].id,
        "profile": owner.profile.id,
        "subscription": owner.subscription.id,
        "destination": owner.destination.id,
        "delivery": delivery["id"],
    }
    return World(owner.account_id, stranger.account_id, theirs, ("ownershouse", "larks nest", "starlings"))


async def everything_of(store: Store, account_id: int) -> str:
    """What an account owns, the moment of asking apart."""
    document = await told_whole(account.export(store, account_id))
    return "\n".join(line for line in document.splitlines() if "exported_at" not in line)


async def refusal(call: Awaitable[Any]) -> str | None:
    try:
        await call
    except ReaderError as error:
        return str(error)
    return None


def test_every_verb_stands_in_a_table_and_where_it_belongs() -> None:
    found = verbs()
    of_accounts = {name for name, signature in found.items() if "account_id" in signature.parameters}
    assert {each.verb for each in TAKE_AN_ID} | set(OF_ONES_OWN) == of_accounts
    assert set(found) - of_accounts == OF_NOBODY


def test_every_verb_that_takes_an_id_is_given_one() -> None:
    ids = {"profile", "wanted", "profile_id", "destination_id", "subscription_id", "delivery_id"}
    taking = {name for name, signature in verbs().items() if ids & set(signature.parameters)}
    papers, opened = {"why.why", "why.explain", "lists.named"}, {"feeds.opened", "feeds.issue_of", "feeds.state_of"}
    # A paper is wanted, or a day; and whoever has the secret part of an address has what is behind it.
    assert taking - {each.verb for each in TAKE_AN_ID} == papers | opened | {"days.of_day", "similar.similar"}


async def test_what_is_anothers_is_refused_in_the_words_for_what_does_not_exist(store: Store) -> None:
    known = await world(store)
    before = await everything_of(store, known.owner)
    for verb, of, call in TAKE_AN_ID:
        theirs, nobodys = known.theirs[of], known.theirs[of] + 12_345  # ids that are made together follow each other
        refused = await refusal(call(store, known.stranger, theirs))
        unknown = await refusal(call(store, known.stranger, nobodys))
        assert refused is not None and unknown is not None, verb
        assert refused.replace(str(theirs), "…") == unknown.replace(str(nobodys), "…"), verb
    assert await everything_of(store, known.owner) == before


async def test_anothers_profile_is_not_found_by_its_name_either(store: Store) -> None:
    known = await world(store)
    for verb, of, call in TAKE_AN_ID:
        if of == "profile":
            refused = await refusal(call(store, known.stranger, "larks nest"))
            unknown = await refusal(call(store, known.stranger, "wrens rest"))
            assert refused is not None and unknown is not None, verb
            assert refused.replace("larks nest", "…") == unknown.replace("wrens rest", "…"), verb


async def test_what_is_ones_own_shows_and_touches_nothing_of_others(store: Store) -> None:
    known = await world(store)
    before = await everything_of(store, known.owner)
    marks = (*known.names, str(known.owner), *map(str, known.theirs.values()))
    # Deleting comes last: it leaves nobody to call the others for.
    for verb, call in sorted(OF_ONES_OWN.items(), key=lambda each: each[0] == "account.delete"):
        try:
            answer = repr(await call(store, known.stranger, None))
        except ReaderError as error:
            answer = str(error) if verb != "mute.unmute" else ""  # it repeats the word that was given
        assert [each for each in marks if each in answer] == [], verb
        assert await everything_of(store, known.owner) == before, verb


@pytest.fixture(scope="module")
def furnished(sqlite: Fresh) -> tuple[Path, World]:
    """Both of them in a SQLite file; copy it before it is touched."""
    address = sqlite()

    async def furnish() -> World:
        store = await open_store(address, clock=FakeClock(MONDAY))
        known = await world(store)
        await store.close()
        return known

    return Path(address.partition(":///")[2]), asyncio.run(furnish())


@pytest.mark.parametrize("taking", TAKE_AN_ID, ids=lambda taking: taking.verb)
async def test_the_owner_is_served_with_the_same_id(
    furnished: tuple[Path, World], tmp_path: Path, taking: Taking
) -> None:
    file, known = furnished
    copy = shutil.copy(file, tmp_path / file.name)
    store = await open_store(f"sqlite+aiosqlite:///{copy}", clock=FakeClock(MONDAY + timedelta(minutes=5)))
    assert await refusal(taking.call(store, known.owner, known.theirs[taking.of])) is None
    await store.close()
