"""What may be changed about a profile."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from paperlark.cli import edge
from paperlark.cli.edge import Json, told
from paperlark.cli.printing import on_terminal, print_json, progress, say
from paperlark.cli.telling import account

if TYPE_CHECKING:
    from datetime import datetime

    from paperlark.readers.suggest import Suggested, Suggestion
    from paperlark.settings import Settings

commands = typer.Typer()


@commands.command(
    help=told(
        "Suggest what else a profile may ask for, and why.",
        "paperlark suggest agents",
        "paperlark suggest agents --take 2",
        "paperlark suggest --query 'LLM reasoning'",
        more="Words that go with its papers, acronyms and what they stand for, spelling, names that recur. Nothing is "
        "changed unless --take says which; the changed profile counts from now on.",
    )
)
def suggest(
    profile: Annotated[
        str | None, typer.Argument(metavar="[PROFILE]", help="Which of your profiles, by name or id.")
    ] = None,
    query: Annotated[
        str | None, typer.Option(metavar="QUERY", help="A query instead of a profile.", show_default=False)
    ] = None,
    take: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Change the profile to the Nth of them.", show_default=False)
    ] = None,
    until: edge.Until = None,
    as_json: Json = False,
) -> None:
    """Print them, the best first; or follow one."""
    from paperlark.matching.query import parse

    if (profile is None) == (query is None):
        raise typer.BadParameter("give a profile, or --query", param_hint="suggest")
    if take is not None and profile is None:
        raise typer.BadParameter("only a profile can be changed", param_hint="--take")
    settings = edge.begin()
    if query is not None:
        parse(query)
    edge.run(_suggest(settings, profile, query, take, until, as_json))


async def _suggest(
    settings: "Settings",
    profile: str | None,
    query: str | None,
    take: int | None,
    until: "datetime | None",
    as_json: bool,
) -> None:
    from paperlark.app import opened
    from paperlark.model.problems import ReaderError
    from paperlark.readers import follow
    from paperlark.readers.suggest import suggest, suggest_for

    async with opened(settings) as app:
        me, now = await account(app), edge.as_of(until, await app.store.now())
        with progress("looking for suggestions"):
            if query is not None:
                found = await suggest(app.store, query, now=now, account_id=me)
            else:
                _, found = await suggest_for(app.store, me, str(profile), now=now)
        if take is not None:
            if take > len(found.suggestions):
                raise ReaderError(f"there are {len(found.suggestions)} suggestions, none of them is number {take}")
            changed = await follow.edit(app.store, me, str(profile), text=found.suggestions[take - 1].text)
            if as_json:
                print_json({"id": str(changed.id), "version": changed.version, "query": changed.text})
            else:
                say(f"“{changed.name}” is at version {changed.version}: {changed.text}")
            return
    _print(found, as_json)


def _print(found: "Suggested", as_json: bool) -> None:
    if as_json:
        for each in found.suggestions:
            print_json(_record(each))
        return
    if on_terminal():
        say(f"now: {found.volume}", "")
    for number, each in enumerate(found.suggestions, 1):
        if on_terminal():
            say(f"{number}. {each.what}: {each.reason}", f"   {each.effect}", f"   {_one_line(each.text)}", "")
        else:
            print(number, each.kind, each.what, each.reason, each.effect, _one_line(each.text), sep="\t")
    if not found.suggestions and on_terminal():
        say("nothing to suggest: few papers meet this, or they have little in common that it does not ask for")


def _one_line(text: str) -> str:
    """A profile's lines are alternatives, as commas are."""
    return ", ".join(text.splitlines())


def _record(each: "Suggestion") -> dict[str, Any]:
    return {
        "kind": each.kind,
        "what": each.what,
        "reason": each.reason,
        "effect": each.effect,
        "query": each.text,
        "more": each.more,
        "total": each.volume.total,
        "a_day": round(each.volume.a_day, 2),
    }
