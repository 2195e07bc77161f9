"""What an update of Telegram's means to us."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperlark.bots.telegram_reading import (
    BLOCKED,
    KICKED,
    Asked,
    Came,
    Late,
    Left,
    Moved,
    Place,
    Pressed,
    Sought,
    line_of,
    read,
)
from paperlark.channels.buttons import Button
from paperlark.testing.bot_updates import Updates, person

ME = "paperlark_test_bot"
GROUP, CHANNEL = -1001234567890, -1002222222222


@pytest.fixture
def people() -> Updates:
    return Updates({CHANNEL: "channel"})


def asked(update: dict[str, Any]) -> Asked:
    meaning = read(update, ME)
    assert isinstance(meaning, Asked)
    return meaning


@pytest.mark.parametrize(
    ("text", "name", "rest"),
    [
        ("/follow larks at dawn", "follow", "larks at dawn"),
        ("/follow@paperlark_test_bot larks", "follow", "larks"),
        ("/Follow@PaperLark_Test_Bot larks", "follow", "larks"),
        ("/follow\nlarks\nwrens", "follow", "larks\nwrens"),
        ("/list", "list", ""),
        ("  /list  ", "list", ""),
        ("/start ABCD-1234", "start", "ABCD-1234"),
    ],
)
def test_command_is_its_name_and_what_stands_behind_it(people: Updates, text: str, name: str, rest: str) -> None:
    found = asked(people.message(42, text))
    assert (found.name, found.text) == (name, rest)
    assert found.place == Place(42, None, True, "Reader", 42)


def test_command_for_another_bot_is_none_of_ours(people: Updates) -> None:
    assert read(people.message(GROUP, "/list@some_other_bot", by=7), ME) is None


def test_words_without_a_command_are_heard_in_private_only(people: Updates) -> None:
    assert asked(people.message(42, "agents memory")).name == ""
    assert read(people.message(GROUP, "agents memory", by=7), ME) is None
    assert read(people.message(CHANNEL, "agents memory"), ME) is None


def test_group_has_an_account_of_its_own_and_so_has_each_topic(people: Updates) -> None:
    place = asked(people.message(GROUP, "/list", by=7)).place
    assert (place.address, place.identity, place.person) == (str(GROUP), ("telegram-chat", str(GROUP)), 7)
    topic = asked(people.message(GROUP, "/list", by=7, topic=5)).place
    assert (topic.address, topic.identity) == (f"{GROUP}/5", ("telegram-chat", f"{GROUP}/5"))
    assert not topic.speaks_for_it


def test_number_of_a_reply_in_the_general_topic_is_no_topic(people: Updates) -> None:
    assert asked(people.message(GROUP, "/list", by=7, reply_thread=88)).place.topic is None


def test_person_in_private_is_known_by_their_own_number_also_in_a_topic(people: Updates) -> None:
    place = asked(people.message(42, "/list", topic=3)).place
    assert (place.address, place.identity) == ("42/3", ("telegram", "42"))


def test_channel_and_its_nameless_administrator_speak_for_themselves(people: Updates) -> None:
    assert asked(people.message(CHANNEL, "/list")).place.speaks_for_it
    assert asked(people.message(GROUP, "/list", by=GROUP)).place.speaks_for_it


def test_who_writes_as_another_channel_is_nobody_whom_the_group_knows(people: Updates) -> None:
    update = people.message(GROUP, "/list", by=7)
    update["message"]["sender_chat"] = people.chat(CHANNEL)
    place = asked(update).place
    assert place.person is None and not place.speaks_for_it


def test_what_other_bots_and_forwarded_posts_say_is_not_heard(people: Updates) -> None:
    bot = people.message(GROUP, "/list", by=7)
    bot["message"]["from"]["is_bot"] = True
    forwarded = people.message(GROUP, "/list", by=7)
    forwarded["message"]["is_automatic_forward"] = True
    via = people.message(42, "A paper")
    via["message"]["via_bot"] = person(1) | {"is_bot": True}
    edited = {"update_id": 1, "edited_message": people.message(42, "/list")["message"]}
    photo = people.message(42, "/list")
    del photo["message"]["text"]
    for update in (bot, forwarded, via, edited, photo):
        assert read(update, ME) is None


def test_press_brings_the_queries_that_its_message_shows_and_its_keyboard(people: Updates) -> None:
    text = "😀 1. larks at dawn\nType /follow QUERY"
    message = people.message(GROUP, text, topic=5)["message"] | {
        "from": {"id": 1, "is_bot": True, "first_name": "Bot"},
        "entities": [{"type": "code", "offset": 6, "length": 13}, {"type": "code", "offset": 25, "length": 13}],
        "reply_markup": {"inline_keyboard": [[{"text": "Follow 1", "callback_data": "v1:follow:1"}]]},
    }
    found = read(people.press("q", message, "v1:follow:1", by=7), ME)
    assert isinstance(found, Pressed)
    assert found.shown == ("larks at dawn",)
    assert found.keyboard == ((Button("Follow 1", "v1:follow:1"),),)
    assert found.place == Place(GROUP, 5, False, "The supergroup", 7)


def test_press_under_a_message_too_old_to_show_still_names_its_place(people: Updates) -> None:
    old = {"chat": people.chat(42), "message_id": 9, "date": 0}
    found = read(people.press("q", old, "v1:save:1", by=42), ME)
    assert isinstance(found, Pressed)
    assert (found.place.address, found.message_id, found.keyboard) == ("42", 9, ())


def test_press_without_a_message_can_only_be_answered() -> None:
    update = {"update_id": 1, "callback_query": {"id": "q", "from": person(1), "chat_instance": "1", "data": "x"}}
    assert read(update, ME) == Late("q")


def test_inline_query_is_sought_for(people: Updates) -> None:
    assert read(people.seek("q", "larks", by=7), ME) == Sought("q", "larks")


def test_blocking_kicking_and_coming_back_are_told_apart(people: Updates) -> None:
    def told(chat: int, before: str, after: str) -> Any:
        return read(people.member(chat, before, after), ME)

    assert told(42, "member", "kicked") == Left(Place(42, None, True, "Reader", 42), BLOCKED)
    assert isinstance(told(42, "kicked", "member"), Came)
    assert told(GROUP, "member", "kicked").reason == KICKED
    assert told(GROUP, "member", "left").reason == KICKED
    assert isinstance(told(GROUP, "left", "administrator"), Came)


def test_group_that_moves_names_both_places(people: Updates) -> None:
    found = read(people.told(-42, migrate_to_chat_id=GROUP), ME)
    assert isinstance(found, Moved)
    assert (found.before.address, found.after.address) == ("-42", str(GROUP))


def test_topic_that_is_reopened_can_be_told_again(people: Updates) -> None:
    update = people.told(GROUP, forum_topic_reopened={}, message_thread_id=5, is_topic_message=True)
    found = read(update, ME)
    assert isinstance(found, Came) and found.place.address == f"{GROUP}/5"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
KINDS = st.sampled_from(["message", "channel_post", "callback_query", "inline_query", "my_chat_member", "other"])
PARTS = st.sampled_from(["chat", "from", "message", "id", "text", "data", "date", "message_id", "query"])


@given(KINDS, st.dictionaries(PARTS, JSON, max_size=5) | JSON)
def test_nonsense_is_either_nothing_or_one_of_the_named_errors(kind: str, inner: Any) -> None:
    body = {"update_id": 1, kind: inner}
    assert line_of(body)
    with suppress(TypeError, KeyError, ValueError, AttributeError):
        read(body, ME)


def test_line_is_the_chat_and_for_inline_queries_the_person(people: Updates) -> None:
    message = people.message(GROUP, "/list", by=7)
    assert line_of(message) == line_of(people.press("q", message["message"], "x", by=8)) == str(GROUP)
    assert line_of(people.seek("q", "larks", by=7)) == "inline 7"
    assert line_of(people.told(-42, migrate_to_chat_id=GROUP)) == str(GROUP)
    assert line_of({"update_id": 1}) == "nobody"
