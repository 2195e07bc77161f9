"""Telegram through python-telegram-bot, over real sockets, against the fake Bot API."""

import asyncio
import gzip
import json
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from telegram.error import NetworkError, TimedOut

from paperlark.channels.telegram import FLOOD_WAIT, Options, Telegram, sorted_error
from paperlark.model.messages import Payload, Receipt
from paperlark.model.problems import DeliveryError, ReaderError
from paperlark.testing.bot_api import (
    BAD_GATEWAY,
    BLOCKED,
    DROPPED,
    SERVER_ERROR,
    SILENCE,
    TOKEN,
    UNAUTHORISED,
    UNKNOWN_CHAT,
    UNKNOWN_THREAD,
    Answer,
    BotApi,
    flood,
    migrated,
)
from paperlark.testing.bot_markup import MarkupError, parse_html

from .digests import digest, paper

# python-telegram-bot warns of its own future with each RetryAfter that it makes.
pytestmark = pytest.mark.filterwarnings("ignore::telegram.warnings.PTBDeprecationWarning")

SPEC = Path("../shared/data/specs/PaulSonOfLars+telegram-bot-api-spec/api.json.gz")


@pytest.fixture
async def api() -> AsyncIterator[BotApi]:
    async with BotApi() as server:
        yield server


@pytest.fixture
async def telegram(api: BotApi) -> AsyncIterator[Telegram]:
    channel = Telegram(Options(TOKEN, api.url, timeout=5))
    await channel.open()
    yield channel
    await channel.close()


def message(html: str = "<b>Hello</b>", preview: str | None = None) -> Payload:
    return Payload({"html": html, "preview": preview})


def kind_of(error: DeliveryError) -> str:
    """Which reading of the error holds; there is exactly one."""
    flags = [name for name in ("permanent", "refused", "channel", "unreachable", "ambiguous") if getattr(error, name)]
    flags += ["retry_after"] if error.retry_after is not None else []
    flags += ["moved"] if error.new_address is not None else []
    assert len(flags) <= 1
    return flags[0] if flags else "transient"


async def failure(channel: Telegram, address: str = "42", payload: Payload | None = None) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await channel.send(address, payload or message(), "key")
    return caught.value


async def test_readers_see_the_digest_as_it_was_rendered(api: BotApi, telegram: Telegram) -> None:
    told = digest(*(paper(n) for n in range(1, 51)))
    receipts = [await telegram.send("42", payload, f"k{n}") for n, payload in enumerate(telegram.render(told))]
    assert [receipt.message_id for receipt in receipts] == [str(n) for n in range(1, len(receipts) + 1)]
    shown = "\n".join(api.texts(42))
    assert [f"{n}. Small Agents" in shown for n in range(1, 51)] == [True] * 50
    assert all(seen.preview == {"is_disabled": True} for seen in api.seen)


async def test_alert_has_a_small_preview_of_its_paper(api: BotApi, telegram: Telegram) -> None:
    [payload] = telegram.render(digest(paper()))
    await telegram.send("42", payload, "k")
    assert api.seen[0].preview == {"url": paper().url, "prefer_small_media": True}


async def test_alert_has_its_papers_row_of_buttons_and_a_digest_a_number_for_each(
    api: BotApi, telegram: Telegram
) -> None:
    [alert] = telegram.render(digest(paper(35)))
    await telegram.send("42", alert, "k")
    assert [data for row in api.seen[0].buttons for _, data in row] == [
        "v1:save:z", "v1:dismiss:z", "v1:mute:z", "v1:why:z"
    ]  # fmt: skip
    for payload in telegram.render(digest(*(paper(n) for n in range(1, 51)))):
        await telegram.send("43", payload, "k")
    numbers = [message.labels for message in api.seen[1:]]
    assert [number for labels in numbers for number in labels] == [str(n) for n in range(1, 51)]
    for message in api.seen[1:]:  # each message has the numbers of its own papers
        assert [f"{label}. Small Agents" in message.text for label in message.labels] == [True] * len(message.labels)
        assert max(map(len, message.buttons)) <= 8


