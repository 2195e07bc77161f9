"""Where and when I am told: `/subscriptions`, `/subscriptions/new`, `/subscriptions/ID`; `/deliveries`, what was sent.

Hours, cap and empty days belong to the *place*: they hold for everything that is told there. So a new subscription at
a known place asks for nothing of them. A place on a platform that knows who speaks to it can only be the reader's own
there, as their bot has linked it: nobody subscribes a stranger's chat.
"""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from paperlark.model.problems import ReaderError
from paperlark.model.readers import TRENDING, Destination, Subscription
from paperlark.readers import deliveries, follow, place, subscribe, webhook
from paperlark.schedule import zone_names
from paperlark.store.deliveries import Message
from paperlark.web.api.profiles import no_such
from paperlark.web.keys import ACCOUNT, CHANNELS, OWN_KEY, STORE
from paperlark.web.pages import wishes
from paperlark.web.pages.links import form_of, page
from paperlark.web.pages.wishes import Faults
from paperlark.web.session import ReaderRoutes, led

NOT_BY_HAND = ("console", "telegram", "discord")  # of the operator's terminal; linked by their bots
CALLED = {"email": "E-mail", "webhook": "Webhook", "telegram": "Telegram", "discord": "Discord", "apprise": "Apprise"}
LIKE = {"email": "name@example.org", "webhook": "https://example.org/hooks/papers", "apprise": "ntfy://my-papers"}
DONE = {
    "subscribed": "Subscribed: it is told from now on.",
    "asked": "Its owner is asked first: a mail with a link to confirm is on its way.",
    "changed": "Saved.",
    "ended": "Ended.",
    "paused": "Paused. What comes meanwhile waits for seven days.",
    "resumed": "It goes on; what waited comes first.",
    "retried": "It is sent again as soon as its turn comes.",
    "dropped": "Dropped.",
    "hastened": "What waits is on its way.",
}
STATES = {
    "pending": "waits",
    "claimed": "is being sent",
    "sent": "sent",
    "dead": "could not be delivered",
    "dropped": "dropped",
}
A_PAGE = 30  # deliveries

pages = ReaderRoutes()


# ── where I am told ────────────────────────────────────────────────────────────────────────────────────────────────


@pages.get("/subscriptions")
async def listed(request: web.Request) -> web.Response:
    """Every place, how it stands, and what is told there."""
    store, account = request.app[STORE], request[ACCOUNT]
    names = await _names(request)
    standings = [
        await place.at(store, account, each.channel, each.address)
        for each in await subscribe.destinations(store, account)
    ]
    context = {
        "places": [each for each in standings if each is not None],
        "names": names,
        "done": _done(request),
        "words": wishes,
        "called": CALLED,
    }
    return page(request, "reader/subscriptions.html", context)


@pages.get("/subscriptions/new")
async def blank(request: web.Request) -> web.Response:
    """The form; `?profile=ID` chooses what is told."""
    filled = wishes.told() | wishes.hours() | {"profile": request.query.get("profile", "")}
    return await _new(request, filled, {})


@pages.post("/subscriptions/new")
async def add(request: web.Request) -> web.Response:
    """Subscribe; 422 with the form as it was filled in where something in it is wrong."""
    store, account = request.app[STORE], request[ACCOUNT]
    filled = await form_of(request)
    known = {str(each.id): each for each in await subscribe.destinations(store, account)}
    typed = filled.get("address", "").strip()
    there = known.get(filled.get("place", "")) if not typed else None  # who types an address means it
    wish, faults = wishes.read(filled, there)
    try:
        channel, address = (
            (there.channel, there.address) if there is not None else _address(request, filled.get("channel", ""), typed)
        )
    except ReaderError as error:
        channel = address = ""
        faults["address"] = str(error)
    if filled.get("profile", "") not in await _names(request):
        faults["profile"] = "choose what is to be told"
    if faults:
        return await _new(request, filled, faults, status=422)
    try:
        if filled["profile"] == str(TRENDING):
            made = await subscribe.subscribe_trending(store, account, channel=channel, address=address, wish=wish)
        else:
            made = await subscribe.subscribe(
                store, account, filled["profile"], channel=channel, address=address, wish=wish
            )
    except ReaderError as error:
        return await _new(request, filled, {"": str(error)}, status=422)
    secret = await _first_secret(request, made[1]) if there is None else ""
    if secret:
        return page(request, "reader/secret.html", {"place": made[1], "secret": secret})
    return led("/subscriptions", done="subscribed" if made[1].confirm_by is None else "asked")


async def _new(request: web.Request, filled: Mapping[str, str], faults: Faults, status: int = 200) -> web.Response:
    context = {
        "filled": dict(filled),
        "faults": faults,
        "names": await _names(request),
        "places": await subscribe.destinations(request.app[STORE], request[ACCOUNT]),
        "channels": _by_hand(request),
        "called": CALLED,
        "like": LIKE,
        **_choices(),
    }
    return page(request, "reader/subscription_new.html", context, status=status)


def _by_hand(request: web.Request) -> list[str]:
    return sorted(kind for kind in request.app[CHANNELS] if kind not in NOT_BY_HAND)


def _address(request: web.Request, channel: str, address: str) -> tuple[str, str]:
    """A new place, its address in the channel's one spelling. Raises ReaderError."""
    if channel not in _by_hand(request) or not address:
        raise ReaderError("choose where, or give an address")
    return channel, request.app[CHANNELS][channel].check_address(address)


async def _first_secret(request: web.Request, there: Destination) -> str:
    own_key = request.app[OWN_KEY]
    if there.channel != "webhook" or own_key is None:
        return ""
    return await webhook.secret(request.app[STORE], there.account_id, there.id, key=await own_key())


