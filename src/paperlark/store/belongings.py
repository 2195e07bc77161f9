"""All that an account owns: told page by page, and forgotten.

**Forgetting.** An account signs off in one transaction: who it is, where it is told, what it asks for, and what it
marked is gone, and nothing can be owed to it from then on. What may be much (matches, owed, deliveries) goes in
batches. Workers that run meanwhile may still write a last row of what they had read before, so the batches come again
for a day, by the job that forgets; a crash between two batches needs nothing else. The change log keeps its lines as
long, bare numbers, because they tell the indexes of running workers that the profiles are gone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, Table, delete, exists, select, tuple_

from paperlark.store import profiles
from paperlark.store.database import Transaction
from paperlark.store.sealed import Sealed, as_kept
from paperlark.store.tables import (
    ACCOUNT,
    ALIAS,
    CONFIRMATION,
    DELIVERY,
    DESTINATION,
    FEED_ADDRESS,
    IDEMPOTENCY_KEY,
    IDENTITY,
    MARK,
    MATCH,
    MUTE,
    OWED,
    PAIRING_CODE,
    PAPER,
    PROFILE,
    PROFILE_VERSION,
    PROGRESS,
    SOFT_BOUNCE,
    SUBSCRIPTION,
    TOKEN,
)

LAST_WORDS = timedelta(days=1)  # for what workers had read before: far longer than any lease
_LEAVING = "leaving:"


@dataclass(frozen=True, slots=True)
class Section:
    """One kind of what an account owns: its name in an export, its table, and the columns that are told."""

    name: str
    table: Table
    columns: tuple[str, ...]


SECTIONS = (
    Section("identities", IDENTITY, ("platform", "external_id", "linked_at")),
    Section("tokens", TOKEN, ("name", "scopes", "created_at", "expires_at", "used_at")),
    Section("feed_addresses", FEED_ADDRESS, ("id", "profile_id", "created_at", "read_at")),
    Section("profiles", PROFILE, ("id", "name", "text", "version", "created_at", "began_at", "removed_at")),
    Section("profile_versions", PROFILE_VERSION, ("profile_id", "version", "text", "began_at")),
    Section(
        "destinations",
        DESTINATION,
        ("id", "channel", "address", "zone", "digest_at", "weekday", "quiet", "cap", "empty", "created_at",
         "paused_at", "paused_until", "paused_reason", "confirm_by"),
    ),
    Section(
        "subscriptions", SUBSCRIPTION, ("id", "profile_id", "destination_id", "cadence", "occasions", "began_at")
    ),
    Section("mutes", MUTE, ("kind", "value", "at")),
    Section("marks", MARK, ("paper_id", "kind", "at")),
    Section("matches", MATCH, ("profile_id", "version", "paper_id", "matched_at")),
    Section(
        "deliveries",
        DELIVERY,
        ("id", "destination_id", "channel", "cadence", "slot", "state", "reason", "first_due", "ended_at", "attempts",
         "papers", "parts"),
    ),
    Section(
        "owed", OWED, ("destination_id", "paper_id", "occasion", "cadence", "owed_at", "delivery_id", "fate")
    ),
    Section("confirmations", CONFIRMATION, ("destination_id", "wish", "made_at", "expires_at", "asked_at", "used_at")),
    Section("soft_bounces", SOFT_BOUNCE, ("destination_id", "day")),
)  # fmt: skip
"""Everything but the account's own row, and what `UNTOLD` names."""

_SECRET = "a secret's hash or beginning; who has the secret needs neither"
_WORK = "how its work stands, for this program alone"
UNTOLD = {
    "pairing_code": "a hash that means something for ten minutes",
    "idempotency_key": "answers of the last day once more, told in the sections that they were about",
    "profile_change": "numbers that tell indexes to look at profiles again; the profiles' versions are told",
    "token.token_hash": _SECRET,
    "token.prefix": _SECRET,
    "feed_address.address_hash": _SECRET,
    "profile.alone": "a part of the profile's text once more",
    "destination.failures": _WORK,
    "destination.doubted_at": _WORK,
    "destination.secret_turn": _WORK,
    "destination.secret_turned_at": _WORK,
    "confirmation.id": _WORK,
    "owed.announcement_id": _WORK,
    **{f"delivery.{name}": _WORK for name in ("due_at", "lease_token", "lease_until", "tried_at", "unconfirmed",
                                              "in_flight", "flown_at", "parts_sent", "announced_at")},
}  # fmt: skip
"""What is an account's and not told, as `table` or `table.column`, and why not."""

