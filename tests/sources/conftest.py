"""What the tests of the sources share: an Http that may talk to loopback, and the real inputs where they are."""

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from paperlark.http import HostPace, Http

SHARED = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    async with Http("https://paperlark.example.org", HostPace(), seconds_apart=0, allow_private=True) as http:
        yield http


def shared(folder: str) -> list[Path]:
    """The files of a folder of real inputs; the test skips where there are none."""
    found = sorted(path for path in (SHARED / folder).rglob("*") if path.is_file())
    if not found:
        pytest.skip("test data not found: ../shared/data")
    return found


def read(path: Path) -> bytes:
    """A file's bytes, decompressed where its name says so."""
    body = path.read_bytes()
    return gzip.decompress(body) if path.suffix == ".gz" else body
