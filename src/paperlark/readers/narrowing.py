"""A search narrowed by fields, as a form or options give them: it becomes part of the query. Pure.

`str(narrowing)` is text of the profile language: `org:deepmind cat:cs.CL -since:2026-03-05`.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from paperlark.matching.query import Query, parse
from paperlark.matching.tree import Node, Not, Since, all_of
from paperlark.model.problems import QueryError, ReaderError

VALUE_LIMIT = 200  # characters
QUOTES = frozenset('"“”„‟«»＂')


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What else a search asks for, each as the field of this name in the profile language; None asks for nothing.

    since, until: the first and the last day (UTC) on which a paper may have been announced first.
    """

    org: str | None = None
    author: str | None = None
    cat: str | None = None
    source: str | None = None
    since: date | None = None
    until: date | None = None

    def __str__(self) -> str:
        tree = self.tree()
        return str(tree) if tree is not None else ""

    def tree(self) -> Node | None:
        """What it asks for; None where that is nothing. Raises ReaderError for a value that cannot be."""
        parts: list[Node] = [
            _field(name, value)
            for name in ("org", "author", "cat", "source")
            if (value := getattr(self, name)) is not None
        ]
        if self.since and self.until and self.since > self.until:
            raise ReaderError(f"nothing is announced from {self.since} until {self.until}; the first day comes first")
        if self.since:
            parts.append(Since(self.since))
        if self.until and self.until < date.max:
            parts.append(Not(Since(self.until + timedelta(days=1))))
        return all_of(parts) if parts else None


NOTHING = Narrowing()


def narrowed(query: Query | None, narrowing: Narrowing) -> Query | None:
    """The query and the narrowing in one; None where neither asks for anything. Raises ReaderError likewise."""
    tree = narrowing.tree()
    if query is None or tree is None:
        return query or (Query(tree) if tree is not None else None)
    return Query(all_of([query.tree, tree]))


def _field(name: str, value: str) -> Node:
    """One field's check. What is given is a value, and nothing in it is an operator, but for a `*` at its end."""
    said = " ".join(value.split())
    if len(said) > VALUE_LIMIT:
        raise ReaderError(f"a search by {name} takes at most {VALUE_LIMIT} characters, not {len(said)}")
    if QUOTES.intersection(said):
        raise ReaderError(f"{value!r} is nothing to search by {name}: leave out the quotes")
    try:
        return parse(f'{name}:"{said}"').tree
    except QueryError as error:
        raise ReaderError(f"{value!r} is nothing to search by {name}: {error.message}") from error
