"""Announcements of new papers recorded a moment ago in this process, as they were analysed then.

Percolation need neither load nor analyse those again. It is no cache of the store: an announcement is kept as its
source told it, taken once, and one that is not here is simply loaded. Losing one costs time only.
"""

from collections.abc import Mapping

from paperlark.matching.document import Analysed

LIMIT = 512  # papers, as many as are percolated together; an analysed one takes some tens of kilobytes


class Recent:
    """What was just recorded, by announcement id. For one event loop."""

    def __init__(self) -> None:
        self._analysed: dict[int, Analysed] = {}
        self._wanted = True

    def __len__(self) -> int:
        return len(self._analysed)

    def keep(self, fresh: Mapping[int, Analysed]) -> None:
        """Remember these after their transaction has committed; the oldest are let go over the limit."""
        if not self._wanted:
            return
        self._analysed.update(fresh)
        while len(self._analysed) > LIMIT:
            del self._analysed[next(iter(self._analysed))]

    def pause(self) -> None:
        """Keep nothing from now on, and nothing of before: another process percolates what this one records."""
        self._wanted = False
        self._analysed.clear()

    def resume(self) -> None:
        """Keep again what was just recorded."""
        self._wanted = True

    def take(self, announcement_id: int) -> Analysed | None:
        """One announcement's paper, once."""
        return self._analysed.pop(announcement_id, None)
