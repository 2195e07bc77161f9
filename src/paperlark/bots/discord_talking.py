"""An interaction on Discord, answered: who asks and where, what was pressed or typed, and how the answer gets back.

https://discord.com/developers/docs/interactions/receiving-and-responding

The first answer must come within three seconds: what takes longer than `SOON` is announced first ("is thinking…").
In a server, where others read along, answers are for the asker's eyes only; in direct messages they stay.
"""

import asyncio
import io
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from typing import Any

import aiohttp
import discord
import structlog

from paperlark.bots import discord_saying as saying
from paperlark.bots.asker import Asker, meet
from paperlark.bots.commands import Commands, Completed
from paperlark.bots.discord_saying import Message
from paperlark.bots.reply import File, Line, Reply, Said
from paperlark.bots.words import complaint
from paperlark.channels import letters
from paperlark.channels.buttons import Rows
from paperlark.channels.discord import codes, custom_id, data_of, fitted
from paperlark.model.messages import Digest, Payload
from paperlark.model.problems import PaperlarkError
from paperlark.store.database import Store

log = structlog.get_logger()

GROUP = "papers"
PREFIX = f"/{GROUP} "  # of a command, as readers type it
SOON = 2.0  # seconds within which an answer comes without being announced
COMPLETE = 2.0  # seconds for completing what is being typed; nothing is offered after that
ANSWER_LIMIT = 120.0  # seconds for an answer
ANSWERED_ELSEWHERE = {40060, 10062}  # acknowledged already, or unknown: another process has it, or it is too late
SORRY = "That went wrong here, which is our fault and is noted. Please try again in a while."

Interaction = discord.Interaction[discord.Client]


class Talk:
    """Answers interactions. It keeps nothing between them.

    render: the channel's own. page_url: this paperlark's pages. soon: seconds within which
    an answer comes without being announced. running: what is being answered now, for whoever must
    wait for its end.
    """

    def __init__(
        self,
        store: Store,
        render: Callable[[Digest], list[Payload]],
        *,
        page_url: str | None = None,
        soon: float = SOON,
    ) -> None:
        self.store = store
        self._announced_after = soon
        self._commands = Commands(store, page_url=page_url, prefix=PREFIX)
        self._render = render
        self.running: set[asyncio.Task[Any]] = set()

    async def answer(self, interaction: Interaction, name: str, words: str = "") -> None:
        """Answer a command."""

        async def answered() -> None:
            asker = await self.asker(interaction)
            reply = await self._soon(interaction, self._commands.answer(asker, name, words), thinking=True)
            await self._say(interaction, saying.messages(reply, self._render), reply.file)

        await self._edge(interaction, answered())

    async def press(self, interaction: Interaction, pressed_id: str) -> None:
        """Answer a pressed button: its message's buttons change in place, the rest is said to who pressed."""

        async def answered() -> None:
            asker = await self.asker(interaction)
            data = data_of(pressed_id)
            pressed = self._commands.press(asker, data, shown=_shown(interaction), keyboard=_keyboard(interaction))
            reply = await self._soon(interaction, pressed, thinking=False)
            if reply.ended or reply.buttons:
                await _turn(interaction, () if reply.ended else reply.buttons)
            noticed = ((Said(reply.notice),),) if reply.notice and not reply.digest else ()
            parts = saying.messages(Reply(reply.lines or noticed, reply.digest), self._render)
            if parts or reply.file:
                await self._say(interaction, parts, reply.file)
            elif not interaction.response.is_done():
                await interaction.response.defer()

        await self._edge(interaction, answered())

    async def complete(self, interaction: Interaction, what: Completed, typed: str) -> list[tuple[str, str]]:
        """What may be meant by what was typed so far; nothing where that takes too long."""
        try:
            async with asyncio.timeout(COMPLETE):
                return await self._commands.complete(await self.asker(interaction), what, typed, limit=25)
        except (PaperlarkError, TimeoutError) as error:
            log.warning("nothing completed", bot="discord", reason=str(error) or "too slow")
            return []

    async def show_form(self, interaction: Interaction, making: Awaitable[discord.ui.Modal]) -> None:
        """Open a form. It must be the first answer."""

        async def shown() -> None:
            async with asyncio.timeout(SOON):
                form = await making
            await interaction.response.send_modal(form)

        await self._edge(interaction, shown())

    async def asker(self, interaction: Interaction) -> Asker:
        """Who asks, and where. In a server that the bot was added to, the channel has an account of its own, which
        those may change who may manage the server; wherever else an app goes with a person, it is that person's."""
        person = interaction.user
        by_person_only = interaction.is_user_integration() and not interaction.is_guild_integration()
        if interaction.guild_id is None or by_person_only:
            return await meet(
                self.store,
                ("discord", str(person.id)),
                channel="discord",
                address=f"user:{person.id}",
                private=True,
                may_change=True,
                name=person.display_name,
            )
        return await meet(
            self.store,
            ("discord-channel", str(interaction.channel_id)),
            channel="discord",
            address=f"channel:{interaction.channel_id}",
            private=False,
            may_change=interaction.permissions.manage_guild or interaction.permissions.administrator,
            name=str(getattr(interaction.channel, "name", None) or interaction.channel_id),
        )

    async def _soon(self, interaction: Interaction, answering: Coroutine[Any, Any, Reply], *, thinking: bool) -> Reply:
        """The answer; where it is not there soon, Discord is told that it comes."""
        task = asyncio.create_task(answering)
        try:
            await asyncio.wait({task}, timeout=self._announced_after)
            if not task.done():
                if thinking:
                    await interaction.response.defer(thinking=True, ephemeral=_quiet(interaction))
                else:
                    await interaction.response.defer()
            async with asyncio.timeout(ANSWER_LIMIT):
                return await task
        finally:
            task.cancel()

    async def _say(self, interaction: Interaction, parts: list[Message], file: File | None) -> None:
        for at, part in enumerate(parts or [Message()]):
            last = at == len(parts) - 1 or not parts
            fields: dict[str, Any] = {
                "content": part.content or None,
                "embeds": [discord.Embed.from_dict(embed) for embed in part.embeds],
                "ephemeral": _quiet(interaction),
                "allowed_mentions": discord.AllowedMentions.none(),
            }
            if part.rows:
                fields["view"] = view_of(part.rows)
            if last and file is not None:
                fields["file"] = discord.File(io.BytesIO(file.content), file.name)
            if interaction.response.is_done():
                await interaction.followup.send(**fields)
            else:
                await interaction.response.send_message(**fields)

    async def _edge(self, interaction: Interaction, answering: Coroutine[Any, Any, None]) -> None:
        """The loop's edge: whatever goes wrong in one answer is told, and ends nothing else."""
        task = asyncio.current_task()
        if task is not None:
            self.running.add(task)
            task.add_done_callback(self.running.discard)
        try:
            await answering
        except PaperlarkError as error:
            await self._regret(interaction, complaint(error, PREFIX))
        except discord.HTTPException as error:
            if error.code not in ANSWERED_ELSEWHERE:
                reason = letters.cut(letters.one_line(error.text), 200)
                log.warning("answer was refused", bot="discord", status=error.status, code=error.code, reason=reason)
        except (aiohttp.ClientError, OSError) as error:
            log.warning("answer was lost", bot="discord", reason=type(error).__name__)
        except Exception:
            log.exception("answer failed", bot="discord")
            await self._regret(interaction, (Said(SORRY),))

    async def _regret(self, interaction: Interaction, said: Line) -> None:
        try:
            await self._say(interaction, saying.messages(Reply((said,)), self._render), None)
        except Exception as error:  # still the edge: it is told what went wrong first
            log.warning("answer was lost", bot="discord", reason=type(error).__name__)


