"""Saved files as a place to poll: which of them are new or changed, and finished; and their bytes.

Off the event loop, one file at a time.

A browser writes a page for seconds, a synchronised folder for minutes. So a file is taken once it has stopped growing:
when it was last written to some time ago, or when it is as it was at the last look (whatever its clock says).
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from paperlark.model.papers import Cursor
from paperlark.model.problems import SourceError
from paperlark.sources.base import Saved

FILE_LIMIT = 32 * 1024 * 1024  # bytes; a saved page is a hundredth of that
FILES = 5_000  # files looked at in one folder
SETTLED = timedelta(seconds=5)  # since it was last written to: it is finished
UNFINISHED = (".part", ".partial", ".crdownload", ".download", ".opdownload", ".tmp", ".temp", ".swp", "~")


@dataclass(frozen=True, slots=True)
class Found:
    """One file that is to be read, or why it cannot be; `cursor` is the one after it.

    None of both: nothing is to be read, and the cursor remembers a look at files that are not finished yet.
    """

    name: str
    cursor: dict[str, Any]
    saved: Saved | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Look:
    """A file at one moment: its stamp (size and time of change, which differ when it was written anew)."""

    stamp: str
    changed_at: datetime


async def changed_files(kind: str, path: Path, cursor: Cursor, now: datetime) -> AsyncIterator[Found]:
    """The files at `path` (one file, or the plain files of a folder by name) that are finished, and new or changed
    since `cursor`. Hidden and temporary names are left alone; a file that is gone is no news.

    Raises SourceError, opening with `kind`, when there is nothing to read at `path`.
    """
    looks = await asyncio.to_thread(_looks, kind, path)
    waited = _stamps(cursor, "waiting")
    done = {name: stamp for name, stamp in _stamps(cursor, "files").items() if name in {file.name for file in looks}}
    waiting = {
        file.name: look.stamp
        for file, look in looks.items()
        if done.get(file.name) != look.stamp and waited.get(file.name) != look.stamp and look.changed_at > now - SETTLED
    }
    for file, look in looks.items():
        if done.get(file.name) == look.stamp or file.name in waiting:
            continue
        found = await asyncio.to_thread(_read, file, look)
        if found is None:  # gone, or written to while it was read
            continue
        done = {**done, file.name: look.stamp}
        saved, problem = (found, "") if isinstance(found, Saved) else (None, found)
        yield Found(file.name, _cursor(done, waiting), saved, problem)
    if waiting != waited:
        yield Found("", _cursor(done, waiting))


def _stamps(cursor: Cursor, key: str) -> dict[str, str]:
    stamps = cursor.get(key, {})
    return dict(stamps) if isinstance(stamps, Mapping) else {}


def _cursor(done: Mapping[str, str], waiting: Mapping[str, str]) -> dict[str, Any]:
    return {"files": dict(done), "waiting": dict(waiting)} if waiting else {"files": dict(done)}


def is_finished(name: str) -> bool:
    """True for a name that a person gave to a file: not hidden, not a browser's or an editor's while it is at work."""
    return not name.startswith((".", "~", "#")) and not name.lower().endswith(UNFINISHED)


def _looks(kind: str, path: Path) -> dict[Path, _Look]:
    try:
        found = [path] if path.is_file() else sorted(p for p in path.iterdir() if is_finished(p.name) and p.is_file())
        if len(found) > FILES:
            raise SourceError(f"{kind}: {path}: more than {FILES} files in one folder")
        looks = {file: _look(file) for file in found}
    except FileNotFoundError:
        raise SourceError(f"{kind}: {path}: no such file or folder") from None
    except OSError as problem:
        raise SourceError(f"{kind}: {path}: {problem.strerror or 'cannot be read'}") from None
    return {file: look for file, look in looks.items() if look is not None}


def _look(file: Path) -> _Look | None:
    """None where the file is gone since its folder was listed."""
    try:
        stat = file.stat()
    except FileNotFoundError:
        return None
    return _Look(f"{stat.st_size}-{stat.st_mtime_ns}", datetime.fromtimestamp(stat.st_mtime, UTC))


def _read(file: Path, look: _Look) -> Saved | str | None:
    """The file as it was at that look; why it cannot be read; None where it is another one by now."""
    try:
        with file.open("rb") as stream:
            body = stream.read(FILE_LIMIT + 1)
        if _look(file) != look:
            return None
    except FileNotFoundError:
        return None
    except OSError as problem:
        return problem.strerror or "cannot be read"
    if len(body) > FILE_LIMIT:
        return f"larger than {FILE_LIMIT // 1024**2} MiB"
    return Saved(file.name, body, look.changed_at.date())
