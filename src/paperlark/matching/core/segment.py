"""A table kept in a folder: one file per array, and a manifest that says what they are, all of them with checksums.

Written beside and then renamed, so a folder is whole or not there. Mapped into memory, so a start costs looking at it
once, and copying what a table changes. What was damaged is refused, and rebuilt by the caller from what the database
holds: a segment is a copy, never the truth.
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
    """Keep arrays (those of `layout`, and any others), and facts that JSON can say, in the place of what was in the
    folder. Blocks: call it in a thread.

    Raises OSError where there is no room or no right to write.
    """
    beside = folder.with_name(f"{folder.name}.new-{os.getpid()}")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    for name, content in columns.items():
        (beside / name).write_bytes(content)  # not forced to the disk: what a crash spoils, the checksums tell
    sums = {name: [len(content), crc32(content)] for name, content in columns.items()}
    said = json.dumps({"version": VERSION, "columns": sums, "facts": facts}).encode()
    (beside / MANIFEST).write_bytes(b"%d\n%b" % (crc32(said), said))
    put(beside, folder)


def put(beside: Path, folder: Path) -> None:
    """Let a saved folder take the place of another. What a process has loaded of either stays as it was. Raises
    OSError, also where another process does the same at this moment."""
    before = folder.with_name(f"{folder.name}.old-{os.getpid()}")
    shutil.rmtree(before, ignore_errors=True)
    if folder.exists():
        folder.rename(before)
    beside.rename(folder)
    shutil.rmtree(before, ignore_errors=True)


def load(folder: Path) -> tuple[dict[str, mmap.mmap | bytes], dict[str, Any]]:
    """The arrays, mapped, and the facts. Raises SegmentError where there is nothing that can be used."""
    try:
        checksum, _, said = (folder / MANIFEST).read_bytes().partition(b"\n")
        if crc32(said) != int(checksum):
            raise ValueError(MANIFEST)
        manifest = json.loads(said)
        if manifest["version"] != VERSION:
            raise SegmentError(f"the index in {folder} was written by another version")
        sums = manifest["columns"]
        names = {*COLUMNS, *filter(str.isidentifier, sums)}
        return {name: _mapped(folder / name, *sums[name]) for name in sorted(names)}, dict(manifest["facts"])
    except OSError as error:
        raise SegmentError(f"there is no index in {folder}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise SegmentError(f"the index in {folder} is damaged") from None


def _mapped(path: Path, length: int, checksum: int) -> mmap.mmap | bytes:
    with path.open("rb") as file:
        found = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if path.stat().st_size else b""
    if len(found) != length or crc32(found) != checksum:
        raise ValueError(path.name)
    return found
