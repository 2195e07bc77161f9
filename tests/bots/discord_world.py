"""A Discord in memory with our bot in it: a server with a channel, an owner who may manage it, a reader who may not."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import discord
import simcord

from paperlark.bots.discord import Client
from paperlark.bots.discord_talking import SOON, Talk
from paperlark.channels.discord import Discord, Options
from paperlark.model.messages import Digest, Payload
from paperlark.store.database import Store
from paperlark.testing.clock import FakeClock
from paperlark.testing.discord_site import TOKEN
from tests.builders import percolate, record, told

CHANNEL = Discord(Options(TOKEN))

Result = simcord.InteractionResult
Speaker = Any  # a member of a server, or a person in direct messages


def client(store: Store, *, render: Callable[[Digest], list[Payload]] = CHANNEL.render, soon: float = SOON) -> Client:
    """Our client, as `DiscordBot` makes it."""
    return Client(Talk(store, render, page_url="https://papers.example.org", soon=soon), CHANNEL.invalid.trace())


@dataclass
class World:
    """owner manages the server, reader does not, ann is a person in direct messages."""

    env: simcord.Env
    store: Store
    clock: FakeClock
    guild: simcord.GuildHandle
    channel: simcord.ChannelHandle
    owner: simcord.MemberActor
    reader: simcord.MemberActor
    ann: simcord.UserHandle

    async def says(self, name: str, /, by: Speaker = None, **options: Any) -> str:
        """Ann, or somebody in the server's channel, gives a command; all that is answered."""
        return text_of(await self.gives(name, by=by, **options))

    async def gives(self, name: str, /, by: Speaker = None, **options: Any) -> Result:
        """The same; the answer as Discord has it."""
        in_private = by is None or by is self.ann
        given = (
            self.ann.slash(f"papers {name}", **options)
            if in_private
            else by.slash(self.channel, f"papers {name}", **options)
        )
        answer: Result = await given
        return answer

    async def tell(self, number: int, title: str, abstract: str = "", **fields: Any) -> int:
        """A source announces a paper; returns its id."""
        self.clock.advance(minutes=5)
        announcement = told(title, abstract, arxiv=f"2603.{number:05d}", at=self.clock(), **fields)
        recorded = await record(self.store, announcement)
        await percolate(self.store)
        return recorded.papers[0]

    async def restart(self) -> None:
        """The bot is stopped, and another begins, which knows nothing but the store."""
        await self.env.restart_bot(client(self.store))


@asynccontextmanager
async def world(store: Store, clock: FakeClock, **changes: Any) -> AsyncIterator[World]:
    """Our bot among people. changes: of `client`."""
    bot = client(store, **changes)
    env = simcord.Env(bot)
    await env.start()
    try:
        await bot.tree.sync()
        guild = env.create_guild()
        channel = guild.create_text_channel("papers")
        manages = guild.create_role("keeper", permissions=discord.Permissions(manage_guild=True))
        owner = guild.add_member(env.create_user("olga"), roles=[manages])
        reader = guild.add_member(env.create_user("rita"))
        yield World(env, store, clock, guild, channel, owner, reader, env.create_user("ann"))
    finally:
        await env.shutdown()
    env.raise_errors()


def text_of(result: Result) -> str:
    """What an answer says, in all its messages."""
    said = []
    for part in (result.response, *result.followups):
        if part is not None:
            said.append(part.content)
            for embed in part.embeds:
                said += [embed.title or "", embed.description or ""]
    return "\n".join(filter(None, said))


def labels_of(message: Any) -> list[list[str]]:
    """What the buttons under a message say, row by row."""
    return [[button["label"] for button in row["components"]] for row in message.components]
