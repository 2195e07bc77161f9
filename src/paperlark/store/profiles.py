"""Profiles with their versions and change log; destinations and subscriptions.

**The change log's marks.** An index must see every change, also one whose transaction began early and commits late.
So a change's mark is its transaction's own number (PostgreSQL: `pg_current_xact_id()`), and readers look only below
the oldest transaction still running (`pg_snapshot_xmin`): below that *boundary* everything is surely complete, and
nothing will ever be added. SQLite has one writer, so there a mark is simply the next number.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    and_,
    case,
    delete,
    exists,
    func,
    literal,
    select,
    text,
    tuple_,
    update,
)

from paperlark.model.ids import new_id
from paperlark.model.problems import ReaderError
from paperlark.model.readers import (
    TRENDING,
    Cadence,
    Destination,
    EmptyPolicy,
    Profile,
    QuietHours,
    Rhythm,
    Subscription,
)
from paperlark.store.database import Transaction
from paperlark.store.rows import MANY, chunks, looked_up, scalars
from paperlark.store.tables import DESTINATION, PROFILE, PROFILE_CHANGE, PROFILE_VERSION, PROGRESS, SUBSCRIPTION

FORGOTTEN = "forgotten changes"
_ADDING_LINES = 7_001  # the name of a lock of PostgreSQL
NO_PROFILE = "there is no such profile; `paperlark profiles list` shows yours"
NO_DESTINATION = "there is no such destination; `paperlark subscribe` makes one"


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the change log: look at this profile again. `profile` is None when it is gone."""

    mark: int
    account_id: int
    profile_id: int
    at: datetime
    profile: Profile | None


# ── profiles ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def add(
    tx: Transaction, account_id: int, name: str, query: str, now: datetime, *, alone: Collection[str] = ()
) -> Profile:
    """Keep a new profile. The text must have been parsed: the store does not know the language.

    alone: its lines of numbers alone (`lines_alone`).
    """
    profile_id = new_id()
    row = {"account_id": account_id, "id": profile_id, "version": 1, "name": name, "text": query, "created_at": now,
           "began_at": now, "alone": _as_text(alone)}  # fmt: skip
    await tx.insert_new(PROFILE, [row])
    await _note_version(tx, account_id, profile_id, 1, query, now)
    return Profile(account_id, profile_id, 1, name, query, now)


async def edit(
    tx: Transaction,
    account_id: int,
    profile_id: int,
    *,
    name: str,
    query: str,
    now: datetime,
    alone: Collection[str] = (),
) -> Profile:
    """Change a profile; a new text is a new version, which begins now. alone: as of `add`, of a new text."""
    before = await get(tx, account_id, profile_id)
    version = before.version + (query != before.text)
    began_at = now if version != before.version else before.began_at
    values = {"name": name, "text": query, "version": version, "began_at": began_at}
    if version != before.version:
        values["alone"] = _as_text(alone)
    await tx.execute(
        update(PROFILE).where(PROFILE.c.account_id == account_id, PROFILE.c.id == profile_id).values(values)
    )
    if version != before.version:
        await _note_version(tx, account_id, profile_id, version, query, now)
    return Profile(account_id, profile_id, version, name, query, began_at)


async def remove(tx: Transaction, account_id: int, profile_id: int, now: datetime) -> None:
    """End a profile and its subscriptions. What it owed and nobody else owes is dropped when its digest is made."""
    profile = await get(tx, account_id, profile_id)
    await tx.execute(
        update(PROFILE).where(PROFILE.c.account_id == account_id, PROFILE.c.id == profile_id).values(removed_at=now)
    )
    await tx.execute(
        delete(SUBSCRIPTION).where(SUBSCRIPTION.c.account_id == account_id, SUBSCRIPTION.c.profile_id == profile_id)
    )
    await note_change(tx, account_id, profile_id, profile.version, now)


async def get(tx: Transaction, account_id: int, profile_id: int) -> Profile:
    """One profile of an account. Raises ReaderError: unknown, removed, or somebody else's."""
    wanted = select(PROFILE).where(
        PROFILE.c.account_id == account_id, PROFILE.c.id == profile_id, PROFILE.c.removed_at.is_(None)
    )
    row = (await tx.execute(wanted)).one_or_none()
    if row is None:
        raise ReaderError(NO_PROFILE)
    return profile_of(row)


