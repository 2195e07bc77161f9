"""My profiles: `/profiles` lists them, `/profiles/new` and `/profiles/ID` write one, with what it would have brought;
`/profiles/ID/suggestions` says what else it could ask for.

What a text would have brought is shown by "Try it", and while it is typed where a script may run: `/profiles/preview`
is the very same piece of the page. Everything in it that can be pressed is a button of the form around it.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiohttp import web

from paperlark.model.problems import QueryError, ReaderError
from paperlark.model.readers import Profile, Subscription
from paperlark.readers import follow, subscribe
from paperlark.readers.narrower import Kind
from paperlark.readers.preview import Preview, preview
from paperlark.readers.suggest import suggest
from paperlark.readers.why import Answer, explain
from paperlark.readers.why_not import Told, why_not
from paperlark.store.database import Store
from paperlark.web.api.profiles import no_such
from paperlark.web.keys import ACCOUNT, STORE
from paperlark.web.pages.drawn import Plot, plot
from paperlark.web.pages.links import form_of, page
from paperlark.web.pages.shown import Card, card, unreadable
from paperlark.web.session import ReaderRoutes, led

LIST_SECONDS = 1.5  # for all the plots of the list; what is not drawn by then is a link
DONE = {
    "kept": "Kept. It counts from now on.",
    "changed": "Saved. The new text counts from now on.",
    "named": "Saved.",
    "removed": "Removed, with its subscriptions.",
}
WAYS: Mapping[Kind, str] = {
    "added": "With one more word",
    "excluded": "Without a word",
    "title": "In titles only",
    "without": "Without the noisiest part",
    "threshold": "Only what is upvoted",
}

pages = ReaderRoutes()


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a text cannot be read: in words, where, the text around the place, and what can be read instead."""

    said: str
    before: str
    at: str
    after: str
    suggestion: str


@dataclass(frozen=True, slots=True)
class Trial:
    """What a text would have brought, in the words of the page; or why it cannot be read."""

    fault: Fault | None = None
    found: Preview | None = None
    plot: Plot | None = None
    examples: tuple[Card, ...] = ()
    ways: Mapping[Kind, str] = field(default_factory=lambda: WAYS)

    @property
    def sentence(self) -> str:
        """The one line that says it all."""
        if self.fault is not None:
            return self.fault.said
        return _capital(self.found.sentence) + "." if self.found is not None else ""


# ── the list ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pages.get("/profiles")
async def listed(request: web.Request) -> web.Response:
    """All of them, each with its papers a day."""
    mine = await follow.listed(request.app[STORE], request[ACCOUNT])
    tried = await _tried_in_time(request.app[STORE], [profile for profile, _ in mine])
    context = {
        "mine": [(profile, subscribed, tried.get(profile.id)) for profile, subscribed in mine],
        "done": DONE.get(request.query.get("done", ""), ""),
    }
    return page(request, "reader/profiles.html", context)


async def _tried_in_time(store: Store, mine: list[Profile]) -> dict[int, Trial]:
    tried: dict[int, Trial] = {}
    loop = asyncio.get_running_loop()
    until = loop.time() + LIST_SECONDS
    for profile in mine:
        if loop.time() > until:
            break  # the rest are links to their own pages
        tried[profile.id] = await _try(store, profile.account_id, profile.text)
    return tried


# ── trying a text ──────────────────────────────────────────────────────────────────────────────────────────────────


@pages.post("/profiles/preview")
async def preview_of(request: web.Request) -> web.Response:
    """What a text would have brought, as a piece of a page."""
    text = (await form_of(request)).get("text", "").strip()
    tried = await _try(request.app[STORE], request[ACCOUNT], text) if text else None
    return page(request, "reader/trial.html", {"trial": tried})


async def _try(store: Store, account_id: int, text: str) -> Trial:
    try:
        found = await preview(store, text, now=await _now(store), account_id=account_id)
    except QueryError as error:
        return Trial(fault=_fault(text, error))
    examples = tuple(card(each.paper, each.matched) for each in found.examples)
    return Trial(found=found, plot=plot(found.per_day), examples=examples)


async def _now(store: Store) -> datetime:
    async with store.reading() as tx:
        return await tx.now()


def _fault(text: str, error: QueryError) -> Fault:
    shown = unreadable(text, error)
    line = f"line {error.at.line}, " if error.at is not None and error.at.line > 1 else ""
    where = f" at {line}column {error.at.column}" if error.at is not None else ""
    return Fault(_capital(error.message) + where, shown.before, shown.at, shown.after, shown.suggestion)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


# ── writing one ────────────────────────────────────────────────────────────────────────────────────────────────────


@pages.get("/profiles/new")
async def blank(request: web.Request) -> web.Response:
    """A new one; `?text=` writes it already, as links from papers do."""
    text = request.query.get("text", "").strip()
    tried = await _try(request.app[STORE], request[ACCOUNT], text) if text else None
    return page(request, "reader/profile_new.html", _form({"text": text}, tried))


