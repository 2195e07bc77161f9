"""A query that would flood its reader says so before it is saved."""

import json
import os
import pty
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.conftest import Lark, environment

KINDS = ("snowy", "barn", "forest", "marsh", "hawk", "ural", "eagle", "fish")


def write_many(folder: Path) -> Path:
    """Papers as JSON lines: thirty a day on owls of eight kinds, ten on finches, for ten days up to yesterday."""
    lines = folder / "many.jsonl"
    today = datetime.now(UTC).date()
    with lines.open("w", encoding="utf-8") as stream:
        for number in range(400):
            title = f"On {KINDS[number % 8]} owls, {number}" if number % 4 else f"On finches, {number}"
            day = today - timedelta(days=1 + number // 40)
            record = {
                "id": f"2511.{number:05d}",
                "title": title,
                "abstract": "Some were seen.",
                "_first_seen": str(day),
            }
            print(json.dumps(record), file=stream)
    return lines


@pytest.fixture
def many(lark: Lark, tmp_path: Path) -> Lark:
    """Commands on a store in which `owls` is a flood."""
    lark.well("import", write_many(tmp_path))
    return lark


def names(lark: Lark) -> list[str]:
    return [record["name"] for record in lark.well("profiles", "list", "--json").records]


def test_a_flood_is_not_saved_where_nobody_can_be_asked_and_a_narrower_reading_is_named(many: Lark) -> None:
    refused = many("profiles", "add", "owls")
    assert (refused.status, refused.out) == (1, "")
    assert refused.err.startswith("paperlark: this would flood you: about 27 papers a day; `owls ")
    assert refused.err.endswith("; add --yes to follow it all the same\n")
    assert names(many) == []
    narrower = refused.err.split("`")[1]
    many.well("profiles", "add", narrower)
    assert names(many) == [narrower]


def test_who_says_yes_beforehand_is_not_asked(many: Lark) -> None:
    many.well("profiles", "add", "owls", "--yes")
    assert names(many) == ["owls"]


def test_a_profile_does_not_become_a_flood_unasked(many: Lark) -> None:
    many.well("profiles", "add", "owls barn", "--name", "birds")
    assert many("profiles", "edit", "birds", "--query", "owls").status == 1
    assert many.well("profiles", "show", "birds", "--json").record["query"] == "owls barn"
    many.well("profiles", "edit", "birds", "--query", "owls", "--yes")
    many.well("profiles", "edit", "birds", "--name", "owls")
    assert many.well("profiles", "show", "owls", "--json").record["query"] == "owls"


@pytest.mark.parametrize(("answer", "status", "saved"), [("y", 0, ["owls"]), ("n", 1, [])])
def test_on_a_terminal_the_reader_is_asked(
    many: Lark, tmp_path: Path, answer: str, status: int, saved: list[str]
) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "paperlark", "profiles", "add", "owls"],
        env=environment(tmp_path, many.database),
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
    ) as process:
        os.write(ours, f"{answer}\n".encode())
        assert process.wait(60) == status
    shown = os.read(ours, 4096).decode()
    os.close(ours)
    os.close(theirs)
    assert "this would flood you" in shown and "follow it all the same? [y/N]" in shown
    assert names(many) == saved


def test_backtest_warns_of_a_flood_and_lists_what_narrower_readings_would_leave(many: Lark) -> None:
    shown = many.well("backtest", "owls, finches").out
    assert "this would flood you: about 36 papers a day" in shown
    assert "owls\tin 300\t300 not without it" in shown
    record = many.well("backtest", "owls, finches", "--json").record
    assert record["floods"] is True and record["warning"] in shown
    assert {"how": "without", "query": "finches", "total": 100, "a_day": 9.09, "saved_missed": 0} in record["narrower"]
    assert len(record["sparkline"]) == 30
