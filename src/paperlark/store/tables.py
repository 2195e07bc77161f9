"""Every table, in three families. Every reader-owned table's primary key starts with `account_id`, so that readers can
be spread over databases by account; look-ups from outside (identity, token, feed address, pairing code) are small
directories. Ids are made by the application (`model.ids`).

The full text index over papers is not here: it is a virtual table on SQLite and a tsvector on PostgreSQL (`search`).
"""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, MetaData, Table, UniqueConstraint, false, text
from sqlmodel import Field, SQLModel

from paperlark.store.columns import Json, Moment
from paperlark.store.sealed import Sealed

METADATA = SQLModel.metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def key(**options: Any) -> Any:
    """A 64-bit primary key column whose value the application makes."""
    return Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False}, **options)


def number(**options: Any) -> Any:
    """A 64-bit column."""
    return Field(sa_type=BigInteger, **options)


def moment(**options: Any) -> Any:
    """A timezone-aware point in time."""
    return Field(sa_type=Moment, **options)


def json(**options: Any) -> Any:
    """What JSON can hold."""
    return Field(sa_type=Json, **options)


def sealed(place: str, **options: Any) -> Any:
    """Text that is kept sealed, where there is a key for it. place: `table.column`."""
    return Field(sa_type=Sealed(place), **options)


# ── of papers ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Paper(SQLModel, table=True):
    """One work: the merged word of its sources, by their authority. `revised` is a new id whenever its words change,
    `retold` whenever it gets another name or more is told of it; until then they are empty."""

    __table_args__ = (
        Index("ix_paper_revised", "revised", sqlite_where=text("revised IS NOT NULL"),
              postgresql_where=text("revised IS NOT NULL")),
    )  # fmt: skip
    id: int = key()
    title: str
    abstract: str
    authors: list[str] = json()
    author_count: int | None = None
    organisation: str | None = None
    categories: list[str] = json()
    keywords: list[str] = json()
    url: str | None = None
    code_url: str | None = None
    published_at: datetime | None = moment(nullable=True)
    first_seen: datetime = moment(index=True)
    # The length of title and abstract in words: the archive's ranking needs the average, and reads it from the index.
    words: int = Field(index=True)
    revised: int | None = number(nullable=True)
    retold: int | None = number(nullable=True)


class PaperDirection(SQLModel, table=True):
    """What a paper is about, packed (`matching.meaning`). `made` is an id of when: older than the paper's last revision
    it is out of date."""

    __tablename__ = "paper_direction"
    paper_id: int = key()
    made: int = number(index=True)
    direction: bytes


class Alias(SQLModel, table=True):
    """A name of a paper. Every scheme but `title` names one paper only."""

    __table_args__ = (
        Index("uq_alias_name", "scheme", "value", unique=True, sqlite_where=text("scheme <> 'title'"),
              postgresql_where=text("scheme <> 'title'")),
    )  # fmt: skip
    scheme: str = Field(primary_key=True)
    value: str = Field(primary_key=True)
    paper_id: int = key(index=True)


class SourceRecord(SQLModel, table=True):
    """What one source said of a paper, as it said it: its fields as parsed, and the rest of its words."""

    __tablename__ = "source_record"
    paper_id: int = key()
    source: str = Field(primary_key=True)
    authority: int
    fields: dict[str, Any] = json()
    said: dict[str, Any] = json()
    seen_at: datetime = moment()


class Announcement(SQLModel, table=True):
    """A source told of a paper. `owes` is false for a baseline and for what was only archived; `late`
    says that a poll found it long after its day.

    A source tells of one occasion once for each type: what was new in one category and is listed in another later
    (cross) is announced again, and may meet profiles that ask for that category.
    """

    __table_args__ = (
        UniqueConstraint("source", "paper_id", "occasion", "type", name="uq_announcement_once"),
        Index("ix_announcement_open", "id", sqlite_where=text("percolated_at IS NULL"),
              postgresql_where=text("percolated_at IS NULL")),
    )  # fmt: skip
    id: int = key()
    source: str
    paper_id: int = number(index=True)
    occasion: str
    type: str
    announced_at: datetime = moment(index=True)
    first_seen: datetime = moment(index=True)
    owes: bool
    late: bool = Field(sa_column_kwargs={"server_default": false()})
    batch_id: int | None = number(nullable=True, index=True)
    percolated_at: datetime | None = moment(nullable=True)