async def listed(tx: Transaction, account_id: int) -> list[Profile]:
    """An account's profiles, oldest first."""
    wanted = select(PROFILE).where(PROFILE.c.account_id == account_id, PROFILE.c.removed_at.is_(None))
    return [profile_of(row) for row in await tx.execute(wanted.order_by(PROFILE.c.id))]


async def everyone(tx: Transaction, after: tuple[int, int], limit: int) -> list[Profile]:
    """The next profiles that are percolated, in the order of accounts and ids: for building an index.

    after: account and id of the last one before; (0, 0) at the beginning.
    """
    wanted = select(PROFILE).where(
        tuple_(PROFILE.c.account_id, PROFILE.c.id) > tuple(after), PROFILE.c.removed_at.is_(None)
    )
    rows = await tx.execute(wanted.order_by(PROFILE.c.account_id, PROFILE.c.id).limit(limit))
    return [profile_of(row) for row in rows]


async def named(tx: Transaction, account_id: int, profile_ids: Iterable[int]) -> dict[int, Profile]:
    """Some of an account's profiles by id; removed ones are left out."""
    found: dict[int, Profile] = {}
    for chunk in chunks(sorted(set(profile_ids))):
        wanted = select(PROFILE).where(
            PROFILE.c.account_id == account_id, PROFILE.c.id.in_(chunk), PROFILE.c.removed_at.is_(None)
        )
        found |= {row.id: profile_of(row) for row in await tx.execute(wanted)}
    return found


async def lines_alone(tx: Transaction, *, but: int | None = None) -> set[str]:
    """The different lines of numbers alone, of all profiles but one. Who looks here in order to add one is the only one
    to do so until the transaction ends; on SQLite every transaction is alone."""
    if tx.postgres:
        await tx.execute(select(func.pg_advisory_xact_lock(_ADDING_LINES)))
    return await known_alone(tx, but=but)


async def known_alone(tx: Transaction, *, but: int | None = None) -> set[str]:
    """The same for who only wants to know."""
    wanted = select(PROFILE.c.alone).where(PROFILE.c.alone.is_not(None), PROFILE.c.removed_at.is_(None)).distinct()
    found = await scalars(tx, wanted if but is None else wanted.where(PROFILE.c.id != but))
    return {line for lines in found for line in lines.split("\n")}


def _as_text(alone: Collection[str]) -> str | None:
    return "\n".join(sorted(alone)) or None


# ── the change log ─────────────────────────────────────────────────────────────────────────────────────────────────


async def note_change(tx: Transaction, account_id: int, profile_id: int, version: int, now: datetime) -> None:
    """Write a line of the change log: indexes must look at this profile again."""
    row = {
        "account_id": account_id,
        "mark": await new_mark(tx),
        "profile_id": profile_id,
        "version": version,
        "at": now,
    }
    await tx.insert_new(PROFILE_CHANGE, [row])


async def new_mark(tx: Transaction) -> int:
    """The mark of what this transaction changes."""
    if not tx.postgres:
        return await boundary(tx)
    mark: int = (await tx.execute(text("SELECT CAST(CAST(pg_current_xact_id() AS text) AS bigint)"))).scalar_one()
    return mark


async def boundary(tx: Transaction) -> int:
    """Every change below this mark is surely there, and none will be added below it."""
    if tx.postgres:
        found = await tx.execute(text("SELECT CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint)"))
    else:
        found = await tx.execute(select(func.coalesce(func.max(PROFILE_CHANGE.c.mark), 0) + 1))
    mark: int = found.scalar_one()
    return mark


async def changes(tx: Transaction, since: int, until: int) -> list[Change]:
    """The changes with `since <= mark < until`, in order; each with the profile as it is now."""
    line = (PROFILE_CHANGE.c.mark, PROFILE_CHANGE.c.account_id, PROFILE_CHANGE.c.profile_id, PROFILE_CHANGE.c.at)
    now_is = [PROFILE.c[name].label(f"now_{name}") for name in ("version", "name", "text", "began_at", "removed_at")]
    wanted = (
        select(*line, *now_is)
        .outerjoin(
            PROFILE,
            and_(PROFILE.c.account_id == PROFILE_CHANGE.c.account_id, PROFILE.c.id == PROFILE_CHANGE.c.profile_id),
        )
        .where(PROFILE_CHANGE.c.mark >= since, PROFILE_CHANGE.c.mark < until)
        .order_by(PROFILE_CHANGE.c.mark)
    )
    return [
        Change(row.mark, row.account_id, row.profile_id, row.at, _profile_now(row)) for row in await tx.execute(wanted)
    ]


