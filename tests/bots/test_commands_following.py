"""Following, as a reader sees it: text in, text and buttons out."""

import pytest

from paperlark.readers import follow, subscribe
from tests.bots.chat import Chat, codes_of, text_of


async def texts(ann: Chat) -> list[str]:
    return [profile.text for profile, _ in await follow.listed(ann.store, ann.asker.account_id)]


async def told(ann: Chat) -> list[tuple[str, str]]:
    mine = await subscribe.subscriptions(ann.store, ann.asker.account_id)
    return [(str(subscription.cadence), place.address) for subscription, place in mine]


async def flood(ann: Chat) -> None:
    """More larks today than anybody reads, some of them nesting, and as many owls, which do not."""
    larks = [(f"Larks {'nesting' if number % 9 == 0 else 'singing'} at dawn", "Of larks.") for number in range(70)]
    await ann.tell_all(*larks, *[("Owls at night", "Of owls.")] * 70)


# ── follow ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_following_says_what_comes_where_and_when(ann: Chat) -> None:
    said = await ann.says('/follow "larks nest" -owls')
    assert 'Following: “"larks nest" -owls”.' in said
    assert "New papers come here daily at 08:00 (UTC)." in said
    assert "no paper of the last 30 days meets this" in said
    assert await texts(ann) == ['"larks nest" -owls'] and await told(ann) == [("daily", "ann")]


@pytest.mark.parametrize(
    ("line", "cadence"), [("instant larks", "instant"), ("Weekly larks", "weekly"), ("larks", "daily")]
)
async def test_a_first_word_says_how_often(ann: Chat, line: str, cadence: str) -> None:
    await ann.says(f"/follow {line}")
    assert await texts(ann) == ["larks"] and await told(ann) == [(cadence, "ann")]


async def test_a_word_like_daily_in_quotes_or_alone_belongs_to_the_query(ann: Chat) -> None:
    await ann.says('/follow "daily" larks')
    await ann.says("/follow weekly")
    assert await texts(ann) == ['"daily" larks', "weekly"]


async def test_what_is_followed_comes_here(ann: Chat) -> None:
    await ann.says("/follow instant larks")
    paper = await ann.tell(1, "Larks that nest")
    assert await ann.deliver(hours=1) == [paper]


async def test_following_the_same_again_only_changes_how_often(ann: Chat) -> None:
    await ann.says("/follow larks")
    assert "Following already: “larks”" in await ann.says("/follow weekly larks")
    assert await texts(ann) == ["larks"] and await told(ann) == [("weekly", "ann")]
    await ann.says("/follow larks")
    assert await told(ann) == [("weekly", "ann")]


async def test_following_without_a_query_says_how(ann: Chat) -> None:
    assert "Say what to follow" in await ann.says("/follow")
    assert await texts(ann) == []


async def test_a_query_that_cannot_be_read_is_shown_mended_and_a_button_takes_that(ann: Chat) -> None:
    said = await ann.says("/follow larks (nest")
    assert said.startswith("I cannot read that query: ") and "at column" in said and "Did you mean" in said
    assert await texts(ann) == []
    reply = await ann.presses("Yes, follow that")
    assert reply.ended and "Following" in text_of(reply)
    assert await texts(ann) == codes_of(ann.heard)[:1]


async def test_a_query_that_would_flood_is_saved_only_when_a_button_confirms_it(ann: Chat) -> None:
    await flood(ann)
    said = await ann.says("/follow instant larks")
    assert "more than most people read. Nothing is saved yet." in said
    assert await texts(ann) == []
    assert ann.labels[-1] == ["Follow 1 all the same"] and ann.labels[0][0] == "Follow 2"
    reply = await ann.presses("Follow 1 all the same")
    assert reply.ended and await texts(ann) == ["larks"] and await told(ann) == [("instant", "ann")]


async def test_the_narrower_reading_is_a_button_away(ann: Chat) -> None:
    await flood(ann)
    await ann.says("/follow larks")
    narrower = codes_of(ann.heard)[1]
    await ann.presses("Follow 2")
    assert await texts(ann) == [narrower] and narrower != "larks"


async def test_a_button_pressed_twice_follows_once(ann: Chat) -> None:
    await flood(ann)
    await ann.says("/follow larks")
    keyboard = ann.keyboard
    await ann.presses("Follow 1")
    ann.keyboard = keyboard
    assert "Following already" in text_of(await ann.presses("Follow 1"))
    assert await texts(ann) == ["larks"]


async def test_a_follow_button_whose_query_is_gone_says_what_to_do(ann: Chat) -> None:
    reply = await ann.commands.press(ann.asker, "v1:follow:3", shown=["larks", "/list"])
    assert "`" not in reply.notice and "/follow QUERY does the same" in reply.notice


async def test_two_long_queries_that_begin_alike_have_two_names(ann: Chat) -> None:
    long = " ".join(f"word{n}" for n in range(16))
    await ann.says(f"/follow {long} larks")
    await ann.says(f"/follow {long} owls")
    names = {profile.name for profile, _ in await follow.listed(ann.store, ann.asker.account_id)}
    assert len(names) == 2 and all(len(name) <= follow.NAME_LIMIT for name in names)


# ── list ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_list_numbers_what_is_followed_with_its_query_and_how_often(ann: Chat) -> None:
    await ann.says("/follow larks nest")
    await ann.says("/follow weekly owls, wrens")
    await ann.says("/edit 1 name:birds")
    said = await ann.says("/list")
    assert said.splitlines()[:2] == ["1. birds: larks nest, daily", "2. owls, wrens, weekly"]
    assert "/unfollow 1" in said


