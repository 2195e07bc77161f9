"""What readers own can be spread by account, with no change of code: PostgreSQL's own hash partitions take only keys
that hold the account. `make test ARGS=--partitions` runs everything that asks PostgreSQL on them.
"""

from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy import Table, UniqueConstraint, text

from paperlark.model.readers import Cadence, MarkKind
from paperlark.store import marks, merges, retention
from paperlark.store.database import Store, open_store
from paperlark.store.matches import Wanted, listed
from paperlark.store.tables import FEED_ADDRESS, IDENTITY, METADATA, PAIRING_CODE, TOKEN
from paperlark.testing.channels import FakeChannel
from tests.builders import deliver, deliveries, matches, numbered, owed, percolate, reader, record, rows, stored
from tests.databases import PARTITIONS, Fresh, postgres_databases, reader_owned

DIRECTORIES = (IDENTITY, TOKEN, FEED_ADDRESS, PAIRING_CODE)
"""Look-ups from outside: small, and the same everywhere."""


@pytest.fixture(scope="module")
def spread() -> Iterator[Fresh]:
    with postgres_databases(partitioned=True) as fresh:
        yield fresh


@pytest.fixture
async def store(spread: Fresh) -> AsyncIterator[Store]:
    opened = await open_store(spread())
    yield opened
    await opened.close()


def test_every_table_with_an_account_is_led_by_it_or_is_a_directory() -> None:
    with_account = [table for table in METADATA.sorted_tables if "account_id" in table.c]
    assert {table.name for table in with_account} == {table.name for table in (*reader_owned(), *DIRECTORIES)}


@pytest.mark.parametrize("table", reader_owned(), ids=lambda table: table.name)
def test_every_key_of_what_a_reader_owns_begins_with_the_account(table: Table) -> None:
    unique = [each.columns for each in table.constraints if isinstance(each, UniqueConstraint)]
    unique += [index.columns for index in table.indexes if index.unique]
    assert {next(iter(columns)).name for columns in (table.primary_key.columns, *unique)} == {"account_id"}
    assert not table.foreign_keys


async def test_all_that_readers_own_is_spread_over_partitions(store: Store) -> None:
    found = await rows(store, text(
        "SELECT parent.relname AS name, pg_get_partkeydef(parent.oid) AS key, count(*) AS parts FROM pg_inherits "
        "JOIN pg_class parent ON parent.oid = inhparent WHERE parent.relkind = 'p' GROUP BY parent.oid, parent.relname"
    ))  # fmt: skip
    assert {each["name"] for each in found} == {table.name for table in reader_owned()}
    assert {(each["key"], each["parts"]) for each in found} == {("HASH (account_id)", PARTITIONS)}


async def test_readers_of_every_partition_are_told_once_and_their_lists_are_right(store: Store) -> None:
    channel = FakeChannel()
    readers = [await reader(store, "larks", f"reader-{n}", cadence=Cadence.INSTANT) for n in range(12)]
    await record(store, *numbered(3))
    await percolate(store)
    assert (await deliver(store, channel)).sent == len(readers)
    assert len(await matches(store)) == len(await owed(store)) == 3 * len(readers)
    assert {each["state"] for each in await deliveries(store)} == {"sent"}
    assert len({each["part"] for each in await rows(store, text("SELECT tableoid AS part FROM match"))}) > 1
    papers = [paper.id for paper in await stored(store)]
    for one in readers:
        assert sorted(channel.papers_at(one.address)) == sorted(papers)
        assert len(await listed(store, Wanted(one.account_id), 10)) == 3
    await percolate(store)
    assert (await deliver(store, channel)).sent == 0, "nothing is told twice"


async def test_papers_that_become_one_and_what_is_let_go_of_reach_every_partition(store: Store) -> None:
    readers = [await reader(store, "larks", f"reader-{n}") for n in range(12)]
    await record(store, *numbered(2))
    await percolate(store)
    kept, gone = [paper.id for paper in await stored(store)]
    async with store.transaction() as tx:
        now = await tx.now()
        await marks.put(tx, readers[0].account_id, gone, MarkKind.SAVED, now)
        await merges.merge(tx, kept, gone, reason="the same", now=now)
    assert {each["paper_id"] for each in await matches(store)} == {kept}
    assert {each["paper_id"] for each in await owed(store)} == {kept}
    async with store.transaction() as tx:
        await retention.forget(tx, (await tx.now()).replace(year=2100))
    assert {each["account_id"] for each in await matches(store)} <= {readers[0].account_id}, "what is saved stays"
