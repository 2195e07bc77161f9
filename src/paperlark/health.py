"""Is it a quiet day, or is it broken? Judged from what polls left behind. Pure.

`hear` takes in a page, `judge` says how a source is, `line` says it of all sources in the words under a digest.

A day counts as told of only when something of it was new: a site that serves yesterday's list again under today's date
(it happened: ZJU-REAL/Polaris#414) is stale, not fresh. An answer without a single entry is a failure unless the source
or its calendar says that nothing is due (`empty`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from paperlark.model.papers import Page
from paperlark.model.sources import Evidence, Expected, Health, State

FAILURES = 3  # in a row: before, a source that was well a moment ago is not called broken
HICCUP = timedelta(hours=6)  # after its last good poll a failing source is broken, however few the failures
UNPOLLED = timedelta(hours=3)  # behind its time: nobody polls
SILENCE = timedelta(days=7)  # without anything new, a source without a calendar is called quiet
UNREADABLE = 0.1  # of the entries of a poll: from there on it is partial
ILL_LONG = timedelta(days=1)  # until the operator is told


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a source stands: what the store holds of it. polled_at: its last poll; good_at: its last that came to its
    end; failures: in a row since."""

    name: str
    evidence: Evidence
    polled_at: datetime | None
    good_at: datetime | None
    next_poll_at: datetime | None
    failures: int
    last_error: str | None
    paused_reason: str | None = None


def begin(evidence: Evidence, expected: Expected | None) -> Evidence:
    """A poll begins: its counts start anew; what the calendar expects is noted."""
    due = {"due_day": expected.day, "due_at": expected.due_at} if expected else {"due_day": None, "due_at": None}
    return replace(evidence, seen=0, new=0, rejected=0, quiet=bool(expected and expected.quiet), **due)


def hear(evidence: Evidence, page: Page, *, new: int, now: datetime) -> Evidence:
    """A page was recorded; `new` of its announcements were not known before."""
    seen = len(page.announcements)
    evidence = replace(
        evidence,
        seen=evidence.seen + seen,
        new=evidence.new + new,
        rejected=evidence.rejected + len(page.rejects),
        new_at=now if new else evidence.new_at,
    )
    stated = page.stated
    if stated is None or stated.day is None:
        return replace(evidence, quiet=evidence.quiet or bool(stated and stated.quiet))
    if stated.quiet and (evidence.day is None or stated.day > evidence.day):
        return replace(evidence, quiet=True)
    told = stated.told if stated.told is not None else seen + len(page.rejects)
    if evidence.day is None or stated.day > evidence.day:
        if not new:
            return evidence
        return replace(evidence, day=stated.day, told=told, expected=stated.expected, quiet=stated.quiet)
    if stated.day < evidence.day:
        return evidence
    if stated.told is None and not new and told < evidence.told:
        told = evidence.told  # a part of the day, told again
    return replace(evidence, told=told, expected=stated.expected if stated.expected is not None else evidence.expected)


def empty(evidence: Evidence, *, unchanged: bool) -> str | None:
    """Why a poll that came to its end is a failure all the same; None where it is none."""
    if unchanged or evidence.quiet or evidence.seen:
        return None
    if evidence.rejected:
        return f"none of the {evidence.rejected} entries that it sent could be read"
    return "it answered, but without a single entry, and nothing says that none were due"


def judge(source: Standing, now: datetime) -> Health | None:
    """How a source is at `now`; None for one that is not polled, or was not yet."""
    evidence = source.evidence
    if source.paused_reason is not None or source.next_poll_at is None or source.polled_at is None:
        return None
    if now - source.next_poll_at > UNPOLLED:
        return Health(State.BROKEN, f"nobody has polled it since {_minute(source.polled_at)}; is the service running?")
    broken = _broken(source, now)
    if broken is not None:
        return Health(State.BROKEN, broken)
    if evidence.due_day is not None and (evidence.day is None or evidence.day < evidence.due_day):
        newest = f"its newest day is {evidence.day}" if evidence.day else "it has told of no day yet"
        return Health(State.STALE, f"{newest}, and {evidence.due_day} was due at {_minute(evidence.due_at)}")
    if evidence.expected is not None and evidence.told < evidence.expected:
        return Health(State.PARTIAL, f"{evidence.told} of the {evidence.expected} papers of {evidence.day}")
    if evidence.rejected > UNREADABLE * (evidence.seen + evidence.rejected):
        return Health(State.PARTIAL, f"{evidence.rejected} of {evidence.seen + evidence.rejected} entries unreadable")
    if evidence.quiet:
        return Health(State.QUIET, f"nothing is due today{_newest(evidence)}")
    if evidence.due_day is None and (evidence.new_at is None or now - evidence.new_at > SILENCE):
        since = f"nothing new since {evidence.new_at:%Y-%m-%d}" if evidence.new_at else "nothing new yet"
        return Health(State.QUIET, f"{since}, and it answers")
    day = evidence.day or (evidence.new_at.date() if evidence.new_at else None)
    return Health(State.FRESH, f"told of {day}" if day else "it answers")


def _broken(source: Standing, now: datetime) -> str | None:
    if not source.failures:
        return None
    if source.failures < FAILURES and source.good_at is not None and now - source.good_at <= HICCUP:
        return None
    good = f"last well {_minute(source.good_at)}" if source.good_at else "never well so far"
    return f"{source.last_error}; {good}"


def illness(evidence: Evidence, health: Health | None, now: datetime) -> tuple[Evidence, str | None]:
    """What to remember of an illness, and what its operator is to be told now: once when a source has been broken or
    stale for a day, once when it is well again. None: nothing."""
    if health is None:
        return replace(evidence, ill_since=None, told_ill=False), None
    if health.state in (State.BROKEN, State.STALE):
        since = evidence.ill_since or now
        if evidence.told_ill or now - since < ILL_LONG:
            return replace(evidence, ill_since=since), None
        told = f"is {health.state} since {_minute(since)}: {health.because}. It goes on being tried."
        return replace(evidence, ill_since=since, told_ill=True), told
    if evidence.ill_since is None:
        return evidence, None
    healed = f"is {health.state} again: {health.because}. It was ill since {_minute(evidence.ill_since)}."
    return replace(evidence, ill_since=None, told_ill=False), healed if evidence.told_ill else None


def line(sources: Iterable[tuple[str, Health | None]]) -> str:
    """How all sources are, in one line for a digest's foot; "" without sources that are polled."""
    known = [(name, health) for name, health in sources if health is not None]
    if not known:
        return ""
    unwell = [f"{name} is {health.state} ({health.because})" for name, health in known if not health.well]
    if unwell:
        others = len(known) - len(unwell)
        rest = [f"the other {others} well" if others > 1 else "the other one is well"] if others else []
        return "Sources: " + "; ".join(unwell + rest) + "."
    quiet = [name for name, health in known if health.state is State.QUIET]
    every = "Every source is well" if len(known) > 1 else f"The source {known[0][0]} is well"
    if len(quiet) == len(known):
        return f"{every}, and it was a quiet day."
    return f"{every}{': quiet are ' + ', '.join(quiet) if quiet else ''}."


def _newest(evidence: Evidence) -> str:
    return f"; its newest day is {evidence.day}" if evidence.day else ""


def _minute(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "never"
