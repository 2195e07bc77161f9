"""A source that does what it is told: for tests of whatever polls, without a network."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import datetime
from typing import ClassVar

from paperlark.model.papers import Cursor, Page
from paperlark.model.problems import SourceError


class FakeSource:
    """Yields scripted pages in order; a SourceError among them is raised once, when the poll gets to it.

    Its cursor counts the pages that were yielded, so a poll from an earlier cursor repeats those after it, as a real
    source does after a crash. Whatever cursor a scripted page carries is replaced. `polls` records each cursor.
    """

    kind: ClassVar[str] = "fake"
    authority: ClassVar[int] = 50

    def __init__(self, name: str = "fake", script: Iterable[Page | SourceError] = ()) -> None:
        self.name = name
        self.polls: list[Cursor] = []
        self._pages: list[Page] = []
        self._failures: dict[int, list[SourceError]] = {}
        self.add(*script)

    def add(self, *script: Page | SourceError) -> None:
        """More of the script: what a later poll finds."""
        for step in script:
            if isinstance(step, Page):
                self._pages.append(step)
            else:
                self._failures.setdefault(len(self._pages), []).append(step)

    async def poll(self, cursor: Cursor, now: datetime) -> AsyncIterator[Page]:
        """The pages after `cursor`. Raises the scripted SourceErrors, each once."""
        self.polls.append(dict(cursor))
        at = cursor.get("pages", 0)
        while True:
            if waiting := self._failures.get(at):
                raise waiting.pop(0)
            if at >= len(self._pages):
                return
            at += 1
            yield replace(self._pages[at - 1], cursor={"pages": at})
