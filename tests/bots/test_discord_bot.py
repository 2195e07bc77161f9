"""The Discord bot over real sockets: its gateway, its supervision, and the release step."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from paperlark.app import DEFAULT_SOURCES, listen, opened
from paperlark.bots.discord import DiscordBot, publish
from paperlark.channels.discord import Discord, Options
from paperlark.model.problems import DeliveryError
from paperlark.pipeline.lane import Lane
from paperlark.readers import subscribe
from paperlark.settings import load
from paperlark.store import accounts, sources
from paperlark.store.database import Store
from paperlark.testing.discord_site import TOKEN, DiscordSite
from tests.builders import percolate, record, told
from tests.databases import Fresh


@pytest.fixture
async def site() -> AsyncIterator[DiscordSite]:
    async with DiscordSite() as server:
        yield server


@pytest.fixture
async def channel(site: DiscordSite) -> AsyncIterator[Discord]:
    made = Discord(Options(TOKEN, site.url, timeout=5))
    yield made
    await made.close()


class Running:
    """A bot that runs, until it is told to stop."""

    def __init__(self, store: Store, channel: Discord, **changes: Any) -> None:
        self.lane = Lane(store, channel, lease=timedelta(seconds=30))
        self.stop = asyncio.Event()
        self.bot = DiscordBot(store, channel, self.lane, **changes)
        self.task = asyncio.create_task(self.bot.run(self.stop))

    async def end(self) -> None:
        self.stop.set()
        async with asyncio.timeout(10):
            await self.task
        await self.lane.leave()


async def until(site: DiscordSite, *, identified: int = 0, answers: int = 0) -> None:
    gateway = site.gateway
    await gateway.until(lambda: gateway.identified >= identified and len(gateway.answers) >= answers)


def content(answer: Any) -> str:
    return str(answer.get("data", answer).get("content"))


async def test_command_is_answered_and_the_end_comes_in_time(
    sqlite_store: Store, site: DiscordSite, channel: Discord
) -> None:
    running = Running(sqlite_store, channel)
    await until(site, identified=1)
    await site.gateway.command(5, 501, "list")
    await until(site, answers=1)
    await running.end()
    [(number, answer)] = site.gateway.answers
    assert number == 5 and "follow nothing yet" in content(answer)
    assert answer["data"]["allowed_mentions"] == {"parse": []}


async def test_payload_that_cannot_be_read_does_not_end_the_bot(
    sqlite_store: Store, site: DiscordSite, channel: Discord
) -> None:
    running = Running(sqlite_store, channel)
    await until(site, identified=1)
    with capture_logs() as lines:
        await site.gateway.dispatch("GUILD_CREATE", {"nonsense": True})
        await until(site, identified=2)
    assert [line["event"] for line in lines] == ["round failed"]
    await site.gateway.command(6, 501, "help")
    await until(site, answers=1)
    assert "/papers follow" in content(site.gateway.answers[0][1])
    await running.end()


async def test_only_who_holds_the_lane_talks(sqlite_store: Store, site: DiscordSite, channel: Discord) -> None:
    first = Running(sqlite_store, channel)
    await until(site, identified=1)
    second = Running(sqlite_store, channel)
    await asyncio.sleep(0.3)
    assert site.gateway.identified == 1
    await first.end()
    await until(site, identified=2)
    await second.end()


async def test_bot_that_discord_does_not_know_waits_and_can_be_stopped(
    sqlite_store: Store, site: DiscordSite, channel: Discord, capsys: pytest.CaptureFixture[str]
) -> None:
    site.token = "another"
    running = Running(sqlite_store, channel)
    await site.gateway.until(lambda: bool(site.calls))
    await running.end()
    assert len(site.calls) == 1 and TOKEN not in capsys.readouterr().out


async def test_answer_that_takes_long_is_announced_first(
    sqlite_store: Store, site: DiscordSite, channel: Discord
) -> None:
    running = Running(sqlite_store, channel, soon=0.0)
    await until(site, identified=1)
    await site.gateway.command(5, 501, "list")
    await until(site, answers=2)
    (_, announced), (_, answer) = site.gateway.answers
    assert announced["type"] == 5 and "follow nothing yet" in content(answer)
    await running.end()


async def test_app_that_a_person_takes_along_answers_that_person_alone_and_tells_them_in_direct_messages(
    sqlite_store: Store, site: DiscordSite, channel: Discord
) -> None:
    running = Running(sqlite_store, channel)
    await until(site, identified=1)
    await site.gateway.command(5, 501, "follow", {"name": "query", "type": 3, "value": "larks"}, guild=900)
    await until(site, answers=1)
    [(_, answer)] = site.gateway.answers
    assert answer["data"]["flags"] == 64 and "Following" in content(answer)
    async with sqlite_store.reading() as tx:
        me = await accounts.known(tx, "discord", "501")
        assert await accounts.known(tx, "discord-channel", "88") is None
    assert me is not None
    [(_, place)] = await subscribe.subscriptions(sqlite_store, me)
    assert place.address == "user:501"
    await running.end()


# ── the release step ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_commands_are_told_once_and_again_only_when_they_have_changed(
    store: Store, site: DiscordSite, channel: Discord
) -> None:
    assert (await publish(store, channel)).startswith("discord: told of ")
    [tree] = site.gateway.published
    assert [command["name"] for command in tree] == ["papers"]
    calls = len(site.calls)
    assert await publish(store, channel) == "discord: its commands are as they were"
    assert len(site.calls) == calls
    other = Discord(Options(TOKEN.replace("MTIz", "OTIz"), site.url))
    site.token = other.token
    await publish(store, other)
    assert len(site.gateway.published) == 2


async def test_release_step_says_why_discord_could_not_be_told(
    sqlite_store: Store, site: DiscordSite, channel: Discord
) -> None:
    site.token = "another"
    with pytest.raises(DeliveryError, match="the token is not accepted"):
        await publish(sqlite_store, channel)
    site.token = TOKEN
    assert (await publish(sqlite_store, channel)).startswith("discord: told of ")


# ── in the service ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_service_tells_and_answers_over_one_lane_and_ends_in_time(sqlite: Fresh, site: DiscordSite) -> None:
    env = {
        "PAPERLARK_DATABASE_URL": sqlite(),
        "PAPERLARK_DISCORD_TOKEN": TOKEN,
        "PAPERLARK_DISCORD_API": site.url,
        "PAPERLARK_LEASE_SECONDS": "5",
    }
    stop = asyncio.Event()
    async with opened(load(env)) as app:
        async with app.store.transaction() as tx:  # nothing is polled here
            for name, kind, options in DEFAULT_SOURCES:
                await sources.add(tx, name, kind, options, await tx.now())
                await sources.pause(tx, name, "not in this test")
        serving = asyncio.create_task(app.serve(stop, listen("127.0.0.1", 0)))
        await until(site, identified=1)
        often = {"name": "often", "type": 3, "value": "instant"}
        await site.gateway.command(5, 501, "follow", {"name": "query", "type": 3, "value": "larks"}, often)
        await until(site, answers=1)
        assert "come here at once" in content(site.gateway.answers[0][1])
        await record(app.store, told("Larks that nest", "Of larks.", at=await app.store.now()))
        await percolate(app.store)
        await site.gateway.until(lambda: bool(site.texts(501)), within=20)
        assert "__Larks__ that nest" in site.texts(501)[0]
        stop.set()
        async with asyncio.timeout(20):
            await serving
