"""How a subscription's form is read and filled: cadence, occasions, hours, cap, empty days. Pure.

A form says everything, in text. What cannot be is told field by field, so that the form comes back as it was filled in,
with each fault beside its field.
"""

from collections.abc import Callable, Mapping
from datetime import time
from typing import TypeVar

from paperlark.model.problems import ReaderError
from paperlark.model.readers import USUAL_WISHES, WISHES, Cadence, Destination, EmptyPolicy, QuietHours, Rhythm
from paperlark.readers.subscribe import CAP_LIMIT, Wish
from paperlark.schedule import parse_hour, zone

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
CADENCES = {
    Cadence.DAILY: "Once a day",
    Cadence.WEEKLY: "Once a week",
    Cadence.INSTANT: "At once, as papers come",
}
OCCASIONS = {
    "new": "New papers",
    "cross": "Papers listed in one more category",
    "replace": "New versions",
    "published": "Published in a journal",
    "withdrawn": "Withdrawn",
}
EMPTY = {
    EmptyPolicy.SILENT: "Nothing comes",
    EmptyPolicy.NOTE: "A short note that all is well",
    EmptyPolicy.WEEKLY: "One such note a week",
}

Filled = Mapping[str, str]
Faults = dict[str, str]
T = TypeVar("T")


def as_filled(cadence: Cadence, occasions: frozenset[str], place: Destination | None) -> dict[str, str]:
    """A form as it stands before anybody changes it."""
    return told(cadence, occasions) | hours(place)


def told(cadence: Cadence = Cadence.DAILY, occasions: frozenset[str] = frozenset(USUAL_WISHES)) -> dict[str, str]:
    """The fields of one subscription."""
    return {"cadence": str(cadence)} | {f"occasion-{each}": "yes" for each in sorted(occasions)}


def hours(place: Destination | None = None) -> dict[str, str]:
    """The fields of a place; of one that is not there yet, what is usual."""
    usual = Wish()
    rhythm = place.rhythm if place is not None else usual.rhythm
    return {
        "zone": rhythm.zone,
        "digest_at": f"{rhythm.digest_at:%H:%M}",
        "weekday": str(rhythm.weekday),
        "quiet_from": f"{rhythm.quiet.start:%H:%M}" if rhythm.quiet else "",
        "quiet_to": f"{rhythm.quiet.end:%H:%M}" if rhythm.quiet else "",
        "cap": str(place.cap if place is not None else usual.cap),
        "empty": str(place.empty if place is not None else usual.empty),
    }


def read(filled: Filled, place: Destination | None = None) -> tuple[Wish, Faults]:
    """What a form asks for, and what of it cannot be, by field; then the wish is not to be used. place: of which the
    hours are kept, where the form does not ask for any."""
    faults: Faults = {}

    def field(name: str, take: Callable[[str], T], otherwise: T) -> T:
        try:
            return take(filled.get(name, "").strip())
        except ReaderError as error:
            faults[name] = str(error)
            return otherwise

    cadence = field("cadence", _cadence, Cadence.DAILY)
    occasions = tuple(each for each in WISHES if filled.get(f"occasion-{each}"))
    if not occasions:
        faults["occasions"] = "choose at least one"
    if place is not None:
        return Wish(cadence, place.rhythm, place.cap, place.empty, occasions), faults
    rhythm = Rhythm(
        zone=field("zone", lambda text: zone(text or "UTC").key, "UTC"),
        digest_at=field("digest_at", parse_hour, time(8)),
        weekday=field("weekday", _weekday, 0),
        quiet=field("quiet_from", lambda start: _quiet(start, filled.get("quiet_to", "").strip()), None),
    )
    cap, empty = field("cap", _cap, 20), field("empty", _empty, EmptyPolicy.SILENT)
    return Wish(cadence, rhythm, cap, empty, occasions), faults


def _cadence(text: str) -> Cadence:
    if text not in tuple(Cadence):
        raise ReaderError("choose how often")
    return Cadence(text)


def _weekday(text: str) -> int:
    if text not in tuple("0123456"):
        raise ReaderError("choose a day of the week")
    return int(text)


def _quiet(start: str, end: str) -> QuietHours | None:
    if not start and not end:
        return None
    if not start or not end:
        raise ReaderError("quiet hours have a beginning and an end; leave both empty for none")
    quiet = QuietHours(parse_hour(start), parse_hour(end))
    if quiet.start == quiet.end:
        raise ReaderError("quiet hours that end as they begin leave no hour at all")
    return quiet


def _cap(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:9]) <= CAP_LIMIT:
        raise ReaderError(f"give a number between 1 and {CAP_LIMIT}")
    return int(text)


def _empty(text: str) -> EmptyPolicy:
    if text not in tuple(EmptyPolicy):
        raise ReaderError("choose what an empty day brings")
    return EmptyPolicy(text)


# ── in words ───────────────────────────────────────────────────────────────────────────────────────────────────────


def often(cadence: Cadence, rhythm: Rhythm) -> str:
    """How often and when: "daily at 08:30"."""
    return {
        Cadence.INSTANT: "at once",
        Cadence.DAILY: f"daily at {rhythm.digest_at:%H:%M}",
        Cadence.WEEKLY: f"every {WEEKDAYS[rhythm.weekday]} at {rhythm.digest_at:%H:%M}",
    }[cadence]


def besides(place: Destination) -> str:
    """The rest of how a place is told: "Europe/Berlin, quiet 22:00–07:00, at most 20 papers a digest"."""
    quiet = place.rhythm.quiet
    said = [
        place.rhythm.zone,
        f"quiet {quiet.start:%H:%M}–{quiet.end:%H:%M}" if quiet else "",
        f"at most {place.cap} papers a digest",
        {EmptyPolicy.NOTE: "a note on empty days", EmptyPolicy.WEEKLY: "one note a week while days are empty"}.get(
            place.empty, ""
        ),
    ]
    return ", ".join(filter(None, said))
