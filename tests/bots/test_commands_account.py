"""A reader as a whole: start, link, export, delete, help; and what every command has in common."""

import json
import re
from pathlib import Path

import pytest

from paperlark import readers
from paperlark.bots.commands import COMMANDS, Commands
from paperlark.bots.words import HERE, complaint, line
from paperlark.channels.buttons import encode, written
from paperlark.matching import mutes
from paperlark.model.problems import ReaderError
from paperlark.readers import follow
from paperlark.store import profiles
from tests.bots.chat import Chat, text_of

# ── start, help ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_newcomer_is_told_in_four_lines_what_this_is_and_what_to_type(ann: Chat) -> None:
    said = await ann.says("/start")
    assert len(said.splitlines()) == 4 and "/follow" in said and "/help" in said


async def test_who_comes_back_is_told_what_they_follow(ann: Chat) -> None:
    await ann.says("/follow larks")
    assert (await ann.says("/start")).startswith("Welcome back. You follow one query.")


async def test_the_examples_of_the_greeting_work(ann: Chat) -> None:
    said = await ann.says("/start")
    for example in re.findall(r"/follow \S+ scaling\"|/preview \w+ \w+", said):
        assert "cannot" not in await ann.says(example)


async def test_help_names_every_command(ann: Chat) -> None:
    said = await ann.says("/help")
    assert [each.name for each in COMMANDS if f"/{each.name}" not in said] == []
    assert len(said) < 4000


def test_commands_suit_every_platforms_menu() -> None:
    assert len({each.name for each in COMMANDS}) == len(COMMANDS) <= 100
    for each in COMMANDS:
        assert re.fullmatch(r"[a-z_]{1,32}", each.name) and 3 <= len(each.summary) <= 100


async def test_commands_are_named_as_this_platform_names_them(ann: Chat) -> None:
    reply = await Commands(ann.store, prefix="/papers ").answer(ann.asker, "list")
    assert text_of(reply) == "You follow nothing yet. /papers follow QUERY begins."


async def test_help_leads_to_the_pages_where_there_are_some(ann: Chat) -> None:
    reply = await Commands(ann.store, page_url="https://papers.example").answer(ann.asker, "help")
    assert "https://papers.example" in text_of(reply)


# ── link ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_code_from_one_place_makes_both_one_reader(ann: Chat) -> None:
    await ann.says("/follow larks")
    said = await ann.says("/link")
    (code,) = re.findall(r"Your code is (\S+)", said)
    assert f"/link {code}" in said
    bob = await ann.beside("bob")
    assert (await bob.says(f"/link {code.lower()}")).startswith("Linked:")
    bob = await ann.beside("bob")
    assert bob.asker.account_id == ann.asker.account_id
    assert (await bob.says("/list")).startswith("1. larks, not told here")


async def test_a_start_link_carries_the_code(ann: Chat) -> None:
    (code,) = re.findall(r"Your code is (\S+)", await ann.says("/link"))
    bob = await ann.beside("bob")
    assert (await bob.says(f"/start {code}")).startswith("Linked:")
    assert (await ann.beside("bob")).asker.account_id == ann.asker.account_id


async def test_a_code_is_neither_shown_nor_taken_where_others_read_along(ann: Chat) -> None:
    (code,) = re.findall(r"Your code is (\S+)", await ann.says("/link"))
    group = await ann.beside("#birds", private=False)
    for typed in ("/link", f"/link {code}", f"/start {code}"):
        assert await group.says(typed) == "Here others read along; write to me in private for that."
    assert (await ann.beside("#birds", private=False)).asker.account_id == group.asker.account_id


async def test_a_wrong_code_is_refused(ann: Chat) -> None:
    assert (await ann.says("/link ABCD-EFGH")).startswith("This code does not work")


