"""Of each profile the lines of numbers alone are known: of those that are different only so many can be held.

What there is already is read by the profile language as it is now; a text that cannot be read has none.
"""

import sqlalchemy as sa
from alembic import op

from paperlark.matching.query import parse
from paperlark.matching.standing import lines_alone
from paperlark.model.problems import QueryError

revision = "0016"
down_revision = "0015"

ASKING = ("upvotes", "comments", "stars", "authors", "since", "like", "about")  # fields that can stand alone
READ = 1_000  # profiles looked at in one go
PROFILE = sa.table(
    "profile",
    sa.column("account_id", sa.BigInteger()),
    sa.column("id", sa.BigInteger()),
    sa.column("text", sa.String()),
    sa.column("alone", sa.String()),
)


def upgrade() -> None:
    """Only texts that name such a field are read: others cannot have such a line."""
    op.add_column("profile", sa.Column("alone", sa.String(), nullable=True))
    connection = op.get_bind()
    asking = sa.or_(*(PROFILE.c.text.ilike(f"%{field}%") for field in ASKING))
    wanted = sa.select(PROFILE.c.account_id, PROFILE.c.id, PROFILE.c.text).where(asking)
    after = (0, 0)
    while rows := connection.execute(
        wanted.where(sa.tuple_(PROFILE.c.account_id, PROFILE.c.id) > after)
        .order_by(PROFILE.c.account_id, PROFILE.c.id)
        .limit(READ)
    ).all():
        after = rows[-1].account_id, rows[-1].id
        for row in rows:
            if alone := _alone(row.text):
                mine = sa.and_(PROFILE.c.account_id == row.account_id, PROFILE.c.id == row.id)
                connection.execute(sa.update(PROFILE).where(mine).values(alone=alone))
    op.create_index(
        "ix_profile_alone",
        "profile",
        ["alone"],
        sqlite_where=sa.text("alone IS NOT NULL"),
        postgresql_where=sa.text("alone IS NOT NULL"),
    )


def _alone(written: str) -> str:
    try:
        return "\n".join(sorted(map(str, lines_alone(parse(written)))))
    except QueryError:
        return ""
