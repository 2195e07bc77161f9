"""A word that is hardly known, one edit away from one that is common. Pure.

One edit is a letter too many, one too few, another one, or two that changed places (F. Damerau, "A technique for
computer detection and correction of spelling errors", 1964: four of five misspellings). All words that are one edit
away are tried, as in P. Norvig, "How to Write a Spelling Corrector" (2007): some hundred look-ups, whatever is known.
"""

from collections.abc import Mapping
from string import ascii_lowercase

SHORTEST = 4  # letters: every shorter word is one edit away from many
HARDLY = 2  # papers
COMMON = 10  # papers
OFTENER = 20  # times as many papers


def variants(word: str) -> frozenset[str]:
    """Every word that is one edit away from a folded word of ASCII letters; none of a short one or of any other."""
    if len(word) < SHORTEST or not (word.isascii() and word.isalpha()):
        return frozenset()
    splits = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    found = {left + right[1:] for left, right in splits if right}
    found |= {left + right[1] + right[0] + right[2:] for left, right in splits if len(right) > 1}
    found |= {left + letter + right[1:] for left, right in splits if right for letter in ascii_lowercase}
    found |= {left + letter + right for left, right in splits for letter in ascii_lowercase}
    return frozenset(found - {word})


def likelier(papers: int, known: Mapping[str, int]) -> list[str]:
    """Of a word's variants those that may be meant, the commonest first. papers: how many hold the word; known: how
    many hold each variant. Nothing where the word itself is known."""
    if papers > HARDLY:
        return []
    enough = max(COMMON, OFTENER * papers)
    return sorted((word for word, held in known.items() if held >= enough), key=lambda word: (-known[word], word))