class Signal(SQLModel, table=True):
    """What a source counted about a paper at a time; appended, never overwritten."""

    __table_args__ = (
        Index("ix_signal_open", "announcement_id", "at", sqlite_where=text("percolated_at IS NULL"),
              postgresql_where=text("percolated_at IS NULL")),
    )  # fmt: skip
    announcement_id: int = key()
    at: datetime = moment(primary_key=True)
    counts: dict[str, int] = json()
    percolated_at: datetime | None = moment(nullable=True)


class MergeLog(SQLModel, table=True):
    """Two papers were found to be one: which, why, and what it takes to part them again."""

    __tablename__ = "merge_log"
    id: int = key()
    kept_id: int = number(index=True)
    gone_id: int = number(index=True)
    reason: str
    at: datetime = moment()
    undo: dict[str, Any] = json()
    undone_at: datetime | None = moment(nullable=True)


# ── of readers ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Account(SQLModel, table=True):
    """A reader; a chat or channel has one of its own."""

    account_id: int = key()
    name: str
    created_at: datetime = moment()


class Identity(SQLModel, table=True):
    """Directory: who is this, seen from a platform? (`telegram`, user id) -> account. Looked up in all forms in which
    it may be kept (`accounts`)."""

    platform: str = Field(primary_key=True)
    external_id: str = sealed("identity.external_id", primary_key=True)
    account_id: int = number(index=True)
    linked_at: datetime = moment()


class Token(SQLModel, table=True):
    """Directory: SHA-256 of an API token -> account. The token itself is shown once and not kept, but for its first
    letters, by which its owner knows it again."""

    token_hash: str = Field(primary_key=True)
    account_id: int = number(index=True)
    name: str
    prefix: str = Field(default="", sa_column_kwargs={"server_default": ""})
    scopes: list[str] = json()
    created_at: datetime = moment()
    expires_at: datetime | None = moment(nullable=True)
    used_at: datetime | None = moment(nullable=True)


class FeedAddress(SQLModel, table=True):
    """Directory: SHA-256 of an unguessable feed address -> one profile's papers, or those of all of an account's
    profiles (`profile_id` is empty), read-only. The address itself is shown once and not kept."""

    __tablename__ = "feed_address"
    __table_args__ = (Index("ix_feed_address_account_id", "account_id", "id"),)
    address_hash: str = Field(primary_key=True)
    account_id: int = number()
    id: int = number()
    profile_id: int | None = number(nullable=True)
    created_at: datetime = moment()
    read_at: datetime | None = moment(nullable=True)


class PairingCode(SQLModel, table=True):
    """Directory: SHA-256 of a short code that links two places -> account; ten minutes, single use."""

    __tablename__ = "pairing_code"
    code_hash: str = Field(primary_key=True)
    account_id: int = number(index=True)
    purpose: str
    expires_at: datetime = moment()
    used_at: datetime | None = moment(nullable=True)


class Profile(SQLModel, table=True):
    """A standing query at its present version. A removed one keeps its row: old matches can say whose they were.
    `alone` are its lines of numbers alone, each once, where it has any."""

    __table_args__ = (
        Index("ix_profile_alone", "alone", sqlite_where=text("alone IS NOT NULL"),
              postgresql_where=text("alone IS NOT NULL")),
    )  # fmt: skip
    account_id: int = key()
    id: int = key()
    version: int
    name: str
    text: str
    created_at: datetime = moment()
    began_at: datetime = moment()
    removed_at: datetime | None = moment(nullable=True)
    alone: str | None = None


class ProfileVersion(SQLModel, table=True):
    """Every text a profile has had, and since when."""

    __tablename__ = "profile_version"
    account_id: int = key()
    profile_id: int = key()
    version: int = Field(primary_key=True)
    text: str
    began_at: datetime = moment()


