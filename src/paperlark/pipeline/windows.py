"""How many messages a platform bears in any stretch of time, kept on a clock that only runs forward. Pure.

A rate of at least one a second is "so many in any second", a slower one "so many in any minute": the way platforms put
it (30 a second to all, 1 a second to a chat, 20 a minute to a group). Windows slide: no stretch of that length holds
more.

The platform counts a message when it arrives, and we know when it left and when the answer came. While it is on its
way it may be counted at any moment; an answer that took longer than the quickest one did says that its message may
have been counted so much later. Of messages whose answers we are not told of we take the worst that is usual.
"""

from bisect import insort
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from paperlark.model.messages import Limits

SLACK = 1.002  # windows are taken for so much longer than they are: clocks and lines are not exact
LATE_MOST = 2.0  # seconds: an answer that is later than that says nothing of when its message arrived
LATE_USUALLY = 0.5  # seconds: of messages whose answers we do not hear of
NEVER, UNKNOWN = float("-inf"), float("inf")
REMEMBERED = 500  # answers, of which the quickest counts
KEPT = 10_000  # addresses, above which those that may be told at once are forgotten
ALL = ""  # stands for all addresses together: no address is empty


@dataclass(slots=True)
class Window:
    """At most `count` messages in any `seconds`: when the last ones were counted, oldest first."""

    count: int
    seconds: float
    times: list[float] = field(default_factory=list)

    def free_at(self) -> float:
        """From when on it has room for one more."""
        return self.times[-self.count] + self.seconds if len(self.times) >= self.count else NEVER

    def put(self, at: float) -> None:
        """One more, counted then."""
        insort(self.times, at)
        del self.times[: -self.count]

    def land(self, at: float) -> None:
        """One of those that are on their way was counted then."""
        if self.times and self.times[-1] == UNKNOWN:
            del self.times[-1]
            insort(self.times, at)


@dataclass(frozen=True, slots=True)
class Taken:
    """A message on its way: which windows count it, and when it left."""

    windows: tuple[Window, ...]
    at: float


@dataclass(slots=True)
class Quickest:
    """The shortest of the last some hundred times; older ones are forgotten, since lines become slower, too. As long as
    few are known it is none at all."""

    now: float = UNKNOWN
    before: float = 0.0
    heard: int = 0

    def of(self, seconds: float) -> float:
        """The shortest, with this one."""
        if self.heard == REMEMBERED:
            self.before, self.now, self.heard = self.now, UNKNOWN, 0
        self.heard += 1
        self.now = min(self.now, seconds)
        return min(self.now, self.before)


class Windows:
    """The windows of one channel: of all its messages, of each address, of each group; and the rests it was told to
    keep. Times are seconds on the caller's clock."""

    def __init__(self, limits: Limits, is_group: Callable[[str], bool]) -> None:
        self._limits = limits
        self._is_group = is_group
        self._windows: dict[str, list[Window]] = {}
        self._rests: dict[str, float] = {}
        self._on_the_way: dict[str, deque[Taken]] = {}
        self._quickest = Quickest()
        self._shut_until = NEVER  # a holder before us may have filled every window up to then

    def free_at(self, address: str) -> float:
        """From when on this address may be told something; in the past where it may be now, UNKNOWN where that depends
        on what is on its way."""
        return max(
            self.free_of_others_at(address), *(self._free_at(window) for window in self._of(ALL, alone=True)), NEVER
        )

    def free_of_others_at(self, address: str) -> float:
        """The same, as if nobody else were told anything."""
        rests = max(self._rests.get(ALL, NEVER), self._rests.get(address, NEVER))
        return max([rests, *(self._free_at(window) for window in self._of(address, alone=True))])

    def _free_at(self, window: Window) -> float:
        return max(window.free_at(), self._shut_until + window.seconds)

    def take(self, address: str, now: float, *, lands: bool) -> None:
        """Something is sent to this address now. lands: `landed` will be called for it."""
        windows = tuple(self._of(address, keep=True))
        for window in windows:
            window.put(UNKNOWN if lands else now + LATE_USUALLY)
        if windows and lands:
            self._on_the_way.setdefault(address, deque()).append(Taken(windows, now))
        if len(self._windows) > KEPT:
            self._forget(now)

    def landed(self, address: str, now: float) -> None:
        """The platform has answered what was sent first of what is on its way to this address."""
        on_the_way = self._on_the_way.get(address)
        if not on_the_way:
            return
        taken = on_the_way.popleft()
        if not on_the_way:
            del self._on_the_way[address]
        seconds = now - taken.at
        # Of the quickest answer's time some part is the way back.
        late = min(seconds - self._quickest.of(seconds) / 2, LATE_MOST)
        for window in taken.windows:
            window.land(taken.at + late)

    def rest(self, until: float, address: str = ALL) -> None:
        """Send nothing before then, to this address or to any."""
        self._rests[address] = max(until, self._rests.get(address, until))

    def rests_until(self) -> float:
        """Until when nobody is told anything; in the past where nothing rests."""
        return self._rests.get(ALL, NEVER)

    def shut(self, until: float) -> None:
        """Somebody else may have sent as much as the limits bear, up to then."""
        self._shut_until = max(until, self._shut_until)

    # ── handing over ───────────────────────────────────────────────────────────────────────────────────────────────

    def memory(self, now: float) -> dict[str, Any]:
        """What the next holder must know, as JSON: how long ago each message was counted, and what rests remain."""
        sent = {
            address: ages
            for address, windows in self._windows.items()
            if (ages := _ages(max(windows, key=lambda window: window.seconds), now))
        }
        rests = {address: until - now for address, until in self._rests.items() if until > now}
        return {"sent": sent, "rests": rests, "shut": now - self._shut_until if self._shut_until > now - 60 else None}

    def recall(self, memory: Mapping[str, Any], now: float) -> None:
        """Take over what a holder before us remembered; `now` is when it did."""
        for address, ages in memory.get("sent", {}).items():
            for window in self._of(address, keep=True, alone=True):
                for age in ages:
                    window.put(now - age)
        for address, seconds in memory.get("rests", {}).items():
            self.rest(now + seconds, address)
        if memory.get("shut") is not None:
            self.shut(now - memory["shut"])

    # ── which windows ──────────────────────────────────────────────────────────────────────────────────────────────

    def _of(self, address: str, *, keep: bool = False, alone: bool = False) -> Sequence[Window]:
        """The windows that count a message to this address; `alone`: without those that count all."""
        found: list[Window] = []
        for name in (address,) if alone else (ALL, address):
            windows = self._windows.get(name)
            if windows is None:
                windows = self._made(name)
                if keep and windows:
                    self._windows[name] = windows
            found += windows
        return found

    def _made(self, name: str) -> list[Window]:
        limits = self._limits
        if name == ALL:
            rates = [limits.overall]
        else:
            rates = [limits.per_address, limits.per_group if self._is_group(name) else None]
        return [_window(rate) for rate in rates if rate]

    def _forget(self, now: float) -> None:
        self._windows = {
            address: windows
            for address, windows in self._windows.items()
            if address == ALL or any(_ages(window, now) for window in windows)
        }
        self._rests = {address: until for address, until in self._rests.items() if until > now}
        self._on_the_way = {
            address: on_the_way for address, on_the_way in self._on_the_way.items() if address in self._windows
        }


def _window(rate: float) -> Window:
    return Window(round(rate), SLACK) if rate >= 1 else Window(max(1, round(rate * 60)), 60 * SLACK)


def _ages(window: Window, now: float) -> list[float]:
    return [max(0.0, now - at) for at in window.times if now - at < window.seconds]
