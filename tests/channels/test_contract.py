"""What every channel keeps, the fake one too."""

import html
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paperlark.channels import apprise, email, telegram
from paperlark.channels.base import Channel
from paperlark.channels.console import Console
from paperlark.channels.console import Options as ConsoleOptions
from paperlark.channels.discord import Discord
from paperlark.channels.discord import Options as DiscordOptions
from paperlark.channels.email import Email
from paperlark.channels.telegram import Telegram
from paperlark.model.messages import Payload
from paperlark.model.problems import ReaderError
from paperlark.testing.bot_api import TOKEN
from paperlark.testing.bot_markup import parse_html
from paperlark.testing.channels import FakeChannel
from paperlark.testing.discord_site import TOKEN as DISCORD_TOKEN

from . import test_webhook as webhook
from .digests import ALL, HOSTILE, digest, paper

WEBHOOK = webhook.PURE
APPRISE = apprise.Apprise(apprise.Options("ntfy"))
TELEGRAM = Telegram(telegram.Options(TOKEN))
DISCORD = Discord(DiscordOptions(DISCORD_TOKEN))
EMAIL = Email(email.Options("mail.example.org", "Paperlark <papers@example.org>"))
CONSOLE = Console(ConsoleOptions())
CHANNELS: dict[str, Channel] = {
    "console": CONSOLE,
    "telegram": TELEGRAM,
    "discord": DISCORD,
    "email": EMAIL,
    "webhook": WEBHOOK,
    "apprise": APPRISE,
    "fake": FakeChannel(),
}
GOOD = {
    "console": "desk",
    "telegram": "-1001234567890/77",
    "discord": "forum:1234567890123+77",
    "email": "ada@example.org",
    "webhook": "https://example.org/hooks/papers?of=ada",
    "apprise": "ntfy://larks",
    "fake": "ada",
}

each_channel = pytest.mark.parametrize("channel", CHANNELS.values(), ids=CHANNELS)
each_digest = pytest.mark.parametrize("name", ALL)


@cache
def rendered(kind: str, name: str) -> list[Payload]:
    """A digest as a channel renders it; the large ones take their time."""
    return CHANNELS[kind].render(ALL[name])


def words(payload: Payload) -> str:
    """All that a payload shows, as one text."""

    def texts(value: Any) -> Iterator[str]:
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict | list):
            for inner in value.values() if isinstance(value, dict) else value:
                yield from texts(inner)

    content = payload.content
    if "body" in content:  # a webhook says in JSON what others say in words
        data = json.loads(content["body"])["data"]
        content = data | {"more": f"and {data['more']} more", "repeat": "sent again" if data["repeat"] else ""}
    markup = content.get("html", "")
    others = {name: value for name, value in content.items() if name not in ("html", "markdown")}
    shown = "\n".join((html.unescape(re.sub("<[^>]*>", "", markup)), *texts(others)))
    return re.sub(r"\\([^\w\s])", r"\1", shown) if "embeds" in others else shown


@each_channel
@each_digest
def test_payloads_are_json_and_no_more_of_them_than_the_channel_allows(channel: Channel, name: str) -> None:
    payloads = rendered(channel.kind, name)
    assert 1 <= len(payloads) <= channel.limits.parts
    for payload in payloads:
        assert json.loads(json.dumps(payload.content)) == payload.content
        json.dumps(payload.content, ensure_ascii=False).encode()


@each_channel
@pytest.mark.parametrize("name", ["ordinary", "fifty", "hostile markup", "twenty hostile arabic", "empty"])
def test_the_same_digest_renders_the_same(channel: Channel, name: str) -> None:
    assert channel.render(ALL[name]) == channel.render(replace(ALL[name]))


@each_channel
def test_each_paper_is_told_once_and_in_order(channel: Channel) -> None:
    told = digest(*(paper(n, title=f"Paper number {n} of fifty") for n in range(1, 51)))
    shown = "\n".join(words(payload) for payload in channel.render(told))
    part = shown if channel.kind != "email" else EMAIL.render(told)[0].content["text"]
    assert re.findall(r"Paper number (\d+) of fifty", part) == [str(n) for n in range(1, 51)]


@each_channel
def test_papers_beyond_the_cap_are_counted(channel: Channel) -> None:
    last = channel.render(digest(more=12))[-1]
    assert "and 12 more" in words(last) or last.content.get("more") == 12


