"""Small archives to look at, and what speaks to the web that shows them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from aiohttp.test_utils import TestClient
from aiohttp.web import Application, Request

from paperlark.model.papers import Alias, Announcement, Paper
from paperlark.store import accounts, recording
from paperlark.store.database import Store

Client = TestClient[Request, Application]

DAY = datetime(2026, 3, 4, 6, 0, tzinfo=UTC)
_numbers = count(1)


def announcement(
    title: str,
    abstract: str = "",
    *,
    at: datetime = DAY,
    signals: Mapping[str, int] | None = None,
    aliases: Sequence[Alias] | None = None,
    **fields: Any,
) -> Announcement:
    """A paper that a source told of; unless `aliases` says otherwise it has an arXiv id of its own."""
    named = (Alias("arxiv", f"2603.{next(_numbers):05}"),) if aliases is None else tuple(aliases)
    return Announcement(Paper(title, abstract, aliases=named, **fields), at, signals=signals or {})


async def record(store: Store, *told: Announcement, source: str = "hf_daily") -> list[str]:
    """Put announcements into the archive; their papers' ids as the API writes them."""
    async with store.transaction() as tx:
        recorded = await recording.record(
            tx, source, 50, recording.prepare(source, told), owes=False, now=await tx.now()
        )
    return [str(number) for number in recorded.papers]


async def token(
    store: Store,
    reader: str = "ada",
    *,
    scopes: Sequence[str] = ("profiles:read", "profiles:write"),
    lasts: timedelta | None = None,
) -> dict[str, str]:
    """The header of a reader's token; `lasts` may be negative, for one that has expired."""
    async with store.transaction() as tx:
        now = await tx.now()
        account = await accounts.account_of(tx, "test", reader, name=reader, now=now)
        expires_at = now + lasts if lasts is not None else None
        made = await accounts.new_token(tx, account, name="test", scopes=scopes, now=now, expires_at=expires_at)
    return {"Authorization": f"Bearer {made}"}
