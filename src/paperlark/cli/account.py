"""An account as a whole: link the local one with another place, delete it; sign anybody out."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from paperlark.cli import edge
from paperlark.cli.edge import Json, told
from paperlark.cli.printing import print_json, say
from paperlark.cli.telling import account

if TYPE_CHECKING:
    from paperlark.settings import Settings

commands = typer.Typer()


@commands.command(
    help=told(
        "Be one reader here and elsewhere: show a code, or take one.",
        "paperlark link",
        "paperlark link 7KQ2-M9XD",
        more="A code is typed in the other place within ten minutes, once. With a code from there you join that "
        "account; what you follow or keep here would be left behind, so there must be nothing yet.",
    )
)
def link(
    code: Annotated[str | None, typer.Argument(metavar="[CODE]", help="From elsewhere.", show_default=False)] = None,
    as_json: Json = False,
) -> None:
    """Show a code, or take one."""
    settings = edge.begin()
    edge.run(_show_code(settings, as_json) if code is None else _take_code(settings, code, as_json))


async def _show_code(settings: "Settings", as_json: bool) -> None:
    from paperlark.app import opened
    from paperlark.readers import link as verbs

    async with opened(settings) as app:
        code = await verbs.begin(app.store, await account(app, make=True))
    if as_json:
        print_json({"code": code.text, "expires_at": code.expires_at.isoformat()})
    else:
        say(code.text, f"type it in the other place before {code.expires_at:%H:%M} UTC")


async def _take_code(settings: "Settings", code: str, as_json: bool) -> None:
    from paperlark.app import opened
    from paperlark.readers import link as verbs
    from paperlark.store.accounts import LOCAL

    async with opened(settings) as app:
        joined = await verbs.redeem(app.store, code, *LOCAL)
    if as_json:
        print_json({"linked": True, "account": str(joined)})
    else:
        say("linked: what you follow there, you follow here")


@commands.command(
    help=told(
        "Delete your account and everything that is kept of you.",
        "paperlark delete --yes",
        more="Nothing stays, and nothing can be brought back; `paperlark export` first, if you may want it.",
    )
)
def delete(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Delete it, once that was meant."""
    settings = edge.begin()
    if not yes:
        if not sys.stdin.isatty():
            raise typer.BadParameter("say --yes where nobody can be asked", param_hint="delete")
        typer.confirm("Delete everything that is kept of you?", abort=True, err=True)
    edge.run(_delete(settings, as_json))


async def _delete(settings: "Settings", as_json: bool) -> None:
    from paperlark.app import opened
    from paperlark.readers import account as verbs

    async with opened(settings) as app:
        await verbs.delete(app.store, await account(app))
    if as_json:
        print_json({"deleted": True})
    else:
        say("you are forgotten; nothing stays")


# ── sign-out ───────────────────────────────────────────────────────────────────────────────────────────────────────


@commands.command(
    "sign-out",
    help=told(
        "End the sessions and tokens of a reader, or of everyone.",
        "paperlark sign-out telegram 123456789",
        "paperlark sign-out email ann@example.org",
        "paperlark sign-out --everyone",
        more="For operators. Browsers, the extension and programs are signed out within ten seconds, and codes that "
        "were shown work no more. What the reader follows stays, and is sent on; so do the addresses of feeds.",
    ),
)
def sign_out(
    platform: Annotated[
        str | None,
        typer.Argument(metavar="[PLATFORM]", help="telegram, discord, email or local.", show_default=False),
    ] = None,
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="The reader's number or address there.", show_default=False),
    ] = None,
    everyone: Annotated[bool, typer.Option("--everyone", help="All accounts, this one too.")] = False,
    as_json: Json = False,
) -> None:
    """End them, of the one or of all."""
    if everyone is (platform is not None) or (platform is None) is not (name is None):
        raise typer.BadParameter("give a platform and a name, or --everyone", param_hint="sign-out")
    ended = edge.run(_sign_out(edge.begin(), platform, name))
    if as_json:
        print_json({"ended": ended})
    else:
        say(f"{ended:,} sessions and tokens ended")


async def _sign_out(settings: "Settings", platform: str | None, name: str | None) -> int:
    from paperlark.app import opened
    from paperlark.readers import tokens as verbs

    async with opened(settings) as app:
        if platform is None or name is None:
            return await verbs.end_everyones(app.store)
        return await verbs.end_all(app.store, platform, name.casefold() if platform == "email" else name)