async def told_last(tx: Transaction, until: int) -> str | None:
    """The last line of the change log below a mark, as text; None where there is none. Two histories that have parted
    before the mark differ in it."""
    line = [PROFILE_CHANGE.c[name] for name in ("mark", "account_id", "profile_id", "version", "at")]
    wanted = select(*line).where(PROFILE_CHANGE.c.mark < until).order_by(*(each.desc() for each in line)).limit(1)
    row = (await tx.execute(wanted)).first()
    return None if row is None else " ".join((*map(str, row[:-1]), row.at.isoformat()))


async def forget_changes(tx: Transaction, account_id: int) -> None:
    """Let go of the change log's lines of an account that is gone. How far they reached is kept (`forgotten`)."""
    mine = PROFILE_CHANGE.c.account_id == account_id
    last = (await tx.execute(select(func.max(PROFILE_CHANGE.c.mark)).where(mine))).scalar()
    if last is not None:
        insert = tx.insert(PROGRESS)
        further = insert.on_conflict_do_update(
            index_elements=["what"], set_={"mark": insert.excluded.mark}, where=PROGRESS.c.mark < insert.excluded.mark
        )
        await tx.execute(further, [{"what": FORGOTTEN, "mark": last}])
        await tx.execute(delete(PROFILE_CHANGE).where(mine))


async def forgotten(tx: Transaction) -> int:
    """Of the change log lines are missing up to this mark: nobody can be brought up to date from further back."""
    return (await tx.execute(select(PROGRESS.c.mark).where(PROGRESS.c.what == FORGOTTEN))).scalar() or 0


def _profile_now(row: Row[Any]) -> Profile | None:
    """The profile of a line of the change log as it is by now; None where it was removed, or its account deleted."""
    if row.now_version is None or row.now_removed_at is not None:
        return None
    return Profile(row.account_id, row.profile_id, row.now_version, row.now_name, row.now_text, row.now_began_at)


async def _note_version(
    tx: Transaction, account_id: int, profile_id: int, version: int, query: str, now: datetime
) -> None:
    row = {"account_id": account_id, "profile_id": profile_id, "version": version, "text": query, "began_at": now}
    await tx.insert_new(PROFILE_VERSION, [row])
    await note_change(tx, account_id, profile_id, version, now)


# ── destinations and subscriptions ─────────────────────────────────────────────────────────────────────────────────


async def put_destination(
    tx: Transaction,
    account_id: int,
    channel: str,
    address: str,
    *,
    rhythm: Rhythm,
    cap: int,
    empty: EmptyPolicy,
    now: datetime,
    confirm_by: datetime | None = None,
) -> Destination:
    """Keep where and how an account wants to be told; the same address again changes its settings and wakes it.

    confirm_by: until when its owner has to say that this is wanted, where nobody has said so yet; None: it needs no
    saying.
    """
    settings = _columns_of(rhythm) | {"cap": cap, "empty": str(empty), "paused_at": None, "paused_until": None,
                                      "paused_reason": None}  # fmt: skip
    row = {"account_id": account_id, "id": new_id(), "channel": channel, "address": address, "created_at": now,
           "confirm_by": confirm_by}  # fmt: skip
    insert = tx.insert(DESTINATION)
    # Once confirmed, an address stays so.
    still = case((DESTINATION.c.confirm_by.is_(None), None), else_=literal(confirm_by, DESTINATION.c.confirm_by.type))
    await tx.execute(
        insert.on_conflict_do_update(
            index_elements=["account_id", "channel", "address"], set_=settings | {"confirm_by": still}
        ),
        [row | settings],
    )
    wanted = select(DESTINATION).where(
        DESTINATION.c.account_id == account_id, DESTINATION.c.channel == channel, DESTINATION.c.address == address
    )
    return destination_of((await tx.execute(wanted)).one())


async def destination(tx: Transaction, account_id: int, destination_id: int) -> Destination:
    """One destination of an account. Raises ReaderError: unknown, or somebody else's."""
    wanted = select(DESTINATION).where(DESTINATION.c.account_id == account_id, DESTINATION.c.id == destination_id)
    row = (await tx.execute(wanted)).one_or_none()
    if row is None:
        raise ReaderError(NO_DESTINATION)
    return destination_of(row)


