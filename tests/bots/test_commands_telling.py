"""When a reader is told, as a reader sees it: digest, when, pause, resume, status."""

from datetime import UTC, datetime, time

import pytest

from paperlark.bots import rhythm
from paperlark.model.problems import ReaderError
from paperlark.model.readers import Cadence, EmptyPolicy, QuietHours
from paperlark.readers import status, subscribe
from paperlark.readers.subscribe import Wish
from tests.bots.chat import Chat

# ── the line, by itself ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "daily 08:30 Europe/Berlin quiet 22-7",
            rhythm.Said(Cadence.DAILY, time(8, 30), None, "Europe/Berlin", QuietHours(time(22), time(7))),
        ),
        ("every Monday at 9", rhythm.Said(Cadence.WEEKLY, time(9), 0)),
        ("weekly, thursdays, 18h30", rhythm.Said(Cadence.WEEKLY, time(18, 30), 3)),
        ("instantly, no quiet hours", rhythm.Said(Cadence.INSTANT, quiet="none")),
        ("quiet off", rhythm.Said(quiet="none")),
        ("Quiet hours from 10pm to 7:15 am", rhythm.Said(quiet=QuietHours(time(22), time(7, 15)))),
        ("8pm, at most 10 papers, empty days: note", rhythm.Said(at=time(20), cap=10, empty=EmptyPolicy.NOTE)),
        ("12am", rhythm.Said(at=time(0))),
        ("12pm", rhythm.Said(at=time(12))),
        ("utc", rhythm.Said(zone="UTC")),
        ("07.45 by the zone America/New_York", rhythm.Said(at=time(7, 45), zone="America/New_York")),
    ],
)
def test_a_line_is_read_as_people_write_it(line: str, said: rhythm.Said) -> None:
    assert rhythm.read(line) == said


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("25:00", "“25:00” is no hour of the day"),
        ("13pm", "no hour of the day"),
        ("quiet 7-7", "leave no hour"),
        ("quiet 22-25", "“25” is no hour"),
        ("dayly 8:00", "I do not understand “dayly”"),
        ("8 9", "I do not understand “9”"),
        ("8:00 Berlin", "did you mean Europe/Berlin?"),
        ("8:00 Europe/Berln", "did you mean Europe/Berlin or"),
        ("at", "says nothing of when"),
    ],
)
def test_what_cannot_be_is_named_with_what_would_do(line: str, complaint: str) -> None:
    with pytest.raises(ReaderError, match=complaint.replace("?", r"\?")):
        rhythm.read(line)


@pytest.mark.parametrize("example", rhythm.EXAMPLES)
def test_the_examples_that_are_shown_can_be_typed(example: str) -> None:
    rhythm.read(example.removeprefix("/when "))


def test_what_is_not_said_stays_as_it_is() -> None:
    before = rhythm.read("9:00 Europe/Berlin quiet 22-7 at most 5 papers empty weekly").applied(Wish())
    after = rhythm.read("10pm").applied(before)
    assert after.rhythm.digest_at == time(22) and after.rhythm.zone == "Europe/Berlin"
    assert (after.rhythm.quiet, after.cap, after.empty) == (before.rhythm.quiet, 5, EmptyPolicy.WEEKLY)
    assert rhythm.read("quiet none").applied(before).rhythm.quiet is None


# ── when ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_when_without_words_shows_what_is_set_and_examples(ann: Chat) -> None:
    await ann.says("/follow larks")
    said = await ann.says("/when")
    assert said.startswith("Papers come here daily at 08:00 (UTC).\nNo quiet hours, at most 20 papers a digest, silent")
    assert "The next digest comes tomorrow at 08:00." in said and "/when monday 9:00" in said


async def test_when_sets_hour_zone_and_quiet_hours_and_says_when_the_next_comes(ann: Chat) -> None:
    await ann.says("/follow larks")
    said = await ann.says("/when daily 11:30 Europe/Berlin quiet 22-7")
    assert "Papers come here daily at 11:30 (Europe/Berlin)." in said and "Quiet 22:00-07:00" in said
    assert "The next digest comes today at 11:30." in said


async def test_when_moves_what_is_planned_already(ann: Chat) -> None:
    await ann.says("/follow larks")
    paper = await ann.tell(1, "Larks that nest")
    assert await ann.deliver(hours=1) == []
    await ann.says("/when 12:00")
    assert await ann.deliver(hours=3) == [paper]


