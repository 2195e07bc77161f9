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
    return Clauses(tuple(alternatives), exact)


def _clauses(node: Node, denied: bool, known: Callable[[Leaf, bool], bool]) -> tuple[list[Clause], bool]:
    match node:
        case Not():
            return _clauses(node.part, not denied, known)
        case And() | Or():
            parts = [_clauses(part, denied, known) for part in node.parts]
            exact = all(each for _, each in parts)
            if isinstance(node, Or) is not denied:
                return _absorbed([clause for found, _ in parts for clause in found]), exact
            found, whole = _multiplied([found for found, _ in parts])
            return found, exact and whole
        case _ if not known(node, denied):
            return [_ANYTHING], False
        case _:
            leaf = frozenset((node,))
            return [Clause(frozenset(), leaf) if denied else Clause(leaf, frozenset())], True


def _multiplied(parts: Iterable[list[Clause]]) -> tuple[list[Clause], bool]:
    """Every choice of one clause from each part; and whether no part was left out."""
    found, whole = [_ANYTHING], True
    for part in sorted(parts, key=len):
        if len(found) * len(part) > CLAUSES and found != [_ANYTHING]:
            whole = False
            continue
        if found == [_ANYTHING]:
            found = part
            continue
        pairs = ((one, other) for one in found for other in part)
        both = [Clause(one.required | other.required, one.forbidden | other.forbidden) for one, other in pairs]
        found = _absorbed([each for each in both if each.required.isdisjoint(each.forbidden)])
    return found, whole


def _absorbed(found: list[Clause]) -> list[Clause]:
    """Without repeats, and without those that ask for all that another one asks for, and more."""
    found = list(dict.fromkeys(found))
    if len(found) > CLAUSES or len({len(clause.required) + len(clause.forbidden) for clause in found}) < 2:
        return found
    kept: list[Clause] = []
    for clause in sorted(found, key=lambda each: len(each.required) + len(each.forbidden)):
        if not any(each.required <= clause.required and each.forbidden <= clause.forbidden for each in kept):
            kept.append(clause)
    return kept
