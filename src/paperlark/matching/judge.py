"""A query held against lean papers: does each meet it, and how well? The answers are those of `reference` and `rank`.

A term is found in a paper as `reference.runs` finds it, and as often. Words and phrases are counted as strings. Only
where a compound stands closed in a phrase, otherwise than it stands open, are the words walked as the reference walks
them.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter, not_

from paperlark.matching import rank
from paperlark.matching.checks import check_of, check_of_leaf
from paperlark.matching.document import Analysed, Document, Texts
from paperlark.matching.lean import COMPOUND, ENDED, LONGEST, TIED, Lean, Said, coded, compound
from paperlark.matching.names import Name, read_name, same_person
from paperlark.matching.near import is_near
from paperlark.matching.query import Query
from paperlark.matching.rank import Statistics
from paperlark.matching.reference import code_meets, runs, starts, values
from paperlark.matching.text import CLOSED_PARTS, stem
from paperlark.matching.tree import And, Author, Code, Leaf, Near, Node, Not, Or, Reading, Term

NAMES_KNOWN = 20_000  # spellings of persons: the same ones come again and again

Check = Callable[[Lean], bool]
Column = Callable[[Sequence[Lean]], list[float]]
Judge = Callable[[Sequence[Lean]], list[float | None]]


def judge(query: Query | None, text: Query | None, statistics: Statistics) -> Judge:
    """How well each paper that meets `query` (all do where there is none) answers `text`: as `rank.score` says it, 0
    where there is no text. None for a paper that does not meet it.

    Many papers are judged column by column: each leaf is held against all of them, once, for both questions.
    """
    asked = rank.weights(text, statistics) if text is not None else []
    leaves = dict.fromkeys([*(query.terms if query is not None else ()), *(leaf for leaf, _ in asked)])
    columns = {leaf: column_of(leaf) for leaf in leaves}

    def judged(papers: Sequence[Lean]) -> list[float | None]:
        often = {leaf: column(papers) for leaf, column in columns.items()}
        met = _met(query.tree, often) if query is not None else [True] * len(papers)
        points = [0.0] * len(papers)
        if asked:
            dampings = [rank.damping(paper.length, statistics) for paper in papers]
        for leaf, weight in asked:
            points = [
                before + rank.points(weight, times, damping) if times and each else before
                for before, times, damping, each in zip(points, often[leaf], dampings, met, strict=True)
            ]
        return [round(found, 6) if each else None for found, each in zip(points, met, strict=True)]

    return judged


def _met(node: Node, often: Mapping[Leaf, Sequence[float]]) -> Sequence[object]:
    """What is true of each paper where the node holds."""
    match node:
        case And(parts):
            return list(map(all, zip(*(_met(part, often) for part in parts), strict=True)))
        case Or(parts):
            return list(map(any, zip(*(_met(part, often) for part in parts), strict=True)))
        case Not(part):
            return list(map(not_, _met(part, often)))
        case _:
            return often[node]


class Leaves:
    """What each leaf says of the paper that is looked at: for several queries that have leaves in common, asked of one
    paper after the other. Of the last paper each answer is remembered."""

    def __init__(self) -> None:
        self._checks: dict[Leaf, Check] = {}

    def checker(self, query: Query) -> Check:
        """Whether a paper meets the query."""
        return check_of(query.tree, self._check)

    def _check(self, leaf: Leaf) -> Check:
        found = self._checks.get(leaf)
        if found is None:
            found = self._checks[leaf] = _remembering(_check(leaf))
        return found


def _remembering(check: Check) -> Check:
    last: Lean | None = None
    met = False

    def remembered(paper: Lean) -> bool:
        nonlocal last, met
        if paper is not last:
            last, met = paper, check(paper)
        return met

    return remembered


def checker(query: Query) -> Check:
    """Whether a paper meets the query."""
    return check_of(query.tree, _check)


def _check(leaf: Leaf) -> Check:
    match leaf:
        case Term():
            return _check_term(leaf)
        case Author(name):
            return _check_author(name)
        case Code():
            return _check_code(leaf)
        case Near():
            near = leaf
            return lambda paper: is_near(near, paper.direction)
        case _:
            check = check_of_leaf(leaf)
            return lambda paper: check(_with_facts(paper))


def _check_term(term: Term) -> Check:
    if len(term.words) == 1 and term.reading is Reading.STEMMED and not term.prefix and term.field is None:
        sought = coded([stem(term.words[0])])  # the commonest by far: looked for without another call
        return lambda paper: sought in paper.title.stems or sought in paper.abstract.stems
    said = _said(term)
    match term.field:
        case "title":
            return lambda paper: said(paper.title)
        case "abstract":
            return lambda paper: said(paper.abstract)
        case "author":
            return lambda paper: said(paper.authors)
        case "org":
            return lambda paper: paper.organisation is not None and said(paper.organisation)
        case None:
            return lambda paper: said(paper.title) or said(paper.abstract)


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


def column_of(leaf: Leaf, *, closed: bool = True) -> Column:
    """How often each of some papers says it, as `rank.often` counts. closed: whether any of them may say some words of
    it as one."""
    weight = rank.TITLE_WEIGHT
    match leaf:
        case Term((word,), Reading.STEMMED, prefix=False, field=None):
            # The commonest by far: counted without a call for each paper.
            times, sought = _times(leaf), coded([stem(word)])
            return lambda papers: [
                times(paper.title) * weight + times(paper.abstract)
                if paper.title.doubles or paper.abstract.doubles
                else paper.title.stems.count(sought) * weight + paper.abstract.stems.count(sought)
                for paper in papers
            ]
        case Term(field=None):
            times = _times(leaf) if closed else _times_open(leaf)
            return lambda papers: [times(paper.title) * weight + times(paper.abstract) for paper in papers]
        case Term(field="title"):
            times = _times(leaf) if closed else _times_open(leaf)
            return lambda papers: [times(paper.title) * weight for paper in papers]
        case Term(field="abstract"):
            times = _times(leaf) if closed else _times_open(leaf)
            return lambda papers: [float(times(paper.abstract)) for paper in papers]
        case _:
            check = _check(leaf)
            return lambda papers: [float(check(paper)) for paper in papers]


_LINES: dict[Reading, Callable[[Said], str]] = {
    Reading.STEMMED: attrgetter("stems"),
    Reading.EXACT: attrgetter("exacts"),
    Reading.PHRASE: lambda text: text.words if text.words is not None else text.exacts.lower(),
}


def _times(term: Term) -> Callable[[Said], int]:
    if term.prefix:
        return _times_of_beginning(term) if len(term.words) == 1 else _times_walked(term)
    if len(term.words) > 1:
        return _times_of_phrase(term)
    return _times_of_word(term)


def _said(term: Term) -> Callable[[Said], bool]:
    """Whether a text says it at all: mostly less work than how often."""
    times, read = _times(term), _LINES[term.reading]
    if term.prefix:
        return lambda text: times(text) > 0
    sought = coded([stem(word) if term.reading is Reading.STEMMED else word for word in term.words])
    if len(term.words) == 1:
        return lambda text: sought in read(text)
    return lambda text: sought in read(text) or times(text) > 0


def _times_of_word(term: Term) -> Callable[[Said], int]:
    [word], read = term.words, _LINES[term.reading]
    if term.reading is not Reading.STEMMED:
        sought = coded([word])
        return lambda text: read(text).count(sought)
    stemmed = stem(word)
    sought = coded([stemmed])
    return lambda text: text.stems.count(sought) - text.doubles.get(stemmed, 0)


def _times_of_beginning(term: Term) -> Callable[[Said], int]:
    [word] = term.words
    read = _LINES[Reading.EXACT if term.reading is Reading.EXACT else Reading.PHRASE]
    closed = re.compile(f"{COMPOUND}[\x01-\x1f]{re.escape(word)}")
    also_open = re.compile(f"{COMPOUND}[\x01-\x1f]{re.escape(word)}[^{TIED}]*{TIED}{re.escape(word)}")
    walked = _times_walked(term)

    def times(text: Said) -> int:
        line = read(text)
        at, found = line.find(word), 0
        if at < 0:
            return 0
        end = len(line)
        if text.ties:
            end = line.index(COMPOUND)
            if len(closed.findall(line, end)) != len(also_open.findall(line, end)):
                return walked(text)  # a compound begins so where its first word does not
        while 0 <= at < end:
            found += line[at - 1] < COMPOUND  # it follows a length
            at = line.find(word, at + 1)
        return found

    return times


def _times_open(term: Term) -> Callable[[Said], int]:
    """Of a term without an open end, in texts that say none of its words as one."""
    if len(set(map(stem, term.words))) < len(term.words):
        return _times(term)  # its places may overlap
    read = _LINES[term.reading]
    sought = coded([stem(word) if term.reading is Reading.STEMMED else word for word in term.words])
    return lambda text: read(text).count(sought)


def _times_of_phrase(term: Term) -> Callable[[Said], int]:
    said, read = (stem if term.reading is Reading.STEMMED else str), _LINES[term.reading]
    words = [said(word) for word in term.words]
    sought, walked = coded(words), _times_walked(term)
    # Some of its words as one: as a word of the text; as a compound; as a compound of these very words, which is met
    # where it stands open; and whether it is the whole phrase.
    groups = [
        (coded([joined]), COMPOUND + coded([joined]), compound(joined, words[at : at + length]), length == len(words))
        for length in range(2, CLOSED_PARTS + 1)
        for at in range(len(words) - length + 1)
        for joined in [said("".join(term.words[at : at + length]))]
    ]
    compounds = [COMPOUND + coded([word]) for word in dict.fromkeys(words)]
    distinct = len({*words, *(group[0] for group in groups)}) == len(words) + len(groups)

    whole = "".join(term.words).encode() if term.reading is not Reading.STEMMED else b""

    def otherwise(text: Said, line: str) -> int:
        # Read as they are, a run's words are the phrase's letter by letter, wherever they are parted.
        return walked(text) if whole in line.encode().translate(None, _CODE) else 0

    def times(text: Said) -> int:
        line = read(text)
        found = line.count(sought)
        end = line.find(COMPOUND) if text.ties else len(line)
        tail = line[end:]
        for joined, closed, tied, all_of_it in groups:
            if tail and tail.count(closed) != tail.count(tied):
                return otherwise(text, line)
            if line.find(joined, 0, end) >= 0:
                if not all_of_it:
                    return otherwise(text, line)
                found += line.count(joined, 0, end)
        if tail:
            for each in compounds:
                if each in tail:
                    return otherwise(text, line)
        return walked(text) if found and not distinct else found

    return times


_CODE = bytes([*range(LONGEST + 1), ord(ENDED)])


def _times_walked(term: Term) -> Callable[[Said], int]:
    """As the reference does it, from where a run may begin."""

    def times(text: Said) -> int:
        said = text.columns_for(term.reading)
        return sum(1 for _ in runs(term, said, starts(term, said)))

    return times
