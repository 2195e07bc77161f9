"""An account's profiles: `/api/v1/profiles`. Another account's ids answer as if they did not exist."""

from typing import Annotated, Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError, model_validator

from paperlark.model.problems import QueryError
from paperlark.model.readers import Profile
from paperlark.readers import follow
from paperlark.web import answers
from paperlark.web.access import READ, WRITE, account_of
from paperlark.web.api_papers import moment
from paperlark.web.keys import STORE
from paperlark.web.problems import Problem, bad_body, bad_query

Body = TypeVar("Body", bound=BaseModel)

Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$", max_length=10_000)]  # PostgreSQL keeps no NUL
CLOSED = ConfigDict(frozen=True, extra="forbid", strict=True)

routes = web.RouteTableDef()


class NewProfile(BaseModel):
    """A profile to be kept. Without a name it is called by its text."""

    model_config = CLOSED
    text: Text
    name: Text | None = None


class ProfileChange(BaseModel):
    """What of a profile becomes different; what is left out stays. A new text counts from now on."""

    model_config = CLOSED
    text: Text | None = None
    name: Text | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "ProfileChange":
        if self.text is None and self.name is None:
            raise ValueError("give a text, a name, or both")
        return self


@routes.get("/api/v1/profiles")
async def listed(request: web.Request) -> web.Response:
    """All of an account's profiles, oldest first: there are at most 500."""
    account = await account_of(request, READ)
    mine = [profile_as_json(profile) for profile, _ in await follow.listed(request.app[STORE], account)]
    return answers.say(request, {"data": mine, "next": None}, cache=answers.PRIVATE)


@routes.post("/api/v1/profiles")
async def add(request: web.Request) -> web.Response:
    """Keep a new profile; 201 with its address."""
    account = await account_of(request, WRITE)
    wanted = await body(request, NewProfile)
    try:
        made = await follow.follow(request.app[STORE], account, wanted.text, name=wanted.name)
    except QueryError as error:
        raise bad_query(error, "text", status=422) from error
    headers = {"Location": f"/api/v1/profiles/{made.id}"}
    return answers.say(request, profile_as_json(made), status=201, cache=answers.PRIVATE, headers=headers)


@routes.get("/api/v1/profiles/{id}")
async def show(request: web.Request) -> web.Response:
    """One profile."""
    account = await account_of(request, READ)
    return answers.say(request, profile_as_json(await _mine(request, account)), cache=answers.PRIVATE)


@routes.patch("/api/v1/profiles/{id}")
async def edit(request: web.Request) -> web.Response:
    """Change a profile's text, its name, or both."""
    account = await account_of(request, WRITE)
    before = await _mine(request, account)
    wanted = await body(request, ProfileChange)
    try:
        after = await follow.edit(request.app[STORE], account, str(before.id), text=wanted.text, name=wanted.name)
    except QueryError as error:
        raise bad_query(error, "text", status=422) from error
    return answers.say(request, profile_as_json(after), cache=answers.PRIVATE)


@routes.delete("/api/v1/profiles/{id}")
async def remove(request: web.Request) -> web.Response:
    """End a profile and its subscriptions."""
    account = await account_of(request, WRITE)
    profile = await _mine(request, account)
    await follow.unfollow(request.app[STORE], account, str(profile.id))
    return web.Response(status=204, headers=answers.PRIVATE)


async def _mine(request: web.Request, account: int) -> Profile:
    for profile, _ in await follow.listed(request.app[STORE], account):
        if str(profile.id) == request.match_info["id"]:
            return profile
    raise no_such("profile")


# ── what subscriptions need too ────────────────────────────────────────────────────────────────────────────────────


def profile_as_json(profile: Profile) -> dict[str, Any]:
    """A profile at its present version, which began to count at `began_at`."""
    return {
        "id": str(profile.id),
        "name": profile.name,
        "text": profile.text,
        "version": profile.version,
        "began_at": moment(profile.began_at),
    }


async def body(request: web.Request, model: type[Body]) -> Body:
    """The request's JSON as a checked value. Raises Problem: 413, 415, 400 where it is no JSON, 422."""
    if request.content_type != "application/json":
        raise Problem(415, "the body must be JSON: `Content-Type: application/json`")
    try:
        return model.model_validate_json(await request.read())
    except ValidationError as error:
        raise bad_body(error) from error


def no_such(noun: str) -> Problem:
    """There is none, or it is somebody else's: nobody can tell which."""
    return Problem(404, f"you have no such {noun}", kind=f"no-such-{noun}", title=f"No such {noun}")
