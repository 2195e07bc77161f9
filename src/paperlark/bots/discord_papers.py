"""The commands on Discord: /papers and what stands under it, with completion and forms.

https://discord.com/developers/docs/interactions/application-commands

What a command does is told in `commands`; here stands what Discord must know to offer it. One group serves everyone:
who may not change a channel's queries may still read them, so that no permission is asked for by Discord itself.
Forms are known by their names alone, and survive restarts as buttons do.
"""

from typing import Any, Literal, get_args

import discord
from discord import app_commands

from paperlark.bots.commands import ADMINISTRATORS, COMMANDS, Completed
from paperlark.bots.discord_talking import GROUP, Interaction, Talk, typed
from paperlark.channels.buttons import read, written
from paperlark.model.problems import ReaderError
from paperlark.readers import follow as profiles

SUMMARY = "New research papers, those you asked for"
NAMES = {"delete_my_data": "delete"}  # where a command has a shorter name here
QUERY = 2000  # characters of a query in a form
FORM_LASTS = 900.0  # seconds for which discord.py knows a form that nobody sends

FOLLOW_FORM, EDIT_FORM = "v1:form-follow", "v1:form-edit:"

INSTALLS = app_commands.AppInstallationType(guild=True, user=True)
CONTEXTS = app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True)

Often = Literal["instant", "daily", "weekly"]
Choices = list[app_commands.Choice[str]]
Group = app_commands.Group
Command = app_commands.Command[Any, ..., None]

_SAID = {command.name: command.summary for command in COMMANDS}

# The commands with one field: its name, what it is for, whether it is needed, and what completes it.
_FIELDS: dict[str, tuple[str, str, bool, Completed | None]] = {
    "list": ("page", "which page of the list", False, None),
    "unfollow": ("profile", "which one: its name", True, "profile"),
    "preview": ("query", 'for instance: "tool use" agents -robots', True, None),
    "search": ("query", "for instance: title:diffusion since:2026-01-01", True, None),
    "suggest": ("profile", "which one: its name", True, "profile"),
    "trending": ("how", "“daily” sends it every day; or a query to narrow it", False, None),
    "similar": ("paper", "its arXiv id, DOI or address", True, None),
    "why": ("paper", "its arXiv id, DOI, address, or title", True, None),
    "mute": ("what", "a word or phrase; or author:NAME, source:NAME", True, "author"),
    "unmute": ("what", "which one", True, "mute"),
    "saved": ("page", "which page of the list", False, None),
    "pause": ("how_long", "for instance: 3 days; without it, until you resume", False, None),
    "link": ("code", "the code that another place showed; without it, you get one", False, None),
}
_OWN = ("follow", "edit", "when")


def papers(talk: Talk) -> Group:
    """The group of commands."""
    group = Group(name=GROUP, description=SUMMARY, allowed_installs=INSTALLS, allowed_contexts=CONTEXTS)
    for name in _SAID:
        if name in _OWN:
            continue
        group.add_command(_with_field(talk, name) if name in _FIELDS else _plain(talk, name))
    for made in (_follow(talk), _edit(talk), _when(talk)):
        group.add_command(made)
    return group


async def submitted(talk: Talk, interaction: Interaction) -> None:
    """A form was sent: do what the command would, had its fields been typed there."""
    data: Any = interaction.data
    name, fields = str(data.get("custom_id", "")), typed(data)
    if name == FOLLOW_FORM:
        await talk.answer(interaction, "follow", f"{fields.get('often', '')} {fields.get('query', '')}")
    elif name.startswith(EDIT_FORM):
        profile = read(name.removeprefix(EDIT_FORM))
        await talk.answer(interaction, "edit", f"{profile} {fields.get('query', '')}")


def _plain(talk: Talk, name: str) -> Command:
    async def answer(interaction: Interaction) -> None:
        await talk.answer(interaction, name)

    return _command(name, answer)


def _with_field(talk: Talk, name: str) -> Command:
    shown, said, needed, completed = _FIELDS[name]

    async def answer(interaction: Interaction, text: str) -> None:
        await talk.answer(interaction, name, text)

    async def answer_perhaps(interaction: Interaction, text: str = "") -> None:
        await talk.answer(interaction, name, text)

    made = _command(name, answer if needed else answer_perhaps, text=(shown, said))
    if completed is not None:
        made.autocomplete("text")(_completing(talk, completed))
    return made


