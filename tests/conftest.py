"""Both databases for every test that needs one, and the shared test data."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from paperlark.store.database import Store, open_store
from tests.databases import Fresh, postgres_databases, sqlite_databases

SHARED = Path(__file__).parent.parent.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real captured inputs, which lie beside the project and not in it."""
    if not SHARED.is_dir():
        pytest.skip("test data not found: ../shared/data")
    return SHARED


@pytest.fixture(scope="session")
def postgres() -> Iterator[Fresh]:
    """Databases of a real PostgreSQL server."""
    with postgres_databases() as fresh:
        yield fresh


@pytest.fixture(scope="session")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fresh]:
    """SQLite files."""
    with sqlite_databases(tmp_path_factory.mktemp("sqlite")) as fresh:
        yield fresh


@pytest.fixture(params=["sqlite", "postgres"])
def fresh(request: pytest.FixtureRequest) -> Fresh:
    """Fresh databases of one kind: each test runs on both kinds."""
    make: Fresh = request.getfixturevalue(request.param)
    return make


@pytest.fixture
def store_url(fresh: Fresh) -> str:
    """The address of a fresh, migrated database."""
    return fresh()


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    """A fresh store, on both databases."""
    opened = await open_store(store_url)
    yield opened
    await opened.close()


@pytest.fixture
async def sqlite_store(sqlite: Fresh) -> AsyncIterator[Store]:
    """A fresh store on SQLite, for tests that are not about databases."""
    opened = await open_store(sqlite())
    yield opened
    await opened.close()
