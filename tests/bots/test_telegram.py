"""The bot on Telegram as its readers see it: text in, text and buttons out, through python-telegram-bot over HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from paperlark.bots.commands import COMMANDS
from paperlark.bots.telegram_reading import BLOCKED
from paperlark.bots.telegram_release import DESCRIPTION, SHORT_DESCRIPTION, publish
from paperlark.bots.telegram_webhook import PATH, secret_of
from paperlark.channels.telegram import Options, Telegram
from paperlark.model.problems import DeliveryError
from paperlark.model.readers import MarkKind
from paperlark.readers import follow, link, mark, subscribe
from paperlark.store import accounts
from paperlark.store.database import Store, open_store
from paperlark.testing.bot_api import BLOCKED as BLOCKED_ANSWER
from paperlark.testing.bot_api import TOKEN, UNAUTHORISED, BotApi, Seen, migrated
from paperlark.testing.clock import FakeClock
from tests.bots.telegram_world import ask, last, press, running, swift, until
from tests.builders import MONDAY, deliver, numbered, percolate, record, told

pytestmark = pytest.mark.filterwarnings("ignore::telegram.warnings.PTBDeprecationWarning")

ANN, BEN = 42, 43
GROUP, CHANNEL = -1001234567890, -1002222222222
ROW = ["Save", "Not relevant", "Mute…", "Why?"]


@pytest.fixture
async def api() -> AsyncIterator[BotApi]:
    async with BotApi() as server:
        server.people.kinds[CHANNEL] = "channel"
        yield server


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MONDAY)


@pytest.fixture
async def store(sqlite: Callable[[], str], clock: FakeClock) -> AsyncIterator[Store]:
    opened = await open_store(sqlite(), clock=clock)
    yield opened
    await opened.close()


@pytest.fixture
async def bot(api: BotApi, store: Store) -> AsyncIterator[BotApi]:
    """The server of a bot that is running."""
    async with running(api, store):
        yield api


async def account(store: Store, *identity: str) -> int:
    async with store.reading() as tx:
        found = await accounts.known(tx, *identity)
    assert found is not None
    return found


async def tell(store: Store, clock: FakeClock, number: int, title: str, **fields: object) -> int:
    """A source announces a paper, and it is percolated."""
    clock.advance(minutes=5)
    recorded = await record(store, told(title, arxiv=f"2603.{number:05d}", at=clock(), **fields))  # type: ignore[arg-type]
    await percolate(store)
    return recorded.papers[0]


async def digest_of(api: BotApi, store: Store, clock: FakeClock) -> Seen:
    """What Ann is told tomorrow morning."""
    channel = swift(api)
    await channel.open()
    before = len(api.texts(ANN))
    await deliver(store, channel)
    clock.advance(days=1)
    await deliver(store, channel)
    await channel.close()
    assert len(api.texts(ANN)) == before + 1
    return last(api, ANN)


async def followed(api: BotApi, store: Store, clock: FakeClock) -> Seen:
    """What Ann is told of a paper that she follows, while no bot is running."""
    async with running(api, store):
        await ask(api, ANN, "/follow larks")
    await tell(store, clock, 1, "Larks that nest", authors=("Ada One",))
    return await digest_of(api, store, clock)


async def eventually(so: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something is so in the store."""
    async with asyncio.timeout(10):
        while not await so():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


# ── commands, one after the other ──────────────────────────────────────────────────────────────────────────────────


async def test_start_says_what_this_is_and_what_to_type(bot: BotApi) -> None:
    said = await ask(bot, ANN, "/start")
    assert "The morning's papers" in said.text
    assert "/follow" in said.text and "/help" in said.text


async def test_start_with_a_code_from_elsewhere_joins_that_account(bot: BotApi, store: Store) -> None:
    async with store.transaction() as tx:
        me = await accounts.local_account(tx, await tx.now())
    await follow.follow(store, me, "larks")
    code = await link.begin(store, me)
    assert "Linked" in (await ask(bot, ANN, f"/start {code.text}")).text
    assert "larks" in (await ask(bot, ANN, "/list")).text
    assert await account(store, "telegram", str(ANN)) == me
    assert "does not work" in (await ask(bot, BEN, f"/start {code.text}")).text