async def destinations(tx: Transaction, account_id: int) -> list[Destination]:
    """An account's destinations, oldest first."""
    wanted = select(DESTINATION).where(DESTINATION.c.account_id == account_id).order_by(DESTINATION.c.id)
    return [destination_of(row) for row in await tx.execute(wanted)]


async def pause_destination(
    tx: Transaction, account_id: int, destination_id: int, reason: str, now: datetime, until: datetime | None = None
) -> None:
    """Send nothing more to a destination, until a moment where one is given, and say why; what is owed waits for seven
    days. One that is paused already stays so since then, with the new reason and end."""
    await tx.execute(
        update(DESTINATION)
        .where(DESTINATION.c.account_id == account_id, DESTINATION.c.id == destination_id)
        .values(
            paused_at=func.coalesce(DESTINATION.c.paused_at, literal(now, DESTINATION.c.paused_at.type)),
            paused_until=until,
            paused_reason=reason[:500],
        )
    )


async def set_rhythm(tx: Transaction, account_id: int, destination_id: int, rhythm: Rhythm) -> None:
    """When a destination may be told; the slot that is planned already stays where it is."""
    await tx.execute(
        update(DESTINATION)
        .where(DESTINATION.c.account_id == account_id, DESTINATION.c.id == destination_id)
        .values(_columns_of(rhythm))
    )


async def resume_destination(tx: Transaction, account_id: int, destination_id: int) -> None:
    """Send to a destination again: what waits for it first."""
    await _wake(tx, (DESTINATION.c.account_id == account_id) & (DESTINATION.c.id == destination_id))


async def resume_due(tx: Transaction, now: datetime) -> None:
    """Send again to every destination whose pause has come to its end."""
    await _wake(tx, DESTINATION.c.paused_until <= now)


async def any_resume_due(tx: Transaction, now: datetime) -> bool:
    """Has any destination's pause come to its end?"""
    wanted = select(DESTINATION.c.id).where(DESTINATION.c.paused_until <= now).limit(1)
    return (await tx.execute(wanted)).first() is not None


async def _wake(tx: Transaction, those: ColumnElement[bool]) -> None:
    awake = {"paused_at": None, "paused_until": None, "paused_reason": None}
    await tx.execute(update(DESTINATION).where(those).values(awake))


async def subscribe(
    tx: Transaction,
    account_id: int,
    profile_id: int,
    destination_id: int,
    *,
    cadence: Cadence,
    occasions: Sequence[str],
    now: datetime,
) -> Subscription:
    """Tell a destination of a profile's papers from now on; again changes cadence and occasions, not since when."""
    profile = await get(tx, account_id, profile_id)
    await destination(tx, account_id, destination_id)
    row = {"account_id": account_id, "id": new_id(), "profile_id": profile_id, "destination_id": destination_id,
           "cadence": str(cadence), "occasions": sorted(occasions), "began_at": now}  # fmt: skip
    insert = tx.insert(SUBSCRIPTION)
    await tx.execute(
        insert.on_conflict_do_update(
            index_elements=["account_id", "profile_id", "destination_id"],
            set_={"cadence": str(cadence), "occasions": sorted(occasions)},
        ),
        [row],
    )
    # A subscription that commits late must not miss what was percolated in between: it is a change of its profile.
    await note_change(tx, account_id, profile_id, profile.version, now)
    wanted = select(SUBSCRIPTION).where(
        SUBSCRIPTION.c.account_id == account_id,
        SUBSCRIPTION.c.profile_id == profile_id,
        SUBSCRIPTION.c.destination_id == destination_id,
    )
    return _subscription((await tx.execute(wanted)).one())


async def subscribe_trending(
    tx: Transaction, account_id: int, destination_id: int, *, cadence: Cadence, now: datetime
) -> Subscription:
    """Tell a destination of what is trending from now on; again changes the cadence, not since when."""
    await destination(tx, account_id, destination_id)
    row = {"account_id": account_id, "id": new_id(), "profile_id": TRENDING, "destination_id": destination_id,
           "cadence": str(cadence), "occasions": [], "began_at": now}  # fmt: skip
    insert = tx.insert(SUBSCRIPTION)
    same = ["account_id", "profile_id", "destination_id"]
    await tx.execute(insert.on_conflict_do_update(index_elements=same, set_={"cadence": str(cadence)}), [row])
    return _subscription((await tx.execute(_trending_at(account_id, destination_id))).one())


