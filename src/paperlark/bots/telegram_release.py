"""What Telegram is told of the bot once in a release, and not at each start: its menus, its descriptions, its webhook.

https://core.telegram.org/bots/api#setmycommands
"""

from collections.abc import Sequence

from telegram import (
    BotCommand,
    BotCommandScope,
    BotCommandScopeAllChatAdministrators,
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeDefault,
)
from telegram.error import TelegramError

from paperlark.bots.commands import COMMANDS, Command
from paperlark.bots.telegram_reading import ALLOWED
from paperlark.bots.telegram_webhook import PATH, secret_of
from paperlark.channels.telegram import Telegram, sorted_error

DESCRIPTION = (
    "The morning's papers, for each reader the ones they asked for.\n\n"
    "Say what you care for, and be told of the new papers that meet it: from Hugging Face Daily Papers, arXiv, "
    "bioRxiv, medRxiv and journals' feeds. Each comes with the words that led to it, once, at the hour you choose.\n\n"
    "Try:  /preview diffusion models"
)
SHORT_DESCRIPTION = "New research papers, for each reader the ones they asked for."


async def publish(channel: Telegram, public_url: str | None) -> str:
    """Tell Telegram of our commands and texts, and where updates go. Returns what was done, in a line.

    public_url: where this paperlark is reached, for a webhook; None takes a webhook away, so that updates can be
    fetched. Raises DeliveryError, sorted, where Telegram cannot be told.
    """
    bot = channel.bot
    try:
        for scope, commands in menus():
            await bot.set_my_commands([BotCommand(each.name, each.summary) for each in commands], scope)
        await bot.set_my_description(DESCRIPTION)
        await bot.set_my_short_description(SHORT_DESCRIPTION)
        if public_url is None:
            await bot.delete_webhook(drop_pending_updates=False)
            return f"telegram: {len(COMMANDS)} commands in the bot's menus; updates are fetched"
        await bot.set_webhook(public_url + PATH, secret_token=secret_of(bot.token), allowed_updates=list(ALLOWED))
        return f"telegram: {len(COMMANDS)} commands in the bot's menus; updates come to {public_url}{PATH}"
    except TelegramError as error:
        raise sorted_error(error, hide=bot.token) from error


def menus() -> list[tuple[BotCommandScope, Sequence[Command]]]:
    """Which commands are offered where: in groups those that change something only to administrators."""
    reading = [command for command in COMMANDS if not command.changes]
    return [
        (BotCommandScopeDefault(), COMMANDS),
        (BotCommandScopeAllPrivateChats(), COMMANDS),
        (BotCommandScopeAllGroupChats(), reading),
        (BotCommandScopeAllChatAdministrators(), COMMANDS),
    ]
