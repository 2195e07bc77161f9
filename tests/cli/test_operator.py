"""Sources and polls; check, migrate, token, version."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from paperlark import __version__
from paperlark.app import opened
from paperlark.matching.core import COMPILED
from paperlark.settings import load
from paperlark.store import accounts
from paperlark.store.database import open_store
from paperlark.web.access import SCOPES
from tests.cli.conftest import SAMPLE, Lark, write_recent
from tests.databases import run_sql

# ── sources and poll ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_source_is_added_paused_woken_and_removed(lark: Lark) -> None:
    url = "https://blog.example.org/feed.xml"
    added = lark.well("sources", "add", "rss", "blog", "--url", url, "--json").record
    assert (added["name"], added["kind"], added["health"], added["options"]) == ("blog", "rss", "new", ["url"])
    paused = lark.well("sources", "pause", "blog", "--because", "too loud", "--json").record
    assert (paused["health"], paused["because"]) == ("paused", "too loud")
    assert lark("poll", "blog").err.startswith("paperlark: source blog is paused: too loud")
    woken = lark.well("sources", "add", "rss", "blog", "--json").record
    assert (woken["health"], woken["options"]) == ("new", ["url"])
    assert lark.well("sources").out.startswith("blog\tnew\tnot polled yet\t")
    assert lark.well("sources", "remove", "blog", "--json").record == {"removed": "blog"}
    assert lark.well("sources", "--json").records == []


def test_an_option_that_is_a_number_is_read_as_one(lark: Lark) -> None:
    lark.well("sources", "add", "hf_daily", "daily", "--option", "look_back=5")
    assert lark("sources", "add", "hf_daily", "daily", "--option", "look_back=500").status == 1


def test_a_poll_says_what_it_brought_and_the_first_owes_nobody(lark: Lark, tmp_path: Path) -> None:
    lark.well("profiles", "add", "wasps")
    lark.well("subscribe", "wasps", "--to", "console", "desk", "--cadence", "instant")
    lark.well("sources", "add", "jsonl", "wasps", "--option", f"path={write_recent(tmp_path)}")
    polled = lark.well("poll", "wasps", "--json").record
    assert polled == {"source": "wasps", "records": 7, "papers": 7, "new": 7, "rejects": [], "error": None}
    assert lark.well("poll").out == "no source is due; `paperlark sources` says when the next is\n"
    assert lark.well("deliver").out == "nothing is due\n"
    found = lark.well("sources", "--json").record
    assert (found["health"], found["last_poll"]) == ("fresh", {"seen": 7, "new": 7, "rejected": 0})


def test_a_poll_that_fails_is_told_of_and_the_status_says_so(lark: Lark, tmp_path: Path) -> None:
    lark.well("sources", "add", "jsonl", "gone", "--option", f"path={tmp_path / 'gone.jsonl'}")
    done = lark("poll", "--json")
    assert done.status == 1
    assert done.record["error"] and done.err.startswith("paperlark: gone: jsonl: ")
    found = lark.well("sources", "--json").record
    assert found["health"] == "broken"
    assert found["because"].startswith("jsonl: ") and found["because"].endswith("; never well so far")
    assert lark("poll", "nowhere").err.startswith("paperlark: there is no source nowhere")


def test_importing_takes_no_default_source_away(lark: Lark) -> None:
    lark.well("import", SAMPLE)
    asyncio.run(add_defaults(lark.database))
    assert [source["health"] for source in lark.well("sources", "--json").records] == ["new"]


def test_a_default_source_that_was_removed_stays_away(lark: Lark) -> None:
    asyncio.run(add_defaults(lark.database))
    lark.well("sources", "remove", "hf_daily")
    asyncio.run(add_defaults(lark.database))
    assert lark.well("sources", "--json").records == []


async def add_defaults(database: Path) -> None:
    async with opened(load({"PAPERLARK_DATABASE_URL": str(database)})) as app:
        await app.add_default_sources()


# ── upkeep ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_check_finds_a_fresh_paperlark_well_and_makes_nothing(lark: Lark) -> None:
    found = lark.well("check", "--json").record
    assert found["well"] is True
    assert found["findings"][0]["what"] == "database"
    assert not lark.database.exists()


def test_check_says_by_what_papers_are_matched_and_against_how_many_lines_each_is_held(lark: Lark) -> None:
    lark.well("profiles", "add", "upvotes:>=50, larks upvotes:>=20", "--name", "votes")
    lark.well("profiles", "add", "stars:>9 OR upvotes:>=50", "--name", "stars")
    said = {each["what"]: each["said"] for each in lark.well("check", "--json").record["findings"]}
    assert said["lines of numbers alone"] == "2 different ones, of at most 1,000"
    assert said["matching"].startswith("by the compiled core" if COMPILED else "by numpy, slower")


def test_check_names_what_is_wrong_and_shows_no_value(lark: Lark, monkeypatch: pytest.MonkeyPatch) -> None:
    lark.well("sources", "add", "rss", "blog", "--url", "https://blog.example.org/feed.xml")
    monkeypatch.setenv("PAPERLARK_TELEGRAM_TOKEN", "swordfish")
    monkeypatch.setenv("PAPERLARK_TELEGRAM_TOKN", "swordfish")
    done = lark("check")
    assert done.status == 1
    assert "did you mean PAPERLARK_TELEGRAM_TOKEN?" in done.out
    assert "WRONG\tchannels\ttelegram: token: not a bot's token" in done.out
    assert "ok\tsource blog" in done.out
    assert "swordfish" not in done.out + done.err


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("postgresql://me:hunter22@127.0.0.1:1/lark", "cannot reach the database at 127.0.0.1:1/lark"),
        ("/proc/version/papers.sqlite3", "cannot be made: "),
        ("mysql://db/lark", "PAPERLARK_DATABASE_URL should be"),
    ],
)
def test_check_tells_of_a_database_that_cannot_be_used(
    address: str, said: str, lark: Lark, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAPERLARK_DATABASE_URL", address)
    done = lark("check", "--json")
    assert done.status == 1
    assert done.record["well"] is False
    assert said in done.record["findings"][0]["said"]
    assert "hunter22" not in done.out + done.err


def test_migrate_makes_the_tables_and_does_nothing_the_second_time(lark: Lark) -> None:
    first = lark.well("migrate", "--json").record
    assert first == lark.well("migrate", "--json").record
    assert lark.well("migrate").out == f"the database is at version {first['version']}\n"
    assert first["version"] == lark.well("version", "--json").record["database"]


def test_migrate_works_on_postgres_where_other_commands_ask_for_it(
    lark: Lark, postgres: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAPERLARK_DATABASE_URL", postgres())
    assert lark.well("import", SAMPLE, "--json").record["new"] == 30
    assert len(lark.well("papers", "agent*", "--json").records) > 5
    run = lark.well("migrate", "--json").record
    assert run["version"] == lark.well("version", "--json").record["database"]


def test_check_counts_the_connections_that_processes_may_hold(
    lark: Lark, postgres: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    address = postgres()
    monkeypatch.setenv("PAPERLARK_DATABASE_URL", address)

    def said() -> tuple[str, str]:
        (found,) = [each for each in lark("check", "--json").record["findings"] if each["what"] == "connections"]
        return found["state"], found["said"]

    state, words = said()
    assert state == "well" and words.startswith("4 for each web, 8 for each worker, 2 for migrate, of ")
    name = make_url(address).database
    run_sql(address.replace("+psycopg", ""), f'ALTER DATABASE "{name}" CONNECTION LIMIT 13')
    assert said() == ("wrong", "4 for each web, 8 for each worker, 2 for migrate, of 13 that the server allows")
    monkeypatch.setenv("PAPERLARK_DATABASE_CONNECTIONS", "5")
    assert said() == ("well", "5 for each web, 5 for each worker, 2 for migrate, of 13 that the server allows")


def test_a_token_opens_the_api_for_its_account_until_it_expires(lark: Lark) -> None:
    made = lark("token", "--days", "30", "--json")
    token = made.record["token"]
    assert token.startswith("pl_live_")
    assert asyncio.run(scopes_of(lark.database, token)) == set(SCOPES)
    shown = lark("token", "--read-only")
    assert asyncio.run(scopes_of(lark.database, shown.out.strip())) == {
        scope for scope in SCOPES if scope.endswith(":read")
    }
    assert "not shown again" in shown.err
    with closing(sqlite3.connect(lark.database)) as connection:
        assert token not in "\n".join(connection.iterdump())


async def scopes_of(database: Path, token: str) -> frozenset[str]:
    store = await open_store(load({"PAPERLARK_DATABASE_URL": str(database)}).database_url)
    async with store.reading() as tx:
        bearer = await accounts.bearer(tx, token, await tx.now())
    await store.close()
    assert bearer is not None
    return bearer.scopes


def test_the_version_is_told_in_two_ways(lark: Lark) -> None:
    assert lark.well("version").out == lark.well("--version").out == f"paperlark {__version__}\n"
    assert lark.well("version", "--json").record["paperlark"] == __version__
