"""Feed addresses have an id by which they are revoked, and may be of all profiles of an account; when they were last
asked for is noted by the day."""

import sqlalchemy as sa
from alembic import op

from paperlark.store.columns import Moment

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Nothing made any before this version."""
    op.drop_index("ix_feed_address_account_id", "feed_address")
    op.drop_table("feed_address")
    op.create_table(
        "feed_address",
        sa.Column("address_hash", sa.String(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("profile_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("read_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("address_hash", name="pk_feed_address"),
    )
    op.create_index("ix_feed_address_account_id", "feed_address", ["account_id", "id"])