async def test_when_changes_how_often_for_everything_that_comes_here(ann: Chat) -> None:
    await ann.says("/follow larks")
    await ann.says("/follow weekly owls")
    await ann.says("/trending daily")
    said = await ann.says("/when instant")
    assert "at once" in said and "What is trending comes daily." in said
    mine = await subscribe.subscriptions(ann.store, ann.asker.account_id)
    assert sorted(each.cadence for each, _ in mine) == ["daily", "instant", "instant"]


async def test_when_may_be_said_before_anything_is_followed(ann: Chat) -> None:
    assert "/follow QUERY" in await ann.says("/when")
    assert "Digests will come daily at 07:00 (Asia/Tokyo)" in await ann.says("/when 7:00 Asia/Tokyo")
    assert "daily at 07:00 (Asia/Tokyo)" in await ann.says("/follow larks")


async def test_when_does_not_end_a_pause(ann: Chat) -> None:
    await ann.says("/follow larks")
    await ann.says("/pause")
    assert "Sending is paused here: at your wish." in await ann.says("/when 9:00")


async def test_a_when_that_cannot_be_changes_nothing(ann: Chat) -> None:
    await ann.says("/follow larks")
    before = await ann.says("/when")
    for line in ("/when soon", "/when cap 0", "/when at most 900 papers", "/when 8:00 Berlin"):
        assert "Papers come here" not in await ann.says(line)
        assert await ann.says("/when") == before, line


# ── digest ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_digest_sends_at_once_what_waits(ann: Chat) -> None:
    await ann.says("/follow larks")
    papers = [await ann.tell(number, f"Larks that nest {number}") for number in (1, 2)]
    assert await ann.says("/digest") == "2 papers are on the way."
    assert sorted(await ann.deliver()) == papers


async def test_what_comes_later_still_comes_in_its_regular_slot(ann: Chat) -> None:
    await ann.says("/follow larks")
    await ann.tell(1, "Larks that nest")
    await ann.says("/digest")
    await ann.deliver()
    later = await ann.tell(2, "Larks that sing")
    assert await ann.deliver(hours=24) == [later]


async def test_a_digest_with_nothing_to_send_says_when_the_next_comes(ann: Chat) -> None:
    await ann.says("/follow larks")
    assert await ann.says("/digest") == "Nothing waits for you.\nThe next digest comes tomorrow at 08:00."
    assert await ann.deliver() == []


async def test_what_is_muted_or_dismissed_does_not_wait(ann: Chat) -> None:
    await ann.says("/follow larks")
    await ann.tell(1, "Larks that nest")
    await ann.says("/mute nest")
    assert (await ann.says("/digest")).startswith("Nothing waits for you.")


async def test_a_digest_in_quiet_hours_waits_for_their_end_and_says_so(ann: Chat) -> None:
    await ann.says("/follow larks")
    await ann.says("/when quiet 8-12")
    paper = await ann.tell(1, "Larks that nest")
    said = await ann.says("/digest")
    assert said.startswith("1 paper is ready, and your quiet hours are kept: today at 12:00.")
    assert await ann.deliver() == []
    assert await ann.deliver(hours=4) == [paper]


async def test_a_digest_where_nothing_is_followed_or_all_is_paused_says_what_to_do(ann: Chat) -> None:
    assert await ann.says("/digest") == "Nothing is followed here yet. /follow QUERY begins."
    await ann.says("/follow larks")
    await ann.says("/pause")
    assert "/resume goes on" in await ann.says("/digest")


async def test_asked_for_twice_a_digest_comes_once(ann: Chat) -> None:
    await ann.says("/follow instant larks")
    paper = await ann.tell(1, "Larks that nest")
    await ann.says("/digest")
    await ann.says("/digest")
    assert await ann.deliver() == [paper]
    assert await ann.deliver(hours=1) == []


# ── pause, resume ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_while_paused_nothing_comes_and_afterwards_what_waited(ann: Chat) -> None:
    await ann.says("/follow larks")
    assert (await ann.says("/pause")).startswith("Paused. What comes meanwhile waits for seven days.")
    paper = await ann.tell(1, "Larks that nest")
    assert await ann.deliver(days=2) == []
    assert (await ann.says("/resume")).startswith("Sending again. 1 paper waited.")
    assert await ann.deliver() == [paper]


