"""What cannot be done ends in one clear line and a status, and leaves the database as it was."""

import json
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import SAMPLE, Done, Lark, as_people_do, dump

PAGE = "<!DOCTYPE html><html><head><title>Daily digest</title></head><body><p>Please sign in.</p></body></html>"


def write(folder: Path) -> None:
    (folder / "empty.json").write_bytes(b"")
    (folder / "noise.bin").write_bytes(bytes(range(256)) * 64)
    (folder / "page.html").write_text(PAGE, encoding="utf-8")
    (folder / "cut.json").write_text('[{"paper": {"id": "2511.0', encoding="utf-8")


def assert_refused(done: Done, said: str, *, status: int = 1) -> None:
    """One line on standard error that opens with our name and says it; nothing else anywhere."""
    assert done.status == status, done
    assert done.out == ""
    (line,) = done.err.splitlines()
    assert line.startswith("paperlark: ")
    assert said in line


REFUSED: dict[str, tuple[list[str], str]] = {
    "a missing file": (["import", "gone.json"], "gone.json: there is no such file"),
    "an empty file": (["import", "empty.json"], "empty.json: the file is empty"),
    "a binary file": (["import", "noise.bin"], "noise.bin: cannot tell what kind of file this is"),
    "a binary file as a digest": (["import", "noise.bin", "--as", "hf_daily"], "noise.bin: hf_daily: "),
    "a binary file as a feed": (["import", "noise.bin", "--as", "rss"], "noise.bin: rss: "),
    "a digest that was cut off": (["import", "cut.json", "--as", "hf_daily"], "cut.json: hf_daily: "),
    "HTML given as a feed": (["import", "page.html", "--as", "rss"], "page.html: rss: "),
    "a folder": (["import", "."], ".: cannot be read: Is a directory"),
    "an unknown kind of file": (["import", "page.html", "--as", "hf_dayly"], 'unknown source "hf_dayly"; did you mean'),
    "an unknown kind of source": (["sources", "add", "rs", "blog"], 'unknown source "rs"; did you mean rss?'),
    "a source without its option": (["sources", "add", "rss", "blog"], "rss: the option 'url' is missing"),
    "a bad query": (["papers", '"test time'], "column"),
    "a profile of a bad query": (["profiles", "add", "scaling AND"], "column"),
    "an unknown profile": (["profiles", "show", "nobody"], "you have no profile 'nobody'"),
    "a bad zone": (
        ["subscribe", "agents", "--to", "console", "me", "--zone", "Europe/Berlun"],
        'unknown time zone "Europe/Berlun": did you mean Europe/Berlin',
    ),
    "a bad hour": (["subscribe", "agents", "--to", "console", "me", "--at", "8 am"], '"8 am" is no hour of the day'),
    "an unknown channel": (["subscribe", "agents", "--to", "telegramm", "1"], "did you mean telegram?"),
    "a channel that is not configured": (
        ["subscribe", "agents", "--to", "telegram", "1"],
        "telegram is not configured",
    ),
    "an unknown paper": (["explain", "agents", "2501.99999"], "the archive holds no paper '2501.99999'"),
}


AS_PEOPLE_DO = (
    "a missing file",
    "an empty file",
    "a binary file",
    "HTML given as a feed",
    "an unknown kind of source",
    "a bad query",
    "a bad zone",
)


@pytest.mark.parametrize("case", AS_PEOPLE_DO)
def test_is_refused_in_one_line_by_the_real_command(case: str, database: Path, tmp_path: Path) -> None:
    arguments, said = REFUSED[case]
    write(tmp_path)
    before = dump(database)
    assert_refused(as_people_do(tmp_path, *arguments, database=database), said)
    assert dump(database) == before


