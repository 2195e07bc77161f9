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

FAILURES = 3  # in a row: before, a source that was well lately is not called broken, nor within the hour of a good poll
HICCUP = timedelta(hours=6)  # after its last good poll a failing source is broken, however few the failures
UNPOLLED = timedelta(hours=3)  # behind its time: nobody polls
SILENCE = timedelta(days=7)  # without anything new, a source without a calendar is called quiet
UNREADABLE = 0.1  # of the entries of a poll: from there on it is partial
ILL_LONG = timedelta(days=1)  # until the operator is told
USUAL = timedelta(hours=1)  # between two polls
NAMED = 4  # sources in the line under a digest


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
        since = _minute(source.polled_at)
        return Health(
            State.BROKEN, f"nobody has polled it since {since}; is the service running?", f"not asked since {since}"
        )
    broken = _broken(source, now)
    if broken is not None:
        return Health(State.BROKEN, broken, _no_answer(source, now))
    if evidence.due_day is not None and (evidence.day is None or evidence.day < evidence.due_day):
        newest = f"its newest day is {evidence.day}" if evidence.day else "it has told of no day yet"
        because = f"{newest}, and {evidence.due_day} was due at {_minute(evidence.due_at)}"
        return Health(State.STALE, because, f"nothing of {evidence.due_day} yet")
    if evidence.expected is not None and evidence.told < evidence.expected:
        some = f"{evidence.told} of {_papers(evidence.expected)}"
        return Health(
            State.PARTIAL, f"{evidence.told} of the {evidence.expected} papers of {evidence.day}", f"{some} so far"
        )
    if evidence.rejected > UNREADABLE * (evidence.seen + evidence.rejected):
        some = f"{evidence.rejected} of {evidence.seen + evidence.rejected} entries unreadable"
        return Health(State.PARTIAL, some, some)
    if evidence.quiet:
        return Health(State.QUIET, f"nothing is due today{_newest(evidence)}", "nothing due today")
    if evidence.due_day is None and (evidence.new_at is None or now - evidence.new_at > SILENCE):
        since = f"nothing new since {evidence.new_at:%Y-%m-%d}" if evidence.new_at else "nothing new yet"
        return Health(State.QUIET, f"{since}, and it answers", since)
    day = evidence.day or (evidence.new_at.date() if evidence.new_at else None)
    return Health(State.FRESH, f"told of {day}" if day else "it answers", _told(evidence, now))


def overdue(source: Standing, now: datetime) -> bool:
    """Has a source that should be polled gone without a good poll for more than two of its intervals?

    Its interval is the wait that its last good poll ended with; while it fails only the usual one is known, and one
    failure alone is none of ours.
    """
    if source.paused_reason is not None or source.next_poll_at is None or source.polled_at is None:
        return False
    if source.good_at is None:
        return source.failures >= FAILURES
    if source.failures == 1:
        return False
    usual = source.next_poll_at - source.good_at if not source.failures else USUAL
    return now - source.good_at > 2 * max(usual, USUAL)


def _told(evidence: Evidence, now: datetime) -> str:
    """What a fresh source has told, in a few words."""
    if evidence.day is None:
        return f"new on {evidence.new_at:%Y-%m-%d}" if evidence.new_at else "it answers"
    if evidence.expected is not None and evidence.due_day == evidence.day:
        return f"{_papers(evidence.told)}, complete"
    if evidence.due_day is not None and evidence.due_day < evidence.day == now.date():
        return f"{_papers(evidence.told)}, still filling"
    return f"{_papers(evidence.told)} of {evidence.day}"


def _papers(number: int) -> str:
    return f"{number:,} paper" if number == 1 else f"{number:,} papers"


def _no_answer(source: Standing, now: datetime) -> str:
    if source.good_at is None:
        return "no answer so far"
    today = source.good_at.date() == now.date()
    return f"no answer since {source.good_at:%H:%M} UTC" if today else f"no answer since {_minute(source.good_at)}"


def _broken(source: Standing, now: datetime) -> str | None:
    if not source.failures:
        return None
    patience = HICCUP if source.failures < FAILURES else USUAL
    if source.good_at is not None and now - source.good_at < patience:
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
    """How the sources are, in one line for a digest's foot; "" without sources that are polled.

    Each by its name while they are few; else those that are not well, and how many are.
    """
    known = [(name, health) for name, health in sources if health is not None]
    unwell = [(name, health) for name, health in known if not health.well]
    named = known if len(known) <= NAMED else unwell[:NAMED]
    clauses = [f"{name}: {health.brief or health.because}" for name, health in named]
    well, others = len(known) - len(unwell), len(unwell) - NAMED
    if len(known) > NAMED:
        clauses += [f"{others} more not well"] if others > 0 else []
        clauses += [f"{well} {'others' if clauses else 'sources'} well"] if well else []
    return f"{'; '.join(clauses)}." if clauses else ""


def empty_note(sources: Iterable[tuple[str, Health | None]]) -> str:
    """What an empty digest says: was it a quiet day, or is something broken?"""
    states = [health.state for _, health in sources if health is not None]
    if any(state in (State.BROKEN, State.STALE, State.PARTIAL) for state in states):
        return "No paper met your profiles, but not every source could tell of its papers."
    if states and all(state is State.QUIET for state in states):
        return "No paper met your profiles: it is a quiet day, and no source had any due."
    return "No paper met your profiles. Nothing is broken: the day's papers were others."


def _newest(evidence: Evidence) -> str:
    return f"; its newest day is {evidence.day}" if evidence.day else ""


def _minute(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "never"
