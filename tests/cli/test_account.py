"""The account as a whole at the command line: link, export, delete."""

import json
from pathlib import Path

from tests.cli.conftest import Lark


def test_a_code_is_shown_and_a_wrong_one_refused(lark: Lark) -> None:
    code = lark.well("link").out.splitlines()[0]
    assert len(code) == 9
    assert len(lark.well("link", "--json").record["code"]) == 9
    assert lark("link", code).err.startswith("paperlark: this code does not work")  # the second ended it


def test_a_code_of_ones_own_links_to_oneself(lark: Lark) -> None:
    lark.well("profiles", "add", "larks")
    code = lark.well("link", "--json").record["code"]
    assert lark.well("link", code.lower()).out == "linked: what you follow there, you follow here\n"
    assert lark.well("profiles").out.startswith("larks\t")


def test_everything_is_exported_as_one_document(lark: Lark, database: Path) -> None:
    document = json.loads(lark.well("export").out)
    assert [profile["name"] for profile in document["profiles"]] == ["agents"]
    assert [place["channel"] for place in document["destinations"]] == ["console"]
    assert [identity["platform"] for identity in document["identities"]] == ["local"]


def test_deleting_asks_first_and_leaves_nothing(lark: Lark, database: Path) -> None:
    refused = lark("delete")
    assert (refused.status, "say --yes where nobody can be asked" in refused.err) == (2, True)
    assert lark.well("profiles", "--json").records != []
    assert lark.well("delete", "--yes").out == "you are forgotten; nothing stays\n"
    assert lark.well("profiles", "--json").records == []
    for verb in (("export",), ("delete", "--yes")):
        done = lark(*verb)
        assert (done.status, done.err) == (1, "paperlark: you have no account here: nothing is kept of you\n")
    assert lark.well("papers", "--json").records != []
