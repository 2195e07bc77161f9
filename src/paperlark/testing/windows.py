"""How many messages a Bot API server takes: sliding windows over all chats, each chat, and each group.
https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
"""

from collections import deque
from dataclasses import dataclass, field


@dataclass(slots=True)
class Windows:
    """Takes a message, or says how many seconds to wait. A message that was refused does not count.

    overall, chat: messages in any second; group: messages in any minute. None: as many as come. A chat is a group where
    its number is negative. seconds: how long a "second" is here: tests need not wait for whole ones.
    """

    overall: int | None = 30
    chat: int | None = 1
    group: int | None = 20
    seconds: float = 1.0
    taken: int = 0
    refused: int = 0
    _times: dict[str, deque[float]] = field(default_factory=dict)

    def ask(self, chat: str, now: float) -> float | None:
        """A message for a chat comes in at `now` (seconds on any clock). None where it is taken, else how long until it
        would be."""
        bounds = [("", self.overall, self.seconds), (chat, self.chat, self.seconds)]
        if chat.startswith(("-", "@")):
            bounds.append((f"group {chat}", self.group, 60 * self.seconds))
        waits = [wait for name, count, length in bounds if (wait := self._wait(name, count, length, now)) > 0]
        if waits:
            self.refused += 1
            return max(waits)
        self.taken += 1
        for name, count, _ in bounds:
            if count is not None:
                self._times.setdefault(name, deque(maxlen=count)).append(now)
        return None

    def _wait(self, name: str, count: int | None, length: float, now: float) -> float:
        times = self._times.get(name)
        if count is None or times is None or len(times) < count:
            return 0.0
        return times[0] + length - now
