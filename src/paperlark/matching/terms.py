"""What a paper may be about: its words and its pairs of words, without those that every text needs.

A term is a stem, or two stems that stand in a row with a space between; neither of them a function word, a number or a
single letter. Compounds are read open (`test-time` is the pair of test and time).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice, pairwise

from paperlark.matching.lean import Lean, Said, coded
from paperlark.matching.text import stem
from paperlark.matching.tree import Reading

SHORTEST = 3  # letters of a word
KEPT_FROM = 2  # papers
LOOKED_AT = 50  # texts, for how a term is written

FUNCTION_WORDS = frozenset(
    map(
        stem,
        """a about above across after again against all almost along already also although always among an and another
        any are around as at be because been before being below between both but by can cannot could did do does doing
        done down due during each either else enough especially etc even ever every few first for from further had has
        have having he hence her here him his how however if in indeed into is it its itself just last least less let
        like likely made mainly make makes many may me might more moreover most mostly much must my namely near need
        neither never nevertheless no none nor not now of off often on once one only onto or other others otherwise our
        out over own per perhaps quite rather really same second several shall she should show shown shows since so
        some still such than that the their them themselves then there thereby therefore these they this those three
        through throughout thus to together too toward towards two under until up upon us use used uses using various
        very via was we well were what when where whereas whether which while who whole whose why will with within
        without would yet you your
        com github http https org www""".split(),  # noqa: SIM905  a page of quotes and commas says less
    )
)


def terms(paper: Lean) -> set[str]:
    """Those of its title and of its abstract."""
    return {*titled(paper), *_of(paper.abstract)}


def titled(paper: Lean) -> set[str]:
    """Those of its title alone."""
    return set(_of(paper.title))


@dataclass(frozen=True, slots=True)
class Usual:
    """Of so many papers, how many hold each term, and name each author and organisation. What one paper alone holds is
    left out: it is most of what there is, and says the same as what none holds."""

    papers: int = 0
    terms: Mapping[str, int] = field(default_factory=dict)
    authors: Mapping[str, int] = field(default_factory=dict)
    organisations: Mapping[str, int] = field(default_factory=dict)


def count(papers: Iterable[Lean]) -> Usual:
    """What is usual among some papers."""
    number = 0
    held: Counter[str] = Counter()
    authors: Counter[str] = Counter()
    organisations: Counter[str] = Counter()
    for paper in papers:
        number += 1
        held.update(terms(paper))
        authors.update(set(paper.document.authors))
        if paper.document.organisation:
            organisations[paper.document.organisation] += 1
    return Usual(number, *(_often(counts) for counts in (held, authors, organisations)))


def _often(counts: Counter[str]) -> dict[str, int]:
    return {name: number for name, number in counts.items() if number >= KEPT_FROM}


def written(papers: Iterable[Lean], term: str) -> tuple[str, ...]:
    """The words of a term as these papers write it most often, folded; the stems themselves where none has it."""
    stems = term.split(" ")
    sought = coded(stems)
    holding = (said for paper in papers for said in (paper.title, paper.abstract) if sought in said.stems)
    found: Counter[tuple[str, ...]] = Counter()
    for said in islice(holding, LOOKED_AT):
        read, words = said.open(Reading.STEMMED), said.open(Reading.PHRASE)
        for at, one in enumerate(read):
            if one == stems[0] and read[at : at + len(stems)] == stems:
                found[tuple(words[at : at + len(stems)])] += 1
    return min(found, key=lambda words: (-found[words], words), default=tuple(stems))


def _of(said: Said) -> Iterator[str]:
    stems = said.open(Reading.STEMMED)
    yield from filter(_says, stems)
    yield from (f"{one} {two}" for one, two in pairwise(stems) if _says(one) and _says(two))


def _says(stemmed: str) -> bool:
    return len(stemmed) >= SHORTEST and stemmed not in FUNCTION_WORDS and stemmed.isascii() and stemmed.isalpha()
