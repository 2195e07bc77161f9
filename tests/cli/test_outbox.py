"""The outbox and webhooks' secrets, as people type them."""

import sqlite3
from contextlib import closing

import pytest

from tests.cli.conftest import SAMPLE, Lark

HOOK = "https://example.org/hooks/papers"


@pytest.fixture
def told(lark: Lark) -> Lark:
    """A reader who was told of the sample's agents, once."""
    lark.well("profiles", "add", "agent* memory", "--name", "agents")
    lark.well("subscribe", "agents", "--to", "console", "desk", "--cadence", "instant")
    lark.well("import", SAMPLE, "--announce")
    lark.well("deliver")
    return lark


def ended(lark: Lark, state: str, reason: str) -> None:
    """Have every delivery end otherwise than it did."""
    with closing(sqlite3.connect(lark.database)) as connection, connection:
        connection.execute("UPDATE delivery SET state = ?, reason = ?", (state, reason))


def test_an_empty_outbox_says_so(lark: Lark) -> None:
    assert lark.well("outbox").out == "nothing was sent yet, and nothing waits\n"
    assert lark.well("outbox", "--json").out == ""


def test_what_was_sent_is_listed_and_shown_with_its_papers(told: Lark) -> None:
    (record,) = told.well("outbox", "list", "--json").records
    assert (record["state"], record["channel"], record["address"]) == ("sent", "console", "desk")
    assert record["parts_sent"] == 1
    (line,) = told.well("outbox").out.splitlines()
    assert line.split("\t")[:3] == [record["id"], "sent", "console desk"]
    shown = told.well("outbox", "show", record["id"]).out
    assert f"{record['id']}: sent\n" in shown and "1 of 1 message arrived, 1 attempt" in shown
    contents = told.well("outbox", "show", record["id"], "--json").record["contents"]
    assert len(contents) == record["papers"] > 0
    assert all(f"- shown: {content['title'][:20]}" in shown for content in contents)


def test_the_list_is_narrowed_by_state_and_channel(told: Lark) -> None:
    assert len(told.well("outbox", "list", "--state", "sent", "--state", "dead", "--json").records) == 1
    assert told.well("outbox", "list", "--state", "dead").out == "no such delivery\n"
    assert told.well("outbox", "list", "--channel", "email").out == "no such delivery\n"
    refused = told("outbox", "list", "--state", "gone")
    assert refused.status == 1
    assert refused.err.startswith('paperlark: "gone" is no state of a delivery: there are pending, claimed, sent, ')


def test_a_dead_delivery_is_sent_again(told: Lark) -> None:
    ended(told, "dead", "given up after 8 attempts")
    (record,) = told.well("outbox", "list", "--state", "dead", "--json").records
    with closing(sqlite3.connect(told.database)) as connection, connection:
        connection.execute("UPDATE delivery SET parts_sent = 0")
    assert told.well("outbox", "retry", record["id"]).out.startswith(f"due now: {record['id']}, console desk, ")
    assert "New for you" in told.well("deliver").out
    assert told.well("outbox", "list", "--json").record["state"] == "sent"


def test_a_delivery_is_dropped_with_a_reason(told: Lark) -> None:
    ended(told, "dead", "given up after 8 attempts")
    number = told.well("outbox", "--json").record["id"]
    dropped = told.well("outbox", "drop", number, "--because", "too late by now", "--json").record
    assert (dropped["state"], dropped["reason"]) == ("dropped", "too late by now")
    assert "too late by now" in told.well("outbox").out


def test_what_is_settled_or_unknown_is_refused_in_one_line(told: Lark) -> None:
    number = told.well("outbox", "--json").record["id"]
    for verb in ("retry", "drop"):
        refused = told("outbox", verb, number)
        assert refused.err == "paperlark: it has been sent: only what waits or is dead can be changed\n"
    for verb in ("show", "retry", "drop"):
        for unknown in ("1", "0", "9" * 25):
            refused = told("outbox", verb, unknown)
            assert refused.err == "paperlark: there is no such delivery; `paperlark outbox` lists yours\n"
        assert told("outbox", verb, "x").status == 2


def test_the_operator_sees_everybodys(told: Lark) -> None:
    with closing(sqlite3.connect(told.database)) as connection, connection:
        connection.execute("UPDATE identity SET platform = 'elsewhere'")
    assert told.well("outbox").out == "nothing was sent yet, and nothing waits\n"
    number = told.well("outbox", "list", "--all", "--json").record["id"]
    assert told("outbox", "show", number).status == 1
    assert told.well("outbox", "show", number, "--all").out.startswith(f"{number}: sent\n")


def test_json_goes_behind_the_command(lark: Lark) -> None:
    assert "it goes behind list" in lark("outbox", "--json", "list").err


# ── webhooks ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_webhooks_secret_is_shown_when_it_is_new_and_when_it_is_replaced(lark: Lark) -> None:
    lark.well("profiles", "add", "larks", "--name", "birds")
    first = lark.well("subscribe", "birds", "--to", "webhook", HOOK).out
    assert first.startswith(f"from now on: webhook {HOOK}, daily") and "signed with whsec_" in first
    assert "whsec_" not in lark.well("subscribe", "birds", "--to", "webhook", HOOK).out
    new = lark.well("secret", "https://EXAMPLE.org/hooks/papers").out
    assert new.startswith("from now on signed with whsec_") and new.split()[5] not in first
    assert lark.well("secret", HOOK, "--json").record["address"] == HOOK
    other = lark.well("subscribe", "birds", "--to", "webhook", f"{HOOK}/2", "--json").record["secret"]
    assert other.startswith("whsec_") and other not in first + new


def test_what_has_no_secret_says_so(lark: Lark, monkeypatch: pytest.MonkeyPatch) -> None:
    assert lark("secret", HOOK).err.startswith(f"paperlark: you are not told at webhook {HOOK}; ")
    assert lark("secret", "nowhere").err.startswith("paperlark: not a webhook: give an https address")
    monkeypatch.setenv("PAPERLARK_WEBHOOK_SECRET", "whsec_" + "A" * 32)
    lark.well("profiles", "add", "larks", "--name", "birds")
    assert "secret" not in lark.well("subscribe", "birds", "--to", "webhook", HOOK, "--json").record
    assert "PAPERLARK_WEBHOOK_SECRET" in lark("secret", HOOK).err


def test_apprise_is_there_where_the_operator_names_services(lark: Lark, monkeypatch: pytest.MonkeyPatch) -> None:
    lark.well("profiles", "add", "larks", "--name", "birds")
    refused = lark("subscribe", "birds", "--to", "apprise", "ntfy://topic")
    assert refused.err.startswith("paperlark: apprise is not configured here")
    monkeypatch.setenv("PAPERLARK_APPRISE", "ntfy")
    assert "apprise ntfy://topic" in lark.well("subscribe", "birds", "--to", "apprise", "ntfy://topic").out
    assert "allowed here (ntfy)" in lark("subscribe", "birds", "--to", "apprise", "json://localhost").err
