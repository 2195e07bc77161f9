"""A table kept in a folder: one file per array, and a manifest that says what they are.

Written beside and then renamed, so a folder is whole or not there. Read into memory that is the file's until it is
written to (private pages), so a start costs looking at it once. What was damaged is refused, and rebuilt by the caller
from what the database holds: a segment is a copy, never the truth.
"""

import json
import mmap
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zlib import crc32

from paperlark.matching.core.layout import COLUMNS, VERSION
from paperlark.model.problems import SegmentError

MANIFEST = "manifest.json"


def save(folder: Path, columns: Mapping[str, bytes], facts: Mapping[str, Any]) -> None:
    """Keep arrays, and facts that JSON can say, in the place of what was in the folder. Blocks: call it in a thread.

    Raises OSError where there is no room or no right to write.
    """
    beside = folder.with_name(f"{folder.name}.new-{os.getpid()}")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    for name in COLUMNS:
        _write(beside / name, columns[name])
    sums = {name: [len(columns[name]), crc32(columns[name])] for name in COLUMNS}
    _write(beside / MANIFEST, json.dumps({"version": VERSION, "columns": sums, "facts": facts}).encode())
    before = folder.with_name(f"{folder.name}.old-{os.getpid()}")
    shutil.rmtree(before, ignore_errors=True)
    if folder.exists():
        folder.rename(before)
    beside.rename(folder)
    shutil.rmtree(before, ignore_errors=True)


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def load(folder: Path) -> tuple[dict[str, mmap.mmap | bytearray], dict[str, Any]]:
    """The arrays, writable, and the facts. Raises SegmentError where there is nothing that can be used."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        if manifest["version"] != VERSION:
            raise SegmentError(f"the index in {folder} was written by another version")
        columns = {name: _mapped(folder / name, *manifest["columns"][name]) for name in COLUMNS}
        return columns, dict(manifest["facts"])
    except OSError as error:
        raise SegmentError(f"there is no index in {folder}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise SegmentError(f"the index in {folder} is damaged") from None


def _mapped(path: Path, length: int, checksum: int) -> mmap.mmap | bytearray:
    with path.open("rb") as file:
        found = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) if path.stat().st_size else bytearray()
    if len(found) != length or crc32(found) != checksum:
        raise ValueError(path.name)
    return found
