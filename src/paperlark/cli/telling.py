"""Where a reader is told: subscribe, unsubscribe; a webhook's secret. For the one local account."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from paperlark.cli import edge
from paperlark.cli.edge import Json, told
from paperlark.cli.printing import print_json, say
from paperlark.model.readers import (
    TRENDING,
    USUAL_WISHES,
    WISHES,
    Cadence,
    Destination,
    EmptyPolicy,
    Rhythm,
    Subscription,
)

if TYPE_CHECKING:
    from paperlark.app import Paperlark
    from paperlark.readers.subscribe import Wish
    from paperlark.settings import Settings

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
NOBODY = 0  # the account of a command line that never followed anything: it owns nothing

Subscribed = tuple[Subscription, Destination]
Wanted = Annotated[str, typer.Argument(metavar="PROFILE", help="Its name or id.", show_default=False)]
WantedOrTrending = Annotated[
    str | None, typer.Argument(metavar="[PROFILE]", help="Its name or id; none with --trending.", show_default=False)
]
WithTrending = Annotated[bool, typer.Option("--trending", help="What is trending, in place of a profile's papers.")]

commands = typer.Typer()


@dataclass(frozen=True, slots=True)
class Asked:
    """How a destination should be told, as far as it was said; the rest stays as it is."""

    cadence: Cadence
    occasions: tuple[str, ...]
    at: str | None
    on: str | None
    zone: str | None
    quiet: str | None
    cap: int | None
    empty: EmptyPolicy | None

    def wish(self, known: Destination | None) -> "Wish":
        """The whole wish, for a destination that is known or new. Raises ReaderError: a bad zone, hour, cap, …"""
        from paperlark.readers.subscribe import Wish, check

        base = Wish() if known is None else Wish(rhythm=known.rhythm, cap=known.cap, empty=known.empty)
        wish = replace(
            base,
            cadence=self.cadence,
            occasions=self.occasions,
            rhythm=self._rhythm(base.rhythm),
            cap=base.cap if self.cap is None else self.cap,
            empty=base.empty if self.empty is None else self.empty,
        )
        check(wish)
        return wish

    def _rhythm(self, base: Rhythm) -> Rhythm:
        from paperlark import schedule

        given: dict[str, Any] = {}
        if self.zone is not None:
            given["zone"] = schedule.zone(self.zone).key
        if self.at is not None:
            given["digest_at"] = schedule.parse_hour(self.at)
        if self.on is not None:
            given["weekday"] = _weekday(self.on)
        if self.quiet is not None:
            given["quiet"] = None if self.quiet == "none" else schedule.parse_quiet(self.quiet)
        return replace(base, **given)


@commands.command(
    help=told(
        "Say where, when and how a profile's papers are told.",
        "paperlark subscribe agents --to console me --cadence instant",
        "paperlark subscribe agents --to telegram 123456789 --at 07:30 --zone Europe/Berlin --quiet 22:00-07:00",
        "paperlark subscribe --trending --to console me",
        more="Zone, hour, quiet hours, cap and empty days are the address's: what is not given stays as it is there.",
    )
)
def subscribe(
    to: Annotated[
        tuple[str, str], typer.Option(metavar="CHANNEL ADDRESS", help="console, telegram, email, … and where.")
    ],
    profile: WantedOrTrending = None,
    trending: WithTrending = False,
    cadence: Annotated[Cadence, typer.Option(help="How often.")] = Cadence.DAILY,
    at: Annotated[str | None, typer.Option(metavar="HH:MM", help="A digest's hour.", show_default="08:00")] = None,
    on: Annotated[str | None, typer.Option(metavar="DAY", help="A weekly digest's day.", show_default="monday")] = None,
    zone: Annotated[str | None, typer.Option(metavar="ZONE", help="IANA time zone.", show_default="UTC")] = None,
    quiet: Annotated[
        str | None, typer.Option(metavar="HH:MM-HH:MM", help="Hours in which nothing is sent.", show_default="none")
    ] = None,
    cap: Annotated[int | None, typer.Option(help="Papers in one digest.", show_default="20")] = None,
    empty: Annotated[
        EmptyPolicy | None, typer.Option(help="What a day without papers brings.", show_default="silent")
    ] = None,
    occasions: Annotated[str, typer.Option(metavar="LIST", help=f"What is told of: {', '.join(WISHES)}.")] = ",".join(
        USUAL_WISHES
    ),
    as_json: Json = False,
) -> None:
    """Subscribe; the same again changes how."""
    settings = edge.begin()
    _check_one(profile, trending)
    wanted = tuple(dict.fromkeys(filter(None, (occasion.strip() for occasion in occasions.split(",")))))
    asked = Asked(cadence, wanted, at, on, zone, quiet, cap, empty)
    asked.wish(None)
    edge.run(_subscribe(settings, profile, to[0], _address(settings, *to), asked, as_json))


async def _subscribe(
    settings: "Settings", profile: str | None, channel: str, address: str, asked: Asked, as_json: bool
) -> None:
    from paperlark.app import opened
    from paperlark.readers import subscribe as readers

    async with opened(settings) as app:
        me = await account(app, make=profile is None)  # what is trending may be all that a reader ever asks for
        places = [place for _, place in await readers.subscriptions(app.store, me)]
        known = next((place for place in places if (place.channel, place.address) == (channel, address)), None)
        wish = asked.wish(known)
        if profile is None:
            subscribed = await readers.subscribe_trending(app.store, me, channel=channel, address=address, wish=wish)
        else:
            subscribed = await readers.subscribe(app.store, me, profile, channel=channel, address=address, wish=wish)
        secret = await _first_secret(app, subscribed[1]) if known is None else None
    if as_json:
        print_json(subscription_record(subscribed) | ({"secret": secret} if secret else {}))
    else:
        say(f"from now on: {in_words(subscribed)}")
        if secret is not None:
            say(f"signed with {secret}: keep it, it is not shown again (`paperlark secret ADDRESS` makes a new one)")


async def _first_secret(app: "Paperlark", place: Destination) -> str | None:
    """What a webhook's messages are signed with; None for other channels, and where the operator gave one for all."""
    from paperlark.from_settings import own_key
    from paperlark.readers import webhook

    if place.channel != "webhook" or app.settings.webhook_secret is not None:
        return None
    return await webhook.secret(app.store, place.account_id, place.id, key=await own_key(app.settings, app.store))


