"""What a paper's stored words must hold for it to meet a query: a condition that every paper that meets it passes.

It is wider than the query (word order, exclusions, case and counts are left out): who passes is a candidate, and the
exact check decides. Full-text engines ask it of the words they store (`document.search_words`). Rendered for SQLite's
FTS5 (https://sqlite.org/fts5.html#full_text_query_syntax) and PostgreSQL's
tsquery (https://www.postgresql.org/docs/current/datatype-textsearch.html); words are ASCII letters and digits only.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from paperlark.matching.document import stored
from paperlark.matching.query import Query
from paperlark.matching.text import CLOSED_PARTS, fold, stem
from paperlark.matching.tree import (
    SIGNALS,
    And,
    Author,
    Code,
    Leaf,
    Near,
    Node,
    Not,
    Number,
    Or,
    Reading,
    Since,
    Term,
    leaves,
)
from paperlark.matching.tree import all_of as tree_of


@dataclass(frozen=True, slots=True)
class Word:
    """A stored word, or with `prefix` any that begins so."""

    text: str
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class All:
    """Each of at least two parts."""

    parts: tuple["Wanted", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of at least two parts."""

    parts: tuple["Wanted", ...]


@dataclass(frozen=True, slots=True)
class Everything:
    """No stored word is needed: every paper is a candidate. Never inside another condition."""


Wanted = Word | All | AnyOf | Everything


@dataclass(frozen=True, slots=True)
class Told:
    """What a query asks of a paper's announcements: that the first was made on a day (UTC) or later, or before a day;
    that there is one by a source that meets each of these. counted: and that somebody has counted."""

    since: date | None = None
    before: date | None = None
    sources: tuple[Code, ...] = ()
    counted: bool = False


EVERY_TELLING = Told()


def told(query: Query) -> tuple[Told, Query | None]:
    """What a query asks of a paper's announcements, whatever else it asks; and the rest of it, None where that is
    nothing. A paper meets the query just where it meets both. `counted` is of the rest."""
    since: list[date] = []
    before: list[date] = []
    sources: list[Code] = []
    rest: list[Node] = []
    for part in query.tree.parts if isinstance(query.tree, And) else (query.tree,):
        match part:
            case Since(day):
                since.append(day)
            case Not(Since(day)):
                before.append(day)
            case Code(field="source"):
                sources.append(part)
            case _:
                rest.append(part)
    counted = any(isinstance(part, Number) and part.count in SIGNALS for part in rest)
    condition = Told(max(since, default=None), min(before, default=None), tuple(sources), counted)
    return condition, Query(tree_of(rest)) if rest else None


def untold(query: Query) -> Query | None:
    """What a query asks of a paper whatever was told of it: the query without those of its parts that look at sources,
    counts or days, or at what it is about (worth asking only of those that meet all else); None where nothing is left.
    Who meets the query meets this."""
    parts = query.tree.parts if isinstance(query.tree, And) else (query.tree,)
    kept = [part for part in parts if not any(map(_of_telling, leaves(part)))]
    return Query(tree_of(kept)) if kept else None


def _of_telling(leaf: Leaf) -> bool:
    match leaf:
        case Since() | Near() | Code(field="source"):
            return True
        case Number(count):
            return count in SIGNALS
        case _:
            return False


def wanted(query: Query) -> Wanted:
    """The condition on a paper's stored words that a query implies."""
    return _wanted(query.tree, leaf_words)


def passes(condition: Wanted, words: frozenset[str]) -> bool:
    """Whether a paper with these stored words is a candidate. What the databases' engines decide, said plainly."""
    match condition:
        case Word(text, prefix):
            return any(word.startswith(text) for word in words) if prefix else text in words
        case All(parts):
            return all(passes(part, words) for part in parts)
        case AnyOf(parts):
            return any(passes(part, words) for part in parts)
        case Everything():
            return True


