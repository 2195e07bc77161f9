"""Names that authors are asked for by, and who of a paper's authors bears one.

A million profiles ask for tens of thousands of names, so these stand in arrays. A name is kept under signs: what
`names.same_person` must find in both, the family name's last word, and how the given names begin. Only who stands under
a common sign is compared, so that two signs of one hash cost a comparison and nothing else.
"""

import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from zlib import crc32

from paperlark.matching.names import SUFFIXES, Name, read_name, same_person
from paperlark.matching.text import bare, plain_ascii, plain_letters

_WORDS = re.compile("[a-z0-9]+")  # of a plain name, in small letters
ANSWERS = 10_000  # spellings of authors whose answers are remembered


class People:
    """Names by the terms that stand for them."""

    def __init__(self) -> None:
        self._families: set[str] = set()  # the last words of family names
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
        places = self._signs.under(_signs(name.family[-1], _kept_under(name)[:1]))
        return next((self._terms[place] for place in places if self._names[place] == written), None)

    def put(self, name: Name, term: int) -> None:
        """Look for a new name from now on."""
        for sign in _signs(name.family[-1], _kept_under(name)):
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
            found += self._who(author) if answer is None else answer
        return found

    def _who(self, author: str) -> tuple[int, ...]:
        """The terms of the names that an author may bear. Most bear none: that is to be seen quickly."""
        given, _, family = author.lower().rpartition(" ")
        if author.isascii() and given.isalpha() and family.isalpha() and family not in SUFFIXES:
            if family not in self._families:
                return ()
            near = self._signs.under(_plain_signs(family, given))
            if not near:
                return ()
        name = _read(author)
        if name is None or name.family[-1] not in self._families:
            return ()
        near = self._signs.under(_signs(name.family[-1], _read_under(name)))
        if not near:
            return ()
        written, names = str(name), self._names
        same = [at for at in near if names[at] == written or same_person(read(names[at]), name)]
        if len(self._answers) >= ANSWERS:
            self._answers.clear()
        answer = self._answers[author] = tuple([self._terms[place] for place in same])
        return answer


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

    def under(self, signs: Iterable[int]) -> set[int]:
        """The places that were put under any of some signs."""
        found = set()
        kept, older, newest, last = self._signs, self._older, self._newest, len(self._newest) - 1
        for sign in signs:
            at = newest[sign & last]
            while at:
                if kept[at] == sign:
                    found.add(self._places[at])
                at = older[at]
        return found


def read(written: str) -> Name:
    """A name from what `str` writes of it."""
    family, _, given = written.partition(",")
    return Name(tuple(family.split()), tuple(given.split()))


def _read(author: str) -> Name | None:
    """What `read_name` reads in an author's name, quicker where that is no more than its words."""
    said = author if plain_ascii(author) else bare(author)
    if "," in author or not plain_letters(said):  # a comma may part the family name off
        return read_name(author)
    words = _WORDS.findall(said.lower())
    if not words or not SUFFIXES.isdisjoint(words):
        return read_name(author)
    return Name((words[-1],), tuple(words[:-1]))


# Given names agree where their letters are the same, or the first ones are: equal, or one the other's initial.
# `s.` marks one that begins so, `=s` one that is an initial itself.


def _kept_under(name: Name) -> list[str]:
    """How the given names may begin of a name that is asked for."""
    if not name.given:
        return [""]
    first = name.given[0]
    return list(
        dict.fromkeys(["".join(name.given), first, f"{first[0]}.", *([f"={first}"] if len(first) == 1 else ())])
    )


def _read_under(name: Name) -> set[str]:
    """Those under which all stand that a name in an author list may be. Nobody knows where its family begins."""
    whole = name.given + name.family
    first = whole[0]
    given = {first, f"={first[0]}", "", *accumulate(whole[:-1])}
    return given | {f"{first}."} if len(first) == 1 else given


def _signs(family: str, given: Iterable[str]) -> list[int]:
    """The signs of a name whose family's last word this is."""
    start = crc32(family.encode("utf-8", "surrogatepass") + b"/")
    return [crc32(each.encode("utf-8", "surrogatepass"), start) for each in given]


def _plain_signs(family: str, given: str) -> tuple[int, ...]:
    """The same for a name of two words of plain letters, given in small ones; its signs are `_read_under` of it."""
    start, first = crc32(f"{family}/".encode()), given.encode()
    initial = crc32(b"=" + first[:1], start)
    if len(first) == 1:
        return start, crc32(first, start), initial, crc32(first + b".", start)
    return start, crc32(first, start), initial
