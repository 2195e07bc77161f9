"""What a reader did with papers, `/api/v1/papers/{id}/marks` and `/api/v1/saved`; and does not want to hear of,
`/api/v1/mutes`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from aiohttp import web
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from paperlark.matching.mutes import VALUE_LIMIT
from paperlark.model.problems import ReaderError
from paperlark.model.readers import MarkKind, Mute, MuteKind
from paperlark.readers import mark, mute
from paperlark.readers.mark import Marked
from paperlark.web import answers, cursors
from paperlark.web.access import MARKS_WRITE, MATCHES_READ
from paperlark.web.api.matches import ShownMarks
from paperlark.web.api.operations import CLOSED, Asked, NoBody, NoQuery, Operations
from paperlark.web.api.papers import ShownPaper, moment, paper_as_json
from paperlark.web.api.parameters import NO_NUL, Paged
from paperlark.web.api.profiles import no_such
from paperlark.web.problems import Problem, bad_members, fault

NO_PAPER = {404: "the archive holds no such paper, or a paper cannot be marked so"}

operations = Operations("marks")


class MarkedPaper(BaseModel):
    """A paper with all its marks."""

    model_config = ConfigDict(extra="forbid")
    paper_id: str
    marks: ShownMarks


class SavedPaper(BaseModel):
    """A saved paper, and when it was saved."""

    model_config = ConfigDict(extra="forbid")
    paper: ShownPaper
    saved_at: AwareDatetime


class SavedPapers(BaseModel):
    """Some of what is saved, newest first."""

    model_config = ConfigDict(extra="forbid")
    data: list[SavedPaper]
    next: str | None


class Saved(Paged):
    """Where to go on."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Value = Annotated[str, Field(min_length=1, max_length=VALUE_LIMIT, pattern=NO_NUL)]


class Muting(BaseModel):
    """What is to be muted: a word or phrase of the profile language, an author's name, a source."""

    model_config = CLOSED
    kind: MuteKind
    value: Value


class Muted(BaseModel):
    """What is muted, in any spelling."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: MuteKind
    value: Value


class ShownMute(BaseModel):
    """Something that is muted, in its one spelling."""

    model_config = ConfigDict(extra="forbid")
    kind: MuteKind
    value: str
    at: AwareDatetime


class ShownMutes(BaseModel):
    """All that an account has muted, oldest first."""

    model_config = ConfigDict(extra="forbid")
    data: list[ShownMute]
    next: None


# ── marks ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@operations.put("/papers/{id}/marks/{kind}", scope=MARKS_WRITE, gives=MarkedPaper, problems=NO_PAPER)
async def put(asked: Asked[NoQuery, NoBody]) -> web.StreamResponse:
    """Mark a paper (by its id, as text) as `read`, `saved` or `dismissed`.

    Saved and dismissed exclude each other: the later word counts. The same again changes nothing.
    """
    return await _marked(asked, mark.mark)


@operations.delete("/papers/{id}/marks/{kind}", scope=MARKS_WRITE, gives=MarkedPaper, problems=NO_PAPER)
async def remove(asked: Asked[NoQuery, NoBody]) -> web.StreamResponse:
    """Take a mark off a paper; one that it does not have is no fault."""
    return await _marked(asked, mark.unmark)


async def _marked(asked: Asked[NoQuery, NoBody], verb: Any) -> web.Response:
    try:
        kind = MarkKind(asked.path("kind"))
    except ValueError as error:
        raise Problem(404, "a paper can be marked as read, saved or dismissed", kind="no-such-mark") from error
    try:
        if "\0" in asked.path():  # PostgreSQL has no such text
            raise ReaderError("the archive holds no such paper")
        found: Marked = await verb(asked.store, asked.account, asked.path(), kind)
    except ReaderError as error:
        raise Problem(404, str(error), kind="no-such-paper", title="No such paper") from error
    marks = {str(kind): moment(at) for kind, at in found.marks.items()}
    return answers.say(asked.request, {"paper_id": str(found.paper.id), "marks": marks}, cache=answers.PRIVATE)


@dataclass(frozen=True, slots=True)
class After:
    """Right after this paper, which was saved at this moment."""

    at: datetime
    paper_id: int


@operations.get("/saved", scope=MATCHES_READ, query=Saved, gives=SavedPapers)
async def saved(asked: Asked[Saved, NoBody]) -> web.StreamResponse:
    """The saved papers, newest first. What is saved meanwhile moves nothing."""
    after = cursors.follow(asked.query.cursor, "saved", After)
    place = (after.at, after.paper_id) if after is not None else None
    shelf = await mark.saved(asked.store, asked.account, limit=asked.query.limit, after=place)
    data = [{"paper": paper_as_json(each.paper), "saved_at": moment(each.at)} for each in shelf.kept]
    following = cursors.written(After(*shelf.after), "saved") if shelf.after is not None else None
    return answers.listed(asked.request, data, following, cache=answers.PRIVATE)


# ── mutes ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@operations.get("/mutes", scope=MATCHES_READ, gives=ShownMutes)
async def muted(asked: Asked[NoQuery, NoBody]) -> web.StreamResponse:
    """All that is muted, oldest first: there are at most 500."""
    mine = [_mute_as_json(each) for each in await mute.muted(asked.store, asked.account)]
    return answers.say(asked.request, {"data": mine, "next": None}, cache=answers.PRIVATE)


@operations.post("/mutes", scope=MARKS_WRITE, body=Muting, gives=ShownMute, status=201)
async def add(asked: Asked[NoQuery, Muting]) -> web.StreamResponse:
    """Hear no more of a word, an author or a source; the same again changes nothing.

    Muted papers are left out of digests, lists and counts. The answer has the value in its one spelling.
    """
    wanted = asked.body
    try:
        made = await mute.mute(asked.store, asked.account, wanted.kind, wanted.value)
    except ReaderError as error:
        raise bad_members([fault(["value"], str(error))]) from error
    return answers.say(asked.request, _mute_as_json(made), status=201, cache=answers.PRIVATE)


@operations.delete("/mutes", scope=MARKS_WRITE, query=Muted, status=204, problems={404: "nothing like that is muted"})
async def lift(asked: Asked[Muted, NoBody]) -> web.StreamResponse:
    """Hear of it again, given in any spelling that reads the same."""
    try:
        await mute.unmute(asked.store, asked.account, asked.query.kind, asked.query.value)
    except ReaderError as error:
        raise no_such("mute") from error
    return web.Response(status=204, headers=answers.PRIVATE)


def _mute_as_json(found: Mute) -> dict[str, Any]:
    return {"kind": str(found.kind), "value": found.value, "at": moment(found.at)}
