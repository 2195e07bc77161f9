"""Whether a paper has changed since somebody read it; and what the archive's search counts at each query, at hand."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """No paper has changed yet, as far as anybody remembers."""
    op.add_column("paper", sa.Column("revised", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_paper_revised",
        "paper",
        ["revised"],
        sqlite_where=sa.text("revised IS NOT NULL"),
        postgresql_where=sa.text("revised IS NOT NULL"),
    )
    op.create_index("ix_paper_words", "paper", ["words"])