async def test_follow_list_edit_and_unfollow(bot: BotApi) -> None:
    assert "Following: “larks at dawn”" in (await ask(bot, ANN, "/follow larks at dawn")).text
    assert "1. larks at dawn, daily" in (await ask(bot, ANN, "/list")).text
    assert "wrens" in (await ask(bot, ANN, "/edit 1 wrens at dusk")).text
    assert "wrens at dusk" in (await ask(bot, ANN, "/list")).text
    gone = await ask(bot, ANN, "/unfollow 1")
    assert gone.labels == ["Follow it again"]
    assert await press(bot, gone, "Follow it again") == "From now on."
    await until(lambda: "Following: “wrens at dusk”" in last(bot, ANN).text)
    assert bot.seen[gone.message_id - 1].labels == []


async def test_query_that_cannot_be_read_is_answered_with_the_nearest_that_can(bot: BotApi) -> None:
    said = await ask(bot, ANN, '/follow "larks')
    assert "I cannot read that query" in said.text
    assert said.labels == ["Yes, follow that"]
    await press(bot, said, "Yes, follow that")
    await until(lambda: "Following" in last(bot, ANN).text)


async def test_preview_offers_to_follow_and_words_alone_are_previewed(bot: BotApi, store: Store) -> None:
    await record(store, *numbered(3, "larks"))
    await percolate(store)
    said = await ask(bot, ANN, "/preview larks")
    assert "Follow this" in said.labels
    plainly = await ask(bot, BEN, "larks")
    assert plainly.labels == said.labels
    await press(bot, plainly, "Follow this")
    await until(lambda: "Following: “larks”" in last(bot, BEN).text)


async def test_when_says_what_is_set_and_sets_it(bot: BotApi) -> None:
    await ask(bot, ANN, "/follow larks")
    assert "08:30" in (await ask(bot, ANN, "/when daily 08:30 Europe/Berlin quiet 22-7")).text
    assert "Europe/Berlin" in (await ask(bot, ANN, "/when")).text
    assert "no hour" in (await ask(bot, ANN, "/when 25:00")).text


async def test_search_and_trending_show_papers_as_alerts_do(bot: BotApi, store: Store, clock: FakeClock) -> None:
    await tell(store, clock, 1, "Larks <b>that</b> nest", signals={"upvotes": 40})
    said = await ask(bot, ANN, "/search larks nest")
    assert "Larks <b>that</b> nest" in said.text
    assert said.labels[:4] == ROW
    assert (await ask(bot, ANN, "/search zebrafish")).text
    assert (await ask(bot, ANN, "/trending")).text


async def test_why_names_the_words_and_a_paper_that_nobody_knows(bot: BotApi, store: Store, clock: FakeClock) -> None:
    await ask(bot, ANN, "/follow larks")
    await tell(store, clock, 1, "Larks that nest")
    assert "larks" in (await ask(bot, ANN, "/why 2603.00001")).text.lower()
    assert (await ask(bot, ANN, "/why 2603.99999")).text
    assert "/why" in (await ask(bot, ANN, "/why")).text


async def test_mute_unmute_mutes_pause_resume_and_status(bot: BotApi) -> None:
    await ask(bot, ANN, "/follow larks")
    for command in ("/mute zebrafish", "/mutes", "/unmute zebrafish", "/pause 3 days", "/status", "/resume", "/saved"):
        said = (await ask(bot, ANN, command)).text
        assert said and "wrong here" not in said, command
    assert "zebrafish" not in (await ask(bot, ANN, "/mutes")).text


async def test_link_shows_a_code_that_works_elsewhere(bot: BotApi, store: Store) -> None:
    said = await ask(bot, ANN, "/link")
    code = next(word for word in said.text.split() if len(word) == 9 and word[4] == "-")
    assert await link.redeem(store, code, "local", "command-line") == await account(store, "telegram", str(ANN))


async def test_export_is_a_file(bot: BotApi) -> None:
    await ask(bot, ANN, "/follow larks")
    await bot.say(ANN, "/export")
    await until(lambda: last(bot, ANN).file)
    assert (found := last(bot, ANN).file) is not None
    assert found[0] == "paperlark.json"
    assert json.loads(found[1])["profiles"][0]["text"] == "larks"