async def test_a_pause_may_have_an_end(ann: Chat) -> None:
    await ann.says("/follow larks")
    for line, end in (
        ("3 days", "Thu 5 Mar at 09:00"),
        ("for a week", "Mon 9 Mar at 09:00"),
        ("until 2026-03-20", "Fri 20 Mar at 00:00"),
        ("2026-03-20 7:30", "Fri 20 Mar at 07:30"),
    ):
        assert f"Paused until {end}." in await ann.says(f"/pause {line}")


async def test_a_pause_that_cannot_be_pauses_nothing(ann: Chat) -> None:
    await ann.says("/follow larks")
    for line in ("for ever", "until 2026-02-31", "until 2020-01-01", "until 2026-03-20 99:00", "999 weeks ago"):
        assert "Paused" not in await ann.says(f"/pause {line}")
        (place,) = await subscribe.destinations(ann.store, ann.asker.account_id)
        assert place.paused_reason is None, line


async def test_resuming_what_runs_says_when_the_next_comes(ann: Chat) -> None:
    await ann.says("/follow larks")
    assert await ann.says("/resume") == "Nothing was paused here.\nThe next digest comes tomorrow at 08:00."


async def test_a_platform_that_let_nobody_in_pauses_and_its_return_resumes(ann: Chat) -> None:
    await ann.says("/follow larks")
    await ann.commands.left(ann.asker, "the bot was blocked")
    assert "Sending is paused here: fake: the bot was blocked." in await ann.says("/status")
    await ann.commands.came(ann.asker)
    assert "paused" not in await ann.says("/status")
    await ann.says("/pause")
    await ann.commands.left(ann.asker, "fake: the bot was blocked")
    await ann.commands.came(ann.asker)
    assert "Sending is paused here: at your wish." in await ann.says("/status")


async def test_a_chat_that_moved_is_told_at_its_new_address(ann: Chat) -> None:
    group = await ann.beside("#birds", private=False)
    await group.says("/follow instant larks")
    await group.commands.moved(group.asker, "#larks", ("fake-chat", "#larks"))
    after = await ann.beside("#larks", private=False)
    assert after.asker.account_id == group.asker.account_id
    assert (await after.says("/list")).startswith("1. larks, instant")


async def test_a_chat_that_was_spoken_to_at_its_new_address_first_keeps_what_it_follows(ann: Chat) -> None:
    group = await ann.beside("#birds", private=False)
    await group.says("/follow larks")
    early = await ann.beside("#larks", private=False)
    await group.commands.moved(group.asker, "#larks", ("fake-chat", "#larks"))
    assert early.asker.account_id != group.asker.account_id
    assert (await (await ann.beside("#larks", private=False)).says("/list")).startswith("1. larks")


# ── status ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_status_tells_of_the_sources_and_of_what_was_sent(ann: Chat) -> None:
    await ann.says("/follow instant larks")
    await ann.tell(1, "Larks that nest")
    await ann.deliver(hours=1)
    said = await ann.says("/status")
    assert said.startswith("Sources\n") and len(await status.sources(ann.store)) == said.count("arXiv")
    assert "Last sent today at 10:05, 1 paper." in said


async def test_status_says_how_many_papers_wait_and_when_they_come(ann: Chat) -> None:
    await ann.says("/follow larks")
    await ann.tell(1, "Larks that nest")
    said = await ann.says("/status")
    assert "1 paper waiting; /digest sends them now." in said and "The next digest comes tomorrow at 08:00." in said


async def test_status_of_a_new_reader_says_how_to_begin(ann: Chat) -> None:
    assert (await ann.says("/status")).endswith("Nothing is followed here yet. /follow QUERY begins.")


# ── groups ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_members_of_a_group_cannot_change_when_it_is_told(ann: Chat) -> None:
    member = await ann.beside("#birds", private=False, may_change=False)
    for line in ("/when 9:00", "/pause", "/resume", "/digest", "/trending daily"):
        assert (await member.says(line)).startswith("Only administrators")
    assert await subscribe.destinations(ann.store, member.asker.account_id) == []
    assert (await member.says("/status")).startswith("Sources")


def test_moments_are_said_on_the_readers_clock() -> None:
    from paperlark.bots.words import day_and_hour

    now = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)
    assert day_and_hour(now, "Asia/Tokyo", now) == "today at 08:30"
    assert day_and_hour(datetime(2026, 3, 3, 20, tzinfo=UTC), "UTC", now) == "tomorrow at 20:00"
    assert day_and_hour(datetime(2026, 3, 5, 8, tzinfo=UTC), "UTC", now) == "Thu 5 Mar at 08:00"
