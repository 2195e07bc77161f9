"""The first tables: of papers, of readers, of work."""

import sqlalchemy as sa
from alembic import op

from paperlark.store.columns import Json, Moment
from paperlark.store.search import CREATE_POSTGRES, CREATE_SQLITE

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "account",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_account")),
    )
    op.create_table(
        "alias",
        sa.Column("scheme", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("paper_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("scheme", "value", "paper_id", name=op.f("pk_alias")),
    )
    op.create_index(op.f("ix_alias_paper_id"), "alias", ["paper_id"], unique=False)
    op.create_index(
        "uq_alias_name",
        "alias",
        ["scheme", "value"],
        unique=True,
        sqlite_where=sa.text("scheme <> 'title'"),
        postgresql_where=sa.text("scheme <> 'title'"),
    )
    op.create_table(
        "announcement",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("paper_id", sa.BigInteger(), nullable=False),
        sa.Column("occasion", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("announced_at", Moment(), nullable=False),
        sa.Column("first_seen", Moment(), nullable=False),
        sa.Column("owes", sa.Boolean(), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=True),
        sa.Column("percolated_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_announcement")),
        sa.UniqueConstraint("source", "paper_id", "occasion", name="uq_announcement_once"),
    )
    op.create_index(op.f("ix_announcement_announced_at"), "announcement", ["announced_at"], unique=False)
    op.create_index(op.f("ix_announcement_batch_id"), "announcement", ["batch_id"], unique=False)
    op.create_index(op.f("ix_announcement_first_seen"), "announcement", ["first_seen"], unique=False)
    op.create_index(
        "ix_announcement_open",
        "announcement",
        ["id"],
        unique=False,
        sqlite_where=sa.text("percolated_at IS NULL"),
        postgresql_where=sa.text("percolated_at IS NULL"),
    )
    op.create_index(op.f("ix_announcement_paper_id"), "announcement", ["paper_id"], unique=False)
    op.create_table(
        "delivery",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("destination_id", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("cadence", sa.String(), nullable=False),
        sa.Column("slot", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("first_due", Moment(), nullable=False),
        sa.Column("due_at", Moment(), nullable=False),
        sa.Column("lease_token", sa.String(), nullable=True),
        sa.Column("lease_until", Moment(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("unconfirmed", sa.Integer(), nullable=False),
        sa.Column("in_flight", sa.Boolean(), nullable=False),
        sa.Column("parts", Json, nullable=True),
        sa.Column("parts_sent", sa.Integer(), nullable=False),
        sa.Column("papers", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("ended_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_delivery")),
        sa.UniqueConstraint("account_id", "destination_id", "cadence", "slot", name="uq_delivery_slot"),
    )
    op.create_index(
        "ix_delivery_due",
        "delivery",
        ["channel", "due_at"],
        unique=False,
        sqlite_where=sa.text("state IN ('pending', 'claimed')"),
        postgresql_where=sa.text("state IN ('pending', 'claimed')"),
    )
    op.create_index("ix_delivery_state", "delivery", ["state", "due_at"], unique=False)
    op.create_table(
        "destination",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("digest_at", sa.String(), nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=False),
        sa.Column("quiet", sa.String(), nullable=True),
        sa.Column("cap", sa.Integer(), nullable=False),
        sa.Column("empty", sa.String(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("paused_at", Moment(), nullable=True),
        sa.Column("paused_reason", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_destination")),
        sa.UniqueConstraint("account_id", "channel", "address", name="uq_destination_address"),
    )
    op.create_table(
        "feed_address",
        sa.Column("address_hash", sa.String(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("profile_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("address_hash", name=op.f("pk_feed_address")),
    )
    op.create_index(op.f("ix_feed_address_account_id"), "feed_address", ["account_id"], unique=False)
    op.create_table(
        "identity",
        sa.Column("platform", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("linked_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("platform", "external_id", name=op.f("pk_identity")),
    )
    op.create_index(op.f("ix_identity_account_id"), "identity", ["account_id"], unique=False)
    op.create_table(
        "inbound_update",
        sa.Column("platform", sa.String(), nullable=False),
        sa.Column("update_id", sa.String(), nullable=False),
        sa.Column("body", Json, nullable=False),
        sa.Column("received_at", Moment(), nullable=False),
        sa.Column("done_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("platform", "update_id", name=op.f("pk_inbound_update")),
    )
    op.create_table(
        "lane",
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("lease_token", sa.String(), nullable=False),
        sa.Column("lease_until", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("channel", name=op.f("pk_lane")),
    )
    op.create_table(
        "mark",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("paper_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "paper_id", "kind", name=op.f("pk_mark")),
    )
    op.create_table(
        "match",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("profile_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("paper_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("matched_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "profile_id", "paper_id", "version", name=op.f("pk_match")),
    )
    op.create_index(op.f("ix_match_matched_at"), "match", ["matched_at"], unique=False)
    op.create_index(op.f("ix_match_paper_id"), "match", ["paper_id"], unique=False)
    op.create_table(
        "merge_log",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kept_id", sa.BigInteger(), nullable=False),
        sa.Column("gone_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("undo", Json, nullable=False),
        sa.Column("undone_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_merge_log")),
    )
    op.create_index(op.f("ix_merge_log_gone_id"), "merge_log", ["gone_id"], unique=False)
    op.create_index(op.f("ix_merge_log_kept_id"), "merge_log", ["kept_id"], unique=False)
    op.create_table(
        "mute",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "kind", "value", name=op.f("pk_mute")),
    )
    op.create_table(
        "owed",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("destination_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("paper_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("occasion", sa.String(), nullable=False),
        sa.Column("announcement_id", sa.BigInteger(), nullable=False),
        sa.Column("cadence", sa.String(), nullable=False),
        sa.Column("owed_at", Moment(), nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("account_id", "destination_id", "paper_id", "occasion", name=op.f("pk_owed")),
    )
    op.create_index(
        "ix_owed_open",
        "owed",
        ["paper_id", "account_id", "destination_id", "cadence"],
        unique=False,
        sqlite_where=sa.text("delivery_id IS NULL"),
        postgresql_where=sa.text("delivery_id IS NULL"),
    )
    op.create_index(op.f("ix_owed_paper_id"), "owed", ["paper_id"], unique=False)
    op.create_table(
        "pace",
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("free_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("what", name=op.f("pk_pace")),
    )
    op.create_table(
        "pairing_code",
        sa.Column("code_hash", sa.String(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.Column("used_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_pairing_code")),
    )
    op.create_index(op.f("ix_pairing_code_account_id"), "pairing_code", ["account_id"], unique=False)
    op.create_table(
        "paper",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("abstract", sa.String(), nullable=False),
        sa.Column("authors", Json, nullable=False),
        sa.Column("author_count", sa.Integer(), nullable=True),
        sa.Column("organisation", sa.String(), nullable=True),
        sa.Column("categories", Json, nullable=False),
        sa.Column("keywords", Json, nullable=False),
        sa.Column("url", sa.String(), nullable=True),
        sa.Column("code_url", sa.String(), nullable=True),
        sa.Column("published_at", Moment(), nullable=True),
        sa.Column("first_seen", Moment(), nullable=False),
        sa.Column("words", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper")),
    )
    op.create_index(op.f("ix_paper_first_seen"), "paper", ["first_seen"], unique=False)
    op.create_table(
        "percolation_batch",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("mark", sa.BigInteger(), nullable=False),
        sa.Column("lease_token", sa.String(), nullable=False),
        sa.Column("lease_until", Moment(), nullable=False),
        sa.Column("done_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_percolation_batch")),
    )
    op.create_index(op.f("ix_percolation_batch_done_at"), "percolation_batch", ["done_at"], unique=False)
    op.create_table(
        "profile",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("began_at", Moment(), nullable=False),
        sa.Column("removed_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_profile")),
    )
    op.create_table(
        "profile_change",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("mark", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("profile_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "mark", "profile_id", "version", name=op.f("pk_profile_change")),
    )
    op.create_index(op.f("ix_profile_change_mark"), "profile_change", ["mark"], unique=False)
    op.create_table(
        "profile_version",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("profile_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("began_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "profile_id", "version", name=op.f("pk_profile_version")),
    )
    op.create_table(
        "progress",
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("mark", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("what", name=op.f("pk_progress")),
    )
    op.create_table(
        "signal",
        sa.Column("announcement_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("counts", Json, nullable=False),
        sa.Column("percolated_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("announcement_id", "at", name=op.f("pk_signal")),
    )
    op.create_index(
        "ix_signal_open",
        "signal",
        ["announcement_id", "at"],
        unique=False,
        sqlite_where=sa.text("percolated_at IS NULL"),
        postgresql_where=sa.text("percolated_at IS NULL"),
    )
    op.create_table(
        "source",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("options", Json, nullable=False),
        sa.Column("cursor", Json, nullable=False),
        sa.Column("added_at", Moment(), nullable=False),
        sa.Column("baseline_at", Moment(), nullable=True),
        sa.Column("next_poll_at", Moment(), nullable=True),
        sa.Column("lease_token", sa.String(), nullable=True),
        sa.Column("lease_until", Moment(), nullable=True),
        sa.Column("paused_reason", sa.String(), nullable=True),
        sa.Column("polled_at", Moment(), nullable=True),
        sa.Column("good_at", Moment(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.Column("seen", sa.Integer(), nullable=False),
        sa.Column("new", sa.Integer(), nullable=False),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.Column("removed_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_source")),
    )
    op.create_index(op.f("ix_source_next_poll_at"), "source", ["next_poll_at"], unique=False)
    op.create_table(
        "source_record",
        sa.Column("paper_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("authority", sa.Integer(), nullable=False),
        sa.Column("fields", Json, nullable=False),
        sa.Column("said", Json, nullable=False),
        sa.Column("seen_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("paper_id", "source", name=op.f("pk_source_record")),
    )
    op.create_table(
        "subscription",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("profile_id", sa.BigInteger(), nullable=False),
        sa.Column("destination_id", sa.BigInteger(), nullable=False),
        sa.Column("cadence", sa.String(), nullable=False),
        sa.Column("occasions", Json, nullable=False),
        sa.Column("began_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_subscription")),
        sa.UniqueConstraint("account_id", "profile_id", "destination_id", name="uq_subscription_once"),
    )
    op.create_table(
        "token",
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("scopes", Json, nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=True),
        sa.Column("used_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_token")),
    )
    op.create_index(op.f("ix_token_account_id"), "token", ["account_id"], unique=False)
    op.execute("INSERT INTO progress (what, mark) VALUES ('barrier', 0)")
    for statement in CREATE_POSTGRES if op.get_bind().dialect.name == "postgresql" else CREATE_SQLITE:
        op.execute(statement)
