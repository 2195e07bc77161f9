"""A reader's account as a whole: export what it owns, delete it."""

import json
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from paperlark.model.problems import ReaderError
from paperlark.store import accounts, belongings
from paperlark.store.accounts import Identity
from paperlark.store.belongings import Section
from paperlark.store.database import Store

FORMAT = "paperlark export 1"
PAGE = 100  # rows read at a time: bounds memory, as a delivery may hold a whole mail
BATCH = 1000  # rows deleted in one transaction

NO_IDENTITY = "you have no such identity"
LAST_IDENTITY = "this is the only place by which you are known; link another one first, or delete the account"
NO_ACCOUNT = "you have no account here: nothing is kept of you"


async def export(store: Store, account_id: int) -> AsyncGenerator[str, None]:
    """Everything that an account owns, as the text of one JSON document in pieces. Raises ReaderError: no account.

    The document's shape is promised: later versions may add names, and never take one away without a new `format`.
    Ids are text, moments are ISO 8601 in UTC, whatever is not known is null.

        format, exported_at
        account           id, name, created_at
        identities        platform, external_id, linked_at
        tokens            name, scopes, created_at, expires_at, used_at         (never the token nor its hash)
        feed_addresses    id, profile_id (null: of all), created_at, read_at    (never the address nor its hash)
        profiles          id, name, text, version, created_at, began_at, removed_at
        profile_versions  profile_id, version, text, began_at
        destinations      id, channel, address, zone, digest_at, weekday, quiet, cap, empty, created_at, paused_at,
                          paused_until, paused_reason, confirm_by
        subscriptions     id, profile_id, destination_id, cadence, occasions, began_at
        mutes             kind, value, at
        marks             paper, kind, at
        matches           paper, profile_id, version, matched_at
        deliveries        id, destination_id, channel, cadence, slot, state, reason, first_due, ended_at, attempts,
                          papers (how many), parts (the messages as they were sent)
        owed              paper, destination_id, occasion, cadence, owed_at, delivery_id (null: not told yet), fate
        confirmations     destination_id, wish, made_at, expires_at, asked_at, used_at
        soft_bounces      destination_id, day

    From `identities` on each is a list in a fixed order. A paper is {id, title, names}. The pages are read one after
    the other: what changes meanwhile is told as it was or as it is, and everything that stays is told once.
    """
    async with store.reading() as tx:
        account, now = await belongings.account(tx, account_id), await tx.now()
    if account is None:
        raise ReaderError(NO_ACCOUNT)
    mine = {"id": account.account_id, "name": account.name, "created_at": account.created_at}
    yield f'{{"format": {_text(FORMAT)},\n"exported_at": {_text(now)},\n"account": {_text(mine)}'
    for section in belongings.SECTIONS:
        yield f',\n"{section.name}": ['
        comma = ""
        async for row in _rows(store, account_id, section):
            yield f"{comma}\n {_text(row)}"
            comma = ","
        yield "]"
    yield "}\n"


@dataclass(frozen=True, slots=True)
class About:
    """An account: its name, since when it is there, and who it is elsewhere."""

    id: int
    name: str
    created_at: datetime
    identities: tuple[Identity, ...]


async def about(store: Store, account_id: int) -> About:
    """What an account is. Raises ReaderError: no account."""
    async with store.reading() as tx:
        found = await belongings.account(tx, account_id)
        if found is None:
            raise ReaderError(NO_ACCOUNT)
        identities = await accounts.identities(tx, account_id)
    return About(found.account_id, found.name, found.created_at, tuple(identities))


async def part(store: Store, account_id: int, platform: str, external_id: str) -> None:
    """Who came by this identity is this reader no more; next time they are a new one. Raises ReaderError: none such, or
    the last one, without which nobody could come back once the tokens are lost."""
    async with store.transaction() as tx:
        mine = await accounts.identities(tx, account_id)
        if not any((each.platform, each.external_id) == (platform, external_id) for each in mine):
            raise ReaderError(NO_IDENTITY)
        if len(mine) == 1:
            raise ReaderError(LAST_IDENTITY)
        await accounts.part(tx, account_id, platform, external_id)


async def delete(store: Store, account_id: int) -> None:
    """Forget an account and everything that it owns; nothing stays. Who signs in next time is a new reader.

    The account ends in one transaction, and with it everything that could still be told. The rest goes in batches; the
    job that forgets resumes them after a crash, and for a day takes what workers under way still write. A message that
    is being sent this moment may arrive. Raises ReaderError where there is no such account.
    """
    async with store.transaction() as tx:
        if not await belongings.sign_off(tx, account_id, await tx.now()):
            raise ReaderError(NO_ACCOUNT)
    while True:
        async with store.transaction() as tx:
            if not await belongings.forget(tx, account_id, BATCH):
                return


async def _rows(store: Store, account_id: int, section: Section) -> AsyncGenerator[dict[str, Any], None]:
    after: Sequence[Any] | None = None
    while True:
        async with store.reading() as tx:
            rows, after = await belongings.page(tx, account_id, section, PAGE, after)
        for row in rows:
            yield row
        if after is None:
            return


def _text(value: Any) -> str:
    return json.dumps(_plain(value), ensure_ascii=False)


def _plain(value: Any, name: str = "") -> Any:
    """A value as the document has it: moments and ids are text."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict) and name != "parts":
        return {each: _plain(inner, each) for each, inner in value.items()}
    return str(value) if isinstance(value, int) and (name == "id" or name.endswith("_id")) else value
