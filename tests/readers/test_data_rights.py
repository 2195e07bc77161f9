"""A reader's rights to their data, held against the tables themselves: a new table cannot be forgotten."""

import json
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import BigInteger, Column, Table, select

from paperlark.model.ids import new_id
from paperlark.readers import account
from paperlark.store import belongings
from paperlark.store.database import Store
from paperlark.store.tables import ACCOUNT, METADATA
from paperlark.testing.clock import FakeClock
from tests.builders import MONDAY, rows

OF_NOBODY = {
    "paper": "reference data",
    "paper_direction": "reference data",
    "alias": "reference data",
    "source_record": "reference data",
    "announcement": "reference data",
    "signal": "reference data",
    "merge_log": "reference data",
    "source": "the operator's",
    "percolation_batch": "leases and numbers",
    "lane": "leases; of who was sent something a moment ago, hashes",
    "pace": "hosts, and hashes of who tried a code, for an hour",
    "progress": "numbers; of an account that leaves its own, for a day",
    "secret": "the operator's",
    "tally": "numbers of everybody together",
    "inbound_update": "what a chat wrote to a bot: emptied when it is answered, gone after two days",
}
"""Tables without an account, and why that is right."""

OWNED = [table for table in METADATA.sorted_tables if "account_id" in table.c and table is not ACCOUNT]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MONDAY)


def value(column: Column[Any], account_id: int) -> Any:
    """Something that a column can hold, told apart by account."""
    if column.name == "account_id":
        return account_id
    if column.nullable:
        return None
    if isinstance(column.type, BigInteger):
        return new_id()
    kind = getattr(column.type, "impl_instance", column.type).python_type
    if kind is str:
        return f"{column.name} of {account_id}"
    return {bool: False, int: 1, datetime: MONDAY}.get(kind, [])  # the others are JSON


def row(table: Table, account_id: int) -> dict[str, Any]:
    return {column.name: value(column, account_id) for column in table.c}


async def of_everything(store: Store) -> int:
    """An account with a row in every table that has accounts."""
    account_id = new_id()
    async with store.transaction() as tx:
        for table in (ACCOUNT, *OWNED):
            await tx.insert_new(table, [row(table, account_id)])
    return account_id


def test_every_table_is_an_accounts_or_it_is_said_why_not() -> None:
    assert {table.name for table in METADATA.sorted_tables} == {"account", *(table.name for table in OWNED), *OF_NOBODY}


def test_every_column_of_an_account_is_exported_or_it_is_said_why_not() -> None:
    told = {f"{section.table.name}.{column}" for section in belongings.SECTIONS for column in section.columns}
    known = {f"{table.name}.{column.name}" for table in OWNED for column in table.c if column.name != "account_id"}
    untold = {each for each in known for name in belongings.UNTOLD if each == name or each.startswith(f"{name}.")}
    assert told | untold == known and not told & untold
    assert all(any(each.startswith(name) for each in untold) for name in belongings.UNTOLD)


async def test_an_export_holds_a_row_of_every_table(store: Store, clock: FakeClock) -> None:
    ann, _ = await of_everything(store), await of_everything(store)
    document = json.loads("".join([piece async for piece in account.export(store, ann)]))
    for section in belongings.SECTIONS:
        assert len(document[section.name]) == 1, section.name


async def test_a_deletion_empties_every_table_and_touches_nobody_elses(store: Store, clock: FakeClock) -> None:
    ann, bob = await of_everything(store), await of_everything(store)
    wanted = {table: select(table).where(table.c.account_id == bob) for table in (ACCOUNT, *OWNED)}
    before = {table: await rows(store, statement) for table, statement in wanted.items()}
    await account.delete(store, ann)
    clock.advance(days=1)
    async with store.transaction() as tx:
        await belongings.forget_leaving(tx, await tx.now(), 1000)
    for table in METADATA.sorted_tables:
        for found in await rows(store, select(table)):
            assert str(ann) not in repr(found), table.name
    after = {table: await rows(store, statement) for table, statement in wanted.items()}
    assert after == before and all(len(those) == 1 for those in after.values())
