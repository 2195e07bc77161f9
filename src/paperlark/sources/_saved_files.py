"""Saved files as a place to poll: which of them have changed, and their bytes. Off the event loop, in bounded bites."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from paperlark.model.papers import Cursor
from paperlark.model.problems import SourceError
from paperlark.sources.base import Saved

FILE_LIMIT = 32 * 1024 * 1024  # bytes; a saved page is a hundredth of that
FILES = 5_000  # files looked at in one folder


async def changed_files(kind: str, path: Path, cursor: Cursor) -> AsyncIterator[tuple[Saved, dict[str, Any]]]:
    """The files at `path` (one file, or the plain files of a folder by name) that are new or changed since `cursor`,
    each with the cursor after it. `captured_on` is the file's own time, in UTC.

    Raises SourceError, opening with `kind`, when there is nothing to read at `path`.
    """
    stamps = await asyncio.to_thread(_stamps, kind, path)
    seen = cursor.get("files", {})
    known = {file.name for file in stamps}
    done = {name: stamp for name, stamp in seen.items() if name in known} if isinstance(seen, dict) else {}
    for file, stamp in stamps.items():
        if done.get(file.name) == stamp:
            continue
        done = {**done, file.name: stamp}
        yield await asyncio.to_thread(_read, kind, file), {"files": done}


def _stamps(kind: str, path: Path) -> dict[Path, str]:
    """Each file and its stamp: size and time of change, which differ when it was written anew."""
    try:
        found = [path] if path.is_file() else sorted(p for p in path.iterdir() if p.is_file() and p.name[0] != ".")
        if len(found) > FILES:
            raise SourceError(f"{kind}: {path}: more than {FILES} files in one folder")
        return {file: f"{(stat := file.stat()).st_size}-{stat.st_mtime_ns}" for file in found}
    except FileNotFoundError:
        raise SourceError(f"{kind}: {path}: no such file or folder") from None
    except OSError as problem:
        raise SourceError(f"{kind}: {path}: {problem.strerror or 'cannot be read'}") from None


def _read(kind: str, file: Path) -> Saved:
    try:
        with file.open("rb") as stream:
            body = stream.read(FILE_LIMIT + 1)
            changed = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    except OSError as problem:
        raise SourceError(f"{kind}: {file}: {problem.strerror or 'cannot be read'}") from None
    if len(body) > FILE_LIMIT:
        raise SourceError(f"{kind}: {file.name}: larger than {FILE_LIMIT // 1024**2} MiB")
    return Saved(file.name, body, changed.date())
