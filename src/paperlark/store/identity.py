"""Which paper is this, and whose word counts? Pure; the store brings what is known, and writes what is decided.

A paper is found by its aliases first, then by its title. How far each of them is trusted:

- **arXiv id.** One id is one work, whatever else differs: a new title, other authors, another DOI. A work has several
  DOIs (its preprint's, its journal's, a corrected one); all of them become its aliases.
- **DOI.** One DOI is one work, unless both sides have arXiv ids and share none: authors of several preprints may name
  the one volume that they all went into.
- **Address, Hugging Face id.** As far as no hard id (arXiv, DOI) contradicts.
- **Title.** Only where no hard id contradicts, the abstracts agree, the authors that both sides name are not all
  strangers, and there is exactly one such paper (captures carry neither ids nor authors). Under five words the
  abstracts must be the same but for mark-up. A title that many papers bear ("Technical Report", "Correction") and an
  abstract of a few words ("No abstract available") join nothing. Part I and part II, an erratum, a comment or a reply
  differ in their titles and mostly in their ids, so that they stay apart.
- Where one announcement names two papers, they become one: a source may say that two ids belong together (bioRxiv's
  `published`, arXiv's `doi`). Two papers that an operator has parted stay apart all the same.

**The order of telling.** What shares an arXiv id is one paper in any order, and two arXiv ids are one paper only where
an announcement names both. Else order can matter where the evidence itself is torn: one DOI on two arXiv ids goes with
the first of them; a telling without ids under the title and abstract of two papers joins the first if it came before
the second, and neither if it came after both; of three abstracts that agree in a row but not at its ends, those join
that meet the paper as it stands.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from paperlark.matching.text import title_key, tokenise
from paperlark.model.papers import Alias, Paper

SHORT_TITLE = 5  # words; below, a title says too little
FEW_WORDS = 8  # an abstract of fewer says nothing: "No abstract available"
AGREEMENT = 0.7  # share of words that two tellings of one abstract have in common (Jaccard)
CONTAINMENT = 0.9  # share of the shorter one's words in the longer one, where one was cut off
ENOUGH_WORDS = 30  # below, a cut-off abstract proves nothing
VALUE_LIMIT = 300  # characters; a longer alias is kept by its hash (PostgreSQL's index holds 2,700 bytes)
STRENGTH = {"arxiv": 0, "doi": 1, "hf": 2, "url": 3}
HARD = ("arxiv", "doi")  # the stronger first

GENERIC = frozenset(
    map(
        title_key,
        (
            "Abstract", "Abstracts", "Acknowledgement to reviewers", "Acknowledgements", "Addendum", "Announcement",
            "Announcements", "Annual report", "Author correction", "Author response", "Book review", "Book reviews",
            "Comment", "Commentary", "Conclusion", "Conclusions", "Contents", "Contributors", "Correction",
            "Corrections", "Corrigendum", "Cover", "Cover image", "Discussion", "Editorial", "Editorial board",
            "Erratum", "Errata", "Expression of concern", "Foreword", "Front matter", "Guest editorial", "In brief",
            "In this issue", "Introduction", "Issue information", "Letter", "Letter to the editor",
            "Letters to the editor", "Masthead", "News", "Obituary", "Perspective", "Preface", "Proceedings",
            "Publisher correction", "Publisher's note", "Reply", "Research highlights", "Response", "Retraction",
            "Retraction note", "Review", "Summary", "Supplement", "Table of contents", "Technical note",
            "Technical report", "Thesis", "Title page", "White paper", "Withdrawn",
        ),
    )
)  # fmt: skip
"""Keys of titles that name a kind of paper and none of them."""

COLLECTIVE = frozenset({"ai", "collaboration", "collaborators", "collective", "committee", "consortium", "group",
                        "initiative", "investigators", "lab", "network", "project", "society", "team"})  # fmt: skip
"""Words of a name that stands for many people: elsewhere these may be listed one by one."""


@dataclass(slots=True)
class Known:
    """A paper as far as identity cares: its hard ids, and the title, abstract and authors by which a title is
    confirmed."""

    id: int
    title: str
    abstract: str
    authors: tuple[str, ...] = ()
    hard: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def contradicts(self, hard: Mapping[str, set[str]], by: str) -> bool:
        """True where what was met `by` (a scheme) is overruled: both have ids of a stronger scheme and share none."""
        stronger = HARD[: HARD.index(by)] if by in HARD else HARD
        return any(
            hard.get(scheme) and self.hard.get(scheme) and not hard[scheme] & self.hard[scheme] for scheme in stronger
        )


@dataclass(frozen=True, slots=True)
class Settled:
    """Which paper an announcement is of; `absorbed` are other papers that turn out to be the same one."""

    paper_id: int
    new: bool
    absorbed: tuple[int, ...] = ()


class Census:
    """The papers that a page could meet: by alias and by title. Grows as announcements of the page are settled.

    parted: pairs of papers that were one and were parted again; they never meet.
    """

    def __init__(self, parted: Iterable[tuple[int, int]] = ()) -> None:
        self._parted: dict[int, set[int]] = defaultdict(set)
        for one, other in parted:
            self._parted[one].add(other)
            self._parted[other].add(one)
        self._papers: dict[int, Known] = {}
        self._by_alias: dict[Alias, int] = {}
        self._by_title: dict[str, set[int]] = defaultdict(set)

    def add(self, known: Known, aliases: Iterable[Alias], title_keys: Iterable[str]) -> None:
        """Make a paper known, or say more of one that is."""
        paper = self._papers.setdefault(known.id, known)
        for alias in aliases:
            self._by_alias.setdefault(alias, known.id)
            if alias.hard:
                paper.hard[alias.scheme].add(alias.value)
        for title in title_keys:
            self._by_title[title].add(known.id)

    def names(self) -> frozenset[Alias]:
        """The names that papers have so far."""
        return frozenset(self._by_alias)

    def settle(self, paper: Paper, title: str, new_id: int) -> Settled:
        """Decide which paper this is (`title` is its title key); it is known under `new_id` when it is a new one."""
        hard = hard_ids(paper.aliases)
        found = self._by_aliases(paper, hard)
        namesake = self._namesake(paper, title, hard, besides=found)
        if namesake is not None:
            found.append(namesake)
        if not found:
            self.add(Known(new_id, paper.title, paper.abstract, paper.authors), paper.aliases, [title])
            return Settled(new_id, new=True)
        owner, absorbed = found[0], found[1:]
        for gone in absorbed:
            self._absorb(owner, gone)
        known = self._papers[owner]
        known.abstract = known.abstract or paper.abstract
        known.authors = known.authors or paper.authors
        self.add(known, paper.aliases, [title])
        return Settled(owner, new=False, absorbed=tuple(absorbed))

    def _by_aliases(self, paper: Paper, hard: dict[str, set[str]]) -> list[int]:
        """The papers that its aliases name, the strongest first; `hard` grows by theirs: they must all be one."""
        found: list[int] = []
        for alias in sorted(paper.aliases, key=lambda a: (STRENGTH.get(a.scheme, 9), a)):
            number = self._by_alias.get(alias)
            if number is None or number in found or not self._parted[number].isdisjoint(found):
                continue
            if self._papers[number].contradicts(hard, alias.scheme):
                continue
            found.append(number)
            for scheme, values in self._papers[number].hard.items():
                hard[scheme] |= values
        return found

    def _namesake(self, paper: Paper, title: str, hard: Mapping[str, set[str]], besides: Sequence[int]) -> int | None:
        """The one paper of this title that nothing contradicts and whose abstract agrees; `besides` are found
        already."""
        if title in GENERIC:
            return None
        candidates = [
            number
            for number in self._by_title.get(title, ())
            if number not in besides
            and self._parted[number].isdisjoint(besides)
            and not self._papers[number].contradicts(hard, "title")
            and not strangers(paper.authors, self._papers[number].authors)
            and abstracts_agree(paper, self._papers[number])
        ]
        return candidates[0] if len(candidates) == 1 else None

    def _absorb(self, owner: int, gone: int) -> None:
        lost = self._papers.pop(gone)
        kept = self._papers[owner]
        kept.abstract = kept.abstract or lost.abstract
        kept.authors = kept.authors or lost.authors
        for scheme, values in lost.hard.items():
            kept.hard[scheme] |= values
        for other in self._parted.pop(gone, ()):
            self._parted[owner].add(other)
            self._parted[other].add(owner)
        for alias, number in list(self._by_alias.items()):
            if number == gone:
                self._by_alias[alias] = owner
        for numbers in self._by_title.values():
            if gone in numbers:
                numbers.remove(gone)
                numbers.add(owner)


def hard_ids(aliases: Iterable[Alias]) -> dict[str, set[str]]:
    """The hard ids among some aliases, by scheme."""
    hard: dict[str, set[str]] = defaultdict(set)
    for alias in aliases:
        if alias.hard:
            hard[alias.scheme].add(alias.value)
    return hard


def abstracts_agree(paper: Paper, known: Known) -> bool:
    """Do two abstracts under one title tell of one work? One that is missing or says nothing agrees with nothing."""
    told = [[token.word for token in tokenise(text)] for text in (paper.abstract, known.abstract)]
    if min(map(len, told)) < FEW_WORDS:
        return False
    if told[0] == told[1] or title_key(paper.abstract) == title_key(known.abstract):
        return True
    if min(len(tokenise(paper.title)), len(tokenise(known.title))) < SHORT_TITLE:
        return False
    one_words, other_words = map(set, told)
    common = len(one_words & other_words)
    if common >= AGREEMENT * len(one_words | other_words):
        return True
    shorter = min(len(one_words), len(other_words))
    return shorter >= ENOUGH_WORDS and common >= CONTAINMENT * shorter


def strangers(one: Sequence[str], other: Sequence[str]) -> bool:
    """Are these lists of authors of different people altogether? Never where one is empty, or names a collective.

    Names are compared word by word, so that neither their order, nor "Song, Yang" for "Y. Song", makes strangers.
    """
    one_words, other_words = _name_words(one), _name_words(other)
    if not one_words or not other_words or (one_words | other_words) & COLLECTIVE:
        return False
    return one_words.isdisjoint(other_words)


def _name_words(names: Sequence[str]) -> set[str]:
    return {token.word for name in names for token in tokenise(name) if len(token.word) > 1}


def bounded(value: str) -> str:
    """An alias's value as it is kept: a very long one by its hash, so that every index can hold it."""
    if len(value) <= VALUE_LIMIT:
        return value
    return value[: VALUE_LIMIT - 70] + " sha256:" + hashlib.sha256(value.encode()).hexdigest()[:60]


MERGED_FIELDS = ("title", "abstract", "authors", "author_count", "organisation", "categories", "keywords", "url",
                 "code_url", "published_at")  # fmt: skip


def merged_fields(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A paper's own fields from what its sources said, best authority first: each field from the first that has it."""
    return {name: next((r[name] for r in records if r.get(name)), records[0].get(name)) for name in MERGED_FIELDS}
