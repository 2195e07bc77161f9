"""An account's subscriptions: `/api/v1/subscriptions`. Which profile is told where, how often, and when.

Zone, digest hour, weekday, quiet hours, cap and the policy for empty days belong to the *destination*: subscriptions
that share one share them, and changing them by one changes them for all.
"""

from collections.abc import Mapping
from datetime import time
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from paperlark.model.problems import ReaderError
from paperlark.model.readers import TRENDING, Cadence, Destination, EmptyPolicy, QuietHours, Rhythm, Subscription
from paperlark.readers import follow, webhook
from paperlark.readers import subscribe as verbs
from paperlark.readers.subscribe import CAP_LIMIT, Wish
from paperlark.schedule import zone
from paperlark.web import answers
from paperlark.web.access import PROFILES_READ, PROFILES_WRITE
from paperlark.web.api.operations import API, CLOSED, Asked, NoBody, NoQuery, Operations
from paperlark.web.api.papers import moment
from paperlark.web.api.parameters import Text
from paperlark.web.api.profiles import no_such
from paperlark.web.keys import CHANNELS, OWN_KEY, Addressed
from paperlark.web.problems import bad_members, fault

operations = Operations("subscriptions")


def _known_zone(name: str) -> str:
    try:
        zone(name)
    except ReaderError as error:
        raise ValueError(str(error)) from error
    return name


Hour = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Occasion = Literal["new", "cross", "replace", "published", "withdrawn"]
Zone = Annotated[str, AfterValidator(_known_zone)]


class QuietWish(BaseModel):
    """Local hours, `HH:MM`, in which nothing is sent; `start` after `end` wraps midnight."""

    model_config = CLOSED
    start: Hour
    end: Hour


class RhythmWish(BaseModel):
    """When a destination may be told; weekday 0 is Monday. `quiet: null` is none."""

    model_config = CLOSED
    zone: Zone = Rhythm().zone
    digest_at: Hour = f"{Rhythm().digest_at:%H:%M}"
    weekday: Annotated[int, Field(ge=0, le=6)] = Rhythm().weekday
    quiet: QuietWish | None = None


class SubscriptionChange(BaseModel):
    """How to be told. What is left out stays as it is, or as it is by default where nothing is yet."""

    model_config = CLOSED
    cadence: Cadence = Wish().cadence
    occasions: Annotated[list[Occasion], Field(min_length=1)] = ["new", "cross"]
    rhythm: RhythmWish = RhythmWish()
    cap: Annotated[int, Field(ge=1, le=CAP_LIMIT)] = Wish().cap
    empty: EmptyPolicy = Wish().empty


class NewSubscription(SubscriptionChange):
    """Tell an address of a profile's papers from now on."""

    profile_id: Text
    channel: Text
    address: Text


class ShownQuiet(BaseModel):
    """Local hours in which nothing is sent."""

    model_config = ConfigDict(extra="forbid")
    start: Hour
    end: Hour


class ShownRhythm(BaseModel):
    """When a destination may be told; weekday 0 is Monday."""

    model_config = ConfigDict(extra="forbid")
    zone: str
    digest_at: Hour
    weekday: Annotated[int, Field(ge=0, le=6)]
    quiet: ShownQuiet | None


class ShownSubscription(BaseModel):
    """A subscription, with its destination's settings. profile_id "0" stands for what is trending; confirmed: whether
    the address's owner has said that they want it, where they are asked."""

    model_config = ConfigDict(extra="forbid")
    id: str
    profile_id: str
    destination_id: str
    channel: str
    address: str
    cadence: Cadence
    occasions: list[Occasion]
    rhythm: ShownRhythm
    cap: int
    empty: EmptyPolicy
    paused_reason: str | None
    confirmed: bool
    began_at: AwareDatetime


class NewlySubscribed(ShownSubscription):
    """A new subscription; where it makes a webhook known, with the `secret` that it signs with, this once."""

    secret: str = ""


class ShownSubscriptions(BaseModel):
    """All of an account's subscriptions."""

    model_config = ConfigDict(extra="forbid")
    data: list[ShownSubscription]
    next: None


