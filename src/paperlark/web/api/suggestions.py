"""What may be asked instead, or besides: `/api/v1/profiles/{id}/suggestions`, and `/suggestions` for a text that nobody
follows yet. Nothing is changed: the text of a suggestion is what a profile is then changed to."""

from typing import Annotated, Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from paperlark.model.problems import QueryError
from paperlark.readers import suggest as verbs
from paperlark.readers.preview import DAYS, DAYS_LIMIT
from paperlark.readers.proposals import Kind
from paperlark.readers.suggest import Suggested, Suggestion
from paperlark.web import answers
from paperlark.web.access import PROFILES_READ
from paperlark.web.api.operations import CLOSED, Asked, NoBody, NoQuery, Operations
from paperlark.web.api.parameters import QueryText
from paperlark.web.api.previews import Back
from paperlark.web.api.profiles import mine
from paperlark.web.problems import bad_query

operations = Operations("suggestions")


class ShownSuggestion(BaseModel):
    """A changed text, and why.

    what: the word, phrase or name it is about. reason: why, in a clause. said: what it would add or leave, in words;
    more: the same as papers over the days looked back, fewer than now below 0; total, a_day: what the text would bring.
    """

    model_config = ConfigDict(extra="forbid")
    kind: Kind
    what: str
    reason: str
    text: str
    said: str
    more: int
    total: int
    a_day: float


class ShownSuggestions(BaseModel):
    """Suggestions for a text, the best first. total, a_day: what the text brings as it is."""

    model_config = ConfigDict(extra="forbid")
    text: str
    days: int
    total: int
    a_day: float
    suggestions: list[ShownSuggestion]


class Draft(BaseModel):
    """A text that somebody thinks of following."""

    model_config = CLOSED
    text: QueryText
    days: Annotated[int, Field(ge=1, le=DAYS_LIMIT)] = DAYS


@operations.post("/suggestions", scope=PROFILES_READ, body=Draft, gives=ShownSuggestions)
async def suggest(asked: Asked[NoQuery, Draft]) -> web.StreamResponse:
    """What may be asked instead of a text, or besides, and why."""
    try:
        return await _suggested(asked, asked.body.text, asked.body.days)
    except QueryError as error:
        raise bad_query(error, "text", status=422) from error


@operations.get(
    "/profiles/{id}/suggestions",
    scope=PROFILES_READ,
    query=Back,
    gives=ShownSuggestions,
    problems={404: "there is no such profile"},
)
async def suggest_for_profile(asked: Asked[Back, NoBody]) -> web.StreamResponse:
    """What may be changed about a profile, and why: words that go with its papers, acronyms, spelling, names.

    Each suggestion has the whole changed text: `PATCH /profiles/{id}` follows it.
    """
    return await _suggested(asked, (await mine(asked)).text, asked.query.days)


async def _suggested(asked: Asked[Any, Any], text: str, days: int) -> web.StreamResponse:
    now = await asked.store.now()
    found = await verbs.suggest(asked.store, text, now=now, days=days, account_id=asked.account)
    return answers.say(asked.request, _as_json(found, days), cache=answers.PRIVATE)


def _as_json(found: Suggested, days: int) -> dict[str, Any]:
    return {
        "text": found.text,
        "days": days,
        "total": found.volume.total,
        "a_day": round(found.volume.a_day, 2),
        "suggestions": [suggestion_as_json(each) for each in found.suggestions],
    }


def suggestion_as_json(each: Suggestion) -> dict[str, Any]:
    """A suggestion, as `ShownSuggestion` describes it."""
    return {
        "kind": each.kind,
        "what": each.what,
        "reason": each.reason,
        "text": each.text,
        "said": each.effect,
        "more": each.more,
        "total": each.volume.total,
        "a_day": round(each.volume.a_day, 2),
    }
