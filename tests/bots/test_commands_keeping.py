"""Save, not relevant, mute: by button and by command; what changes, and how it is taken back."""

from paperlark.channels.buttons import encode, of_digest, of_paper, written
from paperlark.model.readers import MarkKind
from paperlark.readers import mark, mute
from tests.bots.chat import Chat, labels_of

ROW = ["Save", "Not relevant", "Mute…", "Why?"]


async def marks(ann: Chat, paper: int) -> set[MarkKind]:
    return set((await mark.marked(ann.store, ann.asker.account_id, str(paper))).marks)


async def muted(ann: Chat) -> list[str]:
    return [str(each) for each in await mute.muted(ann.store, ann.asker.account_id)]


# ── save, not relevant ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_saving_shows_as_saved_and_is_taken_back_by_the_same_button(ann: Chat) -> None:
    paper = await ann.tell(1, "Larks that nest")
    ann.sees([of_paper(paper)])
    reply = await ann.presses("Save")
    assert "Saved." in reply.notice and "/saved" in reply.notice and "`" not in reply.notice
    assert ann.labels == [["Saved ✓", *ROW[1:]]] and await marks(ann, paper) == {MarkKind.SAVED}
    await ann.presses("Saved ✓")
    assert ann.labels == [ROW] and await marks(ann, paper) == set()


async def test_not_relevant_is_taken_back_by_restore(ann: Chat) -> None:
    paper = await ann.tell(1, "Larks that nest")
    ann.sees([of_paper(paper)])
    assert "not told of it again" in (await ann.presses("Not relevant")).notice
    assert ann.labels == [["Save", "Restore", "Mute…", "Why?"]] and await marks(ann, paper) == {MarkKind.DISMISSED}
    await ann.presses("Restore")
    assert ann.labels == [ROW] and await marks(ann, paper) == set()


async def test_the_later_word_counts(ann: Chat) -> None:
    paper = await ann.tell(1, "Larks that nest")
    ann.sees([of_paper(paper)])
    await ann.presses("Save")
    await ann.presses("Not relevant")
    assert ann.labels == [["Save", "Restore", "Mute…", "Why?"]]


async def test_a_number_shows_its_papers_row_beneath_and_takes_anothers_away(ann: Chat) -> None:
    first, second = await ann.tell(1, "Larks that nest"), await ann.tell(2, "Larks that sing")
    ann.sees(of_digest([first, second]))
    await ann.presses("1")
    assert ann.labels == [["1", "2"], ROW]
    await ann.presses("Save")
    assert ann.labels == [["1", "2"], ["Saved ✓", *ROW[1:]]]
    await ann.presses("2")
    assert ann.labels == [["1", "2"], ROW]
    await ann.presses("1")
    assert ann.labels[1][0] == "Saved ✓" and await marks(ann, second) == set()


async def test_buttons_work_without_their_message_and_after_a_restart(ann: Chat) -> None:
    paper = await ann.tell(1, "Larks that nest")
    again = await ann.beside("ann")  # another process, that has seen nothing
    reply = await again.commands.press(again.asker, encode("save", written(paper)))
    assert labels_of(reply.buttons) == [["Saved ✓", *ROW[1:]]]


async def test_a_button_that_means_nothing_any_more_says_so_and_changes_nothing(ann: Chat) -> None:
    ann.sees([of_paper(1)])
    gone = [encode(action, "12345") for action in ("save", "unsave", "dismiss", "restore", "mute", "open", "why")]
    for data in ("", "v9:save:1", "v1:burn:1", "v1:save:", "v1:why:", "v1:save:ÿ", "v1:delete:", "v1:edit:::", *gone):
        reply = await ann.commands.press(ann.asker, data, keyboard=ann.keyboard)
        assert reply.notice and reply.buttons == () and not reply.ended, data


async def test_saved_papers_are_listed_newest_first_in_pages(ann: Chat) -> None:
    assert "Nothing is saved yet." in await ann.says("/saved")
    for number in range(12):
        paper = await ann.tell(number, f"Larks that nest {number}")
        await ann.commands.press(ann.asker, encode("save", written(paper)))
    assert "/saved 2 shows older ones." in await ann.says("/saved")
    assert ann.heard.digest is not None and len(ann.heard.digest.papers) == 10
    assert ann.heard.digest.papers[0].title == "Larks that nest 11"
    assert await ann.says("/saved 2") == ""
    assert ann.heard.digest is not None and len(ann.heard.digest.papers) == 2
    assert await ann.says("/saved 9") == "No more is saved."


async def test_ones_own_marks_are_not_anothers(ann: Chat) -> None:
    paper = await ann.tell(1, "Larks that nest")
    bob = await ann.beside("bob")
    await bob.commands.press(bob.asker, encode("save", written(paper)))
    assert await marks(ann, paper) == set() and "Nothing is saved yet." in await ann.says("/saved")


# ── mute ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_mute_offers_what_a_paper_is_about_and_its_authors_but_not_what_is_followed(ann: Chat) -> None:
    await ann.says("/follow larks")
    paper = await ann.tell(
        1,
        "Larks and vision in the wild",
        "Of larks, vision, and vision again.",
        authors=("Yang Song", "B C", "Ada Lark"),
    )
    ann.sees([of_paper(paper)])
    await ann.presses("Mute…")
    assert ann.labels == [["Mute “vision”"], ["Mute Yang Song"], ["Mute Ada Lark"], ["‹ Back"]]
    await ann.presses("‹ Back")
    assert ann.labels == [ROW]


