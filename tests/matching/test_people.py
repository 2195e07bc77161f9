"""Whose name is asked for: of each author what `names.same_person` says of each name, however many there are."""

from itertools import product
from random import Random

from paperlark.matching.names import Name, read_name, same_person
from paperlark.matching.people import People, read

GIVEN = ("Yang", "Yu", "Y.", "Xiao-Ming", "Xiaoming", "X. M.", "Xiao Ming", "José", "J", "Ann B.", "")
FAMILIES = ("Song", "van der Maaten", "Maaten", "Šong", "D'Arcy", "O", "King, Jr.", "Jr.", "SONG")


def test_those_are_found_who_are_the_same_person() -> None:
    written = [*(f"{given} {family}" for given, family in product(GIVEN, FAMILIES))]
    written += [f"{family}, {given}" for given, family in product(GIVEN, FAMILIES[:6])]
    names = list(dict.fromkeys(name for each in written if (name := read_name(each)) is not None))
    people = People()
    for term, name in enumerate(names):
        people.put(name, term)
    for author in written:
        found = read_name(author)
        assert found is not None
        assert sorted(people.present([author])) == [
            term for term, name in enumerate(names) if same_person(name, found)
        ], author


def test_a_name_that_stands_alone_is_overlooked_by_no_glance() -> None:
    authors = [f"{given} {family}" for given, family in product((*GIVEN, "y", "Z", "Anna"), ("Song", "Maaten", "Li"))]
    for wanted in ("Song, Yang", "Song, Y.", "Song", "Maaten, X.", "van der Maaten, Ann B.", "Li, Xiao Ming"):
        name = read_name(wanted)
        assert name is not None
        people = People()
        people.put(name, 7)
        for author in authors:
            found = read_name(author)
            assert found is not None
            assert people.present([author]) == ([7] if same_person(name, found) else []), (wanted, author)


def test_each_of_thousands_of_names_keeps_its_term() -> None:
    chance = Random(7)
    letters = "aeinorst"
    names = list(
        dict.fromkeys(
            Name(("".join(chance.choices(letters, k=4)),), ("".join(chance.choices(letters, k=3)),))
            for _ in range(3_000)
        )
    )
    people = People()
    for term, name in enumerate(names):
        assert people.term(name) is None
        people.put(name, term)
    assert [people.term(name) for name in names] == list(range(len(names)))
    assert [(read(written), term) for written, term in people] == list(zip(names, range(len(names)), strict=True))
    assert people.present(["Nobody Atall", "Q. Uncommon"]) == []
