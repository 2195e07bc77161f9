"""Time-ordered ids, made by the application, so that a row knows its id before it is written.

An id is a positive 63-bit integer: milliseconds since 2024-01-01 UTC in the upper 41 bits, and 22 bits that start at a
random place in each millisecond and count up. Within a process ids never repeat and never go back, also when the
clock does. Two processes that make ids in the same millisecond collide with odds of about one in four million; the
primary key then refuses the second, its transaction is rolled back, and the step is done again.
"""

import secrets
import threading
import time

EPOCH_MS = 1_704_067_200_000  # 2024-01-01T00:00:00Z
LOW_BITS = 22

_lock = threading.Lock()
_last = 0


def new_id() -> int:
    """The next id. Thread-safe."""
    global _last
    with _lock:
        now = (time.time_ns() // 1_000_000 - EPOCH_MS) << LOW_BITS
        if now > _last:
            # A random start in the lower half leaves two million ids before the next millisecond's are touched.
            _last = now | secrets.randbits(LOW_BITS - 1)
        else:
            _last += 1
        return _last
