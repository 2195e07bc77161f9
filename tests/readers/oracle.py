"""A slow oracle: the rules of DESIGN §3 and §4, step by step in plain Python, over lists that it looks through again
and again. It shares no code with what it judges but the nouns.

It is told what happens as it happens, and keeps for each announcement and each profile where that was held back. Asked
at the end, it says the cause; "told" and "behind" are one to it, as only the channel knows what it showed.

Left out: quiet hours, zones, lost answers, merges. Each destination has one cadence: ann is told at once, bob daily.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction

from paperlark.readers.way import Cause

SLOT = timedelta(minutes=5)

# A query is its alternatives, an alternative its parts: a word that is wanted, one that is not ("-valley"), a count.
QUERIES: dict[str, list[list[str]]] = {
    "larks": [["larks"]],
    "owls": [["owls"]],
    "larks -valley": [["larks", "-valley"]],
    "owls hawks, larks hawks valley": [["owls", "hawks"], ["larks", "hawks", "valley"]],
    "larks upvotes:>=10": [["larks", "upvotes>=10"]],
    "upvotes:>=10": [["upvotes>=10"]],
}
KINDS = (Cause.WORDS, Cause.EXCLUSION, Cause.NUMBER)
PROFILE_RANK = list(Cause)


def holds(part: str, words: str, upvotes: int | None) -> bool:
    """Whether one part of an alternative is true of a paper."""
    if part == "upvotes>=10":
        return upvotes is not None and upvotes >= 10
    if part.startswith("-"):
        return part[1:] not in words.split()
    return part in words.split()


def failing(text: str, words: str, upvotes: int | None) -> set[Cause]:
    """What the nearest alternative lacks; nothing where the query is met."""
    found = []
    for alternative in QUERIES[text]:
        lacks = [part for part in alternative if not holds(part, words, upvotes)]
        found.append((Fraction(len(lacks), len(alternative)), len(lacks), lacks))
    lacks = min(found, key=lambda each: each[:2])[2]
    return {
        Cause.NUMBER if ">=" in part else Cause.EXCLUSION if part.startswith("-") else Cause.WORDS for part in lacks
    }


@dataclass
class Heard:
    """An announcement; `stops` says for each (profile, destination) what held it back when it was looked at."""

    paper: int
    occasion: str
    type: str
    source: str
    at: datetime
    owes: bool
    looked_at: datetime | None = None


@dataclass
class Count:
    heard: Heard
    at: datetime
    upvotes: int
    looked_at: bool


@dataclass
class Version:
    text: str
    began_at: datetime


@dataclass
class Subscribed:
    profile: str
    place: str
    wishes: tuple[str, ...]
    began_at: datetime


@dataclass
class Message:
    place: str
    slot: str
    due: datetime
    first_due: datetime
    state: str = "pending"
    sealed: bool = False


@dataclass
class Due:
    """Something owed: to a place, of a paper, on an occasion. `ended` is why it was left out, once that is so."""

    place: str
    paper: int
    occasion: str
    message: Message | None = None
    ended: Cause | None = None


@dataclass
class Oracle:
    words: dict[int, str]
    now: datetime
    heard: list[Heard] = field(default_factory=list)
    counts: list[Count] = field(default_factory=list)
    versions: dict[str, list[Version]] = field(default_factory=dict)
    subscribed: list[Subscribed] = field(default_factory=list)
    met: set[tuple[str, int]] = field(default_factory=set)
    owed: list[Due] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    muted: set[str] = field(default_factory=set)
    dismissed: set[int] = field(default_factory=set)
    paused: set[str] = field(default_factory=set)
    failures: dict[str, list[str]] = field(default_factory=dict)

    # ── what happens ───────────────────────────────────────────────────────────────────────────────────────────────

    def tell(self, paper: int, type: str, source: str, upvotes: int | None, owes: bool) -> None:
        """A source announces a paper; what it announced before brings counts at most."""
        occasion = "replaced:v2" if type == "replace" else "first"
        known = [h for h in self.heard if (h.paper, h.occasion, h.type, h.source) == (paper, occasion, type, source)]
        if not known:
            self.heard.append(Heard(paper, occasion, type, source, self.now, owes))
            if upvotes is not None:
                self.counts.append(Count(self.heard[-1], self.now, upvotes, looked_at=True))
        elif upvotes is not None:
            last = [count.upvotes for count in self.counts if count.heard is known[0]]
            if last[-1:] != [upvotes]:
                self.counts.append(Count(known[0], self.now, upvotes, looked_at=False))

    def percolate(self) -> None:
        """Everything that is open is held against every profile: announcements first, then counts that changed."""
        for heard in [heard for heard in self.heard if heard.looked_at is None]:
            heard.looked_at = self.now
            for name, versions in self.versions.items():
                if not failing(versions[-1].text, self.words[heard.paper], self.upvotes(heard.paper)):
                    self.met.add((name, heard.paper))
                    if heard.owes:
                        self.owe(name, heard, heard.at)
        for count in [count for count in self.counts if not count.looked_at]:
            count.looked_at = True
            for name, versions in self.versions.items():
                if versions[-1].began_at <= count.at and self.rises(versions[-1].text, count):
                    self.met.add((name, count.heard.paper))
                    self.owe(name, count.heard, count.at)

    def upvotes(self, paper: int, before: datetime | None = None) -> int | None:
        """The latest count of a paper; before a moment, where one is given."""
        known = [c.upvotes for c in self.counts if c.heard.paper == paper and (before is None or c.at < before)]
        return known[-1] if known else None

    def rises(self, text: str, count: Count) -> bool:
        """Whether a count made a query's check come true."""
        words = self.words[count.heard.paper]
        before = failing(text, words, self.upvotes(count.heard.paper, count.at))
        return "upvotes" in text and bool(before) and not failing(text, words, count.upvotes)

    def owe(self, name: str, heard: Heard, at: datetime) -> None:
        """To each place that had subscribed by then and wants such announcements, once ever."""
        for each in self.subscribed:
            if each.profile == name and heard.type in each.wishes and each.began_at <= at:
                key = (each.place, heard.paper, heard.occasion)
                if key not in [(due.place, due.paper, due.occasion) for due in self.owed]:
                    self.owed.append(Due(*key))

    def deliver(self) -> None:
        """Plan a message for each place that is owed something in none; then send what is due, in order."""
        for place in ("ann", "bob"):
            waiting = [due for due in self.owed if due.place == place and due.message is None]
            unsealed = [m for m in self.messages if m.place == place and m.state == "pending" and not m.sealed]
            if waiting and not unsealed:
                slot, due_at = self.free_slot(place)
                self.messages.append(Message(place, slot, due_at, due_at))
        resting = False
        while not resting:
            due_now = []
            for place in {"ann", "bob"} - self.paused:
                pending = [m for m in self.messages if m.place == place and m.state == "pending"]
                due_now += [m for m in sorted(pending, key=lambda m: m.first_due)[:1] if m.due <= self.now]
            if not due_now:
                return
            for message in due_now:
                resting |= self.send(message)

    def free_slot(self, place: str) -> tuple[str, datetime]:
        """The next five minutes, or the next eight o'clock, that the place has had no message for."""
        at = self.now
        while True:
            if place == "ann":
                start = at.replace(minute=at.minute // 5 * 5, second=0, microsecond=0)
                slot, due_at, at = str(start), at, start + SLOT
            else:
                due_at = at.replace(hour=8, minute=0, second=0, microsecond=0)
                slot, at = str(due_at.date()), at + timedelta(days=1)
            if due_at >= self.now and slot not in [m.slot for m in self.messages if m.place == place]:
                return slot, due_at

    def send(self, message: Message) -> bool:
        """Seal a message and send it. True where the platform asked for a rest."""
        if not message.sealed:
            told = 0
            for due in [due for due in self.owed if due.place == message.place and due.message is None]:
                due.message, due.ended = message, self.left_out(due)
                told += due.ended is None
            if not told:
                message.state = "dropped"
                return False
            message.sealed = True
        failure = self.failures.get(message.place, []).pop(0) if self.failures.get(message.place) else None
        if failure == "slow":
            message.due = self.now + timedelta(minutes=7)
            return True
        message.state = "dead" if failure else "sent"
        if failure == "gone":
            self.paused.add(message.place)
        return False

    def left_out(self, due: Due) -> Cause | None:
        """Why a digest that is made now leaves the paper out."""
        if not any(each.place == due.place and (each.profile, due.paper) in self.met for each in self.subscribed):
            return Cause.UNSUBSCRIBED
        if self.muted & set(self.words[due.paper].split()):
            return Cause.MUTED
        return Cause.DISMISSED if due.paper in self.dismissed else None

    # ── what is asked ──────────────────────────────────────────────────────────────────────────────────────────────

    def cause(self, name: str, place: str | None, paper: int) -> Cause:
        """What became of a paper for a profile at a place: of all its announcements' ways the furthest stop."""
        rows = [self.fate(due) for due in self.owed if (due.place, due.paper) == (place, paper)]
        if rows and (name, paper) in self.met:
            return max(rows, key=PROFILE_RANK.index)
        stops = [self.stop(name, place, heard) for heard in self.heard if heard.paper == paper]
        stops += [self.stop_rising(name, place, count) for count in self.risen(name, paper)]
        promising = not failing(self.versions[name][-1].text, self.words[paper], self.upvotes(paper))
        if Cause.UNREAD in stops and promising:
            return Cause.UNREAD
        return max(stops, key=PROFILE_RANK.index)

    def risen(self, name: str, paper: int) -> list[Count]:
        text = self.versions[name][-1].text
        later = [c for c in self.counts if c.heard.paper == paper and c.at > c.heard.at]
        return [count for count in later if self.rises(text, count)]

    def fate(self, due: Due) -> Cause:
        if due.ended is not None:
            return due.ended
        paused = due.place in self.paused
        if due.message is None:
            out = self.left_out(due)
            if out is Cause.MUTED and due.paper in self.dismissed:
                out = Cause.DISMISSED
            return Cause.PAUSED if paused else out or Cause.DUE
        if due.message.state == "pending":
            return Cause.PAUSED if paused else Cause.DUE
        return Cause.DEAD if due.message.state == "dead" else Cause.TOLD

    def stop(self, name: str, place: str | None, heard: Heard) -> Cause:
        """Where an announcement's way to this profile at this place ended, before anything was owed."""
        if heard.looked_at is None:
            return Cause.UNREAD
        words, versions = self.words[heard.paper], self.versions[name]
        then = [version for version in versions if version.began_at <= heard.looked_at]
        counts = [c.upvotes for c in self.counts if c.heard.paper == heard.paper and c.at <= heard.looked_at]
        upvotes = counts[-1] if counts else None
        if not then or failing(then[-1].text, words, upvotes) or (name, heard.paper) not in self.met:
            now = failing(versions[-1].text, words, self.upvotes(heard.paper))
            lacks = now or failing(versions[-1].text, words, upvotes)
            if lacks:
                return min(lacks, key=KINDS.index)
            if len(then) < len(versions):
                return Cause.PROFILE_LATER
        return self.unowed(name, place, heard, heard.at, owes=heard.owes)

    def stop_rising(self, name: str, place: str | None, count: Count) -> Cause:
        if not count.looked_at:
            return Cause.UNREAD
        if self.versions[name][-1].began_at > count.at:
            return Cause.PROFILE_LATER
        return self.unowed(name, place, count.heard, count.at, owes=True)

    def unowed(self, name: str, place: str | None, heard: Heard, at: datetime, *, owes: bool) -> Cause:
        if not owes:
            return Cause.ARCHIVED
        there = [each for each in self.subscribed if (each.profile, each.place) == (name, place)]
        if not there:
            return Cause.NOWHERE
        if heard.type not in there[0].wishes:
            return Cause.TYPE
        return Cause.SUBSCRIBED_LATER if there[0].began_at > at else Cause.CHANGED
