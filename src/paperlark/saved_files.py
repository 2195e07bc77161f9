"""Files that somebody saved, to be imported: which kind each is, and what it holds. Part of the composition root."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from paperlark import adapters
from paperlark.from_settings import unopened_http
from paperlark.http import Http
from paperlark.model.papers import Page, Reject, at_midnight
from paperlark.model.problems import SourceError
from paperlark.settings import Settings
from paperlark.sources.base import Saved

HEAD = 64 * 1024  # bytes by which a file's kind is guessed
FILE_LIMIT = 64 * 1024 * 1024  # bytes of a saved file that is read whole
STREAMED = ("jsonl",)  # kinds that are read line by line, however long the file


@dataclass(frozen=True, slots=True)
class SavedFile:
    """A file to import: where it lies, of which kind it is, and the day it was captured."""

    path: Path
    kind: str
    captured_on: date


async def all_unreadable(
    settings: Settings, files: Sequence[Path], *, kind: str | None = None, captured_on: date | None = None
) -> list[Reject]:
    """Why not one of these files can be read; empty as soon as one can."""
    rejects = []
    for path in files:
        try:
            file = await saved_file(path, kind, captured_on)
            if file.kind not in STREAMED:
                async for _ in pages(file, unopened_http(settings)):
                    break
        except SourceError as error:
            rejects.append(failed(path, error))
        else:
            return []
    return rejects


async def saved_file(path: Path, kind: str | None, captured_on: date | None) -> SavedFile:
    """What a file is. kind: guessed where it is None. captured_on: the day it was last changed where it is None. Raises
    SourceError."""
    head, changed = await asyncio.to_thread(_look_at, path)
    kind = kind or adapters.guess_kind(path.name, head)
    if kind is None:
        known = ", ".join(adapters.importer_kinds())
        raise SourceError(f"{path}: cannot tell what kind of file this is; say so with --as ({known})")
    return SavedFile(path, kind, captured_on or changed)


async def pages(file: SavedFile, http: Http) -> AsyncIterator[Page]:
    """What a file holds. Raises SourceError where it cannot be read."""
    if file.kind in STREAMED:
        source = adapters.make_source(file.kind, file.kind, {"path": str(file.path)}, http)
        async for page in source.poll({}, at_midnight(file.captured_on)):
            yield page
        return
    module: Any = adapters.source_module(file.kind)
    saved = Saved(file.path.name, await asyncio.to_thread(_read, file.path), file.captured_on)
    if hasattr(module, "read_saved"):
        yield await module.read_saved(saved)
    else:
        yield await asyncio.to_thread(module.parse_saved, saved)


def failed(path: Path, error: SourceError) -> Reject:
    """`where` names the file, so the reason need not."""
    reason = str(error).removeprefix(f"{path}: ")
    return Reject(str(path), reason.replace(f" {path.name}: ", " ", 1))


def _look_at(path: Path) -> tuple[bytes, date]:
    """A file's beginning, and the day it was last changed. Raises SourceError."""
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD)
        changed = datetime.fromtimestamp(path.stat().st_mtime, UTC).date()
    except FileNotFoundError:
        raise SourceError(f"{path}: there is no such file") from None
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}") from None
    if not head:
        raise SourceError(f"{path}: the file is empty")
    return head, changed


def _read(path: Path) -> bytes:
    with path.open("rb") as stream:
        body = stream.read(FILE_LIMIT + 1)
    if len(body) > FILE_LIMIT:
        raise SourceError(f"{path}: larger than {FILE_LIMIT // 1024**2} MiB")
    return body