async def test_everything_is_deleted_once_the_button_says_so_and_by_nobody_else(bot: BotApi) -> None:
    await ask(bot, ANN, "/follow larks")
    asked = await ask(bot, ANN, "/delete_my_data")
    other = await ask(bot, BEN, "/delete_my_data")
    assert "not yours" in await press(bot, other, "", data=asked.data("Delete everything"))
    assert "larks" in (await ask(bot, ANN, "/list")).text
    assert await press(bot, asked, "Delete everything") == "Forgotten."
    await until(lambda: "Nothing stays" in last(bot, ANN).text)
    assert "nothing yet" in (await ask(bot, ANN, "/list")).text


async def test_help_names_every_command_and_is_mark_up_that_telegram_takes(bot: BotApi) -> None:
    said = await ask(bot, ANN, "/help")
    assert said.html is not None  # not sent as plain text
    assert [command.name for command in COMMANDS if f"/{command.name}" not in said.text] == []


async def test_unknown_command_is_answered_in_private_only(bot: BotApi) -> None:
    assert "/help" in (await ask(bot, ANN, "/dance")).text
    await bot.say(GROUP, "/dance", by=7)
    await ask(bot, GROUP, "/list", by=7)
    assert len(bot.texts(GROUP)) == 1


async def test_digest_brings_what_waits(bot: BotApi, store: Store, clock: FakeClock) -> None:
    await ask(bot, ANN, "/follow larks")
    assert "Nothing waits" in (await ask(bot, ANN, "/digest")).text
    await tell(store, clock, 1, "Larks that nest")
    assert "1 paper is on the way" in (await ask(bot, ANN, "/digest")).text


# ── buttons ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_buttons_of_a_digest_work_after_a_restart_and_change_in_place(
    api: BotApi, store: Store, clock: FakeClock
) -> None:
    async with running(api, store):
        await ask(api, ANN, "/follow larks")
    papers = [await tell(store, clock, number, f"Larks that nest {number}") for number in range(3)]
    digest = await digest_of(api, store, clock)
    assert digest.labels == ["1", "2", "3"]
    async with running(api, store):
        await press(api, digest, "2")
        await until(lambda: last(api, ANN).labels == ["1", "2", "3", *ROW])
        shown = last(api, ANN)
        assert "Saved" in await press(api, shown, "Save")
        await until(lambda: last(api, ANN).labels == ["1", "2", "3", "Saved ✓", *ROW[1:]])
        mine = await account(store, "telegram", str(ANN))
        paper = int(shown.data("Save").removeprefix("v1:save:"), 36)
        assert paper in papers
        assert set((await mark.marked(store, mine, str(paper))).marks) == {MarkKind.SAVED}
        await press(api, last(api, ANN), "Saved ✓")
        await until(lambda: last(api, ANN).labels == ["1", "2", "3", *ROW])
        await press(api, last(api, ANN), "1")
        await until(lambda: last(api, ANN).data("Save") != shown.data("Save"))
    assert len(api.texts(ANN)) == 2  # the answer to /follow and the digest: nothing was said besides


async def test_mute_offers_what_the_paper_has_and_turns_into_its_opposite(
    api: BotApi, store: Store, clock: FakeClock
) -> None:
    alert = await followed(api, store, clock)
    assert alert.labels == ROW
    async with running(api, store):
        await press(api, alert, "Mute…")
        await until(lambda: "‹ Back" in last(api, ANN).labels)
        author = next(label for label in last(api, ANN).labels if "Ada One" in label)
        before = last(api, ANN).labels
        await press(api, last(api, ANN), author)
        await until(lambda: last(api, ANN).labels != before)
        assert "Ada One" in (await ask(api, ANN, "/mutes")).text


@pytest.mark.parametrize("data", ["", "nonsense", "v9:save:1", "v1:save:zzzzzzzzzzzzz", "v1:follow:7", "v1:delete:1"])
async def test_press_of_nonsense_is_answered_and_nothing_happens(bot: BotApi, data: str) -> None:
    said = await ask(bot, ANN, "/start")
    assert await press(bot, said, "", data=data or " ")
    await ask(bot, ANN, "/list")
    assert len(bot.texts(ANN)) == 2


