"""An account's outbox: `/api/v1/deliveries`. What was sent, waits or died, and why; send it again, or drop it."""

from typing import Any

from aiohttp import web
from pydantic import BaseModel

from paperlark.model.problems import ReaderError
from paperlark.readers import deliveries as verbs
from paperlark.readers.deliveries import AT_YOUR_WISH, Content
from paperlark.readers.search import Place
from paperlark.store.deliveries import STATES, Message
from paperlark.web import answers, cursors
from paperlark.web.access import READ, WRITE, account_of
from paperlark.web.api_papers import limit_of, moment, place
from paperlark.web.api_profiles import Text, no_such
from paperlark.web.keys import STORE
from paperlark.web.operations import CLOSED, read_body
from paperlark.web.problems import bad_parameter

routes = web.RouteTableDef()


class Dropping(BaseModel):
    """Why a delivery is dropped."""

    model_config = CLOSED
    reason: Text = AT_YOUR_WISH


@routes.get("/api/v1/deliveries")
async def listed(request: web.Request) -> web.Response:
    """`?state=&channel=&cursor=&limit=`: an account's deliveries, newest first; `state` may be given several times."""
    account = await account_of(request, READ)
    states, channel = request.query.getall("state", []), request.query.get("channel") or None
    if not set(states) <= set(STATES):
        raise bad_parameter("state", f"a state is one of {', '.join(STATES)}")
    if channel is not None and "\0" in channel:  # PostgreSQL has no such text
        raise bad_parameter("channel", "there is no such channel")
    asked = f"deliveries of {account}\n{sorted(states)}\n{channel}"
    after = place(request.query.get("cursor", ""), asked)
    found = await verbs.listed(
        request.app[STORE],
        account,
        states=states,
        channel=channel,
        limit=limit_of(request),
        before=after.paper_id if after else None,
    )
    following = cursors.written(Place(found.before), asked) if found.before else None
    link = {"Link": f'<{request.rel_url.update_query(cursor=following)}>; rel="next"'} if following else {}
    said = {"data": [delivery_as_json(message) for message in found.found], "next": following}
    return answers.say(request, said, cache=answers.PRIVATE, headers=link)


@routes.get("/api/v1/deliveries/{id}")
async def show(request: web.Request) -> web.Response:
    """One delivery, with the papers that it tells of."""
    account = await account_of(request, READ)
    try:
        message, contents = await verbs.one(request.app[STORE], account, _id(request))
    except ReaderError as error:
        raise no_such("delivery") from error
    said = delivery_as_json(message) | {"contents": [_content_as_json(content) for content in contents]}
    return answers.say(request, said, cache=answers.PRIVATE)


@routes.post("/api/v1/deliveries/{id}/retry")
async def retry(request: web.Request) -> web.Response:
    """Make one that waits, or is dead, due now; the delivery as it is then."""
    account, number = await _mine(request)
    message = await verbs.retry(request.app[STORE], account, number)
    return answers.say(request, delivery_as_json(message), cache=answers.PRIVATE)


@routes.post("/api/v1/deliveries/{id}/drop")
async def drop(request: web.Request) -> web.Response:
    """End one that waits, or is dead; a body `{"reason": …}` may say why. The delivery as it is then."""
    account, number = await _mine(request)
    wanted = await read_body(request, Dropping) if request.can_read_body else Dropping()
    message = await verbs.drop(request.app[STORE], account, number, reason=wanted.reason)
    return answers.say(request, delivery_as_json(message), cache=answers.PRIVATE)


async def _mine(request: web.Request) -> tuple[int, int]:
    """The account that may change it, and the id of its delivery that the path names. Raises Problem: 404."""
    account, number = await account_of(request, WRITE), _id(request)
    try:
        await verbs.one(request.app[STORE], account, number)
    except ReaderError as error:
        raise no_such("delivery") from error
    return account, number


def _id(request: web.Request) -> int:
    text = request.match_info["id"]
    if text.isascii() and text.isdecimal() and len(text) < 20:
        return int(text)
    raise no_such("delivery")


def delivery_as_json(message: Message) -> dict[str, Any]:
    """A delivery. `parts` is null before it is made; `reason` says why it waits, died or was dropped."""
    return {
        "id": str(message.id),
        "destination_id": str(message.destination_id),
        "channel": message.channel,
        "address": message.address,
        "cadence": message.cadence,
        "slot": message.slot,
        "state": message.state,
        "first_due": moment(message.first_due),
        "due_at": moment(message.due_at),
        "ended_at": moment(message.ended_at) if message.ended_at else None,
        "attempts": message.attempts,
        "parts": message.parts,
        "parts_sent": message.parts_sent,
        "papers": message.papers,
        "reason": message.reason,
        "paused_reason": message.paused_reason,
    }


def _content_as_json(content: Content) -> dict[str, Any]:
    return {"paper_id": str(content.paper_id), "title": content.title, "fate": content.fate}
