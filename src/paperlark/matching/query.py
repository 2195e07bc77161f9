"""The profile language: text becomes a tree, or an error that says where, why, and what would do.

    "test-time scaling", inference scaling -vision        two alternatives; the second excludes vision
    title:(diffusion OR flow*) author:"Song, Yang"
    cat:cs.CL upvotes:>=20 -type:replace
    =RAG                                                  exact case

Lines and commas are alternatives (a value with a comma is quoted). Inside one, a space means AND, and AND binds tighter
than OR. `AND OR NOT` are operators in capitals only; `|` is OR, a dash before a word is NOT. Quotes ask for a phrase
as it stands; words without quotes are stemmed; `word*` may go on; `=WORD` keeps case. A word that hyphens or
other signs part (`GPT-4.5`) is a phrase of its parts. What words meet is `text`'s story.

Every alternative must ask for something: exclusions alone do not, nor words alone that stand in nearly every paper
(`the`; quoted they do). Numbers or a date alone do. There are no regular expressions: they could stall the server.
"""

from dataclasses import dataclass
from functools import cached_property

from paperlark.matching.reading import Unreadable, read
from paperlark.matching.tree import SIGNALS, Leaf, Node, Number, Or, leaves
from paperlark.model.problems import Pointer, QueryError


@dataclass(frozen=True)
class Query:
    """A profile's text, understood. Two queries are equal where their trees are."""

    tree: Node

    def canonical(self) -> str:
        """Text of the language that reads as this very tree; one line."""
        return str(self.tree)

    __str__ = canonical

    @cached_property
    def terms(self) -> tuple[Leaf, ...]:
        """The checks that it is made of, each once, in the order of writing, those under a NOT too."""
        return tuple(dict.fromkeys(leaves(self.tree)))

    @property
    def alternatives(self) -> tuple[Node, ...]:
        """Its wishes: a paper that meets one of them meets the query."""
        return self.tree.parts if isinstance(self.tree, Or) else (self.tree,)

    @property
    def has_numbers(self) -> bool:
        """Whether a later count (upvotes, comments, stars) can change the answer. Authors do not change."""
        return any(isinstance(leaf, Number) and leaf.count in SIGNALS for leaf in leaves(self.tree))


def parse(text: str) -> Query:
    """Read a profile's text.

    Raises QueryError with the place (line, column) where it stops making sense and, where small changes make it
    readable, the changed text as suggestion.
    """
    try:
        return Query(read(text))
    except Unreadable as problem:
        raise QueryError(
            problem.message,
            at=_pointer(text, problem.at) if text.strip() else None,
            suggestion=_mended(text, problem),
        ) from None


def _pointer(text: str, at: int) -> Pointer:
    return Pointer(line=text.count("\n", 0, at) + 1, column=at - text.rfind("\n", 0, at))


def _mended(text: str, problem: Unreadable) -> str | None:
    """The text with the changes that one problem after the other proposes, once it can be read."""
    for _ in range(10):
        if problem.change is None:
            return None
        start, end, instead = problem.change
        text = (text[:start] + instead + text[end:]).strip()
        try:
            read(text)
        except Unreadable as another:
            problem = another
        else:
            return text
    return None
