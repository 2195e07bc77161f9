"""The papers: `/api/v1/papers` and `/api/v1/days`. Open to everyone: they are public facts."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from paperlark.channels.text import own_page
from paperlark.model.messages import Span
from paperlark.model.papers import StoredPaper
from paperlark.model.problems import QueryError, ReaderError
from paperlark.readers import meaning, search, similar
from paperlark.readers.narrowing import VALUE_LIMIT, Narrowing
from paperlark.readers.search import Found, Place
from paperlark.web import answers, cursors
from paperlark.web.api.operations import Asked, NoBody, NoQuery, Operations
from paperlark.web.api.parameters import NO_NUL, Day, Limit, Paged, QueryText
from paperlark.web.keys import STORE
from paperlark.web.problems import Problem, bad_query

operations = Operations("papers")


class ShownPaper(BaseModel):
    """A paper. Title and abstract are as stored, TeX and all; ids are text, because JavaScript's numbers cannot hold
    them."""

    model_config = ConfigDict(extra="forbid")
    id: str
    title: str
    abstract: str
    authors: list[str]
    author_count: Annotated[int, Field(ge=1)] | None
    organisation: str | None
    categories: list[str]
    keywords: list[str]
    aliases: Annotated[list[str], Field(description="its names: `arxiv:…`, `doi:…`, `hf:…`")]
    url: str | None
    code_url: str | None
    published_at: AwareDatetime | None
    announced_at: AwareDatetime
    first_seen: AwareDatetime
    sources: list[str]
    signals: Annotated[dict[str, int], Field(description="the latest count of each kind: upvotes, comments, …")]


class ShownSpan(BaseModel):
    """Words of a paper's field, which stand there from `start` to before `end`, counted in code points."""

    model_config = ConfigDict(extra="forbid")
    field: str
    text: str
    start: Annotated[int, Field(ge=0)]
    end: Annotated[int, Field(ge=0)]


class ShownSnippet(BaseModel):
    """A part of an abstract; its spans are counted from its own beginning, which is `start` in the abstract."""

    model_config = ConfigDict(extra="forbid")
    text: str
    start: Annotated[int, Field(ge=0)]
    matched: list[ShownSpan]


class FoundPaper(ShownPaper):
    """A paper with why it meets the query, how well, and the part of its abstract that shows it."""

    matched: list[ShownSpan]
    score: float
    snippet: ShownSnippet


class FoundPapers(BaseModel):
    """Some papers of a search, which are found ones where it asks for anything, and the cursor of those that follow."""

    model_config = ConfigDict(extra="forbid")
    data: list[FoundPaper | ShownPaper]
    next: str | None
    note: Annotated[str, Field(description="of a search by meaning: what it could not do here, if anything")] = ""


class SimilarPaper(ShownPaper):
    """A paper with how like another it is, how closely it reads (null where that is not measured here), and
    characteristic words that both have."""

    score: float
    closeness: float | None
    words: list[str]


class SimilarPapers(BaseModel):
    """The papers most like one, best first."""

    model_config = ConfigDict(extra="forbid")
    data: list[SimilarPaper]
    note: Annotated[str, Field(description="what could not be done here, if anything")]


Value = Annotated[str, Field(max_length=VALUE_LIMIT, pattern=NO_NUL)]


class Search(Paged):
    """What is looked for, and where to go on."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    q: QueryText | None = None
    by: Annotated[
        Literal["words", "meaning"],
        Field(description="`words`: what meets `q`; `meaning`: what is about it, in its words or in others"),
    ] = "words"
    org: Annotated[Value | None, Field(description="of this organisation")] = None
    author: Annotated[Value | None, Field(description="by this author: `Finch, Ada`")] = None
    cat: Annotated[Value | None, Field(description="of this category: `cs.CL`, `cs.*`")] = None
    source: Annotated[Value | None, Field(description="told of by this source")] = None
    since: Annotated[Day | None, Field(description="the first day (UTC) of its announcement")] = None
    until: Annotated[Day | None, Field(description="the last day (UTC) of its announcement")] = None

    @property
    def narrowing(self) -> Narrowing:
        """What narrows it."""
        return Narrowing(self.org, self.author, self.cat, self.source, self.since, self.until)


@operations.get("/papers", query=Search, gives=FoundPapers)
async def papers(asked: Asked[Search, NoBody]) -> web.StreamResponse:
    """The papers that meet a query, best first; without one newest first.

    Narrowed by `org`, `author`, `cat`, `source`, and by the days `since` and `until`, both within. What arrives
    meanwhile moves nothing: whoever reads on by `next` meets each paper once.

    With `by=meaning` the words of the query need not be there: papers that are about the same in other words are found
    too. What it asks besides words (fields of names and codes, numbers, days, exclusions) must hold.
    """
    wanted = asked.query
    by_meaning = wanted.by == "meaning" and bool(wanted.q)
    try:
        said = f"{wanted.q or ''}\n{wanted.narrowing}".strip()  # a cursor belongs to both
        said = f"{said} by meaning" if by_meaning else said
        after = place(wanted.cursor, said)
        look = meaning.stretch if by_meaning else search.stretch
        found = await look(asked.store, wanted.q, narrowing=wanted.narrowing, limit=wanted.limit, after=after)
    except QueryError as error:
        raise bad_query(error, "q") from error
    except ReaderError as error:
        raise Problem(400, str(error), kind="bad-parameter", title="A parameter cannot be read") from error
    data = [paper_met(each) if said else paper_as_json(each.paper) for each in found.found]
    following = cursors.written(found.after, said) if found.after else None
    return answers.listed(asked.request, data, following, more={"note": meaning.note()} if by_meaning else None)


class Alike(BaseModel):
    """How many similar papers."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    limit: Limit = similar.SHOWN