class ProfileChange(SQLModel, table=True):
    """The profile change log: what an index must look at again, in marks that can be trusted (`profiles.changes`)."""

    __tablename__ = "profile_change"
    account_id: int = key()
    mark: int = key(index=True)
    profile_id: int = key()
    version: int = Field(primary_key=True)
    at: datetime = moment()


class Destination(SQLModel, table=True):
    """A channel's address of one account, with its zone, hour, quiet hours, cap and empty-day policy. `secret_turn`
    says how often it was given a new secret (webhooks: `readers.webhook`), and since when it has the present one."""

    __table_args__ = (
        UniqueConstraint("account_id", "channel", "address", name="uq_destination_address"),
        Index("ix_destination_paused_until", "paused_until", sqlite_where=text("paused_until IS NOT NULL"),
              postgresql_where=text("paused_until IS NOT NULL")),
        Index("ix_destination_confirm_by", "confirm_by", sqlite_where=text("confirm_by IS NOT NULL"),
              postgresql_where=text("confirm_by IS NOT NULL")),
        # Where nothing is sent just now: a small part of all, counted by whoever watches.
        Index("ix_destination_silent", "channel",
              sqlite_where=text("paused_at IS NOT NULL OR confirm_by IS NOT NULL"),
              postgresql_where=text("paused_at IS NOT NULL OR confirm_by IS NOT NULL")),
    )  # fmt: skip
    account_id: int = key()
    id: int = key()
    channel: str
    address: str = sealed("destination.address")
    zone: str
    digest_at: str
    weekday: int
    quiet: str | None = None
    cap: int
    empty: str
    created_at: datetime = moment()
    paused_at: datetime | None = moment(nullable=True)
    paused_until: datetime | None = moment(nullable=True)
    paused_reason: str | None = None
    confirm_by: datetime | None = moment(nullable=True)
    failures: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    doubted_at: datetime | None = moment(nullable=True)
    secret_turn: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    secret_turned_at: datetime | None = moment(nullable=True)


class Confirmation(SQLModel, table=True):
    """What an address's owner is asked: is this wanted here? `wish` is what begins with the answer, beyond the address
    itself. Asked once, used once, forgotten after `expires_at`."""

    __table_args__ = (
        Index("ix_confirmation_unasked", "made_at", sqlite_where=text("asked_at IS NULL"),
              postgresql_where=text("asked_at IS NULL")),
    )  # fmt: skip
    account_id: int = key()
    id: int = key()
    destination_id: int = number()
    wish: dict[str, Any] | None = json(nullable=True)
    made_at: datetime = moment()
    expires_at: datetime = moment(index=True)
    asked_at: datetime | None = moment(nullable=True)
    used_at: datetime | None = moment(nullable=True)


class SoftBounce(SQLModel, table=True):
    """A day (UTC, `2026-03-02`) on which a message came back from a destination, for now."""

    __tablename__ = "soft_bounce"
    account_id: int = key()
    destination_id: int = key()
    day: str = Field(primary_key=True, index=True)


class Subscription(SQLModel, table=True):
    """Profile × destination × cadence × what is wanted: new, cross, replace, published, withdrawn."""

    __table_args__ = (
        UniqueConstraint("account_id", "profile_id", "destination_id", name="uq_subscription_once"),
    )  # fmt: skip
    account_id: int = key()
    id: int = key()
    profile_id: int = number()
    destination_id: int = number()
    cadence: str
    occasions: list[str] = json()
    began_at: datetime = moment()


class Match(SQLModel, table=True):
    """A profile, at a version, met a paper. Why is computed when it is shown."""

    __table_args__ = (
        # What a reader has not seen yet, newest first, is read from this index alone.
        Index("ix_match_lately", "account_id", "matched_at", "paper_id", "profile_id", "version"),
        # Whatever met a paper: for merges of everyone's, for a list of one reader's.
        Index("ix_match_paper", "paper_id", "account_id"),
    )
    account_id: int = key()
    profile_id: int = key()
    paper_id: int = key()
    version: int = Field(primary_key=True)
    matched_at: datetime = moment(index=True)


