"""Profiles, subscriptions, and what is delivered for them."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.conftest import SAMPLE, Lark

# ── profiles and subscriptions ───────────────────────────────────────────────────────────────────────────────────────


def test_a_profile_is_added_shown_edited_and_removed(lark: Lark) -> None:
    added = lark.well("profiles", "add", "diffusion, flow matching", "--name", "flows", "--json").record
    assert (added["name"], added["query"], added["version"]) == ("flows", "diffusion, flow matching", 1)
    assert lark.well("profiles", "show", "FLOWS", "--json").record == added
    assert "diffusion, flow matching" in lark.well("profiles", "show", added["id"]).out
    edited = lark.well("profiles", "edit", "flows", "--query", "flow matching", "--name", "flow", "--json").record
    assert (edited["id"], edited["name"], edited["version"]) == (added["id"], "flow", 2)
    assert lark.well("profiles", "--json").record == lark.well("profiles", "list", "--json").record == edited
    assert lark.well("profiles").out == "flow\tflow matching\tnowhere yet\n"
    assert lark.well("profiles", "remove", "flow", "--json").record == {"removed": "flow", "id": added["id"]}
    assert lark.well("profiles", "--json").records == []


def test_a_profile_without_a_name_is_called_like_its_query(lark: Lark) -> None:
    assert lark.well("profiles", "add", "tree  search", "--json").record["name"] == "tree search"
    assert lark("profiles", "add", "tree search").err.startswith("paperlark: you already have a profile named")


def test_a_profile_that_cannot_be_held_is_refused_with_what_would_do(
    lark: Lark, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = lark("profiles", "add", "NOT vision", "--name", "none")
    assert (refused.status, refused.out) == (1, "")
    assert "an alternative must ask for something, not only exclude" in refused.err
    assert "did you mean larks -vision" in lark("profiles", "add", "larks, -vision", "--name", "none").err
    monkeypatch.setattr("paperlark.readers.follow.ALONE", 1)
    lark.well("profiles", "add", "upvotes:>=50", "--name", "votes")
    full = lark("profiles", "add", "upvotes:>=51", "--name", "more")
    assert (full.status, full.out) == (1, "")
    assert full.err.startswith("paperlark: there are 1,000 different lines of numbers alone already")
    assert lark.well("profiles", "--json").record["name"] == "votes"


def test_a_subscription_keeps_every_wish(lark: Lark) -> None:
    lark.well("profiles", "add", "diffusion")
    made = lark.well(
        "subscribe", "diffusion", "--to", "console", "me", "--cadence", "weekly", "--on", "fri", "--at", "7:30",
        "--zone", "Europe/Berlin", "--quiet", "22:00-07:00", "--cap", "5", "--empty", "note",
        "--occasions", "new, withdrawn", "--json",
    ).record  # fmt: skip
    kept = {name: made[name] for name in ("cadence", "on", "at", "zone", "quiet", "cap", "empty", "occasions")}
    assert kept == {"cadence": "weekly", "on": "friday", "at": "07:30", "zone": "Europe/Berlin", "quiet": "22:00-07:00",
                    "cap": 5, "empty": "note", "occasions": ["new", "withdrawn"]}  # fmt: skip
    assert lark.well("profiles", "show", "diffusion", "--json").record["subscriptions"] == [made]
    assert "every Friday at 07:30 Europe/Berlin, quiet 22:00-07:00, of new and withdrawn" in lark.well("profiles").out


def test_a_second_subscription_of_an_address_leaves_its_hours_as_they_are(lark: Lark) -> None:
    for query in ("diffusion", "agents"):
        lark.well("profiles", "add", query)
    lark.well("subscribe", "diffusion", "--to", "console", "me", "--zone", "Asia/Tokyo", "--quiet", "22:00-07:00")
    second = lark.well("subscribe", "agents", "--to", "console", "me", "--cap", "7", "--json").record
    assert (second["zone"], second["quiet"], second["cap"]) == ("Asia/Tokyo", "22:00-07:00", 7)
    loud = lark.well("subscribe", "agents", "--to", "console", "me", "--quiet", "none", "--json").record
    assert (loud["zone"], loud["quiet"], loud["cap"]) == ("Asia/Tokyo", None, 7)


def test_unsubscribing_ends_one_place_or_all(lark: Lark) -> None:
    lark.well("profiles", "add", "diffusion")
    for place in ("desk", "hall", "roof"):
        lark.well("subscribe", "diffusion", "--to", "console", place)
    ended = lark.well("unsubscribe", "diffusion", "--from", "console", "hall", "--json").record["ended"]
    assert [subscription["address"] for subscription in ended] == ["hall"]
    assert lark.well("unsubscribe", "diffusion").out.count("no longer: console") == 2
    assert lark("unsubscribe", "diffusion").err == "paperlark: “diffusion” is not told anywhere\n"


# ── deliver ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_announced_is_delivered_once_with_its_reasons(lark: Lark) -> None:
    lark.well("profiles", "add", "title:quantization", "--name", "small models")
    lark.well("subscribe", "small models", "--to", "console", "desk", "--cadence", "instant")
    lark.well("import", SAMPLE, "--announce")
    told = lark.well("deliver").out
    assert "── desk" in told and "Scaling Law for Quantization-Aware Training" in told
    assert "because of small models: “Quantization” in the title" in told
    assert told.splitlines()[-1] == "1 sent"
    assert lark.well("deliver").out == "nothing is due\n"


def test_for_programs_the_console_speaks_on_standard_error(lark: Lark) -> None:
    lark.well("profiles", "add", "title:quantization")
    lark.well("subscribe", "title:quantization", "--to", "console", "desk", "--cadence", "instant")
    lark.well("import", SAMPLE, "--announce")
    done = lark("deliver", "--json")
    assert done.record == {"sent": 1, "dead": 0, "dropped": 0, "postponed": 0, "next_due": None}
    assert "Scaling Law for Quantization-Aware Training" in done.err


def test_a_digest_that_is_not_due_is_announced_with_its_hour(lark: Lark) -> None:
    lark.well("profiles", "add", "title:quantization")
    later = f"{(datetime.now(UTC) + timedelta(hours=2)):%H:00}"
    lark.well("subscribe", "title:quantization", "--to", "console", "desk", "--at", later)
    lark.well("import", SAMPLE, "--announce")
    assert lark.well("deliver").out.startswith("nothing is due; the next is due 20")
    assert f" {later} UTC" in lark.well("deliver").out


# ── trending ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def saved_today(folder: Path) -> Path:
    """Four papers of yesterday with upvotes, as Hugging Face answers."""
    yesterday = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) - timedelta(days=1)
    papers = [
        {"paper": {"id": f"2511.0100{n}", "title": f"On the nests of {bird}", "summary": "Some were seen.",
                   "authors": [{"name": "Ada Finch"}], "publishedAt": f"{yesterday:%Y-%m-%dT%H:%M:%S.000Z}",
                   "submittedOnDailyAt": f"{yesterday:%Y-%m-%dT%H:%M:%S.000Z}", "upvotes": votes},
         "title": f"On the nests of {bird}", "numComments": 0,
         "publishedAt": f"{yesterday:%Y-%m-%dT%H:%M:%S.000Z}"}
        for n, (bird, votes) in enumerate({"swifts": 7, "martins": 61, "wrens": 5, "owls": 9}.items())
    ]  # fmt: skip
    file = folder / f"{yesterday:%Y-%m-%d}.json"
    file.write_text(json.dumps(papers), encoding="utf-8")
    return file


def test_what_is_trending_is_listed_with_the_reason(lark: Lark, tmp_path: Path) -> None:
    lark.well("import", saved_today(tmp_path), "--announce")
    first, *others = lark.well("trending").out.splitlines()
    title, reason = first.split("\t")[2:]
    assert title == "On the nests of martins" and reason.startswith("61 upvotes, the most of its day; ")
    assert len(others) == 3
    records = lark.well("trending", "wrens OR owls", "--days", "3", "--limit", "1", "--json").records
    assert [(record["title"], record["signals"]["upvotes"]) for record in records] == [("On the nests of owls", 9)]
    assert records[0]["points"] > 0 and records[0]["reason"].startswith("9 upvotes, the 2nd most of its day")
    assert lark.well("trending", "vultures").out == ""


def test_trending_can_be_subscribed_to_without_any_profile(lark: Lark, tmp_path: Path) -> None:
    made = lark.well("subscribe", "--trending", "--to", "console", "me", "--at", "07:00", "--json").record
    assert (made["profile"], made["cadence"], made["occasions"]) == ("trending", "daily", [])
    assert lark.well("profiles").out == "(trending)\twhat is trending\tconsole me, daily at 07:00 UTC\n"
    assert lark.well("profiles", "--json").record["subscriptions"] == [made]
    again = lark.well("subscribe", "--trending", "--to", "console", "me", "--cadence", "weekly").out
    assert again == "from now on: console me, every Monday at 07:00 UTC\n"
    assert lark.well("unsubscribe", "--trending").out == "no longer: console me, every Monday at 07:00 UTC\n"
    assert lark("unsubscribe", "--trending").err == "paperlark: what is trending is not told anywhere\n"


def test_a_subscription_is_to_a_profile_or_to_what_is_trending(lark: Lark) -> None:
    for arguments in (("subscribe", "--to", "console", "me"), ("subscribe", "x", "--trending", "--to", "console", "me"),
                      ("unsubscribe",)):  # fmt: skip
        done = lark(*arguments)
        assert done.status == 2 and "name a profile, or say --trending" in done.err
    done = lark("subscribe", "--trending", "--to", "console", "me", "--cadence", "instant")
    assert done.err == "paperlark: what is trending comes as a digest: daily or weekly, not instant\n"
