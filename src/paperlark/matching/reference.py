"""Does this paper meet this query? The plain answer: a walk over the tree, and over the tokens for each term.

Slow and obviously right. The index, the database's candidates and the explanations are held to it by tests.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC
from itertools import compress, count

from paperlark.matching.document import Analysed, Document, Text, analyse
from paperlark.matching.names import read_name, same_person
from paperlark.matching.near import is_near
from paperlark.matching.query import Query
from paperlark.matching.text import CLOSED_PARTS, Columns, stem
from paperlark.matching.tree import And, Author, Code, Near, Node, Not, Number, Or, Reading, Since, Term


def meets(query: Query, document: Document | Analysed) -> bool:
    """Whether the paper is one that the query asks for."""
    return holds(query.tree, document if isinstance(document, Analysed) else analyse(document))


def holds(node: Node, paper: Analysed) -> bool:
    """Whether one node of a query's tree is true of the paper."""
    match node:
        case And():
            return all(holds(part, paper) for part in node.parts)
        case Or():
            return any(holds(part, paper) for part in node.parts)
        case Not():
            return not holds(node.part, paper)
        case Term():
            return any(next(runs(node, text.open), None) is not None for _, text in passages(node, paper))
        case Author():
            names = map(read_name, paper.document.authors)
            return any(name is not None and same_person(node.name, name) for name in names)
        case Code():
            return any(code_meets(node, value) for value in values(node, paper.document))
        case Number():
            return number_holds(node, paper.document.count(node.count))
        case Since():
            return paper.document.announced_at.astimezone(UTC).date() >= node.day
        case Near():
            return is_near(node, paper.texts.direction)


def passages(term: Term, paper: Analysed) -> list[tuple[str, Text]]:
    """The texts that a term is looked for in, with their fields: a phrase does not go from one into the next."""
    texts = paper.texts
    match term.field:
        case "author":
            return [("author", author) for author in texts.authors.texts]
        case "org":
            return [("org", texts.organisation.texts[0])]
        case "title" | "abstract" | None:
            both = zip(("title", "abstract"), texts.anywhere.texts, strict=True)
            return [(field, text) for field, text in both if term.field in (field, None)]


def runs(term: Term, said: Columns, starts: Iterable[int] | None = None) -> Iterator[tuple[int, int]]:
    """Where a term stands: the first and the last word of each place. See `text` for open and closed compounds.

    starts: the words at which it can begin, for whoever knows; else all are tried."""
    walk = _Walk(term, said)
    for first in range(len(said.words)) if starts is None else starts:
        last = walk.end(0, first)
        if last is not None:
            yield first, last


def starts(term: Term, said: Columns) -> list[int]:
    """The words at which a run may begin, for whoever is in a hurry: those that say the first words, as one; and those
    that hyphens tie to the next, which may say them with it if they begin with the same letter (no stem loses it)."""
    begins = {"".join(term.words[:length]) for length in range(1, min(CLOSED_PARTS, len(term.words)) + 1)}
    open_end = "".join(term.words) if term.prefix and len(term.words) <= CLOSED_PARTS else None
    if open_end is not None:
        written = said.exacts if term.reading is Reading.EXACT else said.words
        found = [at for at, word in enumerate(written) if word.startswith(open_end)]
        return sorted({*found, *starts(replace(term, prefix=False), said)})
    letter = term.words[0][:1]
    match term.reading:
        case Reading.EXACT:
            words = written = said.exacts
        case Reading.PHRASE:
            words = written = said.words
        case Reading.STEMMED:
            words, written, begins = said.stems, said.words, set(map(stem, begins)) | begins
    found = [at for at, word in enumerate(words) if word in begins]
    tied = [at for at in compress(count(), said.ties) if written[at][:1] == letter]
    return sorted({*found, *tied}) if tied else found


class _Walk:
    """A term held against the words of one text.

    `_lost` remembers where the rest of a term does not stand: repetitive phrases in repetitive texts would else take
    exponential time.
    """

    def __init__(self, term: Term, said: Columns) -> None:
        self._term = term
        self._written = said.exacts if term.reading is Reading.EXACT else said.words  # before stemming
        self._ties = said.ties
        self._words = len(term.words)
        # For each word, what it and those after it are when written closed.
        self._wanted = [
            [
                self._said("".join(term.words[at:until]), until == self._words)
                for until in range(at + 1, min(at + CLOSED_PARTS, self._words) + 1)
            ]
            for at in range(self._words)
        ]
        self._lost: set[tuple[int, int]] = set()

    def end(self, word: int, at: int) -> int | None:
        """The last word of a run from the word `at` on that says the term's words from `word` on, or None."""
        if (word, at) in self._lost or at >= len(self._written):
            return None
        for parts in range(1, CLOSED_PARTS + 1):
            written = "".join(self._written[at : at + parts])  # read closed
            for until, wanted in enumerate(self._wanted[word], word + 1):
                ends = until == self._words
                if written.startswith(wanted) if ends and self._term.prefix else self._said(written, ends) == wanted:
                    last = at + parts - 1 if ends else self.end(until, at + parts)
                    if last is not None:
                        return last
            if at + parts == len(self._written) or not self._ties[at + parts - 1]:
                break
        if word:
            self._lost.add((word, at))
        return None

    def _said(self, word: str, ends: bool) -> str:
        """A word as the term compares it: stemmed or as it is. An open end is not stemmed."""
        return stem(word) if self._term.reading is Reading.STEMMED and not (ends and self._term.prefix) else word


def values(code: Code, document: Document) -> tuple[str, ...]:
    """What a code is compared with, as stored."""
    match code.field:
        case "cat":
            return document.categories
        case "source":
            return document.sources
        case "type":
            return (document.type,)
        case "doi":
            return tuple(alias.value for alias in document.aliases if alias.scheme == "doi")
        case "id":
            return tuple(str(alias) for alias in document.aliases)


def code_meets(code: Code, value: str) -> bool:
    """Whether one stored value is what a code asks for."""
    value = " ".join(value.casefold().split())
    spellings = [value]
    if code.field == "id":
        spellings.append(value.partition(":")[2])  # without its scheme
    for spelling in spellings:
        if spelling == code.value or (code.prefix and spelling.startswith(code.value)):
            return True
    under = {"cat": ".", "source": ":"}.get(code.field)
    return under is not None and value.startswith(code.value + under)


def number_holds(number: Number, count: int | None) -> bool:
    """Whether a count passes the check; what nobody counted does not."""
    if count is None:
        return False
    match number.comparison:
        case ">=":
            return count >= number.value
        case "<=":
            return count <= number.value
        case ">":
            return count > number.value
        case "<":
            return count < number.value
        case "=":
            return count == number.value
