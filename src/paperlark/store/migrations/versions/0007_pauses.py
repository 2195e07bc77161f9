"""A reader's pause may have an end."""

import sqlalchemy as sa
from alembic import op

from paperlark.store.columns import Moment

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """A moment for each destination, and an index over the few that have one."""
    op.add_column("destination", sa.Column("paused_until", Moment(), nullable=True))
    has_end = sa.text("paused_until IS NOT NULL")
    op.create_index(
        "ix_destination_paused_until",
        "destination",
        ["paused_until"],
        sqlite_where=has_end,
        postgresql_where=has_end,
    )
