"""Who holds each standing query: profiles by the query's number.

Those that were there when everything was last put in order stand in arrays, 40 bytes each; what came and went since
lies over them. So a million are read from a file in no time, and one more costs what one more costs.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from paperlark.matching.core.compact import GONE

COLUMNS: dict[str, np.dtype[Any]] = {
    "accounts": np.dtype("<i8"),
    "profiles": np.dtype("<i8"),
    "numbers": np.dtype("<u4"),
    "versions": np.dtype("<u4"),
    "begun": np.dtype("<i8"),
}
"""Of each profile: whose it is, its id, the number of its query, its version, and since when that counts
(microseconds since 1970). In the order of accounts, and of an account's profiles."""

Key = tuple[int, int]
"""An account and one of its profiles."""


class Held(NamedTuple):
    """A profile, at a version that counts since a moment (microseconds since 1970)."""

    account_id: int
    profile_id: int
    version: int
    begun: int


class Holders:
    """Not thread-safe: one thread owns it."""

    def __init__(self, columns: Mapping[str, Any] | None = None) -> None:
        """columns: as `columns` gave them. Raises ValueError where they do not fit together."""
        given: Mapping[str, Any] = dict.fromkeys(COLUMNS, b"") if columns is None else columns
        self._rows = {name: np.frombuffer(given[name], dtype) for name, dtype in COLUMNS.items()}
        if len({len(rows) for rows in self._rows.values()}) > 1:
            raise ValueError("the columns of profiles do not fit together")
        numbers = self._rows["numbers"]
        self._by_number = np.argsort(numbers, kind="stable").astype(np.uint32)
        self._ends = np.cumsum(np.bincount(numbers)) if len(numbers) else np.zeros(0, np.int64)
        self._gone = np.zeros(len(numbers), np.bool_)
        self._number_gone = 0
        self._newer: dict[Key, tuple[int, Held]] = {}
        self._newer_of: dict[int, dict[Key, Held]] = {}

    def __len__(self) -> int:
        return len(self._gone) - self._number_gone + len(self._newer)

    @property
    def queries(self) -> int:
        """All numbers of queries that stand in the arrays are below this."""
        return len(self._ends)

    @property
    def changed(self) -> int:
        """How many came or went since everything was in order."""
        return self._number_gone + len(self._newer)

    def put(self, number: int, held: Held) -> None:
        """One more, who must not be there yet."""
        key = (held.account_id, held.profile_id)
        self._newer[key] = number, held
        self._newer_of.setdefault(number, {})[key] = held

    def remove(self, key: Key) -> int | None:
        """One less. The number of the query that it held; None where it was not there."""
        if key in self._newer:
            number, _ = self._newer.pop(key)
            del self._newer_of[number][key]
            if not self._newer_of[number]:
                del self._newer_of[number]
            return number
        at = self._place(key)
        if at is None or self._gone[at]:
            return None
        self._gone[at] = True
        self._number_gone += 1
        return int(self._rows["numbers"][at])

    def _place(self, key: Key) -> int | None:
        accounts, profiles = self._rows["accounts"], self._rows["profiles"]
        first, end = (int(np.searchsorted(accounts, key[0], side)) for side in ("left", "right"))
        at = first + int(np.searchsorted(profiles[first:end], key[1]))
        return at if at < end and profiles[at] == key[1] else None

    def of(self, numbers: NDArray[np.uint32]) -> list[Held]:
        """The holders of some queries."""
        found = list(self._ordered(numbers[numbers < len(self._ends)].astype(np.int64)))
        for number in numbers.tolist() if self._newer_of else ():
            found += self._newer_of.get(number, {}).values()
        return found

    def _ordered(self, numbers: NDArray[np.int64]) -> Iterator[Held]:
        if not len(numbers):
            return iter(())
        ends = self._ends[numbers]
        begins = np.where(numbers > 0, self._ends[numbers - 1], 0)
        lengths = ends - begins
        within = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        places = self._by_number[np.repeat(begins, lengths) + within]
        if self._number_gone:
            places = places[~self._gone[places]]
        fields = (self._rows[name][places].tolist() for name in ("accounts", "profiles", "versions", "begun"))
        return map(Held, *fields)

    def columns(self, places: NDArray[np.int64] | None = None) -> dict[str, bytes]:
        """All of them in order. places: the new number of each query, where these have changed (GONE where nobody
        holds it)."""
        newer = np.array(
            [(key[0], key[1], number, held.version, held.begun) for key, (number, held) in self._newer.items()],
            np.int64,
        ).reshape(-1, len(COLUMNS))
        rows = {
            name: np.concatenate((self._rows[name][~self._gone], newer[:, at].astype(dtype)))
            for at, (name, dtype) in enumerate(COLUMNS.items())
        }
        if places is not None:
            found = places[rows["numbers"]]
            assert not (found == GONE).any()
            rows["numbers"] = found.astype(COLUMNS["numbers"])
        order = np.lexsort((rows["profiles"], rows["accounts"]))
        return {name: each[order].tobytes() for name, each in rows.items()}
