"""What a reader follows: profiles, of the one local account."""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from paperlark.cli import edge
from paperlark.cli.edge import Json, told
from paperlark.cli.printing import print_json, print_table, say
from paperlark.cli.telling import Subscribed, Wanted, account, in_words, subscription_record, subscriptions_of
from paperlark.model.readers import TRENDING

if TYPE_CHECKING:
    from paperlark.model.readers import Profile
    from paperlark.settings import Settings

commands = typer.Typer()
profiles = typer.Typer(rich_markup_mode=None, context_settings=edge.CONTEXT)
commands.add_typer(profiles, name="profiles")

NewName = Annotated[str | None, typer.Option(metavar="NAME", help="What to call it.", show_default=False)]
Yes = Annotated[bool, typer.Option("--yes", help="Follow it also where it would flood you.")]


@profiles.callback(
    invoke_without_command=True,
    help=told(
        "List your profiles; add, show, edit or remove one.",
        "paperlark profiles",
        "paperlark profiles add 'agent* (memory OR tools)' --name agents",
        more="With --json one object a line.",
    ),
)
def all_profiles(context: typer.Context, as_json: Json = False) -> None:
    """List them, unless a command follows."""
    if context.invoked_subcommand is None:
        list_profiles(as_json)
    else:
        edge.refuse_early_json(context, as_json)


@profiles.command("list", help=told("List your profiles.", "paperlark profiles list"))
def list_profiles(as_json: Json = False) -> None:
    """List them, oldest first."""
    edge.run(_list(edge.begin(), as_json))


async def _list(settings: "Settings", as_json: bool) -> None:
    from paperlark.app import opened
    from paperlark.readers import follow
    from paperlark.readers.subscribe import subscriptions

    async with opened(settings) as app:
        me = await account(app)
        mine = [profile for profile, _ in await follow.listed(app.store, me)]
        toldin_words = await subscriptions(app.store, me)
    by_profile = {profile.id: [each for each in toldin_words if each[0].profile_id == profile.id] for profile in mine}
    trending = [each for each in toldin_words if each[0].profile_id == TRENDING]
    if as_json:
        for profile in mine:
            print_json(_profile_record(profile, by_profile[profile.id]))
        if trending:
            print_json(_trending_record(trending))
    elif mine or trending:
        rows = [
            (profile.name, profile.text, ", ".join(map(in_words, by_profile[profile.id])) or "nowhere yet")
            for profile in mine
        ]
        rows += [("(trending)", "what is trending", ", ".join(map(in_words, trending)))] if trending else []
        print_table(("profile", "query", "told"), rows)
    else:
        say("you have no profiles yet; `paperlark profiles add QUERY` makes one")


