"""Discord, talking back: a gateway bot. https://discord.com/developers/docs/events/gateway

One process answers: the one that holds the channel's lane. Its client is supervised, for one payload that discord.py
cannot read ends a client; the next is a new one. Nothing is kept in memory, so that it knows all that the old one knew.
No privileged intents are asked for, and nobody is ever mentioned.

Discord is told of our commands in the release step, and only when they have changed.
"""

import asyncio
import hashlib
import json
from random import Random
from typing import Any

import aiohttp
import discord
import structlog
from discord import app_commands
from discord.gateway import DiscordWebSocket
from discord.http import Route
from yarl import URL

from paperlark.bots.discord_papers import papers, submitted
from paperlark.bots.discord_talking import SOON, Interaction, Talk
from paperlark.channels.discord import OFFICIAL, PATIENCE, Call, Discord, sorted_error
from paperlark.model.problems import DeliveryError, PaperlarkError
from paperlark.pipeline.lane import Lane
from paperlark.store import published
from paperlark.store.database import Store

log = structlog.get_logger()

HOLD_AGAIN = 2.0  # seconds between tries at a lane that another process has, and looks whether we still have it
DRAIN = 5.0  # seconds for what is being answered when we stop
CLOSE = 3.0  # seconds for saying goodbye to the gateway
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0  # seconds before a new client; Discord allows a thousand a day
WELL_AFTER = 600.0  # seconds after which a client counts as having been well
RELEASE_LIMIT = 60.0  # seconds for telling Discord of our commands


class Client(discord.Client):
    """discord.py's client with our commands, buttons and forms. It remembers no messages and no members."""

    def __init__(self, talk: Talk, trace: aiohttp.TraceConfig) -> None:
        super().__init__(
            intents=discord.Intents(guilds=True),
            allowed_mentions=discord.AllowedMentions.none(),
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            max_messages=None,
            http_trace=trace,
            max_ratelimit_timeout=30,
        )
        self.talk = talk
        self.tree = app_commands.CommandTree(self)
        self.tree.add_command(papers(talk))

    async def setup_hook(self) -> None:
        """What a button says is read from the button, also from those of former runs."""
        self.add_dynamic_items(Pressing)

    async def on_interaction(self, interaction: Interaction) -> None:
        """Forms: discord.py itself knows only those that this very client has opened."""
        if interaction.type is discord.InteractionType.modal_submit:
            await submitted(self.talk, interaction)


class Pressing(discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"(?s)(?:\d+:)?v\d+:.*"):
    """Any button of ours, whenever it was sent."""

    def __init__(self, data: str) -> None:
        super().__init__(discord.ui.Button(label="…", custom_id=data))

    @classmethod
    async def from_custom_id(cls, interaction: Interaction, item: discord.ui.Item[Any], match: Any, /) -> "Pressing":
        """The button that was pressed."""
        return cls(match.string)

    async def callback(self, interaction: Interaction) -> None:
        """Answer it."""
        client = interaction.client
        assert isinstance(client, Client)
        await client.talk.press(interaction, self.custom_id)


class DiscordBot:
    """One bot's talk with its readers, while this process holds its lane. soon: as in `Talk`."""

    def __init__(
        self,
        store: Store,
        channel: Discord,
        lane: Lane,
        *,
        page_url: str | None = None,
        soon: float = SOON,
        jitter: Random | None = None,
    ) -> None:
        self._channel = channel
        self._lane = lane
        self._talk = Talk(store, channel.render, page_url=page_url, soon=soon)
        self._jitter = jitter or Random()

    async def run(self, stop: asyncio.Event) -> None:
        """Answer until `stop`; then finish what is being answered, within `DRAIN` seconds."""
        stopping = asyncio.create_task(stop.wait())
        failures = 0
        try:
            while not stop.is_set():
                if not await self._holds():
                    await asyncio.wait({stopping}, timeout=HOLD_AGAIN)
                    continue
                began = asyncio.get_running_loop().time()
                await self._talk_once(stopping)
                lasted = asyncio.get_running_loop().time() - began
                failures = 0 if lasted > WELL_AFTER else failures + 1
                pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(failures - 1, 10))
                await asyncio.wait({stopping}, timeout=pause * (0.5 + self._jitter.random() / 2))
        finally:
            stopping.cancel()

    async def _holds(self) -> bool:
        try:
            return await self._lane.hold()
        except PaperlarkError as error:
            log.warning("round failed", loop="discord bot", reason=str(error))
            return False

    async def _talk_once(self, stopping: asyncio.Task[bool]) -> None:
        """One client, until it breaks off, the lane is lost, or we stop. Whatever ends it is told, and ends no more."""
        client = Client(self._talk, self._channel.invalid.trace())
        client.http.max_ratelimit_timeout = PATIENCE
        talking = asyncio.create_task(self._connected(client))
        try:
            while not talking.done() and not stopping.done():
                await asyncio.wait({talking, stopping}, timeout=HOLD_AGAIN, return_when=asyncio.FIRST_COMPLETED)
                if not talking.done() and not stopping.done() and not await self._holds():
                    break
            if talking.done():
                await talking
        except discord.LoginFailure:
            log.error("discord does not accept our token", bot="discord")
        except (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError, PaperlarkError) as error:
            log.warning("discord broke off", reason=f"{type(error).__name__}")
        except Exception:
            log.exception("round failed", loop="discord bot")
        finally:
            if running := set(self._talk.running):
                await asyncio.wait(running, timeout=DRAIN)
            talking.cancel()
            await asyncio.gather(talking, return_exceptions=True)
            await _closed(client)

    async def _connected(self, client: Client) -> None:
        await self._channel.open()  # also says where the API is
        await client.login(self._channel.token)
        if self._channel.base != OFFICIAL:
            found: Any = await client.http.request(Route("GET", "/gateway"))
            DiscordWebSocket.DEFAULT_GATEWAY = URL(found["url"])
        await client.connect(reconnect=True)


async def _closed(client: discord.Client) -> None:
    try:
        async with asyncio.timeout(CLOSE):
            await client.close()
    except (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError) as error:
        log.warning("goodbye was not heard", bot="discord", reason=type(error).__name__)


# ── the release step ───────────────────────────────────────────────────────────────────────────────────────────────


async def publish(store: Store, channel: Discord) -> str:
    """Tell Discord of our commands, if they are others than those it was told of last.

    Returns what was done, in a line. Raises DeliveryError, sorted, where Discord cannot be told.
    """
    client = Client(Talk(store, channel.render), channel.invalid.trace())
    client.http.max_ratelimit_timeout = PATIENCE
    tree = [command.to_dict(client.tree) for command in client.tree.get_commands()]
    mark = _mark(tree)
    async with store.reading() as tx:
        if await published.last(tx, _name(channel)) == mark:
            return "discord: its commands are as they were"
    try:
        async with asyncio.timeout(RELEASE_LIMIT):
            await channel.open()
            await client.login(channel.token)
            await client.tree.sync()
    except (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError) as error:
        raise sorted_error(error, Call()) from error
    except app_commands.AppCommandError as error:
        raise DeliveryError(f"discord: {error}", channel=True) from error
    finally:
        await _closed(client)
    async with store.transaction() as tx:
        await published.note(tx, _name(channel), mark)
    return f"discord: told of {sum(len(command.get('options', ())) for command in tree)} commands"


def _mark(tree: list[dict[str, Any]]) -> int:
    """What is published, as a number of 63 bits."""
    digest = hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def _name(channel: Discord) -> str:
    """Another bot has commands of its own: the first part of a token is its number."""
    return f"discord:{channel.token.partition('.')[0]}"