@each_channel
def test_papers_that_find_no_room_are_counted_with_the_others(channel: Channel) -> None:
    told = digest(*(paper(n, title=f"Paper number {n} of many") for n in range(1, 601)), more=5)
    payloads = channel.render(told)
    shown = set(re.findall(r"Paper number (\d+) of many", "\n".join(words(payload) for payload in payloads)))
    rest = 605 - len(shown)
    assert f"and {rest} more" in words(payloads[-1]) or payloads[-1].content.get("more") == rest


@each_channel
def test_every_reason_is_told(channel: Channel) -> None:
    shown = "\n".join(words(payload) for payload in channel.render(digest(paper())))
    assert "Agents" in shown
    assert "Popular" in shown


@each_channel
def test_empty_digest_tells_its_note(channel: Channel) -> None:
    payloads = channel.render(ALL["empty"])
    assert len(payloads) == 1
    assert "Hugging Face had a quiet day." in words(payloads[0])


@each_channel
@pytest.mark.parametrize("name", [name for name in ALL if name != "repeat" and "twenty" not in name])
def test_a_repeat_is_marked_and_cut_as_the_first_copy_was(channel: Channel, name: str) -> None:
    told = ALL[name]
    first = rendered(channel.kind, name)
    again = [channel.again(payload) for payload in first]
    assert again == channel.render(replace(told, repeat=True))
    assert again == [channel.again(payload) for payload in again]
    numbered = r"(?m)^\d+\. "
    assert [re.findall(numbered, words(p)) for p in first] == [re.findall(numbered, words(p)) for p in again]
    if channel.kind != "fake":
        assert all("sent again" in words(payload) for payload in again)
        assert not any("sent again" in words(payload) for payload in first)


@each_channel
def test_good_address_keeps_its_spelling_and_a_bad_one_is_explained(channel: Channel) -> None:
    good = GOOD[channel.kind]
    assert channel.check_address(good) == good
    assert channel.check_address(f" {good} ") == good
    with pytest.raises(ReaderError, match=r"^not an? .*: "):
        channel.check_address("no such\naddress " * 20)


@each_channel
def test_group_is_known_by_its_address(channel: Channel) -> None:
    assert channel.is_group(GOOD[channel.kind]) == (channel.kind in ("telegram", "discord"))


# --- Telegram's limits


@each_digest
def test_telegram_parses_every_message_within_its_limits_also_when_it_is_sent_again(name: str) -> None:
    for payload in map(TELEGRAM.again, rendered("telegram", name)):
        shown, entities = parse_html(payload.content["html"])
        assert 1 <= len(shown.encode("utf-16-le")) // 2 <= 4000
        assert len(entities) <= 95
        assert len(payload.content["html"].encode()) <= 30_000
        assert not [entity for entity in entities if entity.type == "mention"]
        assert all(entity.url is None or entity.url.startswith("https://") for entity in entities)
        assert telegram.plain(payload.content["html"]).strip() == shown


@each_digest
def test_telegram_has_room_for_the_line_on_the_sources_under_every_digest(name: str) -> None:
    told = replace(ALL[name], health="𝔘 <b>" * 300)
    payloads = [TELEGRAM.again(payload) for payload in TELEGRAM.render(told)]
    for payload in payloads:
        shown, entities = parse_html(payload.content["html"])
        assert len(shown.encode("utf-16-le")) // 2 <= 4000
        assert len(entities) <= 95
        assert len(payload.content["html"].encode()) <= 30_000
    assert "𝔘 <b>" in shown


@each_channel
@pytest.mark.parametrize("name", ["ordinary", "empty", "fifty"])
def test_the_line_on_the_sources_is_under_every_digest_once_and_is_text(channel: Channel, name: str) -> None:
    if channel.kind == "fake":
        pytest.skip("the fake shows no more of a digest than its test needs")
    said = "arxiv: 214 papers, complete; <i>hf</i>: nothing of today yet."
    payloads = channel.render(replace(ALL[name], health=said))
    shown = [words(payload) for payload in payloads]
    assert said in shown[-1]
    assert sum(one.count("214 papers, complete") for one in shown) == (2 if channel.kind == "email" else 1)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 300), st.integers(0, 600), st.sampled_from("x𝔘&é ")), min_size=2, max_size=60),
    st.integers(0, 3),
)
def test_telegram_cuts_between_papers_wherever_they_end(sizes: list[tuple[int, int, str]], more: int) -> None:
    papers = [paper(n, title=f"T{n:03}" + c * a, abstract=c * b) for n, (a, b, c) in enumerate(sizes, start=1)]
    told = digest(*papers, title="A heading of some length " * 5, more=more)
    numbers: list[str] = []
    for payload in map(TELEGRAM.again, TELEGRAM.render(told)):
        shown, entities = parse_html(payload.content["html"])
        assert len(shown.encode("utf-16-le")) // 2 <= 4000
        assert len(entities) <= 95
        numbers += re.findall(r"(?m)^\d+\. T(\d{3})", shown)
    assert numbers == [f"{n:03}" for n in range(1, len(numbers) + 1)]
    rest = len(papers) - len(numbers) + more
    assert f"and {rest} more" in shown if rest else "more\n" not in shown


