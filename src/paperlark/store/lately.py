"""What was asked for lately, so many at most."""

from collections import OrderedDict
from collections.abc import Hashable, ItemsView
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Lately(Generic[K, V]):
    """Values by their keys. What was asked for last is let go of last."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[K, V] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def pairs(self) -> ItemsView[K, V]:
        """All that is here, what was asked for last standing last."""
        return self._kept.items()

    def get(self, key: K) -> V | None:
        """A value, None where it is not here any more, or never was."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def keep(self, key: K, value: V) -> None:
        """Have this at hand from now on."""
        self._kept[key] = value
        self._kept.move_to_end(key)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def forget(self, key: K) -> None:
        """Let go of this, where it is here."""
        self._kept.pop(key, None)
