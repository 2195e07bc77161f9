"""What polls leave behind for judging a source."""

import sqlalchemy as sa
from alembic import op

from paperlark.store.columns import Json

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """A small JSON value for each source; whether an announcement was late when it was first seen."""
    op.add_column("source", sa.Column("evidence", Json, nullable=False, server_default="{}"))
    op.add_column("announcement", sa.Column("late", sa.Boolean(), nullable=False, server_default=sa.false()))
