"""The whole store as one file, and back."""

from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer

from paperlark.cli import edge
from paperlark.cli.edge import Json, told
from paperlark.cli.printing import print_json, progress, say

if TYPE_CHECKING:
    from paperlark.settings import Settings
    from paperlark.store.backup import Done

commands = typer.Typer()


# ── backup ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@commands.command(
    help=told(
        "Write everything that is kept into one file.",
        "paperlark backup paperlark-2026-11-21.zip",
        more="As it is at one moment, while paperlark runs on. The file is the same from SQLite and from PostgreSQL, "
        "and `paperlark restore` takes it to either. It holds readers' addresses: only its owner may read it. "
        "PAPERLARK_ENCRYPTION_KEYS and PAPERLARK_SECRET_KEY are not in it.",
    )
)
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new one.")],
    as_json: Json = False,
) -> None:
    """Write it."""
    began = monotonic()
    done = edge.run(_backup(edge.begin(), file))
    if as_json:
        print_json({"file": str(file), "rows": dict(done.rows), "bytes": done.size})
        return
    say(f"{file}: {_in_words(done)}, {done.size / 1e6:,.1f} MB, in {monotonic() - began:,.1f} s")


async def _backup(settings: "Settings", file: Path) -> "Done":
    from paperlark import __version__
    from paperlark.store import backup as kept
    from paperlark.store.database import open_store

    store = await open_store(settings.database_url, keys=settings.sealing_keys())
    try:
        with progress("writing the backup") as advance:
            return await kept.backup(
                store,
                file,
                made_by=f"paperlark {__version__}",
                progress=lambda name, rows: advance(rows, note=f"{name}: {rows:,} rows"),
            )
    finally:
        await store.close()


# ── restore ────────────────────────────────────────────────────────────────────────────────────────────────────────


@commands.command(
    help=told(
        "Fill an empty store with what a backup holds.",
        "paperlark restore paperlark-2026-11-21.zip",
        more="Stop every other paperlark on that store first. All of the file is restored, or nothing: one that was "
        "cut or changed, or made at another version of the database, is refused before anything is written. What was "
        "sent after the backup was made may be sent again.",
    )
)
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Of `paperlark backup`.")],
    force: Annotated[
        bool, typer.Option("--force", help="Also into a store that is not empty: all of it goes.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check it, then restore it."""
    began = monotonic()
    done = edge.run(_restore(edge.begin(), file, force))
    if as_json:
        print_json({"file": str(file), "rows": dict(done.rows)})
        return
    say(f"restored {_in_words(done)} in {monotonic() - began:,.1f} s")


async def _restore(settings: "Settings", file: Path, force: bool) -> "Done":
    from paperlark.store import backup as kept
    from paperlark.store.database import open_unchecked, refuse_newer

    store = open_unchecked(settings.database_url, keys=settings.sealing_keys())
    try:
        version = await store.version()
        # What is restored would be at this version, and a database that says another is opened by nobody.
        refuse_newer(version, "make the database empty first" if store.postgres else "move its file away first")
        if version is None:
            await store.migrate()
        await store.check()
        with progress("restoring") as advance:
            return await kept.restore(
                store, file, force=force, progress=lambda name, rows: advance(rows, note=f"{name}: {rows:,} rows")
            )
    finally:
        await store.close()


def _in_words(done: "Done") -> str:
    return f"{sum(done.rows.values()):,} rows of {len(done.rows)} tables"