# Names have slashes and all; but marks and similar papers have addresses of their own.
ANY_NAME = r"{id:(?![^/]+/marks/[^/]+$)(?!.+/similar$).+}"


@operations.get(
    r"/papers/{id:.+}/similar", query=Alike, gives=SimilarPapers, problems={404: "the archive holds no such paper"}
)
async def papers_like(asked: Asked[Alike, NoBody]) -> web.StreamResponse:
    """The papers most like one, which is given by its id or any of its names."""
    stored = await named(asked.request)
    found = await similar.similar(asked.store, str(stored.id), limit=asked.query.limit)
    data = [
        paper_as_json(each.paper) | {"score": each.score, "closeness": each.closeness, "words": list(each.words)}
        for each in found.papers
    ]
    return answers.say(asked.request, {"data": data, "note": found.note})


@operations.get(f"/papers/{ANY_NAME}", gives=ShownPaper, problems={404: "the archive holds no such paper"})
async def paper(asked: Asked[NoQuery, NoBody]) -> web.StreamResponse:
    """One paper, by its id or any of its names: `2510.02283`, `arxiv:…`, `doi:…`, an address."""
    return answers.say(asked.request, paper_as_json(await named(asked.request)))


# ── what other parts need too ──────────────────────────────────────────────────────────────────────────────────────


async def named(request: web.Request, name: str = "id") -> StoredPaper:
    """The paper that the request's path names. Raises Problem: 404."""
    wanted = request.match_info[name]
    try:
        if "\0" in wanted:  # PostgreSQL has no such text
            raise ReaderError("the archive holds no such paper")
        return await search.one(request.app[STORE], wanted)
    except ReaderError as error:
        raise no_such_paper(error) from error


def no_such_paper(error: ReaderError) -> Problem:
    """The archive does not hold it."""
    return Problem(404, str(error), kind="no-such-paper", title="No such paper")


def place(cursor: str | None, query: str) -> Place | None:
    """Where a cursor points among papers, None for the beginning. Raises Problem: 400."""
    return cursors.follow(cursor, query, Place)


def paper_as_json(stored: StoredPaper) -> dict[str, Any]:
    """A paper, as `ShownPaper` describes it."""
    return {
        "id": str(stored.id),
        "title": stored.title,
        "abstract": stored.abstract,
        "authors": stored.authors,
        "author_count": max(stored.author_count or 0, len(stored.authors)) or None,
        "organisation": stored.organisation,
        "categories": stored.categories,
        "keywords": stored.keywords,
        "aliases": [str(alias) for alias in stored.aliases],
        "url": own_page(stored.url),
        "code_url": own_page(stored.code_url),
        "published_at": moment(stored.published_at) if stored.published_at else None,
        "announced_at": moment(stored.announced_at),
        "first_seen": moment(stored.first_seen),
        "sources": stored.sources,
        "signals": stored.signals,
    }


def paper_met(found: Found) -> dict[str, Any]:
    """A paper that a query found, as `FoundPaper` describes it."""
    shown = found.snippet
    return paper_as_json(found.paper) | {
        "matched": [span_as_json(each) for each in found.matched],
        "score": found.score,
        "snippet": {"text": shown.text, "start": shown.start, "matched": [span_as_json(each) for each in shown.spans]},
    }


def span_as_json(span: Span) -> dict[str, Any]:
    """A span, as `ShownSpan` describes it."""
    return {"field": span.field, "text": span.text, "start": span.start, "end": span.end}


def moment(at: datetime) -> str:
    """A moment as RFC 3339 writes it, in UTC."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
