"""A paper as queries see it, and its words, found once and shared by percolator, search and highlighter."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain
from typing import Any, Generic, NamedTuple, TypeVar

from paperlark.matching.meaning import of_paper
from paperlark.matching.names import Name, name_of
from paperlark.matching.text import Columns, Placed, Token, closed, columns, placed, tokenise
from paperlark.model.papers import Alias

Found = TypeVar("Found")


class once(Generic[Found]):  # noqa: N801  it is used as a decorator
    """A value that is found when it is first asked for, and kept. `functools.cached_property` takes a lock each time in
    Python 3.11; here two threads may at worst find the same twice."""

    def __init__(self, find: Callable[[Any], Found]) -> None:
        self._find = find
        self.__doc__ = find.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type) -> Found:
        if instance is None:
            raise AttributeError(self._name)
        found: Found = self._find(instance)
        instance.__dict__[self._name] = found
        return found


WORD_LENGTH = 64
"""Stored words are cut here; queries' words are cut the same way."""


@dataclass(frozen=True, slots=True)
class Document:
    """A merged paper together with one announcement and the latest signals.

    sources: the names of those that announced it ("arxiv:cs.CL"). type: of this announcement. announced_at has a zone.
    """

    title: str
    announced_at: datetime
    abstract: str = ""
    authors: tuple[str, ...] = ()
    organisation: str | None = None
    categories: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    aliases: tuple[Alias, ...] = ()
    type: str = "new"
    signals: Mapping[str, int] = field(default_factory=dict)
    author_count: int | None = None

    def count(self, name: str) -> int | None:
        """What a number check compares: a signal, or how many authors there are; None where nobody said."""
        if name == "authors":
            return max(self.author_count or 0, len(self.authors)) or None
        return self.signals.get(name)


class Text:
    """One stored string and its words. Everything here is found when it is first asked for, and kept."""

    def __init__(self, text: str) -> None:
        self.text = text

    @once
    def tokens(self) -> tuple[Token, ...]:
        return tokenise(self.text)

    @once
    def placed(self) -> Placed:
        """The same as `tokens`, for whoever looks at a few of them."""
        return placed(self.text)

    @once
    def open(self) -> Columns:
        """Its words, compounds read open."""
        return columns(self.text)

    @once
    def closed(self) -> Columns:
        """Its compounds, read closed."""
        return closed(self.open)


class View(NamedTuple):
    """A passage in one reading: its words between single spaces, so that a phrase is found by one search; which words
    it holds, those of closed compounds among them; and which are of those."""

    line: str
    held: frozenset[str]
    closed: frozenset[str]

    @classmethod
    def of(cls, words: list[list[str]], closed: list[list[str]]) -> "View":
        line = " \n ".join([" ".join(each) for each in words])
        return cls(f" {line} ", frozenset(chain(*words, *closed)), frozenset(chain(*closed)))


class Passage:
    """Where a term is looked for: one or more texts; a phrase does not go from one into the next."""

    def __init__(self, *texts: Text) -> None:
        self.texts = texts

    @once
    def words(self) -> View:
        return View.of([text.open.words for text in self.texts], [text.closed.words for text in self.texts])

    @once
    def stems(self) -> View:
        return View.of([text.open.stems for text in self.texts], [text.closed.stems for text in self.texts])

    @once
    def exacts(self) -> View:
        return View.of([text.open.exacts for text in self.texts], [text.closed.exacts for text in self.texts])


class Texts:
    """A document's words, whatever its counts, by the field that a term names."""

    def __init__(self, document: Document) -> None:
        self.document = document
        title, abstract = Text(document.title), Text(document.abstract)
        self.title = Passage(title)
        self.abstract = Passage(abstract)
        self.anywhere = Passage(title, abstract)
        """Where a term without a field is looked for."""

    @once
    def organisation(self) -> Passage:
        return Passage(Text(self.document.organisation or ""))

    @once
    def authors(self) -> Passage:
        return Passage(*map(Text, self.document.authors))

    @once
    def author_words(self) -> Passage:
        """The same for single words. Together the names are quicker read than one by one, and no hyphen ties one to
        the next; only TeX might go on from one to another."""
        together = "; ".join(self.document.authors)
        return self.authors if "$" in together or "\\" in together else Passage(Text(together))

    @once
    def names(self) -> tuple[Name | None, ...]:
        return tuple(name_of(author.text, author.tokens) for author in self.authors.texts)

    @once
    def search_words(self) -> frozenset[str]:
        """See the function of this name."""
        found = set(self.anywhere.words.held)
        found |= self.anywhere.stems.held
        plain = self.document.title.isascii() and self.document.abstract.isascii()
        if not plain or max(map(len, found), default=0) > WORD_LENGTH:
            found = set(map(stored, found))
        extra = {stored(word, "author") for word in self.author_words.words.held}
        if self.document.organisation:
            extra.update(stored(word, "org") for word in self.organisation.words.held | self.organisation.stems.held)
        for category in self.document.categories:
            extra.update(stored(part, "cat") for part in and_above(category))
        for alias in self.document.aliases:
            extra.update((stored(alias.value, "id"), stored(str(alias), "id")))
            if alias.scheme == "doi":
                extra.add(stored(alias.value, "doi"))
        found |= extra
        return frozenset(found)

    @once
    def direction(self) -> bytes | None:
        """What title and abstract are about (`meaning.of_paper`)."""
        return of_paper(self.document.title, self.document.abstract)

    @property
    def length(self) -> int:
        """How many words title and abstract have together."""
        return sum(len(text.open.words) for text in self.anywhere.texts)


@dataclass(frozen=True, slots=True)
class Analysed:
    """A document and its words."""

    document: Document
    texts: Texts

    def with_signals(self, signals: Mapping[str, int]) -> "Analysed":
        """The same paper with other counts; its words are not looked for again."""
        return Analysed(replace(self.document, signals=signals), self.texts)


def analyse(document: Document) -> Analysed:
    """The document made ready for queries. Cheap by itself: words are found when first needed."""
    return Analysed(document, Texts(document))


def search_words(analysed: Analysed) -> tuple[str, ...]:
    """What the database's full-text index stores of a paper: distinct ASCII letters and digits, at most 64, sorted.

    Words, stems and closed compounds of title and abstract; authors', organisation's, categories' and ids' words with
    their field in front (`authorhinton`, `catcscl`). Depends on title, abstract, authors, organisation, categories and
    aliases: store it anew when one of them changes.
    """
    return tuple(sorted(analysed.texts.search_words))


def stored(word: str, field: str = "") -> str:
    """A word as it is stored: `field` in front, other letters than ASCII spelled in hexadecimal, the rest left out.

    What begins alike is stored beginning alike, so that an open end (`word*`) finds it.
    """
    if not word.isascii():
        word = "".join(c if c.isascii() else f"x{ord(c):05x}" for c in word.casefold() if c.isalnum())
    elif not word.isalnum():
        word = "".join(filter(str.isalnum, word))
    return (field + word.lower())[:WORD_LENGTH]


def and_above(category: str) -> tuple[str, ...]:
    """A category, folded, and those that it lies under: "cs.cl", "cs"."""
    parts = " ".join(category.casefold().split()).split(".")
    return tuple(".".join(parts[:length]) for length in range(len(parts), 0, -1))