@commands.command(
    help=told(
        "Give a webhook a new secret, shown once.",
        "paperlark secret https://example.org/hooks/papers",
        more="For a day its messages are signed with the one before, too.",
    )
)
def secret(
    address: Annotated[str, typer.Argument(help="The webhook's.", show_default=False)], as_json: Json = False
) -> None:
    """Replace a webhook's secret."""
    settings = edge.begin()
    edge.run(_new_secret(settings, _address(settings, "webhook", address), as_json))


async def _new_secret(settings: "Settings", address: str, as_json: bool) -> None:
    from paperlark.app import opened
    from paperlark.from_settings import own_key
    from paperlark.model.problems import ReaderError
    from paperlark.readers import subscribe as readers
    from paperlark.readers import webhook

    if settings.webhook_secret is not None:
        raise ReaderError("all webhooks are signed with PAPERLARK_WEBHOOK_SECRET here; change that")
    async with opened(settings) as app:
        places = await readers.destinations(app.store, await account(app))
        for place in places:
            if (place.channel, place.address) == ("webhook", address):
                break
        else:
            raise ReaderError(f"you are not told at webhook {address}; `paperlark profiles list` shows where you are")
        key = await own_key(settings, app.store)
        made = await webhook.new_secret(app.store, place.account_id, place.id, key=key)
    if as_json:
        print_json({"address": address, "secret": made})
    else:
        say(f"from now on signed with {made}: keep it, it is not shown again")


@commands.command(
    help=told(
        "Tell no more of a profile's papers.",
        "paperlark unsubscribe agents --from telegram 123456789",
        "paperlark unsubscribe --trending",
    )
)
def unsubscribe(
    profile: WantedOrTrending = None,
    trending: WithTrending = False,
    where: Annotated[
        tuple[str, str] | None,
        typer.Option("--from", metavar="CHANNEL ADDRESS", help="Only there.", show_default="everywhere"),
    ] = None,
    as_json: Json = False,
) -> None:
    """End a profile's subscriptions; the profile stays."""
    settings = edge.begin()
    _check_one(profile, trending)
    place = (where[0], _address(settings, *where)) if where else None
    edge.run(_unsubscribe(settings, profile, place, as_json))


