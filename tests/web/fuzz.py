"""The running API under schemathesis: every check, every phase, with the tokens of two readers, and without any.

    python -m tests.web.fuzz --examples 100            # on SQLite; some minutes
    python -m tests.web.fuzz --examples 100 --postgres

Requests are made of the API's own document. What is left out, and why: `stream.follow`, which never ends. A 400 or 422
counts as an answer to what the document allows for: whether a query can be read, a cursor is of its query, or a profile
is one's own is more than a schema can say.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from aiohttp.test_utils import TestServer

from paperlark.model.problems import ReaderError
from paperlark.store.database import Store, open_store
from paperlark.testing.channels import FakeChannel
from paperlark.web import make_web
from paperlark.web.access import SCOPES
from tests.builders import deliver, percolate, reader, record, told
from tests.databases import postgres_databases, sqlite_databases
from tests.web.archive import token

LEFT_OUT = "stream.follow"
PHASES = ("examples", "coverage", "fuzzing", "stateful")
PEERS = ("ada", "eve")
CONFIG = """
hooks = "tests.web.fuzz_formats"
request-timeout = 20

[checks]
positive_data_acceptance.expected-statuses = ["2xx", "3xx", "400", "401", "403", "404", "409", "422", "429"]

[warnings]
display = []
"""
WITH_TOKENS = """
[auth.wfc]
path = "auth.json"
peers = ["ada", "eve"]
"""


class Anything:
    """A channel whose addresses are words."""

    def check_address(self, address: str) -> str:
        """Raises ReaderError for what is none."""
        if not address.isalnum():
            raise ReaderError("an address is one word")
        return address


async def fuzz(store: Store, folder: Path, *, examples: int, phases: Sequence[str], tokens: bool) -> tuple[int, str]:
    """Run it against a server on this store; the exit code and all that was said. folder: for its files."""
    await _furnish(store)
    config = folder / "schemathesis.toml"
    config.write_text(CONFIG + (WITH_TOKENS if tokens else ""))
    if tokens:
        users = [{"name": name, "fixedHeaders": [await _header(store, name)]} for name in PEERS]
        (folder / "auth.json").write_text(json.dumps({"auth": users}))

    async def own_key() -> str:
        return "a key"

    st = Path(sys.executable).with_name("st")
    options = {
        "--wait-for-schema": 60,
        "--checks": "all",
        "--phases": ",".join(phases),
        "--max-examples": examples,
        "--generation-database": "none",
        "--output-truncate": "false",
        "--exclude-operation-id": LEFT_OUT,
    }
    async with TestServer(make_web(store, {"birdcage": Anything(), "webhook": Anything()}, own_key=own_key)) as server:
        running = await asyncio.create_subprocess_exec(
            *(st, "--config-file", config, "--no-color", "run", str(server.make_url("/api/v1/openapi.json"))),
            *(f"{name}={value}" for name, value in options.items()),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        said, _ = await running.communicate()
    assert running.returncode is not None
    return running.returncode, said.decode()


async def _furnish(store: Store) -> None:
    """Papers, and for each reader profiles that met them, deliveries, and marks."""
    now = await store.now()
    for name in PEERS:
        await reader(store, "larks", name)
    await record(store, *[told(f"Lark {n}", arxiv=f"2603.{n:05}", at=now, signals={"upvotes": n}) for n in range(30)])
    await percolate(store)
    await deliver(store, FakeChannel())


async def _header(store: Store, name: str) -> dict[str, str]:
    made = await token(store, name, scopes=tuple(SCOPES))
    return {"name": "Authorization", "value": made["Authorization"]}


async def _main(address: str, examples: int) -> int:
    worst = 0
    for tokens in (True, False):
        store = await open_store(address)
        with tempfile.TemporaryDirectory() as folder:
            code, said = await fuzz(store, Path(folder), examples=examples, phases=PHASES, tokens=tokens)
        await store.close()
        print(f"{'with tokens' if tokens else 'without a token'}:\n{said}")
        worst = max(worst, code)
    return worst


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=50)
    parser.add_argument("--postgres", action="store_true")
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as place,
        postgres_databases() if given.postgres else sqlite_databases(Path(place)) as fresh,
    ):
        sys.exit(asyncio.run(_main(fresh(), given.examples)))
