"""What a reader is told: a digest and its reasons, the payloads a channel makes of it, and the limits they keep."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from paperlark.model.papers import Alias, StoredPaper


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Words of a paper that met a query, as written: `text == stored_field[start:end]`, offsets in code points.

    field: title, abstract, author, org, cat, source, id, doi, type, or the name of a number or date check (then
    `text` is its value and the offsets are 0 and len(text)). For `author` and `cat`, offsets are into the names
    joined by "; ".
    """

    field: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Reason:
    """One profile that led to a paper: its name, and the words that met it.

    said: a clause for the reader where no words of the paper are the reason ("42 upvotes, the most of its day").
    """

    profile: str
    spans: tuple[Span, ...] = ()
    said: str = ""


@dataclass(frozen=True, slots=True)
class DigestPaper:
    """A paper as a digest shows it: the merged record, where it was seen, its latest counts, and every reason.

    title and abstract are the stored fields, so that the reasons' offsets hold. `earlier` says what happened when
    the occasion is not the first ("version 2", "published as 10.1000/x", "withdrawn"); else "".
    """

    id: int
    title: str
    abstract: str
    authors: tuple[str, ...]
    author_count: int | None
    organisation: str | None
    categories: tuple[str, ...]
    aliases: tuple[Alias, ...]
    url: str | None
    code_url: str | None
    announced_at: datetime
    sources: tuple[str, ...]
    signals: Mapping[str, int]
    reasons: tuple[Reason, ...]
    occasion: str = "first"

    def __hash__(self) -> int:
        """Of what tells papers of digests apart: the rest is long, and compared where these are the same."""
        return hash((self.id, self.announced_at, self.occasion, *(reason.profile for reason in self.reasons)))

    @classmethod
    def of(
        cls,
        paper: StoredPaper,
        reasons: Iterable[Reason] = (),
        *,
        announced_at: datetime | None = None,
        occasion: str = "first",
    ) -> "DigestPaper":
        """A paper of the archive as a digest shows it. announced_at: of the announcement that is told, by default its
        first."""
        return cls(
            id=paper.id,
            title=paper.title,
            abstract=paper.abstract,
            authors=paper.authors,
            author_count=paper.author_count,
            organisation=paper.organisation,
            categories=paper.categories,
            aliases=paper.aliases,
            url=paper.url,
            code_url=paper.code_url,
            announced_at=announced_at or paper.announced_at,
            sources=paper.sources,
            signals=paper.signals,
            reasons=tuple(reasons),
            occasion=occasion,
        )


@dataclass(frozen=True, slots=True)
class Digest:
    """What one delivery says: each paper once, best first, at most the destination's cap; `more` counts the rest.

    papers may be empty: then it is the short note that an empty-day policy asks for, and `note` says which kind of
    empty it was. health: one line on how the sources are, or "". `repeat` marks a second copy after the platform's
    answer was lost. `unsubscribe_url`, `preferences_url` and `page_url` are absent where this paperlark has no public
    address. `sealed_at` is when the delivery was sealed (zone known): what a mail is dated with. `bounce` is a signed
    word for the destination, by which a message that comes back finds it again, or "".
    """

    title: str
    day: date
    papers: tuple[DigestPaper, ...]
    more: int = 0
    note: str = ""
    health: str = ""
    repeat: bool = False
    page_url: str | None = None
    unsubscribe_url: str | None = None
    sealed_at: datetime | None = None
    destination: tuple[int, int] | None = None
    preferences_url: str | None = None
    bounce: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """What the owner of an address is asked before anything else is sent there: is this wanted?

    wanted: what was asked for, in a clause of ours without a word of whoever asked, who may be a stranger: "what is
    trending, daily at 08:00 (Europe/Berlin)". confirm_url: where it is confirmed; until: how long that works.
    `sealed_at` and `bounce` are as in a digest.
    """

    wanted: str
    confirm_url: str
    until: datetime
    sealed_at: datetime
    bounce: str = ""


@dataclass(frozen=True, slots=True)
class Payload:
    """One message in a platform's own words, sealed before the first attempt: what JSON can hold."""

    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Receipt:
    """The platform took the message: its id there, if it gives one; `degraded` says what it is not as was asked."""

    message_id: str | None = None
    degraded: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a channel's platform bears. Rates are messages a second, kept over any second, or, below one, over any
    minute; None is no limit known.

    text_units is counted in the unit that the channel's own file states; `parts` bounds the messages of one digest,
    `at_once` those that are on their way together. `seconds` is how long a send may take, above all time limits of the
    adapter's own: whatever takes longer is cut off, and nobody knows then whether it arrived.
    """

    overall: float | None = None
    per_address: float | None = None
    per_group: float | None = None
    text_units: int | None = None
    parts: int = 10
    at_once: int = 8
    seconds: float = 30.0


class Pace(Protocol):
    """Holds a caller back until it may go on. Implemented by the store (over processes) or in memory."""

    def turn(self, what: str, *, seconds_apart: float, at_most: float) -> AbstractAsyncContextManager[None]:
        """A turn with `what` (a host, a lane): entered when no other process is in one, and at least `seconds_apart`
        after the last one began. It ends with the block; if its process dies, `at_most` seconds after it began.
        """


@dataclass(frozen=True, slots=True)
class Sealed:
    """A delivery as it will be sent, whatever is retried: its payloads, and how many of them have surely arrived."""

    payloads: tuple[Payload, ...]
    parts_sent: int = 0
