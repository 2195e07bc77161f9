"""A query held against lean papers: does each meet it, and how well? The answers are those of `reference` and `rank`.

A term is found in a paper as `reference.runs` finds it, and as often. Words and phrases are counted as strings. Only
where a compound stands closed in a phrase, otherwise than it stands open, are the words walked as the reference walks
them.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

from paperlark.matching import rank
from paperlark.matching.checks import check_of, check_of_leaf
from paperlark.matching.document import Analysed, Document, Texts
from paperlark.matching.lean import COMPOUND, TIED, Lean, Said, coded, compound
from paperlark.matching.names import Name, read_name, same_person
from paperlark.matching.query import Query
from paperlark.matching.rank import Statistics
from paperlark.matching.reference import code_meets, runs, starts, values
from paperlark.matching.text import CLOSED_PARTS, stem
from paperlark.matching.tree import And, Author, Code, Leaf, Reading, Term

NAMES_KNOWN = 20_000  # spellings of persons: the same ones come again and again

Check = Callable[[Lean], bool]
Often = Callable[[Lean], float]
Judge = Callable[[Lean], float | None]


def judge(query: Query, text: Query | None, statistics: Statistics) -> Judge:
    """How well a paper that meets `query` answers `text`, as `rank.score` says it, 0 where there is no text; None for a
    paper that does not meet it."""
    if text is None:
        meets_query = checker(query)
        return lambda paper: 0.0 if meets_query(paper) else None
    asked = [(_often(leaf), weight) for leaf, weight in rank.weights(text, statistics)]
    # Where all that is asked is words, and all of them, counting them is the check.
    parts = query.tree.parts if isinstance(query.tree, And) else (query.tree,)
    enough = query == text and all(isinstance(part, Term) for part in parts)
    meets = None if enough else checker(query)

    def score(paper: Lean) -> float | None:
        if meets is not None and not meets(paper):
            return None
        damping, points = rank.damping(paper.length, statistics), 0.0
        for often_in, weight in asked:
            often = often_in(paper)
            if often:
                points += rank.points(weight, often, damping)
            elif enough:
                return None
        return round(points, 6)

    return score


def checker(query: Query) -> Check:
    """Whether a paper meets the query."""
    return check_of(query.tree, _check)


def _check(leaf: Leaf) -> Check:
    match leaf:
        case Term():
            often = _often(leaf)
            return lambda paper: often(paper) > 0
        case Author(name):
            return _check_author(name)
        case Code():
            return _check_code(leaf)
        case _:
            check = check_of_leaf(leaf)
            return lambda paper: check(_with_facts(paper))


def _check_author(wanted: Name) -> Check:
    def check(paper: Lean) -> bool:
        return any(name is not None and same_person(wanted, name) for name in map(_name, paper.document.authors))

    return check


_name = lru_cache(maxsize=NAMES_KNOWN)(read_name)


def _check_code(code: Code) -> Check:
    """Many papers have the same codes."""
    known: dict[tuple[str, ...], bool] = {}

    def check(paper: Lean) -> bool:
        told = values(code, paper.document)
        met = known.get(told)
        if met is None:
            met = known[told] = any(code_meets(code, value) for value in told)
        return met

    return check


def _with_facts(paper: Lean) -> Analysed:
    return Analysed(paper.document, _NO_TEXTS)  # numbers and dates read no texts


_NO_TEXTS = Texts(Document("", datetime.min.replace(tzinfo=UTC)))


# ── terms ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _often(leaf: Leaf) -> Often:
    """How often the paper says it, as `rank.often` counts."""
    if not isinstance(leaf, Term):
        holds = _check(leaf)
        return lambda paper: float(holds(paper))
    times, weight = _times(leaf), rank.TITLE_WEIGHT
    match leaf.field:
        case "title":
            return lambda paper: times(paper.title) * weight
        case "abstract":
            return lambda paper: float(times(paper.abstract))
        case "author":
            return lambda paper: float(times(paper.authors))
        case "org":
            return lambda paper: float(times(paper.organisation)) if paper.organisation is not None else 0.0
        case None:
            return lambda paper: times(paper.title) * weight + times(paper.abstract)


def _times(term: Term) -> Callable[[Said], int]:
    if term.prefix:
        return _times_of_beginning(term) if len(term.words) == 1 else _times_walked(term)
    if len(term.words) > 1:
        return _times_of_phrase(term)
    return _times_of_word(term)


def _times_of_word(term: Term) -> Callable[[Said], int]:
    [word], reading = term.words, term.reading
    if reading is not Reading.STEMMED:
        sought = coded([word])
        return lambda text: text.line(reading).count(sought)
    stemmed, walked = coded([stem(word)]), _times_walked(term)
    return lambda text: walked(text) if text.doubled else text.stems.count(stemmed)


def _times_of_beginning(term: Term) -> Callable[[Said], int]:
    [word] = term.words
    reading = Reading.EXACT if term.reading is Reading.EXACT else Reading.PHRASE
    begun = re.compile(f"[\x01-\x1f]{re.escape(word)}")
    closed = re.compile(f"{COMPOUND}[\x01-\x1f]{re.escape(word)}")
    also_open = re.compile(f"{COMPOUND}[\x01-\x1f]{re.escape(word)}[^{TIED}]*{TIED}{re.escape(word)}")
    walked = _times_walked(term)

    def times(text: Said) -> int:
        line = text.line(reading)
        if word not in line:
            return 0
        compounds = len(closed.findall(line)) if text.ties else 0
        if compounds and compounds != len(also_open.findall(line)):
            return walked(text)  # a compound that begins so where its first word does not
        return len(begun.findall(line)) - compounds

    return times


def _times_of_phrase(term: Term) -> Callable[[Said], int]:
    said, reading = (stem if term.reading is Reading.STEMMED else str), term.reading
    words = [said(word) for word in term.words]
    sought, overlapping, walked = coded(words), len(set(words)) < len(words), _times_walked(term)
    # Some of its words as one; and that compound tied of the same words, which is met where it stands open.
    groups = [
        (coded([joined]), compound(joined, words[at : at + length]))
        for length in range(2, CLOSED_PARTS + 1)
        for at in range(len(words) - length + 1)
        for joined in [said("".join(term.words[at : at + length]))]
    ]
    compounds = [COMPOUND + coded([word]) for word in dict.fromkeys(words)]

    def times(text: Said) -> int:
        line = text.line(reading)
        for joined, tied in groups:
            if joined in line and line.count(joined) != line.count(tied):
                return walked(text)
        if text.ties:
            for each in compounds:
                if each in line:
                    return walked(text)
        found = line.count(sought)
        return walked(text) if found and overlapping else found

    return times


def _times_walked(term: Term) -> Callable[[Said], int]:
    """As the reference does it, from where a run may begin."""

    def times(text: Said) -> int:
        tokens = text.tokens(term.reading)
        return sum(1 for _ in runs(term, tokens, starts(term, tokens)))

    return times
