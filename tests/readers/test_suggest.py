"""Suggestions for a profile: what goes with its papers, why, what it would bring, and the text to follow."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, assume, given, settings

from paperlark.matching.query import parse
from paperlark.model.problems import QueryError, ReaderError
from paperlark.model.readers import MarkKind
from paperlark.readers import follow, rewritten
from paperlark.readers.preview import preview
from paperlark.readers.suggest import Suggested, Suggestion, suggest, suggest_for
from paperlark.store import marks
from paperlark.store.database import Store
from tests.builders import MONDAY, reader, record, told
from tests.matching.papers import query_texts

BIRDS = ("heron", "wren", "finch", "swift", "crane", "plover", "dipper", "linnet")


async def archive(store: Store, *texts: tuple[str, str], start: int = 0, **fields: object) -> list[int]:
    """Papers, one a day over the last ten days, and again."""
    announcements = [
        told(title, abstract, arxiv=f"2603.{n:05d}", at=MONDAY - timedelta(days=n % 10), **fields)  # type: ignore[arg-type]
        for n, (title, abstract) in enumerate(texts, start)
    ]
    return list((await record(store, *announcements)).papers)


def others(count: int) -> list[tuple[str, str]]:
    """Papers of which each is about something of its own."""
    return [(f"On the {BIRDS[n % len(BIRDS)]}", f"A note on places, the {n}th of many.") for n in range(count)]


async def suggested(store: Store, text: str, **more: object) -> Suggested:
    return await suggest(store, text, now=MONDAY, **more)  # type: ignore[arg-type]


def of(found: Suggested, kind: str) -> list[Suggestion]:
    return [each for each in found.suggestions if each.kind == kind]


# ── words that go with it ──────────────────────────────────────────────────────────────────────────────────────────


async def test_a_word_that_stands_in_many_of_the_matches_and_seldom_elsewhere_is_suggested(store: Store) -> None:
    owls = [(f"Owls and their night vision {n}", "We watched owls; night vision helps them.") for n in range(5)]
    await archive(store, *owls, ("Night vision of cats", "Cats see."), *others(60))
    (found,) = of(await suggested(store, "owls"), "term")
    assert (found.what, found.text) == ("night vision", "owls, night-vision")
    assert found.reason == "stands in 5 of your 5 matches, 1 in 11 of all papers"
    assert (found.more, found.effect) == (1, "adds about one paper every 10 days")


async def test_the_querys_own_words_and_words_of_every_paper_are_not_suggested(sqlite_store: Store) -> None:
    owls = [(f"Note on owls {n}", "A note on owls in places.") for n in range(6)]
    await archive(sqlite_store, *owls, *others(40))
    assert (await suggested(sqlite_store, "owl")).suggestions == ()


async def test_who_gets_more_than_is_comfortable_is_offered_less(sqlite_store: Store) -> None:
    owls = [(f"Owls at night {n}", "Owls again.") for n in range(100)]
    barn = [(f"Owls in barns {n}", "Owls, and barns.") for n in range(25)]
    await archive(sqlite_store, *owls, *barn, *others(300))
    found = of(await suggested(sqlite_store, "owls"), "term")
    assert [each.text for each in found] == ["owls barns"]
    assert (found[0].more, found[0].effect) == (-100, "leaves about 2 papers a day")


async def test_what_is_said_of_the_volume_is_what_the_preview_of_the_text_says(sqlite_store: Store) -> None:
    owls = [(f"Owls and their night vision {n}", "Night vision.") for n in range(5)]
    await archive(sqlite_store, *owls, ("Night vision of cats", ""), *others(60))
    found = await suggested(sqlite_store, "owls")
    for each in found.suggestions:
        looked = await preview(sqlite_store, each.text, now=MONDAY)
        assert (each.volume, found.volume.total + each.more) == (looked.volume, looked.total)
    assert found.suggestions


# ── acronyms ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_acronym_is_offered_its_long_form_and_back(store: Store) -> None:
    explained = [(f"Flight {n}", "We fit bird language models (BLMs) to songs.") for n in range(3)]
    await archive(store, *explained, ("Song", "Of bird language models."), ("More", "A BLM sings."), *others(30))
    (long,) = of(await suggested(store, "BLM"), "acronym")
    assert (long.what, long.text) == ("bird language models", 'BLM, "bird language models"')
    assert long.reason == "3 abstracts explain “BLM” as “bird language models”"
    assert long.more == 1
    (short,) = of(await suggested(store, '"bird language models"'), "acronym")
    assert (short.what, short.text) == ("BLM", '"bird language models", blm')


async def test_words_that_must_all_be_there_are_offered_their_short_form_in_their_place(sqlite_store: Store) -> None:
    await archive(
        sqlite_store, *[(f"Flight {n}", "Bird language models (BLMs) of song.") for n in range(3)], *others(9)
    )
    (found,) = of(await suggested(sqlite_store, "bird language models song"), "acronym")
    assert found.text == "(bird language models OR blm) song"


async def test_a_short_form_that_is_a_word_keeps_its_case(sqlite_store: Store) -> None:
    await archive(
        sqlite_store, *[(f"Flight {n}", "Grouped airborne triangulation (GAT).") for n in range(3)], *others(9)
    )
    (found,) = of(await suggested(sqlite_store, '"grouped airborne triangulation"'), "acronym")
    assert found.text.endswith(", =GAT")


async def test_one_abstract_alone_explains_nothing(sqlite_store: Store) -> None:
    await archive(sqlite_store, ("Flight", "Bird language models (BLMs)."), ("Song", "A BLM."), *others(9))
    assert of(await suggested(sqlite_store, "BLM"), "acronym") == []


async def test_what_the_profile_asks_for_already_is_not_offered(sqlite_store: Store) -> None:
    await archive(sqlite_store, *[(f"Flight {n}", "Bird language models (BLMs).") for n in range(3)], *others(9))
    assert of(await suggested(sqlite_store, 'BLM, "bird language models"'), "acronym") == []


# ── spelling ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_word_that_nobody_writes_is_offered_the_common_one(store: Store) -> None:
    await archive(store, *[(f"Migration {n}", "They migrate.") for n in range(12)])
    (found,) = of(await suggested(store, 'Migrtion "of birds"'), "spelling")
    assert (found.what, found.text) == ("migration", 'migration "of birds"')
    assert found.reason == "no paper has “migrtion”, 12 have “migration”"


async def test_a_word_that_is_known_is_left_alone(sqlite_store: Store) -> None:
    papers = [*[(f"Migration {n}", "") for n in range(60)], *[(f"Migrations {n}", "") for n in range(3)]]
    await archive(sqlite_store, *papers, *[(f"Migrating {n}", "") for n in range(3)])
    assert of(await suggested(sqlite_store, "migrating"), "spelling") == []


async def test_a_stem_that_nobody_writes_is_not_offered(sqlite_store: Store) -> None:
    await archive(sqlite_store, *[(f"Soaring eagles {n}", "Quantized flight.") for n in range(12)])
    assert of(await suggested(sqlite_store, "quantix"), "spelling") == []


# ── names ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_author_who_recurs_among_matches_and_saved_papers_is_suggested(store: Store) -> None:
    ann = await reader(store, "owls")
    theirs = await archive(store, *[(f"Owls {n}", "") for n in range(3)], authors=("Ada Ibis", "Bo Tern"))
    theirs += await archive(store, ("Kites", ""), ("Swans", ""), start=10, authors=("Ada Ibis",))
    await archive(store, *others(60), start=20, authors=("Bo Tern",))
    async with store.transaction() as tx:
        for number in theirs[-2:]:
            await marks.put(tx, ann.account_id, number, MarkKind.SAVED, MONDAY)
    _, found = await suggest_for(store, ann.account_id, str(ann.profile.id), now=MONDAY)
    (author,) = of(found, "author")
    assert (author.what, author.text) == ("Ada Ibis", 'owls, author:"Ada Ibis"')
    assert author.reason == "on 3 of your 3 matches and 2 papers that you saved"
    assert author.more == 2


async def test_an_organisation_that_recurs_is_suggested(store: Store) -> None:
    await archive(store, *[(f"Owls {n}", "") for n in range(4)], organisation="Marsh Lab")
    await archive(store, ("Kites", ""), start=10, organisation="Marsh Lab")
    await archive(store, *others(60), start=20)
    (found,) = of(await suggested(store, "owls"), "organisation")
    assert (found.text, found.reason) == ('owls, org:"Marsh Lab"', "on 4 of your 4 matches")


# ── what is promised of all of them ────────────────────────────────────────────────────────────────────────────────


async def test_a_suggestion_changes_nothing_until_its_text_is_followed(store: Store) -> None:
    ann = await reader(store, "BLM")
    await archive(store, *[(f"Flight {n}", "Bird language models (BLMs).") for n in range(3)], *others(9))
    profile, found = await suggest_for(store, ann.account_id, str(ann.profile.id), now=MONDAY)
    assert profile == ann.profile
    edited = await follow.edit(store, ann.account_id, str(ann.profile.id), text=found.suggestions[0].text)
    assert (edited.text, edited.version) == ('BLM, "bird language models"', 2)


async def test_of_an_empty_archive_nothing_is_suggested(sqlite_store: Store) -> None:
    assert (await suggested(sqlite_store, "owls")).suggestions == ()


async def test_what_cannot_be_read_is_refused(sqlite_store: Store) -> None:
    with pytest.raises(QueryError):
        await suggested(sqlite_store, '"owls')
    ann = await reader(sqlite_store)
    with pytest.raises(ReaderError, match="no profile"):
        await suggest_for(sqlite_store, ann.account_id, "12", now=MONDAY)


@settings(max_examples=60, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(query_texts, query_texts)
def test_a_changed_text_reads_as_it_was_meant(text: str, more: str) -> None:
    try:
        query, node = parse(text), parse(more).tree
    except QueryError:
        assume(False)
    wider = rewritten.widened(text, query, node)
    narrower = rewritten.narrowed(text, query, node)
    if wider is not None:
        assert set(parse(wider).alternatives) >= set(query.alternatives)
    if narrower is not None:
        assert parse(narrower) == parse(f"({query}) ({node})")
