"""Discord through discord.py, over real sockets, against the fake API."""

import logging
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import discord
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paperlark.channels import _discord_message as message
from paperlark.channels.discord import DM_WAIT, INVALID_MOST, Call, Discord, Invalid, Options, nonce, sorted_error
from paperlark.model.messages import Digest, Payload, Receipt
from paperlark.model.papers import Alias
from paperlark.model.problems import DeliveryError, ReaderError
from paperlark.testing.discord_site import (
    BAD_GATEWAY,
    CLOUDFLARE_BAN,
    DMS_TOO_FAST,
    DROPPED,
    MISSING_ACCESS,
    MISSING_PERMISSIONS,
    NO_DMS,
    NO_MUTUAL_GUILD,
    SERVER_ERROR,
    SILENCE,
    TOKEN,
    UNAUTHORISED,
    UNAVAILABLE,
    UNKNOWN_CHANNEL,
    UNSENT,
    Answer,
    DiscordSite,
    flood,
    invalid,
)

from .digests import ALL, HOSTILE, digest, hostile, paper

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


class Clock:
    """Seconds that pass when they are told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def site() -> AsyncIterator[DiscordSite]:
    async with DiscordSite(clock=Clock()) as server:
        yield server


@pytest.fixture
async def channel(site: DiscordSite) -> AsyncIterator[Discord]:
    made = Discord(Options(TOKEN, site.url, timeout=5))
    await made.open()
    yield made
    await made.close()


def alert(number: int = 1, **changes: Any) -> Payload:
    [payload] = message.rendered(digest(paper(number, **changes), sealed_at=None))
    return payload


def forget_nonces(site: DiscordSite) -> None:
    assert isinstance(site.clock, Clock)
    site.clock.now += site.nonces_kept + 1


def kind_of(error: DeliveryError) -> str:
    """Which reading of the error holds; there is exactly one."""
    flags = [
        name
        for name in ("permanent", "doubtful", "refused", "channel", "unreachable", "ambiguous")
        if getattr(error, name)
    ]
    if error.retry_after is not None:
        flags += ["wait here" if error.of_address else "wait"]
    assert len(flags) <= 1
    return flags[0] if flags else "transient"


async def failure(channel: Discord, address: str = "channel:42", payload: Payload | None = None) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await channel.send(address, payload or alert(), "key")
    return caught.value


# ── what readers see ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_readers_see_every_paper_of_a_digest_once_with_a_number_to_press(
    site: DiscordSite, channel: Discord
) -> None:
    payloads = channel.render(digest(*(paper(n) for n in range(1, 21))))
    for number, payload in enumerate(payloads):
        await channel.send("channel:42", payload, f"k-{number}")
    shown = "\n".join(site.texts(42))
    assert [len(re.findall(rf"(?m)^{n}\. Small Agents", shown)) for n in range(1, 21)] == [1] * 20
    labels = [label for seen in site.seen for row in seen.buttons for label, _ in row]
    assert labels == [str(n) for n in range(1, 21)]


async def test_alert_carries_its_papers_own_buttons(site: DiscordSite, channel: Discord) -> None:
    await channel.send("channel:42", alert(7), "k")
    [row] = site.seen[0].buttons
    assert [label for label, _ in row] == ["Save", "Not relevant", "Mute…", "Why?"]
    assert dict(row)["Save"] == "v1:save:7"


async def test_nobody_is_ever_mentioned(site: DiscordSite, channel: Discord) -> None:
    for number, text in enumerate(HOSTILE.values()):
        for payload in channel.render(digest(hostile(text), title="@everyone <@1> @here")):
            await channel.send("channel:42", payload, f"k{number}")
    assert site.seen and not any(seen.pings for seen in site.seen)
    assert not any(re.search(r"(?<!\\)<[@#:]|@(everyone|here)", seen.text) for seen in site.seen)


async def test_message_without_buttons_of_an_older_paperlark_is_still_sent(site: DiscordSite, channel: Discord) -> None:
    old = {name: value for name, value in alert().content.items() if name != "buttons"}
    await channel.send("channel:42", Payload(old), "k")
    assert site.seen[0].buttons == ()


async def test_direct_messages_are_opened_once_for_each_person(site: DiscordSite, channel: Discord) -> None:
    for number in range(3):
        await channel.send("user:77", alert(number), f"k{number}")
    assert len(site.texts(77)) == 3
    assert [path for _, path, _ in site.calls].count("/users/@me/channels") == 1


async def test_archived_thread_is_opened_again(site: DiscordSite, channel: Discord) -> None:
    site.archived.add(42)
    assert await channel.send("channel:42", alert(), "k") == Receipt(str(site.seen[0].message_id))
    assert 42 not in site.archived


async def test_form_that_discord_refuses_goes_as_plain_text(
    site: DiscordSite, channel: Discord, caplog: pytest.LogCaptureFixture
) -> None:
    site.script(42, invalid(embeds="Not this one."))
    receipt = await channel.send("channel:42", alert(), "k")
    assert receipt.degraded == "form refused: sent as plain text"
    [seen] = site.seen
    assert seen.embeds == () and "Small Agents" in seen.content and str(paper().url) in seen.content
    assert "refused our form" in caplog.text


async def test_form_that_is_refused_as_plain_text_too_is_this_messages_fault(
    site: DiscordSite, channel: Discord
) -> None:
    site.always["42"] = invalid(content="Nothing pleases.")
    assert kind_of(await failure(channel)) == "refused"
    assert site.sends() == 2


# ── posts ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_each_digest_is_a_post_with_its_tags_and_all_its_messages(site: DiscordSite, channel: Discord) -> None:
    site.forums.add(9)
    payloads = channel.render(digest(*(paper(n) for n in range(1, 13))))
    assert len(payloads) == 2
    for number, payload in enumerate(payloads):
        await channel.send("forum:9+5+6", payload, f"k-{number}")
    [(post, known)] = site.posts.items()
    assert known == {"forum": 9, "name": "Morning papers · Sat 21 Nov 2026", "tags": ["5", "6"]}
    assert len(site.texts(post)) == 2


async def test_post_of_a_single_paper_is_called_like_it(site: DiscordSite, channel: Discord) -> None:
    site.forums.add(9)
    await channel.send("forum:9", alert(title="A paper " * 40), "k")
    [known] = site.posts.values()
    assert known["name"].startswith("A paper A paper") and len(known["name"]) <= 100


async def test_post_is_not_made_twice_though_posts_take_no_nonce(site: DiscordSite, channel: Discord) -> None:
    site.forums.add(9)
    payloads = channel.render(digest(*(paper(n) for n in range(1, 13))))
    site.script(9, DROPPED)
    assert kind_of(await failure(channel, "forum:9", payloads[0])) == "ambiguous"
    forget_nonces(site)
    assert await channel.look("forum:9", "k-0", payloads[0]) is True
    for number, payload in enumerate(payloads):
        await channel.send("forum:9", payload, f"k-{number}")
    assert len(site.posts) == 1 and len(site.seen) == 2


async def test_two_digests_of_a_day_are_two_posts(site: DiscordSite, channel: Discord) -> None:
    site.forums.add(9)
    for number in (1, 2):
        told = digest(paper(number, title=f"Paper {number}"), paper(number + 10))
        await channel.send("forum:9", channel.render(told)[0], f"k{number}")
    assert len({known["name"] for known in site.posts.values()}) == 1 and len(site.posts) == 2


async def test_tags_that_a_forum_does_not_have_cost_no_post(site: DiscordSite, channel: Discord) -> None:
    site.forums.add(9)
    site.script(9, invalid(applied_tags="Unknown tag"))
    assert (await channel.send("forum:9+5", alert(), "k")).degraded
    assert [known["tags"] for known in site.posts.values()] == [[]]


# ── no second copy ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_same_key_is_shown_once_while_discord_remembers_its_nonce(site: DiscordSite, channel: Discord) -> None:
    site.script(42, DROPPED)
    assert kind_of(await failure(channel)) == "ambiguous"
    receipt = await channel.send("channel:42", alert(), "key")
    assert len(site.seen) == 1 and receipt.message_id == str(site.seen[0].message_id)


async def test_after_that_the_history_tells_whether_it_arrived(site: DiscordSite, channel: Discord) -> None:
    [arrived] = channel.render(digest(paper(1, title="What arrived"), sealed_at=datetime.now(UTC)))
    [lost] = channel.render(digest(paper(2, title="What got lost"), sealed_at=datetime.now(UTC)))
    site.script(42, DROPPED, UNSENT)
    for payload in (arrived, lost):
        assert kind_of(await failure(channel, payload=payload)) == "ambiguous"
    forget_nonces(site)
    assert await channel.look("channel:42", "key", arrived) is True
    assert await channel.look("channel:42", "key", lost) is False
    assert await channel.look("channel:42", "key", channel.again(arrived)) is True


async def test_history_is_read_on_to_where_the_message_stands(site: DiscordSite, channel: Discord) -> None:
    told = digest(paper(title="The one we look for"), sealed_at=datetime.now(UTC))
    [payload] = channel.render(told)
    for number in range(250):
        site.show(42, {"content": f"chatter {number}"})
    assert await channel.look("channel:42", "k", payload) is False
    site.show(42, message.body(payload))
    assert await channel.look("channel:42", "k", payload) is True


async def test_message_without_a_date_is_looked_for_in_one_page_only(site: DiscordSite, channel: Discord) -> None:
    for number in range(100):
        site.show(42, {"content": f"chatter {number}"})
    assert await channel.look("channel:42", "k", alert()) is None


async def test_history_that_may_not_be_read_tells_nothing(site: DiscordSite, channel: Discord) -> None:
    site.always["history 42"] = MISSING_ACCESS
    assert await channel.look("channel:42", "k", alert()) is None


async def test_look_in_vain_is_an_error(site: DiscordSite, channel: Discord) -> None:
    site.always["history 42"] = UNAUTHORISED
    with pytest.raises(DeliveryError):
        await channel.look("channel:42", "k", alert())


def test_nonce_is_the_keys_own_and_short() -> None:
    keys = [f"{account}:{slot}-{part}" for account in range(20) for slot in range(20) for part in range(5)]
    made = {nonce(key) for key in keys}
    assert len(made) == len(keys)
    assert all(len(each) <= 25 for each in made)
    assert nonce("a") == nonce("a")


# ── errors ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("address", "answer", "kind"),
    [
        ("user:42", NO_DMS, "doubtful"),
        ("user:42", NO_MUTUAL_GUILD, "doubtful"),
        ("user:42", MISSING_ACCESS, "doubtful"),
        ("channel:42", MISSING_ACCESS, "permanent"),
        ("channel:42", MISSING_PERMISSIONS, "permanent"),
        ("channel:42", UNKNOWN_CHANNEL, "permanent"),
        ("user:42", UNKNOWN_CHANNEL, "permanent"),
        ("channel:42", Answer(400, 50008, "Cannot send messages in a non-text channel"), "permanent"),
        ("channel:42", Answer(400, 160005, "Thread is locked"), "permanent"),
        ("channel:42", Answer(400, 50006, "Cannot send an empty message"), "refused"),
        ("channel:42", Answer(400, 240000, "Message blocked by harmful links filter"), "refused"),
        ("channel:42", UNAUTHORISED, "channel"),
        ("channel:42", Answer(403, 40001, "Unauthorized"), "channel"),
        ("channel:42", Answer(403, body=b"<html>Access denied</html>"), "channel"),
        ("channel:42", CLOUDFLARE_BAN, "channel"),
        ("channel:42", flood(7), "wait here"),
        ("channel:42", flood(7, whole=True), "wait"),
        ("channel:42", UNAVAILABLE, "transient"),
        ("channel:42", DROPPED, "ambiguous"),
        ("channel:42", UNSENT, "ambiguous"),
        ("channel:42", Answer(body=b"<html>all is well</html>"), "ambiguous"),
        ("user:42", Answer(200, body=b"gibberish"), "ambiguous"),
    ],
)
async def test_error_means_one_thing(
    site: DiscordSite, channel: Discord, address: str, answer: Answer, kind: str
) -> None:
    site.always["42"] = answer
    error = await failure(channel, address)
    assert kind_of(error) == kind
    assert str(error).startswith("discord: ") and "\n" not in str(error)
    assert TOKEN not in str(error)
    if kind.startswith("wait"):
        assert error.retry_after == timedelta(seconds=7)


async def test_missing_permission_is_named(site: DiscordSite, channel: Discord) -> None:
    site.always["42"] = MISSING_PERMISSIONS
    assert "the bot needs View Channel, Send Messages" in str(await failure(channel))


async def test_opening_direct_messages_too_fast_makes_us_wait_with_that_person(
    site: DiscordSite, channel: Discord
) -> None:
    site.always["dm 77"] = DMS_TOO_FAST
    error = await failure(channel, "user:77")
    assert kind_of(error) == "wait here" and error.retry_after == DM_WAIT
    await channel.send("user:78", alert(), "k")


async def test_person_whose_channel_is_out_of_date_is_asked_for_it_again(site: DiscordSite, channel: Discord) -> None:
    await channel.send("user:77", alert(), "k1")
    site.script(77, UNKNOWN_CHANNEL)
    await channel.send("user:77", alert(), "k2")
    assert [path for _, path, _ in site.calls].count("/users/@me/channels") == 2


@pytest.mark.parametrize(("answer", "kind"), [(SERVER_ERROR, "transient"), (BAD_GATEWAY, "ambiguous")])
async def test_server_in_trouble_is_given_up_in_time_and_its_last_word_counts(
    site: DiscordSite, answer: Answer, kind: str
) -> None:
    channel = Discord(Options(TOKEN, site.url, timeout=1.5))
    await channel.open()
    site.always["42"] = answer
    assert kind_of(await failure(channel)) == kind
    await channel.close()


async def test_silence_is_ambiguous(site: DiscordSite) -> None:
    channel = Discord(Options(TOKEN, site.url, timeout=0.3))
    await channel.open()
    site.script(42, SILENCE)
    assert kind_of(await failure(channel)) == "ambiguous"
    await channel.close()


async def test_nobody_there_is_surely_not_told(site: DiscordSite) -> None:
    channel = Discord(Options(TOKEN, "http://127.0.0.1:9", timeout=5))
    await channel.open()
    assert kind_of(await failure(channel)) == "unreachable"
    await channel.close()


async def test_short_wait_is_waited_out_at_once(site: DiscordSite, channel: Discord) -> None:
    site.script(42, flood(0.05))
    await channel.send("channel:42", alert(), "k")
    assert len(site.seen) == 1 and site.sends() == 2


async def test_wrong_token_is_the_channels_fault_and_a_later_send_tries_again(site: DiscordSite) -> None:
    channel = Discord(Options(TOKEN.replace("fake", "evil"), site.url))
    await channel.open()
    assert kind_of(await failure(channel)) == "channel"
    site.token = TOKEN.replace("fake", "evil")
    await channel.send("channel:42", alert(), "k")
    await channel.close()


async def test_refusals_stop_us_long_before_discord_does(site: DiscordSite, channel: Discord) -> None:
    site.script(42, MISSING_PERMISSIONS)
    await failure(channel)
    for _ in range(INVALID_MOST - 1):
        channel.invalid.count(403, "")
    calls = len(site.calls)
    error = await failure(channel)
    assert kind_of(error) == "channel" and "not to be barred" in str(error)
    assert len(site.calls) == calls


def test_what_is_refused_for_anothers_sake_does_not_count_towards_a_ban() -> None:
    counted = Invalid()
    for status, scope in [(200, ""), (404, ""), (429, "shared")] * INVALID_MOST:
        counted.count(status, scope)
    assert not counted.too_many()
    for _ in range(INVALID_MOST):
        counted.count(429, "user")
    assert counted.too_many()


@given(st.integers(400, 599), st.integers(0, 400_000), st.sampled_from(["channel", "user", "forum"]))
def test_every_answer_of_discords_means_exactly_one_thing(status: int, code: int, kind: str) -> None:
    class Response:
        reason = "Whatever"

        def __init__(self) -> None:
            self.status = status

    error = discord.HTTPException(Response(), {"code": code, "message": "no"})  # type: ignore[arg-type]
    assert kind_of(sorted_error(error, Call(sending=True), kind))


async def test_log_shows_neither_token_nor_address(
    site: DiscordSite, channel: Discord, caplog: pytest.LogCaptureFixture
) -> None:
    site.script(4242424242, invalid(embeds="no"), MISSING_PERMISSIONS)
    with caplog.at_level(logging.INFO):
        await failure(channel, "channel:4242424242")
    assert TOKEN not in caplog.text and "4242424242" not in caplog.text


# ── addresses and options ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("good", ["channel:1", "user:123456789012345678", "forum:5", "forum:5+6+7", " Channel:42 "])
def test_address_is_one_of_three_kinds(good: str) -> None:
    assert Discord(Options(TOKEN)).check_address(good) == good.strip().lower()


@pytest.mark.parametrize(
    "bad",
    ["", "42", "channel:", "channel:0", "channel:x", "channel:1+2", "user:1+2", "forum:1+2+3+4+5+6+7", "dm:1",
     f"channel:{2**63}", "channel:1 channel:2", "channel:١٢"],
)  # fmt: skip
def test_what_is_no_address_is_explained(bad: str) -> None:
    with pytest.raises(ReaderError, match="not a Discord address: give channel:ID"):
        Discord(Options(TOKEN)).check_address(bad)


async def test_bad_address_is_never_sent_to(site: DiscordSite, channel: Discord) -> None:
    assert kind_of(await failure(channel, "nowhere")) == "permanent"
    assert site.calls == []


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (Options("nonsense"), "discord: token: "),
        (Options(TOKEN, "ftp://discord.test"), "discord: base_url: "),
        (Options(TOKEN, timeout=0), "discord: timeout: "),
    ],
)
def test_option_that_cannot_be_is_named(options: Options, fault: str) -> None:
    with pytest.raises(ReaderError, match=fault):
        Discord(options)


# ── mark-up and sizes ──────────────────────────────────────────────────────────────────────────────────────────────


def unescaped(markup: str) -> str:
    return re.sub(r"\\([\W_])", r"\1", markup).replace("@\u2060", "@")


@given(st.text(max_size=200))
def test_escaped_text_shows_what_it_was(words: str) -> None:
    if "\u2060" not in words:
        assert unescaped(message.escaped(words)) == words


@given(st.text(alphabet="*_~`|[]()<>@#!-> \\abc1.\u2060", max_size=60))
def test_escaped_text_has_no_mark_that_means_anything(words: str) -> None:
    left = re.sub(r"\\[\W_]", "…", message.escaped(words))
    assert not re.search(r"[*_~`|<\[\]]|@(?=\w)|^[>#+-]|^\d+\.", left)


@given(st.text(alphabet=st.characters(exclude_characters="`\n", exclude_categories=["Cs"]), min_size=1, max_size=80))
def test_query_shown_as_code_is_read_back(words: str) -> None:
    if words.strip():
        assert message.codes(f"1. {message.code(words)}: 3 papers") == [words]


def test_link_cannot_leave_its_brackets() -> None:
    assert message.anchor("https://a.test/x)(y[1]*_", "co[de](https://evil.test)") == (
        r"[co\[de\](https://evil.test)](<https://a.test/x%29%28y%5B1%5D%2A%5F>)"
    )


@pytest.mark.parametrize("name", ALL)
def test_every_message_is_within_all_limits_also_when_it_is_sent_again(name: str) -> None:
    for payload in map(message.again, message.rendered(replace(ALL[name], health="𝔘 <b>" * 300))):
        body = message.body(payload)
        assert message.units(body["content"]) <= 2000
        assert len(body["embeds"]) <= 10
        assert all(message.units(embed.get("title", "")) <= 256 for embed in body["embeds"])
        assert all(message.units(embed.get("description", "")) <= 4096 for embed in body["embeds"])
        assert message._size(body["embeds"]) <= 6000
        addresses = [embed["url"] for embed in body["embeds"] if "url" in embed]
        assert len(set(addresses)) == len(addresses)
        assert all(len(row["components"]) <= 5 for row in body.get("components", ()))
        assert message.units(message.plain_body(payload)["content"]) <= 2000
        assert 1 <= len(payload.content["post"]) <= 100


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 300), st.integers(0, 600), st.sampled_from("x𝔘*é ")), min_size=2, max_size=60))
def test_digest_is_cut_between_papers_wherever_they_end(sizes: list[tuple[int, int, str]]) -> None:
    papers = [paper(n, title=f"T{n:03}" + c * a, abstract=c * b) for n, (a, b, c) in enumerate(sizes, start=1)]
    told = digest(*papers, title="A heading of some length " * 5)
    numbers: list[str] = []
    for payload in message.rendered(told):
        assert message._size(payload.content["embeds"]) <= 6000
        numbers += [
            found[1] for e in payload.content["embeds"] if (found := re.match(r"\d+\. T(\d{3})", e.get("title", "")))
        ]
    assert numbers == [f"{n:03}" for n in range(1, len(papers) + 1)]


def test_papers_with_one_address_are_all_shown() -> None:
    shared = {"url": "https://example.org/issue", "aliases": ()}
    [payload] = message.rendered(digest(paper(1, **shared), paper(2, **shared), paper(3)))
    first, second, third = payload.content["embeds"][:3]
    assert first["url"] == "https://example.org/issue" and "url" not in second
    assert "[read it](<https://example.org/issue>)" in second["description"]
    assert third["url"] != first["url"]


def test_alert_has_its_whole_abstract_and_marked_words() -> None:
    [embed] = alert().content["embeds"]
    assert embed["title"] == "Small Agents, Large Tools: Planning __Tool Use__ in Two Passes"
    assert "> **Agents** that call tools" in embed["description"]
    assert "not from longer prompts." in embed["description"]
    assert "because of *Agents*" in embed["description"]


def test_paper_without_a_number_of_its_own_page_has_no_link() -> None:
    [embed] = alert(url=None, aliases=(Alias("title", "x"),)).content["embeds"]
    assert "url" not in embed


def test_empty_digest_is_its_note() -> None:
    [payload] = message.rendered(Digest("Morning papers", NOW.date(), (), note="A quiet day. [x](y)"))
    assert payload.content["embeds"][0]["description"] == r"A quiet day. \[x\](y)"
    assert message.body(payload).get("components") is None


def test_rows_of_buttons_are_cut_to_what_discord_shows() -> None:
    rows = message.components([[("1", f"v1:open:{n}") for n in range(8)]])
    assert [len(row["components"]) for row in rows] == [5, 3]


def test_choices_share_rows_where_there_are_too_many_and_none_is_lost() -> None:
    numbers, choices = [list("123456789")], [[word] for word in ("larks", "wrens", "owls", "Ada", "Bo", "Back")]
    rows = message.fitted([*numbers, *choices])
    assert rows[:2] == [list("12345"), list("6789")] and len(rows) == 5
    assert [each for row in rows[2:] for each in row] == ["larks", "wrens", "owls", "Ada", "Bo", "Back"]


@given(st.lists(st.lists(st.integers(), max_size=12), max_size=12))
def test_keyboard_is_never_larger_than_discord_allows_and_keeps_its_order(rows: list[list[int]]) -> None:
    made = message.fitted(rows)
    assert len(made) <= 5 and all(1 <= len(row) <= 5 for row in made)
    everything, kept = [each for row in rows for each in row], [each for row in made for each in row]
    assert kept == everything[: len(kept)]
    assert kept == everything or len(kept) > 12


@given(st.lists(st.sampled_from(["v1:open:1", "v1:mute-word:2:v1:x", "v1:save:2"]), min_size=1, max_size=20))
def test_same_button_twice_in_a_message_is_told_apart_and_says_the_same(said: list[str]) -> None:
    rows = message.components([[("x", data) for data in said]])
    ids = [button["custom_id"] for row in rows for button in row["components"]]
    assert len(set(ids)) == len(ids) and [message.data_of(each) for each in ids] == said
