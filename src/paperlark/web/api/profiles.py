"""An account's profiles: `/api/v1/profiles`. Another account's ids answer as if they did not exist."""

from typing import Any

from aiohttp import web
from pydantic import AwareDatetime, BaseModel, ConfigDict, model_validator

from paperlark.model.problems import QueryError
from paperlark.model.readers import Profile
from paperlark.readers import follow
from paperlark.web import answers
from paperlark.web.access import READ, WRITE
from paperlark.web.api.operations import CLOSED, Asked, NoBody, NoQuery, Operations
from paperlark.web.api.papers import moment
from paperlark.web.api.parameters import QueryText, Text
from paperlark.web.problems import Problem, bad_query

operations = Operations("profiles")


class ShownProfile(BaseModel):
    """A profile at its present version, which began to count at `began_at`."""

    model_config = ConfigDict(extra="forbid")
    id: str
    name: str
    text: str
    version: int
    began_at: AwareDatetime


class ShownProfiles(BaseModel):
    """All of an account's profiles."""

    model_config = ConfigDict(extra="forbid")
    data: list[ShownProfile]
    next: None


class NewProfile(BaseModel):
    """A profile to be kept. Without a name it is called by its text."""

    model_config = CLOSED
    text: QueryText
    name: Text | None = None


class ProfileChange(BaseModel):
    """What of a profile becomes different; what is left out stays. A new text counts from now on."""

    model_config = CLOSED
    text: QueryText | None = None
    name: Text | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "ProfileChange":
        if self.text is None and self.name is None:
            raise ValueError("give a text, a name, or both")
        return self


@operations.get("/profiles", scope=READ, gives=ShownProfiles)
async def listed(asked: Asked[NoQuery, NoBody]) -> web.StreamResponse:
    """All of an account's profiles, oldest first: there are at most 500."""
    all_mine = [profile_as_json(profile) for profile, _ in await follow.listed(asked.store, asked.account)]
    return answers.listed(asked.request, all_mine, None, cache=answers.PRIVATE)


@operations.post("/profiles", scope=WRITE, body=NewProfile, gives=ShownProfile, status=201)
async def add(asked: Asked[NoQuery, NewProfile]) -> web.StreamResponse:
    """Keep a new profile; `Location` is its address."""
    try:
        made = await follow.follow(asked.store, asked.account, asked.body.text, name=asked.body.name)
    except QueryError as error:
        raise bad_query(error, "text", status=422) from error
    headers = {"Location": f"/api/v1/profiles/{made.id}"}
    return answers.say(asked.request, profile_as_json(made), status=201, cache=answers.PRIVATE, headers=headers)


@operations.get("/profiles/{id}", scope=READ, gives=ShownProfile, problems={404: "there is no such profile"})
async def show(asked: Asked[NoQuery, NoBody]) -> web.StreamResponse:
    """One profile."""
    return answers.say(asked.request, profile_as_json(await mine(asked)), cache=answers.PRIVATE)


@operations.patch(
    "/profiles/{id}",
    scope=WRITE,
    body=ProfileChange,
    gives=ShownProfile,
    problems={404: "there is no such profile"},
)
async def edit(asked: Asked[NoQuery, ProfileChange]) -> web.StreamResponse:
    """Change a profile's text, its name, or both."""
    before, wanted = await mine(asked), asked.body
    try:
        after = await follow.edit(asked.store, asked.account, str(before.id), text=wanted.text, name=wanted.name)
    except QueryError as error:
        raise bad_query(error, "text", status=422) from error
    return answers.say(asked.request, profile_as_json(after), cache=answers.PRIVATE)


@operations.delete("/profiles/{id}", scope=WRITE, status=204, problems={404: "there is no such profile"})
async def remove(asked: Asked[NoQuery, NoBody]) -> web.StreamResponse:
    """End a profile and its subscriptions."""
    profile = await mine(asked)
    await follow.unfollow(asked.store, asked.account, str(profile.id))
    return web.Response(status=204, headers=answers.PRIVATE)


# ── what other parts need too ──────────────────────────────────────────────────────────────────────────────────────


async def mine(asked: Asked[Any, Any]) -> Profile:
    """The account's profile that the path names. Raises Problem: 404."""
    for profile, _ in await follow.listed(asked.store, asked.account):
        if str(profile.id) == asked.path():
            return profile
    raise no_such("profile")


def profile_as_json(profile: Profile) -> dict[str, Any]:
    """A profile, as `ShownProfile` describes it."""
    return {
        "id": str(profile.id),
        "name": profile.name,
        "text": profile.text,
        "version": profile.version,
        "began_at": moment(profile.began_at),
    }


def no_such(noun: str) -> Problem:
    """There is none, or it is somebody else's: nobody can tell which."""
    return Problem(404, f"you have no such {noun}", kind=f"no-such-{noun}", title=f"No such {noun}")