def view_of(rows: Rows) -> discord.ui.View:
    """Rows of buttons as discord.py sends them. It shall not remember them: what a button does stands in the button."""
    view, told = discord.ui.View(timeout=None), Counter[str]()
    for number, row in enumerate(fitted(rows)):
        for button in row:
            view.add_item(discord.ui.Button(label=button.label, custom_id=custom_id(button.data, told), row=number))
    view.stop()
    return view


def typed(data: Mapping[str, Any]) -> dict[str, str]:
    """What a submitted form says, by the name of each field. Pure."""

    def fields(node: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        if "custom_id" in node:
            yield node["custom_id"], str(node.get("value") or next(iter(node.get("values") or ()), ""))
        for inner in (*node.get("components", ()), *([node["component"]] if "component" in node else ())):
            yield from fields(inner)

    return dict(pair for top in data.get("components", ()) for pair in fields(top))


async def _turn(interaction: Interaction, rows: Rows) -> None:
    """Put another keyboard under the message whose button was pressed."""
    view = view_of(rows) if rows else None
    if interaction.response.is_done():
        await interaction.edit_original_response(view=view)
    else:
        await interaction.response.edit_message(view=view)


def _quiet(interaction: Interaction) -> bool:
    """Do others read along?"""
    return interaction.guild_id is not None or interaction.context.private_channel


def _shown(interaction: Interaction) -> list[str]:
    """The queries that the pressed message shows as code."""
    message = interaction.message
    if message is None:
        return []
    texts = [message.content, *(embed.description or "" for embed in message.embeds)]
    return [query for each in texts for query in codes(each)]


def _keyboard(interaction: Interaction) -> Rows:
    message = interaction.message
    rows = [row for row in (message.components if message else ()) if isinstance(row, discord.ActionRow)]
    return saying.keyboard(
        [
            [(child.label, child.custom_id) for child in row.children if isinstance(child, discord.Button)]
            for row in rows
        ]
    )
