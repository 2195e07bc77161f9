"""What goes with a set of papers: what stands in them more often than chance would have it. Pure.

Measured by the log-likelihood ratio of T. Dunning, "Accurate Methods for the Statistics of Surprise and Coincidence"
(Computational Linguistics 19(1), 1993): how much likelier the two counts are under two shares of their own than under
one that both have. Unlike a ratio of shares it does not prefer what is rare.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from math import log

FEW = 3  # papers: what fewer hold is chance
SPECIFIC = 2.0  # times as often as usual: less is everybody's word
SURE = 10.83  # the ratio that chance alone reaches once in a thousand (chi square, one degree of freedom)
SAME = 0.5  # of the papers of a word: a pair that holds so many of them is what the word is there for


@dataclass(frozen=True, slots=True)
class Companion:
    """What goes with some papers: it is in `own` of the `of` papers, and in `usual` of the `of_usual` newest ones."""

    name: str
    own: int
    of: int
    usual: int
    of_usual: int

    @property
    def surprise(self) -> float:
        """Dunning's ratio (2 log λ, at least 0)."""
        return log_likelihood_ratio(self.own, self.of, self.usual, self.of_usual)

    @property
    def is_specific(self) -> bool:
        """Whether it stands here more often, by far and not by chance."""
        share, usual = self.own / self.of, max(self.usual, 1) / max(self.of_usual, 1)
        return self.own >= FEW and share >= SPECIFIC * usual and self.surprise >= SURE


def companions(own: Mapping[str, int], of: int, usual: Mapping[str, int], of_usual: int) -> list[Companion]:
    """What goes with `of` papers, by the number of them that hold each; the most surprising first."""
    found = (Companion(name, held, of, usual.get(name, 0), of_usual) for name, held in own.items() if held >= FEW)
    return sorted((each for each in found if each.is_specific), key=lambda each: (-each.surprise, each.name))


def distinct(found: Iterable[Companion], without: Collection[str]) -> list[Companion]:
    """Those that say something new: no word of them is in `without` or in a better one. A pair of words goes before a
    word of it, where most of the word's papers hold the pair."""
    listed = list(found)
    said, kept = set(without), []
    for each in listed:
        if said.isdisjoint(each.name.split(" ")):
            best = max(
                (other for other in listed if _is_pair_of(other, each) and said.isdisjoint(other.name.split(" "))),
                key=lambda other: other.own,
                default=each,
            )
            kept.append(best)
            said.update(best.name.split(" "))
    return kept


def log_likelihood_ratio(own: int, of: int, usual: int, of_usual: int) -> float:
    """Dunning's 2 log λ for two counts out of two numbers of trials; 0 where the shares are the same."""
    if not of or not of_usual:
        return 0.0
    together = (own + usual) / (of + of_usual)
    apart = _log_likelihood(own / of, own, of) + _log_likelihood(usual / of_usual, usual, of_usual)
    return max(0.0, 2 * (apart - _log_likelihood(together, own, of) - _log_likelihood(together, usual, of_usual)))


def _is_pair_of(other: Companion, word: Companion) -> bool:
    words = other.name.split(" ")
    return len(words) == 2 and word.name in words and other.own >= SAME * word.own


def _log_likelihood(share: float, held: int, of: int) -> float:
    """Of so many successes in so many trials. Nothing times the logarithm of nothing is nothing."""
    found = held * log(share) if held else 0.0
    return found + (of - held) * log(1 - share) if held < of else found
