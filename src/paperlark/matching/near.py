"""What `about:` and `like:` ask: does a paper read like a sentence, or like another paper? Pure.

Who names a paper needs its direction, which only the store can know: `aimed` puts it into the query. A paper that the
archive does not hold (yet) is like nothing, and without the extra nothing is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache

from paperlark.matching import meaning
from paperlark.matching.meaning import Direction
from paperlark.matching.query import Query
from paperlark.matching.tree import And, Near, Node, Not, Or, all_of, any_of, leaves, none_of
from paperlark.model.problems import QueryError

SENTENCES_KNOWN = 5_000  # whose directions are remembered


def closeness(leaf: Near, own: bytes | None) -> float | None:
    """How near a paper (its packed direction) is to what is asked; None where either is not known."""
    asked = target(leaf)
    return None if own is None or asked is None else meaning.closeness(own, asked)


def is_near(leaf: Near, own: bytes | None) -> bool:
    """Whether it is near enough."""
    found = closeness(leaf, own)
    return found is not None and found >= leaf.least


def said_of(leaf: Near, own: bytes | None) -> str:
    """How near in words: "“agents that browse”, 0.71 (needs 0.5)"."""
    found = closeness(leaf, own)
    return f"“{leaf.said}”, {'not known' if found is None else f'{found:.2f}'} (needs {leaf.least:g})"


def target(leaf: Near) -> Direction | None:
    """What is asked, as a direction; None where it is not known."""
    if leaf.field == "like":
        return None if leaf.target is None else meaning.read(leaf.target)
    return _of_sentence(leaf.said)


def asks_near(query: Query | None) -> bool:
    """Whether the answer depends on what a paper is about."""
    return query is not None and any(isinstance(leaf, Near) for leaf in query.terms)


def refuse_unmeant(query: Query | None) -> None:
    """Raise QueryError where a query asks what papers are about, and nobody here can tell."""
    if asks_near(query) and not meaning.installed():
        raise QueryError(f"`about:` and `like:` need what is not installed here (`pip install '{meaning.EXTRA}'`)")


def apart(query: Query) -> tuple[tuple[Near, ...], Query | None]:
    """What a paper must be near to whatever else is asked, and the rest of the query, None where that is nothing."""
    parts = query.tree.parts if isinstance(query.tree, And) else (query.tree,)
    rest: list[Node] = [part for part in parts if not isinstance(part, Near)]
    return tuple(part for part in parts if isinstance(part, Near)), Query(all_of(rest)) if rest else None


def names(query: Query) -> Iterator[str]:
    """The papers that a query names by `like:`, as it writes them."""
    return (leaf.said for leaf in query.terms if isinstance(leaf, Near) and leaf.field == "like")


def aimed(query: Query, likes: Mapping[str, bytes]) -> Query:
    """The query with the packed directions of the papers that it names."""
    if not likes or not any(isinstance(leaf, Near) for leaf in leaves(query.tree)):
        return query
    return Query(_aimed(query.tree, likes))


def _aimed(node: Node, likes: Mapping[str, bytes]) -> Node:
    match node:
        case And(parts):
            return all_of([_aimed(part, likes) for part in parts])
        case Or(parts):
            return any_of([_aimed(part, likes) for part in parts])
        case Not(part):
            return none_of(_aimed(part, likes))
        case Near(field="like", said=said) if said in likes:
            return replace(node, target=likes[said])
        case _:
            return node


_of_sentence = lru_cache(maxsize=SENTENCES_KNOWN)(meaning.direction)
