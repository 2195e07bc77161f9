"""How replies look on Discord."""

import re
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from paperlark.bots.discord_saying import MESSAGES, Message, keyboard, markup, messages, split
from paperlark.bots.discord_talking import typed
from paperlark.bots.reply import Reply, Said
from paperlark.channels.buttons import Button
from paperlark.channels.discord import codes, units
from paperlark.model.messages import Digest
from tests.bots.discord_world import CHANNEL
from tests.channels.digests import digest, paper

ROW = (Button("Yes", "v1:cancel:"),)


def test_words_have_their_styles_and_nothing_else_has_a_meaning() -> None:
    line = (
        Said("1. "),
        Said("a*b", "bold"),
        Said(" and "),
        Said("x_y", "italic"),
        Said(": "),
        Said("t:`z` -w", "code"),
    )
    assert markup(line) == r"1\. **a\*b** and *x\_y*: `t:'z' -w`"


def test_lines_stand_in_one_message_with_the_buttons_under_it() -> None:
    reply = Reply(((Said("One."),), (), (Said("Two."),)), buttons=(ROW,))
    assert messages(reply, CHANNEL.render) == [Message("One.\n\nTwo.", (), (ROW,))]


def test_nothing_said_is_no_message() -> None:
    assert messages(Reply(notice="Saved."), CHANNEL.render) == []


def test_papers_come_as_in_alerts_with_the_words_above_them() -> None:
    reply = Reply(((Said("Here it is:"),),), digest=Digest("Found", date(2026, 3, 2), (paper(7),)), buttons=(ROW,))
    [shown] = messages(reply, CHANNEL.render)
    assert shown.content == "Here it is:" and len(shown.embeds) == 1
    assert [button.label for button in shown.rows[0]] == ["Save", "Not relevant", "Mute…", "Why?"]
    assert shown.rows[-1] == ROW


def test_words_and_many_papers_are_never_more_messages_than_an_app_may_send() -> None:
    reply = Reply(((Said("Here they are:"),),), digest=digest(*(paper(n) for n in range(1, 100))))
    assert len(messages(reply, CHANNEL.render)) == MESSAGES


def test_command_with_a_shorter_name_here_is_called_by_it() -> None:
    assert markup((Said("/papers delete_my_data", "code"),)) == "`/papers delete`"


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=3000), max_size=8))
def test_long_answers_are_split_and_lose_nothing(lines: list[str]) -> None:
    parts = split(lines)
    assert all(0 < units(part) <= 2000 for part in parts)
    assert re.sub(r"\s", "", "".join(parts)) == re.sub(r"\s", "", "".join(lines))


@given(st.lists(st.text(alphabet='abc:()*_-" ', min_size=1, max_size=40).filter(str.strip), max_size=6))
def test_queries_are_read_back_from_the_message_that_shows_them(queries: list[str]) -> None:
    lines = tuple((Said(f"{at}. "), Said(query, "code"), Said(": 3 papers")) for at, query in enumerate(queries, 1))
    shown = messages(Reply(lines), CHANNEL.render)
    assert [code for part in shown for code in codes(part.content)] == queries


def test_keyboard_is_read_back_without_what_is_no_button_of_ours() -> None:
    assert keyboard([[("Go", None)], [("A", "v1:open:1"), ("A", "2:v1:open:1")]]) == (
        (Button("A", "v1:open:1"), Button("A", "v1:open:1")),
    )


def test_form_is_read_by_the_names_of_its_fields() -> None:
    label = {"type": 18, "component": {"type": 3, "custom_id": "often", "values": ["weekly"]}}
    row = {"type": 1, "components": [{"type": 4, "custom_id": "query", "value": "larks"}]}
    assert typed({"components": [label, row, {"type": 10, "content": "x"}]}) == {"often": "weekly", "query": "larks"}
    assert typed({}) == {}
