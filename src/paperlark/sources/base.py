"""The port of a source: somewhere papers come from.

A source *fetches* then **parses**: the pure half is a module-level `parse(body, …) -> Page`, the other half asks
`http` for the body. Retry and pace are never an adapter's business.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar, Protocol

from paperlark.model.papers import Cursor, Page
from paperlark.model.sources import Expected


class Source(Protocol):
    """One configured instance of an adapter.

    One that wants to be polled otherwise than hourly has an `interval: ClassVar[timedelta]`; one with a calendar is
    `Punctual` too.
    """

    kind: ClassVar[str]
    """Module name, configuration key, log field: "arxiv"."""

    authority: ClassVar[int]
    """Whose word counts for a paper's own fields: higher wins.

    arxiv 90, biorxiv and medrxiv 80, hf_daily 60, rss 40, jsonl 30, capture 10.
    """

    name: str
    """One configured instance: "arxiv:cs.CL"."""

    def poll(self, cursor: Cursor, now: datetime) -> AsyncIterator[Page]:
        """Yield what is new since `cursor`, page by page; the cursor of each page is saved with it.

        An answer that says that nothing changed is a page that is `unchanged`. Raises SourceError when the source is
        unwell; pages already yielded stand.
        """


class Punctual(Protocol):
    """A source that has a calendar: what it should have told of by a moment. A source without one lacks the method."""

    def expected(self, now: datetime) -> Expected:
        """What should be there at `now`."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved file's bytes, with what is known from outside: its name for messages, and the day it was captured."""

    name: str
    body: bytes
    captured_on: date


class Importer(Protocol):
    """What a source module that reads saved files offers beside (or in place of) its Source class.

    A module-level `parse_saved(saved: Saved) -> Page`: pure; raises SourceError when the bytes are not of its kind.
    A module-level `looks_like(name: str, head: bytes) -> bool`: is this file probably mine? `head` is its first 64 KiB.
    """

    def parse_saved(self, saved: Saved) -> Page: ...

    def looks_like(self, name: str, head: bytes) -> bool: ...
