"""Matches are listed newest first, for one account out of many; tokens are known again by their first letters."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """The index by paper also knows whose match it is."""
    op.create_index("ix_match_lately", "match", ["account_id", "matched_at", "paper_id", "profile_id", "version"])
    op.create_index("ix_match_paper", "match", ["paper_id", "account_id"])
    op.drop_index("ix_match_paper_id", "match")
    op.add_column("token", sa.Column("prefix", sa.String(), server_default="", nullable=False))
