"""What is watched from outside is known to every process: counts are kept in the store, a channel that is out of order
says so on its lane, and a delivery remembers when the oldest of its papers was announced."""

import sqlalchemy as sa
from alembic import op

from paperlark.store.columns import Moment

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Nothing was counted before; what was sealed before is timed by its slot alone."""
    op.create_table(
        "tally",
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("which", sa.String(), nullable=False),
        sa.Column("upto", sa.String(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("what", "which", "upto", name="pk_tally"),
    )
    op.add_column("delivery", sa.Column("announced_at", Moment(), nullable=True))
    op.add_column("lane", sa.Column("broken_at", Moment(), nullable=True))
    op.add_column("lane", sa.Column("rests_until", Moment(), nullable=True))
    op.create_index(
        "ix_destination_silent",
        "destination",
        ["channel"],
        sqlite_where=sa.text("paused_at IS NOT NULL OR confirm_by IS NOT NULL"),
        postgresql_where=sa.text("paused_at IS NOT NULL OR confirm_by IS NOT NULL"),
    )
