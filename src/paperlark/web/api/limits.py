"""How often the API may be asked: so many requests a minute for each token, and for each client that shows none.

A bucket that fills again evenly, kept as the moment at which it will be full (the generic cell rate algorithm, ITU-T
I.371). Counted in this process's memory: where several processes serve, each counts what it answers. What is told is of
draft-ietf-httpapi-ratelimit-headers-10.
"""

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from paperlark.web.problems import Problem

WITHIN = 60.0  # seconds in which an empty bucket is full again
KNOWN_AT_MOST = 10_000  # askers; who has not asked for longest is forgotten first


@dataclass(frozen=True, slots=True)
class Rate:
    """Where an asker stands. left: requests that may follow at once. full_in: seconds until all are there again.
    wait: seconds until one is, where none is left; else 0."""

    quota: int
    left: int
    full_in: float
    wait: float

    @property
    def headers(self) -> dict[str, str]:
        """As an answer tells it."""
        return {
            "RateLimit-Policy": f'"default";q={self.quota};w={WITHIN:.0f}',
            "RateLimit": f'"default";r={self.left};t={math.ceil(self.full_in)}',
        }


class Limits:
    """The requests of each asker. quota: requests a minute. ticks: seconds of a clock that never goes back."""

    def __init__(self, quota: int, ticks: Callable[[], float], *, known_at_most: int = KNOWN_AT_MOST) -> None:
        self._quota = quota
        self._apart = WITHIN / quota
        self._ticks = ticks
        self._known_at_most = known_at_most
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def count(self, asker: str) -> Rate:
        """Count a request; where none is left it is not counted."""
        now = self._ticks()
        full_at = max(self._full_at.pop(asker, now), now)
        wait = full_at + self._apart - (now + WITHIN)
        if wait > 1e-9:  # sums of floats
            self._full_at[asker] = full_at
            return Rate(self._quota, 0, full_at - now, wait)
        full_at += self._apart
        self._full_at[asker] = full_at
        if len(self._full_at) > self._known_at_most:
            self._full_at.popitem(last=False)
        return Rate(self._quota, math.floor((now + WITHIN - full_at) / self._apart + 1e-9), full_at - now, 0.0)


LIMITS = web.AppKey[Limits | None]("limits")
RATE = web.RequestKey("rate", Rate)


def count(request: web.Request, asker: str) -> None:
    """Count a request of an asker, and note on it what is left. Raises Problem: 429 where nothing is."""
    limits = request.app[LIMITS]
    if limits is None:
        return
    rate = request[RATE] = limits.count(asker)
    if rate.wait:
        seconds = math.ceil(rate.wait)
        raise Problem(
            429,
            f"more than {rate.quota} requests a minute; the next one is possible in {seconds} s",
            kind="too-many-requests",
            headers={"Retry-After": str(seconds)},
        )