@profiles.command(
    "add",
    help=told(
        "Keep a query as a profile, which counts from now on.",
        "paperlark profiles add '\"test-time scaling\", inference scaling -vision' --name scaling",
        more="Without a name it is called like its query. A query that would flood you asks first.",
    ),
)
def add_profile(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="In the profile language.", show_default=False)],
    name: NewName = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Follow a query."""
    from paperlark.matching.query import parse
    from paperlark.readers.follow import checked_name

    settings = edge.begin()
    parse(query.strip())
    if name is not None:
        checked_name(name)
    if not yes:
        _ask_before_a_flood(settings, query)
    edge.run(_add(settings, query, name, as_json))


async def _add(settings: "Settings", query: str, name: str | None, as_json: bool) -> None:
    from paperlark.app import opened
    from paperlark.readers import follow

    async with opened(settings) as app:
        profile = await follow.follow(app.store, await account(app, make=True), query, name=name)
    if as_json:
        print_json(_profile_record(profile, []))
    else:
        say(
            f"following “{profile.name}” from now on",
            f"`paperlark subscribe '{profile.name}' --to …` says where to tell you",
        )


def _ask_before_a_flood(settings: "Settings", query: str) -> None:
    """Say so where a query would bring more than anybody reads, and go on only where a person wants to.

    Raises ReaderError where the answer is no, or nobody is there to ask.
    """
    from paperlark.model.problems import ReaderError

    warning = edge.run(_warning(settings, query))
    if not warning:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ReaderError(f"{warning}; add --yes to follow it all the same")
    print(warning, file=sys.stderr)
    if not typer.confirm("follow it all the same?", err=True):
        raise ReaderError("nothing is saved")


async def _warning(settings: "Settings", query: str) -> str:
    from paperlark.app import opened
    from paperlark.readers.preview import preview

    async with opened(settings) as app:
        me, now = await account(app), await app.store.now()
        return (await preview(app.store, query, now=now, account_id=me)).warning


@profiles.command("show", help=told("Show a profile and where it is told.", "paperlark profiles show agents"))
def show_profile(profile: Wanted, as_json: Json = False) -> None:
    """Show one."""
    edge.run(_show(edge.begin(), profile, as_json))


async def _show(settings: "Settings", wanted: str, as_json: bool) -> None:
    from paperlark.app import opened
    from paperlark.readers import follow

    async with opened(settings) as app:
        me = await account(app)
        profile, _ = await follow.show(app.store, me, wanted)
        subscribed = await subscriptions_of(app, me, profile.id)
    if as_json:
        print_json(_profile_record(profile, subscribed))
        return
    say(profile.name, "", *(f"    {line}" for line in profile.text.splitlines()), "")
    say(f"version {profile.version}, which began {profile.began_at:%Y-%m-%d %H:%M} UTC · id {profile.id}")
    say(*(f"told: {in_words(each)}" for each in subscribed) if subscribed else ["told nowhere yet"])


@profiles.command(
    "edit",
    help=told(
        "Change a profile's query or name; a new query counts from now on.",
        "paperlark profiles edit agents --query 'agent* (memory OR planning)'",
    ),
)
def edit_profile(
    profile: Wanted,
    query: Annotated[str | None, typer.Option(metavar="QUERY", help="What to ask for.", show_default=False)] = None,
    name: NewName = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Change one."""
    from paperlark.matching.query import parse
    from paperlark.readers.follow import checked_name

    if query is None and name is None:
        raise typer.BadParameter("give --query or --name, or both", param_hint="profiles edit")
    settings = edge.begin()
    if query is not None:
        parse(query.strip())
    if name is not None:
        checked_name(name)
    if query is not None and not yes:
        _ask_before_a_flood(settings, query)
    edge.run(_edit(settings, profile, query, name, as_json))


async def _edit(settings: "Settings", wanted: str, query: str | None, name: str | None, as_json: bool) -> None:
    from paperlark.app import opened
    from paperlark.readers import follow

    async with opened(settings) as app:
        me = await account(app)
        profile = await follow.edit(app.store, me, wanted, text=query, name=name)
        subscribed = await subscriptions_of(app, me, profile.id)
    if as_json:
        print_json(_profile_record(profile, subscribed))
    else:
        say(f"“{profile.name}” is at version {profile.version}")


@profiles.command(
    "remove", help=told("End a profile and what it is subscribed to.", "paperlark profiles remove agents")
)
def remove_profile(profile: Wanted, as_json: Json = False) -> None:
    """End one."""
    edge.run(_remove(edge.begin(), profile, as_json))


async def _remove(settings: "Settings", wanted: str, as_json: bool) -> None:
    from paperlark.app import opened
    from paperlark.readers import follow

    async with opened(settings) as app:
        profile = await follow.unfollow(app.store, await account(app), wanted)
    if as_json:
        print_json({"removed": profile.name, "id": str(profile.id)})
    else:
        say(f"“{profile.name}” is removed")


def _trending_record(subscribed: Iterable[Subscribed]) -> dict[str, Any]:
    """What is trending, in a profile's place: it has neither id nor query."""
    told = [subscription_record(each) for each in subscribed]
    return {"id": None, "name": "trending", "query": None, "version": None, "began_at": None, "subscriptions": told}


def _profile_record(profile: "Profile", subscribed: Iterable[Subscribed]) -> dict[str, Any]:
    return {
        "id": str(profile.id),
        "name": profile.name,
        "query": profile.text,
        "version": profile.version,
        "began_at": profile.began_at.isoformat(),
        "subscriptions": [subscription_record(each) for each in subscribed],
    }
