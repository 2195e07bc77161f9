"""The percolator: search in reverse. Which of the stored queries does this paper meet?

Queries stand under keys (a profile, say). Equal queries are one (`standing`), so what a paper meets are numbers of
distinct queries first, and keys only where somebody is told.
"""

from collections.abc import Hashable
from itertools import chain
from typing import Generic, TypeVar

from paperlark.matching.document import Analysed
from paperlark.matching.query import Query
from paperlark.matching.standing import Numbers, Standing

ORDERED_AFTER = frozenset({64, 512, 4_096})  # papers seen when all is put in order by itself, each query posted anew
SMALL = 20_000  # distinct queries that are put in order between two papers: a tenth of a second

Key = TypeVar("Key", bound=Hashable)


class Index(Generic[Key]):
    """Queries by key. Not thread-safe: one thread owns it."""

    def __init__(self, standing: Standing | None = None) -> None:
        self.standing = Standing() if standing is None else standing
        self._numbers: dict[Key, int] = {}
        self._keys: dict[int, dict[Key, None]] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def postings(self) -> int:
        """How many places distinct queries are posted in: what the index costs beside the queries themselves."""
        return self.standing.postings

    def put(self, key: Key, query: Query) -> None:
        """Keep the query under the key, in place of what was there. Raises FullError, and keeps what was there, where
        there is no room for it."""
        number = self.standing.hold(query)
        self.remove(key)
        self._numbers[key] = number
        self._keys.setdefault(number, {})[key] = None

    def remove(self, key: Key) -> None:
        """Forget the key; one that is not there is no error."""
        number = self._numbers.pop(key, None)
        if number is None:
            return
        keys = self._keys[number]
        del keys[key]
        if not keys:
            del self._keys[number]
        self.standing.release(number)

    def percolate(self, paper: Analysed) -> list[Key]:
        """The keys of all queries that the paper meets, in no order, each once."""
        [numbers] = self.standing.match([paper])
        keys = self.keys(numbers)
        if self.standing.papers in ORDERED_AFTER and len(self.standing) <= SMALL:
            self.compact()
        return keys

    def percolate_numbers(self, paper: Analysed) -> list[Key]:
        """Those among them whose answer later counts can change (`Query.has_numbers`)."""
        [numbers] = self.standing.match([paper])
        return self.keys(self.standing.counted(numbers))

    def compact(self) -> None:
        """Put everything in order: what was removed goes, and each query is posted under its rarest words."""
        places = self.standing.compact()
        self._numbers = {key: int(places[number]) for key, number in self._numbers.items()}
        self._keys = {int(places[number]): keys for number, keys in self._keys.items()}

    def keys(self, numbers: Numbers) -> list[Key]:
        """The keys of distinct queries."""
        return list(chain.from_iterable(map(self._keys.__getitem__, numbers.tolist())))

    def candidates(self, paper: Analysed) -> int:
        """How many clauses are looked at for this paper; the fewer, the better posted."""
        return self.standing.looked_at([paper])
