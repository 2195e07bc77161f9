"""What a delivery, its destination and its lane remember of failures and of what was sent; and planning and claiming
that look at nothing but what is new or due."""

import sqlalchemy as sa
from alembic import op

from paperlark.store.columns import Json, Moment

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Nothing is remembered yet, as far as anybody knows."""
    op.add_column("delivery", sa.Column("tried_at", Moment(), nullable=True))
    op.add_column("delivery", sa.Column("flown_at", Moment(), nullable=True))
    op.add_column("destination", sa.Column("failures", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("destination", sa.Column("doubted_at", Moment(), nullable=True))
    op.add_column("lane", sa.Column("recent", Json, nullable=True))
    still_owed = sa.text("delivery_id IS NULL")
    op.create_index("ix_owed_lately", "owed", ["owed_at"], sqlite_where=still_owed, postgresql_where=still_owed)
    is_open = sa.text("state IN ('pending', 'claimed')")
    op.create_index(
        "ix_delivery_open",
        "delivery",
        ["account_id", "destination_id", "first_due"],
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