async def test_press_that_is_too_late_to_answer_still_does_what_it_says(
    api: BotApi, store: Store, clock: FakeClock
) -> None:
    alert = await followed(api, store, clock)
    api.expire(await api.press(alert, "Save"))
    async with running(api, store):
        await until(lambda: last(api, ANN).labels[0] == "Saved ✓")
    mine = await account(store, "telegram", str(ANN))
    paper = str(int(alert.data("Save").removeprefix("v1:save:"), 36))
    assert set((await mark.marked(store, mine, paper)).marks) == {MarkKind.SAVED}
    assert api.notices == {}


async def test_pressing_twice_is_as_good_as_once(api: BotApi, store: Store, clock: FakeClock) -> None:
    alert = await followed(api, store, clock)
    async with running(api, store):
        for _ in range(3):  # from the second on the keyboard is as it shall be
            assert "Saved" in await press(api, alert, "Save")
        await ask(api, ANN, "/saved")
    assert api.seen[alert.message_id - 1].labels == ["Saved ✓", *ROW[1:]]


async def test_button_of_somebody_elses_message_marks_for_who_presses(
    api: BotApi, store: Store, clock: FakeClock
) -> None:
    alert = await followed(api, store, clock)
    async with running(api, store):
        theirs = await ask(api, BEN, "/start")
        await press(api, theirs, "", data=alert.data("Save"))
        assert "Larks that nest" in (await ask(api, BEN, "/saved")).text
        assert "Nothing is saved" in (await ask(api, ANN, "/saved")).text


# ── groups, topics, channels ───────────────────────────────────────────────────────────────────────────────────────


async def test_in_a_group_administrators_change_what_it_gets_and_everybody_may_look(bot: BotApi, store: Store) -> None:
    bot.administrators.add((GROUP, 7))
    assert "only administrators" in (await ask(bot, GROUP, "/follow larks", by=8)).text.lower()
    assert "Following" in (await ask(bot, GROUP, "/follow@paperlark_test_bot larks", by=7)).text
    assert "larks" in (await ask(bot, GROUP, "/list", by=8)).text
    assert "Following" in (await ask(bot, GROUP, "/follow wrens", by=GROUP)).text  # who stays unnamed
    asked = await ask(bot, GROUP, "/unfollow 1", by=7)
    assert "only administrators" in (await press(bot, asked, "Follow it again", by=8)).lower()
    assert await press(bot, asked, "Follow it again", by=7) == "From now on."
    await until(lambda: "Following" in last(bot, GROUP).text)
    assert "only administrators" in (await ask(bot, GROUP, "/trending daily", by=8)).text.lower()
    assert "only administrators" not in (await ask(bot, GROUP, "/trending daily", by=7)).text.lower()
    [group] = await subscribe.destinations(store, await account(store, "telegram-chat", str(GROUP)))
    assert group.address == str(GROUP)
    assert [method for method, _ in bot.calls].count("getChatMember") == 7  # not to look, nor for the group itself


async def test_each_topic_follows_its_own_and_is_answered_there(bot: BotApi, store: Store) -> None:
    bot.administrators.add((GROUP, 7))
    assert (await ask(bot, GROUP, "/follow larks", by=7, topic=5)).thread == 5
    general = await ask(bot, GROUP, "/list", by=7, reply_thread=99)
    assert general.thread is None and "nothing yet" in general.text
    [topic] = await subscribe.destinations(store, await account(store, "telegram-chat", f"{GROUP}/5"))
    assert topic.address == f"{GROUP}/5"


async def test_channel_is_told_what_its_posts_ask_for(bot: BotApi) -> None:
    assert "Following" in (await ask(bot, CHANNEL, "/follow larks")).text
    assert "larks" in (await ask(bot, CHANNEL, "/list")).text


async def test_block_pauses_with_a_reason_and_coming_back_resumes(bot: BotApi, store: Store) -> None:
    await ask(bot, ANN, "/follow larks")
    mine = await account(store, "telegram", str(ANN))

    async def paused() -> bool:
        [place] = await subscribe.destinations(store, mine)
        assert BLOCKED in (place.paused_reason or BLOCKED)
        return place.paused_reason is not None

    async def well() -> bool:
        return not await paused()

    await bot.put(bot.people.member(ANN, "member", "kicked"))
    await eventually(paused)
    await bot.put(bot.people.member(ANN, "kicked", "member"))
    await eventually(well)


