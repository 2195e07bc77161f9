"""One process that asks a site through the store's pace: `-m tests.store.asking STORE PORT SECONDS HOST/PATH…`."""

import asyncio
import sys

from paperlark.http import Http
from paperlark.store.database import open_store
from paperlark.store.pace import StorePace
from paperlark.testing.names import Names


async def ask(store_url: str, port: str, seconds: str, *places: str) -> None:
    """Ask for all places at once, every name being 127.0.0.1, with one lane for all of arxiv.org."""
    names = Names(dict.fromkeys([*(place.partition("/")[0] for place in places), "arxiv.org"], "127.0.0.1"))
    store = await open_store(store_url)
    pace, lanes = StorePace(store), {"arxiv.org": float(seconds)}
    async with Http("tests", pace, seconds_apart=0, lanes=lanes, allow_private=True, resolver=names) as http:
        await asyncio.gather(*(http.get(f"http://{place.replace('/', f':{port}/')}") for place in places))
    await store.close()


if __name__ == "__main__":
    asyncio.run(ask(*sys.argv[1:]))
