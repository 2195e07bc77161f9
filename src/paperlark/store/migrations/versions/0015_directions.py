"""What papers are about: a direction for each, found when somebody first asks."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Nothing was kept of it before."""
    op.create_table(
        "paper_direction",
        sa.Column("paper_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("made", sa.BigInteger(), nullable=False),
        sa.Column("direction", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("paper_id", name="pk_paper_direction"),
    )
    op.create_index("ix_paper_direction_made", "paper_direction", ["made"])
