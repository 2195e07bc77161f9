"""What I keep and keep away: `/saved`, `/mutes`, and `/marks`, which every paper's buttons send to.

A form of marks answers with the page it came from; with `piece` in it, which a script sends, with the paper's buttons
alone, as they are now.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web
from markupsafe import Markup

from paperlark.channels.letters import legible
from paperlark.model.problems import ReaderError
from paperlark.model.readers import MarkKind, MuteKind
from paperlark.readers import mark, mute, search
from paperlark.readers.choices import choices
from paperlark.web import cursors
from paperlark.web.keys import ACCOUNT, STORE
from paperlark.web.pages.for_you import Shown
from paperlark.web.pages.links import form_of, page
from paperlark.web.pages.shown import card
from paperlark.web.problems import Problem
from paperlark.web.session import ReaderRoutes, led, local

A_PAGE = 30
PRESSED = {
    "save": (MarkKind.SAVED, True),
    "unsave": (MarkKind.SAVED, False),
    "dismiss": (MarkKind.DISMISSED, True),
    "restore": (MarkKind.DISMISSED, False),
    "read": (MarkKind.READ, True),
    "unread": (MarkKind.READ, False),
}
KINDS = {MuteKind.WORD: "Word or phrase", MuteKind.AUTHOR: "Author", MuteKind.SOURCE: "Source"}
DONE = {
    "muted": "Muted: in any message from now on, no longer here.",
    "unmuted": "It may come again. What was kept from you meanwhile is past.",
}

pages = ReaderRoutes()


@dataclass(frozen=True, slots=True)
class Shelved:
    """Where somebody who reads on stands: right after the paper that was saved then."""

    at: datetime
    paper_id: int


# ── marks ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pages.post("/marks")
async def press(request: web.Request) -> web.Response:
    """Mark a paper, or take a mark off: `do` says what, `paper` which."""
    filled = await form_of(request)
    pressed = PRESSED.get(filled.get("do", ""))
    if pressed is None:
        raise Problem(400, "press one of the buttons", title="Nothing was done")
    kind, put = pressed
    change = mark.mark if put else mark.unmark
    found = await change(request.app[STORE], request[ACCOUNT], filled.get("paper", ""), kind)
    back = local(filled.get("back", ""))
    if "piece" not in filled:
        return led(back)
    return page(request, "reader/acts.html", {"paper": str(found.paper.id), "marks": set(found.marks), "back": back})


# ── saved ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pages.get("/saved")
async def saved(request: web.Request) -> web.Response:
    """The papers that I saved, newest first."""
    said = f"saved of {request[ACCOUNT]}"
    cursor = request.query.get("cursor", "")
    after = cursors.follow(cursor, said, Shelved)
    found = await mark.saved(
        request.app[STORE], request[ACCOUNT], limit=A_PAGE, after=(after.at, after.paper_id) if after else None
    )
    context = {
        "papers": [Shown(card(each.paper), Markup(""), frozenset({MarkKind.SAVED})) for each in found.kept],
        "following": cursors.written(Shelved(*found.after), said) if found.after else "",
        "further": bool(cursor),
    }
    return page(request, "reader/saved.html", context)


# ── mutes ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pages.get("/mutes")
async def mutes(request: web.Request) -> web.Response:
    """What I do not want to hear of; `?paper=` offers what of a paper may be muted."""
    return await _mutes(request, {"kind": str(MuteKind.WORD), "value": ""})


@pages.post("/mutes")
async def change(request: web.Request) -> web.Response:
    """Mute or unmute: `do` says which."""
    store, account = request.app[STORE], request[ACCOUNT]
    filled = await form_of(request)
    kind, value = filled.get("kind", ""), filled.get("value", "").strip()
    try:
        if kind not in tuple(MuteKind) or not value:
            raise ReaderError("say what to hear no more of")
        if filled.get("do") == "unmute":
            await mute.unmute(store, account, MuteKind(kind), value)
            return led("/mutes", done="unmuted")
        await mute.mute(store, account, MuteKind(kind), value)
    except ReaderError as error:
        return await _mutes(request, filled, fault=str(error), status=422)
    return led("/mutes", done="muted")


async def _mutes(request: web.Request, filled: dict[str, str], *, fault: str = "", status: int = 200) -> web.Response:
    store, account = request.app[STORE], request[ACCOUNT]
    wanted = request.query.get("paper", "")
    paper = await search.one(store, wanted) if wanted else None
    of_it = await choices(store, account, wanted) if paper is not None else None
    offered = []
    if of_it is not None:
        offered += [(MuteKind.WORD, word) for word in of_it.words]
        offered += [(MuteKind.AUTHOR, name) for name in of_it.authors]
    context: dict[str, Any] = {
        "mutes": [(each, spelt(each.kind, each.value)) for each in reversed(await mute.muted(store, account))],
        "kinds": KINDS,
        "filled": {"kind": str(MuteKind.WORD), "value": ""} | filled,
        "paper": card(paper) if paper is not None else None,
        "offered": [(kind, value, spelt(kind, value)) for kind, value in offered],
        "fault": fault,
        "done": DONE.get(request.query.get("done", ""), ""),
    }
    return page(request, "reader/mutes.html", context, status=status)


def spelt(kind: MuteKind, value: str) -> str:
    """What is muted as people write it: a name is kept as "song, yang"."""
    family, comma, given = legible(value).partition(", ")
    return f"{given} {family}".title() if kind is MuteKind.AUTHOR and comma else legible(value)
