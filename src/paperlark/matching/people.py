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
        self._given: dict[str, str] = {}  # by a family name's last word, between slashes: how given names may begin
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
        [sign, *_] = _signs(name.family[-1], _kept_under(name))
        places = self._signs.under(sign)
        return next((self._terms[place] for place in places if self._names[place] == written), None)

    def put(self, name: Name, term: int) -> None:
        """Look for a new name from now on."""
        family = name.family[-1]
        given = _kept_under(name)
        for sign in _signs(family, given):
            self._signs.put(sign, len(self._names))
        kept = self._given.get(family, "/")
        self._given[family] = kept + "".join([f"{each}/" for each in given if f"/{each}/" not in kept])
        self._names.append(str(name))
        self._terms.append(term)
        self._answers.clear()

    def present(self, authors: Sequence[str]) -> list[int]:
        """The terms of the names that these authors may bear."""
        found: list[int] = []
        for author in authors:
            given, _, family = author.lower().rpartition(" ")
            if self._is_unknown(author, family, given):
                continue
            answer = self._answers.get(author)
            if answer is None:
                if len(self._answers) >= ANSWERS:
                    self._answers.clear()
                answer = self._answers[author] = self._who(author)
            found += answer
        return found

    def _is_unknown(self, author: str, family: str, given: str) -> bool:
        """Whether nobody can ask for an author, seen at a glance: his name's last word, in small letters, is that of no
        name that is asked for; or it has one word more, and there they all begin otherwise."""
        if not (family.isascii() and family.isalpha()) or family in SUFFIXES:
            return False
        if "," in author or "$" in author or "\\" in author:  # a comma may part the family name off, the others are TeX
            return False
        kept = self._given.get(family)
        if kept is None:
            return True
        if not (given.isascii() and given.isalpha()):
            return False
        return not (
            f"/{given}/" in kept
            or f"/={given[0]}/" in kept
            or "//" in kept
            or (len(given) == 1 and f"/{given}./" in kept)
        )

    def _who(self, author: str) -> tuple[int, ...]:
        name = read_name(author)
        if name is None or name.family[-1] not in self._given:
            return ()
        signs = _signs(name.family[-1], _read_under(name))
        near = {place for sign in signs for place in self._signs.under(sign)}
        return tuple([self._terms[place] for place in near if same_person(read(self._names[place]), name)])


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
    given = {"".join(whole[:until]) for until in range(len(whole))} | {first, f"={first[0]}"}
    return given | {f"{first}."} if len(first) == 1 else given


def _signs(family: str, given: Iterable[str]) -> list[int]:
    """The signs of a name whose family's last word this is."""
    start = crc32(family.encode("utf-8", "surrogatepass") + b"/")
    return [crc32(each.encode("utf-8", "surrogatepass"), start) for each in given]
