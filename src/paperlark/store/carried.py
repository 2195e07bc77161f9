"""A backup's file: every table's rows as lines of JSON in a zip, the same from either database and for either.

    paper.jsonl … token.jsonl   a row is an array, in the order of the manifest's columns; moments are ISO 8601 in UTC,
                                bytes are base64, JSON stands as it is
    paper_words.jsonl           the archive's full text: a paper's id, its words
    manifest.json               what it is, by whom and when it was made, and each table's columns and number of rows

The zip's comment is `sha256:` and the SHA-256 of every byte before it: a file that was cut or changed is known for what
it is before a row of it is read. What the store keeps sealed (`sealed`) stays so: the file opens under the same keys as
the database. Everything here blocks; it is called in threads.
"""

import hashlib
import json
import os
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo

from sqlalchemy import BigInteger, Column, MetaData, String, Table
from sqlalchemy.types import LargeBinary

from paperlark.model.problems import BackupError
from paperlark.store.columns import Moment
from paperlark.store.tables import METADATA

FORMAT = "paperlark backup 1"
MANIFEST, MANIFEST_BYTES = "manifest.json", 1024 * 1024
LINE_BYTES = 64 * 1024 * 1024  # of a row: a mail in all its parts is the longest
LEVEL = 3  # of compression: twice as fast as zlib's own choice, for a tenth more bytes
SEAL, DIGEST = b"sha256:", 64  # what begins the comment; hexadecimal digits behind it

WORDS = "paper_words"

_DAMAGED = (BadZipFile, zlib.error, EOFError, ValueError, KeyError, TypeError, NotImplementedError, RuntimeError)
"""What `zipfile`, `zlib` and `json` raise where a file is not what it says."""


def _bare(table: Table) -> Table:
    """The table with its values as they are kept: sealed ones stay sealed."""
    columns = (Column(each.name, getattr(each.type, "kept_as", each.type)) for each in table.columns)
    return Table(table.name, MetaData(), *columns)


TABLES: Mapping[str, Table] = {table.name: _bare(table) for table in METADATA.sorted_tables}
WORDS_TABLE = Table(WORDS, MetaData(), Column("paper_id", BigInteger), Column("words", String))
CARRIED: Mapping[str, Table] = {**TABLES, WORDS: WORDS_TABLE}
"""Everything that a backup holds."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup is. version: of the database. made_by: a paperlark. rows: of each table."""

    version: str
    made_at: datetime
    made_by: str
    rows: Mapping[str, int]


# ── written ────────────────────────────────────────────────────────────────────────────────────────────────────────


