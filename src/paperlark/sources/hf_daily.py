"""Hugging Face Daily Papers, by its JSON API: `GET /api/daily_papers?date=YYYY-MM-DD&p=N&limit=100`.

A day's list fills gradually, is empty at weekends, and its counts go on changing for days. So today and the few days
before it are asked for at each poll, older ones less and less often, and what is found is announced again: whoever
records it knows what is new and what is a count. All of that is worked out from the cursor and `now`.
Days are UTC days; a day in the future is an error there, so none is asked for.
https://huggingface.co/.well-known/openapi.json, https://huggingface.co/docs/hub/rate-limits
"""

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar

from pydantic_core import from_json

from paperlark.http import Answer, Http
from paperlark.model.papers import Announcement, Completeness, Cursor, Page, at_midnight
from paperlark.model.problems import SourceError
from paperlark.model.sources import Expected, Manners
from paperlark.sources._hf_record import read_records
from paperlark.sources._reading import choose, web_link
from paperlark.sources.base import Saved

LIMIT = 100  # records in one answer: the most that the API gives
PAGES = 20  # answers in one day: far above what a day holds, so that a server that ignores `p` cannot hold us
DAY = timedelta(days=1)
REFRESHED = ((6, timedelta(hours=6)), (10, timedelta(days=1)))
"""How long a day's counts rest between two askings, up to which age in days; older days are not asked for again."""
CATCH_UP = 60  # days at most, after an outage
DUE = time(12, tzinfo=UTC)
"""By then a weekday's list is there. Its papers come from midnight on, nearly all of them before seven o'clock."""
SPARE = 10  # requests of the rate limit's window that are left to others who share our address
DAY_IN_NAME = re.compile(r"(?<!\d)(\d{4}-\d{2}-\d{2})(?!\d)")
LEFT = re.compile(r"\br=(\d+)")

Known = Mapping[str, Any]
Days = dict[str, Known]
"""What the cursor holds of each day, by its date."""


@dataclass(frozen=True, slots=True)
class Options:
    """look_back: how many days before today each poll asks for. token: raises the rate limit; never shown."""

    look_back: int = 3
    token: str = field(default="", repr=False)
    url: str = "https://huggingface.co/api/daily_papers"

    def __post_init__(self) -> None:
        if not isinstance(self.look_back, int) or not 0 <= self.look_back <= 31:
            raise ValueError("look_back is a number of days from 0 to 31")
        if web_link(self.url) is None:
            raise ValueError(f"url: {self.url!r} is no http or https address")
        if not isinstance(self.token, str) or not self.token.isascii() or not self.token.isprintable():
            raise ValueError("token holds characters that no token has")


class HfDaily:
    """Polls day by day, and within a day answer by answer.

    The cursor is `{"since": day, "days": {day: {"asked_at", "answers": [{"etag", "last_modified", "count", "ids"}]}}}`:
    since, the first day that may still be asked for; asked_at, when the whole day was last asked for (missing until it
    was once); of each answer its validators, how many records it had, and a hash of their ids.
    """

    kind: ClassVar[str] = "hf_daily"
    authority: ClassVar[int] = 60

    def __init__(self, name: str, options: Mapping[str, Any], http: Http) -> None:
        self.name = name
        self.options = choose(self.kind, Options, options)
        self._http = http

    def expected(self, now: datetime) -> Expected:
        """The newest weekday whose list should be there: each weekday's by noon UTC. Weekends are quiet; holidays are
        not known, so an empty weekday is one whose list is missing."""
        now = now.astimezone(UTC)
        today = now.date()
        day = today if now.timetz() >= DUE else today - DAY
        while day.weekday() >= 5:
            day -= DAY
        next_at = datetime.combine(_next_weekday(day), DUE)
        return Expected(day, datetime.combine(day, DUE), next_at, quiet=today.weekday() >= 5)

    async def poll(self, cursor: Cursor, now: datetime) -> AsyncIterator[Page]:
        """One page for each answer; an answer that is as it was (304), or empty before its day is due, is `unchanged`.

        Ends early, to go on next time, when the rate limit is nearly used up. Raises SourceError.
        """
        now = now.astimezone(UTC)
        first, days = remembered(cursor, now.date(), self.options.look_back)
        for day in days_due(first, days, now, self.options.look_back):
            known = days.get(str(day), {"answers": []})
            told = 0
            for number in range(PAGES):
                seen = known["answers"][number] if number < len(known["answers"]) else None
                answer = await self._ask(day, number, seen)
                page, seen = await _read(answer, seen, day, number)
                told += seen["count"]
                is_last = seen["count"] < LIMIT or number == PAGES - 1
                known = _with_answer(known, number, seen, asked_at=now if is_last else None)
                days = {**days, str(day): known}
                yield replace(
                    page,
                    cursor={"since": str(first), "days": days},
                    stated=_stated(day, number, told, days, today=now.date()),
                    unchanged=page.unchanged or (not told and not self._is_due(day, now)),
                    manners=_of_the_list(answer.manners),
                )
                if _nearly_used_up(answer):
                    return
                if is_last:
                    break

    def _is_due(self, day: date, now: datetime) -> bool:
        return day.weekday() < 5 and day <= self.expected(now).day

    async def _ask(self, day: date, number: int, seen: Known | None) -> Answer:
        headers = {"Accept": "application/json"}
        if self.options.token:
            headers["Authorization"] = f"Bearer {self.options.token}"
        return await self._http.get(
            f"{self.options.url}?date={day}&p={number}&limit={LIMIT}",
            asker=self.kind,
            headers=headers,
            validators=(seen["etag"], seen["last_modified"]) if seen else None,
        )