async def test_message_sealed_before_there_were_buttons_is_sent_without(api: BotApi, telegram: Telegram) -> None:
    await telegram.send("42", Payload({"html": "Hello", "preview": None}), "k")
    assert api.seen[0].buttons == ()


def test_topic_counts_as_its_group_for_telegrams_limits(telegram: Telegram) -> None:
    assert telegram.limited_as("-1001234567890/77") == telegram.limited_as("-1001234567890") == "-1001234567890"


@pytest.mark.parametrize(
    ("address", "chat", "thread"),
    [("42", "42", None), ("-1001234567890/77", "-1001234567890", 77), ("@Paper_News", "@paper_news", None)],
)
async def test_message_arrives_in_the_chat_and_topic_of_its_address(
    api: BotApi, telegram: Telegram, address: str, chat: str, thread: int | None
) -> None:
    await telegram.send(address, message(), "k")
    assert [(seen.chat, seen.thread) for seen in api.seen] == [(chat, thread)]


def said(text: str, status: int = 400) -> Answer:
    return Answer(status, f"Bad Request: {text}" if status == 400 else text)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (BLOCKED, "permanent"),
        (Answer(403, "Forbidden: user is deactivated"), "permanent"),
        (Answer(403, "Forbidden: bot was kicked from the supergroup chat"), "permanent"),
        (Answer(403, "Forbidden: bot is not a member of the channel chat"), "permanent"),
        (Answer(403, "Forbidden: the group chat was deleted"), "permanent"),
        (UNKNOWN_CHAT, "permanent"),
        (said("not enough rights to send text messages to the chat"), "permanent"),
        (said("TOPIC_CLOSED"), "permanent"),
        (said("message is too long"), "refused"),
        (said("message text is empty"), "refused"),
        (Answer(413, "Request Entity Too Large"), "refused"),
        (migrated(-1009), "moved"),
        (flood(35), "retry_after"),
        (Answer(429, "Too Many Requests"), "retry_after"),
        (UNAUTHORISED, "channel"),
        (Answer(404, "Not Found"), "channel"),
        (Answer(409, "Conflict: terminated by other getUpdates request"), "transient"),
        (SERVER_ERROR, "ambiguous"),
        (BAD_GATEWAY, "ambiguous"),
        (Answer(200, body=b"<html>a hotel's log-in page</html>"), "ambiguous"),
        (Answer(200, body=b'{"hello": 1}'), "ambiguous"),
        (Answer(200, body=b"[]"), "ambiguous"),
        (DROPPED, "ambiguous"),
        (Answer(drop=True), "ambiguous"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value.status} {value.description or value.body}"[:50],
)
async def test_each_answer_of_telegram_is_sorted(api: BotApi, telegram: Telegram, answer: Answer, kind: str) -> None:
    api.script(42, answer)
    error = await failure(telegram)
    assert kind_of(error) == kind
    assert str(error).startswith("telegram: ")
    assert TOKEN not in str(error)
    assert (await telegram.send("42", message("again"), "k")).message_id  # and the channel is as well as before


async def test_wait_is_as_long_as_telegram_says(api: BotApi, telegram: Telegram) -> None:
    api.script(42, flood(35), Answer(429, "Too Many Requests"))
    assert (await failure(telegram)).retry_after == timedelta(seconds=35)
    assert (await failure(telegram)).retry_after == FLOOD_WAIT


async def test_group_that_moved_names_its_new_address(api: BotApi, telegram: Telegram) -> None:
    api.script(-42, migrated(-1001234567890123))
    assert (await failure(telegram, "-42")).new_address == "-1001234567890123"


async def test_answer_that_never_comes_is_ambiguous_since_the_message_may_have_arrived(api: BotApi) -> None:
    telegram = Telegram(Options(TOKEN, api.url, timeout=0.2))
    await telegram.open()
    api.script(42, SILENCE)
    error = await failure(telegram)
    await telegram.close()
    assert kind_of(error) == "ambiguous"
    assert api.texts(42) == ["Hello"]


