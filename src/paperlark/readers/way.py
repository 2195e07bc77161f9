"""A paper's way to a reader, and where it stopped. Pure.

A paper comes this way: a source tells of it; it is held against profiles; what meets owes, where the announcement is
news, of a type that is wanted, and came after the subscription; what is owed waits for its slot; a delivery leaves out
what nobody wants any more; the rest is shown, or stands behind "and N more"; the message arrives, or dies visibly.

**The rule.** `Cause` names every place where the way may end, in this order. Each announcement of the paper (and each
count that rose) goes the way by itself, and stops at the first place that holds it back. The one that came furthest
decides: the place where it stopped is *the* cause. All else that is true stands beside it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from paperlark.matching.document import Analysed, analyse
from paperlark.matching.mutes import muted
from paperlark.matching.near import aimed
from paperlark.matching.nearest import Lack, Nearest, nearest
from paperlark.matching.query import Query, parse
from paperlark.matching.reference import meets
from paperlark.model.papers import StoredPaper
from paperlark.model.problems import QueryError
from paperlark.model.readers import Cadence, Destination, Mute, Profile, Subscription, wish_of
from paperlark.readers.moments import day_of, listed, moment
from paperlark.store import papers
from paperlark.store.causes import Counted, Heard, Message, Owed, Version
from paperlark.store.outbox import Fate
from paperlark.store.retention import MATCHES_FOR


class Cause(StrEnum):
    """Where a paper's way to a reader ended, in the order of the way. Only TOLD and BEHIND count as told; LATE never
    ends it, and says why it took so long."""

    SOURCE_ILL = "source ill"  # the archive does not hold it, and a source is not well
    ABSENT = "absent"  # the archive does not hold it
    UNREAD = "unread"  # recorded, and not held against profiles yet
    UNREADABLE = "unreadable"  # the profile's text cannot be read any more
    WORDS = "words"  # the nearest alternative lacks words
    EXCLUSION = "exclusion"
    NUMBER = "number"
    DATE = "date"
    MEANING = "meaning"  # it reads otherwise than like what is asked for
    PROFILE_LATER = "profile later"  # this version of the profile began after the paper was seen
    CHANGED = "changed"  # it meets as things are now, and did not then
    ARCHIVED = "archived"  # a baseline, or imported without telling
    NOWHERE = "nowhere"  # the profile is told nowhere
    TYPE = "type"
    SUBSCRIBED_LATER = "subscribed later"
    UNCONFIRMED = "unconfirmed"  # the address's owner has not said that this is wanted
    PAUSED = "paused"
    UNSUBSCRIBED = "unsubscribed"  # owed, and nobody is told there of what meets it any more
    DISMISSED = "dismissed"
    MUTED = "muted"
    DROPPED = "dropped"
    DEAD = "dead"
    DUE = "due"  # owed, and when it will come
    BEHIND = "behind"  # told, behind "and N more"
    TOLD = "told"
    LATE = "late"

    @property
    def told(self) -> bool:
        """Whether the reader counts as told."""
        return self in (Cause.TOLD, Cause.BEHIND)


ORDER = {cause: place for place, cause in enumerate(Cause)}


@dataclass(frozen=True, slots=True)
class Because:
    """A cause, one plain sentence for the reader, and the delivery that it speaks of, if it does of one."""

    cause: Cause
    sentence: str
    delivery_id: int | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One paper, one profile, one destination, and all that is known of them.

    met: the versions at which the profile met the paper, as far as that is kept. owed: at this destination. due: when
    what is owed and in no delivery yet will come, by cadence. wanted: whether any profile that is told there now met
    the paper. likes: the directions of the papers that the profile names. subscription is None where the profile is not
    told there (any more), destination where it is told nowhere.
    """

    paper: StoredPaper
    heard: tuple[Heard, ...]
    counted: tuple[Counted, ...]
    profile: Profile
    versions: tuple[Version, ...]
    met: frozenset[int]
    subscription: Subscription | None
    destination: Destination | None
    owed: tuple[Owed, ...]
    due: Mapping[Cadence, datetime]
    wanted: bool
    mutes: tuple[Mute, ...]
    dismissed_at: datetime | None
    now: datetime
    likes: Mapping[str, bytes]

    @property
    def zone(self) -> str:
        """Whose clock the sentences show."""
        return self.destination.rhythm.zone if self.destination else "UTC"

    @property
    def place(self) -> str:
        """The destination in words."""
        return f"{self.destination.channel} {self.destination.address}".strip() if self.destination else "nowhere"

    def when(self, at: datetime) -> str:
        """A moment on the reader's clock."""
        return moment(at, self.zone)


