"""A paper says whether anything was told of it since somebody read it."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """What was told before was told before anybody read it."""
    op.add_column("paper", sa.Column("retold", sa.BigInteger(), nullable=True))