@pages.post("/profiles/new")
async def add(request: web.Request) -> web.Response:
    """Keep it, or try it: `do` says which; `instead` is another text to try."""
    store, account = request.app[STORE], request[ACCOUNT]
    filled = await form_of(request)
    text = (filled.get("instead") or filled.get("text", "")).strip()
    if filled.get("do") == "keep" and "instead" not in filled:
        try:
            made = await follow.follow(store, account, text, name=filled.get("name", "").strip() or None)
            return led(f"/profiles/{made.id}", done="kept")
        except QueryError:
            pass  # the trial says what and where
        except ReaderError as error:
            tried = await _try(store, account, text)
            context = _form(filled | {"text": text}, tried, fault=str(error))
            return page(request, "reader/profile_new.html", context, status=422)
    tried = await _try(store, account, text)
    status = 422 if tried.fault is not None else 200
    return page(request, "reader/profile_new.html", _form(filled | {"text": text}, tried), status=status)


@pages.get("/profiles/{id}")
async def show(request: web.Request) -> web.Response:
    """One of mine: its text, what it would have brought, where it is told."""
    profile, subscribed = await _mine(request)
    tried = await _try(request.app[STORE], request[ACCOUNT], profile.text)
    filled = {"text": profile.text, "name": profile.name}
    return await _page(request, profile, subscribed, _form(filled, tried))


@pages.post("/profiles/{id}")
async def edit(request: web.Request) -> web.Response:
    """Save it, or try another text."""
    profile, subscribed = await _mine(request)
    store, account = request.app[STORE], request[ACCOUNT]
    filled = await form_of(request)
    text = (filled.get("instead") or filled.get("text", "")).strip()
    if filled.get("do") == "keep" and "instead" not in filled:
        try:
            after = await follow.edit(store, account, str(profile.id), text=text, name=filled.get("name", ""))
            return led(f"/profiles/{profile.id}", done="named" if after.version == profile.version else "changed")
        except QueryError:
            pass
        except ReaderError as error:
            context = _form(filled | {"text": text}, await _try(store, account, text), fault=str(error))
            return await _page(request, profile, subscribed, context, status=422)
    tried = await _try(store, account, text)
    status = 422 if tried.fault is not None else 200
    return await _page(request, profile, subscribed, _form(filled | {"text": text}, tried), status=status)


@pages.post("/profiles/{id}/remove")
async def remove(request: web.Request) -> web.Response:
    """End it and its subscriptions."""
    profile, _ = await _mine(request)
    await follow.unfollow(request.app[STORE], request[ACCOUNT], str(profile.id))
    return led("/profiles", done="removed")


def _form(filled: Mapping[str, str], tried: Trial | None, *, fault: str = "") -> dict[str, Any]:
    return {"filled": {"text": "", "name": ""} | dict(filled), "trial": tried, "fault": fault}


async def _page(
    request: web.Request,
    profile: Profile,
    subscribed: list[Subscription],
    form: Mapping[str, Any],
    *,
    status: int = 200,
) -> web.Response:
    places = {place.id: place for place in await subscribe.destinations(request.app[STORE], request[ACCOUNT])}
    context = {
        "profile": profile,
        "told": [(each, places[each.destination_id]) for each in subscribed],
        "done": DONE.get(request.query.get("done", ""), "") if request.method == "GET" else "",
        **form,
    }
    return page(request, "reader/profile.html", context, status=status)


async def _mine(request: web.Request) -> tuple[Profile, list[Subscription]]:
    for profile, subscribed in await follow.listed(request.app[STORE], request[ACCOUNT]):
        if str(profile.id) == request.match_info["id"]:
            return profile, subscribed
    raise no_such("profile")


# ── what else ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pages.get("/profiles/{id}/suggestions")
async def suggestions(request: web.Request) -> web.Response:
    """What may be changed about it, and why; a button saves the changed text, or tries it on the profile's page."""
    profile, _ = await _mine(request)
    store = request.app[STORE]
    found = await suggest(store, profile.text, now=await _now(store), account_id=request[ACCOUNT])
    return page(request, "reader/suggestions.html", {"profile": profile, "found": found})


# ── why, or why not ────────────────────────────────────────────────────────────────────────────────────────────────


@pages.get("/profiles/{id}/explain")
async def why(request: web.Request) -> web.Response:
    """Does a paper meet it, and what became of that paper? `?paper=`: any name of a paper."""
    profile, _ = await _mine(request)
    store, wanted = request.app[STORE], request.query.get("paper", "").strip()
    met: Answer | None = None
    told: Told | None = None
    fault = ""
    if wanted:
        try:
            told = await why_not(store, request[ACCOUNT], wanted, profile=str(profile.id))
            met = await explain(store, profile.text, wanted) if told.paper is not None else None
        except ReaderError as error:
            fault = str(error)
    context = {
        "profile": profile,
        "paper": wanted,
        "shown": card(met.paper, met.matched) if met is not None else None,
        "met": met,
        "told": told,
        "fault": fault,
    }
    return page(request, "reader/explain.html", context, status=422 if fault else 200)