async def test_a_mute_button_turns_into_its_opposite_and_back(ann: Chat) -> None:
    paper = await ann.tell(1, "Vision of larks", "Vision.", authors=("Yang Song",))
    ann.sees(of_digest([paper, paper + 1]))
    await ann.presses("1")
    await ann.presses("Mute…")
    reply = await ann.presses("Mute “vision”")
    assert "papers with “vision” no longer come" in reply.notice and await muted(ann) == ["word vision"]
    assert ann.labels == [["1", "2"], ["Unmute “vision”"], ["Mute Yang Song"], ["‹ Back"]]
    assert "may come again" in (await ann.presses("Unmute “vision”")).notice
    assert ann.labels[1] == ["Mute “vision”"] and await muted(ann) == []
    await ann.presses("Mute Yang Song")
    assert await muted(ann) == ["author song, yang"] and ["Unmute Yang Song"] in ann.labels


async def test_a_muted_word_keeps_papers_away_and_unmuting_lets_them_come(ann: Chat) -> None:
    await ann.says("/follow instant larks")
    assert "Muted: papers with “nest” no longer come" in await ann.says("/mute nest")
    await ann.tell(1, "Larks that nest")
    assert await ann.deliver(hours=1) == []
    assert "may come again" in await ann.says("/unmute nest")
    paper = await ann.tell(2, "Larks that nest too")
    assert await ann.deliver(hours=1) == [paper]


async def test_words_authors_and_sources_are_muted_by_command_and_a_button_takes_it_back(ann: Chat) -> None:
    for line, kept in (
        ("mixture of experts", 'word "mixture of experts"'),
        ("author:Song, Yang", "author song, yang"),
        ("Author: Yang Song", "author song, yang"),
        ("word:agent*", "word agent*"),
    ):
        await ann.says(f"/mute {line}")
        assert await muted(ann) == [kept]
        await ann.presses("Unmute")
        assert await muted(ann) == []


async def test_what_cannot_be_muted_is_refused_in_the_bots_words(ann: Chat) -> None:
    for line, said in (
        ("/mute", "Say what to hear no more of"),
        ("/unmute", "Say what to hear of again"),
        ("/mute author:", "is no name of a person"),
        ("/mute source:nowhere", "There is no source 'nowhere'; /status shows them."),
        ("/mute larks OR owls", "cannot be muted"),
        ("/mute " + "x" * 300, "at most 200 characters"),
        ("/unmute owls", "The word 'owls' is not muted; /mutes lists what is."),
    ):
        heard = await ann.says(line)
        assert said in heard and "paperlark" not in heard and await muted(ann) == [], line


async def test_a_word_too_long_for_a_button_is_muted_all_the_same(ann: Chat) -> None:
    word = "x" * 60
    said = await ann.says(f"/mute {word}")
    assert "/unmute" in said and ann.keyboard == () and await muted(ann) == [f"word {word}"]


async def test_the_list_of_mutes_takes_back_by_button(ann: Chat) -> None:
    assert "Nothing is muted." in await ann.says("/mutes")
    await ann.says("/mute vision")
    await ann.says("/mute author:Yang Song")
    said = await ann.says("/mutes")
    assert {"· vision", "· author:Yang Song"} <= set(said.splitlines())
    await ann.presses("Unmute “vision”")
    assert await muted(ann) == ["author song, yang"]


async def test_mutes_are_completed_as_they_are_typed(ann: Chat) -> None:
    await ann.says("/mute vision")
    await ann.says("/mute author:Yang Song")
    assert await ann.commands.complete(ann.asker, "mute", "song") == [("author:Yang Song", "author:song, yang")]


# ── groups ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_members_of_a_group_may_look_at_a_papers_row_but_not_use_it(ann: Chat) -> None:
    paper = await ann.tell(1, "Larks that nest")
    member = await ann.beside("#birds", private=False, may_change=False)
    opened = await member.commands.press(member.asker, encode("open", written(paper)))
    assert labels_of(opened.buttons) == [ROW]
    for action in ("save", "unsave", "dismiss", "restore"):
        reply = await member.commands.press(member.asker, encode(action, written(paper)))
        assert reply.notice.startswith("Only administrators") and reply.buttons == ()
    for data in (encode("mute-word", "larks"), encode("unmute-author", "Yang Song")):
        assert (await member.commands.press(member.asker, data)).notice.startswith("Only administrators")
    assert (await member.says("/mute larks")).startswith("Only administrators")
    assert await marks(member, paper) == set() and await muted(member) == []


# ── what marks do to the next digest ───────────────────────────────────────────────────────────────────────────────


async def test_papers_like_saved_ones_come_first_and_like_dismissed_ones_last_and_say_why(ann: Chat) -> None:
    await ann.says("/follow larks")
    liked = await ann.tell(1, "Larks that nest", authors=("Yang Song",))
    disliked = await ann.tell(2, "Larks that sing", authors=("Bo Owl",))
    await ann.deliver(days=1)
    await ann.commands.press(ann.asker, encode("save", written(liked)))
    await ann.commands.press(ann.asker, encode("dismiss", written(disliked)))
    first = await ann.tell(3, "Larks at dawn", authors=("Ada Lark", "Yang Song"))
    between = await ann.tell(4, "Larks at noon", authors=("Cy Wren",))
    last = await ann.tell(5, "Larks at dusk", authors=("Bo Owl",))
    assert await ann.deliver(days=1) == [first, between, last]
    *_, message = ann.channel.messages_at("ann")
    assert [paper["why"] for paper in message.payload.content["papers"]] == [
        ["larks", "shown first"], ["larks"], ["larks", "shown last"],
    ]  # fmt: skip
