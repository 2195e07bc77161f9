"""Addresses whose owners are asked first; what comes back from them; the key that signs links."""

import sqlalchemy as sa
from alembic import op

from paperlark.store.columns import Json, Moment

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Every destination that is there counts as confirmed: whoever runs this paperlark has put it there."""
    op.add_column("destination", sa.Column("confirm_by", Moment(), nullable=True))
    unconfirmed, unasked = sa.text("confirm_by IS NOT NULL"), sa.text("asked_at IS NULL")
    op.create_index(
        "ix_destination_confirm_by",
        "destination",
        ["confirm_by"],
        sqlite_where=unconfirmed,
        postgresql_where=unconfirmed,
    )
    op.create_table(
        "confirmation",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("destination_id", sa.BigInteger(), nullable=False),
        sa.Column("wish", Json, nullable=True),
        sa.Column("made_at", Moment(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.Column("asked_at", Moment(), nullable=True),
        sa.Column("used_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("account_id", "id", name="pk_confirmation"),
    )
    op.create_index("ix_confirmation_expires_at", "confirmation", ["expires_at"])
    op.create_index(
        "ix_confirmation_unasked", "confirmation", ["made_at"], sqlite_where=unasked, postgresql_where=unasked
    )
    op.create_table(
        "soft_bounce",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("destination_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "destination_id", "day", name="pk_soft_bounce"),
    )
    op.create_index("ix_soft_bounce_day", "soft_bounce", ["day"])
    op.create_table(
        "secret",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("made_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_secret"),
    )
