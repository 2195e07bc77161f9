"""What a delivery made of each paper that it owed: shown, behind "and N more", or left out and why."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0004"


def upgrade() -> None:
    """Empty for what was told before: nobody knows any more which of it was shown."""
    op.add_column("owed", sa.Column("fate", sa.String(), nullable=True))
