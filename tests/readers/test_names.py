"""Similar names: other spellings of a person or an organisation, with how many papers each stands on."""

import pytest

from paperlark.model.problems import ReaderError
from paperlark.readers.names import Similar, similar
from paperlark.store.database import Store
from tests.builders import record, told


async def published(store: Store, *authors: str, organisation: str | None = None, times: int = 1) -> None:
    for _ in range(times):
        number = next(_numbers)
        await record(
            store, told(f"Study {number}", f"Of {number}.", arxiv=f"2603.{number:05}", authors=authors,
                        organisation=organisation)
        )  # fmt: skip


_numbers = iter(range(1, 99_999))


async def test_a_person_is_found_in_every_spelling_with_the_number_of_papers(store: Store) -> None:
    await published(store, "Yang Song", "Bo Wren", times=2)
    await published(store, "Song, Y.")
    await published(store, "Song, Yang")
    await published(store, "Y Song", times=3)
    await published(store, "Yang Songg")
    await published(store, "Han Song")
    await published(store, "Yang Li")
    assert await similar(store, "Yang Song") == [
        Similar("Yang Song", 2, "same"),
        Similar("Song, Yang", 1, "same"),
        Similar("Y Song", 3, "initials"),
        Similar("Song, Y.", 1, "initials"),
        Similar("Yang Songg", 1, "alike"),
    ]
    assert [each.name for each in await similar(store, "y. song", limit=2)] == ["Y Song", "Song, Y."]


@pytest.mark.parametrize(
    ("asked", "likeness"),
    [
        ("Jürgen Schmidhuber", "same"),
        ("Schmidhuber, Jurgen", "same"),
        ("Schmidhuber", "initials"),
        ("J. Schmidhuber", "initials"),
        ("Jürgen Schmidhubr", "alike"),
        ("Jürgen Shmidhuber", "alike"),
        ("Jurgan Schmidhuber", "alike"),
    ],
)
async def test_a_name_is_found_however_it_is_misspelt(store: Store, asked: str, likeness: str) -> None:
    await published(store, "Jürgen Schmidhuber")
    assert await similar(store, asked) == [Similar("Jürgen Schmidhuber", 1, likeness)]  # type: ignore[arg-type]


async def test_an_organisation_is_found_by_some_of_its_words_its_initials_and_misspelt(store: Store) -> None:
    for name, times in (("Google DeepMind", 2), ("DeepMind", 1), ("Massachusetts Institute of Technology", 1)):
        await published(store, organisation=name, times=times)
    kind = "organisation"
    found = [Similar("DeepMind", 1, "same"), Similar("Google DeepMind", 2, "alike")]
    assert await similar(store, "deepmind", kind=kind) == found
    assert await similar(store, "Deepmnid", kind=kind) == [Similar("DeepMind", 1, "alike")]
    (found_by_initials,) = await similar(store, "MIT", kind=kind)
    assert found_by_initials == Similar("Massachusetts Institute of Technology", 1, "initials")


async def test_an_author_and_an_organisation_of_one_name_are_told_apart(store: Store) -> None:
    await published(store, "Ada Hedge", organisation="Hedge Lab")
    assert [each.name for each in await similar(store, "Hedge")] == ["Ada Hedge"]
    assert [each.name for each in await similar(store, "Hedge", kind="organisation")] == ["Hedge Lab"]


async def test_of_a_very_common_name_the_newest_papers_are_counted(sqlite_store: Store) -> None:
    await published(sqlite_store, "Wei Wang", times=3)
    await published(sqlite_store, "W. Wang")
    found = [Similar("Wei Wang", 2, "same"), Similar("W. Wang", 1, "initials")]
    assert await similar(sqlite_store, "Wei Wang", looked_at=3) == found


@pytest.mark.parametrize("text", ["", "  ", "?!", "x" * 200])
async def test_what_is_no_name_is_refused(sqlite_store: Store, text: str) -> None:
    for kind in ("author", "organisation"):
        with pytest.raises(ReaderError):
            await similar(sqlite_store, text, kind=kind)


async def test_another_kind_of_name_is_refused(sqlite_store: Store) -> None:
    with pytest.raises(ReaderError, match="not of 'journal'"):
        await similar(sqlite_store, "Larks", kind="journal")
