"""When a reader is told: digest (now), when, pause, resume, status."""

import re
from dataclasses import replace
from datetime import datetime, time, timedelta

from paperlark.bots import rhythm, words
from paperlark.bots.asked import Asked, wish_at
from paperlark.bots.reply import Line, Reply, Said
from paperlark.bots.words import day_and_hour
from paperlark.channels.letters import cut
from paperlark.channels.text import count, source_name
from paperlark.model.problems import ReaderError
from paperlark.model.readers import TRENDING, Cadence
from paperlark.readers import place, status, subscribe
from paperlark.readers.place import Standing
from paperlark.readers.subscribe import AT_YOUR_WISH

NOTHING_HERE = "Nothing is followed here yet. `/follow QUERY` begins."
SOURCES_SHOWN = 20


# ── digest ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def digest(asked: Asked) -> Reply:
    """`/digest`: what waits for this place comes at once, or when the next comes by itself."""
    here = await asked.here()
    if here is None or not here.subscriptions:
        return asked.reply(NOTHING_HERE)
    if here.place.paused_reason is not None:
        return asked.reply(*_paused(here, await asked.now()))
    now, zone = await asked.now(), here.place.rhythm.zone
    if not here.waiting:
        return asked.reply("Nothing waits for you.", _next(here, now))
    await place.hasten(asked.store, asked.me, asked.asker.channel, asked.asker.address)
    papers = f"{count(here.waiting, 'paper')} {'is' if here.waiting == 1 else 'are'}"
    if here.silent_until is not None:
        loud = day_and_hour(here.silent_until, zone, now)
        return asked.reply(f"{papers} ready, and your quiet hours are kept: {loud}. `/when no quiet` ends them.")
    return asked.reply(f"{papers} on the way.")


def _next(here: Standing, now: datetime) -> str:
    if here.next_at is not None:
        return f"The next digest comes {day_and_hour(here.next_at, here.place.rhythm.zone, now)}."
    return "The next paper comes as soon as a source tells of it."


def _paused(here: Standing, now: datetime) -> list[str]:
    place = here.place
    until = f" until {day_and_hour(place.paused_until, place.rhythm.zone, now)}" if place.paused_until else ""
    waits = f" {count(here.waiting, 'paper')} waiting." if here.waiting else ""
    return [f"Sending is paused here{until}: {place.paused_reason}.{waits}", "`/resume` goes on."]


# ── when ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def when(asked: Asked) -> Reply:
    """`/when [LINE]`: how often, at what hour, by whose clock; without words what is set, with examples."""
    here = await asked.here()
    if not asked.text.strip():
        set_now = _settings(here, await asked.now()) if here else [NOTHING_HERE]
        return asked.reply(*set_now, (), "Change it like this:", *(f"`{each}`" for each in rhythm.EXAMPLES))
    said = rhythm.read(asked.text)
    wish = said.applied(wish_at(here.place if here else None))
    if said.cadence is not None:
        wish = replace(wish, cadence=said.cadence)
    changed = await place.arrange(
        asked.store, asked.me, asked.asker.channel, asked.asker.address, wish, cadence=said.cadence
    )
    later = [] if changed.subscriptions or said.cadence is None else ["`/follow` says how often for each query."]
    return asked.reply(*_settings(changed, await asked.now()), *later)


def _settings(here: Standing, now: datetime) -> list[str | Line]:
    place = here.place
    cadences = sorted({each.cadence for each in here.subscriptions}, key=list(Cadence).index)
    told = [rhythm.often(cadence, place.rhythm) for cadence in cadences]
    trending = {each.cadence for each in here.subscriptions if each.profile_id == TRENDING}
    besides = rhythm.besides(place)
    lines: list[str | Line] = [
        (Said("Papers come here " + words.listed(told), "bold"), Said("."))
        if told
        else f"Nothing is followed here yet. Digests will come {rhythm.often(Cadence.DAILY, place.rhythm)}.",
        f"{besides[:1].upper()}{besides[1:]}.",
    ]
    if trending and len(cadences) > 1:
        lines.append(f"What is trending comes {next(iter(trending))}.")
    if place.paused_reason is not None:
        return [*lines, *_paused(here, now)]
    return [*lines, _next(here, now)] if told else lines


