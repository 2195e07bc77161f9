"""What a process holds: one heap for all its threads, and no more of ours than it needs."""

import subprocess
import sys

import pytest

HEAPS = """
import ctypes, threading
from paperlark.interpreter import give_back, tune_memory

{tune}
waiting = threading.Barrier(9)

def allocate():
    kept = [bytes(1000) for _ in range(100)]
    waiting.wait(10)

threads = [threading.Thread(target=allocate) for _ in range(8)]
for thread in threads:
    thread.start()
waiting.wait(10)
for thread in threads:
    thread.join()
libc = ctypes.CDLL(None)
libc.fdopen.restype = ctypes.c_void_p
stream = libc.fdopen(1, b"w")
libc.malloc_info(0, ctypes.c_void_p(stream))
libc.fflush(ctypes.c_void_p(stream))
give_back()
"""

HELD = """
import asyncio, sys
from sqlalchemy import select
from paperlark.app import opened
from paperlark.settings import Settings

async def work():
    async with opened(Settings(database_url="sqlite+aiosqlite:///{file}")) as app, app.watching():
        await app.store.glance(select(1))

asyncio.run(work())
print(sorted({{"psycopg", "jinja2", "paperlark.web"}} & set(sys.modules)))
"""


def said(program: str) -> str:
    """What a program prints."""
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    ).stdout


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's malloc is what it is about")
def test_threads_share_one_heap() -> None:
    assert said(HEAPS.format(tune="")).count("<heap nr=") > 1, "else there is nothing to tune"
    assert said(HEAPS.format(tune="tune_memory()")).count("<heap nr=") == 1


def test_a_process_without_a_page_on_sqlite_holds_neither_the_web_nor_what_speaks_to_postgresql(
    tmp_path: object,
) -> None:
    assert said(HELD.format(file=f"{tmp_path}/papers.sqlite3")).strip() == "[]"