async def test_an_empty_list_says_how_to_begin(ann: Chat) -> None:
    assert await ann.says("/list") == "You follow nothing yet. /follow QUERY begins."


async def test_a_long_list_has_pages(ann: Chat) -> None:
    for number in range(17):
        await follow.follow(ann.store, ann.asker.account_id, f"larks{number}")
    assert "/list 2 shows the next of 17" in await ann.says("/list")
    assert (await ann.says("/list 2")).startswith("16. larks15, told nowhere")
    assert (await ann.says("/list 99")).startswith("16. ")


async def test_the_list_says_that_sending_is_paused_and_why(ann: Chat) -> None:
    await ann.says("/follow larks")
    await ann.says("/pause")
    assert "Sending is paused here: at your wish. /resume goes on." in await ann.says("/list")


# ── edit ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_query_is_changed_by_its_number_and_the_old_one_is_shown(ann: Chat) -> None:
    await ann.says("/follow larks")
    said = await ann.says("/edit 1 larks nest")
    assert "Changed: “larks nest” counts from now on." in said and "Before, it asked for larks" in said
    assert await texts(ann) == ["larks nest"]


async def test_a_profile_keeps_the_name_that_its_reader_gave(ann: Chat) -> None:
    await ann.says("/follow larks")
    await ann.says('/edit larks name:"my birds"')
    assert "Changed: “my birds”" in await ann.says("/edit my birds larks nest")
    assert await texts(ann) == ["larks nest"]


async def test_editing_without_a_query_shows_the_one_to_copy(ann: Chat) -> None:
    await ann.says("/follow larks, owls")
    await ann.says("/edit 1")
    assert "larks, owls" in codes_of(ann.heard)


async def test_editing_to_a_flood_asks_first(ann: Chat) -> None:
    await flood(ann)
    await ann.says("/follow wrens")
    assert "“wrens” is unchanged" in await ann.says("/edit 1 larks")
    assert await texts(ann) == ["wrens"]
    assert (await ann.presses("Take 1 all the same")).notice == "Changed."
    assert await texts(ann) == ["larks"]


async def test_an_edit_that_cannot_be_changes_nothing_and_says_why(ann: Chat) -> None:
    await ann.says("/follow larks")
    for line in ("/edit", "/edit 7 larks", "/edit nothing larks", "/edit 1 name:", "/edit 1 (larks"):
        said = await ann.says(line)
        assert said and "paperlark" not in said and "Changed" not in said, line
        assert await texts(ann) == ["larks"], line


# ── unfollow ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_unfollowing_is_a_button_away_from_following_again(ann: Chat) -> None:
    await ann.says("/follow larks nest")
    assert "“larks nest” is gone" in await ann.says("/unfollow 1")
    assert await texts(ann) == []
    await ann.presses("Follow it again")
    assert await texts(ann) == ["larks nest"] and await told(ann) == [("daily", "ann")]


async def test_unfollowing_what_is_not_followed_names_the_list_in_the_bots_words(ann: Chat) -> None:
    assert await ann.says("/unfollow owls") == "You have no profile 'owls'; /list shows yours."
    assert "Say which profile" in await ann.says("/unfollow")


# ── other people's, and groups ─────────────────────────────────────────────────────────────────────────────────────


async def test_anothers_profile_is_neither_shown_nor_changed(ann: Chat) -> None:
    await ann.says("/follow larks")
    ((profile, _),) = await follow.listed(ann.store, ann.asker.account_id)
    bob = await ann.beside("bob")
    for line in (f"/edit {profile.id} owls", f"/unfollow {profile.id}", f"/edit {profile.id}", "/unfollow larks"):
        assert "You have no profile" in await bob.says(line)
    reply = await bob.commands.press(bob.asker, f"v1:edit:1:{profile.id:x}", shown=["owls"])
    assert reply.notice.startswith("You have no profile")
    assert await texts(ann) == ["larks"] and "/follow QUERY" in await bob.says("/list")


async def test_in_a_group_everybody_may_look_and_administrators_may_change(ann: Chat) -> None:
    chief, member = (
        await ann.beside("#birds", private=False),
        await ann.beside("#birds", private=False, may_change=False),
    )
    await chief.says("/follow larks")
    assert (await member.says("/list")).startswith("1. larks, daily")
    for line in ("/follow owls", "/edit 1 owls", "/unfollow 1"):
        assert await member.says(line) == (
            "Only administrators can change what this chat gets; write to me in private for papers of your own."
        )
    reply = await member.commands.press(member.asker, "v1:follow:1", shown=["owls"])
    assert reply.notice.startswith("Only administrators") and reply.buttons == ()
    assert await texts(chief) == ["larks"]


async def test_a_group_is_spoken_to_as_one(ann: Chat) -> None:
    chief = await ann.beside("#birds", private=False)
    assert await chief.says("/list") == "This chat follows nothing yet. /follow QUERY begins."


# ── completing ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_profiles_are_completed_by_name_and_sent_by_id(ann: Chat) -> None:
    for query in ("larks", "skylarks", "owls"):
        await ann.says(f"/follow {query}")
    found = await ann.commands.complete(ann.asker, "profile", "lark")
    assert [shown for shown, _ in found] == ["larks", "skylarks"]
    await ann.says(f"/unfollow {found[0][1]}")
    assert await texts(ann) == ["skylarks", "owls"]
    bob = await ann.beside("bob")
    assert await bob.commands.complete(bob.asker, "profile", "") == []
