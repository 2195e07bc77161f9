"""A query's tree as clauses: alternatives, each of leaves that a paper must have and leaves that it must not have.

First every NOT is moved down to the leaves, then ANDs are multiplied out (negation and disjunctive normal form).
Where that would give more than `CLAUSES` alternatives, a part of the AND is left out: the clauses are then wider than
the query, `exact` is false, and who meets them is only a candidate. A clause that asks for more than another says
nothing new and is left out (absorption).
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from paperlark.matching.tree import And, Leaf, Node, Not, Or

CLAUSES = 64
"""The most alternatives that an AND is multiplied out to."""


class Clause(NamedTuple):
    """A paper meets it that has each of the one kind and none of the other."""

    required: frozenset[Leaf]
    forbidden: frozenset[Leaf]


class Clauses(NamedTuple):
    """exact: a paper meets the query just where it meets one of these; else it may fail though it meets one."""

    alternatives: tuple[Clause, ...]
    exact: bool


_ANYTHING = Clause(frozenset(), frozenset())


def clauses(tree: Node, known: Callable[[Leaf, bool], bool] = lambda leaf, denied: True) -> Clauses:
    """The clauses of a tree. known: false for a leaf that nobody can look for (as it is, or denied); then it is left
    out."""
    alternatives, exact = _clauses(tree, False, known)
    return Clauses(tuple(sorted(alternatives, key=_order)), exact)


def _clauses(node: Node, denied: bool, known: Callable[[Leaf, bool], bool]) -> tuple[set[Clause], bool]:
    match node:
        case Not():
            return _clauses(node.part, not denied, known)
        case And() | Or():
            parts = [_clauses(part, denied, known) for part in node.parts]
            exact = all(each for _, each in parts)
            if isinstance(node, Or) is not denied:
                return _absorbed(set().union(*(found for found, _ in parts))), exact
            found, whole = _multiplied([found for found, _ in parts])
            return found, exact and whole
        case _ if not known(node, denied):
            return {_ANYTHING}, False
        case _:
            leaf = frozenset((node,))
            return {Clause(frozenset(), leaf) if denied else Clause(leaf, frozenset())}, True


def _multiplied(parts: Iterable[set[Clause]]) -> tuple[set[Clause], bool]:
    """Every choice of one clause from each part; and whether no part was left out."""
    found, whole = {_ANYTHING}, True
    for part in sorted(parts, key=len):
        if len(found) * len(part) > CLAUSES and found != {_ANYTHING}:
            whole = False
            continue
        pairs = ((one, other) for one in found for other in part)
        both = {Clause(one.required | other.required, one.forbidden | other.forbidden) for one, other in pairs}
        found = _absorbed({each for each in both if each.required.isdisjoint(each.forbidden)})
    return found, whole


def _absorbed(found: set[Clause]) -> set[Clause]:
    """Without those that ask for all that another one asks for, and more."""
    if len(found) > CLAUSES or len({_size(clause) for clause in found}) < 2:
        return found
    kept: list[Clause] = []
    for clause in sorted(found, key=_size):
        if not any(each.required <= clause.required and each.forbidden <= clause.forbidden for each in kept):
            kept.append(clause)
    return set(kept)


def _size(clause: Clause) -> int:
    return len(clause.required) + len(clause.forbidden)


def _order(clause: Clause) -> tuple[list[str], list[str]]:
    return sorted(map(str, clause.required)), sorted(map(str, clause.forbidden))
