"""What a reader asks: preview, search, trending, why. And what anybody may ask in passing."""

from paperlark.bots.reply import NOTICE
from paperlark.channels.buttons import encode, written
from paperlark.readers import follow, subscribe
from tests.bots.chat import Chat, codes_of, text_of

# ── preview ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_preview_shows_days_volume_and_examples_and_saves_nothing(ann: Chat) -> None:
    for number in range(3):
        await ann.tell(number, f"Larks that nest {number}")
    said = await ann.says("/preview larks")
    assert "█" in said.splitlines()[0] and "the last 30 days" in said
    assert "About 3 papers a day." in said and "· Larks that nest 2 2603.00002" in said
    assert await follow.listed(ann.store, ann.asker.account_id) == []


async def test_a_preview_is_a_button_away_from_following(ann: Chat) -> None:
    await ann.tell(1, "Larks that nest")
    await ann.says("/preview larks nest")
    assert "larks nest" in codes_of(ann.heard)
    reply = await ann.presses("Follow")
    assert "Following: “larks nest”" in text_of(reply)
    assert [profile.text for profile, _ in await follow.listed(ann.store, ann.asker.account_id)] == ["larks nest"]


async def test_a_preview_names_the_part_that_brings_most(ann: Chat) -> None:
    for number in range(4):
        await ann.tell(number, f"Larks that nest {number}")
    assert "'larks' alone brings" in await ann.says("/preview larks, owls")


async def test_what_cannot_be_answered_says_what_to_do(ann: Chat) -> None:
    for line, said in (
        ("/preview", "Say what to try"),
        ("/preview -larks", "I cannot read that query: "),
        ("/search", "Say what to look for"),
        ("/search (larks", "I cannot read that query: "),
        ("/trending title:", "I cannot read that query: "),
        ("/why", "Say of which paper"),
        ("/why 2603.99999", "No source has told of 2603.99999 so far."),
        ("/why nonsense", "The archive holds no paper 'nonsense'; give its id, arXiv id, DOI or address."),
        ("/why 9223372036854775808", "The archive holds no paper"),
        ("/nonsense", "I do not know that command. /help lists them all."),
    ):
        heard = await ann.says(line)
        assert said in heard and "paperlark" not in heard, line


async def test_why_without_a_profile_says_how_to_begin(ann: Chat) -> None:
    await ann.tell(1, "Larks that nest")
    assert await ann.says("/why 2603.00001") == "You have no profiles yet; /follow QUERY makes one."


# ── search ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_search_shows_papers_as_alerts_do_and_how_many_there_are(ann: Chat) -> None:
    for number in range(10):
        await ann.tell(number, f"Larks that nest {number}")
    await ann.says("/search larks")
    digest = ann.heard.digest
    assert digest is not None and len(digest.papers) == 8 and digest.more == 2
    assert {reason.profile for paper in digest.papers for reason in paper.reasons} == {"your search"}
    assert ann.channel.render(digest)


async def test_a_search_that_finds_nothing_says_so(ann: Chat) -> None:
    assert "No paper of the archive meets this." in await ann.says("/search larks")
    assert ann.heard.digest is None


async def test_whoever_asks_in_passing_finds_papers_and_is_never_refused(ann: Chat) -> None:
    paper = await ann.tell(1, "Larks that nest")
    assert [each.id for each in await ann.commands.found("larks")] == [paper]
    assert [each.id for each in await ann.commands.found("")] == [paper]
    assert await ann.commands.found("(larks") == [] and await ann.commands.found("owls") == []


# ── trending ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_is_trending_comes_with_its_reason(ann: Chat) -> None:
    await ann.tell(1, "Larks that nest", signals={"upvotes": 40})
    await ann.tell(2, "Owls at night", signals={"upvotes": 3})
    said = await ann.says("/trending")
    digest = ann.heard.digest
    assert "/trending daily" in said and digest is not None
    assert digest.papers[0].title == "Larks that nest" and "upvotes" in digest.papers[0].reasons[0].said
    await ann.says("/trending owls")
    assert ann.heard.digest is not None and [each.title for each in ann.heard.digest.papers] == ["Owls at night"]


async def test_trending_daily_subscribes_and_unfollow_ends_it(ann: Chat) -> None:
    assert "What is trending comes here daily. The next comes tomorrow at 08:00." in await ann.says("/trending daily")
    assert "What is trending, daily" in await ann.says("/list")
    await ann.says("/unfollow trending")
    assert await subscribe.subscriptions(ann.store, ann.asker.account_id) == []
    assert "Nothing is trending." in await ann.says("/trending")


async def test_trending_never_comes_at_once(ann: Chat) -> None:
    assert await ann.says("/trending instant") == (
        "What is trending comes as a digest; /trending daily or /trending weekly."
    )


# ── why ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_why_says_what_led_to_a_paper_and_that_it_was_told_here(ann: Chat) -> None:
    await ann.says("/follow instant larks")
    await ann.tell(1, "Larks that nest")
    await ann.deliver(hours=1)
    said = await ann.says("/why 2603.00001")
    assert said.startswith("Larks that nest 2603.00001\n“larks” led to it: “Larks” in the title.")
    assert "You were told" in said and "in the alert here." in said and "fake ann" not in said


async def test_why_not_says_what_is_missing(ann: Chat) -> None:
    await ann.says("/follow owls")
    await ann.tell(1, "Larks that nest")
    said = await ann.says("/why 2603.00001")
    assert "owls" in said and "You were told" not in said


async def test_the_why_button_answers_at_once_where_the_answer_is_short(ann: Chat) -> None:
    await ann.says("/follow instant larks")
    paper = await ann.tell(1, "Larks that nest")
    await ann.deliver(hours=1)
    reply = await ann.commands.press(ann.asker, encode("why", written(paper)))
    assert "led to it" in (reply.notice or text_of(reply)) and len(reply.notice) <= NOTICE
    assert bool(reply.notice) != bool(reply.lines)


async def test_a_long_why_comes_as_a_message(ann: Chat) -> None:
    for number in range(5):
        await ann.says(f"/follow instant larks -word{number}")
    paper = await ann.tell(1, "Larks that nest")
    reply = await ann.commands.press(ann.asker, encode("why", written(paper)))
    assert reply.notice == "" and text_of(reply).count("led to it") == 5


async def test_anybody_in_a_group_may_ask_why(ann: Chat) -> None:
    paper = await ann.tell(1, "Larks that nest")
    chief, member = (
        await ann.beside("#birds", private=False),
        await ann.beside("#birds", private=False, may_change=False),
    )
    await chief.says("/follow owls")
    reply = await member.commands.press(member.asker, encode("why", written(paper)))
    assert not reply.notice.startswith("Only administrators") and (reply.notice or reply.lines)


# ── completing ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_zones_sources_and_authors_are_completed_from_what_there_is(ann: Chat) -> None:
    await ann.tell(1, "Larks that nest", authors=("Yang Song", "Ada Lark"))
    assert ("Europe/Berlin", "Europe/Berlin") in await ann.commands.complete(ann.asker, "zone", "berlin")
    assert len(await ann.commands.complete(ann.asker, "zone", "", 25)) == 25
    assert await ann.commands.complete(ann.asker, "author", "song") == [("Yang Song", "Yang Song")]
    for typed in ("", " ", "(", "x" * 300):
        assert await ann.commands.complete(ann.asker, "author", typed) == []
        assert isinstance(await ann.commands.complete(ann.asker, "source", typed), list)
