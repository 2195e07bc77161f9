"""A pooler in between, which gives each transaction whichever connection is free: PgBouncer in transaction mode. It
takes nobody without TLS, as hosts of databases do."""

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Integer, bindparam, literal_column, select, text
from sqlalchemy.engine import make_url

from paperlark.model.problems import StoreError
from paperlark.store.database import Store, open_store, open_unchecked
from paperlark.testing.channels import FakeChannel
from tests.builders import deliver, deliveries, percolate, reader, record, told
from tests.databases import Fresh
from tests.programs import lacking, needed

SERVER_CONNECTIONS = 3
TOLD = """
[databases]
* = host={host} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {size}
client_tls_sslmode = require
client_tls_key_file = {key}
client_tls_cert_file = {certificate}
"""
CERTIFY = "req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -keyout {key} -out {certificate}"


@pytest.fixture(scope="module")
def pooled(postgres: Fresh) -> Iterator[Fresh]:
    """Fresh databases, through a pooler that has fewer connections than we."""
    found = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if found is None:
        lacking("pgbouncer is not on this machine: install Debian's package pgbouncer")
    server = make_url(postgres())
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="paperlark-pooler-") as folder:
        file, key, certificate = (Path(folder, name) for name in ("pgbouncer.ini", "key.pem", "certificate.pem"))
        certify = CERTIFY.format(key=key, certificate=certificate).split()
        subprocess.run([needed("openssl", "openssl"), *certify], check=True, capture_output=True, timeout=60)
        file.write_text(
            TOLD.format(
                host=server.query["host"], user=server.username, port=port, size=SERVER_CONNECTIONS, key=key,
                certificate=certificate,
            )
        )  # fmt: skip
        for each in (Path(folder), key):
            each.chmod(0o755)
        owner = Path(str(server.query["host"])).stat().st_uid  # whose socket it may reach; it does not run as root
        with subprocess.Popen(
            [found, str(file)],
            user=owner if os.geteuid() == 0 else None,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as pooler:
            _answers(port)

            def fresh() -> str:
                name = make_url(postgres()).database
                return f"postgresql+psycopg://postgres@127.0.0.1:{port}/{name}?sslmode=require"

            yield fresh
            pooler.kill()


def _answers(port: int) -> None:
    end = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.05)


@pytest.fixture
async def behind(pooled: Fresh) -> Store:
    """A store behind the pooler, closed by its test."""
    return await open_store(pooled())


async def test_statements_of_many_stores_never_get_one_anothers_answers(pooled: Fresh) -> None:
    """What one connection prepares, the next knows nothing of, or knows by the same name as something else."""
    url = pooled()
    stores = [await open_store(url) for _ in range(3)]
    given = bindparam("given", type_=Integer, required=False)
    statements = [select(literal_column(str(1000 * number), Integer) + given) for number in range(8)]

    async def ask(store: Store, number: int, value: int) -> bool:
        return await store.glance(statements[number], given=value) == [(1000 * number + value,)]

    for turn in range(20):
        asked = [ask(store, number, turn) for number in range(8) for store in stores]
        assert all(await asyncio.gather(*asked))
    for store in stores:
        assert await store.connections_allowed() is not None
        await store.close()


async def test_without_tls_nobody_gets_in_and_is_told_so_in_one_line(pooled: Fresh) -> None:
    with pytest.raises(StoreError, match="SSL required"):
        await open_store(pooled().replace("require", "disable"))


async def test_papers_come_along_as_without_it(behind: Store) -> None:
    channel = FakeChannel()
    for number in range(20):
        await reader(behind, "larks", f"reader {number}")
    await asyncio.gather(*(record(behind, told(f"Larks {n}", arxiv=f"2603.0000{n}")) for n in range(3)))
    assert await percolate(behind) == 3
    await deliver(behind, channel)
    assert {row["state"] for row in await deliveries(behind)} == {"sent"}
    assert len(channel.sent) == 20
    await behind.close()


async def test_several_may_migrate_at_once_through_it(pooled: Fresh) -> None:
    url = pooled()
    store = await open_store(url)
    async with store.transaction() as tx:
        await tx.execute(text("DROP SCHEMA public CASCADE"))
        await tx.execute(text("CREATE SCHEMA public"))
    await store.close()
    releases = [open_unchecked(url) for _ in range(2)]
    await asyncio.gather(*(release.migrate() for release in releases))
    for release in releases:
        await release.check()
        await release.close()
