"""At the command line: addresses of feeds, and papers as references."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Lark
from tests.cli.test_bad_input import assert_refused


def test_an_address_is_made_listed_and_revoked(lark: Lark, database: Path) -> None:
    made = lark.well("feeds", "add", "agents", "--json").record
    assert {name: address.rpartition(".")[2] for name, address in made["addresses"].items()} == {
        "atom": "atom",
        "rss": "rss",
        "json": "json",
    }
    assert made["addresses"]["atom"].startswith("http://127.0.0.1:8080/feeds/pl_feed_")
    (listed,) = lark.well("feeds", "--json").records
    assert listed == {name: made[name] for name in listed}
    assert "agents" in lark.well("feeds").out and "pl_feed_" not in lark.well("feeds").out
    lark.well("feeds", "revoke", made["id"])
    assert lark.well("feeds").out.startswith("you have no feeds yet")
    assert_refused(lark("feeds", "revoke", made["id"]), "you have no such address of a feed")


def test_a_list_of_all_profiles_is_one_address(lark: Lark, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAPERLARK_PUBLIC_URL", "https://papers.example.org/")
    (address,) = lark.well("feeds", "add").out.splitlines()
    assert address.startswith("https://papers.example.org/feeds/pl_feed_") and address.endswith(".opml")
    assert "(all profiles)" in lark.well("feeds", "list").out


def test_a_feed_of_an_unknown_profile_is_refused(lark: Lark, database: Path) -> None:
    assert_refused(lark("feeds", "add", "nobody"), "you have no profile 'nobody'")
    assert_refused(lark("feeds", "revoke", "x"), "you have no such address of a feed")


def test_papers_are_exported_as_references(lark: Lark, database: Path) -> None:
    papers = lark.well("papers", "--json").records
    first = next(name.removeprefix("arxiv:") for name in papers[0]["aliases"] if name.startswith("arxiv:"))
    day = papers[0]["announced_at"][:10]
    assert lark.well("export", "--format", "bibtex").out == "", "nothing is saved yet"
    lark.well("save", first)
    assert f"@misc{{arXiv:{first}," in lark.well("export", "--format", "bibtex").out
    assert lark.well("export", first, first, "--format", "ris").out.count("TY  - ") == 2
    found = json.loads(lark.well("export", "--format", "csl", "--day", day).out)
    assert len(found) == sum(paper["announced_at"].startswith(day) for paper in papers)
    assert json.loads(lark.well("export", "--format", "csl", "--query", "agent*").out)
    assert lark.well("export", "--format", "ris", "--profile", "agents").out == "", "nothing was announced to it"


def test_references_that_cannot_be_are_refused(lark: Lark, database: Path) -> None:
    assert_refused(lark("export", "--query", "larks"), "references need --format", status=2)
    assert_refused(lark("export", "--format", "ris", "--json"), "--json is of everything", status=2)
    assert_refused(lark("export", "1", "--format", "ris", "--day", "2026-01-31"), "give one", status=2)
    assert_refused(lark("export", "--format", "docx"), "docx", status=2)
    assert_refused(lark("export", "9999.99999", "--format", "ris"), "the archive holds no paper")
    assert_refused(lark("export", "--format", "ris", "--query", "(larks"), "column")
    assert_refused(lark("export", "--format", "ris", "--profile", "nobody"), "you have no profile 'nobody'")