async def test_reader_whom_an_answer_does_not_reach_is_paused_until_start(bot: BotApi, store: Store) -> None:
    await ask(bot, ANN, "/follow larks")
    mine = await account(store, "telegram", str(ANN))

    async def paused() -> bool:
        [place] = await subscribe.destinations(store, mine)
        return "blocked" in (place.paused_reason or "")

    bot.script(ANN, BLOCKED_ANSWER)
    await bot.say(ANN, "/list")
    await eventually(paused)
    await ask(bot, ANN, "/start")
    assert not await paused()


@pytest.mark.parametrize("told_by", ["message", "answer"])
async def test_group_that_becomes_a_supergroup_keeps_what_it_follows(bot: BotApi, store: Store, told_by: str) -> None:
    old = -4242
    bot.people.kinds[old] = "group"
    bot.administrators |= {(old, 7), (GROUP, 7)}
    await ask(bot, old, "/follow larks", by=7)
    if told_by == "message":
        await bot.put(bot.people.told(old, migrate_to_chat_id=GROUP))
    else:
        bot.script(old, migrated(GROUP))
        await bot.say(old, "/list", by=7)
        await until(lambda: bot.texts(GROUP))
    assert "larks" in (await ask(bot, GROUP, "/list", by=8)).text
    mine = await account(store, "telegram-chat", str(GROUP))
    assert [place.address for place in await subscribe.destinations(store, mine)] == [str(GROUP)]


# ── inline ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_inline_query_finds_papers_for_its_asker_alone(bot: BotApi, store: Store) -> None:
    await record(store, *numbered(60, "larks"))
    await percolate(store)
    query = await bot.seek("larks", by=7)
    await until(lambda: query in bot.found)
    found = bot.found[query]
    assert found["is_personal"] in ("true", True)
    assert 0 < len(found["results"]) <= 50
    first = found["results"][0]
    assert "of larks at large" in first["title"]
    assert first["input_message_content"]["parse_mode"] == "HTML"
    assert first["title"] in first["input_message_content"]["message_text"]


@pytest.mark.parametrize("text", ["", '"larks', "zebrafish", "x" * 256])
async def test_inline_query_that_finds_nothing_is_answered_all_the_same(bot: BotApi, text: str) -> None:
    query = await bot.seek(text, by=7)
    await until(lambda: query in bot.found)
    assert bot.found[query]["results"] == []


# ── the release ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_release_sets_menus_by_scope_texts_and_the_webhook(api: BotApi) -> None:
    channel = Telegram(Options(TOKEN, api.url))
    await channel.open()
    assert "updates are fetched" in await publish(channel, None)
    menus = {
        json.loads(each.get("scope", "{}")).get("type"): [one["command"] for one in json.loads(each["commands"])]
        for each in api.published["setMyCommands"]
    }
    assert set(menus) == {"default", "all_private_chats", "all_group_chats", "all_chat_administrators"}
    assert menus["all_private_chats"] == [command.name for command in COMMANDS]
    assert "follow" not in menus["all_group_chats"] and "list" in menus["all_group_chats"]
    assert api.published["setMyDescription"][0]["description"] == DESCRIPTION
    assert api.published["setMyShortDescription"][0]["short_description"] == SHORT_DESCRIPTION
    assert "updates come to" in await publish(channel, "https://papers.example.org")
    assert api.webhook["url"] == f"https://papers.example.org{PATH}"
    assert api.webhook["secret_token"] == secret_of(TOKEN)
    assert "my_chat_member" in api.webhook["allowed_updates"]
    await publish(channel, None)
    assert api.webhook == {}
    api.always["setMyCommands"] = UNAUTHORISED
    with pytest.raises(DeliveryError) as caught:
        await publish(channel, None)
    assert caught.value.channel and TOKEN not in str(caught.value)
    await channel.close()


def test_menus_are_within_telegrams_limits() -> None:
    assert len(DESCRIPTION) <= 512 and len(SHORT_DESCRIPTION) <= 120
    assert len(COMMANDS) <= 100
    assert all(1 <= len(command.summary) <= 256 for command in COMMANDS)
