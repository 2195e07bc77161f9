"""Names that authors are asked for by, and who of a paper's authors bears one.

A million profiles ask for tens of thousands of names, so these stand in arrays. A name is kept under signs: what
`names.same_person` must find in both, the family name's last word, and how the given names begin. Only who stands under
a common sign is compared, so that two signs of one hash cost a comparison and nothing else.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from zlib import crc32

from paperlark.matching.names import SUFFIXES, Name, read_name, same_person

ANSWERS = 10_000  # spellings of authors whose answers are remembered


class People:
    """Names by the terms that stand for them."""

    def __init__(self) -> None:
        self._families: set[str] = set()
        self._names: list[str] = []
        self._terms = array("I")
        self._signs = _Signs()
        self._answers: dict[str, tuple[int, ...]] = {}

    def __bool__(self) -> bool:
        return bool(self._names)

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """Each name as `read` reads it, and its term."""
        return zip(self._names, self._terms, strict=True)

    def term(self, name: Name) -> int | None:
        """The term of a name; None where nobody asks for it."""
        written = str(name)
        places = self._signs.under(_kept_under(name)[0])
        return next((self._terms[place] for place in places if self._names[place] == written), None)

    def put(self, name: Name, term: int) -> None:
        """Look for a new name from now on."""
        for sign in _kept_under(name):
            self._signs.put(sign, len(self._names))
        self._families.add(name.family[-1])
        self._names.append(str(name))
        self._terms.append(term)
        self._answers.clear()

    def present(self, authors: Sequence[str]) -> list[int]:
        """The terms of the names that these authors may bear."""
        found: list[int] = []
        for author in authors:
            answer = self._answers.get(author)
            if answer is None:
                name = self._read(author)
                if name is None:
                    continue
                if len(self._answers) >= ANSWERS:
                    self._answers.clear()
                answer = self._answers[author] = self._who(name)
            found += answer
        return found

    def _read(self, author: str) -> Name | None:
        """An author's name; None where no name is asked for with such a family name. Most need no closer look."""
        given, _, family = author.lower().rpartition(" ")
        if family.isascii() and family.isalpha() and family not in SUFFIXES and _MARKS.isdisjoint(author):
            if family not in self._families:
                return None
            if given.isascii() and given.isalpha():
                return Name((family,), (given,))
        found = read_name(author)
        return found if found is not None and found.family[-1] in self._families else None

    def _who(self, found: Name) -> tuple[int, ...]:
        near = {place for sign in _read_under(found) for place in self._signs.under(sign)}
        return tuple([self._terms[place] for place in near if same_person(read(self._names[place]), found)])


class _Signs:
    """Places by hashes of 32 bits: chains in arrays, 16 to 20 bytes a sign."""

    def __init__(self) -> None:
        self._newest = array("I", bytes(4 * 1_024))  # by the hash's last bits; 0: none
        self._signs, self._places, self._older = array("I", [0]), array("I", [0]), array("I", [0])

    def put(self, sign: int, place: int) -> None:
        if len(self._signs) > len(self._newest):
            self._widen()
        slot = sign & (len(self._newest) - 1)
        self._signs.append(sign)
        self._places.append(place)
        self._older.append(self._newest[slot])
        self._newest[slot] = len(self._signs) - 1

    def _widen(self) -> None:
        self._newest = array("I", bytes(8 * len(self._newest)))
        for at in range(1, len(self._signs)):
            slot = self._signs[at] & (len(self._newest) - 1)
            self._older[at], self._newest[slot] = self._newest[slot], at

    def under(self, sign: int) -> list[int]:
        """The places that were put under a sign."""
        found = []
        at = self._newest[sign & (len(self._newest) - 1)]
        while at:
            if self._signs[at] == sign:
                found.append(self._places[at])
            at = self._older[at]
        return found


def read(written: str) -> Name:
    """A name from what `str` writes of it."""
    family, _, given = written.partition(",")
    return Name(tuple(family.split()), tuple(given.split()))


_MARKS = frozenset(",$\\")  # a comma may part the family name off, the others TeX


# Given names agree where their letters are the same, or the first ones are: equal, or one the other's initial.
# `s.` marks one that begins so, `=s` one that is an initial itself.


def _kept_under(name: Name) -> list[int]:
    """The signs of a name that is asked for."""
    if not name.given:
        return _signs(name, ("",))
    first = name.given[0]
    given = ("".join(name.given), first, f"{first[0]}.", *([f"={first}"] if len(first) == 1 else ()))
    return _signs(name, dict.fromkeys(given))


def _read_under(name: Name) -> list[int]:
    """The signs under which all stand that a name in an author list may be. Nobody knows where its family begins."""
    whole = name.given + name.family
    first = whole[0]
    given = {"".join(whole[:until]) for until in range(len(whole))} | {first, f"={first[0]}"}
    if len(first) == 1:
        given.add(f"{first}.")
    return _signs(name, given)


def _signs(name: Name, given: Iterable[str]) -> list[int]:
    family = crc32(name.family[-1].encode("utf-8", "surrogatepass") + b"/")
    return [crc32(sign.encode("utf-8", "surrogatepass"), family) for sign in given]
