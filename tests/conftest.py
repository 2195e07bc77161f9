"""Both databases for every test that needs one, the shared test data, and what keeps the whole suite short."""

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from paperlark.store.database import Store, open_store
from paperlark.testing.clock import FakeClock
from tests import amounts
from tests.databases import Fresh, compiled_once, emptied, postgres_databases, removed, sqlite_databases
from tests.loglines import LogLines

SHARED = Path(__file__).parent.parent.parent / "shared" / "data"
MEMORY = Path("/dev/shm")
ENOUGH = 4 << 30  # bytes

# No test is timed: the first example of one may load what the others use, and the machine may be busy.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`make test ARGS=--whole`: an hour or so. `make test ARGS=--partitions`: as long as without."""
    parser.addoption("--whole", action="store_true", help="all of the real records, and ten times the examples")
    parser.addoption("--partitions", action="store_true", help="PostgreSQL with its readers spread over partitions")


def pytest_configure(config: pytest.Config) -> None:
    """Keep temporary files in memory where there is room: SQLite waits for the disk at every commit, and no test can
    pull the plug."""
    if config.getoption("whole"):
        os.environ[amounts.WHOLE] = "1"
    if config.getoption("partitions"):
        os.environ[amounts.PARTITIONED] = "1"
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files whose tests are given more time than others go first: nobody waits for them alone at the end."""
    slow = {each.path for each in items if each.get_closest_marker("timeout")}
    items.sort(key=lambda each: each.path not in slow)


@pytest.fixture(scope="session")
def log_lines() -> LogLines:
    """Where this process's log goes."""
    return LogLines()


@pytest.fixture(autouse=True)
def nothing_telling_is_logged(log_lines: LogLines) -> Iterator[None]:
    """No line of any test tells a secret, an address or a chat."""
    log_lines.listen()
    yield
    if faults := log_lines.taken():
        pytest.fail("\n".join(faults))


@pytest.fixture(scope="session", autouse=True)
def statements() -> None:
    """Every test opens stores of its own; their statements are put into SQL once."""
    compiled_once()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real captured inputs, which lie beside the project and not in it."""
    if not SHARED.is_dir():
        pytest.skip("test data not found: ../shared/data")
    return SHARED


@pytest.fixture(scope="session")
def postgres() -> Iterator[Fresh]:
    """Databases of a real PostgreSQL server."""
    with postgres_databases(partitioned=amounts.partitioned()) as fresh:
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


@pytest.fixture(scope="session")
def spare() -> list[str]:
    """PostgreSQL databases that a test has used, and that are empty again."""
    return []


@pytest.fixture
def store_url(request: pytest.FixtureRequest, fresh: Fresh, spare: list[str]) -> Iterator[str]:
    """The address of an empty, migrated database; on PostgreSQL perhaps one that another test has used."""
    again = request.node.callspec.params["fresh"] == "postgres"
    address = spare.pop() if again and spare else fresh()
    yield address
    if not again:
        removed(address)
    elif emptied(address):
        spare.append(address)


@pytest.fixture
def clock() -> FakeClock | None:
    """What `store` goes by: the database's own time. Tests that want it to stand still have a `clock` of their own."""
    return None


@pytest.fixture
async def store(store_url: str, clock: FakeClock | None) -> AsyncIterator[Store]:
    """A fresh store, on both databases."""
    opened = await open_store(store_url, clock=clock)
    yield opened
    await opened.close()


@pytest.fixture
async def sqlite_store(sqlite: Fresh) -> AsyncIterator[Store]:
    """A fresh store on SQLite, for tests that are not about databases."""
    opened = await open_store(sqlite())
    yield opened
    await opened.close()
    removed(opened.url)


@pytest.fixture
async def light(sqlite: Fresh, clock: FakeClock | None) -> AsyncIterator[Store]:
    """The same as `store` on SQLite alone, for what is not about databases and goes by the test's own clock."""
    opened = await open_store(sqlite(), clock=clock)
    yield opened
    await opened.close()
    removed(opened.url)
