"""What a query's tree is made of: frozen values that compare by what they ask for.

`str(node)` is canonical text of the profile language; parsing it gives the same tree.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import date
from enum import Enum
from typing import Literal

from paperlark.matching.names import Name

TextField = Literal["title", "abstract", "org", "author"]
CodeField = Literal["cat", "source", "id", "doi", "type"]
Count = Literal["upvotes", "comments", "stars", "authors"]
NearField = Literal["about", "like"]
Comparison = Literal[">=", "<=", ">", "<", "="]


TEXT_FIELDS: tuple[TextField, ...] = ("title", "abstract", "org", "author")
CODE_FIELDS: tuple[CodeField, ...] = ("cat", "source", "id", "doi", "type")
SIGNALS: tuple[Count, ...] = ("upvotes", "comments", "stars")
NUMBERS: tuple[Count, ...] = (*SIGNALS, "authors")
LEAST: dict[NearField, float] = {"about": 0.5, "like": 0.65}
"""How close a paper must be where nothing is said of it."""


class Reading(Enum):
    """How a term's words are compared with a text's."""

    STEMMED = "stem"  # unquoted: `quantized` meets quantization
    PHRASE = "word"  # quoted: as folded
    EXACT = "exact"  # after `=`: case counts


@dataclass(frozen=True, slots=True)
class Term:
    """Words that follow each other in one field; without a field, in the title or in the abstract.

    words: folded (with case for EXACT), at least one; of an author exactly one. prefix: the last one may go on.
    """

    words: tuple[str, ...]
    reading: Reading = Reading.STEMMED
    prefix: bool = False
    field: TextField | None = None

    def __str__(self) -> str:
        field = f"{self.field}:" if self.field else ""
        equals = "=" if self.reading is Reading.EXACT else ""
        star = "*" if self.prefix else ""
        if self.reading is Reading.STEMMED:
            return f"{field}{'-'.join(self.words)}{star}"
        if equals and len(self.words) == 1:
            return f"{field}={self.words[0]}{star}"
        return f'{field}{equals}"{" ".join(self.words)}{star}"'


@dataclass(frozen=True, slots=True)
class Author:
    """A person of the author list by more than one word; see `names` for who meets whom."""

    name: Name

    def __str__(self) -> str:
        return f'author:"{self.name}"'


@dataclass(frozen=True, slots=True)
class Code:
    """A value that is compared whole, ignoring case: a category, source, id, DOI or announcement type.

    prefix: it may go on. A category also meets what lies under it (`cs` meets cs.CL), a source its instances
    (`arxiv` meets arxiv:cs.CL); an id may carry its scheme (`arxiv:2510.02283`) or not.
    """

    field: CodeField
    value: str
    prefix: bool = False

    def __str__(self) -> str:
        star = "*" if self.prefix else ""
        if re.fullmatch(r"\w(?:[\w./:-]*[\w./-])?", self.value):
            return f"{self.field}:{self.value}{star}"
        return f'{self.field}:"{self.value}{star}"'


@dataclass(frozen=True, slots=True)
class Number:
    """A check of a count. A paper whose count nobody knows does not meet it."""

    count: Count
    comparison: Comparison
    value: int

    def __str__(self) -> str:
        return f"{self.count}:{self.comparison}{self.value}"


@dataclass(frozen=True, slots=True)
class Since:
    """Announced on this day (UTC) or later."""

    day: date

    def __str__(self) -> str:
        return f"since:{self.day.isoformat()}"


@dataclass(frozen=True, slots=True)
class Near:
    """Reads like a sentence (`about`), or like a paper (`like`): their directions (`meaning`) are close enough.

    least: the closeness that is asked for, in hundredths between 0.01 and 1. Where none is written it is LEAST's: of
    real papers one in a hundred is as close as that to another, and of sentences about nothing narrower than "making
    diffusion models faster" one in fifty; narrower ones are close to fewer. Better too few at first than a flood.
    target: the packed direction of the paper that `like` names, once the store has told it (`near.aimed`).
    """

    field: NearField
    said: str
    least: float
    target: bytes | None = dataclass_field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        plain = self.field == "like" and re.fullmatch(r"\w(?:[\w./:-]*[\w./-])?", self.said)
        said = self.said if plain else f'"{self.said}"'
        return f"{self.field}:{said}" + ("" if self.least == LEAST[self.field] else f">={self.least:g}")


@dataclass(frozen=True, slots=True)
class Not:
    """What its part is not; never a Not itself."""

    part: "Node"

    def __str__(self) -> str:
        return f"-{_within(self.part)}"


@dataclass(frozen=True, slots=True)
class And:
    """All of at least two parts, none of them an And."""

    parts: tuple["Node", ...]

    def __str__(self) -> str:
        return " ".join(f"({part})" if isinstance(part, Or) else str(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Or:
    """Any of at least two parts, none of them an Or."""

    parts: tuple["Node", ...]

    def __str__(self) -> str:
        return " OR ".join(map(str, self.parts))


Leaf = Term | Author | Code | Number | Since | Near
Node = Leaf | Not | And | Or


def all_of(parts: list[Node]) -> Node:
    """Their And, flat and without repeats; the part itself where there is one."""
    flat = dict.fromkeys(each for part in parts for each in (part.parts if isinstance(part, And) else (part,)))
    return And(tuple(flat)) if len(flat) > 1 else next(iter(flat))


def any_of(parts: list[Node]) -> Node:
    """Their Or, flat and without repeats; the part itself where there is one."""
    flat = dict.fromkeys(each for part in parts for each in (part.parts if isinstance(part, Or) else (part,)))
    return Or(tuple(flat)) if len(flat) > 1 else next(iter(flat))


def none_of(part: Node) -> Node:
    """Its Not; what was denied twice is said."""
    return part.part if isinstance(part, Not) else Not(part)


def leaves(node: Node) -> Iterator[Leaf]:
    """The checks at the tree's ends, in the order of writing, those under a Not too."""
    if isinstance(node, Not):
        yield from leaves(node.part)
    elif isinstance(node, And | Or):
        for part in node.parts:
            yield from leaves(part)
    else:
        yield node


def _within(node: Node) -> str:
    return f"({node})" if isinstance(node, And | Or) else str(node)
