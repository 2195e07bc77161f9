"""Which host has taken what: the database notes it, for each host has a name in its address of the database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.engine import make_url

from paperlark.store.database import Store
from paperlark.store.tables import MATCH
from tests.builders import Reader

# A worker's batch holds what its index had seen: the marks below that of the batch.
_FOUND = """
SELECT DISTINCT taken.host
FROM match
JOIN announcement ON announcement.paper_id = match.paper_id
JOIN percolation_batch AS batch ON batch.id = announcement.batch_id
JOIN profile_change AS change ON change.profile_id = match.profile_id AND change.version = match.version
JOIN taken ON taken.token = batch.lease_token
WHERE match.profile_id = :profile AND match.version = :version AND batch.mark > change.mark
"""

_HELD = """
SELECT 'lane' AS what, taken.host FROM lane JOIN taken ON taken.token = lane.lease_token WHERE lane.lease_until > now()
UNION SELECT 'poll', taken.host FROM source JOIN taken ON taken.token = source.lease_token
    WHERE source.lease_until > now()
UNION SELECT 'batch', taken.host FROM percolation_batch AS batch JOIN taken ON taken.token = batch.lease_token
    WHERE batch.lease_until > now() AND batch.done_at IS NULL
UNION SELECT 'delivery', taken.host FROM delivery JOIN taken ON taken.token = delivery.lease_token
    WHERE delivery.in_flight
"""

_BUSY = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = :host AND state <> 'idle'
"""


def named(url: str, host: str) -> str:
    """A PostgreSQL's address by which it knows the host."""
    return make_url(url).update_query_dict({"application_name": host}).render_as_string(hide_password=False)


async def note_from_now(store: Store) -> None:
    """Each lease is noted with the host that took it."""
    async with store.transaction() as tx:
        await tx.execute(text("CREATE TABLE taken (token text PRIMARY KEY, host text NOT NULL)"))
        await tx.execute(
            text(
                "CREATE FUNCTION note_taken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                "INSERT INTO taken VALUES (NEW.lease_token, current_setting('application_name')) "
                "ON CONFLICT DO NOTHING; RETURN NULL; END $$"
            )
        )
        for table in ("lane", "source", "percolation_batch", "delivery"):
            await tx.execute(
                text(
                    f"CREATE TRIGGER note_taken AFTER INSERT OR UPDATE ON {table} FOR EACH ROW "
                    "WHEN (NEW.lease_token <> '') EXECUTE FUNCTION note_taken()"
                )
            )


async def found_by(store: Store, follows: Reader, version: int) -> set[str]:
    """The hosts whose own index has found a paper for this version of a reader's profile."""
    wanted = text(_FOUND).bindparams(profile=follows.profile.id, version=version)
    async with store.reading() as tx:
        return set((await tx.execute(wanted)).scalars())


async def held(store: Store) -> dict[str, set[str]]:
    """What is held now (lane, poll, batch, delivery in flight), by host."""
    found: dict[str, set[str]] = {}
    async with store.reading() as tx:
        for row in await tx.execute(text(_HELD)):
            found.setdefault(row.host, set()).add(row.what)
    return found


async def is_busy(store: Store, host: str) -> bool:
    """Whether a transaction of this host is open."""
    async with store.reading() as tx:
        return bool((await tx.execute(text(_BUSY).bindparams(host=host))).scalar_one())


@asynccontextmanager
async def no_match_written(store: Store) -> AsyncIterator[None]:
    """Within, whoever percolates waits in the middle of a batch."""
    async with store.transaction() as tx:
        await tx.execute(text(f"LOCK TABLE {MATCH.name} IN EXCLUSIVE MODE"))
        yield
