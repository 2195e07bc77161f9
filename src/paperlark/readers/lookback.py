"""What a reader would have been told of a paper, had the query been followed all along. Pure.

The rules are the pipeline's (`pipeline.percolate`), but for what depends on the reader: a paper is told once for each
occasion, by the first announcement of a wanted type that meets the query; or by later counts, where a number check
becomes true with them. The query sees the paper's words as they are now, and its sources and counts as they were then.

A telling belongs to the day (UTC) on which the announcement was made, which is the day that a digest prints beside the
paper. So it does not matter when an archive was filled, nor in which order.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import NamedTuple

from paperlark.matching.judge import Leaves
from paperlark.matching.lean import Lean
from paperlark.matching.query import Query
from paperlark.matching.tree import Code, Since
from paperlark.model.readers import wish_of
from paperlark.store.heard import Counted, Heard


@dataclass(frozen=True, slots=True)
class Past:
    """A paper, all that was heard of it in the order of announcing, and all counts of it, oldest first."""

    paper: Lean
    heard: Sequence[Heard]
    counted: Sequence[Counted] = ()


class Telling(NamedTuple):
    """A moment at which a reader may be told: by which announcement, on what day (UTC) that was made, and how the paper
    then stood. `risen`: only the counts are new."""

    heard: Heard
    day: date
    paper: Lean
    risen: bool = False


class Asked:
    """A query made ready to be held against the past. further: what is left to ask where a wider query is met.
    leaves: shared with other queries that are held against the same papers."""

    def __init__(self, query: Query, further: Query | None = None, leaves: Leaves | None = None) -> None:
        self.query = query
        self.leaves = leaves or Leaves()
        self.meets = self.leaves.checker(query)
        self._meets_further = self.leaves.checker(further) if further is not None else self.meets

    def met(self, moments: Sequence[Telling]) -> Sequence[Telling]:
        """The moments, out of some at which the wider query is met, at which the paper meets this one."""
        meets = self._meets_further
        return [each for each in moments if meets(each.paper)]

    def told(self, met: Sequence[Telling]) -> Sequence[Telling]:
        """Of what a reader is told, out of all moments of a paper at which it meets this: the first of each occasion.
        New counts alone are news only to who asks for counts."""
        if len(met) == 1 and not met[0].risen:
            return met
        found: dict[str, Telling] = {}
        for each in met:
            if not each.risen or self.query.has_numbers:
                found.setdefault(each.heard.occasion, each)
        return list(found.values())


def asks_what_was_told(query: Query) -> bool:
    """Whether the answer depends on more than the paper's own words: on announcements, or on counts."""
    return query.has_numbers or any(
        isinstance(leaf, Since) or (isinstance(leaf, Code) and leaf.field in ("source", "type")) for leaf in query.terms
    )


def moments(past: Past, occasions: Collection[str], *, facts: bool) -> Sequence[Telling]:
    """Every moment at which something of the wanted `occasions` (some of WISHES) was heard of a paper, in order.

    facts: whether anybody will ask what was told of it; else the paper is given as it is.
    """
    wanted = [heard for heard in past.heard if wish_of(heard.type) in occasions]
    if not facts and not past.counted:
        return [Telling(heard, _day(heard), past.paper) for heard in wanted]
    told = [_telling(past, heard, heard.announced_at, heard.first_seen) for heard in wanted]
    return told if not past.counted else _with_risen(past, wanted, told)


def _with_risen(past: Past, wanted: Sequence[Heard], told: Sequence[Telling]) -> Sequence[Telling]:
    """Later counts are moments too. What an announcement brings along was counted when it was first seen."""
    timed = [(each.heard.announced_at, each) for each in told]
    by_id = {heard.id: heard for heard in wanted}
    for counted in past.counted:
        heard = by_id.get(counted.announcement_id)
        if heard is not None and counted.at > heard.first_seen:
            timed.append((counted.at, _telling(past, heard, counted.at, counted.at, risen=True)))
    return [each for _, each in sorted(timed, key=lambda each: each[0])]


def _telling(past: Past, heard: Heard, told: datetime, counted: datetime, *, risen: bool = False) -> Telling:
    """With the sources that had told of the paper by one moment, and its counts by another."""
    sources = tuple(dict.fromkeys(each.source for each in past.heard if each.announced_at <= told))
    signals: dict[str, int] = {}
    for each in past.counted:
        if each.at <= counted:
            signals.update(each.counts)
    then = replace(
        past.paper.document, type=heard.type, announced_at=heard.announced_at, sources=sources, signals=signals
    )
    return Telling(heard, _day(heard), replace(past.paper, document=then), risen)


def _day(heard: Heard) -> date:
    return heard.announced_at.astimezone(UTC).date()
