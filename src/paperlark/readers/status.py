"""Is it a quiet day, or is it broken? How the sources are, for every edge that is asked."""

from datetime import datetime
from typing import Any, NamedTuple

from paperlark.health import judge
from paperlark.store import sources as stored
from paperlark.store.database import Store
from paperlark.store.sources import Configured

ORDER = ("broken", "stale", "partial", "new", "fresh", "quiet", "paused", "archive")


class Status(NamedTuple):
    """A source and how it is: fresh, partial, stale, quiet or broken, else new, paused, or an archive; and why."""

    source: Configured
    state: str
    because: str


async def sources(store: Store) -> list[Status]:
    """Every source, those that need looking at first."""
    async with store.reading() as tx:
        found, now = await stored.listed(tx), await tx.now()
    known = [of(source, now) for source in found]
    return sorted(known, key=lambda status: (ORDER.index(status.state), status.source.name))


def of(source: Configured, now: datetime) -> Status:
    """How one source is at a moment."""
    if source.paused_reason is not None:
        return Status(source, "paused", source.paused_reason)
    if source.next_poll_at is None:
        return Status(source, "archive", "imported from, never polled")
    found = judge(source.standing, now)
    return Status(source, str(found.state), found.because) if found else Status(source, "new", "not polled yet")


def record(status: Status) -> dict[str, Any]:
    """A source and how it is, for programs: what JSON can hold. Without its options and addresses."""
    source, heard = status.source, status.source.evidence
    moments = {"baseline_at": source.baseline_at, "polled_at": source.polled_at, "good_at": source.good_at,
               "next_poll_at": source.next_poll_at, "due_at": heard.due_at, "new_at": heard.new_at,
               "newest_day": heard.day, "due_day": heard.due_day}  # fmt: skip
    return {
        "name": source.name,
        "kind": source.kind,
        "health": status.state,
        "because": status.because,
        "failures": source.failures,
        "last_error": source.last_error,
        "last_poll": {"seen": heard.seen, "new": heard.new, "rejected": heard.rejected},
        "seen": source.seen,
        "new": source.new,
        "rejected": source.rejected,
    } | {name: moment.isoformat() if moment else None for name, moment in moments.items()}
