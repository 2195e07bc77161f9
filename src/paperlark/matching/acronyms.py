"""Acronyms and their long forms, learned from running text: "Large Language Models (LLMs)". Pure.

The algorithm is that of A. Schwartz and M. Hearst, "A simple algorithm for identifying abbreviation definitions in
biomedical text" (Pacific Symposium on Biocomputing, 2003): a short form stands in brackets behind its long form, or
before it; its letters are found in the long form in their order, the first of them at the beginning of a word. Theirs
takes letters wherever they stand. Ours is stricter, because what it finds becomes somebody's query: a letter begins a
word (or a part of one, as in `Low-Rank`), or follows within a word that another letter began; every word but the small
ones has a letter; of several readings the one in which most letters begin something is taken.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

SHORTEST, LONGEST = 2, 10  # letters and digits of a short form
SPARE_WORDS = 5  # a long form has at most so many words more than letters, and at most twice as many, as in the paper
SMALL_WORDS = frozenset(
    {"a", "an", "and", "as", "at", "based", "by", "for", "from", "in", "into", "is", "of", "on", "or", "over", "per",
     "the", "through", "to", "under", "via", "with", "within"}
)  # fmt: skip
SPELT_OUT = {"2": "to", "4": "for"}  # "text-to-image (T2I)"


class Acronym(NamedTuple):
    """A short form in the singular ("LLM") and its long form as written ("Large Language Models")."""

    short: str
    long: str


_BRACKETS = re.compile(r"\(([^()]{2,200})\)")
_SHORT = re.compile(r"(?=[^,;]*[A-Z])[A-Za-z0-9][A-Za-z0-9&/.+-]*")
_ENDS = re.compile(r"(?:[.!?](?=\s)|[,;:()\[\]]|\s[-–—]+\s|---?)")
_WORD = re.compile(r"[^\W_](?:[\w'’-]*[\w])?")
_PARTS = re.compile(r"[^\W_]+")
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def acronyms(text: str) -> list[Acronym]:
    """The acronyms that a text explains, in the order of writing, each once. Costs what reading the text costs."""
    return list(dict.fromkeys(_found(text)))


def _found(text: str) -> Iterator[Acronym]:
    for brackets in _BRACKETS.finditer(text):
        inside, before = brackets[1].strip(), text[: brackets.start()].rstrip()
        said = _ENDS.split(inside)[0].strip()
        if _is_short(said):
            short = singular(said)
            long = long_form(short, _last_words(before, _at_most(short)))
            if long is not None:
                yield Acronym(short, long)
        elif _is_short(name := before.rpartition(" ")[2]):
            short, words = singular(name), _WORD.findall(inside)
            if _WORD.sub("", inside).strip() == "" and long_form(short, words) == " ".join(words):
                yield Acronym(short, " ".join(words))


def long_form(short: str, words: Sequence[str]) -> str | None:
    """The last of some words, as far back as a short form's letters ask for them; None where they do not fit."""
    letters = _letters(short)
    best: tuple[int, int] | None = None
    for first in range(len(words) - 1, -1, -1):
        begun = _begun(letters, tuple(words[first:]))
        if begun is not None and (best is None or begun > best[0]):
            best = begun, first
    if best is None:
        return None
    found = words[best[1] :]
    # A word in front of its own initials explains nothing, nor does one that is hardly longer.
    if short.lower() in (part.lower() for word in found for part in _parts(word)):
        return None
    return " ".join(found) if sum(map(len, found)) > len(short) + 1 else None


def singular(short: str) -> str:
    """ "LLM" of "LLMs"."""
    return short[:-1] if short.endswith("s") and short[-2].isupper() and len(short) > SHORTEST else short


def _is_short(text: str) -> bool:
    letters = _letters(text)
    capitals = sum(letter.isupper() for letter in text)
    return _SHORT.fullmatch(text) is not None and SHORTEST <= len(letters) <= LONGEST and 2 * capitals >= len(letters)


def _letters(short: str) -> str:
    return "".join(letter for letter in short.lower() if letter.isalnum())


def _at_most(short: str) -> int:
    letters = len(_letters(short))
    return min(letters + SPARE_WORDS, 2 * letters)


def _last_words(text: str, number: int) -> list[str]:
    """The last words of a text, of its last clause only."""
    *_, clause = _ENDS.split(text[-60 * number :])
    return _WORD.findall(clause)[-number:]


def _parts(word: str) -> list[str]:
    return [hump for part in _PARTS.findall(word) for hump in _HUMPS.split(part)]


def _begun(letters: str, words: Sequence[str]) -> int | None:
    """How many of the letters begin something, in the reading in which most do; None where the words do not fit."""
    if words[0][0].lower() != letters[0]:
        return None
    # A part may go without a letter where its word is a small one, or where it is not the first of its word.
    parts = [
        (part.lower(), at > 0 or word.lower() in SMALL_WORDS) for word in words for at, part in enumerate(_parts(word))
    ]

    @cache
    def most(at: int, part: int) -> int | None:
        """Of the letters from one on, in the parts from one on."""
        if part == len(parts):
            return 0 if at == len(letters) else None
        said, optional = parts[part]
        found = [most(at, part + 1)] if optional and part else []
        if at < len(letters) and (said.startswith(letters[at]) or said == SPELT_OUT.get(letters[at])):
            for taken in _within(letters, at, said):
                rest = most(taken, part + 1)
                found.append(None if rest is None else rest + 1)
        return max((each for each in found if each is not None), default=None)

    return most(0, 0)


def _within(letters: str, at: int, said: str) -> Iterator[int]:
    """Up to which letter one part may say them, the first at its beginning and the others in order."""
    at += 1
    yield at
    place = 1
    while at < len(letters) and (place := said.find(letters[at], place)) >= 0:
        at, place = at + 1, place + 1
        yield at