async def _unsubscribe(settings: "Settings", wanted: str | None, place: tuple[str, str] | None, as_json: bool) -> None:
    from paperlark.app import opened
    from paperlark.model.problems import ReaderError
    from paperlark.readers import follow
    from paperlark.readers import subscribe as readers

    async with opened(settings) as app:
        me = await account(app)
        if wanted is None:
            name, number = "what is trending", TRENDING
        else:
            profile, _ = await follow.show(app.store, me, wanted)
            name, number = f"“{profile.name}”", profile.id
        subscribed = await subscriptions_of(app, me, number)
        ending = [each for each in subscribed if place in (None, (each[1].channel, each[1].address))]
        if not ending:
            raise ReaderError(f"{name} is not told {'there' if place else 'anywhere'}")
        for subscription, _ in ending:
            await readers.unsubscribe(app.store, me, subscription.id)
    if as_json:
        print_json({"ended": [subscription_record(each) for each in ending]})
    else:
        say(*(f"no longer: {in_words(each)}" for each in ending))


# ── what both need ───────────────────────────────────────────────────────────────────────────────────────────────────


async def account(app: "Paperlark", *, make: bool = False) -> int:
    """The local account; made only by what needs it, so that looking around leaves no trace."""
    from paperlark.store import accounts

    if make:
        async with app.store.transaction() as tx:
            return await accounts.local_account(tx, await tx.now())
    async with app.store.reading() as tx:
        return await accounts.known(tx, *accounts.LOCAL) or NOBODY


async def subscriptions_of(app: "Paperlark", me: int, profile_id: int) -> list[Subscribed]:
    """A profile's subscriptions, or (TRENDING) those to what is trending."""
    from paperlark.readers.subscribe import subscriptions

    return [each for each in await subscriptions(app.store, me) if each[0].profile_id == profile_id]


def _check_one(profile: str | None, trending: bool) -> None:
    """Raises BadParameter unless there is either a profile or --trending."""
    if trending == (profile is not None):
        raise typer.BadParameter("name a profile, or say --trending", param_hint="PROFILE")


def _address(settings: "Settings", channel: str, address: str) -> str:
    """The address in its channel's spelling. Raises PaperlarkError: no such channel, not configured, no address."""
    from paperlark.from_settings import configured_channel

    return configured_channel(settings, channel).check_address(address)


def _weekday(written: str) -> int:
    from paperlark.model.problems import ReaderError

    found = [number for number, day in enumerate(WEEKDAYS) if day.startswith(written.strip().casefold())]
    if len(found) != 1 or len(written.strip()) < 2:
        raise ReaderError(f'"{written}" is no day of the week: write it like monday or mon')
    return found[0]


def in_words(subscribed: Subscribed) -> str:
    """A subscription in words: "telegram 123, daily at 08:00 Europe/Berlin, quiet 22:00-07:00"."""
    subscription, place = subscribed
    rhythm = place.rhythm
    at = f"at {rhythm.digest_at:%H:%M} {rhythm.zone}"
    often = {
        Cadence.INSTANT: "instantly",
        Cadence.DAILY: f"daily {at}",
        Cadence.WEEKLY: f"every {WEEKDAYS[rhythm.weekday].capitalize()} {at}",
    }[subscription.cadence]
    wanted = [wish for wish in WISHES if wish in subscription.occasions]
    of = "" if wanted in (list(USUAL_WISHES), []) else f"of {' and '.join(wanted)}"
    quiet = f"quiet {_quiet(rhythm)}" if rhythm.quiet else ""
    paused = f"paused: {place.paused_reason}" if place.paused_reason else ""
    asked = "not confirmed by its owner yet" if place.confirm_by else ""
    return ", ".join(filter(None, (f"{place.channel} {place.address}".strip(), often, quiet, of, paused, asked)))


def _quiet(rhythm: Rhythm) -> str | None:
    return f"{rhythm.quiet.start:%H:%M}-{rhythm.quiet.end:%H:%M}" if rhythm.quiet else None


def subscription_record(subscribed: Subscribed) -> dict[str, Any]:
    """A subscription for programs."""
    subscription, place = subscribed
    return {
        "id": str(subscription.id),
        "profile": "trending" if subscription.profile_id == TRENDING else str(subscription.profile_id),
        "channel": place.channel,
        "address": place.address,
        "cadence": str(subscription.cadence),
        "occasions": sorted(subscription.occasions),
        "began_at": subscription.began_at.isoformat(),
        "at": f"{place.rhythm.digest_at:%H:%M}",
        "on": WEEKDAYS[place.rhythm.weekday],
        "zone": place.rhythm.zone,
        "quiet": _quiet(place.rhythm),
        "cap": place.cap,
        "empty": str(place.empty),
        "paused_reason": place.paused_reason,
    }