def causes(case: Case) -> tuple[Because, ...]:
    """Every cause that is true of the case: first the one that decides, then the others in the order of the way."""
    rows = [_cleaned(_of_owed(case, owed)) for owed in case.owed]
    if rows and case.met:
        return _joined(_furthest(rows), rows, case)
    try:
        query = aimed(parse(case.profile.text), case.likes)
    except QueryError as error:
        return (Because(Cause.UNREADABLE, f"“{case.profile.name}” cannot be read: {error}."),)
    if rows and _would_meet(case, query):
        return _joined(_furthest(rows), rows, case)
    ways = [_cleaned(way) for way in _ways(case, query)]
    if not ways:
        return (Because(Cause.UNREAD, "It is in the archive, and no announcement of it is kept."),)
    return _joined(max(ways, key=_reached), [*rows, _as_things_are(case)], case)


def _joined(decisive: list[Because], others: list[list[Because]], case: Case) -> tuple[Because, ...]:
    """What decides, what else is true, and what took long."""
    said = {because.cause for because in decisive}
    besides = [each for each in _cleaned(b for way in others for b in way) if each.cause not in said]
    return (*decisive[:1], *_cleaned([*decisive[1:], *besides]), *_delays(case))


def _furthest(ways: list[list[Because]]) -> list[Because]:
    return max(ways, key=lambda way: ORDER[way[0].cause])


def _cleaned(way: Iterable[Because]) -> list[Because]:
    """In the order of the way, each cause once."""
    first = {because.cause: because for because in reversed(list(way))}
    return sorted(first.values(), key=lambda because: ORDER[because.cause])


def _reached(way: list[Because]) -> tuple[bool, int]:
    """How far an announcement came. One that is still to be looked at and meets the profile may come further than any
    other."""
    open_ = way[0].cause is Cause.UNREAD and not any(each.cause in _LACKS.values() for each in way)
    return open_, ORDER[way[0].cause]


# ── held against the profile ───────────────────────────────────────────────────────────────────────────────────────

_LACKS = {
    Lack.WORDS: Cause.WORDS,
    Lack.EXCLUSION: Cause.EXCLUSION,
    Lack.NUMBER: Cause.NUMBER,
    Lack.DATE: Cause.DATE,
    Lack.MEANING: Cause.MEANING,
}


def _would_meet(case: Case, query: Query) -> bool:
    """Whether the profile meets the paper now, where it is kept no more whether it did."""
    forgotten = case.now - min((heard.first_seen for heard in case.heard), default=case.now) > MATCHES_FOR
    return forgotten and any(meets(query, _document(case, heard)) for heard in case.heard)


def _ways(case: Case, query: Query) -> Iterator[list[Because]]:
    """The way of each announcement, and of each count that made the profile's check come true."""
    by_id = {heard.id: heard for heard in case.heard}
    for heard in case.heard:
        way = [*_looked_at(case, query, heard), *_owing(case, heard, heard.first_seen, owes=heard.owes)]
        yield way or [_changed(case)]
    before: dict[str, int] = {}
    for counted in case.counted if query.has_numbers else ():
        after = {**before, **counted.counts}
        heard = by_id[counted.announcement_id]
        if counted.at > heard.first_seen and _rises(case, query, heard, before, after):
            way = [*_looked_at_rising(case, counted), *_owing(case, heard, counted.at, owes=True)]
            yield way or [_changed(case)]
        before = after


def _looked_at(case: Case, query: Query, heard: Heard) -> Iterator[Because]:
    """What held an announcement back when it was held against the profile."""
    if heard.percolated_at is None:
        yield _unread(case, heard.first_seen)
    then = _counts_at(case, heard.percolated_at or case.now)
    lacking = nearest(query, _document(case, heard)) or nearest(query, _document(case, heard, then))
    version = _version_at(case, heard.percolated_at or case.now)
    if version is not None and version.version in case.met and _did_meet(case, version, heard, then):
        return
    yield from _lacks(case, lacking)
    if version is None or version.version < case.profile.version:
        yield Because(
            Cause.PROFILE_LATER,
            f"“{case.profile.name}” as it is now began on {case.when(case.profile.began_at)}; the paper was first seen "
            f"on {case.when(heard.first_seen)}.",
        )
    elif lacking is None and heard.percolated_at is not None and case.now - heard.first_seen <= MATCHES_FOR:
        yield _changed(case)