OWNED = (DESTINATION, SUBSCRIPTION, PROFILE, PROFILE_VERSION, MUTE, MARK, TOKEN, FEED_ADDRESS, MATCH, OWED, DELIVERY)
AT_ONCE = (DESTINATION, SUBSCRIPTION, IDENTITY, TOKEN, FEED_ADDRESS, PAIRING_CODE, PROFILE, PROFILE_VERSION, MUTE, MARK,
           CONFIRMATION, SOFT_BOUNCE, IDEMPOTENCY_KEY)  # fmt: skip
"""In the order in which whoever subscribes takes them, so that the two never wait for each other."""


async def account(tx: Transaction, account_id: int) -> Row[Any] | None:
    """An account's own row: its id, name, and when it was made."""
    return (await tx.execute(select(ACCOUNT).where(ACCOUNT.c.account_id == account_id))).first()


async def any_of(tx: Transaction, account_id: int) -> bool:
    """Does an account own anything but its identities and codes?"""
    for table in OWNED:
        if (await tx.execute(select(exists().where(table.c.account_id == account_id)))).scalar():
            return True
    return False


async def page(
    tx: Transaction, account_id: int, section: Section, limit: int, after: Sequence[Any] | None
) -> tuple[list[dict[str, Any]], Sequence[Any] | None]:
    """Some of what an account owns, in the order of its primary keys, behind the key `after`; and the last key, or None
    at the end. Values are as the store has them; a paper is told by its id, title and names."""
    # What is sealed stands in the order of how it is kept, and opened it would not be found again.
    key = [as_kept(column) if isinstance(column.type, Sealed) else column for column in section.table.primary_key]
    told = [column.label(f"key {number}") for number, column in enumerate(key)]
    wanted = select(section.table, *told).where(section.table.c.account_id == account_id).order_by(*key).limit(limit)
    found = list(await tx.execute(wanted if after is None else wanted.where(tuple_(*key) > tuple(after))))
    rows = [{name: row._mapping[name] for name in section.columns} for row in found]
    if "paper_id" in section.columns:
        named = await _named(tx, {row["paper_id"] for row in rows})
        rows = [{"paper": named[row.pop("paper_id")], **row} for row in rows]
    return rows, [found[-1]._mapping[each.name] for each in told] if len(found) == limit else None


async def _named(tx: Transaction, paper_ids: set[int]) -> dict[int, dict[str, Any]]:
    """How papers are told of outside: by their names. One that is gone has none."""
    named: dict[int, dict[str, Any]] = {number: {"id": number, "title": None, "names": []} for number in paper_ids}
    for row in await tx.execute(select(PAPER.c.id, PAPER.c.title).where(PAPER.c.id.in_(paper_ids))):
        named[row.id]["title"] = row.title
    known = select(ALIAS).where(ALIAS.c.paper_id.in_(paper_ids), ALIAS.c.scheme.not_in(("title", "entry")))
    for row in await tx.execute(known.order_by(ALIAS.c.scheme, ALIAS.c.value)):
        named[row.paper_id]["names"].append(f"{row.scheme}:{row.value}")
    return named


# ── forgetting ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def sign_off(tx: Transaction, account_id: int, now: datetime) -> bool:
    """End an account: nobody is it any more, and nothing will be owed to it. False where there is none."""
    if await account(tx, account_id) is None:
        return False
    for profile in await profiles.listed(tx, account_id):
        await profiles.note_change(tx, account_id, profile.id, profile.version, now)
    for table in (*AT_ONCE, ACCOUNT):
        await tx.execute(delete(table).where(table.c.account_id == account_id))
    await tx.insert_new(PROGRESS, [{"what": f"{_LEAVING}{account_id}", "mark": int(now.timestamp())}])
    return True


async def forget(tx: Transaction, account_id: int, limit: int) -> int:
    """One batch of an account that has signed off: at most `limit` rows of each kind. Returns how many went.

    What a worker holds this moment is passed over and left to a later batch: nobody waits for anybody.
    """
    gone = 0
    for table in (*AT_ONCE, MATCH, OWED, DELIVERY):
        gone += await tx.delete_some(table, table.c.account_id == account_id, limit=limit)
    return gone


async def forget_leaving(tx: Transaction, now: datetime, limit: int) -> int:
    """One batch for every account that has signed off within the last day, or whose forgetting was cut short."""
    gone = 0
    leaving = select(PROGRESS.c.what, PROGRESS.c.mark).where(PROGRESS.c.what.startswith(_LEAVING))
    for row in list(await tx.execute(leaving)):
        account_id = int(row.what.removeprefix(_LEAVING))
        taken = await forget(tx, account_id, limit)
        if not taken and datetime.fromtimestamp(row.mark, UTC) <= now - LAST_WORDS:
            await profiles.forget_changes(tx, account_id)
            await tx.execute(delete(PROGRESS).where(PROGRESS.c.what == row.what))
        gone += taken
    return gone