# ── pause, resume ──────────────────────────────────────────────────────────────────────────────────────────────────

_FOR = re.compile(r"(?:for\s+)?(?P<number>\d{1,3}|an?|one|two|three)\s+(?P<unit>hour|day|week)s?", re.IGNORECASE)
_UNTIL = re.compile(r"(?:until\s+)?(?P<day>\d{4}-\d{2}-\d{2})(?:[T ]+(?P<at>\d{1,2}:\d{2}))?", re.IGNORECASE)
_NUMBERS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3}
PAUSE_USAGE = "write it like `/pause`, `/pause 3 days` or `/pause until 2026-08-24`"


async def pause(asked: Asked) -> Reply:
    """`/pause [3 days | until DATE]`: send nothing here; what is owed waits for seven days."""
    now = await asked.now()
    until = _end(asked.text, now)
    here = await asked.here()
    if here is None:
        return asked.reply(NOTHING_HERE)
    await subscribe.pause(asked.store, asked.me, here.place.id, reason=AT_YOUR_WISH, until=until)
    paused = await asked.here()
    end = paused.place.paused_until if paused else None
    said = f" until {day_and_hour(end, here.place.rhythm.zone, now)}" if end else ""
    return asked.reply(f"Paused{said}. What comes meanwhile waits for seven days. `/resume` goes on.")


async def resume(asked: Asked) -> Reply:
    """`/resume`: send here again, what waited first."""
    here = await asked.here()
    if here is None:
        return asked.reply(NOTHING_HERE)
    woken = await subscribe.resume(asked.store, asked.me, here.place.id)
    if not woken:
        return asked.reply("Nothing was paused here.", _next(here, await asked.now()))
    waits = f" {count(here.waiting, 'paper')} waited." if here.waiting else ""
    return asked.reply(f"Sending again.{waits}", _next(here, await asked.now()))


def _end(text: str, now: datetime) -> datetime | None:
    """When a pause ends, without a zone where a day was named. Raises ReaderError."""
    text = text.strip()
    if not text:
        return None
    if span := _FOR.fullmatch(text):
        number = _NUMBERS.get(span["number"].lower()) or int(span["number"])
        return now + timedelta(**{f"{span['unit'].lower()}s": number})
    found = _UNTIL.fullmatch(text)
    try:
        if found:
            return datetime.combine(datetime.fromisoformat(found["day"]), _time(found["at"]))
    except ValueError:
        pass
    raise ReaderError(f"I do not understand “{cut(text, words.NAME)}”; {PAUSE_USAGE}")


def _time(text: str | None) -> time:
    return time.fromisoformat(text.zfill(5)) if text else time(0)


# ── status ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def report(asked: Asked) -> Reply:
    """`/status`: how the sources are, and the deliveries here: last sent, next due, paused and why."""
    now, here = await asked.now(), await asked.here()
    found = await status.sources(asked.store)
    lines: list[str | Line] = [(Said("Sources", "bold"),)]
    lines += [
        (Said(f"{source_name(each.source.name)}: "), Said(each.state, "italic"), Said(f", {each.because}"))
        for each in found[:SOURCES_SHOWN]
    ] or ["None yet: whoever runs this adds them."]
    if len(found) > SOURCES_SHOWN:
        lines.append(f"and {len(found) - SOURCES_SHOWN} more")
    lines += [(), (Said("Here", "bold"),)]
    return asked.reply(*lines, *(_of_place(here, now) if here else [NOTHING_HERE]))


def _of_place(here: Standing, now: datetime) -> list[str]:
    zone, lines = here.place.rhythm.zone, []
    if here.sent is not None:
        lines.append(f"Last sent {day_and_hour(here.sent.at, zone, now)}, {count(here.sent.papers, 'paper')}.")
    else:
        lines.append("Nothing was sent yet.")
    if here.dead is not None and (here.sent is None or here.dead.at > here.sent.at):
        lines.append(f"Not delivered {day_and_hour(here.dead.at, zone, now)}: {here.dead.reason}.")
    if here.place.paused_reason is not None:
        return [*lines, *_paused(here, now)]
    if here.waiting:
        lines.append(f"{count(here.waiting, 'paper')} waiting; `/digest` sends them now.")
    return [*lines, _next(here, now) if here.subscriptions else NOTHING_HERE]
