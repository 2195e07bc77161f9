"""Every command's help: what it is for, how it is called, and that programs may ask for JSON."""

import pytest
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from paperlark.cli import commands
from tests.cli.conftest import Lark


def every_command() -> dict[str, TyperCommand | TyperGroup]:
    """All commands by what is typed; a group counts too, as it prints something by itself."""
    found: dict[str, TyperCommand | TyperGroup] = {}

    def walk(path: str, group: TyperGroup) -> None:
        for name, command in group.commands.items():
            assert isinstance(command, TyperCommand | TyperGroup)
            found[f"{path} {name}".strip()] = command
            if isinstance(command, TyperGroup):
                walk(name, command)

    whole = get_command(commands)
    assert isinstance(whole, TyperGroup)
    walk("", whole)
    return found


def test_the_commands_are_those_that_were_promised() -> None:
    promised = {
        "outbox", "outbox list", "outbox show", "outbox retry", "outbox drop", "secret",
        "run", "web", "worker", "demo", "import", "poll", "papers", "sources", "sources add", "sources pause",
        "sources remove", "sources import", "sources export",
        "profiles", "profiles add", "profiles list", "profiles show", "profiles edit", "profiles remove", "subscribe",
        "unsubscribe", "read", "save", "dismiss", "unmark", "saved", "mute", "unmute", "mutes", "pause", "resume",
        "link", "export", "delete", "deliver", "explain", "why", "backtest", "suggest", "trending", "names", "migrate",
        "check", "similar", "token", "version", "backup", "restore", "rotate-keys", "sign-out",
        "bounce", "extension", "extension build",
        "feeds", "feeds list", "feeds add", "feeds revoke",
    }  # fmt: skip
    assert set(every_command()) == promised


@pytest.mark.parametrize("typed", every_command())
def test_help_says_what_it_is_for_in_a_line_gives_an_example_and_offers_json(typed: str, lark: Lark) -> None:
    command = every_command()[typed]
    purpose = (command.help or "").splitlines()[0]
    assert purpose.endswith(".") and len(purpose) < 75
    shown = lark.well(*typed.split(), "--help").out
    assert f"  paperlark {typed}" in shown.partition("Example:")[2]
    assert "--json" in shown
    unexplained = [parameter.name for parameter in command.params if not getattr(parameter, "help", "")]
    assert unexplained == []


def test_help_lists_every_command_with_its_whole_purpose(lark: Lark) -> None:
    shown = lark.well("--help").out
    assert shown == lark.well().out
    for typed, command in every_command().items():
        if " " not in typed:
            assert (command.help or "").splitlines()[0] in shown