class Owed(SQLModel, table=True):
    """What somebody must be told, once ever; `delivery_id` is set when it is sealed into a delivery, and `fate` says
    what that made of it (`outbox.Fate`)."""

    __table_args__ = (
        # Led by the paper: what is owed together is written together, not all over the index.
        Index("ix_owed_open", "paper_id", "account_id", "destination_id", "cadence",
              sqlite_where=text("delivery_id IS NULL"), postgresql_where=text("delivery_id IS NULL")),
        # What was owed lately is planned without looking at all that waits for its hour.
        Index("ix_owed_lately", "owed_at",
              sqlite_where=text("delivery_id IS NULL"), postgresql_where=text("delivery_id IS NULL")),
    )  # fmt: skip
    account_id: int = key()
    destination_id: int = key()
    paper_id: int = key(index=True)
    occasion: str = Field(primary_key=True)
    announcement_id: int = number()
    cadence: str
    owed_at: datetime = moment()
    delivery_id: int | None = number(nullable=True)
    fate: str | None = None


class Delivery(SQLModel, table=True):
    """One message of the outbox and its fate. States: pending, claimed, sent, dead, dropped (DESIGN §3).
    `announced_at` is when the oldest of the papers that it tells of was announced."""

    __table_args__ = (
        UniqueConstraint("account_id", "destination_id", "cadence", "slot", name="uq_delivery_slot"),
        Index("ix_delivery_due", "channel", "due_at", sqlite_where=text("state IN ('pending', 'claimed')"),
              postgresql_where=text("state IN ('pending', 'claimed')")),
        Index("ix_delivery_state", "state", "due_at"),
        Index("ix_delivery_open", "account_id", "destination_id", "first_due",
              sqlite_where=text("state IN ('pending', 'claimed')"),
              postgresql_where=text("state IN ('pending', 'claimed')")),
    )  # fmt: skip
    account_id: int = key()
    id: int = key()
    destination_id: int = number()
    channel: str
    cadence: str
    slot: str
    state: str
    first_due: datetime = moment()
    due_at: datetime = moment()
    lease_token: str | None = None
    lease_until: datetime | None = moment(nullable=True)
    attempts: int = 0
    tried_at: datetime | None = moment(nullable=True)
    unconfirmed: int = 0
    in_flight: bool = False
    flown_at: datetime | None = moment(nullable=True)
    parts: list[dict[str, Any]] | None = json(nullable=True)
    parts_sent: int = 0
    papers: int = 0
    announced_at: datetime | None = moment(nullable=True)
    reason: str | None = None
    ended_at: datetime | None = moment(nullable=True)


class Mark(SQLModel, table=True):
    """What a reader did with a paper: read, saved, dismissed."""

    account_id: int = key()
    paper_id: int = key()
    kind: str = Field(primary_key=True)
    at: datetime = moment()


class Mute(SQLModel, table=True):
    """What a reader does not want to hear of: a word, an author, a source."""

    account_id: int = key()
    kind: str = Field(primary_key=True)
    value: str = Field(primary_key=True)
    at: datetime = moment()


class IdempotencyKey(SQLModel, table=True):
    """A request that bears a name, as SHA-256: what it was, and what was answered; the answer is empty while it is
    being done by whoever holds the turn."""

    __tablename__ = "idempotency_key"
    account_id: int = key()
    key_hash: str = Field(primary_key=True)
    request_hash: str
    turn: int = number()
    made_at: datetime = moment(index=True)
    answer: dict[str, Any] | None = json(nullable=True)


# ── of work ────────────────────────────────────────────────────────────────────────────────────────────────────────


class Source(SQLModel, table=True):
    """A configured source, its bookmark, its lease, and its health."""

    name: str = Field(primary_key=True)
    kind: str
    options: dict[str, Any] = json()
    cursor: dict[str, Any] = json()
    evidence: dict[str, Any] = json()
    added_at: datetime = moment()
    baseline_at: datetime | None = moment(nullable=True)
    next_poll_at: datetime | None = moment(nullable=True, index=True)
    lease_token: str | None = None
    lease_until: datetime | None = moment(nullable=True)
    paused_reason: str | None = None
    polled_at: datetime | None = moment(nullable=True)
    good_at: datetime | None = moment(nullable=True)
    failures: int = 0
    last_error: str | None = None
    seen: int = 0
    new: int = 0
    rejected: int = 0
    removed_at: datetime | None = moment(nullable=True)


