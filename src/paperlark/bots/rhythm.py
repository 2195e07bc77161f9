"""`/when`: how often, at what hour and by whose clock, in a line as people write it. Pure.

    daily 08:30 Europe/Berlin quiet 22-7
    every monday at 9
    instant, no quiet hours
    8pm, at most 10 papers, empty days: note

What is not said stays as it is. The order does not matter.
"""

import re
from dataclasses import dataclass, replace
from datetime import time

from paperlark.model.problems import ReaderError
from paperlark.model.readers import Cadence, Destination, EmptyPolicy, QuietHours, Rhythm
from paperlark.readers.subscribe import Wish
from paperlark.schedule import zone

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
EXAMPLES = ("/when daily 08:30 Europe/Berlin quiet 22-7", "/when monday 9:00", "/when instant, at most 10 papers")

_WEEKDAYS = {day[:3].lower(): number for number, day in enumerate(WEEKDAYS)}


@dataclass(frozen=True, slots=True)
class Said:
    """What a line says, None for what it does not. quiet: "none" ends the quiet hours."""

    cadence: Cadence | None = None
    at: time | None = None
    weekday: int | None = None
    zone: str | None = None
    quiet: QuietHours | str | None = None
    cap: int | None = None
    empty: EmptyPolicy | None = None

    def applied(self, wish: Wish) -> Wish:
        """The wish with what was said. A cadence is the subscriptions' and not part of it."""
        before = wish.rhythm
        quiet = self.quiet if isinstance(self.quiet, QuietHours) else None
        return replace(
            wish,
            rhythm=Rhythm(
                zone=self.zone or before.zone,
                digest_at=before.digest_at if self.at is None else self.at,
                weekday=before.weekday if self.weekday is None else self.weekday,
                quiet=before.quiet if self.quiet is None else quiet,
            ),
            cap=wish.cap if self.cap is None else self.cap,
            empty=wish.empty if self.empty is None else self.empty,
        )


_HOUR = r"\d{1,2}(?:[:.h]\d{2})?(?:\s*[ap]\.?m\b\.?)?"
_TAKEN = {
    "loud": re.compile(r"\b(?:no quiet(?: hours)?|quiet(?: hours)?:?\s+(?:none|off|never|no))\b", re.I),
    "quiet": re.compile(
        rf"\bquiet(?: hours)?:?\s*(?:from\s+)?(?P<start>{_HOUR})\s*(?:-|–|to|till|until)\s*(?P<end>{_HOUR})", re.I
    ),
    "cap": re.compile(
        r"\b(?:cap|at most|max|up to)\s+(?P<cap>\d+)(?:\s+papers?\b)?|\b(?P<papers>\d+)\s+papers?\b", re.I
    ),
    "empty": re.compile(r"\bempty(?:[ -]days?)?:?\s+(?P<empty>silent|silence|note|weekly)\b", re.I),
    "zone": re.compile(r"(?<![\w/])(?P<zone>[A-Za-z_]+(?:/[A-Za-z0-9_+-]+)+|UTC|GMT)\b", re.I),
    "cadence": re.compile(
        r"\b(?:(?P<instant>instant(?:ly)?|at once)|(?P<daily>daily|every day)|(?P<weekly>weekly|every week))\b", re.I
    ),
    "weekday": re.compile(r"\b(?P<weekday>mon|tue|wed|thu|fri|sat|sun)(?:s|nes|rs|ur)?(?:day)?s?\b", re.I),
    "at": re.compile(rf"(?<![\w:.])(?P<at>{_HOUR})(?![\w:.]*\d)", re.I),
}
"""What may be said, each taken out of the line in this order: what is left must be nothing."""

_IDLE = re.compile(r"\b(?:at|on|every|in|by|and|my|the|zone|time|o'?clock|h)\b|[,;.:]", re.I)


