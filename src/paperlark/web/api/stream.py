"""New matches as they come: `/api/v1/matches/stream`, as server-sent events (HTML Living Standard, 9.2).

A stream keeps nothing: where it stands is a mark, and what is new after the mark is read from the store. So whoever
comes back with `Last-Event-ID` misses nothing, and a slow reader costs no memory. One task in a process looks once a
second, for all streams together, which accounts have something new, and wakes theirs.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from paperlark.model.problems import StoreError
from paperlark.readers import matches
from paperlark.readers.matches import Complete, Position
from paperlark.store.database import Store
from paperlark.web import answers
from paperlark.web.access import MATCHES_READ, bearer_of
from paperlark.web.api.matches import entry, read_mark, written_mark
from paperlark.web.api.operations import Asked, NoBody, Operations
from paperlark.web.api.parameters import Cursor
from paperlark.web.keys import DEADLINE
from paperlark.web.problems import Problem

log = structlog.get_logger()

LOOK_EVERY = 1.0  # seconds
HEARTBEAT = 15.0  # seconds without anything else: proxies close what is silent for a minute
WRITE_SECONDS = 30.0  # for a reader to take what was written
OF_ACCOUNT = 5  # streams at a time
OF_ALL = 500
BITE = 50  # papers read at a time
COME_BACK = 2_000  # milliseconds after which a browser comes back

operations = Operations("stream")


class Since(BaseModel):
    """Where to begin."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    since: Cursor | None = Field(None, description="`since` of a list, or an event's id; without it from now on")


@dataclass(eq=False, slots=True)
class Waiting:
    """A stream that waits: woken when there is something new, or when all streams end."""

    account_id: int
    woken: asyncio.Event = field(default_factory=asyncio.Event)


class Streams:
    """The streams of this process. heartbeat: seconds without anything else."""

    def __init__(
        self,
        store: Store,
        complete: Complete,
        *,
        of_account: int = OF_ACCOUNT,
        of_all: int = OF_ALL,
        heartbeat: float = HEARTBEAT,
    ) -> None:
        self.complete = complete
        self.heartbeat = heartbeat
        self.ending = False
        self._store = store
        self._of_account = of_account
        self._of_all = of_all
        self._waiting: set[Waiting] = set()
        self._any = asyncio.Event()

    @contextmanager
    def opened(self, account_id: int) -> Iterator[Waiting]:
        """A place among the streams. Raises Problem: 429 where the account has too many, 503 where all together are."""
        if self.ending or len(self._waiting) >= self._of_all:
            raise Problem(503, "there are too many streams just now", headers={"Retry-After": "30"})
        if Counter(each.account_id for each in self._waiting)[account_id] >= self._of_account:
            said = f"an account has at most {self._of_account} streams at a time; close one"
            raise Problem(429, said, kind="too-many-streams", headers={"Retry-After": "30"})
        waiting = Waiting(account_id)
        self._waiting.add(waiting)
        self._any.set()
        try:
            yield waiting
        finally:
            self._waiting.discard(waiting)
            if not self._waiting:
                self._any.clear()

    async def look(self) -> None:
        """Wake the streams of whoever has something new, for ever."""
        since: datetime | None = None
        while True:
            await self._any.wait()
            try:
                since = await self._wake(since)
            except StoreError as error:
                log.warning("cannot look for new matches", reason=str(error))
            except Exception:
                log.exception("looking for new matches failed")
            await asyncio.sleep(LOOK_EVERY)

    async def _wake(self, since: datetime | None) -> datetime:
        until = await self.complete.before(old=0)
        # A stream that opens reads for itself what there was until then.
        if since is not None and since < until:
            found = await matches.newer(self._store, {each.account_id for each in self._waiting}, since, until)
            for each in self._waiting:
                if each.account_id in found:
                    each.woken.set()
        return until

    def end(self) -> None:
        """Let every stream end, now."""
        self.ending = True
        for each in self._waiting:
            each.woken.set()


STREAMS = web.AppKey("streams", Streams)


async def keep_looking(app: web.Application) -> AsyncIterator[None]:
    """The one task that looks, from the application's beginning to its end."""
    looking = asyncio.create_task(app[STREAMS].look())
    yield
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)


async def end_streams(app: web.Application) -> None:
    """When the application is told to end, before its connections are closed."""
    app[STREAMS].end()


@operations.get(
    "/matches/stream",
    scope=MATCHES_READ,
    query=Since,
    gives=str,
    media="text/event-stream",
    problems={400: "there is no such mark", 429: "too many requests, or streams", 503: "too many streams in all"},
)
async def follow(asked: Asked[Since, NoBody]) -> web.StreamResponse:
    """New matches as they come: events called `match`, whose data is an entry of `/matches` and whose id is a mark.

    Come back with `Last-Event-ID`, as browsers do, and what matched meanwhile is told first. Unread papers only, muted
    ones left out. A comment every 15 seconds says that the stream is alive; at most 5 streams of an account at a time.
    """
    request = asked.request
    streams, mark = request.app[STREAMS], request.headers.get("Last-Event-ID", "").strip() or asked.query.since
    begun = read_mark(mark) if mark else None
    with streams.opened(asked.account) as waiting:
        complete = await streams.complete.before(old=0)
        request[DEADLINE].reschedule(None)
        answer = web.StreamResponse(headers={**answers.PRIVATE, "Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        answer.content_type = "text/event-stream"
        await answer.prepare(request)
        try:
            await _write(answer, f"retry: {COME_BACK}\n\n".encode())
            await _tell(asked, answer, waiting, begun or Position(complete), complete)
            await _write(answer, f"retry: {COME_BACK}\n\n".encode())
        except (ConnectionError, TimeoutError):
            pass  # the reader has gone, or takes nothing any more
    return answer


async def _tell(
    asked: Asked[Since, NoBody], answer: web.StreamResponse, waiting: Waiting, mark: Position, complete: datetime
) -> None:
    streams = asked.request.app[STREAMS]
    while not streams.ending:
        mark = await _tell_new(asked, answer, mark, complete)
        try:
            await asyncio.wait_for(waiting.woken.wait(), streams.heartbeat)
        except TimeoutError:
            await _write(answer, b":\n\n")
            try:
                await bearer_of(asked.request)
            except Problem:
                return  # the token was revoked meanwhile
        waiting.woken.clear()
        complete = await streams.complete.before(old=LOOK_EVERY)


async def _tell_new(
    asked: Asked[Since, NoBody], answer: web.StreamResponse, mark: Position, complete: datetime
) -> Position:
    while True:
        found = await matches.new_since(asked.store, asked.account, mark, complete, limit=BITE)
        for row in found.rows:
            event = f"event: match\nid: {written_mark(matches.position(row))}\ndata: ".encode()
            await _write(answer, event + entry(row, {}) + b"\n\n")
        assert found.after is not None
        drained = found.after.paper == 0 or found.after == mark
        mark = found.after
        if drained:
            return mark


async def _write(answer: web.StreamResponse, said: bytes) -> None:
    async with asyncio.timeout(WRITE_SECONDS):
        await answer.write(said)