def _nearly_used_up(answer: Answer) -> bool:
    """Whether so little of the rate limit is left that going on would run into it: `RateLimit: "api";r=3;t=137`."""
    left = LEFT.search(answer.headers.get("RateLimit", ""))
    return left is not None and int(left[1]) < SPARE


def _of_the_list(manners: Manners) -> Manners:
    """The manners without the day that was asked for: what has moved is the list."""
    moved_to = manners.moved_to and manners.moved_to.partition("?")[0]
    return replace(manners, moved_to=moved_to)


# ── which days ───────────────────────────────────────────────────────────────────────────────────────────────────


def _with_answer(known: Known, number: int, seen: Known, *, asked_at: datetime | None) -> Known:
    """A day with one of its answers anew; with its last one, the moment that it was asked for, and no more answers."""
    answers = [*known["answers"][:number], seen]
    if asked_at is None:
        return {**known, "answers": answers + known["answers"][number + 1 :]}
    return {"asked_at": asked_at.isoformat(), "answers": answers}


def remembered(cursor: Cursor, today: date, look_back: int) -> tuple[date, Days]:
    """The first day that may still be asked for, and what is known of the days from there on.

    It moves on past days that are old and have settled. After an outage no day is left out, up to `CATCH_UP`.
    """
    days = cursor.get("days", {})
    first = min(date.fromisoformat(cursor.get("since", str(today))), today - look_back * DAY)
    first = max(first, today - CATCH_UP * DAY)
    old = today - max(look_back, REFRESHED[-1][0]) * DAY
    while first < old and _settled(first, _asked_at(days.get(str(first)))):
        first += DAY
    return first, {name: known for name, known in days.items() if str(first) <= name <= str(today)}


def days_due(first: date, days: Days, now: datetime, look_back: int) -> list[date]:
    """The days to ask for at `now`: those that wait longest first, so that one poll goes on where another ended early.

    Today and `look_back` days before it always; older ones until they have settled, and then for their counts, less
    and less often (`REFRESHED`).
    """
    today = now.date()
    waiting: list[tuple[datetime, date]] = []
    for age in range((today - first).days, -1, -1):
        day = today - age * DAY
        asked_at = _asked_at(days.get(str(day)))
        rest = next((rest for until, rest in REFRESHED if age <= until), None)
        if age <= look_back or not _settled(day, asked_at) or (asked_at and rest and now - asked_at >= rest):
            waiting.append((asked_at or at_midnight(day), day))
    return [day for _, day in sorted(waiting)]


def _asked_at(known: Known | None) -> datetime | None:
    return datetime.fromisoformat(known["asked_at"]) if known and "asked_at" in known else None


def _settled(day: date, asked_at: datetime | None) -> bool:
    """Whether a day's list was asked for when it was complete: after the next weekday had begun."""
    return asked_at is not None and asked_at >= at_midnight(_next_weekday(day))


def _next_weekday(day: date) -> date:
    day += DAY
    while day.weekday() >= 5:
        day += DAY
    return day


