"""Why was I told? The alternative that led to a paper, each term of it with the words as written; for a whole delivery
too."""

from collections.abc import AsyncIterator

import pytest

from paperlark.model.messages import Span
from paperlark.model.problems import ReaderError
from paperlark.model.readers import Cadence, MuteKind
from paperlark.readers.follow import edit
from paperlark.readers.why import why, why_told
from paperlark.store import profiles
from paperlark.store.database import open_store
from paperlark.store.outbox import Fate
from paperlark.testing.clock import FakeClock
from tests.builders import MONDAY, Reader, deliveries, reader
from tests.readers.worlds import PAPER, World


@pytest.fixture
async def world(store_url: str) -> AsyncIterator[World]:
    """On both databases, with time standing still."""
    clock = FakeClock(MONDAY)
    opened = await open_store(store_url, clock=clock)
    yield World(opened, clock)
    await opened.close()


async def also_follow(world: World, ann: Reader, query: str) -> None:
    """A second profile, told at the same place."""
    async with world.store.transaction() as tx:
        profile = await profiles.add(tx, ann.account_id, query, query, world.clock())
        await profiles.subscribe(
            tx,
            ann.account_id,
            profile.id,
            ann.destination.id,
            cadence=Cadence.INSTANT,
            occasions=["new"],
            now=world.clock(),
        )


async def test_a_match_names_the_alternative_and_each_term_with_its_words_as_written(world: World) -> None:
    ann = await reader(world.store, "owls hawks, title:larks migrat*")
    await world.tell("Larks over the valley", "They had Migrated south.")
    paper, (led,) = await why(world.store, ann.account_id, PAPER)
    (found,) = led.alternatives
    assert (led.profile, led.version, found.text) == (ann.profile, 1, "title:larks migrat*")
    assert [(term.term, term.spans) for term in found.terms] == [
        ("title:larks", (Span("title", 0, 5, "Larks"),)),
        ("migrat*", (Span("abstract", 9, 17, "Migrated"),)),
    ]
    assert paper.abstract[9:17] == "Migrated"


async def test_every_profile_that_led_to_it_is_named_and_others_are_not(world: World) -> None:
    ann = await reader(world.store)
    await also_follow(world, ann, "valley")
    await also_follow(world, ann, "owls")
    await world.tell()
    _, led = await why(world.store, ann.account_id, PAPER)
    assert [each.profile.name for each in led] == ["larks", "valley"]


async def test_what_led_to_it_was_the_profile_as_it_was_then(world: World) -> None:
    ann = await reader(world.store)
    await world.tell()
    await edit(world.store, ann.account_id, "larks", text="owls")
    _, (led,) = await why(world.store, ann.account_id, PAPER)
    assert (led.version, [found.text for found in led.alternatives]) == (1, ["larks"])


async def test_the_type_of_the_announcement_counts(world: World) -> None:
    ann = await reader(world.store, "larks type:replace")
    await world.tell(source="biorxiv")
    assert (await why(world.store, ann.account_id, PAPER))[1] == ()
    await world.tell(type="replace", occasion="replaced:v2")
    _, (led,) = await why(world.store, ann.account_id, PAPER)
    assert [span.text for span in led.alternatives[0].spans] == ["Larks", "replace"]


async def test_a_delivery_says_of_each_paper_what_it_made_of_it_and_what_led_to_it(world: World) -> None:
    ann = await reader(world.store, cap=1)
    await also_follow(world, ann, "valley")
    hidden = await world.tell("Larks at rest", arxiv="2603.00002")
    muted = await world.tell("Larks and hawks", arxiv="2603.00003")
    shown = await world.tell("Larks over the valley")
    await world.mute(ann, MuteKind.WORD, "hawks")
    await world.deliver()
    (delivery,) = await deliveries(world.store)
    contained = await why_told(world.store, ann.account_id, delivery["id"])
    assert [(each.paper.id, each.fate, [led.profile.name for led in each.led]) for each in contained] == [
        (shown, Fate.SHOWN, ["larks", "valley"]),
        (hidden, Fate.BEHIND, ["larks"]),
        (muted, Fate.MUTED, ["larks"]),
    ]
    assert world.channel.papers_at(ann.address) == [shown]


async def test_anothers_delivery_is_refused_as_one_that_is_not_there(world: World) -> None:
    ann, bob = await reader(world.store), await reader(world.store, "owls", "bob")
    await world.tell()
    await world.deliver()
    (delivery,) = await deliveries(world.store)
    assert await why_told(world.store, ann.account_id, delivery["id"])
    with pytest.raises(ReaderError) as theirs:
        await why_told(world.store, bob.account_id, delivery["id"])
    with pytest.raises(ReaderError) as nobodys:
        await why_told(world.store, bob.account_id, 12345)
    assert str(theirs.value) == str(nobodys.value)


async def test_anothers_profiles_lead_nobody_else(world: World) -> None:
    await reader(world.store)
    bob = await reader(world.store, "owls", "bob")
    await world.tell()
    assert (await why(world.store, bob.account_id, PAPER))[1] == ()
