"""What matched a reader's profiles: `/api/v1/matches`.

The list is asked for all the time, by every extension of every reader: its papers are spliced from what the database
keeps (`spliced`), and its tag is made of what each paper is *at*, so that an answer that has not changed costs no paper
at all. The tag is weak, because the mark `since` moves on while nothing else does.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from aiohttp import ETag, web
from aiohttp.helpers import ETAG_ANY
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from paperlark.model.problems import ReaderError
from paperlark.readers import matches
from paperlark.readers.matches import COUNTED, Complete, Heads, Listed, Position, State
from paperlark.readers.why import why_each
from paperlark.store import papers
from paperlark.store.matches import Matched, Met
from paperlark.store.prints import rfc3339
from paperlark.web import answers, cursors
from paperlark.web.access import MATCHES_READ
from paperlark.web.api import spliced
from paperlark.web.api.operations import Asked, NoBody, NoQuery, Operations
from paperlark.web.api.papers import ShownPaper, ShownSpan, span_as_json
from paperlark.web.api.parameters import Cursor, Flag, Id, Paged
from paperlark.web.api.spliced import quoted
from paperlark.web.pages.still import unless_still
from paperlark.web.problems import bad_parameter

COMPLETE = web.AppKey("complete", Complete)
HEADS = web.AppKey("heads", Heads)
POLL_SECONDS = 60
MARK = "since"  # what its cursors belong to: no list

operations = Operations("matches")


class ShownMarks(BaseModel):
    """Since when a reader has a paper marked as what. Saved and dismissed exclude each other."""

    model_config = ConfigDict(extra="forbid")
    read: AwareDatetime | None = None
    saved: AwareDatetime | None = None
    dismissed: AwareDatetime | None = None


class MetProfile(BaseModel):
    """A profile that a paper met, and when it first did."""

    model_config = ConfigDict(extra="forbid")
    id: str
    name: str
    matched_at: AwareDatetime


class Why(BaseModel):
    """An alternative of a profile that a paper met, and the words that met it."""

    model_config = ConfigDict(extra="forbid")
    profile: str
    text: str
    matched: list[ShownSpan]


class ShownMatch(BaseModel):
    """A paper, the profiles that it met, when it first met one, and what its reader did with it. `why` only where it is
    asked for."""

    model_config = ConfigDict(extra="forbid")
    paper: ShownPaper
    profiles: list[MetProfile]
    matched_at: AwareDatetime
    marks: ShownMarks
    why: list[Why] | None = None


class ShownMatches(BaseModel):
    """Some papers that matched. unread: in all, 1000 means that many or more. since: for the next time; what matches
    from now on is told by it."""

    model_config = ConfigDict(extra="forbid")
    data: list[ShownMatch]
    next: str | None
    since: str
    unread: int = Field(ge=0, le=COUNTED)


class Unread(BaseModel):
    """How many papers are unread; 1000 means that many or more."""

    model_config = ConfigDict(extra="forbid")
    unread: int = Field(ge=0, le=COUNTED)


class Matches(Paged):
    """Which papers, in what order, and what is told of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    state: State = Field(State.UNREAD, description="what you did with a paper: unread, nothing yet")
    profile: Id | None = Field(None, description="what met this profile alone, by its id")
    since: Cursor | None = Field(None, description="`since` of an answer before: only what matched after it")
    why: Flag = Field(False, description="tell why each paper matched")

    @model_validator(mode="after")
    def _goes_one_way(self) -> "Matches":
        if self.since is not None and self.cursor is not None:
            raise ValueError("give a cursor or since, not both")
        return self

    @property
    def said(self) -> str:
        """What a cursor belongs to."""
        return f"matches {self.state} {self.profile or ''}"


@operations.get(
    "/matches",
    scope=MATCHES_READ,
    query=Matches,
    gives=ShownMatches,
    poll=POLL_SECONDS,
    also={304: "what you have is still the answer"},
    problems={400: "there is no such profile, or a cursor is none of this list's"},
)
async def listed(asked: Asked[Matches, NoBody]) -> web.StreamResponse:
    """The papers that matched your profiles, newest first, each once; unread ones unless another state is asked for.

    Muted papers are left out. What matches meanwhile moves nothing: whoever reads on by `next` meets each paper once.
    With `since` only what matched after that mark, oldest first, at most `limit`: ask again with the new mark for the
    rest. Nothing that matched after a mark is ever left out; what an answer showed before may be told again.
    """
    if asked.query.since is not None:
        return await _new(asked)

    async def answer(request: web.Request) -> web.Response:
        return await _listed(asked)

    return await unless_still(asked.request, answer, account=asked.account)


