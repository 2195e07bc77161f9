"""Hugging Face Daily Papers, by its JSON API: `GET /api/daily_papers?date=YYYY-MM-DD&p=N&limit=100`.

A day's list fills gradually, is empty at weekends, and its counts go on changing for days; so each poll asks for today
and the days before it, and announces again what it finds: whoever records it knows what is new and what is a count.
Days are UTC days; a day in the future is an error there, so none is asked for.
https://huggingface.co/.well-known/openapi.json
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar

from paperlark.http import Http
from paperlark.model.papers import Completeness, Cursor, Page
from paperlark.model.problems import SourceError
from paperlark.sources._hf_record import read_records
from paperlark.sources._reading import choose, web_link
from paperlark.sources.base import Saved

LIMIT = 100  # records in one answer: the most that the API gives
PAGES = 20  # answers in one day: far above what a day holds, so that a server that ignores `p` cannot hold us
DAY_IN_NAME = re.compile(r"(?<!\d)(\d{4}-\d{2}-\d{2})(?!\d)")


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
    """Polls day by day, the oldest first, so that a refusal of today's list leaves the days before it standing.

    The cursor holds, for each answer within the look-back, its validators and how many records it had.
    """

    kind: ClassVar[str] = "hf_daily"
    authority: ClassVar[int] = 60

    def __init__(self, name: str, options: Mapping[str, Any], http: Http) -> None:
        self.name = name
        self.options = choose(self.kind, Options, options)
        self._http = http

    async def poll(self, cursor: Cursor, now: datetime) -> AsyncIterator[Page]:
        """One page for each answer that has changed since `cursor`; an unchanged answer (304) yields none.

        A day that is empty yields a page that says whether it is a weekend. Raises SourceError.
        """
        today = now.astimezone(UTC).date()
        days = [today - timedelta(days=back) for back in range(self.options.look_back, -1, -1)]
        known = {key: seen for key, seen in _answers(cursor).items() if date.fromisoformat(key[:10]) in days}
        for day in days:
            for number in range(PAGES):
                key = f"{day}/{number}"
                page, seen = await self._ask(day, number, known.get(key))
                if page is not None:
                    known = {**known, key: seen}
                    yield Page(page.announcements, {"answers": known}, page.rejects, page.stated)
                if seen["count"] < LIMIT:
                    break

    async def _ask(self, day: date, number: int, seen: dict[str, Any] | None) -> tuple[Page | None, dict[str, Any]]:
        """One answer, and what to remember of it; no page where it is as it was."""
        headers = {"Accept": "application/json"}
        if self.options.token:
            headers["Authorization"] = f"Bearer {self.options.token}"
        answer = await self._http.get(
            f"{self.options.url}?date={day}&p={number}&limit={LIMIT}",
            asker=self.kind,
            headers=headers,
            validators=(seen["etag"], seen["last_modified"]) if seen else None,
        )
        if answer.not_modified and seen:
            return None, seen
        page = await asyncio.to_thread(parse, answer.body, day=day, where=f"{day}, page {number}")
        etag, last_modified = answer.validators
        count = len(page.announcements) + len(page.rejects)
        return page, {"etag": etag, "last_modified": last_modified, "count": count}


def _answers(cursor: Cursor) -> dict[str, dict[str, Any]]:
    answers = cursor.get("answers", {})
    return dict(answers) if isinstance(answers, Mapping) else {}


def parse(body: bytes, *, day: date | None, where: str) -> Page:
    """The page of one answer of the API. A record that is none becomes a reject; the others are taken.

    day: the day that was asked for, of records (before 2025-03-17) that do not state theirs; None where unknown.
    where: what the rejects and errors call this answer. Raises SourceError when it is no list of records at all.
    """
    records = _records(body, where)
    announcements, rejects = read_records(records, day=day, where=where)
    weekend = day is not None and day.weekday() >= 5
    stated = Completeness(day=day, expected=len(records), quiet=weekend and not records)
    return Page(announcements, rejects=rejects, stated=stated)


def _records(body: bytes, where: str) -> list[Any]:
    """The list in an answer: the answer itself, or the `data` of an object around it."""
    try:
        answer = json.loads(body)
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