@pytest.mark.parametrize("case", REFUSED)
def test_is_refused_and_leaves_the_database_as_it_was(
    case: str, lark: Lark, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments, said = REFUSED[case]
    write(tmp_path)
    monkeypatch.chdir(tmp_path)
    before = dump(database)
    assert_refused(lark(*arguments), said)
    assert dump(database) == before


NEEDS_A_STORE = {"an unknown profile", "an unknown paper", "a source without its option"}


@pytest.mark.parametrize("case", [case for case in REFUSED if case not in NEEDS_A_STORE])
def test_makes_no_database_where_there_was_none(
    case: str, lark: Lark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments, said = REFUSED[case]
    write(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert_refused(lark(*arguments), said)
    assert not lark.database.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["paper"],
        ["papers", "--limit", "some"],
        ["papers", "--limt", "3"],
        ["import"],
        ["import", "page.html", "--captured-on", "yesterday"],
        ["profiles", "edit", "agents"],
        ["sources", "add", "rss", "blog", "--option", "url"],
        ["subscribe", "agents", "--to", "console", "me", "--cadence", "hourly"],
    ],
)
def test_wrong_usage_says_where_help_is_and_ends_with_status_2(arguments: list[str], lark: Lark) -> None:
    done = lark(*arguments)
    assert_refused(done, "--help`", status=2)
    assert not lark.database.exists()


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_taken(lark: Lark, tmp_path: Path) -> None:
    write(tmp_path)
    done = lark("import", tmp_path / "gone.json", SAMPLE, tmp_path / "noise.bin", "--json")
    assert done.status == 1
    assert [line.partition(": ")[0] for line in done.err.splitlines()] == ["paperlark", "paperlark"]
    assert (done.record["records"], done.record["papers"], done.record["new"]) == (30, 30, 30)
    assert [Path(reject["where"]).name for reject in done.record["rejects"]] == ["gone.json", "noise.bin"]
    assert done.record["rejects"][0]["reason"] == "there is no such file"


def test_a_record_that_cannot_be_read_is_a_reject_and_no_failure(lark: Lark, tmp_path: Path) -> None:
    digest = tmp_path / "2025-11-05.json"
    whole = {"paper": {"id": "2511.00001", "title": "A Whole Record", "publishedAt": "2025-11-04T10:00:00.000Z"}}
    digest.write_text(json.dumps([whole | {"publishedAt": "2025-11-05T00:00:00.000Z"}, "half a record"]))
    done = lark("import", digest, "--json")
    assert done.status == 0
    assert done.record["papers"] == 1
    assert [reject["where"] for reject in done.record["rejects"]] == ["2025-11-05.json: record 2"]


# ── databases ──────────────────────────────────────────────────────────────────────────────────────────────────────


UNREACHABLE = "postgresql://me:hunter22@127.0.0.1:1/lark"


def test_an_unreachable_database_is_named_without_its_password(tmp_path: Path) -> None:
    done = as_people_do(tmp_path, "papers", database=UNREACHABLE)
    assert_refused(done, "cannot reach the database at 127.0.0.1:1/lark: Connection refused")
    assert "hunter22" not in done.err


@pytest.mark.parametrize("arguments", [["migrate"], ["run", "--port", "0"], ["sources"], ["import", str(SAMPLE)]])
def test_every_command_names_an_unreachable_database(
    arguments: list[str], lark: Lark, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAPERLARK_DATABASE_URL", UNREACHABLE)
    assert_refused(lark(*arguments), "cannot reach the database at 127.0.0.1:1/lark: Connection refused")


def make_newer(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9041'")
        connection.commit()


def test_a_database_of_a_newer_version_is_refused_by_the_real_command(database: Path, tmp_path: Path) -> None:
    make_newer(database)
    before = dump(database)
    assert_refused(as_people_do(tmp_path, "papers", database=database), "the database is at version 9041")
    assert dump(database) == before


@pytest.mark.parametrize("arguments", [["migrate"], ["import", str(SAMPLE)], ["run", "--port", "0"]])
def test_a_database_of_a_newer_version_is_refused_and_kept(arguments: list[str], lark: Lark, database: Path) -> None:
    make_newer(database)
    before = dump(database)
    assert_refused(lark(*arguments), "the database is at version 9041")
    assert dump(database) == before


def test_a_file_that_is_no_database_is_refused_and_kept(lark: Lark) -> None:
    lark.database.write_text("Dear diary, today there were no papers. " * 40)
    before = lark.database.read_bytes()
    assert_refused(lark("papers"), "is not a paperlark database")
    assert lark.database.read_bytes() == before


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a folder")
    done = as_people_do(tmp_path, "papers", database=tmp_path / "notes.txt" / "papers.sqlite3")
    assert_refused(done, "cannot make the folder")
    assert (tmp_path / "notes.txt").read_text() == "not a folder"


def test_a_folder_that_nobody_can_write_is_refused(tmp_path: Path) -> None:
    if not Path("/proc/self").is_dir():
        pytest.skip("this machine has no /proc, a folder that not even root can write")
    done = as_people_do(tmp_path, "papers", database="/proc/self/papers.sqlite3")
    assert_refused(done, "the file or its folder is read-only")


def test_a_damaged_store_is_told_of_in_one_line(lark: Lark, database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("DROP TABLE subscription")
        connection.commit()
    before = dump(database)
    assert_refused(lark("profiles"), "cannot be used: no such table: subscription")
    assert dump(database) == before


# ── settings and ports ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"PAPERLARK_PORT": "eighty"}, "settings: PAPERLARK_PORT should be a valid integer"),
        ({"PAPERLARK_DATABASE_URL": "mysql://db/papers"}, "settings: PAPERLARK_DATABASE_URL should be"),
        ({"PAPERLARK_DATABASE_URL": "postgresql://db:port/x"}, "PAPERLARK_DATABASE_URL is no database address"),
        ({"PAPERLARK_TELEGRAM_TOKEN": "not-a-token"}, "telegram: token: not a bot's token"),
    ],
)
def test_a_bad_setting_is_named(
    variables: dict[str, str], said: str, lark: Lark, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    done = lark("papers")
    assert_refused(done, said)
    assert not lark.database.exists()


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


def test_a_taken_port_is_named_before_anything_is_touched(database: Path, tmp_path: Path) -> None:
    before = dump(database)
    with taken_port() as port:
        done = as_people_do(tmp_path, "run", "--port", str(port), database=database)
    assert_refused(done, f"cannot listen on 127.0.0.1:{port}: Address already in use")
    assert dump(database) == before


@pytest.mark.parametrize("command", ["run", "demo"])
def test_a_taken_port_makes_no_database(command: str, lark: Lark) -> None:
    with taken_port() as port:
        assert_refused(lark(command, "--port", str(port)), "Address already in use")
    assert not lark.database.exists()