class Written:
    """A backup being written beside its place, where it is put when it is whole. Nobody else may read it.

    Raises BackupError: there is such a file already, or it cannot be written.
    """

    def __init__(self, file: Path) -> None:
        self._file, self._partial = file, file.with_name(f"{file.name}.partial")
        if file.exists():
            raise BackupError(f"{file} is there already")
        try:
            self._partial.unlink(missing_ok=True)  # of one that was killed
            opened = os.open(self._partial, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            self._stream: BinaryIO = os.fdopen(opened, "w+b")
        except OSError as error:
            raise BackupError(f"{file} cannot be written: {error.strerror}") from error
        self._zip = ZipFile(self._stream, "w", ZIP_DEFLATED, compresslevel=LEVEL)
        self.rows: dict[str, int] = {}

    def table(self, name: str) -> "_Member":
        """Begin a table; its rows are added within its `with` block."""
        return _Member(self, self._zip, CARRIED[name])

    def finish(self, version: str, made_at: datetime, made_by: str) -> int:
        """Put it in its place. Returns its size in bytes. Raises BackupError."""
        columns = {name: list(CARRIED[name].columns.keys()) for name in self.rows}
        tables = {name: {"columns": columns[name], "rows": rows} for name, rows in self.rows.items()}
        told = {"format": FORMAT, "made_by": made_by, "made_at": made_at.isoformat(), "database": version}
        try:
            self._zip.writestr(MANIFEST, json.dumps({**told, "tables": tables}, indent=1))
            self._zip.comment = SEAL + b"0" * DIGEST
            self._zip.close()
            size = self._stream.tell()
            digest = _digest(self._stream, size - DIGEST)
            self._stream.seek(size - DIGEST)
            self._stream.write(digest)
            self._stream.flush()
            os.fsync(self._stream.fileno())
            self._stream.close()
            self._partial.rename(self._file)
        except OSError as error:
            raise BackupError(f"{self._file} cannot be written: {error.strerror}") from error
        return size

    def give_up(self) -> None:
        """Leave nothing behind; after `finish` this does nothing."""
        with suppress(OSError, ValueError):
            self._stream.close()
        self._partial.unlink(missing_ok=True)


class _Member:
    """One table of a backup being written."""

    def __init__(self, backup: Written, archive: ZipFile, table: Table) -> None:
        self._backup, self._archive, self._table = backup, archive, table

    def __enter__(self) -> "_Member":
        self._stream = self._archive.open(_info(self._table.name), "w", force_zip64=True)
        self._backup.rows[self._table.name] = 0
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stream.close()

    def add(self, rows: Sequence[Sequence[Any]]) -> int:
        """Write some rows. Returns how many the table has by now. Raises BackupError."""
        try:
            self._stream.write("".join([_line(row) for row in rows]).encode())
        except OSError as error:
            raise BackupError(f"the backup cannot be written: {error.strerror}") from error
        self._backup.rows[self._table.name] += len(rows)
        return self._backup.rows[self._table.name]


def _info(name: str) -> ZipInfo:
    info = ZipInfo(f"{name}.jsonl")  # of no date: the manifest has it
    info.compress_type = ZIP_DEFLATED
    info.external_attr = 0o600 << 16
    return info


def _line(row: Sequence[Any]) -> str:
    return _to_json(list(row)) + "\n"


def _told(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return b64encode(value).decode()
    raise TypeError(f"a backup cannot hold {type(value).__name__}")


_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_told).encode


# ── read ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class Read:
    """A backup to be restored, opened: it is whole and of a known format. Raises BackupError where it is not."""

    def __init__(self, file: Path) -> None:
        try:
            self._stream = file.open("rb")
        except OSError as error:
            raise BackupError(f"{file} cannot be read: {error.strerror}") from error
        try:
            _check_seal(self._stream)
            self._zip = ZipFile(self._stream)
            self.manifest = self._manifest()
        except (*_DAMAGED, OSError) as error:
            self._stream.close()
            raise BackupError(f"{file} is no backup of paperlark's, or is damaged") from error
        except BackupError:
            self._stream.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        self._stream.close()

    def rows(self, name: str, bite: int) -> Iterator[list[tuple[Any, ...]]]:
        """A table's rows, at most so many at a time, as the store keeps them. Raises BackupError for what is none."""
        columns = list(CARRIED[name].columns)
        readings = [
            (place, _READING[type(each.type)]) for place, each in enumerate(columns) if type(each.type) in _READING
        ]
        try:
            with self._zip.open(self._member(f"{name}.jsonl")) as stream:
                some: list[tuple[Any, ...]] = []
                while line := stream.readline(LINE_BYTES):
                    row = json.loads(line)
                    if not isinstance(row, list) or len(row) != len(columns):
                        raise ValueError(f"a row of {name} has other columns")
                    for place, read in readings:
                        if row[place] is not None:
                            row[place] = read(row[place])
                    some.append(tuple(row))
                    if len(some) == bite:
                        yield some
                        some = []
                if some:
                    yield some
        except (*_DAMAGED, RecursionError, OSError) as error:
            raise BackupError(f"the backup's table {name} is damaged") from error

    def _manifest(self) -> Manifest:
        with self._zip.open(self._member(MANIFEST)) as stream:
            told = json.loads(stream.read(MANIFEST_BYTES))
        if told["format"] != FORMAT:
            raise BackupError("the backup is of a format that this paperlark does not know")
        rows = {str(name): int(table["rows"]) for name, table in told["tables"].items()}
        made_at = datetime.fromisoformat(told["made_at"])
        return Manifest(str(told["database"]), made_at, str(told["made_by"]), rows)

    def _member(self, name: str) -> ZipInfo:
        info = self._zip.getinfo(name)
        if info.compress_type != ZIP_DEFLATED:
            raise ValueError("another kind of compression")
        return info


def _bytes(told: str) -> bytes:
    return b64decode(told, validate=True)


_READING: Mapping[type, Callable[[str], Any]] = {Moment: datetime.fromisoformat, LargeBinary: _bytes}


def _check_seal(stream: BinaryIO) -> None:
    size = stream.seek(0, os.SEEK_END)
    if size < len(SEAL) + DIGEST:
        raise ValueError("too short")
    digest = _digest(stream, size - DIGEST)
    stream.seek(size - DIGEST - len(SEAL))
    if stream.read() != SEAL + digest:
        raise ValueError("cut or changed")


def _digest(stream: BinaryIO, size: int) -> bytes:
    """Of so many bytes from the beginning, in hexadecimal digits."""
    stream.seek(0)
    found = hashlib.sha256()
    while size > 0 and (some := stream.read(min(size, 1024 * 1024))):
        found.update(some)
        size -= len(some)
    return found.hexdigest().encode()