async def test_who_follows_something_already_is_not_poured_into_another(ann: Chat) -> None:
    (code,) = re.findall(r"Your code is (\S+)", await ann.says("/link"))
    bob = await ann.beside("bob")
    await bob.says("/follow owls")
    assert (await bob.says(f"/link {code}")).startswith("You already follow or keep things here")
    assert (await ann.beside("bob")).asker.account_id != ann.asker.account_id


# ── export, delete ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_export_is_a_file_with_what_is_ones_own(ann: Chat) -> None:
    await ann.says("/follow larks")
    await (await ann.beside("bob")).says("/follow owls")
    await ann.says("/export")
    assert ann.heard.file is not None and ann.heard.file.name == "paperlark.json"
    document = json.loads(ann.heard.file.content)
    assert [each["text"] for each in document["profiles"]] == ["larks"]


async def test_deleting_asks_first_and_keeping_changes_nothing(ann: Chat) -> None:
    await ann.says("/follow larks")
    said = await ann.says("/delete_my_data")
    assert "Nothing of it can be brought back" in said and ann.labels == [["Delete everything", "Keep it"]]
    reply = await ann.presses("Keep it")
    assert reply.ended and len(await follow.listed(ann.store, ann.asker.account_id)) == 1


async def test_deleting_forgets_and_start_begins_anew(ann: Chat) -> None:
    await ann.says("/follow larks")
    await ann.says("/delete_my_data")
    reply = await ann.presses("Delete everything")
    assert reply.ended and text_of(reply).startswith("Forgotten.")
    anew = await ann.beside("ann")
    assert anew.asker.account_id != ann.asker.account_id and "nothing yet" in await anew.says("/list")


async def test_anothers_delete_button_deletes_nothing(ann: Chat) -> None:
    await ann.says("/follow larks")
    bob = await ann.beside("bob")
    reply = await bob.commands.press(bob.asker, encode("delete", written(ann.asker.account_id)))
    assert reply.notice.startswith("This button is not yours")
    assert len(await follow.listed(ann.store, ann.asker.account_id)) == 1


async def test_what_a_deleted_account_still_asks_is_answered(ann: Chat) -> None:
    await ann.says("/delete_my_data")
    await ann.presses("Delete everything")
    for each in COMMANDS:
        if each.name not in ("start", "follow", "when", "trending", "mute"):
            assert await ann.says(f"/{each.name}") or ann.heard.digest


async def test_members_of_a_group_can_neither_export_nor_delete_it(ann: Chat) -> None:
    chief, member = (
        await ann.beside("#birds", private=False),
        await ann.beside("#birds", private=False, may_change=False),
    )
    await chief.says("/follow larks")
    for typed in ("/export", "/delete_my_data", "/link"):
        assert (await member.says(typed)).startswith("Only administrators") and member.heard.file is None
    button = encode("delete", written(chief.asker.account_id))
    assert (await member.commands.press(member.asker, button)).notice.startswith("Only administrators")
    assert len(await follow.listed(ann.store, chief.asker.account_id)) == 1


# ── words ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_command_line_that_an_error_names_has_its_words_here() -> None:
    folder = Path(readers.__file__).parent
    texts = [path.read_text() for path in folder.glob("*.py")]
    texts += [Path(module.__file__ or "").read_text() for module in (profiles, mutes)]
    named = {each for text in texts for each in re.findall(r"`(paperlark [^`]*)`", text)}
    assert named and named <= set(HERE)


def test_the_commands_that_stand_in_their_place_exist() -> None:
    known = {each.name for each in COMMANDS}
    assert {each.split()[0].removeprefix("/") for each in HERE.values()} <= known


def test_words_between_backticks_are_code_and_the_rest_is_plain() -> None:
    assert [(said.text, said.style) for said in line("a `b` c `/list` d", "/papers ")] == [
        ("a ", ""), ("b", "code"), (" c ", ""), ("/papers list", "code"), (" d", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), [("no", "No."), ("why?", "Why?"), ("use `/list`", "Use /list.")])
def test_a_complaint_is_a_sentence(text: str, said: str) -> None:
    assert "".join(each.text for each in complaint(ReaderError(text))) == said
