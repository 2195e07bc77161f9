"""When two spellings of a person's name are one: "Song, Yang", "Yang Song", "Y. Song".

A name is a family name and given names; without a comma the last word is the family name. Two names are the same where

- the family names are the same words, or one ends with the other ("Maaten" and "van der Maaten");
- the first given names agree: equal, or one is the other's initial;
- of the further given names, those of the shorter list are found in the longer, in order (middle names may be missing);
- or the given names are the same letters differently parted ("Xiao-Ming", "Xiaoming").

So "Y. Song" also meets Yu Song: the page does not say who is meant, and missing a paper is the greater harm.
"""

import re
from dataclasses import dataclass

from paperlark.matching.text import Token, tokenise

_PLAIN = re.compile(r"[A-Za-z .-]*[A-Za-z][A-Za-z .-]*")
SUFFIXES = frozenset({"jr", "sr", "ii", "iii", "iv"})


@dataclass(frozen=True, slots=True)
class Name:
    """Folded words. `family` has at least one; `given` may be empty: then any given names will do."""

    family: tuple[str, ...]
    given: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{' '.join(self.family)}, {' '.join(self.given)}".rstrip()


def read_name(text: str) -> Name | None:
    """The name in a text, or None where it has no word. Suffixes (Jr., III) are left out."""
    if _PLAIN.fullmatch(text):  # as most are written, and then quickly read
        *given, family = text.lower().replace(".", " ").replace("-", " ").split()
        if family not in SUFFIXES:
            return Name((family,), _without_suffix(tuple(given)))
    return name_of(text, tokenise(text))


def name_of(text: str, tokens: tuple[Token, ...]) -> Name | None:
    """As `read_name`, for a text whose tokens are known."""
    words = tuple(token.word for token in tokens)
    if not words:
        return None
    comma = text.find(",")
    before = sum(token.end <= comma for token in tokens) if comma >= 0 else 0
    family, given = words[:before], _without_suffix(words[before:])
    if before > 1 and given and given[-1] in SUFFIXES:  # "Hinton Sr., Geoffrey" has a name before the comma, and
        words, family = family, ()  # "Martin Luther King, Jr." has both there
    if not family:
        *first, last = _without_suffix(words)
        family, given = (last,), _without_suffix(tuple(first))
    return Name(_without_suffix(family), given)


def _without_suffix(words: tuple[str, ...]) -> tuple[str, ...]:
    while len(words) > 1 and words[-1] in SUFFIXES:
        words = words[:-1]
    return words


def initial(name: Name) -> str:
    """What the given names begin with. Two persons whose initials differ are not the same; "" differs from none."""
    return name.given[0][:1] if name.given and len(name.family) == 1 else ""


def same_person(wanted: Name, found: Name) -> bool:
    """Whether a name in an author list is the one that is wanted."""
    if initial(wanted) and initial(found) and initial(wanted) != initial(found):
        return False  # by far the commonest
    # Without a comma nobody knows where a family name begins: its words may stand among the given names.
    whole = found.given + found.family
    for length in {len(found.family), len(wanted.family)}:
        if length > len(whole) or not _ends_alike(wanted.family, whole[-length:]):
            continue
        if not wanted.given or _given_alike(wanted.given, whole[:-length]):
            return True
    return False


def _ends_alike(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    shared = min(len(one), len(other))
    return one[-shared:] == other[-shared:]


def _given_alike(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    if "".join(one) == "".join(other):
        return True
    if not one or not other or not _agree(one[0], other[0]):
        return False
    shorter, longer = sorted((one[1:], other[1:]), key=len)
    rest = iter(longer)
    return all(any(_agree(each, candidate) for candidate in rest) for each in shorter)


def _agree(one: str, other: str) -> bool:
    return one == other or (1 in (len(one), len(other)) and one[0] == other[0])
