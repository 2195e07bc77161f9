"""How often a webhook was given a new secret, and since when it has the present one."""

import sqlalchemy as sa
from alembic import op

from paperlark.store.columns import Moment

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Every destination begins with its first."""
    op.add_column("destination", sa.Column("secret_turn", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("destination", sa.Column("secret_turned_at", Moment(), nullable=True))
