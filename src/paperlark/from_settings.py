"""What the settings make possible: channels, keys, who is told of the sources' health. Of the composition root."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from paperlark import adapters
from paperlark.channels.base import Channel
from paperlark.http import HostPace, Http
from paperlark.model.problems import DeliveryError, PaperlarkError, ReaderError
from paperlark.pipeline.watch import Operator
from paperlark.readers import webhook
from paperlark.settings import Settings
from paperlark.store import keys
from paperlark.store.database import Store

CONTACT = "https://pypi.org/project/paperlark/"
SIGNING = "links"  # the name of the secret that links are signed with, and webhooks' secrets are derived from


async def own_key(settings: Settings, store: Store) -> str:
    """What links and webhooks are signed by: the operator's key, or one that is made once and kept."""
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value()
    async with store.reading() as tx:
        key = await keys.known(tx, SIGNING)
    if key is None:
        async with store.transaction() as tx:
            key = await keys.kept(tx, SIGNING, await tx.now())
    return key


def configured_channel(settings: Settings, kind: str) -> Channel:
    """A channel that the settings make possible. Raises PaperlarkError: an unknown kind, or what is missing."""
    adapters.channel_class(kind)  # an unknown kind has an error of its own
    for channel in configured_channels(settings):
        if channel.kind == kind:
            return channel
    raise ReaderError(f"{kind} is not configured here; `paperlark check` says what is missing")


async def no_secrets(to: str) -> Sequence[str]:
    """For webhooks that are made to be looked at, and never send."""
    return ()


async def webhook_secrets(settings: Settings, store: Store, to: str) -> Sequence[str]:
    """The secrets to sign with now for a destination, written as ACCOUNT.DESTINATION; none where it is gone."""
    if settings.webhook_secret is not None:
        return (settings.webhook_secret.get_secret_value(),)
    account_id, _, destination_id = to.partition(".")
    try:
        key = await own_key(settings, store)
        return await webhook.signing(store, int(account_id), int(destination_id), key=key)
    except (ReaderError, ValueError):
        return ()


def configured_channels(
    settings: Settings, secrets: Callable[[str], Awaitable[Sequence[str]]] = no_secrets
) -> list[Channel]:
    """The channels that the settings make possible; the terminal and webhooks always are.

    secrets: what webhooks are signed with.
    """
    private = settings.allow_private_addresses
    door = Http(settings.contact or CONTACT, HostPace(), allow_private=private)
    signed = {"http": door, "secrets": secrets, "clock": lambda: datetime.now(UTC), "insecure": private}
    found = [adapters.make_channel("console", {}), adapters.make_channel("webhook", signed)]
    if settings.apprise is not None:
        found.append(adapters.make_channel("apprise", {"services": settings.apprise}))
    if settings.telegram_token is not None:
        found.append(telegram_channel(settings))
    if settings.discord_token is not None:
        found.append(discord_channel(settings))
    if settings.smtp_host is not None:
        password = settings.smtp_password.get_secret_value() if settings.smtp_password else None
        options = {
            "host": settings.smtp_host,
            "port": settings.smtp_port,
            "tls": settings.smtp_tls,
            "username": settings.smtp_username,
            "password": password,
            "sender": settings.smtp_sender,
            "public_url": settings.public_url,
            "bounces": settings.smtp_bounces,
            "dkim_key": settings.dkim_key.get_secret_value() if settings.dkim_key else None,
            "dkim_selector": settings.dkim_selector,
            "dkim_domain": settings.dkim_domain,
        }
        found.append(adapters.make_channel("email", options))
    return found


def telegram_channel(settings: Settings) -> Any:
    """Telegram's channel. Raises PaperlarkError where its settings are missing or cannot be."""
    if settings.telegram_token is None:
        raise ReaderError("telegram is not configured here; `paperlark check` says what is missing")
    token = settings.telegram_token.get_secret_value()
    return adapters.make_channel("telegram", {"token": token, "base_url": settings.telegram_api})


def discord_channel(settings: Settings) -> Any:
    """Discord's channel. Raises PaperlarkError where its settings are missing or cannot be."""
    if settings.discord_token is None:
        raise ReaderError("discord is not configured here; `paperlark check` says what is missing")
    token = settings.discord_token.get_secret_value()
    return adapters.make_channel("discord", {"token": token, "base_url": settings.discord_api})


async def publish(settings: Settings, store: Store) -> list[str]:
    """Tell the platforms what they keep of our bots: menus, descriptions, where updates go. Once in a release.

    Returns a line for each, also for one that could not be told: an outage there holds up no release here.
    """
    told = []
    if settings.telegram_token is not None:
        from paperlark.bots import telegram_release

        channel = telegram_channel(settings)
        try:
            await channel.open()
            told.append(
                await telegram_release.publish(channel, settings.public_url if settings.telegram_webhook else None)
            )
        except DeliveryError as error:
            told.append(f"could not be told: {error}")
        finally:
            await channel.close()
    if settings.discord_token is not None:
        from paperlark.bots import discord

        try:
            told.append(await discord.publish(store, discord_channel(settings)))
        except DeliveryError as error:
            told.append(f"could not be told: {error}")
    return told


def operator_of(settings: Settings, channels: Mapping[str, Channel]) -> Operator | None:
    """Who is told of the sources' health. Raises PaperlarkError: no such channel here, or no address of it."""
    if settings.operator is None:
        return None
    kind, _, address = settings.operator.partition(":")
    if kind not in channels:
        raise PaperlarkError(
            f"PAPERLARK_OPERATOR names the channel {kind!r}, which is not configured here; write CHANNEL:ADDRESS, "
            f"with one of {', '.join(sorted(channels))}"
        )
    try:
        return Operator(channels[kind], channels[kind].check_address(address))
    except ReaderError as error:
        raise PaperlarkError(f"PAPERLARK_OPERATOR: {error}") from error


def check_source(settings: Settings, name: str, kind: str, options: Mapping[str, Any]) -> None:
    """Could this source be polled? Raises PaperlarkError: an unknown kind, a bad option."""
    adapters.make_source(kind, name, options, unopened_http(settings))


def unopened_http(settings: Settings) -> Http:
    """For adapters that are made to be looked at, and never asked."""
    return Http(settings.contact or CONTACT, HostPace())
