"""For you: `/for-you`, what met my profiles, unread first, by day, each paper with its reason."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from aiohttp import web
from markupsafe import Markup

from paperlark.channels import text
from paperlark.model.messages import DigestPaper, Reason, Span
from paperlark.model.papers import StoredPaper
from paperlark.model.problems import ReaderError
from paperlark.model.readers import MarkKind
from paperlark.readers import follow, mark, matches
from paperlark.readers.matches import COUNTED, Position, State
from paperlark.readers.why import Led, why_each
from paperlark.store import papers
from paperlark.store.database import Store
from paperlark.store.matches import Matched, moment_of
from paperlark.web import cursors
from paperlark.web.api.profiles import no_such
from paperlark.web.keys import ACCOUNT, STORE
from paperlark.web.pages.calendar import long_day
from paperlark.web.pages.links import form_of, page
from paperlark.web.pages.shown import Card, card
from paperlark.web.session import ReaderRoutes, led, local

A_PAGE = 30  # papers
STATES = {
    State.UNREAD: "Unread",
    State.READ: "Read",
    State.SAVED: "Saved",
    State.DISMISSED: "Not relevant",
    State.ANY: "All",
}

pages = ReaderRoutes()


@dataclass(frozen=True, slots=True)
class Shown:
    """A paper that matched: its card with the words that met marked, why it came, and my marks of it."""

    card: Card
    reason: Markup
    marks: frozenset[str]


@pages.get("/for-you")
async def for_you(request: web.Request) -> web.Response:
    """`?state=unread|read|saved|dismissed|any`, `?profile=ID`, `?cursor=`."""
    store, account = request.app[STORE], request[ACCOUNT]
    state = _state(request.query.get("state", ""))
    profile, cursor = request.query.get("profile", ""), request.query.get("cursor", "")
    said = f"matches of {account}\n{state}\n{profile}"
    mine = [each for each, _ in await follow.listed(store, account)]
    try:
        found = await matches.listed(
            store,
            account,
            state=state,
            profile=profile or None,
            limit=A_PAGE,
            before=cursors.follow(cursor, said, Position),
        )
    except ReaderError as error:
        raise no_such("profile") from error
    days = await _by_day(store, account, found.rows)
    context = {
        "days": days,
        "shown": [each.card.id for _, some in days for each in some],
        "unread": f"{COUNTED:,} or more" if found.unread >= COUNTED else f"{found.unread:,}",
        "any_unread": found.unread > 0,
        "state": state,
        "states": STATES,
        "profile": profile,
        "mine": mine,
        "following": cursors.written(found.after, said) if found.after else "",
        "further": bool(cursor),
        "back": request.path_qs,
    }
    return page(request, "reader/for_you.html", context)


@pages.post("/for-you")
async def read(request: web.Request) -> web.Response:
    """Mark the papers that the page showed as read, so that the next ones come up."""
    filled = await form_of(request)
    for paper in filled.get("papers", "").split(",")[:A_PAGE]:
        if paper.isascii() and paper.isdecimal():
            try:
                await mark.mark(request.app[STORE], request[ACCOUNT], paper, MarkKind.READ)
            except ReaderError:
                continue  # it became another paper meanwhile, which comes up by itself
    return led(local(filled.get("back", "")))


def _state(text: str) -> State:
    return State(text) if text in tuple(State) else State.UNREAD


async def _by_day(store: Store, account: int, rows: tuple[Matched, ...]) -> list[tuple[str, list[Shown]]]:
    """The papers by the day (UTC) on which they first matched, as the page names it."""
    async with store.reading() as tx:
        stored = await papers.load(tx, [row.met.paper_id for row in rows])
    reasons = await why_each(store, account, stored.values())
    there = [row for row in rows if row.met.paper_id in stored]
    return [
        (long_day(day), [_shown(row, stored[row.met.paper_id], reasons[row.met.paper_id]) for row in some])
        for day, some in groupby(there, key=_day)
    ]


def _day(row: Matched) -> date:
    return moment_of(row.met.matched_at).date()


def _shown(row: Matched, paper: StoredPaper, led_by: Sequence[Led]) -> Shown:
    reasons = [Reason(each.profile.name, _words([each])) for each in led_by]
    said = text.why(DigestPaper.of(paper, reasons))
    reason = Markup("").join(Markup("<b>{}</b>").format(run.text) if run.marked else run.text for run in said)
    return Shown(card(paper, _words(led_by)), reason, frozenset(json.loads(row.met.marks)))


def _words(led_by: Sequence[Led]) -> tuple[Span, ...]:
    """Every word that met any of the profiles, each place once."""
    return tuple(sorted({span for each in led_by for met in each.alternatives for span in met.spans}))