def _looked_at_rising(case: Case, counted: Counted) -> Iterator[Because]:
    if counted.percolated_at is None:
        yield _unread(case, counted.at)
    elif case.profile.began_at > counted.at:
        yield Because(
            Cause.PROFILE_LATER,
            f"“{case.profile.name}” as it is now began on {case.when(case.profile.began_at)}; the paper had come so "
            f"far on {case.when(counted.at)}.",
        )
    elif not case.met and case.now - counted.at <= MATCHES_FOR:
        yield _changed(case)


def _unread(case: Case, at: datetime) -> Because:
    return Because(Cause.UNREAD, f"It was recorded on {case.when(at)} and is about to be held against your profiles.")


def _changed(case: Case) -> Because:
    return Because(
        Cause.CHANGED,
        f"“{case.profile.name}” asks for it as things are now, but did not when it was announced: the paper, or what "
        "you want of it, has changed since.",
    )


def _lacks(case: Case, lacking: Nearest | None) -> Iterator[Because]:
    if lacking is not None:
        for lack in lacking.lacks:
            yield Because(_LACKS[lack], f"“{case.profile.name}” does not meet it: {lacking.only(lack).clause}.")


def _did_meet(case: Case, version: Version, heard: Heard, counts: Mapping[str, int]) -> bool:
    try:
        return meets(aimed(parse(version.text), case.likes), _document(case, heard, counts))
    except QueryError:
        return False


def _rises(case: Case, query: Query, heard: Heard, before: Mapping[str, int], after: Mapping[str, int]) -> bool:
    return meets(query, _document(case, heard, after)) and not meets(query, _document(case, heard, before))


def _version_at(case: Case, at: datetime) -> Version | None:
    return max(
        (version for version in case.versions if version.began_at <= at), key=lambda found: found.version, default=None
    )


def _counts_at(case: Case, at: datetime) -> dict[str, int]:
    return {name: count for counted in case.counted if counted.at <= at for name, count in counted.counts.items()}


def _document(case: Case, heard: Heard, signals: Mapping[str, int] | None = None) -> Analysed:
    return analyse(papers.document(case.paper, type=heard.type, announced_at=heard.announced_at, signals=signals))


# ── owing ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_TYPES = {
    "new": "as new",
    "cross": "as a cross-list",
    "replace": "as a revision",
    "published": "as published",
    "withdrawn": "as withdrawn",
}


def _owing(case: Case, heard: Heard, at: datetime, *, owes: bool) -> Iterator[Because]:
    """What keeps an announcement that meets the profile from being owed."""
    name, subscription = case.profile.name, case.subscription
    if not owes:
        yield Because(Cause.ARCHIVED, _archived(case, heard))
    if subscription is None:
        yield Because(Cause.NOWHERE, f"“{name}” is not told {'there' if case.destination else 'anywhere'}.")
        return
    wish = wish_of(heard.type)
    if wish not in subscription.occasions:
        wanted = listed([_TYPES[each].removeprefix("as ") for each in _TYPES if each in subscription.occasions])
        told = f"{heard.source} announced it {_TYPES.get(wish, wish)}"
        yield Because(Cause.TYPE, f"{told}, and of “{name}” {case.place} wants only what is {wanted}.")
    if subscription.began_at > at:
        began, seen = case.when(subscription.began_at), case.when(at)
        yield Because(
            Cause.SUBSCRIBED_LATER,
            f"{case.place} has been told of “{name}” since {began}; the paper was there on {seen}.",
        )
    if case.destination is not None and case.destination.confirm_by is not None:
        yield Because(
            Cause.UNCONFIRMED, f"{case.place} is told nothing before its owner confirms it, by the link mailed there."
        )


def _archived(case: Case, heard: Heard) -> str:
    if heard.polled:
        return (
            f"It came with the first poll of {heard.source}, on {case.when(heard.first_seen)}, which fills the archive "
            "and tells nobody."
        )
    return f"It was imported into the archive on {case.when(heard.first_seen)}, which tells nobody."


# ── owed ───────────────────────────────────────────────────────────────────────────────────────────────────────────

_DIGESTS = {Cadence.INSTANT: "alert", Cadence.DAILY: "daily digest", Cadence.WEEKLY: "weekly digest"}


def _of_owed(case: Case, owed: Owed) -> Iterator[Because]:
    """What became of something owed: at least one cause."""
    if not owed.sealed:
        yield from _held_back(case) or [_due(case, owed.cadence, case.due[owed.cadence])]
        return
    yield replace(_ended(case, owed), delivery_id=owed.message.id if owed.message else None)