def read(text: str) -> Said:
    """What a line says. Raises ReaderError for words that say nothing, and for an hour, zone or cap that cannot be."""
    found: dict[str, re.Match[str]] = {}
    for what, pattern in _TAKEN.items():
        match = pattern.search(text)
        if match:
            found[what] = match
            text = f"{text[: match.start()]} , {text[match.end() :]}"
    rest = " ".join(_IDLE.sub(" ", text).split())
    if rest:
        raise ReaderError(_unread(rest))
    if not found:
        raise ReaderError(f"that says nothing of when; write it like `{EXAMPLES[0]}`")
    weekday = _WEEKDAYS[found["weekday"]["weekday"].lower()] if "weekday" in found else None
    return Said(
        cadence=_cadence(found.get("cadence"), weekday),
        at=_hour(found["at"]["at"]) if "at" in found else None,
        weekday=weekday,
        zone=zone(_zone_name(found["zone"]["zone"])).key if "zone" in found else None,
        quiet="none" if "loud" in found else _quiet(found.get("quiet")),
        cap=int(found["cap"]["cap"] or found["cap"]["papers"]) if "cap" in found else None,
        empty=_empty(found["empty"]["empty"]) if "empty" in found else None,
    )


def _cadence(found: re.Match[str] | None, weekday: int | None) -> Cadence | None:
    if found is None or found.lastgroup is None:
        return None if weekday is None else Cadence.WEEKLY  # who names a day wants one message a week
    return Cadence(found.lastgroup)


def _hour(text: str) -> time:
    found = re.fullmatch(r"(\d{1,2})(?:[:.h](\d{2}))?\s*(?:([ap])\.?m\.?)?", text.strip(), re.IGNORECASE)
    assert found is not None
    hour, minute, half = int(found[1]), int(found[2] or 0), (found[3] or "").lower()
    if half and 1 <= hour <= 12:
        hour = hour % 12 + (12 if half == "p" else 0)
    elif half:
        hour = 24
    if hour > 23 or minute > 59:
        raise ReaderError(f"“{text.strip()}” is no hour of the day; write it like 08:30 or 8:30pm")
    return time(hour, minute)


def _quiet(found: re.Match[str] | None) -> QuietHours | None:
    if found is None:
        return None
    quiet = QuietHours(_hour(found["start"]), _hour(found["end"]))
    if quiet.start == quiet.end:
        raise ReaderError("quiet hours that end as they begin leave no hour at all; write them like quiet 22-7")
    return quiet


def _empty(text: str) -> EmptyPolicy:
    return EmptyPolicy.SILENT if text.lower() == "silence" else EmptyPolicy(text.lower())


def _zone_name(text: str) -> str:
    return text.upper() if text.upper() in ("UTC", "GMT") else text


def _unread(rest: str) -> str:
    """What to say of words that are left: perhaps they name a city."""
    try:
        return f"“{zone(rest).key}” goes in capitals as it is written here"
    except ReaderError as error:
        if "did you mean" in str(error):
            return str(error)
    return f"I do not understand “{rest}”; write it like `{EXAMPLES[0]}`"


# ── in words ───────────────────────────────────────────────────────────────────────────────────────────────────────


def often(cadence: Cadence, rhythm: Rhythm) -> str:
    """How often and when: "daily at 08:30 (Europe/Berlin)"."""
    at = f"at {rhythm.digest_at:%H:%M} ({rhythm.zone})"
    return {
        Cadence.INSTANT: "at once",
        Cadence.DAILY: f"daily {at}",
        Cadence.WEEKLY: f"every {WEEKDAYS[rhythm.weekday]} {at}",
    }[cadence]


def besides(place: Destination) -> str:
    """The rest of how a place is told: "quiet 22:00-07:00, at most 20 papers a digest, silent on empty days"."""
    quiet = place.rhythm.quiet
    empty = {
        EmptyPolicy.SILENT: "silent on empty days",
        EmptyPolicy.NOTE: "a short note on empty days",
        EmptyPolicy.WEEKLY: "one note a week while days are empty",
    }[place.empty]
    quiet_said = f"quiet {quiet.start:%H:%M}-{quiet.end:%H:%M}" if quiet else "no quiet hours"
    return f"{quiet_said}, at most {place.cap} papers a digest, {empty}"
