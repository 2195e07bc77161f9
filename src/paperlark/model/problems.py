"""The errors that have names; everything else is a fault and gets through to the loop's edge.

PaperlarkError            anything a person is told in one line
├── SourceError           a source is unwell: what, and when to ask again
├── DeliveryError         a platform did not take a message: for ever, for now, or nobody knows
├── QueryError            a profile's text cannot be read: where, and the nearest reading
├── FullError             there is no room for one more query of its kind
├── SegmentError          a saved index cannot be used: build it anew
├── StoreError            the database cannot be used as it is
│   ├── OutageError   it is away, full or held by somebody else, whatever it is asked
│   └── UnreadableError   one value in it cannot be read: a key is missing, or it was changed
└── ReaderError           what a reader asked for cannot be done: unknown id, bad zone, not theirs
"""

from dataclasses import dataclass
from datetime import timedelta


class PaperlarkError(Exception):
    """Something expected went wrong. `str(error)` is one line for a person: what, where, what to do."""


class SourceError(PaperlarkError):
    """A source is unwell. `str()` opens with the source's kind ("hf_daily: 503 …").

    retry_after: what the far side asked us to wait, if it said so.
    asked_to_wait: the far side said that we ask too often (HTTP 429), with or without a wait.
    gone: the far side said that it will never answer again (HTTP 410).
    unreached: nobody answered (its name is not known, no connection, too slow): it may be our own network.
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after: timedelta | None = None,
        asked_to_wait: bool = False,
        gone: bool = False,
        unreached: bool = False,
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.asked_to_wait = asked_to_wait
        self.gone = gone
        self.unreached = unreached


class DeliveryError(PaperlarkError):
    """A platform did not take a message. Exactly one of these readings holds:

    permanent    this address will never take it (blocked, unknown, 550): stop, and say why
    doubtful     it looks permanent, and the platform says so wrongly at times: stop when it says so an hour later too
    refused      this *message* was refused and the address is well (too long, bad mark-up, 5xx on DATA)
    retry_after  the platform named a wait: not counted as an attempt. For the whole channel, or, where `of_address` is
                 set, for this address alone
    channel      the channel itself is misconfigured or barred (401, 535): no reader is at fault
    unreachable  the platform cannot be reached at all (no connection, its name is not known): surely not delivered, and
                 no reader is at fault
    new_address  the chat moved: tell it there instead
    ambiguous    the answer was lost: it may have been delivered
    (none)       transient: surely not delivered, try again later
    """

    def __init__(
        self,
        message: str,
        *,
        permanent: bool = False,
        doubtful: bool = False,
        refused: bool = False,
        channel: bool = False,
        unreachable: bool = False,
        ambiguous: bool = False,
        retry_after: timedelta | None = None,
        of_address: bool = False,
        new_address: str | None = None,
    ) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.doubtful = doubtful
        self.refused = refused
        self.channel = channel
        self.unreachable = unreachable
        self.ambiguous = ambiguous
        self.retry_after = retry_after
        self.of_address = of_address
        self.new_address = new_address  # Telegram's migrate_to_chat_id


@dataclass(frozen=True, slots=True)
class Pointer:
    """A place in a profile's text: `line` and `column` count from 1, in code points."""

    line: int
    column: int


class QueryError(PaperlarkError):
    """A profile's text cannot be read.

    at: where it stops making sense; suggestion: the nearest text that can be read, if there is one.
    """

    def __init__(self, message: str, *, at: Pointer | None = None, suggestion: str | None = None) -> None:
        where = ""
        if at is not None:
            where = f" at column {at.column}" if at.line == 1 else f" at line {at.line}, column {at.column}"
        hint = f"; did you mean  {suggestion}" if suggestion else ""
        super().__init__(f"{message}{where}{hint}")
        self.message = message
        self.at = at
        self.suggestion = suggestion


class FullError(PaperlarkError):
    """There is no room for one more query of its kind; `str()` says what would fit."""


class SegmentError(PaperlarkError):
    """A saved index is damaged, of another version, or not there: it is built anew."""


class StoreError(PaperlarkError):
    """The database cannot be used: unreachable, read-only, not migrated, or from a newer version."""


class UnreadableError(StoreError):
    """One value in the database cannot be read; all others can."""


class OutageError(StoreError):
    """The database is at fault, and not what it was asked: it is away, has no room (disk, memory, connections), or is
    held by somebody else."""


class BackupError(PaperlarkError):
    """A backup cannot be made or restored: a file that is cut, changed, or of another version; a store that is not
    empty. Nothing was changed."""


class ReaderError(PaperlarkError):
    """What a reader asked for cannot be done; another account's ids answer as if they did not exist."""
