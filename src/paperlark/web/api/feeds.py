"""Addresses of feeds: `/api/v1/feeds`. An address is shown when it is made, and never again."""

from typing import Any

from aiohttp import web
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from paperlark.formats import FEEDS
from paperlark.model.problems import ReaderError
from paperlark.model.readers import Profile
from paperlark.readers import feeds as verbs
from paperlark.readers import follow
from paperlark.readers.feeds import Made
from paperlark.store.feeds import Address
from paperlark.web import answers
from paperlark.web.access import ACCOUNT_READ, ACCOUNT_WRITE
from paperlark.web.api.operations import Asked, NoBody, NoQuery, Operations
from paperlark.web.api.papers import moment
from paperlark.web.api.profiles import no_such
from paperlark.web.feeds import OPML, home_of

NOT_KEPT = {"Cache-Control": "no-store"}  # an address is a secret

operations = Operations("feeds")


class ShownFeed(BaseModel):
    """An address of a feed, as far as it is kept. Without a profile it is of all of them, also of later ones.

    read_at: when it was last asked for, to the day.
    """

    model_config = ConfigDict(extra="forbid")
    id: str
    profile_id: str | None
    profile: str | None = Field(description="the profile's name")
    created_at: AwareDatetime
    read_at: AwareDatetime | None


class ShownFeeds(BaseModel):
    """All of an account's addresses."""

    model_config = ConfigDict(extra="forbid")
    data: list[ShownFeed]
    next: None


class NewFeed(ShownFeed):
    """A new address, in each format. Whoever has it can read what the profile meets, and nothing else."""

    addresses: dict[str, str] = Field(description="by format: atom, rss, json; or opml, of all profiles")


@operations.get("/feeds", scope=ACCOUNT_READ, gives=ShownFeeds)
async def listed(asked: Asked[NoQuery, NoBody]) -> web.StreamResponse:
    """An account's addresses of feeds, oldest first, but for the addresses themselves."""
    mine = [_feed_as_json(each.address, each.profile) for each in await verbs.listed(asked.store, asked.account)]
    return answers.say(asked.request, {"data": mine, "next": None}, cache=answers.PRIVATE)


@operations.post("/feeds", scope=ACCOUNT_WRITE, gives=NewFeed, status=201)
async def add_all(asked: Asked[NoQuery, NoBody]) -> web.StreamResponse:
    """Make an address of all profiles: a list of feeds (OPML) that follows what becomes of them."""
    return _made(asked.request, await verbs.make(asked.store, asked.account))


@operations.post(
    "/profiles/{id}/feed",
    scope=ACCOUNT_WRITE,
    gives=NewFeed,
    status=201,
    problems={404: "there is no such profile"},
)
async def add(asked: Asked[NoQuery, NoBody]) -> web.StreamResponse:
    """Make an address of one profile's feed."""
    profiles = [profile for profile, _ in await follow.listed(asked.store, asked.account)]
    if asked.path() not in {str(profile.id) for profile in profiles}:
        raise no_such("profile")
    return _made(asked.request, await verbs.make(asked.store, asked.account, asked.path()))


@operations.delete("/feeds/{id}", scope=ACCOUNT_WRITE, status=204, problems={404: "there is no such address"})
async def remove(asked: Asked[NoQuery, NoBody]) -> web.StreamResponse:
    """Revoke an address: whoever reads there is told that it has ended."""
    number = asked.path()
    try:
        known = number.isascii() and number.isdecimal() and len(number) < 19
        await verbs.revoke(asked.store, asked.account, int(number) if known else 0)
    except ReaderError as error:
        raise no_such("feed") from error
    return web.Response(status=204, headers=answers.PRIVATE)


def _made(request: web.Request, made: Made) -> web.Response:
    said = _feed_as_json(made.address, made.profile) | {"addresses": addresses(home_of(request), made)}
    return answers.say(request, said, status=201, cache=NOT_KEPT)


def addresses(home: str, made: Made) -> dict[str, str]:
    """A new address in every format that it is read in. home: this paperlark's own, without a slash at its end."""
    formats = FEEDS if made.profile is not None else (OPML,)
    return {name: f"{home}/feeds/{made.secret}.{name}" for name in formats}


def _feed_as_json(address: Address, profile: Profile | None) -> dict[str, Any]:
    return {
        "id": str(address.id),
        "profile_id": str(profile.id) if profile else None,
        "profile": profile.name if profile else None,
        "created_at": moment(address.created_at),
        "read_at": moment(address.read_at) if address.read_at else None,
    }
