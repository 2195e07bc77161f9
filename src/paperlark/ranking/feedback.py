"""What a reader makes of papers orders the next ones: those like what was saved come first, those like what was
dismissed come last. Pure.

A paper is like another where the same profile led to both, or where they share an author. To each profile and
each author the reader has said yes (saved) and no (dismissed) so many times; the odds of yes are those counts with one
of each added (Laplace's rule of succession), their logarithm the points. An author counts from one mark on; a profile
only from `ENOUGH`, since one paper says little of everything that a query brings. What speaks loudest decides. There
are three tiers and no more, so that within a tier the order is the usual one.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from paperlark.model.readers import Opinion

ENOUGH = 3  # marks, before a profile's odds count
NEVER = (0, 0)
BAR = math.log(2)  # points, from which on a paper is moved: one yes and no no, or twice as many

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Taste:
    """How often a reader said yes and no to each author and each profile."""

    authors: Mapping[str, tuple[int, int]]
    profiles: Mapping[int, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Liking:
    """Where a paper goes: tier 1 first, 0 in between, -1 last; and why, in a clause for the reader ("" in between)."""

    tier: int = 0
    reason: str = ""


INDIFFERENT = Liking()


def taste(opinions: Iterable[Opinion]) -> Taste:
    """What a reader's marks say. Authors are the same where their names are spelt the same."""
    authors: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    profiles: dict[bool, Counter[int]] = {True: Counter(), False: Counter()}
    for paper in opinions:
        authors[paper.saved].update({_folded(name) for name in paper.authors})
        profiles[paper.saved].update(paper.profiles)
    return Taste(_both(authors), _both(profiles))


def liking(taste: Taste, authors: Iterable[str], profiles: Mapping[int, str]) -> Liking:
    """Where a paper by these authors goes, to which these profiles (by id, with their names) led."""
    said = {f"papers by {name}": taste.authors.get(_folded(name), NEVER) for name in authors}
    said |= {
        f"papers of “{name}”": taste.profiles.get(number, NEVER)
        for number, name in profiles.items()
        if sum(taste.profiles.get(number, NEVER)) >= ENOUGH
    }
    what, (saved, dismissed) = max(said.items(), key=lambda each: abs(_points(*each[1])), default=("", NEVER))
    points = _points(saved, dismissed)
    if points >= BAR:
        return Liking(1, f"you saved {what}")
    return Liking(-1, f"you dismissed {what}") if points <= -BAR else INDIFFERENT


def telling(likings: Collection[Liking]) -> bool:
    """Whether these make any difference to each other: where all papers are liked alike, nothing was moved."""
    return len({each.tier for each in likings}) > 1


def _points(saved: int, dismissed: int) -> float:
    return math.log((saved + 1) / (dismissed + 1))


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())


def _both(counts: Mapping[bool, Counter[T]]) -> dict[T, tuple[int, int]]:
    yes, no = counts[True], counts[False]
    return {each: (yes[each], no[each]) for each in yes.keys() | no.keys()}
