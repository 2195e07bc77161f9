"""Papers' own rows as text, those asked for last: whoever lists papers mostly lists the same ones as others."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

KEPT = 5_000  # papers: some 3 kB each


class Own(NamedTuple):
    """What a paper's own row says. shown: members of a JSON object, what is shown of it just as it is, in the order of
    `printed.SHOWN`. Addresses are JSON; "" stands for a number or an address that is not there. first_seen: as the
    database writes it.

    revised: another one as soon as anything of the row is.
    """

    id: str
    revised: str
    shown: str
    author_count: str
    url: str
    code_url: str
    first_seen: str


class Prints:
    """Own rows by their papers' ids. What they were asked for last is let go of last."""

    def __init__(self, most: int = KEPT) -> None:
        self._most = most
        self._kept: OrderedDict[str, Own] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, versions: Iterable[Sequence[str]]) -> tuple[dict[str, Own], list[str]]:
        """Those of the papers that are here in the revision that is asked for, by id; and the other ids. versions: id
        and revision of each."""
        found, missing = {}, []
        for number, revised in versions:
            own = self._kept.get(number)
            if own is None or own.revised != revised:
                missing.append(number)
            else:
                self._kept.move_to_end(number)
                found[number] = own
        return found, missing

    def keep(self, rows: Iterable[Own]) -> None:
        """Have these at hand from now on."""
        for own in rows:
            self._kept[own.id] = own
            self._kept.move_to_end(own.id)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
