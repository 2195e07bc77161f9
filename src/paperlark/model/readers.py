"""Accounts, profiles, destinations, subscriptions: who is told what, where, and when."""

from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum


class Cadence(StrEnum):
    """How often a destination hears of a profile's papers. Ordered from the most urgent."""

    INSTANT = "instant"
    DAILY = "daily"
    WEEKLY = "weekly"


WISHES = ("new", "cross", "replace", "published", "withdrawn")
"""What a subscription may want to hear of: the types of announcements; `replace` stands for `replace-cross` too."""

USUAL_WISHES = ("new", "cross")

TRENDING = 0
"""Stands for the profile in a subscription to what is trending. It is no profile's id: those are positive."""


def wish_of(type: str) -> str:
    """Which of the wishes an announcement's type falls under."""
    return "replace" if type == "replace-cross" else type


class EmptyPolicy(StrEnum):
    """What a digest with no papers does: nothing, or a short note that all is well (weekly: one heartbeat a week)."""

    SILENT = "silent"
    NOTE = "note"
    WEEKLY = "weekly"


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Local hours in which nothing is sent; `start` after `end` wraps midnight. Delays, never drops."""

    start: time
    end: time

    def __contains__(self, local: time) -> bool:
        if self.start <= self.end:
            return self.start <= local < self.end
        return local >= self.start or local < self.end


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When a destination may be told: its IANA zone, digest hour, weekday (0 = Monday), and quiet hours."""

    zone: str = "UTC"
    digest_at: time = time(8, 0)
    weekday: int = 0
    quiet: QuietHours | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """A standing query at one version; `began_at` is when this version began to count."""

    account_id: int
    id: int
    version: int
    name: str
    text: str
    began_at: datetime


ASKED_FIRST = ("email",)
"""Channels whose addresses anybody can write down: the owner is asked before anything else is sent there."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A channel's address of one account. `paused_reason` says why nothing is sent there, or is None; `paused_until`
    when that ends by itself. `confirm_by`: its owner has not yet said that this is wanted, and has time until then;
    nothing is owed there before. None: confirmed, or of a channel that needs no asking."""

    account_id: int
    id: int
    channel: str
    address: str
    rhythm: Rhythm
    cap: int  # papers in one digest; the rest are "and N more"
    empty: EmptyPolicy
    paused_reason: str | None = None
    paused_until: datetime | None = None
    confirm_by: datetime | None = None


@dataclass(frozen=True, slots=True)
class Subscription:
    """Profile × destination × cadence × the occasions wanted, each one of WISHES. With TRENDING in the profile's place
    it asks for what is trending, and wants no occasion in particular."""

    account_id: int
    id: int
    profile_id: int
    destination_id: int
    cadence: Cadence
    occasions: frozenset[str]
    began_at: datetime


class MuteKind(StrEnum):
    """What can be muted: a word or phrase of the profile language, an author, a source."""

    WORD = "word"
    AUTHOR = "author"
    SOURCE = "source"


@dataclass(frozen=True, slots=True)
class Mute:
    """What an account does not want to hear of. `value` is in its one spelling (`matching.mutes.canonical`)."""

    kind: MuteKind
    value: str
    at: datetime

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"


class MarkKind(StrEnum):
    """What a reader did with a paper. Saved and dismissed exclude each other, read goes with either."""

    READ = "read"
    SAVED = "saved"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True)
class Opinion:
    """A paper that its reader saved or dismissed, and when: by whom it is, and which of that reader's profiles led
    to it."""

    saved: bool
    authors: tuple[str, ...]
    profiles: frozenset[int]
    paper_id: int = 0
    at: datetime | None = None