class ShownSecret(BaseModel):
    """A webhook's secret."""

    model_config = ConfigDict(extra="forbid")
    secret: str


NONE_SUCH = {404: "there is no such subscription"}


@operations.get("/subscriptions", scope=PROFILES_READ, gives=ShownSubscriptions)
async def listed(asked: Asked[NoQuery, NoBody]) -> web.StreamResponse:
    """All of an account's subscriptions, oldest first."""
    mine = [subscription_as_json(*each) for each in await verbs.subscriptions(asked.store, asked.account)]
    return answers.listed(asked.request, mine, None, cache=answers.PRIVATE)


@operations.post(
    "/subscriptions",
    scope=PROFILES_WRITE,
    body=NewSubscription,
    gives=NewlySubscribed,
    status=201,
    also={200: "there was this subscription already; how it is told has changed"},
)
async def add(asked: Asked[NoQuery, NewSubscription]) -> web.StreamResponse:
    """Subscribe; `Location` is its address. The same profile and address again change how.

    Where it makes a webhook known, the answer holds its `secret`, this once.
    """
    store, account, wanted = asked.store, asked.account, asked.body
    if wanted.profile_id not in {str(profile.id) for profile, _ in await follow.listed(store, account)}:
        raise bad_members([fault(["profile_id"], "you have no such profile")])
    address = _address(asked.request.app[CHANNELS], wanted)
    before = await verbs.subscriptions(store, account)
    place = next((d for _, d in before if (d.channel, d.address) == (wanted.channel, address)), None)
    same = next((s for s, d in before if d is place and str(s.profile_id) == wanted.profile_id), None)
    if not await verbs.is_theirs(store, account, wanted.channel, address):
        raise bad_members([fault(["address"], "this chat is not linked to your account: link it by its bot first")])
    made = await verbs.subscribe(
        store, account, wanted.profile_id, channel=wanted.channel, address=address, wish=_wish(wanted, same, place)
    )
    secret = await _first_secret(asked, made[1]) if place is None else {}
    return answers.say(
        asked.request,
        subscription_as_json(*made) | secret,
        status=200 if same else 201,
        cache=answers.NEVER_KEPT if secret else answers.PRIVATE,
        headers={"Location": f"{API}/subscriptions/{made[0].id}"},
    )


@operations.get("/subscriptions/{id}", scope=PROFILES_READ, gives=ShownSubscription, problems=NONE_SUCH)
async def show(asked: Asked[NoQuery, NoBody]) -> web.StreamResponse:
    """One subscription."""
    return answers.say(asked.request, subscription_as_json(*await _mine(asked)), cache=answers.PRIVATE)


@operations.patch(
    "/subscriptions/{id}", scope=PROFILES_WRITE, body=SubscriptionChange, gives=ShownSubscription, problems=NONE_SUCH
)
async def edit(asked: Asked[NoQuery, SubscriptionChange]) -> web.StreamResponse:
    """Change how to be told, not of what, where, or since when."""
    store, account = asked.store, asked.account
    before, place = await _mine(asked)
    wish = _wish(asked.body, before, place)
    if before.profile_id == TRENDING:
        after = await verbs.subscribe_trending(store, account, channel=place.channel, address=place.address, wish=wish)
    else:
        after = await verbs.subscribe(
            store, account, str(before.profile_id), channel=place.channel, address=place.address, wish=wish
        )
    return answers.say(asked.request, subscription_as_json(*after), cache=answers.PRIVATE)


@operations.delete("/subscriptions/{id}", scope=PROFILES_WRITE, status=204, problems=NONE_SUCH)
async def remove(asked: Asked[NoQuery, NoBody]) -> web.StreamResponse:
    """End a subscription."""
    before, _ = await _mine(asked)
    await verbs.unsubscribe(asked.store, asked.account, before.id)
    return web.Response(status=204, headers=answers.PRIVATE)