@operations.get("/matches/unread", scope=MATCHES_READ, gives=Unread, poll=POLL_SECONDS)
async def unread(asked: Asked[NoQuery, NoBody]) -> web.StreamResponse:
    """How many papers are unread, for a badge."""

    async def answer(request: web.Request) -> web.Response:
        count = await matches.unread(asked.store, asked.account, heads=asked.request.app[HEADS])
        return answers.say(request, {"unread": count}, cache=answers.PRIVATE)

    return await unless_still(asked.request, answer, account=asked.account)


async def _listed(asked: Asked[Matches, NoBody]) -> web.Response:
    query = asked.query
    before = cursors.follow(query.cursor, query.said, Position)
    complete = await asked.request.app[COMPLETE].before()
    with _pointing():
        found = await matches.listed(
            asked.store,
            asked.account,
            state=query.state,
            profile=query.profile,
            limit=query.limit,
            before=before,
            heads=asked.request.app[HEADS],
        )
    tag = _tag(found, query.why)
    if any(each.value in (tag, ETAG_ANY) for each in asked.request.if_none_match or ()):
        unchanged = web.Response(status=304, headers=answers.PRIVATE)
        unchanged.etag = ETag(tag, is_weak=True)
        return unchanged
    following = cursors.written(found.after, query.said) if found.after else None
    answer = _say(await _entries(asked, found), following, Position(complete), found.unread)
    answer.etag = ETag(tag, is_weak=True)
    if following is not None:
        answer.headers["Link"] = answers.next_page(asked.request, following)
    return answer


async def _new(asked: Asked[Matches, NoBody]) -> web.Response:
    query = asked.query
    assert query.since is not None
    mark = read_mark(query.since)
    complete = await asked.request.app[COMPLETE].before(old=0)
    with _pointing():
        found = await matches.new_since(
            asked.store, asked.account, mark, complete, state=query.state, profile=query.profile, limit=query.limit
        )
    assert found.after is not None
    return _say(await _entries(asked, found), None, found.after, found.unread)


@contextmanager
def _pointing() -> Iterator[None]:
    """What a reader verb refuses here is the profile."""
    try:
        yield
    except ReaderError as error:
        raise bad_parameter("profile", "you have no such profile") from error


def _say(entries: list[bytes], following: str | None, mark: Position, unread: int) -> web.Response:
    after = "null" if following is None else f'"{following}"'
    rest = f'], "next": {after}, "since": "{written_mark(mark)}", "unread": {unread}}}'
    body = b'{"data": [' + b", ".join(entries) + rest.encode()
    return web.Response(body=body, content_type="application/json", headers=answers.PRIVATE)


async def _entries(asked: Asked[Matches, NoBody], found: Listed) -> list[bytes]:
    why = await _why(asked, found) if asked.query.why else {}
    return [entry(row, why) for row in found.rows]


async def _why(asked: Asked[Matches, NoBody], found: Listed) -> Mapping[int, list[dict[str, Any]]]:
    async with asked.store.reading() as tx:
        stored = await papers.load(tx, [row.met.paper_id for row in found.rows])
    led = await why_each(asked.store, asked.account, stored.values())
    return {
        number: [
            {"profile": each.profile.name, "text": met.text, "matched": [span_as_json(span) for span in met.spans]}
            for each in profiles
            for met in each.alternatives
        ]
        for number, profiles in led.items()
    }


def _tag(found: Listed, why: bool) -> str:
    """Another one as soon as anything that is shown is, but for the mark."""
    said = [part for row in found.rows for part in _said(row.met)]
    after = (str(found.after.at), str(found.after.paper)) if found.after else ()
    return hashlib.blake2b("\n".join([str(found.unread), str(why), *after, *said]).encode(), digest_size=12).hexdigest()


def _said(met: Met) -> tuple[str, ...]:
    return (met.matched_at, met.profiles, met.marks, *(met.version or ()))


# ── what the stream needs too ──────────────────────────────────────────────────────────────────────────────────────


def entry(row: Matched, why: Mapping[int, list[dict[str, Any]]]) -> bytes:
    """A paper that matched, as JSON, as `ShownMatch` describes it."""
    assert row.paper is not None
    reasons = f', "why": {quoted(why[row.met.paper_id])}'.encode() if row.met.paper_id in why else b""
    return b"".join((b'{"paper": ', spliced.paper(row.paper).said, _met(row.met), reasons, b"}"))


@lru_cache(maxsize=spliced.KEPT)
def _met(met: Met) -> bytes:
    """What the reader's own rows say. Remembered for those that were told last."""
    at = rfc3339(met.matched_at)
    return f', "profiles": {met.profiles}, "matched_at": "{at}", "marks": {met.marks}'.encode()


@lru_cache(maxsize=1_000)  # for a second everyone is told the same one
def written_mark(mark: Position) -> str:
    """A mark as programs keep it."""
    return cursors.written(mark, MARK)


def read_mark(written: str) -> Position:
    """Raises Problem (400) for what is none."""
    try:
        return cursors.read(written, MARK, Position)
    except ValueError as error:
        raise bad_parameter("since", "this is no mark of ours; leave it out to begin") from error