async def test_answer_that_trickles_is_given_up() -> None:
    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while True:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.05)
        except ConnectionError:
            writer.close()

    server = await asyncio.start_server(trickle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    telegram = Telegram(Options(TOKEN, f"http://127.0.0.1:{port}", timeout=0.2))
    await telegram.open()
    error = await failure(telegram)
    await telegram.close()
    server.close()
    assert kind_of(error) == "ambiguous"


async def test_refused_connection_was_surely_not_sent() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        telegram = Telegram(Options(TOKEN, f"http://127.0.0.1:{free.getsockname()[1]}", timeout=5))
        await telegram.open()  # an outage does not hold up the start
        assert kind_of(await failure(telegram)) == "unreachable"
        await telegram.close()


async def test_connection_that_is_not_taken_in_time_was_surely_not_sent() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:  # fill the queue, so that the next connection is never answered
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        telegram = Telegram(Options(TOKEN, f"http://127.0.0.1:{full.getsockname()[1]}", timeout=0.3))
        await telegram.open()
        error = await failure(telegram)
        await telegram.close()
        for one in waiting:
            one.close()
    assert kind_of(error) == "unreachable"
    assert "ConnectionTimeoutError" in str(error)


async def test_full_pool_of_connections_was_surely_not_sent(api: BotApi) -> None:
    telegram = Telegram(Options(TOKEN, api.url, timeout=0.3))
    await telegram.open()
    api.always[""] = Answer(hang=True)
    sends = [asyncio.create_task(failure(telegram, str(n))) for n in range(1, 41)]
    kinds = [kind_of(error) for error in await asyncio.gather(*sends)]
    await telegram.close()
    assert set(kinds) == {"ambiguous", "unreachable"}


async def test_send_after_closing_was_surely_not_sent(api: BotApi) -> None:
    telegram = Telegram(Options(TOKEN, api.url))
    await telegram.open()
    await telegram.close()
    assert kind_of(await failure(telegram)) == "unreachable"


async def test_topic_that_is_gone_is_told_in_the_group_itself(api: BotApi, telegram: Telegram) -> None:
    api.script(-42, UNKNOWN_THREAD)
    receipt = await telegram.send("-42/7", message(), "k")
    assert [(seen.chat, seen.thread) for seen in api.seen] == [("-42", None)]
    assert "topic is gone" in receipt.degraded
    api.script(-42, UNKNOWN_THREAD, UNKNOWN_THREAD)
    assert kind_of(await failure(telegram, "-42/7")) == "refused"


async def test_mark_up_that_telegram_cannot_read_is_sent_as_plain_text_once(
    api: BotApi, telegram: Telegram, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        receipt = await telegram.send("42", message("<b>1 &lt; 2 <div>"), "k")
    assert api.texts(42) == ["1 < 2"]
    assert api.seen[0].html is None
    assert receipt.degraded
    assert "could not parse our mark-up" in caplog.text


async def test_message_that_is_not_modified_counts_as_sent(api: BotApi, telegram: Telegram) -> None:
    api.script(42, said("message is not modified: specified new message content is exactly the same"))
    assert await telegram.send("42", message(), "k") == Receipt()


@pytest.mark.parametrize("address", ["", "0", "abc", "@ab", "42/x", "42/0", "42 43", "9" * 25, "-9999999999999999999"])
async def test_impossible_address_is_refused_and_a_send_to_it_is_permanent(api: BotApi, address: str) -> None:
    telegram = Telegram(Options(TOKEN, api.url))
    with pytest.raises(ReaderError, match="not a Telegram address"):
        telegram.check_address(address)
    assert kind_of(await failure(telegram, address)) == "permanent"
    assert api.calls == []


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"token": "secret-but-wrong"}, "token"),
        ({"token": ""}, "token"),
        ({"token": TOKEN, "base_url": "ftp://x"}, "base_url"),
        ({"token": TOKEN, "timeout": 0}, "timeout"),
    ],
)
def test_bad_option_is_named_and_its_value_kept_back(options: dict[str, Any], name: str) -> None:
    with pytest.raises(ReaderError, match=f"^telegram: {name}: ") as caught:
        Telegram(Options(**options))
    assert "secret" not in str(caught.value)
    assert TOKEN not in repr(Options(TOKEN))


