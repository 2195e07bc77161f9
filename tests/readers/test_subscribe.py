"""Who may have a chat told of papers: whoever is known by that chat, and whoever runs this paperlark."""

import pytest

from paperlark.model.readers import EmptyPolicy, Rhythm
from paperlark.readers.subscribe import is_theirs
from paperlark.store import accounts, profiles
from paperlark.store.database import Store


async def reader(store: Store, platform: str, external_id: str) -> int:
    """The account behind an identity."""
    async with store.transaction() as tx:
        return await accounts.account_of(tx, platform, external_id, name=external_id, now=await tx.now())


@pytest.mark.parametrize(
    ("platform", "external_id", "channel", "address"),
    [
        ("telegram", "42", "telegram", "42"),
        ("telegram-chat", "-100/7", "telegram", "-100/7"),
        ("discord", "43", "discord", "user:43"),
        ("discord-channel", "44", "discord", "channel:44"),
    ],
)
async def test_a_chat_is_theirs_who_are_known_by_it(
    sqlite_store: Store, platform: str, external_id: str, channel: str, address: str
) -> None:
    ada, eve = await reader(sqlite_store, platform, external_id), await reader(sqlite_store, "browser", "eve")
    assert await is_theirs(sqlite_store, ada, channel, address)
    assert not await is_theirs(sqlite_store, eve, channel, address)
    assert not await is_theirs(sqlite_store, ada, channel, address + "5")


async def test_a_chat_that_is_told_things_already_is_theirs(sqlite_store: Store) -> None:
    ada = await reader(sqlite_store, "browser", "ada")
    async with sqlite_store.transaction() as tx:
        now, usual = await tx.now(), Rhythm()
        await profiles.put_destination(
            tx, ada, "telegram", "42", rhythm=usual, cap=20, empty=EmptyPolicy.SILENT, now=now
        )
    assert await is_theirs(sqlite_store, ada, "telegram", "42")
    assert not await is_theirs(sqlite_store, ada, "discord", "42")


async def test_whoever_runs_this_paperlark_is_believed(sqlite_store: Store) -> None:
    me = await reader(sqlite_store, *accounts.LOCAL)
    assert await is_theirs(sqlite_store, me, "telegram", "-1001")


async def test_mailboxes_are_asked_themselves_and_programs_ask_for_their_webhooks(sqlite_store: Store) -> None:
    eve = await reader(sqlite_store, "browser", "eve")
    assert await is_theirs(sqlite_store, eve, "email", "ada@example.org")
    assert await is_theirs(sqlite_store, eve, "webhook", "https://example.org/hook")
