"""Addresses by which other programs follow what a profile of the local account meets."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from paperlark.cli import edge
from paperlark.cli.edge import Json, told
from paperlark.cli.printing import print_json, print_table, say
from paperlark.cli.telling import account

if TYPE_CHECKING:
    from paperlark.readers.feeds import Known
    from paperlark.settings import Settings

commands = typer.Typer()
feeds = typer.Typer(rich_markup_mode=None, context_settings=edge.CONTEXT)
commands.add_typer(feeds, name="feeds")


@feeds.callback(
    invoke_without_command=True,
    help=told(
        "List the addresses of your feeds; make or revoke one.",
        "paperlark feeds",
        "paperlark feeds add agents",
        more="A feed (Atom, RSS, JSON Feed) holds what a profile met, for any reader of feeds, while `paperlark run` "
        "is up.",
    ),
)
def all_feeds(context: typer.Context, as_json: Json = False) -> None:
    """List them, unless a command follows."""
    if context.invoked_subcommand is None:
        list_feeds(as_json)
    else:
        edge.refuse_early_json(context, as_json)


@feeds.command("list", help=told("List the addresses of your feeds, not the secret in them.", "paperlark feeds list"))
def list_feeds(as_json: Json = False) -> None:
    """List them, oldest first."""
    edge.run(_list(edge.begin(), as_json))


async def _list(settings: "Settings", as_json: bool) -> None:
    from paperlark.app import opened
    from paperlark.readers import feeds as verbs

    async with opened(settings) as app:
        found = await verbs.listed(app.store, await account(app))
    if as_json:
        for each in found:
            print_json(_record(each))
    elif found:
        print_table(("id", "profile", "since", "last read"), [_row(each) for each in found])
    else:
        say("you have no feeds yet; `paperlark feeds add PROFILE` makes one")


@feeds.command(
    "add",
    help=told(
        "Make an address for a profile's feed, or for the list of all of them.",
        "paperlark feeds add agents",
        more="Without a profile it is a list in OPML, which follows what becomes of your profiles. It is shown "
        "this once. Whoever has it can read the feed, and nothing else.",
    ),
)
def add_feed(
    profile: Annotated[str | None, typer.Argument(metavar="[PROFILE]", help="Its name or id.")] = None,
    as_json: Json = False,
) -> None:
    """Make one."""
    edge.run(_add(edge.begin(), profile, as_json))


async def _add(settings: "Settings", profile: str | None, as_json: bool) -> None:
    from paperlark.app import opened
    from paperlark.readers import feeds as verbs
    from paperlark.readers.feeds import Known
    from paperlark.web.api.feeds import addresses

    async with opened(settings) as app:
        made = await verbs.make(app.store, await account(app, make=profile is None), profile)
    home = settings.public_url or f"http://{settings.host}:{settings.port}"
    found = addresses(home.rstrip("/"), made)
    if as_json:
        print_json(_record(Known(made.address, made.profile)) | {"addresses": found})
    else:
        say(*found.values())


@feeds.command(
    "revoke", help=told("End an address: nobody reads anything there any more.", "paperlark feeds revoke 42")
)
def revoke_feed(
    feed: Annotated[str, typer.Argument(metavar="ID", help="As the list has it.", show_default=False)],
    as_json: Json = False,
) -> None:
    """End one."""
    edge.run(_revoke(edge.begin(), feed, as_json))


async def _revoke(settings: "Settings", feed: str, as_json: bool) -> None:
    from paperlark.app import opened
    from paperlark.readers import feeds as verbs

    number = int(feed) if feed.isascii() and feed.isdecimal() and len(feed) < 20 else 0
    async with opened(settings) as app:
        await verbs.revoke(app.store, await account(app), number)
    if as_json:
        print_json({"revoked": feed})
    else:
        say("revoked: whoever reads there is told that it has ended")


def _record(known: "Known") -> dict[str, Any]:
    address, profile = known.address, known.profile
    return {
        "id": str(address.id),
        "profile_id": str(profile.id) if profile else None,
        "profile": profile.name if profile else None,
        "created_at": address.created_at.isoformat(),
        "read_at": address.read_at.isoformat() if address.read_at else None,
    }


def _row(known: "Known") -> tuple[str, str, str, str]:
    address = known.address
    read = f"{address.read_at:%Y-%m-%d}" if address.read_at else "never"
    name = known.profile.name if known.profile else "(all profiles)"
    return str(address.id), name, f"{address.created_at:%Y-%m-%d}", read
