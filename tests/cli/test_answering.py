"""`paperlark why`: of one paper, of a paper that is not there, of a delivery."""

from pathlib import Path

from paperlark.cli import commands, edge
from tests.cli.conftest import Lark

GEM = "2510.01051"


def test_why_says_the_cause_and_what_else_is_true(lark: Lark, database: Path) -> None:
    said = lark.well("why", GEM, "--profile", "agents").out.splitlines()
    assert said[1].startswith("“agents” does not meet it: the paper does not have `memory`.")
    assert said[2].startswith("  also: “agents” as it is now began on")


def test_why_as_json_names_profile_place_cause_and_all_others(lark: Lark, database: Path) -> None:
    record = lark.well("why", GEM, "--json").record
    (verdict,) = record["verdicts"]
    assert record["paper"]["aliases"] == [f"arxiv:{GEM}", f"hf:{GEM}"]
    assert (verdict["profile"], verdict["channel"], verdict["told"]) == ("agents", "console", False)
    assert verdict["cause"] == "words"
    assert [each["cause"] for each in verdict["also"]] == ["profile later", "archived", "subscribed later"]


def test_why_of_a_paper_that_nobody_told_of_says_so(lark: Lark, database: Path) -> None:
    assert lark.well("why", "2511.00001").out == "No source has told of 2511.00001 so far.\n"


def test_why_of_a_delivery_shows_what_led_to_each_paper(lark: Lark, tmp_path: Path) -> None:
    lines = tmp_path / "new.jsonl"
    lines.write_text(
        '{"id": "2511.00007", "title": "Wasps at dusk", "abstract": "They sleep.", "_first_seen": "2025-11-05"}'
    )
    lark.well("profiles", "add", "wasp*")
    lark.well("subscribe", "wasp*", "--to", "console", "me", "--cadence", "instant")
    lark.well("import", lines, "--announce")
    lark.well("deliver")
    (verdict,) = lark.well("why", "2511.00007", "--json").record["verdicts"]
    assert (verdict["cause"], verdict["told"]) == ("told", True)
    contained = lark.well("why", "--delivery", verdict["delivery"], "--json").record
    (led,) = contained["led"]
    assert (contained["fate"], led["profile"]) == ("shown", "wasp*")
    assert led["alternatives"] == [
        {
            "alternative": "wasp*",
            "terms": [{"term": "wasp*", "words": [{"field": "title", "start": 0, "end": 5, "text": "Wasps"}]}],
        }
    ]


def test_why_without_a_paper_is_used_wrongly(lark: Lark, database: Path) -> None:
    assert lark("why").status == 2
    assert edge.status(commands, ["why", GEM, "--delivery", "5"]) == 2


def test_a_delivery_that_is_not_there_is_refused_in_a_line(lark: Lark, database: Path) -> None:
    done = lark("why", "--delivery", "5")
    assert (done.status, done.err) == (1, "paperlark: there is no such delivery, or it told of no paper\n")
