"""What abstracts explain: which short forms stand for which words, and in how many of them. Pure.

Of a profile's papers it is kept to propose the one where the other is asked for; of all that a process has at hand, to
look for both in a search by meaning.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from paperlark.matching.acronyms import Acronym, acronyms
from paperlark.matching.text import tokenise

EXPLAINED = 2  # abstracts: one alone may err
MEANINGS = 2  # of one acronym, at most
RIVAL = 0.2  # of the abstracts that explain an acronym: what fewer say is another thing
MOSTLY = 0.5  # of those abstracts: what a search may take for it unasked
KNOWN = 0.05  # of the papers that say a short form must explain it: else it is mostly a word of its own (MAP, US)
NAMES = 8  # that a search looks for besides, at most

Stems = tuple[str, ...]


class Explanation(NamedTuple):
    """That a short form stands for a long one: by their stems, and as written."""

    short: Stems
    long: Stems
    written: Acronym


class Other(NamedTuple):
    """What else some words are called, by its stems; how many abstracts explain it, and which share of those that
    explain any other; whether it is the long form."""

    stems: Stems
    number: int
    share: float
    is_long: bool


def explanations(abstract: str) -> tuple[Explanation, ...]:
    """What an abstract explains, each once. Costs a tenth of a millisecond."""
    found = {(each.short, each.long): each for each in map(_explanation, acronyms(abstract))}
    return tuple(each for each in found.values() if each.short and each.long)


def stems_of(text: str) -> Stems:
    """The stems of a text's words, by which names are the same."""
    return tuple(token.stem for token in tokenise(text))


@lru_cache(maxsize=20_000)  # and once in memory for all papers that explain the same
def _explanation(acronym: Acronym) -> Explanation:
    return Explanation(stems_of(acronym.short), stems_of(acronym.long), acronym)


class Explained:
    """The explanations of some abstracts, each counted once an abstract."""

    def __init__(self, abstracts: Iterable[str] = ()) -> None:
        self._named: dict[Stems, Counter[Explanation]] = {}  # by short and by long form
        for abstract in abstracts:
            self.add(explanations(abstract))

    def add(self, found: Iterable[Explanation]) -> None:
        """Count those of one abstract."""
        for each in found:
            for name in {each.short, each.long}:
                self._named.setdefault(name, Counter())[each] += 1

    def drop(self, found: Iterable[Explanation]) -> None:
        """Let go of what was counted of one abstract."""
        for each in found:
            for name in {each.short, each.long}:
                left = self._named[name] = self._named[name] - Counter([each])
                if not left:
                    del self._named[name]

    def others(self, stems: Stems) -> Iterator[Other]:
        """What these words stand for, and what stands for them, the best known first."""
        named = self._named.get(stems, Counter())
        for is_long in (True, False):
            counts: Counter[Stems] = Counter()
            for each, number in named.items():
                if stems == (each.short if is_long else each.long):
                    counts[each.long if is_long else each.short] += number
            for other, number in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:MEANINGS]:
                share = number / counts.total()
                if number >= EXPLAINED and share >= RIVAL:
                    yield Other(other, number, share, is_long)

    def as_written(self, stems: Stems) -> str:
        """As most of them write it."""
        spelt: Counter[str] = Counter()
        for each, number in self._named[stems].items():
            spelt[each.written.short if stems == each.short else each.written.long] += number
        return min(spelt, key=lambda text: (-spelt[text], text))

    def names(self, rows: Iterable[Sequence[str]], held: Callable[[str], int]) -> tuple[str, ...]:
        """What else is surely said for some rows of words, and for each of these words; as most write it. At most
        NAMES. held: how many papers say a stem."""
        parts = (part for row in rows for part in (tuple(row), *((word,) for word in row)))
        others = ((part, other) for part in dict.fromkeys(parts) for other in self.others(part))
        found = (self.as_written(other.stems) for part, other in others if self._is_sure(part, other, held))
        return tuple(islice(dict.fromkeys(found), NAMES))

    @staticmethod
    def _is_sure(stems: Stems, other: Other, held: Callable[[str], int]) -> bool:
        short = stems if other.is_long else other.stems
        return other.share >= MOSTLY and other.number >= KNOWN * min(map(held, short))