def to_fts5(condition: Wanted) -> str:
    """The condition as an FTS5 query; "" for Everything: then do not ask the engine."""
    match condition:
        case Word(text, prefix):
            return f'"{text}"*' if prefix else f'"{text}"'
        case All(parts):
            return f"({' AND '.join(map(to_fts5, parts))})"
        case AnyOf(parts):
            return f"({' OR '.join(map(to_fts5, parts))})"
        case Everything():
            return ""


def to_tsquery(condition: Wanted) -> str:
    """The condition as text for a cast to tsquery (`…::tsquery`, no dictionaries); "" for Everything."""
    match condition:
        case Word(text, prefix):
            return f"'{text}':*" if prefix else f"'{text}'"
        case All(parts):
            return f"({' & '.join(map(to_tsquery, parts))})"
        case AnyOf(parts):
            return f"({' | '.join(map(to_tsquery, parts))})"
        case Everything():
            return ""


# -- from the tree ----------------------------------------------------------------------------------------------------


def _wanted(node: Node, of_leaf: Callable[[Leaf], Wanted]) -> Wanted:
    match node:
        case And(parts):
            return all_of(_wanted(part, of_leaf) for part in parts)
        case Or(parts):
            return any_of(_wanted(part, of_leaf) for part in parts)
        case Not():
            return Everything()
        case _:
            return of_leaf(node)


def leaf_words(leaf: Leaf, *, closed: bool = True) -> Wanted:
    """The condition of one check; with `closed` false, only of its words as they stand open."""
    match leaf:
        case Term():
            return _of_term(leaf, closed)
        case Author(name):
            # Of a family name only the last word surely stands in the author list ("van der Maaten", "Maaten").
            return Word(stored(name.family[-1], "author"))
        case Code(field="source" | "type") | Number() | Since() | Near():
            # Of the announcement and its counts, or of what it is about: no part of a paper's stored words.
            return Everything()
        case Code(field, value, prefix):
            return Word(stored(value, field), prefix)


def all_of(conditions: Iterable[Wanted]) -> Wanted:
    """Each of them."""
    parts = tuple(dict.fromkeys(part for part in conditions if not isinstance(part, Everything)))
    if not parts:
        return Everything()
    return All(parts) if len(parts) > 1 else parts[0]


def any_of(conditions: Iterable[Wanted]) -> Wanted:
    """One of them, at least."""
    parts = tuple(dict.fromkeys(conditions))
    if any(isinstance(part, Everything) for part in parts):
        return Everything()
    return AnyOf(parts) if len(parts) > 1 else parts[0]


def _of_term(term: Term, closed: bool) -> Wanted:
    """A phrase stands open, all its words there; or some of them stand closed, as one word."""
    open_words = all_of(_of_words(term, at, 1) for at in range(len(term.words)))
    return any_of([open_words, *_closed_words(term)]) if closed else open_words


def _closed_words(term: Term) -> Iterator[Wanted]:
    """The conditions under which some of a phrase's words stand closed."""
    for length in range(2, CLOSED_PARTS + 1):
        for at in range(len(term.words) - length + 1):
            yield _of_words(term, at, length)


def _of_words(term: Term, at: int, length: int) -> Wanted:
    """Some of a term's words as one word."""
    words = term.words[at : at + length]
    said = "".join(map(fold, words) if term.reading is Reading.EXACT else words)
    field = term.field if term.field in ("author", "org") else ""
    if term.prefix and at + length == len(term.words):
        return Word(stored(said, field), prefix=True)
    return Word(stored(stem(said) if term.reading is Reading.STEMMED else said, field))


def words_of(condition: Wanted) -> Sequence[Word]:
    """The stored words that a condition names, each once."""
    if isinstance(condition, Word):
        return (condition,)
    if isinstance(condition, Everything):
        return ()
    return tuple(dict.fromkeys(word for part in condition.parts for word in words_of(part)))
