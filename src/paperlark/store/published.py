"""What a platform was last told of a bot, as a number: so that it is told again only when that has changed."""

from sqlalchemy import select

from paperlark.store.database import Transaction
from paperlark.store.tables import PROGRESS


async def last(tx: Transaction, what: str) -> int | None:
    """The mark of what was published last under this name, if anything was."""
    wanted = select(PROGRESS.c.mark).where(PROGRESS.c.what == f"published:{what}")
    found: int | None = (await tx.execute(wanted)).scalar()
    return found


async def note(tx: Transaction, what: str, mark: int) -> None:
    """This was published. mark: of 63 bits."""
    insert = tx.insert(PROGRESS)
    row = {"what": f"published:{what}", "mark": mark}
    await tx.execute(insert.on_conflict_do_update(index_elements=["what"], set_={"mark": mark}), [row])
