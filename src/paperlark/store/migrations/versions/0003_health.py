"""What polls leave behind for judging a source."""

import sqlalchemy as sa
from alembic import op

from paperlark.store.columns import Json

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """One column: a small JSON value."""
    op.add_column("source", sa.Column("evidence", Json, nullable=False, server_default="{}"))
