"""An account's outbox: `/api/v1/deliveries`. What was sent, waits or died, and why; send it again, or drop it."""

from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from paperlark.model.problems import ReaderError
from paperlark.model.readers import Cadence
from paperlark.readers import deliveries as verbs
from paperlark.readers.deliveries import AT_YOUR_WISH, Content
from paperlark.readers.search import Place
from paperlark.store.deliveries import Message
from paperlark.web import answers, cursors
from paperlark.web.access import PROFILES_READ, PROFILES_WRITE
from paperlark.web.api.operations import CLOSED, Asked, NoBody, NoQuery, Operations
from paperlark.web.api.papers import moment
from paperlark.web.api.parameters import NO_NUL, Paged, Text
from paperlark.web.api.profiles import no_such

State = Literal["pending", "claimed", "sent", "dead", "dropped"]

operations = Operations("deliveries")


class ShownDelivery(BaseModel):
    """A delivery. `parts` is null before it is made; `reason` says why it waits, died or was dropped."""

    model_config = ConfigDict(extra="forbid")
    id: str
    destination_id: str
    channel: str
    address: str | None
    cadence: Cadence
    slot: str
    state: State
    first_due: AwareDatetime
    due_at: AwareDatetime
    ended_at: AwareDatetime | None
    attempts: int
    parts: int | None
    parts_sent: int
    papers: int
    reason: str | None
    paused_reason: str | None


class ShownContent(BaseModel):
    """A paper of a delivery, and what became of it there; null where it came to no digest."""

    model_config = ConfigDict(extra="forbid")
    paper_id: str
    title: str
    fate: str | None


class WholeDelivery(ShownDelivery):
    """A delivery with the papers that it tells of."""

    contents: list[ShownContent]


class ShownDeliveries(BaseModel):
    """Some of an account's deliveries."""

    model_config = ConfigDict(extra="forbid")
    data: list[ShownDelivery]
    next: str | None


class Wanted(Paged):
    """Which deliveries are wanted."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    state: Annotated[list[State], Field(default_factory=list, description="may be given several times")]
    channel: Annotated[str | None, Field(max_length=100, pattern=NO_NUL)] = None


class Dropping(BaseModel):
    """Why a delivery is dropped."""

    model_config = CLOSED
    reason: Text = AT_YOUR_WISH


NONE_SUCH = {404: "there is no such delivery"}
SETTLED = {422: "it is settled: only what waits or is dead can be changed"}


@operations.get("/deliveries", scope=PROFILES_READ, query=Wanted, gives=ShownDeliveries)
async def listed(asked: Asked[Wanted, NoBody]) -> web.StreamResponse:
    """An account's deliveries, newest first."""
    states, channel = asked.query.state, asked.query.channel
    said = f"deliveries of {asked.account}\n{sorted(states)}\n{channel}"
    after = cursors.follow(asked.query.cursor, said, Place)
    found = await verbs.listed(
        asked.store,
        asked.account,
        states=states,
        channel=channel,
        limit=asked.query.limit,
        before=after.paper_id if after else None,
    )
    following = cursors.written(Place(found.before), said) if found.before else None
    data = [delivery_as_json(message) for message in found.found]
    return answers.listed(asked.request, data, following, cache=answers.PRIVATE)


@operations.get("/deliveries/{id}", scope=PROFILES_READ, gives=WholeDelivery, problems=NONE_SUCH)
async def show(asked: Asked[NoQuery, NoBody]) -> web.StreamResponse:
    """One delivery, with the papers that it tells of."""
    message, contents = await _mine(asked)
    said = delivery_as_json(message) | {"contents": [_content_as_json(content) for content in contents]}
    return answers.say(asked.request, said, cache=answers.PRIVATE)


@operations.post("/deliveries/{id}/retry", scope=PROFILES_WRITE, gives=ShownDelivery, problems=NONE_SUCH | SETTLED)
async def retry(asked: Asked[NoQuery, NoBody]) -> web.StreamResponse:
    """Make one that waits, or is dead, due now; the delivery as it is then."""
    before, _ = await _mine(asked)
    message = await verbs.retry(asked.store, asked.account, before.id)
    return answers.say(asked.request, delivery_as_json(message), cache=answers.PRIVATE)


@operations.post(
    "/deliveries/{id}/drop",
    scope=PROFILES_WRITE,
    body=Dropping,
    optional_body=True,
    gives=ShownDelivery,
    problems=NONE_SUCH | SETTLED,
)
async def drop(asked: Asked[NoQuery, Dropping]) -> web.StreamResponse:
    """End one that waits, or is dead; a body may say why. The delivery as it is then."""
    before, _ = await _mine(asked)
    message = await verbs.drop(asked.store, asked.account, before.id, reason=asked.body.reason)
    return answers.say(asked.request, delivery_as_json(message), cache=answers.PRIVATE)


async def _mine(asked: Asked[Any, Any]) -> tuple[Message, tuple[Content, ...]]:
    """The account's delivery that the path names, and its papers. Raises Problem: 404."""
    text = asked.path()
    try:
        if text.isascii() and text.isdecimal() and len(text) < 20:
            return await verbs.one(asked.store, asked.account, int(text))
    except ReaderError as error:
        raise no_such("delivery") from error
    raise no_such("delivery")


def delivery_as_json(message: Message) -> dict[str, Any]:
    """A delivery, as `ShownDelivery` describes it."""
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