def test_telegram_shows_hostile_mark_up_as_text() -> None:
    [payload] = TELEGRAM.render(ALL["hostile markup"])
    shown, entities = parse_html(payload.content["html"])
    assert "<b>bold</b> <script>alert(1)</script>" in shown
    assert "https://evil.test" not in {entity.url for entity in entities}


def test_telegram_previews_the_paper_of_an_alert_and_nothing_in_a_digest() -> None:
    [alert] = TELEGRAM.render(digest(paper()))
    [several] = TELEGRAM.render(digest())
    assert alert.content["preview"] == paper().url
    assert several.content["preview"] is None


def test_telegram_alert_folds_the_whole_abstract_away_and_marks_its_words() -> None:
    [alert] = TELEGRAM.render(digest(paper()))
    shown, entities = parse_html(alert.content["html"])
    assert paper().abstract in shown
    assert "expandable_blockquote" in [entity.type for entity in entities]
    utf16 = shown.encode("utf-16-le")
    assert "tool use" in [utf16[2 * e.offset : 2 * (e.offset + e.length)].decode("utf-16-le") for e in entities]


def test_telegram_gives_up_excerpts_before_it_becomes_many_messages() -> None:
    few = TELEGRAM.render(digest(*(paper(n) for n in range(1, 11))))
    many = TELEGRAM.render(digest(*(paper(n) for n in range(1, 31))))
    assert "<blockquote>" in few[0].content["html"]
    assert not any("<blockquote>" in payload.content["html"] for payload in many)
    assert len(many) <= 4


def test_telegram_shortens_the_abstract_of_a_long_paper_first() -> None:
    [payload] = TELEGRAM.render(digest(paper(abstract="𝔘𝔫 𝔴𝔬𝔯𝔡 " * 1000)))
    shown, _ = parse_html(payload.content["html"])
    assert paper().title in shown
    assert shown.count("…") == 1


# --- Mail's limits


class Balance(HTMLParser):
    """Reads HTML and keeps what is open."""

    VOID = ("meta",)

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@each_digest
def test_mail_is_small_ascii_and_its_html_balanced(name: str) -> None:
    [payload] = map(EMAIL.again, rendered("email", name))
    raw = EMAIL.assemble("ada@example.org", payload, "1:1:0")
    assert raw.isascii()
    assert len(raw) < 102_000
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert b"\n" not in raw.replace(b"\r\n", b"")
    balance = Balance()
    balance.feed(payload.content["html"])
    assert balance.open == []
    assert balance.seen <= {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        *("div", "h1", "h2", "p", "a", "mark", "b", "em"),
    }


@pytest.mark.parametrize("name", HOSTILE)
def test_mail_subject_is_one_line_of_bounded_length(name: str) -> None:
    [payload] = rendered("email", f"hostile {name}")
    assert 0 < len(payload.content["subject"]) <= 155
    assert payload.content["subject"].splitlines() == [payload.content["subject"]]


def test_mail_gives_up_excerpts_before_it_gives_up_papers() -> None:
    told = digest(*(paper(n, title=f"Paper number {n} of fifty", abstract="many words " * 90) for n in range(1, 51)))
    said = EMAIL.render(told)[0].content["text"]
    assert len(re.findall(r"Paper number \d+ of fifty", said)) == 50
    assert "more" not in said.rsplit("Paper number 50", 1)[1].replace("61 more", "")


def test_console_lines_hold_no_control_characters() -> None:
    for name in ALL:
        shown = words(rendered("console", name)[0])
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", shown)