async def hears_trending(tx: Transaction, account_id: int, destination_id: int, cadence: Cadence) -> bool:
    """Is a destination told of what is trending in this cadence?"""
    wanted = _trending_at(account_id, destination_id).where(SUBSCRIPTION.c.cadence == str(cadence))
    return (await tx.execute(wanted)).first() is not None


def _trending_at(account_id: int, destination_id: int) -> Select[Any]:
    return select(SUBSCRIPTION).where(
        SUBSCRIPTION.c.account_id == account_id,
        SUBSCRIPTION.c.profile_id == TRENDING,
        SUBSCRIPTION.c.destination_id == destination_id,
    )


async def unsubscribe(tx: Transaction, account_id: int, subscription_id: int) -> None:
    """End a subscription. Raises ReaderError: unknown, or somebody else's."""
    gone = await tx.execute(
        delete(SUBSCRIPTION).where(SUBSCRIPTION.c.account_id == account_id, SUBSCRIPTION.c.id == subscription_id)
    )
    if gone.rowcount != 1:
        raise ReaderError("there is no such subscription; `paperlark profiles list` shows yours")


async def subscriptions(tx: Transaction, account_id: int) -> list[Subscription]:
    """An account's subscriptions, oldest first."""
    wanted = select(SUBSCRIPTION).where(SUBSCRIPTION.c.account_id == account_id).order_by(SUBSCRIPTION.c.id)
    return [_subscription(row) for row in await tx.execute(wanted)]


async def subscriptions_of(tx: Transaction, profiles: Iterable[tuple[int, int]]) -> list[Subscription]:
    """The subscriptions to some profiles, given as (account, profile); not those that await a confirmation."""
    unconfirmed = exists().where(
        DESTINATION.c.account_id == SUBSCRIPTION.c.account_id,
        DESTINATION.c.id == SUBSCRIPTION.c.destination_id,
        DESTINATION.c.confirm_by.is_not(None),
    )
    found: list[Subscription] = []
    for chunk in chunks(sorted(set(profiles)), MANY):
        key = (SUBSCRIPTION.c.account_id, SUBSCRIPTION.c.profile_id)
        wanted = looked_up(tx, select(SUBSCRIPTION).where(~unconfirmed), key, chunk)
        found += [_subscription(row) for row in await tx.execute(wanted)]
    return found


async def subscribed_profiles(tx: Transaction, account_id: int, destination_id: int) -> list[int]:
    """The profiles whose papers a destination is told of now."""
    wanted = select(SUBSCRIPTION.c.profile_id).where(
        SUBSCRIPTION.c.account_id == account_id, SUBSCRIPTION.c.destination_id == destination_id
    )
    return await scalars(tx, wanted)


def rhythm_of(row: Any) -> Rhythm:
    """A destination row's rhythm."""
    quiet = None
    if row.quiet:
        start, end = row.quiet.split("-")
        quiet = QuietHours(time.fromisoformat(start), time.fromisoformat(end))
    return Rhythm(row.zone, time.fromisoformat(row.digest_at), row.weekday, quiet)


def _columns_of(rhythm: Rhythm) -> dict[str, Any]:
    return {
        "zone": rhythm.zone,
        "digest_at": rhythm.digest_at.strftime("%H:%M"),
        "weekday": rhythm.weekday,
        "quiet": _quiet_text(rhythm.quiet),
    }


def _quiet_text(quiet: QuietHours | None) -> str | None:
    return f"{quiet.start:%H:%M}-{quiet.end:%H:%M}" if quiet else None


def profile_of(row: Row[Any]) -> Profile:
    """A profile's row as a value."""
    return Profile(row.account_id, row.id, row.version, row.name, row.text, row.began_at)


def destination_of(row: Row[Any]) -> Destination:
    """A destination's row as a value."""
    return Destination(
        row.account_id,
        row.id,
        row.channel,
        row.address,
        rhythm_of(row),
        row.cap,
        EmptyPolicy(row.empty),
        row.paused_reason,
        row.paused_until,
        row.confirm_by,
    )


def _subscription(row: Row[Any]) -> Subscription:
    return Subscription(
        row.account_id,
        row.id,
        row.profile_id,
        row.destination_id,
        Cadence(row.cadence),
        frozenset(row.occasions),
        row.began_at,
    )
