"""The page of a search: what meets it, best first, with the words that met, or what is about it in other words too; a
form to narrow it; and what can be done with it: be told of what will meet it, take it along as a bibliography."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from aiohttp import web
from yarl import URL

from paperlark.model.problems import QueryError, ReaderError
from paperlark.readers import meaning, search
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
    """The form as it was filled in: the words, each narrowing as text, "" where it was left empty, and whether other
    words for the same will do."""

    words: str
    narrowing: dict[str, str]
    by_meaning: bool = False

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
        by = {"by": "meaning" if self.by_meaning else ""}
        return {name: value for name, value in {"q": self.words, **self.narrowing, **by}.items() if value}


def asked(request: web.Request) -> bool:
    """Whether an address asks for a search."""
    return any(request.query.get(name, "").strip() for name in ("q", *FIELDS))


async def answer(request: web.Request) -> web.Response:
    """What meets the search; with 400 what cannot be read of it, and what can be read instead."""
    words = request.query.get("q", "").strip()
    by_meaning = bool(words) and request.query.get("by") == "meaning"
    filled = Filled(words, {name: request.query.get(name, "").strip() for name in FIELDS}, by_meaning)
    otherwise = _address(replace(filled, by_meaning=not by_meaning)) if words else ""
    note = meaning.note() if by_meaning else ""
    context: dict[str, Any] = {"query": words, "filled": filled, "fault": "", "otherwise": otherwise, "note": note}
    try:
        narrowing = filled.read()
        said = f"{filled.words}\n{narrowing}".strip()  # a cursor belongs to both
        said = f"{said} by meaning" if by_meaning else said
        cursor = request.query.get("cursor", "")
        found = await (meaning.stretch if by_meaning else search.stretch)(
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
