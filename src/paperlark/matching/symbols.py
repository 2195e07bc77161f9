"""A term as rows of symbols, and a paper as texts whose words say symbols: what the cores compare.

A symbol is one word in one reading. A term's words may stand closed, up to three as one (`text` tells the rule), so a
term of several words has several rows: `test-time` is [test][time] and [testtime]. Whoever has the text's words, and
its compounds read closed, finds the term by finding one of its rows, symbol after symbol.

A very long phrase would have very many rows. Past `LONGEST` words only its beginning is asked for, and who has that
is a candidate.
"""

from collections.abc import Sequence
from enum import IntEnum
from functools import cache, lru_cache
from itertools import chain
from typing import NamedTuple

from paperlark.matching.document import Analysed, Document
from paperlark.matching.document import Text as Stored
from paperlark.matching.text import CLOSED_PARTS, bare, fold, plain_letters, spelled, stem, stems
from paperlark.matching.tree import Code, CodeField, Reading, Term

LONGEST = 5
"""Words of a term whose rows are all asked for: thirteen rows."""


class Kind(IntEnum):
    """How a symbol is compared: with a word's stem, the folded word, the word with its case; with how these last two
    begin; with a code as a whole, and with how it begins."""

    STEM = 0
    WORD = 1
    EXACT = 2
    BEGINS = 3
    EXACT_BEGINS = 4
    CODE = 5
    CODE_BEGINS = 6


class Scope(IntEnum):
    """Where a term is looked for. OUTSIDE: nowhere; somebody else says whether a paper has it."""

    ANYWHERE = 0
    TITLE = 1
    ABSTRACT = 2
    ORGANISATION = 3
    AUTHOR = 4
    CODE = 5
    OUTSIDE = 6


Symbol = tuple[int, bytes]
"""Kind and word (UTF-8)."""

Row = tuple[Symbol, ...]
Part = tuple[int, int]
"""Words of a term that stand as one: from, until."""

_STEM, _WORD, _EXACT, _BEGINS, _EXACT_BEGINS = map(int, list(Kind)[:5])  # an enumeration's members are slower

IN_TITLE = 1 << Scope.ANYWHERE | 1 << Scope.TITLE
IN_ABSTRACT = 1 << Scope.ANYWHERE | 1 << Scope.ABSTRACT
IN_ORGANISATION = 1 << Scope.ORGANISATION
IN_AUTHOR = 1 << Scope.AUTHOR

_SCOPES = {
    None: Scope.ANYWHERE,
    "title": Scope.TITLE,
    "abstract": Scope.ABSTRACT,
    "org": Scope.ORGANISATION,
    "author": Scope.AUTHOR,
}


class Paper(NamedTuple):
    """What a core is given of a paper.

    texts    each with the scopes that look there, as bits. A `str` is plain ASCII and read by the core; `bytes` are
             words already found, with `-` between those that hyphens tie and a space between others
    codes    the spellings of its codes (UTF-8)
    outside  terms that are found elsewhere and that the paper has
    """

    texts: tuple[tuple[int, str | bytes], ...]
    codes: tuple[bytes, ...]
    outside: tuple[int, ...] = ()


def is_short(term: Term) -> bool:
    """Whether its rows are the term itself; else who has one of them is a candidate."""
    return len(term.words) <= LONGEST


def rows(leaf: Term | Code) -> tuple[Scope, tuple[Row, ...]]:
    """Where a term is looked for, and its rows; the open one first."""
    if isinstance(leaf, Code):
        kind = Kind.CODE_BEGINS if leaf.prefix else Kind.CODE
        return Scope.CODE, (((int(kind), _bytes(f"{leaf.field}:{leaf.value}")),),)
    wanted = len(leaf.words) if is_short(leaf) else LONGEST - 1
    if len(leaf.words) == 1:
        return _SCOPES[leaf.field], ((_symbol(leaf, 0, 1),),)
    symbols = {part: _symbol(leaf, *part) for part in _parts(wanted, len(leaf.words))}
    found = [tuple([symbols[part] for part in row]) for row in _partings(wanted, len(leaf.words))]
    return _SCOPES[leaf.field], tuple(dict.fromkeys(found))


