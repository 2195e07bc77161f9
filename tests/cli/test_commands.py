"""What each command does when all is well, for people in a pipe and for programs."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.main import get_command

from paperlark.cli import commands
from paperlark.cli.printing import BARS, NO_BAR, sparkline
from paperlark.matching.document import analyse
from paperlark.matching.query import parse
from paperlark.matching.reference import meets
from paperlark.settings import load
from paperlark.store import papers
from paperlark.store.database import open_store
from paperlark.store.rows import scalars
from paperlark.store.tables import PAPER
from tests.cli.conftest import SAMPLE, Lark

# ── help ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def every_command() -> dict[str, typer.core.TyperCommand]:
    """All commands by what is typed; a group that prints something by itself counts too."""
    found: dict[str, typer.core.TyperCommand] = {}
    groups = [((), get_command(commands))]
    while groups:
        path, group = groups.pop()
        for name, command in group.commands.items():
            found[" ".join((*path, name))] = command
            if hasattr(command, "commands"):
                groups.append(((*path, name), command))
    return found


def test_the_commands_are_those_that_were_promised() -> None:
    promised = {
        "run", "demo", "import", "poll", "papers", "sources", "sources add", "sources pause", "sources remove", "profiles",
        "profiles add", "profiles list", "profiles show", "profiles edit", "profiles remove", "subscribe", "unsubscribe",
        "deliver", "explain", "backtest", "migrate", "check", "token", "version",
    }  # fmt: skip
    assert set(every_command()) == promised


@pytest.mark.parametrize("typed", every_command())
def test_help_says_what_it_is_for_in_a_line_gives_an_example_and_offers_json(typed: str, lark: Lark) -> None:
    command = every_command()[typed]
    purpose = (command.help or "").splitlines()[0]
    assert purpose.endswith(".") and len(purpose) < 75
    shown = lark.well(*typed.split(), "--help").out
    assert f"  paperlark {typed}" in shown.partition("Example:")[2]
    assert "--json" in shown
    unexplained = [parameter.name for parameter in command.params if not getattr(parameter, "help", "")]
    assert unexplained == []


def test_help_lists_every_command_with_its_whole_purpose(lark: Lark) -> None:
    shown = lark.well("--help").out
    assert shown == lark.well().out
    for typed, command in every_command().items():
        if " " not in typed:
            assert (command.help or "").splitlines()[0] in shown


# ── import and papers ──────────────────────────────────────────────────────────────────────────────────────────────


def test_an_import_counts_records_papers_and_what_is_new(lark: Lark) -> None:
    assert lark.well("import", SAMPLE, "--json").record == {"records": 30, "papers": 30, "new": 30, "rejects": []}
    assert lark.well("import", SAMPLE).out == "30 records, 30 papers, 0 new, 0 rejects\n"


def test_an_import_announces_only_where_it_is_asked_to(lark: Lark) -> None:
    lark.well("profiles", "add", "agent* memory", "--name", "agents")
    lark.well("subscribe", "agents", "--to", "console", "--cadence", "instant", "me")
    lark.well("import", SAMPLE)
    assert lark.well("deliver").out == "nothing is due\n"


def test_a_date_that_is_given_is_the_year_of_a_capture(lark: Lark, tmp_path: Path) -> None:
    listing = Path(__file__).parent.parent / "data" / "capture" / "ordinary.txt"
    lark.well("import", listing, "--as", "capture", "--captured-on", "2021-12-31")
    assert {record["announced_at"][:4] for record in lark.well("papers", "--json").records} == {"2021"}


def test_papers_are_what_the_reference_finds_best_first_with_the_words_that_met(lark: Lark, database: Path) -> None:
    query = "agent* OR title:video"
    found = lark.well("papers", query, "--json").records
    assert {record["id"] for record in found} == asyncio.run(by_reference(database, query))
    assert [record["score"] for record in found] == sorted((record["score"] for record in found), reverse=True)
    for record in found:
        assert record["matched"]
        assert record["aliases"][0].startswith("arxiv:")
        assert datetime.fromisoformat(record["first_seen"]).tzinfo is not None
        for span in record["matched"]:
            assert record[span["field"]][span["start"] : span["end"]] == span["text"]


async def by_reference(database: Path, query: str) -> set[str]:
    """The ids of all papers that meet a query, by the plain evaluator over the whole archive."""
    store = await open_store(load({"PAPERLARK_DATABASE_URL": str(database)}).database_url)
    async with store.reading() as tx:
        stored = await papers.load(tx, await scalars(tx, PAPER.select().with_only_columns(PAPER.c.id)))
    await store.close()
    return {str(number) for number, paper in stored.items() if meets(parse(query), analyse(papers.document(paper)))}


def test_all_papers_are_listed_unless_a_limit_is_given(lark: Lark, database: Path) -> None:
    everything = lark.well("papers").out.splitlines()
    assert len(everything) == 30
    assert lark.well("papers", "--limit", "3").out.splitlines() == everything[:3]
    day, name, title = everything[0].split("\t")
    assert day[:2] == "20" and name.startswith("arxiv:") and title


def test_a_search_in_vain_prints_nothing_into_a_pipe(lark: Lark, database: Path) -> None:
    assert lark.well("papers", "zymurgy").out == ""


def test_the_shared_captures_are_338_papers(lark: Lark, shared_data: Path) -> None:
    captures = sorted((shared_data / "captures").glob("*.txt"))
    done = lark.well("import", *captures, "--json")
    assert done.record == {"records": 394, "papers": 338, "new": 338, "rejects": []}
    query = '"inference scaling" OR "test-time scaling"'
    found = lark.well("papers", query, "--json").records
    assert len(found) > 20
    assert {record["id"] for record in found} == asyncio.run(by_reference(lark.database, query))


def test_the_shared_digests_are_taken_and_the_corrupt_ones_counted(lark: Lark, shared_data: Path) -> None:
    digests = sorted(path for path in (shared_data / "hf_daily_api").iterdir() if path.is_file())
    done = lark("import", *digests, "--json")
    assert (done.status, done.err) == (0, "")
    assert (done.record["records"], done.record["papers"], len(done.record["rejects"])) == (1746, 1746, 82)
    assert all(reject["where"] and reject["reason"] for reject in done.record["rejects"])


# ── explain and backtest ───────────────────────────────────────────────────────────────────────────────────────────


def test_explain_says_why_and_why_not(lark: Lark, database: Path) -> None:
    met = lark.well("explain", "title:quantization", "2505.14302", "--json").record
    assert met["met"] is True
    assert [span["text"] for span in met["matched"]] == ["Quantization"]
    assert met["paper"]["title"] == "Scaling Law for Quantization-Aware Training"
    assert lark.well("explain", "title:quantization", "2505.14302").out.splitlines()[-1].startswith("it meets the query")
    missed = lark.well("explain", "title:video", "2505.14302", "--json").record
    assert missed["met"] is False
    assert missed["matched"] == [] and "video" in missed["sentence"]


def test_backtest_counts_days_names_the_noisiest_and_shows_five(lark: Lark, tmp_path: Path) -> None:
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    listing = tmp_path / f"{today}.json"
    listing.write_text(SAMPLE.read_text(encoding="utf-8").replace("2025-10-0", f"{today[:8]}0"), encoding="utf-8")
    lark.well("import", SAMPLE)
    days = (datetime.now(UTC).date() - datetime(2025, 9, 20).date()).days
    if days > 366:
        listed = lark.well("backtest", "agent*", "--days", "366", "--json").record
        assert (listed["total"], listed["examples"], listed["noisiest"]) == (0, [], None)
        assert "the newest paper in the archive is of" in lark.well("backtest", "agent*").out
