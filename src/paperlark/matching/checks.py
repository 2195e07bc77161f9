"""A query as a function that says whether a paper meets it: `reference.meets`, made ready once and fast.

Words are looked up in sets, phrases searched in lines. Only where a compound may stand closed (`testtime`) or a phrase
ends open (`"large lang*"`), and the words are there, is the text walked as the reference walks it.
"""

from collections.abc import Callable
from datetime import UTC
from operator import attrgetter
from typing import TypeVar

from paperlark.matching.document import Analysed, Passage, Texts, View
from paperlark.matching.names import same_person
from paperlark.matching.near import is_near
from paperlark.matching.query import Query
from paperlark.matching.reference import code_meets, number_holds, runs, values
from paperlark.matching.text import CLOSED_PARTS, stem
from paperlark.matching.tree import And, Author, Code, Leaf, Near, Node, Not, Number, Or, Reading, Since, Term

Check = Callable[[Analysed], bool]
Seen = TypeVar("Seen")
"""A paper in whatever form its leaves' checks read."""


def checker(query: Query) -> Check:
    """The query's check. Holds no state: may be kept and shared."""
    return check_of(query.tree, check_of_leaf)


def check_of(node: Node, of_leaf: Callable[[Leaf], Callable[[Seen], bool]]) -> Callable[[Seen], bool]:
    """The check of a tree, made of those of its leaves."""
    match node:
        case And():
            return _all([check_of(part, of_leaf) for part in sorted(node.parts, key=_cost)])
        case Or():
            return _any([check_of(part, of_leaf) for part in sorted(node.parts, key=_cost)])
        case Not():
            denied = check_of(node.part, of_leaf)
            return lambda paper: not denied(paper)
        case _:
            return of_leaf(node)


def check_of_leaf(node: Leaf) -> Check:
    """One check at a tree's end."""
    match node:
        case Term():
            return _check_term(node)
        case Author():
            name = node.name
            return lambda paper: any(found is not None and same_person(name, found) for found in paper.texts.names)
        case Code():
            code = node
            return lambda paper: any(code_meets(code, value) for value in values(code, paper.document))
        case Number():
            number = node
            return lambda paper: number_holds(number, paper.document.count(number.count))
        case Since():
            day = node.day
            return lambda paper: paper.document.announced_at.astimezone(UTC).date() >= day
        case Near():
            near = node
            return lambda paper: is_near(near, paper.texts.direction)


def _cost(node: Node) -> int:
    """What is cheap is asked first."""
    match node:
        case Number() | Since() | Code():
            return 0
        case Term(words, _, prefix):
            return len(words) + 4 * prefix
        case Not():
            return _cost(node.part)
        case And() | Or():
            return 10 + sum(map(_cost, node.parts))
        case Author():
            return 10
        case Near():
            return 1_000  # only of papers that meet all else


def _all(checks: list[Callable[[Seen], bool]]) -> Callable[[Seen], bool]:
    def check(paper: Seen) -> bool:
        for part in checks:  # noqa: SIM110  a generator costs as much as the checks
            if not part(paper):
                return False
        return True

    return check


def _any(checks: list[Callable[[Seen], bool]]) -> Callable[[Seen], bool]:
    def check(paper: Seen) -> bool:
        for part in checks:  # noqa: SIM110
            if part(paper):
                return True
        return False

    return check


# -- terms ------------------------------------------------------------------------------------------------------------


_PASSAGE: dict[str | None, Callable[[Texts], Passage]] = {
    None: attrgetter("anywhere"),
    "title": attrgetter("title"),
    "abstract": attrgetter("abstract"),
    "org": attrgetter("organisation"),
    "author": attrgetter("author_words"),  # a term of several words would be a name
}
_VIEW: dict[Reading, Callable[[Passage], View]] = {
    Reading.STEMMED: attrgetter("stems"),
    Reading.PHRASE: attrgetter("words"),
    Reading.EXACT: attrgetter("exacts"),
}


def _check_term(term: Term) -> Check:
    passage = _PASSAGE[term.field]
    if len(term.words) == 1 and not term.prefix:
        return _check_word(term, passage)
    in_passage = _check_prefix(term) if len(term.words) == 1 else _check_phrase(term)
    return lambda paper: in_passage(passage(paper.texts))


def _check_word(term: Term, passage: Callable[[Texts], Passage]) -> Check:
    [word] = term.words
    if term.reading is Reading.STEMMED:
        stemmed = stem(word)
        if term.field is None:  # by far the commonest
            return lambda paper: stemmed in paper.texts.anywhere.stems.held
        return lambda paper: stemmed in passage(paper.texts).stems.held
    view = _VIEW[term.reading]
    return lambda paper: word in view(passage(paper.texts)).held


def _check_prefix(term: Term) -> Callable[[Passage], bool]:
    [word] = term.words
    view = _VIEW[Reading.EXACT if term.reading is Reading.EXACT else Reading.PHRASE]
    begins = f" {word}"
    return lambda passage: (
        begins in view(passage).line or any(closed.startswith(word) for closed in view(passage).closed)
    )


def _check_phrase(term: Term) -> Callable[[Passage], bool]:
    def walked(passage: Passage) -> bool:
        return any(next(runs(term, text.open), None) is not None for text in passage.texts)

    if term.prefix:
        return walked
    said = stem if term.reading is Reading.STEMMED else str
    line = f" {' '.join(map(said, term.words))} "
    words = frozenset(map(said, term.words))
    groups = frozenset(
        said("".join(term.words[at : at + length]))
        for length in range(2, CLOSED_PARTS + 1)
        for at in range(len(term.words) - length + 1)
    )
    whole = said("".join(term.words)) if len(term.words) <= CLOSED_PARTS else ""
    view = _VIEW[term.reading]

    def check(passage: Passage) -> bool:
        seen = view(passage)
        if (words <= seen.held and line in seen.line) or whole in seen.held:
            return True
        # A run that is not open all the way has a group closed, or meets a compound of the text closed.
        if groups.isdisjoint(seen.held) and words.isdisjoint(seen.closed):
            return False
        return walked(passage)

    return check
