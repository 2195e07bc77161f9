"""Which paper is this, and whose word counts? Pure; the store brings what is known, and writes what is decided.

A paper is found by its aliases first, then by its title. Two different ids of one hard scheme (arXiv, DOI) never meet.
A title alone joins only where the abstracts agree and there is exactly one such candidate (captures carry neither ids
nor authors); under five words the abstracts must be the same but for mark-up, so that "Technical Report" stays apart
from "Technical Report".
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from paperlark.matching.text import title_key, tokenise
from paperlark.model.papers import Alias, Paper

SHORT_TITLE = 5  # words; below, a title says too little
AGREEMENT = 0.7  # share of words that two tellings of one abstract have in common (Jaccard)
CONTAINMENT = 0.9  # share of the shorter one's words in the longer one, where one was cut off
ENOUGH_WORDS = 30  # below, a cut-off abstract proves nothing
VALUE_LIMIT = 300  # characters; a longer alias is kept by its hash (PostgreSQL's index holds 2,700 bytes)
STRENGTH = {"arxiv": 0, "doi": 1, "hf": 2, "url": 3}


@dataclass(slots=True)
class Known:
    """A paper as far as identity cares: its hard ids, and the title and abstract by which a title is confirmed."""

    id: int
    title: str
    abstract: str
    hard: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def contradicts(self, hard: Mapping[str, set[str]]) -> bool:
        """True where both have ids of one hard scheme and share none."""
        return any(
            values and self.hard.get(scheme) and not values & self.hard[scheme] for scheme, values in hard.items()
        )


@dataclass(frozen=True, slots=True)
class Settled:
    """Which paper an announcement is of; `absorbed` are other papers that turn out to be the same one."""

    paper_id: int
    new: bool
    absorbed: tuple[int, ...] = ()


class Census:
    """The papers that a page could meet: by alias and by title. Grows as announcements of the page are settled."""

    def __init__(self) -> None:
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

    def settle(self, paper: Paper, title: str, new_id: int) -> Settled:
        """Decide which paper this is (`title` is its title key); it is known under `new_id` when it is a new one."""
        hard = hard_ids(paper.aliases)
        found = self._by_aliases(paper, hard)
        namesake = self._namesake(paper, title, hard, besides=found)
        if namesake is not None:
            found.append(namesake)
        if not found:
            self.add(Known(new_id, paper.title, paper.abstract), paper.aliases, [title])
            return Settled(new_id, new=True)
        owner, absorbed = found[0], found[1:]
        for gone in absorbed:
            self._absorb(owner, gone)
        known = self._papers[owner]
        known.abstract = known.abstract or paper.abstract
        self.add(known, paper.aliases, [title])
        return Settled(owner, new=False, absorbed=tuple(absorbed))

    def _by_aliases(self, paper: Paper, hard: dict[str, set[str]]) -> list[int]:
        """The papers that its aliases name, the strongest first; `hard` grows by theirs: they must all be one."""
        found: list[int] = []
        for alias in sorted(paper.aliases, key=lambda a: (STRENGTH.get(a.scheme, 9), a)):
            number = self._by_alias.get(alias)
            if number is None or number in found or self._papers[number].contradicts(hard):
                continue
            found.append(number)
            for scheme, values in self._papers[number].hard.items():
                hard[scheme] |= values
        return found

    def _namesake(self, paper: Paper, title: str, hard: Mapping[str, set[str]], besides: Sequence[int]) -> int | None:
        """The one paper of this title whose abstract agrees; `besides` are found already."""
        candidates = [
            number
            for number in self._by_title.get(title, ())
            if number not in besides
            and not self._papers[number].contradicts(hard)
            and abstracts_agree(paper, self._papers[number])
        ]
        return candidates[0] if len(candidates) == 1 else None

    def _absorb(self, owner: int, gone: int) -> None:
        lost = self._papers.pop(gone)
        self._papers[owner].abstract = self._papers[owner].abstract or lost.abstract
        for scheme, values in lost.hard.items():
            self._papers[owner].hard[scheme] |= values
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
    """Do two abstracts under one title tell of one work? A missing abstract agrees with nothing."""
    one, other = paper.abstract, known.abstract
    if not one or not other:
        return False
    if one == other or title_key(one) == title_key(other):
        return True
    if min(len(tokenise(paper.title)), len(tokenise(known.title))) < SHORT_TITLE:
        return False
    one_words, other_words = ({token.word for token in tokenise(text)} for text in (one, other))
    common = len(one_words & other_words)
    if common >= AGREEMENT * len(one_words | other_words):
        return True
    shorter = min(len(one_words), len(other_words))
    return shorter >= ENOUGH_WORDS and common >= CONTAINMENT * shorter


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
