"""`/suggest`: what else a profile could ask for, and a button that takes it."""

from paperlark.channels.buttons import encode, written
from paperlark.readers import follow
from tests.bots.chat import Chat

LONG = "Bird language models (BLMs) sing."


async def followed(chat: Chat, query: str) -> int:
    """A profile, and papers of which three explain an acronym and one goes without it; returns the profile's id."""
    await chat.says(f"/follow {query}")
    for n in range(3):
        await chat.tell(n, f"Song {n}", abstract=LONG)
    await chat.tell(3, "Another song", abstract="Of bird language models.")
    ((profile, _),) = await follow.listed(chat.store, chat.asker.account_id)
    return profile.id


async def test_a_suggestion_says_why_and_its_button_changes_the_profile(ann: Chat) -> None:
    number = await followed(ann, "BLM")
    reply = await ann.commands.answer(ann.asker, "suggest", "1")
    said = ["".join(each.text for each in line) for line in reply.lines]
    assert (
        "1. bird language models: 3 abstracts explain “BLM” as “bird language models”; adds about one paper"
        in "\n".join(said)
    )
    queries = [each.text for line in reply.lines for each in line if each.style == "code"]
    assert queries == ['BLM, "bird language models"']
    ((take,),) = reply.buttons
    assert (take.label, take.data) == ("Take 1", encode("edit", f"1:{written(number)}"))
    pressed = await ann.commands.press(ann.asker, take.data, shown=queries)
    assert pressed.notice == "Changed."
    ((profile, _),) = await follow.listed(ann.store, ann.asker.account_id)
    assert (profile.text, profile.version) == (queries[0], 2)


async def test_the_one_profile_need_not_be_named_and_without_any_it_is_asked_for(ann: Chat) -> None:
    assert "say for which profile" in (await ann.says("/suggest")).casefold()
    await followed(ann, "BLM")
    assert "bird language models" in await ann.says("/suggest")
    await ann.says("/follow owls")
    assert "say for which profile" in (await ann.says("/suggest")).casefold()


async def test_where_there_is_nothing_to_suggest_it_says_so(ann: Chat) -> None:
    await ann.says("/follow owls")
    assert "Nothing to suggest" in await ann.says("/suggest 1")