def _follow(talk: Talk) -> Command:
    async def follow(interaction: Interaction, query: str = "", often: Often | None = None) -> None:
        if query.strip():
            await talk.answer(interaction, "follow", f"{often or ''} {query}")
        else:
            await talk.show_form(interaction, _follow_form(often or "daily"))

    return _command(
        "follow",
        follow,
        query=("query", "words that must all occur, a comma between alternatives; without it, a form opens"),
        often=("often", "how often new papers are told; daily, if you do not say"),
    )


def _edit(talk: Talk) -> Command:
    async def edit(interaction: Interaction, profile: str, query: str = "") -> None:
        if query.strip():
            await talk.answer(interaction, "edit", f"{profile} {query}")
        else:
            await talk.show_form(interaction, _edit_form(talk, interaction, profile))

    made = _command(
        "edit",
        edit,
        profile=("profile", "which one: its name"),
        query=("query", "its new query, or name:NEW NAME; without it, a form opens"),
    )
    made.autocomplete("profile")(_completing(talk, "profile"))
    return made


def _when(talk: Talk) -> Command:
    async def when(interaction: Interaction, how: str = "", zone: str = "") -> None:
        await talk.answer(interaction, "when", f"{how} {zone}")

    made = _command(
        "when",
        when,
        how=("how", "for instance: daily 08:30 quiet 22-7; without it, you see what is set"),
        zone=("zone", "where your clock is, for instance Europe/Berlin"),
    )
    made.autocomplete("zone")(_completing(talk, "zone"))
    return made


def _command(name: str, answer: Any, **fields: tuple[str, str]) -> Command:
    """A command whose fields, by their names in the function, have a name and a description for readers."""
    made: Command = app_commands.Command(name=NAMES.get(name, name), description=_SAID[name], callback=answer)
    made = app_commands.rename(**{inner: shown for inner, (shown, _) in fields.items()})(made)
    return app_commands.describe(**{inner: said for inner, (_, said) in fields.items()})(made)


def _completing(talk: Talk, what: Completed) -> Any:
    async def complete(interaction: Interaction, current: str) -> Choices:
        prefix = ""
        wanted: Completed = what
        if what == "author":  # of what can be muted, authors and sources have names to choose from
            kind, colon, rest = current.partition(":")
            if not colon or kind.strip().casefold() not in ("author", "source"):
                return []
            wanted = "author" if kind.strip().casefold() == "author" else "source"
            prefix, current = f"{wanted}:", rest
        found = await talk.complete(interaction, wanted, current.strip())
        made = ((f"{prefix}{shown}", f"{prefix}{sent}") for shown, sent in found)
        return [app_commands.Choice(name=shown[:100], value=sent) for shown, sent in made if len(sent) <= 100]

    return complete


async def _follow_form(often: Often) -> discord.ui.Modal:
    form = discord.ui.Modal(title="Follow", custom_id=FOLLOW_FORM, timeout=FORM_LASTS)
    form.add_item(_query_field(""))
    choices = [discord.SelectOption(label=each, value=each, default=each == often) for each in get_args(Often)]
    chosen: Any = discord.ui.Select(custom_id="often", options=choices)
    form.add_item(discord.ui.Label(text="How often", component=chosen))
    return form


async def _edit_form(talk: Talk, interaction: Interaction, wanted: str) -> discord.ui.Modal:
    asker = await talk.asker(interaction)
    if not asker.may_change:
        raise ReaderError(ADMINISTRATORS)
    profile, _ = await profiles.show(talk.store, asker.account_id, wanted)
    form = discord.ui.Modal(title="Edit", custom_id=f"{EDIT_FORM}{written(profile.id)}", timeout=FORM_LASTS)
    form.add_item(_query_field(profile.text))
    return form


def _query_field(text: str) -> discord.ui.Label[Any]:
    said = "All words of a line must occur; each line is an alternative"
    entry: Any = discord.ui.TextInput(
        custom_id="query",
        style=discord.TextStyle.paragraph,
        default=text or None,
        placeholder='"test-time scaling" -vision\ntitle:diffusion author:song',
        max_length=QUERY,
    )
    return discord.ui.Label(text="Query", description=said, component=entry)
