"""A subscription wants types of announcements: `first` becomes new and cross, `replaced` replace. A source tells of one
occasion once for each type."""

import json

import sqlalchemy as sa
from alembic import op

from paperlark.store.columns import Json

revision = "0002"
down_revision = "0001"

TYPES = {"first": ("new", "cross"), "replaced": ("replace",)}


def upgrade() -> None:
    """Rewrite what every subscription wants, a statement for each of the few combinations; widen the unique key."""
    subscription = sa.table("subscription", sa.column("occasions", Json))
    as_text = sa.cast(subscription.c.occasions, sa.Text)
    connection = op.get_bind()
    for told in connection.execute(sa.select(as_text).distinct()).scalars().all():
        types = sorted({new for old in json.loads(told) for new in TYPES.get(old, (old,))})
        connection.execute(subscription.update().where(as_text == told).values(occasions=types))
    with op.batch_alter_table("announcement") as batch:
        batch.drop_constraint("uq_announcement_once", type_="unique")
        batch.create_unique_constraint("uq_announcement_once", ["source", "paper_id", "occasion", "type"])
