"""Every command on Discord as a reader sees it: commands, forms and buttons go in, messages and buttons come out."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from paperlark.bots.commands import COMMANDS
from paperlark.bots.discord_papers import NAMES
from paperlark.bots.discord_talking import SORRY
from paperlark.model.messages import Digest, Payload
from paperlark.readers import follow, mark, subscribe
from paperlark.store import accounts
from paperlark.store.database import open_store
from paperlark.testing.clock import FakeClock
from tests.bots.discord_world import World, labels_of, text_of, world
from tests.builders import MONDAY
from tests.databases import Fresh


@pytest.fixture
async def here(sqlite: Fresh) -> AsyncIterator[World]:
    clock = FakeClock(MONDAY)
    store = await open_store(sqlite(), clock=clock)
    async with world(store, clock) as made:
        yield made
    await store.close()


async def account(here: World, platform: str, number: int) -> int:
    async with here.store.reading() as tx:
        found = await accounts.known(tx, platform, str(number))
    assert found is not None
    return found


async def followed(here: World, platform: str, number: int) -> list[str]:
    mine = await follow.listed(here.store, await account(here, platform, number))
    return [profile.text for profile, _ in mine]


# ── following ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_following_says_what_comes_where_and_it_comes_to_direct_messages(here: World) -> None:
    said = await here.says("follow", query='"larks nest" -owls', often="weekly")
    assert r'Following: “"larks nest" -owls”.' in said.replace("\\", "") and "every Monday at 08:00" in said
    assert await followed(here, "discord", here.ann.id) == ['"larks nest" -owls']
    me = await account(here, "discord", here.ann.id)
    [(subscription, place)] = await subscribe.subscriptions(here.store, me)
    assert (place.channel, place.address) == ("discord", f"user:{here.ann.id}")
    assert subscription.cadence == "weekly"


async def test_following_without_a_query_opens_a_form(here: World) -> None:
    shown = await here.gives("follow")
    assert shown.modal is not None and shown.modal["title"] == "Follow"
    answer = await here.ann.submit_modal(shown, {"query": "larks nest\nowls", "often": ["instant"]})
    assert "come here at once" in text_of(answer)
    assert await followed(here, "discord", here.ann.id) == ["larks nest\nowls"]


async def test_form_that_was_open_while_the_bot_restarted_still_counts(here: World) -> None:
    shown = await here.gives("follow")
    await here.restart()
    await here.ann.submit_modal(shown, {"query": "larks", "often": ["daily"]})
    assert await followed(here, "discord", here.ann.id) == ["larks"]


async def test_query_that_cannot_be_read_is_shown_mended_and_a_button_takes_that(here: World) -> None:
    answer = await here.gives("follow", query="larks (nest")
    assert "I cannot read that query" in text_of(answer) and answer.response is not None
    [[label]] = labels_of(answer.response)
    pressed = await here.ann.click(answer.response.message, label=label)
    assert "Following" in text_of(pressed)
    assert len(await followed(here, "discord", here.ann.id)) == 1
    assert answer.response.components == []


async def test_query_that_would_flood_is_saved_when_a_button_says_so_also_after_a_restart(here: World) -> None:
    for number in range(70):
        await here.tell(number, f"Larks {'nest' if number % 9 == 0 else 'sing'} at dawn {number}", "Of larks.")
    answer = await here.gives("follow", query="larks")
    assert "more than most people read" in text_of(answer) and answer.response is not None
    assert await followed(here, "discord", here.ann.id) == []
    await here.restart()
    await here.ann.click(answer.response.message, label="Follow 1 all the same")
    assert await followed(here, "discord", here.ann.id) == ["larks"]


async def test_list_numbers_what_is_followed(here: World) -> None:
    assert "follow nothing yet" in await here.says("list")
    await here.says("follow", query="larks nest")
    assert "**larks nest**, daily" in await here.says("list")


async def test_profile_is_completed_by_name_and_edited_by_its_id(here: World) -> None:
    for query in ("larks nest", "owls hunt"):
        await here.says("follow", query=query)
    [choice] = await here.ann.autocomplete("papers edit", "profile", "LARK")
    assert choice["name"] == "larks nest"
    assert "Changed" in await here.says("edit", profile=choice["value"], query="larks migrate")
    assert await followed(here, "discord", here.ann.id) == ["larks migrate", "owls hunt"]


async def test_edit_form_holds_the_query_as_it_is(here: World) -> None:
    await here.says("follow", query="larks nest")
    shown = await here.gives("edit", profile="larks nest")
    assert shown.modal is not None
    assert shown.modal["components"][0]["component"]["value"] == "larks nest"
    assert "Changed" in text_of(await here.ann.submit_modal(shown, {"query": "larks\nwrens"}))
    assert await followed(here, "discord", here.ann.id) == ["larks\nwrens"]


async def test_unfollow_ends_it(here: World) -> None:
    await here.says("follow", query="larks")
    await here.says("unfollow", profile="larks")
    assert await followed(here, "discord", here.ann.id) == []


async def test_reader_follows_saves_and_leaves_on_both_databases(store_url: str) -> None:
    clock = FakeClock(MONDAY)
    store = await open_store(store_url, clock=clock)
    async with world(store, clock) as here:
        await here.says("follow", query="larks")
        await here.tell(1, "Larks that nest")
        found = (await here.gives("search", query="larks")).response
        assert found is not None
        assert "Saved" in text_of(await here.ann.click(found.message, label="Save"))
        assert "Larks that nest" in await here.says("saved")
        asked = (await here.gives("delete")).response
        assert asked is not None
        await here.ann.click(asked.message, label="Delete everything")
        assert "follow nothing yet" in await here.says("list")
    await store.close()


# ── answers ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_preview_saves_nothing(here: World) -> None:
    await here.tell(1, "Larks that nest")
    said = await here.says("preview", query="larks")
    assert "Larks that nest" in said
    assert await followed(here, "discord", here.ann.id) == []


async def test_search_shows_papers_as_alerts_do_with_their_buttons(here: World) -> None:
    await here.tell(1, "Larks that nest", "They nest in meadows.")
    answer = await here.gives("search", query="larks")
    [embed] = [embed for part in (answer.response, *answer.followups) if part for embed in part.embeds]
    assert "Larks" in (embed.title or "") and "nest" in (embed.title or "") and (embed.url or "").endswith("2603.00001")
    parts = [part for part in (answer.response, *answer.followups) if part is not None]
    assert labels_of(parts[-1])[0] == ["Save", "Not relevant", "Mute…", "Why?"]


async def test_why_tells_why_not_too(here: World) -> None:
    await here.says("follow", query="owls")
    await here.tell(1, "Larks that nest")
    assert "owls" in await here.says("why", paper="2603.00001")
    assert "2603.99999" in await here.says("why", paper="2603.99999")


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("trending", {}, r"[Tt]rending|[Nn]othing"),
        ("when", {}, r"daily|Nothing|nothing"),
        ("status", {}, r"[Ss]ource|[Dd]eliver|nothing"),
        ("mutes", {}, r"[Nn]othing"),
        ("saved", {}, r"[Nn]othing|No|no"),
        ("digest", {}, r"[Nn]othing|wait"),
        ("link", {}, r"Your code is `"),
        ("help", {}, r"`/papers follow \[instant\|daily\|weekly\] QUERY`"),
        ("start", {}, r"The morning's papers"),
        ("pause", {}, r"\w"),
        ("resume", {}, r"\w"),
    ],
)
async def test_command_answers_a_newcomer(here: World, name: str, options: dict[str, Any], expected: str) -> None:
    assert re.search(expected, await here.says(name, **options))


async def test_when_sets_the_hour_and_completes_the_zone(here: World) -> None:
    await here.says("follow", query="larks")
    [choice] = await here.ann.autocomplete("papers when", "zone", "Europe/Berl")
    said = await here.says("when", how="daily 08:30", zone=choice["value"])
    assert "08:30" in said and "Berlin" in said


async def test_mute_completes_names_of_authors_and_unmute_what_is_muted(here: World) -> None:
    await here.tell(1, "Larks", authors=("Yang Song", "Ada Lark"))
    choices = await here.ann.autocomplete("papers mute", "what", "author:yang so")
    assert [choice["value"].startswith("author:") for choice in choices] == [True]
    assert await here.ann.autocomplete("papers mute", "what", "yang") == []
    assert "Muted" in await here.says("mute", what=choices[0]["value"])
    [muted] = await here.ann.autocomplete("papers unmute", "what", "song")
    await here.says("unmute", what=muted["value"])
    assert await here.ann.autocomplete("papers unmute", "what", "song") == []


async def test_export_is_a_file(here: World) -> None:
    await here.says("follow", query="larks")
    answer = await here.gives("export")
    assert answer.response is not None
    assert [file.filename for file in answer.response.attachments] == ["paperlark.json"]


async def test_delete_asks_first_and_then_forgets_everything(here: World) -> None:
    await here.says("follow", query="larks")
    asked = await here.gives("delete")
    assert "`/papers export` first" in text_of(asked) and asked.response is not None
    await here.ann.click(asked.response.message, label="Delete everything")
    assert "follow nothing yet" in await here.says("list")


async def test_every_command_is_offered_and_says_what_it_is_for(here: World) -> None:
    offered = {name.removeprefix("papers ") for name in here.ann.available_commands()}
    assert offered == {NAMES.get(command.name, command.name) for command in COMMANDS}


# ── buttons under papers ───────────────────────────────────────────────────────────────────────────────────────────


async def test_button_of_a_paper_turns_into_its_opposite_and_says_what_changes(here: World) -> None:
    paper = await here.tell(1, "Larks that nest")
    found = (await here.gives("search", query="larks")).response
    assert found is not None
    pressed = await here.ann.click(found.message, label="Save")
    assert "Saved" in text_of(pressed)
    assert labels_of(found)[0][0] == "Saved ✓"
    me = await account(here, "discord", here.ann.id)
    assert [kept.paper.id for kept in (await mark.saved(here.store, me)).kept] == [paper]
    await here.restart()
    await here.ann.click(found.message, label="Saved ✓")
    assert labels_of(found)[0][0] == "Save"
    assert (await mark.saved(here.store, me)).kept == ()


async def test_number_shows_its_papers_row_beneath_the_numbers(here: World) -> None:
    for number in range(1, 8):
        await here.tell(number, f"Larks {number}")
    parts = await here.gives("search", query="larks")
    found = next(part for part in (parts.response, *parts.followups) if part and labels_of(part))
    numbers = [label for row in labels_of(found) for label in row if label.isdecimal()]
    assert numbers and numbers == [str(number) for number in range(1, len(numbers) + 1)]
    await here.ann.click(found.message, label="2")
    assert labels_of(found)[-1] == ["Save", "Not relevant", "Mute…", "Why?"]
    await here.ann.click(found.message, label="Save")
    await here.ann.click(found.message, label="3")
    assert labels_of(found)[-1][0] == "Save" and sum(row[0].startswith("Save") for row in labels_of(found)) == 1


async def test_choices_of_what_to_mute_fit_beneath_the_numbers_and_lead_back(here: World) -> None:
    for number in range(1, 8):
        await here.tell(number, f"Larks and meadows {number}", authors=("Ada One", "Bo Two", "Cy Three"))
    parts = await here.gives("search", query="larks")
    found = next(part for part in (parts.response, *parts.followups) if part and labels_of(part))
    await here.ann.click(found.message, label="1")
    await here.ann.click(found.message, label="Mute…")
    labels = labels_of(found)
    assert len(labels) <= 5 and labels[-1][-1] == "‹ Back"
    muting = next(label for row in labels for label in row if label.startswith("Mute "))
    assert "Muted" in text_of(await here.ann.click(found.message, label=muting))
    assert any(label.startswith("Unmute ") for row in labels_of(found) for label in row)


async def test_button_of_another_version_is_explained(here: World) -> None:
    from paperlark.bots.discord_talking import view_of
    from paperlark.channels.buttons import Button

    user = here.env.bot.get_user(here.ann.id) or await here.env.bot.fetch_user(here.ann.id)
    sent = await user.send("Old news", view=view_of(((Button("Do", "v0:something:else"),),)))
    assert "from another version of me" in text_of(await here.ann.click(sent, label="Do"))


# ── in a server ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_channel_has_queries_of_its_own_which_its_keepers_change(here: World) -> None:
    answer = await here.gives("follow", by=here.owner, query="larks")
    assert answer.ephemeral and "Following" in text_of(answer)
    assert await followed(here, "discord-channel", here.channel.id) == ["larks"]
    place = await account(here, "discord-channel", here.channel.id)
    [(_, destination)] = await subscribe.subscriptions(here.store, place)
    assert destination.address == f"channel:{here.channel.id}"


async def test_reader_of_a_channel_sees_its_queries_and_cannot_change_them(here: World) -> None:
    await here.gives("follow", by=here.owner, query="larks")
    assert "**larks**" in await here.says("list", by=here.reader)
    for name, options in (
        ("follow", {"query": "owls"}),
        ("unfollow", {"profile": "larks"}),
        ("edit", {"profile": "larks", "query": "owls"}),
        ("edit", {"profile": "larks"}),
        ("mute", {"what": "larks"}),
        ("when", {"how": "weekly"}),
        ("delete", {}),
    ):
        said = await here.says(name, by=here.reader, **options)
        assert "nly administrators can change" in said, name
    assert await followed(here, "discord-channel", here.channel.id) == ["larks"]


async def test_answers_in_a_server_are_for_the_askers_eyes_only(here: World) -> None:
    for name in ("list", "help", "status"):
        assert (await here.gives(name, by=here.reader)).ephemeral
    assert not (await here.gives("list")).ephemeral


# ── bad input, and other people's ──────────────────────────────────────────────────────────────────────────────────


async def test_what_is_somebody_elses_is_as_if_it_were_not_there(here: World) -> None:
    await here.says("follow", query="larks")
    [(profile, _)] = await follow.listed(here.store, await account(here, "discord", here.ann.id))
    bob = here.env.create_user("bob")
    for name, options in (
        ("unfollow", {"profile": str(profile.id)}),
        ("edit", {"profile": str(profile.id), "query": "owls"}),
        ("edit", {"profile": str(profile.id)}),
    ):
        said = text_of(await bob.slash(f"papers {name}", **options))
        assert "no profile" in said.casefold() and "paperlark profiles" not in said and "/papers list" in said
    assert await bob.autocomplete("papers unfollow", "profile", "larks") == []
    assert await followed(here, "discord", here.ann.id) == ["larks"]


async def test_button_that_deletes_somebody_elses_account_deletes_nothing(here: World) -> None:
    await here.gives("follow", by=here.owner, query="larks")
    asked = (await here.gives("delete", by=here.owner)).response
    assert asked is not None
    [[delete, _]] = [row["components"] for row in asked.components]
    from paperlark.bots.discord_talking import view_of
    from paperlark.channels.buttons import Button

    user = here.env.bot.get_user(here.ann.id) or await here.env.bot.fetch_user(here.ann.id)
    forged = await user.send("Press me", view=view_of(((Button("Yes", delete["custom_id"]),),)))
    assert "not yours" in text_of(await here.ann.click(forged, label="Yes"))
    assert await followed(here, "discord-channel", here.channel.id) == ["larks"]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("follow", {"query": "-larks"}),
        ("follow", {"query": "(" * 300}),
        ("preview", {"query": "upvotes:>=many"}),
        ("search", {"query": "\u202e`*_~|<@everyone>[x](https://evil.test)"}),
        ("edit", {"profile": "no such", "query": "x"}),
        ("edit", {"profile": "no such"}),
        ("unfollow", {"profile": "\x00"}),
        ("when", {"how": "yesterday"}),
        ("when", {"zone": "Mars/Olympus"}),
        ("why", {"paper": "no such paper"}),
        ("mute", {"what": "author:"}),
        ("unmute", {"what": "nothing"}),
        ("link", {"code": "WRONG-CODE"}),
        ("pause", {"how_long": "for ever and a day"}),
        ("list", {"page": "-1"}),
        ("trending", {"how": "((("}),
    ],
)
async def test_bad_input_is_answered_in_plain_words(here: World, name: str, options: dict[str, str]) -> None:
    with capture_logs() as lines:
        said = await here.says(name, **options)
    assert said.strip() and SORRY not in said and "Traceback" not in said
    assert not re.search(r"(?<!\\)<@|@everyone", re.sub("`[^`]*`", "", said))  # in code nobody is mentioned
    assert [line for line in lines if line["log_level"] in ("error", "critical")] == []


# ── broken ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_fault_in_one_answer_is_owned_up_to_and_ends_nothing(sqlite: Fresh) -> None:
    def broken(digest: Digest) -> list[Payload]:
        raise RuntimeError("the press is jammed")

    clock = FakeClock(MONDAY)
    store = await open_store(sqlite(), clock=clock)
    async with world(store, clock, render=broken) as here:
        await here.tell(1, "Larks")
        with capture_logs() as lines:
            assert await here.says("search", query="larks") == SORRY
        assert [line["event"] for line in lines if line["log_level"] == "error"] == ["answer failed"]
        assert "follow nothing yet" in await here.says("list")
    await store.close()
