"""The percolator: search in reverse. Which of the stored queries does this paper meet?

Every query is posted under few stored words, such that a paper that meets it surely holds one of them
(`candidates.posted`): of an AND the part whose words are rarest, of an OR each alternative. A paper's words lead
to the queries posted under them, and each of these candidates is checked as a whole. Queries that need no word (numbers
or a date alone) stand on a short list that is always checked. Equal queries are kept, and checked, once.

How rare a word is, is learned from the first papers; queries posted before that are moved, a few with each paper.
The reference evaluator and the index answer alike: tests hold them to it.
"""

from collections import Counter, deque
from collections.abc import Hashable, Iterable
from itertools import chain
from typing import Generic, TypeVar

from paperlark.matching.candidates import All, AnyOf, Everything, Wanted, Word, posted
from paperlark.matching.checks import checker
from paperlark.matching.document import Analysed
from paperlark.matching.query import Query
from paperlark.matching.tree import And, Node, Not, Or

LEARNED_PAPERS = 4_096  # papers that teach how rare words are
MOVED_AFTER = frozenset({64, 512, LEARNED_PAPERS})  # papers seen when all queries are posted anew
MOVED_PER_PAPER = 32  # of them with each paper, so that no paper waits for all
PAIR_RARITY = 0.1  # of the papers that hold the rarer of two words, those that have them side by side
PREFIX_WORDS = 100_000  # words whose prefixes are remembered

Key = TypeVar("Key", bound=Hashable)


class Index(Generic[Key]):
    """Queries by key (a profile, say). Not thread-safe: one thread owns it."""

    def __init__(self) -> None:
        self._queries: dict[Key, object] = {}
        self._stored: dict[object, _Stored[Key]] = {}
        self._posted: dict[str, dict[_Stored[Key], None]] = {}
        self._posted_by_prefix: dict[str, dict[_Stored[Key], None]] = {}
        self._always: dict[_Stored[Key], None] = {}
        self._prefixes = _Prefixes(self._posted_by_prefix)
        self._rarity = _Rarity()
        self._to_move: deque[_Stored[Key]] = deque()

    def __len__(self) -> int:
        return len(self._queries)

    @property
    def postings(self) -> int:
        """How many places distinct queries are posted in: what the index costs beside the queries themselves."""
        tables = (*self._posted.values(), *self._posted_by_prefix.values(), self._always)
        return sum(map(len, tables))

    def put(self, key: Key, query: Query) -> None:
        """Keep the query under the key, in place of what was there."""
        same = _same(query.tree)
        if self._queries.get(key) == same:
            return
        self.remove(key)
        self._queries[key] = same
        stored = self._stored.get(same)
        if stored is None:
            stored = self._stored[same] = _Stored(query)
            self._post(stored)
        stored.keys[key] = None

    def remove(self, key: Key) -> None:
        """Forget the key; one that is not there is no error."""
        same = self._queries.pop(key, None)
        if same is None:
            return
        stored = self._stored[same]
        del stored.keys[key]
        if not stored.keys:
            del self._stored[same]
            self._unpost(stored)

    def percolate(self, paper: Analysed) -> list[Key]:
        """The keys of all queries that the paper meets, in no order, each once."""
        self._learn(paper)
        return self._met(paper, self._candidates(paper))

    def percolate_numbers(self, paper: Analysed) -> list[Key]:
        """Those among them whose answer later counts can change (`Query.has_numbers`)."""
        return self._met(paper, [stored for stored in self._candidates(paper) if stored.has_numbers])

    def candidates(self, paper: Analysed) -> int:
        """How many distinct queries would be checked for this paper; the fewer, the better posted."""
        return sum(1 for _ in self._candidates(paper))

    def _candidates(self, paper: Analysed) -> Iterable["_Stored[Key]"]:
        words = paper.texts.search_words
        found = self._always.copy()
        for word in self._posted.keys() & words:
            found.update(self._posted[word])
        for pair in self._posted.keys() & paper.texts.pairs:
            found.update(self._posted[pair])
        if self._posted_by_prefix:
            for prefix in set(chain.from_iterable(map(self._prefixes.__getitem__, words))):
                found.update(self._posted_by_prefix[prefix])
        return found

    def _met(self, paper: Analysed, candidates: Iterable["_Stored[Key]"]) -> list[Key]:
        return [key for stored in candidates if stored.check(paper) for key in stored.keys]

    def _post(self, stored: "_Stored[Key]") -> None:
        stored.words = self._rarity.cover(stored.wanted)
        if stored.words is None:
            self._always[stored] = None
            return
        for word in stored.words:
            if word.prefix and word.text not in self._posted_by_prefix:
                self._posted_by_prefix[word.text] = {}
                self._prefixes.clear()
            (self._posted_by_prefix if word.prefix else self._posted).setdefault(word.text, {})[stored] = None

    def _unpost(self, stored: "_Stored[Key]") -> None:
        self._always.pop(stored, None)
        for word in stored.words or ():
            postings = self._posted_by_prefix if word.prefix else self._posted
            del postings[word.text][stored]
            if not postings[word.text]:
                del postings[word.text]
                if word.prefix:
                    self._prefixes.clear()

    def _learn(self, paper: Analysed) -> None:
        if self._rarity.papers < LEARNED_PAPERS:
            self._rarity.learn(paper.texts.search_words)
            if self._rarity.papers in MOVED_AFTER:
                self._to_move = deque(self._stored.values())
        for _ in range(min(MOVED_PER_PAPER, len(self._to_move))):
            stored = self._to_move.popleft()
            if stored.keys:
                self._unpost(stored)
                self._post(stored)


