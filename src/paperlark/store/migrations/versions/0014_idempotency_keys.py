"""Requests that bear a name of their own are answered once."""

import sqlalchemy as sa
from alembic import op

from paperlark.store.columns import Json, Moment

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Nothing was kept of them before."""
    op.create_table(
        "idempotency_key",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key_hash", sa.String(), nullable=False),
        sa.Column("request_hash", sa.String(), nullable=False),
        sa.Column("turn", sa.BigInteger(), nullable=False),
        sa.Column("made_at", Moment(), nullable=False),
        sa.Column("answer", Json, nullable=True),
        sa.PrimaryKeyConstraint("account_id", "key_hash", name="pk_idempotency_key"),
    )
    op.create_index("ix_idempotency_key_made_at", "idempotency_key", ["made_at"])
