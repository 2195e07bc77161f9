"""The index of one process, and the one thread that owns it: it needs no lock, and the loop is never held.

Nobody has the thread for long. Papers are matched in bites, of so many or so many milliseconds, and between two bites
profiles come, change and go. Where much has changed, a child process puts everything in order (`compaction`) while
matching goes on: what changes meanwhile is written down too, and done again on what the child hands back.
"""

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import structlog

from paperlark.matching.core import segment
from paperlark.matching.document import Analysed
from paperlark.matching.holders import Held, Key
from paperlark.matching.near import aimed
from paperlark.matching.query import Query, parse
from paperlark.matching.register import Register
from paperlark.model.problems import FullError, QueryError, SegmentError
from paperlark.model.readers import Profile
from paperlark.pipeline.compaction import compacted

log = structlog.get_logger()

BITE, BITE_SECONDS = 64, 0.005  # papers matched, and seconds spent, before others have their turn
SMALL = 1_000  # profiles that are put in order at once, by the thread itself: some milliseconds
STALE = 6 * 3600.0  # seconds after which few changes are enough: what is kept must not say for long who has left
LEFT_BEHIND = 3600.0  # seconds after which what a process that died left in the folder is cleared away
NAME = "paperlark-index"  # of the folder in which the saved index stands

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
Paper = TypeVar("Paper")


class Looked(NamedTuple):
    """A profile to be looked at again: as it is now, None where it is gone."""

    account_id: int
    profile_id: int
    profile: Profile | None


class Indexed:
    """Every profile, ready to be matched."""

    def __init__(self, *, ticks: Callable[[], float] = time.monotonic) -> None:
        """ticks: seconds of a clock that never goes back."""
        self._register = Register()
        self._ticks = ticks
        self._meanwhile: dict[Key, tuple[Held, Query] | None] | None = None  # changed since a child began
        self._patience = 0  # changes that are borne after a child has failed
        self._tried_at = ticks()  # to put everything in order
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="matching")

    def __len__(self) -> int:
        return len(self._register)

    async def close(self) -> None:
        """End the thread."""
        await asyncio.to_thread(self._thread.shutdown, cancel_futures=True)

    # ── matching ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def match(
        self, papers: Sequence[Paper], analysed: Callable[[Paper], Analysed], *, counted: bool = False
    ) -> list[list[Held]]:
        """Which profiles each paper meets. analysed: makes a paper ready, in the thread. counted: only profiles whose
        answer later counts can change."""
        found: list[list[Held]] = []
        while len(found) < len(papers):
            found += await self._owned(self._bite, papers[len(found) : len(found) + BITE], analysed, counted)
        return found

    def _bite(self, papers: Sequence[Paper], analysed: Callable[[Paper], Analysed], counted: bool) -> list[list[Held]]:
        enough, found = self._ticks() + BITE_SECONDS, []
        for paper in papers:
            found.append(self._register.match(analysed(paper), counted=counted))
            if self._ticks() >= enough:
                break
        return found

    # ── changes ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def look_at(self, profiles: Sequence[Looked], likes: Mapping[str, bytes]) -> None:
        """Let profiles be matched as they are now. likes: the packed directions of the papers that they name."""
        start = 0
        while start < len(profiles):
            start += await self._owned(self._look_at, profiles[start : start + BITE], likes)

    def _look_at(self, profiles: Sequence[Looked], likes: Mapping[str, bytes]) -> int:
        enough, done = self._ticks() + BITE_SECONDS, 0
        for account_id, profile_id, profile in profiles:
            entry = None if profile is None else _entry(profile, likes)
            self._put((account_id, profile_id), entry)
            if self._meanwhile is not None:
                self._meanwhile[account_id, profile_id] = entry
            done += 1
            if self._ticks() >= enough:
                break
        return done

    def _put(self, key: Key, entry: tuple[Held, Query] | None) -> None:
        if entry is None:
            self._register.remove(key)
            return
        try:
            self._register.put(*entry)
        except FullError as error:
            # Such a profile is refused when it is saved: this one came some other way.
            log.error("a profile finds no room in the index", profile=key[1], reason=str(error))

    # ── in order ───────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def is_due(self) -> bool:
        """Whether much has changed since everything was in order, or anything long ago, and nobody is at it."""
        if self._meanwhile is not None:
            return False
        changed = self._register.changed
        stale = changed > 0 and self._ticks() >= self._tried_at + STALE
        return stale or (self._register.is_due and changed >= self._patience)

    async def put_in_order(self, folder: Path | None, facts: Mapping[str, Any]) -> bool:
        """Put everything in order while matching goes on, and keep it in the folder, with facts of the caller's that
        were so when this was called. A few profiles are done at once, and not kept: they are compiled in no time.

        False where it came to nothing, which is logged: everything stays as it was.
        """
        self._tried_at = self._ticks()
        if len(self) <= SMALL:
            await self._owned(self._register.compact)
            if folder is not None:  # when they were more
                await asyncio.to_thread(shutil.rmtree, folder / NAME, ignore_errors=True)
            return True
        self._meanwhile = {}
        try:
            async with _place(folder) as (before, after):
                saved = await self._owned(self._register.packed, facts)
                await asyncio.to_thread(segment.save, before, *saved)
                del saved
                await compacted(before, after)
                found, _ = await asyncio.to_thread(Register.load, after)
                await self._owned(self._take_over, found)
                await _keep(after, folder)
        except (OSError, SegmentError) as error:
            self._patience = 2 * self._register.changed
            log.warning("the index could not be put in order; it works as it is", reason=str(error))
            return False
        finally:
            self._meanwhile = None
        self._patience = 0
        return True

    def _take_over(self, found: Register) -> None:
        """Go on with what the child handed back, and what changed meanwhile."""
        self._register, changed = found, self._meanwhile or {}
        for key, entry in changed.items():
            self._put(key, entry)
        self._meanwhile = None

    async def load(self, folder: Path) -> dict[str, Any] | None:
        """Begin with what was kept in a folder. Its facts; None where there is nothing that can be used."""
        try:
            found, facts = await asyncio.to_thread(Register.load, folder / NAME)
        except SegmentError as error:
            log.info("the index is compiled anew", reason=str(error))
            return None
        await self._owned(self._take_over, found)
        return facts

    async def forget(self) -> None:
        """Begin with nothing."""
        await self._owned(self._take_over, Register())

    async def _owned(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)


