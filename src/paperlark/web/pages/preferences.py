"""The pages behind the links in a mail: `/u/TOKEN` ends it, `/m/TOKEN` changes it. No cookies, no login, no script.

`/u` is RFC 8058's: the mail program's POST of `List-Unsubscribe=One-Click`, as a form or multipart, acts at once and is
not redirected; a GET only shows a button. Again changes nothing, and what is gone already is answered kindly.
"""

import re
from collections.abc import Mapping

from aiohttp import web

from paperlark.links import Purpose
from paperlark.model.problems import ReaderError
from paperlark.model.readers import TRENDING, Cadence
from paperlark.readers import mailbox
from paperlark.readers.mailbox import Change, Preferences
from paperlark.schedule import parse_hour, zone_names
from paperlark.web.keys import STORE
from paperlark.web.pages.links import form_of, masked, page, read_token
from paperlark.web.problems import Problem

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
PAUSES = {7: "a week", 14: "two weeks", 30: "a month", 90: "three months"}  # days
_OF_SUBSCRIPTION = re.compile(r"(cadence|end)-([0-9]{1,19})", re.ASCII)

routes = web.RouteTableDef()


@routes.get("/u/{token}")
async def leaving(request: web.Request) -> web.Response:
    """A button that unsubscribes."""
    found = await mailbox.preferences(request.app[STORE], read_token(request, Purpose.UNSUBSCRIBE))
    if found is None or found.place.confirm_by is not None:
        return _left(request)
    return page(request, "unsubscribe.html", {"address": masked(found.place.address), "following": found.following})


@routes.post("/u/{token}")
async def leave(request: web.Request) -> web.Response:
    """Unsubscribe: at the mail program's word or at the button's. 400 for any other body."""
    whose = read_token(request, Purpose.UNSUBSCRIBE)
    sent = await form_of(request)
    if sent.get("List-Unsubscribe", "").strip().casefold() != "one-click":
        raise Problem(400, "to unsubscribe, open the link from the mail and press the button", title="Nothing was done")
    await mailbox.unsubscribe(request.app[STORE], whose)
    return _left(request)


def _left(request: web.Request) -> web.Response:
    said = "Nothing more is sent to this address. What was on its way this very moment may still arrive."
    return page(request, "mail_said.html", {"heading": "You are unsubscribed", "said": said})


@routes.get("/m/{token}")
async def show(request: web.Request) -> web.Response:
    """How a mailbox is told, and of what."""
    found = await mailbox.preferences(request.app[STORE], read_token(request, Purpose.PREFERENCES))
    return _page(request, found)


@routes.post("/m/{token}")
async def change(request: web.Request) -> web.Response:
    """Change it; `do` says which button was pressed: save, pause, resume or unsubscribe."""
    store, whose = request.app[STORE], read_token(request, Purpose.PREFERENCES)
    filled = await form_of(request)
    match filled.get("do"):
        case "unsubscribe":
            await mailbox.unsubscribe(store, whose)
            return _left(request)
        case "resume":
            return _page(request, await mailbox.change(store, whose, Change(pause_days=0)), said="It goes on.")
        case "pause":
            days = int(filled["days"]) if filled.get("days", "") in map(str, PAUSES) else 7
            return _page(request, await mailbox.change(store, whose, Change(pause_days=days)), said="Paused.")
        case "save":
            pass
        case _:
            raise Problem(400, "press one of the buttons", title="Nothing was done")
    try:
        found = await mailbox.change(store, whose, _wanted(filled))
    except ReaderError as error:
        return _page(request, await mailbox.preferences(store, whose), fault=str(error), status=422)
    return _page(request, found, said="Saved.")


def _page(
    request: web.Request, found: Preferences | None, *, said: str = "", fault: str = "", status: int = 200
) -> web.Response:
    if found is None or found.place.confirm_by is not None:
        gone = "Nothing is sent to this address any more, so there is nothing to change."
        return page(request, "mail_said.html", {"heading": "You are unsubscribed", "said": gone}, status=410)
    context = {
        "address": masked(found.place.address),
        "place": found.place,
        "following": found.following,
        "trending": TRENDING,
        "cadences": tuple(Cadence),
        "weekdays": WEEKDAYS,
        "zones": zone_names(),
        "pauses": PAUSES,
        "said": said,
        "fault": fault,
    }
    return page(request, "preferences.html", context, status=status)


def _wanted(filled: Mapping[str, str]) -> Change:
    """What the form asks for. Raises ReaderError: no hour, no such cadence, an unknown zone."""
    cadences: dict[int, Cadence] = {}
    ended: set[int] = set()
    for name, value in filled.items():
        found = _OF_SUBSCRIPTION.fullmatch(name)
        if found is None:
            continue
        if found[1] == "end":
            ended.add(int(found[2]))
        elif value in tuple(Cadence):
            cadences[int(found[2])] = Cadence(value)
    weekday = filled.get("weekday", "")
    return Change(
        zone=filled["zone"].strip() if filled.get("zone") else None,
        digest_at=parse_hour(filled["digest_at"]) if filled.get("digest_at") else None,
        weekday=int(weekday) if weekday in tuple("0123456") else None,
        cadences=cadences,
        ended=ended,
    )