class _Stored(Generic[Key]):
    """One distinct query: its check, whose it is, and the words that it is posted under."""

    __slots__ = ("check", "has_numbers", "keys", "wanted", "words")

    def __init__(self, query: Query) -> None:
        self.check = checker(query)
        self.has_numbers = query.has_numbers
        self.wanted = posted(query)
        self.keys: dict[Key, None] = {}
        self.words: frozenset[Word] | None = None


def _same(node: Node) -> object:
    """What is equal for queries that differ in the order of their parts only."""
    if isinstance(node, And | Or):
        return type(node), frozenset(map(_same, node.parts))
    return (Not, _same(node.part)) if isinstance(node, Not) else node


class _Prefixes(dict[str, tuple[str, ...]]):
    """Which of the posted prefixes a word begins with; found once for each word."""

    def __init__(self, posted: dict[str, dict[_Stored[Key], None]]) -> None:
        self._posted = posted
        self._lengths: tuple[int, ...] | None = None

    def __missing__(self, word: str) -> tuple[str, ...]:
        if len(self) >= PREFIX_WORDS:
            self.clear()
        if self._lengths is None:
            self._lengths = tuple(sorted({len(prefix) for prefix in self._posted}))
        found = self[word] = tuple(word[:length] for length in self._lengths if word[:length] in self._posted)
        return found

    def clear(self) -> None:
        super().clear()
        self._lengths = None


class _Rarity:
    """How many papers hold a word, as far as is known; and the rarest words that a query cannot do without."""

    def __init__(self) -> None:
        self.papers = 0
        self._held = Counter[str]()

    def learn(self, words: frozenset[str]) -> None:
        self.papers += 1
        self._held.update(words)

    def share(self, word: Word) -> float:
        """The expected share of papers that hold the word. A guess by length, until enough papers were seen."""
        if " " in word.text:  # two neighbours: rarer than either alone, by how much is not counted
            return PAIR_RARITY * min(self.share(Word(each)) for each in word.text.split(" "))
        length = len(word.text) - 2 if word.prefix else len(word.text)
        guess = 0.5 / max(1, length)
        weight = 16  # papers that the guess is worth
        held = 0 if word.prefix else self._held[word.text]
        papers = 0 if word.prefix else self.papers
        return (held + guess * weight) / (papers + weight)

    def cover(self, condition: Wanted) -> frozenset[Word] | None:
        """Words of which every paper that passes the condition holds one, few papers holding any; None: no such."""
        match condition:
            case Word():
                return frozenset({condition})
            case AnyOf(parts):
                # No part is Everything, so that each has a cover.
                return frozenset().union(*(self.cover(part) or () for part in parts))
            case All(parts):
                covers = [cover for part in parts if (cover := self.cover(part)) is not None]
                return min(covers, key=lambda cover: (sum(map(self.share, cover)), len(cover)))
            case Everything():
                return None
