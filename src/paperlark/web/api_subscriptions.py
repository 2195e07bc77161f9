"""An account's subscriptions: `/api/v1/subscriptions`. Which profile is told where, how often, and when.

Zone, digest hour, weekday, quiet hours, cap and the policy for empty days belong to the *destination*: subscriptions
that share one share them, and changing them by one changes them for all.
"""

from collections.abc import Mapping
from datetime import time
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import AfterValidator, BaseModel, Field

from paperlark.model.problems import ReaderError
from paperlark.model.readers import TRENDING, Cadence, Destination, EmptyPolicy, QuietHours, Rhythm, Subscription
from paperlark.readers import follow, webhook
from paperlark.readers import subscribe as verbs
from paperlark.readers.subscribe import CAP_LIMIT, Wish
from paperlark.schedule import zone
from paperlark.web import answers
from paperlark.web.access import READ, WRITE, account_of
from paperlark.web.api_papers import moment
from paperlark.web.api_profiles import Text, no_such
from paperlark.web.keys import CHANNELS, OWN_KEY, STORE, Addressed
from paperlark.web.operations import CLOSED, read_body
from paperlark.web.problems import bad_members, fault

NEVER_KEPT = {"Cache-Control": "no-store"}

routes = web.RouteTableDef()


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


@routes.get("/api/v1/subscriptions")
async def listed(request: web.Request) -> web.Response:
    """All of an account's subscriptions, oldest first."""
    account = await account_of(request, READ)
    mine = [subscription_as_json(*each) for each in await verbs.subscriptions(request.app[STORE], account)]
    return answers.say(request, {"data": mine, "next": None}, cache=answers.PRIVATE)


@routes.post("/api/v1/subscriptions")
async def add(request: web.Request) -> web.Response:
    """Subscribe; 201 with the address. The same profile and address again change how: then it is 200.

    Where it makes a webhook known, the answer holds its `secret`, this once.
    """
    account = await account_of(request, WRITE)
    wanted = await read_body(request, NewSubscription)
    store = request.app[STORE]
    if wanted.profile_id not in {str(profile.id) for profile, _ in await follow.listed(store, account)}:
        raise bad_members([fault(["profile_id"], "you have no such profile")])
    address = _address(request.app[CHANNELS], wanted)
    before = await verbs.subscriptions(store, account)
    place = next((d for _, d in before if (d.channel, d.address) == (wanted.channel, address)), None)
    same = next((s for s, d in before if d is place and str(s.profile_id) == wanted.profile_id), None)
    made = await verbs.subscribe(
        store, account, wanted.profile_id, channel=wanted.channel, address=address, wish=_wish(wanted, same, place)
    )
    headers = {"Location": f"/api/v1/subscriptions/{made[0].id}"}
    said = subscription_as_json(*made) | (await _first_secret(request, made[1]) if place is None else {})
    return answers.say(request, said, status=200 if same else 201, cache=answers.PRIVATE, headers=headers)


@routes.get("/api/v1/subscriptions/{id}")
async def show(request: web.Request) -> web.Response:
    """One subscription."""
    account = await account_of(request, READ)
    return answers.say(request, subscription_as_json(*await _mine(request, account)), cache=answers.PRIVATE)


@routes.patch("/api/v1/subscriptions/{id}")
async def edit(request: web.Request) -> web.Response:
    """Change how to be told, not of what, where, or since when."""
    account = await account_of(request, WRITE)
    before, place = await _mine(request, account)
    wanted = await read_body(request, SubscriptionChange)
    store, wish = request.app[STORE], _wish(wanted, before, place)
    if before.profile_id == TRENDING:
        after = await verbs.subscribe_trending(store, account, channel=place.channel, address=place.address, wish=wish)
    else:
        after = await verbs.subscribe(
            store, account, str(before.profile_id), channel=place.channel, address=place.address, wish=wish
        )
    return answers.say(request, subscription_as_json(*after), cache=answers.PRIVATE)


@routes.delete("/api/v1/subscriptions/{id}")
async def remove(request: web.Request) -> web.Response:
    """End a subscription."""
    account = await account_of(request, WRITE)
    before, _ = await _mine(request, account)
    await verbs.unsubscribe(request.app[STORE], account, before.id)
    return web.Response(status=204, headers=answers.PRIVATE)


@routes.post("/api/v1/subscriptions/{id}/secret")
async def new_secret(request: web.Request) -> web.Response:
    """Give a subscription's webhook a new secret, told this once; the one before signs along for a day."""
    account = await account_of(request, WRITE)
    _, place = await _mine(request, account)
    own_key = request.app[OWN_KEY]
    if own_key is None:
        raise ReaderError("the webhooks of this paperlark have no secrets of their own")
    made = await webhook.new_secret(request.app[STORE], account, place.id, key=await own_key())
    return answers.say(request, {"secret": made}, cache=NEVER_KEPT)


async def _first_secret(request: web.Request, place: Destination) -> dict[str, str]:
    own_key = request.app[OWN_KEY]
    if place.channel != "webhook" or own_key is None:
        return {}
    store = request.app[STORE]
    return {"secret": await webhook.secret(store, place.account_id, place.id, key=await own_key())}


async def _mine(request: web.Request, account: int) -> tuple[Subscription, Destination]:
    for subscription, destination in await verbs.subscriptions(request.app[STORE], account):
        if str(subscription.id) == request.match_info["id"]:
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
    """A subscription, with its destination's settings."""
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