# ── one subscription ───────────────────────────────────────────────────────────────────────────────────────────────


@pages.get("/subscriptions/{id}")
async def show(request: web.Request) -> web.Response:
    """How it is told."""
    mine, there = await _mine(request)
    return await _one(request, mine, there, wishes.as_filled(mine.cadence, mine.occasions, there), {})


@pages.post("/subscriptions/{id}")
async def edit(request: web.Request) -> web.Response:
    """Change it, and the hours of its place."""
    mine, there = await _mine(request)
    filled = await form_of(request)
    if mine.profile_id == TRENDING:
        filled |= {"occasion-new": "yes"}  # it asks for none in particular
    wish, faults = wishes.read(filled)
    if not faults:
        try:
            await place.change(request.app[STORE], request[ACCOUNT], mine.id, wish)
            return led("/subscriptions", done="changed")
        except ReaderError as error:
            faults = {"": str(error)}
    return await _one(request, mine, there, filled, faults, status=422)


@pages.post("/subscriptions/{id}/end")
async def end(request: web.Request) -> web.Response:
    """Tell no more of it."""
    mine, _ = await _mine(request)
    await subscribe.unsubscribe(request.app[STORE], request[ACCOUNT], mine.id)
    return led("/subscriptions", done="ended")


async def _one(
    request: web.Request,
    mine: Subscription,
    there: Destination,
    filled: Mapping[str, str],
    faults: Faults,
    status: int = 200,
) -> web.Response:
    context = {
        "subscription": mine,
        "place": there,
        "name": (await _names(request)).get(str(mine.profile_id), "a profile"),
        "trending": mine.profile_id == TRENDING,
        "filled": dict(filled),
        "faults": faults,
        "called": CALLED,
        **_choices(),
    }
    return page(request, "reader/subscription.html", context, status=status)


async def _mine(request: web.Request) -> tuple[Subscription, Destination]:
    for mine, there in await subscribe.subscriptions(request.app[STORE], request[ACCOUNT]):
        if str(mine.id) == request.match_info["id"]:
            return mine, there
    raise no_such("subscription")


def _choices() -> dict[str, Any]:
    return {
        "cadences": wishes.CADENCES,
        "occasions": wishes.OCCASIONS,
        "empties": wishes.EMPTY,
        "weekdays": wishes.WEEKDAYS,
        "zones": zone_names(),
    }


async def _names(request: web.Request) -> dict[str, str]:
    """What can be told, by id: my profiles, and what is trending."""
    mine = await follow.listed(request.app[STORE], request[ACCOUNT])
    return {str(profile.id): profile.name for profile, _ in mine} | {str(TRENDING): "what is trending"}


def _done(request: web.Request) -> str:
    return DONE.get(request.query.get("done", ""), "")


# ── one place ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pages.post("/places/{id}")
async def act(request: web.Request) -> web.Response:
    """Pause it, go on, or send now what waits: `do` says which."""
    store, account = request.app[STORE], request[ACCOUNT]
    there = await _place(request)
    match (await form_of(request)).get("do"):
        case "pause":
            await subscribe.pause(store, account, there.id)
            return led("/subscriptions", done="paused")
        case "resume":
            await subscribe.resume(store, account, there.id)
            return led("/subscriptions", done="resumed")
        case "now":
            await place.hasten(store, account, there.channel, there.address)
            return led("/subscriptions", done="hastened")
    return led("/subscriptions")


async def _place(request: web.Request) -> Destination:
    for there in await subscribe.destinations(request.app[STORE], request[ACCOUNT]):
        if str(there.id) == request.match_info["id"]:
            return there
    raise no_such("place")


# ── what was sent ──────────────────────────────────────────────────────────────────────────────────────────────────


@pages.get("/deliveries")
async def outbox(request: web.Request) -> web.Response:
    """What was sent, waits and died, newest first; `?state=dead`, `?before=ID`."""
    state, before = request.query.get("state", ""), request.query.get("before", "")
    found = await deliveries.listed(
        request.app[STORE],
        request[ACCOUNT],
        states=[state] if state in STATES else [],
        limit=A_PAGE,
        before=int(before) if before.isascii() and before.isdecimal() and len(before) < 19 else None,
    )
    context = {
        "found": found.found,
        "following": found.before,
        "state": state if state in STATES else "",
        "states": STATES,
        "called": CALLED,
        "done": _done(request),
    }
    return page(request, "reader/deliveries.html", context)


@pages.get("/deliveries/{id}")
async def delivery(request: web.Request) -> web.Response:
    """One of them, with its papers."""
    message, contents = await _message(request)
    context = {
        "message": message,
        "contents": contents,
        "states": STATES,
        "called": CALLED,
        "done": _done(request),
    }
    return page(request, "reader/delivery.html", context)


@pages.post("/deliveries/{id}")
async def settle(request: web.Request) -> web.Response:
    """Send it again, or drop it: `do` says which."""
    message, _ = await _message(request)
    store, account, again = request.app[STORE], request[ACCOUNT], f"/deliveries/{message.id}"
    match (await form_of(request)).get("do"):
        case "retry":
            await deliveries.retry(store, account, message.id)
            return led(again, done="retried")
        case "drop":
            await deliveries.drop(store, account, message.id)
            return led(again, done="dropped")
    return led(again)


async def _message(request: web.Request) -> tuple[Message, tuple[deliveries.Content, ...]]:
    text = request.match_info["id"]
    try:
        if text.isascii() and text.isdecimal() and len(text) < 20:
            return await deliveries.one(request.app[STORE], request[ACCOUNT], int(text))
    except ReaderError as error:
        raise no_such("delivery") from error
    raise no_such("delivery")
