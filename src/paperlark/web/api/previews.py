"""Queries tried out before anybody is told of anything: `/api/v1/preview`, a profile's `preview`, and `explain`: why a
paper meets a profile, or why not."""

from collections.abc import Collection
from datetime import date
from typing import Annotated, Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from paperlark.model.problems import QueryError, ReaderError
from paperlark.model.readers import USUAL_WISHES
from paperlark.readers import preview as verbs
from paperlark.readers import why
from paperlark.readers.narrower import Kind
from paperlark.readers.preview import DAYS, DAYS_LIMIT, Example, Narrower, Preview
from paperlark.readers.tally import Share
from paperlark.web import answers
from paperlark.web.access import PROFILES_READ
from paperlark.web.api.operations import CLOSED, Asked, NoBody, NoQuery, Operations
from paperlark.web.api.papers import ShownPaper, ShownSpan, no_such_paper, paper_as_json, span_as_json
from paperlark.web.api.parameters import IN_DIGITS, QueryText
from paperlark.web.api.profiles import mine
from paperlark.web.api.subscriptions import Occasion
from paperlark.web.problems import bad_query

operations = Operations("previews")


class ShownDay(BaseModel):
    """How many papers a query would have brought on a day (UTC)."""

    model_config = ConfigDict(extra="forbid")
    day: date
    papers: int


class ShownExample(BaseModel):
    """A paper that a query would have brought, and the words that met it."""

    model_config = ConfigDict(extra="forbid")
    paper: ShownPaper
    matched: list[ShownSpan]


class ShownShare(BaseModel):
    """A part of a query: how many of the papers it is in, and how many would not be there without it."""

    model_config = ConfigDict(extra="forbid")
    text: str
    papers: int
    alone: int


class ShownNarrower(BaseModel):
    """A narrower reading: in which way it is narrower, how many papers it would leave, in words too, and how many of
    the saved papers it would miss."""

    model_config = ConfigDict(extra="forbid")
    kind: Kind
    text: str
    said: str
    total: int
    a_day: float
    missed: int


class ShownPreview(BaseModel):
    """A query against the last days of the archive.

    per_day: every day, oldest first. total: papers in all; a_day: on average since the archive began; floods: whether
    that is more than anybody reads. said: all this in a sentence; warning: what to do where it floods, else empty.
    examples: newest first. terms: the parts of the query; noisiest: the one that brings most alone. narrower: what to
    ask instead, the best first. saved, missed: of the saved papers, how many there are, and how many do not meet it.
    """

    model_config = ConfigDict(extra="forbid")
    text: str
    days: int
    total: int
    a_day: float
    floods: bool
    said: str
    warning: str
    per_day: list[ShownDay]
    examples: list[ShownExample]
    terms: list[ShownShare]
    noisiest: ShownShare | None
    narrower: list[ShownNarrower]
    saved: int
    missed: int


class ShownTerm(BaseModel):
    """A check that was met, and the words that met it; none where it asks that something is absent."""

    model_config = ConfigDict(extra="forbid")
    term: str
    matched: list[ShownSpan]


class ShownAlternative(BaseModel):
    """A line of a profile, or a part between commas, that a paper meets."""

    model_config = ConfigDict(extra="forbid")
    text: str
    terms: list[ShownTerm]


class ShownExplanation(BaseModel):
    """Does the paper meet the profile? said: the words that met it, or what was missing, in a sentence."""

    model_config = ConfigDict(extra="forbid")
    met: bool
    said: str
    alternatives: list[ShownAlternative]


class Back(BaseModel):
    """How far to look back."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    days: Annotated[int, Field(ge=1, le=DAYS_LIMIT), IN_DIGITS] = DAYS


class Trial(BaseModel):
    """A query to try, over how many days, and what a reader would hear of."""

    model_config = CLOSED
    text: QueryText
    days: Annotated[int, Field(ge=1, le=DAYS_LIMIT)] = DAYS
    occasions: Annotated[list[Occasion], Field(min_length=1, max_length=10)] = ["new", "cross"]


@operations.post("/preview", scope=PROFILES_READ, body=Trial, gives=ShownPreview)
async def preview(asked: Asked[NoQuery, Trial]) -> web.StreamResponse:
    """What a query would have brought: papers a day, examples, the noisiest part, and narrower readings."""
    wanted = asked.body
    try:
        return await _tried(asked, wanted.text, wanted.days, wanted.occasions)
    except QueryError as error:
        raise bad_query(error, "text", status=422) from error


@operations.get(
    "/profiles/{id}/preview",
    scope=PROFILES_READ,
    query=Back,
    gives=ShownPreview,
    problems={404: "there is no such profile"},
)
async def preview_of_profile(asked: Asked[Back, NoBody]) -> web.StreamResponse:
    """What a profile would have brought."""
    profile = await mine(asked)
    return await _tried(asked, profile.text, asked.query.days, USUAL_WISHES)


@operations.get(
    "/profiles/{id}/explain/{paper:.+}",
    scope=PROFILES_READ,
    gives=ShownExplanation,
    problems={404: "there is no such profile, or no such paper"},
)
async def explain(asked: Asked[NoQuery, NoBody]) -> web.StreamResponse:
    """Why a paper, by its id or any of its names, meets a profile as it is now, or why not."""
    profile = await mine(asked)
    try:
        found = await why.explain(asked.store, profile.text, asked.path("paper"))
    except ReaderError as error:
        raise no_such_paper(error) from error
    alternatives = [
        {
            "text": each.text,
            "terms": [
                {"term": term.term, "matched": [span_as_json(span) for span in term.spans]} for term in each.terms
            ],
        }
        for each in found.alternatives
    ]
    said = {"met": found.met, "said": found.sentence, "alternatives": alternatives}
    return answers.say(asked.request, said, cache=answers.PRIVATE)


async def _tried(asked: Asked[Any, Any], text: str, days: int, occasions: Collection[str]) -> web.StreamResponse:
    now = await asked.store.now()
    found = await verbs.preview(asked.store, text, days=days, now=now, account_id=asked.account, occasions=occasions)
    return answers.say(asked.request, _preview_as_json(text, found), cache=answers.PRIVATE)


def _preview_as_json(text: str, found: Preview) -> dict[str, Any]:
    return {
        "text": text,
        "days": found.days,
        "total": found.total,
        "a_day": round(found.volume.a_day, 2),
        "floods": found.volume.floods,
        "said": found.sentence,
        "warning": found.warning,
        "per_day": [{"day": str(day), "papers": papers} for day, papers in found.per_day],
        "examples": [_example_as_json(each) for each in found.examples],
        "terms": [_share_as_json(each) for each in found.terms],
        "noisiest": _share_as_json(found.noisiest) if found.noisiest else None,
        "narrower": [_narrower_as_json(each) for each in found.narrower],
        "saved": found.saved,
        "missed": found.missed,
    }


def _example_as_json(example: Example) -> dict[str, Any]:
    return {"paper": paper_as_json(example.paper), "matched": [span_as_json(each) for each in example.matched]}


def _share_as_json(share: Share) -> dict[str, Any]:
    return {"text": share.text, "papers": share.papers, "alone": share.alone}


def _narrower_as_json(narrower: Narrower) -> dict[str, Any]:
    volume = narrower.volume
    return {
        "kind": narrower.kind,
        "text": narrower.text,
        "said": str(volume),
        "total": volume.total,
        "a_day": round(volume.a_day, 2),
        "missed": narrower.missed,
    }