class PercolationBatch(SQLModel, table=True):
    """A batch of announcements being percolated: its lease, and the mark of the change log that its index had seen."""

    __tablename__ = "percolation_batch"
    id: int = key()
    mark: int = number()
    lease_token: str
    lease_until: datetime = moment()
    done_at: datetime | None = moment(nullable=True, index=True)


class Pace(SQLModel, table=True):
    """When a host may be asked again, whichever process asks; `pairing:…` is when somebody's attempts are forgotten."""

    what: str = Field(primary_key=True)
    free_at: datetime = moment()


class Lane(SQLModel, table=True):
    """Who may send on a channel now: a lease keeps a platform's limits without shared counters.

    lease_token: "" where it was given back; then `recent` says what the next holder must know to keep the limits.
    broken_at: since when the channel is out of order, for everybody; rests_until: how long it was told to wait.
    """

    channel: str = Field(primary_key=True)
    lease_token: str
    lease_until: datetime = moment()
    recent: dict[str, Any] | None = json(nullable=True)
    broken_at: datetime | None = moment(nullable=True)
    rests_until: datetime | None = moment(nullable=True)


class Progress(SQLModel, table=True):
    """How far a piece of work has come in a growing table: `catch-up` holds the last profile change surely
    applied, `leaving:…` when an account was deleted (in seconds since 1970), `forgotten changes` up to where profile
    changes are missing."""

    what: str = Field(primary_key=True)
    mark: int = number()


class Tally(SQLModel, table=True):
    """How often something was, in all processes together (`tally.Counted`)."""

    what: str = Field(primary_key=True)
    which: str = Field(primary_key=True)
    upto: str = Field(primary_key=True)
    number: int = number()


class Secret(SQLModel, table=True):
    """A secret that was made here, once, because none was set: what signs links."""

    name: str = Field(primary_key=True)
    value: str = sealed("secret.value")
    made_at: datetime = moment()


class InboundUpdate(SQLModel, table=True):
    """An update from a platform, stored before it is acknowledged."""

    __tablename__ = "inbound_update"
    platform: str = Field(primary_key=True)
    update_id: str = Field(primary_key=True)
    body: dict[str, Any] = json()
    received_at: datetime = moment()
    done_at: datetime | None = moment(nullable=True)


def table(model: type[SQLModel]) -> Table:
    """The table behind a model, for statements."""
    return model.__table__  # type: ignore[attr-defined, no-any-return]


PAPER, DIRECTION = table(Paper), table(PaperDirection)
ALIAS, SOURCE_RECORD = table(Alias), table(SourceRecord)
ANNOUNCEMENT, SIGNAL, MERGE_LOG = table(Announcement), table(Signal), table(MergeLog)
ACCOUNT, IDENTITY, TOKEN = table(Account), table(Identity), table(Token)
CONFIRMATION, SOFT_BOUNCE, SECRET = table(Confirmation), table(SoftBounce), table(Secret)
FEED_ADDRESS, PAIRING_CODE = table(FeedAddress), table(PairingCode)
PROFILE, PROFILE_VERSION, PROFILE_CHANGE = table(Profile), table(ProfileVersion), table(ProfileChange)
DESTINATION, SUBSCRIPTION = table(Destination), table(Subscription)
MATCH, OWED, DELIVERY, MARK, MUTE = table(Match), table(Owed), table(Delivery), table(Mark), table(Mute)
IDEMPOTENCY_KEY = table(IdempotencyKey)
SOURCE, PERCOLATION_BATCH = table(Source), table(PercolationBatch)
PACE, LANE = table(Pace), table(Lane)
PROGRESS, INBOUND_UPDATE, TALLY = table(Progress), table(InboundUpdate), table(Tally)
