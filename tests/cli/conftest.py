"""Two ways to give a command: in this process (quick), and as people do (a process of its own)."""

import json
import logging
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

import pytest

import paperlark
from paperlark.cli import commands, edge
from tests.loglines import faults_in, telling

SAMPLE = Path(paperlark.__file__).parent / "sample" / "daily_papers.json"


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def records(self) -> list[dict[str, Any]]:
        """Standard output as JSON, one object a line."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def record(self) -> dict[str, Any]:
        """Standard output as one JSON object."""
        (found,) = self.records
        return found


def _searched(done: Done) -> Done:
    """A command's log is searched like the suite's own."""
    lines = [line for line in done.err.splitlines() if re.match(r"\d{4}-\d\d-\d\dT", line) and telling(line)]
    assert lines == []
    return done


class Lark:
    """Commands in this process, on a store of their own."""

    def __init__(self, database: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.database = database
        self._capture = capture

    def __call__(self, *arguments: str | Path) -> Done:
        self._capture.readouterr()
        status = edge.status(commands, [str(argument) for argument in arguments])
        out, err = self._capture.readouterr()
        return _searched(Done(status, out, err))

    def well(self, *arguments: str | Path) -> Done:
        """A command that must succeed, and say nothing on standard error."""
        done = self(*arguments)
        assert (done.status, done.err) == (0, ""), done
        return done


@pytest.fixture
def lark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Lark]:
    """Commands in this process, with an empty environment and a store that is not there yet."""
    database = tmp_path / "papers.sqlite3"
    for name in list(os.environ):
        if name.startswith("PAPERLARK_") or name in ("DATABASE_URL", "PORT"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PAPERLARK_DATABASE_URL", str(database))
    monkeypatch.setenv("HOME", str(tmp_path))
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield Lark(database, capsys)
    root.handlers[:] = before
    root.setLevel(level)


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the sample digest, a profile and a subscription; copy it before it is touched."""
    database = tmp_path_factory.mktemp("filled") / "filled.sqlite3"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PAPERLARK_DATABASE_URL", str(database))
        for arguments in (
            ["import", str(SAMPLE)],
            ["profiles", "add", "agent* memory", "--name", "agents"],
            ["subscribe", "agents", "--to", "console", "me"],
        ):
            assert edge.status(commands, arguments) == 0
    return database


@pytest.fixture
def database(filled: Path, tmp_path: Path) -> Path:
    """A filled store of one's own."""
    return Path(shutil.copy(filled, tmp_path / "papers.sqlite3"))


def environment(home: Path, database: Path | str, **variables: str) -> dict[str, str]:
    """What a process needs to know, and nothing of ours."""
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "LANG", "PYTHONPATH") if name in os.environ}
    return kept | {"HOME": str(home), "PAPERLARK_DATABASE_URL": str(database)} | variables


def as_people_do(home: Path, *arguments: str | Path, database: Path | str, **variables: str) -> Done:
    """A command in a process of its own, with its output in pipes."""
    ended = subprocess.run(
        [sys.executable, "-m", "paperlark", *map(str, arguments)],
        env=environment(home, database, **variables),
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return _searched(Done(ended.returncode, ended.stdout, ended.stderr))


@contextmanager
def begun(
    home: Path, *arguments: str | Path, database: Path | str, **variables: str
) -> Iterator["subprocess.Popen[str]"]:
    """A command that goes on, in a process of its own; ended at the end, whatever came. Its log is searched like the
    suite's own, to the end of it."""
    with subprocess.Popen(
        [sys.executable, "-m", "paperlark", *map(str, arguments)],
        env=environment(home, database, **variables),
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        lines: list[str] = []
        read, written = os.pipe()
        passing = threading.Thread(target=_pass_on, args=(process.stderr, os.fdopen(written, "w"), lines))
        process.stderr = os.fdopen(read)
        passing.start()
        try:
            yield process
        finally:
            process.kill()
            process.stderr.close()
            passing.join()
    assert faults_in("".join(lines)) == []


def _pass_on(log: IO[str], reader: IO[str], lines: list[str]) -> None:
    """Note the lines of a log, and hand each to a reader, for as long as there is one."""
    with log:
        for line in log:
            lines.append(line)
            with suppress(OSError, ValueError):
                reader.write(line)
                reader.flush()
    with suppress(OSError):
        reader.close()


def dump(database: Path) -> Sequence[str] | None:
    """Everything that a SQLite file holds; None where there is no file."""
    if not database.exists():
        return None
    with closing(sqlite3.connect(database)) as connection:
        return list(connection.iterdump())


def write_recent(folder: Path) -> Path:
    """Papers as JSON lines: seven on wasps, two of which are on figs too, one a day up to yesterday."""
    lines = folder / "recent.jsonl"
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    with lines.open("w", encoding="utf-8") as stream:
        for number in range(7):
            title = f"On Wasps and Figs {number}" if number < 2 else f"On the Ways of Wasps {number}"
            day = yesterday - timedelta(days=number)
            record = {
                "id": f"2511.0000{number}",
                "title": title,
                "abstract": "Some were seen.",
                "_first_seen": str(day),
            }
            print(json.dumps(record), file=stream)
    return lines
