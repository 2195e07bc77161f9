"""Names in the archive that are like one that a reader gives: other spellings of a person ("Song, Y.", "Yang Song"),
and names spelt alike.

The papers that may carry such a name come from the full-text index, which holds every word of authors and
organisations: no table of names is kept, and nothing is paid for it while papers are recorded. Of a very common name
only the newest papers are looked at.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import partial
from typing import Literal

from paperlark.matching.candidates import Wanted, Word, all_of, any_of
from paperlark.matching.document import stored
from paperlark.matching.names import Name, read_name, same_person
from paperlark.matching.text import tokenise
from paperlark.model.problems import ReaderError
from paperlark.store import archive
from paperlark.store import search as full_text
from paperlark.store.database import Store

LIMIT = 20
LIMIT_AT_MOST = 500
NAME_LIMIT = 120  # characters
LOOKED_AT = 5_000  # papers, the newest
SURE = 3  # letters, and half of them at least, that begin a word and are taken to be right
ALIKE = 0.8  # of the letters
SMALL_WORDS = frozenset({"of", "the", "and", "for", "de", "la", "at", "in", "fur", "und"})  # have no initial

Kind = Literal["author", "organisation"]
Likeness = Literal["same", "initials", "alike"]
ORDER: tuple[Likeness, ...] = ("same", "initials", "alike")


@dataclass(frozen=True, slots=True)
class Similar:
    """A name as the archive spells it, on how many papers it stands, and how it is like the one that was given: the
    same words, perhaps in another order; the same as far as initials and missing names tell; or spelt alike."""

    name: str
    papers: int
    likeness: Likeness


async def similar(
    store: Store, text: str, *, kind: str = "author", limit: int = LIMIT, looked_at: int = LOOKED_AT
) -> list[Similar]:
    """The names like this one, the likest first, and of equals those on most papers.

    looked_at: of more papers than these that may carry one, the newest are counted. Raises ReaderError: no name, a kind
    that is neither author nor organisation, or a bad limit.
    """
    given = " ".join(text.split())
    if not given or len(given) > NAME_LIMIT:
        raise ReaderError(f"give a name of at most {NAME_LIMIT} characters")
    if not 1 <= limit <= LIMIT_AT_MOST:
        raise ReaderError(f"a limit is a number from 1 to {LIMIT_AT_MOST}, not {limit}")
    match kind:
        case "author":
            wanted, likeness = _of_person(given)
        case "organisation":
            wanted, likeness = _of_organisation(given)
        case _:
            raise ReaderError(f"names are of an author or of an organisation, not of {kind!r}")
    async with store.reading() as tx:
        ids = sorted((await full_text.candidates(tx, wanted)).tolist(), reverse=True)[:looked_at]
        counts = await (archive.authors(tx, ids) if kind == "author" else archive.organisations(tx, ids))
    return await asyncio.to_thread(_likest, counts, likeness, limit)


def _likest(counts: Mapping[str, int], likeness: Callable[[str], Likeness | None], limit: int) -> list[Similar]:
    found = [Similar(name, papers, like) for name, papers in counts.items() if (like := likeness(name))]
    return sorted(found, key=lambda each: (ORDER.index(each.likeness), -each.papers, each.name))[:limit]


# ── persons ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _of_person(text: str) -> tuple[Wanted, Callable[[str], Likeness | None]]:
    name = read_name(text)
    if name is None:
        raise ReaderError(f"{text!r} is no name; write it like Yang Song or Song, Yang")
    family, given = name.family[-1], name.given[0] if name.given else ""
    if not given:
        return _begins(family, "author"), partial(_like_person, name)
    # Either of the two may be the one that is misspelt, and nobody knows which of them comes first.
    either = any_of(
        all_of([_begins(one, "author"), Word(stored(other[0], "author"), prefix=True)])
        for one, other in ((family, given), (given, family))
        if len(one) > 1
    )
    return either, partial(_like_person, name)


def _like_person(wanted: Name, spelling: str) -> Likeness | None:
    found = read_name(spelling)
    if found is None:
        return None
    words, others = wanted.given + wanted.family, found.given + found.family
    if sorted(words) == sorted(others):
        return "same"
    if same_person(wanted, found):
        return "initials"
    return "alike" if _spelt_alike(" ".join(words), " ".join(others)) else None


# ── organisations ──────────────────────────────────────────────────────────────────────────────────────────────────


def _of_organisation(text: str) -> tuple[Wanted, Callable[[str], Likeness | None]]:
    words = _words(text)
    if not words:
        raise ReaderError(f"{text!r} is no name of an organisation")
    ways: list[Wanted] = [_begins(word, "org") for word in words if word not in SMALL_WORDS or len(words) == 1]
    if len(words) == 1 and 2 <= len(words[0]) <= 6:
        ways.append(all_of(Word(stored(letter, "org"), prefix=True) for letter in words[0]))
    elif initials := _initials(words):
        ways.append(Word(stored(initials, "org")))
    return any_of(ways), partial(_like_organisation, words)


def _like_organisation(words: tuple[str, ...], spelling: str) -> Likeness | None:
    others = _words(spelling)
    if sorted(words) == sorted(others):
        return "same"
    if words == (_initials(others),) or others == (_initials(words),):
        return "initials"
    shorter, longer = sorted((set(words), set(others)), key=len)
    if shorter <= longer and not shorter <= SMALL_WORDS:
        return "alike"
    return "alike" if _spelt_alike(" ".join(words), " ".join(others)) else None


def _words(text: str) -> tuple[str, ...]:
    return tuple(token.word for token in tokenise(text))


def _initials(words: tuple[str, ...]) -> str:
    """ "mit" of Massachusetts Institute of Technology; "" of a single word."""
    letters = [word[0] for word in words if word not in SMALL_WORDS]
    return "".join(letters) if len(letters) > 1 else ""


# ── words ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _begins(word: str, field: str) -> Word:
    """Stored words that begin as this one does: what follows may be misspelt."""
    return Word(stored(word[: max(SURE, (len(word) + 1) // 2)], field), prefix=True)


def _spelt_alike(one: str, other: str) -> bool:
    letters = SequenceMatcher(None, one, other, autojunk=False)
    return letters.real_quick_ratio() >= ALIKE and letters.quick_ratio() >= ALIKE and letters.ratio() >= ALIKE
