"""What the bot publishes and answers is right by Discord's own description of its API."""

import pytest

from paperlark.bots.commands import COMMANDS
from paperlark.bots.discord_papers import _follow_form
from paperlark.bots.discord_talking import GROUP, view_of
from paperlark.channels.buttons import of_digest
from paperlark.store.database import Store
from tests.bots.discord_world import client
from tests.channels.discord_spec import faults


async def test_commands_are_as_discord_takes_them(sqlite_store: Store) -> None:
    bot = client(sqlite_store)
    [tree] = [command.to_dict(bot.tree) for command in bot.tree.get_commands()]
    assert faults("ApplicationCommandUpdateRequest", tree) == []
    assert tree["name"] == GROUP and len(tree["options"]) == len(COMMANDS) <= 25
    # Null would leave out those who install the bot for themselves.
    assert tree["integration_types"] == [0, 1] and tree["contexts"] == [0, 1, 2]
    texts = [tree["description"]]
    for option in tree["options"]:
        texts += [option["name"], option["description"]]
        texts += [said for inner in option.get("options", ()) for said in (inner["name"], inner["description"])]
    assert all(1 <= len(each) <= 100 for each in texts) and sum(map(len, texts)) < 8000
    await bot.close()


async def test_forms_are_as_discord_takes_them() -> None:
    form = await _follow_form("weekly")
    assert faults("ModalInteractionCallbackRequest", {"type": 9, "data": form.to_dict()}) == []


@pytest.mark.parametrize("papers", [1, 2, 9, 20])
async def test_keyboards_are_as_discord_takes_them(papers: int) -> None:
    rows = tuple(tuple(row) for row in of_digest(list(range(1, papers + 1))))
    assert faults("MessageCreateRequest", {"content": "x", "components": view_of(rows).to_components()}) == []


async def test_keyboard_that_was_sent_is_not_remembered() -> None:
    # discord.py keeps every view that is not finished, for ever where it has no time-out.
    assert view_of((tuple(of_digest([1])[0]),)).is_finished()
