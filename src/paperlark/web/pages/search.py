"""The page of a search: what meets it, best first, with the words that met; a form to narrow it; and what can be done
with it: be told of what will meet it, take it along as a bibliography."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from aiohttp import web
from yarl import URL

from paperlark.model.problems import QueryError, ReaderError
from paperlark.readers import search
from paperlark.readers.narrowing import NOTHING, Narrowing
from paperlark.readers.search import Place
from paperlark.web import answers, cursors
from paperlark.web.keys import STORE
from paperlark.web.pages import calendar
from paperlark.web.pages.shown import card, unreadable

PAPERS = 40  # on one page
FIELDS = ("org", "author", "cat", "source", "since", "until")


@dataclass(frozen=True, slots=True)
class Filled:
    """The form as it was filled in: the words, and each narrowing as text, "" where it was left empty."""

    words: str
    narrowing: dict[str, str]

    def read(self) -> Narrowing:
        """What it narrows by. Raises ReaderError."""
        said = {name: value or None for name, value in self.narrowing.items()}
        return Narrowing(
            org=said["org"],
            author=said["author"],
            cat=said["cat"],
            source=said["source"],
            since=_day(said["since"]),
            until=_day(said["until"]),
        )

    @property
    def given(self) -> dict[str, str]:
        """All that is not empty, as the address has it."""
        return {name: value for name, value in {"q": self.words, **self.narrowing}.items() if value}


def asked(request: web.Request) -> bool:
    """Whether an address asks for a search."""
    return any(request.query.get(name, "").strip() for name in ("q", *FIELDS))


async def answer(request: web.Request) -> web.Response:
    """What meets the search; with 400 what cannot be read of it, and what can be read instead."""
    filled = Filled(request.query.get("q", "").strip(), {name: request.query.get(name, "").strip() for name in FIELDS})
    context: dict[str, Any] = {"query": filled.words, "filled": filled, "fault": ""}
    try:
        narrowing = filled.read()
        said = f"{filled.words}\n{narrowing}".strip()  # a cursor belongs to both
        cursor = request.query.get("cursor", "")
        found = await search.stretch(
            request.app[STORE],
            filled.words or None,
            narrowing=narrowing,
            limit=PAPERS,
            after=cursors.follow(cursor, said, Place),
        )
    except QueryError as error:
        context["fault"] = unreadable(filled.words, error)
        return answers.page(request, "unreadable.html", context, status=400)
    except ReaderError as error:
        nothing = {"fault": str(error), "total": 0, "cards": (), "further": False, "following": "", "text": ""}
        return answers.page(request, "search.html", context | nothing, status=400)
    context |= {
        "total": found.total,
        "cards": [card(each.paper, each.matched) for each in found.found],
        "further": bool(cursor),
        "following": _address(filled, cursor=cursors.written(found.after, said)) if found.after else "",
        "best": _address(filled),
        "text": filled.words if narrowing == NOTHING else str(search.understood(filled.words, narrowing).query),
    }
    return answers.page(request, "search.html", context)


def _day(text: str | None) -> date | None:
    day = calendar.day_of(text) if text else None
    if text and day is None:
        raise ReaderError(f"“{text[:40]}” is not a day; days are written like 2026-01-31")
    return day


def _address(filled: Filled, **more: str) -> str:
    return str(URL("/").with_query({**filled.given, **more}))