def _ended(case: Case, owed: Owed) -> Because:
    """What the delivery that took it made of it."""
    left_out = _left_out(case, owed.fate)
    message, digest = owed.message, _DIGESTS[owed.cadence]
    if left_out is not None:
        return left_out
    if message is None or message.state == "sent":
        return _told(case, owed.fate, digest, message)
    if message.state == "dropped":
        return Because(Cause.DROPPED, f"Its {digest} to {case.place} was dropped{_end(case, message)}.")
    if message.state == "dead":
        some = f" after {message.parts_sent} of {message.parts} messages" if message.parts_sent else ""
        return Because(Cause.DEAD, f"Its {digest} to {case.place} failed for good{some}{_end(case, message)}.")
    return _paused(case) or _due(case, owed.cadence, message.due_at, message.reason)


def _held_back(case: Case) -> list[Because]:
    """What keeps an owed paper from coming, as things are now."""
    found = [_paused(case)]
    if not case.wanted:
        found.append(_left_out(case, Fate.UNASKED))
    return [because for because in [*found, *_unheard(case)] if because is not None]


def _as_things_are(case: Case) -> list[Because]:
    """What would hold the paper back besides."""
    return [because for because in [_paused(case), *_unheard(case)] if because is not None]


def _unheard(case: Case) -> list[Because]:
    found = []
    if case.dismissed_at is not None:
        found.append(Because(Cause.DISMISSED, f"You dismissed it on {case.when(case.dismissed_at)}."))
    mute = muted(case.mutes, analyse(papers.document(case.paper)))
    if mute is not None:
        found.append(Because(Cause.MUTED, f"You muted the {mute.kind} “{mute.value}” on {case.when(mute.at)}."))
    return found


def _paused(case: Case) -> Because | None:
    if case.destination is None or case.destination.paused_reason is None:
        return None
    return Because(Cause.PAUSED, f"{case.place} is paused: {case.destination.paused_reason}.")


def _left_out(case: Case, fate: Fate | None) -> Because | None:
    """Why a delivery left the paper out; the reader's own words where they still stand."""
    now = {because.cause: because for because in _unheard(case)}
    match fate:
        case Fate.UNASKED:
            return Because(Cause.UNSUBSCRIBED, f"{case.place} is no longer told of any profile that asks for it.")
        case Fate.DISMISSED:
            return now.get(Cause.DISMISSED) or Because(Cause.DISMISSED, "You had dismissed it.")
        case Fate.MUTED:
            return now.get(Cause.MUTED) or Because(Cause.MUTED, "You had muted something of it.")
    return None


def _end(case: Case, message: Message) -> str:
    on = f" on {case.when(message.ended_at)}" if message.ended_at else ""
    return f"{on}: {message.reason}" if message.reason else on


def _due(case: Case, cadence: Cadence, at: datetime, reason: str | None = None) -> Because:
    tried = f"; it was put off: {reason}" if reason else ""
    by = "as an alert" if cadence is Cadence.INSTANT else f"with the {_DIGESTS[cadence]}"
    on = f"on {case.when(at)}" if at > case.now else "in a moment"
    return Because(Cause.DUE, f"It comes to {case.place} {by} {on}{_after_quiet(case, at)}{tried}.")


def _after_quiet(case: Case, at: datetime) -> str:
    quiet = case.destination.rhythm.quiet if case.destination else None
    local = moment(at, case.zone, clock_only=True)
    return ", after your quiet hours" if quiet and local == f"{quiet.end:%H:%M}" else ""


def _told(case: Case, fate: Fate | None, digest: str, message: Message | None) -> Because:
    on = f" on {case.when(message.ended_at)}" if message and message.ended_at else ""
    if fate is Fate.BEHIND:
        more = message.behind if message else 0
        hidden = f"“and {more} more”" if more else "“and more”"
        return Because(
            Cause.BEHIND, f"It stood behind {hidden} in the {digest} to {case.place}{on}, which counts as told."
        )
    return Because(Cause.TOLD, f"You were told{on}, in the {digest} to {case.place}.")


# ── late ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _delays(case: Case) -> list[Because]:
    """What took long on the way, and did not end it."""
    late = [heard for heard in case.heard if heard.late]
    return (
        [
            Because(
                Cause.LATE,
                f"{late[0].source} announced it for {day_of(late[0].announced_at)}, and told of it only on "
                f"{case.when(late[0].first_seen)}: what comes late waits for the next digest.",
            )
        ]
        if late
        else []
    )