# ── what an answer says ──────────────────────────────────────────────────────────────────────────────────────────


async def _read(answer: Answer, seen: Known | None, day: date, number: int) -> tuple[Page, Known]:
    """The page of an answer, and what the cursor holds of it."""
    if answer.not_modified and seen:
        return Page((), unchanged=True), seen
    page = await asyncio.to_thread(parse, answer.body, day=day, where=f"{day}, page {number}")
    etag, last_modified = answer.validators
    count = len(page.announcements) + len(page.rejects)
    ids = _hash_of_ids(page.announcements)
    return page, {"etag": etag, "last_modified": last_modified, "count": count, "ids": ids}


def _hash_of_ids(announcements: Iterable[Announcement]) -> str | None:
    """The same for the same papers in any order; None without any."""
    names = sorted({str(told.paper.aliases[-1]) if told.paper.aliases else told.paper.title for told in announcements})
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:16] if names else None


def _stated(day: date, number: int, told: int, days: Days, *, today: date) -> Completeness | None:
    """What an answer says of its day's completeness; told: how many records the day has had up to here.

    The papers of an earlier day served again under a new date say nothing of the new one, and neither does an empty
    list: on a weekday it is still to come, or missing; at a weekend there is none, which counts when it is today.
    """
    if not told:
        return Completeness(quiet=True) if day == today and day.weekday() >= 5 else None
    ids = _ids(days, str(day), number)
    same = min((name for name in days if ids and _ids(days, name, number) == ids), default=str(day))
    if same < str(day):
        return Completeness(date.fromisoformat(same))
    return Completeness(day, expected=told, told=told)


def _ids(days: Days, name: str, number: int) -> str | None:
    answers = days[name]["answers"]
    return answers[number]["ids"] if number < len(answers) else None


def parse(body: bytes, *, day: date | None, where: str) -> Page:
    """The page of one answer of the API. A record that is none becomes a reject; the others are taken.

    day: the day that was asked for, of records (before 2025-03-17) that do not state theirs; None where unknown.
    where: what the rejects and errors call this answer. Raises SourceError when it is no list of records at all.
    """
    records = _records(body, where)
    announcements, rejects = read_records(records, day=day, where=where)
    weekend = day is not None and day.weekday() >= 5
    stated = Completeness(day if records else None, expected=len(records), quiet=weekend and not records)
    return Page(announcements, rejects=rejects, stated=stated)


def _records(body: bytes, where: str) -> list[Any]:
    """The list in an answer: the answer itself, or the `data` of an object around it."""
    try:
        answer = _json(body)
    except (ValueError, RecursionError):
        what = "a web page" if body.lstrip()[:1] == b"<" else "empty" if not body.strip() else "not JSON"
        raise SourceError(f"hf_daily: {where}: the answer is {what}; a list of papers was expected") from None
    if isinstance(answer, dict):
        if isinstance(answer.get("error"), str):
            raise SourceError(f"hf_daily: {where}: the API says: {' '.join(answer['error'].split())[:200]}")
        answer = answer.get("data", answer.get("dailyPapers"))
    if not isinstance(answer, list):
        raise SourceError(f"hf_daily: {where}: the answer is JSON, but holds no list of papers")
    return answer


def _json(body: bytes) -> Any:
    """Read by the quicker reader; what it is too strict for (a BOM, half a surrogate pair), by the standard library."""
    try:
        return from_json(body, cache_strings="keys")
    except ValueError:
        return json.loads(body)


def looks_like(name: str, head: bytes) -> bool:
    """JSON whose records are Hugging Face papers."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] not in (b"[", b"{") or name.endswith((".jsonl", ".ndjson")):
        return False
    return b'"paper"' in head or b"'paper'" in head or b"submittedOnDailyAt" in head or start.split() == [b"[]"]


def parse_saved(saved: Saved) -> Page:
    """A saved answer of the API. Where a record does not state its day, it is the one in the file's name, else the day
    it was captured. Raises SourceError when it is no list of records.
    """
    return parse(saved.body, day=_day_in(saved.name) or saved.captured_on, where=saved.name)


def _day_in(name: str) -> date | None:
    for found in DAY_IN_NAME.findall(name):
        try:
            return date.fromisoformat(found)
        except ValueError:
            continue
    return None
