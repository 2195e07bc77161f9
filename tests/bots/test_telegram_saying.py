"""How a reply looks in Telegram."""

import html
import re
from datetime import UTC, date, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from paperlark.bots.reply import Line, Reply, Said
from paperlark.bots.telegram_saying import messages, result
from paperlark.channels.buttons import Button, encode
from paperlark.channels.telegram import Options, Telegram
from paperlark.model.messages import Payload
from paperlark.model.papers import Alias, StoredPaper
from paperlark.testing.bot_api import TOKEN
from paperlark.testing.bot_markup import parse_html, utf16
from tests.channels.digests import HOSTILE, digest, paper

TELEGRAM = Telegram(Options(TOKEN))
FOLLOW = ((Button("Follow 1", encode("follow", "1")), Button("Follow 2", encode("follow", "2"))),)


def said(reply: Reply) -> list[Payload]:
    return messages(reply, TELEGRAM.render)


def shown(payload: Payload) -> str:
    return parse_html(payload.content["html"])[0]


def code_in(payload: Payload) -> list[str]:
    text, entities = parse_html(payload.content["html"])
    units = text.encode("utf-16-le")
    return [units[2 * e.offset : 2 * (e.offset + e.length)].decode("utf-16-le") for e in entities if e.type == "code"]


def test_styles_become_mark_up_and_words_stay_words() -> None:
    [payload] = said(Reply(((Said("A <b> & "), Said("bold", "bold"), Said(" and "), Said("italic", "italic")), ())))
    assert payload.content["html"] == "A &lt;b&gt; &amp; <b>bold</b> and <i>italic</i>"


def test_query_can_be_copied_as_it_is() -> None:
    query = 'author:"@song"  <x>\nlarks & "wrens"'
    [payload] = said(Reply(((Said("1. "), Said(query, "code")),)))
    assert code_in(payload) == [query]


def test_lone_command_is_left_for_telegram_to_make_a_link_of() -> None:
    [payload] = said(Reply(((Said("/list", "code"), Said(" or "), Said("/follow QUERY", "code")),)))
    assert payload.content["html"] == "/list or <code>/follow QUERY</code>"


def test_nobody_is_mentioned() -> None:
    [payload] = said(Reply(((Said("@channel_admin said", "bold"), Said(" @all_of_you")),)))
    assert "mention" not in [entity.type for entity in parse_html(payload.content["html"])[1]]


def test_buttons_stand_under_the_last_message() -> None:
    first, last = said(Reply(((Said("Found:"),),), digest=digest(paper()), buttons=FOLLOW))
    assert first.content["buttons"] == []
    assert [label for row in last.content["buttons"] for label, _ in row][-2:] == ["Follow 1", "Follow 2"]
    assert last.content["preview"] == paper().url


def test_reply_without_words_is_no_message() -> None:
    assert said(Reply(notice="Saved.")) == []
    assert said(Reply(lines=((), (Said(" "),), ()))) == []


def test_queries_that_buttons_stand_for_are_in_the_message_of_the_buttons() -> None:
    opening = tuple((Said("words " * 100),) for _ in range(10))
    queries: tuple[Line, ...] = ((Said("larks", "code"),), (Said("wrens", "code"),))
    *_, last = said(Reply((*opening, *queries), buttons=FOLLOW))
    assert code_in(last) == ["larks", "wrens"]
    assert last.content["buttons"]


def test_buttons_are_left_out_where_one_message_cannot_hold_their_queries() -> None:
    queries: tuple[Line, ...] = tuple((Said("lark OR wren " * 150, "code"),) for _ in range(4))
    parts = said(Reply(queries, buttons=FOLLOW))
    assert len(parts) > 1
    assert not any(part.content["buttons"] for part in parts)


LINES = st.lists(
    st.lists(
        st.builds(
            Said,
            st.text(st.sampled_from("ab <&>@/é𝔘\n\u200b\u202e"), max_size=40) | st.sampled_from([*HOSTILE.values()]),
            st.sampled_from(["", "bold", "italic", "code"]),
        ),
        max_size=4,
    ).map(tuple),
    max_size=12,
).map(tuple)


@settings(max_examples=60, deadline=None)
@given(LINES)
def test_every_message_is_within_telegrams_limits_and_nothing_is_lost(lines: tuple[Line, ...]) -> None:
    parts = said(Reply(lines))
    for part in parts:
        text, entities = parse_html(part.content["html"])
        assert 0 < utf16(text) <= 4000
        assert len(entities) <= 95
        assert len(part.content["html"].encode("utf-8", "surrogatepass")) <= 30_000
    told = "".join(html.unescape(re.sub("<[^>]*>", "", part.content["html"])) for part in parts)
    everything = "".join(said.text for line in lines for said in line)
    for letter in "abé𝔘":
        assert told.count(letter) == everything.count(letter)


def test_paper_found_in_passing_is_told_as_an_alert_tells_it() -> None:
    at = datetime(2026, 11, 20, 8, tzinfo=UTC)
    stored = StoredPaper(
        id=36**5, title="Larks <b> in $\\beta$ flight", abstract="How they fly.", authors=("Ada One", "Bo Two"),
        author_count=2, organisation=None, categories=(), keywords=(), aliases=(Alias("arxiv", "2611.00001"),),
        url=None, code_url=None, published_at=None,
        first_seen=at, announced_at=at, sources=("arxiv:cs.CL",), signals={},
    )  # fmt: skip
    found = result(stored, date(2026, 11, 21), TELEGRAM.render)
    assert (found.id, found.title) == ("100000", "Larks <b> in β flight")
    assert found.said.startswith("Ada One and Bo Two · arXiv")
    assert "How they fly." in shown(found.message)
