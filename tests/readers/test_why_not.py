"""Why was I not told? For each cause one paper that was not sent, and the very sentence that the reader gets."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import time, timedelta
from random import Random

import pytest

from paperlark.model.problems import DeliveryError, ReaderError, SourceError
from paperlark.model.readers import Cadence, MuteKind, QuietHours
from paperlark.pipeline import ingest
from paperlark.pipeline.planning import lapse
from paperlark.readers import subscribe
from paperlark.readers.follow import edit
from paperlark.readers.subscribe import Wish, subscribe_trending, unsubscribe
from paperlark.readers.way import Cause
from paperlark.readers.why_not import Verdict, why_not
from paperlark.store import accounts, profiles, retention, sources
from paperlark.store.database import Store, open_store
from paperlark.testing.clock import FakeClock
from paperlark.testing.sources import FakeSource
from tests.builders import LEASE, MONDAY, numbered, page, percolate, reader, record, told
from tests.readers.worlds import PAPER, World

DAY = timedelta(days=1)
DOWN = DeliveryError("fake: 502")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MONDAY)


@pytest.fixture
async def world(store_url: str, clock: FakeClock) -> AsyncIterator[World]:
    """On both databases, with time standing still."""
    opened = await open_store(store_url, clock=clock)
    yield World(opened, clock)
    await opened.close()


@pytest.fixture
async def store(world: World) -> Store:
    return world.store


Scene = Callable[[World], Awaitable[Verdict]]
SCENES: list[tuple[Cause, str, Scene]] = []


def scene(cause: Cause, sentence: str) -> Callable[[Scene], Scene]:
    """One way for a paper not to be sent, the cause, and the sentence."""

    def keep(story: Scene) -> Scene:
        SCENES.append((cause, sentence, story))
        return story

    return keep


# ── not in the archive, or not looked at ───────────────────────────────────────────────────────────────────────────


async def ill(world: World, failures: int) -> None:
    """A source that was well on Monday at nine, and has failed since."""
    source = FakeSource("arxiv", [page(*numbered(2, "owls", start=50)), SourceError("fake: 503")])
    async with world.store.transaction() as tx:
        await sources.add(tx, "arxiv", "fake", {}, world.clock())
    for _ in range(failures + 1):
        async with world.store.transaction() as tx:
            (claimed,) = await sources.claim_due(tx, world.clock(), LEASE, limit=1, only="arxiv")
        source.add(SourceError("fake: 503"))
        await ingest.poll(world.store, claimed, source, lease=LEASE, jitter=Random(0))
        world.clock.advance(hours=1)


@scene(Cause.ABSENT, "No source has told of 2603.00001 so far.")
async def nobody_told(world: World) -> Verdict:
    return await world.verdict(await reader(world.store))


@scene(Cause.SOURCE_ILL, "arxiv is broken: fake: 503; never well so far.")
async def its_source_is_broken(world: World) -> Verdict:
    await ill(world, failures=4)
    return await world.verdict(await reader(world.store))


@scene(Cause.UNREAD, "It was recorded on Mon 2 Mar 2026 at 09:05 (UTC) and is about to be held against your profiles.")
async def recorded_a_moment_ago(world: World) -> Verdict:
    ann = await reader(world.store)
    world.clock.advance(minutes=5)
    await record(world.store, told("Larks", arxiv=PAPER))
    return await world.verdict(ann)


# ── the profile does not meet it ───────────────────────────────────────────────────────────────────────────────────


@scene(Cause.WORDS, "“larks owls” does not meet it: the paper does not have `owls`.")
async def a_word_is_missing(world: World) -> Verdict:
    ann = await reader(world.store, "larks owls")
    await world.tell()
    return await world.verdict(ann)


@scene(
    Cause.WORDS,
    "“owls hawks, larks owls valley” does not meet it: nearest is `larks owls valley`: the paper does not have `owls`.",
)
async def the_nearest_of_several_alternatives_lacks_a_word(world: World) -> Verdict:
    ann = await reader(world.store, "owls hawks, larks owls valley")
    await world.tell()
    return await world.verdict(ann)


@scene(Cause.EXCLUSION, "“larks -valley” does not meet it: `valley` is excluded, and “valley” stands in the title.")
async def an_exclusion_fired(world: World) -> Verdict:
    ann = await reader(world.store, "larks -valley")
    await world.tell()
    return await world.verdict(ann)


@scene(
    Cause.NUMBER,
    "“larks upvotes:>=30” does not meet it: it has 12 upvotes, and `upvotes:>=30` is asked for: 18 too few.",
)
async def a_number_is_not_reached(world: World) -> Verdict:
    ann = await reader(world.store, "larks upvotes:>=30")
    await world.tell(signals={"upvotes": 3})
    await world.tell(signals={"upvotes": 12})
    return await world.verdict(ann)


@scene(
    Cause.MEANING,
    "“like:2603.77777” does not meet it: it does not read like “2603.77777”, not known (needs 0.65).",
)
async def it_is_not_like_the_paper_that_is_named(world: World) -> Verdict:
    ann = await reader(world.store, "like:2603.77777")
    await world.tell()
    await world.deliver()
    return await world.verdict(ann)


@scene(Cause.DATE, "“larks since:2026-03-03” does not meet it: it was announced on 2026-03-02, before 2026-03-03.")
async def it_was_announced_before_the_date(world: World) -> Verdict:
    ann = await reader(world.store, "larks since:2026-03-03")
    await world.tell()
    return await world.verdict(ann)


@scene(
    Cause.PROFILE_LATER,
    "“owls” as it is now began on Mon 2 Mar 2026 at 10:05 (UTC); the paper was first seen on Mon 2 Mar 2026 at 09:05 "
    "(UTC).",
)
async def the_profile_was_another_one_then(world: World) -> Verdict:
    ann = await reader(world.store, "owls")
    await world.tell()
    world.clock.advance(hours=1)
    await edit(world.store, ann.account_id, "owls", text="larks")
    return await world.verdict(ann)


@scene(
    Cause.CHANGED,
    "“owls” asks for it as things are now, but did not when it was announced: the paper, or what you want of it, has "
    "changed since.",
)
async def the_paper_was_another_one_then(world: World) -> Verdict:
    ann = await reader(world.store, "owls")
    await world.tell("Larks over the valley")
    await world.tell("Owls over the valley")
    return await world.verdict(ann)


# ── it meets, and is not owed ──────────────────────────────────────────────────────────────────────────────────────


@scene(Cause.ARCHIVED, "It was imported into the archive on Mon 2 Mar 2026 at 09:05 (UTC), which tells nobody.")
async def it_was_only_archived(world: World) -> Verdict:
    ann = await reader(world.store)
    await world.tell(owes=False)
    return await world.verdict(ann)


@scene(
    Cause.ARCHIVED,
    "It came with the first poll of arxiv, on Mon 2 Mar 2026 at 09:00 (UTC), which fills the archive and tells nobody.",
)
async def it_came_with_the_first_poll(world: World) -> Verdict:
    ann = await reader(world.store)
    async with world.store.transaction() as tx:
        await sources.add(tx, "arxiv", "fake", {}, world.clock())
        (claimed,) = await sources.claim_due(tx, world.clock(), LEASE, limit=1, only="arxiv")
    source = FakeSource("arxiv", [page(told("Larks", arxiv=PAPER))])
    await ingest.poll(world.store, claimed, source, lease=LEASE, jitter=Random(0))
    await percolate(world.store)
    return await world.verdict(ann)


@scene(Cause.NOWHERE, "“larks” is not told anywhere.")
async def the_profile_is_told_nowhere(world: World) -> Verdict:
    ann = await reader(world.store)
    await unsubscribe(world.store, ann.account_id, ann.subscription.id)
    await world.tell()
    return await world.verdict(ann)


@scene(
    Cause.TYPE,
    "arxiv announced it as a revision, and of “larks” fake ann wants only what is new and a cross-list.",
)
async def its_type_is_not_wanted(world: World) -> Verdict:
    ann = await reader(world.store)
    await world.tell(occasion="replaced:v2", type="replace")
    return await world.verdict(ann)


@scene(
    Cause.SUBSCRIBED_LATER,
    "fake ann has been told of “larks” since Mon 2 Mar 2026 at 10:05 (UTC); the paper was there on Mon 2 Mar 2026 at "
    "09:05 (UTC).",
)
async def it_was_announced_before_the_subscription(world: World) -> Verdict:
    ann = await reader(world.store)
    await world.unsubscribe(ann)
    await world.tell()
    world.clock.advance(hours=1)
    async with world.store.transaction() as tx:
        await profiles.subscribe(
            tx,
            ann.account_id,
            ann.profile.id,
            ann.destination.id,
            cadence=Cadence.INSTANT,
            occasions=["new"],
            now=world.clock(),
        )
    return await world.verdict(ann)


@scene(
    Cause.UNCONFIRMED, "email ann@example.org is told nothing before its owner confirms it, by the link mailed there."
)
async def its_mailbox_is_not_confirmed(world: World) -> Verdict:
    ann = await reader(world.store)
    await world.unsubscribe(ann)
    profile = str(ann.profile.id)
    await subscribe.subscribe(
        world.store, ann.account_id, profile, channel="email", address="ann@example.org", wish=subscribe.Wish()
    )
    await world.tell()
    return await world.verdict(ann)


# ── owed, and held back ────────────────────────────────────────────────────────────────────────────────────────────


@scene(Cause.PAUSED, "fake ann is paused: on holiday.")
async def its_destination_is_paused(world: World) -> Verdict:
    ann = await reader(world.store)
    await world.pause(ann, "on holiday")
    await world.tell()
    await world.deliver()
    return await world.verdict(ann)


@scene(Cause.UNSUBSCRIBED, "fake ann is no longer told of any profile that asks for it.")
async def the_subscription_ended_meanwhile(world: World) -> Verdict:
    ann = await reader(world.store, cadence=Cadence.DAILY)
    await world.tell()
    await world.unsubscribe(ann)
    await world.deliver(after=DAY)
    return await world.verdict(ann)


@scene(Cause.DISMISSED, "You dismissed it on Mon 2 Mar 2026 at 09:05 (UTC).")
async def it_was_dismissed(world: World) -> Verdict:
    ann = await reader(world.store, cadence=Cadence.DAILY)
    await world.dismiss(ann, await world.tell())
    await world.deliver(after=DAY)
    return await world.verdict(ann)


@scene(Cause.MUTED, "You muted the word “valley” on Mon 2 Mar 2026 at 09:00 (UTC).")
async def a_word_of_it_is_muted(world: World) -> Verdict:
    ann = await reader(world.store)
    await world.mute(ann, MuteKind.WORD, "valley")
    await world.tell()
    await world.deliver()
    return await world.verdict(ann)


@scene(Cause.MUTED, "You muted the author “Yang Song” on Mon 2 Mar 2026 at 09:00 (UTC).")
async def an_author_of_it_is_muted(world: World) -> Verdict:
    ann = await reader(world.store)
    await world.mute(ann, MuteKind.AUTHOR, "Yang Song")
    await world.tell(authors=("Yang Song",))
    await world.deliver()
    return await world.verdict(ann)


@scene(Cause.MUTED, "You muted the source “arxiv” on Mon 2 Mar 2026 at 09:00 (UTC).")
async def its_source_is_muted(world: World) -> Verdict:
    ann = await reader(world.store)
    await world.mute(ann, MuteKind.SOURCE, "arxiv")
    await world.tell(source="arxiv:cs.CL")
    await world.deliver()
    return await world.verdict(ann)


@scene(
    Cause.DROPPED,
    "Its alert to fake ann was dropped on Tue 10 Mar 2026 at 09:06 (UTC): the destination was paused for more than "
    "seven days.",
)
async def it_lapsed_in_a_long_pause(world: World) -> Verdict:
    ann = await reader(world.store)
    await world.pause(ann, "on holiday")
    await world.tell()
    await world.deliver()
    world.clock.advance(days=8, minutes=1)
    await lapse(world.store)
    return await world.verdict(ann)


@scene(Cause.DEAD, "Its alert to fake ann failed for good on Mon 2 Mar 2026 at 09:05 (UTC): fake: 413 too long.")
async def the_platform_refused_the_message(world: World) -> Verdict:
    ann = await reader(world.store)
    world.channel.fail(ann.address, DeliveryError("fake: 413 too long", refused=True))
    await world.tell()
    await world.deliver()
    return await world.verdict(ann)


# ── owed, and on its way ───────────────────────────────────────────────────────────────────────────────────────────


@scene(Cause.DUE, "It comes to fake ann with the daily digest on Tue 3 Mar 2026 at 08:00 (Europe/Berlin).")
async def it_waits_for_the_daily_digest(world: World) -> Verdict:
    ann = await reader(world.store, cadence=Cadence.DAILY, zone="Europe/Berlin")
    await world.tell()
    return await world.verdict(ann)


@scene(Cause.DUE, "It comes to fake ann with the weekly digest on Thu 5 Mar 2026 at 17:30 (Asia/Tokyo).")
async def it_waits_for_the_weekly_digest(world: World) -> Verdict:
    ann = await reader(world.store, cadence=Cadence.WEEKLY, zone="Asia/Tokyo", weekday=3, digest_at=time(17, 30))
    await world.tell()
    await world.deliver()
    return await world.verdict(ann)


@scene(
    Cause.DUE,
    "It comes to fake ann as an alert on Mon 2 Mar 2026 at 12:00 (UTC), after your quiet hours.",
)
async def it_waits_for_the_end_of_quiet_hours(world: World) -> Verdict:
    ann = await reader(world.store, quiet=QuietHours(time(8), time(12)))
    await world.tell()
    await world.deliver()
    return await world.verdict(ann)


@scene(
    Cause.DUE,
    "It comes to fake ann as an alert on Mon 2 Mar 2026 at 09:12 (UTC); it was put off: fake: 429.",
)
async def the_platform_asked_to_wait(world: World) -> Verdict:
    ann = await reader(world.store)
    world.channel.fail(ann.address, DeliveryError("fake: 429", retry_after=timedelta(minutes=7)))
    await world.tell()
    await world.deliver()
    return await world.verdict(ann)


@scene(Cause.DUE, "It comes to fake ann as an alert in a moment.")
async def it_is_about_to_be_sent(world: World) -> Verdict:
    ann = await reader(world.store)
    await world.tell()
    return await world.verdict(ann)


# ── told already ───────────────────────────────────────────────────────────────────────────────────────────────────


@scene(
    Cause.BEHIND,
    "It stood behind “and 2 more” in the alert to fake ann on Mon 2 Mar 2026 at 09:10 (UTC), which counts as told.",
)
async def it_stood_behind_and_more(world: World) -> Verdict:
    ann = await reader(world.store, cap=2)
    await record(world.store, *numbered(3, start=50))
    await world.tell("A survey of swifts, swallows and martins, with some larks", at=MONDAY - DAY)
    await world.deliver(after=timedelta(minutes=5))
    return await world.verdict(ann)


@scene(Cause.TOLD, "You were told on Mon 2 Mar 2026 at 14:50 (Asia/Kolkata), in the alert to fake ann.")
async def it_was_told_already(world: World) -> Verdict:
    ann = await reader(world.store, zone="Asia/Kolkata")
    await world.tell()
    await world.deliver(after=timedelta(minutes=15))
    return await world.verdict(ann)


@pytest.mark.parametrize(("cause", "sentence", "story"), [pytest.param(*each, id=each[2].__name__) for each in SCENES])
async def test_each_cause_has_its_sentence(world: World, cause: Cause, sentence: str, story: Scene) -> None:
    verdict = await story(world)
    assert (verdict.because.cause, verdict.because.sentence) == (cause, sentence)
    assert world.channel.papers_at("ann") == [] or cause.told
    assert cause not in {each.cause for each in verdict.also} or cause is Cause.SOURCE_ILL


def test_every_cause_has_a_scene() -> None:
    never_decide = {Cause.LATE, Cause.UNREADABLE}
    assert {cause for cause, _, _ in SCENES} == set(Cause) - never_decide


# ── the rule ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_of_several_true_causes_the_earliest_on_the_way_decides_and_the_others_stand_beside_it(
    world: World,
) -> None:
    ann = await reader(world.store, "larks owls -valley")
    await world.mute(ann, MuteKind.WORD, "larks")
    await world.pause(ann, "on holiday")
    paper = await world.tell(owes=False, type="replace", occasion="replaced:v2")
    await world.dismiss(ann, paper)
    verdict = await world.verdict(ann)
    assert verdict.because.cause is Cause.WORDS
    assert [each.cause for each in verdict.also] == [
        Cause.EXCLUSION,
        Cause.ARCHIVED,
        Cause.TYPE,
        Cause.PAUSED,
        Cause.DISMISSED,
        Cause.MUTED,
    ]


async def test_the_announcement_that_came_furthest_decides(world: World) -> None:
    ann = await reader(world.store)
    await world.tell(owes=False, source="archive")
    await world.tell(type="replace", occasion="replaced:v2")
    verdict = await world.verdict(ann)
    assert verdict.because.cause is Cause.TYPE


async def test_a_count_that_rose_before_the_profile_began_owes_nothing(world: World) -> None:
    await world.tell(signals={"upvotes": 3})
    await world.tell(signals={"upvotes": 50})
    world.clock.advance(hours=1)
    ann = await reader(world.store, "larks upvotes:>=30")
    assert (await world.verdict(ann)).because.cause is Cause.PROFILE_LATER


async def test_a_count_that_rose_is_about_to_be_looked_at(world: World) -> None:
    ann = await reader(world.store, "larks upvotes:>=30")
    await world.tell(signals={"upvotes": 3})
    world.clock.advance(hours=1)
    await record(world.store, told("Larks over the valley", "", arxiv=PAPER, signals={"upvotes": 50}))
    assert (await world.verdict(ann)).because.cause is Cause.UNREAD
    await percolate(world.store)
    assert (await world.verdict(ann)).because.cause is Cause.DUE
    await world.deliver()
    assert (await world.verdict(ann)).told


async def test_what_came_late_says_so_beside_when_it_will_come(world: World) -> None:
    ann = await reader(world.store)
    async with world.store.transaction() as tx:
        await sources.add(tx, "arxiv", "fake", {}, world.clock())
    source = FakeSource("arxiv", [page()])
    for _ in range(2):
        async with world.store.transaction() as tx:
            (claimed,) = await sources.claim_due(tx, world.clock(), LEASE, limit=1, only="arxiv")
            claimed = replace(claimed, baseline_at=MONDAY)
        source.add(page(told("Larks", arxiv=PAPER, at=MONDAY - 4 * DAY)))
        await ingest.poll(world.store, claimed, source, lease=LEASE, jitter=Random(0))
    await percolate(world.store)
    verdict = await world.verdict(ann)
    assert verdict.because.sentence == "It comes to fake ann with the daily digest on Tue 3 Mar 2026 at 08:00 (UTC)."
    assert [each.sentence for each in verdict.also] == [
        "arxiv announced it for Thu 26 Feb 2026, and told of it only on Mon 2 Mar 2026 at 09:00 (UTC): what comes late "
        "waits for the next digest."
    ]


async def test_what_another_profile_told_is_said_beside_what_this_one_lacks(world: World) -> None:
    ann = await reader(world.store)
    async with world.store.transaction() as tx:
        owls = await profiles.add(tx, ann.account_id, "owls", "owls", world.clock())
        await profiles.subscribe(
            tx,
            ann.account_id,
            owls.id,
            ann.destination.id,
            cadence=Cadence.INSTANT,
            occasions=["new"],
            now=world.clock(),
        )
    await world.tell()
    await world.deliver()
    found = await why_not(world.store, ann.account_id, PAPER)
    assert [(each.profile.name, each.because.cause) for each in found.verdicts if each.profile] == [
        ("larks", Cause.TOLD),
        ("owls", Cause.WORDS),
    ]
    assert [each.cause for each in found.verdicts[1].also] == [Cause.TOLD]


async def test_told_under_an_earlier_version_is_told(world: World) -> None:
    ann = await reader(world.store)
    await world.tell()
    await world.deliver()
    await edit(world.store, ann.account_id, "larks", text="owls")
    assert (await world.verdict(ann)).because.cause is Cause.TOLD


async def test_a_delivery_that_failed_for_now_is_due_and_then_told(world: World) -> None:
    ann = await reader(world.store)
    world.channel.fail(ann.address, DOWN)
    await world.tell()
    await world.deliver()
    assert (await world.verdict(ann)).because.cause is Cause.DUE
    await world.deliver(after=timedelta(hours=1))
    assert (await world.verdict(ann)).told


async def test_a_sealed_delivery_waits_while_its_destination_is_paused(world: World) -> None:
    ann = await reader(world.store)
    world.channel.fail(ann.address, DOWN)
    await world.tell()
    await world.deliver()
    await world.pause(ann, "on holiday")
    await world.deliver(after=timedelta(hours=1))
    assert (await world.verdict(ann)).because.cause is Cause.PAUSED


async def test_what_was_told_as_trending_is_told_without_any_profile(world: World) -> None:
    async with world.store.transaction() as tx:
        me = await accounts.local_account(tx, world.clock())
    wish = Wish(cadence=Cadence.DAILY)
    await subscribe_trending(world.store, me, channel="fake", address="me", wish=wish)
    for number in range(5):
        await world.tell(f"Owls {number}", arxiv=f"2603.1000{number}", signals={"upvotes": 1})
    paper = await world.tell(signals={"upvotes": 90})
    await world.deliver()
    await world.deliver(after=DAY)
    assert paper in world.channel.papers_at("me")
    (verdict,) = (await why_not(world.store, me, PAPER)).verdicts
    assert (verdict.profile, verdict.because.cause) == (None, Cause.TOLD)


async def test_matches_that_are_forgotten_do_not_make_a_told_paper_untold(world: World) -> None:
    ann = await reader(world.store)
    await world.tell()
    await world.deliver()
    for days in (100, 100):
        world.clock.advance(days=days)
        async with world.store.transaction() as tx:
            await retention.forget(tx, world.clock())
        assert (await world.verdict(ann)).because.cause is Cause.TOLD
    assert (await world.verdict(ann)).because.sentence == "You were told, in the alert to fake ann."


async def test_anothers_profile_is_refused_as_one_that_is_not_there(world: World) -> None:
    ann = await reader(world.store)
    bob = await reader(world.store, "owls", "bob")
    await world.tell()
    with pytest.raises(ReaderError) as theirs:
        await why_not(world.store, ann.account_id, PAPER, profile=str(bob.profile.id))
    with pytest.raises(ReaderError) as nobodys:
        await why_not(world.store, ann.account_id, PAPER, profile="12345")
    assert str(theirs.value).replace(str(bob.profile.id), "12345") == str(nobodys.value)


async def test_a_word_that_names_no_paper_is_refused(world: World) -> None:
    ann = await reader(world.store)
    with pytest.raises(ReaderError, match="the archive holds no paper 'larks'"):
        await why_not(world.store, ann.account_id, "larks")


async def test_without_a_profile_there_is_nothing_to_ask(world: World) -> None:
    await world.tell()
    async with world.store.transaction() as tx:
        me = await accounts.local_account(tx, world.clock())
    with pytest.raises(ReaderError, match="you have no profiles yet"):
        await why_not(world.store, me, PAPER)
