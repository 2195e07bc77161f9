"""The command line: `paperlark COMMAND`. What is heavy is imported by the command that needs it, so help is quick.

`edge`       where a command begins (settings, log) and ends (one line, an exit status)
`printing`   what is printed: JSON, tables, marked words, progress, bars of a week
`archive`    import, papers, names, explain, backtest
`trending`   trending
`answering`  why
`following`  profiles
`suggesting` suggest
`telling`    subscribe, unsubscribe, secret
`keeping`    read, save, dismiss, unmark, saved; mute, unmute, mutes; pause, resume
`outbox`     outbox
`feeds`      feeds
`exporting`  export
`account`    link, delete, sign-out
`watching`   sources, poll
`running`    run, web, worker, deliver
`bounces`    bounce
`demo`       demo
`extension`  extension build
`backups`    backup, restore
`upkeep`     check, migrate, rotate-keys, token, version
"""

from typing import Annotated

import typer

from paperlark.cli import (
    account,
    answering,
    archive,
    backups,
    bounces,
    demo,
    edge,
    exporting,
    extension,
    feeds,
    following,
    keeping,
    outbox,
    running,
    suggesting,
    telling,
    trending,
    upkeep,
    watching,
)

EPILOG = "Each command tells more: paperlark COMMAND --help. The store is named by PAPERLARK_DATABASE_URL."

commands = typer.Typer(
    name="paperlark",
    help="The morning's papers, for each reader the ones they asked for.",
    epilog=EPILOG,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=edge.CONTEXT,
)


@commands.callback(invoke_without_command=True)
def paperlark(
    context: typer.Context,
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """The morning's papers, for each reader the ones they asked for."""
    if show_version:
        upkeep.version()
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())


for family in (
    demo,
    running,
    archive,
    answering,
    trending,
    following,
    suggesting,
    telling,
    keeping,
    outbox,
    bounces,
    feeds,
    exporting,
    account,
    watching,
    extension,
    backups,
    upkeep,
):
    commands.add_typer(family.commands)


def main() -> None:
    """Run the command that the arguments name, and exit: 0 well, 1 not done, 2 used wrongly, 130 interrupted."""
    edge.leave(commands)
