"""Papers by mail: `/mail` asks for them, `POST /api/v1/mail/subscriptions` does so for programs, `/c/TOKEN` confirms.

Whoever signs an address up learns nothing of it: the answer is the same, and comes after the same time, whether the
address was known or not. Nothing is sent but the question to its owner. A link's GET only shows a button, because mail
scanners follow links; its POST confirms.
"""

import asyncio
from collections.abc import Mapping
from datetime import time
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from paperlark.links import Purpose
from paperlark.model.problems import QueryError, ReaderError
from paperlark.model.readers import Cadence, Rhythm
from paperlark.pipeline.confirm import in_words
from paperlark.readers import mailbox
from paperlark.readers.mailbox import SignUp
from paperlark.schedule import parse_hour, zone_names
from paperlark.store.mailboxes import EMAIL
from paperlark.web import answers
from paperlark.web.api.operations import CLOSED, Asked, NoQuery, Operations
from paperlark.web.api.parameters import Text
from paperlark.web.api.subscriptions import Hour, Zone
from paperlark.web.clients import hold_back
from paperlark.web.keys import CHANNELS, LINKS, STORE
from paperlark.web.pages.links import form_of, masked, page, read_token
from paperlark.web.problems import Problem, bad_members, bad_query, fault

SIGN_UPS = 20  # of one client in an hour
SAME_SECONDS = 0.3  # every sign-up is answered after as long, or a multiple of it
CADENCES = (Cadence.DAILY, Cadence.WEEKLY, Cadence.INSTANT)

routes = web.RouteTableDef()
operations = Operations("mail")


class NewMail(BaseModel):
    """Papers for a mailbox: those that meet the query, or, without one, what is trending."""

    model_config = CLOSED
    address: Text
    query: Text = ""
    cadence: Annotated[Cadence, Field(strict=False)] = Cadence.DAILY
    zone: Zone = Rhythm().zone
    digest_at: Hour = f"{Rhythm().digest_at:%H:%M}"
    weekday: Annotated[int, Field(ge=0, le=6)] = Rhythm().weekday


class AskedByMail(BaseModel):
    """What was done, which is the same for every address."""

    model_config = ConfigDict(extra="forbid")
    status: Literal["asked"]
    detail: str


@routes.get("/mail")
async def show(request: web.Request) -> web.Response:
    """The form."""
    _offered(request)
    return page(request, "mail.html", _form({"query": request.query.get("follow", "")}))


@routes.post("/mail")
async def sign_up(request: web.Request) -> web.Response:
    """Have the owner of the address asked. 422 with the form, as it was filled in, where something in it is wrong."""
    _offered(request)
    filled = await form_of(request)
    try:
        address, wanted = _address(request, filled.get("address", "")), _wanted(filled)
        await _ask(request, address, wanted)
    except (QueryError, ReaderError) as error:
        return page(request, "mail.html", _form(filled, fault=str(error)), status=422)
    return page(request, "mail_asked.html", {"address": address})


@operations.post(
    "/mail/subscriptions",
    body=NewMail,
    gives=AskedByMail,
    status=202,
    problems={404: "this paperlark sends no mail"},
)
async def add(asked: Asked[NoQuery, NewMail]) -> web.StreamResponse:
    """Have the owner of an address asked whether papers may come by mail. 202, whatever the address."""
    request, wanted = asked.request, asked.body
    _offered(request)
    try:
        address = _address(request, wanted.address)
    except ReaderError as error:
        raise bad_members([fault(["address"], str(error))]) from error
    rhythm = Rhythm(wanted.zone, time.fromisoformat(wanted.digest_at), wanted.weekday)
    try:
        await _ask(request, address, SignUp(wanted.query, wanted.cadence, rhythm))
    except QueryError as error:
        raise bad_query(error, "query", status=422) from error
    except ReaderError as error:
        raise bad_members([fault(["cadence"], str(error))]) from error
    said = {"status": "asked", "detail": "the owner of the address is asked by mail, and it begins when they confirm"}
    return answers.say(request, said, status=202, cache=answers.NEVER_KEPT)


async def _ask(request: web.Request, address: str, wanted: SignUp) -> None:
    await hold_back(request, "sign-up", allowed=SIGN_UPS)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await mailbox.sign_up(request.app[STORE], address, wanted)
    await asyncio.sleep(SAME_SECONDS - (loop.time() - began) % SAME_SECONDS)


# ── the answer ─────────────────────────────────────────────────────────────────────────────────────────────────────


@routes.get("/c/{token}")
async def question(request: web.Request) -> web.Response:
    """What is asked, and a button. Asking twice changes nothing."""
    found = await mailbox.question(request.app[STORE], read_token(request, Purpose.CONFIRM))
    if found is None:
        return _forgotten(request)
    context = {
        "wanted": in_words(found),
        "own": (found.wish or {}).get("query", ""),
        "address": masked(found.place.address),
        "used": found.used_at is not None,
    }
    return page(request, "confirm.html", context)


@routes.post("/c/{token}")
async def confirm(request: web.Request) -> web.Response:
    """Yes: it begins."""
    found = await mailbox.confirm(request.app[STORE], read_token(request, Purpose.CONFIRM))
    links = request.app[LINKS]
    if found is None or links is None:
        return _forgotten(request)
    token = links.token(Purpose.PREFERENCES, found.account_id, found.place.id)
    context = {"wanted": in_words(found), "address": masked(found.place.address), "preferences": f"/m/{token}"}
    return page(request, "confirmed.html", context)


def _forgotten(request: web.Request) -> web.Response:
    said = "It was asked too long ago, or the address was removed since. Nothing is sent because of it."
    return page(request, "mail_said.html", {"heading": "This question is forgotten", "said": said}, status=410)


# ── what was filled in ─────────────────────────────────────────────────────────────────────────────────────────────


def _offered(request: web.Request) -> None:
    """Raises Problem where this paperlark cannot send mail, or has no address of its own for links."""
    links = request.app[LINKS]
    if EMAIL not in request.app[CHANNELS] or links is None or not links.public:
        raise Problem(404, "this paperlark sends no mail", kind="no-mail", title="No papers by mail here")


def _address(request: web.Request, written: str) -> str:
    return request.app[CHANNELS][EMAIL].check_address(written)


def _wanted(filled: Mapping[str, str]) -> SignUp:
    cadence = filled.get("cadence", "")
    if cadence not in CADENCES:
        raise ReaderError(f"choose how often: {', '.join(CADENCES)}")
    rhythm = Rhythm(filled.get("zone", "").strip() or "UTC", parse_hour(filled.get("digest_at", "08:00")))
    return SignUp(filled.get("query", "").strip(), Cadence(cadence), rhythm)


def _form(filled: Mapping[str, str], *, fault: str = "") -> dict[str, Any]:
    usual = {"address": "", "query": "", "cadence": str(Cadence.DAILY), "digest_at": "08:00", "zone": ""}
    return {"filled": usual | dict(filled), "fault": fault, "cadences": CADENCES, "zones": zone_names()}