@cache
def _parts(wanted: int, words: int) -> tuple[Part, ...]:
    return tuple(dict.fromkeys(chain(*_partings(wanted, words))))


@cache
def _partings(wanted: int, words: int) -> tuple[tuple[Part, ...], ...]:
    """How so many words may be parted, the last part going on as far as there are words; all apart first."""
    found: list[tuple[Part, ...]] = []
    waiting: list[tuple[tuple[Part, ...], int]] = [((), 0)]
    while waiting:
        said, at = waiting.pop()
        if at >= wanted:
            found.append(said)
            continue
        ends = range(min(at + CLOSED_PARTS, words), at, -1)
        waiting += [((*said, (at, until)), until) for until in ends]
    return tuple(found)


def _symbol(term: Term, at: int, until: int) -> Symbol:
    word = "".join(term.words[at:until])
    open_end = term.prefix and until == len(term.words)
    if term.reading is Reading.EXACT:
        return (_EXACT_BEGINS if open_end else _EXACT, _bytes(word))
    if open_end:
        return (_BEGINS, _bytes(word))
    if term.reading is Reading.STEMMED:
        return (_STEM, _bytes(stem(word)))
    return (_WORD, _bytes(word))


def learn(keys: Sequence[bytes]) -> list[tuple[bytes, bytes, bytes]]:
    """What words and compounds of a text say: folded, stemmed, and with their case. A compound's words have hyphens
    between them; it is read closed."""
    exacts = [key.replace(b"-", b"") for key in keys]
    folded = [exact.lower() for exact in exacts]
    if not b"".join(exacts).isalnum():  # else all are ASCII letters and digits, as they nearly always are
        for at, key in enumerate(keys):
            if not exacts[at].isalnum():
                parts = key.decode("utf-8", "surrogatepass").split("-")
                exacts[at], folded[at] = _bytes("".join(parts)), _bytes("".join(map(fold, parts)))
    return list(zip(folded, stems(folded), exacts, strict=True))


def paper(analysed: Analysed, outside: tuple[int, ...] = (), *, names: bool = True) -> Paper:
    """A paper for a core. names: whether anybody looks into its author list."""
    texts, document = analysed.texts, analysed.document
    found: list[tuple[int, str | bytes]] = [
        (IN_TITLE, _text(texts.title.texts[0])),
        (IN_ABSTRACT, _text(texts.abstract.texts[0])),
    ]
    if document.organisation:
        found.append((IN_ORGANISATION, _text(texts.organisation.texts[0])))
    if names and document.authors:
        found.extend((IN_AUTHOR, _text(text)) for text in texts.author_words.texts)
    return Paper(tuple(found), codes(document), outside)


def _text(text: Stored) -> str | bytes:
    said = bare(text.text)
    return said if plain_letters(said) else _bytes(spelled(said))


def codes(document: Document) -> tuple[bytes, ...]:
    """All spellings by which a code can ask for the paper's values (`reference.code_meets` tells the rule)."""
    found = _shared(document.type, document.categories, document.sources)
    for alias in document.aliases:
        found += _spelled("id", str(alias))
        if alias.scheme == "doi":
            found += _spelled("doi", alias.value)
    return tuple(dict.fromkeys(found)) if document.aliases else found


@lru_cache(maxsize=10_000)
def _shared(of_type: str, categories: tuple[str, ...], sources: tuple[str, ...]) -> tuple[bytes, ...]:
    """Those of values that many papers have."""
    said: tuple[tuple[CodeField, tuple[str, ...]], ...]
    said = (("type", (of_type,)), ("cat", categories), ("source", sources))
    return tuple(dict.fromkeys(chain(*(_spelled(field, value) for field, values in said for value in values))))


def _spelled(field: CodeField, value: str) -> tuple[bytes, ...]:
    value = " ".join(value.casefold().split())
    found = [value]
    if field == "id":
        found.append(value.partition(":")[2])
    under = {"cat": ".", "source": ":"}.get(field)
    if under is not None:
        found += [value[:at] for at, sign in enumerate(value) if sign == under]
    return tuple(_bytes(f"{field}:{each}") for each in found if each)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
