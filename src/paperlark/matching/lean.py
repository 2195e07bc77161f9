"""A paper in a few short strings, for whoever keeps thousands of them in memory: `judge` holds them against queries.

Each word stands behind its length, as one character: `\\x05model`. So a word, or several in a row, is found by
searching for one string, and never inside a longer word. Open words come first, in order; then each compound that
hyphens tie, read closed, with the words that it is made of: ` \\x08testtime=test-time\\x7f`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain, compress, count
from operator import add
from re import compile as pattern

from paperlark.matching.document import Analysed, Document, Text, Texts
from paperlark.matching.text import CLOSED_PARTS, Columns, stem
from paperlark.matching.tree import Reading

LONGEST = 31  # letters that a length tells; longer words have this one, and a mark at their end
COMPOUND, TIED, ENDED = " ", "=", "\x7f"  # none is a length, or stands in a word
_LENGTHS = [chr(length) for length in range(LONGEST)]
_CODED = pattern(r"[\x01-\x1f]([^\x00-\x20\x7f]+)")
_CLOSED = pattern(rf"{COMPOUND}[\x01-\x1f]([^\x00-\x20\x7f{TIED}]+)")
_NONE: Mapping[str, int] = {}


def coded(words: Sequence[str]) -> str:
    """Words in a row."""
    try:
        return "".join(map(add, map(_LENGTHS.__getitem__, map(len, words)), words))
    except IndexError:
        return "".join([_LENGTHS[len(w)] + w if len(w) < LONGEST else f"{chr(LONGEST)}{w}{ENDED}" for w in words])


def compound(closed: str, parts: Sequence[str]) -> str:
    """A compound read closed, and its words in the same reading."""
    return f"{COMPOUND}{coded((closed,))}{TIED}{'-'.join(parts)}{ENDED}"


class Said:
    """Some text that was said.

    stems, exacts  its words in two readings, coded
    words          its folded words, where they are not just the exact ones in small letters
    ties           which words hyphens tie to the next one
    doubles        stems that a compound has and its first words too (`token-s`), and how many places say so: each would
                   be counted twice
    """

    __slots__ = ("doubles", "exacts", "stems", "ties", "words")

    def __init__(self, found: Columns) -> None:
        self.ties = tuple(compress(count(), found.ties))
        spans = list(_compounds(found.ties, self.ties))
        self.stems = coded(found.stems) + "".join(
            [compound(stem("".join(found.words[a:b])), found.stems[a:b]) for a, b in spans]
        )
        self.exacts = _line(found.exacts, spans)
        plain = found.words == list(map(str.lower, found.exacts)) and self.exacts.isascii()
        self.words = None if plain else _line(found.words, spans)
        self.doubles = _doubles(found, spans)

    def line(self, reading: Reading) -> str:
        """Its words in one reading, coded."""
        match reading:
            case Reading.STEMMED:
                return self.stems
            case Reading.EXACT:
                return self.exacts
            case Reading.PHRASE:
                return self.words if self.words is not None else self.exacts.lower()

    def open(self, reading: Reading) -> list[str]:
        """Its words in one reading, in order, compounds read open."""
        return _CODED.findall(self.line(reading).partition(COMPOUND)[0])

    def often(self) -> Counter[str]:
        """How often it says each stem; compounds are read closed too, and counted once more by themselves, with
        COMPOUND in front."""
        opened, _, compounds = self.stems.partition(COMPOUND)
        found = Counter(_CODED.findall(opened))
        for closed in _CLOSED.findall(COMPOUND + compounds):
            found[closed] += 1
            found[COMPOUND + closed] += 1
        found.subtract(self.doubles)
        return found

    def columns(self) -> Columns:
        """The same in every reading."""
        words, stems, exacts = map(self.open, (Reading.PHRASE, Reading.STEMMED, Reading.EXACT))
        return Columns(words, stems, exacts, self._tied(len(words)))

    def columns_for(self, reading: Reading) -> Columns:
        """As far as a term in one reading is held against them: words in other readings are not right."""
        words = self.open(Reading.EXACT if reading is Reading.EXACT else Reading.PHRASE)
        stems = self.open(Reading.STEMMED) if reading is Reading.STEMMED else words
        return Columns(words, stems, words, self._tied(len(words)))

    def _tied(self, words: int) -> list[bool]:
        tied = [False] * words
        for at in self.ties:
            tied[at] = True
        return tied


def _doubles(found: Columns, spans: Sequence[tuple[int, int]]) -> Mapping[str, int]:
    begun: dict[int, list[str]] = {}
    for first, last in spans:
        begun.setdefault(first, [found.stems[first]]).append(stem("".join(found.words[first:last])))
    doubles: Counter[str] = Counter()
    for said in begun.values():
        if len(set(said)) < len(said):
            doubles.update(Counter(said) - Counter(set(said)))
    return doubles or _NONE


def _line(words: list[str], spans: list[tuple[int, int]]) -> str:
    return coded(words) + "".join([compound("".join(words[a:b]), words[a:b]) for a, b in spans])


def _compounds(ties: list[bool], tied: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """From where to where each compound goes."""
    for first in tied:
        last = first
        while last - first < CLOSED_PARTS - 1 and ties[last]:
            last += 1
            yield first, last + 1


@dataclass(frozen=True, slots=True)
class Lean:
    """A paper. document: its facts, without title and abstract. length: of both together, in words between white space.

    Sources, counts and the date of announcement are those of the document that it was made of. direction: what it is
    about, for whoever put it there (`analysed.with_directions`): few ask for it, and to find it costs a while.
    """

    document: Document
    title: Said
    abstract: Said
    authors: Said
    organisation: Said | None
    length: int
    direction: bytes | None = None

    def analysed(self, title: str, abstract: str) -> Analysed:
        """The paper as all others see it. title and abstract: those that this was made of; their words are not looked
        for again."""
        document = replace(self.document, title=title, abstract=abstract)
        texts = Texts(document)
        for passage, said in ((texts.title, self.title), (texts.abstract, self.abstract)):
            passage.texts[0].__dict__["open"] = said.columns()
        return Analysed(document, texts)

    def told(self, announced_at: datetime, sources: tuple[str, ...], signals: Mapping[str, int]) -> "Lean":
        """The same paper with what was told of it."""
        document = replace(self.document, announced_at=announced_at, sources=sources, signals=signals)
        return replace(self, document=document)


def lean(document: Document) -> Lean:
    """Keep what a search needs of a paper. Costs what it costs to find its words."""
    texts = Texts(document)
    return Lean(
        replace(document, title="", abstract=""),
        _said(texts.title.texts),
        _said(texts.abstract.texts),
        _said(texts.author_words.texts),
        _said(texts.organisation.texts) if document.organisation else None,
        len(document.title.split()) + len(document.abstract.split()),
    )


def _said(texts: Sequence[Text]) -> Said:
    """Several texts as one: no hyphen ties the one to the next."""
    if len(texts) == 1:
        return Said(texts[0].open)
    return Said(
        Columns(*(list(chain.from_iterable(each)) for each in zip(*(text.open for text in texts), strict=True)))
    )