@operations.post(
    "/subscriptions/{id}/secret",
    scope=PROFILES_WRITE,
    gives=ShownSecret,
    problems=NONE_SUCH | {422: "it tells no webhook that has a secret of its own"},
)
async def new_secret(asked: Asked[NoQuery, NoBody]) -> web.StreamResponse:
    """Give a subscription's webhook a new secret, told this once; the one before signs along for a day."""
    _, place = await _mine(asked)
    own_key = asked.request.app[OWN_KEY]
    if own_key is None:
        raise ReaderError("the webhooks of this paperlark have no secrets of their own")
    made = await webhook.new_secret(asked.store, asked.account, place.id, key=await own_key())
    return answers.say(asked.request, {"secret": made}, cache=answers.NEVER_KEPT)


async def _first_secret(asked: Asked[Any, Any], place: Destination) -> dict[str, str]:
    own_key = asked.request.app[OWN_KEY]
    if place.channel != "webhook" or own_key is None:
        return {}
    return {"secret": await webhook.secret(asked.store, place.account_id, place.id, key=await own_key())}


async def _mine(asked: Asked[Any, Any]) -> tuple[Subscription, Destination]:
    for subscription, destination in await verbs.subscriptions(asked.store, asked.account):
        if str(subscription.id) == asked.path():
            return subscription, destination
    raise no_such("subscription")


def _address(channels: Mapping[str, Addressed], wanted: NewSubscription) -> str:
    """The address in its channel's one spelling."""
    if wanted.channel not in channels:
        raise bad_members([fault(["channel"], f"a channel is one of {', '.join(sorted(channels))}")])
    try:
        return channels[wanted.channel].check_address(wanted.address)
    except ReaderError as error:
        raise bad_members([fault(["address"], str(error))]) from error


def _wish(wanted: SubscriptionChange, before: Subscription | None, place: Destination | None) -> Wish:
    """What is wanted, over what is, over what is usual."""
    given = wanted.model_fields_set
    told = wanted if before is None else before
    kept = wanted if place is None else place
    return Wish(
        cadence=wanted.cadence if "cadence" in given else told.cadence,
        occasions=sorted(set(wanted.occasions if "occasions" in given else told.occasions)),
        rhythm=_rhythm(wanted.rhythm, place.rhythm if place else Rhythm()),
        cap=wanted.cap if "cap" in given else kept.cap,
        empty=wanted.empty if "empty" in given else kept.empty,
    )


def _rhythm(wanted: RhythmWish, before: Rhythm) -> Rhythm:
    given = wanted.model_fields_set
    return Rhythm(
        zone=wanted.zone if "zone" in given else before.zone,
        digest_at=time.fromisoformat(wanted.digest_at) if "digest_at" in given else before.digest_at,
        weekday=wanted.weekday if "weekday" in given else before.weekday,
        quiet=_quiet(wanted.quiet) if "quiet" in given else before.quiet,
    )


def _quiet(wanted: QuietWish | None) -> QuietHours | None:
    return QuietHours(time.fromisoformat(wanted.start), time.fromisoformat(wanted.end)) if wanted else None


def subscription_as_json(subscription: Subscription, destination: Destination) -> dict[str, Any]:
    """A subscription, as `ShownSubscription` describes it."""
    rhythm = destination.rhythm
    quiet = {"start": f"{rhythm.quiet.start:%H:%M}", "end": f"{rhythm.quiet.end:%H:%M}"} if rhythm.quiet else None
    return {
        "id": str(subscription.id),
        "profile_id": str(subscription.profile_id),
        "destination_id": str(destination.id),
        "channel": destination.channel,
        "address": destination.address,
        "cadence": subscription.cadence,
        "occasions": sorted(subscription.occasions),
        "rhythm": {
            "zone": rhythm.zone,
            "digest_at": f"{rhythm.digest_at:%H:%M}",
            "weekday": rhythm.weekday,
            "quiet": quiet,
        },
        "cap": destination.cap,
        "empty": destination.empty,
        "paused_reason": destination.paused_reason,
        "confirmed": destination.confirm_by is None,
        "began_at": moment(subscription.began_at),
    }