def counts_since(held: Held) -> datetime:
    """Since when a profile's version counts."""
    return _EPOCH + held.begun * _MICROSECOND


def _entry(profile: Profile, likes: Mapping[str, bytes]) -> tuple[Held, Query] | None:
    begun = (profile.began_at - _EPOCH) // _MICROSECOND
    try:
        query = aimed(parse(profile.text), likes)
    except QueryError as error:
        # It was read once, so the language has changed under it: the others must not suffer.
        log.error("a stored profile cannot be read", profile=profile.id, reason=str(error))
        return None
    return Held(profile.account_id, profile.id, profile.version, begun), query


async def _keep(saved: Path, folder: Path | None) -> None:
    """Let what was saved be what the next start loads."""
    if folder is None:
        return
    try:
        await asyncio.to_thread(segment.put, saved, folder / NAME)
    except OSError as error:  # another process may be doing the same
        log.warning("the index was not kept for the next start", reason=str(error))


@asynccontextmanager
async def _place(folder: Path | None) -> AsyncIterator[tuple[Path, Path]]:
    """Two folders of our own for the time being; where one is to be kept, it can be renamed."""
    place = await asyncio.to_thread(_make_place, folder)
    try:
        yield place / "before", place / "after"
    finally:
        await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)


def _make_place(folder: Path | None) -> Path:
    """Also clears away what processes left that died in the middle."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix=f"{NAME}-", dir=folder))
    now = place.stat().st_mtime
    for left in folder.glob(f"{NAME}[-.]*") if folder is not None else ():
        with suppress(OSError):
            if left.stat().st_mtime < now - LEFT_BEHIND:
                shutil.rmtree(left, ignore_errors=True)
    return place