async def test_the_token_stands_in_no_log_line_at_info(
    api: BotApi, telegram: Telegram, caplog: pytest.LogCaptureFixture
) -> None:
    api.script(42, BLOCKED, SERVER_ERROR, DROPPED, UNAUTHORISED, said("can't parse entities: x"))
    with caplog.at_level(logging.INFO):
        caplog.set_level(logging.WARNING, "httpx")  # as paperlark's own set-up of the log does
        for _ in range(5):
            with suppress(DeliveryError):
                await telegram.send("42", message(), "k")
    assert "could not parse" in caplog.text
    assert TOKEN not in caplog.text


def test_more_specific_errors_come_before_the_network_errors_that_they_are() -> None:
    assert issubclass(TimedOut, NetworkError)
    assert kind_of(sorted_error(TimedOut())) == "ambiguous"
    assert kind_of(sorted_error(NetworkError("who knows"))) == "ambiguous"
    assert "se…t" in str(sorted_error(NetworkError("seTOKENt"), hide="TOKEN"))


# --- The fake itself


@pytest.mark.parametrize(
    ("markup", "said"),
    [
        ("<div>x</div>", 'Unsupported start tag "div" at byte offset 0'),
        ("é<div>", 'Unsupported start tag "div" at byte offset 2'),
        ("a < b", 'Unsupported start tag "" at byte offset 2'),
        ("<b>x", 'Can\'t find end tag corresponding to start tag "b"'),
        ("<b><i>x</b></i>", 'Unmatched end tag at byte offset 7, expected "</i>", found "</b>"'),
        ("x</b>", "Unexpected end tag at byte offset 1"),
        ("<b", "Unclosed start tag at byte offset 0"),
        ("<span>x</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
        ('<a href="x>y</a>', "Unclosed start tag at byte offset 0"),
    ],
)
def test_fake_refuses_mark_up_as_telegram_does(markup: str, said: str) -> None:
    with pytest.raises(MarkupError) as caught:
        parse_html(markup)
    assert str(caught.value) == said


def test_fake_reads_mark_up_as_telegram_does() -> None:
    shown, entities = parse_html(
        '  👍 <b>bo<i>l</i>d</b> <a href="https://e.org/?a=1&amp;b">@linked</a> &lt;&nbsp;&#233; @free_name '
    )
    assert shown == "👍 bold @linked <&nbsp;é @free_name"
    assert [tuple(entity) for entity in entities] == [
        ("bold", 3, 4, None),
        ("italic", 5, 1, None),
        ("text_link", 8, 7, "https://e.org/?a=1&b"),
        ("mention", 25, 10, None),
    ]


async def test_fake_refuses_what_telegram_refuses(api: BotApi, telegram: Telegram) -> None:
    for html in ("x" * 4097, "👍" * 2049, " <b> </b> "):
        assert kind_of(await failure(telegram, payload=message(html))) == "refused"
    assert api.seen == []


async def test_fake_knows_other_bots_tokens_for_strangers(api: BotApi) -> None:
    stranger = Telegram(Options("999:other", api.url))
    await stranger.open()
    assert kind_of(await failure(stranger)) == "channel"
    await stranger.close()


@pytest.fixture
def spec() -> Any:
    """The Bot API in its machine-readable form."""
    if not SPEC.exists():
        pytest.skip("test data not found: ../shared/data")
    return json.loads(gzip.decompress(SPEC.read_bytes()))


async def test_every_field_that_we_send_is_in_the_bot_api(api: BotApi, telegram: Telegram, spec: Any) -> None:
    fields = {one["name"] for one in spec["methods"]["sendMessage"]["fields"]}
    options = {one["name"] for one in spec["types"]["LinkPreviewOptions"]["fields"]}
    await telegram.send("-42/7", message(preview="https://example.org/"), "k")
    method, sent = api.calls[-1]
    assert method == "sendMessage"
    assert sent.keys() <= fields
    assert json.loads(sent["link_preview_options"]).keys() <= options
